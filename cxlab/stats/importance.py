"""Relative importance of correlated predictors: exact LMG (Shapley) shares, dominance, Johnson weights."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.subsets import SMALLEST_PIVOT, gains_by_size

Array = NDArray[np.float64]

#: Beyond this many predictors the 2^p subsets are too many to visit one by one.
MAX_EXACT = 25
#: A correlation matrix with an eigenvalue below this is not one: refused rather than repaired.
SMALLEST_EIGENVALUE = -1e-8


def lmg(correlation: Array, *, assume_valid: bool = False) -> Array:
    r"""Split the explained variance over the predictors, exactly (LMG, the Shapley value of R2).

    .. math:: LMG_j = \frac1p \sum_{k=0}^{p-1} \operatorname{mean}_{|S|=k,\; j \notin S} [R^2(S+j) - R^2(S)]

    Shares are 0 or more and add up to R2, the explained variance (0..1) of the full model.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        Correlations with the outcome last; a constant predictor has a row and column of zeros
        (its diagonal 0 or 1). At most 25 predictors.
    assume_valid
        Skip the checks of symmetry, diagonal and eigenvalues, for matrices that are sure to be
        correlations (moments of complete data), as in a bootstrap.

    Returns
    -------
    (p,) or (B, p) array
        Shares of the outcome's variance.

    Raises
    ------
    ValueError
        If a matrix is not square, symmetric, finite, of unit diagonal and non-negative definite
        (smallest eigenvalue below -1e-8, as pairwise deletion produces), or p > 25.

    Notes
    -----
    A predictor that is a copy or a sum of others adds nothing once those are in (pivot <= 1e-10), so
    copies share equally. An LMG share says how much of the outcome's variance goes along with a
    predictor, averaged over orders of entry. It is no effect and has no sign. Cost: about 15 ns per
    subset; p = 20 takes a few hundredths of a second.

    Source: Lindeman, Merenda and Gold (1980); Groemping (2006), J. Stat. Softw. 17(1).

    Examples
    --------
    >>> lmg(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])).round(6)
    array([0.286667, 0.086667])
    """
    share: Array = dominance(correlation, assume_valid=assume_valid).mean(axis=-1)
    return share


def dominance(correlation: Array, *, assume_valid: bool = False) -> Array:
    """Conditional dominance: the average gain of each predictor at each size of the model before it.

    ``D[j, k] = mean over |S| = k, j not in S, of R2(S + j) - R2(S)``. Column 0 is the squared
    correlation with the outcome, the last column what j adds to all others; row means are LMG.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`lmg`.
    assume_valid
        As for :func:`lmg`.

    Returns
    -------
    (p, p) or (B, p, p) array

    Raises
    ------
    ValueError
        As for :func:`lmg`.

    Notes
    -----
    Predictor i conditionally dominates j when its row is larger in every column.

    Source: Azen and Budescu (2003), Psychological Methods 8(2).

    Examples
    --------
    >>> dominance(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])).round(4)
    array([[0.36  , 0.2133],
           [0.16  , 0.0133]])
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    predictors = stack.shape[1] - 1
    if predictors > MAX_EXACT:
        raise ValueError(
            f"correlation: {predictors} predictors make 2^{predictors} subsets, exact LMG stops at "
            f"{MAX_EXACT}. Next step: use johnson(), or group or drop predictors."
        )
    table = gains_by_size(stack)
    return table if np.ndim(correlation) == 3 else table[0]


def johnson(correlation: Array, *, assume_valid: bool = False) -> Array:
    """Johnson's relative weights (equal to Genizi's): a fast relative of LMG for any number of predictors.

    ``weights = (R^(1/2) * R^(1/2)) (R^(-1/2) r)^2`` with R the predictors' correlations and r those
    with the outcome. Weights are 0 or more and add up to R2.

    Parameters
    ----------
    correlation : (p + 1, p + 1) or (B, p + 1, p + 1)
        As for :func:`lmg`, without a limit on p.
    assume_valid
        As for :func:`lmg`.

    Returns
    -------
    (p,) or (B, p) array

    Raises
    ------
    ValueError
        As for :func:`lmg`, without the limit on p.

    Notes
    -----
    Directions without variance (eigenvalue <= 1e-10) are left out, so copies share equally.

    Source: Genizi (1993), Statistica Sinica 3; Johnson (2000), Multivariate Behavioral Research 35(1).

    Examples
    --------
    >>> johnson(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]])).round(6)
    array([0.286667, 0.086667])
    """
    stack = as_stack(correlation, assume_valid=assume_valid)
    values, vectors = np.linalg.eigh(stack[:, :-1, :-1])
    kept = values > SMALLEST_PIVOT
    root = np.sqrt(np.where(kept, values, 0.0))
    inverse_root = np.where(kept, 1.0 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    half = np.einsum("bij,bj,bkj->bik", vectors, root, vectors)
    on_axes = np.einsum("bji,bj->bi", vectors, stack[:, :-1, -1]) * inverse_root
    loadings = np.einsum("bij,bj->bi", vectors, on_axes)
    weights: Array = np.einsum("bij,bj->bi", half**2, loadings**2)
    return weights if np.ndim(correlation) == 3 else weights[0]


def as_stack(correlation: Array, *, assume_valid: bool) -> Array:
    """One correlation matrix or a stack as (B, p + 1, p + 1); ValueError if it is none.

    >>> as_stack(np.eye(3), assume_valid=False).shape
    (1, 3, 3)
    """
    array = np.asarray(correlation, dtype=np.float64)
    if array.ndim not in (2, 3) or array.shape[-1] != array.shape[-2] or array.shape[-1] < 2:
        raise ValueError(
            f"correlation: need a (p + 1, p + 1) matrix with the outcome last, or a stack of them, got "
            f"shape {array.shape}. Next step: pass numpy.corrcoef(table, rowvar=False)."
        )
    stack = array[None] if array.ndim == 2 else array
    if not assume_valid:
        _require_correlations(stack)
    return stack


def _require_correlations(stack: Array) -> None:
    if not np.isfinite(stack).all():
        raise ValueError(
            "correlation: it holds missing or infinite values. Next step: a constant column has no "
            "correlation, give it a row and column of zeros; drop rows with missing answers first."
        )
    if np.abs(stack - stack.swapaxes(1, 2)).max(initial=0.0) > 1e-8:
        raise ValueError("correlation: it is not symmetric. Next step: pass correlations of all pairs.")
    diagonal = np.diagonal(stack, axis1=1, axis2=2)
    is_constant = (diagonal == 0.0) & (np.abs(stack).max(axis=2) == 0.0)
    is_constant[:, -1] = False
    if not (is_constant | (np.abs(diagonal - 1.0) <= 1e-8)).all():
        raise ValueError(
            "correlation: the diagonal must be 1 (0 only for a constant predictor with a row of zeros). "
            "Next step: divide covariances by both standard deviations."
        )
    smallest = float(np.linalg.eigvalsh(stack).min(initial=0.0))
    if smallest < SMALLEST_EIGENVALUE:
        raise ValueError(
            f"correlation: the smallest eigenvalue is {smallest:.3g}, so no data have these correlations "
            f"(correlations from different rows for each pair often lead there). Next step: use rows that "
            f"are complete in all columns."
        )
