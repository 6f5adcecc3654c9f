"""Regression on fading stocks: the half-life is estimated too, and its uncertainty is carried along."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from cxlab.stats.fixed_effects import Absorption, Clustered, clustered_least_squares
from cxlab.stats.stock import StockPlan

Floats = npt.NDArray[np.float64]
Bound = Literal["inside", "shortest", "longest"]

GRID_POINTS = 9
#: Width of the bracket in ln h at which the search hands over to Gauss-Newton steps.
SEARCH_TOLERANCE = 0.02
POLISHING_STEPS = 8
POLISHED = 1e-7


@dataclass(frozen=True, eq=False, kw_only=True)
class StockProblem:
    """The regression ``outcome = sum_s b_s * direction_s * stock_s(h) + extra + effects + error``."""

    plan: StockPlan
    absorption: Absorption
    #: outcome after absorption, shape (rows,)
    outcome: Floats
    #: +1 or -1 for each stock: with -1, a stock that lowers the outcome has a positive coefficient
    direction: Floats
    #: further columns after absorption, shape (rows, j)
    extra: Floats

    def design_and_slopes(self, half_life: float) -> tuple[Floats, Floats]:
        """Absorbed columns for one half-life (stocks, then extra), and the stocks' slopes by ln h."""
        stocks, slopes = self.plan.stocks_and_slopes(half_life)
        signed = np.column_stack([stocks * self.direction, slopes * self.direction])
        both = self.absorption.absorb(signed)
        size = len(self.direction)
        return np.column_stack([both[:, :size], self.extra]), both[:, size:]

    def sum_of_squares(self, half_life: float) -> float:
        """Residual sum of squares with the best coefficients for one half-life."""
        stocks = self.plan.stocks(half_life) * self.direction
        gram, moment = self._moments(stocks)
        solution = np.linalg.lstsq(gram, moment, rcond=1e-12)[0]
        return float(self.outcome @ self.outcome - moment @ solution)

    def gauss_newton_step(self, half_life: float) -> float:
        """Change of ln h that one linearised regression asks for."""
        stocks, slopes = self.plan.stocks_and_slopes(half_life)
        gram, moment = self._moments(np.column_stack([stocks, slopes]) * np.tile(self.direction, 2))
        size = len(self.direction)
        kept = np.r_[np.arange(size), np.arange(2 * size, len(gram))]
        solution = np.linalg.lstsq(gram[np.ix_(kept, kept)], moment[kept], rcond=1e-12)[0]
        mix = np.zeros((len(gram), len(kept) + 1))
        mix[kept, np.arange(len(kept))] = 1.0
        mix[size : 2 * size, -1] = solution[:size]
        joint = np.linalg.lstsq(mix.T @ gram @ mix, mix.T @ moment, rcond=1e-12)[0]
        return float(joint[-1])

    def _moments(self, columns: Floats) -> tuple[Floats, Floats]:
        """Cross-products of absorbed ``columns`` and extra with themselves and with the outcome."""
        size, extra = columns.shape[1], self.extra
        gram = np.empty((size + extra.shape[1],) * 2)
        gram[:size, :size] = self.absorption.cross_product(columns)
        gram[size:, :size] = extra.T @ columns
        gram[:size, size:] = gram[size:, :size].T
        gram[size:, size:] = extra.T @ extra
        return gram, np.r_[columns.T @ self.outcome, extra.T @ self.outcome]


@dataclass(frozen=True, eq=False, kw_only=True)
class StockFit:
    """Estimates of ``(coefficients, ln half-life)`` and their joint covariance by owner.

    ``coefficients`` are those of the stocks, then of the extra columns. The last row and column of
    ``covariance`` belong to ``ln half-life``; they are zero if the search ended at a bound, where the
    half-life is not estimated.
    """

    half_life: float
    bound: Bound
    coefficients: Floats
    covariance: Floats
    #: the last regression: stocks, extra and, inside the range, the column of ln half-life
    regression: Clustered
    #: absorbed columns at the estimate, and the stocks' slopes by ln half-life
    design: Floats
    slopes: Floats
    #: half-lives tried and their sums of squares, ascending in half-life, shape (tried, 2)
    profile: Floats

    @property
    def std_errors(self) -> Floats:
        """Standard errors of the coefficients and of ``ln half-life``."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))

    def contrast(self, weights: Floats) -> tuple[float, float, float]:
        """Value, standard error and degrees of freedom of ``weights @ coefficients``."""
        full = np.r_[weights, 0.0]
        value = float(weights @ self.coefficients)
        used = full[: self.regression.bread.shape[0]]
        return (
            value,
            float(np.sqrt(full @ self.covariance @ full)),
            self.regression.degrees_of_freedom(used),
        )


def fit_stock_regression(problem: StockProblem, *, half_life_range: tuple[float, float]) -> StockFit:
    """Least squares over coefficients and half-life, with the joint covariance by owner.

    ``RSS(h)`` is profiled on a grid of ``ln h`` (it can have several minima), searched between the
    neighbours of the best grid point, and polished by Gauss-Newton steps. The covariance of
    ``(b, ln h)`` is the leave-one-owner-out (CR3) covariance of the regression with one further column,
    ``sum_s b_s dX_s / d ln h``: so the uncertainty of the half-life is inside every function of ``b``.

    Parameters
    ----------
    problem
        Rows, stocks and outcome.
    half_life_range
        Shortest and longest half-life tried, in the unit of time of the plan.

    Returns
    -------
    StockFit
        ``bound`` says whether the minimum lies inside the range or at an end of it.

    Raises
    ------
    numpy.linalg.LinAlgError
        If stocks are collinear within owners or one owner carries all the information on one.

    Notes
    -----
    Assumption: owners are independent. At a bound the covariance is that of a fixed half-life.
    """
    low, high = float(np.log(half_life_range[0])), float(np.log(half_life_range[1]))
    tried: dict[float, float] = {}

    def rss(ln_half_life: float) -> float:
        if ln_half_life not in tried:
            tried[ln_half_life] = problem.sum_of_squares(float(np.exp(ln_half_life)))
        return tried[ln_half_life]

    best, bound = search_half_life(rss, low, high)
    if bound == "inside":
        best = _polish(problem, best, low=low, high=high)
    half_life = float(np.exp(best))
    design, slopes = problem.design_and_slopes(half_life)
    regression = clustered_least_squares(design, problem.outcome, absorption=problem.absorption)
    coefficients = regression.coefficients
    covariance = np.zeros((design.shape[1] + 1,) * 2)
    if bound == "inside":
        joint = np.column_stack([design, slopes @ coefficients[: slopes.shape[1]]])
        regression = clustered_least_squares(joint, problem.outcome, absorption=problem.absorption)
    used = regression.bread.shape[0]
    covariance[:used, :used] = regression.jackknife()
    return StockFit(
        half_life=half_life,
        bound=bound,
        coefficients=coefficients,
        covariance=covariance,
        regression=regression,
        design=design,
        slopes=slopes,
        profile=np.array([[float(np.exp(x)), tried[x]] for x in sorted(tried)]),
    )


def search_half_life(rss: Callable[[float], float], low: float, high: float) -> tuple[float, Bound]:
    """The ln h with the least loss, on a grid and by a bounded search around its best point.

    ``low .. high`` is the range of ln h; the second value says whether the search ended inside it.
    """
    from scipy.optimize import minimize_scalar

    grid = [float(x) for x in np.linspace(low, high, GRID_POINTS)]
    index = int(np.argmin([rss(x) for x in grid]))
    left, right = grid[max(index - 1, 0)], grid[min(index + 1, len(grid) - 1)]
    found = minimize_scalar(
        rss, bounds=(left, right), method="bounded", options={"xatol": SEARCH_TOLERANCE}
    )
    best = float(found.x) if found.fun < rss(grid[index]) else grid[index]
    if best - low <= SEARCH_TOLERANCE and rss(low) <= rss(best):
        return low, "shortest"
    if high - best <= SEARCH_TOLERANCE and rss(high) <= rss(best):
        return high, "longest"
    return best, "inside"


def _polish(problem: StockProblem, start: float, *, low: float, high: float) -> float:
    """Gauss-Newton steps in ln h from a point near the minimum, kept inside the range."""
    best = start
    for _ in range(POLISHING_STEPS):
        step = problem.gauss_newton_step(float(np.exp(best)))
        # A step longer than the bracket of the search would leave the minimum it found.
        best = min(max(best + float(np.clip(step, -0.1, 0.1)), low), high)
        if abs(step) < POLISHED:
            break
    return best
