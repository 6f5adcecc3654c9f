"""Path picture: from a fact on the left through ratings to the outcome on the right, width by strength."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT, _MIDDLE, _RIGHT = 0.1, 0.5, 0.9


def path_picture(
    frame: pd.DataFrame,
    *,
    source: str,
    outcome: str,
    title: str,
    note: str = "",
    footer: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one band per row, from the source through the row's box to the outcome.

    Parameters
    ----------
    frame
        Columns ``term`` (words in the box), ``estimate``, ``text`` (figures under the words), ``solid``
        (bool): supported bands are coloured, orange where negative; others are thin and grey.
    source, outcome
        Words of the left and the right box.
    title, note, footer
        Words; the note stands under the title, the footer under the picture.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> row = {"term": "waiting", "estimate": -0.2, "text": "-0.20", "solid": True}
    >>> axes = path_picture(pd.DataFrame([row]), source="wait", outcome="overall", title="Paths")
    >>> [text.get_text() for text in axes.texts][:2]
    ['wait', 'overall']
    """
    axes = new_axes(ax, width=9.6, height=1.9 + 0.72 * max(2, len(frame)))
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(len(frame) - 0.4, -0.6)
    axes.axis("off")
    middle = 0.5 * (len(frame) - 1)
    for across, words in ((_LEFT, source), (_RIGHT, outcome)):
        _box(axes, across, middle, words, weight="bold", size=12)
    largest = float(frame["estimate"].abs().max()) or 1.0
    for at, row in enumerate(frame.itertuples()):
        solid, estimate = bool(row.solid), float(getattr(row, "estimate", 0.0))
        color = GREY if not solid else ORANGE if estimate < 0 else BLUE
        width = 1.2 + (13.0 * abs(estimate) / largest if solid else 0.0)
        for start, end in ((_LEFT, _MIDDLE), (_MIDDLE, _RIGHT)):
            heights = (middle, at) if start == _LEFT else (at, middle)
            _band(axes, (start, end), heights, color=color, width=width, solid=solid)
        _box(axes, _MIDDLE, at, f"{row.term}\n{row.text}", color=INK if solid else GREY, size=10)
    heading = title if not note else f"{title}\n"
    axes.set_title(heading, loc="left", fontsize=13, color=INK, fontweight="bold")
    if note:
        axes.text(0.0, 1.02, note, transform=axes.transAxes, fontsize=9.5, color=GREY, va="bottom")
    if footer:
        axes.text(0.0, -0.02, footer, transform=axes.transAxes, fontsize=10, color=INK, va="top")
    return axes


def _band(
    axes: Axes,
    across: tuple[float, float],
    heights: tuple[float, float],
    *,
    color: str,
    width: float,
    solid: bool,
) -> None:
    """A smooth band between two heights."""
    steps = np.linspace(0.0, 1.0, 60)
    bend = steps**2 * (3.0 - 2.0 * steps)
    axes.plot(
        across[0] + (across[1] - across[0]) * steps,
        heights[0] + (heights[1] - heights[0]) * bend,
        color=color,
        linewidth=width,
        alpha=0.55 if solid else 0.7,
        linestyle="-" if solid else (0, (2, 2)),
        solid_capstyle="butt",
        zorder=1,
    )


def _box(
    axes: Axes,
    across: float,
    height: float,
    words: str,
    *,
    weight: str = "normal",
    color: str = INK,
    size: float,
) -> None:
    axes.text(
        across,
        height,
        words,
        ha="center",
        va="center",
        fontsize=size,
        fontweight=weight,
        color=color,
        linespacing=1.35,
        zorder=3,
        bbox={"boxstyle": "round,pad=0.45", "facecolor": "white", "edgecolor": GREY, "linewidth": 1.0},
    )
