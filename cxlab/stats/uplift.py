"""Uplift of a randomised treatment: a cross-fitted X-learner, and the Qini coefficient with its draws."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.classification import FloatArray
from cxlab.stats.forecast import training_noise

#: Rows on which the noise of training is measured: its error is then a few percent.
MOST_NOISE_ROWS = 5_000


@dataclass(frozen=True, eq=False)
class Uplift:
    """Arrays (n,) made for each row by models that had not seen it.

    Attributes
    ----------
    effect
        Estimated rise of the chance to stay through the treatment, -1..1.
    risk
        Estimated chance to leave without treatment, 0..1.
    score
        Unbiased, noisy effect of each row: its mean over any set of rows chosen by features is the mean
        effect there, whatever the models are worth.
    places
        Name ("uplift", "risk") -> place of each row within its fold, 0..1, highest last. A model that did
        not see a fold is the lower the better that fold did, so ranks across folds would be turned round.
    some_places, some_fold
        The same places as each of K models has them, (K, m), of m random rows, and the fold of these.
    """

    effect: FloatArray
    risk: FloatArray
    score: FloatArray
    places: dict[str, FloatArray]
    some_places: dict[str, FloatArray]
    some_fold: NDArray[np.int64]


def cross_fitted_uplift(
    features: FloatArray,
    treated: FloatArray,
    stayed: FloatArray,
    *,
    share: float,
    folds: NDArray[np.int64],
    seed: int,
) -> Uplift:
    r"""X-learner on all other folds, applied to each fold.

    With :math:`\mu_1, \mu_0` the chance to stay in either arm, effects are imputed as
    :math:`D_1 = z - \mu_0(x)` for the treated and :math:`D_0 = \mu_1(x) - z` for the others, both are
    regressed on x, and :math:`\tau(x) = e \tau_0(x) + (1 - e) \tau_1(x)`. The score is
    :math:`\mu_1 - \mu_0 + t (z - \mu_1) / e - (1 - t)(z - \mu_0) / (1 - e)`.

    Parameters
    ----------
    features : (n, k)
        Known before the treatment; nan is allowed.
    treated, stayed : (n,)
        0 or 1; treatment drawn at random with one share for all.
    share, folds, seed
        e, strictly between 0 and 1; fold of each row (n,), one for all rows of a customer; of the trees.

    References
    ----------
    Kuenzel, Sekhon, Bickel and Yu (2019), PNAS 116, 4156-4165; Robins, Rotnitzky and Zhao (1994).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x, t = rng.normal(size=(4000, 2)), (rng.random(4000) < 0.5).astype(float)
    >>> z = (rng.random(4000) < 0.5 + 0.3 * t * (x[:, 0] > 0)).astype(float)
    >>> found = cross_fitted_uplift(x, t, z, share=0.5, folds=np.arange(4000) % 2, seed=0)
    >>> bool(found.effect[x[:, 0] > 0.5].mean() > 0.2 > 0.1 > found.effect[x[:, 0] < -0.5].mean())
    True
    """
    effect, risk, score = (np.empty(len(treated)) for _ in range(3))
    some = np.sort(np.random.default_rng([seed, 2]).permutation(len(treated))[:MOST_NOISE_ROWS])
    others: dict[str, list[FloatArray]] = {"uplift": [], "risk": []}
    numbers = np.unique(folds)
    for fold in numbers:
        inside = folds == fold
        learned = _x_learner(features[~inside], treated[~inside], stayed[~inside], share=share, seed=seed)
        effect[inside], treated_stay, usual_stay = learned(features[inside])
        risk[inside] = 1.0 - usual_stay
        t, z = treated[inside], stayed[inside]
        score[inside] = treated_stay - usual_stay + t * (z - treated_stay) / share
        score[inside] -= (1.0 - t) * (z - usual_stay) / (1.0 - share)
        told, _, stay = learned(features[some])
        others["uplift"].append(told)
        others["risk"].append(1.0 - stay)
    some_fold = np.searchsorted(numbers, folds[some])
    each = {name: np.stack([_places(one, some_fold) for one in told]) for name, told in others.items()}
    places = {"uplift": _places(effect, folds), "risk": _places(risk, folds)}
    return Uplift(effect, risk, score, places, each, some_fold)


def _places(values: FloatArray, folds: NDArray[np.int64]) -> FloatArray:
    """The place of each row among those of its fold, strictly between 0 and 1, highest last; ties share."""
    from scipy.stats import rankdata

    places = np.empty(len(values))
    for fold in np.unique(folds):
        inside = folds == fold
        places[inside] = (rankdata(values[inside]) - 0.5) / inside.sum()
    return places


def exchange_factor(contrast: FloatArray, fold: NDArray[np.int64]) -> float:
    r"""By how much a standard error that holds cross-fitted orders fixed is too small, 1 or more.

    A measure of an order is :math:`\sum_i s_i a_i / n` with a from the models' places. What is noise of
    training in a is learned from row j and confirmed on i, and the other way round, so its part of the
    variance counts twice: the factor is :math:`\sqrt{1 + q}`, q the share of :math:`\overline{a^2}` that
    is noise (:func:`cxlab.stats.forecast.training_noise`). Where nothing is to be learned it is 1.41.

    Parameters
    ----------
    contrast
        a by each model, (K, m).
    fold
        The fold of each row, (m,), numbered from 0.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fold = np.arange(3000) % 3
    >>> noise, alike = rng.normal(size=(3, 3000)), np.ones((3, 3000))
    >>> round(exchange_factor(noise, fold), 2), exchange_factor(alike, fold)
    (1.41, 1.0)
    """
    held = contrast[fold, np.arange(len(fold))]
    square = float(np.mean(held**2))
    if square == 0.0:
        return 1.0
    return float(np.sqrt(1.0 + training_noise(contrast, fold) * float(np.var(held)) / square))


def _x_learner(
    x: FloatArray, t: FloatArray, z: FloatArray, *, share: float, seed: int
) -> Callable[[FloatArray], tuple[FloatArray, FloatArray, FloatArray]]:
    """A function of features: effect, and chance to stay with and without treatment."""
    from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

    # Shallow and slow: effects are small beside the noise of a 0/1 outcome.
    size: dict[str, Any] = {
        "learning_rate": 0.05,
        "max_iter": 80,
        "max_leaf_nodes": 6,
        "min_samples_leaf": 40,
        "l2_regularization": 5.0,
        "early_stopping": False,
        "random_state": seed,
    }
    one, none = t == 1.0, t == 0.0
    with_it = HistGradientBoostingClassifier(**size).fit(x[one], z[one])
    without = HistGradientBoostingClassifier(**size).fit(x[none], z[none])
    gained = z[one] - without.predict_proba(x[one])[:, 1]
    missed = with_it.predict_proba(x[none])[:, 1] - z[none]
    effect_treated = HistGradientBoostingRegressor(**size).fit(x[one], gained)
    effect_usual = HistGradientBoostingRegressor(**size).fit(x[none], missed)

    def learned(new: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
        effect = share * effect_usual.predict(new) + (1.0 - share) * effect_treated.predict(new)
        return effect, with_it.predict_proba(new)[:, 1], without.predict_proba(new)[:, 1]

    return learned


def uplift_curve(
    score: FloatArray, order_by: FloatArray, *, shares: FloatArray, weights: FloatArray | None = None
) -> FloatArray:
    """Leavers avoided per row of all when the share with the highest ``order_by`` is treated, (b, k).

    >>> uplift_curve(np.array([1.0, 0.0]), np.array([2.0, 1.0]), shares=np.array([0.5, 1.0])).tolist()
    [[0.5, 0.5]]
    """
    from cxlab.stats.profit import profit_curve

    return profit_curve(score, order_by, shares=shares, weights=weights)


def qini_coefficient(
    score: FloatArray, order_by: FloatArray, *, weights: FloatArray | None = None
) -> FloatArray:
    """Area between the uplift curve and its straight line, (b,): 0 for a random order, below for a bad one.

    ``sum_i w_i s_i (1 - r_i) - sum_i w_i s_i / 2`` over rows in the order, divided by the weights, with r_i
    the middle of the place of row i among all, 0..1; ties share their mean place.

    Parameters
    ----------
    score : (n,)
        Unbiased effects of rows, see :class:`Uplift`.
    order_by : (n,)
        Treated first where it is highest.
    weights
        (n,) or (b, n).

    References
    ----------
    Radcliffe (2007), Using control groups to target on predicted lift.

    Examples
    --------
    >>> qini_coefficient(np.array([1.0, 0.0]), np.array([2.0, 1.0])).tolist()
    [0.125]
    >>> qini_coefficient(np.array([1.0, 0.0]), np.zeros(2)).tolist()
    [0.0]
    """
    w = np.ones((1, len(score))) if weights is None else np.atleast_2d(weights)
    order = np.argsort(-order_by, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(order_by[order]) != 0.0]))
    sorted_weights = w[:, order]
    rows = np.add.reduceat(sorted_weights, starts, axis=1)
    effects = np.add.reduceat(sorted_weights * score[order], starts, axis=1)
    total = rows.sum(1, keepdims=True)
    middle = (np.cumsum(rows, axis=1) - rows / 2.0) / total
    return np.asarray((effects * (0.5 - middle)).sum(1) / total[:, 0], dtype=float)
