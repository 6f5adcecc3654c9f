"""One reader per format: CSV, Excel, Parquet -> a source whose rows still know their place in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd

from cxlab.core.errors import Finding
from cxlab.ingest.bytes_rules import decoded, delimiter_of, refuse, unpacked
from cxlab.ingest.config import Dialect

#: Endings that are read, with the format they stand for.
FORMATS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".zip": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".xlsx": "excel",
    ".parquet": "parquet",
}
#: A row with fewer or more fields than the header is named this often in an error.
SHOWN_ROWS = 3


@dataclass(kw_only=True)
class Source:
    """The rows of one file before typing.

    ``frame`` holds text columns (CSV, Excel) or the columns as stored (Parquet). Its index is the
    record number in the file, counted from 0 after the header, and survives every later step, so that
    a message can name the line.
    """

    file: str
    kind: Literal["csv", "excel", "parquet"]
    frame: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)
    text: str = ""
    _lines: list[int] | None = None

    def place(self, record: int) -> str:
        """Where a record stands: ``line 25`` of a text file, ``row 25`` of a sheet or Parquet file."""
        if self.kind == "parquet":
            return f"row {record + 1}"
        if self.kind == "excel":
            return f"row {record + 2}"
        if '"' not in self.text:
            return f"line {record + 2}"
        if self._lines is None:
            self._lines = _starting_lines(self.text)
        return (
            f"line {self._lines[record + 1]}" if record + 1 < len(self._lines) else f"record {record + 2}"
        )


def _starting_lines(text: str) -> list[int]:
    """First line of every record, for files with line breaks inside quotes; read only for messages."""
    reader = csv.reader(io.StringIO(text, newline=""))
    lines, start = [], 1
    try:
        for _ in reader:
            lines.append(start)
            start = reader.line_num + 1
    except csv.Error:
        return lines
    return lines


def read_source(path: Path, *, file: str, dialect: Dialect, wanted: Sequence[str] | None = None) -> Source:
    """The rows of one file (or of the sorted block files of a pattern); raises ``UnreadableError``.

    ``wanted`` limits a Parquet read to these columns (those that exist); text files are read whole.
    """
    kind = format_of(path.name)
    if kind == "parquet":
        return _read_parquet([path], file=file, wanted=wanted)
    if kind == "excel":
        return _read_excel(path, file=file, sheet=dialect.sheet)
    if kind == "csv":
        return read_csv(path.read_bytes(), file=file, dialect=dialect)
    endings = ", ".join(FORMATS)
    raise refuse(
        file,
        "format",
        f"the ending is none of {endings}.",
        "Save the table as CSV, Excel (.xlsx) or Parquet.",
    )


def read_blocks(paths: Sequence[Path], *, file: str, wanted: Sequence[str] | None) -> Source:
    """Block files of one table, in the order of their names, as one source."""
    return _read_parquet(list(paths), file=file, wanted=wanted)


def format_of(name: str) -> str:
    """The format an ending stands for; empty if none.

    >>> format_of("Surveys.CSV.gz")
    'csv'
    """
    lower = name.lower()
    return next((kind for ending, kind in FORMATS.items() if lower.endswith(ending)), "")


def read_csv(data: bytes, *, file: str, dialect: Dialect) -> Source:
    """A CSV file with every cell as text: nothing is typed, dropped or taken for missing here."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    plain = unpacked(data, file=file)
    text, findings = decoded(plain, file=file, encoding=dialect.encoding)
    delimiter, said = delimiter_of(text, file=file, declared=dialect.delimiter)
    try:
        header = next(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter))
    except csv.Error as error:
        raise refuse(
            file, "CSV", f"the header cannot be read: {error}.", "Look at its first line."
        ) from error
    places = [str(place) for place in range(len(header))]
    ragged: list[tuple[int, int]] = []

    def skip(row: Any) -> str:
        ragged.append((row.number, row.actual_columns))
        return "skip"

    encoded = text.encode("utf-8")
    try:
        table = arrow_csv.read_csv(
            pa.BufferReader(encoded),
            # One thread and one block, because only then does a bad row know its number.
            read_options=arrow_csv.ReadOptions(
                use_threads=False, column_names=places, block_size=min(len(encoded) + 16, 2**31 - 1)
            ),
            parse_options=arrow_csv.ParseOptions(
                delimiter=delimiter,
                newlines_in_values=True,
                invalid_row_handler=skip,
                ignore_empty_lines=False,
            ),
            convert_options=arrow_csv.ConvertOptions(
                column_types=dict.fromkeys(places, pa.string()),
                strings_can_be_null=False,
                quoted_strings_can_be_null=False,
            ),
        )
    except pa.ArrowInvalid as error:
        raise refuse(
            file,
            "CSV",
            f"cannot be split into rows: {error}.",
            "Open the file in a text editor at that place.",
        ) from error
    frame = table.slice(1).to_pandas()
    records = np.setdiff1d(np.arange(len(frame) + len(ragged)), [number - 2 for number, _ in ragged])
    frame.index = pd.Index(records)
    frame.columns = pd.Index(header)
    source = Source(file=file, kind="csv", frame=frame, findings=[*findings, *said], text=text)
    _refuse_open_quote(source)
    if ragged:
        source.findings.append(_ragged(source, ragged, fields=len(header)))
    return source


def _refuse_open_quote(source: Source) -> None:
    """A quote that is never closed swallows the rest of the file into one cell."""
    if source.text.count('"') % 2 == 0:
        return
    first = _starting_lines(source.text)[-1]
    if first < source.text.rstrip("\r\n").count("\n") + 1:
        message = f"line {first} opens a quote that is never closed; all lines after it would be one cell."
        raise refuse(
            source.file, "open quote", message, "Close the quote, or double a quote inside a text."
        )


def _ragged(source: Source, ragged: list[tuple[int, int]], *, fields: int) -> Finding:
    shown = [f"{source.place(number - 2)} has {found} fields" for number, found in ragged[:SHOWN_ROWS]]
    return Finding(
        level="error",
        rule="fields",
        file=source.file,
        rows=len(ragged),
        examples=tuple(shown),
        message=f"the header has {fields} fields.",
        next_step="A delimiter inside a text needs quotes around it; a short last line is a cut file.",
    )


def _read_excel(path: Path, *, file: str, sheet: str) -> Source:
    """A worksheet with every cell as text; dates as ISO, whole numbers without a decimal point."""
    import openpyxl

    try:
        book = openpyxl.load_workbook(path, read_only=True, data_only=True)
    except Exception as error:  # openpyxl passes on whatever its parsers raise for a broken file
        raise refuse(
            file,
            "workbook",
            f"cannot be opened as an Excel workbook: {type(error).__name__}.",
            "Open it in Excel and save it again as .xlsx.",
        ) from error
    names = book.sheetnames
    if (sheet and sheet not in names) or (not sheet and len(names) > 1):
        raise refuse(
            file,
            "sheet",
            f"the workbook holds the sheets {', '.join(names)}.",
            f'Declare  sheet = "{names[0]}".',
        )
    rows = list(book[sheet or names[0]].iter_rows(values_only=True))
    book.close()
    while rows and all(cell is None for cell in rows[-1]):
        rows.pop()
    if not rows:
        raise refuse(file, "empty file", "the sheet holds no cell.", "Export the table again.")
    header = ["" if cell is None else str(cell) for cell in rows[0]]
    while header and header[-1] == "":
        header.pop()
    cells = [[_cell_text(cell) for cell in row[: len(header)]] for row in rows[1:]]
    frame = pd.DataFrame(cells, columns=pd.RangeIndex(len(header)), dtype="str")
    frame.columns = pd.Index(header)
    return Source(file=file, kind="excel", frame=frame)


def _cell_text(cell: object) -> str:
    if cell is None:
        return ""
    if isinstance(cell, float) and cell.is_integer():
        return str(int(cell))
    if isinstance(cell, datetime | date | time):
        return cell.isoformat()
    if isinstance(cell, bool):
        return str(int(cell))
    return str(cell)


def _read_parquet(paths: list[Path], *, file: str, wanted: Sequence[str] | None) -> Source:
    """Parquet as stored; block files must agree in their columns."""
    import pyarrow as pa
    from pyarrow import parquet

    tables = []
    try:
        for path in paths:
            columns = parquet.read_schema(path).names
            taken = columns if wanted is None else [name for name in columns if name in wanted]
            tables.append(parquet.read_table(path, columns=taken, partitioning=None))
        frame = pa.concat_tables(tables).to_pandas()
    except (pa.ArrowInvalid, pa.ArrowTypeError, OSError) as error:
        raise refuse(
            file,
            "Parquet",
            f"cannot be read: {error}.",
            "Write the file again; block files need equal columns.",
        ) from error
    return Source(file=file, kind="parquet", frame=frame.reset_index(drop=True))
