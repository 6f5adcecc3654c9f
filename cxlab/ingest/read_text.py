"""CSV in every dialect: bytes -> text -> rows, every cell as text and every row with its line."""

from __future__ import annotations

import csv
import io
import re
from typing import Any

import numpy as np
import pandas as pd

from cxlab.core.errors import Finding
from cxlab.ingest.bytes_rules import decoded, refuse, unpacked
from cxlab.ingest.config import Dialect
from cxlab.ingest.limits import MEGABYTE, Limits
from cxlab.ingest.sources import Source, starting_lines
from cxlab.ingest.text_rules import table_of

#: A row with fewer or more fields than the header is named this often in an error.
SHOWN_ROWS = 3


def read_csv(data: bytes, *, file: str, dialect: Dialect, limits: Limits) -> Source:
    """A CSV file with every cell as text: nothing is typed, dropped or taken for missing here."""
    plain = unpacked(data, file=file, limits=limits)
    text, findings = decoded(plain, file=file, encoding=dialect.encoding)
    table = table_of(text, file=file, declared=dialect.delimiter)
    try:
        header = next(csv.reader(io.StringIO(table.text, newline=""), delimiter=table.delimiter), [])
    except csv.Error as error:
        raise refuse(
            file, "CSV", f"the header cannot be read: {error}.", "Look at its first line."
        ) from error
    if not header:
        raise refuse(
            file, "CSV", "the first line is blank: there is no header.", "Look at its first lines."
        )
    _hold_limits(file, table.text, len(header), limits)
    frame, ragged = _split(table.text, table.delimiter, len(header), file=file)
    frame.columns = pd.Index(header)
    source = Source(
        file=file,
        kind="csv",
        frame=frame,
        findings=[*findings, *table.findings],
        text=table.text,
        delimiter=table.delimiter,
        first_line=table.first_line,
    )
    _refuse_open_quote(source)
    if '"' in source.text:
        _refuse_swallowed(source)
    _refuse_long_cells(source, limits)
    if ragged:
        source.findings.append(_ragged(source, ragged, fields=len(header)))
    return source


def _hold_limits(file: str, text: str, columns: int, limits: Limits) -> None:
    rows = text.count("\n")
    for name, found, limit in (("rows", rows, limits.rows), ("columns", columns, limits.columns)):
        if found > limit:
            raise refuse(
                file,
                "limit",
                f"holds {found:,} {name}, more than {limit:,.0f}.",
                f"If it is right raise  {name}  under  [limits].",
            )


def _split(
    text: str, delimiter: str, fields: int, *, file: str
) -> tuple[pd.DataFrame, list[tuple[int, int]]]:
    """Rows of text under their record numbers, and the rows whose number of fields is another one."""
    import pyarrow as pa
    from pyarrow import csv as arrow_csv

    places = [str(place) for place in range(fields)]
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
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
        step = "Open the file in a text editor at that place."
        raise refuse(file, "CSV", f"cannot be split into rows: {error}.", step) from error
    frame = table.slice(1).to_pandas()
    if ragged:
        whole = np.ones(len(frame) + len(ragged), dtype=bool)
        whole[[number - 2 for number, _ in ragged]] = False
        frame.index = pd.Index(np.flatnonzero(whole))
    return frame, ragged


def _refuse_open_quote(source: Source) -> None:
    """A quote that is never closed swallows the rest of the file into one cell (19)."""
    if source.text.count('"') % 2 == 0:
        return
    first = starting_lines(source.text, source.delimiter)[-1]
    if first < source.text.rstrip("\r\n").count("\n") + 1:
        line = first + source.first_line - 1
        message = f"line {line} opens a quote that is never closed; all lines after it would be one cell."
        raise refuse(
            source.file, "open quote", message, "Close the quote, or double a quote inside a text."
        )


def _refuse_swallowed(source: Source) -> None:
    """A quote closed too late makes whole records part of a cell (20): lines that begin like a key tell."""
    frame, mark = source.frame, source.delimiter
    if len(frame.columns) < 3 or frame.empty:
        return
    keys = {_shape(str(cell)) for cell in frame.iloc[:, 0].head(200)}
    keys = {key for key in keys if "9" in key and "\n" not in key}
    for place in range(len(frame.columns)):
        cells = frame.iloc[:, place]
        for record, cell in cells[cells.str.contains("\n", regex=False)].items():
            inside = str(cell).split("\n")[1:]
            records = [
                line for line in inside if line.count(mark) > 1 and _shape(line.split(mark)[0]) in keys
            ]
            if records:
                count = f"{len(records)} further record{'s' if len(records) > 1 else ''}"
                message = f"{source.place(int(str(record)))} has a quoted cell that holds {count}."
                raise refuse(
                    source.file,
                    "swallowed records",
                    message,
                    "A quote is closed too late: mend it, or double a quote inside a text.",
                )


def _shape(text: str) -> str:
    return re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text.strip()))


def _refuse_long_cells(source: Source, limits: Limits) -> None:
    limit = int(limits.cell_megabytes * MEGABYTE)
    if len(source.text) <= limit:
        return
    for place, name in enumerate(source.frame.columns):
        lengths = source.frame.iloc[:, place].str.len()
        if len(lengths) and int(lengths.max()) > limit:
            where = source.place(int(str(lengths.idxmax())))
            message = f"{where}, column {name!r}: a cell of more than {limit:,} letters."
            step = "If it is right raise  cell_megabytes  under  [limits]."
            raise refuse(source.file, "limit", message, step)


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
