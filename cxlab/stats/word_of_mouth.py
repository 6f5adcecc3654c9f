"""How many people hear of it: counts of listeners with a top code, reach over generations, drawn ranges."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

#: Answers from here on only say "this many or more".
TOP_CODE = 30
#: Standard normal quantile of 95 %: a "low to high" range holds the middle 90 %.
_Z90 = 1.6448536269514722


@dataclass(frozen=True, kw_only=True)
class ListenerFit:
    """Listeners of those who told anybody: mean, limits, and how to draw it; and the share who told.

    ``log_error`` is the standard error of ``ln(mean - 1)``; ``dispersion`` that of the further listeners
    (large: Poisson); ``share_top`` the share of tellers at the top code.
    """

    mean: float
    low: float
    high: float
    log_error: float
    dispersion: float
    n: int
    told: int
    share_top: float

    def draw(self, *, draws: int, rng: np.random.Generator) -> tuple[Floats, Floats]:
        """Draws of the mean number of listeners and of the share that tells (Jeffreys)."""
        mean = 1.0 + np.exp(np.log(self.mean - 1.0) + self.log_error * rng.standard_normal(draws))
        return mean, rng.beta(self.told + 0.5, self.n - self.told + 0.5, draws)


def fit_listeners(counts: Floats, *, top: int = TOP_CODE, confidence: float = 0.95) -> ListenerFit:
    """Mean number of listeners of those who told anybody, from counts that are cut at ``top``.

    One listener and a negative binomial number of further ones, by maximum likelihood. A count of ``top``
    or more enters as "at least top", so that one who "told hundreds" does not move the mean. The interval
    is normal on the log of the further listeners. Zeros say who does not tell; they are another share.

    Raises
    ------
    ValueError
        If fewer than 20 told anybody, or nobody told more than one.

    Examples
    --------
    >>> counts = 1.0 + np.random.default_rng(1).negative_binomial(2, 2 / 6, 4000)
    >>> fit = fit_listeners(counts)
    >>> abs(fit.mean - 5.0) < 0.3
    True
    """
    from scipy.optimize import minimize
    from scipy.special import betainc, gammaln
    from scipy.stats import norm

    tellers = np.floor(counts[counts >= 1.0])
    if len(tellers) < 20 or not (tellers > 1).any():
        raise ValueError(f"{len(tellers)} told anybody, {int((tellers > 1).sum())} more than one: no mean")
    values, times = np.unique(np.minimum(tellers, top) - 1.0, return_counts=True)
    cut = values >= top - 1

    def loss(at: Floats) -> float:
        log_size = np.clip(at[1], -6.0, 9.0)
        size, total = np.exp(log_size), np.logaddexp(log_size, at[0])
        terms = gammaln(values + size) - gammaln(size) - gammaln(values + 1.0)
        terms += size * (log_size - total) + values * (at[0] - total)
        # The last value stands for all from the top code on.
        beyond = betainc(top - 1, size, np.exp(at[0] - total))
        terms[cut] = np.log(max(beyond, 1e-300))
        # A weak pull of the dispersion towards 1 keeps counts without any spread finite.
        return float(-(times @ terms) + 0.005 * at[1] ** 2)

    start = np.array([np.log((np.minimum(tellers, top) - 1.0).mean()), 0.0])
    found = minimize(loss, start, method="BFGS", options={"gtol": 1e-5 * len(tellers)}).x
    error = float(np.sqrt(np.linalg.inv(_curvature(loss, found))[0, 0]))
    reach = float(norm.ppf(0.5 + confidence / 2.0)) * error
    return ListenerFit(
        mean=1.0 + float(np.exp(found[0])),
        low=1.0 + float(np.exp(found[0] - reach)),
        high=1.0 + float(np.exp(found[0] + reach)),
        log_error=error,
        dispersion=float(np.exp(found[1])),
        n=len(counts),
        told=len(tellers),
        share_top=float((tellers >= top).mean()),
    )


def _curvature(loss: Callable[[Floats], float], at: Floats, step: float = 1e-3) -> Floats:
    eye = step * np.eye(len(at))
    return np.array(
        [
            [
                (loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)) / (4 * step**2)
                for b in eye
            ]
            for a in eye
        ]
    )


def reach_per_teller(listeners: Floats, retell: Floats, *, generations: int, pool: float) -> Floats:
    r"""People who hear of it because one person tells: ``N (1 - exp(-m sum_{g<G} (r m)^g / N))``.

    Each listener retells with chance r to as many; whoever is told twice counts once, among ``pool`` people
    that one teller's story can come to.

    >>> reach_per_teller(np.array([5.0]), np.array([0.05]), generations=1, pool=1e9).round(3).tolist()
    [5.0]
    """
    chain = sum((retell * listeners) ** generation for generation in range(generations))
    return np.asarray(pool * -np.expm1(-listeners * chain / pool))


def draw_share(low: float, high: float, *, draws: int, rng: np.random.Generator) -> Floats:
    """Shares whose middle 90 % runs from ``low`` to ``high``, normal on the logit; constant if equal."""
    edges = np.log(np.array([low, high]) / (1.0 - np.array([low, high])))
    return np.asarray(1.0 / (1.0 + np.exp(-_draw(edges, draws, rng))))


def draw_positive(low: float, high: float, *, draws: int, rng: np.random.Generator) -> Floats:
    """Positive numbers whose middle 90 % runs from ``low`` to ``high``, normal on the log.

    >>> found = draw_positive(2.0, 8.0, draws=20_000, rng=np.random.default_rng(1))
    >>> np.quantile(found, [0.05, 0.5, 0.95]).round(1).tolist()
    [2.0, 4.0, 8.0]
    """
    return np.exp(_draw(np.log(np.array([low, high])), draws, rng))


def _draw(edges: Floats, draws: int, rng: np.random.Generator) -> Floats:
    middle, spread = edges.mean(), (edges[1] - edges[0]) / (2.0 * _Z90)
    return np.asarray(middle + spread * rng.standard_normal(draws))


def rank_correlations(inputs: Floats, output: Floats) -> Floats:
    """Spearman's correlation of each column of inputs (B, k) with the output (B,); 0 for a constant."""
    from scipy.stats import rankdata

    ranks = rankdata(inputs, axis=0)
    ranks = ranks - ranks.mean(axis=0)
    target = rankdata(output)
    target = target - target.mean()
    scale = np.sqrt((ranks**2).sum(axis=0) * float(target @ target))
    return np.asarray(np.where(scale > 0, ranks.T @ target / np.where(scale > 0, scale, 1.0), 0.0))
