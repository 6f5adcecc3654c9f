"""A worksheet with every cell as text; dates as ISO, whole numbers without a decimal point."""

from __future__ import annotations

import re
import zipfile
from collections.abc import Sequence
from datetime import date, datetime, time
from pathlib import Path
from typing import Any

import pandas as pd

from cxlab.core.errors import Finding
from cxlab.ingest.bytes_rules import OLD_WORKBOOK, UNPACK_STEP, UnreadableError, refuse
from cxlab.ingest.limits import Limits
from cxlab.ingest.sources import Source
from cxlab.ingest.text_rules import TITLE_LINES

#: A spreadsheet keeps 15 digits of a number; the rest of a longer one is lost already.
DIGITS_LIMIT = 10**15
_SHOWN_CELLS = 3
Rows = list[tuple[Any, ...]]


def read_excel(path: Path, *, file: str, sheet: str, limits: Limits) -> Source:
    """The rows of one sheet; refuses bombs, locked files, and formulas without a stored value."""
    has_formulas, hidden = _hold_package(path, file, limits)
    name, rows = _cells(path, file=file, sheet=sheet, stored=True)
    if len(rows) > limits.rows:
        step = "If it is right raise  rows  under  [limits]."
        raise refuse(file, "limit", f"holds {len(rows):,} rows.", step)
    findings: list[Finding] = _hidden(hidden, file)
    if has_formulas:
        findings += _formulas(rows, _cells(path, file=file, sheet=name, stored=False)[1], file)
    titles = _title_rows(rows)
    if titles:
        said = f"left out: the header is row {titles + 1}."
        findings.append(Finding(level="repair", rule="title lines", file=file, rows=titles, message=said))
    header = ["" if cell is None else str(cell) for cell in rows[titles]]
    while header and header[-1] == "":
        header.pop()
    cells = [[_cell_text(cell) for cell in row[: len(header)]] for row in rows[titles + 1 :]]
    cells = [row + [""] * (len(header) - len(row)) for row in cells]
    frame = pd.DataFrame(cells, columns=pd.RangeIndex(len(header)), dtype="str")
    frame.columns = pd.Index(header)
    return Source(file=file, kind="excel", frame=frame, findings=findings, first_line=titles + 1)


def _hidden(hidden: dict[str, int], file: str) -> list[Finding]:
    """Hidden rows and columns are data like the others, but nobody who looked at the sheet saw them."""
    said = [
        f"{count:,} hidden {what}{'' if count == 1 else 's'}" for what, count in hidden.items() if count
    ]
    if not said:
        return []
    message = f"the workbook holds {' and '.join(said)}: read like the others."
    step = "Show them in the spreadsheet, and take out what is no data."
    rows = hidden["row"]
    return [Finding(level="note", rule="hidden", file=file, rows=rows, message=message, next_step=step)]


def _hold_package(path: Path, file: str, limits: Limits) -> tuple[bool, dict[str, int]]:
    """Refuse what is no safe workbook before a parser sees it; says formulas and hidden rows."""
    with path.open("rb") as start:
        if start.read(8) == OLD_WORKBOOK:
            step = "Save it as .xlsx without a password, or as CSV."
            raise refuse(file, "encrypted", "is locked with a password, or an old .xls workbook.", step)
    formulas, hidden = False, {"row": 0, "column": 0}
    try:
        with zipfile.ZipFile(path) as package:
            parts = package.infolist()
            limit = limits.unpacked_bytes(path.stat().st_size)
            if sum(part.file_size for part in parts) > limit:
                raise refuse(file, "workbook size", f"unpacks to more than {limit:,} bytes.", UNPACK_STEP)
            for part in (part for part in parts if part.filename.endswith(".xml")):
                with package.open(part) as stream:
                    content = stream.read(limit + 1)
                if len(content) > limit:
                    raise refuse(
                        file, "workbook size", f"unpacks to more than {limit:,} bytes.", UNPACK_STEP
                    )
                if re.search(rb"<!(?:DOCTYPE|ENTITY)", content[:4096]):
                    step = "Open it in a spreadsheet program and save it again."
                    raise refuse(
                        file, "XML entities", "declares XML entities, which no workbook needs.", step
                    )
                if part.filename.startswith("xl/worksheets/"):
                    formulas |= re.search(rb"<f[ >/]", content) is not None
                    hidden["row"] += len(re.findall(rb'<row [^>]*hidden="(?:1|true)"', content))
                    columns = re.findall(rb'<col [^>]*hidden="(?:1|true)"[^>]*>', content)
                    hidden["column"] += sum(map(_columns_of, columns))
    except UnreadableError:
        raise
    except Exception as error:  # a damaged package raises whatever its decompressor or its parser does
        raise _no_workbook(file, error) from error
    return formulas, hidden


def _columns_of(tag: bytes) -> int:
    """How many columns a ``<col min="2" max="3">`` stands for."""
    first, last = (re.search(name + rb'="([0-9]+)"', tag) for name in (b"min", b"max"))
    return int(last.group(1)) - int(first.group(1)) + 1 if first and last else 1


def _no_workbook(file: str, error: Exception) -> Exception:
    message = f"cannot be opened as an Excel workbook: {type(error).__name__}."
    return refuse(file, "workbook", message, "Open it in Excel and save it again as .xlsx.")


def _cells(path: Path, *, file: str, sheet: str, stored: bool) -> tuple[str, Rows]:
    """Name and rows of the sheet that is meant; ``stored`` takes values, else the formulas themselves."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=stored)
        names = list(book.sheetnames)
        if (not sheet or sheet in names) and (sheet or len(names) == 1):
            rows = [tuple(row) for row in book[sheet or names[0]].iter_rows(values_only=True)]
        else:
            rows = None
        book.close()
    except Exception as error:  # openpyxl passes on whatever its parsers raise for a broken file
        raise _no_workbook(file, error) from error
    if not names:
        raise _no_workbook(file, ValueError("no sheet"))
    if rows is None:
        held = f"the workbook holds the sheets {', '.join(names)}."
        raise refuse(file, "sheet", held, f'Declare  sheet = "{names[0]}".')
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise refuse(file, "empty file", "the sheet holds no cell.", "Export the table again.")
    return sheet or names[0], rows


def _formulas(values: Rows, formulas: Rows, file: str) -> list[Finding]:
    """A formula whose value was never stored would be read as an empty cell (100)."""
    lost = [
        f"row {row + 1}, column {column + 1}"
        for row, (stored, written) in enumerate(zip(values, formulas, strict=False))
        for column, cell in enumerate(written)
        if isinstance(cell, str)
        and cell.startswith("=")
        and (column >= len(stored) or stored[column] is None)
    ]
    if not lost:
        return []
    shown = (*lost[:_SHOWN_CELLS], *(["..."] if len(lost) > _SHOWN_CELLS else []))
    step = "Open the file in a spreadsheet program, let it calculate, and save it again."
    return [
        Finding(
            level="error", rule="formula without value", file=file, rows=len(lost), examples=shown,
            message="the file holds formulas that were never calculated.", next_step=step,
        )
    ]  # fmt: skip


def _title_rows(rows: Sequence[Sequence[Any]]) -> int:
    """Rows before the header: at most one filled cell each, where the header has several (21)."""
    filled = [sum(cell not in (None, "") for cell in row) for row in rows[: TITLE_LINES + 2]]
    start = next((place for place, count in enumerate(filled) if count > 1), 0)
    return start if start <= TITLE_LINES else 0


def _cell_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).lower()
    if isinstance(cell, int | float) and abs(cell) >= DIGITS_LIMIT:
        return f"{cell:.14E}"
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    return str(cell)
