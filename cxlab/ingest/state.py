"""One table on its way from file to typed frame: rows with their place, findings, rows set aside."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import pandas as pd

from cxlab.core.columns import CUSTOMERS, LOCATION_ID
from cxlab.core.errors import Finding, Level
from cxlab.core.personal_text import personal_kinds
from cxlab.engine.duck import DuckEngine
from cxlab.ingest.config import DataConfig, TableConfig
from cxlab.ingest.contracts import Column, Contract, Kind
from cxlab.ingest.converters import Mask
from cxlab.ingest.sources import Source

#: This many offending rows are shown in a message; the count says how many there are.
SHOWN_EXAMPLES = 3
_SHOWN_LETTERS = 24
#: No number of a person is shorter: what is not longer needs no search.
_PLAIN_LETTERS = 6
#: A name must stay long enough to be told from its neighbours and written into a configuration.
_NAME_LETTERS = 80
_PERSONAL = "(personal text)"


@dataclass(kw_only=True)
class TableState:
    """What is known about one table while it is loaded.

    ``raw`` are the rows before typing, ``frame`` the typed columns; both keep the record number of the
    file as index. ``unread`` holds, per column, the records whose cell could not be typed: they are
    reported once and not again as empty. ``reasons`` holds, per column, the records that a missing code
    or word emptied, with its reason; ``origin`` the user's columns that one of ours was taken from.
    ``rows_read`` equals the rows of ``frame`` plus ``set_aside``
    at every step.
    """

    name: str
    contract: Contract
    config: TableConfig
    data: DataConfig
    source: Source
    raw: pd.DataFrame
    rows_read: int
    engine: DuckEngine
    frame: pd.DataFrame = field(default_factory=pd.DataFrame)
    kinds: dict[str, Kind] = field(default_factory=dict)
    unread: dict[str, pd.Index] = field(default_factory=dict)
    reasons: dict[str, list[tuple[pd.Index, str]]] = field(default_factory=dict)
    origin: dict[str, tuple[str, ...]] = field(default_factory=dict)
    set_aside: dict[str, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)

    def say(
        self,
        level: Level,
        rule: str,
        message: str = "",
        *,
        column: str = "",
        rows: int = 0,
        examples: Sequence[str] = (),
        next_step: str = "",
    ) -> None:
        """Add a finding about this table."""
        self.findings.append(
            Finding(
                level=level,
                rule=rule,
                message=message,
                file=self.source.file,
                table=self.name,
                column=column,
                rows=rows,
                examples=tuple(examples),
                next_step=next_step,
            )
        )

    def repaired(
        self, rule: str, message: str, *, rows: int, column: str = "", next_step: str = ""
    ) -> None:
        """Say a repair; above the limit of ``cxlab.toml`` it is an error, because it is no exception."""
        limit = self.data.repair_limit_share
        if rows > limit * max(self.rows_read, 1):
            more = f"{message} That is more than {limit:.0%} of the rows, too many to mend."
            step = (
                next_step or "Mend the export, or raise  repair_limit_share  if this is how it should be."
            )
            self.say("error", rule, more, column=column, rows=rows, next_step=step)
        else:
            self.say("repair", rule, message, column=column, rows=rows, next_step=next_step)

    def give_reason(self, column: str, records: pd.Index, reason: str) -> None:
        """Keep why these cells are empty: not experienced is another thing than left blank."""
        if len(records):
            self.reasons.setdefault(column, []).append((records, reason))

    def reasons_table(self) -> pd.DataFrame:
        """One row per cell that a missing code or word emptied: key, column, reason."""
        key = self.contract.key
        names = [key, "column", "reason"] if key in self.frame.columns else ["column", "reason"]
        parts = []
        for column, listed in self.reasons.items():
            for records, reason in listed:
                kept = records.intersection(self.frame.index)
                part = {"column": column, "reason": reason}
                parts.append(pd.DataFrame(part, index=kept))
        if not parts:
            return pd.DataFrame({name: pd.Series(dtype="str") for name in names})
        whole = pd.concat(parts)
        if key in self.frame.columns:
            whole.insert(0, key, self.frame[key].reindex(whole.index))
        return whole.reset_index(drop=True)

    def leave_out(self, mask: Mask, reason: str) -> int:
        """Set rows aside with a reason, in ``raw`` and (once typed) in ``frame``; returns how many."""
        rows = int(mask.sum())
        if rows:
            self.set_aside[reason] = self.set_aside.get(reason, 0) + rows
            kept = ~mask
            if len(self.frame.columns):
                self.frame = self.frame[kept]
            self.raw = self.raw[kept]
        return rows

    def column(self, name: str) -> Column | None:
        """The contract's column, or None for a column the user carried."""
        return self.contract.column(name)

    def examples(
        self, records: Sequence[int], values: Sequence[object], *, column: str = ""
    ) -> tuple[str, ...]:
        """``line 25 (R0024) = 99``: place, key and value; no key of a person, no long text.

        Where ids become pseudonyms no id is shown, neither as key nor as value: the line says enough.
        """
        hidden = self.data.privacy.keyed
        keys = self.frame.get(self.contract.key) if self.name != CUSTOMERS and not hidden else None
        is_id = hidden and self.kinds.get(column) == "id" and column != LOCATION_ID
        shown = []
        for record, value in list(zip(records, values, strict=True))[:SHOWN_EXAMPLES]:
            key = keys.get(record) if keys is not None else None
            named = f" ({key})" if isinstance(key, str) else ""
            said = "" if is_id else f" = {shown_value(value)}"
            shown.append(f"{self.source.place(int(record))}{named}{said}")
        if len(records) > SHOWN_EXAMPLES:
            shown.append("...")
        return tuple(shown)


def shown_value(value: object) -> str:
    """A cell as a message shows it: short, and nothing that looks like an address.

    >>> shown_value("anna@example.org")
    '(personal text)'
    """
    if pd.isna(value):  # type: ignore[call-overload]
        return "empty"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, pd.Timestamp):
        return str(value.date()) if value == value.normalize() else str(value)
    text = str(value)
    if "@" in text or (len(text) > _PLAIN_LETTERS and personal_kinds(text)):
        return _PERSONAL
    return text if len(text) <= _SHOWN_LETTERS else text[: _SHOWN_LETTERS - 3] + "..."


def shown_name(name: object) -> str:
    """A column's name as a message shows it: the first line of a file without a header is no name.

    >>> shown_name("overall"), shown_name("anna@example.org")
    ('overall', '(personal text)')
    """
    text = str(name)
    if shown_value(text) == _PERSONAL:
        return _PERSONAL
    return text if len(text) <= _NAME_LETTERS else text[:_NAME_LETTERS] + "..."


def by_pattern(options: Mapping[str, object], name: str) -> str:
    """The key of ``options`` that fits a column: its own name, else a family such as ``rating_*``.

    >>> by_pattern({"rating_*": 1, "overall": 2}, "rating_billing")
    'rating_*'
    """
    if name in options:
        return name
    return next((key for key in options if key.endswith("*") and name.startswith(key[:-1])), "")
