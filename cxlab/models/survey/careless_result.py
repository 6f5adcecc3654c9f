"""A comparison with and without careless answers as a result: figures, changes, order of drivers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CSI_MEAN, NPS, SHARE_OF = "csi_mean", "nps", "share of "


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class CarelessResult(Result):
    """One row per sign left out and figure.

    ``estimate`` with ``conf_low``, ``conf_high`` is the figure of all answers, ``without`` the one without
    the flagged answers, ``change`` the second minus the first with ``std_error``, ``change_low`` and
    ``change_high``; ``rank`` and ``rank_without`` order the drivers; ``n`` answers, ``n_left_out`` of them
    flagged; ``verdict`` on "leaving them out moves the figure by more than the tolerance".
    """

    outcome: str
    confidence: float
    flagged: Mapping[str, int]

    shown_columns: ClassVar[tuple[str, ...]] = (
        "left_out", "term", "estimate", "without", "change", "change_low", "change_high", "rank",
        "rank_without", "n_left_out", "verdict",
    )  # fmt: skip

    def summary(self) -> str:
        """The score with and without, the order of drivers, n, assumption, what may not be claimed."""
        n = self.provenance.n_used
        if self.estimates.empty:
            return (
                f"No answer carries a sign of carelessness, so there is nothing to leave out. n = {n:,} "
                f"answers. Assumes that the signs can be seen in these data: without durations no speeder "
                f"is found. Answers without a sign are not thereby careful ones."
            )
        widest = str(self.estimates["left_out"].iloc[-1])
        rows = self.estimates[self.estimates["left_out"] == widest]
        score = rows[rows["term"] == CSI_MEAN].iloc[0]
        left = self.flagged[widest]
        return (
            f"Without {left:,} of {n:,} answers ({widest.replace('_', ' ')}) the mean {self.outcome} is "
            f"{score['without']:.3f} instead of {score['estimate']:.3f}: {self._said(score)}. "
            f"{self._order(rows)} Assumes that dealers stand for all. A sign is no proof: a straight line "
            f"may be an honest ten, and leaving straight lines out loosens the correlation of ratings by "
            f"itself, so neither side is the truth; a figure that holds on both is safe from this doubt "
            f"only."
        )

    def _said(self, row: pd.Series) -> str:
        if row["verdict"] == TOO_FEW:
            return "too few flagged answers for an interval"
        words = {SUPPORTED: "more than the tolerance", REJECTED: "within the tolerance"}
        judged = words.get(str(row["verdict"]), "whether within the tolerance is undetermined")
        span = f"{row['change_low']:+.3f} to {row['change_high']:+.3f}"
        return f"change {row['change']:+.3f} ({100 * self.confidence:g} % interval {span}), {judged}"

    def _order(self, rows: pd.DataFrame) -> str:
        ranked = rows[rows["rank"].notna()]
        if ranked.empty:
            return "Too few complete ratings to order the drivers."
        moved = ranked[ranked["rank"] != ranked["rank_without"]].sort_values("rank")
        if moved.empty:
            return f"The order of the {len(ranked)} drivers stays."
        places = [
            f"{str(row.term).removeprefix(SHARE_OF)} from place {row.rank:.0f} to {row.rank_without:.0f}"
            for row in moved.itertuples()
        ]
        return f"In the order of the {len(ranked)} drivers move: {', '.join(places)}."

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Changes by leaving flagged answers out, the score and each driver's share, in percent of each."""
        from cxlab.plots.forest import forest

        rows = self.estimates
        size = rows["estimate"].abs().where(rows["estimate"].abs() > 0)
        words = rows["term"].str.removeprefix("share of rating_").str.replace("_", " ")
        words = words.mask(rows["term"].str.startswith(SHARE_OF), "driver " + words)
        frame = pd.DataFrame(
            {
                "term": rows["left_out"].str.replace("_", " ") + ": " + words,
                "estimate": 100.0 * rows["change"] / size,
                "conf_low": 100.0 * rows["change_low"] / size,
                "conf_high": 100.0 * rows["change_high"] / size,
                "solid": rows["verdict"] == SUPPORTED,
                "text": "too few",
            }
        )
        frame.loc[frame["conf_low"].isna(), "estimate"] = float("nan")
        return forest(
            frame,
            title="What changes without careless answers",
            x_label="change of the figure (percent of the figure with all answers)",
            note=f"n = {self.provenance.n_used:,} answers; hollow: not shown to exceed the tolerance",
            reference=0.0,
            decimals=2,
            ax=ax,
        )
