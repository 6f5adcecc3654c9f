"""`cxlab.toml` as frozen dataclasses: the user's names, scales, codes, dates; all mistakes at once.

Top of the file (everything optional): ``title``, ``data_end`` (a date), ``time_zone``, ``date_order``
(``"DMY"``, ``"MDY"``, ``"YMD"``), ``delimiter``, ``encoding``, ``decimal``, ``repair_limit_share``,
``notes``, ``[source]``, ``[limits]``, ``[privacy]``. Then one section per table, ``[surveys]``: see
:class:`TableConfig`; `data/README.md` shows each option.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Final, Literal

from cxlab.core.errors import Finding
from cxlab.ingest.contracts import Kind
from cxlab.ingest.limits import Limits

CONFIG_NAME: Final = "cxlab.toml"
DATE_ORDERS: Final = ("DMY", "MDY", "YMD")
#: More than this share of a table's rows repaired or set aside by one rule is an error.
REPAIR_LIMIT_SHARE: Final = 0.05
#: ``derived`` operations: two times -> a number; a number and a limit -> a flag.
#: Survey tools whose export has a known form; see :mod:`cxlab.ingest.platforms`.
PLATFORMS: Final = ("qualtrics", "surveymonkey", "typeform", "limesurvey")
#: What a number in a time column counts: days of a spreadsheet, or seconds or milliseconds since 1970.
NUMBER_DATES: Final = ("excel", "excel1904", "seconds", "milliseconds")
OPERATIONS: Final = ("days_between", "hours_between", "minutes_between", "above")


#: Whether ids are replaced when data are loaded, and what becomes of addresses and numbers in comments.
PSEUDONYMS: Final = ("keyed", "off")
COMMENTS: Final = ("redacted", "as written")


@dataclass(frozen=True, kw_only=True)
class Privacy:
    """``[privacy]``: both defaults protect; the other word is for data that hold no persons."""

    pseudonyms: str = PSEUDONYMS[0]
    comments: str = COMMENTS[0]

    @property
    def keyed(self) -> bool:
        """Whether ids become pseudonyms, and so may not be printed."""
        return self.pseudonyms != "off"


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How the text of a file is written; empty = not declared."""

    delimiter: str = ""
    encoding: str = ""
    decimal: str = ""
    sheet: str = ""


@dataclass(frozen=True, kw_only=True)
class Lookup:
    """Columns taken from another file: each row here finds at most one row there (m:1, checked).

    ``on`` is the key here, ``key`` the key there; ``columns`` maps the new name here to the name there.
    """

    file: str
    on: str
    key: str
    columns: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A column computed from two others: ``days_between = ["promised_at", "delivered_at"]``."""

    operation: str
    columns: tuple[str, ...]
    limit: float = 0.0


@dataclass(frozen=True, kw_only=True)
class OutcomeRule:
    """Operational valence from a metric: -1 above (or below) one limit, 1 beyond another, else 0."""

    column: str
    negative_above: float | None = None
    negative_below: float | None = None
    positive_above: float | None = None
    positive_below: float | None = None


@dataclass(frozen=True, kw_only=True)
class TableConfig:
    """One table of the house from one file of the user.

    Attributes
    ----------
    file
        Name inside the data folder: CSV (also .gz, or .zip with one CSV), Excel, Parquet, or a pattern
        of files that are one table, ``events/part-*.parquet``, ``2024-*.csv``.
    query
        A SELECT that is run on the database of ``[source] url=`` instead of reading a file.
    platform
        The survey tool that wrote the file; Qualtrics and SurveyMonkey are known by their header too.
    columns
        Our name to the user's name; several names make a key joined with ``|``.
    aliases
        Our name to names of which each file has exactly one: wordings that changed between months.
    carry
        Further columns, carried under snake_case names; ``("all",)`` for every column.
    absent
        Required columns that these data do not have. Nothing is guessed, so it must be said.
    missing_codes
        Column (or family ``rating_*``) to codes that mean "no answer", each with its reason.
    map_scale
        Column to the (low, high) it has in the file; its answers are mapped on the scale of the house.
    reverse
        Column to true (1 = best in the file: turned round) or false (as it is, looked at and right).
    codes_or_labels
        SPSS column to which of both is the answer, where numbers in the labels differ from the codes.
    number_dates
        Time column to what its numbers count.
    scale, categories, types
        Column to (low, high), to allowed values, to the kind of a column outside the contract.
    recode
        Column to {text in the file: value}.
    keep
        The user's column to the values whose rows are kept (empty tuple: any filled cell); the other
        rows are set aside with that reason.
    lookups, derived, outcome, constant
        Columns from other files, computed columns, valence from a metric, one value for all rows.
    """

    table: str
    file: str = ""
    query: str = ""
    platform: str = ""
    columns: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    aliases: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    carry: tuple[str, ...] = ()
    absent: tuple[str, ...] = ()
    missing_codes: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    map_scale: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reverse: Mapping[str, bool] = field(default_factory=dict)
    codes_or_labels: Mapping[str, str] = field(default_factory=dict)
    number_dates: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    types: Mapping[str, Kind] = field(default_factory=dict)
    recode: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    keep: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    lookups: tuple[Lookup, ...] = ()
    derived: Mapping[str, Derived] = field(default_factory=dict)
    outcome: OutcomeRule | None = None
    constant: Mapping[str, str] = field(default_factory=dict)
    dialect: Dialect = Dialect()
    date_order: Literal["", "DMY", "MDY", "YMD"] = ""
    time_zone: str = ""


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The whole of `cxlab.toml`; ``tables`` holds only the sections the user wrote."""

    title: str = ""
    file: str = CONFIG_NAME
    data_end: date | None = None
    repair_limit_share: float = REPAIR_LIMIT_SHARE
    notes: tuple[str, ...] = ()
    url: str = ""
    limits: Limits = field(default_factory=Limits)
    privacy: Privacy = Privacy()
    tables: Mapping[str, TableConfig] = field(default_factory=dict)
    default: TableConfig = TableConfig(table="")
    problems: tuple[Finding, ...] = ()

    def table(self, name: str) -> TableConfig:
        """The section of one table, or the top-level dialect alone where there is no section."""
        if name in self.tables:
            return self.tables[name]
        top = self.default
        return TableConfig(
            table=name, dialect=top.dialect, date_order=top.date_order, time_zone=top.time_zone
        )
