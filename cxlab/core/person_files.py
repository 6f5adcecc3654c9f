"""Files about persons: outside the reports, readable by their owner only, with a declared purpose."""

from __future__ import annotations

import contextlib
import datetime
import json
import os
import re
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pandas as pd

from cxlab.core.errors import ParameterError, ReportError

OWNER_ONLY: Final = 0o600
KINDS: Final = (".csv", ".parquet")
#: A folder of this name, at any height above the file, is published or committed: no persons there.
CLOSED_FOLDERS: Final = ("reports", "notebooks", "docs")
LEAST_PURPOSE: Final = 10
# The lock that a batch of reports leaves in its output folder, whatever the folder is called.
_REPORT_LOCK: Final = ".cxlab-lock"
# OWASP: how a spreadsheet recognises a formula; the plain numbers among them stay numbers.
_FORMULA: Final = re.compile(r"^[=+\-@\t\r\x00]")
_NUMBER: Final = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")


def guard_formulas(table: pd.DataFrame) -> pd.DataFrame:
    """A copy whose text cells and column names no spreadsheet takes for a formula.

    A text that starts with ``= + - @``, a tab, a carriage return or a zero byte gets a leading apostrophe,
    unless it is a plain number.

    >>> guard_formulas(pd.DataFrame({"reason": ["=HYPERLINK(1)", "-3.5", "fine"]}))["reason"].tolist()
    ["'=HYPERLINK(1)", '-3.5', 'fine']
    """
    guarded = table.rename(columns=_guarded)
    for place, dtype in enumerate(table.dtypes):
        if pd.api.types.is_numeric_dtype(dtype) or pd.api.types.is_datetime64_any_dtype(dtype):
            continue
        guarded.isetitem(place, table.iloc[:, place].map(_guarded, na_action="ignore").array)
    return guarded


def guarded_text(text: str) -> str:
    """``text`` with an apostrophe before it if a spreadsheet would take it for a formula.

    >>> guarded_text("@SUM(A1)"), guarded_text("+3.5e2")
    ("'@SUM(A1)", '+3.5e2')
    """
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.match(text) else text


def check_place(path: Path) -> Path:
    """The resolved path, if a file about persons may lie there.

    Raises
    ------
    ParameterError
        For another ending than .csv or .parquet, or a place inside a report tree (a folder called
        reports, notebooks or docs, or one that a batch of reports writes to), links resolved.
    """
    if path.suffix.lower() not in KINDS:
        raise ParameterError(
            f"{path.name}: a list is written as {' or '.join(KINDS)}. Next step: change the ending."
        )
    place = path.parent.resolve() / path.name
    for folder in place.parents:
        if folder.name.lower() in CLOSED_FOLDERS or (folder / _REPORT_LOCK).exists():
            raise ParameterError(
                f"{path.name}: a list of persons must not lie in the folder {folder.name!r}, which is "
                "handed on. Next step: name a folder outside the project that only the callers can open."
            )
    return place


def check_purpose(purpose: str) -> str:
    """The declared purpose, in words; ParameterError for a missing or empty-handed one."""
    words = " ".join(str(purpose).split())
    if len(words) < LEAST_PURPOSE:
        raise ParameterError(
            f"The purpose of the list is {words!r}. Next step: say in a few words what the persons on it "
            "are contacted for, for example 'retention calls, contract renewal, March 2026'."
        )
    return words


def write_person_file(
    path: str | Path, table: pd.DataFrame, *, purpose: str, about: Mapping[str, Any], expires_days: int
) -> Path:
    """Write ``table`` as CSV or Parquet and, beside it, ``NAME.about.json``: purpose, rows, expiry.

    Both files are made new with mode 600 and renamed into place (a link there is replaced, never
    followed). Text is guarded against spreadsheet formulas; numbers stay numbers.

    Returns
    -------
    Path
        Of the list.

    Raises
    ------
    ParameterError
        As :func:`check_place` and :func:`check_purpose`.
    ReportError
        If the folder cannot be written.
    """
    place, words = check_place(Path(path)), check_purpose(purpose)
    today = datetime.datetime.now(datetime.UTC).date()
    record = {
        "file": place.name,
        "purpose": words,
        "rows": len(table),
        "columns": list(map(str, table.columns)),
        "written_on": today.isoformat(),
        "delete_on": (today + datetime.timedelta(days=expires_days)).isoformat(),
        **about,
    }
    note = json.dumps(record, indent=2, default=str, ensure_ascii=False) + "\n"
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with _new_file(place.with_name(f"{place.name}.about.json")) as unfinished:
            unfinished.write_text(note, encoding="utf-8")
        with _new_file(place) as unfinished:
            guarded = guard_formulas(table)
            if place.suffix.lower() == ".csv":
                guarded.to_csv(unfinished, index=False, lineterminator="\n")
            else:
                guarded.to_parquet(unfinished, index=False)
    except OSError as error:
        raise ReportError(
            f"{place.name}: cannot be written ({error.strerror or error}). Next step: name another folder."
        ) from error
    return place


@contextlib.contextmanager
def _new_file(place: Path) -> Any:
    """An empty file beside ``place`` that only its owner can read; renamed to ``place`` at the end."""
    unfinished = place.with_name(f".cxlab-unfinished-{uuid.uuid4().hex}{place.suffix}")
    os.close(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, OWNER_ONLY))
    try:
        # A narrower umask of the user may have taken rights away, none may have been added.
        unfinished.chmod(OWNER_ONLY)
        yield unfinished
        unfinished.replace(place)
    finally:
        with contextlib.suppress(FileNotFoundError):
            unfinished.unlink()


def _guarded(value: Any) -> Any:
    return guarded_text(value) if isinstance(value, str) else value
