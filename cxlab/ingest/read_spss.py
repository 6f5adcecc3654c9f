"""SPSS files (.sav, .zsav): codes as stored, with value labels and the reasons of user-missing codes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from cxlab.core.errors import Finding
from cxlab.ingest.bytes_rules import refuse
from cxlab.ingest.limits import Limits
from cxlab.ingest.sources import Labels, Source


def read_spss(path: Path, *, file: str, limits: Limits) -> Source:
    """Codes as they are stored, and beside them what the file says about each variable.

    User-missing codes stay in the frame (pyreadstat would make them empty and forget why); typing takes
    them out, counted by reason.
    """
    import pyreadstat

    if path.stat().st_size == 0:
        raise refuse(file, "empty file", "holds nothing at all.", "Export the table again.")
    try:
        frame, about = pyreadstat.read_sav(path, user_missing=True)
    except Exception as error:  # the C library's own errors, and Python's for text in a wrong encoding
        message = f"cannot be read as an SPSS file: {str(error) or type(error).__name__}."
        raise refuse(file, "SPSS", message, "Save it again in SPSS as .sav.") from error
    for name, found, limit in (
        ("rows", len(frame), limits.rows),
        ("columns", len(frame.columns), limits.columns),
    ):
        if found > limit:
            step = f"If it is right raise  {name}  under  [limits]."
            raise refuse(file, "limit", f"holds {found:,} {name}, more than {limit:,.0f}.", step)
    labels = {str(name): _labels(str(name), frame[name], about) for name in frame.columns}
    typed = {name: _stored(frame[name]) for name in frame.columns}
    rows = pd.DataFrame(typed, columns=frame.columns)
    return Source(file=file, kind="spss", frame=rows, labels=labels, findings=_answer_sets(about, file))


def _labels(name: str, values: pd.Series, about: Any) -> Labels:
    named: Mapping[Any, str] = about.variable_value_labels.get(name, {})
    codes = {float(code): str(text) for code, text in named.items() if isinstance(code, int | float)}
    ranges = about.missing_ranges.get(name, [])
    missing = _missing(values, ranges, codes) if pd.api.types.is_numeric_dtype(values.dtype) else {}
    return Labels(
        question=str(about.column_names_to_labels.get(name) or ""),
        values={code: text for code, text in codes.items() if code not in missing},
        missing=missing,
    )


def _missing(
    values: pd.Series, ranges: Sequence[Mapping[str, Any]], codes: Mapping[float, str]
) -> dict[float, str]:
    """Every code that occurs inside a declared user-missing value or range -> its reason."""
    found: dict[float, str] = {}
    for one in (one for one in ranges if not isinstance(one["lo"], str)):
        inside = values[(values >= one["lo"]) & (values <= one["hi"])].unique()
        found |= {float(code): codes.get(float(code), f"user-missing {code:g}") for code in inside}
    return found


def _stored(values: pd.Series) -> pd.Series:
    """Dates as times, times of day and the like as text; numbers and text as they are."""
    if values.dtype != object:
        return values
    filled = values.dropna()
    kinds = {type(cell).__name__ for cell in filled}
    if kinds and kinds <= {"date", "datetime", "Timestamp"}:
        return pd.to_datetime(values, errors="coerce").astype("datetime64[us]")
    text = values.map(lambda cell: "" if cell is None or cell is pd.NaT or cell is np.nan else str(cell))
    return text.astype("str")


def _answer_sets(about: Any, file: str) -> list[Finding]:
    """Multiple-response sets are named: each option is a column of its own."""
    sets = getattr(about, "mr_sets", None) or {}
    return [
        Finding(
            level="note", rule="multiple answers", file=file,
            message=f"{name}: one column per option ({', '.join(one['variable_list'][:6])}).",
        )
        for name, one in sets.items()
    ]  # fmt: skip
