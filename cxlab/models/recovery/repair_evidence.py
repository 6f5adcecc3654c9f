"""What one fitted stock regression says about repair, read once, and when no number may be printed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.core.verdicts import NOT_IDENTIFIED, TOO_FEW
from cxlab.stats.stock import LN2
from cxlab.stats.stock_regression import StockFit

Floats = npt.NDArray[np.float64]

#: A ratio is printed only if the effect of positives is this many standard errors above zero.
GATE_Z = 2.58
NEVER = "no positive effect shown; never repaired cannot be excluded"
NO_FADING = "no fading seen"
FADES_FAST = "fades faster than can be measured"


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """One fit, read once: what every row of the table needs.

    ``kinds`` are the kinds of experience in the regression, in the order of its first coefficients;
    kinds that were left out for want of rows are absent.
    """

    fit: StockFit
    kinds: tuple[str, ...]
    n_customers: int
    n_seen: dict[str, int]
    claim_ratio: float
    confidence: float
    contact_days: float
    minimum: int
    outcome: str
    #: joint draws of (coefficients of ``kinds``, ln half-life), shape (draws, kinds + 1)
    draws: Floats
    #: replicates of the bootstrap of customers behind the ratios; 0 where the jackknife serves
    replicates: int
    seed: int

    def critical(self, degrees: float) -> float:
        """Two-sided t quantile."""
        from scipy.stats import t

        return float(t.ppf(0.5 + self.confidence / 2.0, degrees))

    def weights(self, **by_kind: float) -> Floats:
        """Contrast on the coefficients, by kind; 0 elsewhere."""
        weights = np.zeros(len(self.fit.coefficients))
        for kind, weight in by_kind.items():
            weights[self.kinds.index(kind)] = weight
        return weights

    def enough(self, kind: str) -> bool:
        """Whether a kind is in the regression with the minimum of experiences."""
        return kind in self.kinds and self.n_seen[kind] >= self.minimum

    @property
    def gate_z(self) -> float:
        """Effect of a positive over its standard error; minus infinity without positives."""
        if "positive" not in self.kinds:
            return -np.inf
        value, error, _ = self.fit.contrast(self.weights(positive=1.0))
        return value / error

    @property
    def gate_open(self) -> bool:
        """Whether positives lift the outcome clearly enough for a ratio."""
        return self.gate_z > GATE_Z and self.enough("positive")


def draw_joint(fit: StockFit, *, n_kinds: int, draws: int, rng: np.random.Generator) -> Floats:
    """Joint normal draws of (effects of the kinds, ln half-life), shape (draws, n_kinds + 1)."""
    size = len(fit.coefficients)
    mean = np.r_[fit.coefficients, np.log(fit.half_life)]
    drawn = rng.multivariate_normal(mean, fit.covariance, size=draws, method="eigh")
    return np.asarray(drawn[:, [*range(n_kinds), size]])


def positives_until_back(ratio: Floats, half_life: Floats, *, every_days: float) -> Floats:
    """Positives in a row, one every ``every_days``, until the level before one negative is reached.

    ``n = ln(1 + R (1 - exp(-lam g))) / (lam g)``, ``lam = ln 2 / half_life``; 0 for ``R <= 0``.
    Fading is part of it, so it is smaller than R and tends to R for an endless memory.

    >>> positives_until_back(np.array([10.0]), np.array([180.0]), every_days=30.0).round(2).tolist()
    [6.39]
    """
    fade = LN2 / half_life * every_days
    return np.asarray(np.log1p(np.maximum(ratio, 0.0) * -np.expm1(-fade)) / fade)


def withheld(evidence: Evidence, kind: str) -> tuple[str, str] | None:
    """Verdict and reason if no number about repairing this kind may be printed, else None."""
    for needed in (kind, "positive"):
        if not evidence.enough(needed):
            seen = evidence.n_seen[needed]
            what = needed.replace("_", ", ")
            return TOO_FEW, f"{seen} experiences ({what}) that an answer can see, {evidence.minimum} needed"
    if not evidence.gate_open:
        return NOT_IDENTIFIED, NEVER
    if evidence.fit.bound == "shortest":
        return NOT_IDENTIFIED, FADES_FAST
    return None
