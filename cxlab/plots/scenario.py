"""Picture of a scenario: today and scenario side by side for each segment, with their limits."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_scenario(
    pairs: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    percent: bool,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Two marks per segment joined by a line: today (round) and scenario (diamond), each with limits.

    Parameters
    ----------
    pairs
        Columns segment, n, today, today_low, today_high, scenario, scenario_low, scenario_high.
    title, x_label, note
        Words, with the unit in ``x_label``.
    percent
        Whether values are shares to be printed as percent.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import FuncFormatter, MaxNLocator, PercentFormatter

    axes = new_axes(ax, width=6.4, height=4.0)
    places = np.arange(len(pairs), dtype=float)
    for name, marker, colour, shift in (("today", "o", BLUE, -0.12), ("scenario", "D", ORANGE, 0.12)):
        middle = pairs[name].to_numpy()
        sides = [middle - pairs[f"{name}_low"].to_numpy(), pairs[f"{name}_high"].to_numpy() - middle]
        axes.errorbar(
            middle,
            places + shift,
            xerr=[side.clip(min=0.0) for side in sides],
            fmt=marker,
            color=colour,
            markersize=7,
            elinewidth=2.0,
            label=name,
        )
    for place, low, high in zip(places, pairs["today"], pairs["scenario"], strict=True):
        axes.annotate(
            "",
            (high, place + 0.12),
            (low, place - 0.12),
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 1.0, "linestyle": ":"},
        )
    names = [f"{name}\nn = {int(n):,}" for name, n in zip(pairs["segment"], pairs["n"], strict=True)]
    axes.set_yticks(places, names)
    axes.set_ylim(len(pairs) - 0.5, -0.5)
    axes.set_xlim(left=0.0)
    axes.grid(axis="y", visible=False)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))
    form = PercentFormatter(1.0, decimals=0) if percent else FuncFormatter(lambda x, _: f"{x:,.0f}")
    axes.xaxis.set_major_formatter(form)
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return title_axes(axes, title, x_label=x_label, y_label="", note=note)
