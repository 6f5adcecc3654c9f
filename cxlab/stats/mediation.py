"""Paths from facts through ratings to an outcome: products of slopes, the direct part, their exact sum."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

_RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class Paths:
    """Slopes over B weightings of the groups, k facts and p items.

    Attributes
    ----------
    first : (B, k, p)
        Points of item j per unit of fact i, the other facts held fixed.
    second : (B, p)
        Points of the outcome per point of item j, facts and other items held fixed.
    indirect : (B, k, p)
        ``first * second``.
    direct : (B, k)
        Points of the outcome per unit of fact i, items held fixed.
    total : (B, k)
        ``direct + indirect.sum(over items)``: equal to the slope of the outcome on the facts alone.
    """

    first: Array
    second: Array
    indirect: Array
    direct: Array
    total: Array


def path_sums(
    facts: Array, items: Array, outcome: Array, *, weights: Array, groups: NDArray[np.int64]
) -> Array:
    """Products of (1, facts, items, outcome) summed per group, packed, (G, K).

    ``facts`` (n, k), ``items`` (n, p), ``outcome`` (n,), ``weights`` (n,) above 0, ``groups`` (n,) from 0.
    Centre the columns before: one-pass products of large means lose digits.
    """
    full = np.column_stack([np.ones(len(outcome)), facts, items, outcome])
    first, second = np.triu_indices(full.shape[1])
    sums = np.zeros((int(groups.max()) + 1, len(first)))
    np.add.at(sums, groups, full[:, first] * full[:, second] * weights[:, None])
    return sums


def paths(packed: Array, *, facts: int, items: int) -> Paths:
    r"""Slopes of both legs and their products, by least squares, for each row of packed sums.

    .. math:: x_j = \alpha_j + \sum_i A_{ij} z_i + e_j, \qquad
              y = \gamma + \sum_i c_i z_i + \sum_j b_j x_j + e, \qquad
              \text{total}_i = c_i + \sum_j A_{ij} b_j

    Parameters
    ----------
    packed : (B, K)
        Rows of :func:`path_sums`, added up over groups with any multipliers of 0 or more.
    facts, items
        Numbers k and p.

    Returns
    -------
    Paths

    Notes
    -----
    The total equals the least-squares slope of the outcome on the facts alone, to rounding. A product is a
    path of association: it is an effect only if nothing else moves both ends of either leg.

    Source: Judd and Kenny (1981), Evaluation Review 5; Hayes (2018).

    Examples
    --------
    >>> z = np.array([-1.0, 0.0, 1.0, 0.0])
    >>> x = 2 * z + np.array([1.0, -1.0, 1.0, -1.0])
    >>> sums = path_sums(z[:, None], x[:, None], 3 * x + z, weights=np.ones(4), groups=np.arange(4))
    >>> found = paths(sums.sum(axis=0, keepdims=True), facts=1, items=1)
    >>> found.indirect.round(6).tolist(), found.direct.round(6).tolist(), found.total.round(6).tolist()
    ([[[6.0]]], [[1.0]], [[7.0]])
    """
    size = 2 + facts + items
    first_index, second_index = np.triu_indices(size)
    gram = np.empty((len(packed), size, size))
    gram[:, first_index, second_index] = gram[:, second_index, first_index] = packed
    mean = gram[:, 0, 1:] / gram[:, 0, 0, None]
    covariance = gram[:, 1:, 1:] / gram[:, 0, 0, None, None] - mean[:, :, None] * mean[:, None, :]
    first = _solve(covariance[:, :facts, :facts], covariance[:, :facts, facts:-1])
    slopes = _solve(covariance[:, :-1, :-1], covariance[:, :-1, -1:])[:, :, 0]
    direct, second = slopes[:, :facts], slopes[:, facts:]
    indirect = first * second[:, None, :]
    return Paths(
        first=first,
        second=second,
        indirect=indirect,
        direct=direct,
        total=direct + indirect.sum(axis=2),
    )


def centre_within(values: Array, *, weights: Array, groups: NDArray[np.int64]) -> Array:
    """Values minus the weighted mean of their group.

    >>> rows = np.array([[1.0], [3.0], [10.0]])
    >>> centre_within(rows, weights=np.ones(3), groups=np.array([0, 0, 1])).ravel().tolist()
    [-1.0, 1.0, 0.0]
    """
    total = np.bincount(groups, weights=weights)
    mean = np.zeros((len(total), values.shape[1]))
    np.add.at(mean, groups, values * weights[:, None])
    centred: Array = values - (mean / total[:, None])[groups]
    return centred


def _solve(gram: Array, cross: Array) -> Array:
    """Shortest solution of the normal equations, on the correlation scale."""
    variance = np.diagonal(gram, axis1=1, axis2=2)
    varies = variance > 1e-18
    scale = np.where(varies, 1.0 / np.sqrt(np.where(varies, variance, 1.0)), 0.0)
    scaled = gram * scale[:, :, None] * scale[:, None, :]
    inverse = np.linalg.pinv(scaled, rcond=_RANK_TOLERANCE, hermitian=True)
    solution: Array = (inverse @ (cross * scale[:, :, None])) * scale[:, :, None]
    return solution
