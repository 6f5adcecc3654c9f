"""Importance-performance map: where each touchpoint stands, what lifting it would go with, how surely."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.text import Annotation

# Where a label may stand beside its point, in points: tried in this order.
_PLACES = (
    (9, 5, "left"), (-9, 5, "right"), (9, -12, "left"), (-9, -12, "right"),
    (0, 12, "center"), (0, -20, "center"), (14, 18, "left"), (-14, 18, "right"),
    (14, -26, "left"), (-14, -26, "right"), (0, 28, "center"), (0, -36, "center"),
)  # fmt: skip


def priority_map(
    frame: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    y_label: str,
    cut_x: float,
    cut_y: float,
    corners: tuple[str, str, str, str],
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw one point with its ellipse per row, cut lines, and the names of the four fields.

    Parameters
    ----------
    frame
        Columns ``term, x, y``; ``width, height, angle`` of the ellipse (full axes in data units, degrees);
        ``solid`` (bool): whether the field is sure; ``first`` (bool): whether it lies in the first field.
    title, x_label, y_label, note
        Words, with units.
    cut_x, cut_y
        Where the fields meet.
    corners
        Names of the fields: upper left, upper right, lower left, lower right.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> row = {"term": "waiting", "x": 6.0, "y": 0.4, "width": 0.4, "height": 0.2, "angle": 0.0}
    >>> axes = priority_map(
    ...     pd.DataFrame([{**row, "solid": True, "first": True}]),
    ...     title="Map",
    ...     x_label="rating",
    ...     y_label="points",
    ...     cut_x=8,
    ...     cut_y=0.1,
    ...     corners=("act first", "look closer", "low return", "keep"),
    ... )
    >>> [text.get_text() for text in axes.texts if text.get_text() == "waiting"]
    ['waiting']
    """
    axes = new_axes(ax, width=9.2, height=6.2)
    _limits(axes, frame, cut_x, cut_y)
    axes.axvspan(axes.get_xlim()[0], cut_x, ymin=_share(axes, cut_y), color=ORANGE, alpha=0.06, zorder=0)
    axes.axvline(cut_x, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    axes.axhline(cut_y, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    for row in frame.itertuples():
        _draw(axes, row)
    _name_corners(axes, corners)
    axes.grid(visible=False)
    title_axes(axes, title, x_label=x_label, y_label=y_label, note=note)
    _label(axes, frame)
    return axes


def _draw(axes: Axes, row: object) -> None:
    from matplotlib.patches import Ellipse

    x, y, width, height, angle, solid, first = (
        getattr(row, name) for name in ("x", "y", "width", "height", "angle", "solid", "first")
    )
    color = ORANGE if first else BLUE
    ellipse = Ellipse(
        (x, y), width, height, angle=angle, facecolor=color, edgecolor=color, alpha=0.16, linewidth=0.0
    )
    axes.add_patch(ellipse)
    axes.scatter(
        [x], [y], s=64, zorder=4, facecolor=color if solid else "white", edgecolor=color, linewidth=1.8
    )


def _limits(axes: Axes, frame: pd.DataFrame, cut_x: float, cut_y: float) -> None:
    turned = np.deg2rad(frame["angle"].to_numpy(dtype=np.float64))
    half_width, half_height = frame["width"].to_numpy() / 2, frame["height"].to_numpy() / 2
    reach_x = np.hypot(half_width * np.cos(turned), half_height * np.sin(turned))
    reach_y = np.hypot(half_width * np.sin(turned), half_height * np.cos(turned))
    # Every field keeps this share of the axis, so that its name stands inside it.
    for least, most, cut, field, set_limits in (
        ((frame["x"] - reach_x).min(), (frame["x"] + reach_x).max(), cut_x, 0.24, axes.set_xlim),
        ((frame["y"] - reach_y).min(), (frame["y"] + reach_y).max(), cut_y, 0.1, axes.set_ylim),
    ):
        low, high = min(least, cut), max(most, cut)
        pad = 0.14 * (high - low) or 1.0
        low, high = low - pad, high + pad
        low = min(low, cut - field / (1.0 - field) * (high - cut))
        high = max(high, cut + field / (1.0 - field) * (cut - low))
        set_limits(low, high)


def _share(axes: Axes, value: float) -> float:
    low, high = axes.get_ylim()
    return (value - low) / (high - low)


def _name_corners(axes: Axes, corners: tuple[str, str, str, str]) -> None:
    places = ((0.012, 0.988), (0.988, 0.988), (0.012, 0.012), (0.988, 0.012))
    for (across, up), words in zip(places, corners, strict=True):
        axes.text(
            across,
            up,
            words,
            transform=axes.transAxes,
            ha="left" if across < 0.5 else "right",
            va="top" if up > 0.5 else "bottom",
            fontsize=11,
            color=GREY,
            fontweight="bold",
            zorder=2,
        )


def _label(axes: Axes, frame: pd.DataFrame) -> None:
    """Write names beside the points where they hide no point and no other name."""
    figure = axes.get_figure(root=True)
    if figure is None:
        return
    figure.canvas.draw()
    points = axes.transData.transform(frame[["x", "y"]].to_numpy(dtype=np.float64))
    taken = [text.get_window_extent() for text in axes.texts if text.get_transform() == axes.transAxes]
    room = axes.get_window_extent()
    for row in frame.sort_values("y", ascending=False).itertuples():
        best: Annotation | None = None
        fewest = np.inf
        for across, up, side in _PLACES:
            label = axes.annotate(
                str(row.term),
                (row.x, row.y),
                xytext=(across, up),
                textcoords="offset points",
                ha=side,
                fontsize=10,
                color=INK,
                zorder=5,
            )
            box = label.get_window_extent()
            hidden = sum(box.overlaps(other) for other in taken)
            hidden += sum(box.contains(*point) for point in points)
            hidden += 3 * (not (room.x0 <= box.x0 and box.x1 <= room.x1 and room.y0 <= box.y0))
            if hidden < fewest:
                if best is not None:
                    best.remove()
                best, fewest = label, hidden
            else:
                label.remove()
            if fewest == 0:
                break
        if best is not None:
            taken.append(best.get_window_extent())
