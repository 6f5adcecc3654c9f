"""Confidence sets of a ratio of two estimates after Fieller, which may be unbounded, and say so."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

Shape = Literal["interval", "two rays", "whole line"]


@dataclass(frozen=True, kw_only=True)
class FiellerSet:
    """The set of ratios that the data do not reject.

    ``shape`` is ``interval`` (``low .. high``), ``two rays`` (everything except ``low .. high``) or
    ``whole line`` (nothing is rejected; ``low`` and ``high`` are infinite).
    """

    shape: Shape
    low: float
    high: float

    @property
    def bounded(self) -> bool:
        """Whether the set is a finite interval."""
        return self.shape == "interval"

    def contains(self, ratio: float) -> bool:
        """Whether ``ratio`` is in the set."""
        inside = self.low <= ratio <= self.high
        return not inside if self.shape == "two rays" else inside


def fieller_set(
    numerator: float,
    denominator: float,
    *,
    variance_numerator: float,
    variance_denominator: float,
    covariance: float,
    critical: float,
) -> FiellerSet:
    """All ratios ``r`` with ``|numerator - r * denominator| <= critical * standard error``.

    ``(n - r d)^2 <= c^2 (v_nn - 2 r v_nd + r^2 v_dd)``, a quadratic inequality in ``r``.

    Parameters
    ----------
    numerator, denominator
        The two estimates.
    variance_numerator, variance_denominator, covariance
        Their joint covariance.
    critical
        Quantile of the normal or t distribution, such as 1.96.

    Returns
    -------
    FiellerSet
        A bounded interval exactly when the denominator differs from zero at this level.

    Raises
    ------
    ValueError
        If a variance or ``critical`` is not positive.

    Notes
    -----
    Assumption: the two estimates are jointly normal; nothing is assumed about their ratio, which may
    have no mean. An unbounded set is an answer ("the denominator may be zero"), not a failure.

    References
    ----------
    Fieller, E. C. (1954). Some problems in interval estimation. JRSS B 16, 175-185.

    Examples
    --------
    >>> found = fieller_set(
    ...     1.0, 0.1, variance_numerator=0.01, variance_denominator=0.0001, covariance=0.0, critical=1.96
    ... )
    >>> found.shape, round(found.low, 2), round(found.high, 2)
    ('interval', 7.54, 13.25)
    """
    if not (variance_numerator > 0 and variance_denominator > 0 and critical > 0):
        raise ValueError("variances and the critical value must be positive")
    return _solve(
        numerator, denominator, (variance_numerator, variance_denominator, covariance), critical * critical
    )


def _solve(n: float, d: float, covariance: tuple[float, float, float], c2: float) -> FiellerSet:
    """The quadratic inequality ``a r^2 - 2 half_b r + c <= 0``."""
    v_nn, v_dd, v_nd = covariance
    a, half_b, c = d**2 - c2 * v_dd, n * d - c2 * v_nd, n**2 - c2 * v_nn
    # half_b^2 - a c over c2, written without subtracting the equal and large n^2 d^2.
    spread = n**2 * v_dd - 2.0 * n * d * v_nd + d**2 * v_nn - c2 * (v_nn * v_dd - v_nd**2)
    if a == 0 or spread < 0 or (a < 0 and spread == 0):
        return FiellerSet(shape="whole line", low=-np.inf, high=np.inf)
    low, high = _roots(a, half_b, c, float(np.sqrt(c2 * spread)))
    return FiellerSet(shape="interval" if a > 0 else "two rays", low=low, high=high)


def _roots(a: float, half_b: float, c: float, root: float) -> tuple[float, float]:
    """Both roots of ``a r^2 - 2 half_b r + c``, the smaller first, without cancellation."""
    q = half_b + (root if half_b >= 0 else -root)
    first = q / a
    second = c / q if q != 0 else first
    return min(first, second), max(first, second)
