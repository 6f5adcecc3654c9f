"""A change between two periods as a result: the change, its two parts, and the segments behind them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

BEFORE, AFTER, CHANGE, RATE, MIX = "before", "after", "change", "rate", "mix"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ChangeResult(Result):
    """A change of a mean.

    ``table()`` has the terms ``before``, ``after``, ``change`` and, with a segment column, ``rate`` and
    ``mix``; columns ``estimate, std_error, conf_low, conf_high, p_value, n, verdict`` (p-value and verdict
    of the change and its parts). ``split()`` has one row per segment.
    """

    outcome: str
    confidence: float
    periods: tuple[str, str]
    segment_column: str | None
    clusters: int
    parts: pd.DataFrame

    def split(self) -> pd.DataFrame:
        """Per segment: shares and means of both periods and its part of rate, mix and total; a copy."""
        return self.parts.copy()

    def summary(self) -> str:
        """The change with its interval and parts, n, the assumption and what may not be claimed."""
        rows = {str(row["term"]): row for _, row in self.estimates.iterrows()}
        change = rows[CHANGE]
        before, after = self.periods
        word = "changed" if change["verdict"] == SUPPORTED else "may not have changed"
        parts = ""
        if self.segment_column is not None:
            said = [f"{term} {self._interval(rows[term])}" for term in (RATE, MIX)]
            parts = f" By {self.segment_column}: {' and '.join(said)}, which add up to the change."
        dealers = f" from {self.clusters:,} dealers" if self.clusters else ""
        return (
            f"The mean {self.outcome} {word} from {rows[BEFORE]['estimate']:.2f} ({before}) to "
            f"{rows[AFTER]['estimate']:.2f} ({after}): {self._interval(change)}, "
            f"{change['verdict']}.{parts} n = {int(change['n']):,} answers{dealers}; every answer counts "
            f"once. Assumes that those who answered stand for all in both periods alike. A change after a "
            "measure is not yet one by it, and the split describes: it does not say why the mix moved."
        )

    def _interval(self, row: pd.Series) -> str:
        return (
            f"{row['estimate']:+.2f} points ({100 * self.confidence:g} % interval "
            f"{row['conf_low']:+.2f} to {row['conf_high']:+.2f})"
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The change and its parts with intervals."""
        from cxlab.plots.forest import forest

        words = {
            CHANGE: "change",
            RATE: "same mix, other answers (rate)",
            MIX: "other mix, same answers (mix)",
        }
        rows = self.estimates[self.estimates["term"].isin(list(words))].copy()
        rows["solid"] = rows["verdict"] == SUPPORTED
        rows["term"] = rows["term"].map(words)
        return forest(
            rows,
            title=f"What changed from {self.periods[0]} to {self.periods[1]}",
            x_label=f"change of the mean {self.outcome.replace('_', ' ')}, points",
            note=(
                f"n = {self.provenance.n_used:,} answers; {100 * self.confidence:g} % intervals; hollow: "
                f"not told from 0"
            ),
            reference=0.0,
            ax=ax,
        )
