"""Correlations behind an importance analysis, with replicates: complete or by EM, plain or latent."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from cxlab.models.drivers.resampling import Resampling
from cxlab.models.drivers.rows import CompleteAnswers
from cxlab.stats.bootstrap import resampled_sums, rescaled_multipliers
from cxlab.stats.expectation_maximisation import fit_gaussian, missing_patterns
from cxlab.stats.moments import correlations, group_moments
from cxlab.stats.ordinal_correlation import latent_correlations

Array = NDArray[np.float64]
Flags = NDArray[np.bool_]

# A replicate's own noise hides moves of a correlation smaller than this.
_REPLICATE_TOLERANCE = 1e-4
_MOST_STEPS = 500
# Replicates fitted together by EM, and multipliers held at a time.
_TOGETHER = 200
_MULTIPLIERS = 4_000_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Matrices:
    """Correlation matrices with the outcome last.

    Attributes
    ----------
    point : (m, m)
    replicates : (B, m, m)
    converged
        Share of EM fits that converged (the point and the replicates); 1 without EM.
    """

    point: Array
    replicates: Array
    converged: float


def correlation_matrices(
    answers: CompleteAnswers,
    plan: Resampling,
    *,
    probe: Array,
    latent: Flags,
    replicates: int,
    rng: np.random.Generator,
) -> Matrices:
    """Correlations of drivers, a noise probe and the outcome (in this order), and B bootstrap replicates.

    Columns that are ``latent``, (p + 1,) with the outcome last, hold category numbers from 0: their
    correlations become those of the normal quantities behind them, with thresholds estimated in each
    replicate.
    """
    values = np.column_stack([answers.values[:, :-1], probe, answers.values[:, -1]])
    ordinal = [int(at) + int(at == len(latent) - 1) for at in np.flatnonzero(latent)]
    parts = [_category_sums(values[:, column], answers.weights, plan) for column in ordinal]
    categories = np.hstack([np.zeros((len(plan.strata), 0)), *parts])
    if np.isnan(values).any():
        found, shares = _by_maximisation(values, answers.weights, plan, categories, replicates, rng)
    else:
        found, shares = _complete(values, answers.weights, plan, categories, replicates, rng)
    if not latent.any():
        return found
    cuts = np.cumsum([part.shape[1] for part in parts])[:-1]
    point, drawn = (
        latent_correlations(stack, _by_column(share, cuts, ordinal, values.shape[1]))
        for stack, share in zip((found.point[None], found.replicates), shares, strict=True)
    )
    return replace(found, point=point[0], replicates=drawn)


def _category_sums(numbers: Array, weights: Array, plan: Resampling) -> Array:
    """Weight of each category in each group, (G, K)."""
    count = int(numbers.max()) + 1
    cell = plan.groups * count + numbers.astype(np.int64)
    sums = np.bincount(cell, weights=weights, minlength=len(plan.strata) * count)
    return sums.reshape(len(plan.strata), count).astype(np.float64)


def _by_column(
    shares: Array, cuts: NDArray[np.int64], ordinal: list[int], columns: int
) -> list[Array | None]:
    """Shares of the categories of each column, None where it is not ordinal."""
    split = dict(zip(ordinal, np.split(shares, cuts, axis=1), strict=True))
    return [split.get(column) for column in range(columns)]


def _complete(
    values: Array,
    weights: Array,
    plan: Resampling,
    categories: Array,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[Matrices, tuple[Array, Array]]:
    columns = values.shape[1]
    # A segment may lack some groups of the whole table: they count nothing.
    present, compact = np.unique(plan.groups, return_inverse=True)
    moments = group_moments(values, weights=weights, groups=compact.reshape(-1))
    width = moments.sums.shape[1]
    sums = np.zeros((len(plan.strata), width + categories.shape[1]))
    sums[present, :width] = moments.sums
    sums[:, width:] = categories
    drawn = resampled_sums(sums, strata=plan.strata, replicates=replicates, rng=rng)
    found = Matrices(
        point=correlations(moments.total(), columns=columns)[0],
        replicates=correlations(drawn[:, :width], columns=columns),
        converged=1.0,
    )
    return found, (categories.sum(axis=0, keepdims=True), drawn[:, width:])


def _by_maximisation(
    values: Array,
    weights: Array,
    plan: Resampling,
    categories: Array,
    replicates: int,
    rng: np.random.Generator,
) -> tuple[Matrices, tuple[Array, Array]]:
    columns, groups = values.shape[1], len(plan.strata)
    patterns = missing_patterns(values, weights=weights, groups=plan.groups)
    point = fit_gaussian(
        patterns, columns=columns, multipliers=np.ones((1, groups)), most_steps=_MOST_STEPS
    )
    matrices, shares, done = [], [], int(point.converged.sum())
    together = max(1, min(_TOGETHER, _MULTIPLIERS // groups))
    for at in range(0, replicates, together):
        multipliers = rescaled_multipliers(plan.strata, replicates=min(together, replicates - at), rng=rng)
        fitted = fit_gaussian(
            patterns,
            columns=columns,
            multipliers=multipliers,
            start=point,
            tolerance=_REPLICATE_TOLERANCE,
            most_steps=_MOST_STEPS,
        )
        matrices.append(fitted.correlation())
        shares.append(multipliers @ categories)
        done += int(fitted.converged.sum())
    found = Matrices(
        point=point.correlation()[0],
        replicates=np.concatenate(matrices),
        converged=done / (replicates + 1),
    )
    return found, (categories.sum(axis=0, keepdims=True), np.concatenate(shares))
