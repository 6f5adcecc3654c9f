"""Bootstrap replicates of a maximum-likelihood estimate on weighted rows: one Newton step each."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

_BLOCK = 4_000_000


def one_step_replicates(
    scores: Callable[[FloatArray], FloatArray],
    theta: FloatArray,
    weight: FloatArray,
    *,
    replicates: int,
    rng: np.random.Generator,
    step: float = 1e-4,
) -> FloatArray:
    """Replicates of ``theta`` when customers, of which each row stands for ``weight``, are drawn again.

    ``theta_b = theta - (sum_i c_ib H_i)^-1 sum_i c_ib s_i`` with multinomial counts c_ib, the score s_i and
    the second derivative H_i of a customer of row i: the first Newton step of the refit on replicate b.

    Parameters
    ----------
    scores
        Function of the parameters (k,) that returns the score of one customer of each row, (n, k).
    theta : (k,)
        The maximum.
    weight : (n,)
        Customers of each row, whole numbers.
    replicates
        Number of replicates B.
    rng
        Source of randomness.
    step
        Step of the numerical second derivative.

    Returns
    -------
    (B, k) array

    Examples
    --------
    >>> x = np.arange(10.0)  # mean of a normal with variance 1
    >>> draws = one_step_replicates(lambda t: x[:, None] - t, np.array([4.5]), np.ones(10),
    ...     replicates=2000, rng=np.random.default_rng(1))
    >>> bool(abs(draws.std() - x.std() / np.sqrt(10)) < 0.05)
    True
    """
    k, total = len(theta), round(float(weight.sum()))
    here = scores(theta)
    bend = np.empty((len(here), k, k))
    for place, move in enumerate(np.eye(k) * step):
        bend[:, :, place] = (scores(theta + move) - scores(theta - move)) / (2.0 * step)
    flat = np.concatenate([here, bend.reshape(len(here), k * k)], axis=1)
    block = max(1, _BLOCK // len(here))
    chance = weight / weight.sum()
    sums = np.concatenate(
        [
            rng.multinomial(total, chance, size=min(block, replicates - at)) @ flat
            for at in range(0, replicates, block)
        ]
    )
    curved = sums[:, k:].reshape(replicates, k, k)
    curved = (curved + curved.transpose(0, 2, 1)) / 2.0
    return np.asarray(theta - np.linalg.solve(curved, sums[:, :k, None])[:, :, 0])
