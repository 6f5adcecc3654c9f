"""The way back: the level after one bad experience, month by month, while good ones follow."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING, Final

import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLOURS: Final = {"unresolved": ORANGE, "resolved": BLUE}
DOTTED: Final = (0, (2, 2))


def plot_way_back(
    paths: pd.DataFrame,
    back: pd.DataFrame,
    *,
    ax: Axes | None = None,
    outcome: str,
    every_days: float,
    note: str = "",
) -> Axes:
    """Level beside the level before one negative, with bands, and where it is reached again.

    Parameters
    ----------
    paths
        Columns situation, positives_follow, positives, days, level_change, conf_low, conf_high.
    back
        One row per situation: situation, estimate, conf_low, conf_high (positives until back).
    ax
        Where to draw; new axes if None.
    outcome, every_days, note
        Name of the outcome, distance of the positives in days, small print.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import MaxNLocator

    axes = new_axes(ax, width=9.0, height=5.0)
    last = _months_shown(back, paths)
    axes.axhline(0.0, color=INK, linewidth=1.2)
    axes.text(last, 0.0, "level before ", ha="right", va="bottom", fontsize=9.5, color=INK)
    drawn = [
        _draw_situation(axes, paths[paths["situation"] == situation], last=last, colour=colour)
        for situation, colour in COLOURS.items()
        if (paths["situation"] == situation).any()
    ]
    for situation in paths["situation"].unique():
        axes.plot([], [], "o-", color=COLOURS[situation], label=_label(situation, back))
    axes.plot([], [], color=GREY, linewidth=1.2, linestyle=DOTTED, label="time alone, no positive follows")
    axes.set_xlim(-0.15, last)
    lowest, highest = min(low for low, _ in drawn), max(high for _, high in drawn)
    axes.set_ylim(1.12 * lowest, max(1.12 * highest, -0.2 * lowest))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return title_axes(
        axes,
        "How long one bad experience weighs",
        x_label=f"positive experiences in a row since the bad one, one every {every_days:g} days",
        y_label=f"{outcome}: points above or below before",
        note=note,
    )


def _draw_situation(axes: Axes, paths: pd.DataFrame, *, last: int, colour: str) -> tuple[float, float]:
    """Path with band, and dotted the path of time alone; the lowest and highest value drawn."""
    helped, alone = (
        paths[paths["positives_follow"] == follows].sort_values("days").iloc[: last + 1]
        for follows in (True, False)
    )
    low, high = helped["conf_low"], helped["conf_high"]
    axes.fill_between(helped["positives"], low, high, color=colour, alpha=0.18, linewidth=0)
    axes.plot(helped["positives"], helped["level_change"], "o-", color=colour, markersize=4.5, linewidth=2)
    axes.plot(range(len(alone)), alone["level_change"], color=colour, linewidth=1.2, linestyle=DOTTED)
    return float(low.min()), float(high.max())


def plot_no_answer(text: str, *, ax: Axes | None = None) -> Axes:
    """An empty panel that says why there is nothing to draw."""
    axes = new_axes(ax, width=9.0, height=2.0)
    axes.axis("off")
    words = "\n".join(textwrap.wrap(text, 90))
    axes.text(0.5, 0.5, words, ha="center", va="center", transform=axes.transAxes, color=INK)
    return axes


def _label(situation: str, back: pd.DataFrame) -> str:
    row = back[back["situation"] == situation].iloc[0]
    return (
        f"after one {situation} negative: back after {row['estimate']:.1f} positives "
        f"[{row['conf_low']:.1f}, {row['conf_high']:.1f}]"
    )


def _months_shown(back: pd.DataFrame, paths: pd.DataFrame) -> int:
    """A little beyond the upper limit of the slower way back, as far as paths reach."""
    wanted = back.loc[back["conf_high"] < float("inf"), "conf_high"].max()
    reach = int(paths["positives"].max())
    return reach if pd.isna(wanted) else min(reach, int(wanted) + 4)


def plot_usual_ratios(ratios: pd.DataFrame, *, ax: Axes | None = None, note: str = "") -> Axes:
    """Ratios by method with their intervals, one colour for unresolved and one for resolved negatives.

    Parameters
    ----------
    ratios
        Columns method, state, estimate, conf_low, conf_high; rows without an estimate are named, not drawn.
    ax
        Where to draw; new axes if None.
    note
        Small print.

    Returns
    -------
    Axes
    """
    methods = list(dict.fromkeys(ratios["method"]))
    axes = new_axes(ax, width=9.0, height=1.6 + 0.55 * len(methods))
    for shift, (state, colour) in zip((-0.13, 0.13), COLOURS.items(), strict=True):
        rows = ratios[(ratios["state"] == state) & ratios["estimate"].notna()]
        height = [methods.index(method) + shift for method in rows["method"]]
        spread = [rows["estimate"] - rows["conf_low"], rows["conf_high"] - rows["estimate"]]
        axes.errorbar(
            rows["estimate"], height, xerr=spread, fmt="o", color=colour, label=f"{state} negative"
        )
    axes.set_yticks(range(len(methods)), methods)
    axes.set_ylim(len(methods) - 0.5, -0.5)
    axes.set_xlim(left=min(0.0, float(ratios["conf_low"].min(skipna=True))))
    axes.legend(frameon=False, fontsize=10, loc="upper right")
    return title_axes(
        axes,
        "Repair ratios as usually computed",
        x_label="positives per negative, not the repair ratio",
        y_label="",
        note=note,
    )
