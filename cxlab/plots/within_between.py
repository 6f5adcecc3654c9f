"""Sites as points, each with the slope inside it, and the line that comparing sites would draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GRID, ORANGE, SKY, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.lines import Line2D


def within_between(
    frame: pd.DataFrame,
    *,
    within: float,
    between: float,
    intercept: float,
    title: str,
    x_label: str,
    y_label: str,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw site means with a short stroke of the slope within: longer ones hide each other at 100 sites.

    A stroke reaches the site's standard deviation to each side, at most a fortieth of the width of the
    picture and a twenty-fourth of its height.

    Parameters
    ----------
    frame
        Per site ``n``, ``fact`` and ``outcome`` (means), ``fact_deviation`` (within the site).
    within, between
        Slopes; ``intercept`` belongs to the one between.
    title, x_label, y_label, note
        Words, with units in the labels.
    ax
        Axes to draw on; new ones if None.

    Examples
    --------
    >>> sites = pd.DataFrame({"n": [9, 9], "fact": [1.0, 2.0], "outcome": [7.0, 8.0],
    ...                       "fact_deviation": [0.5, 0.5]})
    >>> axes = within_between(sites, within=-1.0, between=1.0, intercept=6.0, title="Trap",
    ...                       x_label="wait, minutes", y_label="points")
    >>> [text.get_text() for text in axes.get_legend().get_texts()]
    ['within a site: -1.00', 'between sites: +1.00']
    """
    axes = new_axes(ax, width=8.2, height=5.0)
    fact, outcome = (frame[name].to_numpy() for name in ("fact", "outcome"))
    stroke = _strokes(axes, frame, within)
    size = 14.0 + 60.0 * frame["n"].to_numpy() / frame["n"].max()
    axes.scatter(fact, outcome, s=size, color=SKY, edgecolor=BLUE, linewidth=0.8, zorder=3)
    ends = np.array([fact.min(), fact.max()])
    (line,) = axes.plot(ends, intercept + between * ends, color=ORANGE, linewidth=2.6, zorder=4)
    axes.legend(
        [stroke, line],
        [f"within a site: {within:+.2f}", f"between sites: {between:+.2f}"],
        title="slope per unit",
        loc="best",
        framealpha=0.95,
        edgecolor=GRID,
        fontsize=10,
    )
    return title_axes(axes, title, x_label=x_label, y_label=y_label, note=note)


def _strokes(axes: Axes, frame: pd.DataFrame, slope: float) -> Line2D:
    """A stroke at each site with the slope within; long ones would hide the sites."""
    fact, outcome, deviation = (frame[name].to_numpy() for name in ("fact", "outcome", "fact_deviation"))
    flat = float(np.ptp(fact)) / 40 or np.inf
    steep = (float(np.ptp(outcome)) / 24 / abs(slope) if slope else np.inf) or np.inf
    reach = np.minimum(deviation, min(flat, steep))
    strokes = axes.plot(
        np.stack([fact - reach, fact + reach]),
        np.stack([outcome - slope * reach, outcome + slope * reach]),
        color=BLUE,
        linewidth=1.6,
        zorder=2,
    )
    return strokes[0]
