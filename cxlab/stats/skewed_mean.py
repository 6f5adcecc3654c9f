"""Limits of a mean, or a ratio of sums, whose terms are skewed: money, where few customers bring most."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def skewed_ratio(
    top: FloatArray, bottom: FloatArray, *, clusters: NDArray[np.int64], confidence: float
) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    r"""``sum(top) / sum(bottom)`` with limits that hold for skewed sums over clusters.

    With :math:`u_c = (C / n) \sum_{i \in c} (t_i - R b_i) / \bar b` for each of C clusters, the error of R
    is the mean of the u, with standard error :math:`s / \sqrt C`. Its Student ratio T is skewed by
    :math:`k = \gamma / \sqrt C`, so normal limits miss on one side. Hall's transformation
    :math:`T + k T^2 / 3 + k^2 T^3 / 27 + k / 6` is normal to the next order; the limits are
    :math:`R - s / \sqrt C \; g^{-1}(\pm z)`, with
    :math:`g^{-1}(x) = (3 / k) ((1 + k (x - k / 6))^{1/3} - 1)`.

    Parameters
    ----------
    top : (n, k)
        Terms of the numerator, row by row.
    bottom : (n,) or (n, k)
        Terms of the denominator; ones for a mean over rows.
    clusters : (n,)
        Number of the cluster of each row, 0 to C - 1, none empty.
    confidence
        Strictly between 0 and 1.

    Returns
    -------
    estimate, std_error, low, high : (k,)
        nan where the denominator is 0 or there is one cluster; limits equal the estimate where nothing
        varies.

    References
    ----------
    Hall (1992), On the removal of skewness by transformation, JRSS B 54, 221-228.

    Examples
    --------
    >>> money = np.random.default_rng(0).lognormal(0.0, 1.0, (500, 1))
    >>> ones, rows = np.ones(500), np.arange(500)
    >>> mean, error, low, high = skewed_ratio(money, ones, clusters=rows, confidence=0.95)
    >>> bool(high[0] - mean[0] > 1.1 * (mean[0] - low[0]))
    True
    """
    from scipy.stats import norm

    below = np.broadcast_to(bottom if bottom.ndim == 2 else bottom[:, None], top.shape)
    z = float(norm.ppf(0.5 + confidence / 2.0))
    with np.errstate(divide="ignore", invalid="ignore"):
        estimate = top.sum(axis=0) / below.sum(axis=0)
        shifts = _by_cluster((top - estimate * below) / below.mean(axis=0), clusters)
        error = np.sqrt((shifts**2).sum(axis=0) / (len(shifts) - 1.0) / len(shifts))
        skew = (shifts**3).mean(axis=0) / (shifts**2).mean(axis=0) ** 1.5 / np.sqrt(len(shifts))
    skew = np.where(np.isfinite(skew), skew, 0.0)
    low, high = estimate - error * _back(z, skew), estimate - error * _back(-z, skew)
    return estimate, error, low, high


def _by_cluster(terms: FloatArray, clusters: NDArray[np.int64]) -> FloatArray:
    """Sums over the rows of each cluster, in units of the mean size of a cluster: (C, k)."""
    sums = np.stack([np.bincount(clusters, column) for column in terms.T], axis=1)
    return np.asarray(sums * (len(sums) / len(terms)))


def _back(x: float, skew: FloatArray) -> FloatArray:
    """The Student ratio whose transformed value is ``x``."""
    k = np.where(np.abs(skew) < 1e-8, 1e-8, skew)
    return np.asarray((3.0 / k) * (np.cbrt(1.0 + k * (x - k / 6.0)) - 1.0))
