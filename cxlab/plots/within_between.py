"""Sites as points, each with the slope inside it, and the line that comparing sites would draw."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GRID, ORANGE, SKY, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


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
    """Draw site means with a stroke of the slope within, one standard deviation to each side.

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
    fact, outcome, reach = (frame[name].to_numpy() for name in ("fact", "outcome", "fact_deviation"))
    strokes = axes.plot(
        np.stack([fact - reach, fact + reach]),
        np.stack([outcome - within * reach, outcome + within * reach]),
        color=BLUE,
        linewidth=1.6,
        zorder=2,
    )
    size = 14.0 + 60.0 * frame["n"].to_numpy() / frame["n"].max()
    axes.scatter(fact, outcome, s=size, color=SKY, edgecolor=BLUE, linewidth=0.8, zorder=3)
    ends = np.array([fact.min(), fact.max()])
    (line,) = axes.plot(ends, intercept + between * ends, color=ORANGE, linewidth=2.6, zorder=4)
    axes.legend(
        [strokes[0], line],
        [f"within a site: {within:+.2f}", f"between sites: {between:+.2f}"],
        title="slope per unit",
        loc="best",
        framealpha=0.95,
        edgecolor=GRID,
        fontsize=10,
    )
    return title_axes(axes, title, x_label=x_label, y_label=y_label, note=note)
