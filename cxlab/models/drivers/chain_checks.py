"""What could mislead the reading of a chain: noisy ratings, halo, a guessed order, few dealers."""

from __future__ import annotations

import numpy as np

from cxlab.core.result import Check
from cxlab.models.drivers.chain_rows import ChainAnswers
from cxlab.models.drivers.chain_rules import GATE, ChainFit, ahead_of_curves

#: Below this the exponent is visibly pulled towards 0 (docs/statistics-chain.md has the table).
RELIABLE = 0.95


def chain_checks(
    fitted: ChainFit, answers: ChainAnswers, *, reliability: float | None, order_given: bool
) -> list[Check]:
    """The diagnostics of one fit: what noise and estimation do to it, then what the answers allow."""
    soft = fitted.soft
    return [
        Check(
            check="ratings carry the outcome",
            value=fitted.carried,
            threshold=f"p < {GATE:g}",
            passed=fitted.carried < GATE,
            meaning="without an effect of the ratings the exponent means nothing and is withheld",
        ),
        Check(
            check="reliability of a rating",
            value="unknown" if reliability is None else reliability,
            threshold=f"known and >= {RELIABLE:g}",
            passed=reliability is not None and reliability >= RELIABLE,
            meaning=(
                "noise in ratings hides the weakest link: the exponent is a lower bound, at reliability "
                "0.8 a true 0.5 is read as about 0.22; ask some customers twice to know"
            ),
        ),
        Check(
            check="exponent inside the range searched",
            value=soft.tau,
            threshold=f"interval within ±{soft.limit:.2f}",
            passed=bool(not soft.at_limit and np.isfinite([soft.tau_low, soft.tau_high]).all()),
            meaning="at the limit the rule cannot be told from the worst (or best) moment alone",
        ),
        Check(
            check="optimiser settled",
            value="yes" if soft.converged else "no",
            threshold="yes",
            passed=soft.converged,
            meaning="the exponent may not be the best one: raise n or name fewer moments",
        ),
        Check(
            check="more than a curve of each rating",
            value=100 * ahead_of_curves(fitted.comparison),
            threshold="> 0 points of explained variance",
            passed=ahead_of_curves(fitted.comparison) > 0,
            meaning=(
                "an exponent above 0 also comes from noise in skewed ratings or from single ratings that "
                "hurt more when low: then moments still add up and no link is weakest"
            ),
        ),
        *_answer_checks(fitted, answers, order_given=order_given),
    ]


def _answer_checks(fitted: ChainFit, answers: ChainAnswers, *, order_given: bool) -> list[Check]:
    units = fitted.together.degrees_of_freedom + 1
    rated = float((~np.isnan(answers.ratings)).sum(axis=1).mean())
    return [
        Check(
            check="order of the journey",
            value="given" if order_given else "taken from the columns",
            threshold="given",
            passed=order_given,
            meaning="the last moment, and so peak-end, is wrong if the columns are in another order",
        ),
        Check(
            check="worst and mean tell different things",
            value=fitted.overlap,
            threshold="correlation < 0.95",
            passed=fitted.overlap < 0.95,
            meaning="with strong halo all moments of an answer look alike and no rule can win",
        ),
        Check(
            check="moments rated per answer",
            value=rated,
            threshold=">= 3",
            passed=rated >= 3,
            meaning="with two moments mean, worst and best are one equation",
        ),
        Check(
            check="independent units behind the errors",
            value=units,
            threshold=">= 30",
            passed=units >= 30,
            meaning="with few dealers the leave-one-out errors are themselves uncertain",
        ),
    ]
