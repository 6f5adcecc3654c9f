"""Pictures of a probability forecast: calibration by tenths, and the gains of contacting the riskiest."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from cxlab.plots.style import BLUE, GREY, ORANGE, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def plot_calibration(
    bins: pd.DataFrame, *, ax: Axes | None = None, title: str, event: str, note: str = ""
) -> Axes:
    """Observed against predicted share per bin with intervals; the diagonal is perfect calibration.

    Parameters
    ----------
    bins
        Columns mean_predicted, observed_share, conf_low, conf_high (shares 0..1), n.
    ax
        Where to draw; new axes if None.
    title, event, note
        Heading, what is predicted (for the axis labels), small print.

    Returns
    -------
    Axes
    """
    from matplotlib.ticker import MaxNLocator, PercentFormatter

    axes = new_axes(ax, width=6.0, height=5.2)
    x, y = bins["mean_predicted"].to_numpy(), bins["observed_share"].to_numpy()
    top = 1.08 * float(max(x.max(), bins["conf_high"].max()))
    axes.plot([0.0, top], [0.0, top], color=GREY, linewidth=1.2, linestyle=(0, (5, 4)), zorder=1)
    label = "dashed: predicted = observed"
    axes.text(0.97, 0.04, label, color=GREY, ha="right", va="bottom", fontsize=10, transform=axes.transAxes)
    spread = [y - bins["conf_low"].to_numpy(), bins["conf_high"].to_numpy() - y]
    axes.errorbar(
        x,
        y,
        yerr=[side.clip(min=0.0) for side in spread],
        fmt="o",
        color=BLUE,
        markersize=6,
        elinewidth=1.6,
        capsize=0,
        zorder=3,
    )
    axes.set_xlim(0.0, top)
    axes.set_ylim(0.0, top)
    axes.set_box_aspect(1)
    for axis in (axes.xaxis, axes.yaxis):
        # Steps of 1, 2 and 5 only: a tick at 2.5 % would be printed as a rounded 2 %.
        axis.set_major_locator(MaxNLocator(nbins=6, steps=[1, 2, 5, 10]))
        axis.set_major_formatter(PercentFormatter(1.0, decimals=0 if top > 0.06 else 1))
    return title_axes(axes, title, x_label=f"predicted {event}", y_label=f"observed {event}", note=note)


def plot_gains(
    curve: pd.DataFrame, *, ax: Axes | None = None, title: str, event: str, note: str = ""
) -> Axes:
    """Share of events found against share of rows taken from the highest forecast down.

    Parameters
    ----------
    curve
        Columns contacted_share and found_share, both from 0 to 1 and rising.
    ax
        Where to draw; new axes if None.
    title, event, note
        Heading, what is found (for the axis label and the annotation), small print.

    Returns
    -------
    Axes
    """
    import numpy as np
    from matplotlib.ticker import PercentFormatter

    axes = new_axes(ax, width=6.0, height=5.2)
    x, y = curve["contacted_share"].to_numpy(), curve["found_share"].to_numpy()
    axes.plot([0.0, 1.0], [0.0, 1.0], color=GREY, linewidth=1.2, linestyle=(0, (5, 4)))
    _along_diagonal(axes, "in random order", 0.5)
    axes.plot(x, y, color=BLUE, linewidth=2.2)
    lines = []
    for share in (0.1, 0.3):
        found = float(np.interp(share, x, y))
        axes.plot([share], [found], "o", color=ORANGE, markersize=7)
        lines.append(f"riskiest {share:.0%} hold {found:.0%} of all {event}")
    # The corner below the diagonal is empty for every forecast that is better than chance.
    axes.text(0.97, 0.04, "\n".join(lines), ha="right", va="bottom", fontsize=10, color=ORANGE)
    axes.set_xlim(0.0, 1.0)
    axes.set_ylim(0.0, 1.0)
    axes.set_box_aspect(1)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(PercentFormatter(1.0))
    return title_axes(
        axes,
        title,
        x_label="customers contacted, riskiest first",
        y_label=f"share of all {event} among them",
        note=note,
    )


def _along_diagonal(axes: Axes, text: str, place: float) -> None:
    axes.annotate(
        text,
        (place, place),
        xytext=(4, -4),
        textcoords="offset points",
        rotation=45,
        rotation_mode="anchor",
        ha="center",
        va="top",
        color=GREY,
        fontsize=9.5,
    )
