"""Columns typed by the contract: recodes, missing codes, conversions, and columns computed from others."""

from __future__ import annotations

import re
from dataclasses import replace
from string import ascii_letters, digits

import numpy as np
import pandas as pd

from cxlab.ingest.cell_rules import NUMBER_KINDS, UNITS, mended
from cxlab.ingest.config import Derived, OutcomeRule
from cxlab.ingest.config_options import is_zone, zone_of
from cxlab.ingest.contracts import Kind
from cxlab.ingest.converters import NUMBERS, Mask, Spelling, Typed, convert, is_text, matches_code
from cxlab.ingest.distinct import Distinct, letters
from cxlab.ingest.selection import text_of
from cxlab.ingest.spss_rules import by_labels, has_names, named, without_user_missing
from cxlab.ingest.state import TableState, by_pattern, shown_name

_SECONDS = {"hours_between": 3600.0, "minutes_between": 60.0}
_HINTS = {
    "date": 'Write dates as 2024-12-31, or declare  date_order = "DMY"  (or "MDY").',
    "time zone": 'Some times carry a zone and others none: declare  time_zone = "Europe/Berlin".',
    "number": 'Declare  decimal = ","  if that is the mark, or  recode  or  missing_codes  for words.',
    "whole number": 'If halves are meant, declare  types = {{column} = "number"}.',
    "yes or no": "Declare  recode = {{column} = {...}}  with 0 and 1.",
    "id shortened by a spreadsheet": "Format the column as text in the spreadsheet and export again.",
    "id with decimals": "Store ids as text.",
}
# By the number of a letter: what keys are of, what most begin with, digits.
_DIGIT, _BEGIN, _PLAIN = (
    np.isin(np.arange(256), [ord(letter) for letter in held])
    for held in (digits, ascii_letters + "_", ascii_letters + digits + "_|:-")
)
_GROUPED = re.compile(r"[+-]?[0-9]{1,3}(?:[.,' \u00a0\u202f][0-9]{3})+(?:[.,][0-9]+)?")


def type_columns(state: TableState, columns: dict[str, pd.Series]) -> pd.DataFrame:
    """Every selected column in the dtype of its kind; cells that do not fit become findings."""
    typed: dict[str, pd.Series] = {}
    failed: list[tuple[str, pd.Series, Typed]] = []
    for name, values in columns.items():
        coded = _recoded(state, name, values)
        answered = _without_codes(state, name, coded)
        if state.source.labels:
            answered = without_user_missing(state, name, answered)
        spelling = _spelling(state, name)
        state.kinds[name] = _kind(state, name, answered, spelling)
        result = _typed(state, name, answered, spelling)
        typed[name] = result.values
        if result.bad.any():
            failed.append((name, values, result))
        for what, rows in result.rewritten.items():
            state.say("repair", what, "written as whole numbers.", column=name, rows=rows)
        for what, rows in result.repairs.items():
            state.repaired(what, "mended.", column=name, rows=rows)
    state.frame = pd.DataFrame(typed, index=state.raw.index)
    for name, values, result in failed:
        _say_bad(state, name, values, result)
    _say_times(state, columns)
    return state.frame


def _spelling(state: TableState, name: str) -> Spelling:
    declared, arranged = state.config, state.source.arrangement
    key = by_pattern(declared.number_dates, name)
    zone = declared.time_zone or (arranged.time_zone if arranged and is_zone(arranged.time_zone) else "")
    return Spelling(
        decimal=declared.dialect.decimal or ".",
        date_order=declared.date_order,
        time_zone=zone_of(zone),
        number_dates=declared.number_dates[key] if key else "",
    )


def _typed(state: TableState, name: str, values: pd.Series, spelling: Spelling) -> Typed:
    """The values in the dtype of their kind: text by its distinct forms, after the rules on cells."""
    kind = state.kinds[name]
    if state.source.labels and not is_text(values):
        values = by_labels(state, name, values) if kind in NUMBER_KINDS else values
        values = named(state, name, values) if kind in ("category", "text") else values
    if not is_text(values) or values.dtype == object or kind in ("text", "time"):
        return convert(values, kind, spelling=spelling)
    if kind == "id" and _plain_keys(values):
        return Typed(values=values.astype("str"), bad=np.zeros(len(values), dtype=bool))
    column = Distinct.of(values)
    texts = mended(state, name, kind, column)
    if kind == "id":
        padded = (texts != column.texts) & (column.texts.str.strip() == texts) & (texts != "")
        result = convert(texts, kind, spelling=spelling)
        result.repairs = {"blanks around an id": column.count(padded)} if padded.any() else {}
    else:
        result = convert(texts, kind, spelling=spelling)
    return replace(result, values=column.spread(result.values), bad=column.rows(result.bad))


def _plain_keys(values: pd.Series) -> bool:
    """Whether every key is filled and of letters, digits and _ | : - only: no rule has work to do there."""
    text, begins = letters(values)
    if not ((np.diff(begins) > 0).all() and _PLAIN[text].all()):
        return False
    # Nearly all keys are digits only or begin with a letter: one look says that none is shortened.
    if _DIGIT[text].all() or _BEGIN[text[begins[:-1]]].all():
        return True
    return not values.str.fullmatch("[0-9][eE][0-9]+").any()


def _kind(state: TableState, name: str, values: pd.Series, spelling: Spelling) -> Kind:
    """The declared kind, else the contract's; a carried column is numbers only if every cell is one."""
    if name in state.config.types:
        return state.config.types[name]
    column = state.column(name)
    if column is not None:
        return column.kind
    if not is_text(values):
        if state.source.labels and has_names(state, name, values):
            return "category"
        if pd.api.types.is_datetime64_any_dtype(values.dtype):
            return "time"
        return "number" if pd.api.types.is_numeric_dtype(values.dtype) else "category"
    filled = text_of(Distinct.of(values).texts)
    filled = filled[filled != ""]
    numbers = filled.str.fullmatch(NUMBERS[spelling.decimal])
    leading_zero = filled.str.fullmatch(r"0[0-9]+")
    return "number" if len(filled) and numbers.all() and not leading_zero.any() else "category"


def _recoded(state: TableState, name: str, values: pd.Series) -> pd.Series:
    """Declared words replaced; words that were not declared stay and are judged by the converter."""
    key = by_pattern(state.config.recode, name)
    if not key:
        return values
    text = text_of(values)
    words = state.config.recode[key]
    known = text.isin(list(words))
    return text.where(~known, text.map(words)).astype("str")


def _without_codes(state: TableState, name: str, values: pd.Series) -> pd.Series:
    """Declared missing codes emptied and counted, each with its reason (62)."""
    key = by_pattern(state.config.missing_codes, name)
    if not key:
        return values
    found = matches_code(values, state.config.missing_codes[key])
    for code, mask in found.items():
        reason = state.config.missing_codes[key][code]
        state.give_reason(name, values.index[mask], reason)
        state.say(
            "repair",
            "missing code",
            f"{code} read as no answer ({reason}), as declared.",
            column=name,
            rows=int(mask.sum()),
        )
    if not found:
        return values
    return values.mask(np.logical_or.reduce(list(found.values())))


def _say_bad(state: TableState, name: str, values: pd.Series, result: Typed) -> None:
    records = np.asarray(state.raw.index)[result.bad]
    known = state.unread.get(name)
    state.unread[name] = pd.Index(records) if known is None else known.union(pd.Index(records))
    shown = values[result.bad]
    hint = _HINTS[result.rule].replace("{column}", name)
    if result.rule == "date":
        hint = _date_hint(state, name, shown) or hint
    if result.rule == "number":
        hint = _number_hint(shown) or hint
    state.say(
        "error",
        f"not a {result.rule}" if " " not in result.rule or result.rule == "whole number" else result.rule,
        column=name,
        rows=len(records),
        examples=state.examples(list(records), list(shown), column=name),
        next_step=hint,
    )


def _number_hint(values: pd.Series) -> str:
    """Signs of money and percent, and of thousands, are named: their meaning is not guessed (73, 74)."""
    texts = [str(text).strip() for text in values.head(1000)]
    if any(UNITS.search(text) for text in texts):
        return "Export plain numbers: a currency or percent sign says a unit, which belongs in the name."
    if any(_GROUPED.fullmatch(text) for text in texts):
        return "A thousands sign and a decimal mark look alike: export without thousands signs."
    return ""


def _date_hint(state: TableState, name: str, values: pd.Series) -> str:
    """What the unread dates look like; the order of day and month is never chosen for the user."""
    text = text_of(values)
    if text.str.fullmatch(r"[0-9]{5}(?:[.,][0-9]+)?|[0-9]{10}|[0-9]{13}").any():
        option = f"number_dates = {{{name} = ...}}"
        return (
            f"Numbers are dates only if it is said what they count: declare  {option}  with "
            f'"excel" (days), "seconds" or "milliseconds" (since 1970).'
        )
    order = state.config.date_order
    if order:
        return f'Such a date does not exist in the declared  date_order = "{order}": mend it.'
    parts = text.str.extract(r"^([0-9]{1,2})[./-]([0-9]{1,2})[./-][0-9]{4}")
    numbers = parts.dropna().astype(int)
    if numbers.empty:
        return ""
    day_first, month_first = (bool((numbers[part] > 12).any()) for part in (0, 1))
    if day_first and month_first:
        return "Some read as day first, others as month first: write all as 2024-12-31."
    if day_first:
        return 'They read as day first: declare  date_order = "DMY".'
    if month_first:
        return 'They read as month first: declare  date_order = "MDY".'
    return 'Day and month cannot be told apart: declare  date_order = "DMY"  or  "MDY".'


def _say_times(state: TableState, columns: dict[str, pd.Series]) -> None:
    times = [name for name in columns if state.kinds[name] == "time"]
    if not times or not state.source.is_text:
        return
    arranged = state.source.arrangement
    stated = arranged.time_zone if arranged else ""
    declared = state.config.time_zone
    zone = declared or stated
    if not is_zone(zone):
        message = f"the export says {shown_name(zone)}, which is no time zone that is known."
        step = 'Declare the one its times are in:  time_zone = "Europe/Berlin".'
        state.say("error", "time zone", message, column=times[0], next_step=step)
        return
    if declared and stated and declared != stated:
        message = f"the export says {stated}, cxlab.toml says {declared}; the latter counts."
        state.say("note", "time zone", message, column=times[0])
    message = f"{zone} converted to UTC." if zone else "taken as written, because no time_zone is declared."
    state.say("note", "times", message, column=", ".join(times[:3]) + (", ..." if len(times) > 3 else ""))


def add_computed(state: TableState) -> None:
    """The declared ``derived`` columns, the outcome rule, and ``known_at`` where it is not given."""
    for name, rule in state.config.derived.items():
        missing = [column for column in rule.columns if column not in state.frame.columns]
        wrong = [c for c in rule.columns if c not in missing and state.kinds[c] != _needed(rule)]
        if missing or wrong:
            what = f"needs the column {missing[0]}." if missing else f"needs {wrong[0]} as {_needed(rule)}."
            state.say(
                "error",
                "derived",
                what,
                column=name,
                next_step="Map it under  columns  and give its  types.",
            )
            continue
        state.frame[name] = _derive(state, rule)
        state.kinds[name] = "flag" if rule.operation == "above" else "number"
    if state.config.outcome is not None:
        _add_outcome(state, state.config.outcome)
    if (
        state.name == "events"
        and "occurred_at" in state.frame.columns
        and "known_at" not in state.frame.columns
    ):
        place = list(state.frame.columns).index("occurred_at") + 1
        state.frame.insert(place, "known_at", state.frame["occurred_at"])
        state.kinds["known_at"] = "time"
        state.say(
            "note",
            "not given",
            "taken as the time of the event: each record counts as visible at once.",
            column="known_at",
        )


def _needed(rule: Derived) -> Kind:
    return "number" if rule.operation == "above" else "time"


def _derive(state: TableState, rule: Derived) -> pd.Series:
    if rule.operation == "above":
        number = state.frame[rule.columns[0]]
        flag: pd.Series = (number > rule.limit).astype("Int8").mask(number.isna())
        return flag
    earlier, later = (state.frame[column] for column in rule.columns)
    if rule.operation == "days_between":
        # Calendar days as the customer lives them: in the declared zone, not in UTC.
        zone = zone_of(state.config.time_zone)
        if zone is not None:
            earlier, later = (
                time.dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
                for time in (earlier, later)
            )
        days: pd.Series = (later.dt.normalize() - earlier.dt.normalize()).dt.days.astype("float64")
        return days
    return (later - earlier).dt.total_seconds() / _SECONDS[rule.operation]


def _add_outcome(state: TableState, rule: OutcomeRule) -> None:
    if state.kinds.get(rule.column) != "number":
        state.say("error", "outcome", f"needs {rule.column} as a number.", column="outcome")
        return
    metric = state.frame[rule.column]
    value = np.zeros(len(metric), dtype="int8")
    for limit, sign, above in (
        (rule.positive_above, 1, True), (rule.positive_below, 1, False),
        (rule.negative_above, -1, True), (rule.negative_below, -1, False),
    ):  # fmt: skip
        if limit is not None:
            beyond: Mask = (metric > limit if above else metric < limit).to_numpy(dtype=bool)
            value[beyond] = sign
    empty = int(metric.isna().sum())
    if empty:
        state.say(
            "error",
            "outcome",
            f"{rule.column} is empty, so the valence is not known.",
            column="outcome",
            rows=empty,
            next_step='Keep only rows that have it:  keep = {"<your column>" = "filled"}.',
        )
    state.frame["outcome"] = value
    state.kinds["outcome"] = "sign"
    limits = ", ".join(f"{key} {value:g}" for key, value in vars(rule).items() if isinstance(value, float))
    state.say("note", "outcome", f"taken from {rule.column}: {limits}; 0 otherwise.", column="outcome")
