"""Two orders of the same things, paired by lines: what is said to count beside what goes along."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Ranks that differ by this or more are drawn in the strong colour.
_FAR = 2


def paired_ranks(
    frame: pd.DataFrame, *, title: str, left: str, right: str, note: str = "", ax: Axes | None = None
) -> Axes:
    """Draw one line per row from its rank on the left to its rank on the right, rank 1 on top.

    Parameters
    ----------
    frame
        Columns ``term, stated_rank, derived_rank``.
    title, left, right, note
        Words; ``left`` and ``right`` head the two orders.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> frame = pd.DataFrame({"term": ["price", "wait"], "stated_rank": [1, 2], "derived_rank": [2, 1]})
    >>> axes = paired_ranks(frame, title="Said and shown", left="stated", right="derived")
    >>> len(axes.lines), bool(axes.get_ylim()[0] > axes.get_ylim()[1])
    (2, True)
    """
    axes = new_axes(ax, width=9.2, height=1.6 + 0.42 * len(frame))
    ranks = frame[["stated_rank", "derived_rank"]].to_numpy(dtype=np.float64)
    for stated, derived in ranks.tolist():
        far = abs(stated - derived) >= _FAR
        axes.plot(
            [0, 1],
            [stated, derived],
            color=ORANGE if far else BLUE,
            linewidth=2.6 if far else 1.6,
            marker="o",
            markersize=7,
        )
    for column, (x, side) in enumerate(((-0.03, "right"), (1.03, "left"))):
        # Things of equal rank share one place.
        for rank in np.unique(ranks[:, column]):
            words = ", ".join(frame["term"].astype(str)[ranks[:, column] == rank])
            axes.text(x, float(rank), words, ha=side, va="center", fontsize=10.5, color=INK)
    for x, words in ((0, left), (1, right)):
        axes.text(x, 0.25, words, ha="center", va="bottom", fontsize=10, color=GREY, fontweight="bold")
    axes.set_xlim(-0.75, 1.75)
    axes.set_ylim(len(frame) + 0.6, -0.15)
    axes.set_xticks([])
    axes.set_yticks([])
    axes.grid(visible=False)
    for spine in axes.spines.values():
        spine.set_visible(False)
    title_axes(axes, title, x_label="", y_label="", note=note)
    return axes
