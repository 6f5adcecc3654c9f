"""Tables of a page made readable: numbers aligned, verdicts told apart, no row numbers."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from cxlab.core.person_files import guarded_text
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.reporting.withholding import withhold_small_groups

if TYPE_CHECKING:
    from bs4 import BeautifulSoup
    from bs4.element import Tag

_NUMBER: Final = re.compile(r"[-+−]?[\d,.]*\d[\d,.]*(e[-+]?\d+)?\s*%?", re.IGNORECASE)
_MISSING: Final = frozenset({"", "-", "nan", "none", "nat", "<na>"})
#: Characters up to which a text is kept on one line.
_SHORT: Final = 26
_MANY_COLUMNS: Final = 8
#: From here on a sheet of paper is turned.
_TURNED_FROM_COLUMNS: Final = 13
#: Up to here a table stays on one sheet.
_FEW_ROWS: Final = 10
_VERDICTS: Final = {
    SUPPORTED: "supported",
    REJECTED: "rejected",
    UNDETERMINED: "undetermined",
    NOT_IDENTIFIED: "undetermined",
    TOO_FEW: "undetermined",
    "more than noise": "supported",
    "within noise": "undetermined",
}
_PASSED: Final = {"true": ("yes", "supported"), "false": ("no", "rejected")}


def dress_tables(soup: BeautifulSoup) -> None:
    """Dress the tables of the page by classes; small groups are hidden, True and False become words."""
    # pandas puts a style before each table that only repeats what the page's own style says.
    for style in soup.select("main style[scoped]"):
        style.decompose()
    for number, table in enumerate(soup.select("main table"), start=1):
        _dress(soup, table, number)


def _dress(soup: BeautifulSoup, table: Tag, number: int) -> None:
    del table["border"]
    table["class"] = "data"
    _hide_row_numbers(table)
    _guard_formulas(table)
    names = _column_names(table)
    body = [row.find_all(["th", "td"]) for row in table.select("tbody tr")]
    withhold_small_groups(soup, table, names, body)
    for position, name in enumerate(names):
        cells = [row[position] for row in body if len(row) == len(names)]
        values = [cell.get_text().strip() for cell in cells]
        for cell, value in zip(cells, values, strict=True):
            _mark(soup, cell, name, value)
        look = _look_of(values)
        for cell in [*cells, *_header_cells(table)[position : position + 1]]:
            _add_class(cell, look)
    for header in table.select("thead th"):
        _allow_breaks(soup, header)
    frame = soup.new_tag(
        "div",
        attrs={
            "class": _frame_classes(columns=len(names), rows=len(body)),
            "tabindex": "0",
            "role": "region",
            "aria-label": _spoken_name(table, number),
        },
    )
    table.wrap(frame)


def _spoken_name(table: Tag, number: int) -> str:
    """What a screen reader calls the table: its number on the page and the section it stands in."""
    heading = table.find_previous(["h2", "h3"])
    return f"Table {number}: {heading.get_text().strip()}" if heading is not None else f"Table {number}"


def _frame_classes(*, columns: int, rows: int) -> str:
    fits = (
        ("many", columns >= _MANY_COLUMNS),
        ("widest", columns >= _TURNED_FROM_COLUMNS),
        ("few", rows <= _FEW_ROWS),
    )
    return " ".join(["scroll", *(name for name, holds in fits if holds)])


def _guard_formulas(table: Tag) -> None:
    """An apostrophe before a text that a spreadsheet would run as a formula: tables are copied."""
    for cell in table.find_all(["th", "td"]):
        text = cell.get_text().lstrip(" \n")
        if not _NUMBER.fullmatch(text.strip()) and text.strip().lower() not in _MISSING:
            guarded = guarded_text(text)
            if guarded != text:
                cell.string = guarded


def _look_of(values: list[str]) -> str:
    """How a column is set: numbers to the right, short words on one line, sentences with room."""
    filled = [value for value in values if value.lower() not in _MISSING]
    if filled and all(_NUMBER.fullmatch(value) for value in filled):
        return "number"
    return "short" if max(map(len, values), default=0) <= _SHORT else "words"


def _mark(soup: BeautifulSoup, cell: Tag, column: str, value: str) -> None:
    """A pill for a verdict and for a check that passed or not."""
    shown, look = value, _VERDICTS.get(value.lower(), "") if column == "verdict" else ""
    if column == "passed":
        shown, look = _PASSED.get(value.lower(), (value, ""))
    if look:
        pill = soup.new_tag("span", attrs={"class": f"pill {look}"})
        pill.string = shown
        cell.clear()
        cell.append(pill)


def _hide_row_numbers(table: Tag) -> None:
    """Drop the index column where it only counts 0, 1, 2, ...: no reader asked for it."""
    firsts = [row.find("th") for row in table.select("tbody tr")]
    header = _header_cells(table)
    counted = [first.get_text().strip() if first else "" for first in firsts]
    single_header = len(table.select("thead tr")) == 1
    if (
        header
        and single_header
        and not header[0].get_text().strip()
        and counted == [str(n) for n in range(len(counted))]
    ):
        for cell in [header[0], *firsts]:
            if cell is not None:
                cell.decompose()


def _header_cells(table: Tag) -> list[Tag]:
    rows = table.select("thead tr")
    return list(rows[0].find_all(["th", "td"])) if len(rows) == 1 else []


def _column_names(table: Tag) -> list[str]:
    return [cell.get_text().strip() for cell in _header_cells(table)]


def _allow_breaks(soup: BeautifulSoup, header: Tag) -> None:
    """Let a long column name such as ``conf_low`` break after each underscore."""
    pieces = header.get_text().split("_")
    if header.find(True) is None and len(pieces) > 1:
        header.clear()
        for position, piece in enumerate(pieces):
            last = position == len(pieces) - 1
            header.append(piece if last else f"{piece}_")
            if not last:
                header.append(soup.new_tag("wbr"))


def _add_class(cell: Tag, name: str) -> None:
    held = cell.get("class")
    cell["class"] = f"{' '.join(held) if isinstance(held, list) else held or ''} {name}".strip()
