"""Repeat purchases without a contract: the BG/NBD model of buying and silently leaving."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.search import search_logs

FloatArray = NDArray[np.float64]

#: Where the search begins, in logs: of heterogeneous and of alike customers.
STARTS = ((-0.5, 0.5, -0.5, 0.7), (0.7, 0.7, 0.7, 1.6))


@dataclass(frozen=True, eq=False, kw_only=True)
class PurchaseFit:
    """BG/NBD parameters: rate of buying Gamma(r, alpha), chance to leave after a purchase Beta(a, b).

    Attributes
    ----------
    r, alpha, a, b
        ``alpha`` in the unit of time.
    log_likelihood
        Of all customers.
    theta
        (4,) logs of (r, alpha / scale, a, b).
    scale
        The unit of time inside the search.
    """

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float
    theta: FloatArray
    scale: float


@dataclass(frozen=True, eq=False, kw_only=True)
class PurchaseRows:
    """Distinct (x, t_x, T) with their number of customers, and the row of each customer."""

    frequency: FloatArray
    recency: FloatArray
    age: FloatArray
    weight: FloatArray
    member: NDArray[np.int64]


def collapse_purchases(frequency: FloatArray, recency: FloatArray, age: FloatArray) -> PurchaseRows:
    """Identical customers as one weighted row: a million customers are some hundred thousand rows.

    Parameters
    ----------
    frequency, recency, age : (n,)
        Repeat purchases x, time of the last one since the first, time observed since the first.

    Examples
    --------
    >>> rows = collapse_purchases(np.array([0, 1, 0.0]), np.array([0, 2, 0.0]), np.array([5, 5, 5.0]))
    >>> rows.weight.tolist(), rows.member.tolist()
    ([2.0, 1.0], [0, 1, 0])
    """
    order = np.lexsort((age, recency, frequency))
    keys = (frequency[order], recency[order], age[order])
    new = np.ones(len(order), dtype=bool)
    if len(order):
        new[1:] = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    number = np.cumsum(new) - 1
    member = np.empty(len(order), dtype=np.int64)
    member[order] = number
    return PurchaseRows(
        frequency=keys[0][new],
        recency=keys[1][new],
        age=keys[2][new],
        weight=np.bincount(number, minlength=int(new.sum())).astype(np.float64),
        member=member,
    )


def fit_purchases(rows: PurchaseRows, *, weight: FloatArray | None = None) -> PurchaseFit:
    """Maximum likelihood of the BG/NBD by L-BFGS with exact gradients on the logs, from two starts.

    ``L = B(a, b + x) / B(a, b) Gamma(r + x) alpha^r / (Gamma(r) (alpha + T)^(r + x))
    + [x > 0] B(a + 1, b + x - 1) / B(a, b) Gamma(r + x) alpha^r / (Gamma(r) (alpha + t_x)^(r + x))``

    Parameters
    ----------
    rows
        From :func:`collapse_purchases`.
    weight
        Other weights of the rows.

    Returns
    -------
    PurchaseFit

    Raises
    ------
    ValueError
        Nobody bought again, or there is no inner maximum.

    Notes
    -----
    Source: Fader, Hardie and Lee (2005), Counting your customers the easy way, Marketing Science 24.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> wanted = rng.poisson(rng.gamma(1.0, 6.0, 2000))
    >>> x = np.minimum(wanted, rng.geometric(rng.beta(0.8, 2.5, 2000))).astype(float)
    >>> fit = fit_purchases(collapse_purchases(x, 30.0 * x / (wanted + 1), np.full(2000, 30.0)))
    >>> 0.5 < fit.r < 2.0
    True
    """
    mass = rows.weight if weight is None else weight
    if not mass @ rows.frequency > 0:
        raise ValueError("nobody bought a second time")
    scale = float(np.average(rows.age, weights=mass)) / 5.0
    theta, loss = search_logs(lambda at: _loss_and_slope(at, rows, mass, scale), STARTS)
    r, alpha, a, b = (float(one) for one in np.exp(theta))
    # In units of `scale` each of the x purchases brings one factor of it.
    value = -loss * float(mass.sum()) - float(mass @ rows.frequency) * float(np.log(scale))
    return PurchaseFit(r=r, alpha=alpha * scale, a=a, b=b, log_likelihood=value, theta=theta, scale=scale)


def _loss_and_slope(
    theta: FloatArray, rows: PurchaseRows, mass: FloatArray, scale: float
) -> tuple[float, FloatArray]:
    """Mean negative log-likelihood and its gradient by the logs of (r, alpha, a, b)."""
    values, slopes = row_scores(theta, rows, scale)
    return -float(mass @ values) / mass.sum(), -(mass @ slopes) / mass.sum()


def row_scores(theta: FloatArray, rows: PurchaseRows, scale: float) -> tuple[FloatArray, FloatArray]:
    """Log-likelihood (n,) of a customer of each row and its slopes (n, 4) by the log parameters.

    ``scale`` is the unit of time in which ``theta`` is written.
    """
    from scipy.special import digamma, gammaln

    r, alpha, a, b = np.exp(theta)
    x, last, age = rows.frequency, rows.recency / scale, rows.age / scale
    again = x > 0
    # Terms of the count alone are few: looked up by the count instead of computed for each row.
    place = x.astype(np.int64)
    number = np.arange(float(place.max()) + 1.0)
    common = gammaln(r + number) - gammaln(r) + r * np.log(alpha)
    common += gammaln(a + b) + gammaln(b + number) - gammaln(b) - gammaln(a + b + number)
    by_r = digamma(r + number) - digamma(r) + np.log(alpha)
    by_ab = digamma(a + b) - digamma(a + b + number)
    by_b = by_ab + digamma(b + number) - digamma(b)
    log_age, log_last = np.log(alpha + age), np.log(alpha + last)
    before = np.where(again, b + x - 1.0, 1.0)
    alive = -(r + x) * log_age
    gone = np.where(again, np.log(a) - np.log(before) - (r + x) * log_last, -np.inf)
    both = np.logaddexp(alive, gone)
    p = np.exp(alive - both)  # chance to be alive
    q = 1.0 - p
    slopes = np.empty((len(x), 4))
    slopes[:, 0] = r * (by_r[place] - p * log_age - q * log_last)
    slopes[:, 1] = alpha * (r / alpha - (r + x) * (p / (alpha + age) + q / (alpha + last)))
    slopes[:, 2] = a * (by_ab[place] + q / a)
    slopes[:, 3] = b * (by_b[place] - np.where(again, q / before, 0.0))
    return common[place] + both, slopes


def chance_alive(
    fit: PurchaseFit, frequency: FloatArray, recency: FloatArray, age: FloatArray
) -> FloatArray:
    """Chance (n,) that each customer still buys, given its past; 1 where nothing was bought again.

    ``1 / (1 + [x > 0] a / (b + x - 1) ((alpha + T) / (alpha + t_x))^(r + x))``
    """
    x = np.asarray(frequency, dtype=np.float64)
    inner = np.log(fit.a) - np.log(np.maximum(fit.b + x - 1.0, 1e-300))
    inner += (fit.r + x) * (np.log(fit.alpha + age) - np.log(fit.alpha + recency))
    return np.asarray(np.where(x > 0, 1.0 / (1.0 + np.exp(np.minimum(inner, 700.0))), 1.0))


def expected_purchases(
    fit: PurchaseFit,
    ahead: float,
    frequency: FloatArray,
    recency: FloatArray,
    age: FloatArray,
) -> FloatArray:
    """Expected purchases (n,) of each customer in the next ``ahead`` units of time, given its past.

    ``(a + b + x - 1) / (a - 1) [1 - ((alpha + T) / (alpha + T + t))^(r + x)
    2F1(r + x, b + x; a + b + x - 1; t / (alpha + T + t))] P(alive)``

    Notes
    -----
    Source: Fader, Hardie and Lee (2005), equation 10; at a = 1 the limit is taken from both sides.

    Examples
    --------
    >>> fit = PurchaseFit(r=.243, alpha=4.414, a=.793, b=2.426, log_likelihood=0.0,
    ...     theta=np.zeros(4), scale=1.0)
    >>> past = (np.array([2.0]), np.array([30.43]), np.array([38.86]))
    >>> expected_purchases(fit, 39.0, *past).round(3).tolist()
    [1.226]
    """
    from scipy.special import hyp2f1

    if abs(fit.a - 1.0) < 1e-6:
        near = [replace(fit, a=1.0 + shift) for shift in (-1e-5, 1e-5)]
        return np.asarray(
            sum(expected_purchases(one, ahead, frequency, recency, age) for one in near) / 2.0
        )
    x = np.asarray(frequency, dtype=np.float64)
    share = ahead / (fit.alpha + age + ahead)
    curve = hyp2f1(fit.r + x, fit.b + x, fit.a + fit.b + x - 1.0, share)
    inner = 1.0 - np.exp((fit.r + x) * np.log1p(-share)) * curve
    factor = (fit.a + fit.b + x - 1.0) / (fit.a - 1.0)
    return np.asarray(factor * inner * chance_alive(fit, x, recency, age))


def purchase_fit_at(theta: FloatArray, fit: PurchaseFit) -> PurchaseFit:
    """The same fit with other log parameters (4,), as a replicate has them."""
    r, alpha, a, b = (float(value) for value in np.exp(theta))
    return replace(fit, r=r, alpha=alpha * fit.scale, a=a, b=b, theta=np.asarray(theta))
