"""Balance plot: how far those who answered differ from all, before and after weighting."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, GRID, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Standardised differences inside this band are taken as balanced.
BAND = 0.1


def balance_plot(
    frame: pd.DataFrame,
    *,
    title: str,
    note: str = "",
    most: int = 20,
    who: tuple[str, str] = ("answers", "all contacts"),
    ax: Axes | None = None,
) -> Axes:
    """Draw standardised differences, the largest before weighting on top.

    Parameters
    ----------
    frame
        Columns ``term, before, after`` in standard deviations.
    title, note, who
        Words; ``note`` in small print under the title; ``who`` is compared with whom.
    most
        Number of rows drawn; the rest is counted in the label of the axis.
    ax
        Axes to draw on; new ones if None, as high as the rows need.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> rows = pd.DataFrame({"term": ["wait", "age"], "before": [0.4, -0.1], "after": [0.0, 0.01]})
    >>> axes = balance_plot(rows, title="Balance")
    >>> [label.get_text() for label in axes.get_yticklabels()]
    ['wait', 'age']
    """
    rows = frame.loc[frame["before"].abs().sort_values(ascending=False, kind="stable").index]
    hidden = max(len(rows) - most, 0)
    rows = rows.head(most)
    axes = new_axes(ax, width=8.6, height=1.7 + 0.34 * max(2, len(rows)))
    places = np.arange(len(rows))
    axes.axvspan(-BAND, BAND, color=GRID, alpha=0.6, zorder=0, linewidth=0)
    axes.axvline(0.0, color=GREY, linewidth=1.0, zorder=1)
    axes.hlines(places, rows["before"], rows["after"], color=GREY, linewidth=1.2, zorder=2)
    axes.scatter(
        rows["before"],
        places,
        s=58,
        facecolor="white",
        edgecolor=ORANGE,
        linewidth=1.8,
        zorder=3,
        label=f"{who[0]} as they came",
    )
    axes.scatter(rows["after"], places, s=58, color=BLUE, zorder=4, label=f"{who[0]} weighted")
    _frame(axes, rows)
    axes.legend(loc="lower right", frameon=True, framealpha=0.9, edgecolor=GRID, fontsize=9.5)
    label = f"{who[0]} minus {who[1]}, standard deviations"
    label += f" ({hidden} smaller ones not drawn)" if hidden else ""
    return title_axes(axes, title, x_label=label, y_label="", note=note)


def _frame(axes: Axes, rows: pd.DataFrame) -> None:
    """Names on the left, limits that are alike on both sides."""
    axes.set_yticks(np.arange(len(rows)), [str(term).replace("_", " ") for term in rows["term"]], color=INK)
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    reach = max(1.5 * BAND, 1.15 * float(rows[["before", "after"]].abs().to_numpy().max()))
    axes.set_xlim(-reach, reach)
    axes.locator_params(axis="x", nbins=7)
