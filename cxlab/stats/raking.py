"""Raking: weights that make the sample's margins equal known population shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray
from cxlab.stats.response import MeanFit, mean_from_influence

#: Passes after which weights that meet the cap are taken as they are: their margins cannot be met exactly.
CAPPED_PASSES = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class RakeFit:
    """Weights (n,) with mean 1, the passes needed, and how many weights met the cap."""

    weights: FloatArray
    passes: int
    n_capped: int


def rake(
    codes: Sequence[NDArray[np.intp]],
    targets: Sequence[FloatArray],
    *,
    base: FloatArray | None = None,
    cap: float | None = None,
    tolerance: float = 1e-10,
    max_passes: int = 1_000,
) -> RakeFit:
    """Iterative proportional fitting of sample weights to margins.

    Each pass multiplies the weights of category c of a margin by ``target_c / (weighted share of c)``.

    Parameters
    ----------
    codes, targets
        Per margin the category (n,) of each row, 0..C-1, and the population shares (C,), adding up to 1.
    base
        Design weights (n,), positive; None for equal ones.
    cap
        Largest weight allowed, in multiples of the mean; margins then hold only approximately.
    tolerance
        Largest difference of a margin's share from its target at which the fit is done.

    Returns
    -------
    RakeFit

    Raises
    ------
    ValueError
        If targets do not add up to 1, a category with a positive target has no row, a category with rows
        has target 0, or the margins contradict each other (no convergence).

    Notes
    -----
    Corrects for the named margins only: within a category those who answered stand for those who did not.

    Source: Deming and Stephan (1940), Annals of Mathematical Statistics 11.

    Examples
    --------
    >>> fit = rake([np.array([0, 0, 0, 1])], [np.array([0.5, 0.5])])
    >>> fit.weights.round(3).tolist()
    [0.667, 0.667, 0.667, 2.0]
    """
    for margin, (code, target) in enumerate(zip(codes, targets, strict=True)):
        _require_margin(margin, code, target)
    n = len(codes[0])
    weights = np.ones(n) if base is None else np.asarray(base, dtype=np.float64) / np.mean(base)
    capped = np.zeros(n, dtype=bool)
    for done in range(1, max_passes + 1):
        weights = _one_pass(codes, targets, weights)
        if cap is not None:
            capped = weights > cap
            weights = np.minimum(weights, cap)
        gap = _largest_gap(codes, targets, weights)
        if done >= CAPPED_PASSES if capped.any() else gap < tolerance:
            return RakeFit(weights=weights / weights.mean(), passes=done, n_capped=int(capped.sum()))
    raise ValueError(f"raking did not converge (gap {gap:.2g}): the margins contradict each other here")


def _one_pass(
    codes: Sequence[NDArray[np.intp]], targets: Sequence[FloatArray], weights: FloatArray
) -> FloatArray:
    """Weights (n,) with mean 1 after each margin in turn has been met once."""
    for code, target in zip(codes, targets, strict=True):
        share = np.bincount(code, weights=weights, minlength=len(target)) / weights.sum()
        factor = np.divide(target, share, out=np.ones_like(target), where=share > 0)
        weights = weights * factor[code]
    return np.asarray(weights / weights.mean())


def _require_margin(margin: int, code: NDArray[np.intp], target: FloatArray) -> None:
    if abs(float(np.sum(target)) - 1.0) > 1e-8 or np.any(target < 0):
        raise ValueError(f"margin {margin}: targets must be shares that add up to 1")
    count = np.bincount(code, minlength=len(target))
    if len(count) > len(target):
        raise ValueError(f"margin {margin}: a row belongs to a category without a target")
    empty = np.flatnonzero((count == 0) & (target > 0))
    if len(empty):
        raise ValueError(f"margin {margin}: category {int(empty[0])} has a target but no row")
    unwanted = np.flatnonzero((count > 0) & (target == 0))
    if len(unwanted):
        raise ValueError(f"margin {margin}: category {int(unwanted[0])} has rows but target 0")


def _largest_gap(
    codes: Sequence[NDArray[np.intp]], targets: Sequence[FloatArray], weights: FloatArray
) -> float:
    total = weights.sum()
    gaps = [
        np.max(np.abs(np.bincount(code, weights=weights, minlength=len(target)) / total - target))
        for code, target in zip(codes, targets, strict=True)
    ]
    return float(max(gaps))


def raked_mean(
    outcome: FloatArray,
    codes: Sequence[NDArray[np.intp]],
    *,
    weights: FloatArray,
    clusters: ArrayLike | None = None,
) -> MeanFit:
    """Weighted mean under raked weights, with the standard error of calibrated weights.

    Only what the margins do not explain varies: the residuals of a weighted regression on their categories.

    Parameters
    ----------
    outcome
        Shape (n,).
    codes, weights
        As :func:`rake` took and gave them.
    clusters
        Shape (n,), labels; None where rows are independent.

    Returns
    -------
    MeanFit

    Notes
    -----
    Takes the margins as known without error. Source: Deville and Sarndal (1992), JASA 87.

    Examples
    --------
    >>> codes = [np.array([0, 0, 0, 1, 1])]
    >>> outcome = np.array([6.0, 7.0, 8.0, 9.0, 10.0])
    >>> fit = raked_mean(outcome, codes, weights=rake(codes, [np.array([0.5, 0.5])]).weights)
    >>> round(fit.estimate, 2)
    8.25
    """
    estimate = float(np.average(outcome, weights=weights))
    dummies = np.column_stack([code[:, None] == np.arange(code.max() + 1) for code in codes]).astype(float)
    root = np.sqrt(weights)[:, None]
    slopes = np.linalg.lstsq(dummies * root, outcome * root[:, 0], rcond=None)[0]
    influence = weights * (outcome - dummies @ slopes) / weights.mean()
    return mean_from_influence(estimate, influence, clusters=clusters)
