"""Contacts as the response model reads them: the design, who answered, and what had to be left out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_datetime64_any_dtype, is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID
from cxlab.core.errors import FitError, NotAnswerableError

Array = NDArray[np.float64]
#: Name, values (n,), and whether it is linear in its feature.
_Column = tuple[str, Array, bool]

ANSWERED = "answered"
QUESTION = "How satisfied are all customers, not only those who answered?"
#: Columns that name a row or its moment and describe nobody.
NOT_FEATURES = (CUSTOMER_ID, "journey_id", "event_id", "response_id", LOCATION_ID, ANSWERED)
#: Categories with fewer contacts are joined: a weight for so few would be chance.
RARE_CONTACTS = 30
MOST_CATEGORIES = 50
#: Numbers farther out than this many standard deviations count as so far: squares would run away.
CLIP_DEVIATIONS = 4.0
RARE = "(rare)"
_COLLINEAR = 1e-8


@dataclass(frozen=True, eq=False, kw_only=True)
class Design:
    """What the response model knows of every contact.

    Attributes
    ----------
    names
        Of the columns after the constant (k - 1).
    matrix : (n, k)
        Constant first; numbers standardised, with squares; categories as 0/1.
    linear : (k - 1,)
        False for squares, which a table of balance need not show.
    dropped
        Columns that others already say, or that do not vary.
    features
        The table columns used.
    filled
        Feature to number of missing values.
    beyond
        Feature to number of contacts outside the range of the answers, taken as at its edge.
    """

    names: tuple[str, ...]
    matrix: Array
    linear: NDArray[np.bool_]
    dropped: tuple[str, ...]
    features: tuple[str, ...]
    filled: dict[str, int]
    beyond: dict[str, int]


def feature_columns(table: pd.DataFrame, *, outcome: str, features: tuple[str, ...]) -> tuple[str, ...]:
    """The named features, or every column that describes contacts whether they answered or not.

    A column that is known only of those who answered is an answer, not a fact of the contact.
    """
    silent = ~table[ANSWERED].to_numpy(dtype=bool)
    known = {str(name): bool(table[name][silent].notna().any()) for name in table.columns}
    if features:
        absent = [name for name in features if name not in known]
        if absent:
            raise NotAnswerableError(
                QUESTION,
                reason=f"The contacts have no column {', '.join(absent)}.",
                next_step="name columns that contacts(tables).table() shows.",
            )
        after = [name for name in features if not known[name] or name in (outcome, ANSWERED)]
        if after:
            raise FitError(
                f"NonresponseModel: {', '.join(after)} is known only of those who answered. Next step: "
                f"name facts that are known of every contact."
            )
        return features
    found = [
        name
        for name, everywhere in known.items()
        if everywhere and name not in (*NOT_FEATURES, outcome) and not is_datetime64_any_dtype(table[name])
    ]
    if not found:
        raise NotAnswerableError(
            QUESTION,
            reason="Nothing is known of the contacts that did not answer.",
            next_step="load events with metrics, or customers with a segment, and link contacts again.",
        )
    return tuple(found)


def build_design(table: pd.DataFrame, features: tuple[str, ...], observed: NDArray[np.bool_]) -> Design:
    """Standardised numbers with squares, 0/1 for categories and for "missing"; no collinear columns."""
    columns: list[_Column] = []
    filled: dict[str, int] = {}
    beyond: dict[str, int] = {}
    for name in features:
        found = table[name]
        missing = found.isna().to_numpy()
        if missing.any():
            filled[name] = int(missing.sum())
        if is_bool_dtype(found) or is_numeric_dtype(found):
            values, beyond[name] = _within_answers(name, found, observed)
            columns += _number_columns(name, values, missing)
        else:
            columns += _category_columns(name, found)
    matrix = np.column_stack([np.ones(len(table)), *[values for _, values, _ in columns]])
    kept = _independent(matrix)
    names = [name for name, _, _ in columns]
    chosen = [place for place in range(len(columns)) if place + 1 in kept]
    return Design(
        names=tuple(names[place] for place in chosen),
        matrix=matrix[:, sorted(kept)],
        linear=np.array([columns[place][2] for place in chosen], dtype=bool),
        dropped=tuple(name for place, name in enumerate(names) if place + 1 not in kept),
        features=features,
        filled=filled,
        beyond={name: rows for name, rows in beyond.items() if rows},
    )


def supported_rows(
    table: pd.DataFrame, features: tuple[str, ...], observed: NDArray[np.bool_]
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which contacts some answer can stand for, and how many of the others there are by reason.

    Set aside are contacts of a category of which nobody answered; "missing" is a category if it is no
    rare one.
    """
    kept = np.ones(len(table), dtype=bool)
    set_aside: dict[str, int] = {}
    for name in features:
        found = table[name]
        if is_bool_dtype(found) or is_numeric_dtype(found):
            values = found.to_numpy(dtype=np.float64, na_value=np.nan)
            missing = np.isnan(values)
            never = missing.sum() >= RARE_CONTACTS and not missing[observed].any()
            groups = {f"{name} is missing": missing} if never else {}
        else:
            labels = _categories(found)
            answered = set(labels[observed])
            groups = {
                f"{name} is {level}": (labels == level).to_numpy()
                for level in sorted(set(labels) - answered)
            }
        for words, group in groups.items():
            lost = int((kept & group).sum())
            if lost:
                set_aside[f"nobody answered where {words}"] = lost
                kept &= ~group
    return kept, set_aside


def cluster_labels(table: pd.DataFrame, cluster_column: str | None) -> tuple[NDArray[np.int64] | None, int]:
    """Cluster of each row and how many there are; a row without one is a cluster of its own."""
    if cluster_column is None or cluster_column not in table.columns:
        return None, 0
    codes, found = pd.factorize(table[cluster_column], sort=True)
    alone = codes < 0
    codes[alone] = len(found) + np.arange(alone.sum())
    return np.asarray(codes, dtype=np.int64), len(found)


def _within_answers(name: str, found: pd.Series, observed: NDArray[np.bool_]) -> tuple[Array, int]:
    """Numbers drawn to the range of the answers, and how many were: no weight beyond what is seen."""
    values = found.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise FitError(
            f"{name}: {int(np.isinf(values).sum())} values are infinite. Next step: declare them as "
            f"missing in cxlab.toml."
        )
    seen = values[observed & ~np.isnan(values)]
    if not len(seen):
        return np.full(len(values), np.nan), 0
    inside = np.clip(values, seen.min(), seen.max())
    return inside, int(((inside != values) & ~np.isnan(values)).sum())


def _number_columns(name: str, values: Array, missing: NDArray[np.bool_]) -> list[_Column]:
    known = values[~np.isnan(values)]
    spread = float(known.std()) if len(known) else 0.0
    columns: list[_Column] = []
    if spread > 0.0:
        scaled = np.where(missing, 0.0, (values - known.mean()) / spread)
        scaled = np.clip(scaled, -CLIP_DEVIATIONS, CLIP_DEVIATIONS)
        columns.append((name, scaled, True))
        if len(np.unique(known)) > 2:
            columns.append((f"{name} squared", np.where(missing, 0.0, scaled**2), False))
    if missing.sum() >= RARE_CONTACTS:
        columns.append((f"{name} missing", missing.astype(np.float64), True))
    return columns


def _category_columns(name: str, found: pd.Series) -> list[_Column]:
    labels = _categories(found)
    levels = sorted(labels.unique())
    if len(levels) > MOST_CATEGORIES:
        raise FitError(
            f"{name}: {len(levels)} categories are too many, at most {MOST_CATEGORIES} are modelled. "
            f"Next step: leave {name} out of features, or join its categories."
        )
    first = labels.value_counts().index[0]
    return [
        (f"{name}: {level}", (labels == level).to_numpy(dtype=np.float64), True)
        for level in levels
        if level != first
    ]


def _categories(found: pd.Series) -> pd.Series:
    """Texts as categories: missing is one, rare ones are joined."""
    labels = found.astype("str").where(found.notna(), "(missing)")
    return labels.where(labels.map(labels.value_counts()) >= RARE_CONTACTS, RARE)


def _independent(matrix: Array) -> set[int]:
    """Columns that add a direction to those before them (Gram-Schmidt in their order)."""
    basis = np.empty((len(matrix), 0))
    kept: set[int] = set()
    for place in range(matrix.shape[1]):
        column = matrix[:, place]
        rest = column - basis @ (basis.T @ column)
        # Twice is enough: a second pass removes what rounding left of the first.
        rest = rest - basis @ (basis.T @ rest)
        length = float(np.linalg.norm(rest))
        if length > _COLLINEAR * max(float(np.linalg.norm(column)), 1.0):
            kept.add(place)
            basis = np.column_stack([basis, rest / length])
    return kept
