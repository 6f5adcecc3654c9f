"""Which values occur in another column, at the speed of the library below."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray


def is_in(values: pd.Series | pd.Index, among: pd.Series | pd.Index) -> NDArray[np.bool_]:
    """Whether each value occurs in ``among``; a missing value occurs nowhere.

    ``Series.isin`` of pandas 3 walks a text ``among`` one Python string after the other: 16 CPU seconds for
    the keys of 400,000 events. Two text columns are therefore compared in Arrow.

    Parameters
    ----------
    values
        n values.
    among
        m values of the same kind, repeats and gaps allowed.

    Returns
    -------
    numpy.ndarray
        n booleans.

    Examples
    --------
    >>> is_in(pd.Series(["a", "b", None]), pd.Series(["b", None])).tolist()
    [False, True, False]
    """
    known = among.dropna()
    if not (isinstance(values.dtype, pd.StringDtype) and isinstance(known.dtype, pd.StringDtype)):
        found: NDArray[np.bool_] = np.array(values.isin(known), dtype=bool)
        found &= np.asarray(values.notna(), dtype=bool)
        return found
    import pyarrow as pa
    import pyarrow.compute as pc

    left, right = (
        pa.array(column.array, from_pandas=True).cast(pa.large_string()) for column in (values, known)
    )
    if isinstance(right, pa.ChunkedArray):
        right = right.combine_chunks()
    return np.asarray(pc.is_in(left, value_set=right), dtype=bool)
