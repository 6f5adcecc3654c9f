"""Two slopes per driver, below and above neutral, on one line each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def asymmetry(frame: pd.DataFrame, *, title: str, note: str, ax: Axes | None = None) -> Axes:
    """Draw ``slope_below`` and ``slope_above`` of each ``term``, the largest difference on top.

    Parameters
    ----------
    frame
        Columns term, slope_below, slope_above, class; rows without slopes are left out of the drawing.
    title, note
        Heading and small print.
    ax
        Axes to draw on; new ones if None.
    """
    drawn = frame.dropna(subset=["slope_below", "slope_above"])
    drawn = drawn.assign(gap=drawn["slope_below"] - drawn["slope_above"]).sort_values("gap")
    axes = new_axes(ax, height=1.6 + 0.45 * max(len(drawn), 2))
    place = np.arange(len(drawn))
    axes.hlines(place, drawn["slope_below"], drawn["slope_above"], color=GREY, linewidth=2, zorder=1)
    axes.scatter(
        drawn["slope_below"], place, s=70, color=ORANGE, zorder=2, label="below neutral: a bad rating"
    )
    axes.scatter(
        drawn["slope_above"],
        place,
        s=70,
        color=BLUE,
        marker="D",
        zorder=2,
        label="above neutral: a good one",
    )
    axes.set_yticks(place, [str(term) for term in drawn["term"]])
    axes.axvline(0.0, color=INK, linewidth=0.8)
    right = axes.get_yaxis_transform()
    for at, name in zip(place, drawn["class"], strict=True):
        axes.text(1.01, float(at), str(name), transform=right, va="center", fontsize=9.5, color=INK)
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.18), ncols=2, frameon=False, fontsize=9.5)
    return title_axes(
        axes, title, x_label="change of the overall answer per rating point", y_label="", note=note
    )
