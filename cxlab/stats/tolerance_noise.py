"""A zone of tolerance seen through noise in the gap: how much noise the data show, and what is behind."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxlab.stats.regression import FloatArray
from cxlab.stats.tolerance import allowed_pairs, candidate_thresholds, explained_by_pairs

#: Standard deviations of noise that are tried, as shares of the gap's own.
SHARES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
#: Standard deviation of a difference of two ratings, each rounded to its step, as a share of the step.
ROUNDED = float(np.sqrt(1.0 / 6.0))
_CANDIDATES = 40


@dataclass(frozen=True, eq=False, kw_only=True)
class NoiseProfile:
    """Loss of fit and best zone for each amount of noise.

    Attributes
    ----------
    spread
        Shape (m,): standard deviations of noise in the gap, the first 0.
    loss
        Shape (m,): ``n ln(RSS)`` of the best zone behind that noise, less the smallest.
    lower, upper
        Shapes (m,): its thresholds, of the gap without noise.
    """

    spread: FloatArray
    loss: FloatArray
    lower: FloatArray
    upper: FloatArray

    @property
    def likeliest(self) -> int:
        """Place of the amount of noise that fits best."""
        return int(self.loss.argmin())

    def shown(self, *, confidence: float) -> bool:
        """Whether an answer without noise fits worse than chance would have it.

        The amount cannot be negative, so the loss is half chi-square, half nothing (Self and Liang 1987).
        """
        from scipy.stats import chi2

        return bool(self.loss[0] > chi2.ppf(1.0 - 2.0 * (1.0 - confidence), 1))


def noise_profile(gap: FloatArray, outcome: FloatArray, *, spreads: FloatArray) -> NoiseProfile:
    r"""Best zone behind each amount of noise: corners seen through noise are round.

    If gap and noise are about normal, the gap behind an observed ``g`` is normal with mean
    ``m + rho (g - m)`` and variance ``rho s^2``, ``rho = 1 - s^2 / var(g)``; then

    .. math:: E[\max(\gamma - a, 0) \mid g] = \sigma (\varphi(z) + z \Phi(z)), \quad z = (m_g - a) / \sigma

    takes the place of each hinge, and all pairs of thresholds are tried as without noise.

    Parameters
    ----------
    gap, outcome
        Shapes (n,): perceived minus expected as observed, and what the gap moves.
    spreads
        Shape (m,): standard deviations of noise to try, below that of the gap.

    Returns
    -------
    NoiseProfile

    Raises
    ------
    ValueError
        If a spread is not between 0 and the gap's standard deviation.

    Notes
    -----
    Regression calibration (Carroll et al. 2006, Measurement Error in Nonlinear Models, chapter 4).
    Thresholds that differ between customers round the corners like noise: the two cannot be told apart.

    Examples
    --------
    >>> from cxlab.stats.tolerance import zone_columns
    >>> rng = np.random.default_rng(1)
    >>> true = rng.normal(0, 1.8, 20_000)
    >>> y = zone_columns(true, -1.0, 1.5) @ [1.2, 0.15, 0.6] + rng.normal(0, 1, 20_000)
    >>> found = noise_profile(true + rng.normal(0, 0.8, 20_000), y, spreads=np.array([0.0, 0.8]))
    >>> found.shown(confidence=0.95), bool(found.upper[1] < found.upper[0] - 0.2)
    (True, True)
    """
    own = float(gap.std())
    if spreads.min() < 0.0 or spreads.max() >= own:
        raise ValueError(f"noise of {spreads.max():g} points: the gap itself varies by {own:.2f}")
    grid = candidate_thresholds(gap, count=_CANDIDATES)
    fits = np.array([_behind(gap, outcome, grid, float(spread)) for spread in spreads])
    loss = len(gap) * np.log(fits[:, 0])
    return NoiseProfile(spread=spreads, loss=loss - loss.min(), lower=fits[:, 1], upper=fits[:, 2])


def _behind(
    gap: FloatArray, outcome: FloatArray, grid: FloatArray, spread: float
) -> tuple[float, float, float]:
    """Smallest sum of squares and the pair of thresholds behind noise of one spread."""
    from scipy.special import ndtr

    n, centre = len(gap), gap.mean()
    kept = 1.0 - spread**2 / gap.var()
    mean = centre + kept * (gap - centre)
    away = mean[:, None] - grid
    if spread > 0.0:
        sigma = spread * np.sqrt(kept)
        z = away / sigma
        hinges = sigma * np.exp(-0.5 * z**2) / np.sqrt(2.0 * np.pi) + away * ndtr(z)
    else:
        hinges = np.maximum(away, 0.0)
    straight = np.linalg.qr(np.column_stack([np.ones(n), mean]))[0]
    hinges -= straight @ (straight.T @ hinges)
    rest = outcome - straight @ (straight.T @ outcome)
    gram = hinges.T @ hinges
    allowed, determinant = allowed_pairs(gram, grid)
    explained = explained_by_pairs(gram, hinges.T @ rest, determinant)
    losses = np.where(allowed, float(rest @ rest) - explained, np.inf)
    low, high = np.unravel_index(int(losses.argmin()), losses.shape)
    return float(losses[low, high]), float(grid[low]), float(grid[high])
