"""Whether a hazard may be trusted: events, ages seen, effects over age, held-out order, leaks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.result import Check, checks_table
from cxlab.models.churn.hazard_design import is_number, numbers
from cxlab.models.churn.hazard_rows import SpellRows
from cxlab.stats.concordance import concordance
from cxlab.stats.hazard import blocks_with_chances, fit_hazard, person_periods
from cxlab.stats.hazard_age import age_curve, at_risk
from cxlab.stats.hazard_curves import future_curves

if TYPE_CHECKING:
    from cxlab.models.churn.hazard import FittedSpells, HazardModel
    from cxlab.models.churn.hazard_tables import People

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: A feature that ranks like age itself has probably been added up while the customer stayed.
GROWS_WITH_AGE = 0.8
#: Expected events below which a cell of age and risk is not judged.
LEAST_EXPECTED = 30.0
FEWEST_AT_RISK = 30
#: Customers in the held-out comparison; more would not move its third digit.
MOST_HELD_OUT = 20_000


def hazard_checks(
    model: HazardModel,
    found: SpellRows,
    fitted: FittedSpells,
    people: People,
    *,
    features: Sequence[str],
) -> pd.DataFrame:
    """All checks of one fit as a table."""
    checks = [
        _events(model, found),
        _seen_from_joining(found),
        _beyond_the_data(model, fitted, people),
        _effects_over_age(fitted),
        _grows_with_age(found, features),
    ]
    if model.folds >= 2 and features:
        checks.append(_held_out(model, found, fitted.covariates))
    return checks_table(checks)


def _events(model: HazardModel, found: SpellRows) -> Check:
    place = int(np.argmin(found.events))
    return Check(
        check="events of the rarest cause",
        value=int(found.events[place]),
        threshold=f">= {model.minimum_events}",
        passed=bool(found.events[place] >= model.minimum_events),
        meaning=f"customers who left by cause {found.causes[place]!r}: fewer give wide limits that are "
        "themselves unsure",
    )


def _seen_from_joining(found: SpellRows) -> Check:
    risk = at_risk(found.entry, found.time)
    first = int(risk[1]) if len(risk) > 1 else 0
    late = float((found.entry > 0).mean())
    return Check(
        check="customers seen in their first period",
        value=first,
        threshold=f">= {FEWEST_AT_RISK}",
        passed=first >= FEWEST_AT_RISK,
        meaning=f"the curve from joining rests on them at its start; {late:.0%} of the rows came under "
        "observation later",
    )


def _beyond_the_data(model: HazardModel, fitted: FittedSpells, people: People) -> Check:
    last = fitted.evidence.curve.last
    ages = people.age[people.here]
    share = float((ages + model.horizon_periods > last).mean()) if len(ages) else 0.0
    return Check(
        check="customers whose horizon runs beyond the ages seen",
        value=round(share, 3),
        threshold="<= 0.2",
        passed=share <= 0.2,
        meaning=f"beyond {last} periods fewer than {FEWEST_AT_RISK} were at risk: the hazard is held level "
        "there, which is an assumption",
    )


def _effects_over_age(fitted: FittedSpells) -> Check:
    """Observed to expected events in thirds of risk by thirds of age: 1 where effects do not change."""
    observed, expected = age_by_risk(fitted)
    use = expected >= LEAST_EXPECTED
    ratio = np.where(use, observed / np.maximum(expected, 1e-12), 1.0)
    error = 2.6 / np.sqrt(np.maximum(expected, 1.0))
    off = np.where(use, np.abs(ratio - 1.0), 0.0)
    worst = np.unravel_index(int(np.argmax(np.where(off > error, off, 0.0))), off.shape)
    if not (off > error).any():
        worst = np.unravel_index(int(np.argmax(off)), off.shape)
    names = (("low", "middle", "high"), ("early", "middle", "late"))
    where = f"{names[0][worst[0]]} risk at {names[1][worst[1]]} age"
    return Check(
        check="effects are the same at every age",
        value=f"{ratio[worst]:.2f} ({where})",
        threshold="within 0.8 to 1.25, or chance",
        passed=bool(not ((off > error) & ((ratio < 0.8) | (ratio > 1.25))).any()),
        meaning="events observed over expected, worst of nine cells: outside, an effect fades or grows "
        "with age, and curves of single customers are bent",
    )


def age_by_risk(fitted: FittedSpells) -> tuple[FloatArray, FloatArray]:
    """Events observed and expected, (3, 3): thirds of the risk of spells by thirds of the events' ages."""
    evidence, rows = fitted.evidence, fitted.periods
    q = evidence.age_columns.shape[1]
    weights = np.bincount(rows.cause, minlength=len(evidence.theta) + 1)[1:]
    score = fitted.covariates @ (evidence.theta[:, q:].T @ (weights / weights.sum()))
    group = np.searchsorted(np.quantile(score, [1 / 3, 2 / 3]), score)
    cuts = np.quantile(rows.period[rows.cause > 0], [1 / 3, 2 / 3])
    observed, expected = np.zeros(9), np.zeros(9)
    for block in blocks_with_chances(rows, evidence.age_columns, fitted.covariates, evidence.theta):
        cell = 3 * group[block.first : block.last][block.local] + np.searchsorted(cuts, block.period)
        observed += np.bincount(cell, block.cause > 0, 9)
        expected += np.bincount(cell, block.weight * block.chance.sum(axis=1), 9)
    return observed.reshape(3, 3), expected.reshape(3, 3)


def _grows_with_age(found: SpellRows, features: Sequence[str]) -> Check:
    age = pd.Series(found.time).rank()
    worst, name = 0.0, "none"
    for feature in features:
        if is_number(found.rows[feature]):
            value = pd.Series(numbers(found.rows[feature])).rank()
            tied = abs(float(value.corr(age))) if value.nunique() > 1 else 0.0
            if tied > worst:
                worst, name = tied, feature
    return Check(
        check="no feature grows with age",
        value=f"{worst:.2f} ({name})",
        threshold=f"<= {GROWS_WITH_AGE}",
        passed=worst <= GROWS_WITH_AGE,
        meaning="rank correlation with the time lived: a life-to-date total tells the model when the "
        "customer left; use what was known at entry",
    )


def _held_out(model: HazardModel, found: SpellRows, covariates: FloatArray) -> Check:
    share, pairs = held_out_concordance(model, found, covariates)
    return Check(
        check="order of leaving, held out",
        value=round(share, 3),
        threshold="> 0.5",
        passed=bool(share > 0.5),
        meaning=f"share of {pairs:,} comparable pairs in which the riskier one left first, customers held "
        f"out in {model.folds} folds (Harrell's C): 0.5 is chance",
    )


def held_out_concordance(
    model: HazardModel, found: SpellRows, covariates: FloatArray, *, fold: IntArray | None = None
) -> tuple[float, int]:
    """Mean of Harrell's C over folds of customers, each scored by the hazard of the others, and pairs.

    The risk is the chance to leave within the horizon of the model, from age 0.
    """
    rng = np.random.default_rng([model.seed, 3])
    if fold is None:
        dealt = rng.permutation(int(found.customer.max()) + 1)
        by_customer = np.where(dealt < MOST_HELD_OUT, dealt % model.folds, -1)
        fold = by_customer[found.customer]
    shares, pairs = [], 0
    for one in range(int(fold.max()) + 1):
        train, test = (fold >= 0) & (fold != one), fold == one
        if not (np.bincount(found.cause[train], minlength=len(found.causes) + 1)[1:] > 0).all():
            continue
        risk = _risk(model, found, covariates, train, test)
        share, count = concordance(
            found.time[test].astype(float),
            found.cause[test] > 0,
            risk,
            entry=found.entry[test].astype(float),
        )
        if count:
            shares.append(share)
            pairs += count
    return (float(np.mean(shares)) if shares else float("nan")), pairs


def _risk(
    model: HazardModel,
    found: SpellRows,
    covariates: FloatArray,
    train: NDArray[np.bool_],
    test: NDArray[np.bool_],
) -> FloatArray:
    """Chance to leave within the horizon of the rows ``test``, by a hazard of the rows ``train``."""
    entry, time, cause = found.entry[train], found.time[train], found.cause[train]
    curve = age_curve(entry, time, cause > 0, knots=model.knots, renewal_every=model.renewal_every)
    columns = curve.columns(int(found.time.max()) + model.horizon_periods + 1)
    rows = person_periods(entry, time, cause)
    fit = fit_hazard(rows, columns, covariates[train], causes=len(found.causes), ridge=model.ridge)
    nobody = np.zeros(int(test.sum()), dtype=np.int64)
    linear = covariates[test] @ fit.effects.T
    curves = future_curves((columns @ fit.baseline.T).T, linear, nobody, horizon=model.horizon_periods)
    return np.asarray(1.0 - curves.survival[:, -1])
