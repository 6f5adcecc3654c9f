"""Retention of a cohort as customers of unlike loyalty: the shifted beta-geometric distribution."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class BetaGeometricFit:
    """``alpha`` and ``beta`` of the chance to leave per renewal, the log-likelihood, their covariance.

    ``covariance`` (2, 2) is that of ``(ln alpha, ln beta)``.
    """

    alpha: float
    beta: float
    log_likelihood: float
    covariance: FloatArray


def fit_beta_geometric(lost: FloatArray, kept: float) -> BetaGeometricFit:
    """Fit ``P(T = t) = B(a + 1, b + t - 1) / B(a, b)`` to the losses of one cohort at each renewal.

    Parameters
    ----------
    lost : (R,)
        Customers lost at renewal 1..R.
    kept
        Customers left after renewal R.

    Returns
    -------
    BetaGeometricFit

    Raises
    ------
    ValueError
        With fewer than two renewals, no loss or nobody kept: two parameters cannot be told apart.

    Notes
    -----
    Source: Fader and Hardie (2007), How to project customer retention, J. Interactive Marketing 21, 76-90.

    Examples
    --------
    >>> survivors = np.array([1000, 869, 743, 653, 593, 551, 517, 491.0])
    >>> fit = fit_beta_geometric(-np.diff(survivors), survivors[-1])
    >>> round(fit.alpha, 3), round(fit.beta, 3)
    (0.668, 3.806)
    """
    from scipy.optimize import minimize

    if len(lost) < 2 or not kept > 0 or not lost.sum() > 0 or (lost < 0).any():
        raise ValueError("two renewals or more, some customers lost and some kept are needed")

    def loss(theta: FloatArray) -> float:
        alpha, beta = np.exp(theta)
        survival = beta_geometric_survival(alpha, beta, len(lost))
        chances = -np.diff(survival)
        return -float(lost @ np.log(chances) + kept * np.log(survival[-1])) / total

    total = float(lost.sum() + kept)
    options = {"method": "BFGS", "jac": "3-point", "options": {"gtol": 1e-9}}
    starts = ([0.0, 0.0], [0.0, 1.5])
    found = min((minimize(loss, start, **options) for start in starts), key=lambda one: float(one.fun))
    curvature = _second_derivative(loss, found.x) * total
    values = np.linalg.eigvalsh(curvature)
    # The search may stop at rounding; the curvature tells whether it stands on a summit.
    if not values[0] > 1e-6 or np.abs(found.x).max() > 8:
        raise ValueError("all customers look alike: the spread of loyalty cannot be told from none")
    return BetaGeometricFit(
        alpha=float(np.exp(found.x[0])),
        beta=float(np.exp(found.x[1])),
        log_likelihood=-float(found.fun) * total,
        covariance=np.asarray(np.linalg.inv(curvature), dtype=np.float64),
    )


def _second_derivative(
    loss: Callable[[FloatArray], float], at: FloatArray, step: float = 1e-3
) -> FloatArray:
    """Numerical second derivatives (k, k) of a smooth function."""
    k = len(at)
    found = np.empty((k, k))
    moves = np.eye(k) * step
    for i in range(k):
        for j in range(k):
            parts = [
                loss(at + one * moves[i] + other * moves[j]) * one * other
                for one in (1, -1)
                for other in (1, -1)
            ]
            found[i, j] = sum(parts) / (4.0 * step**2)
    return found


def beta_geometric_survival(alpha: float, beta: float, renewals: int) -> FloatArray:
    """Share still there after 0..renewals: ``S(t) = S(t-1) (b + t - 1) / (a + b + t - 1)``.

    >>> beta_geometric_survival(1.0, 1.0, 3).round(3).tolist()
    [1.0, 0.5, 0.333, 0.25]
    """
    t = np.arange(renewals, dtype=np.float64)
    return np.concatenate([[1.0], np.cumprod((beta + t) / (alpha + beta + t))])


def beta_geometric_life(alpha: float, beta: float, *, renewed: int, horizon: int, discount: float) -> float:
    """Expected discounted payments of a customer who has renewed so often, the next renewal now due.

    ``sum_{j=1}^{H} S(renewed + j) / S(renewed) (1 + d)^-(j-1)``: a payment at each coming renewal that is
    made, the first one due today.

    >>> round(beta_geometric_life(1.0, 1.0, renewed=0, horizon=2, discount=0.0), 4)
    0.8333
    """
    survival = beta_geometric_survival(alpha, beta, renewed + horizon)
    ahead = survival[renewed + 1 :] / survival[renewed]
    return float(ahead @ (1.0 + discount) ** -np.arange(horizon, dtype=np.float64))
