"""What a fitted hazard knows: coefficients, their replicates, and mean curves of customers with limits."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.models.churn.intervals import logit
from cxlab.stats.hazard_age import AgeCurve
from cxlab.stats.hazard_curves import Curves, future_curves, joiner_weights, mean_curves, survival_at

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Ages for which the curve of age is laid out; later ones take the last.
MOST_PERIODS = 1_200
#: Customers whose curves are drawn again for each replicate; the mean itself is over all of them.
MOST_PROFILES = 500
#: Customers that stand for all who joined; more would not move the third digit of a mean.
MOST_JOINERS = 20_000


@dataclass(frozen=True, kw_only=True, eq=False)
class HazardEvidence:
    """Coefficients (C, q + p) with replicates (B, C, q + p), and the curve of age they belong to."""

    theta: FloatArray
    draws: FloatArray
    curve: AgeCurve
    age_columns: FloatArray

    def parts(self, covariates: FloatArray, replicate: int | None = None) -> tuple[FloatArray, FloatArray]:
        """Baseline logits (C, K + 1) and what the covariates add (n, C), of the fit or of a replicate."""
        theta = self.theta if replicate is None else self.draws[replicate]
        q = self.age_columns.shape[1]
        return (self.age_columns @ theta[:, :q].T).T, covariates @ theta[:, q:].T

    def curves(
        self, covariates: FloatArray, age: IntArray, *, horizon: int, replicate: int | None = None
    ) -> Curves:
        """Curves of each customer over the next ``horizon`` periods."""
        base, linear = self.parts(covariates, replicate)
        return future_curves(base, linear, age, horizon=horizon)


@dataclass(frozen=True, kw_only=True, eq=False)
class MeanCurves:
    """Mean survival (H + 1,) and incidence (C, H + 1) of a group, with replicates on the first axis."""

    survival: FloatArray
    incidence: FloatArray
    survival_draws: FloatArray
    incidence_draws: FloatArray
    n: int


def group_curves(
    evidence: HazardEvidence,
    covariates: FloatArray,
    *,
    age: IntArray,
    entry: IntArray | None = None,
    horizon: int,
    seed: int,
) -> MeanCurves:
    """Mean curves of a group of customers, given the age of each, with replicates.

    Without ``entry`` the customers are taken as given, and the replicates carry the error of the fit only.
    With it (age at which each was first seen) the group stands for all who joined: customers are weighed
    by :func:`~cxlab.stats.hazard_curves.joiner_weights`, and the chance of having met just these is
    added to the replicates. Where customers are many, the replicates move a random 500 of them, and
    that movement is put around the mean of all.
    """
    rng = np.random.default_rng([seed, 7])
    if entry is not None and len(age) > MOST_JOINERS:
        chosen = np.sort(rng.choice(len(age), MOST_JOINERS, replace=False))
        covariates, age, entry = covariates[chosen], age[chosen], entry[chosen]
    joiners = None if entry is None else _Joiners.of(entry)
    base, linear = evidence.parts(covariates)
    weights = None if joiners is None else joiners.weights(base, linear)
    survival, incidence = mean_curves(base, linear, age, horizon=horizon, weights=weights)
    few = np.arange(len(age))
    if len(age) > MOST_PROFILES:
        few = np.sort(rng.choice(len(age), MOST_PROFILES, replace=False))
    start = None if weights is None else weights[few]
    middle = mean_curves(base, linear[few], age[few], horizon=horizon, weights=start)
    moved = []
    for replicate in range(len(evidence.draws)):
        base, linear = evidence.parts(covariates[few], replicate)
        mass = None if joiners is None else joiners.weights(base, linear, start=start, rounds=3)
        moved.append(mean_curves(base, linear, age[few], horizon=horizon, weights=mass))
    survival_draws = _shifted(survival, middle[0], np.array([draw[0] for draw in moved]))
    incidence_draws = _shifted(incidence, middle[1], np.array([draw[1] for draw in moved]))
    if weights is not None:
        met = rng.standard_normal(len(moved))
        errors = _sampling_errors(evidence, covariates, age, weights, (survival, incidence))
        survival_draws = _moved(survival_draws, errors[0], met)
        incidence_draws = _moved(incidence_draws, errors[1], met[:, None])
    return MeanCurves(
        survival=survival,
        incidence=incidence,
        survival_draws=survival_draws,
        incidence_draws=incidence_draws,
        n=len(age),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Joiners:
    """Ages of first sight and how many customers were first seen at each, as shares of one."""

    ages: IntArray
    shares: FloatArray

    @classmethod
    def of(cls, entry: IntArray) -> _Joiners:
        ages, counts = np.unique(entry, return_counts=True)
        return cls(ages=ages, shares=counts / len(entry))

    def weights(
        self, base: FloatArray, linear: FloatArray, *, start: FloatArray | None = None, rounds: int = 200
    ) -> FloatArray:
        if not self.ages.any():
            return np.ones(len(linear))
        reached = survival_at(base, linear, self.ages)
        return joiner_weights(reached, self.shares, start=start, rounds=rounds)


def _sampling_errors(
    evidence: HazardEvidence,
    covariates: FloatArray,
    age: IntArray,
    weights: FloatArray,
    means: tuple[FloatArray, FloatArray],
) -> tuple[FloatArray, FloatArray]:
    """Standard errors of mean survival (H + 1,) and incidence (C, H + 1) over the draw of customers."""
    horizon = len(means[0]) - 1
    squares = [np.zeros_like(means[0]), np.zeros_like(means[1])]
    for low in range(0, len(age), 5_000):
        part = slice(low, low + 5_000)
        curves = evidence.curves(covariates[part], age[part], horizon=horizon)
        squares[0] += weights[part] ** 2 @ (curves.survival - means[0]) ** 2
        squares[1] += np.tensordot(weights[part] ** 2, (curves.incidence - means[1]) ** 2, axes=1)
    return np.sqrt(squares[0]) / weights.sum(), np.sqrt(squares[1]) / weights.sum()


def _moved(draws: FloatArray, errors: FloatArray, met: FloatArray) -> FloatArray:
    """Replicates (B, ...) moved by ``met`` standard errors each, on the logit so that they stay chances."""
    inside = np.clip(draws, 1e-12, 1.0 - 1e-12)
    step = np.multiply.outer(met, errors) if met.ndim == 1 else met[:, :, None] * errors
    shifted = 1.0 / (1.0 + np.exp(-(logit(inside) + step / (inside * (1.0 - inside)))))
    return np.asarray(np.where(errors > 0, shifted, draws))


def _shifted(point: FloatArray, middle: FloatArray, draws: FloatArray) -> FloatArray:
    """Replicates around ``point`` with the movement that ``draws`` show around ``middle``, on the logit."""
    low, high = 1e-12, 1.0 - 1e-12
    shift = logit(np.clip(draws, low, high)) - logit(np.clip(middle, low, high))
    moved = 1.0 / (1.0 + np.exp(-(logit(np.clip(point, low, high)) + shift)))
    return np.asarray(np.where((point <= low) | (point >= high), point, moved))
