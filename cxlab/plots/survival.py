"""Curves of staying and leaving: survival, and cumulative incidence by cause, each with its band."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlab.plots.style import INK, PALETTE, new_axes, title_axes
from cxlab.plots.words import periods_word

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SURVIVAL = "survival"


def plot_survival(
    curves: pd.DataFrame,
    *,
    title: str,
    period: str,
    since: str = "from now",
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw each curve as a step line with its band, named at its right end.

    Parameters
    ----------
    curves
        Columns segment, curve, period, estimate, conf_low, conf_high (0..1). With one segment all curves
        are drawn (survival and the causes); with several, the survival of each.
    title, period, since, note
        Heading, word for one period, what it is counted from, small print.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes

    Examples
    --------
    >>> rows = pd.DataFrame({"segment": "all", "curve": "survival", "period": [0, 1],
    ...     "estimate": [1.0, 0.8], "conf_low": [1.0, 0.7], "conf_high": [1.0, 0.9]})
    >>> plot_survival(rows, title="Staying", period="month").get_xlabel()
    'months from now'
    """
    from matplotlib.ticker import MaxNLocator

    axes = new_axes(ax, width=9.0, height=5.0)
    segments = list(dict.fromkeys(curves["segment"]))
    shown = curves if len(segments) == 1 else curves[curves["curve"] == SURVIVAL]
    key = "curve" if len(segments) == 1 else "segment"
    ends: list[tuple[float, str, str]] = []
    for place, (name, rows) in enumerate(shown.groupby(key, sort=False)):
        colour = PALETTE[place % len(PALETTE)]
        limits = (100 * rows["conf_low"], 100 * rows["conf_high"])
        axes.fill_between(rows["period"], *limits, color=colour, alpha=0.2, linewidth=0, step="post")
        axes.step(rows["period"], 100 * rows["estimate"], where="post", color=colour, linewidth=2)
        last = rows.iloc[-1]
        label = "still here" if name == SURVIVAL else str(name) if key == "segment" else f"left: {name}"
        ends.append((100 * float(last["estimate"]), f"{label} {last['estimate']:.0%}", colour))
    _name_ends(axes, ends, x=float(shown["period"].max()))
    axes.set_ylim(0, 100)
    reach = float(shown["period"].max())
    axes.set_xticks(MaxNLocator(integer=True, steps=[1, 2, 3, 6, 10]).tick_values(0, reach))
    axes.set_xlim(0, reach * 1.22)
    return title_axes(
        axes,
        title,
        x_label=f"{periods_word(period)} {since}",
        y_label="customers, percent",
        note=note,
    )


def _name_ends(axes: Axes, ends: list[tuple[float, str, str]], *, x: float) -> None:
    """Names at the right ends of the curves, moved apart where they would overlap."""
    least = 4.5
    heights: list[float] = []
    for height, _, _ in sorted(ends):
        heights.append(max(height, heights[-1] + least) if heights else max(height, 1.5))
    # A crowd at the top is pushed down again, so that no name leaves the axes.
    for place in range(len(heights) - 1, -1, -1):
        highest = 98.5 if place == len(heights) - 1 else heights[place + 1] - least
        heights[place] = min(heights[place], highest)
    for y, (_, text, colour) in zip(heights, sorted(ends), strict=True):
        axes.text(x * 1.01, y, text, color=colour, va="center", fontsize=10, fontweight="bold")
    if len(ends) > len(PALETTE):
        axes.text(0.0, 2.0, "colours repeat", color=INK, fontsize=9)
