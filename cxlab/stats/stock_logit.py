"""Chance of an event in the next period on fading stocks: a logit whose half-life is estimated or given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.stats.ridge_logistic import ridge_logistic
from cxlab.stats.stock import StockPlan
from cxlab.stats.stock_regression import Bound, search_half_life

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

#: Half the squared Newton decrement per row: of the search, and of the last fit.
ROUGH, FINE = 1e-8, 1e-13


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

    def design(self, half_life: float) -> Floats:
        """Other columns, then the stocks."""
        return np.column_stack([self.other, self.plan.stocks(half_life) * self.direction])

    def solve(self, half_life: float, start: Floats | None, *, tolerance: float) -> tuple[Floats, float]:
        """Coefficients for one half-life, and the penalised loss there."""
        design = self.design(half_life)

        def whole() -> Iterator[tuple[slice, Floats]]:
            yield slice(0, len(design)), design

        ridge = np.r_[self.penalty, np.zeros(len(self.direction))]
        found = ridge_logistic(whole, self.event, penalty=ridge, start=start, tolerance=tolerance)
        logit = design @ found
        loss = float(np.sum(np.logaddexp(0.0, logit) - self.event * logit) + 0.5 * ridge @ found**2)
        return found, loss


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
    last: Floats | None = None

    def loss(ln_half_life: float) -> float:
        nonlocal last
        last, value = problem.solve(float(np.exp(ln_half_life)), last, tolerance=ROUGH)
        return value

    bound: Bound = "inside"
    found = half_life
    if found is None:
        best, bound = search_half_life(loss, *(float(np.log(limit)) for limit in half_life_range))
        found = float(np.exp(best))
    theta, _ = problem.solve(found, last, tolerance=FINE)
    size = len(problem.direction)
    stocks, slopes = problem.plan.stocks_and_slopes(found)
    columns = stocks * problem.direction
    if half_life is None and bound == "inside":
        columns = np.column_stack([columns, (slopes * problem.direction) @ theta[-size:]])
    covariance, used = np.zeros((size + 1, size + 1)), columns.shape[1]
    covariance[:used, :used] = _jackknife(problem, problem.design(found) @ theta, columns)
    return StockLogit(
        half_life=found,
        bound=bound,
        given=half_life is not None,
        effects=theta[-size:],
        covariance=covariance,
    )


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
