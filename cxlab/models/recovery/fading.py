"""How an experience fades, without assuming a curve: its weight by the days that have passed since."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import TOO_FEW
from cxlab.models.recovery.repair_evidence import Floats
from cxlab.models.recovery.repair_rows import KINDS, QUESTION, RepairRows, repair_rows
from cxlab.plots.fading import plot_fading
from cxlab.stats.fixed_effects import clustered_least_squares, plan_absorption
from cxlab.stats.stock import Entries, plan_stocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DOUBT = 0.01


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class FadingResult(Result):
    """Effects by age and kind of experience, and the test of one shape; see :class:`FadingModel`."""

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term", "estimate", "conf_low", "conf_high", "n", "verdict",
    )  # fmt: skip

    outcome: str
    confidence: float
    #: unresolved over positive if both have one shape, and the p-value of that
    common_ratio: float
    p_value_shape: float
    n_customers: int

    def summary(self) -> str:
        """Whether good and bad fade with one shape, what follows, and what may not be claimed."""
        if np.isnan(self.p_value_shape):
            shape = "Whether good and bad fade alike cannot be tested here"
        elif self.p_value_shape < DOUBT:
            shape = (
                f"Good and bad do not fade alike (p = {self.p_value_shape:.2g}), so no single exchange "
                f"ratio exists; read the way back"
            )
        else:
            shape = (
                f"Nothing speaks against good and bad fading alike (p = {self.p_value_shape:.2f}); then "
                f"one unresolved negative weighs as much as {self.common_ratio:.1f} positives at every age"
            )
        return (
            f"{shape} ({self.n_customers:,} customers, effects by age in {self.outcome}, no curve "
            f"assumed). Assumption: as for the repair ratio, except the shape of fading. Not claimed: that "
            f"an effect is zero where its interval holds zero."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Effect by age: negatives turned around, and positives times the common ratio."""
        return plot_fading(
            self.estimates,
            ratio=self.common_ratio,
            outcome=self.outcome,
            note=f"n = {self.n_customers:,} customers; lines: {self.confidence:.0%} intervals",
            ax=ax,
        )


@dataclass(frozen=True, kw_only=True)
class FadingModel:
    """Effects of experiences by age in free bins, within customers, and a test of one common shape.

    ``y_ik = a_i + sum_v sum_m b_vm N_vm(t) + month_t + e`` with ``N_vm`` the experiences of kind v whose
    age at t lies in bin m. One shape means ``b_unresolved,m = -R b_positive,m`` for all m.

    Parameters
    ----------
    edges_days
        Edges of the bins, rising from 0; older experiences count in no bin.
    outcome
        Column of the answers.
    confidence
        Confidence level, 0..1.
    minimum_experiences
        Experiences that some answer sees in a bin, below which its effect is "too few".

    Notes
    -----
    Covariance from leaving out one customer at a time. Test of one shape: minimum distance over R, as
    Hotelling's T squared with one degree less than bins and the effective number of customers; it fails a
    true common shape in 1 of 100 data sets at the 0.01 used. What happened before the first edge's
    records, or is older than the last edge, is not modelled, so the oldest bins are pulled a little
    towards zero.

    Examples
    --------
    >>> FadingModel().edges_days[:3]
    (0.0, 30.0, 60.0)
    """

    edges_days: tuple[float, ...] = (0.0, 30.0, 60.0, 90.0, 180.0, 270.0, 360.0, 540.0, 720.0)
    outcome: str = "overall"
    confidence: float = 0.95
    minimum_experiences: int = 30

    def __post_init__(self) -> None:
        require_share("FadingModel", "confidence", self.confidence)
        require_at_least("FadingModel", "minimum_experiences", self.minimum_experiences, 2)
        edges = np.asarray(self.edges_days, dtype=np.float64)
        if len(edges) < 3 or edges[0] != 0.0 or np.any(np.diff(edges) <= 0):
            raise ParameterError(
                f"FadingModel: edges_days must rise from 0 and give two bins or more, got "
                f"{self.edges_days!r}. Next step: leave the default."
            )

    def fit(self, answers: pd.DataFrame, experiences: pd.DataFrame) -> FadingResult:
        """Estimate the effect of each kind of experience in each bin of age.

        Parameters
        ----------
        answers, experiences
            As :meth:`RepairModel.fit` takes them.

        Returns
        -------
        FadingResult
            ``table()``: term, kind, days_from, days_to, estimate (points per experience), std_error,
            conf_low, conf_high, p_value (of zero), n (experiences seen in the bin), verdict.

        Raises
        ------
        NotAnswerableError
            If the experiences cannot be told apart within customers.
        """
        rows = repair_rows(answers, experiences, outcome=self.outcome, discard_days=0.0)
        bins = len(self.edges_days) - 1
        if rows.n_customers < 2:
            raise NotAnswerableError(
                QUESTION, reason="Too few customers answered twice.", next_step="repeated answers."
            )
        counts = _counts(rows, np.asarray(self.edges_days))
        # An experience counts at every answer that sees it in a bin; a bin must be seen often enough.
        seen = counts.sum(axis=0)
        kept = np.flatnonzero(seen >= self.minimum_experiences)
        coefficients, covariance, degrees = _free_effects(rows, counts[:, kept])
        place = np.full(len(seen), -1)
        place[kept] = np.arange(len(kept))
        both = [m for m in range(bins) if place[m] >= 0 and place[bins + m] >= 0]
        ratio, p_value = _one_shape(
            coefficients, covariance, degrees, good=place[both], bad=place[[bins + m for m in both]]
        )
        return FadingResult(
            estimates=self._table(coefficients, covariance, seen, place),
            diagnostics=checks_table([_shape_check(p_value), _bins_check(len(seen) - len(kept))]),
            provenance=Provenance(
                model="FadingModel",
                n_rows=len(answers) + len(experiences),
                n_used=rows.n_used,
                n_set_aside=rows.n_set_aside,
                settings=dataclasses.asdict(self),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            common_ratio=ratio,
            p_value_shape=p_value,
            n_customers=rows.n_customers,
        )

    def _table(
        self, coefficients: Floats, covariance: Floats, seen: Floats, place: np.ndarray
    ) -> pd.DataFrame:
        from scipy.stats import norm

        reach = float(norm.ppf(0.5 + self.confidence / 2.0))
        records = []
        bins = len(self.edges_days) - 1
        for index in range(len(seen)):
            kind, m = KINDS[index // bins], index % bins
            low, high = self.edges_days[m], self.edges_days[m + 1]
            value = error = np.nan
            if place[index] >= 0:
                value = float(coefficients[place[index]])
                error = float(np.sqrt(covariance[place[index], place[index]]))
            records.append(
                {
                    "term": f"{kind.replace('_', ', ')}: {low:g} to {high:g} days ago",
                    "kind": kind,
                    "days_from": low,
                    "days_to": high,
                    "estimate": value,
                    "std_error": error,
                    "conf_low": value - reach * error,
                    "conf_high": value + reach * error,
                    "p_value": float(2.0 * norm.sf(abs(value / error))) if error > 0 else np.nan,
                    "n": int(seen[index]),
                    "verdict": "" if place[index] >= 0 else TOO_FEW,
                }
            )
        return pd.DataFrame(records)


def _free_effects(rows: RepairRows, counts: Floats) -> tuple[Floats, Floats, Floats]:
    """Effects of the columns within customers and months, their leave-one-customer-out covariance, and
    the effective number of customers behind each, minus one."""
    absorption = plan_absorption(rows.owner, rows.month)
    outcome = absorption.absorb(rows.outcome[:, None])[:, 0]
    try:
        fit = clustered_least_squares(absorption.absorb(counts), outcome, absorption=absorption)
        degrees = [fit.degrees_of_freedom(column) for column in np.eye(counts.shape[1])]
        return fit.coefficients, fit.jackknife(), np.array(degrees)
    except np.linalg.LinAlgError as error:
        raise NotAnswerableError(
            QUESTION,
            reason=f"Ages of experiences cannot be told apart within customers ({error}).",
            next_step="wider bins in edges_days, or more customers.",
        ) from error


def _counts(rows: RepairRows, edges: Floats) -> Floats:
    """Experiences by kind and bin of age at every answer, shape (rows, kinds * bins)."""
    past, bins = rows.experiences, len(edges) - 1
    good, bad = past.positive, ~past.positive
    parts: list[tuple[np.ndarray, Floats, int, float]] = []
    for m in range(bins):
        start, end = past.occurred + edges[m], past.occurred + edges[m + 1]
        moved = np.clip(past.resolved, start, end)
        unresolved, settled = bad & (moved > start), bad & (moved < end)
        parts += [
            (good, start, m, 1.0),
            (good, end, m, -1.0),
            (unresolved, start, bins + m, 1.0),
            (unresolved, moved, bins + m, -1.0),
            (settled, moved, 2 * bins + m, 1.0),
            (settled, end, 2 * bins + m, -1.0),
        ]
    entries = Entries(
        owner=np.concatenate([past.owner[mask] for mask, _, _, _ in parts]),
        enter=np.concatenate([enter[mask] for mask, enter, _, _ in parts]),
        origin=np.concatenate([past.occurred[mask] for mask, _, _, _ in parts]),
        stock=np.concatenate([np.full(int(mask.sum()), stock) for mask, _, stock, _ in parts]),
        sign=np.concatenate([np.full(int(mask.sum()), sign) for mask, _, _, sign in parts]),
    )
    return plan_stocks(rows.owner, rows.at, entries=entries, n_stocks=3 * bins).stocks(np.inf)


def _one_shape(
    coefficients: Floats, covariance: Floats, degrees: Floats, *, good: np.ndarray, bad: np.ndarray
) -> tuple[float, float]:
    """The ratio that brings ``-bad`` nearest to ``ratio * good``, and the p-value of an exact match.

    The covariance is estimated from few effective customers, so the distance is held against Hotelling's
    distribution with as many degrees of freedom as stand behind the negatives on average.
    """
    from scipy.optimize import minimize_scalar
    from scipy.stats import f

    if len(good) < 2:
        return np.nan, np.nan
    good_effect, bad_effect = coefficients[good], -coefficients[bad]
    v_gg, v_bb = covariance[np.ix_(good, good)], covariance[np.ix_(bad, bad)]
    v_bg = -covariance[np.ix_(bad, good)]

    def distance(angle: float) -> float:
        # The ratio is a direction: an angle keeps it finite where positives do nothing.
        c, s = np.cos(angle), np.sin(angle)
        apart = c * bad_effect - s * good_effect
        spread = c * c * v_bb - c * s * (v_bg + v_bg.T) + s * s * v_gg
        return float(apart @ np.linalg.solve(spread, apart))

    grid = np.linspace(-np.pi / 2, np.pi / 2, 181)
    start = grid[int(np.argmin([distance(angle) for angle in grid]))]
    found = minimize_scalar(distance, bounds=(start - 0.02, start + 0.02), method="bounded")
    free = len(good) - 1
    behind = float(degrees[bad].mean())
    rest = behind - free + 1.0
    if rest < 1.0:
        return float(np.tan(found.x)), np.nan
    return float(np.tan(found.x)), float(f.sf(found.fun * rest / (free * behind), free, rest))


def _shape_check(p_value: float) -> Check:
    return Check(
        check="good and bad experiences fade with one shape (p)",
        value="not tested" if np.isnan(p_value) else round(p_value, 4),
        threshold=f"p >= {DOUBT:g}",
        passed=bool(p_value >= DOUBT),
        meaning="otherwise no single exchange ratio exists: read the way back instead",
    )


def _bins_check(few: int) -> Check:
    return Check(
        check="bins with too few experiences",
        value=few,
        threshold="0",
        passed=few == 0,
        meaning="they are left out of the regression",
    )
