"""The explained variance of every subset of predictors, summed by subset size, from correlations alone."""

from __future__ import annotations

from math import comb

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
#: Remaining variables and the outcome: ``rows[i][k]`` is the covariance of variable i with variable i + k,
#: a vector over (low subset, matrix), given the predictors that were swept out on the way here.
Triangle = list[list[Array]]

#: A predictor whose variance given the others is at or below this (correlation scale) adds nothing.
SMALLEST_PIVOT = 1e-10
# Long enough to hide the price of a NumPy call, short enough for the vectors of a node to stay in cache.
_VECTOR = 4096
# Up to this many matrices per vector a segmented sum is cheaper than a product with the indicator matrix.
_SEGMENTED = 8


def gains_by_size(stack: Array) -> Array:
    """Average gain in explained variance of predictor j when k others are already in the model.

    ``D[b, j, k] = mean over |S| = k, j not in S, of R2(S + j) - R2(S)``, over all 2^p subsets: a
    tree in which each predictor is either skipped (free: a view) or swept out (a rank-one update
    of what remains). The first predictors form a vector axis together with the matrices of the
    stack, the others are walked depth first, so memory does not grow with 2^p.

    Parameters
    ----------
    stack : (B, p + 1, p + 1)
        Correlation matrices, outcome last. Not checked.

    Returns
    -------
    (B, p, p) array

    Examples
    --------
    >>> gains_by_size(np.array([[[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]])).round(4)
    array([[[0.36  , 0.2133],
            [0.16  , 0.0133]]])
    """
    batch, size, _ = stack.shape
    together = max(1, min(batch, _VECTOR, 2 ** max(0, 19 - size)))
    parts = [_gains(stack[at : at + together]) for at in range(0, batch, together)]
    return np.concatenate(parts) if parts else np.empty((0, size - 1, size - 1))


def _gains(stack: Array) -> Array:
    batch, size, _ = stack.shape
    predictors = size - 1
    # A single matrix has nothing to share the breadth-first part with, so that part is kept shorter.
    length = _VECTOR // batch if batch > 1 else _VECTOR // 2
    low = max(0, min(predictors - 1, length.bit_length() - 1))
    walk = _Walk(predictors - low, low, batch)
    walk.visit(_grow(stack, low, walk.order), 0, 0, 0)
    without, within = walk.sums()
    # Residual variances were summed, so a gain is "without j" minus "with j". It is never negative: what
    # lies below 0 is rounding.
    total = (without + within)[0]
    subsets = np.array([comb(predictors - 1, k) for k in range(predictors)], dtype=np.float64)
    gains = (total[None, :-1] - within[:, :-1] - within[:, 1:]) / subsets[None, :, None]
    return np.ascontiguousarray(np.moveaxis(np.maximum(gains, 0.0), 2, 0))


def _grow(stack: Array, low: int, order: NDArray[np.int64]) -> Triangle:
    """Skip and sweep the first ``low`` predictors breadth first; subsets come out sorted by size."""
    size = stack.shape[1]
    rows = [[np.ascontiguousarray(stack[None, :, i, j]) for j in range(i, size)] for i in range(size)]
    for _ in range(low):
        pivots = rows[0]
        inverse = _inverse(pivots[0], np.empty_like(pivots[0]))
        grown: Triangle = []
        for i, row in enumerate(rows[1:], start=1):
            factor = pivots[i] * inverse
            grown.append([np.concatenate([v, v - factor * pivots[i + k]]) for k, v in enumerate(row)])
        rows = grown
    return [[vector[order].reshape(-1) for vector in row] for row in rows]


def _inverse(pivot: Array, out: Array) -> Array:
    if pivot.min() > SMALLEST_PIVOT:
        return np.reciprocal(pivot, out=out)
    out[...] = 0.0
    return np.divide(1.0, pivot, out=out, where=pivot > SMALLEST_PIVOT)


class _Walk:
    """One depth-first walk over the subsets of the last ``high`` predictors, with its buffers and sums."""

    def __init__(self, high: int, low: int, batch: int) -> None:
        self.high, self.low, self.batch = high, low, batch
        sizes = np.array([subset.bit_count() for subset in range(2**low)])
        self.order = np.argsort(sizes, kind="stable")
        sorted_sizes = sizes[self.order]
        self.first_of_size = np.searchsorted(sorted_sizes, np.arange(low + 1))
        self.is_size = (sorted_sizes == np.arange(low + 1)[:, None]).astype(np.float64)
        length = 2**low * batch
        # Residual variance of the outcome, summed over high subsets of each size ...
        self.by_high_size = np.zeros((high + 1, length))
        # ... and over low subsets of each size, for every high subset.
        self.by_low_size = np.empty((2**high, low + 1, batch))
        # A sweep at depth d writes into buffer d, its subtree only deeper: nothing is overwritten.
        self.swept: list[Triangle] = [
            [[np.empty(length) for _ in range(high - d - i)] for i in range(high - d)]
            for d in range(high - 1)
        ]
        self.inverse, self.factor, self.product = np.empty(length), np.empty(length), np.empty(length)

    def visit(self, rows: Triangle, depth: int, size: int, subset: int) -> None:
        """Walk the subtree of the ``rows`` that remain after ``size`` predictors were swept out."""
        pivots = rows[0]
        if len(rows) == 2:  # the last predictor has a closed form: covariance squared over variance
            cross, residual = pivots[1], rows[1][0]
            self._record(residual, size, subset)
            gain = np.multiply(cross, cross, out=self.product)
            gain *= _inverse(pivots[0], self.inverse)
            self._record(np.subtract(residual, gain, out=gain), size + 1, subset | 1 << depth)
            return
        self.visit(rows[1:], depth + 1, size, subset)
        inverse = _inverse(pivots[0], self.inverse)
        swept = self.swept[depth]
        for i, row in enumerate(rows[1:], start=1):
            np.multiply(pivots[i], inverse, out=self.factor)
            for k, vector in enumerate(row):
                np.multiply(self.factor, pivots[i + k], out=self.product)
                np.subtract(vector, self.product, out=swept[i - 1][k])
        self.visit(swept, depth + 1, size + 1, subset | 1 << depth)

    def _record(self, residual: Array, size: int, subset: int) -> None:
        self.by_high_size[size] += residual
        table = residual.reshape(-1, self.batch)
        if self.batch <= _SEGMENTED:
            np.add.reduceat(table, self.first_of_size, axis=0, out=self.by_low_size[subset])
        else:
            np.matmul(self.is_size, table, out=self.by_low_size[subset])

    def sums(self) -> tuple[Array, Array]:
        """Sums of residual variance by subset size, without and with each predictor: two (p, p + 1, B)."""
        predictors = self.high + self.low
        sums = np.zeros((2, predictors, predictors + 1, self.batch))
        table = self.by_high_size.reshape(self.high + 1, 2**self.low, self.batch)
        for j in range(self.low):
            inside = (self.order >> j) & 1 == 1
            for held, chosen in enumerate((~inside, inside)):
                by_size = np.matmul(self.is_size[:, chosen], table[:, chosen])
                for size in range(self.high + 1):
                    sums[held, j, size : size + self.low + 1] += by_size[size]
        subsets = np.arange(2**self.high)
        sizes = np.array([subset.bit_count() for subset in range(2**self.high)])
        for j in range(self.high):
            inside = (subsets >> j) & 1
            for held in (0, 1):
                for size in range(self.high + 1):
                    chosen = (sizes == size) & (inside == held)
                    if chosen.any():
                        part = self.by_low_size[chosen].sum(axis=0)
                        sums[held, self.low + j, size : size + self.low + 1] += part
        return sums[0], sums[1]
