"""How often the one who leaves first was rated the riskier: Harrell's C with censoring and late entry."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

_BLOCK = 4_000_000


def concordance(
    time: FloatArray, event: NDArray[np.bool_], risk: FloatArray, *, entry: FloatArray | None = None
) -> tuple[float, int]:
    """Harrell's C: share of comparable pairs in which the higher risk left first, ties one half.

    A pair (i, j) is comparable if i left at ``time_i`` and j was then under observation and stayed longer:
    ``time_j > time_i``, or ``time_j = time_i`` and j was censored, and ``entry_j < time_i``.

    Parameters
    ----------
    time, event, risk : (n,)
        Time of leaving or of the last look, whether it was a leaving, and the predicted risk.
    entry : (n,)
        Time of coming under observation, 0 for all if None.

    Returns
    -------
    share, pairs : float, int
        Range 0..1, 0.5 for noise, 1 best; nan without a comparable pair.

    Notes
    -----
    C depends on the censoring of the data at hand: compare models on the same rows only.

    Source: Harrell, Lee and Mark (1996), Statistics in Medicine 15, 361-387.

    Examples
    --------
    >>> concordance(np.array([1.0, 2.0, 3.0]), np.array([True, True, False]), np.array([3.0, 2.0, 1.0]))
    (1.0, 3)
    """
    start = np.zeros(len(time)) if entry is None else np.asarray(entry, dtype=np.float64)
    leavers = np.flatnonzero(event)
    step = max(1, _BLOCK // max(len(time), 1))
    good, pairs = 0.0, 0
    for low in range(0, len(leavers), step):
        i = leavers[low : low + step, None]
        later = (time > time[i]) | ((time == time[i]) & ~event)
        later &= start < time[i]
        good += float((later & (risk < risk[i])).sum()) + 0.5 * float((later & (risk == risk[i])).sum())
        pairs += int(later.sum())
    return (good / pairs if pairs else float("nan")), pairs
