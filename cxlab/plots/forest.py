"""Forest plot: one line per term with its estimate and interval, the figures printed beside it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes


def forest(
    frame: pd.DataFrame,
    *,
    title: str,
    x_label: str,
    y_label: str = "",
    note: str = "",
    reference: float | None = None,
    decimals: int = 2,
    ax: Axes | None = None,
) -> Axes:
    """Draw estimates with their intervals, first row on top.

    Parameters
    ----------
    frame
        Columns ``term, estimate, conf_low, conf_high``. Where there is a column ``solid`` (bool), rows
        with False get a hollow marker; where there is a column ``text``, it is printed for rows
        without an estimate (for instance "too few").
    title, x_label, y_label, note
        Words, with units in ``x_label``; ``note`` stands in small print under the title.
    reference
        Where to draw a vertical line of comparison.
    decimals
        Of the printed figures.
    ax
        Axes to draw on; new ones if None, as high as the rows need.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> rows = pd.DataFrame({"term": ["a"], "estimate": [1.0], "conf_low": [0.5], "conf_high": [1.4]})
    >>> axes = forest(rows, title="One", x_label="points", decimals=1)
    >>> [text.get_text() for text in axes.texts]
    ['1.0  (0.5 to 1.4)']
    """
    axes = new_axes(ax, width=8.6, height=1.5 + 0.38 * max(2, len(frame)))
    rows = frame.reset_index(drop=True)
    if reference is not None:
        axes.axvline(reference, color=GREY, linewidth=1.2, linestyle=(0, (4, 3)), zorder=1)
    _draw_intervals(axes, rows)
    _print_figures(axes, rows, decimals)
    axes.set_yticks(np.arange(len(rows)), [str(term) for term in rows["term"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    axes.margins(x=0.06)
    return title_axes(axes, title, x_label=x_label, y_label=y_label, note=note)


def _draw_intervals(axes: Axes, rows: pd.DataFrame) -> None:
    known = rows["estimate"].notna().to_numpy()
    solid = rows["solid"].to_numpy(dtype=bool) if "solid" in rows else np.ones(len(rows), dtype=bool)
    positions = np.arange(len(rows))
    drawn = rows[known]
    axes.hlines(
        positions[known], drawn["conf_low"], drawn["conf_high"], color=BLUE, linewidth=2.4, zorder=2
    )
    for filled in (True, False):
        chosen = known & (solid == filled)
        axes.scatter(
            rows.loc[chosen, "estimate"],
            positions[chosen],
            s=62,
            zorder=3,
            facecolor=BLUE if filled else "white",
            edgecolor=BLUE,
            linewidth=1.8,
        )


def _print_figures(axes: Axes, rows: pd.DataFrame, decimals: int) -> None:
    estimated = rows["estimate"].notna().to_list()
    for position, (known, row) in enumerate(zip(estimated, rows.itertuples(), strict=True)):
        axes.text(
            1.02,
            position,
            _figures(row, decimals) if known else str(getattr(row, "text", "no estimate")),
            transform=axes.get_yaxis_transform(),
            va="center",
            fontsize=9.5,
            color=INK if known else GREY,
        )


def _figures(row: object, decimals: int) -> str:
    estimate, low, high = (
        f"{getattr(row, name):.{decimals}f}" for name in ("estimate", "conf_low", "conf_high")
    )
    return f"{estimate}  ({low} to {high})"
