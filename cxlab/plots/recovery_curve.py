"""Share of customers back and gone by steps after a bad experience, each beside its placebo."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlab.plots.style import BLUE, GREY, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_recovery_curve(
    curves: pd.DataFrame, *, in_a_row: int, unit: str, note: str = "", ax: Axes | None = None
) -> Axes:
    """Step curves of being back with bands, and thin broken ones of having left.

    Parameters
    ----------
    curves
        Columns group, event ("back" or "left"), step, estimate, conf_low, conf_high; the affected group
        first, then the placebo.
    in_a_row, unit, note
        Answers in a row of the rule, what a step is, small print.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    axes = new_axes(ax, width=11.0, height=4.8)
    groups = list(dict.fromkeys(curves["group"]))
    for group, colour in zip(groups, (ORANGE, BLUE), strict=True):
        rows = curves[(curves["group"] == group) & (curves["event"] == "back")]
        limits = (100 * rows["conf_low"], 100 * rows["conf_high"])
        axes.fill_between(rows["step"], *limits, color=colour, alpha=0.2, linewidth=0, step="post")
        axes.step(
            rows["step"], 100 * rows["estimate"], where="post", color=colour, linewidth=2, label=group
        )
        gone = curves[(curves["group"] == group) & (curves["event"] == "left")]
        if (gone["estimate"] > 0).any():
            axes.step(
                gone["step"], 100 * gone["estimate"], where="post", color=colour, linewidth=1.2,
                linestyle="--", label=f"left, {group}",
            )  # fmt: skip
    axes.axhline(50.0, color=GREY, linewidth=1.0, linestyle=":")
    axes.set_ylim(0, 100)
    axes.set_xlim(0, float(curves["step"].max()))
    axes.legend(frameon=False, fontsize=10, loc="upper left", bbox_to_anchor=(1.01, 1.0))
    rule = "an answer" if in_a_row == 1 else f"{in_a_row} answers in a row"
    return title_axes(
        axes,
        f"Back after a bad experience: {rule} at the own former mean",
        x_label=f"{unit} since the first answer after the event",
        y_label="customers, percent",
        note=note,
    )
