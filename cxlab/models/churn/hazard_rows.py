"""The rows of a table of spells that can be used, checked, as arrays; the others with their reason."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.models.churn.hazard_design import is_number, numbers

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

QUESTION = "When customers leave"
NO_CUSTOMER = "customer_id missing"
NO_TIME = "entry, time or event missing"
NO_PERIOD = "not at risk in any whole period (time not after entry)"
ANY_CAUSE = "left"


@dataclass(frozen=True, kw_only=True, eq=False)
class SpellRows:
    """Spells as arrays, one entry each; ``customer`` numbers the customers from 0.

    ``rows`` are the rows of the table, in its order, ``places`` where they stood; ``causes`` names 1..C.
    """

    rows: pd.DataFrame
    places: IntArray
    entry: IntArray
    time: IntArray
    cause: IntArray
    causes: tuple[str, ...]
    customer: IntArray
    set_aside: dict[str, int]

    @property
    def events(self) -> IntArray:
        """Events of each cause, (C,)."""
        return np.bincount(self.cause, minlength=len(self.causes) + 1)[1:]


def spell_rows(
    table: pd.DataFrame,
    *,
    entry_column: str | None,
    time_column: str,
    event_column: str,
    cause_column: str | None,
) -> SpellRows:
    """Check a table of spells and take its usable rows.

    Raises
    ------
    FitError
        All problems at once: absent columns, ages that are no whole numbers from 0, events other than 0 and
        1, events without a cause, spells of one customer that overlap.
    NotAnswerableError
        If the time or event column is absent.
    """
    _require_columns(table, entry_column, time_column, event_column, cause_column)
    keys = [time_column, event_column, *([entry_column] if entry_column else [])]
    if text := [name for name in keys if not is_number(table[name]) and table[name].notna().any()]:
        raise FitError(
            f"HazardModel: {', '.join(text)} must hold numbers, got {table[text[0]].dropna().iloc[0]!r}. "
            f"Next step: count whole periods, for example with cxlab.spells."
        )
    values = np.column_stack([numbers(table[name]) for name in keys])
    nobody = table[CUSTOMER_ID].isna().to_numpy() if CUSTOMER_ID in table else np.zeros(len(table), bool)
    unknown = np.isnan(values).any(axis=1) & ~nobody
    time, event = values[:, 0], values[:, 1]
    entry = values[:, 2] if entry_column else np.zeros(len(table))
    _refuse_wrong_values(time, event, entry, keys, usable=~nobody & ~unknown)
    empty = ~nobody & ~unknown & ~(time > entry)
    used = ~nobody & ~unknown & ~empty
    rows = table[used]
    causes, cause = _causes(rows, event[used].astype(np.int64), cause_column)
    customer = pd.factorize(rows[CUSTOMER_ID])[0] if CUSTOMER_ID in rows else np.arange(len(rows))
    reasons = {NO_CUSTOMER: nobody, NO_TIME: unknown, NO_PERIOD: empty}
    found = SpellRows(
        rows=rows,
        places=np.flatnonzero(used),
        entry=entry[used].astype(np.int64),
        time=time[used].astype(np.int64),
        cause=cause,
        causes=causes,
        customer=np.asarray(customer, dtype=np.int64),
        set_aside={reason: int(mask.sum()) for reason, mask in reasons.items() if mask.any()},
    )
    _refuse_overlap(found)
    return found


def choose_spell_features(
    table: pd.DataFrame, features: Sequence[str] | None, *, keys: Sequence[str | None]
) -> tuple[str, ...]:
    """The feature columns named, or all but keys where None; FitError for one that cannot be used."""
    held = {name for name in (*keys, CUSTOMER_ID) if name}
    if features is None:
        chosen = [str(name) for name in table.columns if name not in held]
    else:
        absent = [name for name in features if name not in table.columns]
        wrong = [name for name in features if name in held]
        if absent or wrong:
            said = [f"the table has no column {', '.join(absent)}"] if absent else []
            said += [f"{', '.join(wrong)} is a key or the outcome"] if wrong else []
            raise FitError(f"HazardModel: {'; '.join(said)}. Next step: correct features=.")
        chosen = list(features)
    dates = [name for name in chosen if pd.api.types.is_datetime64_any_dtype(table[name].dtype)]
    if dates:
        raise FitError(
            f"HazardModel: {', '.join(dates)} holds dates, which are no covariate. "
            f"Next step: name the features in features=, or turn dates into numbers known at entry."
        )
    return tuple(chosen)


def _require_columns(
    table: pd.DataFrame, entry: str | None, time: str, event: str, cause: str | None
) -> None:
    missing = [name for name in (time, event) if name not in table]
    if missing:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The table has no column {', '.join(missing)}.",
            next_step="make it with cxlab.spells from dates of joining and leaving, or name the columns.",
        )
    if entry is not None and entry not in table:
        raise FitError(
            f"HazardModel: the table has no column {entry}, the age at which each customer was first seen. "
            f"Next step: add it, or write entry_column=None if every customer was seen from joining on."
        )
    if cause is not None and cause not in table:
        raise FitError(f"HazardModel: the table has no column {cause}. Next step: correct cause_column=.")


def _refuse_wrong_values(
    time: FloatArray,
    event: FloatArray,
    entry: FloatArray,
    keys: Sequence[str],
    *,
    usable: NDArray[np.bool_],
) -> None:
    problems = []
    for name, values in zip(keys, (time, event, entry), strict=False):
        wrong = (
            ~np.isin(values, (0.0, 1.0)) if name == keys[1] else (values < 0) | (values != np.floor(values))
        )
        wrong &= usable
        if wrong.any():
            rule = "0 or 1" if name == keys[1] else "whole periods, 0 or more"
            problems.append(
                f"{name} must be {rule}; {int(wrong.sum()):,} rows are not ({values[wrong][0]:g})"
            )
    if problems:
        raise FitError(f"HazardModel: {'; '.join(problems)}. Next step: count whole periods of age.")


def _causes(
    rows: pd.DataFrame, event: IntArray, cause_column: str | None
) -> tuple[tuple[str, ...], IntArray]:
    """Names of the causes, and 0 or the number of the cause of every row."""
    if cause_column is None:
        return (ANY_CAUSE,), event
    named = rows[cause_column]
    without = int((named.isna().to_numpy() & (event == 1)).sum())
    if without:
        raise FitError(
            f"HazardModel: {without:,} events have no {cause_column}. Leaving them out would make every "
            f"cause look rarer. Next step: write a level such as 'not known' for them."
        )
    text = named.astype(object).map(str)
    causes = tuple(sorted(text[event == 1].unique()))
    codes = pd.Index(causes).get_indexer(pd.Index(text)) + 1
    return causes, np.where(event == 1, codes, 0).astype(np.int64)


def _refuse_overlap(found: SpellRows) -> None:
    order = np.lexsort((found.entry, found.customer))
    same = np.diff(found.customer[order]) == 0
    overlap = same & (found.entry[order][1:] < found.time[order][:-1])
    after = same & (found.cause[order][:-1] > 0)
    if overlap.any() or after.any():
        bad = int((overlap | after).sum())
        raise FitError(
            f"HazardModel: {bad:,} rows start before the customer's earlier row ends, or after the "
            f"customer left. Next step: one row per customer, or rows that follow each other (time of "
            f"one = entry of the next)."
        )
