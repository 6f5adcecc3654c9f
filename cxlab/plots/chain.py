"""Rules of a journey side by side: how far each stays behind the one that predicts best."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from cxlab.plots.style import BLUE, GREEN, GREY, INK, ORANGE, PURPLE, new_axes, title_axes

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes

_COLOURS: Final = {"cumulative": BLUE, "weakest link": ORANGE, "peak-end": PURPLE, "best moment": GREEN}


def chain(frame: pd.DataFrame, *, title: str, note: str, ax: Axes | None = None) -> Axes:
    """Draw the explained variance of each rule relative to the leading rule, the best on top.

    Parameters
    ----------
    frame
        Columns term, family ("" for none), explained, behind and behind_error (shares 0..1; behind
        is 0 for the leading rule).
    title, note
        Heading and small print.
    ax
        Axes to draw on; new ones if None.

    Examples
    --------
    >>> import pandas as pd
    >>> rows = pd.DataFrame({"term": ["a", "b"], "family": ["cumulative", ""], "explained": [0.5, 0.4],
    ...     "behind": [0.0, 0.1], "behind_error": [0.0, 0.02]})
    >>> [text.get_text() for text in chain(rows, title="One", note="").texts[:2]]
    ['50.0 % explained', '40.0 %']
    """
    rows = frame.sort_values("behind", kind="stable").reset_index(drop=True)
    axes = new_axes(ax, width=10.0, height=1.9 + 0.5 * max(len(rows), 2))
    place = np.arange(len(rows))
    behind, error = 100 * rows["behind"].to_numpy(), 100 * rows["behind_error"].to_numpy()
    colours = [_COLOURS.get(str(family), GREY) for family in rows["family"]]
    axes.axvline(0.0, color=INK, linewidth=1.2, zorder=1)
    axes.hlines(place, -behind, 0.0, color=colours, linewidth=7, alpha=0.28, zorder=1)
    axes.hlines(place, -behind - error, -behind + error, color=colours, linewidth=2.4, zorder=2)
    axes.scatter(-behind, place, s=80, color=colours, zorder=3)
    right = axes.get_yaxis_transform()
    for at, share in enumerate(rows["explained"].to_numpy(dtype=float)):
        figure = f"{100 * share:.1f} %" + (" explained" if at == 0 else "")
        axes.text(1.02, at, figure, transform=right, va="center", fontsize=9.5, color=INK)
    axes.set_yticks(place, [str(term) for term in rows["term"]])
    axes.set_ylim(len(rows) - 0.4, -0.6)
    axes.grid(axis="y", visible=False)
    axes.tick_params(axis="y", length=0)
    axes.spines["left"].set_visible(False)
    _explain_colours(axes, rows)
    return title_axes(
        axes,
        title,
        x_label="points of explained variance behind the leading rule\n"
        "(answers held out; bars: ± one standard error)",
        y_label="",
        note=note,
    )


def _explain_colours(axes: Axes, rows: pd.DataFrame) -> None:
    """A legend of the families that are drawn; grey rules add nothing of their own beyond chance."""
    for family in dict.fromkeys(str(family) for family in rows["family"]):
        name = family or "adds nothing of its own"
        axes.scatter([], [], s=60, color=_COLOURS.get(family, GREY), label=name)
    axes.legend(loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=4, frameon=False, fontsize=9.5)
