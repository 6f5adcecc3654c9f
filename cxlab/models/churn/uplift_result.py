"""The result of an uplift model: the average effect, and what ordering by uplift or by risk is worth."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class UpliftResult(Result):
    """Effects of a randomised contact on staying; ``effects`` holds one estimate per customer."""

    curve_rows: pd.DataFrame
    effects: pd.Series
    confidence: float

    def curve(self) -> pd.DataFrame:
        """Customers kept, share of the base, by share contacted, ordered by uplift and by risk; a copy."""
        return self.curve_rows.copy()

    def uplift(self) -> pd.Series:
        """Estimated rise of the chance to stay per customer, cross-fitted, on the table's index; a copy."""
        return self.effects.copy()

    def summary(self) -> str:
        """The average effect, what ordering by uplift and by risk is worth, and the limits."""
        average, uplift = self._line("average_effect", "-"), self._line("qini", "uplift")
        risk = self._line("qini", "risk")
        top = [self._line("kept_per_contact_top_fifth", name)["estimate"] for name in ("uplift", "risk")]
        does = "does" if uplift["verdict"] == SUPPORTED else "is not shown to"
        return (
            f"The contact keeps {_shown(average)} of those contacted on average "
            f"({self.confidence:.0%} interval, "
            f"{int(average['n']):,} customers). Ordering by uplift {does} better than a random order (Qini "
            f"{_shown(uplift, 4)}; ordering by risk {_shown(risk, 4)}): in its first fifth a contact keeps "
            f"{top[0]:.3f} customers, in the riskiest fifth {top[1]:.3f}. It holds if contacts were "
            f"drawn at "
            f"random and the next contact is of the same kind; a single customer's uplift is far less sure."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Customers kept by share contacted, ordered by uplift, by risk, and at random."""
        from cxlab.plots.decision import plot_uplift_curve

        n = int(self.estimates["n"].iloc[0])
        note = f"n = {n:,} customers, randomised; band: {self.confidence:.0%} limits"
        return plot_uplift_curve(self.curve_rows, title="Whom does a contact keep?", note=note, ax=ax)

    def _line(self, term: str, ordered_by: str) -> pd.Series:
        rows = self.estimates
        return rows[(rows["term"] == term) & (rows["ordered_by"] == ordered_by)].iloc[0]


def _shown(line: pd.Series, decimals: int = 3) -> str:
    shown = (f"{line[name]:.{decimals}f}" for name in ("estimate", "conf_low", "conf_high"))
    return "{} [{}, {}]".format(*shown)
