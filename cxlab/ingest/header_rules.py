"""Rules on the header: invisible letters, columns without a name, two columns of one name."""

from __future__ import annotations

import re
from collections.abc import Callable

import pandas as pd

from cxlab.ingest.state import TableState, shown_name

#: Letters without a shape: zero width, direction marks, soft hyphen, byte-order mark.
_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u180e\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\x00-\x1f\x7f]"
)
_BLANKS = re.compile("[\u00a0\u2000-\u200a\u202f\u3000]")


def clean_name(name: str) -> str:
    """A column name without letters that nobody sees; special blanks as plain ones.

    >>> clean_name("overall\\u200b ")
    'overall'
    """
    seen = _INVISIBLE.sub("", name.replace("\r", " ").replace("\n", " ").replace("\t", " "))
    return _BLANKS.sub(" ", seen).strip()


def _invisible(state: TableState) -> None:
    """What cannot be seen in a name cannot be declared either (37)."""
    header = [str(name) for name in state.raw.columns]
    clean = [clean_name(name) for name in header]
    changed = [new for old, new in zip(header, clean, strict=True) if new != old]
    if changed:
        state.raw = state.raw.set_axis(pd.Index(clean), axis=1)
        listed = ", ".join(repr(shown_name(name)) for name in changed[:5])
        state.say(
            "repair", "header letters", f"invisible letters or blanks around a name left out: {listed}."
        )


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
        names = ", ".join(sorted(set(map(shown_name, state.raw.columns[double]))))
        step = "Give each column its own name; which one is meant is not guessed."
        state.say("error", "column names", f"stand twice in the header: {names}.", next_step=step)
        state.raw = state.raw.loc[:, ~double]


def _drift(state: TableState) -> None:
    """A column that only some files of a table have: a new question, or an old one renamed (56)."""
    needed = {state.contract.key, *state.contract.required}
    needed |= {theirs for name in needed for theirs in state.config.columns.get(name, ())}
    for name, files in state.source.drift.items():
        more = ", ..." if len(files) > 3 else ""
        state.say(
            "error" if name in needed else "note",
            "not in all files",
            f"not in {', '.join(files[:3])}{more}, empty there.",
            column=name,
            next_step='If only its wording changed declare  aliases = {our_name = ["old", "new"]}',
        )


#: In this order; a new rule on headers is one more entry.
HEADER_RULES: tuple[Callable[[TableState], None], ...] = (_invisible, _unnamed, _twice, _drift)
