"""How strong an unmeasured cause would have to be: E-values, bias bounds, and both for measured ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxlab.stats.doubly_robust import CrossFit, arm_contrast
from cxlab.stats.multinomial import Floats


def e_value(ratio: float) -> float:
    """``RR + sqrt(RR (RR - 1))`` with RR = max(ratio, 1 / ratio): 1 is no effect, larger is harder to undo.

    An unmeasured cause would have to go with both the arm and the outcome by at least this risk ratio,
    beyond what was measured, to explain the whole effect. It is not a probability of being right.

    References
    ----------
    VanderWeele and Ding (2017), Annals of Internal Medicine 167.

    Examples
    --------
    >>> round(e_value(3.9), 2), e_value(1.0)
    (7.26, 1.0)
    """
    risk = max(ratio, 1.0 / ratio)
    return float(risk + np.sqrt(risk * (risk - 1.0)))


def ratio_of_difference(difference: float, deviation: float) -> float:
    """The risk ratio ``exp(0.91 d / sd)`` for a difference of means (VanderWeele and Ding 2017).

    >>> round(ratio_of_difference(0.5, 1.0), 2)
    1.58
    """
    return float(np.exp(0.91 * difference / deviation))


@dataclass(frozen=True, kw_only=True)
class Sensitivity:
    """Bounds of one contrast under an unmeasured cause.

    ``scale`` is the largest bias per unit of ``sqrt(cf_y cf_d / (1 - cf_d))``; ``robustness`` the strength
    ``cf_y = cf_d`` at which the estimate could be 0, ``robustness_limit`` at which its interval reaches 0.
    """

    scale: float
    robustness: float
    robustness_limit: float

    def bias(self, cf_outcome: float, cf_arm: float) -> float:
        """Largest bias of a cause that explains these shares of what is left of outcome and arm."""
        return float(self.scale * np.sqrt(cf_outcome * cf_arm / (1.0 - cf_arm)))


def sensitivity_of(fit: CrossFit, arm: int, base: int, *, critical: float) -> Sensitivity:
    r"""Bound of the bias of a contrast under a cause that was not measured.

    .. math:: |bias| \le S \sqrt{cf_y \, cf_d / (1 - cf_d)}, \quad S^2 = E[(Y - m)^2] \, E[\alpha^2]

    with alpha = 1[A = a] / e_a - 1[A = b] / e_b, ``cf_y`` the share of the outcome's remaining variance
    that the cause explains and ``cf_d`` the share it adds to the variance of alpha.

    Notes
    -----
    Source: Chernozhukov, Cinelli, Newey, Sharma and Syrgkanis (2022), Long story short: omitted variable
    bias in causal machine learning, NBER 30302; the form is that of DoubleML.
    """
    found = arm_contrast(fit, arm, base)
    scale = float(np.sqrt(np.median(_noise(fit)) * np.median(_leverage(fit, arm, base))))
    nearer = max(abs(found.estimate) - critical * found.std_error, 0.0)
    return Sensitivity(
        scale=scale,
        robustness=_robustness(abs(found.estimate) / scale),
        robustness_limit=_robustness(nearer / scale),
    )


def _noise(fit: CrossFit) -> Floats:
    """(S,) mean squared distance of the observed outcomes from their expectation."""
    rows, seen = np.arange(len(fit.arm)), np.isfinite(fit.outcome)
    gap = fit.outcome[seen] - fit.expected[:, rows[seen], fit.arm[seen]]
    return np.asarray((gap**2).mean(axis=1))


def _leverage(fit: CrossFit, arm: int, base: int) -> Floats:
    """(S,) mean of alpha squared, as ``E[2 (1/e_a + 1/e_b) - alpha^2]``, which errors of e hardly move."""
    inverse = 1.0 / fit.chance[:, :, [arm, base]]
    own = np.isin(fit.arm, [arm, base]) / fit.own_chance
    return np.asarray(np.maximum((2.0 * inverse.sum(axis=2) - own**2).mean(axis=1), 1e-12))


def _robustness(ratio: float) -> float:
    square = ratio**2
    return float((np.sqrt(square**2 + 4.0 * square) - square) / 2.0)


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """What leaving out one measured cause would have done, to compare an unmeasured one with.

    ``moved`` is the change of the contrast without it, ``cf_outcome`` and ``cf_arm`` its strength on the
    scale of :class:`Sensitivity`.
    """

    moved: float
    cf_outcome: float
    cf_arm: float


def benchmark_cause(whole: CrossFit, without: CrossFit, arm: int, base: int) -> Benchmark:
    """The strength of a measured cause, from a fit with and one without it."""
    long, short = float(np.median(_noise(whole))), float(np.median(_noise(without)))
    wide = float(np.median(_leverage(whole, arm, base)))
    narrow = float(np.median(_leverage(without, arm, base)))
    return Benchmark(
        moved=arm_contrast(without, arm, base).estimate - arm_contrast(whole, arm, base).estimate,
        cf_outcome=float(np.clip((short - long) / short, 0.0, 0.99)),
        cf_arm=float(np.clip((wide - narrow) / wide, 0.0, 0.99)),
    )
