"""From hazards to survival, cumulative incidence and remaining life, given the age reached so far."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Numbers held at a time while curves of many customers are averaged: 2 million are 16 MB.
BLOCK_NUMBERS = 2_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Curves:
    """Curves of n customers over the next H periods, after the age each has reached.

    Attributes
    ----------
    survival
        (n, H + 1) chance to be still there after j periods, 1 at j = 0.
    incidence
        (n, C, H + 1) chance to have left by each cause within j periods.
    last_hazard
        (n,) chance of leaving, by any cause, in the period after the last one.
    """

    survival: FloatArray
    incidence: FloatArray
    last_hazard: FloatArray


def future_curves(base: FloatArray, linear: FloatArray, age: IntArray, *, horizon: int) -> Curves:
    """Survival and cumulative incidence of each customer, given the age reached.

    ``S(j | a) = prod_{m<=j} (1 - sum_c h_c(a + m))`` and ``F_c(j | a) = sum_{m<=j} h_c(a + m) S(m-1 | a)``.

    Parameters
    ----------
    base : (C, K + 1)
        Baseline logits of each cause for periods 0..K; later periods take that of K.
    linear : (n, C)
        What the covariates add to each logit.
    age : (n,)
        Periods survived so far.
    horizon
        Number of periods H ahead.

    Returns
    -------
    Curves

    Examples
    --------
    >>> curves = future_curves(np.zeros((1, 3)), np.zeros((1, 1)), np.array([0]), horizon=2)
    >>> curves.survival.tolist(), curves.incidence[0].tolist()
    ([[1.0, 0.5, 0.25]], [[0.0, 0.5, 0.75]])
    """
    odds, stay = _odds_and_stay(base, linear, age, periods=horizon + 1)
    survival = np.ones((horizon + 1, len(age)))
    np.cumprod(stay[:horizon], axis=0, out=survival[1:])
    incidence = np.zeros((len(base), horizon + 1, len(age)))
    for cause, odd in enumerate(odds):
        np.cumsum(odd[:horizon] * stay[:horizon] * survival[:horizon], axis=0, out=incidence[cause, 1:])
    return Curves(
        survival=survival.T, incidence=incidence.transpose(2, 0, 1), last_hazard=1.0 - stay[horizon]
    )


def _odds_and_stay(
    base: FloatArray, linear: FloatArray, age: IntArray, *, periods: int
) -> tuple[list[FloatArray], FloatArray]:
    """Odds of each cause and the chance to stay, (periods, n), for the periods after each age.

    The exponential of a sum is a product, so one is taken per age and one per customer, none per pair.
    """
    same = len(age) > 0 and bool((age == age[0]).all())
    reached = age[:1] if same else age
    place = np.minimum(reached[None, :] + np.arange(1, periods + 1)[:, None], base.shape[1] - 1)
    by_age, by_customer = np.exp(np.clip(base, -250.0, 250.0)), np.exp(np.clip(linear, -250.0, 250.0))
    odds = [by_age[cause][place] * by_customer[:, cause] for cause in range(len(base))]
    total = np.ones_like(odds[0])
    for odd in odds:
        total += odd
    return odds, 1.0 / total


def survival_at(base: FloatArray, linear: FloatArray, ages: IntArray) -> FloatArray:
    """Chance (n, E) of each customer to reach each of ``ages`` from the start.

    >>> survival_at(np.zeros((1, 4)), np.zeros((1, 1)), np.array([0, 2])).tolist()
    [[1.0, 0.25]]
    """
    nobody = np.zeros(len(linear), dtype=np.int64)
    survival = np.ones((int(ages.max(initial=0)) + 1, len(linear)))
    if len(survival) > 1:
        stay = _odds_and_stay(base, linear, nobody, periods=len(survival) - 1)[1]
        np.cumprod(stay, axis=0, out=survival[1:])
    return np.asarray(survival[ages].T)


def mean_curves(
    base: FloatArray,
    linear: FloatArray,
    age: IntArray,
    *,
    horizon: int,
    weights: FloatArray | None = None,
) -> tuple[FloatArray, FloatArray]:
    """Weighted mean survival (H + 1,) and mean incidence (C, H + 1) over customers, in bounded memory.

    Parameters
    ----------
    base, linear, age, horizon
        As in :func:`future_curves`.
    weights : (n,)
        Weight of each customer, 1 if None.

    Returns
    -------
    survival, incidence

    Examples
    --------
    >>> mean_curves(np.zeros((1, 2)), np.zeros((4, 1)), np.zeros(4, int), horizon=1)[0].tolist()
    [1.0, 0.5]
    """
    mass = np.ones(len(age)) if weights is None else weights
    step = max(1, BLOCK_NUMBERS // ((horizon + 1) * (len(base) + 1)))
    survival, incidence = np.zeros(horizon + 1), np.zeros((len(base), horizon + 1))
    for low in range(0, len(age), step):
        part = slice(low, low + step)
        curves = future_curves(base, linear[part], age[part], horizon=horizon)
        survival += mass[part] @ curves.survival
        incidence += np.tensordot(mass[part], curves.incidence, axes=1)
    return survival / mass.sum(), incidence / mass.sum()


def joiner_weights(
    reached: FloatArray, counts: FloatArray, *, start: FloatArray | None = None, rounds: int = 200
) -> FloatArray:
    """Weights that turn the customers seen into all who joined, those gone before the records included.

    Those first seen at age e are a sample of joiners in which x counts ``S(e | x)`` times. With n_e
    customers in sample e and ``W_e`` the mean of ``S(e | x)`` over all joiners, Vardi's estimate is
    ``w(x) = 1 / sum_e n_e S(e | x) / W_e``, ``W_e = sum_i w_i S(e | x_i) / sum_i w_i``. The customers seen
    from age 0 keep it bounded, which plain ``1 / S(e | x)`` is not.

    Parameters
    ----------
    reached : (n, E)
        Chance of each customer to reach each age of first sight.
    counts : (E,)
        Customers first seen at each of these ages.
    start : (n,)
        Where to begin, equal weights if None.
    rounds
        Most rounds of the fixed point.

    Returns
    -------
    (n,) array
        Weights that sum to n.

    Notes
    -----
    Assumes that those who joined early were like those who joined late. Source: Vardi (1985), Annals of
    Statistics 13, 178-203.

    Examples
    --------
    >>> reached = np.array([[1.0, 0.5], [1.0, 1.0], [1.0, 1.0]])
    >>> joiner_weights(reached, np.array([2.0, 1.0])).round(2).tolist()
    [1.15, 0.93, 0.93]
    """
    weights = np.ones(len(reached)) if start is None else start
    for _ in range(rounds):
        means = weights @ reached / weights.sum()
        found = 1.0 / (reached @ (counts / means))
        found *= len(found) / found.sum()
        settled = np.max(np.abs(found - weights)) < 1e-8
        weights = found
        if settled:
            break
    return np.asarray(weights)


def remaining_life(
    curves: Curves, *, discount: float = 0.0, tail: bool = False
) -> tuple[FloatArray, FloatArray]:
    """Expected number of payments still to come, each discounted to today, and the part in the tail.

    ``L = sum_{j=0}^{H-1} S(j) (1 + d)^-j``: payments in advance, the first one today. The tail adds what
    comes after H payments if the last hazard h stayed as it is: ``S(H) v^H / (1 - (1 - h) v)``,
    ``v = 1 / (1 + d)``.

    Parameters
    ----------
    curves
        From :func:`future_curves`, over the horizon H.
    discount
        Rate d per period, 0 or more.
    tail
        Whether to add the tail.

    Returns
    -------
    life, tail_life : (n,) arrays
        In periods; ``tail_life`` is the part of ``life`` beyond the horizon, 0 without a tail.

    Raises
    ------
    ValueError
        If the tail never ends: no discount and no hazard.

    Examples
    --------
    >>> curves = future_curves(np.full((1, 2), -np.log(4)), np.zeros((1, 1)), np.array([0]), horizon=500)
    >>> remaining_life(curves)[0].round(6).item()  # hazard 0.2: five payments
    5.0
    """
    horizon = curves.survival.shape[1] - 1
    v = 1.0 / (1.0 + discount)
    life = curves.survival[:, :horizon] @ v ** np.arange(horizon)
    beyond = np.zeros(len(life))
    if tail:
        going_on = 1.0 - (1.0 - curves.last_hazard) * v
        if (going_on <= 0).any():
            raise ValueError("without discount and without hazard the tail never ends")
        beyond = curves.survival[:, horizon] * v**horizon / going_on
    return life + beyond, beyond
