"""The mean of all contacts as a result: three means beside each other, balance, sensitivity."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

UNWEIGHTED = "unweighted_mean"
WEIGHTED = "weighted_mean"
DOUBLY_ROBUST = "doubly_robust_mean"
DIFFERENCE = "difference"
RAKED = "raked_mean"

_WORDS = {
    UNWEIGHTED: "those who answered",
    WEIGHTED: "weighted (IPW)",
    DOUBLY_ROBUST: "all contacts (AIPW)",
    RAKED: "raked to margins",
}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class NonresponseResult(Result):
    """Means of those who answered and of all contacts.

    ``table()`` has the terms ``unweighted_mean``, ``weighted_mean`` (IPW), ``doubly_robust_mean`` (AIPW,
    the answer), ``difference`` (unweighted minus doubly robust) and, with margins, ``raked_mean``; columns
    ``estimate, std_error, conf_low, conf_high, p_value, n, verdict`` (p-value and verdict of the difference
    only). ``balance()`` and ``sensitivity()`` stand beside it.
    """

    outcome: str
    confidence: float
    answers: int
    clusters: int
    differences: pd.DataFrame
    bounds: pd.DataFrame

    def balance(self) -> pd.DataFrame:
        """Answers minus all contacts per feature, in standard deviations: term, before, after; a copy."""
        return self.differences.copy()

    def sensitivity(self) -> pd.DataFrame:
        """What no weighting can know: quantity, value, meaning; a copy."""
        return self.bounds.copy()

    def summary(self) -> str:
        """Both means, their difference, n, the assumption and what may not be claimed."""
        rows = self.estimates.set_index("term")
        robust, plain, gap = rows.loc[DOUBLY_ROBUST], rows.loc[UNWEIGHTED], rows.loc[DIFFERENCE]
        value = self.bounds.set_index("quantity")["value"]
        contacts = self.provenance.n_used
        dealers = f" from {self.clusters:,} dealers" if self.clusters else ""
        if gap["verdict"] == SUPPORTED:
            word = "more satisfied" if gap["estimate"] > 0 else "less satisfied"
            said = f"those who answered are {word} than all contacts"
        else:
            said = "whether those who answered differ from all contacts is undetermined"
        level = f"{100 * self.confidence:g} %"
        return (
            f"The mean {self.outcome} of all contacts is {robust['estimate']:.2f} "
            f"({level} interval {robust['conf_low']:.2f} to {robust['conf_high']:.2f}), of the answers "
            f"{plain['estimate']:.2f}: {said} (difference {gap['estimate']:+.2f}, "
            f"{gap['conf_low']:+.2f} to {gap['conf_high']:+.2f}). "
            f"n = {self.answers:,} answers of {contacts:,} contacts{dealers} "
            f"({self.answers / contacts:.0%}), {self.provenance.n_rows - contacts:,} contacts set aside. "
            "Assumes that contacts with the same operational facts answer alike whether they respond or "
            "not: weighting cannot repair a response that depends on the answer itself. Those who kept "
            "silent would have to differ from what their facts let expect by "
            f"{value['hidden difference that undoes the correction']:+.2f} points to undo the correction; "
            f"without any assumption the mean lies between {value['lowest possible mean']:.2f} and "
            f"{value['highest possible mean']:.2f}."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The means beside each other, with intervals."""
        from cxlab.plots.forest import forest

        rows = self.estimates[self.estimates["term"] != DIFFERENCE].copy()
        rows["solid"] = rows["term"] == DOUBLY_ROBUST
        rows["term"] = rows["term"].map(_WORDS)
        return forest(
            rows,
            title="What all contacts would have answered",
            x_label=f"mean {self.outcome.replace('_', ' ')}, points",
            note=(
                f"{self.answers:,} answers of {self.provenance.n_used:,} contacts; "
                f"{100 * self.confidence:g} % intervals"
            ),
            reference=float(rows.loc[rows["solid"], "estimate"].iloc[0]),
            ax=ax,
        )

    def plot_balance(self, *, ax: Axes | None = None) -> Axes:
        """How far those who answered differ from all contacts, before and after weighting."""
        from cxlab.plots.balance import balance_plot

        return balance_plot(
            self.differences,
            title="Who answers: the answers against all contacts",
            note=f"{self.answers:,} answers of {self.provenance.n_used:,} contacts; grey band: within 0.1",
            ax=ax,
        )
