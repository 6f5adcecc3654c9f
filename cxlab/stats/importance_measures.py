"""Importance measures beside LMG: first, last, squared beta, Pratt's product and CAR, from correlations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.importance import MAX_EXACT, as_stack, johnson, lmg
from cxlab.stats.subsets import SMALLEST_PIVOT

Array = NDArray[np.float64]


def standardised_slopes(correlation: Array, *, assume_valid: bool = False) -> Array:
    """Slopes of standardised predictors, ``R^- r`` with R their correlations and r those with the outcome.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`, without a limit on p.
    assume_valid
        As there.

    Returns
    -------
    (p,) or (B, p) array

    Notes
    -----
    Predictors that are copies or sums of others get the shortest solution, which is one of many: do not
    read their slopes one by one.

    Examples
    --------
    >>> standardised_slopes(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])).round(4)
    array([0.5333, 0.1333])
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    slopes: Array = np.einsum("bij,bj->bi", _inverse(stack)[0], stack[:, :-1, -1])
    return slopes if np.ndim(correlation) == 3 else slopes[0]


def importance_measures(correlation: Array, *, assume_valid: bool = False) -> dict[str, Array]:
    r"""Every common measure of relative importance side by side.

    With R the predictors' correlations, r those with the outcome and beta = R^{-1} r:

    ========  ==================================================  ==================
    measure   formula                                             adds up to
    ========  ==================================================  ==================
    lmg       mean gain in R2 over all orders of entry            R2
    johnson   (R^{1/2} o R^{1/2}) (R^{-1/2} r)^2 (= Genizi)       R2
    car       (R^{-1/2} r)^2                                      R2
    pratt     beta o r (can be negative)                          R2
    first     r^2                                                 nothing
    last      beta^2 / diag(R^{-1}), the gain when entered last   nothing
    beta2     beta^2                                              nothing
    ========  ==================================================  ==================

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`cxlab.stats.importance.lmg`. Beyond 25 predictors ``lmg`` is left out.
    assume_valid
        As there.

    Returns
    -------
    dict of measure to (p,) or (B, p) array

    Raises
    ------
    ValueError
        If the matrix is not one of correlations.

    Notes
    -----
    ``first`` ignores the other predictors, ``last`` ignores what they share, ``pratt`` goes below 0 when a
    predictor suppresses: only LMG and Johnson split R2 into shares of 0 or more that treat all orders alike
    (CAR does so in the space of decorrelated predictors). A copy or sum of others has ``last`` 0.

    Source: Groemping (2007), The American Statistician 61(2); Pratt (1987); Zuber and Strimmer (2011).

    Examples
    --------
    >>> found = importance_measures(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]))
    >>> {name: values.round(3).tolist() for name, values in found.items() if name in ("first", "pratt")}
    {'pratt': [0.32, 0.053], 'first': [0.36, 0.16]}
    """
    found = _measures(as_stack(correlation, assume_valid=assume_valid))
    return found if np.ndim(correlation) == 3 else {name: values[0] for name, values in found.items()}


def _measures(stack: Array) -> dict[str, Array]:
    cross = stack[:, :-1, -1]
    inverse, inverse_root, aliased = _inverse(stack)
    slopes = np.einsum("bij,bj->bi", inverse, cross)
    precision = np.diagonal(inverse, axis1=1, axis2=2)
    known = (precision > 0.0) & ~aliased
    found = {
        "johnson": johnson(stack, assume_valid=True),
        "car": np.einsum("bij,bj->bi", inverse_root, cross) ** 2,
        "pratt": slopes * cross,
        "first": cross**2,
        "last": np.where(known, slopes**2 / np.where(known, precision, 1.0), 0.0),
        "beta2": slopes**2,
    }
    if stack.shape[1] - 1 <= MAX_EXACT:
        found = {"lmg": lmg(stack, assume_valid=True), **found}
    return found


def _inverse(stack: Array) -> tuple[Array, Array, NDArray[np.bool_]]:
    """R^-, R^(-1/2) and which predictors take part in a direction without variance."""
    values, vectors = np.linalg.eigh(stack[:, :-1, :-1])
    kept = values > SMALLEST_PIVOT
    weight = np.where(kept, 1.0 / np.where(kept, values, 1.0), 0.0)
    idle = np.einsum("bij,bj->bi", vectors**2, (~kept).astype(np.float64))
    inverse = np.einsum("bij,bj,bkj->bik", vectors, weight, vectors)
    root = np.einsum("bij,bj,bkj->bik", vectors, np.sqrt(weight), vectors)
    return inverse, root, idle > 1e-9
