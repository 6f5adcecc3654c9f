"""Attribution flow: measurements on the left, ratings on the right, a band where an effect lands."""

from __future__ import annotations

import textwrap
from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, YELLOW, new_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LEFT: Final = 0.30
_RIGHT: Final = 0.70
#: Height of the thickest band, in slots of one item.
_THICKEST: Final = 0.42
_MOOD_GREY: Final = "#C9C9C9"
#: Small print in plain yellow cannot be read on white.
_DARK_YELLOW: Final = "#8A5F00"
_SHOWN: Final = "supported"
_BLURRED: Final = "not identified"


@dataclass(frozen=True)
class _Band:
    left: str
    right: str
    points: float
    label: str
    color: str


def attribution_flow(
    frame: pd.DataFrame, *, mood: pd.DataFrame, title: str, note: str = "", ax: Axes | None = None
) -> Axes:
    """Draw which rating each measurement moves, width by size, colour by whether it belongs there.

    Parameters
    ----------
    frame
        Columns ``kpi, item, role ("home" or "misattributed"), points, points_low, points_high, kpi_sd,
        kpi_step (what the points are per), quality_measured, verdict``; a band for each row with verdict
        "supported".
    mood
        Columns ``kpi, points, points_low, points_high, verdict``: effect on all ratings alike.
    title, note
        Words above the picture, with unit, n and what the interval is.
    ax
        Axes to draw on; new ones if None, as high as the ratings need.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> cells = pd.DataFrame({"kpi": ["parking"], "item": ["rating_service"], "role": ["misattributed"],
    ...     "points": [-0.3], "points_low": [-0.4], "points_high": [-0.2], "kpi_sd": [12.0],
    ...     "kpi_step": [12.0], "quality_measured": [True], "verdict": ["supported"]})
    >>> calm = pd.DataFrame({"kpi": ["parking"], "points": [0.0], "points_low": [-0.1],
    ...     "points_high": [0.1], "verdict": ["undetermined"]})
    >>> axes = attribution_flow(cells, mood=calm, title="Where it lands")
    >>> sorted(text.get_text() for text in axes.texts if "to" in text.get_text())
    ['−0.30 (−0.40 to −0.20)']
    """
    kpis, items = frame["kpi"].drop_duplicates().tolist(), frame["item"].drop_duplicates().tolist()
    bands = _bands(frame, mood)
    with_mood = any(band.right == "" for band in bands)
    items = _ordered(items, bands, kpis)
    slots = [*items, ""] if with_mood else items
    axes = new_axes(ax, width=10.5, height=2.1 + 0.62 * max(len(slots), len(kpis) + 1))
    axes.axis("off")
    right = {name: -float(slot) for slot, name in enumerate(slots)}
    middle, span = -(len(slots) - 1) / 2, max(len(slots) - 1, len(kpis) - 1)
    heights = middle + np.linspace(0.5, -0.5, len(kpis)) * span if len(kpis) > 1 else np.array([middle])
    left = dict(zip(kpis, heights.tolist(), strict=True))
    _draw_bands(axes, bands, left, right)
    _draw_measurements(axes, frame, left)
    _draw_ratings(axes, frame, bands, right)
    _draw_frame(
        axes, title, note, top=max(0.0, max(left.values())), bottom=min([*left.values(), *right.values()])
    )
    return axes


def _bands(frame: pd.DataFrame, mood: pd.DataFrame) -> list[_Band]:
    landed = [
        _Band(row["kpi"], row["item"], row["points"], _interval(row), _color(row))
        for row in frame[frame["verdict"] == _SHOWN].to_dict("records")
    ]
    return landed + [
        _Band(row["kpi"], "", row["points"], _interval(row), _MOOD_GREY)
        for row in mood[mood["verdict"] == _SHOWN].to_dict("records")
    ]


def _color(row: Mapping[Hashable, Any]) -> str:
    if row["role"] == "home":
        return BLUE
    return ORANGE if row["quality_measured"] else YELLOW


def _ordered(items: list[str], bands: list[_Band], kpis: list[str]) -> list[str]:
    """Items in the order of where their bands come from, so that few cross; untouched ones last."""
    centre = {}
    for item in items:
        own = [(abs(band.points), kpis.index(band.left)) for band in bands if band.right == item]
        total = sum(weight for weight, _ in own)
        centre[item] = sum(weight * place for weight, place in own) / total if total else len(kpis)
    return sorted(items, key=lambda item: centre[item])


def _interval(row: Mapping[Hashable, Any]) -> str:
    text = f"{row['points']:.2f} ({row['points_low']:.2f} to {row['points_high']:.2f})"
    return text.replace("-", "−")


def _draw_bands(axes: Axes, bands: list[_Band], left: dict[str, float], right: dict[str, float]) -> None:
    """Bands leave and arrive stacked in the order of their other end, so that they cross little."""
    largest = max((abs(band.points) for band in bands), default=1.0)
    width = {id(band): max(0.04, _THICKEST * abs(band.points) / largest) for band in bands}
    start, end = {}, {}
    for name, height in left.items():
        own = sorted((b for b in bands if b.left == name), key=lambda b: -right[b.right])
        start.update(_stack(own, width, height))
    for name, height in right.items():
        own = sorted((b for b in bands if b.right == name), key=lambda b: -left[b.left])
        end.update(_stack(own, width, height))
    x = np.linspace(_LEFT, _RIGHT, 80)
    ease = (x - _LEFT) / (_RIGHT - _LEFT)
    ease = ease**2 * (3 - 2 * ease)
    for band in sorted(bands, key=lambda band: band.color != _MOOD_GREY):
        y = start[id(band)] + (end[id(band)] - start[id(band)]) * ease
        half = width[id(band)] / 2
        axes.fill_between(x, y - half, y + half, color=band.color, alpha=0.75, linewidth=0)


def _stack(bands: list[_Band], width: dict[int, float], height: float) -> dict[int, float]:
    total = sum(width[id(band)] for band in bands)
    place, centres = height + total / 2, {}
    for band in bands:
        centres[id(band)] = place - width[id(band)] / 2
        place -= width[id(band)]
    return centres


def _draw_measurements(axes: Axes, frame: pd.DataFrame, left: dict[str, float]) -> None:
    for name, height in left.items():
        rows = frame[frame["kpi"] == name]
        blurred = bool((rows["verdict"] == _BLURRED).any())
        sd, step = rows["kpi_sd"].iloc[0], rows["kpi_step"].iloc[0]
        small = f"one step: one SD = {sd:.3g}" if step == sd else "one step: yes instead of no"
        if blurred:
            small = "cannot be told apart from the mood"
        elif not (rows["verdict"] == _SHOWN).any():
            small += "; nothing shown"
        axes.text(_LEFT - 0.025, height + 0.03, _words(name, 24), ha="right", va="bottom", fontsize=11.5,
                  color=GREY if blurred else INK, fontweight="bold")  # fmt: skip
        axes.text(_LEFT - 0.025, height - 0.03, small, ha="right", va="top", fontsize=9, color=GREY)
        axes.plot([_LEFT - 0.01], [height], marker="s", color=GREY if blurred else INK, markersize=7)


def _draw_ratings(axes: Axes, frame: pd.DataFrame, bands: list[_Band], right: dict[str, float]) -> None:
    thin = set(frame.loc[frame["verdict"] == "too few", "item"])
    for name, height in right.items():
        arriving = sorted((b for b in bands if b.right == name), key=lambda b: abs(b.points), reverse=True)
        words = _words(name.removeprefix("rating_"), 30) if name else "all ratings alike (mood)"
        axes.plot([_RIGHT + 0.01], [height], marker="o", color=INK if arriving else GREY, markersize=7)
        axes.text(_RIGHT + 0.025, height + 0.03, words, ha="left", va="bottom", fontsize=11.5,
                  color=INK if arriving else GREY, fontweight="bold" if arriving else "normal")  # fmt: skip
        if name in thin:
            axes.text(_RIGHT + 0.025, height - 0.03, "too few answers", va="top", fontsize=9, color=GREY)
        for number, band in enumerate(arriving):
            color = {_MOOD_GREY: GREY, YELLOW: _DARK_YELLOW}.get(band.color, band.color)
            across, down = _RIGHT + 0.025 + 0.165 * (number % 2), height - 0.03 - 0.24 * (number // 2)
            axes.text(across, down, band.label, ha="left", va="top", fontsize=9, color=color)


def _draw_frame(axes: Axes, title: str, note: str, *, top: float, bottom: float) -> None:
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(bottom - 0.95, top + 0.75)
    axes.text(_LEFT - 0.01, top + 0.55, "what was measured", ha="right", fontsize=10, color=GREY)
    axes.text(_RIGHT + 0.01, top + 0.55, "what was rated", ha="left", fontsize=10, color=GREY)
    key = (
        (0.04, "its own rating", BLUE),
        (0.20, "another rating, its measured quality equal", ORANGE),
        (0.555, "another rating, quality not measured", YELLOW),
        (0.86, "all ratings alike", _MOOD_GREY),
    )
    for place, words, color in key:
        axes.plot([place - 0.03, place - 0.01], [bottom - 0.8] * 2, color=color, linewidth=6, alpha=0.75)
        axes.text(place, bottom - 0.8, words, va="center", fontsize=9, color=INK)
    lines = note.count("\n") + 1 if note else 0
    axes.set_title(title + "\n" * lines, loc="left", fontsize=14, color=INK, fontweight="bold")
    if note:
        axes.text(0.0, 1.01, note, transform=axes.transAxes, fontsize=9.5, color=GREY, va="bottom")


def _words(name: str, width: int) -> str:
    return "\n".join(textwrap.wrap(name.replace("_", " "), width))
