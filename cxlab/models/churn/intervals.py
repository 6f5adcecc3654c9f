"""Limits of chances, lifetimes and values from bootstrap replicates, on the scale where they are even."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def limits(
    estimate: FloatArray, draws: FloatArray, *, confidence: float, scale: str
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Standard error and normal limits on the ``logit`` or ``log`` scale from the spread of the draws.

    Parameters
    ----------
    estimate
        Shape (...,).
    draws
        Shape (B, ...).
    confidence
        0..1.
    scale
        ``logit`` for chances, ``log`` for lifetimes, values and ratios.

    Returns
    -------
    std_error, low, high
        Shape (...,); limits equal the estimate where no replicate moves it, nan where replicates have no
        value.

    Notes
    -----
    With 200 draws the spread is known to 5 %, the outer percentiles are not; so the spread is used.
    """
    from scipy.stats import norm

    z = float(norm.ppf(0.5 + confidence / 2.0))
    to, back = _SCALES[scale]
    with np.errstate(divide="ignore", invalid="ignore"):
        spread = np.std(to(draws), axis=0, ddof=1)
        low, high = back(to(estimate) - z * spread), back(to(estimate) + z * spread)
    # A chance of 0 or 1 that no replicate moves; replicates without a value leave no limits.
    flat = (draws == estimate).all(axis=0)
    low, high = np.where(flat, estimate, low), np.where(flat, estimate, high)
    return np.std(draws, axis=0, ddof=1), low, high


def logit(p: FloatArray) -> FloatArray:
    """Log odds of a chance."""
    return np.asarray(np.log(p) - np.log1p(-p))


def _expit(x: FloatArray) -> FloatArray:
    return np.asarray(1.0 / (1.0 + np.exp(-x)))


_SCALES: dict[str, tuple[Callable[[FloatArray], FloatArray], Callable[[FloatArray], FloatArray]]] = {
    "logit": (logit, _expit),
    "log": (np.log, np.exp),
}
