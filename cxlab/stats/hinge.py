"""Asymmetric effects: different slopes below and above a neutral point, and the dummy form beside it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray, fit_linear


@dataclass(frozen=True, eq=False, kw_only=True)
class HingeFit:
    """Slopes below (``below``) and above (``above``) the neutral point, each (p,), with their covariance.

    ``difference = below - above`` has the standard errors ``difference_error`` and t reference
    ``degrees_of_freedom``. ``constant`` and ``covariance`` (2p+1, 2p+1; order: constant, below, above)
    let a caller evaluate the fitted function.
    """

    constant: float
    below: FloatArray
    above: FloatArray
    difference: FloatArray
    difference_error: FloatArray
    covariance: FloatArray
    degrees_of_freedom: int
    r_squared: float
    rank: int


def hinge_columns(ratings: FloatArray, neutral: FloatArray) -> tuple[FloatArray, FloatArray]:
    """``min(x - c, 0)`` and ``max(x - c, 0)`` for ratings (n, p) and neutral points (p,).

    >>> below, above = hinge_columns(np.array([[3.0], [8.0]]), np.array([5.0]))
    >>> below.ravel().tolist(), above.ravel().tolist()
    ([-2.0, 0.0], [0.0, 3.0])
    """
    centred = ratings - neutral
    return np.minimum(centred, 0.0), np.maximum(centred, 0.0)


def fit_hinge(
    ratings: FloatArray,
    outcome: FloatArray,
    *,
    neutral: FloatArray,
    weights: FloatArray | None = None,
    clusters: ArrayLike | None = None,
) -> HingeFit:
    """``y = a + sum_j [d_j min(x_j - c_j, 0) + u_j max(x_j - c_j, 0)]`` by least squares.

    Parameters
    ----------
    ratings
        Shape (n, p), no missing values.
    outcome
        Shape (n,).
    neutral
        Shape (p,), on the scale of the ratings.
    weights, clusters
        As in :func:`cxlab.stats.regression.fit_linear`.

    Returns
    -------
    HingeFit

    Notes
    -----
    A linear effect has ``d = u``. The dummies of penalty-reward analysis do not share this: their low and
    high boxes are not equally far from the middle, so they find asymmetry in linear worlds. The covariance
    is leave-one-cluster-out, because 2p + 1 columns are many beside a few dozen sites.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.integers(1, 11, (400, 1)).astype(float)
    >>> y = np.minimum(x[:, 0] - 5.5, 0.0) + rng.normal(0, 0.1, 400)
    >>> fit = fit_hinge(x, y, neutral=np.array([5.5]))
    >>> fit.below.round(1).tolist(), abs(fit.above).round(1).tolist()
    ([1.0], [0.0])
    """
    n, p = ratings.shape
    below, above = hinge_columns(ratings, neutral)
    design = np.column_stack([np.ones(n), below, above])
    fit = fit_linear(design, outcome, weights=weights, clusters=clusters, leave_one_out=True)
    contrast = np.hstack([np.zeros((p, 1)), np.eye(p), -np.eye(p)])
    variance = np.einsum("ij,jk,ik->i", contrast, fit.covariance, contrast)
    return HingeFit(
        constant=float(fit.coefficients[0]),
        below=fit.coefficients[1 : p + 1],
        above=fit.coefficients[p + 1 :],
        difference=contrast @ fit.coefficients,
        difference_error=np.sqrt(np.maximum(variance, 0.0)),
        covariance=fit.covariance,
        degrees_of_freedom=fit.degrees_of_freedom,
        r_squared=fit.r_squared,
        rank=fit.rank,
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class PenaltyReward:
    """Classical penalty-reward contrasts, each (p,), with the covariance (2p, 2p) of (penalty, reward)."""

    penalty: FloatArray
    reward: FloatArray
    covariance: FloatArray
    degrees_of_freedom: int


def fit_penalty_reward(
    ratings: FloatArray,
    outcome: FloatArray,
    *,
    low: FloatArray,
    high: FloatArray,
    weights: FloatArray | None = None,
    clusters: ArrayLike | None = None,
) -> PenaltyReward:
    """``y = a + sum_j [-penalty_j 1(x_j <= low_j) + reward_j 1(x_j >= high_j)]``, both counted positive.

    Kept for comparability with published studies. The impact asymmetry index is
    ``(reward - penalty) / (reward + penalty)``.

    >>> rng = np.random.default_rng(0)
    >>> x = rng.integers(1, 11, (500, 1)).astype(float)
    >>> y = -2.0 * (x[:, 0] <= 3) + rng.normal(0, 0.1, 500)
    >>> fit_penalty_reward(x, y, low=np.array([3.0]), high=np.array([9.0])).penalty.round(1).tolist()
    [2.0]
    """
    n, p = ratings.shape
    dummies = np.column_stack([np.ones(n), ratings <= low, ratings >= high]).astype(float)
    fit = fit_linear(dummies, outcome, weights=weights, clusters=clusters)
    sign = np.concatenate([-np.ones(p), np.ones(p)])
    return PenaltyReward(
        penalty=-fit.coefficients[1 : p + 1],
        reward=fit.coefficients[p + 1 :],
        covariance=fit.covariance[1:, 1:] * np.outer(sign, sign),
        degrees_of_freedom=fit.degrees_of_freedom,
    )


def classify_asymmetry(
    low: FloatArray, high: FloatArray, p_adjusted: FloatArray, *, level: float, margin: float
) -> NDArray[np.str_]:
    """Names for intervals [low, high] of ``below - above``: basic, excitement, performance, undecided.

    ``performance`` if the whole interval lies within plus or minus ``margin`` (a difference too small to
    matter, however sure); else ``basic`` if the adjusted p-value falls below ``level`` and the difference
    is positive, ``excitement`` if negative.

    >>> one = np.array([0.2]), np.array([0.6]), np.array([0.001])
    >>> classify_asymmetry(*one, level=0.05, margin=0.1).tolist()
    ['basic']
    """
    names = np.full(len(low), "undecided", dtype="<U11")
    significant = p_adjusted < level
    names[significant & (low + high > 0)] = "basic"
    names[significant & (low + high < 0)] = "excitement"
    names[(low > -margin) & (high < margin)] = "performance"
    return names
