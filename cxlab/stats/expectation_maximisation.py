"""Means and covariances from incomplete rows by Gaussian expectation maximisation, for many replicates."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Keeps the regression of what is missing on what is seen defined where seen columns repeat each other.
_RIDGE = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class Pattern:
    """Rows that lack the same columns.

    Attributes
    ----------
    seen
        Numbers of the columns that these rows hold.
    products : (rows, 1 + s + s (s + 1) / 2)
        Weight, weighted values and weighted products (upper triangle) of the s seen columns, per row or
        summed per group.
    groups : (rows,)
        Group of each row of ``products``.
    """

    seen: NDArray[np.int64]
    products: Array
    groups: NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class GaussianFit:
    """What expectation maximisation found for each of B weightings of the groups.

    Attributes
    ----------
    mean : (B, m)
        On the scale of ``centred``: in units of each column's spread among the rows that hold it.
    covariance : (B, m, m)
    steps
        Steps taken.
    converged : (B,)
        Whether the last step moved no correlation by more than the tolerance.
    """

    mean: Array
    covariance: Array
    steps: int
    converged: NDArray[np.bool_]

    def correlation(self) -> Array:
        """(B, m, m); a column without variance has a row and column of zeros."""
        return _correlation(self.covariance)


def missing_patterns(values: Array, *, weights: Array, groups: NDArray[np.int64]) -> list[Pattern]:
    """Sort rows by what they lack, and keep the sums from which any weighting of groups follows.

    Parameters
    ----------
    values : (n, m)
        NaN where an answer is missing. Columns are centred and scaled by what is there.
    weights : (n,)
        Above 0.
    groups : (n,)
        Group of each row, numbered from 0.

    Returns
    -------
    list of Pattern

    Raises
    ------
    ValueError
        If a column holds no value at all.

    Examples
    --------
    >>> rows = np.array([[1.0, 2.0], [2.0, np.nan], [3.0, 1.0]])
    >>> found = missing_patterns(rows, weights=np.ones(3), groups=np.zeros(3, int))
    >>> [pattern.seen.tolist() for pattern in found]
    [[0], [0, 1]]
    """
    there = ~np.isnan(values)
    if not there.any(axis=0).all():
        raise ValueError("values: a column is empty. Next step: leave it out.")
    held = np.where(there, values, 0.0)
    weight_there = weights[:, None] * there
    mean = (weight_there * held).sum(axis=0) / weight_there.sum(axis=0)
    centred = np.where(there, held - mean, 0.0)
    spread = np.sqrt((weight_there * centred**2).sum(axis=0) / weight_there.sum(axis=0))
    constant = spread <= 1e-12 * np.maximum(1.0, np.abs(mean))
    scaled = np.where(constant, 0.0, centred / np.where(constant, 1.0, spread))
    kinds, kind = np.unique(there, axis=0, return_inverse=True)
    patterns = []
    for number, seen in enumerate(kinds):
        rows = np.flatnonzero(kind.reshape(-1) == number)
        patterns.append(_pattern(scaled[rows], weights[rows], groups[rows], np.flatnonzero(seen)))
    return patterns


def _pattern(scaled: Array, weights: Array, groups: NDArray[np.int64], seen: NDArray[np.int64]) -> Pattern:
    extended = np.column_stack([np.ones(len(scaled)), scaled[:, seen]])
    first, second = np.triu_indices(len(seen) + 1)
    products = (extended * weights[:, None])[:, first] * extended[:, second]
    found, code = np.unique(groups, return_inverse=True)
    if len(found) < len(groups):
        order = np.argsort(code.reshape(-1), kind="stable")
        starts = np.searchsorted(code.reshape(-1)[order], np.arange(len(found)))
        products, groups = np.add.reduceat(products[order], starts, axis=0), found
    return Pattern(seen=seen, products=products, groups=groups)


def fit_gaussian(
    patterns: list[Pattern],
    *,
    columns: int,
    multipliers: Array,
    start: GaussianFit | None = None,
    tolerance: float = 1e-8,
    most_steps: int = 1000,
) -> GaussianFit:
    """Mean and covariance by expectation maximisation, for each row of group multipliers.

    A missing answer is replaced by its regression on what the row holds, and its residual variance is added
    to the products. This needs sums per pattern only: the cost does not depend on the number of rows.

    Parameters
    ----------
    patterns
        From :func:`missing_patterns`, of ``columns`` columns.
    multipliers : (B, G)
        How often each group counts, 0 or more; ones for the data as they are.
    start
        A fit to begin with, of one weighting or of B; the diagonal otherwise.
    tolerance, most_steps
        Largest move of a correlation, or of a mean in standard deviations, at which to stop; steps at most.

    Notes
    -----
    Maximum likelihood under normality. Without normality the estimates stay consistent when answers are
    missing completely at random; when what is missing depends on what is seen (missing at random), they
    also need the regressions to be straight. What depends on the missing answer itself is not repaired.

    Source: Dempster, Laird and Rubin (1977), J. R. Stat. Soc. B 39(1); Little and Rubin (2019).

    >>> rng = np.random.default_rng(1)
    >>> rows = rng.normal(size=(5000, 1)) + rng.normal(size=(5000, 2))
    >>> rows[rows[:, 0] > 1, 1] = np.nan
    >>> found = missing_patterns(rows, weights=np.ones(5000), groups=np.zeros(5000, int))
    >>> fit_gaussian(found, columns=2, multipliers=np.ones((1, 1))).correlation()[0, 0, 1].round(1)
    np.float64(0.5)
    """
    batch = len(multipliers)
    sums = [_unpacked(multipliers[:, part.groups] @ part.products, len(part.seen)) for part in patterns]
    weight = sum((part[0] for part in sums), np.zeros(batch))
    mean = np.zeros((batch, columns))
    covariance = np.broadcast_to(np.eye(columns), (batch, columns, columns)).copy()
    if start is not None:
        mean[:], covariance[:] = start.mean, start.covariance
    moved, step = np.full(batch, np.inf), 0
    while step < most_steps and moved.max() > tolerance:
        step += 1
        before, at = _correlation(covariance), mean
        shift, spread = _expected(patterns, sums, mean, covariance)
        shift, spread = shift / weight[:, None], spread / weight[:, None, None]
        mean = mean + shift
        covariance = spread - shift[:, :, None] * shift[:, None, :]
        moved = np.maximum(
            np.abs(_correlation(covariance) - before).max(axis=(1, 2)), np.abs(mean - at).max(axis=1)
        )
    return GaussianFit(mean=mean, covariance=covariance, steps=step, converged=moved <= tolerance)


def _expected(
    patterns: list[Pattern], sums: list[tuple[Array, Array, Array]], mean: Array, covariance: Array
) -> tuple[Array, Array]:
    """Expected sums of deviations from ``mean`` and of their products, over all rows."""
    columns = mean.shape[1]
    shift, spread = np.zeros_like(mean), np.zeros_like(covariance)
    for part, (weight, first, second) in zip(patterns, sums, strict=True):
        seen = part.seen
        lacking = np.setdiff1d(np.arange(columns), seen)
        centre = mean[:, seen]
        deviation = first - weight[:, None] * centre
        crossed = first[:, :, None] * centre[:, None, :]
        products = second - crossed - crossed.swapaxes(1, 2)
        products += weight[:, None, None] * centre[:, :, None] * centre[:, None, :]
        shift[:, seen] += deviation
        spread[:, seen[:, None], seen] += products
        if not len(lacking):
            continue
        known = covariance[:, seen[:, None], seen] + _RIDGE * np.eye(len(seen))
        cross = covariance[:, seen[:, None], lacking]
        slopes = np.linalg.solve(known, cross)
        residual = covariance[:, lacking[:, None], lacking] - cross.swapaxes(1, 2) @ slopes
        filled = products @ slopes
        shift[:, lacking] += (deviation[:, None, :] @ slopes)[:, 0]
        spread[:, seen[:, None], lacking] += filled
        spread[:, lacking[:, None], seen] += filled.swapaxes(1, 2)
        spread[:, lacking[:, None], lacking] += (
            slopes.swapaxes(1, 2) @ filled + weight[:, None, None] * residual
        )
    return shift, spread


def _unpacked(sums: Array, seen: int) -> tuple[Array, Array, Array]:
    """Weight (B,), sums (B, s) and products (B, s, s) out of packed rows."""
    first, second = np.triu_indices(seen)
    products = np.empty((len(sums), seen, seen))
    products[:, first, second] = sums[:, seen + 1 :]
    products[:, second, first] = sums[:, seen + 1 :]
    return sums[:, 0], sums[:, 1 : seen + 1], products


def _correlation(covariance: Array) -> Array:
    variance = np.diagonal(covariance, axis1=1, axis2=2)
    constant = variance <= 1e-12
    scale = np.where(constant, 0.0, 1.0 / np.sqrt(np.where(constant, 1.0, variance)))
    matrix: Array = covariance * scale[:, :, None] * scale[:, None, :]
    on_diagonal = np.arange(covariance.shape[1])
    matrix[:, on_diagonal, on_diagonal] = np.where(constant, 0.0, 1.0)
    return matrix
