"""Rules on rows of text before typing: rows that are no data are set aside and counted."""

from __future__ import annotations

import re
from collections.abc import Callable

import numpy as np

from cxlab.ingest.selection import text_of
from cxlab.ingest.state import TableState

#: How a row of totals begins, in any of its cells.
_TOTAL = re.compile(
    r"(?:grand |sub)?totals?|(?:gesamt|zwischen)?summe|gesamt|insgesamt|sum|average|mittelwert|"
    r"(?:sous-)?total général|promedio|average score|n\s*=.*",
    re.IGNORECASE,
)
#: Totals stand at the end of a table.
_LAST_ROWS = 3


def _blank_rows(state: TableState) -> None:
    """Rows without a single filled cell (23)."""
    if not state.source.is_text or not len(state.raw.columns):
        return
    blank = (text_of(state.raw.iloc[:, 0]) == "").to_numpy(dtype=bool)
    if not blank.any():
        return
    rows = state.raw[blank]
    empty = np.logical_and.reduce([text_of(rows.iloc[:, k]) == "" for k in range(len(rows.columns))])
    mask = np.zeros(len(state.raw), dtype=bool)
    mask[blank] = empty
    found = state.leave_out(mask, "blank rows")
    if found:
        state.repaired("blank rows", "set aside.", rows=found)


def _repeated_header(state: TableState) -> None:
    """The header again between the rows: files put one under the other (24)."""
    if not state.source.is_text or state.raw.empty:
        return
    header = [str(name) for name in state.raw.columns]
    mask = np.array(state.raw.iloc[:, 0] == header[0], dtype=bool)
    for place in range(1, len(header)):
        if not mask.any():
            return
        mask &= np.asarray(state.raw.iloc[:, place] == header[place], dtype=bool)
    places = ", ".join(state.source.place(int(record)) for record in state.raw.index[mask][:3])
    rows = state.leave_out(mask, "header repeated")
    if rows:
        state.repaired("header repeated", f"set aside ({places}).", rows=rows)


def _total_row(state: TableState) -> None:
    """A row of totals at the end is no answer (22)."""
    if not state.source.is_text or len(state.raw) < _LAST_ROWS or len(state.raw.columns) < 2:
        return
    last = state.raw.tail(_LAST_ROWS)
    totals = [
        any(_TOTAL.fullmatch(str(cell).strip().rstrip(":")) for cell in cells[:2])
        for cells in last.itertuples(index=False)
    ]
    mask = np.zeros(len(state.raw), dtype=bool)
    mask[-_LAST_ROWS:] = totals
    places = ", ".join(state.source.place(int(record)) for record in state.raw.index[mask])
    rows = state.leave_out(mask, "row of totals")
    if rows:
        state.repaired("row of totals", f"set aside ({places}).", rows=rows)


def _test_answers(state: TableState) -> None:
    """Answers that a survey tool marks as preview or test are nobody's (97); unfinished ones are said."""
    arranged = state.source.arrangement
    if arranged is None:
        return
    for column, values in arranged.tests.items():
        if column in state.config.keep:
            continue  # the user says which answers count
        all_marks = state.raw[column]
        reasons = text_of(all_marks).map(dict(values))
        for reason in sorted(set(reasons.dropna())):
            mask = (text_of(state.raw[column]).map(dict(values)) == reason).fillna(False)
            rows = state.leave_out(mask.to_numpy(dtype=bool), reason)
            message = f"set aside: {column} says {reason}."
            if reason == "not submitted":
                state.say("note", "unfinished", message, rows=rows)
            else:
                kept = ", ".join(f'"{value}"' for value in dict.fromkeys(text_of(all_marks)) if value)
                step = (
                    "To set so many aside raise  repair_limit_share ; in a trial with made-up answers, to "
                    f"count them declare  keep = {{{column} = [{kept}]}}."
                )
                state.repaired("test answers", message, rows=rows, next_step=step)
    for column, marks in arranged.unfinished.items():
        rows = int(text_of(state.raw[column]).isin(marks).sum())
        if rows and column not in state.config.keep:
            step = f'To leave them out declare  keep = {{{column} = ["1", "True"]}}.'
            state.say("note", "unfinished", f"{column} says so; kept.", rows=rows, next_step=step)


#: In this order; a new rule on raw rows is one more entry.
RAW_RULES: tuple[Callable[[TableState], None], ...] = (
    _blank_rows,
    _repeated_header,
    _total_row,
    _test_answers,
)
