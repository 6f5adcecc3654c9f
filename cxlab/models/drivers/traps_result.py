"""Slopes within and between sites as a result, and the picture of Simpson's trap."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result

if TYPE_CHECKING:
    from matplotlib.axes import Axes

POOLED, WITHIN, BETWEEN, DIFFERENCE = "pooled", "within", "between", "difference"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class WithinBetweenResult(Result):
    """Slopes of an operational fact.

    ``table()`` has the terms ``pooled``, ``within``, ``between`` and ``difference`` (within minus between);
    columns ``estimate, std_error, conf_low, conf_high, p_value, n, verdict`` ("the slope is not 0"; of the
    difference: "the two slopes are not the same"). ``reversal`` says whether the signs differ for sure.
    """

    exposure: str
    outcome: str
    confidence: float
    reversal: bool
    intercept: float
    #: Per site: n, mean of fact and outcome, standard deviation of the fact within it; no names.
    sites: pd.DataFrame

    def summary(self) -> str:
        """The three slopes, whether they contradict each other, n, the assumption and its limits."""
        rows = {str(row["term"]): row for _, row in self.estimates.iterrows()}
        level = f"{100 * self.confidence:g} %"
        said = [
            f"{word} {rows[term]['estimate']:+.3f} ({level} interval {rows[term]['conf_low']:+.3f} to "
            f"{rows[term]['conf_high']:+.3f})"
            for term, word in ((WITHIN, "within a site"), (BETWEEN, "between sites"))
        ]
        if self.reversal:
            verdict = (
                "The sign is reversed: comparing sites says the opposite of comparing answers at a site."
            )
        elif rows[DIFFERENCE]["p_value"] < 1.0 - self.confidence:
            verdict = "The two differ: the pooled slope describes neither."
        else:
            verdict = "That the two differ is undetermined."
        return (
            f"Per unit of {self.exposure}, {self.outcome} moves {said[0]} and {said[1]}; all answers "
            f"pooled say {rows[POOLED]['estimate']:+.3f}. {verdict} n = {self.provenance.n_used:,} answers "
            f"from {len(self.sites):,} sites. The slope within is free of whatever is fixed at a site, not "
            f"of what changes there together with {self.exposure}; neither slope is an effect by itself."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Sites as points with the slope within them, the line between them, and the pooled line."""
        from cxlab.plots.within_between import within_between

        slopes = self.estimates.set_index("term")["estimate"]
        return within_between(
            self.sites,
            within=float(slopes[WITHIN]),
            between=float(slopes[BETWEEN]),
            intercept=self.intercept,
            title="Within a site and between sites" + (": opposite signs" if self.reversal else ""),
            x_label=self.exposure.replace("_", " "),
            y_label=f"mean {self.outcome.replace('_', ' ')}, points",
            note=f"{len(self.sites)} sites, {self.provenance.n_used:,} answers; size of a point: answers",
            ax=ax,
        )
