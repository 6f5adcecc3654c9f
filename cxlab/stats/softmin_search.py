"""Least squares of the soft minimum: its derivatives, and the search over exponent and weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: Largest ``|tau|`` in units of one over the standard deviation of the ratings: beyond, S is the minimum.
CAP: Final = 5.0
#: Log-weights relative to the leading touchpoint stay within this: exp(-6) is a weight of nothing.
LOG_WEIGHT_LIMIT: Final = 6.0
# Below these products |tau| * spread the formula is rewritten around the mean: it would cancel to noise.
_NEAR, _NEAREST = 0.1, 1e-4


def soft_min_parts(
    ratings: FloatArray, log_weights: FloatArray, tau: float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """S (n,), dS/dtau (n,) and dS/dlog w (n, T)."""
    seen = ~np.isnan(ratings)
    weights = np.where(seen, np.exp(log_weights - log_weights.max()), 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    filled = np.where(seen, ratings, 0.0)
    mean = np.sum(weights * filled, axis=1)
    centred = np.where(seen, filled - mean[:, None], 0.0)
    spread = abs(tau) * float(np.abs(centred).max(initial=0.0))
    if spread < _NEAR:
        powers = np.expm1(-tau * centred)
        total = np.sum(weights * powers, axis=1)
        tilted = weights * (1 + powers) / (1 + total)[:, None]
        below = -np.log1p(total) / tau if tau else np.zeros(len(mean))
        moved = (powers - total[:, None]) / (-tau * (1 + total))[:, None] if tau else centred
        by_weight = weights * moved
    else:
        # The largest exponent leaves the sum first, so that no tau overflows.
        exponent = np.where(seen, -tau * centred, -np.inf)
        top = exponent.max(axis=1)
        raised = weights * np.exp(exponent - top[:, None])
        total = raised.sum(axis=1)
        tilted = raised / total[:, None]
        below = -(top + np.log(total)) / tau
        by_weight = (weights - tilted) / tau
    if spread < _NEAREST:
        second, third, fourth = (np.sum(weights * centred**k, axis=1) for k in (2, 3, 4))
        by_tau = -second / 2 + tau * third / 3 - tau**2 * (fourth - 3 * second**2) / 8
    else:
        by_tau = (np.sum(tilted * centred, axis=1) - below) / tau
    return mean + below, by_tau, by_weight


@dataclass(frozen=True, eq=False, kw_only=True)
class Solution:
    """Parameters (constant, slope, tau, log-weights without the leader) and the residual sum of squares."""

    parameters: FloatArray
    squares: float
    converged: bool


@dataclass(frozen=True, eq=False, kw_only=True)
class Problem:
    """Ratings and outcome around their means, and the touchpoint whose log-weight is 0."""

    ratings: FloatArray
    outcome: FloatArray
    leader: int
    limit: float
    centre: float
    level: float

    def start(self) -> FloatArray:
        """Equal weights, tau 0, and the straight line through the row means."""
        return np.concatenate([[0.0, 1.0, 0.0], np.zeros(self.ratings.shape[1] - 1)])

    def log_weights(self, parameters: FloatArray) -> FloatArray:
        """All T log-weights: the leader's is 0."""
        return np.insert(parameters[3:], self.leader, 0.0)

    def jacobian(self, parameters: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Fitted values (n,) and their derivatives (n, 2 + T)."""
        value, by_tau, by_weight = soft_min_parts(
            self.ratings, self.log_weights(parameters), float(parameters[2])
        )
        others = np.delete(by_weight, self.leader, axis=1)
        steps = np.column_stack([by_tau, others]) * parameters[1]
        return parameters[0] + parameters[1] * value, np.column_stack([np.ones(len(value)), value, steps])

    def solve(self, start: FloatArray, *, tau: float | None = None) -> Solution:
        """Least squares from ``start``; ``tau`` held where it is given."""
        from scipy.optimize import least_squares

        first = start.copy()
        first[2] = first[2] if tau is None else tau
        free = np.ones(len(first), dtype=bool)
        free[2] = tau is None
        design = self.jacobian(first)[1]
        line = np.linalg.lstsq(design[:, :2], self.outcome, rcond=None)[0]
        first[:2] = line

        def whole(chosen: FloatArray) -> FloatArray:
            parameters = first.copy()
            parameters[free] = chosen
            return parameters

        bound = np.full(len(first), LOG_WEIGHT_LIMIT)
        bound[:2], bound[2] = np.inf, self.limit
        inside = np.clip(first, -0.98 * bound, 0.98 * bound)
        remembered = _Remembered(self.jacobian)
        found = least_squares(
            lambda chosen: remembered(whole(chosen))[0] - self.outcome,
            inside[free],
            jac=lambda chosen: remembered(whole(chosen))[1][:, free],
            bounds=(-bound[free], bound[free]),
            x_scale="jac",
            xtol=1e-7,
            ftol=1e-9,
            gtol=1e-9,
            max_nfev=100,
        )
        return Solution(
            parameters=whole(found.x), squares=2.0 * float(found.cost), converged=found.status > 0
        )


class _Remembered:
    """Value and derivative of the last point: the optimiser asks for them one after the other."""

    def __init__(self, function: Callable[[FloatArray], tuple[FloatArray, FloatArray]]) -> None:
        self._function = function
        self._point: FloatArray | None = None
        self._answer: tuple[FloatArray, FloatArray] = (np.empty(0), np.empty(0))

    def __call__(self, point: FloatArray) -> tuple[FloatArray, FloatArray]:
        if self._point is None or not np.array_equal(point, self._point):
            self._point, self._answer = point.copy(), self._function(point)
        return self._answer


def pose(ratings: FloatArray, outcome: FloatArray) -> Problem:
    seen = ~np.isnan(ratings)
    if not seen.any(axis=1).all() or not seen.any(axis=0).all():
        raise ValueError("every row and every touchpoint needs a rating")
    spread, level = float(np.nanstd(ratings)), float(outcome.mean())
    if spread == 0.0 or np.ptp(outcome) == 0.0:
        raise ValueError("ratings and outcome must vary")
    centre = float(np.nanmean(ratings))
    centred = np.where(seen, ratings - centre, 0.0)
    # The touchpoint that moves most together with the outcome surely has a weight to compare with.
    leader = int(np.argmax(np.abs(centred.T @ (outcome - level))))
    return Problem(
        ratings=ratings - centre,
        outcome=outcome - level,
        leader=leader,
        limit=CAP / spread,
        centre=centre,
        level=level,
    )


def search(problem: Problem, mean_fit: Solution) -> tuple[Solution, bool]:
    """The best fit over tau, and whether it is the cap: the surface can have several minima."""
    grid = problem.limit * np.array([-0.6, -0.2, 0.06, 0.2, 0.6])
    starts = []
    for tau in grid:
        value = soft_min_parts(problem.ratings, problem.log_weights(mean_fit.parameters), tau)[0]
        line = np.column_stack([np.ones(len(value)), value])
        rest = problem.outcome - line @ np.linalg.lstsq(line, problem.outcome, rcond=None)[0]
        start = mean_fit.parameters.copy()
        start[2] = tau
        starts.append((float(rest @ rest), start))
    starts.sort(key=lambda pair: pair[0])
    found = [problem.solve(start) for start in (mean_fit.parameters, starts[0][1])]
    best = min(found, key=lambda solution: solution.squares)
    if abs(best.parameters[2]) > 0.5 * problem.limit:
        cap = problem.solve(best.parameters, tau=float(np.sign(best.parameters[2]) * problem.limit))
        if cap.squares <= best.squares * (1 + 1e-6):
            return cap, True
    return best, False
