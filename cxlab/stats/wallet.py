"""Share of wallet from ranks: the Wallet Allocation Rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def wallet_shares(scores: FloatArray) -> FloatArray:
    """Share of each brand a customer uses, from the rank of its score: ``(1 - rank / (n + 1)) 2 / n``.

    ``n`` counts the brands *this* customer uses, rank 1 is the best, ties share the mean of their ranks.

    Parameters
    ----------
    scores : (customers, brands)
        Satisfaction with each brand, nan where the customer does not use it.

    Returns
    -------
    (customers, brands) array
        Shares 0..1 that sum to 1 over the brands of a customer; nan where not used.

    Notes
    -----
    Source: Keiningham, Aksoy, Buoye and Cooil (2011), Customer loyalty isn't enough. Grow your share of
    wallet. Harvard Business Review 89(10), 29-31; Keiningham et al. (2015), The Wallet Allocation Rule.

    Examples
    --------
    >>> wallet_shares(np.array([[9.0, 9.0, 5.0], [8.0, np.nan, 6.0]])).round(4).tolist()
    [[0.4167, 0.4167, 0.1667], [0.6667, nan, 0.3333]]
    """
    used = np.isfinite(scores)
    filled = np.where(used, scores, -np.inf)
    better = (filled[:, None, :] > filled[:, :, None]).sum(axis=2)
    level = ((filled[:, None, :] == filled[:, :, None]) & used[:, None, :]).sum(axis=2)
    rank = better + (level + 1.0) / 2.0
    n = used.sum(axis=1, keepdims=True).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        share = (1.0 - rank / (n + 1.0)) * 2.0 / n
    return np.where(used, share, np.nan)
