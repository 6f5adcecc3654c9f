"""Weighted sums of groups of rows, from which correlations of any mix of groups follow without the rows."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Variance, in units of the variance over all rows, at or below which a column counts as constant.
_SMALLEST_VARIANCE = 1e-12


@dataclass(frozen=True, eq=False)
class Moments:
    """Sums of weights, weighted values and weighted products, one row per group.

    Values are centred and scaled by all rows first, so that one-pass sums lose no digits.

    Attributes
    ----------
    sums : (G, 1 + m + m (m + 1) / 2)
        Per group: total weight, weighted sums of the m columns, weighted sums of products of the
        columns (upper triangle, row by row).
    columns
        Number of columns m.
    """

    sums: Array
    columns: int

    def total(self) -> Array:
        """The sums over all groups, as one row: (1, 1 + m + m (m + 1) / 2)."""
        total: Array = self.sums.sum(axis=0, keepdims=True)
        return total


def group_moments(values: Array, *, weights: Array, groups: NDArray[np.int64]) -> Moments:
    """Weighted sums per group of rows.

    Parameters
    ----------
    values : (n, m)
        Finite values.
    weights : (n,)
        Weights, above 0.
    groups : (n,)
        Group of each row, numbered from 0.

    Returns
    -------
    Moments

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0], [2.0, 4.0], [3.0, 7.0]])
    >>> moments = group_moments(rows, weights=np.ones(3), groups=np.array([0, 0, 1]))
    >>> correlations(moments.total(), columns=2).round(4)
    array([[[1.    , 0.9934],
            [0.9934, 1.    ]]])
    """
    size = values.shape[1]
    mean = np.average(values, axis=0, weights=weights)
    centred = values - mean
    spread = np.sqrt(np.average(centred**2, axis=0, weights=weights))
    # A constant column may leave rounding residue of its mean: set it to an exact zero.
    constant = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
    scaled = np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))
    order = np.argsort(groups, kind="stable")
    starts = np.searchsorted(groups[order], np.arange(groups.max() + 1))
    extended = np.column_stack([np.ones(len(scaled)), scaled])[order]
    weighted = extended * weights[order, None]
    first, second = np.triu_indices(size + 1)
    if len(starts) == len(values):
        sums = weighted[:, first] * extended[:, second]
    else:
        bounds = [*starts.tolist(), len(values)]
        sums = np.empty((len(starts), len(first)))
        for group in range(len(starts)):
            rows = slice(bounds[group], bounds[group + 1])
            sums[group] = (weighted[rows].T @ extended[rows])[first, second]
    return Moments(sums=sums, columns=size)


def correlations(sums: Array, *, columns: int) -> Array:
    """Correlation matrices from rows of sums as :class:`Moments` holds them.

    Parameters
    ----------
    sums : (B, 1 + m + m (m + 1) / 2)
        Each row a sum of groups, with any multipliers of 0 or more.
    columns
        Number of columns m.

    Returns
    -------
    (B, m, m) array
        A column that is constant in a row's groups has a row and column of zeros, diagonal included.

    Examples
    --------
    >>> correlations(np.array([[2.0, 0.0, 2.0]]), columns=1)
    array([[[1.]]])
    """
    weight = sums[:, 0, None]
    mean = sums[:, 1 : columns + 1] / weight
    first, second = np.triu_indices(columns)
    covariance = sums[:, columns + 1 :] / weight - mean[:, first] * mean[:, second]
    variance = covariance[:, first == second]
    constant = variance <= _SMALLEST_VARIANCE
    scale = np.where(constant, 0.0, 1.0 / np.sqrt(np.where(constant, 1.0, variance)))
    packed = covariance * scale[:, first] * scale[:, second]
    matrices = np.empty((len(sums), columns, columns))
    matrices[:, first, second] = packed
    matrices[:, second, first] = packed
    on_diagonal = np.arange(columns)
    matrices[:, on_diagonal, on_diagonal] = np.where(constant, 0.0, 1.0)
    return matrices
