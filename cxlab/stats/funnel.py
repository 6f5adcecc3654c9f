"""Many groups beside one another: means with a pooled spread, and how far chance alone lets them differ."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.regression import FloatArray, fit_linear

Codes = NDArray[np.intp]


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupMeans:
    """Means of G groups under one spread within groups.

    Attributes
    ----------
    mean
        Shape (G,), adjusted for the covariates if there were any.
    std_error
        Shape (G,), of each mean given its group.
    rows
        Shape (G,).
    deviation
        Standard deviation of a row within its group and covariates, pooled over groups.
    alike
        Correlation of two rows of the same unit within a group, 0..1; 0 without units.
    slopes
        Shape (k,), of the covariates within groups.
    """

    mean: FloatArray
    std_error: FloatArray
    rows: FloatArray
    deviation: float
    alike: float
    slopes: FloatArray


def group_means(
    values: FloatArray,
    groups: Codes,
    *,
    covariates: FloatArray | None = None,
    units: Codes | None = None,
) -> GroupMeans:
    """Means of groups at the average covariates, with standard errors from the spread within groups.

    ``mean_g = ybar_g - (xbar_g - xbar)' b`` with ``b`` estimated within groups, and
    ``var_g = s^2 sum_u m_u (1 + r (m_u - 1)) / n_g^2 + (xbar_g - xbar)' V (xbar_g - xbar)`` over units u
    with m_u rows: people who answer twice count for less than two.

    Parameters
    ----------
    values, groups, covariates
        Shapes (n,), (n,) as 0..G-1 without gaps, (n, k).
    units
        Shape (n,), who each row comes from, any codes; None where every row is somebody else's.

    Returns
    -------
    GroupMeans

    Raises
    ------
    ValueError
        If there are not more rows than groups, or values do not vary within groups.

    Examples
    --------
    >>> found = group_means(np.array([4.0, 6.0, 8.0, 10.0]), np.array([0, 0, 1, 1]))
    >>> found.mean.tolist(), found.std_error.round(3).tolist()
    ([5.0, 9.0], [1.0, 1.0])
    """
    rows = np.bincount(groups).astype(np.float64)
    count, n = len(rows), len(values)
    sums = np.column_stack([values, covariates] if covariates is not None else [values])
    means = np.column_stack([np.bincount(groups, weights=column) for column in sums.T]) / rows[:, None]
    within = sums - means[groups]
    residuals, away = within[:, 0], np.zeros((count, 0))
    slopes, slope_covariance = np.zeros(0), np.zeros((0, 0))
    if covariates is not None and covariates.shape[1]:
        fit = fit_linear(within[:, 1:], residuals)
        residuals, slopes, slope_covariance = fit.residuals, fit.coefficients, fit.covariance
        away = means[:, 1:] - covariates.mean(axis=0)
    if n <= count + len(slopes) or not np.any(residuals**2 > 1e-18):
        raise ValueError("rows do not vary within groups: nothing says how far chance reaches")
    variance = float(residuals @ residuals) / (n - count - len(slopes))
    alike, per_group = _unit_rows(residuals, variance, groups, units, rows)
    spread = variance * per_group / rows**2 + np.einsum("gk,kl,gl->g", away, slope_covariance, away)
    return GroupMeans(
        mean=means[:, 0] - away @ slopes,
        std_error=np.sqrt(spread),
        rows=rows,
        deviation=variance**0.5,
        alike=alike,
        slopes=slopes,
    )


def _unit_rows(
    residuals: FloatArray, variance: float, groups: Codes, units: Codes | None, rows: FloatArray
) -> tuple[float, FloatArray]:
    """Correlation within units, and ``sum_u m_u (1 + r (m_u - 1))`` of each group (G,)."""
    if units is None:
        return 0.0, rows
    pairs, codes = np.unique(np.column_stack([groups, units]), axis=0, return_inverse=True)
    codes = codes.reshape(-1)
    size = np.bincount(codes).astype(np.float64)
    products = np.bincount(codes, weights=residuals) ** 2 - np.bincount(codes, weights=residuals**2)
    twice = float(np.sum(size * (size - 1)))
    if twice == 0.0:
        return 0.0, rows
    # A group's own mean has been taken out, which makes its rows look less alike: put 1/n_g of it back.
    lost = float(np.sum(size * (size - 1) / rows[pairs[:, 0]]))
    alike = float(np.clip((products.sum() / variance + lost) / twice, 0.0, 1.0))
    counted = size * (1.0 + alike * (size - 1))
    return alike, np.asarray(np.bincount(pairs[:, 0], counted, len(rows)), dtype=np.float64)


def common_mean(means: FloatArray, std_errors: FloatArray) -> tuple[float, FloatArray]:
    """The mean weighted by precision, and z values (G,) of each group's distance from it.

    A group is part of the mean it is compared with, so its distance varies by ``s_g^2 (1 - w_g)``.

    >>> centre, z = common_mean(np.array([7.0, 9.0]), np.array([1.0, 1.0]))
    >>> centre, z.round(3).tolist()
    (8.0, [-1.414, 1.414])
    """
    precision: FloatArray = 1.0 / np.square(std_errors)
    share = precision / float(precision.sum())
    centre = float(share @ means)
    spread = np.asarray(std_errors * np.sqrt(1.0 - share), dtype=np.float64)
    return centre, np.asarray((means - centre) / spread, dtype=np.float64)


def overdispersion(z_values: FloatArray, *, winsorised_share: float = 0.1) -> float:
    """Mean squared z after drawing in the outer tenth on each side, over what chance alone gives then.

    About 1 where only chance is at work. The outer groups are drawn in so that a few true outliers do not
    count as spread of all.

    Source: Spiegelhalter (2005), Statistics in Medicine 24 (funnel plots), divided by the expectation under
    normal z, without which chance would give 0.68.

    >>> z = np.random.default_rng(1).normal(size=5000)
    >>> round(overdispersion(z), 1), round(overdispersion(2.0 * z), 1)
    (1.0, 4.0)
    """
    low, high = np.quantile(z_values, (winsorised_share, 1.0 - winsorised_share))
    edge = NormalDist().inv_cdf(1.0 - winsorised_share)
    inside = 1.0 - 2.0 * winsorised_share - 2.0 * edge * NormalDist().pdf(edge)
    expected = inside + 2.0 * winsorised_share * edge**2
    return float(np.mean(np.clip(z_values, low, high) ** 2) / expected)
