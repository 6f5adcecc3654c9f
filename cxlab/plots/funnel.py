"""Funnel plot: group means against their size, inside the limits that chance alone would keep them in."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import NormalDist
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_STYLES = ((0, (5, 3)), "solid", (0, (1, 2)))


def funnel(
    frame: pd.DataFrame,
    *,
    centre: float,
    deviation: float,
    shares: Sequence[float],
    title: str,
    y_label: str,
    note: str = "",
    most_labels: int = 12,
    ax: Axes | None = None,
) -> Axes:
    """Draw groups and the limits ``centre +- z deviation / sqrt(n)``.

    Parameters
    ----------
    frame
        Columns ``term, observed, effective_n, flagged`` (bool).
    centre
        Mean that groups are compared with.
    deviation
        Standard deviation of one answer.
    shares
        Shares of groups that chance keeps inside each pair of limits, such as 0.95 and 0.998.
    title, y_label, note
        Words, with units in ``y_label``.
    most_labels
        Flagged groups that get their name, those farthest from the centre.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> rows = pd.DataFrame({"term": ["A", "B"], "observed": [6.0, 8.0], "effective_n": [30.0, 60.0],
    ...                      "flagged": [True, False]})
    >>> axes = funnel(rows, centre=7.5, deviation=1.5, shares=(0.95,), title="Dealers", y_label="points")
    >>> [text.get_text() for text in axes.texts if text.get_text() == "A"]
    ['A']
    """
    axes = new_axes(ax, width=9.0, height=5.4)
    _draw_limits(axes, frame["effective_n"], centre, deviation, shares)
    _draw_groups(axes, frame, centre, most_labels)
    axes.margins(y=0.08)
    label = "answers (as many independent ones as would be as precise)"
    return title_axes(axes, title, x_label=label, y_label=y_label, note=note)


def _draw_groups(axes: Axes, frame: pd.DataFrame, centre: float, most_labels: int) -> None:
    """Flagged groups filled and with their names, the others hollow."""
    for flagged, colour in ((False, BLUE), (True, ORANGE)):
        rows = frame[frame["flagged"] == flagged]
        axes.scatter(
            rows["effective_n"],
            rows["observed"],
            s=46,
            facecolor=colour if flagged else "white",
            edgecolor=colour,
            linewidth=1.6,
            zorder=3,
        )
    named = frame[frame["flagged"]]
    order = (named["observed"] - centre).abs().sort_values(ascending=False, kind="stable").index
    for row in named.loc[order[:most_labels]].itertuples():
        axes.annotate(
            str(row.term),
            (float(str(row.effective_n)), float(str(row.observed))),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=9.5,
            color=INK,
        )


def _draw_limits(
    axes: Axes, sizes: pd.Series, centre: float, deviation: float, shares: Sequence[float]
) -> None:
    low, high = float(sizes.min()), float(sizes.max())
    grid = np.geomspace(max(1.0, 0.85 * low), 1.12 * high, 200)
    axes.axhline(centre, color=GREY, linewidth=1.3, zorder=1)
    for share, style in zip(shares, _STYLES, strict=False):
        reach = NormalDist().inv_cdf(0.5 + share / 2) * deviation / np.sqrt(grid)
        for sign in (-1.0, 1.0):
            axes.plot(grid, centre + sign * reach, color=GREY, linewidth=1.2, linestyle=style, zorder=1)
        axes.annotate(
            f"chance {100 * share:g} %",
            (grid[-1], centre + reach[-1]),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=9,
            color=GREY,
        )
    axes.set_xlim(grid[0], grid[-1] * 1.12)
