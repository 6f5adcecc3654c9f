"""Latent correlations of many ordinal columns at once, from the correlations of their category numbers."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.latent_correlation import category_thresholds

Array = NDArray[np.float64]

# Terms of the series: exact to 1e-7 up to correlations of 0.95 and to 2e-3 at 0.99.
_TERMS = 160
# Correlations are searched up to this; a pair with empty corners ends here.
_LIMIT = 0.9999
_MOST_STEPS = 40
# Above this the category numbers are copies of each other, whatever the series says.
_COPY = 1.0 - 1e-12
# Numbers held at a time: 8 million are 64 MB.
_BLOCK = 8_000_000


def latent_correlations(scores: Array, shares: Sequence[Array | None]) -> Array:
    r"""Correlations of the normal quantities behind ordinal columns, for a stack of matrices.

    The correlation r of two category numbers follows from that of the normal quantities behind them,

    .. math:: r_{ab} = \sum_{m \ge 1} \rho_{ab}^m \, c_{am} c_{bm}, \qquad
              c_{am} = \frac{1}{s_a \sqrt{m}} \sum_k \varphi(\tau_{ak}) \, h_{m-1}(\tau_{ak})

    with h the normalised Hermite polynomials, tau the thresholds that give the categories their shares and
    s the standard deviation of the category number. The right side rises with rho, and is solved for it. A
    column that is not ordinal has ``c = (1, 0, 0, ...)``, which makes the pair polyserial.

    Parameters
    ----------
    scores : (B, m, m)
        Correlations; ordinal columns as category numbers 0, 1, 2, ... Rows of zeros for constant columns.
    shares : m times (B, K) or None
        Share (or weight) of each category of an ordinal column; None for a column that is used as it is.

    Returns
    -------
    (B, m, m) array
        Each correlation in -1..1; a pair with an empty corner ends at +-0.9999. The matrix of all pairs
        can be no correlation matrix (a negative eigenvalue): the importance functions refuse it then.

    Notes
    -----
    Exact in the population when the latent quantities are jointly normal. With two categories each this is
    the maximum-likelihood tetrachoric correlation; with more it uses one moment where maximum likelihood
    uses every cell, and loses little. It needs no cross-table, so hundreds of replicates cost no time.

    Source: Lancaster and Hamdan (1964), Psychometrika 29(4), the polychoric series.

    Examples
    --------
    >>> third = 1 / 3  # of two halves: 2/pi arcsin(0.5)
    >>> matrix = np.array([[[1.0, third], [third, 1.0]]])
    >>> latent_correlations(matrix, [np.array([[0.5, 0.5]])] * 2)[0, 0, 1].round(6)
    np.float64(0.5)
    """
    found = scores.copy()
    series = {column: _coefficients(share) for column, share in enumerate(shares) if share is not None}
    for a, coefficients in series.items():
        # With a column that is used as it is, only the first term is left.
        slope = coefficients[:, 0]
        scale = np.where(slope > 0.0, 1.0 / np.where(slope > 0.0, slope, 1.0), 0.0)
        for b in (column for column in range(len(shares)) if column not in series):
            found[:, a, b] = found[:, b, a] = scores[:, a, b] * scale
    pairs = list(combinations(series, 2))
    together = max(1, _BLOCK // (_TERMS * max(1, len(scores))))
    for at in range(0, len(pairs), together):
        block = pairs[at : at + together]
        products = np.concatenate([series[a] * series[b] for a, b in block])
        first, second = np.array(block).T
        root = _root(scores[:, first, second].T.reshape(-1), products.T.copy())
        found[:, first, second] = found[:, second, first] = root.reshape(len(block), -1).T
    return found


def _coefficients(shares: Array) -> Array:
    """Coefficients c of a column, (B, _TERMS); zeros where it has a single category."""
    weight = shares / shares.sum(axis=1, keepdims=True)
    number = np.arange(weight.shape[1])
    mean = (weight * number).sum(axis=1, keepdims=True)
    spread = np.sqrt((weight * (number - mean) ** 2).sum(axis=1))
    thresholds = category_thresholds(weight)
    # Beyond 10 standard deviations a threshold adds nothing, and powers of it would overflow.
    inside = np.abs(thresholds) < 10.0
    point = np.where(inside, thresholds, 0.0)
    before, now = np.zeros_like(point), np.where(inside, np.exp(-0.5 * point**2) / np.sqrt(2 * np.pi), 0.0)
    found = np.empty((len(weight), _TERMS))
    for m in range(1, _TERMS + 1):
        found[:, m - 1] = now.sum(axis=1) / np.sqrt(m)
        before, now = now, (point * now - np.sqrt(m - 1) * before) / np.sqrt(m)
    known = (spread > 1e-9)[:, None]
    coefficients: Array = np.where(known, found / np.where(known, spread[:, None], 1.0), 0.0)
    return coefficients


def _root(score: Array, products: Array) -> Array:
    """Solve ``sum_m rho^m products_m = score`` by Newton's method, halving where that leaves the bounds."""
    low, high = np.full_like(score, -_LIMIT), np.full_like(score, _LIMIT)
    slope = products[0]
    rho = np.clip(score / np.where(slope > 0.0, slope, 1.0), -0.95, 0.95)
    for _ in range(_MOST_STEPS):
        value, rise = _series(rho, products)
        above = value > score
        low, high = np.where(above, low, rho), np.where(above, rho, high)
        step = rho + (score - value) / np.where(rise > 0.0, rise, np.inf)
        following = np.where((step >= low) & (step <= high), step, 0.5 * (low + high))
        moved, rho = float(np.abs(following - rho).max(initial=0.0)), following
        if moved < 1e-9:
            break
    return np.where(np.abs(score) >= _COPY, np.sign(score), np.where(score == 0.0, 0.0, rho))


def _series(rho: Array, products: Array) -> tuple[Array, Array]:
    """Value and derivative of the series, by Horner's rule."""
    value, rise = np.zeros_like(rho), np.zeros_like(rho)
    for product in products[::-1]:
        rise = rise * rho + value
        value = value * rho + product
    return value * rho, rise * rho + value
