"""Rules between tables: keys that find nothing, and keys that never match at all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

import pandas as pd

from cxlab.core.columns import (
    COMPLAINTS,
    CONTRACTS,
    CUSTOMER_ID,
    CUSTOMERS,
    EVENTS,
    LOCATION_ID,
    LOCATIONS,
    SURVEYS,
)
from cxlab.core.errors import Finding
from cxlab.core.membership import is_in
from cxlab.ingest.state import TableState

States = Mapping[str, TableState]
#: (table, column, table it points to): the column there has the same name.
KEYS = (
    (EVENTS, CUSTOMER_ID, CUSTOMERS),
    (SURVEYS, CUSTOMER_ID, CUSTOMERS),
    (COMPLAINTS, CUSTOMER_ID, CUSTOMERS),
    (CONTRACTS, CUSTOMER_ID, CUSTOMERS),
    (SURVEYS, "event_id", EVENTS),
    (COMPLAINTS, "event_id", EVENTS),
    (CUSTOMERS, LOCATION_ID, LOCATIONS),
    (EVENTS, LOCATION_ID, LOCATIONS),
    (SURVEYS, LOCATION_ID, LOCATIONS),
)


def shape(ids: pd.Series) -> str:
    """What ids look like without showing one: digits as 9, letters as A.

    >>> shape(pd.Series(["C-0012", "C-0013"]))
    'A-9999'
    """
    forms = ids.head(200).map(lambda text: re.sub(r"[^\W\d_]", "A", re.sub(r"\d", "9", text)))
    return str(forms.mode().iloc[0])[:30] if len(forms) else "(none)"


def _keys(states: States) -> list[Finding]:
    """Rows whose key finds nothing are said and kept; no match at all is an error (48, 57)."""
    found = []
    for name, column, target in KEYS:
        if not all(column in states[t].frame.columns if t in states else False for t in (name, target)):
            continue
        keys, known = states[name].frame[column].dropna(), states[target].frame[column].dropna()
        if keys.empty or known.empty:
            continue
        lost = int((~is_in(keys, known)).sum())
        file = states[name].source.file
        if lost == len(keys):
            forms = f"Here they look like {shape(keys)}, in {target} like {shape(known)}."
            found.append(
                Finding(
                    level="error",
                    rule="no match",
                    file=file,
                    table=name,
                    column=column,
                    rows=lost,
                    message=f"none is in {target}. {forms}",
                    next_step="Map the same key in both tables (leading zeros, prefixes, case).",
                )
            )
        elif lost:
            found.append(
                Finding(
                    level="note",
                    rule="no match",
                    file=file,
                    table=name,
                    column=column,
                    rows=lost,
                    message=f"not in {target} ({lost / len(keys):.1%}); the rows are kept.",
                )
            )
    return found


def _anonymous(states: States) -> list[Finding]:
    """Answers without a customer are kept, but nothing can be linked to them (51)."""
    surveys = states.get(SURVEYS)
    if surveys is None or CUSTOMER_ID not in surveys.frame.columns:
        return []
    rows = int(surveys.frame[CUSTOMER_ID].isna().sum())
    if not rows or rows == len(surveys.frame):
        return []
    return [
        Finding(
            level="note",
            rule="anonymous",
            file=surveys.source.file,
            table=SURVEYS,
            column=CUSTOMER_ID,
            rows=rows,
            message="no customer: these answers count in scores, but cannot be linked.",
        )
    ]


def _time_ranges(states: States) -> list[Finding]:
    """Events that all lie on one side of all answers cannot be what the answers are about (96)."""
    if not all(
        t in states and c in states[t].frame.columns
        for t, c in ((EVENTS, "occurred_at"), (SURVEYS, "answered_at"))
    ):
        return []
    events, answers = states[EVENTS].frame["occurred_at"], states[SURVEYS].frame["answered_at"]
    if events.isna().all() or answers.isna().all() or events.min() <= answers.max():
        return []
    return [
        Finding(
            level="error",
            rule="time ranges",
            file=states[EVENTS].source.file,
            table=EVENTS,
            column="occurred_at",
            message=f"the first ({events.min().date()}) is after the last answer ({answers.max().date()}).",
            next_step="Check the dates and the period of both exports.",
        )
    ]


def _case(states: States) -> list[Finding]:
    """Keys that would find a partner if only their case were the same (47)."""
    found = []
    for name, column, target in KEYS:
        if not all(column in states[t].frame.columns if t in states else False for t in (name, target)):
            continue
        keys, known = states[name].frame[column].dropna(), states[target].frame[column].dropna()
        lost = keys[~is_in(keys, known)]
        rows = int(is_in(lost.str.casefold(), known.str.casefold()).sum()) if len(lost) else 0
        if rows:
            found.append(
                Finding(
                    level="note",
                    rule="case of a key",
                    file=states[name].source.file,
                    table=name,
                    column=column,
                    rows=rows,
                    message=f"would be in {target} if upper and lower case were the same; kept apart.",
                    next_step="If they are the same, write them alike in the export.",
                )
            )
    return found


def _after_leaving(states: States) -> list[Finding]:
    """Answers and events of a customer after leaving are kept and said (95)."""
    customers = states.get(CUSTOMERS)
    if customers is None or not {CUSTOMER_ID, "left_at"} <= set(customers.frame.columns):
        return []
    left = customers.frame.dropna(subset=[CUSTOMER_ID, "left_at"])
    left_at = left.drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)["left_at"]
    found = []
    surveys = states.get(SURVEYS)
    if surveys is not None and {CUSTOMER_ID, "answered_at"} <= set(surveys.frame.columns):
        ended = surveys.frame[CUSTOMER_ID].map(left_at)
        rows = int((surveys.frame["answered_at"] > ended).sum())
        if rows:
            found.append(
                Finding(
                    level="note",
                    rule="after leaving",
                    file=surveys.source.file,
                    table=SURVEYS,
                    column="answered_at",
                    rows=rows,
                    message="answers of customers who had left by then; kept.",
                )
            )
    return found


#: A new rule between tables is one more entry.
CROSS_RULES: tuple[Callable[[States], list[Finding]], ...] = (
    _keys,
    _case,
    _anonymous,
    _after_leaving,
    _time_ranges,
)
