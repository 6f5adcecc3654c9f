"""A file's rows before typing, each still knowing its place in the file."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import pandas as pd

from cxlab.core.errors import Finding

#: Endings that are read, with the format they stand for.
FORMATS = {
    ".csv": "csv",
    ".csv.gz": "csv",
    ".zip": "csv",
    ".tsv": "csv",
    ".txt": "csv",
    ".tsv.gz": "csv",
    ".xlsx": "excel",
    ".parquet": "parquet",
    ".sav": "spss",
    ".zsav": "spss",
}
Format = Literal["csv", "excel", "parquet", "spss", "database"]


@dataclass(frozen=True, kw_only=True)
class Labels:
    """What an SPSS file says about one variable: its question, names of codes, codes that mean no answer.

    ``missing`` maps a code that occurs to its reason (its label, or ``user-missing 99``).
    """

    question: str = ""
    values: Mapping[float, str] = field(default_factory=dict)
    missing: Mapping[float, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Arrangement:
    """What the export of a survey tool says about itself; see :mod:`cxlab.ingest.platforms`."""

    platform: str = ""
    names: Mapping[str, str] = field(default_factory=dict)
    questions: Mapping[str, str] = field(default_factory=dict)
    tests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unfinished: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_zone: str = ""
    header_rows: int = 0


@dataclass(kw_only=True)
class Source:
    """The rows of one file before typing.

    ``frame`` holds text columns (CSV, Excel) or the columns as stored (Parquet, SPSS, a database). Its
    index is the record number in the file, counted from 0 after the header, and survives every later
    step, so that a message can name the line. ``first_line`` is the line of the header. A table of
    several files keeps them as ``parts``, each with the number of its first record, and in ``drift`` the
    columns that only some of the files have.
    """

    file: str
    kind: Format
    frame: pd.DataFrame
    findings: list[Finding] = field(default_factory=list)
    text: str = ""
    delimiter: str = ","
    first_line: int = 1
    labels: Mapping[str, Labels] = field(default_factory=dict)
    arrangement: Arrangement | None = None
    parts: Sequence[tuple[int, Source]] = ()
    drift: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    _lines: list[int] | None = None

    @property
    def is_text(self) -> bool:
        """Whether every cell came as text, so that nothing about its type is known."""
        return self.kind in ("csv", "excel")

    def part_of(self, record: int) -> tuple[Source, int]:
        """The file a record came from, and its number there."""
        for start, part in reversed(self.parts):
            if record >= start:
                return part, record - start
        return self, record

    def place(self, record: int) -> str:
        """Where a record stands: ``line 25`` of a text file, ``row 25`` of a sheet or Parquet file."""
        if self.parts:
            part, within = self.part_of(record)
            return f"{part.file} {part.place(within)}"
        if self.kind == "excel":
            return f"row {record + self.first_line + 1}"
        if self.kind != "csv":
            return f"row {record + 1}"
        if '"' not in self.text:
            return f"line {record + self.first_line + 1}"
        if self._lines is None:
            self._lines = starting_lines(self.text, self.delimiter)
        if record + 1 < len(self._lines):
            return f"line {self._lines[record + 1] + self.first_line - 1}"
        return f"record {record + 2}"


def starting_lines(text: str, delimiter: str) -> list[int]:
    """First line of every record, for files with line breaks inside quotes; read only for messages."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    lines, start = [], 1
    try:
        for _ in reader:
            lines.append(start)
            start = reader.line_num + 1
    except csv.Error:
        return lines
    return lines


def format_of(name: str) -> str:
    """The format an ending stands for; empty if none.

    >>> format_of("Surveys.CSV.gz")
    'csv'
    """
    lower = name.lower()
    return next((kind for ending, kind in FORMATS.items() if lower.endswith(ending)), "")
