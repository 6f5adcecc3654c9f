"""Takes the rows of one customer out of the files of a data folder; every other byte stays as it was."""

from __future__ import annotations

import csv
import gzip
import io
import os
import re
import shutil
import uuid
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cxlab.core.columns import CUSTOMER_ID, TABLE_NAMES
from cxlab.core.errors import ReportError
from cxlab.ingest.config import DataConfig
from cxlab.ingest.text_rules import MARKS, TITLE_LINES

TEXT_KINDS: Final = (".csv", ".tsv", ".txt")
#: Read by cxlab, rewritten only by the program that made them.
BY_HAND: Final = (".xlsx", ".xlsm", ".sav", ".zsav", ".zip")
_KINDS: Final = (*TEXT_KINDS, ".gz", ".parquet", *BY_HAND)

#: What survey tools call the customer where nothing is declared.
SURVEY_TOOL_NAMES: Final = (
    "ExternalReference", "ExternalDataReference", "Custom Data 1", "Custom Data", "CustomData",
)  # fmt: skip
#: A shorter number stands in many cells that are not the customer.
_LEAST_TRACE: Final = 4
#: Whether a cell names the customer.
Named = Callable[[str], bool]


@dataclass(frozen=True, kw_only=True)
class Erased:
    """One file: rows taken out, or why it was not touched."""

    file: str
    rows: int = 0
    problem: str = ""


def erase_in_folder(
    folder: Path, settings: DataConfig, named: Named, *, dry_run: bool, traces: Collection[str] = ()
) -> list[Erased]:
    """Take the customer's rows out of every table of a data folder.

    Parameters
    ----------
    folder
        With the files; ``truth/`` and hidden files are left alone.
    settings
        Its ``cxlab.toml``: which of the user's columns is the customer.
    named
        Whether a cell is this customer.
    dry_run
        Count only.
    traces
        Names of the customer; a file that holds one outside these columns is named.
    """
    sources = [settings.table(name).columns.get(CUSTOMER_ID, (CUSTOMER_ID,)) for name in TABLE_NAMES]
    columns = {source[0] for source in sources if len(source) == 1} | {*SURVEY_TOOL_NAMES}
    found = [
        Erased(file=settings.file, problem="makes customer_id of several columns; erase by hand")
        for source in sources
        if len(source) > 1
    ][:1]
    for path in sorted(folder.rglob("*")):
        parts = path.relative_to(folder).parts
        if path.suffix.lower() not in _KINDS or "truth" in parts[:-1] or any(p[0] == "." for p in parts):
            continue
        shown = "/".join(parts)
        found.append(erase_in_file(path, columns, named, dry_run=dry_run, shown=shown, traces=traces))
    return found


def erase_in_file(
    path: Path,
    columns: set[str],
    named: Named,
    *,
    dry_run: bool,
    shown: str,
    traces: Collection[str] = (),
) -> Erased:
    """Take the rows out of one file in which one of ``columns`` names the customer."""
    if path.is_symlink() or any(parent.is_symlink() for parent in list(path.parents)[: shown.count("/")]):
        return Erased(file=shown, problem="is a link and was not touched; erase where it points to")
    kind = path.suffix.lower()
    if kind in BY_HAND:
        return Erased(file=shown, problem="cannot be rewritten here; take the rows out by hand")
    try:
        if kind == ".parquet":
            return Erased(file=shown, rows=_parquet(path, columns, named, dry_run=dry_run))
        packed = kind == ".gz"
        data = gzip.decompress(path.read_bytes()) if packed else path.read_bytes()
        if b"\x00" in data[:4000]:
            return Erased(file=shown, problem="is UTF-16 or no text; take the rows out by hand")
        kept, rows = without(data.decode("utf-8", "surrogateescape"), columns, named)
        if rows and not dry_run:
            rest = kept.encode("utf-8", "surrogateescape")
            replace_file(path, gzip.compress(rest) if packed else rest)
    except (OSError, csv.Error, EOFError, ValueError) as error:
        why = getattr(error, "strerror", None) or type(error).__name__
        return Erased(file=shown, problem=f"cannot be read or written ({why})")
    left = any(len(one) >= _LEAST_TRACE and _whole(one).search(kept) for one in traces)
    return Erased(file=shown, rows=rows, problem="holds it in another column, too" if left else "")


def _whole(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![\w-]){re.escape(name)}(?![\w-])")


def without(text: str, columns: set[str], named: Named) -> tuple[str, int]:
    """The text of a delimited file without the rows whose cell in one of ``columns`` is named.

    >>> without('id;customer\\n1;A\\n2;"B\\n"\\n3;A\\n', {"customer"}, lambda cell: cell == "A")
    ('id;customer\\n2;"B\\n"\\n', 2)
    """
    # Not splitlines(): it also ends a line at signs that a cell may hold.
    lines = list(io.StringIO(text, newline=""))
    mark, width = _mark_of(lines, columns)
    if not mark:
        return text, 0
    kept, rows, begin, place = [], 0, 0, -1
    reader = csv.reader(lines, delimiter=mark)
    csv.field_size_limit(max(csv.field_size_limit(), 10_000_000))
    for record in reader:
        end = reader.line_num
        if place < 0:
            place = next((at for at, cell in enumerate(record) if _plain(cell) in width), -1)
            hit = False
        else:
            hit = place < len(record) and named(record[place].strip())
        if hit:
            rows += 1
        else:
            kept.extend(lines[begin:end])
        begin = end
    return "".join(kept), rows


def _mark_of(lines: list[str], columns: set[str]) -> tuple[str, set[str]]:
    """The separator of the header, which is the first line that names a column; empty without one."""
    wanted = {_plain(name) for name in columns}
    for line in lines[: TITLE_LINES + 1]:
        for mark in MARKS:
            if any(_plain(cell) in wanted for cell in next(csv.reader([line], delimiter=mark), [])):
                return mark, wanted
    return "", wanted


def _plain(name: str) -> str:
    return name.strip().lstrip("\ufeff").strip().casefold()


def _parquet(path: Path, columns: set[str], named: Named, *, dry_run: bool) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    names = pq.read_schema(path).names
    column = next((name for name in names if _plain(name) in {_plain(one) for one in columns}), None)
    if column is None:
        return 0
    table = pq.read_table(path)
    cells = table.column(column).to_pylist()
    stay = pa.array([cell is None or not named(_as_text(cell)) for cell in cells])
    rows = len(cells) - int(sum(stay.to_pylist()))
    if rows and not dry_run:
        unfinished = _unfinished(path)
        try:
            pq.write_table(table.filter(stay), unfinished, compression="zstd")
            _put(unfinished, path)
        finally:
            unfinished.unlink(missing_ok=True)
    return rows


def _as_text(cell: object) -> str:
    """A stored number as its id is written: 17.0 is 17."""
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell).strip()


def replace_file(path: Path, data: bytes) -> None:
    """Write ``data`` to a new file with the rights of ``path`` that takes its name; no link is followed."""
    unfinished = _unfinished(path)
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(data)
        _put(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def _unfinished(path: Path) -> Path:
    return path.with_name(f".cxlab-unfinished-{uuid.uuid4().hex}")


def _put(unfinished: Path, path: Path) -> None:
    if path.is_symlink():
        raise ReportError(f"{path.name}: became a link while it was read; nothing was written.")
    shutil.copymode(path, unfinished)
    unfinished.replace(path)
