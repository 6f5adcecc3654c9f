"""Whether the weights can be trusted, and how far those who kept silent would have to differ."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import pandas as pd

from cxlab.core.result import Check
from cxlab.models.survey.coverage_result import DIFFERENCE, DOUBLY_ROBUST, UNWEIGHTED
from cxlab.models.survey.coverage_rows import Design
from cxlab.models.survey.score_estimates import FEWEST_CLUSTERS
from cxlab.stats.intervals import student_interval
from cxlab.stats.response import MeanFit

#: Rules of thumb of the survey literature, held against the data and printed with them.
LARGEST_WEIGHT = 10.0
SMALLEST_PROBABILITY = 0.02
LARGEST_DIFFERENCE = 0.1
EFFECTIVE_SHARE = 0.5


@dataclass(frozen=True, eq=False, kw_only=True)
class ResponseFacts:
    """What a fitted response model says about itself; weights are in multiples of their mean."""

    contacts: int
    answers: int
    blank: int
    effective: float
    largest_weight: float
    smallest_probability: float
    area_under_curve: float
    balance: pd.DataFrame
    dealers: int
    design: Design
    deviation: float

    @property
    def silent_share(self) -> float:
        """Share of contacts without the answer."""
        return 1.0 - self.answers / self.contacts


def coverage_checks(facts: ResponseFacts) -> list[Check]:
    """Diagnostics of the weights."""
    before, after = (float(facts.balance[name].abs().max()) for name in ("before", "after"))
    return [
        Check(
            check="response rate",
            value=round(facts.answers / facts.contacts, 3),
            threshold="told, not judged",
            passed=True,
            meaning=f"{facts.answers:,} of {facts.contacts:,} contacts; a low rate alone is no bias",
        ),
        Check(
            check="who answers can be told",
            value=round(facts.area_under_curve, 3),
            threshold="0.5 is chance",
            passed=True,
            meaning="area under the curve of the response model: near 0.5 weighting changes little",
        ),
        Check(
            check="effective answers (Kish)",
            value=round(facts.effective, 1),
            threshold=f">= {EFFECTIVE_SHARE:.0%} of {facts.answers:,}",
            passed=facts.effective >= EFFECTIVE_SHARE * facts.answers,
            meaning="answers of equal weight that would be as precise",
        ),
        Check(
            check="largest weight",
            value=round(facts.largest_weight, 2),
            threshold=f"<= {LARGEST_WEIGHT:g} times the mean",
            passed=facts.largest_weight <= LARGEST_WEIGHT,
            meaning="one answer that speaks for many contacts can carry the result",
        ),
        Check(
            check="smallest chance of answering",
            value=round(facts.smallest_probability, 4),
            threshold=f">= {SMALLEST_PROBABILITY:g}",
            passed=facts.smallest_probability >= SMALLEST_PROBABILITY,
            meaning="where almost nobody answers, the answers there cannot stand for the others",
        ),
        Check(
            check="balance after weighting",
            value=round(after, 3),
            threshold=f"<= {LARGEST_DIFFERENCE:g} (before: {before:.3f})",
            passed=after <= LARGEST_DIFFERENCE,
            meaning="largest difference of a feature between weighted answers and all contacts, in sd",
        ),
        *_table_checks(facts),
    ]


def _table_checks(facts: ResponseFacts) -> list[Check]:
    filled = ", ".join(f"{name} {rows:,}" for name, rows in facts.design.filled.items())
    beyond = max(facts.design.beyond.values(), default=0)
    return [
        Check(
            check="dealers behind the interval",
            value=facts.dealers,
            threshold=f">= {FEWEST_CLUSTERS}",
            passed=facts.dealers >= FEWEST_CLUSTERS,
            meaning="with fewer, intervals take contacts as independent and speak about these dealers only",
        ),
        Check(
            check="answers without the outcome",
            value=facts.blank,
            threshold=f"<= {facts.answers // 20} (5 %)",
            passed=facts.blank <= facts.answers // 20,
            meaning="answered, but not this question: they count as no answer",
        ),
        Check(
            check="contacts beyond the range of the answers",
            value=beyond,
            threshold=f"<= {facts.contacts // 100} (1 %)",
            passed=beyond <= facts.contacts // 100,
            meaning="in the feature where they are most; they count as at the edge of that range",
        ),
        Check(
            check="features that others already say",
            value=", ".join(facts.design.dropped) or "none",
            threshold="told, not judged",
            passed=True,
            meaning="left out of the response model without a loss",
        ),
        Check(
            check="features with missing values",
            value=filled or "none",
            threshold="told, not judged",
            passed=True,
            meaning="missing enters as a category of its own; no value is guessed",
        ),
    ]


def sensitivity_table(
    facts: ResponseFacts, fits: Mapping[str, MeanFit], *, scale: tuple[float, float], confidence: float
) -> pd.DataFrame:
    """Bounds without any assumption, and the hidden difference that would undo the correction.

    If those who kept silent answered ``d`` points away from what the models expect of them, the mean of
    all moves by ``silent share * d``.
    """
    robust, gap, plain = fits[DOUBLY_ROBUST], fits[DIFFERENCE], fits[UNWEIGHTED]
    interval = student_interval(
        gap.estimate, gap.std_error, degrees_of_freedom=gap.degrees_of_freedom, confidence=confidence
    )
    silent = facts.silent_share
    answered = (1.0 - silent) * plain.estimate
    undo = gap.estimate / silent
    # The limit of the interval that is nearer to no gap; inside the interval nothing has to be explained.
    nearest = (
        0.0
        if interval.conf_low <= 0.0 <= interval.conf_high
        else min((interval.conf_low, interval.conf_high), key=abs)
    )
    rows = [
        ("lowest possible mean", answered + silent * scale[0], f"all others would answer {scale[0]:g}"),
        ("highest possible mean", answered + silent * scale[1], f"all others would answer {scale[1]:g}"),
        (
            "hidden difference that undoes the correction",
            undo,
            "points by which those who kept silent would have to answer higher than the models expect of "
            f"them, so that the plain mean were right after all ({undo / facts.deviation:+.2f} standard "
            "deviations of an answer)",
        ),
        (
            "hidden difference that makes the correction uncertain",
            nearest / silent,
            "the same for the nearer limit of the interval of the difference; 0 where the interval holds 0",
        ),
        (
            "mean of all per point of hidden difference",
            silent,
            f"from {robust.estimate:.2f}, the mean of all moves by so much for every point by which those "
            "who kept silent differ from what the models expect",
        ),
    ]
    return pd.DataFrame(rows, columns=["quantity", "value", "meaning"])
