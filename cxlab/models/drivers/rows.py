"""Which answers a driver model can use: complete ones; the others are set aside and counted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, RATING_PREFIX, rating_columns
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError

Array = NDArray[np.float64]

NO_OUTCOME = "no answer to the outcome"
INCOMPLETE = "a driver not experienced or not answered"
NOT_EXPERIENCED = "a driver not experienced, or not known to be"
NO_DRIVER = "no driver answered"
NO_CLUSTER = "no value of the cluster or stratum column"
NO_WEIGHT = "weight is 0"


@dataclass(frozen=True, eq=False, kw_only=True)
class CompleteAnswers:
    """Answers that a model uses, as arrays.

    Attributes
    ----------
    values : (n, p + 1)
        Drivers in order, outcome last; no gap unless blanks were allowed, then NaN in drivers.
    weights : (n,)
        Above 0; ones without a weight column.
    clusters : (n,)
        Number of each answer's cluster from 0, in the order of the cluster ids; None without a
        cluster column.
    strata : (n,)
        Number of each answer's stratum from 0; all 0 without a stratum column.
    set_aside
        Reason to number of rows.
    missing
        Driver to number of rows that lack it, among rows with an outcome.
    answered
        Rows with an outcome.
    kept
        Over the rows of the table: whether the answer is used.
    """

    values: Array
    weights: Array
    clusters: NDArray[np.int64] | None
    strata: NDArray[np.int64]
    set_aside: dict[str, int]
    missing: dict[str, int]
    answered: int
    kept: NDArray[np.bool_]


def driver_columns(table: pd.DataFrame, *, outcome: str, drivers: tuple[str, ...]) -> tuple[str, ...]:
    """The named drivers, or every rating item but the outcome; NotAnswerableError if one is absent."""
    question = f"What goes along with {outcome}?"
    if outcome not in table.columns:
        raise NotAnswerableError(
            question,
            reason=f"The table has no column {outcome!r}; it has {_listed(list(table.columns))}.",
            next_step="name the outcome column, or map it in cxlab.toml.",
        )
    if drivers:
        absent = [driver for driver in drivers if driver not in table.columns]
        if absent:
            raise NotAnswerableError(
                question,
                reason=f"The table has no column {_listed(absent)}; it has {_listed(list(table.columns))}.",
                next_step="leave these drivers out, or map them in cxlab.toml.",
            )
        return drivers
    found = tuple(name for name in rating_columns([str(c) for c in table.columns]) if name != outcome)
    if not found:
        raise NotAnswerableError(
            question,
            reason=f"No column starts with {RATING_PREFIX!r}, so there are no ratings to compare.",
            next_step="name the drivers, or map the rating items in cxlab.toml.",
        )
    return found


def complete_answers(
    table: pd.DataFrame,
    *,
    outcome: str,
    drivers: tuple[str, ...],
    weight_column: str | None,
    cluster_column: str | None,
    stratum_column: str | None,
    experienced: str | Mapping[str, str] | None = None,
    allow_blank: bool = False,
) -> CompleteAnswers:
    """Take the usable answers out of ``table`` and count the others by reason; nothing is filled in.

    ``experienced`` is a 0/1 column for all drivers, or one per driver: an answer without the experience is
    set aside. With ``allow_blank`` an answer is kept that experienced everything and left some ratings out.
    """
    asked = experienced_columns(drivers, experienced)
    for column in (weight_column, cluster_column, stratum_column, *asked):
        if column is not None and column not in table.columns:
            raise NotAnswerableError(
                f"What goes along with {outcome}?",
                reason=f"The table has no column {column!r}; it has {_listed(list(table.columns))}.",
                next_step="correct the name in the settings, or set it to None.",
            )
    items = np.column_stack([numbers(table, driver) for driver in drivers])
    overall = numbers(table, outcome)
    weights = _weights(table, weight_column)
    identified = np.ones(len(table), dtype=bool)
    for column in (cluster_column, stratum_column):
        if column is not None:
            identified &= table[column].notna().to_numpy()
    has_outcome, blank = ~np.isnan(overall), np.isnan(items)
    went = np.ones(len(table), dtype=bool)
    for column in asked:
        went &= numbers(table, column) == 1.0
    answered = np.asarray(~(blank.all(axis=1) if allow_blank else blank.any(axis=1)))
    kept, set_aside = _sort_out(
        {
            NO_OUTCOME: has_outcome,
            NOT_EXPERIENCED: went,
            NO_DRIVER if allow_blank else INCOMPLETE: answered,
            NO_CLUSTER: identified,
            NO_WEIGHT: weights > 0.0,
        }
    )
    chosen = table.loc[kept]
    strata = _codes(chosen, [stratum_column] if stratum_column else [])
    # A cluster id that appears in two strata is two clusters: clusters are drawn within strata.
    keys = [column for column in (stratum_column, cluster_column) if column is not None]
    return CompleteAnswers(
        values=np.column_stack([items, overall])[kept],
        weights=weights[kept],
        clusters=_codes(chosen, keys) if cluster_column is not None else None,
        strata=strata,
        set_aside=set_aside,
        missing={name: int(np.isnan(items[has_outcome, i]).sum()) for i, name in enumerate(drivers)},
        answered=int(has_outcome.sum()),
        kept=kept,
    )


def _sort_out(good: dict[str, NDArray[np.bool_]]) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Rows that are good in every respect, and how many each reason takes away, in order."""
    kept, set_aside = np.ones(len(next(iter(good.values()))), dtype=bool), {}
    for reason, chosen in good.items():
        lost = int((kept & ~chosen).sum())
        if lost:
            set_aside[reason] = lost
        kept &= chosen
    return kept, set_aside


def experienced_columns(
    drivers: tuple[str, ...], experienced: str | Mapping[str, str] | None
) -> tuple[str, ...]:
    """The 0/1 columns that say whether the drivers' touchpoints were experienced, each once.

    >>> experienced_columns(("rating_a", "rating_b"), {"rating_b": "used_b"})
    ('used_b',)
    """
    if experienced is None:
        return ()
    if isinstance(experienced, str):
        return (experienced,)
    unknown = [driver for driver in experienced if driver not in drivers]
    if unknown:
        raise ParameterError(
            f"experienced: {_listed(unknown)} is no driver of this model; drivers are "
            f"{_listed(list(drivers))}. Next step: name drivers as keys and their 0/1 columns as values."
        )
    return tuple(dict.fromkeys(experienced.values()))


def usable_cluster_column(table: pd.DataFrame, cluster_column: str | None) -> str | None:
    """The cluster column; None if it is the default dealer column and the table has none."""
    if cluster_column == LOCATION_ID and LOCATION_ID not in table.columns:
        return None
    return cluster_column


def numbers(table: pd.DataFrame, column: str) -> Array:
    """A column as floats with NaN for missing; FitError for text, infinity or a name used twice."""
    if list(table.columns).count(column) > 1:
        raise FitError(f"{column}: the table has this column twice. Next step: rename or drop one of them.")
    found = table[column]
    if not (pd.api.types.is_numeric_dtype(found) or pd.api.types.is_bool_dtype(found)):
        example = next(iter(found.dropna().astype(str)), "nothing")
        raise FitError(
            f"{column}: a driver analysis needs numbers, got {found.dtype} such as {example!r}. "
            f"Next step: recode the answers to numbers (0/1 for yes or no) in cxlab.toml."
        )
    values: Array = found.to_numpy(dtype=np.float64, na_value=np.nan)
    infinite = int(np.isinf(values).sum())
    if infinite:
        raise FitError(
            f"{column}: {infinite} values are infinite. Next step: declare them as missing in cxlab.toml."
        )
    return values


def _weights(table: pd.DataFrame, weight_column: str | None) -> Array:
    if weight_column is None:
        return np.ones(len(table))
    weights = numbers(table, weight_column)
    for what, bad in (("missing", np.isnan(weights)), ("negative", weights < 0.0)):
        if bad.any():
            first = int(np.argmax(bad))
            raise FitError(
                f"{weight_column}: {int(bad.sum())} weights are {what}, the first in row {first}. "
                f"Next step: give every answer a weight of 0 or more (0 leaves it out)."
            )
    return weights


def _codes(table: pd.DataFrame, columns: list[str]) -> NDArray[np.int64]:
    if not columns:
        return np.zeros(len(table), dtype=np.int64)
    codes = table.groupby(columns, sort=True, observed=True).ngroup()
    return np.asarray(codes, dtype=np.int64)


def _listed(names: list[str], most: int = 6) -> str:
    shown = ", ".join(str(name) for name in names[:most])
    return shown if len(names) <= most else f"{shown}, ..."
