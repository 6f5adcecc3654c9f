"""Tables of a page keep small groups to themselves: the last place that every published table passes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from cxlab.core.publishing import hidden_rows, is_count, minimum_in_force, note_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from bs4 import BeautifulSoup
    from bs4.element import Tag

#: What stands in the place of a figure that is not shown.
HIDDEN: Final = "hidden"


def withhold_small_groups(
    soup: BeautifulSoup, table: Tag, names: Sequence[str], rows: Sequence[Sequence[Tag]]
) -> int:
    """Put ``hidden`` in the place of the figures of rows that may not be shown; returns how many rows.

    Parameters
    ----------
    soup, table
        The page, and one table of it.
    names
        The names of its columns.
    rows
        Its cells, row by row.
    """
    whole = [row for row in rows if len(row) == len(names)]
    cells = {name: [row[place] for row in whole] for place, name in enumerate(names)}
    texts = {name: [cell.get_text().strip() for cell in column] for name, column in cells.items()}
    counts = {
        name: values
        for name in names
        if is_count(name) and (values := [_figure(text) for text in texts[name]])
    }
    if not counts or not whole:
        return 0
    words = {name: values for name, values in texts.items() if name not in counts}
    hidden = hidden_rows(counts, words, minimum=minimum_in_force())
    for place, row in enumerate(whole):
        for cell in row if hidden[place] else ():
            if _figure(cell.get_text()) == _figure(cell.get_text()):
                cell.string = HIDDEN
    if hidden.any():
        note = soup.new_tag("p")
        note.string = note_of(int(hidden.sum()))
        table.insert_after(note)
    return int(hidden.sum())


def _figure(text: str) -> float:
    """The number that a cell shows; NaN for words."""
    plain = text.strip().replace(",", "").replace("−", "-").removesuffix("%").strip()
    try:
        return float(plain)
    except ValueError:
        return float("nan")
