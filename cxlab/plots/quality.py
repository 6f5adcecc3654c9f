"""Pictures of what a data folder holds: empty cells, answers by wave and dealer, use of the scales."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.plots.style import BLUE, GREY, INK, ORANGE, SKY, new_axes, title_axes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_OPEN = "#B8B8B8"
#: From the lowest answer to the highest, through a light middle: told apart in grey print too.
_LOW, _MIDDLE, _HIGH = ORANGE, "#F2F2F2", BLUE
#: Shares below this are drawn without their figure.
_LABELLED_PERCENT = 6.0


def empty_cells(frame: pd.DataFrame, *, title: str, note: str = "", ax: Axes | None = None) -> Axes:
    """Draw one bar per column: the percentage of its rows that are empty, the first row on top.

    Parameters
    ----------
    frame
        Columns ``term, rows, empty, open`` (bool: an empty cell says "not yet" there).
    title, note
        Words.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> frame = pd.DataFrame({"term": ["comment"], "rows": [4], "empty": [1], "open": [False]})
    >>> empty_cells(frame, title="Empty").texts[-1].get_text()
    '1 of 4 (25.0 %)'
    """
    axes = new_axes(ax, width=8.0, height=1.8 + 0.32 * max(len(frame), 3))
    rows = frame.iloc[::-1]
    title_axes(axes, title, x_label="empty cells (percent of the rows of the table)", y_label="", note=note)
    axes.grid(visible=False)
    if rows.empty:
        axes.text(0.5, 0.5, "no empty cell", transform=axes.transAxes, ha="center")
        return axes
    percent = 100.0 * rows["empty"].to_numpy(dtype=np.float64) / rows["rows"].to_numpy(dtype=np.float64)
    bars = axes.barh(
        rows["term"], percent, color=[_OPEN if is_open else BLUE for is_open in rows["open"]], height=0.7
    )
    counts = zip(rows["empty"], rows["rows"], percent, strict=True)
    labels = [f"{empty:,} of {whole:,} ({share:.1f} %)" for empty, whole, share in counts]
    axes.bar_label(bars, labels, padding=4, fontsize=9, color=INK)
    axes.set_ylim(-0.7, max(len(rows), 3) - 0.3)
    top = float(percent.max())
    axes.set_xlim(0, top * 1.45)
    axes.set_xticks([tick for tick in axes.get_xticks() if tick <= min(100.0, top * 1.2)])
    return axes


def answer_waves(frame: pd.DataFrame, *, title: str, note: str = "", ax: Axes | None = None) -> Axes:
    """Draw one bar per wave: its answers, split into those linked to a known customer and the others.

    Parameters
    ----------
    frame
        Columns ``wave, answers, linked`` (answers whose customer is known; NaN where nothing can be
        linked), one row per wave in order, those without an answer included.
    title, note
        Words.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> frame = pd.DataFrame({"wave": ["2024Q1"], "answers": [5], "linked": [4]})
    >>> [text.get_text() for text in answer_waves(frame, title="Answers").get_xticklabels()]
    ['2024Q1']
    """
    axes = new_axes(ax, width=min(12.0, max(6.0, 1.5 + 0.68 * len(frame))), height=3.8)
    place = np.arange(len(frame))
    answers = frame["answers"].to_numpy(dtype=np.float64)
    linked = frame["linked"].fillna(0).to_numpy(dtype=np.float64)
    apart = frame["linked"].notna().any() and bool((answers > linked).any())
    axes.bar(place, linked if apart else answers, color=BLUE, width=0.75, label="customer known")
    if apart:
        unknown = answers - linked
        axes.bar(place, unknown, bottom=linked, color=_OPEN, width=0.75, label="customer not known")
        axes.legend(frameon=False, fontsize=9.5, ncols=2, loc="upper right", bbox_to_anchor=(1.0, 1.14))
    for at, count in zip(place, answers, strict=True):
        if count == 0:
            axes.text(
                float(at), 0, "0", ha="center", va="bottom", fontsize=9, color=ORANGE, fontweight="bold"
            )
    step = max(1, int(np.ceil(len(frame) / 15)))
    axes.set_xticks(place[::step], [str(name) for name in frame["wave"][::step]])
    axes.tick_params(axis="x", length=0)
    axes.grid(axis="x", visible=False)
    axes.yaxis.set_major_formatter("{x:,.0f}")
    return title_axes(axes, title, x_label="", y_label="answers", note=note)


def answers_of_dealers(
    frame: pd.DataFrame,
    *,
    minimum: int,
    ranked_from: int,
    title: str,
    note: str = "",
    ax: Axes | None = None,
) -> Axes:
    """Draw the answers of every dealer, most first, with the numbers a figure or a rank needs.

    Parameters
    ----------
    frame
        Column ``answers``, one row per dealer.
    minimum, ranked_from
        Answers needed for a published figure, and for a place in a ranking: drawn as lines.
    title, note
        Words.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> frame = pd.DataFrame({"answers": [40, 3]})
    >>> axes = answers_of_dealers(frame, minimum=10, ranked_from=30, title="Dealers")
    >>> axes.get_ylabel()
    'answers'
    """
    axes = new_axes(ax, width=8.0, height=3.8)
    answers = np.sort(frame["answers"].to_numpy(dtype=np.float64))[::-1]
    colours = np.where(answers >= ranked_from, BLUE, np.where(answers >= minimum, SKY, ORANGE))
    axes.bar(np.arange(1, len(answers) + 1), answers, color=list(colours), width=0.85)
    axes.set_ylim(0, 1.12 * max(float(answers.max()) if len(answers) else 0.0, ranked_from))
    for limit, words in ((minimum, "a figure"), (ranked_from, "a rank")):
        axes.axhline(limit, color=GREY, linewidth=1.1, linestyle=(0, (4, 3)))
        axes.annotate(
            f"{limit} for {words}", (0.995, limit), xycoords=("axes fraction", "data"), xytext=(0, 2),
            textcoords="offset points", ha="right", va="bottom", fontsize=9, color=INK,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.5, "alpha": 0.85},
        )  # fmt: skip
    axes.yaxis.set_major_formatter("{x:,.0f}")
    axes.margins(x=0.01)
    axes.grid(axis="x", visible=False)
    return title_axes(axes, title, x_label="dealers, most answers first", y_label="answers", note=note)


def scale_bars(frame: pd.DataFrame, *, title: str, note: str = "", ax: Axes | None = None) -> Axes:
    """Draw one bar of a hundred percent per question: how often each point of its scale was taken.

    Parameters
    ----------
    frame
        Columns ``term, place`` (0 = lowest point of the scale, 1 = highest), ``answer`` (the point),
        ``percent``; the questions in the order they are drawn, from the top.
    title, note
        Words.
    ax
        Axes to draw on; new ones if None.

    Returns
    -------
    matplotlib.axes.Axes

    Examples
    --------
    >>> frame = pd.DataFrame({"term": "q", "place": [0.0, 1.0], "answer": [1, 2], "percent": [25.0, 75.0]})
    >>> [text.get_text() for text in scale_bars(frame, title="Use").texts]
    ['1', '2']
    """
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("answers", [_LOW, _MIDDLE, _HIGH])
    terms = list(dict.fromkeys(frame["term"]))
    axes = new_axes(ax, width=8.6, height=1.5 + 0.4 * max(len(terms), 2))
    for row, term in enumerate(terms):
        left = 0.0
        for point in frame[frame["term"] == term].itertuples():
            place, percent = float(str(point.place)), float(str(point.percent))
            axes.barh(
                row, percent, left=left, color=colours(place), edgecolor="white", linewidth=0.8, height=0.74
            )
            if percent >= _LABELLED_PERCENT:
                strong = abs(place - 0.5) > 0.3
                axes.text(
                    left + percent / 2, row, f"{float(str(point.answer)):g}", ha="center", va="center",
                    fontsize=9, color="white" if strong else INK,
                )  # fmt: skip
            left += percent
    axes.set_yticks(np.arange(len(terms)), [str(term) for term in terms])
    axes.set_ylim(len(terms) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.grid(visible=False)
    axes.tick_params(axis="y", length=0)
    return title_axes(axes, title, x_label="percent of the answers given", y_label="", note=note)
