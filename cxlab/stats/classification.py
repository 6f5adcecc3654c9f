"""How good a probability is: log-loss, Brier, AUC, calibration and lift, weighted and vectorised."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: One weight per row (n,), or one row of weights per replicate (b, n); None weighs every row with 1.
Weights = FloatArray | None

# A probability of exactly 0 or 1 has an infinite log-loss; this bound is far below any forecast.
SMALLEST: Final = 1e-15


def log_loss(observed: FloatArray, probability: FloatArray, *, weights: Weights = None) -> FloatArray:
    """Mean negative log-likelihood of two-class outcomes.

    ``-sum_i w_i (y_i log p_i + (1 - y_i) log(1 - p_i)) / sum_i w_i``; 0 is perfect, 0.693 is a coin.

    Parameters
    ----------
    observed, probability
        Outcomes 0 or 1 and forecasts in 0..1, both (n,).
    weights
        (n,) or (b, n); see :data:`Weights`.

    Returns
    -------
    (b,) one value per row of weights; (1,) without weights or with (n,).

    Raises
    ------
    ValueError
        If shapes differ, outcomes are not 0 or 1, or forecasts leave 0..1.

    Notes
    -----
    A proper score: its expectation is best at the true probabilities.

    References
    ----------
    Gneiting and Raftery (2007), Strictly proper scoring rules, prediction, and estimation.

    Examples
    --------
    >>> round(float(log_loss(np.array([1.0, 0.0]), np.array([0.8, 0.4]))[0]), 4)
    0.367
    """
    y, p, w = checked_forecast(observed, probability, weights)
    return _mean(w, row_log_loss(y, p))


def row_log_loss(observed: FloatArray, probability: FloatArray) -> FloatArray:
    """The log-loss of every row, (n,).

    >>> row_log_loss(np.array([1.0]), np.array([0.5])).round(4).tolist()
    [0.6931]
    """
    p = np.clip(probability, SMALLEST, 1.0 - SMALLEST)
    return np.asarray(-(observed * np.log(p) + (1.0 - observed) * np.log1p(-p)), dtype=float)


def brier_score(observed: FloatArray, probability: FloatArray, *, weights: Weights = None) -> FloatArray:
    """Mean squared distance of forecast and outcome, ``sum w (p - y)^2 / sum w``; 0 best, 1 worst.

    Parameters, shapes and errors as in :func:`log_loss`. A proper score.

    References
    ----------
    Brier (1950), Verification of forecasts expressed in terms of probability.

    Examples
    --------
    >>> float(brier_score(np.array([1.0, 0.0]), np.array([0.5, 0.5]))[0])
    0.25
    """
    y, p, w = checked_forecast(observed, probability, weights)
    return _mean(w, (p - y) ** 2)


def area_under_curve(observed: FloatArray, score: FloatArray, *, weights: Weights = None) -> FloatArray:
    """Chance that a random event scores above a random non-event, equal scores counting one half.

    ``sum_ij w_i w_j [s_i > s_j] + [s_i = s_j] / 2`` over events i and non-events j, divided by the
    product of their weights; 1 best, 0.5 no ranking. One sort, then cumulative sums.

    Parameters
    ----------
    observed, score
        Outcomes 0 or 1 and any finite score, both (n,).
    weights
        (n,) or (b, n); see :data:`Weights`.

    Returns
    -------
    (b,); nan where a row of weights leaves no event or no non-event.

    Raises
    ------
    ValueError
        If shapes differ or outcomes are not 0 or 1.

    References
    ----------
    Hanley and McNeil (1982), The meaning and use of the area under a ROC curve.

    Examples
    --------
    >>> y, s = np.array([0.0, 1.0, 0.0, 1.0]), np.array([0.1, 0.5, 0.5, 0.9])
    >>> float(area_under_curve(y, s)[0])
    0.875
    """
    y, s, w = checked_forecast(observed, score, weights, unit=False)
    events, others = sums_by_score(y, s, w, descending=False)
    below = np.cumsum(others, axis=1) - others / 2.0
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((events * below).sum(1) / (events.sum(1) * others.sum(1)), dtype=float)


def top_share_lift(
    observed: FloatArray, score: FloatArray, *, share: float = 0.1, weights: Weights = None
) -> FloatArray:
    """Event rate among the highest-scored ``share`` of rows, divided by the rate among all.

    1 is no gain, ``1 / share`` the most. Rows tied at the border count with the fraction of the tie
    that still fits, which is the mean over all orders of the tie.

    Parameters as in :func:`area_under_curve`; ``share`` in 0..1.

    Returns
    -------
    (b,); nan where a row of weights leaves no event.

    Raises
    ------
    ValueError
        As :func:`area_under_curve`, and if ``share`` is not strictly between 0 and 1.

    Examples
    --------
    >>> y = np.array([1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 0.0])
    >>> float(top_share_lift(y, np.arange(10.0)[::-1])[0])
    5.0
    >>> float(top_share_lift(y, np.ones(10))[0])
    1.0
    """
    if not 0.0 < share < 1.0:
        raise ValueError(f"share must lie strictly between 0 and 1, got {share!r}")
    y, s, w = checked_forecast(observed, score, weights, unit=False)
    events, others = sums_by_score(y, s, w, descending=True)
    rows = events + others
    room = share * rows.sum(1, keepdims=True) - (np.cumsum(rows, axis=1) - rows)
    with np.errstate(invalid="ignore", divide="ignore"):
        part = np.where(rows > 0.0, np.clip(room / rows, 0.0, 1.0), 0.0)
        return np.asarray((events * part).sum(1) / events.sum(1) / share, dtype=float)


def calibration_bins(probability: FloatArray, *, bins: int = 10) -> NDArray[np.int64]:
    """Bin numbers (n,) of forecasts cut at their quantiles; equal forecasts share a bin.

    Examples
    --------
    >>> calibration_bins(np.array([0.1, 0.2, 0.3, 0.4]), bins=2).tolist()
    [0, 0, 1, 1]
    """
    inner = np.quantile(probability, np.linspace(0.0, 1.0, bins + 1)[1:-1])
    numbers = np.searchsorted(np.unique(inner), probability, side="right")
    return np.unique(numbers, return_inverse=True)[1].astype(np.int64)


def expected_calibration_error(
    observed: FloatArray, probability: FloatArray, *, bins: int = 10, weights: Weights = None
) -> FloatArray:
    """Mean distance of forecast and event rate over bins, ``sum_b |sum_b w (y - p)| / sum w``; 0 best.

    Bins are cut once at the quantiles of all rows. Noise makes it positive even for true probabilities,
    by about ``0.8 sqrt(bins p (1 - p) / n)``: read it with its interval and beside the slope.

    Parameters as in :func:`log_loss`; ``bins`` 1 or more. Returns (b,).

    Examples
    --------
    >>> y, p = np.array([0.0, 0.0, 1.0, 1.0]), np.array([0.1, 0.1, 0.8, 0.8])
    >>> round(float(expected_calibration_error(y, p, bins=2)[0]), 3)
    0.15
    """
    y, p, w = checked_forecast(observed, probability, weights)
    number = calibration_bins(p, bins=bins)
    order = np.argsort(number, kind="stable")
    starts = np.flatnonzero(np.diff(number[order], prepend=-1))
    gaps = np.add.reduceat((w * (y - p))[:, order], starts, axis=1)
    return np.asarray(np.abs(gaps).sum(1) / w.sum(1), dtype=float)


def calibration_line(
    observed: FloatArray, probability: FloatArray, *, weights: Weights = None, steps: int = 25
) -> FloatArray:
    """Intercept and slope of the logistic regression of outcomes on the logit of their forecasts.

    ``logit P(y = 1) = a + b logit p``; calibrated forecasts have ``a = 0, b = 1``. A slope below 1 means
    forecasts too extreme (overfitted), above 1 too timid. Newton's method from the unweighted solution.

    Parameters as in :func:`log_loss`; ``steps`` is the most Newton steps.

    Returns
    -------
    (b, 2) intercept and slope; nan where the forecasts do not vary, one class is missing or the classes are
    separated.

    References
    ----------
    Cox (1958), Two further applications of a model for binary regression.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> logit = rng.normal(size=20_000)
    >>> y = (rng.random(20_000) < 1 / (1 + np.exp(-logit))).astype(float)
    >>> timid = 1 / (1 + np.exp(-logit / 2))
    >>> float(calibration_line(y, timid)[0, 1].round(1))
    2.0
    """
    y, p, w = checked_forecast(observed, probability, weights)
    p = np.clip(p, SMALLEST, 1.0 - SMALLEST)
    x = np.log(p) - np.log1p(-p)
    if np.ptp(x) < 1e-9 or y.min() == y.max():
        return np.full((len(w), 2), np.nan)
    start = np.array([0.0, 1.0])
    if len(w) > 1:
        whole = _newton_line(y, x, np.ones((1, len(y))), start, steps)[0]
        start = whole if np.isfinite(whole).all() else start
    return _newton_line(y, x, w, start, steps)


def _newton_line(y: FloatArray, x: FloatArray, w: FloatArray, start: FloatArray, steps: int) -> FloatArray:
    """Weighted two-parameter logistic fits, all rows of ``w`` at once; nan where one does not converge."""
    line = np.tile(start, (len(w), 1))
    done = np.zeros(len(w), dtype=bool)
    for _ in range(steps):
        active = np.flatnonzero(~done)
        a, b = line[active, 0], line[active, 1]
        mean = 1.0 / (1.0 + np.exp(-np.clip(a[:, None] + b[:, None] * x, -50.0, 50.0)))
        rest = w[active] * (y - mean)
        curve = w[active] * mean * (1.0 - mean)
        g0, g1 = rest.sum(1), rest @ x
        h00, h01, h11 = curve.sum(1), curve @ x, curve @ x**2
        with np.errstate(invalid="ignore", divide="ignore"):
            det = h00 * h11 - h01**2
            step = np.column_stack([(h11 * g0 - h01 * g1) / det, (h00 * g1 - h01 * g0) / det])
        # A separated sample walks off to infinity: short steps keep it finite until it is given up.
        size = np.abs(step).max(1)
        line[active] += step * np.minimum(1.0, 5.0 / np.maximum(size, 1e-300))[:, None]
        done[active] = (size < 1e-7) | ~np.isfinite(size)
        if done.all():
            break
    line[~done | ~np.isfinite(line).all(1) | (np.abs(line).max(1) > 1e3)] = np.nan
    return line


def gains_curve(observed: FloatArray, score: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Share of rows taken from the top (m,) and share of events found among them (m,), both from 0 to 1.

    Tied scores are taken together, as one straight piece.

    Examples
    --------
    >>> rows, events = gains_curve(np.array([1.0, 0.0, 1.0, 0.0]), np.array([4.0, 3.0, 2.0, 2.0]))
    >>> rows.tolist(), events.tolist()
    ([0.0, 0.25, 0.5, 1.0], [0.0, 0.5, 0.5, 1.0])
    """
    y, s, w = checked_forecast(observed, score, None, unit=False)
    events, others = sums_by_score(y, s, w, descending=True)
    rows = np.cumsum(events + others, axis=1)[0] / len(y)
    found = np.cumsum(events, axis=1)[0] / max(float(events.sum()), SMALLEST)
    return np.concatenate([[0.0], rows]), np.concatenate([[0.0], found])


def sums_by_score(
    y: FloatArray, s: FloatArray, w: FloatArray, *, descending: bool
) -> tuple[FloatArray, FloatArray]:
    """Weights of events and of non-events per distinct score, (b, groups), in the order of the score."""
    order = np.argsort(-s if descending else s, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(s[order]) != 0.0]))
    sorted_weights = w[:, order]
    rows = np.add.reduceat(sorted_weights, starts, axis=1)
    events = np.add.reduceat(sorted_weights * y[order], starts, axis=1)
    return events, rows - events


def _mean(w: FloatArray, values: FloatArray) -> FloatArray:
    return np.asarray(w @ values / w.sum(1), dtype=float)


def checked_forecast(
    observed: FloatArray, score: FloatArray, weights: Weights, *, unit: bool = True
) -> tuple[FloatArray, FloatArray, FloatArray]:
    y, s = np.asarray(observed, dtype=float), np.asarray(score, dtype=float)
    if y.ndim != 1 or y.shape != s.shape or not len(y):
        raise ValueError(f"observed and forecast must be (n,) with n >= 1, got {y.shape} and {s.shape}")
    if not np.isin(y, (0.0, 1.0)).all():
        raise ValueError("observed must hold 0 and 1 only")
    if not np.isfinite(s).all() or (unit and (s.min() < 0.0 or s.max() > 1.0)):
        raise ValueError("forecasts must be finite" + (" and lie in 0..1" if unit else ""))
    w = np.ones((1, len(y))) if weights is None else np.atleast_2d(np.asarray(weights, dtype=float))
    if w.ndim != 2 or w.shape[1] != len(y) or w.min() < 0.0:
        raise ValueError(f"weights must be (n,) or (b, n) and not negative, got {w.shape} for n = {len(y)}")
    return y, s, w
