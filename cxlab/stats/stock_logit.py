"""Chance of an event in the next period on fading stocks: a logit whose half-life is estimated or given."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.stats.stock import StockPlan
from cxlab.stats.stock_regression import Bound, search_half_life

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Half the squared Newton decrement per row: of the search, and of the last fit.
ROUGH, FINE = 1e-10, 1e-14
#: A kept curvature is worn out if a decrement is more than this share of the one before.
WORN = 0.1
MOST_STEPS, HALVINGS = 60, 30


@dataclass(frozen=True, eq=False, kw_only=True)
class StockLogitProblem:
    """``logit P(event) = other @ g + sum_s b_s * direction_s * stock_s(h)``, rows by owner and time."""

    plan: StockPlan
    owner: Integers
    #: 0 or 1, shape (rows,)
    event: Floats
    #: +1 or -1 for each stock
    direction: Floats
    #: further columns, the constant first, shape (rows, j)
    other: Floats
    #: ridge penalty of each of them, shape (j,)
    penalty: Floats

    def stocks(self, half_life: float) -> Floats:
        """The signed stocks at every row, shape (rows, s)."""
        return self.plan.stocks(half_life) * self.direction


@dataclass(eq=False)
class _Search:
    """Penalised fits for one half-life after the other, each from the last one.

    The other columns are many and the same for all half-lives, and their weights hardly change: their
    block of the curvature is kept as long as the steps shrink; that of the stocks is always new.
    """

    problem: StockLogitProblem
    theta: Floats
    block: Floats | None = None

    def loss(self, half_life: float, *, tolerance: float) -> float:
        """The penalised loss for one half-life; ``theta`` then holds its coefficients."""
        stocks = self.problem.stocks(half_life)
        value, chance = self._value(stocks, self.theta)
        last = np.inf
        for _ in range(MOST_STEPS):
            fresh = self.block is None
            gradient, step = self._step(stocks, chance)
            gain = float(gradient @ step)
            if not fresh and gain > WORN * last:
                self.block, last = None, np.inf
                continue
            there, moved, chance = self._advance(stocks, step, value, gain)
            self.theta, value, last = there, moved, gain
            if gain / (2.0 * len(chance)) < tolerance:
                break
        return value

    def _step(self, stocks: Floats, chance: Floats) -> tuple[Floats, Floats]:
        """Gradient and Newton step, with the kept block of the other columns."""
        problem, size = self.problem, len(self.problem.penalty)
        weight, wrong = chance * (1.0 - chance), chance - problem.event
        if self.block is None:
            rooted = problem.other * np.sqrt(weight)[:, None]
            self.block = rooted.T @ rooted + np.diag(problem.penalty + 1e-10)
        weighed = stocks * weight[:, None]
        curvature = np.empty((size + stocks.shape[1],) * 2)
        curvature[:size, :size] = self.block
        curvature[:size, size:] = problem.other.T @ weighed
        curvature[size:, :size] = curvature[:size, size:].T
        curvature[size:, size:] = stocks.T @ weighed + 1e-10 * np.eye(stocks.shape[1])
        ridge = problem.penalty * self.theta[:size]
        gradient = np.r_[problem.other.T @ wrong + ridge, stocks.T @ wrong]
        return gradient, np.asarray(np.linalg.solve(curvature, gradient))

    def _advance(
        self, stocks: Floats, step: Floats, value: float, gain: float
    ) -> tuple[Floats, float, Floats]:
        """Coefficients, loss and chances after the step, halved where the loss would not fall."""
        size = 1.0
        for _ in range(HALVINGS):
            there = self.theta - size * step
            moved, chance = self._value(stocks, there)
            if moved <= value - 0.1 * size * gain + 1e-12 * abs(value):
                break
            size, self.block = size / 2.0, None
        return there, moved, chance

    def _value(self, stocks: Floats, theta: Floats) -> tuple[float, Floats]:
        from scipy.special import expit

        problem, size = self.problem, len(self.problem.penalty)
        logit = problem.other @ theta[:size] + stocks @ theta[size:]
        loss = np.sum(np.logaddexp(0.0, logit) - problem.event * logit)
        return float(loss + 0.5 * problem.penalty @ theta[:size] ** 2), expit(logit)


@dataclass(frozen=True, eq=False, kw_only=True)
class StockLogit:
    """Effects of the stocks, half-life, and their joint covariance by owner.

    The last row and column of ``covariance`` belong to ``ln half-life``; they are zero where the
    half-life was given or lies at a bound.
    """

    half_life: float
    bound: Bound
    given: bool
    effects: Floats
    covariance: Floats

    @property
    def std_errors(self) -> Floats:
        """Standard errors of the effects and of ``ln half-life``."""
        return np.asarray(np.sqrt(np.diag(self.covariance)))


def fit_stock_logit(
    problem: StockLogitProblem, *, half_life_range: tuple[float, float], half_life: float | None = None
) -> StockLogit:
    """Penalised maximum likelihood over effects and half-life, with a covariance by owner.

    The loss is profiled over ``ln h`` as in :func:`cxlab.stats.stock_regression.fit_stock_regression`.
    The covariance is the leave-one-owner-out one of the logit with one further column,
    ``sum_s b_s dX_s / d ln h``, so the uncertainty of the half-life is inside every function of them.

    Parameters
    ----------
    problem
        Rows, stocks and events. Event-free rows may be a random part of all: in a logit that moves the
        constant only.
    half_life_range
        Shortest and longest half-life tried.
    half_life
        A half-life that is known; None estimates it.

    Returns
    -------
    StockLogit

    Raises
    ------
    numpy.linalg.LinAlgError
        If columns are collinear.

    Notes
    -----
    Sources: Allison (1982), Sociological Methodology 13 (discrete hazard as a logit); Prentice and Pyke
    (1979), Biometrika 66 (sampling rows without an event).
    """
    search = _Search(problem, _constant_alone(problem))

    def loss(ln_half_life: float) -> float:
        return search.loss(float(np.exp(ln_half_life)), tolerance=ROUGH)

    bound: Bound = "inside"
    found = half_life
    if found is None:
        best, bound = search_half_life(loss, *(float(np.log(limit)) for limit in half_life_range))
        found = float(np.exp(best))
    search.loss(found, tolerance=FINE)
    theta, size = search.theta, len(problem.direction)
    stocks, slopes = problem.plan.stocks_and_slopes(found)
    columns = stocks * problem.direction
    if half_life is None and bound == "inside":
        columns = np.column_stack([columns, (slopes * problem.direction) @ theta[-size:]])
    covariance, used = np.zeros((size + 1, size + 1)), columns.shape[1]
    logit = problem.other @ theta[:-size] + problem.stocks(found) @ theta[-size:]
    covariance[:used, :used] = _jackknife(problem, logit, columns)
    return StockLogit(
        half_life=found,
        bound=bound,
        given=half_life is not None,
        effects=theta[-size:],
        covariance=covariance,
    )


def _constant_alone(problem: StockLogitProblem) -> Floats:
    """Coefficients from which the first search starts: the share of events, and nothing else."""
    theta = np.zeros(len(problem.penalty) + len(problem.direction))
    share = (problem.event.sum() + 0.5) / (len(problem.event) + 1.0)
    theta[0] = np.log(share / (1.0 - share))
    return theta


def _jackknife(problem: StockLogitProblem, logit: Floats, columns: Floats) -> Floats:
    """Covariance of the effects of ``columns`` from leaving out one owner at a time (CR3).

    The other columns are taken out of ``columns`` by weighted regression first, and held there: each
    omission is then one Newton step in few dimensions.
    """
    from scipy.special import expit

    chance = expit(logit)
    weight = chance * (1.0 - chance)
    other = problem.other * weight[:, None]
    moved = np.linalg.solve(other.T @ problem.other + np.diag(problem.penalty), other.T @ columns)
    left = columns - problem.other @ moved
    weighed = left * weight[:, None]
    information = weighed.T @ columns
    start = np.flatnonzero(np.r_[True, problem.owner[1:] != problem.owner[:-1]])
    score = np.add.reduceat(left * (problem.event - chance)[:, None], start, axis=0)
    each = np.add.reduceat(weighed[:, :, None] * left[:, None, :], start, axis=0)
    change = np.linalg.solve(information - each, score[:, :, None])[:, :, 0]
    return np.asarray(change.T @ change * (len(start) - 1) / len(start))
