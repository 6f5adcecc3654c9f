"""The distinct texts of a column with the rows that hold each: settled once, it holds for all of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Mask = NDArray[np.bool_]


_MIX = np.uint64(0x9E3779B97F4A7C15)
#: The first 16 of 64 bits name one of 65,536 drawers.
_DRAWERS, _REST = 2**16, np.uint64(48)


def letters(values: pd.Series) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """The bytes of all texts of a column, in a row, and where each begins; missing texts are empty.

    Shapes (bytes,) and (rows + 1,): text ``i`` is ``bytes[begins[i]:begins[i + 1]]``.

    >>> text, begins = letters(pd.Series(["ab", None, "c"]))
    >>> text.tobytes(), begins.tolist()
    (b'abc', [0, 2, 2, 3])
    """
    import pyarrow as pa

    values = values.astype("str")
    cells = pa.array((values.fillna("") if values.hasnans else values).array, type=pa.large_string())
    cells = cells.combine_chunks() if isinstance(cells, pa.ChunkedArray) else cells
    _, places, held = cells.buffers()
    begins = np.frombuffer(places, dtype=np.int64)[cells.offset : cells.offset + len(cells) + 1]
    text = np.frombuffer(held, dtype=np.uint8) if held else np.empty(0, np.uint8)
    return text[begins[0] : begins[-1]], begins - begins[0]


def fingerprints(values: pd.Series) -> NDArray[np.uint64]:
    """A number per text: equal texts have equal numbers, different ones hardly ever.

    So numbers without a repetition prove that no text repeats; a repetition has to be looked at. Eight
    letters at a time are read from memory, many times faster than a table of the texts themselves.

    >>> numbers = fingerprints(pd.Series(["a1", "a2", "a1", "1a"]))
    >>> bool(numbers[0] == numbers[2]), len(set(numbers.tolist()))
    (True, 3)
    """
    text, begins = letters(values)
    lengths = np.diff(begins)
    found = lengths.astype(np.uint64) * _MIX
    # A number of eight letters begins at every letter; seven zeros let the last ones be read, too.
    padded = np.append(text, np.zeros(7, dtype=np.uint8))
    eights = np.ndarray(len(text), dtype="<u8", buffer=padded, strides=(1,))
    rows = np.flatnonzero(lengths > 0)
    at, left = begins[:-1][rows], lengths[rows]
    while len(rows):
        beyond = (np.maximum(8 - left, 0) * 8).astype(np.uint64)
        word = (eights[at] << beyond) >> beyond
        mixed = (found[rows] ^ word) * _MIX
        found[rows] = mixed ^ (mixed >> np.uint64(29))
        longer = left > 8
        rows, at, left = rows[longer], at[longer] + 8, left[longer] - 8
    return found * _MIX


def often(numbers: NDArray[np.uint64], *, times: int = 2) -> Mask:
    """Which numbers stand there ``times`` or more: sorting whole numbers is faster than counting them.

    >>> often(np.array([5, 3, 5], dtype=np.uint64)).tolist()
    [True, False, True]
    """
    ordered = np.sort(numbers)
    found = np.unique(ordered[times - 1 :][ordered[times - 1 :] == ordered[: len(ordered) - times + 1]])
    marked = np.zeros(len(numbers), dtype=bool)
    if not len(found):
        return marked
    # Few are repeated as a rule, and one look into a small table tells most of the others.
    drawer = (numbers * _MIX) >> _REST
    table = np.zeros(_DRAWERS, dtype=bool)
    table[(found * _MIX) >> _REST] = True
    maybe = np.flatnonzero(table[drawer])
    place = np.minimum(np.searchsorted(found, numbers[maybe]), len(found) - 1)
    marked[maybe] = found[place] == numbers[maybe]
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
