"""Rules on the header: columns without a name, and two columns of one name."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from cxlab.ingest.state import TableState


def _unnamed(state: TableState) -> None:
    """A column without a name is called by its place, so that it can be mapped (38)."""
    header = [str(name).strip() for name in state.raw.columns]
    if all(header):
        return
    named = [name or f"column {place}" for place, name in enumerate(header, start=1)]
    state.raw = state.raw.set_axis(pd.Index(named), axis=1)
    new = [name for name, old in zip(named, header, strict=True) if not old]
    state.say("note", "no name", f"called by their place in the file: {', '.join(new)}.")


def _twice(state: TableState) -> None:
    """Which of two columns of one name is meant cannot be known (35); the first stands for the checks."""
    double = state.raw.columns.duplicated()
    if double.any():
        names = ", ".join(sorted(set(map(str, state.raw.columns[double]))))
        step = "Give each column its own name; which one is meant is not guessed."
        state.say("error", "column names", f"stand twice in the header: {names}.", next_step=step)
        state.raw = state.raw.loc[:, ~double]


#: In this order; a new rule on headers is one more entry.
HEADER_RULES: tuple[Callable[[TableState], None], ...] = (_unnamed, _twice)
