"""From a file's ending to its reader; several files of one table become one source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from cxlab.ingest.bytes_rules import refuse
from cxlab.ingest.config import Dialect
from cxlab.ingest.limits import MEGABYTE, Limits
from cxlab.ingest.read_excel import read_excel
from cxlab.ingest.read_parquet import read_parquet
from cxlab.ingest.read_spss import read_spss
from cxlab.ingest.read_text import read_csv
from cxlab.ingest.sources import FORMATS, Source, format_of

#: Files that run code when they are opened; a table has no need of it.
CODE_ENDINGS = (".pkl", ".pickle", ".joblib", ".dill", ".skops", ".npy", ".npz", ".rds", ".rda")
_NO_LIMITS = Limits()


def read_source(
    path: Path,
    *,
    file: str,
    dialect: Dialect,
    limits: Limits = _NO_LIMITS,
    wanted: Sequence[str] | None = None,
) -> Source:
    """The rows of one file; raises ``UnreadableError`` with the finding that says why not.

    ``wanted`` limits a Parquet read to these columns (those that exist); other files are read whole.
    """
    kind = format_of(path.name)
    if not kind:
        raise _unknown_ending(file)
    size = path.stat().st_size
    if size > limits.file_megabytes * MEGABYTE:
        step = "If it is right raise  file_megabytes  under  [limits]."
        raise refuse(file, "limit", f"has {size / MEGABYTE:,.0f} MB.", step)
    if kind == "parquet":
        return read_parquet(path, file=file, limits=limits, wanted=wanted)
    if kind == "excel":
        return read_excel(path, file=file, sheet=dialect.sheet, limits=limits)
    if kind == "spss":
        return read_spss(path, file=file, limits=limits)
    return read_csv(path.read_bytes(), file=file, dialect=dialect, limits=limits)


def _unknown_ending(file: str) -> Exception:
    if file.lower().endswith(CODE_ENDINGS):
        message = "is a stored Python or R object: opening one can run code, so it is never opened."
        return refuse(file, "stored object", message, "Export the table as Parquet or CSV.")
    return refuse(
        file,
        "format",
        f"the ending is none of {', '.join(FORMATS)}.",
        "Save the table as CSV, Excel (.xlsx), Parquet or SPSS (.sav).",
    )


def read_parts(
    paths: Sequence[Path],
    *,
    file: str,
    dialect: Dialect,
    limits: Limits,
    arrange: Callable[[Source], None],
) -> Source:
    """Files of one table, in the order of their names, as one source that remembers each row's file.

    ``arrange`` brings each file into its common form (header rows of a survey tool, old wordings of a
    question) before they meet. Columns that only some
    files have stay, empty elsewhere, and are remembered: a renamed question looks like that.
    """
    parts = [read_source(path, file=path.name, dialect=dialect, limits=limits) for path in paths]
    kinds = {part.kind for part in parts}
    if len(kinds) > 1:
        listed = ", ".join(f"{part.file} ({part.kind})" for part in parts[:5])
        step = "Name the files of one format with a pattern, or export them alike."
        raise refuse(file, "files of one table", f"come in different formats: {listed}.", step)
    for part in parts:
        arrange(part)
        if part.frame.columns.has_duplicates:
            names = ", ".join(sorted(set(map(str, part.frame.columns[part.frame.columns.duplicated()]))))
            step = "Give each column its own name; which one is meant is not guessed."
            raise refuse(part.file, "column names", f"stand twice: {names}.", step)
    starts = np.cumsum([0, *(_records(part) for part in parts[:-1])])
    frames = [
        part.frame.set_axis(part.frame.index + start, axis=0)
        for part, start in zip(parts, starts, strict=True)
    ]
    whole = pd.concat(frames) if len(frames) > 1 else frames[0]
    if parts[0].is_text:
        whole = whole.fillna("")
    findings = [replace(found, file=part.file) for part in parts for found in part.findings]
    return Source(
        file=file,
        kind=parts[0].kind,
        frame=whole,
        findings=findings,
        drift=_drift(parts),
        labels=parts[-1].labels,
        arrangement=parts[-1].arrangement,
        parts=tuple((int(start), part) for start, part in zip(starts, parts, strict=True)),
    )


def _records(part: Source) -> int:
    """Records of a file, with further header rows and those that were too short or too long."""
    header_rows = part.arrangement.header_rows if part.arrangement else 0
    return (
        header_rows + len(part.frame) + sum(found.rows for found in part.findings if found.rule == "fields")
    )


def _drift(parts: Sequence[Source]) -> dict[str, tuple[str, ...]]:
    """Columns that not every file has -> the files that lack them (56)."""
    everywhere = dict.fromkeys(str(name) for part in parts for name in part.frame.columns)
    without = {
        name: tuple(part.file for part in parts if name not in part.frame.columns) for name in everywhere
    }
    return {name: files for name, files in without.items() if files}
