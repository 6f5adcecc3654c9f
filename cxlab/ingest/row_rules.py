"""Rules on single rows as SQL made from the contract: one scan counts, LIMIT fetches the offenders."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

import pandas as pd

from cxlab.core.errors import Level
from cxlab.engine.duck import quote_identifier, quote_text
from cxlab.ingest.state import SHOWN_EXAMPLES, TableState, by_pattern

_RECORD = "record number of the file"
_UNREAD = "not read: "
#: Numbers that questionnaires use for "no answer".
CODE_LOOKALIKES = frozenset(
    {-999, -99, -98, -97, -9, -8, -2, -1, 0, 77, 88, 96, 97, 98, 99, 997, 998, 999, 9999}
)
#: More than this share out of range is a wrong scale rather than a code.
WRONG_SCALE_SHARE = 0.05


@dataclass(frozen=True, kw_only=True)
class RowRule:
    """One rule: ``bad`` is the SQL condition of an offending row, ``column`` the one that is shown.

    ``advise`` turns the offending values (each once) and their share into the next step.
    """

    rule: str
    column: str
    bad: str
    level: Level = "error"
    message: str = ""
    advise: Callable[[Sequence[object], float], str] | None = None


def _ranges(state: TableState) -> list[RowRule]:
    """Numbers inside the scale that the contract or the user gives (60, 61)."""
    rules = []
    for name, kind in state.kinds.items():
        if kind not in ("number", "score", "sign") or name not in state.frame.columns:
            continue
        column = state.column(name)
        key = by_pattern(state.config.scale, name)
        low, high = (
            state.config.scale[key] if key else (column.low, column.high) if column else (None, None)
        )
        cell = quote_identifier(name)
        parts = [f"{cell} < {low!r}"] if low is not None else []
        parts += [f"{cell} > {high!r}"] if high is not None else []
        if parts:
            span = (
                f"range {low:g}-{high:g}" if low is not None and high is not None else f"at least {low:g}"
            )
            rules.append(
                RowRule(rule=span, column=name, bad=" OR ".join(parts), advise=_scale_advice(name))
            )
    return rules


def _always(step: str) -> Callable[[Sequence[object], float], str]:
    def advise(values: Sequence[object], share: float) -> str:
        return step

    return advise


def _scale_advice(name: str) -> Callable[[Sequence[object], float], str]:
    def advise(values: Sequence[object], share: float) -> str:
        numbers = sorted({float(str(value)) for value in values})
        codes = [int(number) for number in numbers if number in CODE_LOOKALIKES]
        if share > WRONG_SCALE_SHARE and not set(numbers) <= CODE_LOOKALIKES:
            return f"If the question has another scale, declare  scale = {{{name} = [lowest, highest]}}"
        if not codes:
            return f"Mend the cells, or declare  missing_codes  or  scale  for {name}."
        listed = ", ".join(map(str, codes))
        looks = (
            f"{codes[0]} looks like a missing-value code"
            if len(codes) == 1
            else f"{listed} look like missing-value codes"
        )
        return f"{looks}. If so, declare  missing_codes = {{{name} = [{listed}]}}"

    return advise


def _time_ranges(state: TableState) -> list[RowRule]:
    """No time in the future of the data, none in 1900 (87, 88)."""
    declared = state.data.data_end
    end = declared or date.today()
    known = f"after data_end {end}" if declared else "in the future"
    rules = []
    for name, kind in state.kinds.items():
        if kind != "time" or name not in state.frame.columns:
            continue
        cell = quote_identifier(name)
        column = state.column(name)
        if column is not None and column.past:
            # One day more than the end, because a local evening is the next day in UTC.
            limit = quote_text(str(end + timedelta(days=2 if state.config.time_zone else 1)))
            rules.append(
                RowRule(
                    rule="future date",
                    column=name,
                    bad=f"{cell} >= TIMESTAMP {limit}",
                    message=known,
                    advise=_always("Mend the dates, or declare the right  data_end."),
                )
            )
        rules.append(
            RowRule(
                rule="date",
                level="note" if column is None else "error",  # a birth year may be old; an answer may not
                column=name,
                bad=f"{cell} < TIMESTAMP '1900-01-02'",
                message="no real date: 1900 or earlier",
                advise=_always("Leave the cell empty where the date is not known."),
            )
        )
    return rules


def _orders(state: TableState) -> list[RowRule]:
    """Nothing ends before it begins (94)."""
    rules = []
    for earlier, later in state.contract.in_order:
        if earlier in state.frame.columns and later in state.frame.columns:
            bad = f"{quote_identifier(later)} < {quote_identifier(earlier)}"
            rules.append(
                RowRule(
                    rule=f"before {earlier}",
                    column=later,
                    bad=bad,
                    advise=_always("Swap or mend the two dates in the export."),
                )
            )
    return rules


def _filled(state: TableState) -> list[RowRule]:
    """Columns that may not be empty; keys first (50)."""
    rules = []
    for name in state.frame.columns:
        column = state.column(name)
        if column is None or column.empty:
            continue
        step = f'Fill them, or set these rows aside: keep = {{"<your column>" = "filled"}} for {name}.'
        unread = f" AND NOT {quote_identifier(_UNREAD + name)}" if name in state.unread else ""
        rules.append(
            RowRule(
                rule="empty key" if name == state.contract.key else "empty",
                column=name,
                bad=f"{quote_identifier(name)} IS NULL{unread}",
                advise=_always(step),
            )
        )
    return rules


def _categories(state: TableState) -> list[RowRule]:
    """Values from the declared list, or from the contract's."""
    rules = []
    for name in state.frame.columns:
        column = state.column(name)
        values = state.config.categories.get(name) or (column.values if column else ())
        if not values or state.kinds.get(name) not in ("category", "id", "text"):
            continue
        listed = ", ".join(quote_text(value) for value in values)
        recode = f'recode = {{{name} = {{"theirs" = "{values[0]}"}}}}'
        step = f"Declare  {recode}  or  categories = {{{name} = [...]}}."
        rules.append(
            RowRule(
                rule=f"one of {', '.join(values)}",
                column=name,
                bad=f"{quote_identifier(name)} NOT IN ({listed})",
                advise=_always(step),
            )
        )
    return rules


def _negatives(state: TableState) -> list[RowRule]:
    """A wait below zero is a clock or a mix-up; said, because some systems mean "early" by it (76)."""
    return [
        RowRule(
            rule="negative",
            level="note",
            column=name,
            bad=f"{quote_identifier(name)} < 0",
            message="a duration below zero; kept.",
        )
        for name, kind in state.kinds.items()
        if kind == "number"
        and name in state.frame.columns
        and name.endswith(("_minutes", "_hours", "_seconds"))
    ]


#: Each entry makes rules from a table's contract and configuration; a new family is one more entry.
ROW_RULES: tuple[Callable[[TableState], list[RowRule]], ...] = (
    _filled,
    _ranges,
    _time_ranges,
    _orders,
    _categories,
    _negatives,
)


def scan(state: TableState) -> None:
    """Count the offenders of every rule in one pass; fetch first rows and values where there are any."""
    rules = [rule for make in ROW_RULES for rule in make(state)]
    if not rules or state.frame.empty:
        return
    engine = state.engine
    helpers = {_UNREAD + name: state.frame.index.isin(records) for name, records in state.unread.items()}
    engine.view("checked", state.frame.assign(**{_RECORD: state.frame.index.to_numpy()}, **helpers))
    counts = ", ".join(
        f"count(*) FILTER (WHERE {rule.bad}) AS n{place}" for place, rule in enumerate(rules)
    )
    found = engine.frame(f"SELECT {counts} FROM checked").iloc[0]
    for place, rule in enumerate(rules):
        rows = int(found[f"n{place}"])
        if rows:
            cell, record = quote_identifier(rule.column), quote_identifier(_RECORD)
            first = engine.frame(
                f"SELECT {record} AS record, {cell} AS cell FROM checked WHERE {rule.bad} "
                f"ORDER BY {record} LIMIT {SHOWN_EXAMPLES + 1}"
            )
            values = engine.frame(f"SELECT DISTINCT {cell} AS cell FROM checked WHERE {rule.bad} LIMIT 100")
            _say(state, rule, rows, first, list(values["cell"]))


def _say(state: TableState, rule: RowRule, rows: int, first: pd.DataFrame, values: list[object]) -> None:
    share = rows / len(state.frame)
    state.say(
        rule.level,
        rule.rule,
        rule.message,
        column=rule.column,
        rows=rows,
        examples=state.examples(list(first["record"]), list(first["cell"]), column=rule.column),
        next_step=rule.advise(values, share) if rule.advise else "",
    )
