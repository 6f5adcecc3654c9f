"""Answers of two periods: which belong where, small segments joined, the others counted by reason."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from cxlab.core.columns import LOCATION_ID
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError

Codes = NDArray[np.intp]

QUESTION = "Did the mean change?"
OTHERS = "(others)"


@dataclass(frozen=True, eq=False, kw_only=True)
class ChangeRows:
    """Usable answers of both periods.

    Attributes
    ----------
    values, later, segments : (n,)
        The outcome, whether it is of the later period, its segment as 0..S-1.
    names
        Of the segments.
    joined
        Segments that were too small for themselves.
    clusters
        Dealer of each answer, None if that is not known.
    repeated, alone
        Dealers in both periods, and in one only.
    set_aside
        Reason to number of rows.
    columns
        Table columns read.
    """

    values: NDArray[np.float64]
    later: NDArray[np.bool_]
    segments: Codes
    names: tuple[str, ...]
    joined: tuple[str, ...]
    clusters: Codes | None
    repeated: int
    alone: int
    set_aside: dict[str, int]
    columns: list[str]


def read_periods(
    table: pd.DataFrame,
    *,
    outcome: str,
    period_column: str,
    periods: tuple[str, str],
    segment_column: str | None,
    cluster_column: str | None,
    minimum_n: int,
) -> ChangeRows:
    """Answers of the two periods that can be compared."""
    if not isinstance(table, pd.DataFrame):
        raise FitError(
            f"ChangeModel.fit: need a table, got {type(table).__name__}. Next step: pass tables.surveys."
        )
    if cluster_column == LOCATION_ID and LOCATION_ID not in table.columns:
        cluster_column = None
    columns = [
        name for name in (outcome, period_column, segment_column, cluster_column) if name is not None
    ]
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The answers have no column {', '.join(absent)}.",
            next_step="correct the name in the settings, or map the column in cxlab.toml.",
        )
    if not is_numeric_dtype(table[outcome]):
        raise FitError(
            f"{outcome}: a mean needs numbers, got {table[outcome].dtype}. Next step: recode it in "
            f"cxlab.toml."
        )
    values, later, kept, set_aside = _sort_rows(table, outcome, period_column, periods, segment_column)
    _require_both(later, periods, minimum_n=minimum_n)
    chosen = table[kept]
    segments, names, joined = _segments(chosen, later, segment_column, minimum_n=minimum_n)
    clusters, repeated, alone = _clusters(chosen, later, cluster_column)
    return ChangeRows(
        values=values[kept],
        later=later,
        segments=segments,
        names=names,
        joined=joined,
        clusters=clusters,
        repeated=repeated,
        alone=alone,
        set_aside=set_aside,
        columns=columns,
    )


def _sort_rows(
    table: pd.DataFrame,
    outcome: str,
    period_column: str,
    periods: tuple[str, str],
    segment_column: str | None,
) -> tuple[NDArray[np.float64], NDArray[np.bool_], NDArray[np.bool_], dict[str, int]]:
    """The outcome of all rows, the period of those kept, which are kept, and the others by reason."""
    values = np.asarray(table[outcome].to_numpy(dtype=np.float64, na_value=np.nan))
    inside = [_inside(table[period_column], period) for period in periods]
    if (inside[0] & inside[1]).any():
        raise ParameterError(
            f"ChangeModel: {periods[0]} and {periods[1]} overlap. Next step: name two separate periods."
        )
    segmented = np.ones(len(table), dtype=bool)
    if segment_column is not None:
        segmented = table[segment_column].notna().to_numpy()
    kept, set_aside = np.ones(len(table), dtype=bool), {}
    for reason, good in (
        ("in neither period", inside[0] | inside[1]),
        (f"no answer to {outcome}", np.isfinite(values)),
        (f"no {segment_column}", segmented),
    ):
        lost = int((kept & ~good).sum())
        if lost:
            set_aside[reason] = lost
        kept &= good
    return values, inside[1][kept], kept, set_aside


def _inside(found: pd.Series, period: str) -> NDArray[np.bool_]:
    """Which rows belong to ``period``: a part of the calendar for moments, else a value."""
    if not is_datetime64_any_dtype(found):
        return np.asarray(found.astype("str") == str(period)) & found.notna().to_numpy()
    try:
        span = pd.Period(period)
    except ValueError as error:
        raise ParameterError(
            f"ChangeModel: {period!r} is no part of the calendar. Next step: write a year (2025), a "
            f"quarter (2025Q1), a month (2025-03) or a day."
        ) from error
    return np.asarray((found >= span.start_time) & (found < (span + 1).start_time))


def _require_both(later: NDArray[np.bool_], periods: tuple[str, str], *, minimum_n: int) -> None:
    for count, period in zip((int((~later).sum()), int(later.sum())), periods, strict=True):
        if count < minimum_n:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{count} answers belong to {period}; {minimum_n} are needed.",
                next_step="choose longer periods.",
            )


def _segments(
    chosen: pd.DataFrame, later: NDArray[np.bool_], segment_column: str | None, *, minimum_n: int
) -> tuple[Codes, tuple[str, ...], tuple[str, ...]]:
    if segment_column is None:
        return np.zeros(len(chosen), dtype=np.intp), ("all",), ()
    labels = chosen[segment_column].astype("str")
    smallest = pd.crosstab(labels, later).min(axis=1)
    present = set(labels[later]) & set(labels[~later])
    joined = tuple(
        str(name) for name in smallest.index if smallest[name] < minimum_n or name not in present
    )
    labels = labels.where(~labels.isin(joined), OTHERS)
    if joined:
        counts = [int((labels[later == period] == OTHERS).sum()) for period in (False, True)]
        if min(counts) < minimum_n:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The segments {', '.join(joined)} have together {counts[0]} and {counts[1]} "
                f"answers in the two periods; {minimum_n} of each are needed to tell rate from mix.",
                next_step="join these segments with a larger one, or choose longer periods.",
            )
    codes, names = pd.factorize(labels, sort=True)
    return np.asarray(codes, dtype=np.intp), tuple(str(name) for name in names), joined


def _clusters(
    chosen: pd.DataFrame, later: NDArray[np.bool_], cluster_column: str | None
) -> tuple[Codes | None, int, int]:
    """Dealer of each answer (one without is its own), and how many are in both periods and in one."""
    if cluster_column is None:
        return None, 0, 0
    codes, found = pd.factorize(chosen[cluster_column], sort=True)
    known = codes >= 0
    both = set(codes[known & later]) & set(codes[known & ~later])
    codes[~known] = len(found) + np.arange((~known).sum())
    return np.asarray(codes, dtype=np.intp), len(both), len(found) - len(both)
