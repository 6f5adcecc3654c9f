"""Which rows and items the misattribution model can use; the others are set aside and counted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.errors import FitError, NotAnswerableError

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

QUESTION = "Which rating does a bad experience land on?"
LEAST_SITES = 10
LEAST_ROWS = 100
#: Without sites: enough groups for a steady variance, enough rows in each to lose little to its mean.
MOST_GROUPS, ROWS_PER_GROUP = 400, 20


@dataclass(frozen=True, eq=False, kw_only=True)
class RatedVisits:
    """Answers beside measurements as arrays; ``n_used`` and ``n_set_aside`` add up to ``n_rows``."""

    items: tuple[str, ...]
    measurements: tuple[str, ...]
    #: ratings (n, J), NaN where not answered; measurements (n, K)
    ratings: Floats
    values: Floats
    sites: Integers
    periods: Integers | None
    n_rows: int
    n_set_aside: dict[str, int]
    #: item that cannot be judged -> why
    items_aside: dict[str, str]

    @property
    def n_used(self) -> int:
        """Rows used."""
        return len(self.sites)

    @property
    def n_sites(self) -> int:
        """Sites used."""
        return int(self.sites.max()) + 1


def rated_visits(
    table: pd.DataFrame,
    *,
    items: Sequence[str],
    measurements: Sequence[str],
    site_column: str | None,
    period_column: str | None,
    least_items: int,
    seed: int,
) -> RatedVisits:
    """Choose rows and items and turn them into arrays.

    A row needs its site, its period, every measurement, one usable rating, and another such row at its
    site (a single one tells nothing about differences within the site). An item needs 100 answers at 10
    sites and must vary there. A missing rating takes the row out of that item only; nothing is imputed.
    Without a site column answers are taken as independent and dealt at random into groups.

    Raises
    ------
    NotAnswerableError
        If a column is absent, or fewer than 100 rows, 10 sites or ``least_items`` items are left.
    FitError
        If a column does not hold numbers, or measurements are constant or collinear within sites.
    """
    labels = [column for column in (site_column, period_column) if column]
    _require_columns(table, [*items, *measurements, *labels])
    ratings = np.column_stack([_numbers(table, item) for item in items])
    values = np.column_stack([_numbers(table, name) for name in measurements])
    lost: dict[str, Booleans] = {
        f"no {column}": np.asarray(table[column].isna(), dtype=bool) for column in labels
    }
    lost |= {f"no {name}": np.isnan(values[:, k]) for k, name in enumerate(measurements)}
    rows, set_aside = np.ones(len(table), dtype=bool), dict[str, int]()
    _drop(rows, lost, set_aside)
    site_labels = _site_labels(table, site_column, seed)
    _require_sites(rows, site_labels, site_column)
    aside = _unusable_items(ratings, rows, site_labels, items)
    usable = np.array([item not in aside for item in items])
    _require_items(int(usable.sum()), least_items, aside)
    unanswered = np.asarray(np.isnan(ratings[:, usable]).all(axis=1))
    _drop(rows, {"no usable rating answered": unanswered}, set_aside)
    counts = pd.Series(site_labels[rows]).value_counts()
    alone = ~np.isin(site_labels, counts.index[counts > 1].to_numpy(dtype=object))
    _drop(rows, {"the only usable row of its site": alone}, set_aside)
    _require_sites(rows, site_labels, site_column)
    sites = np.unique(site_labels[rows], return_inverse=True)[1].astype(np.int64)
    _require_variation(values[rows], sites, measurements)
    return RatedVisits(
        items=tuple(item for item in items if item not in aside),
        measurements=tuple(measurements),
        ratings=ratings[rows][:, usable],
        values=values[rows],
        sites=sites,
        periods=_period_codes(table[period_column][rows]) if period_column else None,
        n_rows=len(table),
        n_set_aside=set_aside,
        items_aside=aside,
    )


def _site_labels(table: pd.DataFrame, site_column: str | None, seed: int) -> npt.NDArray[np.object_]:
    if site_column:
        return table[site_column].astype("string").fillna("").to_numpy(dtype=object)
    groups = min(MOST_GROUPS, max(LEAST_SITES, len(table) // ROWS_PER_GROUP))
    dealt = np.random.default_rng(seed).permutation(len(table)) % groups
    return dealt.astype(str).astype(object)


def _require_columns(table: pd.DataFrame, needed: Sequence[str]) -> None:
    absent = [name for name in needed if name not in table.columns]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The table has no column {', '.join(absent)}; "
            f"it has {', '.join(map(str, table.columns[:20]))}.",
            next_step="join the operational facts to the answers (cxlab.exposure), or name other columns.",
        )


def _numbers(table: pd.DataFrame, name: str) -> Floats:
    column = table[name]
    if not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)):
        raise FitError(
            f"MisattributionModel: column {name!r} must hold numbers, got {column.dtype}. "
            f"Next step: convert it (minutes, shares, 0 and 1) before the fit."
        )
    numbers = column.astype("Float64").to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(numbers).any():
        raise FitError(
            f"MisattributionModel: column {name!r} holds {int(np.isinf(numbers).sum())} infinite values. "
            f"Next step: set them to missing."
        )
    return np.asarray(numbers)


def _drop(rows: Booleans, lost: dict[str, Booleans], set_aside: dict[str, int]) -> None:
    """Take rows out in place; a row counts under its first reason."""
    for reason, mask in lost.items():
        if count := int((rows & mask).sum()):
            set_aside[reason] = count
        rows &= ~mask


def _unusable_items(
    ratings: Floats, rows: Booleans, labels: npt.NDArray[np.object_], items: Sequence[str]
) -> dict[str, str]:
    aside = {}
    for item, column in zip(items, ratings.T, strict=True):
        answered = rows & ~np.isnan(column)
        by_site = pd.Series(column[answered]).groupby(labels[answered])
        n, sites = int(answered.sum()), int((by_site.size() > 1).sum())
        if n < LEAST_ROWS or sites < LEAST_SITES:
            aside[item] = f"{n} answers at {sites} sites with two or more"
        elif int((by_site.std() > 0).sum()) < LEAST_SITES:
            aside[item] = f"varies within fewer than {LEAST_SITES} sites"
    return aside


def _require_items(usable: int, least_items: int, aside: dict[str, str]) -> None:
    if usable < least_items:
        why = "; ".join(f"{item}: {reason}" for item, reason in aside.items())
        raise NotAnswerableError(
            QUESTION,
            reason=f"{usable} rating items can be used, {least_items} are needed{why and f' ({why})'}.",
            next_step="ask more items, or join more answers.",
        )


def _require_sites(rows: Booleans, labels: npt.NDArray[np.object_], site_column: str | None) -> None:
    n, sites = int(rows.sum()), len(set(labels[rows]))
    if n < LEAST_ROWS or sites < LEAST_SITES:
        raise NotAnswerableError(
            QUESTION,
            reason=f"{n} usable rows at {sites} values of {site_column or 'random groups'}; "
            f"{LEAST_ROWS} rows at {LEAST_SITES} sites are the least.",
            next_step="join more sites (30 give trustworthy intervals); or, for a single site, set "
            "site_column=None and treat its answers as independent.",
        )


def _require_variation(values: Floats, sites: Integers, names: Sequence[str]) -> None:
    frame = pd.DataFrame(values, columns=list(names))
    within = frame - frame.groupby(sites).transform("mean")
    scale = frame.abs().max().clip(lower=1e-300)
    for name in names:
        varying = int((within[name].abs().groupby(sites).max() > 1e-9 * scale[name]).sum())
        if varying < LEAST_SITES:
            raise FitError(
                f"MisattributionModel: {name!r} varies within {varying} sites, {LEAST_SITES} are needed: "
                f"sites are compared with themselves. Next step: leave it out, or measure it by visit."
            )
    scaled = within.to_numpy() / np.linalg.norm(within.to_numpy(), axis=0)
    roots, vectors = np.linalg.eigh(scaled.T @ scaled)
    if roots[0] < 1e-8:
        joined = ", ".join(name for name, part in zip(names, vectors[:, 0], strict=True) if abs(part) > 0.1)
        raise FitError(
            f"MisattributionModel: {joined} say the same within sites (exactly collinear). "
            f"Next step: keep one of them."
        )


def _period_codes(labels: pd.Series) -> Integers:
    if pd.api.types.is_datetime64_any_dtype(labels):
        labels = labels.dt.strftime("%Y-%m")
    return np.unique(labels.astype(str).to_numpy(), return_inverse=True)[1].astype(np.int64)
