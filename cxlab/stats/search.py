"""A maximum-likelihood search on log parameters from several starts, with exact gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]

#: A parameter beyond e^12 (or below e^-12 of its unit) stands for a limit that is not reached.
LIMIT = 12.0


def search_logs(
    loss_and_slope: Callable[[FloatArray], tuple[float, FloatArray]], starts: Sequence[Sequence[float]]
) -> tuple[FloatArray, float]:
    """The best of several L-BFGS searches: log parameters (k,) and the loss there.

    Parameters
    ----------
    loss_and_slope
        Function of the log parameters (k,) that returns the loss and its gradient (k,).
    starts
        Where to begin.

    Raises
    ------
    ValueError
        If the best end runs away: the loss has no inner minimum.

    Examples
    --------
    >>> theta, loss = search_logs(lambda t: (float((t - 1) @ (t - 1)), 2 * (t - 1)), [(0.0, 0.0)])
    >>> theta.round(6).tolist(), round(loss, 6)
    ([1.0, 1.0], 0.0)
    """
    from scipy.optimize import minimize

    found = [
        minimize(
            loss_and_slope,
            np.array(start),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-LIMIT - 1.0, LIMIT + 1.0)] * len(start),
            options={"maxiter": 500, "ftol": 1e-13, "gtol": 1e-8},
        )
        for start in starts
    ]
    best = min(found, key=lambda one: float(one.fun))
    if np.abs(best.x).max() > LIMIT:
        raise ValueError("the likelihood has no inner maximum: customers look too much alike, or too few")
    return np.asarray(best.x), float(best.fun)
