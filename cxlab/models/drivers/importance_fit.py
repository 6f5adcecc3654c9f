"""The estimation behind the importance model: shares, bootstrap replicates, slopes, collinearity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.models.drivers.resampling import Resampling
from cxlab.models.drivers.rows import CompleteAnswers
from cxlab.stats.bootstrap import resampled_sums
from cxlab.stats.importance import johnson, lmg
from cxlab.stats.moments import correlations, group_moments
from cxlab.stats.regression import fit_linear

Array = NDArray[np.float64]

# An eigenvalue of the correlations at or below this is a direction without variance of its own.
_NO_VARIANCE = 1e-10


@dataclass(frozen=True, eq=False, kw_only=True)
class ImportanceFit:
    """Arrays over the p drivers in their order.

    Attributes
    ----------
    correlation : (p + 1, p + 1)
        Outcome last.
    shares, johnson : (p,)
        LMG shares and Johnson weights; each adds up to R2.
    replicates : (B, p)
        LMG shares of the bootstrap replicates.
    constant_replicates : (p,)
        Replicates in which a driver does not vary.
    beta, beta_std_error, p_value : (p,)
        Standardised slopes; NaN for drivers that are constant or copies or sums of others.
    inflation : (p,)
        Variance inflation factors; NaN where beta is.
    constant, aliased : (p,)
        Drivers that do not vary, and drivers that are copies or sums of others.
    """

    correlation: Array
    shares: Array
    johnson: Array
    replicates: Array
    constant_replicates: NDArray[np.int64]
    beta: Array
    beta_std_error: Array
    p_value: Array
    inflation: Array
    constant: NDArray[np.bool_]
    aliased: NDArray[np.bool_]


def fit_importance(
    answers: CompleteAnswers, plan: Resampling, *, replicates: int, rng: np.random.Generator
) -> ImportanceFit:
    """Point estimates and bootstrap replicates from sums of the groups of ``plan``."""
    columns = answers.values.shape[1]
    moments = group_moments(answers.values, weights=answers.weights, groups=plan.groups)
    correlation = correlations(moments.total(), columns=columns)[0]
    sums = resampled_sums(moments.sums, strata=plan.strata, replicates=replicates, rng=rng)
    resampled = correlations(sums, columns=columns)
    on_diagonal = np.diagonal(resampled, axis1=1, axis2=2)
    constant = np.diag(correlation)[:-1] == 0.0
    values, vectors = np.linalg.eigh(correlation[:-1, :-1])
    idle = vectors[:, values <= _NO_VARIANCE]
    aliased = ((idle**2).sum(axis=1) > 1e-9) & ~constant
    beta, std_error, p_value = _slopes(answers, plan)
    kept = values > _NO_VARIANCE
    inflation = ((vectors[:, kept] ** 2) / values[kept]).sum(axis=1)
    for array in (beta, std_error, p_value, inflation):
        array[constant | aliased] = np.nan
    return ImportanceFit(
        correlation=correlation,
        shares=lmg(correlation),
        johnson=johnson(correlation),
        replicates=lmg(resampled, assume_valid=True),
        constant_replicates=(on_diagonal[:, :-1] == 0.0).sum(axis=0),
        beta=beta,
        beta_std_error=std_error,
        p_value=p_value,
        inflation=inflation,
        constant=constant,
        aliased=aliased,
    )


def _slopes(answers: CompleteAnswers, plan: Resampling) -> tuple[Array, Array, Array]:
    """Standardised slopes with robust standard errors and p-values (t with clusters - 1)."""
    from scipy.special import stdtr

    mean = np.average(answers.values, axis=0, weights=answers.weights)
    centred = answers.values - mean
    spread = np.sqrt(np.average(centred**2, axis=0, weights=answers.weights))
    scaled = centred / np.where(spread > 0.0, spread, 1.0)
    design = np.column_stack([np.ones(len(scaled)), scaled[:, :-1]])
    fit = fit_linear(
        design,
        scaled[:, -1],
        weights=answers.weights,
        clusters=plan.groups if plan.unit == "clusters" else None,
    )
    std_error = np.sqrt(np.diag(fit.covariance)[1:])
    beta = fit.coefficients[1:].copy()
    known = std_error > 0.0
    ratio = np.where(known, beta / np.where(known, std_error, 1.0), np.nan)
    p_value: Array = 2.0 * stdtr(fit.degrees_of_freedom, -np.abs(ratio))
    return beta, std_error, p_value
