"""Effects of experiences by age: good and bad on one scale, so that their shapes can be compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREEN, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LOOK = {
    "positive": (GREEN, "s", -0.012),
    "negative_unresolved": (ORANGE, "o", 0.0),
    "negative_resolved": (BLUE, "D", 0.012),
}


def plot_fading(
    effects: pd.DataFrame, *, ratio: float, outcome: str, note: str = "", ax: Axes | None = None
) -> Axes:
    """Points of loss by age of a negative, and the gain of a positive times ``ratio``.

    Parameters
    ----------
    effects
        Columns kind, days_from, days_to, estimate, conf_low, conf_high; rows without estimate are skipped.
    ratio
        By which positives are stretched; not drawn if it is not a positive number.
    outcome, note
        Name of the outcome, small print.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, width=9.0, height=4.8)
    axes.axhline(0.0, color=INK, linewidth=1.2)
    reach = float(effects["days_to"].max())
    for kind, (colour, marker, shift) in _LOOK.items():
        rows = effects[(effects["kind"] == kind) & effects["estimate"].notna()]
        scale = ratio if kind == "positive" else -1.0
        if rows.empty or not (np.isfinite(scale) and scale != 0.0) or (kind == "positive" and ratio <= 0):
            continue
        middle = (rows["days_from"] + rows["days_to"]) / 2.0 + shift * reach
        ends = np.sort(np.stack([rows["conf_low"], rows["conf_high"]]) * scale, axis=0)
        value = rows["estimate"].to_numpy() * scale
        words = f"positive, times {ratio:.1f}" if kind == "positive" else kind.replace("_", ", ")
        axes.errorbar(
            middle, value, yerr=[value - ends[0], ends[1] - value], fmt=f"{marker}-", color=colour,
            linewidth=1.4, markersize=5, capsize=2.5, label=words,
        )  # fmt: skip
    axes.set_xlim(0.0, reach)
    if axes.get_legend_handles_labels()[1]:
        axes.legend(frameon=False, fontsize=10, loc="upper right")
    return title_axes(
        axes,
        "What is left of an experience, by its age",
        x_label="days since the experience",
        y_label=f"{outcome}: points lost (negatives) or gained",
        note=note,
    )
