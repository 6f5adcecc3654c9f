"""Many small groups at once: estimates drawn towards the mean as far as chance explains their spread."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from cxlab.stats.regression import FloatArray

#: Points at which the between-group deviation is integrated.
GRID_POINTS = 80
BISECTIONS = 45


@dataclass(frozen=True, eq=False, kw_only=True)
class ShrinkFit:
    """Posterior of G group means under ``y_i ~ N(theta_i, s_i^2)``, ``theta_i ~ N(mu, tau^2)``.

    Attributes
    ----------
    estimate, std_error, conf_low, conf_high
        Shape (G,), of the group means theta_i.
    centre
        Posterior mean of mu.
    deviation, deviation_low, deviation_high
        Posterior mean and interval of tau, the true standard deviation between groups.
    grid, grid_weight
        Points of tau (T,) and their posterior weights.
    """

    estimate: FloatArray
    std_error: FloatArray
    conf_low: FloatArray
    conf_high: FloatArray
    centre: float
    deviation: float
    deviation_low: float
    deviation_high: float
    grid: FloatArray
    grid_weight: FloatArray


def shrink(estimates: FloatArray, std_errors: FloatArray, *, confidence: float = 0.95) -> ShrinkFit:
    """Empirical-Bayes estimates that carry the uncertainty of the spread itself.

    For given tau, theta_i is normal around ``B y_i + (1 - B) mu`` with ``B = tau^2 / (tau^2 + s_i^2)``; mu
    and tau are integrated out under priors flat in mu and tau^2 (the usual plug-in of one tau
    undercovers where the true spread is small).

    Parameters
    ----------
    estimates, std_errors
        Shape (G,), at least 3 groups; errors positive (use a pooled deviation for small groups).
    confidence
        Of the intervals, 0..1.

    Returns
    -------
    ShrinkFit

    Raises
    ------
    ValueError
        With fewer than three groups, or a standard error that is not positive.

    Notes
    -----
    Assumes that groups differ normally around one mean: allow for case mix first. An interval covers a
    group's mean on average over groups, not for every single outlier.

    Source: Gelman et al., Bayesian Data Analysis, 3rd ed., section 5.4; Morris (1983), JASA 78.

    Examples
    --------
    >>> fit = shrink(np.array([7.0, 7.1, 6.9, 7.0]), np.full(4, 0.5))
    >>> fit.estimate.round(2).tolist()
    [7.0, 7.05, 6.95, 7.0]
    """
    estimates, variances = np.asarray(estimates, dtype=np.float64), np.asarray(std_errors) ** 2
    if len(estimates) < 3 or np.any(~(variances > 0)):
        raise ValueError("shrinkage needs three groups or more, each with a positive standard error")
    grid = _deviation_grid(estimates, variances)
    given = _given(grid, estimates, variances)
    weight = _grid_weight(grid, given, estimates)
    means, spreads = given.means(given.centre), given.spreads(variances)
    estimate = weight @ means
    variance = weight @ (spreads + (means - estimate) ** 2)
    tail = (1 - confidence) / 2
    running = np.cumsum(weight)
    low_at, high_at = (min(int(np.searchsorted(running, p)), len(grid) - 1) for p in (tail, 1 - tail))
    return ShrinkFit(
        estimate=estimate,
        std_error=np.sqrt(variance),
        conf_low=_mixture_quantile(tail, means, np.sqrt(spreads), weight),
        conf_high=_mixture_quantile(1 - tail, means, np.sqrt(spreads), weight),
        centre=float(weight @ given.centre),
        deviation=float(weight @ grid),
        deviation_low=float(grid[low_at]),
        deviation_high=float(grid[high_at]),
        grid=grid,
        grid_weight=weight,
    )


def lowest_share_probability(
    estimates: FloatArray,
    std_errors: FloatArray,
    *,
    share: float,
    draws: int,
    rng: np.random.Generator,
) -> FloatArray:
    """Chance (G,) that each group is truly among the lowest ``share`` of groups, by posterior draws.

    The prior is flat in tau here, not in tau^2 as in :func:`shrink`: an interval must not take the spread
    between groups for smaller than it is, a claim that one of them is among the worst not for larger.

    >>> chance = lowest_share_probability(
    ...     np.array([5.0, 7.0, 7.1, 7.2, 7.0]), np.full(5, 0.2), share=0.2, draws=500,
    ...     rng=np.random.default_rng(1))
    >>> chance.round(1).tolist()
    [1.0, 0.0, 0.0, 0.0, 0.0]
    """
    fit = shrink(estimates, std_errors)
    variances = np.asarray(std_errors) ** 2
    flat_in_tau = fit.grid_weight / np.maximum(fit.grid, 0.5 * fit.grid[1])
    tau = rng.choice(fit.grid, size=draws, p=flat_in_tau / flat_in_tau.sum())
    given = _given(tau, np.asarray(estimates, dtype=np.float64), variances)
    means = given.means(given.centre + np.sqrt(given.centre_variance) * rng.standard_normal(draws))
    theta = means + np.sqrt(given.pull * variances) * rng.standard_normal(means.shape)
    # Where tau is 0 all groups are equal: a whisker of noise shares the last place fairly.
    theta = theta + 1e-12 * rng.standard_normal(means.shape)
    places = max(1, round(share * len(estimates)))
    worst = np.argpartition(theta, places - 1, axis=1)[:, :places]
    return np.bincount(worst.ravel(), minlength=len(estimates)) / draws


@dataclass(frozen=True, eq=False, kw_only=True)
class _Given:
    """The normal model for each of T values of tau: everything that is known once tau is."""

    estimates: FloatArray
    #: 1 / (tau^2 + s_i^2) and B = tau^2 / (tau^2 + s_i^2), (T, G)
    precision: FloatArray
    pull: FloatArray
    #: posterior mean and variance of mu, (T,)
    centre: FloatArray
    centre_variance: FloatArray

    def means(self, centre: FloatArray) -> FloatArray:
        """Means (T, G) of the groups where mu is ``centre`` (T,)."""
        return np.asarray(self.pull * self.estimates + (1 - self.pull) * centre[:, None])

    def spreads(self, variances: FloatArray) -> FloatArray:
        """Variances (T, G) of the groups with mu integrated out."""
        return np.asarray(self.pull * variances + (1 - self.pull) ** 2 * self.centre_variance[:, None])


def _given(tau: FloatArray, estimates: FloatArray, variances: FloatArray) -> _Given:
    precision = 1.0 / (tau[:, None] ** 2 + variances)
    centre_variance = 1.0 / precision.sum(axis=1)
    return _Given(
        estimates=estimates,
        precision=precision,
        pull=tau[:, None] ** 2 * precision,
        centre=centre_variance * (precision @ estimates),
        centre_variance=centre_variance,
    )


def _grid_weight(grid: FloatArray, given: _Given, estimates: FloatArray) -> FloatArray:
    """Posterior weights (T,) of the points of tau."""
    log_density = 0.5 * np.log(given.centre_variance) + 0.5 * np.sum(
        np.log(given.precision) - given.precision * (estimates - given.centre[:, None]) ** 2, axis=1
    )
    # Flat in tau^2, as Morris advises: flat in tau would pull too hard where the true spread is small.
    weight = np.exp(log_density - log_density.max()) * np.gradient(grid**2)
    return np.asarray(weight / weight.sum())


def _deviation_grid(estimates: FloatArray, variances: FloatArray) -> FloatArray:
    """Points of tau from 0 to far beyond what the estimates can support, denser near 0."""
    top = 4.0 * float(np.std(estimates)) + 2.0 * float(np.sqrt(np.median(variances)))
    return np.asarray(top * np.linspace(0.0, 1.0, GRID_POINTS) ** 1.5)


def _mixture_quantile(
    probability: float, means: FloatArray, deviations: FloatArray, weight: FloatArray
) -> FloatArray:
    """Quantile (G,) of normal mixtures with components (T, G) and weights (T,), by bisection."""
    floor = np.maximum(deviations, 1e-12)
    low, high = (means - 9 * floor).min(axis=0), (means + 9 * floor).max(axis=0)
    for _ in range(BISECTIONS):
        middle = 0.5 * (low + high)
        below = weight @ ndtr((middle - means) / floor) < probability
        low, high = np.where(below, middle, low), np.where(below, high, middle)
    return np.asarray(0.5 * (low + high))
