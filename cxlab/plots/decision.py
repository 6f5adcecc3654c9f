"""Pictures of a decision in money: the profit curve with the rule's point, and a scenario beside today."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_profit_curve(
    curve: pd.DataFrame,
    *,
    rule: pd.Series,
    currency: str,
    title: str,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Profit by share contacted, highest expected profit first, with its band and the point of the rule.

    Parameters
    ----------
    curve
        Columns ordered_by ("expected profit" or "probability"), contacted_share (0..1), estimate, conf_low,
        conf_high: money per customer of the whole base.
    rule
        The point of the rule: contacted_share, estimate, conf_low, conf_high.
    currency, title, note
        Words.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import PercentFormatter

    axes = new_axes(ax, width=8.6, height=5.0)
    main = curve[curve["ordered_by"] == "expected profit"]
    _draw_curves(axes, main, curve[curve["ordered_by"] == "probability"])
    x, y = float(rule["contacted_share"]), float(rule["estimate"])
    sides = [[max(0.0, y - float(rule["conf_low"]))], [max(0.0, float(rule["conf_high"]) - y)]]
    words = f"the rule: {x:.1%} contacted, {y:.2f} {currency} per customer"
    axes.errorbar(
        [x], [y], yerr=sides, fmt="o", color=ORANGE, markersize=8, elinewidth=2, zorder=4, label=words
    )
    top = float(max(main["estimate"].max(), rule["conf_high"]))
    # Contacting everybody usually loses so much that the part that matters would be a flat line.
    depth = max(float(-main["estimate"].min()), 0.0)
    axes.set_ylim(-min(depth * 1.05, 2.0 * top) if top > 0.0 else None, 1.35 * top if top > 0.0 else None)
    axes.set_xlim(0.0, _shown_to(main, axes.get_ylim()[0]))
    axes.xaxis.set_major_formatter(PercentFormatter(1.0, decimals=0))
    axes.legend(loc="lower left", frameon=False, fontsize=10)
    return title_axes(
        axes,
        title,
        x_label="share of customers contacted, best first",
        y_label=f"profit, {currency} per customer of the base",
        note=note,
    )


def _draw_curves(axes: Axes, main: pd.DataFrame, other: pd.DataFrame) -> None:
    share = main["contacted_share"].to_numpy()
    axes.axhline(0.0, color=INK, linewidth=0.9, zorder=1)
    axes.fill_between(
        share, main["conf_low"], main["conf_high"], color=BLUE, alpha=0.18, linewidth=0, zorder=2
    )
    axes.plot(share, main["estimate"], color=BLUE, linewidth=2.2, zorder=3, label="by expected profit")
    axes.plot(
        other["contacted_share"],
        other["estimate"],
        color=GREY,
        linewidth=1.6,
        linestyle=(0, (5, 3)),
        zorder=2,
        label="by probability alone",
    )


def _shown_to(curve: pd.DataFrame, bottom: float) -> float:
    """The share at which the curve leaves the picture below, and a little more; else all of it."""
    below = curve.loc[curve["estimate"] < bottom, "contacted_share"]
    return 1.0 if below.empty else min(1.0, float(below.min()) + 0.05)


def plot_uplift_curve(curve: pd.DataFrame, *, title: str, note: str = "", ax: Axes | None = None) -> Axes:
    """Customers kept by share contacted, ordered by uplift (with band) and by risk, beside a random order.

    Parameters
    ----------
    curve
        Columns ordered_by ("uplift" or "risk"), contacted_share (0..1), estimate, conf_low, conf_high:
        customers kept per 1 customer of the base.
    title, note
        Words.
    ax
        Where to draw; new axes if None.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import PercentFormatter

    axes = new_axes(ax, width=7.4, height=5.0)
    main, risk = (curve[curve["ordered_by"] == name] for name in ("uplift", "risk"))
    share = main["contacted_share"].to_numpy()
    everybody = float(main["estimate"].iloc[-1])
    axes.fill_between(share, main["conf_low"], main["conf_high"], color=BLUE, alpha=0.18, linewidth=0)
    axes.plot(share, main["estimate"], color=BLUE, linewidth=2.2, label="by uplift")
    axes.plot(
        share, risk["estimate"], color=ORANGE, linewidth=1.8, linestyle=(0, (6, 2)), label="by churn risk"
    )
    axes.plot([0.0, 1.0], [0.0, everybody], color=GREY, linewidth=1.2, label="in random order")
    axes.set_xlim(0.0, 1.0)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0 if axis is axes.xaxis else 1))
    axes.legend(loc="lower right", frameon=False, fontsize=10)
    return title_axes(
        axes,
        title,
        x_label="share of customers contacted",
        y_label="customers kept, share of the base",
        note=note,
    )
