"""Correlations of the continuous quantities behind ordinal answers: polychoric, tetrachoric, polyserial."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

# Correlations are searched up to this; a table with empty corners ends here.
_LIMIT = 0.9999
# Gauss-Legendre points: 1e-10 exact up to correlations of 0.95, 1e-6 at 0.999.
_POINTS = 48
_MOST_STEPS = 60


def category_thresholds(shares: Array) -> Array:
    """Cut points of a standard normal that give the categories these shares.

    >>> category_thresholds(np.array([0.5, 0.25, 0.25])).round(4)
    array([0.    , 0.6745])
    """
    from scipy.special import ndtri

    cumulated = np.cumsum(shares, axis=-1)[..., :-1] / np.sum(shares, axis=-1, keepdims=True)
    thresholds: Array = ndtri(np.clip(cumulated, 0.0, 1.0))
    return thresholds


def polyserial_factor(shares: Array) -> Array:
    r"""What turns a correlation with category numbers 0, 1, 2, ... into one with the latent quantity.

    .. math:: \rho = r \; s_Y / \sum_k \varphi(\tau_k)

    with r the correlation of x with the category number Y, s_Y the standard deviation of Y and tau_k the
    thresholds. With two categories this is the biserial correlation.

    Parameters
    ----------
    shares : (K,) or (B, K)
        Share of each of the K ordered categories; 0 is allowed.

    Returns
    -------
    float array () or (B,)
        1 or more where at least two categories are met, NaN otherwise.

    Notes
    -----
    Exact in the population when the latent quantity is standard normal and the mean of x given it is
    linear; x itself need not be normal (a rating of ten steps will do).

    Source: Olsson, Drasgow and Dorans (1982), Psychometrika 47(3), the ad hoc estimator.

    Examples
    --------
    >>> polyserial_factor(np.array([0.5, 0.5])).round(4)
    np.float64(1.2533)
    """
    share = np.asarray(shares, dtype=np.float64)
    share = share / share.sum(axis=-1, keepdims=True)
    number = np.arange(share.shape[-1])
    mean = (share * number).sum(axis=-1, keepdims=True)
    spread = np.sqrt((share * (number - mean) ** 2).sum(axis=-1))
    density = _density(category_thresholds(share)).sum(axis=-1)
    known = density > 1e-12
    factor: Array = np.where(known, spread / np.where(known, density, 1.0), np.nan)[()]
    return factor


def polychoric(table: ArrayLike) -> tuple[float, float]:
    r"""Correlation of the two normal quantities behind a table of two ordinal answers, and its error.

    Thresholds come from the margins; the correlation maximises ``sum n_ij log P_ij(rho)``, where P_ij is
    the bivariate normal probability of cell (i, j). A 2 x 2 table gives the tetrachoric correlation.

    Parameters
    ----------
    table : (I, J)
        Counts or sums of weights, 0 or more; at least two rows and two columns hold something.

    Returns
    -------
    correlation, std_error : float
        In -1..1; the error is that of maximum likelihood with the thresholds taken as known.

    Raises
    ------
    ValueError
        If counts are negative or missing, or all lie in one row or one column.

    Notes
    -----
    Assumes that both latent quantities are jointly normal. A table with empty corners runs to the limit of
    +-0.9999: read it as "as high as can be", not as a number.

    Source: Olsson (1979), Psychometrika 44(4), the two-step estimator.

    Examples
    --------
    >>> correlation, error = polychoric(np.array([[40.0, 10.0], [10.0, 40.0]]))
    >>> round(correlation, 4), bool(error > 0)
    (0.809, True)
    """
    counts = np.asarray(table, dtype=np.float64)
    if counts.ndim != 2 or not np.isfinite(counts).all() or (counts < 0.0).any():
        raise ValueError("table: counts must be a matrix of 0 or more. Next step: pass a cross-table.")
    counts = counts[counts.sum(axis=1) > 0.0][:, counts.sum(axis=0) > 0.0]
    if min(counts.shape) < 2:
        raise ValueError("table: all answers lie in one row or column, so nothing varies together.")
    across = category_thresholds(counts.sum(axis=1))
    down = category_thresholds(counts.sum(axis=0))
    rho, low, high = _start(counts), -_LIMIT, _LIMIT
    information = np.nan
    for _ in range(_MOST_STEPS):
        cell, slope = _cells(across, down, rho)
        score = float((counts * slope / cell).sum())
        information = float(counts.sum() * (slope**2 / cell).sum())
        low, high = (rho, high) if score > 0.0 else (low, rho)
        step = rho + score / information if information > 0.0 else np.nan
        # Scoring where it stays inside what is known of the root, halving otherwise.
        following = step if low < step < high else 0.5 * (low + high)
        moved, rho = abs(following - rho), following
        if moved < 1e-10:
            break
    return rho, float(1.0 / np.sqrt(information)) if information > 0.0 else float("nan")


def polychoric_matrix(values: Array, *, weights: Array | None = None) -> Array:
    """Polychoric correlations of all pairs of ordinal columns.

    Parameters
    ----------
    values : (n, m)
        Ordinal answers as numbers (any spacing), no missing values; a few categories each.
    weights : (n,)
        Weights of 0 or more; None for equal weights.

    Returns
    -------
    (m, m) array

    Raises
    ------
    ValueError
        If a column does not vary.

    Notes
    -----
    Pairs are estimated one by one, so the matrix can have a slightly negative eigenvalue; the importance
    functions refuse it then rather than repair it.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> latent = rng.normal(size=(4000, 1)) + rng.normal(size=(4000, 2))
    >>> polychoric_matrix(np.clip(np.round(latent + 2), 1, 5)).round(1)
    array([[1. , 0.5],
           [0.5, 1. ]])
    """
    n, columns = values.shape
    weight = np.ones(n) if weights is None else weights
    coded = [np.unique(values[:, column], return_inverse=True) for column in range(columns)]
    matrix = np.eye(columns)
    for i in range(columns):
        for j in range(i):
            shape = (len(coded[i][0]), len(coded[j][0]))
            cell = coded[i][1].reshape(-1) * shape[1] + coded[j][1].reshape(-1)
            table = np.bincount(cell, weights=weight, minlength=shape[0] * shape[1]).reshape(shape)
            matrix[i, j] = matrix[j, i] = polychoric(table)[0]
    return matrix


def bivariate_normal_below(first: Array, second: Array, rho: float) -> Array:
    r"""Chance that both of two standard normals of correlation rho lie below the given points.

    .. math:: \Phi(h)\Phi(k) + \frac{1}{2\pi} \int_0^{\arcsin\rho}
              \exp\left(-\frac{h^2 + k^2 - 2hk\sin t}{2\cos^2 t}\right) dt

    >>> float(bivariate_normal_below(np.zeros(1), np.zeros(1), 0.5)[0].round(10))
    0.3333333333
    """
    from scipy.special import ndtr

    nodes, weights = np.polynomial.legendre.leggauss(_POINTS)
    end = np.arcsin(rho)
    angle = 0.5 * end * (nodes + 1.0)
    h, k = (np.clip(points, -40.0, 40.0)[..., None] for points in np.broadcast_arrays(first, second))
    exponent = -(h**2 + k**2 - 2.0 * h * k * np.sin(angle)) / (2.0 * np.cos(angle) ** 2)
    integral = 0.5 * end * (np.exp(exponent) * weights).sum(axis=-1)
    below: Array = ndtr(h[..., 0]) * ndtr(k[..., 0]) + integral / (2.0 * np.pi)
    return below


def _cells(across: Array, down: Array, rho: float) -> tuple[Array, Array]:
    """Probability of each cell and its derivative by rho."""
    rows = np.concatenate([[-np.inf], across, [np.inf]])
    columns = np.concatenate([[-np.inf], down, [np.inf]])
    h, k = np.meshgrid(rows, columns, indexing="ij")
    below = bivariate_normal_below(h, k, rho)
    finite = np.isfinite(h) & np.isfinite(k)
    hf, kf, rest = np.where(finite, h, 0.0), np.where(finite, k, 0.0), 1.0 - rho**2
    height = np.exp(-(hf**2 + kf**2 - 2 * rho * hf * kf) / (2 * rest)) / (2 * np.pi * np.sqrt(rest))
    height = np.where(finite, height, 0.0)
    cell, slope = (np.diff(np.diff(corner, axis=0), axis=1) for corner in (below, height))
    return np.maximum(cell, 1e-15), slope


def _start(counts: Array) -> float:
    rows, columns = np.arange(counts.shape[0]), np.arange(counts.shape[1])
    share = counts / counts.sum()
    row = rows - share.sum(axis=1) @ rows
    column = columns - share.sum(axis=0) @ columns
    spread = np.sqrt((share.sum(axis=1) @ row**2) * (share.sum(axis=0) @ column**2))
    return float(np.clip(row @ share @ column / spread, -0.9, 0.9))


def _density(points: Array) -> Array:
    height: Array = np.exp(-0.5 * points**2) / np.sqrt(2.0 * np.pi)
    return height
