"""Text or stored values -> typed columns, with a mask of the cells that do not fit; nothing is guessed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.ingest.contracts import Kind

#: The one form of a time: naive UTC in microseconds.
TIME: Final = "datetime64[us]"
ISO = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[ T][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?)?"
OFFSET = r"(?:Z|[+-][0-9]{2}:?[0-9]{2})"
_CLOCK = r"(?:[ T]+([0-9]{1,2}:[0-9]{2}(?::[0-9]{2})?)(?: ?([AaPp])\.?[Mm]\.?)?)?"
#: Day, month and year by declared order; the mark between them is . / or -
LOCAL_DATES = {
    "DMY": (r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})", (2, 1, 0)),
    "MDY": (r"([0-9]{1,2})[./-]([0-9]{1,2})[./-]([0-9]{4})", (2, 0, 1)),
    "YMD": (r"([0-9]{4})[./]([0-9]{1,2})[./]([0-9]{1,2})", (0, 1, 2)),
}
#: Decimal mark -> what a number looks like; a thousands sign never fits.
NUMBERS = {
    ".": r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,3})?",
    ",": r"[+-]?(?:[0-9]+,?[0-9]*|,[0-9]+)(?:[eE][+-]?[0-9]{1,3})?",
}
FLAGS = {"0": 0, "1": 1, "false": 0, "true": 1, "no": 0, "yes": 1}
Mask = NDArray[np.bool_]


@dataclass(kw_only=True)
class Typed:
    """A converted column: values in the dtype of its kind, and which cells failed or were mended.

    ``bad`` cells hold a missing value here; whoever converts must report them. ``repairs`` maps what
    was mended cell by cell (``"blanks around an id"``) to the number of cells, ``rewritten`` what is the
    same in the whole column (numbers as ids).
    """

    values: pd.Series
    bad: Mask
    rule: str = ""
    repairs: dict[str, int] = field(default_factory=dict)
    rewritten: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Spelling:
    """How the user's file spells numbers and times."""

    decimal: str = "."
    date_order: str = ""
    time_zone: ZoneInfo | None = None
    number_dates: str = ""


def is_text(values: pd.Series) -> bool:
    """Whether a column still holds text (also where a Parquet file stores numbers as text)."""
    return bool(pd.api.types.is_string_dtype(values.dtype)) or values.dtype == object


def convert(values: pd.Series, kind: Kind, *, spelling: Spelling) -> Typed:
    """One column in the dtype of ``kind``.

    Parameters
    ----------
    values
        Text (an empty or blank cell is missing) or values as a Parquet file stores them.
    kind
        What the column holds; see :data:`cxlab.ingest.contracts.DTYPES`.
    spelling
        Decimal mark, order of day and month, time zone.

    Examples
    --------
    >>> convert(pd.Series(["7", "", "x"], dtype="str"), "score", spelling=Spelling()).values.tolist()
    [7.0, nan, nan]
    """
    if isinstance(values.dtype, pd.CategoricalDtype):
        values = values.astype(values.cat.categories.dtype)
    if values.dtype == object:
        values = values.map(lambda cell: cell if isinstance(cell, str) or pd.isna(cell) else str(cell))
        values = values.astype("str")
    if kind in ("id", "text", "category"):
        return _words(values, kind)
    if kind == "time":
        return _times(values, spelling)
    if kind == "flag":
        return _flags(values, spelling)
    return _numbers(values, kind, spelling)


def _none_bad(values: pd.Series) -> Mask:
    return np.zeros(len(values), dtype=bool)


def _mask(cells: pd.Series) -> Mask:
    """Which cells are true; a missing answer is not."""
    return cells.fillna(False).to_numpy(dtype=bool)


def _stripped(values: pd.Series) -> pd.Series:
    """Text without blanks around it, missing where nothing is left."""
    text = values.astype("str").str.strip()
    return text.mask(text == "")


def _words(values: pd.Series, kind: Kind) -> Typed:
    if not is_text(values):
        return _numbered_words(values, kind)
    text = _stripped(values)
    if kind != "id":
        return Typed(values=text, bad=_none_bad(text))
    padded = int((text.notna() & (text != values)).sum())
    shortened = _mask(text.str.fullmatch(r"[0-9](?:\.[0-9]+)?[eE]\+?[0-9]+"))
    return Typed(
        values=text.mask(shortened),
        bad=shortened,
        rule="id shortened by a spreadsheet",
        repairs={"blanks around an id": padded} if padded else {},
    )


def _numbered_words(values: pd.Series, kind: Kind) -> Typed:
    """Numbers where words are expected: whole numbers are written without a point, others are bad ids."""
    if not pd.api.types.is_float_dtype(values.dtype):
        text = values.astype("str").where(values.notna())
        return Typed(values=text.astype("str"), bad=_none_bad(values))
    number = values.astype("float64")
    bad = _mask(number.notna() & ~((number % 1 == 0) & (number.abs() < 2**53)))
    kept = number.mask(bad)
    return Typed(
        values=kept.astype("Int64").astype("str").where(kept.notna()).astype("str"),
        bad=bad,
        rule="id with decimals",
        rewritten={"id stored as a number": int(number.notna().sum())} if kind == "id" else {},
    )


def _numbers(values: pd.Series, kind: Kind, spelling: Spelling) -> Typed:
    if is_text(values):
        number, bad = _parsed_numbers(values, spelling)
    else:
        number, bad = _stored_numbers(values, answers=kind in ("score", "sign"))
    endless = np.isinf(number.to_numpy())
    if endless.any():
        number, bad = number.mask(endless), bad | endless
    rule = "number"
    if kind in ("score", "sign"):
        cells = number.to_numpy()
        broken = (np.rint(cells) != cells) & ~np.isnan(cells)
        rule = "whole number" if broken.any() and not bad.any() else rule
        number, bad = (number.mask(broken), bad | broken) if broken.any() else (number, bad)
    if kind == "sign" and number.notna().all() and number.abs().max() <= 127:
        number = number.astype("int8")
    return Typed(values=number, bad=bad, rule=rule)


def _stored_numbers(values: pd.Series, *, answers: bool = False) -> tuple[pd.Series, Mask]:
    """Numbers as a file stores them: a moment or a duration is none (in which unit?), true no answer."""
    no_number = not pd.api.types.is_numeric_dtype(values.dtype)
    if no_number or (answers and pd.api.types.is_bool_dtype(values.dtype)):
        return pd.Series(np.nan, index=values.index, dtype="float64"), _mask(values.notna())
    number = pd.to_numeric(values, errors="coerce").astype("float64")
    return number, _mask(values.notna() & number.isna())


def _parsed_numbers(values: pd.Series, spelling: Spelling) -> tuple[pd.Series, Mask]:
    text = _stripped(values)
    bad = _mask(text.notna() & ~text.str.fullmatch(NUMBERS[spelling.decimal]))
    good = text.mask(bad)
    if spelling.decimal == ",":
        good = good.str.replace(",", ".", regex=False)
    return good.astype("float64"), bad


def _flags(values: pd.Series, spelling: Spelling) -> Typed:
    if is_text(values):
        filled = _stripped(values)
        number = filled.str.lower().map(FLAGS).astype("float64")
        bad = _mask(filled.notna() & number.isna())
    else:
        number, bad = _stored_numbers(values)
        bad = bad | _mask(number.notna() & ~number.isin([0, 1]))
    return Typed(values=number.mask(bad).astype("Int8"), bad=bad, rule="yes or no")


def _times(values: pd.Series, spelling: Spelling) -> Typed:
    if not is_text(values):
        return _stored_times(values, spelling)
    text = _stripped(values)
    dated = text.str.fullmatch(ISO)
    zoned = ~dated if dated.all() else text.str.fullmatch(f"{ISO} ?{OFFSET}")
    parsed = pd.to_datetime(text.where(dated), format="ISO8601", errors="coerce").astype(TIME)
    rest = text.mask(dated | zoned)
    if spelling.date_order and rest.notna().any():
        parsed = parsed.fillna(_local_dates(rest, spelling.date_order))
        if spelling.date_order == "DMY":
            parsed = parsed.fillna(_named_months(rest))
    counted = pd.Series(pd.NaT, index=text.index, dtype=TIME)
    if spelling.number_dates:
        counted = _counted_dates(
            rest.where(rest.str.fullmatch(r"[0-9]+(?:\.[0-9]+)?")), spelling.number_dates
        )
    if _zone_of_numbers(spelling) is not None:
        parsed = parsed.fillna(counted)
    parsed, repairs = _to_utc(parsed, spelling.time_zone)
    parsed = parsed.fillna(counted)
    if zoned.any():
        with_zone = pd.to_datetime(text.where(zoned), format="ISO8601", errors="coerce", utc=True)
        parsed = parsed.fillna(with_zone.dt.tz_convert(None).astype(TIME))
    bad = _mask(text.notna() & parsed.isna())
    rule = "date"
    if spelling.time_zone is None and zoned.any() and not zoned[text.notna()].all():
        bad, rule = bad | _mask(text.notna() & ~zoned), "time zone"
    return Typed(values=parsed, bad=bad, rule=rule, repairs=repairs)


def _local_dates(text: pd.Series, order: str) -> pd.Series:
    pattern, (year, month, day) = LOCAL_DATES[order]
    parts = text.str.extract(f"^{pattern}{_CLOCK}$")
    clock = parts[3].fillna("00:00").str.replace(r"^([0-9]):", r"0\1:", regex=True)
    half = parts[4].str.lower()
    if half.notna().any():
        hour = clock.str[:2].astype("float64")
        late = (half == "p") & (hour < 12)
        early = (half == "a") & (hour == 12)
        hour = (hour + 12 * late - 12 * early).mask(half.notna() & (hour > 12))
        shown = hour.astype("Int64").astype("str").str.zfill(2)
        clock = (shown + clock.str[2:]).where(half.notna(), clock)
    days = parts[year] + "-" + parts[month].str.zfill(2) + "-" + parts[day].str.zfill(2)
    return pd.to_datetime(days + "T" + clock, format="ISO8601", errors="coerce").astype(TIME)


def _counted_dates(values: pd.Series, unit: str) -> pd.Series:
    """Numbers as times, by what was declared that they count; to the second."""
    number = values.astype("float64")
    start = {"excel": "1899-12-30", "excel1904": "1904-01-01"}.get(unit, "1970-01-01")
    seconds = number * {"seconds": 1.0, "milliseconds": 1e-3}.get(unit, 86_400.0)
    inside = seconds.abs() < 3e11  # ten thousand years
    whole = seconds.where(inside).round().astype("Int64")
    return (pd.Timestamp(start) + pd.to_timedelta(whole, unit="s")).astype(TIME)


def _zone_of_numbers(spelling: Spelling) -> ZoneInfo | None:
    """Seconds since 1970 are UTC wherever they were written; a spreadsheet's days are local."""
    return None if spelling.number_dates in ("seconds", "milliseconds") else spelling.time_zone


def _named_months(text: pd.Series) -> pd.Series:
    """``22-Apr-15`` and ``22 Apr 2015`` with English month names; two digits of a year mean 20xx."""
    parts = text.str.extract(r"^([0-9]{1,2})[- ]([A-Za-z]{3})[- ]((?:20)?[0-9]{2})$")
    year = "20" + parts[2].str[-2:]
    iso = year + "-" + parts[1].str.title() + "-" + parts[0].str.zfill(2)
    return pd.to_datetime(iso, format="%Y-%b-%d", errors="coerce").astype(TIME)


def _stored_times(values: pd.Series, spelling: Spelling) -> Typed:
    """Times as a Parquet file stores them; numbers are times only if it is declared what they count."""
    if isinstance(values.dtype, pd.DatetimeTZDtype):
        return Typed(values=values.dt.tz_convert(None).astype(TIME), bad=_none_bad(values))
    if pd.api.types.is_datetime64_any_dtype(values.dtype):
        parsed, repairs = _to_utc(values.astype(TIME), spelling.time_zone)
        return Typed(values=parsed, bad=_none_bad(values), repairs=repairs)
    counted = pd.Series(pd.NaT, index=values.index, dtype=TIME)
    if spelling.number_dates and pd.api.types.is_numeric_dtype(values.dtype):
        counted = _counted_dates(values, spelling.number_dates)
    bad = _mask(values.notna() & counted.isna())
    parsed, repairs = _to_utc(counted, _zone_of_numbers(spelling))
    return Typed(values=parsed, bad=bad, rule="date", repairs=repairs)


def _to_utc(times: pd.Series, zone: ZoneInfo | None) -> tuple[pd.Series, dict[str, int]]:
    """Local times as naive UTC; the clock-change hour is settled the same way each time and counted."""
    if zone is None or times.isna().all():
        return times, {}
    unique = pd.Series(times.dropna().unique())
    strict = unique.dt.tz_localize(zone, ambiguous="NaT", nonexistent="NaT")
    settled = unique.dt.tz_localize(
        zone, ambiguous=np.zeros(len(unique), bool), nonexistent="shift_forward"
    )
    unsure = unique[strict.isna()]
    utc = settled.dt.tz_convert("UTC").dt.tz_localize(None).astype(TIME)
    repairs = {}
    if len(unsure):
        repairs["time in a clock-change hour, read as winter time"] = int(times.isin(unsure).sum())
    return times.map(pd.Series(utc.to_numpy(), index=pd.Index(unique))).astype(TIME), repairs


def matches_code(values: pd.Series, codes: Mapping[str, str]) -> dict[str, Mask]:
    """Missing code -> the cells that hold it, by text, or by number in a stored numeric column."""
    found: dict[str, Mask] = {}
    text = _stripped(values) if is_text(values) else None
    for code in codes:
        if text is not None:
            mask = _mask(text == code)
        else:
            try:
                mask = _mask(values == float(code))
            except (ValueError, TypeError):
                continue
        if mask.any():
            found[code] = mask
    return found
