"""How outcome falls with the days a complaint waits, and which promise of days is worth its cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, SUPPORTED, UNDETERMINED
from cxlab.models.recovery.case_rows import (
    CaseFeatures,
    chosen_columns,
    cluster_rows,
    landmark_check,
    read_features,
    refuse_immortal_time,
)
from cxlab.stats.dose_response import DoseCurve, Plateau, find_plateau, fit_dose_curve, monotone_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "What waiting for a resolution costs"
#: Resolved complaints with a known outcome below which no curve is drawn, and effective ones.
MINIMUM = 300
LEAST_EFFECTIVE = 150.0
#: Days at which the curve is tabled, as far as the data reach.
SHOWN_DAYS = (1.0, 2.0, 3.0, 5.0, 7.0, 10.0, 14.0, 21.0, 28.0, 45.0, 60.0, 90.0)
_DRAWS = 2_000


@dataclass(frozen=True, kw_only=True)
class ResponseTimeModel:
    """Outcome had every resolved complaint taken t days, for each t, and a plateau of worthwhile promises.

    A doubly robust dose-response curve in ln t (natural cubic spline, influence-based errors), and the net
    gain ``value_of_outcome x curve(t) - cost_at_one_day / t`` per complaint. The answer is a plateau, all t
    whose net gain is within ``tolerance`` of the best: a single best day is not known that well.

    Parameters
    ----------
    outcome
        Column of the outcome: 0/1 (a kept customer) or points.
    value_of_outcome
        Worth of one unit of the outcome: of a kept customer, in money.
    cost_at_one_day
        Cost per complaint of promising one day; t days cost it divided by t.
    tolerance
        Share of the best net gain that may be given up, 0..1.
    monotone
        Whether more waiting may never help: the curve is then pooled into a falling one.
    adjust_for
        Columns known before the handling; None for all of the usual ones that the table holds.
    confidence
        Confidence of intervals, 0..1.
    seed
        Seed of folds and draws.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> severity = rng.integers(0, 5, 2000)
    >>> days = np.exp(1.5 + 0.2 * severity + 0.8 * rng.normal(size=2000))
    >>> stays = rng.random(2000) < 0.9 - 0.04 * severity - 0.1 * np.log(1 + days)
    >>> cases = pd.DataFrame({"severity": severity, "resolved_days": days, "retained": stays.astype(float)})
    >>> result = ResponseTimeModel(value_of_outcome=400.0, cost_at_one_day=60.0).fit(cases)
    >>> bool(result.plateau.low < 2.2 < result.plateau.high)
    True
    """

    outcome: str = "retained"
    value_of_outcome: float = 400.0
    cost_at_one_day: float = 60.0
    tolerance: float = 0.02
    monotone: bool = True
    adjust_for: Sequence[str] | None = None
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        for name in ("tolerance", "confidence"):
            require_share("ResponseTimeModel", name, getattr(self, name))
        for name in ("value_of_outcome", "cost_at_one_day"):
            require_at_least("ResponseTimeModel", name, getattr(self, name), 0.0)

    def fit(self, cases: pd.DataFrame) -> ResponseTimeResult:
        """Estimate the curve from resolved complaints.

        Parameters
        ----------
        cases
            As ``cxlab.complaint_cases(tables).table()`` gives them.

        Returns
        -------
        ResponseTimeResult

        Raises
        ------
        NotAnswerableError
            If fewer than 300 resolved complaints have a known outcome, or nothing is known before.
        """
        usable = _usable(cases, self.outcome)
        rows = cases[usable]
        columns = chosen_columns("ResponseTimeModel", QUESTION, cases, self.adjust_for)
        features = read_features(rows, columns)
        rng = np.random.default_rng(self.seed)
        curve, word = self._curve(rows, features, rng)
        days = np.geomspace(*curve.range, 60)
        plateau = find_plateau(
            curve,
            days,
            value=self.value_of_outcome,
            cost=self.cost_at_one_day / days,
            tolerance=self.tolerance,
            monotone=self.monotone,
            confidence=self.confidence,
            draws=_DRAWS,
            rng=rng,
        )
        return ResponseTimeResult(
            estimates=self._table(curve),
            diagnostics=checks_table([*_checks(curve, "severity" in columns, word), landmark_check(cases)]),
            provenance=Provenance(
                model="ResponseTimeModel",
                n_rows=len(cases),
                n_used=len(rows),
                n_set_aside={"not resolved at the landmark, or outcome unknown": len(cases) - len(rows)}
                if len(cases) > len(rows)
                else {},
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(cases[["resolved_days", self.outcome, *columns]]),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            tolerance=self.tolerance,
            curve=self._band(curve, days).assign(net_gain=plateau.net, near_best_share=plateau.share),
            plateau=plateau,
        )

    def _curve(
        self, rows: pd.DataFrame, features: CaseFeatures, rng: np.random.Generator
    ) -> tuple[DoseCurve, str]:
        """The curve, and what its errors count as independent."""
        clusters, units, word = cluster_rows(rows)
        values = rows[self.outcome].to_numpy(dtype=np.float64)
        curve = fit_dose_curve(
            features.values,
            rows["resolved_days"].to_numpy(dtype=np.float64),
            values,
            binary=bool(np.isin(values, (0.0, 1.0)).all()),
            rng=rng,
            curved=features.curved,
            clusters=clusters,
            units=units,
        )
        return curve, word

    def _band(self, curve: DoseCurve, days: np.ndarray) -> pd.DataFrame:
        value, error = curve.at(days)
        low, high = curve.limits(days, confidence=self.confidence)
        falling = monotone_curve(value) if self.monotone else value
        return pd.DataFrame(
            {
                "days": days,
                "estimate": value,
                "std_error": error,
                "conf_low": low,
                "conf_high": high,
                "falling": falling,
            }
        )

    def _table(self, curve: DoseCurve) -> pd.DataFrame:
        from scipy.stats import t

        low, high = curve.range
        shown = np.array([day for day in SHOWN_DAYS if low <= day <= high])
        if len(shown) < 2:
            shown = np.geomspace(low, high, 5)
        table = self._band(curve, shown).drop(columns="falling")
        first, last = curve.basis(shown[[0]])[0], curve.basis(shown[[-1]])[0]
        gap = first - last
        error = float(np.sqrt(gap @ curve.covariance @ gap))
        drop = float(gap @ curve.coefficients)
        ratio = abs(drop) / error
        thin = curve.effective < LEAST_EFFECTIVE
        degrees = float(curve.degrees_of_freedom(gap[None, :])[0])
        p_value = 2.0 * float(t.sf(ratio, degrees))
        reach = float(t.ppf(0.5 + self.confidence / 2.0, degrees)) * error
        sure = SUPPORTED if p_value < 1.0 - self.confidence and drop > 0 else UNDETERMINED
        table.insert(0, "term", [f"after {day:g} days" for day in shown])
        last_row = {
            "term": f"{shown[0]:.3g} against {shown[-1]:.3g} days",
            "estimate": drop,
            "std_error": error,
            "conf_low": drop - reach,
            "conf_high": drop + reach,
            "p_value": p_value,
            "verdict": NOT_IDENTIFIED if thin else sure,
        }
        return pd.concat([table.assign(verdict=""), pd.DataFrame([last_row])], ignore_index=True)


def _usable(cases: pd.DataFrame, outcome: str) -> np.ndarray:
    if "resolved_days" not in cases or outcome not in cases:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The cases have no resolved_days or no {outcome}.",
            next_step="map resolved_at of [complaints] and left_at of [customers].",
        )
    refuse_immortal_time("ResponseTimeModel", cases)
    usable = (cases["resolved_days"].notna() & cases[outcome].notna()).to_numpy()
    if usable.sum() < MINIMUM:
        raise NotAnswerableError(
            QUESTION,
            reason=f"{usable.sum()} resolved complaints have a known {outcome}; {MINIMUM} are the least.",
            next_step="take a longer period or more dealers.",
        )
    return np.asarray(usable)


def _checks(curve: DoseCurve, severity: bool, word: str) -> list[Check]:
    return [
        Check(
            check="severity is adjusted for",
            value="yes" if severity else "no",
            threshold="yes",
            passed=severity,
            meaning="severe complaints take longer and lose more customers, whatever speed does",
        ),
        Check(
            check="effective complaints behind the curve",
            value=round(curve.effective),
            threshold=f">= {LEAST_EFFECTIVE:g}",
            passed=curve.effective >= LEAST_EFFECTIVE,
            meaning="below, days are nearly decided by the recorded facts: not identified",
        ),
        Check(
            check="days the curve covers",
            value=f"{curve.range[0]:.1f} to {curve.range[1]:.1f}",
            threshold="the promise in question",
            passed=True,
            meaning="nothing may be said about shorter or longer waiting",
        ),
        Check(
            check="intervals count as independent",
            value=word,
            threshold="dealer (from 10 on)",
            passed=word == "dealer",
            meaning="with few dealers the intervals speak about these dealers only",
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ResponseTimeResult(Result):
    """``table()``: the curve at round days and, last, the drop over the range with its verdict.

    ``curve`` has 60 rows: days, estimate with interval, falling (monotone), net_gain, near_best_share.
    """

    outcome: str
    confidence: float
    tolerance: float
    curve: pd.DataFrame
    plateau: Plateau

    def summary(self) -> str:
        """Plateau of days, the drop over the range, n, assumption, and what may not be claimed."""
        row, best = self.estimates.iloc[-1], self.plateau
        what = self.outcome.replace("_", " ")
        return (
            f"Any promise between {best.low:.1f} and {best.high:.1f} days may be within "
            f"{100 * self.tolerance:g} % of the best net gain; the best day itself is only known to lie "
            f"between {best.best_low:.1f} and {best.best_high:.1f} ({100 * self.confidence:g} % interval). "
            f"{what.capitalize()} differs by {row['estimate']:+.3f} ({row['conf_low']:+.3f} to "
            f"{row['conf_high']:+.3f}) for {row['term']}, {row['verdict']}; n = "
            f"{self.provenance.n_used:,} resolved complaints. Assumes that among complaints alike in "
            "everything recorded the days were as good as chance, and the typed value and cost. Not "
            "claimed: anything about complaints never resolved, or one best day."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The curve with its band, and the plateau of days shaded."""
        from cxlab.plots.dose import dose_curve

        return dose_curve(
            self.curve,
            plateau=(self.plateau.low, self.plateau.high),
            title="What waiting costs, and which promise is worth it",
            y_label=f"{self.outcome.replace('_', ' ')} had all waited so long",
            note=(
                f"n = {self.provenance.n_used:,} resolved complaints; band: {100 * self.confidence:g} % "
                f"interval; green: net gain may be within {100 * self.tolerance:g} % of the best"
            ),
            ax=ax,
        )
