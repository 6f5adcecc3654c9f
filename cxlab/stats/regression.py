"""Least squares with a covariance that respects clusters: arrays in, arrays out."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
#: A direction of the design whose squared length falls below this share of the largest adds nothing.
RANK_TOLERANCE = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class LinearFit:
    """A least-squares fit.

    Attributes
    ----------
    coefficients
        Shape (k,).
    covariance
        Shape (k, k), of the coefficients.
    residuals
        Shape (n,).
    degrees_of_freedom
        Of the t reference: clusters - 1, or n - rank without clusters.
    r_squared
        Share of the (weighted) variance explained, 0..1.
    rank
        Number of directions of the design that carry information; below k the design is collinear.
    """

    coefficients: FloatArray
    covariance: FloatArray
    residuals: FloatArray
    degrees_of_freedom: int
    r_squared: float
    rank: int


def cluster_codes(clusters: ArrayLike) -> tuple[NDArray[np.intp], int]:
    """Cluster labels as codes 0..G-1, and G.

    >>> codes, count = cluster_codes(["b", "a", "b"])
    >>> codes.tolist(), count
    ([1, 0, 1], 2)
    """
    labels, codes = np.unique(np.asarray(clusters), return_inverse=True)
    return codes.reshape(-1), len(labels)


def sum_by_cluster(rows: FloatArray, codes: NDArray[np.intp], count: int) -> FloatArray:
    """Sums of the rows (n, k) within each cluster, shape (count, k)."""
    order = np.argsort(codes, kind="stable")
    starts = np.searchsorted(codes[order], np.arange(count))
    return np.add.reduceat(rows[order], starts, axis=0)


def fit_linear(
    design: FloatArray,
    outcome: FloatArray,
    *,
    weights: FloatArray | None = None,
    clusters: ArrayLike | None = None,
    leave_one_out: bool = False,
) -> LinearFit:
    """Weighted least squares with a sandwich or a leave-one-cluster-out covariance.

    ``b = (X'WX)^- X'Wy`` and ``V = c (X'WX)^- (sum_g s_g s_g') (X'WX)^-`` with the cluster scores
    ``s_g = sum_{i in g} w_i x_i e_i`` and ``c = G/(G-1) (n-1)/(n-k)`` (CR1). Without clusters every row
    is its own cluster (HC1). With ``leave_one_out``, ``V = (G-1)/G sum_g (b_(g) - b)(b_(g) - b)'`` (CR3):
    longer, and honest where clusters are few or there are many columns.

    Takes a design (n, k) that holds the constant as a column, an outcome (n,), positive ``weights`` (n,)
    and labels ``clusters`` (n,), None where rows are independent. ValueError if there are fewer than two
    clusters, or not more rows than columns.

    Below about 50 clusters, or with many columns, CR1 intervals are too short even with t(G - 1): prefer
    ``leave_one_out`` (MacKinnon, Nielsen and Webb 2023, Journal of Applied Econometrics 38).

    >>> x = np.array([0.0, 1.0, 2.0, 3.0])
    >>> fit = fit_linear(np.column_stack([np.ones(4), x]), 1 + 2 * x + np.array([0.1, -0.1, 0.1, -0.1]))
    >>> fit.coefficients.round(2).tolist()
    [1.06, 1.96]
    """
    n, k = design.shape
    if n <= k:
        raise ValueError(f"{n} rows cannot carry {k} coefficients")
    weight = np.ones(n) if weights is None else weights
    weighted = design * weight[:, None]
    inverse, rank = _inverse(weighted.T @ design)
    coefficients = inverse @ (weighted.T @ outcome)
    residuals = outcome - design @ coefficients
    codes, count = (None, n) if clusters is None else cluster_codes(clusters)
    if count < 2:
        raise ValueError("one cluster: its rows cannot tell how clusters differ")
    if leave_one_out and codes is not None:
        moves = left_out_moves(design, outcome, coefficients, weights=weight, codes=codes)
        half = np.sqrt((count - 1) / count) * moves
    else:
        scores = weighted * residuals[:, None]
        totals = scores if codes is None else sum_by_cluster(scores, codes, count)
        half = np.sqrt(count / (count - 1) * (n - 1) / (n - rank)) * (totals @ inverse)
    return LinearFit(
        coefficients=coefficients,
        covariance=half.T @ half,
        residuals=residuals,
        degrees_of_freedom=n - rank if codes is None else count - 1,
        r_squared=_explained_share(outcome, residuals, weight),
        rank=rank,
    )


def _explained_share(outcome: FloatArray, residuals: FloatArray, weight: FloatArray) -> float:
    total = float(np.sum(weight * (outcome - np.average(outcome, weights=weight)) ** 2))
    return 1.0 - float(np.sum(weight * residuals**2)) / total if total > 0 else 0.0


def left_out_moves(
    design: FloatArray,
    outcome: FloatArray,
    coefficients: FloatArray,
    *,
    weights: FloatArray,
    codes: NDArray[np.intp],
) -> FloatArray:
    """How far the coefficients (k,) of a least-squares fit move when one cluster is left out, (G, k).

    Exact, from the moments of each cluster: ``b_(g) = (X'WX - X_g'W_g X_g)^- (X'Wy - X_g'W_g y_g)``.

    >>> design, outcome = np.ones((4, 1)), np.array([1.0, 1.0, 4.0, 4.0])
    >>> left_out_moves(design, outcome, np.array([2.5]), weights=np.ones(4), codes=np.array([0, 0, 1, 1]))
    array([[ 1.5],
           [-1.5]])
    """
    weighted = design * weights[:, None]
    order = np.argsort(codes, kind="stable")
    bounds = np.searchsorted(codes[order], np.arange(codes.max() + 2))
    gram, crossed = weighted.T @ design, weighted.T @ outcome
    moves = np.empty((len(bounds) - 1, len(coefficients)))
    for cluster, (start, stop) in enumerate(pairwise(bounds)):
        rows = order[start:stop]
        inverse, _ = _inverse(gram - weighted[rows].T @ design[rows])
        moves[cluster] = inverse @ (crossed - weighted[rows].T @ outcome[rows]) - coefficients
    return moves


def _inverse(gram: FloatArray) -> tuple[FloatArray, int]:
    """Pseudo-inverse of a Gram matrix on its correlation scale, and its rank."""
    scale = np.sqrt(np.where(np.diag(gram) > 0, np.diag(gram), 1.0))
    values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
    kept = values > RANK_TOLERANCE * values[-1]
    inverse = (vectors[:, kept] / values[kept]) @ vectors[:, kept].T
    return inverse / np.outer(scale, scale), int(kept.sum())
