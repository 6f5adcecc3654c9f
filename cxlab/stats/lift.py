"""Lift to a target: how much a fitted function rises when one rating is raised to it, with replicates."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# A direction of the design whose variance falls below this share of the largest adds nothing.
_RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class LiftSums:
    """Sums per group of rows, from which fit and lift of any weighting of groups follow.

    Attributes
    ----------
    sums : (G, K)
        Packed products of the design and the outcome, changes of the design, ratings and gaps.
    ratings
        Number of ratings p.
    parts
        Columns of the design per rating: 2 with a hinge (below, above neutral), 1 without.
    pairs
        Whether the design holds products of all pairs of ratings.
    """

    sums: Array
    ratings: int
    parts: int
    pairs: bool = False


@dataclass(frozen=True, eq=False, kw_only=True)
class Lifts:
    """Arrays over B weightings of the groups and p ratings.

    Attributes
    ----------
    lift : (B, p)
        Rise of the mean of the fitted function when this rating is raised to its target, in points of the
        outcome.
    performance : (B, p)
        Mean rating.
    headroom : (B, p)
        Mean of ``max(target - rating, 0)``: points missing to the target.
    below : (B, p)
        Share of answers below the target.
    slopes : (B, parts, p)
        Slopes of the fitted function: below and above neutral, or one for the straight form.
    extra : (B, p, p)
        What raising two ratings together adds to the sum of their single lifts; zeros without pairs.
    """

    lift: Array
    performance: Array
    headroom: Array
    below: Array
    slopes: Array
    extra: Array


def lift_sums(
    ratings: Array,
    outcome: Array,
    *,
    target: Array,
    neutral: Array | None,
    weights: Array,
    groups: NDArray[np.int64],
    raised: Array | None = None,
    pairs: bool = False,
) -> LiftSums:
    """Sums per group behind :func:`lifts`.

    Parameters
    ----------
    ratings : (n, p)
        No missing values.
    outcome : (n,)
    target : (p,)
        What each rating is raised to; ratings at or above it stay.
    neutral : (p,)
        Where slopes may change; None for a straight line.
    weights, groups : (n,)
        Weights above 0; group of each row, numbered from 0.
    raised : (n, p)
        What the ratings become; ``max(rating, target)`` if None.
    pairs
        Add the products of all pairs of ratings minus neutral (minus their means without a hinge).
    """
    p = ratings.shape[1]
    raised = np.maximum(ratings, target) if raised is None else raised
    design, lifted = _columns(ratings, neutral), _columns(raised, neutral)
    gap = raised - ratings
    parts = [lifted - design, ratings, gap, raised > ratings]
    if pairs:
        centred = ratings - (ratings.mean(axis=0) if neutral is None else neutral)
        first, second = np.triu_indices(p, 1)
        design = np.column_stack([design, centred[:, first] * centred[:, second]])
        parts += [gap[:, first] * centred[:, second], centred[:, first] * gap[:, second]]
        parts += [gap[:, first] * gap[:, second]]
    full = np.column_stack([np.ones(len(ratings)), design, outcome - outcome.mean()])
    sums = _group_sums(full, np.column_stack(parts), weights=weights, groups=groups)
    return LiftSums(sums=sums, ratings=p, parts=1 if neutral is None else 2, pairs=pairs)


def _group_sums(full: Array, others: Array, *, weights: Array, groups: NDArray[np.int64]) -> Array:
    """Packed products of ``full`` and sums of ``others`` per group; products of rows are never held."""
    first, second = np.triu_indices(full.shape[1])
    order = np.argsort(groups, kind="stable")
    bounds = np.searchsorted(groups[order], np.arange(int(groups.max()) + 2))
    full, others, weight = full[order], others[order], weights[order, None]
    sums = np.zeros((len(bounds) - 1, len(first) + others.shape[1]))
    for group, (start, end) in enumerate(pairwise(bounds.tolist())):
        part = full[start:end]
        sums[group, : len(first)] = ((weight[start:end] * part).T @ part)[first, second]
        sums[group, len(first) :] = weight[start:end, 0] @ others[start:end]
    return sums


def lifts(packed: Array, shape: LiftSums) -> Lifts:
    r"""Fit ``f`` and raise each rating to its target, for each row of packed sums.

    .. math:: \Delta_j(T) = E f(x \text{ with } x_j \to \max(x_j, T_j)) - E f(x)

    with ``f(x) = a + sum_j [d_j min(x_j - c_j, 0) + u_j max(x_j - c_j, 0)]`` (or ``a + sum_j b_j x_j``),
    and with pairs ``+ sum_{i<j} g_ij (x_i - c_i)(x_j - c_j)``, by least squares.

    Parameters
    ----------
    packed : (B, K)
        Rows of :attr:`LiftSums.sums`, added up over groups with any multipliers of 0 or more.
    shape
        What the sums were made of.

    Returns
    -------
    Lifts

    Notes
    -----
    The other ratings stay as they are: no halo follows. Collinear ratings share one effect arbitrarily.

    Examples
    --------
    >>> x = np.array([[2.0], [4.0], [6.0], [8.0]])
    >>> made = lift_sums(
    ...     x,
    ...     3 * x[:, 0],
    ...     target=np.array([7.0]),
    ...     neutral=None,
    ...     weights=np.ones(4),
    ...     groups=np.arange(4),
    ... )
    >>> found = lifts(made.sums.sum(axis=0, keepdims=True), made)
    >>> found.headroom.tolist(), found.lift.round(6).tolist()
    ([[2.25]], [[6.75]])
    """
    p, main = shape.ratings, shape.parts * shape.ratings
    crossed = p * (p - 1) // 2 if shape.pairs else 0
    size = main + crossed + 2
    first, second = np.triu_indices(size)
    gram = np.empty((len(packed), size, size))
    gram[:, first, second] = gram[:, second, first] = packed[:, : len(first)]
    weight = gram[:, 0, 0, None]
    slopes = _slopes(gram)
    change, performance, headroom, below, *gaps = np.split(
        packed[:, len(first) :] / weight, np.cumsum([main, p, p, p, crossed, crossed]), axis=1
    )
    lift = (slopes[:, :main] * change).reshape(-1, shape.parts, p).sum(axis=1)
    single, extra = _of_pairs(slopes[:, main:], gaps, ratings=p)
    lift += single
    return Lifts(
        lift=lift,
        performance=performance,
        headroom=headroom,
        below=below,
        slopes=slopes[:, :main].reshape(-1, shape.parts, p),
        extra=extra,
    )


def _of_pairs(cross: Array, gaps: list[Array], *, ratings: int) -> tuple[Array, Array]:
    """What products of pairs give to single lifts, (B, p), and to pairs lifted together, (B, p, p)."""
    single = np.zeros((len(cross), ratings))
    extra = np.zeros((len(cross), ratings, ratings))
    left, right, both = gaps
    for pair in range(cross.shape[1]):
        first, second = (index[pair] for index in np.triu_indices(ratings, 1))
        single[:, first] += cross[:, pair] * left[:, pair]
        single[:, second] += cross[:, pair] * right[:, pair]
        extra[:, first, second] = extra[:, second, first] = cross[:, pair] * both[:, pair]
    return single, extra


def _columns(ratings: Array, neutral: Array | None) -> Array:
    if neutral is None:
        return ratings
    centred = ratings - neutral
    return np.column_stack([np.minimum(centred, 0.0), np.maximum(centred, 0.0)])


def _slopes(gram: Array) -> Array:
    """Least-squares slopes from products of (1, design, outcome), the constant taken out."""
    mean = gram[:, 0, 1:] / gram[:, 0, 0, None]
    covariance = gram[:, 1:, 1:] / gram[:, 0, 0, None, None] - mean[:, :, None] * mean[:, None, :]
    spread = np.sqrt(np.maximum(np.diagonal(covariance, axis1=1, axis2=2)[:, :-1], 0.0))
    scale = np.where(spread > 1e-9, 1.0 / np.where(spread > 1e-9, spread, 1.0), 0.0)
    scaled = covariance[:, :-1, :-1] * scale[:, :, None] * scale[:, None, :]
    inverse = np.linalg.pinv(scaled, rcond=_RANK_TOLERANCE, hermitian=True)
    slopes: Array = np.einsum("bij,bj->bi", inverse, covariance[:, :-1, -1] * scale) * scale
    return slopes
