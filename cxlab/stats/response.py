"""Means when only some answered: weighted and doubly robust, with the variance of estimated weights."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from cxlab.stats.regression import FloatArray, cluster_codes, left_out_moves, sum_by_cluster

#: Newton steps after which a response model counts as not converged (separated groups).
MAX_STEPS = 50
#: A response probability below this makes one answer speak for more than a thousand contacts.
SMALLEST_PROBABILITY = 1e-3


@dataclass(frozen=True, eq=False, kw_only=True)
class ResponseFit:
    """A logistic model of who answers.

    Attributes
    ----------
    coefficients
        Shape (k,).
    probability
        Shape (n,), fitted chance of answering.
    influence
        Shape (n, k): what each contact does to the coefficients.
    """

    coefficients: FloatArray
    probability: FloatArray
    influence: FloatArray


@dataclass(frozen=True, eq=False, kw_only=True)
class MeanFit:
    """A mean with its standard error.

    ``influence`` (n,) is what each row does to it and sums to zero; ``moves`` (G,) is how far it moves when
    a cluster (a row, where rows are independent) is left out.
    """

    estimate: float
    std_error: float
    degrees_of_freedom: int
    influence: FloatArray
    moves: FloatArray


def fit_response(design: FloatArray, answered: NDArray[np.bool_]) -> ResponseFit:
    """Logistic regression of answering on what is known of every contact, by Newton's method.

    ``log p / (1 - p) = X g``; contact i moves g by its influence
    ``(X' diag(p(1-p)) X / n)^-1 x_i (R_i - p_i)``.

    Parameters
    ----------
    design
        Shape (n, k), with the constant as a column.
    answered
        Shape (n,).

    Returns
    -------
    ResponseFit

    Raises
    ------
    ValueError
        If nobody or everybody answered, the design is collinear, or some group (nearly) never answers, so
        that its weights would be unbounded.

    Examples
    --------
    >>> design = np.column_stack([np.ones(8), [0, 0, 0, 0, 1, 1, 1, 1]])
    >>> answered = np.array([1, 0, 0, 0, 1, 1, 0, 0], dtype=bool)
    >>> fit_response(design, answered).probability.round(2).tolist()
    [0.25, 0.25, 0.25, 0.25, 0.5, 0.5, 0.5, 0.5]
    """
    n, k = design.shape
    if not 0 < answered.sum() < n:
        raise ValueError("all or none answered: there is no response to model")
    if np.linalg.matrix_rank(design) < k:
        raise ValueError("columns of the response model are collinear")
    target = answered.astype(np.float64)
    coefficients = np.zeros(k)
    for _ in range(MAX_STEPS):
        probability = _expit(design @ coefficients)
        information = (design * (probability * (1 - probability))[:, None]).T @ design
        try:
            step = np.linalg.solve(information, design.T @ (target - probability))
        except np.linalg.LinAlgError:
            break
        coefficients = coefficients + step
        if np.max(np.abs(step)) < 1e-9:
            probability = _expit(design @ coefficients)
            if probability.min() < SMALLEST_PROBABILITY:
                break
            bread = np.linalg.inv(information / n)
            influence = (design * (target - probability)[:, None]) @ bread
            return ResponseFit(coefficients=coefficients, probability=probability, influence=influence)
    raise ValueError("some group almost never answers: its weights would be unbounded")


def _expit(linear: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(linear, -500, 500))))


def plain_mean(
    outcome: FloatArray, answered: NDArray[np.bool_], *, clusters: ArrayLike | None = None
) -> MeanFit:
    """Mean of those who answered, with influences (n,) over all contacts, so that it can be compared.

    >>> plain_mean(np.array([4.0, 8.0, np.nan, np.nan]), np.array([True, True, False, False])).estimate
    6.0
    """
    estimate = float(outcome[answered].mean())
    deviation = np.where(answered, np.where(answered, outcome, 0.0) - estimate, 0.0)
    influence = deviation / answered.mean()
    if clusters is None:
        return mean_from_influence(estimate, influence)
    total, count = _sums_without(np.column_stack([deviation, answered]), clusters).T
    return _mean_from_moves(estimate, total / count, influence)


def weighted_mean(
    outcome: FloatArray,
    answered: NDArray[np.bool_],
    *,
    design: FloatArray,
    response: ResponseFit,
    clusters: ArrayLike | None = None,
) -> MeanFit:
    """Inverse-probability-weighted mean ``sum(w y) / sum(w)``, ``w = 1/p`` of those who answered.

    Parameters
    ----------
    outcome
        Shape (n,), read only where ``answered``.
    answered
        Shape (n,).
    design, response
        The design (n, k) of the response model and its fit.
    clusters
        Shape (n,), labels; None where contacts are independent.

    Returns
    -------
    MeanFit

    Notes
    -----
    The influence is projected on the score of the response model. Taking the weights as fixed instead gives
    too long intervals. With clusters each is left out in turn, response model and all (one Newton step):
    the sandwich is too short where a few sites make the weights. Unbiased where answering depends on the
    design only, not on the outcome itself.

    Source: Lunceford and Davidian (2004), Statistics in Medicine 23.
    """
    weight = np.where(answered, 1.0 / response.probability, 0.0)
    value = np.where(answered, outcome, 0.0)
    estimate = float(weight @ value / weight.sum())
    deviation = np.where(answered, value - estimate, 0.0)
    # How the weighted deviations change with each coefficient of the response model.
    pull = -(weight * (1 - response.probability) * deviation)[:, None] * design
    influence = weight * deviation / weight.mean() + response.influence @ pull.sum(axis=0) / weight.sum()
    if clusters is None:
        return mean_from_influence(estimate, influence)
    without = _sums_without(np.column_stack([weight * deviation, weight, pull]), clusters)
    moved = _response_moves(design, answered, response, clusters)
    moves = (without[:, 0] + np.sum(without[:, 2:] * moved, axis=1)) / without[:, 1]
    return _mean_from_moves(estimate, moves, influence)


def doubly_robust_mean(
    outcome: FloatArray,
    answered: NDArray[np.bool_],
    *,
    design: FloatArray,
    response: ResponseFit,
    clusters: ArrayLike | None = None,
) -> MeanFit:
    """Augmented inverse-probability-weighted mean ``mean(m + R (y - m) / p)`` with a linear ``m = X b``.

    Parameters and returns as in :func:`weighted_mean`.

    Notes
    -----
    Right if either the response model or the outcome model is right. The variance stacks the estimating
    equations of both, so that it holds in either case; with clusters each is left out in turn, both models
    and all.

    Source: Robins, Rotnitzky and Zhao (1994), JASA 89; Bang and Robins (2005), Biometrics 61.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=4000)
    >>> answered = rng.random(4000) < 1 / (1 + np.exp(1 - x))
    >>> outcome = np.where(answered, 7 + x + rng.normal(size=4000), np.nan)
    >>> design = np.column_stack([np.ones(4000), x])
    >>> fit = doubly_robust_mean(outcome, answered, design=design, response=fit_response(design, answered))
    >>> round(float(np.nanmean(outcome)), 1), round(fit.estimate, 1)
    (7.6, 7.0)
    """
    n = len(answered)
    weight = np.where(answered, 1.0 / response.probability, 0.0)
    kept = design[answered]
    inverse = np.linalg.inv(kept.T @ kept / n)
    beta = inverse @ (kept.T @ outcome[answered]) / n
    expected = design @ beta
    residual = np.where(answered, np.where(answered, outcome, 0.0) - expected, 0.0)
    value = expected + weight * residual
    estimate = float(value.mean())
    by_response = -(weight * (1 - response.probability) * residual)[:, None] * design
    by_outcome = (1.0 - weight)[:, None] * design
    influence = value - estimate + response.influence @ by_response.mean(axis=0)
    influence = influence + (design * residual[:, None]) @ inverse @ by_outcome.mean(axis=0)
    if clusters is None:
        return mean_from_influence(estimate, influence)
    rows = np.column_stack([value - estimate, np.ones(n), by_response, by_outcome])
    without = _sums_without(rows, clusters)
    codes, _ = cluster_codes(clusters)
    given = np.where(answered, outcome, 0.0)
    beta_moved = left_out_moves(design, given, beta, weights=answered.astype(np.float64), codes=codes)
    moved = np.column_stack([_response_moves(design, answered, response, clusters), beta_moved])
    moves = (without[:, 0] + np.sum(without[:, 2:] * moved, axis=1)) / without[:, 1]
    return _mean_from_moves(estimate, moves, influence)


def mean_from_influence(
    estimate: float, influence: FloatArray, *, clusters: ArrayLike | None = None
) -> MeanFit:
    """Standard error from influences (n,): ``sqrt(G/(G-1) sum_g (sum_{i in g} f_i)^2) / n``.

    Linearised: what was fitted on the way is taken to move in proportion when a cluster leaves.

    >>> fit = mean_from_influence(0.0, np.array([-1.0, 1.0, -1.0, 1.0]), clusters=[1, 1, 2, 2])
    >>> fit.std_error, fit.degrees_of_freedom
    (0.0, 1)
    """
    n = len(influence)
    totals, count = influence, n
    if clusters is not None:
        codes, count = cluster_codes(clusters)
        totals = np.asarray(np.bincount(codes, weights=influence, minlength=count), dtype=np.float64)
    if count < 2:
        raise ValueError("one cluster: its rows cannot tell how clusters differ")
    return _mean_from_moves(estimate, -totals / n * (count / (count - 1)), influence)


def difference_of_means(first: MeanFit, second: MeanFit) -> MeanFit:
    """``first - second`` of the same rows and clusters, with what they share taken out.

    >>> one = mean_from_influence(3.0, np.array([-1.0, 1.0]))
    >>> difference_of_means(one, one).std_error
    0.0
    """
    return _mean_from_moves(
        first.estimate - second.estimate, first.moves - second.moves, first.influence - second.influence
    )


def _mean_from_moves(estimate: float, moves: FloatArray, influence: FloatArray) -> MeanFit:
    """``V = (G-1)/G sum_g moves_g^2``, from the moves (G,) when each cluster is left out."""
    count = len(moves)
    return MeanFit(
        estimate=estimate,
        std_error=float(np.sqrt((count - 1) / count * np.sum(moves**2))),
        degrees_of_freedom=count - 1,
        influence=influence,
        moves=moves,
    )


def _sums_without(rows: FloatArray, clusters: ArrayLike) -> FloatArray:
    """Sums (G, k) of the rows (n, k) of all clusters but one."""
    codes, count = cluster_codes(clusters)
    if count < 2:
        raise ValueError("one cluster: its rows cannot tell how clusters differ")
    sums = sum_by_cluster(rows, codes, count)
    return np.asarray(sums.sum(axis=0) - sums)


def _response_moves(
    design: FloatArray, answered: NDArray[np.bool_], response: ResponseFit, clusters: ArrayLike
) -> FloatArray:
    """How far the response model moves (G, k) without each cluster: one Newton step from the fit."""
    spread = response.probability * (1 - response.probability)
    working = design @ response.coefficients + (answered - response.probability) / spread
    codes, _ = cluster_codes(clusters)
    return left_out_moves(design, working, response.coefficients, weights=spread, codes=codes)


def kish_sample_size(weights: FloatArray) -> float:
    """Kish's effective sample size ``(sum w)^2 / sum w^2``.

    >>> kish_sample_size(np.array([1.0, 1.0, 2.0]))
    2.6666666666666665
    """
    return float(weights.sum() ** 2 / np.sum(weights**2))


def standardised_differences(
    features: FloatArray, weights: FloatArray, answered: NDArray[np.bool_]
) -> FloatArray:
    """Weighted mean of those who answered minus the mean of all, in standard deviations of all, (k,).

    >>> features = np.array([[0.0], [1.0], [0.0], [1.0]])
    >>> answered = np.array([True, True, True, False])
    >>> standardised_differences(features, np.array([1.0, 2.0, 1.0, 0.0]), answered).round(3).tolist()
    [0.0]
    """
    spread = features.std(axis=0)
    spread = np.where(spread > 0, spread, 1.0)
    answering = np.average(features[answered], axis=0, weights=weights[answered])
    return np.asarray((answering - features.mean(axis=0)) / spread)
