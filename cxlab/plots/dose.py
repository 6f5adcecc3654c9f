"""Curves of an outcome over a dose or a gap: estimate, band, and the stretch that matters shaded."""

from __future__ import annotations

from typing import TYPE_CHECKING

from cxlab.plots.style import BLUE, GREEN, GREY, INK, ORANGE, SKY, new_axes, title_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes


def dose_curve(
    frame: pd.DataFrame,
    *,
    plateau: tuple[float, float],
    title: str,
    y_label: str,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw an outcome over days on a log axis, the plateau of net gain shaded.

    Parameters
    ----------
    frame
        Columns days, estimate, conf_low, conf_high, falling.
    plateau
        First and last day of the plateau.
    title, y_label, note
        Words, with units in ``y_label``.
    ax
        Axes to draw on; new ones if None.
    """
    axes = new_axes(ax, width=8.6, height=4.8)
    axes.axvspan(*plateau, color=GREEN, alpha=0.16, zorder=0, linewidth=0)
    axes.fill_between(frame["days"], frame["conf_low"], frame["conf_high"], color=SKY, alpha=0.35, zorder=1)
    axes.plot(frame["days"], frame["estimate"], color=BLUE, linewidth=2.2, zorder=3, label="curve")
    if not frame["falling"].equals(frame["estimate"]):
        axes.plot(
            frame["days"],
            frame["falling"],
            color=ORANGE,
            linewidth=1.6,
            linestyle=(0, (5, 3)),
            zorder=4,
            label="nearest curve that never rises",
        )
        axes.legend(frameon=False, loc="upper right", fontsize=9.5)
    axes.set_xscale("log")
    low, high = float(frame["days"].min()), float(frame["days"].max())
    ticks = [day for day in (1, 2, 3, 5, 7, 10, 14, 21, 28, 45, 60, 90) if low <= day <= high]
    axes.set_xticks(ticks, [f"{day:g}" for day in ticks])
    axes.minorticks_off()
    axes.text(
        (plateau[0] * plateau[1]) ** 0.5,
        0.03,
        f"plateau {plateau[0]:.1f} to {plateau[1]:.1f} days",
        transform=axes.get_xaxis_transform(),
        ha="center",
        fontsize=9.5,
        color=INK,
    )
    return title_axes(axes, title, x_label="days until resolved (log scale)", y_label=y_label, note=note)


def zone_curve(
    line: pd.DataFrame,
    points: pd.DataFrame,
    *,
    lower: tuple[float, float, float] | None,
    upper: tuple[float, float, float] | None,
    title: str,
    y_label: str,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the outcome over the gap: means of the answers, the bent line, the thresholds with limits.

    Parameters
    ----------
    line
        Columns gap, estimate: the fitted line.
    points
        Columns gap, mean, conf_low, conf_high, n: the answers in bins.
    lower, upper
        Threshold with its limits (low, estimate, high); None where none is told.
    title, y_label, note
        Words, with units in ``y_label``.
    ax
        Axes to draw on; new ones if None.
    """
    axes = new_axes(ax, width=8.6, height=4.8)
    named = False
    for limits in (lower, upper):
        if limits is None:
            continue
        axes.axvspan(limits[0], limits[2], color=SKY, alpha=0.25, zorder=0, linewidth=0)
        axes.axvline(
            limits[1],
            color=BLUE,
            linewidth=1.2,
            linestyle=(0, (4, 3)),
            zorder=1,
            label=None if named else "threshold with its interval",
        )
        named = True
    axes.vlines(points["gap"], points["conf_low"], points["conf_high"], color=GREY, linewidth=1.4, zorder=2)
    size = 14 + 120 * points["n"] / points["n"].max()
    axes.scatter(points["gap"], points["mean"], s=size, color=GREY, zorder=3, label="mean of the answers")
    axes.plot(line["gap"], line["estimate"], color=ORANGE, linewidth=2.4, zorder=4, label="fitted line")
    axes.axvline(0.0, color=INK, linewidth=0.8, zorder=1)
    axes.legend(frameon=False, loc="lower right", fontsize=9.5)
    return title_axes(axes, title, x_label="perceived minus expected, points", y_label=y_label, note=note)
