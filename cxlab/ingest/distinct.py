"""The distinct texts of a column with the rows that hold each: settled once, it holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Distinct:
    """Distinct texts without blanks around them, and for each row the place of its text.

    ``places`` is -1 where a cell is missing. A survey column of a million rows holds a dozen texts, so
    rules that look at ``texts`` cost nothing.
    """

    texts: pd.Series
    places: NDArray[np.int64]
    index: pd.Index

    @classmethod
    def of(cls, values: pd.Series) -> Distinct:
        """The distinct texts of a text column.

        >>> Distinct.of(pd.Series(["7", " 7", "x", ""])).texts.tolist()
        ['7', ' 7', 'x', '']
        """
        import pyarrow as pa

        # The array, not the series: a text array hands its memory over, a series is walked cell by cell.
        cells = pa.array(values.astype("str").array)
        cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
        column = cells.dictionary_encode()
        places = column.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
        texts = pd.Series(column.dictionary.to_pandas(), dtype="str")
        return cls(texts=texts, places=places, index=values.index)

    def rows(self, mask: Mask | pd.Series) -> Mask:
        """The rows whose text is marked."""
        marked = np.append(np.asarray(mask, dtype=bool), False)
        found: Mask = marked[self.places]
        return found

    def count(self, mask: Mask | pd.Series) -> int:
        """How many rows hold a marked text."""
        return int(self.sizes[np.asarray(mask, dtype=bool)].sum())

    @property
    def sizes(self) -> NDArray[np.int64]:
        """Rows per text."""
        return np.bincount(self.places[self.places >= 0], minlength=len(self.texts))

    def spread(self, values: pd.Series) -> pd.Series:
        """Per-text values as a column of the table, missing where the cell was."""
        dtype = values.dtype
        if (self.places < 0).any() and pd.api.types.is_integer_dtype(dtype) and dtype == np.dtype("int8"):
            values = values.astype("float64")
        taken = pd.api.extensions.take(values.array, self.places, allow_fill=True)
        return pd.Series(taken, index=self.index)
