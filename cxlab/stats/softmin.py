"""Soft minimum of several ratings: between mean and worst, with an exponent that is estimated."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray, fit_linear
from cxlab.stats.softmin_search import LOG_WEIGHT_LIMIT, Problem, Solution, pose, search, soft_min_parts


def soft_min(ratings: FloatArray, *, weights: FloatArray, tau: float) -> FloatArray:
    """Soft minimum of each row: ``S = -(1/tau) log sum_t w_t exp(-tau x_t)``.

    Touchpoints that a row did not experience (NaN) are left out and the weights renormalised over the
    rest. ``tau = 0`` is the weighted mean, plus infinity the minimum, minus infinity the maximum. Adding
    a constant to every rating adds it to S, so the origin of the scale does not matter.

    Takes ratings (n, T) with at least one number per row, weights (T,) above 0 and ``tau`` in 1 over
    rating points; returns shape (n,).

    >>> x = np.array([[2.0, 8.0], [np.nan, 7.0]])
    >>> [soft_min(x, weights=np.array([0.5, 0.5]), tau=tau).round(2).tolist() for tau in (0.0, 0.5, 50.0)]
    [[5.0, 7.0], [3.29, 7.0], [2.01, 7.0]]
    """
    return soft_min_parts(ratings, np.log(weights), tau)[0]


@dataclass(frozen=True, eq=False, kw_only=True)
class SoftMinFit:
    """A fitted ``y = constant + slope * S_tau(x; weights)``.

    ``weights`` (T,) add up to 1. ``tau_error`` and ``weight_errors`` (T,) come from leaving out one
    cluster at a time; ``tau_low`` and ``tau_high`` are tau plus or minus t standard errors (at the cap
    the profile), infinite where they reach the cap ``limit``; ``p_value`` tests tau = 0 on both sides;
    ``profile_low`` and ``profile_high`` bound the profile interval. They are NaN where no interval was
    asked for, ``tau_error`` also at the cap and ``weight_errors`` for a weight of nothing. ``at_limit``
    says that the best tau is the cap.
    """

    constant: float
    slope: float
    tau: float
    weights: FloatArray
    limit: float
    at_limit: bool
    converged: bool
    residuals: FloatArray
    r_squared: float
    degrees_of_freedom: int
    tau_error: float = np.nan
    tau_low: float = np.nan
    tau_high: float = np.nan
    profile_low: float = np.nan
    profile_high: float = np.nan
    p_value: float = np.nan
    weight_errors: FloatArray

    def predict(self, ratings: FloatArray) -> FloatArray:
        """Fitted outcome (n,) for ratings (n, T), NaN where not experienced."""
        return self.constant + self.slope * soft_min(ratings, weights=self.weights, tau=self.tau)


def fit_soft_min(
    ratings: FloatArray,
    outcome: FloatArray,
    *,
    tau: float | None = None,
    clusters: ArrayLike | None = None,
    confidence: float | None = None,
) -> SoftMinFit:
    """Nonlinear least squares of ``y = a + b S_tau(x; w)`` over a, b, tau and w on the simplex.

    Parameters
    ----------
    ratings
        Shape (n, T), NaN where a touchpoint was not experienced, a number in every row.
    outcome
        Shape (n,).
    tau
        Hold the exponent (1 over rating points) at this value; None to estimate it.
    clusters
        Labels (n,); None where rows are independent.
    confidence
        Of the interval for tau; None for no interval (faster).

    Returns
    -------
    SoftMinFit

    Raises
    ------
    ValueError
        If a row holds no rating, a touchpoint has no rating, or ratings or outcome do not vary.

    Notes
    -----
    The interval is tau plus or minus t(G - 1) standard errors that leave out one cluster at a time. The
    profile interval (every tau whose residual sum of squares exceeds the best by no more than
    ``t^2 s^2 V_cluster / V_model``) stands beside it: it covered less in simulation (0.93 against 0.95 at
    a true 0.5, because small samples put tau too high), but it is the only one there is at the cap. Both
    assume a slope away from 0: without an effect of the ratings tau means nothing, so test that first.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(6, 2, (300, 3))
    >>> y = soft_min(x, weights=np.ones(3), tau=0.5) + rng.normal(0, 0.3, 300)
    >>> fit = fit_soft_min(x, y, confidence=0.95)
    >>> bool(fit.tau_low < 0.5 < fit.tau_high), round(fit.slope, 1)
    (True, 1.0)
    """
    problem = pose(ratings, outcome)
    if tau is not None:
        best = problem.solve(problem.start(), tau=tau)
        return _reported(problem, best, at_limit=False, clusters=clusters)
    mean_fit = problem.solve(problem.start(), tau=0.0)
    best, at_limit = search(problem, mean_fit)
    fitted = _reported(problem, best, at_limit=at_limit, clusters=clusters)
    if confidence is None:
        return fitted
    return _with_interval(problem, fitted, best, mean_fit, clusters=clusters, confidence=confidence)


def _reported(
    problem: Problem, best: Solution, *, at_limit: bool, clusters: ArrayLike | None
) -> SoftMinFit:
    fitted, _ = problem.jacobian(best.parameters)
    weights = np.exp(problem.log_weights(best.parameters))
    slope = float(best.parameters[1])
    n, k = len(problem.outcome), len(best.parameters)
    count = n - k if clusters is None else len(np.unique(np.asarray(clusters))) - 1
    return SoftMinFit(
        constant=float(best.parameters[0]) + problem.level - slope * problem.centre,
        slope=slope,
        tau=float(best.parameters[2]),
        weights=weights / weights.sum(),
        weight_errors=np.full(len(weights), np.nan),
        limit=problem.limit,
        at_limit=at_limit,
        converged=best.converged,
        residuals=problem.outcome - fitted,
        r_squared=1.0 - best.squares / float(problem.outcome @ problem.outcome),
        degrees_of_freedom=count,
    )


def _with_interval(
    problem: Problem,
    fitted: SoftMinFit,
    best: Solution,
    mean_fit: Solution,
    *,
    clusters: ArrayLike | None,
    confidence: float,
) -> SoftMinFit:
    from scipy import stats

    design = problem.jacobian(best.parameters)[1]
    # Weights that stand at their bound are settled: only the others can move with tau.
    free = np.concatenate([[True] * 3, np.abs(best.parameters[3:]) < 0.99 * LOG_WEIGHT_LIMIT])
    n, k = design[:, free].shape
    linear = fit_linear(design[:, free], fitted.residuals, clusters=clusters, leave_one_out=True)
    noise = best.squares / (n - k)
    bread = np.linalg.pinv(design[:, free].T @ design[:, free], hermitian=True)
    variance = float(linear.covariance[2, 2])
    # Without an effect of the ratings nothing depends on tau, and the profile stays flat.
    inflation = variance / (noise * bread[2, 2]) if bread[2, 2] > 0 else np.inf
    quantile = float(stats.t.ppf(0.5 + confidence / 2, fitted.degrees_of_freedom))

    def distance(solution: Solution) -> float:
        return float(np.sqrt(max(solution.squares - best.squares, 0.0) / (noise * inflation)))

    step = quantile * float(np.sqrt(variance))
    low, high = (_bound(problem, best, distance, end, step, quantile) for end in (-1.0, 1.0))
    # At the cap tau has no standard error: there the profile decides.
    strength = distance(mean_fit) if fitted.at_limit else abs(fitted.tau) / float(np.sqrt(variance))
    return replace(
        fitted,
        tau_error=np.nan if fitted.at_limit else float(np.sqrt(variance)),
        tau_low=low if fitted.at_limit else _within(fitted.tau - step, fitted.limit),
        tau_high=high if fitted.at_limit else _within(fitted.tau + step, fitted.limit),
        profile_low=low,
        profile_high=high,
        p_value=float(2 * stats.t.sf(strength, fitted.degrees_of_freedom)),
        weight_errors=_weight_errors(problem, fitted.weights, linear.covariance[3:, 3:], free[3:]),
    )


def _within(bound: float, limit: float) -> float:
    """A bound beyond the cap is no bound: all those exponents fit alike."""
    return bound if abs(bound) < limit else float(np.copysign(np.inf, bound))


def _bound(
    problem: Problem,
    best: Solution,
    distance: Callable[[Solution], float],
    direction: float,
    step: float,
    quantile: float,
) -> float:
    """Where the profile leaves the interval on one side; infinite if it does not before the cap."""
    from scipy.optimize import brentq

    def excess(tau: float) -> float:
        return distance(problem.solve(best.parameters, tau=tau)) - quantile

    end = direction * problem.limit
    inside = outside = float(best.parameters[2])
    reach = max(step, 1e-2 * problem.limit)
    while (end - outside) * direction > 0:
        outside = float(np.clip(outside + direction * reach, -problem.limit, problem.limit))
        if excess(outside) > 0:
            return float(brentq(excess, inside, outside, xtol=1e-3 * reach, rtol=1e-6))
        inside, reach = outside, 2 * reach
    return direction * np.inf


def _weight_errors(
    problem: Problem, weights: FloatArray, covariance: FloatArray, free: NDArray[np.bool_]
) -> FloatArray:
    """Delta method from the log-weights that are not at their bound to the weights, (T,)."""
    moved = np.insert(free, problem.leader, True)
    spread = np.zeros((len(weights), len(weights)))
    places = np.flatnonzero(np.insert(free, problem.leader, False))
    spread[np.ix_(places, places)] = covariance
    slope = np.diag(weights) - np.outer(weights, weights)
    errors: FloatArray = np.sqrt(np.maximum(np.diag(slope @ spread @ slope), 0.0))
    return np.where(moved, errors, np.nan)
