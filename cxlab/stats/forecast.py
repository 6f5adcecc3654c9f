"""Intervals for the measures of a forecast: a bootstrap over clusters, all measures on equal draws."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.classification import (
    FloatArray,
    Weights,
    area_under_curve,
    brier_score,
    calibration_line,
    expected_calibration_error,
    log_loss,
    top_share_lift,
)

#: The measures of :func:`forecast_measures`, in the order of its columns.
MEASURES: Final = (
    "log_loss",
    "log_loss_gain",
    "auc",
    "brier",
    "calibration_slope",
    "calibration_intercept",
    "expected_calibration_error",
    "top_decile_lift",
    "mean_predicted",
    "observed_share",
    "predicted_to_observed",
)
#: The value each measure takes for a useless (gain, auc) or a calibrated (slope ...) forecast.
NULL_VALUES: Final = {
    "log_loss_gain": 0.0,
    "auc": 0.5,
    "calibration_slope": 1.0,
    "calibration_intercept": 0.0,
    "predicted_to_observed": 1.0,
}
# Scales on which the sampling distribution is closer to normal and the limits stay inside the range.
_LOGIT_SCALE: Final = ("auc", "mean_predicted", "observed_share")
_LOG_SCALE: Final = ("top_decile_lift", "predicted_to_observed")
# Measures that are sums of outcome times forecast: exchanged training noise enters these twice.
_OF_BOTH: Final = ("log_loss_gain", "auc", "calibration_slope", "top_decile_lift")
# Bounds the memory of one block of weights: 1.5 million numbers, 12 MB, a few times over.
_BLOCK: Final = 1_500_000


def forecast_measures(
    observed: FloatArray, probability: FloatArray, *, reference: FloatArray, weights: Weights = None
) -> FloatArray:
    """All :data:`MEASURES` of one forecast.

    Parameters
    ----------
    observed, probability
        Outcomes 0 or 1 and forecasts, (n,).
    reference
        The forecast to beat, (n,): usually the event share of the training rows. ``log_loss_gain`` is
        its log-loss minus that of ``probability``.
    weights
        (n,) or (b, n).

    Returns
    -------
    (b, 11), columns as :data:`MEASURES`; nan where a measure is not defined (one class only).

    Raises
    ------
    ValueError
        As :func:`cxlab.stats.classification.log_loss`.

    Examples
    --------
    >>> y, p = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.2, 0.7, 0.4, 0.6])
    >>> found = forecast_measures(y, p, reference=np.full(4, 0.5))
    >>> dict(zip(MEASURES, found[0].round(3).tolist(), strict=True))["auc"]
    1.0
    """
    loss = log_loss(observed, probability, weights=weights)
    line = calibration_line(observed, probability, weights=weights)
    rows = np.ones((1, len(observed))) if weights is None else np.atleast_2d(weights)
    total = rows.sum(1)
    mean, share = rows @ probability / total, rows @ observed / total
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.where(share > 0.0, mean / share, np.nan)
    return np.column_stack(
        [
            loss,
            log_loss(observed, reference, weights=weights) - loss,
            area_under_curve(observed, probability, weights=weights),
            brier_score(observed, probability, weights=weights),
            line[:, 1],
            line[:, 0],
            expected_calibration_error(observed, probability, weights=weights),
            top_share_lift(observed, probability, share=0.1, weights=weights),
            mean,
            share,
            ratio,
        ]
    )


def cluster_weights(
    clusters: NDArray[np.generic], *, replicates: int, rng: np.random.Generator
) -> Iterator[FloatArray]:
    """Bootstrap weights that draw whole clusters with replacement, in blocks of replicates.

    Parameters
    ----------
    clusters
        A label per row, (n,): rows of one label are drawn together.
    replicates
        Draws in all, 1 or more.
    rng
        Where the draws come from.

    Yields
    ------
    (b, n) counts; the blocks add up to ``replicates`` rows and depend on nothing but ``rng``.

    Examples
    --------
    >>> blocks = cluster_weights(np.array(["a", "a", "b"]), replicates=5, rng=np.random.default_rng(0))
    >>> draws = np.vstack(list(blocks))
    >>> draws.shape, bool((draws[:, 0] == draws[:, 1]).all())
    ((5, 3), True)
    """
    labels, codes = np.unique(clusters, return_inverse=True)
    size = max(1, _BLOCK // len(codes))
    for start in range(0, replicates, size):
        block = min(size, replicates - start)
        drawn = rng.integers(0, len(labels), size=(block, len(labels)))
        drawn += np.arange(block)[:, None] * len(labels)
        counts = np.bincount(drawn.ravel(), minlength=block * len(labels)).reshape(block, -1)
        yield counts[:, codes].astype(float)


def bootstrap_measures(
    observed: FloatArray,
    probability: FloatArray,
    *,
    reference: FloatArray,
    clusters: NDArray[np.generic],
    replicates: int,
    rng: np.random.Generator,
) -> FloatArray:
    """:func:`forecast_measures` under ``replicates`` cluster draws, (replicates, 11).

    The forecasts are kept as they are: the spread is that of other samples of clusters scored by this
    model, not of a refitted model.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> p = rng.random(200)
    >>> y = (rng.random(200) < p).astype(float)
    >>> ids = np.arange(200)
    >>> draws = bootstrap_measures(
    ...     y, p, reference=np.full(200, 0.5), clusters=ids, replicates=50, rng=rng
    ... )
    >>> draws.shape
    (50, 11)
    """
    return np.vstack(
        [
            forecast_measures(observed, probability, reference=reference, weights=block)
            for block in cluster_weights(clusters, replicates=replicates, rng=rng)
        ]
    )


def training_noise(logits: FloatArray, fold: NDArray[np.int64]) -> float:
    r"""Share of the spread of cross-validated forecasts that is noise of their training rows, 0..1.

    With models :math:`f_1..f_K`, each trained without fold k, a row was in the training of all but one.
    Two of these differ by the rows of two folds, so the variance between them, times K - 1, is the variance
    that the draw of training rows gives to a forecast (the delete-a-group jackknife). It is divided by the
    variance of the held-out forecasts.

    Parameters
    ----------
    logits
        What each model says of every row, (K, n), K at least 3; two models differ by noise that cannot be
        told from their own folds, then 1 is returned.
    fold
        The fold of each row, (n,), numbered from 0: the model that did not see it.

    Notes
    -----
    Why it matters: in k folds row i is judged by a model that saw j, and j by one that saw i. A pattern
    that the sample shows by chance is learned from one and confirmed on the other, so the noise part of a
    measure is counted twice: its variance is ``1 + share`` times what the fixed models show. Where nothing
    predicts the share is 1 and intervals grow by the square root of 2. Time-ordered folds do not exchange.
    See Bengio and Grandvalet (2004), JMLR 5, 1089-1105, on why folds are not independent.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> fold = np.arange(1000) % 5
    >>> truth = rng.normal(size=1000)
    >>> alike = truth + np.zeros((5, 1))
    >>> training_noise(alike, fold), training_noise(rng.normal(size=(5, 1000)), fold)
    (0.0, 1.0)
    """
    models, rows = logits.shape
    if models < 3:
        return 1.0
    centred = logits - logits.mean(axis=1, keepdims=True)
    held = centred[fold, np.arange(rows)]
    spread = float(np.var(held - (np.bincount(fold, held) / np.bincount(fold))[fold]))
    if spread == 0.0:
        return 0.0
    others = centred.sum(axis=0) - held
    between = ((centred**2).sum(axis=0) - held**2 - others**2 / (models - 1)) / (models - 2)
    return float(min(1.0, (models - 1) * max(float(between.mean()), 0.0) / spread))


def measure_interval(
    measure: str, estimate: float, draws: FloatArray, *, confidence: float, noise: float = 0.0
) -> tuple[float, float, float, float]:
    """Standard error, lower and upper limit, and p-value of one measure from its bootstrap draws.

    Normal limits ``estimate -+ z se``, on the logit scale for AUC and shares and the log scale for
    ratios. The calibration error has the basic limits ``2 estimate - quantiles``, which remove the
    upward push of noise, cut at 0 and widened to hold the estimate; they still cover too rarely (0.82 of
    1,000 runs where the other measures have 0.936 to 0.964), so rest no claim on them.

    Parameters
    ----------
    measure
        One of :data:`MEASURES`.
    estimate, draws
        Its value on the sample and on the draws, (b,); draws that are not finite are left out.
    confidence
        Strictly between 0 and 1.
    noise
        Share from :func:`training_noise` where models and judged rows were exchanged, 0..1: the standard
        errors of gain, AUC, slope and lift grow by the square root of ``1 + noise``.

    Returns
    -------
    std_error, conf_low, conf_high, p_value; the p-value is two-sided against :data:`NULL_VALUES` and
    nan for measures without one. All nan if fewer than nine tenths of the draws are finite.

    Examples
    --------
    >>> draws = np.random.default_rng(0).normal(0.8, 0.02, size=500)
    >>> [round(x, 2) for x in measure_interval("auc", 0.8, draws, confidence=0.95)]
    [0.02, 0.76, 0.84, 0.0]
    """
    from scipy.stats import norm

    usable = draws[np.isfinite(draws)]
    if not np.isfinite(estimate) or len(usable) < max(2, 0.9 * len(draws)):
        return np.nan, np.nan, np.nan, np.nan
    error = float(np.std(usable, ddof=1))
    if measure in _OF_BOTH:
        error *= float(np.sqrt(1.0 + noise))
    z = float(norm.ppf(0.5 + confidence / 2.0))
    null = NULL_VALUES.get(measure)
    p_value = np.nan if null is None or error == 0.0 else float(2.0 * norm.sf(abs(estimate - null) / error))
    if measure == "expected_calibration_error":
        outer = np.quantile(usable, [0.5 + confidence / 2.0, 0.5 - confidence / 2.0])
        low, high = 2.0 * estimate - outer
        return error, max(0.0, min(low, estimate)), max(high, estimate), p_value
    if measure in _LOGIT_SCALE and 0.0 < estimate < 1.0:
        width = z * error / (estimate * (1.0 - estimate))
        odds = estimate / (1.0 - estimate) * np.exp(np.array([-width, width]))
        low, high = odds / (1.0 + odds)
    elif measure in _LOG_SCALE and estimate > 0.0:
        low, high = estimate * np.exp(np.array([-1.0, 1.0]) * z * error / estimate)
    else:
        low, high = estimate - z * error, estimate + z * error
    return error, float(low), float(high), p_value
