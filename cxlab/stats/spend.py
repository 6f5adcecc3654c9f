"""Mean spend per purchase of each customer, drawn towards that of all: the Gamma-Gamma model."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.search import search_logs

FloatArray = NDArray[np.float64]

#: Where the search begins, in logs.
STARTS = ((1.5, 1.2, 0.5), (0.0, 0.7, 0.0))


@dataclass(frozen=True, eq=False, kw_only=True)
class SpendFit:
    """Gamma-Gamma parameters ``p, q, v`` (v in money) and the log-likelihood.

    ``theta`` holds the logs of ``p, q, v / scale``; ``scale`` is the mean spend, the unit of the search.
    """

    p: float
    q: float
    v: float
    log_likelihood: float
    theta: FloatArray
    scale: float = 1.0


def fit_spend(
    frequency: FloatArray,
    mean_spend: FloatArray,
    *,
    weight: FloatArray | None = None,
) -> SpendFit:
    """Maximum likelihood of the Gamma-Gamma model on repeat purchases.

    ``ln L = ln Gamma(p x + q) - ln Gamma(p x) - ln Gamma(q) + q ln v + (p x - 1) ln m + p x ln x
    - (p x + q) ln(x m + v)``

    Parameters
    ----------
    frequency : (n,)
        Purchases x behind each mean, 1 or more.
    mean_spend : (n,)
        Mean value m, above 0.
    weight : (n,)
        Weight of each customer, 1 if None.

    Returns
    -------
    SpendFit

    Raises
    ------
    ValueError
        If the likelihood has no inner maximum.

    Notes
    -----
    Source: Fader, Hardie and Lee (2005), RFM and CLV, J. Marketing Research 42; Fader and Hardie (2013),
    The Gamma-Gamma model of monetary value.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> x = rng.integers(1, 9, 3000).astype(float)
    >>> m = rng.gamma(6.0 * x, 1.0) / (rng.gamma(4.0, 1 / 15.0, 3000) * x)
    >>> bool(abs(fit_spend(x, m).q - 4.0) < 1.0)
    True
    """
    mass = np.ones(len(frequency)) if weight is None else weight
    scale = float(np.average(mean_spend, weights=mass))
    m = mean_spend / scale
    theta, loss = search_logs(lambda at: _loss_and_slope(at, frequency, m, mass), STARTS)
    p, q, v = (float(value) for value in np.exp(theta))
    total = float(mass.sum())
    value = -loss * total - total * float(np.log(scale))
    return SpendFit(p=p, q=q, v=v * scale, log_likelihood=value, theta=theta, scale=scale)


def _loss_and_slope(
    theta: FloatArray, x: FloatArray, m: FloatArray, mass: FloatArray
) -> tuple[float, FloatArray]:
    """Mean negative log-likelihood and its gradient by the logs of (p, q, v)."""
    values, slopes = row_scores(theta, x, m)
    return -float(mass @ values) / mass.sum(), -(mass @ slopes) / mass.sum()


def row_scores(theta: FloatArray, x: FloatArray, m: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Log-likelihood (n,) of each customer and its slopes (n, 3) by the logs of (p, q, v)."""
    from scipy.special import digamma, gammaln

    p, q, v = np.exp(theta)
    px = p * x
    total = np.log(x * m + v)
    value = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v)
    value += (px - 1.0) * np.log(m) + px * np.log(x) - (px + q) * total
    slopes = np.empty((len(x), 3))
    slopes[:, 0] = px * (digamma(px + q) - digamma(px) + np.log(m) + np.log(x) - total)
    slopes[:, 1] = q * (digamma(px + q) - digamma(q) + np.log(v) - total)
    slopes[:, 2] = v * (q / v - (px + q) / (x * m + v))
    return value, slopes


def spend_fit_at(theta: FloatArray, fit: SpendFit) -> SpendFit:
    """The same fit with other log parameters (3,), as a replicate has them."""
    p, q, v = (float(value) for value in np.exp(theta))
    return replace(fit, p=p, q=q, v=v * fit.scale, theta=np.asarray(theta))


def expected_spend(fit: SpendFit, frequency: FloatArray, mean_spend: FloatArray) -> FloatArray:
    """Expected value (n,) of a purchase of each customer, drawn towards the mean of all.

    ``E(M | m, x) = (q - 1) / (p x + q - 1) * p v / (q - 1) + p x / (p x + q - 1) * m``; without a repeat
    purchase it is the mean of all, ``p v / (q - 1)``; nan where q <= 1, which has no mean.

    Examples
    --------
    >>> fit = SpendFit(p=6.25, q=3.74, v=15.44, log_likelihood=0.0, theta=np.zeros(3))
    >>> expected_spend(fit, np.array([0.0, 2.0]), np.array([0.0, 50.0])).round(2).tolist()
    [35.22, 47.34]
    """
    if fit.q <= 1.0:
        return np.full(len(frequency), np.nan)
    px = fit.p * np.asarray(frequency, dtype=np.float64)
    own = np.where(px > 0, mean_spend, 0.0)
    return np.asarray((fit.p * fit.v + px * own) / (px + fit.q - 1.0))
