"""Reads `cxlab.toml`: every key and value checked, all mistakes reported together, none guessed."""

from __future__ import annotations

import tomllib
from datetime import date, datetime
from pathlib import Path
from typing import Any, cast
from zoneinfo import available_timezones

from cxlab.core.columns import TABLE_NAMES
from cxlab.core.errors import Finding
from cxlab.ingest.config import (
    DATE_ORDERS,
    NUMBER_DATES,
    PLATFORMS,
    REPAIR_LIMIT_SHARE,
    DataConfig,
    Dialect,
    TableConfig,
)
from cxlab.ingest.config_options import (
    among,
    codes,
    derived,
    flags,
    inside,
    keep,
    limits,
    lists,
    lookups,
    outcome,
    privacy,
    recode,
    source_url,
    span,
    words_lists,
)
from cxlab.ingest.config_section import Section, nearest, plain
from cxlab.ingest.contracts import KINDS, Kind, contract_of

_DIALECT_KEYS = ("delimiter", "encoding", "decimal", "date_order", "time_zone")
_TOP_KEYS = (
    "confirmed",
    "title",
    "data_end",
    "repair_limit_share",
    "notes",
    "source",
    "limits",
    "privacy",
    *_DIALECT_KEYS,
)
_UNCONFIRMED = (
    "is a proposal of cxlab init that nobody has confirmed: read its guesses, correct them, settle every "
    "CHOOSE, then write  confirmed = true."
)
_TABLE_KEYS = (
    "file",
    "query",
    "platform",
    "sheet",
    "columns",
    "aliases",
    "carry",
    "absent",
    "missing_codes",
    "scale",
    "map_scale",
    "reverse",
    "codes_or_labels",
    "number_dates",
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


def read_config(path: Path, *, required: bool) -> DataConfig:
    """`cxlab.toml` as a :class:`DataConfig`; its ``problems`` hold every mistake found."""
    if not path.is_file():
        if not required:
            return DataConfig()
        return DataConfig(problems=(_problem(path.name, "there is no such configuration file."),))
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        return DataConfig(problems=(_problem(path.name, f"cannot be read as TOML: {error}."),))
    problems: list[str] = []
    top = Section(values, "", problems)
    top.only((*_TOP_KEYS, *TABLE_NAMES))
    if values.get("confirmed", True) is not True:
        problems.append(_UNCONFIRMED)
    default = TableConfig(table="", **_dialect(top, TableConfig(table="")))
    tables: dict[str, TableConfig] = {
        name: _table(top.section(name), name, default) for name in TABLE_NAMES if name in values
    }
    limit = top.number("repair_limit_share")
    url = source_url(top.section("source"))
    asked = [name for name, table in tables.items() if table.query]
    if asked and not url:
        problems.append(f'{asked[0]}.query: needs  [source]  url = "...", the database to ask.')
    return DataConfig(
        title=top.text("title"),
        url=url,
        limits=limits(top.section("limits")),
        privacy=privacy(top.section("privacy")),
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


def _date(section: Section, key: str) -> date | None:
    value = section.values.get(key)
    if isinstance(value, datetime):
        return value.date()
    if value is not None and not isinstance(value, date):
        section.wrong(key, "a date such as 2024-12-31 (without quotes)")
        return None
    return value


def _dialect(section: Section, above: TableConfig) -> dict[str, Any]:
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
        "a".encode(encoding or "utf-8")  # refuses codecs that are no text, such as hex
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


def _query(section: Section) -> str:
    query = section.text("query")
    if query and query.split(maxsplit=1)[0].upper() not in ("SELECT", "WITH"):
        section.wrong("query", "one SELECT")
        return ""
    if query and "file" in section.values:
        section.problems.append(f"{section.place}query: stands beside file; a table comes from one.")
    return query


def _table(section: Section, name: str, default: TableConfig) -> TableConfig:
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
    mapped_scale = section.section("map_scale")
    types = section.section("types")
    return TableConfig(
        table=name,
        file=inside(section, section.text("file")),
        query=_query(section),
        platform=section.text("platform", among=PLATFORMS),
        columns={key: mapped.texts(key) for key in mapped.values},
        aliases=words_lists(section.section("aliases")),
        carry=section.texts("carry"),
        absent=absent,
        missing_codes=codes(section.section("missing_codes")),
        scale={key: span(scale, key) for key in scale.values},
        map_scale={key: span(mapped_scale, key) for key in mapped_scale.values},
        reverse=flags(section.section("reverse")),
        codes_or_labels=among(section.section("codes_or_labels"), ("codes", "labels")),
        number_dates=among(section.section("number_dates"), NUMBER_DATES),
        categories=lists(section.section("categories")),
        types={key: cast(Kind, types.text(key, among=KINDS)) for key in types.values},
        recode=recode(section.section("recode")),
        keep=keep(section.section("keep")),
        lookups=lookups(section),
        derived=derived(section.section("derived")),
        outcome=outcome(section) if "outcome" in section.values else None,
        constant={key: plain(value) for key, value in section.section("constant").values.items()},
        **_dialect(section, default),
    )
