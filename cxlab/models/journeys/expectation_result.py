"""A zone of tolerance as a result: thresholds with limits, slopes, and the surface beside them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes


WIDENED = "widened by noise in the gap"


@dataclass(frozen=True, kw_only=True)
class GapNoise:
    """Noise in the gap, in points (0: none shown), where it comes from, and the zone behind it."""

    spread: float
    rounded: bool
    shown: bool
    lower: float
    upper: float

    def words(self) -> str:
        """How much, how it is known, and the zone behind it; empty where there is none."""
        if self.spread == 0.0:
            return ""
        how = (("ratings are rounded",) if self.rounded else ()) + (
            ("the corners are round",) if self.shown else ()
        )
        return (
            f"{' and '.join(how)}: a zone seen through noise of {self.spread:.2f} points would run from "
            f"{self.lower:+.2f} to {self.upper:+.2f}"
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ToleranceResult(Result):
    """``table()``: the verdict, thresholds and slopes with limits; withheld where there is no zone."""

    outcome: str
    confidence: float
    minimum_n: int
    preferred: str
    criteria: dict[str, float]
    noise: GapNoise
    surface_rows: pd.DataFrame
    line: pd.DataFrame
    points: pd.DataFrame

    def surface(self) -> pd.DataFrame:
        """Slopes and bends of the quadratic surface with bootstrap intervals; a copy."""
        return self.surface_rows.copy()

    def _row(self, term: str) -> pd.Series:
        return self.estimates[self.estimates["term"] == term].iloc[0]

    def _interval(self, term: str, *, decimals: int = 2) -> str:
        row = self._row(term)
        low, high = f"{row['conf_low']:+.{decimals}f}", f"{row['conf_high']:+.{decimals}f}"
        text = f"{row['estimate']:+.{decimals}f} ({low} to {high}"
        told = row["reason"] and row["reason"] != WIDENED
        return f"{text}; {row['reason']})" if told else f"{text})"

    def summary(self) -> str:
        """Verdict, thresholds, slopes, n, the assumption that would overturn it, what is not claimed."""
        verdict, what = self._row("zone")["verdict"], self.outcome.replace("_", " ")
        n = f"n = {self.provenance.n_used:,} answers"
        if verdict == TOO_FEW:
            head = (
                f"A zone of tolerance in {what} is not told: {n}, {self.minimum_n:,} are needed for "
                "thresholds that mean something."
            )
        elif verdict == REJECTED:
            head = (
                f"There is no zone of tolerance in {what}: {self.preferred} describes the gap better ({n})."
            )
        elif pd.isna(self._row("lower threshold")["estimate"]):
            head = f"A zone of tolerance in {what} is undetermined: {self.preferred} does as well ({n})."
        else:
            word = f"There {'is' if verdict == SUPPORTED else 'may be'} a zone of tolerance"
            noise = self.noise.words()
            head = (
                f"{word} in {what}, {verdict}{f', {WIDENED}' if noise else ''}: as measured from "
                f"{self._interval('lower threshold')} to {self._interval('upper threshold')} points of "
                f"perceived minus expected, {100 * self.confidence:g} % intervals, {n}"
                f"{f'; {noise}, without interval' if noise else ''}. A point of gap counts "
                f"{self._interval('slope below')} below, {self._interval('slope inside')} inside, "
                f"{self._interval('slope above')} above it."
            )
        return (
            f"{head} Assumes that the gap is measured with little error and that no mood moves both gap "
            "and outcome. Not claimed: that delighting beyond the upper threshold pays, thresholds of "
            "small groups, or that a flat end is psychology and not the end of the scale."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Means of the answers by gap, the bent line, and the thresholds with their limits."""
        from cxlab.plots.dose import zone_curve

        def limits(term: str) -> tuple[float, float, float] | None:
            row = self._row(term)
            if pd.isna(row["estimate"]):
                return None
            return float(row["conf_low"]), float(row["estimate"]), float(row["conf_high"])

        words = {SUPPORTED: "a zone of tolerance", REJECTED: f"no zone: {self.preferred}"}
        zone = self._row("zone")
        verdict = f"{zone['verdict']}, {WIDENED}" if zone["reason"] == WIDENED else zone["verdict"]
        return zone_curve(
            self.line,
            self.points,
            lower=limits("lower threshold"),
            upper=limits("upper threshold"),
            title=f"Unmet expectations and {self.outcome.replace('_', ' ')}",
            y_label=f"{self.outcome.replace('_', ' ')}, points",
            note=(
                f"n = {self.provenance.n_used:,} answers; {words.get(str(verdict), str(verdict))}; "
                f"{100 * self.confidence:g} % intervals"
            ),
            ax=ax,
        )
