"""What the labels of an SPSS file decide: missing codes, names of categories, numbers inside labels."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from cxlab.ingest.cell_rules import NO_ANSWER, NUMBER_KINDS
from cxlab.ingest.sources import Labels
from cxlab.ingest.state import TableState, by_pattern


def labels_of(state: TableState, name: str) -> Labels:
    """The labels of the one column that ours was taken from; empty where there are none."""
    sources = state.origin.get(name, (name,))
    return state.source.labels.get(sources[0], Labels()) if len(sources) == 1 else Labels()


def without_user_missing(state: TableState, name: str, values: pd.Series) -> pd.Series:
    """Codes that the file itself declares as no answer: emptied, counted, their reason kept (99)."""
    for code, reason in labels_of(state, name).missing.items():
        holds = (values == code).fillna(False).to_numpy(dtype=bool)
        if holds.any():
            state.give_reason(name, values.index[holds], reason)
            message = f"{code:g} read as no answer ({reason}), as the SPSS file declares."
            state.say("repair", "missing code", message, column=name, rows=int(holds.sum()))
            values = values.mask(holds)
    return values


def named(state: TableState, name: str, values: pd.Series) -> pd.Series:
    """Codes of a category as the words of their labels, where every code that occurs has one."""
    known = labels_of(state, name).values
    codes = values.dropna().unique()
    declared = by_pattern(state.config.recode, name)
    if declared or not known or not len(codes) or not all(code in known for code in codes):
        return values
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return values
    return values.map(known).astype("str")


def has_names(state: TableState, name: str, values: pd.Series) -> bool:
    """Whether a column outside the contract is a category: every code that occurs has a label of words."""
    known = labels_of(state, name).values
    if not pd.api.types.is_numeric_dtype(values.dtype):
        return False
    codes = values.dropna().unique()
    return len(codes) > 0 and all(code in known and not _number(known[code]) for code in codes)


def by_labels(state: TableState, name: str, values: pd.Series) -> pd.Series:
    """Numbers in the labels that are not the codes: which of both is the answer must be declared.

    A question from 0 to 10 is often stored as codes 1 to 11; read as they are, they turn an NPS of 8
    into one of 36 without a word. With ``codes_or_labels = {name = "labels"}`` the codes are shifted by
    the constant difference, so that end points with words only (code 1 ``very unlikely``) follow.
    """
    known = labels_of(state, name).values
    _say_no_answer_labels(state, name, values)
    shifts = {_number_of(text) - code for code, text in known.items() if _number(text)}
    if len(shifts) == 0 or shifts == {0.0}:
        return values
    key = by_pattern(state.config.codes_or_labels, name)
    choice = state.config.codes_or_labels[key] if key else ""
    pairs = ", ".join(f"{code:g} is labelled {text!r}" for code, text in known.items() if _number(text))
    if choice == "labels" and len(shifts) == 1:
        shift = shifts.pop()
        rows = int(values.notna().sum())
        message = f"codes read as their labels ({shift:+g}), as declared."
        state.say("repair", "labels", message, column=name, rows=rows)
        return values + shift
    if choice == "codes":
        state.say("note", "labels", "codes read as they are stored, as declared.", column=name)
        return values
    state.say(
        "error",
        "labels",
        f"the labels hold other numbers than the codes: {pairs[:80]}.",
        column=name,
        rows=int(values.notna().sum()),
        next_step=f'Declare  codes_or_labels = {{{name} = "labels"}}  (or "codes").'
        if len(shifts) == 1
        else f"The differences vary: declare  recode  for {name}.",
    )
    return values


def _say_no_answer_labels(state: TableState, name: str, values: pd.Series) -> None:
    """A code labelled ``don't know`` that the file does not declare as missing counts as a rating."""
    labels = labels_of(state, name).values
    silent = {
        code: text
        for code, text in labels.items()
        if NO_ANSWER.get(text.strip().lower().replace("’", "'")) and (values == code).any()
    }
    if silent:
        listed = ", ".join(f'{code:g} = "{text}"' for code, text in silent.items())
        rows = int(np.isin(values.to_numpy(dtype="float64", na_value=np.nan), list(silent)).sum())
        state.say(
            "error",
            "label means no answer",
            f"{listed}, but the file does not declare it as missing.",
            column=name,
            rows=rows,
            next_step=f"Declare  missing_codes = {{{name} = {{{listed}}}}}.",
        )


def applies(state: TableState, kind: str) -> bool:
    """Whether labels decide about a column of this kind."""
    return bool(state.source.labels) and kind in NUMBER_KINDS


def _number(text: str) -> bool:
    return re.match(r"\s*-?[0-9]+(?:[.,][0-9]+)?\s*(?:$|[-–=:( ])", text) is not None


def _number_of(text: str) -> float:
    found = re.match(r"\s*(-?[0-9]+(?:[.,][0-9]+)?)", text)
    return float(found[1].replace(",", ".")) if found else float("nan")
