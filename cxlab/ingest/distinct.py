"""The distinct texts of a column with the rows that hold each: settled once, it holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


#: Rows whose letters are weighed at a time.
_BLOCK_ROWS = 250_000
_MIX = np.uint64(0x9E3779B97F4A7C15)


def fingerprints(values: pd.Series) -> NDArray[np.uint64]:
    """A number per text: equal texts have equal numbers, different ones hardly ever.

    So numbers without a repetition prove that no text repeats; a repetition has to be looked at. Made from
    the letters in memory, several times faster than a table of the texts themselves.

    >>> numbers = fingerprints(pd.Series(["a1", "a2", "a1", "1a"]))
    >>> bool(numbers[0] == numbers[2]), len(set(numbers.tolist()))
    (True, 3)
    """
    import pyarrow as pa

    found = np.empty(len(values), dtype=np.uint64)
    for start in range(0, len(values), _BLOCK_ROWS):
        block = values.iloc[start : start + _BLOCK_ROWS].astype("str")
        block = block.fillna("") if block.hasnans else block
        cells = pa.array(block.array, type=pa.large_string())
        cells = pa.concat_arrays(cells.chunks) if isinstance(cells, pa.ChunkedArray) else cells
        _, places, letters = cells.buffers()
        ends = np.frombuffer(places, dtype=np.int64)[cells.offset : cells.offset + len(cells) + 1]
        text = (
            np.frombuffer(letters, dtype=np.uint8)[ends[0] : ends[-1]] if letters else np.empty(0, np.uint8)
        )
        ends = ends - ends[0]
        lengths = np.diff(ends)
        weights = np.random.default_rng(7).integers(
            1, 2**63, size=int(lengths.max(initial=0)) + 1, dtype=np.uint64
        )
        place = np.arange(len(text)) - np.repeat(ends[:-1], lengths)
        # Sums wrap at 2**64 and so do their differences, which is why they are exact.
        total = np.zeros(len(text) + 1, dtype=np.uint64)
        np.cumsum((text.astype(np.uint64) + np.uint64(1)) * weights[place], out=total[1:])
        found[start : start + len(block)] = total[ends[1:]] - total[ends[:-1]]
    found ^= found >> np.uint64(32)
    return found * _MIX


def often(numbers: NDArray[np.uint64], *, times: int = 2) -> Mask:
    """Which numbers stand there ``times`` or more: sorting whole numbers is faster than counting them.

    >>> often(np.array([5, 3, 5], dtype=np.uint64)).tolist()
    [True, False, True]
    """
    ordered = np.sort(numbers)
    found = np.unique(ordered[times - 1 :][ordered[times - 1 :] == ordered[: len(ordered) - times + 1]])
    if not len(found):
        return np.zeros(len(numbers), dtype=bool)
    place = np.minimum(np.searchsorted(found, numbers), len(found) - 1)
    marked: Mask = found[place] == numbers
    return marked


def repeated(values: pd.Series) -> Mask:
    """The rows whose text stands in another row, too; missing cells are not.

    >>> repeated(pd.Series(["a", "b", "a", None])).tolist()
    [True, False, True, False]
    """
    known = values.notna().to_numpy(dtype=bool)
    shared = often(fingerprints(values)) & known
    if shared.any():
        shared[shared] = values[shared].duplicated(keep=False).to_numpy(dtype=bool)
    return shared


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
