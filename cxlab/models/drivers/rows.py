"""Which answers a driver model can use: complete ones; the others are set aside and counted."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, RATING_PREFIX, rating_columns
from cxlab.core.errors import FitError, NotAnswerableError

Array = NDArray[np.float64]

NO_OUTCOME = "no answer to the outcome"
INCOMPLETE = "a driver not experienced or not answered"
NO_CLUSTER = "no value of the cluster or stratum column"
NO_WEIGHT = "weight is 0"


@dataclass(frozen=True, eq=False, kw_only=True)
class CompleteAnswers:
    """Answers without a gap, as arrays.

    Attributes
    ----------
    values : (n, p + 1)
        Drivers in order, outcome last.
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
    """

    values: Array
    weights: Array
    clusters: NDArray[np.int64] | None
    strata: NDArray[np.int64]
    set_aside: dict[str, int]
    missing: dict[str, int]
    answered: int


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
) -> CompleteAnswers:
    """Take the complete answers out of ``table`` and count the others by reason; nothing is filled in."""
    for column in (weight_column, cluster_column, stratum_column):
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
    has_outcome, has_items = ~np.isnan(overall), ~np.isnan(items).any(axis=1)
    kept, set_aside = np.ones(len(table), dtype=bool), {}
    for reason, good in (
        (NO_OUTCOME, has_outcome),
        (INCOMPLETE, has_items),
        (NO_CLUSTER, identified),
        (NO_WEIGHT, weights > 0.0),
    ):
        lost = int((kept & ~good).sum())
        if lost:
            set_aside[reason] = lost
        kept &= good
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
    )


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
