"""The estimation behind the importance model: shares, bootstrap replicates, slopes, collinearity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import FitError
from cxlab.models.drivers.importance_matrices import correlation_matrices
from cxlab.models.drivers.importance_terms import Terms
from cxlab.models.drivers.resampling import Resampling
from cxlab.models.drivers.rows import CompleteAnswers
from cxlab.stats.clusters import between_share
from cxlab.stats.coalitions import conditioned, owen
from cxlab.stats.importance import MAX_EXACT, johnson, lmg
from cxlab.stats.importance_measures import standardised_slopes
from cxlab.stats.importance_sampling import sampled_lmg
from cxlab.stats.regression import fit_linear

Array = NDArray[np.float64]

# An eigenvalue of the correlations at or below this is a direction without variance of its own.
_NO_VARIANCE = 1e-10
# Random orders of entry where there are too many drivers for all of them: for the estimate, per replicate.
_ORDERS, _REPLICATE_ORDERS = 4000, 200
_IF_LATENT = " Latent correlations are found pair by pair: rating_kind='linear' always fits together."


@dataclass(frozen=True, eq=False, kw_only=True)
class ImportanceFit:
    """Arrays over the T terms that compete, or over all p drivers in their order.

    Attributes
    ----------
    correlation : (p + 1, p + 1)
        Outcome last.
    resampled : (B, p + 2, p + 2)
        Correlations of the bootstrap replicates: drivers, the noise probe, the outcome.
    probed : (p + 2, p + 2)
        The same for the data as they are.
    shares, johnson : (T,)
        LMG shares (Owen shares of groups) and Johnson weights; each adds up to R2 beyond ``always_in``.
    replicates : (B, T)
        Shares of the bootstrap replicates.
    sampling_error : (T,)
        Standard error from sampling orders of entry; 0 where all orders were visited.
    constant_replicates : (p,)
        Replicates in which a driver does not vary.
    beta, beta_std_error, p_value : (p,)
        Standardised slopes; NaN for drivers that are constant or copies or sums of others.
    term_p_value : (T,)
        That of the slope; of all slopes of a group together.
    inflation : (p,)
        Variance inflation factors; NaN where beta is.
    constant, aliased : (p,)
        Drivers that do not vary, and drivers that are copies or sums of others.
    converged
        Share of EM fits that converged; 1 without EM.
    """

    correlation: Array
    resampled: Array
    probed: Array
    shares: Array
    johnson: Array
    replicates: Array
    sampling_error: Array
    constant_replicates: NDArray[np.int64]
    beta: Array
    beta_std_error: Array
    p_value: Array
    term_p_value: Array
    inflation: Array
    constant: NDArray[np.bool_]
    aliased: NDArray[np.bool_]
    converged: float


def fit_importance(
    answers: CompleteAnswers,
    plan: Resampling,
    *,
    terms: Terms,
    latent: NDArray[np.bool_],
    replicates: int,
    rng: np.random.Generator,
) -> ImportanceFit:
    """Point estimates and bootstrap replicates from sums of the groups of ``plan``.

    ``latent``, (p + 1,) with the outcome last: columns that hold category numbers of a normal quantity.
    """
    # Children draw apart, so that the replicates are those of an analysis without a probe.
    noise, orders = rng.spawn(2)
    matrices = correlation_matrices(
        answers,
        plan,
        probe=noise_column(answers.values[:, :-1], plan, rng=noise),
        latent=latent,
        replicates=replicates,
        rng=rng,
    )
    correlation = without_probe(matrices.point[None])[0]
    resampled = without_probe(matrices.replicates)
    constant, aliased, inflation = _collinearity(correlation)
    if latent.any() or np.isnan(answers.values).any():
        beta, covariance = _bootstrap_slopes(correlation, resampled)
    else:
        beta, covariance = _slopes(answers, plan)
    unknown = constant | aliased
    beta[unknown] = inflation[unknown] = np.nan
    covariance[unknown], covariance[:, unknown] = np.nan, np.nan
    p_value = _wald(beta, covariance, [(column,) for column in range(len(beta))], plan)
    shares, error = term_shares(
        correlation[None], terms, orders=_ORDERS, rng=orders, checked=False, latent=bool(latent.any())
    )
    return ImportanceFit(
        correlation=correlation,
        resampled=matrices.replicates,
        probed=matrices.point,
        shares=shares[0],
        johnson=_johnson(correlation, terms),
        replicates=term_shares(resampled, terms, orders=_REPLICATE_ORDERS, rng=orders, checked=True)[0],
        sampling_error=error[0],
        constant_replicates=(np.diagonal(resampled, axis1=1, axis2=2)[:, :-1] == 0.0).sum(axis=0),
        beta=beta,
        beta_std_error=np.sqrt(np.diag(covariance)),
        p_value=p_value,
        term_p_value=_wald(beta, covariance, list(terms.columns), plan)
        if terms.grouped
        else p_value[[columns[0] for columns in terms.columns]],
        inflation=inflation,
        constant=constant,
        aliased=aliased,
        converged=matrices.converged,
    )


def noise_column(ratings: Array, plan: Resampling, *, rng: np.random.Generator) -> Array:
    """Noise (n,) that varies between clusters by as large a share as the most clustered rating does.

    Clusters that differ by chance go along with the outcome by chance. Noise without a part of theirs would
    be beaten by any rating that has one.
    """
    noise: Array = rng.normal(size=len(ratings))
    if plan.unit != "clusters":
        return noise
    share = float(between_share(ratings, plan.groups).max())
    level = rng.normal(size=len(plan.strata))
    mixed: Array = np.sqrt(1.0 - share) * noise + np.sqrt(share) * level[plan.groups]
    return mixed


def without_probe(stack: Array) -> Array:
    """Matrices of drivers and outcome, out of those that hold the noise probe before the outcome."""
    kept = [*range(stack.shape[1] - 2), stack.shape[1] - 1]
    return stack[:, kept][:, :, kept]


def term_shares(
    stack: Array,
    terms: Terms,
    *,
    orders: int,
    rng: np.random.Generator,
    checked: bool,
    latent: bool = False,
) -> tuple[Array, Array]:
    """Shares of the terms, (B, T), and their error from sampling orders; FitError for no correlations."""
    try:
        if terms.grouped or terms.always:
            partial, left = conditioned(stack, always=terms.always, assume_valid=checked)
            position = {column: at for at, column in enumerate(_others(stack, terms))}
            groups = [[position[column] for column in columns] for columns in terms.columns]
            if terms.grouped:
                shares = owen(partial, groups=groups, assume_valid=True)[0] * left[:, None]
                return shares, np.zeros_like(shares)
            shares, error = _lmg(partial, orders, rng)
            return shares * left[:, None], error * left[:, None]
        if not checked:
            johnson(stack)
        return _lmg(stack, orders, rng)
    except ValueError as problem:
        raise FitError(f"ImportanceModel.fit: {problem}{_IF_LATENT if latent else ''}") from problem


def _others(stack: Array, terms: Terms) -> list[int]:
    return [column for column in range(stack.shape[1] - 1) if column not in terms.always]


def _lmg(stack: Array, orders: int, rng: np.random.Generator) -> tuple[Array, Array]:
    if stack.shape[1] - 1 > MAX_EXACT:
        return sampled_lmg(stack, orders=orders, rng=rng, assume_valid=True)
    shares = lmg(stack, assume_valid=True)
    return shares, np.zeros_like(shares)


def _johnson(correlation: Array, terms: Terms) -> Array:
    partial, left = conditioned(correlation, always=terms.always)
    weights = dict(zip(_others(correlation[None], terms), johnson(partial) * left, strict=True))
    return np.array([sum(weights[column] for column in columns) for columns in terms.columns])


def _collinearity(correlation: Array) -> tuple[NDArray[np.bool_], NDArray[np.bool_], Array]:
    """Which drivers are constant, which are copies or sums of others, and variance inflation."""
    constant = np.diag(correlation)[:-1] == 0.0
    values, vectors = np.linalg.eigh(correlation[:-1, :-1])
    idle = vectors[:, values <= _NO_VARIANCE]
    aliased = ((idle**2).sum(axis=1) > 1e-9) & ~constant
    kept = values > _NO_VARIANCE
    inflation: Array = ((vectors[:, kept] ** 2) / values[kept]).sum(axis=1)
    return constant, aliased, inflation


def _slopes(answers: CompleteAnswers, plan: Resampling) -> tuple[Array, Array]:
    """Standardised slopes and their robust covariance."""
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
    return fit.coefficients[1:].copy(), fit.covariance[1:, 1:].copy()


def _bootstrap_slopes(correlation: Array, resampled: Array) -> tuple[Array, Array]:
    slopes = standardised_slopes(correlation, assume_valid=True)
    replicates = standardised_slopes(resampled, assume_valid=True)
    covariance = np.atleast_2d(np.cov(replicates, rowvar=False))
    return slopes, covariance


def _wald(beta: Array, covariance: Array, terms: list[tuple[int, ...]], plan: Resampling) -> Array:
    """P-values that all slopes of a term are 0: Hotelling's F with clusters - 1 degrees of freedom."""
    from scipy.special import fdtrc

    degrees = len(plan.strata) - 1 if plan.unit == "clusters" else len(plan.groups) - len(beta) - 1
    p_values = np.full(len(terms), np.nan)
    for at, columns in enumerate(terms):
        known = [column for column in columns if np.isfinite(beta[column])]
        part = covariance[np.ix_(known, known)]
        rest = degrees - len(known) + 1
        if not known or rest < 1 or not np.diag(part).min() > 0.0:
            continue
        distance = float(beta[known] @ np.linalg.pinv(part, hermitian=True) @ beta[known])
        p_values[at] = fdtrc(len(known), rest, distance * rest / (degrees * len(known)))
    return p_values
