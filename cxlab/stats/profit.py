"""Money out of probabilities: profit of a contact, thresholds, profit curves, maximum profit."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.classification import FloatArray, Weights, checked_forecast, sums_by_score


@dataclass(frozen=True, kw_only=True)
class ContactTerms:
    """What a contact costs and what it can save; amounts in one currency, shares in 0..1.

    Attributes
    ----------
    save_share
        gamma: of the customers who would leave, the share that contact and offer keep.
    offer_cost, contact_cost
        d: cost of the offer where it is taken; f: cost of one contact, taken or not.
    loyal_take_share
        psi: of the customers who would stay anyway, the share that takes the offer.
    """

    save_share: float
    offer_cost: float
    contact_cost: float
    loyal_take_share: float = 1.0


def contact_profit(chance: FloatArray, value: FloatArray, terms: ContactTerms) -> FloatArray:
    r"""Profit of contacting each customer, against leaving her alone.

    .. math:: E_i = \gamma p_i (V_i - d) - \psi (1 - p_i) d - f

    Parameters
    ----------
    chance : (n,)
        Probability of leaving in 0..1; with outcomes 0 or 1 it is what the contact would have brought, on
        average over who can be kept.
    value : (n,)
        What is kept when the customer is kept, 0 or more.
    terms
        Costs and shares.

    Returns
    -------
    (n,) in the currency of ``value``; linear and, where ``gamma (V - d) + psi d > 0``, rising in p.

    References
    ----------
    Neslin et al. (2006), Defection detection, J. Marketing Research 43; Verbraken et al. (2013).

    Examples
    --------
    >>> terms = ContactTerms(save_share=0.3, offer_cost=10.0, contact_cost=1.0)
    >>> contact_profit(np.array([0.5, 0.1]), np.array([210.0, 210.0]), terms).round(6).tolist()
    [24.0, -4.0]
    """
    saved = terms.save_share * chance * (value - terms.offer_cost)
    given_away = terms.loyal_take_share * (1.0 - chance) * terms.offer_cost
    return np.asarray(saved - given_away - terms.contact_cost, dtype=float)


def contact_threshold(value: FloatArray, terms: ContactTerms) -> FloatArray:
    r"""The probability above which a contact pays, :math:`(f + \psi d) / (\gamma (V_i - d) + \psi d)`.

    Above 1 (or infinite) where no probability pays: a customer worth too little is never contacted.

    >>> terms = ContactTerms(save_share=0.3, offer_cost=10.0, contact_cost=1.0)
    >>> contact_threshold(np.array([210.0, 5.0]), terms).round(4).tolist()
    [0.1571, 1.2941]
    """
    given = terms.loyal_take_share * terms.offer_cost
    slope = terms.save_share * (value - terms.offer_cost) + given
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(slope > 0.0, (terms.contact_cost + given) / slope, np.inf)


def profit_curve(
    profit: FloatArray, order_by: FloatArray, *, shares: FloatArray, weights: Weights = None
) -> FloatArray:
    """Profit per customer of the base when the share with the highest ``order_by`` is contacted.

    ``curve(s) = sum of w profit over the top s / sum of w``: 0 at s = 0, "contact everybody" at s = 1.
    Equal scores are taken together, so a piece of the curve through a tie is straight.

    Parameters
    ----------
    profit, order_by : (n,)
        Profit of contacting each customer, and the score contacts are ordered by, highest first.
    shares : (k,)
        In 0..1.
    weights
        (n,) or (b, n).

    Returns
    -------
    (b, k), in money per customer of the whole base.

    Examples
    --------
    >>> drawn = profit_curve(
    ...     np.array([4.0, -2.0]), np.array([0.9, 0.1]), shares=np.array([0.0, 0.25, 0.5, 1.0])
    ... )
    >>> drawn.tolist()
    [[0.0, 1.0, 2.0, 1.0]]
    """
    w = np.ones((1, len(profit))) if weights is None else np.atleast_2d(weights)
    order = np.argsort(-order_by, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(order_by[order]) != 0.0]))
    taken = np.cumsum(np.add.reduceat(w[:, order], starts, axis=1), axis=1)
    earned = np.cumsum(np.add.reduceat(w[:, order] * profit[order], starts, axis=1), axis=1)
    total = taken[:, -1:]
    lines = zip(taken / total, earned / total, strict=True)
    return np.vstack([np.interp(shares, np.append(0.0, x), np.append(0.0, y)) for x, y in lines])


def expected_maximum_profit(
    observed: FloatArray,
    score: FloatArray,
    *,
    value: float,
    offer_cost: float,
    contact_cost: float,
    save_shape: tuple[float, float] = (6.0, 14.0),
    loyal_take_share: float = 1.0,
    weights: Weights = None,
) -> FloatArray:
    r"""Expected maximum profit per customer of a ranking, the best cut chosen for every save share.

    With :math:`\gamma \sim Beta(\alpha, \beta)`, :math:`\delta = d / V`, :math:`\phi = f / V`, and the
    corners :math:`(F_{0i}, F_{1i})` of the convex hull of the ROC curve (shares of leavers and of stayers
    above a cut)

    .. math:: EMP = V \sum_i [(1 - \delta) E_i(\gamma) - \phi I_i] \pi_0 F_{0i} -
        (\psi \delta + \phi) \pi_1 F_{1i} I_i

    where :math:`I_i` and :math:`E_i` are the mass and the first moment of gamma between
    :math:`\gamma_i = [(\psi \delta + \phi) \pi_1 dF_{1i} / (\pi_0 dF_{0i}) + \phi] / (1 - \delta)` and
    :math:`\gamma_{i+1}`: incomplete beta functions, nothing is sampled.

    Parameters
    ----------
    observed, score : (n,)
        Outcomes (1 left, 0 stayed) and any finite score.
    value, offer_cost, contact_cost
        One value V of every customer; ``value > offer_cost >= 0``.
    save_shape, loyal_take_share, weights
        alpha and beta of the save share; psi in 0..1 (the published measure has 1); (n,) or (b, n).

    Returns
    -------
    (b, 2): EMP in money per customer, and the expected share contacted. ValueError if outcomes are not 0
    or 1, shapes differ, or ``value <= offer_cost``.

    Notes
    -----
    It sees ranks only, so it cannot tell calibrated from over-confident probabilities; a constant score
    earns the prior's EMP, not 0. Source: Verbraken, Verbeke and Baesens (2013), IEEE TKDE 25, 961-973.

    Examples
    --------
    >>> y, s = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.9, 0.2, 0.7])
    >>> expected_maximum_profit(y, s, value=200.0, offer_cost=10.0, contact_cost=1.0).round(3).tolist()
    [[28.0, 0.5]]
    """
    if not 0.0 <= offer_cost < value:
        raise ValueError(f"value must exceed an offer_cost of 0 or more, got {value} and {offer_cost}")
    y, s, w = checked_forecast(observed, score, weights, unit=False)
    leavers, stayers = sums_by_score(y, s, w, descending=True)
    delta, phi = offer_cost / value, contact_cost / value
    money = (value, delta, phi, loyal_take_share * delta + phi)
    rows = zip(leavers, stayers, strict=True)
    return np.array([_maximum_profit(*row, money, save_shape) for row in rows])


def _maximum_profit(
    leavers: FloatArray,
    stayers: FloatArray,
    money: tuple[float, float, float, float],
    shape: tuple[float, float],
) -> tuple[float, float]:
    """EMP and contacted share from the weights of leavers and stayers per score, highest score first."""
    from scipy.special import betainc

    value, delta, phi, loss = money
    total = float(leavers.sum() + stayers.sum())
    left, stayed = _hull(leavers / total, stayers / total)
    with np.errstate(divide="ignore", invalid="ignore"):
        odds = np.where(left > 0.0, stayed / left, np.inf)
    cuts = np.clip((loss * odds + phi) / (1.0 - delta), 0.0, 1.0)
    edges = np.concatenate([[0.0], np.maximum.accumulate(cuts), [1.0]])
    alpha, beta = shape
    mass = np.diff(betainc(alpha, beta, edges))
    moment = alpha / (alpha + beta) * np.diff(betainc(alpha + 1.0, beta, edges))
    found = np.concatenate([[0.0], np.cumsum(left)])
    wasted = np.concatenate([[0.0], np.cumsum(stayed)])
    gain = ((1.0 - delta) * moment - phi * mass) * found - loss * wasted * mass
    return float(value * gain.sum()), float((mass * (found + wasted)).sum())


def _hull(leavers: FloatArray, stayers: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Masses of leavers and stayers per piece of the convex hull of the ROC curve, steepest first.

    The pieces are the blocks of the decreasing isotonic regression of the leavers' share on the score.
    """
    from scipy.optimize import isotonic_regression

    mass = leavers + stayers
    held = mass > 0.0
    mass, leavers, stayers = mass[held], leavers[held], stayers[held]
    starts = isotonic_regression(leavers / mass, weights=mass, increasing=False).blocks[:-1]
    starts = np.sort(np.asarray(starts, dtype=np.int64))
    return np.add.reduceat(leavers, starts), np.add.reduceat(stayers, starts)


def order_within(score: FloatArray, *, most: int) -> NDArray[np.bool_]:
    """The ``most`` rows with the highest score, ties broken by position: a mask (n,).

    >>> order_within(np.array([0.2, 0.9, 0.9]), most=1).tolist()
    [False, True, False]
    """
    chosen = np.zeros(len(score), dtype=bool)
    chosen[np.argsort(-score, kind="stable")[:most]] = True
    return chosen
