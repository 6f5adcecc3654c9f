"""LMG shares for more predictors than can be visited exactly: random orders of entry with error bars."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.importance import as_stack

Array = NDArray[np.float64]

# Added to the predictors' diagonal, so that copies and sums of others have a Cholesky factor.
_RIDGE = 1e-9
# Numbers held at a time in permuted matrices.
_BLOCK = 2_000_000


def sampled_lmg(
    correlation: Array, *, orders: int, rng: np.random.Generator, assume_valid: bool = False
) -> tuple[Array, Array]:
    """LMG shares from random orders of entry, each taken forwards and backwards, with standard errors.

    The last row of the Cholesky factor of the permuted correlations, squared, is the gain of each
    predictor in that order. Every order adds up to R2, so the shares do too.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`, without a limit on p. All matrices of a stack meet the
        same orders, so that differences between them are not blurred by sampling.
    orders
        Number of orders, even, 4 or more.
    rng
        Source of randomness.
    assume_valid
        As for :func:`cxlab.stats.importance.lmg`.

    Returns
    -------
    shares, std_error : (p,) or (B, p) arrays
        The standard error is that of sampling orders, not of sampling customers.

    Raises
    ------
    ValueError
        For no correlation matrix, or an odd or too small number of orders.

    Notes
    -----
    An order and its reverse form a pair whose gains tend to err in opposite directions; the standard error
    is that of the mean over pairs.

    Source: Castro, Gomez and Tejada (2009), Computers & Operations Research 36; Mitchell, Cooper, Frank and
    Holmes (2022), J. Mach. Learn. Res. 23 (antithetic orders).

    Examples
    --------
    >>> matrix = np.full((31, 31), 0.4) + 0.6 * np.eye(31)
    >>> shares, error = sampled_lmg(matrix, orders=400, rng=np.random.default_rng(1))
    >>> bool(np.all(abs(shares - 0.16 / (1 + 29 * 0.4)) < 5 * error))
    True
    """
    if orders < 4 or orders % 2:
        raise ValueError(
            f"orders: need an even number of 4 or more, got {orders}. Next step: 1000 or more."
        )
    stack = as_stack(correlation, assume_valid=assume_valid)
    predictors = stack.shape[1] - 1
    forwards = rng.permuted(np.tile(np.arange(predictors), (orders // 2, 1)), axis=1)
    shares, errors = np.empty((2, len(stack), predictors))
    for at, matrix in enumerate(stack):
        pairs = 0.5 * (_gains(matrix, forwards) + _gains(matrix, forwards[:, ::-1]))
        shares[at] = pairs.mean(axis=0)
        errors[at] = pairs.std(axis=0, ddof=1) / np.sqrt(len(pairs))
    return (shares, errors) if np.ndim(correlation) == 3 else (shares[0], errors[0])


def _gains(matrix: Array, orders: NDArray[np.int64]) -> Array:
    """Gain of each predictor in each order, (orders, p)."""
    size = len(matrix)
    lifted = matrix + _RIDGE * np.eye(size)
    # The gains do not depend on the outcome's own variance: enough of it keeps the factor real.
    lifted[-1, -1] = 2.0
    gains = np.empty(orders.shape)
    together = max(1, _BLOCK // size**2)
    for at in range(0, len(orders), together):
        some = orders[at : at + together]
        chosen = np.column_stack([some, np.full(len(some), size - 1)])
        factor = np.linalg.cholesky(lifted[chosen[:, :, None], chosen[:, None, :]])
        np.put_along_axis(gains[at : at + together], some, factor[:, -1, :-1] ** 2, axis=1)
    return gains
