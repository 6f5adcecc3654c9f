"""Cumulative incidence with competing events on a grid of whole steps, for many resamples at once."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def cumulative_incidence(counts: npt.ArrayLike) -> Floats:
    """Share that has had each event by each step, by the estimator of Aalen and Johansen.

    ``F_k(t) = sum_{s <= t} S(s-1) d_k(s) / Y(s)``, ``S(t) = prod (1 - sum_k d_k(s) / Y(s))``. Without
    competing events this is one minus Kaplan and Meier.

    Parameters
    ----------
    counts
        Shape (..., events + 1, steps): how many ended at each step 0, 1, ... by each event; the last
        row is censored after that step. Leading dimensions are separate samples.

    Returns
    -------
    numpy.ndarray
        Shape (..., events, steps), between 0 and 1; constant once nobody is at risk.

    Notes
    -----
    Assumption: censoring does not depend on what would have happened next. An event that counts as
    *competing* ends the wait for good; treating it as censored would overstate the first.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.

    Examples
    --------
    >>> cumulative_incidence([[2, 1], [0, 1], [0, 0]]).tolist()
    [[0.5, 0.75], [0.0, 0.25]]
    """
    table = np.asarray(counts, dtype=np.float64)
    ended = table.sum(axis=-2)
    at_risk = np.flip(np.cumsum(np.flip(ended, axis=-1), axis=-1), axis=-1)
    hazard = np.divide(
        table[..., :-1, :], at_risk[..., None, :], out=np.zeros_like(table[..., :-1, :]),
        where=at_risk[..., None, :] > 0,
    )  # fmt: skip
    staying = np.cumprod(1.0 - hazard.sum(axis=-2), axis=-1)
    before = np.concatenate([np.ones_like(staying[..., :1]), staying[..., :-1]], axis=-1)
    return np.asarray(np.cumsum(before[..., None, :] * hazard, axis=-1))
