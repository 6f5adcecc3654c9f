"""Rules on rows of text before typing: rows that are no data are set aside and counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from cxlab.ingest.selection import text_of
from cxlab.ingest.state import TableState


def _blank_rows(state: TableState) -> None:
    """Rows without a single filled cell (23)."""
    if state.source.kind == "parquet" or not len(state.raw.columns):
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


#: In this order; a new rule on raw rows is one more entry.
RAW_RULES: tuple[Callable[[TableState], None], ...] = (_blank_rows,)
