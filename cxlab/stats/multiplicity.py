"""Many tests at once: adjusted p-values that hold the false discovery or the familywise error rate."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]


def benjamini_hochberg(p_values: Floats) -> Floats:
    r"""Adjusted p-values whose rejection at level q holds the false discovery rate at q.

    .. math:: q_{(i)} = \min_{m \ge i} \min(1, p_{(m)} N / m)

    Parameters
    ----------
    p_values
        P-values in 0..1 of any shape; NaN marks a test that was not made and does not count.

    Returns
    -------
    numpy.ndarray
        Adjusted p-values of the same shape; NaN stays NaN.

    Notes
    -----
    Holds under independence and under positive regression dependence; read ``adjusted <= 0.05`` as
    "of all such findings about one in twenty is false".

    References
    ----------
    Benjamini and Hochberg (1995), Journal of the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg(np.array([0.01, 0.02, 0.30, np.nan])).round(3).tolist()
    [0.03, 0.03, 0.3, nan]
    """
    flat = np.ravel(p_values)
    adjusted = np.full(flat.shape, np.nan)
    made = np.flatnonzero(~np.isnan(flat))
    order = made[np.argsort(flat[made], kind="stable")]
    raised = flat[order] * len(order) / np.arange(1, len(order) + 1)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(raised[::-1])[::-1])
    return adjusted.reshape(np.shape(p_values))


def holm(p_values: Floats) -> Floats:
    r"""Adjusted p-values whose rejection at level a holds the chance of any false rejection at a.

    .. math:: \tilde p_{(i)} = \max_{m \le i} \min(1, (N - m + 1) p_{(m)})

    Parameters
    ----------
    p_values
        P-values in 0..1 of any shape; NaN marks a test that was not made and does not count.

    Returns
    -------
    numpy.ndarray
        Adjusted p-values of the same shape; NaN stays NaN.

    Notes
    -----
    Holds under any dependence between the tests.

    References
    ----------
    Holm (1979), Scandinavian Journal of Statistics 6, 65-70.

    Examples
    --------
    >>> holm(np.array([0.01, 0.02, 0.30, np.nan])).round(3).tolist()
    [0.03, 0.04, 0.3, nan]
    """
    flat = np.ravel(p_values)
    adjusted = np.full(flat.shape, np.nan)
    made = np.flatnonzero(~np.isnan(flat))
    order = made[np.argsort(flat[made], kind="stable")]
    raised = flat[order] * (len(order) - np.arange(len(order)))
    adjusted[order] = np.minimum(1.0, np.maximum.accumulate(raised))
    return adjusted.reshape(np.shape(p_values))
