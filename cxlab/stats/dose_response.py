"""Outcome as a curve of a dose, doubly robust, with a monotone form and a plateau of net gain."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.doubly_robust import PENALTY, PENALTY_QUADRATIC, split_folds
from cxlab.stats.multinomial import (
    Codes,
    Floats,
    class_probabilities,
    fit_classes,
    quadratic_terms,
)
from cxlab.stats.regression import cluster_codes, sum_by_cluster

#: Interior knots of the curve, at these quantiles of the log dose.
KNOTS = (0.2, 0.4, 0.6, 0.8)
#: Doses at which the mean over all rows is taken exactly; between them it is interpolated.
GRID = 30
#: A row may count at most this many times its share.
MOST_WEIGHT = 20.0


@dataclass(frozen=True, eq=False, kw_only=True)
class DoseCurve:
    """Coefficients (q,) of a curve in the log dose, what each cluster does to them (c, q), what fixes it.

    ``bounded``: the outcome is 0/1, so limits are taken on the logit scale.
    """

    coefficients: Floats
    influence: Floats
    bounded: bool
    knots: Floats
    range: tuple[float, float]
    effective: float

    @property
    def covariance(self) -> Floats:
        """Covariance (q, q) of the coefficients, from the spread of the clusters' influences."""
        count = len(self.influence)
        return np.asarray(count / (count - 1) * self.influence.T @ self.influence)

    def basis(self, dose: Floats) -> Floats:
        """Natural cubic spline columns (m, q) at doses (m,), constant first."""
        return spline_columns(np.log(dose), self.knots)

    def at(self, dose: Floats) -> tuple[Floats, Floats]:
        """Value and standard error at doses (m,)."""
        columns = self.basis(dose)
        variance = np.einsum("ij,jk,ik->i", columns, self.covariance, columns)
        return columns @ self.coefficients, np.sqrt(np.maximum(variance, 0.0))

    def degrees_of_freedom(self, columns: Floats) -> Floats:
        """Of the errors of combinations (m, q) of the coefficients: few where few clusters decide them.

        ``2 V^2 / Var(V)`` with the variance V and its own variance from the influences (Satterthwaite).
        """
        each = np.square(self.influence @ columns.T)
        total, count = each.sum(axis=0), len(each)
        spread = np.square(each).sum(axis=0) - total**2 / count
        found = 2.0 * total**2 / np.maximum(spread, 1e-300)
        return np.asarray(np.clip(found, 1.0, count - 1.0))

    def limits(self, dose: Floats, *, confidence: float) -> tuple[Floats, Floats]:
        """Low and high limit at doses (m,): Student's t, on the logit scale for a share inside 0..1."""
        from scipy import special, stats

        value, error = self.at(dose)
        degrees = self.degrees_of_freedom(self.basis(dose))
        reach = stats.t.ppf(0.5 + confidence / 2.0, degrees) * error
        low, high = value - reach, value + reach
        if self.bounded:
            inside = (value > 0.01) & (value < 0.99)
            share = np.where(inside, value, 0.5)
            middle, wide = special.logit(share), reach / (share * (1.0 - share))
            low = np.where(inside, special.expit(middle - wide), low)
            high = np.where(inside, special.expit(middle + wide), high)
        return low, high


def spline_columns(x: Floats, knots: Floats) -> Floats:
    """Natural cubic spline (m, k): constant, x, and k - 2 curved columns that are straight outside.

    >>> spline_columns(np.array([0.0, 1.0]), np.array([0.0, 0.5, 1.0])).shape
    (2, 3)
    """
    last, scale = knots[-1], (knots[-1] - knots[0]) ** 2

    def bend(knot: float) -> Floats:
        cubes = np.maximum(x - knot, 0.0) ** 3 - np.maximum(x - last, 0.0) ** 3
        return np.asarray(cubes / (last - knot))

    final = bend(float(knots[-2]))
    curved = [(bend(float(knot)) - final) / scale for knot in knots[:-2]]
    return np.column_stack([np.ones(len(x)), x, *curved])


def fit_dose_curve(
    features: Floats,
    dose: Floats,
    outcome: Floats,
    *,
    binary: bool,
    rng: np.random.Generator,
    curved: NDArray[np.bool_] | None = None,
    clusters: Codes | None = None,
    units: Codes | None = None,
    folds: int = 5,
) -> DoseCurve:
    r"""Mean outcome had every row received the same dose, for each dose.

    .. math:: \xi = \frac{Y - m(T, X)}{\pi(T | X)} w(T) + \bar m(T), \qquad
              w(t) = \frac1n \sum_i \pi(t | X_i), \quad \bar m(t) = \frac1n \sum_i m(t, X_i)

    and then a natural cubic spline of xi on ln T. ``pi`` is a ridge regression of ln T on quadratic terms
    with a kernel density of its residuals; m a ridge or logit on the terms and the spline of the dose.
    Both come from the other folds.

    Parameters
    ----------
    features, dose, outcome
        Shapes (n, p), (n,), (n,); doses above 0; no missing values.
    binary
        Whether the outcome is 0/1.
    curved
        Shape (p,): features with squares and products, None for all.
    clusters, units
        Rows whose influences are added up; rows that share a fold.
    folds
        Number of folds.

    Returns
    -------
    DoseCurve

    Notes
    -----
    The influence of a row includes that the mean over all rows is estimated from them. Source: Kennedy,
    Ma, McHugh and Small (2017), J. R. Stat. Soc. B 79.
    """
    own = np.arange(len(dose)) if units is None else units
    fold = split_folds(np.zeros(len(dose), dtype=np.intp), units=own, folds=folds, rng=rng)
    terms, mains = quadratic_terms(features, curved=curved)
    return _cross_fit_curve(terms, mains, np.log(dose), outcome, fold, binary=binary, clusters=clusters)


def _cross_fit_curve(
    terms: Floats,
    mains: int,
    log_dose: Floats,
    outcome: Floats,
    fold: Codes,
    *,
    binary: bool,
    clusters: Codes | None,
) -> DoseCurve:
    n = len(log_dose)
    knots = np.quantile(log_dose, (0.05, *KNOTS, 0.95))
    places = np.quantile(log_dose, np.linspace(0.0, 1.0, GRID))
    own, here = np.empty(n), np.empty(n)
    table, density = np.empty((n, GRID)), np.empty((n, GRID))
    for number in range(int(fold.max()) + 1):
        test, train = fold == number, fold != number
        predict = _outcome_model(terms[train], mains, log_dose[train], outcome[train], knots, binary=binary)
        own[test] = predict(terms[test], log_dose[test])
        table[test] = np.column_stack([predict(terms[test], np.full(test.sum(), at)) for at in places])
        mean, kernel = _dose_model(terms[train], mains, log_dose[train])
        centre = terms[test] @ mean
        here[test] = kernel(log_dose[test] - centre)
        density[test] = kernel(places[None, :] - centre[:, None])
    weight = np.interp(log_dose, places, density.mean(axis=0)) / np.maximum(here, 1e-12)
    weight = np.minimum(weight, MOST_WEIGHT)
    average = table.mean(axis=0)
    pseudo = (outcome - own) * weight + np.interp(log_dose, places, average)
    return _curve(log_dose, pseudo, table - average, places, knots, weight, clusters, bounded=binary)


def _curve(
    log_dose: Floats,
    pseudo: Floats,
    deviation: Floats,
    places: Floats,
    knots: Floats,
    weight: Floats,
    clusters: Codes | None,
    *,
    bounded: bool,
) -> DoseCurve:
    n = len(pseudo)
    columns = spline_columns(log_dose, knots)
    inverse = np.linalg.inv(columns.T @ columns / n)
    coefficients = inverse @ (columns.T @ pseudo) / n
    # What a row does to the mean of the others: its own curve, averaged over the doses that occur.
    cell = np.bincount(np.abs(log_dose[:, None] - places).argmin(axis=1), minlength=len(places)) / n
    through_mean = deviation @ (spline_columns(places, knots) * cell[:, None])
    influence = (columns * (pseudo - columns @ coefficients)[:, None] + through_mean) @ inverse
    codes, count = (np.arange(n), n) if clusters is None else cluster_codes(clusters)
    return DoseCurve(
        coefficients=coefficients,
        influence=sum_by_cluster(influence, codes, count) / n,
        bounded=bounded,
        knots=knots,
        range=(float(np.exp(places[1])), float(np.exp(places[-2]))),
        effective=float(weight.sum() ** 2 / (weight**2).sum()),
    )


def _outcome_model(
    terms: Floats, mains: int, log_dose: Floats, outcome: Floats, knots: Floats, *, binary: bool
) -> Callable[[Floats, Floats], Floats]:
    """Expected outcome of rows of terms at log doses: shared curve, shared terms, features x log dose."""
    raw = spline_columns(log_dose, knots)[:, 1:]
    low, spread = raw.mean(axis=0), np.maximum(raw.std(axis=0), 1e-12)

    def design(rows: Floats, at: Floats) -> Floats:
        curve = (spline_columns(at, knots)[:, 1:] - low) / spread
        return np.hstack([rows, curve, rows[:, 1 : 1 + mains] * curve[:, [0]]])

    there = design(terms, log_dose)
    quadratic, extra = terms.shape[1] - 1 - mains, there.shape[1] - terms.shape[1]
    ridge = np.repeat([0.0, PENALTY, PENALTY_QUADRATIC, PENALTY], (1, mains, quadratic, extra))
    if binary:
        fitted = fit_classes(there, outcome.astype(np.intp), classes=2, penalty=ridge)
        return lambda rows, at: class_probabilities(design(rows, at), fitted)[:, 1]
    solved = np.linalg.solve(there.T @ there + np.diag(ridge), there.T @ outcome)
    return lambda rows, at: design(rows, at) @ solved


def _dose_model(terms: Floats, mains: int, log_dose: Floats) -> tuple[Floats, Callable[[Floats], Floats]]:
    """Coefficients of the mean log dose, and the kernel density of what is left."""
    quadratic = terms.shape[1] - 1 - mains
    ridge = np.repeat([0.0, PENALTY, PENALTY_QUADRATIC], (1, mains, quadratic))
    mean = np.linalg.solve(terms.T @ terms + np.diag(ridge), terms.T @ log_dose)
    rest = log_dose - terms @ mean
    bandwidth = 1.06 * rest.std() * len(rest) ** -0.2
    grid = np.linspace(rest.min() - 3 * bandwidth, rest.max() + 3 * bandwidth, 201)
    heights = np.exp(-0.5 * ((grid[:, None] - rest) / bandwidth) ** 2).mean(axis=1)
    heights /= bandwidth * np.sqrt(2 * np.pi)
    return np.asarray(mean), lambda at: np.asarray(np.interp(at, grid, heights, left=1e-6, right=1e-6))


def monotone_curve(values: Floats, *, increasing: bool = False) -> Floats:
    """The nearest monotone curve to values (..., m) by pooling adjacent violators.

    >>> monotone_curve(np.array([3.0, 1.0, 2.0])).tolist()
    [3.0, 1.5, 1.5]
    """
    from scipy.optimize import isotonic_regression

    flat = values.reshape(-1, values.shape[-1])
    rows = [isotonic_regression(row, increasing=increasing).x for row in flat]
    return np.asarray(np.array(rows).reshape(values.shape))


@dataclass(frozen=True, eq=False, kw_only=True)
class Plateau:
    """Net gain over doses: its curve (m,), the doses near the best, and the range of the best.

    ``share`` (m,) is the share of draws in which a dose is within the tolerance of that draw's best; the
    plateau ``low`` to ``high`` holds the doses for which that cannot be ruled out.
    """

    net: Floats
    share: Floats
    low: float
    high: float
    best_low: float
    best_high: float
    best: float


def find_plateau(
    curve: DoseCurve,
    dose: Floats,
    *,
    value: float,
    cost: Floats,
    tolerance: float,
    monotone: bool,
    confidence: float,
    draws: int,
    rng: np.random.Generator,
) -> Plateau:
    """Doses whose net gain ``value x curve - cost`` is within ``tolerance`` of the best.

    Drawn from the joint normal of the curve's coefficients; each draw is made monotone first, if asked.
    """
    drawn = rng.multivariate_normal(curve.coefficients, curve.covariance, size=draws, method="eigh")
    lines = np.vstack([curve.coefficients, drawn]) @ curve.basis(dose).T
    if monotone:
        lines = monotone_curve(lines)
    net = value * lines - cost
    best = net.max(axis=1, keepdims=True)
    near = net >= best - tolerance * np.abs(best)
    chosen = dose[net.argmax(axis=1)]
    tail = (1.0 - confidence) / 2.0
    low, high = np.quantile(chosen[1:], [tail, 1.0 - tail])
    share = near[1:].mean(axis=0)
    inside = dose[(share >= 1.0 - confidence) | near[0]]
    return Plateau(
        net=net[0],
        share=share,
        low=float(inside.min()),
        high=float(inside.max()),
        best=float(chosen[0]),
        best_low=float(low),
        best_high=float(high),
    )
