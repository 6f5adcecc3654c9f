"""Reads `cxlab.toml`: every key and value checked, all mistakes reported together, none guessed."""

from __future__ import annotations

import codecs
import difflib
import re
import tomllib
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from pathlib import Path, PurePosixPath
from typing import Any, cast
from zoneinfo import ZoneInfo, available_timezones

from cxlab.core.columns import TABLE_NAMES
from cxlab.core.errors import Finding
from cxlab.ingest.config import (
    DATE_ORDERS,
    OPERATIONS,
    REPAIR_LIMIT_SHARE,
    DataConfig,
    Derived,
    Dialect,
    Lookup,
    OutcomeRule,
    TableConfig,
)
from cxlab.ingest.contracts import KINDS, Kind, contract_of

_DIALECT_KEYS = ("delimiter", "encoding", "decimal", "date_order", "time_zone")
_TOP_KEYS = ("title", "data_end", "repair_limit_share", "notes", *_DIALECT_KEYS)
_TABLE_KEYS = (
    "file",
    "sheet",
    "columns",
    "carry",
    "absent",
    "missing_codes",
    "scale",
    "categories",
    "types",
    "recode",
    "keep",
    "lookup",
    "derived",
    "outcome",
    "constant",
    *_DIALECT_KEYS,
)
_OUTCOME_KEYS = ("column", "negative_above", "negative_below", "positive_above", "positive_below")


def nearest(name: str, known: Sequence[str]) -> str:
    """' Did you mean ...?' for the closest known name, or nothing.

    >>> nearest("missing_code", ["missing_codes", "scale"])
    " Did you mean 'missing_codes'?"
    """
    folded = {re.sub(r"[^a-z0-9]", "", item.lower()): item for item in known}
    close = difflib.get_close_matches(re.sub(r"[^a-z0-9]", "", name.lower()), list(folded), n=1, cutoff=0.6)
    return f" Did you mean {folded[close[0]]!r}?" if close else ""


def plain(value: Any) -> str:
    """A TOML value as the text a file would hold: 99 -> '99', 1.0 -> '1', true -> 'true'."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


class _Section:
    """One TOML table being read: takes keys by type and notes every mistake with its place."""

    def __init__(self, values: Mapping[str, Any], place: str, problems: list[str]) -> None:
        self.values, self.place, self.problems = values, place, problems

    def wrong(self, key: str, needed: str) -> None:
        got = self.values.get(key)
        self.problems.append(f"{self.place}{key}: needs {needed}, got {got!r}.")

    def only(self, known: Sequence[str]) -> None:
        for key in self.values:
            if key not in known:
                hint = f"{nearest(key, known)} Options: {', '.join(known)}."
                self.problems.append(f"{self.place}{key}: is not an option here.{hint}")

    def text(self, key: str, *, among: Sequence[str] = ()) -> str:
        value = self.values.get(key, "")
        if not isinstance(value, str) or (among and value and value not in among):
            self.wrong(key, f"one of {', '.join(among)}" if among else "a text")
            return ""
        return value

    def number(self, key: str) -> float | None:
        value = self.values.get(key)
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float):
            self.wrong(key, "a number")
            return None
        return float(value)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        listed = [value] if isinstance(value, str) else value
        if not isinstance(listed, list) or any(not isinstance(item, str) for item in listed):
            self.wrong(key, "a list of texts")
            return ()
        return tuple(listed)

    def values_list(self, key: str) -> tuple[str, ...]:
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, "a list of values")
            return ()
        return tuple(plain(item) for item in value)

    def section(self, key: str) -> _Section:
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "a table such as {overall = ...}")
            value = {}
        return _Section(value, f"{self.place}{key}.", self.problems)


def read_config(path: Path, *, required: bool) -> DataConfig:
    """`cxlab.toml` as a :class:`DataConfig`; its ``problems`` hold every mistake found."""
    if not path.is_file():
        if not required:
            return DataConfig()
        return DataConfig(problems=(_problem(path.name, "there is no such configuration file."),))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return DataConfig(problems=(_problem(path.name, f"cannot be read as TOML: {error}."),))
    problems: list[str] = []
    top = _Section(values, "", problems)
    top.only((*_TOP_KEYS, *TABLE_NAMES))
    default = TableConfig(table="", **_dialect(top, TableConfig(table="")))
    tables: dict[str, TableConfig] = {
        name: _table(top.section(name), name, default) for name in TABLE_NAMES if name in values
    }
    limit = top.number("repair_limit_share")
    return DataConfig(
        title=top.text("title"),
        file=path.name,
        data_end=_date(top, "data_end"),
        repair_limit_share=REPAIR_LIMIT_SHARE if limit is None else limit,
        notes=top.texts("notes"),
        tables=tables,
        default=default,
        problems=tuple(_problem(path.name, text) for text in problems),
    )


def _problem(file: str, text: str) -> Finding:
    return Finding(
        level="error",
        rule="configuration",
        message=text,
        file=file,
        next_step="Options and their form are listed in data/README.md.",
    )


def _date(section: _Section, key: str) -> date | None:
    value = section.values.get(key)
    if isinstance(value, datetime):
        return value.date()
    if value is not None and not isinstance(value, date):
        section.wrong(key, "a date such as 2024-12-31 (without quotes)")
        return None
    return value


def _dialect(section: _Section, above: TableConfig) -> dict[str, Any]:
    delimiter = section.text("delimiter") or above.dialect.delimiter
    if len(delimiter) > 1:
        section.wrong("delimiter", 'one character such as ";" or "\\t"')
        delimiter = ""
    zone = section.text("time_zone")
    if zone and zone not in available_timezones():
        section.wrong(
            "time_zone",
            f"a zone name such as 'Europe/Berlin'{nearest(zone, sorted(available_timezones()))}",
        )
        zone = ""
    encoding = section.text("encoding") or above.dialect.encoding
    try:
        codecs.lookup(encoding or "utf-8")
    except LookupError:
        section.wrong("encoding", "a known encoding such as 'utf-8' or 'cp1252'")
        encoding = ""
    dialect = Dialect(
        delimiter=delimiter,
        encoding=encoding,
        decimal=section.text("decimal", among=(".", ",")) or above.dialect.decimal,
        sheet=section.text("sheet"),
    )
    order = section.text("date_order", among=DATE_ORDERS) or above.date_order
    return {"dialect": dialect, "date_order": order, "time_zone": zone or above.time_zone}


def _table(section: _Section, name: str, default: TableConfig) -> TableConfig:
    section.only(_TABLE_KEYS)
    contract = contract_of(name)
    absent = section.texts("absent")
    for column in absent:
        if column not in [c.name for c in contract.columns] or (name, column) == (
            "customers",
            "customer_id",
        ):
            section.problems.append(
                f"{section.place}absent: {column!r} is not a column that can be absent."
                f"{nearest(column, contract.required)} Required are {', '.join(contract.required)}."
            )
    mapped = section.section("columns")
    scale = section.section("scale")
    types = section.section("types")
    return TableConfig(
        table=name,
        file=_inside(section, section.text("file")),
        columns={key: mapped.texts(key) for key in mapped.values},
        carry=section.texts("carry"),
        absent=absent,
        missing_codes=_codes(section.section("missing_codes")),
        scale={key: _span(scale, key) for key in scale.values},
        categories=_lists(section.section("categories")),
        types={key: cast(Kind, types.text(key, among=KINDS)) for key in types.values},
        recode=_recode(section.section("recode")),
        keep=_keep(section.section("keep")),
        lookups=_lookups(section),
        derived=_derived(section.section("derived")),
        outcome=_outcome(section) if "outcome" in section.values else None,
        constant={key: plain(value) for key, value in section.section("constant").values.items()},
        **_dialect(section, default),
    )


def _inside(section: _Section, file: str) -> str:
    """The file name if it stays inside the data folder and out of ``truth/``; else a problem."""
    parts = PurePosixPath(file.replace("\\", "/")).parts
    if file.startswith("/") or ".." in parts or (parts and parts[0].endswith(":")):
        section.wrong("file", "a name inside the data folder")
        return ""
    if "truth" in parts[:-1]:
        section.wrong("file", "a data file; the folder truth/ is never read")
        return ""
    return file


def _span(section: _Section, key: str) -> tuple[float, float]:
    value = section.values[key]
    numbers = isinstance(value, list) and len(value) == 2 and all(type(v) in (int, float) for v in value)
    if not numbers or value[0] >= value[1]:
        section.wrong(key, "two numbers, low then high, such as [1, 10]")
        return (1.0, 10.0)
    return (float(value[0]), float(value[1]))


def _codes(section: _Section) -> dict[str, dict[str, str]]:
    """``{overall = [99]}`` or, with reasons, ``{overall = {99 = "refused"}}``."""
    found: dict[str, dict[str, str]] = {}
    for key, value in section.values.items():
        if isinstance(value, dict):
            found[key] = {str(code): str(reason) for code, reason in value.items()}
        elif isinstance(value, list):
            found[key] = {plain(code): "missing" for code in value}
        else:
            section.wrong(key, "a list of codes, or a table of code and reason")
    return found


def _lists(section: _Section) -> dict[str, tuple[str, ...]]:
    return {key: section.values_list(key) for key in section.values}


def _recode(section: _Section) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = {}
    for key in section.values:
        words = section.section(key)
        found[key] = {word: plain(value) for word, value in words.values.items()}
    return found


def _keep(section: _Section) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for key, value in section.values.items():
        found[key] = () if value == "filled" else section.values_list(key)
        if value == []:
            section.wrong(key, 'the values to keep, or "filled"')
    return found


def _lookups(section: _Section) -> tuple[Lookup, ...]:
    listed = section.values.get("lookup", [])
    entries = [listed] if isinstance(listed, dict) else listed
    if not isinstance(entries, list) or any(not isinstance(entry, dict) for entry in entries):
        section.wrong("lookup", "tables written as [[surveys.lookup]]")
        return ()
    found = []
    for number, entry in enumerate(entries, start=1):
        part = _Section(entry, f"{section.place}lookup {number}: ", section.problems)
        part.only(("file", "on", "key", "columns"))
        taken = part.section("columns")
        on = part.text("on")
        found.append(
            Lookup(
                file=_inside(part, part.text("file")),
                on=on,
                key=part.text("key") or on,
                columns={key: taken.text(key) for key in taken.values},
            )
        )
        if not (found[-1].file and on and found[-1].columns):
            part.problems.append(f"{part.place}needs file, on and columns.")
    return tuple(found)


def _derived(section: _Section) -> dict[str, Derived]:
    found: dict[str, Derived] = {}
    for key in section.values:
        part = section.section(key)
        part.only(OPERATIONS)
        if len(part.values) != 1:
            section.wrong(key, f"exactly one of {', '.join(OPERATIONS)}")
        for operation, value in list(part.values.items())[:1]:
            pair = isinstance(value, list) and len(value) == 2 and isinstance(value[0], str)
            if operation == "above" and pair and type(value[1]) in (int, float):
                found[key] = Derived(operation=operation, columns=(value[0],), limit=float(value[1]))
            elif operation != "above" and pair and isinstance(value[1], str):
                found[key] = Derived(operation=operation, columns=(value[0], value[1]))
            else:
                part.wrong(
                    operation,
                    "[column, number]" if operation == "above" else "[earlier column, later column]",
                )
    return found


def _outcome(section: _Section) -> OutcomeRule | None:
    part = section.section("outcome")
    part.only(_OUTCOME_KEYS)
    limits = {key: part.number(key) for key in _OUTCOME_KEYS[1:]}
    column = part.text("column")
    if not column or all(limit is None for limit in limits.values()):
        part.problems.append(
            f"{part.place}needs column and at least one of {', '.join(_OUTCOME_KEYS[1:])}."
        )
        return None
    return OutcomeRule(column=column, **limits)


def zone_of(name: str) -> ZoneInfo | None:
    """The time zone called ``name``; None for an empty name."""
    return ZoneInfo(name) if name else None
