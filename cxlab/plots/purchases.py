"""How silence reads: the chance that a customer still buys, by purchases made and time since the last."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlab.plots.style import PALETTE, new_axes, title_axes
from cxlab.plots.words import periods_word

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_active(lines: pd.DataFrame, *, period: str, note: str = "", ax: Axes | None = None) -> Axes:
    """One line per number of repeat purchases.

    Parameters
    ----------
    lines
        Columns frequency, since (periods since the last purchase), chance (0..1).
    period, note
        Word for one period, small print.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, width=9.0, height=4.8)
    for place, (count, rows) in enumerate(lines.groupby("frequency")):
        word = "1 repeat purchase" if count == 1 else f"{count} repeat purchases"
        axes.plot(
            rows["since"],
            100 * rows["chance"],
            color=PALETTE[place % len(PALETTE)],
            linewidth=2,
            label=word,
        )
    axes.set_ylim(0, 100)
    axes.set_xlim(0, float(lines["since"].max()))
    axes.legend(frameon=False, fontsize=10, loc="upper right")
    return title_axes(
        axes,
        "When does silence mean that a customer has gone?",
        x_label=f"{periods_word(period)} since the last purchase",
        y_label="still active, percent",
        note=note,
    )
