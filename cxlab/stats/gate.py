"""The gate of a probability: is it calibrated on rows it has not seen, and if not, which map repairs it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.classification import calibration_line, log_loss, row_log_loss

FloatArray = NDArray[np.float64]
Method = Literal["none", "sigmoid", "isotonic"]

#: A calibration slope in this range passes without any map.
SLOPE_RANGE: Final = (0.9, 1.1)
#: The steps of an isotonic map are learned only from more events than this.
ISOTONIC_EVENTS: Final = 1000
#: With fewer rows of the rarer class neither the slope nor a choice between recipes can be judged.
LEAST_EVENTS: Final = 30
_FOLDS: Final = 5


@dataclass(frozen=True, kw_only=True, eq=False)
class Gate:
    """What held-out logits said, and the map from logit to logit that follows from it.

    Attributes
    ----------
    method
        ``none``, ``sigmoid`` (``a + b logit``) or ``isotonic`` (a rising step function of the logit).
    slope, slope_error
        Calibration slope of the held-out logits before any map, and its standard error; nan if unknown.
    expected_slope
        The slope that a fit to all rows would have, see :func:`calibration_gate`; the map mends this one.
    events
        Held-out rows of the rarer class.
    reason
        Why this method, in words.
    line
        (a, b) of the sigmoid map; (0, 1) otherwise.
    steps
        Logits and their mapped logits, (2, m), of the isotonic map; None otherwise.
    """

    method: Method
    slope: float
    slope_error: float
    events: int
    reason: str
    expected_slope: float = float("nan")
    line: tuple[float, float] = (0.0, 1.0)
    steps: FloatArray | None = None

    def apply(self, logit: FloatArray) -> FloatArray:
        """Mapped logits (n,); the order of rows is kept (isotonic: ties may arise)."""
        if self.steps is not None:
            return np.asarray(np.interp(logit, self.steps[0], self.steps[1]), dtype=float)
        return np.asarray(self.line[0] + self.line[1] * logit, dtype=float)


def calibration_gate(
    observed: FloatArray, logit: FloatArray, *, method: str = "auto", training_share: float = 1.0
) -> Gate:
    r"""Decide from held-out rows whether a logit needs a map, and learn the map.

    With the calibration line :math:`\operatorname{logit} P(y = 1) = a + b\,\ell`: no map if b lies in
    0.9..1.1, or if its 95 % interval holds 1 (the sample cannot tell); else a sigmoid map; isotonic in its
    place only with more than 1,000 events and if its cross-fitted log-loss is lower by more than one
    standard error.

    Parameters
    ----------
    observed, logit
        Outcomes 0 or 1 and held-out logits, (n,).
    method
        ``auto`` for the rule; ``none``, ``sigmoid`` or ``isotonic`` to force one.
    training_share
        Rows that trained the held-out forecasts over those of the fit the map is for, 0..1. Overfitting
        takes from a slope as 1 / n: a slope b below 1 is read as ``1 - training_share (1 - b)``.

    Raises
    ------
    ValueError
        For another method, or a share outside 0..1.

    Notes
    -----
    The rows must be held out, and later rows miscalibrated as these are. Under 30 events: no map.

    References
    ----------
    Platt (1999); Zadrozny and Elkan (2002); Van Calster et al. (2019); van Houwelingen, le Cessie (1990).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(-1.5, 1.0, 5000)
    >>> y = (rng.random(5000) < 1 / (1 + np.exp(-truth))).astype(float)
    >>> calibration_gate(y, truth).method, calibration_gate(y, 2 * truth).method
    ('none', 'sigmoid')
    """
    if method not in ("auto", "none", "sigmoid", "isotonic"):
        raise ValueError(f"method must be auto, none, sigmoid or isotonic, got {method!r}")
    if not 0.0 < training_share <= 1.0:
        raise ValueError(f"training_share must lie above 0 and at most at 1, got {training_share!r}")
    events = int(min(observed.sum(), len(observed) - observed.sum()))
    slope, error = slope_and_error(observed, logit)
    share = training_share if slope < 1.0 else 1.0
    expected = 1.0 - share * (1.0 - slope)
    chosen, reason = _decide(observed, logit, method, events, expected, share * error)
    return Gate(
        method=chosen,
        slope=slope,
        slope_error=error,
        expected_slope=expected,
        events=events,
        reason=reason,
        line=_sigmoid(observed, logit, share=share) if chosen == "sigmoid" else (0.0, 1.0),
        steps=_isotonic(observed, logit) if chosen == "isotonic" else None,
    )


def _decide(
    observed: FloatArray, logit: FloatArray, method: str, events: int, slope: float, error: float
) -> tuple[Method, str]:
    """Which map, and why."""
    if method == "none":
        return "none", "no map was asked for"
    if events < LEAST_EVENTS:
        return "none", f"too few: {events} events held out, {LEAST_EVENTS} are needed"
    if not np.isfinite(slope):
        return "none", "the calibration slope of the held-out rows is not defined"
    if method == "isotonic":
        return "isotonic", "asked for"
    if method == "auto":
        if SLOPE_RANGE[0] <= slope <= SLOPE_RANGE[1]:
            return "none", "slope within 0.9 to 1.1"
        if abs(slope - 1.0) <= 1.96 * error:
            return "none", "slope outside 0.9 to 1.1, but its interval holds 1"
        if events > ISOTONIC_EVENTS and _isotonic_wins(observed, logit):
            return "isotonic", "bent beyond a line"
    return "sigmoid", f"forecasts {'too extreme' if slope < 1.0 else 'too timid'}"


def slope_and_error(observed: FloatArray, logit: FloatArray) -> tuple[float, float]:
    """Calibration slope of logits and its standard error from the Fisher information; nan if undefined."""
    a, b = _line(observed, logit)
    if not np.isfinite(b):
        return float("nan"), float("nan")
    p = _probability(a + b * logit)
    weight = p * (1.0 - p)
    mean = float(weight @ logit / weight.sum())
    return b, float(1.0 / np.sqrt(weight @ (logit - mean) ** 2))


def _line(observed: FloatArray, logit: FloatArray) -> tuple[float, float]:
    """Intercept and slope of the outcomes on the logit, which may be wildly too extreme."""
    spread = float(np.std(logit))
    if spread <= 0.0:
        return float("nan"), float("nan")
    middle = float(np.mean(logit))
    a, b = calibration_line(observed, _probability((logit - middle) / spread))[0]
    return float(a - b * middle / spread), float(b / spread)


def _probability(logit: FloatArray) -> FloatArray:
    from scipy.special import expit

    return np.asarray(expit(logit), dtype=float)


def _sigmoid(observed: FloatArray, logit: FloatArray, *, share: float = 1.0) -> tuple[float, float]:
    """The line of the held-out rows; with ``share`` below 1 only that part of its slope's shortfall."""
    a, b = _line(observed, logit)
    # A line that falls would turn the ranking round: such a forecast is worse than none, and stays visible.
    if not (np.isfinite(b) and b > 0.0):
        return 0.0, 1.0
    if share == 1.0:
        return a, b
    slope = 1.0 - share * (1.0 - b)
    return _level(observed, slope * logit), slope


def _level(observed: FloatArray, logit: FloatArray) -> float:
    """The constant that makes the mean probability of ``constant + logit`` the observed share."""
    from scipy.optimize import brentq

    reach = float(np.abs(logit).max()) + 40.0
    share = float(observed.mean())
    return float(brentq(lambda a: float(_probability(a + logit).mean()) - share, -reach, reach))


def _isotonic(observed: FloatArray, logit: FloatArray) -> FloatArray:
    """Logits and isotonic logits at the ends of its steps; shares are kept off 0 and 1."""
    from scipy.special import logit as to_logit
    from sklearn.isotonic import IsotonicRegression

    least = 1.0 / (len(observed) + 2.0)
    fitted = IsotonicRegression(y_min=least, y_max=1.0 - least).fit(logit, observed)
    return np.vstack([fitted.X_thresholds_, to_logit(fitted.y_thresholds_)])


def _isotonic_wins(observed: FloatArray, logit: FloatArray) -> bool:
    """Whether isotonic beats sigmoid by more than one standard error, on rows that neither saw."""
    fold = np.arange(len(observed)) % _FOLDS
    gain = np.empty(len(observed))
    for number in range(_FOLDS):
        held, rest = fold == number, fold != number
        a, b = _sigmoid(observed[rest], logit[rest])
        steps = _isotonic(observed[rest], logit[rest])
        bent = _probability(np.interp(logit[held], steps[0], steps[1]))
        gain[held] = row_log_loss(observed[held], _probability(a + b * logit[held]))
        gain[held] -= row_log_loss(observed[held], bent)
    return bool(gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)))


def choose_part(observed: FloatArray, logits: FloatArray) -> tuple[int | None, FloatArray]:
    """Whether one part of a logit-mean should be used alone: its number, or None for the mean.

    A part is used alone only if its held-out log-loss is lower than that of the mean of all parts by more
    than one standard error of the paired difference; the mean is the safer choice when they are close.

    Parameters
    ----------
    observed
        Held-out outcomes 0 or 1, (n,).
    logits
        Held-out logits, (n, parts).

    Returns
    -------
    part, losses
        Number or None; log-loss of each part and, last, of the mean, (parts + 1,).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> truth = rng.normal(-1.0, 1.0, 4000)
    >>> y = (rng.random(4000) < 1 / (1 + np.exp(-truth))).astype(float)
    >>> choose_part(y, np.column_stack([truth, rng.normal(0.0, 2.0, 4000)]))[0]
    0
    >>> noisy = truth[:, None] + rng.normal(0.0, 0.3, (4000, 2))
    >>> choose_part(y, noisy)[0] is None
    True
    """
    mean = logits.mean(axis=1)
    blended = row_log_loss(observed, _probability(mean))
    losses = [float(log_loss(observed, _probability(part))[0]) for part in logits.T]
    gains = [blended - row_log_loss(observed, _probability(part)) for part in logits.T]
    better = [
        place
        for place, gain in enumerate(gains)
        if gain.mean() > gain.std(ddof=1) / np.sqrt(len(gain)) and gain.mean() > 0.0
    ]
    best = min(better, key=lambda place: losses[place]) if better else None
    return best, np.array([*losses, float(blended.mean())])
