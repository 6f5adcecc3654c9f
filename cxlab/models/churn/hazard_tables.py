"""The tables of a hazard: who leaves within the horizon, remaining life, odds ratios, curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtr

from cxlab.core.verdicts import NOT_IDENTIFIED, TOO_FEW
from cxlab.models.churn.hazard_design import HazardDesign
from cxlab.models.churn.hazard_evidence import HazardEvidence, MeanCurves, group_curves
from cxlab.models.churn.hazard_rows import SpellRows
from cxlab.models.churn.intervals import limits

if TYPE_CHECKING:
    from cxlab.models.churn.hazard import HazardModel

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

FROM_JOINING = "from joining"
STILL_HERE = "still here"
ALL_CAUSES = "all"
#: Customers below which a group gets no number.
LEAST_CUSTOMERS = 10
TABLE_COLUMNS = (
    "term",
    "segment",
    "cause",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "n",
    "events",
    "verdict",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """Customers of the fit by their rows: covariates and entry when first seen, and of those still here.

    Attributes
    ----------
    first, here : (n,), (m,)
        Place among the usable rows of each customer's first row, and of the last row of each customer
        who has not left.
    covariates : (rows, p)
    entry, age : (rows,)
    """

    first: IntArray
    here: IntArray
    covariates: FloatArray
    entry: IntArray
    age: IntArray

    @classmethod
    def of(cls, found: SpellRows, covariates: FloatArray) -> People:
        """From the usable rows of the table and their covariates."""
        order = np.lexsort((found.entry, found.customer))
        starts = np.flatnonzero(np.diff(found.customer[order], prepend=-1) != 0)
        last = order[np.append(starts[1:], len(order)) - 1]
        return cls(
            first=order[starts],
            here=np.sort(last[found.cause[last] == 0]),
            covariates=covariates,
            entry=found.entry,
            age=found.time,
        )

    def curves(
        self,
        evidence: HazardEvidence,
        segment: str,
        *,
        horizon: int,
        seed: int,
        among: IntArray | None = None,
    ) -> MeanCurves:
        """Mean curves of those ``from joining`` or ``still here``, of all or of the rows ``among``."""
        start = segment == FROM_JOINING
        rows = self.first if start else self.here
        if among is not None:
            rows = rows[np.isin(rows, among)]
        return group_curves(
            evidence,
            self.covariates[rows],
            age=np.zeros(len(rows), dtype=np.int64) if start else self.age[rows],
            entry=self.entry[rows] if start else None,
            horizon=horizon,
            seed=seed,
        )


def hazard_table(
    model: HazardModel,
    evidence: HazardEvidence,
    people: People,
    *,
    causes: tuple[str, ...],
    events: IntArray,
) -> pd.DataFrame:
    """Leaving within the horizon, by cause, and remaining life, for those joining and those still here."""
    lines: list[tuple[object, ...]] = []
    reach = max(model.horizon_periods, model.life_periods)
    for segment, rows in ((FROM_JOINING, people.first), (STILL_HERE, people.here)):
        said = ""
        if segment == FROM_JOINING and evidence.curve.first > 1:
            said = NOT_IDENTIFIED
        elif len(rows) < LEAST_CUSTOMERS:
            said = TOO_FEW
        curves = None if said else people.curves(evidence, segment, horizon=reach, seed=model.seed)
        lines += _segment_lines(model, curves, segment, causes, events, n=len(rows), said=said)
    return pd.DataFrame(lines, columns=pd.Index(TABLE_COLUMNS))


def _segment_lines(
    model: HazardModel,
    curves: MeanCurves | None,
    segment: str,
    causes: Sequence[str],
    events: IntArray,
    *,
    n: int,
    said: str,
) -> list[tuple[object, ...]]:
    within, left = f"leaves_within_{model.horizon_periods}", f"remaining_periods_{model.life_periods}"
    named = [(within, ALL_CAUSES, int(events.sum()))]
    if len(causes) > 1:
        named += [(within, cause, int(count)) for cause, count in zip(causes, events, strict=True)]
    named.append((left, ALL_CAUSES, int(events.sum())))
    if curves is None:
        blank = (np.nan,) * 4
        return [(term, segment, cause, *blank, n, count, said) for term, cause, count in named]
    h, life = model.horizon_periods, model.life_periods
    estimates = [1.0 - curves.survival[h]]
    draws = [1.0 - curves.survival_draws[:, h]]
    if len(causes) > 1:
        estimates += list(curves.incidence[:, h])
        draws += list(curves.incidence_draws[:, :, h].T)
    chances = limits(np.array(estimates), np.array(draws).T, confidence=model.confidence, scale="logit")
    years = limits(
        np.array(curves.survival[:life].sum()),
        curves.survival_draws[:, :life].sum(axis=1),
        confidence=model.confidence,
        scale="log",
    )
    numbers = [*zip(estimates, *chances, strict=True), (curves.survival[:life].sum(), *years)]
    return [
        (term, segment, cause, *map(float, line), n, count, "")
        for (term, cause, count), line in zip(named, numbers, strict=True)
    ]


def curves_table(
    curves: MeanCurves, *, segment: str, causes: Sequence[str], confidence: float
) -> pd.DataFrame:
    """Survival and incidence by cause per period ahead, with limits: one row per curve and period."""
    series = [("survival", curves.survival, curves.survival_draws)]
    if len(causes) > 1:
        series += [
            (cause, curves.incidence[place], curves.incidence_draws[:, place])
            for place, cause in enumerate(causes)
        ]
    parts = []
    for name, estimate, draws in series:
        _, low, high = limits(estimate, draws, confidence=confidence, scale="logit")
        parts.append(
            pd.DataFrame(
                {
                    "segment": segment,
                    "curve": name,
                    "period": np.arange(len(estimate)),
                    "estimate": estimate,
                    "conf_low": low,
                    "conf_high": high,
                    "n": curves.n,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)


def effects_table(
    evidence: HazardEvidence, design: HazardDesign, *, causes: Sequence[str], confidence: float, n: int
) -> pd.DataFrame:
    """Odds ratios of leaving by each cause against staying, per unit or against the reference level."""
    q = evidence.age_columns.shape[1]
    lines = []
    for place, cause in enumerate(causes):
        for at, column in enumerate(design.columns):
            value = evidence.theta[place, q + at] / design.scale[at]
            draws = evidence.draws[:, place, q + at] / design.scale[at]
            ratio = np.exp(value)
            error, low, high = limits(np.array(ratio), np.exp(draws), confidence=confidence, scale="log")
            p_value = 2.0 * float(ndtr(-abs(value) / np.std(draws, ddof=1)))
            against = (
                f"against {design.references[column.feature]}"
                if column.feature in design.references
                else "against known"
                if column.level is not None
                else "per piece of a curve, not to be read alone"
                if column.feature in design.knots
                else "per unit"
            )
            lines.append(
                (column.name, cause, ratio, float(error), float(low), float(high), p_value, n, against)
            )
    names = ["term", "cause", "estimate", "std_error", "conf_low", "conf_high", "p_value", "n", "meaning"]
    return pd.DataFrame(lines, columns=pd.Index(names))
