"""Rules on one whole table: rows at all, columns with content, duplicates; a registry that only grows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.ingest import answer_rules, privacy_rules, row_rules, scale_rules
from cxlab.ingest.distinct import repeated
from cxlab.ingest.state import SHOWN_EXAMPLES, TableState


@dataclass(frozen=True, kw_only=True)
class TableRule:
    """One rule of the catalogue: its numbers there, its name, and the function that finds or mends."""

    numbers: tuple[int, ...]
    name: str
    run: Callable[[TableState], None]


def _header_only(state: TableState) -> None:
    if state.rows_read == 0:
        state.say(
            "error",
            "no rows",
            "the file has a header and nothing below it.",
            next_step="Export the table again.",
        )
    elif state.frame.empty and len(state.frame.columns):
        reasons = ", ".join(f"{rows:,} {reason}" for reason, rows in state.set_aside.items())
        message = f"all {state.rows_read:,} rows were set aside: {reasons}."
        step = "Look at  keep : it says which rows count."
        state.say("error", "no rows", message, next_step=step)


def _empty_columns(state: TableState) -> None:
    if state.frame.empty:
        return
    for name in state.frame.columns:
        if state.frame[name].isna().all():
            column = state.column(name)
            if column is not None and column.required and column.empty:
                state.say(
                    "error",
                    "empty column",
                    "holds no value at all.",
                    column=name,
                    next_step=f'Declare  absent = ["{name}"]  if these data do not have it.',
                )
            elif column is None or column.empty:
                state.say("note", "empty column", "holds no value at all.", column=name)


def _open_ends(state: TableState) -> None:
    """9999-12-31 stands for 'still open' in many systems."""
    for _, later in state.contract.in_order:
        if later in state.frame.columns and later != "known_at":
            open_end = (state.frame[later] >= pd.Timestamp(9999, 1, 1)).to_numpy(dtype=bool)
            if open_end.any():
                state.frame[later] = state.frame[later].mask(open_end)
                state.say(
                    "repair",
                    "open end",
                    "9999-12-31 read as still open.",
                    column=later,
                    rows=int(open_end.sum()),
                )


def _duplicates(state: TableState) -> None:
    """Rows that are equal in every kept column stay once; rows that share a key and differ are an error."""
    key = state.contract.key
    if key not in state.frame.columns:
        return
    keys = state.frame[key]
    shared = repeated(keys)
    if not shared.any():
        return
    equal = np.zeros(len(state.frame), dtype=bool)
    equal[shared] = state.frame[shared].duplicated(keep="first").to_numpy(dtype=bool)
    conflict = shared & ~equal & (keys.where(~equal).duplicated(keep=False)).to_numpy(dtype=bool)
    if conflict.any():
        _say_conflict(state, state.frame[conflict])
    overlap = equal & _in_other_file(state, shared)
    index = state.frame.index
    rows = state.leave_out(equal & ~overlap, "exact duplicates of another row")
    if rows:
        message = "equal in every column that is kept; one of each stays, the others are set aside."
        state.repaired("exact duplicates", message, column=key, rows=rows)
    if overlap.any():
        left = overlap[index.isin(state.frame.index)]
        rows = state.leave_out(left, "rows that an earlier file has too")
        message = "stand in an earlier file too, equal in every column; set aside."
        state.repaired("overlapping files", message, column=key, rows=rows)


def _in_other_file(state: TableState, shared: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Which rows of shared keys lie in another file than the first row of their key (56)."""
    elsewhere = np.zeros(len(state.frame), dtype=bool)
    if len(state.source.parts) < 2:
        return elsewhere
    starts = np.array([start for start, _ in state.source.parts])
    some = state.frame[shared]
    part = pd.Series(np.searchsorted(starts, some.index.to_numpy(), side="right"), index=some.index)
    elsewhere[shared] = (part != part.groupby(some[state.contract.key]).transform("first")).to_numpy()
    return elsewhere


def _say_conflict(state: TableState, rows: pd.DataFrame) -> None:
    key = state.contract.key
    grouped = rows.groupby(key)
    columns = [str(name) for name in rows.columns if name != key]
    differ = [name for name in columns if (grouped[name].nunique(dropna=False) > 1).any()]
    state.say(
        "error",
        "unique key",
        f"the rows of one key differ in {', '.join(differ[:5])}.",
        column=key,
        rows=len(rows),
        examples=[state.source.place(int(record)) for record in rows.index[:SHOWN_EXAMPLES]],
        next_step=f'Decide which row counts, or make the key of several columns:  {key} = ["a", "b"].',
    )


#: The order matters: mend first, then judge. A new rule is one more entry.
TABLE_RULES: tuple[TableRule, ...] = (
    TableRule(numbers=(2,), name="a table has rows", run=_header_only),
    TableRule(numbers=(91,), name="9999-12-31 means open", run=_open_ends),
    TableRule(numbers=(43, 44, 56), name="one row per key", run=_duplicates),
    TableRule(numbers=(71,), name="columns hold values", run=_empty_columns),
    TableRule(numbers=(), name="scales mapped as declared", run=scale_rules.map_scales),
    TableRule(numbers=(50, 60, 61, 76, 87, 88, 94), name="single rows, in one scan", run=row_rules.scan),
    TableRule(numbers=(66,), name="the scale is the declared one", run=scale_rules.short_scales),
    TableRule(numbers=(67,), name="ratings point one way", run=scale_rules.directions),
    TableRule(numbers=(68,), name="one scale all the time", run=scale_rules.scale_changes),
    TableRule(numbers=(77,), name="one unit all the time", run=scale_rules.unit_changes),
    TableRule(numbers=(72,), name="columns vary", run=answer_rules.constant_columns),
    TableRule(numbers=(55, 58), name="one answer per occasion", run=answer_rules.retries),
    TableRule(numbers=(102,), name="answers were given with care", run=answer_rules.careless_answers),
    TableRule(numbers=(104,), name="comments name nobody", run=privacy_rules.personal_comments),
)
