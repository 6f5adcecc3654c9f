"""A cheap screen for features that know the outcome: too good alone, or levels that never err."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.models.churn.features import FeatureCoder
from cxlab.stats.classification import area_under_curve

#: A single feature that ranks better than this is more likely written after the outcome than lucky.
SUSPICIOUS_AUC: Final = 0.90
#: A level is judged only with this many rows,
PURE_ROWS: Final = 50
#: and only if chance would make one of the levels looked at this pure less often than this.
PURE_CHANCE: Final = 0.001
# Numeric columns with at most this many values are looked at level by level, too.
_FEW_VALUES: Final = 20
_LEAK_COLUMNS: Final = ("feature", "sign", "value", "n")


@dataclass(frozen=True, kw_only=True)
class _Level:
    name: str
    rows: int
    churned: int


def leak_screen(
    table: pd.DataFrame, matrix: NDArray[np.float64], churned: NDArray[np.float64], coder: FeatureCoder
) -> pd.DataFrame:
    """Features that look as if they were written after the outcome: feature, sign, value, n.

    ``sign`` says what was seen (``ranks alone``, ``missingness ranks alone``, ``pure level ...``),
    ``value`` the AUC or the churn share of the level. Nothing is dropped: a person decides.
    """
    rows: list[tuple[str, str, float, int]] = []
    share = float(churned.mean())
    for place, name in enumerate(coder.features):
        levels = _level_counts(table[name], matrix[:, place], churned, text=name in coder.levels)
        score = _score(matrix[:, place], churned, text=name in coder.levels)
        known = np.isfinite(score)
        for sign, y, s in (
            ("ranks alone", churned[known], score[known]),
            ("missingness ranks alone", churned, (~known).astype(float)),
        ):
            auc = _two_sided_auc(y, s)
            if auc > SUSPICIOUS_AUC:
                rows.append((name, sign, auc, len(y)))
        for level in levels:
            chance = share if level.churned == level.rows else 1.0 - share
            pure = level.churned in (0, level.rows) and level.rows >= PURE_ROWS
            if pure and len(levels) * chance**level.rows < PURE_CHANCE:
                rows.append((name, f"pure level {level.name}", level.churned / level.rows, level.rows))
    return pd.DataFrame(rows, columns=pd.Index(_LEAK_COLUMNS))


def _score(column: NDArray[np.float64], churned: NDArray[np.float64], *, text: bool) -> NDArray[np.float64]:
    """The column itself, or for text the churn share of each level, rare levels pooled into one.

    Pooling keeps a column of a thousand levels from ranking its own noise.
    """
    if not text:
        return column
    known = np.isfinite(column)
    codes = column[known].astype(int)
    rows = np.bincount(codes)
    codes = np.where(rows[codes] >= PURE_ROWS, codes, len(rows))
    total, events = np.bincount(codes), np.bincount(codes, churned[known])
    score = np.full(len(column), np.nan)
    score[known] = (events / np.maximum(total, 1))[codes]
    return score


def _level_counts(
    column: pd.Series, numbers: NDArray[np.float64], churned: NDArray[np.float64], *, text: bool
) -> list[_Level]:
    known = np.isfinite(numbers)
    values, codes = np.unique(numbers[known], return_inverse=True)
    if not len(values) or (not text and len(values) > _FEW_VALUES):
        return []
    first = np.flatnonzero(known)[np.unique(codes, return_index=True)[1]]
    rows, events = np.bincount(codes), np.bincount(codes, churned[known])
    names = [str(column.iloc[place]) for place in first]
    return [
        _Level(name=name, rows=int(r), churned=int(e))
        for name, r, e in zip(names, rows, events, strict=True)
        if r >= PURE_ROWS
    ]


def _two_sided_auc(y: NDArray[np.float64], s: NDArray[np.float64]) -> float:
    if len(y) < PURE_ROWS or y.min() == y.max() or s.min() == s.max():
        return 0.5
    auc = float(area_under_curve(y, s)[0])
    return max(auc, 1.0 - auc)
