"""Tornado: which inputs move a scenario most, as rank correlations, the strongest on top."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def tornado(
    frame: pd.DataFrame, *, title: str, x_label: str, note: str = "", ax: Axes | None = None
) -> Axes:
    """Draw rank correlations of inputs with the output.

    Parameters
    ----------
    frame
        Columns term, rank_correlation (-1..1), range (words printed beside the bar).
    title, x_label, note
        Words.
    ax
        Axes to draw on; new ones if None, as high as the rows need.
    """
    rows = frame.loc[frame["rank_correlation"].abs().sort_values(ascending=False, kind="stable").index]
    axes = new_axes(ax, width=9.0, height=1.7 + 0.36 * max(len(rows), 2))
    places = np.arange(len(rows))
    colours = [BLUE if value >= 0 else ORANGE for value in rows["rank_correlation"]]
    axes.barh(places, rows["rank_correlation"], color=colours, height=0.62, zorder=2)
    axes.axvline(0.0, color=GREY, linewidth=1.0, zorder=3)
    axes.set_yticks(places, [str(term).replace("_", " ") for term in rows["term"]], color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.set_xlim(-1.0, 1.0)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    for place, text in zip(places, rows["range"], strict=True):
        axes.text(
            1.02,
            float(place),
            str(text),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=9.5,
            color=INK,
        )
    return title_axes(axes, title, x_label=x_label, y_label="", note=note)
