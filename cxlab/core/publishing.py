"""Tables as they may be published: rows of too few persons are hidden, and with them what gives them away.

Every table that a result shows or saves, and every table of a page, passes through :func:`hidden_rows`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import ParameterError
from cxlab.core.suppression import MINIMUM, check_minimum, hidden_in_line, hidden_in_table, with_totals
from cxlab.core.verdicts import TOO_FEW

#: Sets another minimum than 10 for all tables that are shown, saved and published; 5 or more.
MINIMUM_VARIABLE: Final = "CXLAB_MINIMUM"
#: Columns that name what is estimated: the rows of one of their values share their persons out.
_TERMS: Final = ("term", "measure", "question", "part")
#: Rows of everybody: they are the total that a reader subtracts from.
_TOTALS: Final = frozenset({"all", "total", "everybody"})
NOTE: Final = "Not shown: {rows} of fewer than {minimum} persons, or beside one that they would give away."


def minimum_in_force() -> int:
    """The smallest group that is shown: 10, or what ``CXLAB_MINIMUM`` says, never under 5."""
    text = os.environ.get(MINIMUM_VARIABLE, "").strip()
    if not text:
        return MINIMUM
    if not text.isdecimal():
        raise ParameterError(
            f"{MINIMUM_VARIABLE}={text!r}: needs a whole number. Next step: unset it, or 10."
        )
    return check_minimum(int(text))


def is_count(name: str) -> bool:
    """Whether a column counts persons or their answers: ``n``, ``n_churned``, ``answers``.

    >>> [name for name in ("n", "n_churned", "answers", "nps", "rank") if is_count(name)]
    ['n', 'n_churned', 'answers']
    """
    return name in ("n", "answers") or name.startswith("n_")


def hidden_rows(
    counts: Mapping[str, Sequence[float]], texts: Mapping[str, Sequence[str]], *, minimum: int
) -> NDArray[np.bool_]:
    """Which rows of a table to hide.

    Parameters
    ----------
    counts
        The count columns (see :func:`is_count`), NaN for none.
    texts
        The columns of words.

    Returns
    -------
    Shape (rows,). A row with a count of 1 to ``minimum - 1`` is hidden; among the rows of one term further
    ones are, by :func:`cxlab.core.suppression.hidden_in_line`, because their total is known.
    """
    if not counts:
        return np.zeros(len(next(iter(texts.values()), ())), dtype=bool)
    columns = {name: np.nan_to_num(values) for name, values in counts.items()}
    whole = np.array([*columns.values()])
    hidden: NDArray[np.bool_] = np.asarray(((whole > 0) & (whole < minimum)).any(axis=0))
    if not hidden.any():
        return hidden
    size = columns.get("n", columns.get("answers", whole.max(axis=0)))
    rows = range(len(hidden))
    total = np.array([any(texts[name][row].strip().lower() in _TOTALS for name in texts) for row in rows])
    grouping = [texts[name] for name in _TERMS if name in texts]
    labels = np.array(["|".join(column[row] for column in grouping) for row in rows])
    if len(set(labels)) == len(rows):  # every row is a term of its own: they are one line
        labels[:] = ""
    for label in set(labels[hidden]):
        inside = np.flatnonzero((labels == label) & ~total)
        # What is hidden counts as few, and as somebody, also where its n is large or missing.
        line = np.where(hidden[inside], np.clip(size[inside], 1, minimum - 1), size[inside])
        hidden[inside] = hidden_in_line(line.astype(np.int64), minimum=minimum)
    return hidden


def hidden_mask(table: pd.DataFrame) -> NDArray[np.bool_]:
    """Which rows of a table may not be shown, by its count columns; none where it has none."""
    names, numbers = _columns(table)
    counts = {
        name: table.iloc[:, place].to_numpy(dtype=np.float64).tolist()
        for place, name in enumerate(names)
        if is_count(name) and numbers[place]
    }
    if not counts:
        return np.zeros(len(table), dtype=bool)
    texts = {
        name: table.iloc[:, place].astype("str").fillna("").tolist()
        for place, name in enumerate(names)
        if not numbers[place]
    }
    return hidden_rows(counts, texts, minimum=minimum_in_force())


def published(table: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """The table with its hidden rows emptied (figures, not names), and how many these are.

    >>> rows = pd.DataFrame({"segment": list("ABC"), "estimate": [7.5, 8.0, 6.0], "n": [40, 3, 12]})
    >>> shown, hidden = published(rows)
    >>> shown["n"].tolist(), hidden
    ([40, <NA>, <NA>], 2)
    """
    hidden = hidden_mask(table)
    if not hidden.any():
        return table, 0
    names, numbers = _columns(table)
    shown = table.copy()
    for place, name in enumerate(names):
        if numbers[place]:
            values = table.iloc[:, place]
            whole = values.astype("Int64") if pd.api.types.is_integer_dtype(values.dtype) else values
            shown.isetitem(place, whole.mask(hidden).array)
        elif table.dtypes.iloc[place].kind in "mM":  # a last visit, a median wait
            shown.isetitem(place, table.iloc[:, place].mask(hidden).array)
        elif name == "verdict":
            shown.isetitem(place, table.iloc[:, place].mask(hidden, TOO_FEW).array)
    return shown, int(hidden.sum())


def _columns(table: pd.DataFrame) -> tuple[list[str], list[bool]]:
    """The names of the columns, and which hold numbers."""
    return [str(name) for name in table.columns], [
        pd.api.types.is_numeric_dtype(dtype) for dtype in table.dtypes
    ]


def crossed(counts: pd.DataFrame) -> pd.DataFrame:
    """A table of counts of two dimensions with its totals, hidden where it may not be shown.

    Hidden are small cells and totals, and what would give them away:
    :func:`cxlab.core.suppression.hidden_in_table`.

    >>> crossed(pd.DataFrame({"2024Q1": [20, 30], "2024Q2": [3, 40]}, index=["Nord", "Ost"]))
          2024Q1  2024Q2  all
    Nord    <NA>    <NA>   23
    Ost     <NA>    <NA>   70
    all       50      43   93
    """
    cells = counts.to_numpy()
    hidden, whole = hidden_in_table(cells, minimum=minimum_in_force()), with_totals(cells)
    names = [[str(name) for name in axis] for axis in (counts.index, counts.columns)]
    table = pd.DataFrame(whole, index=[*names[0], "all"], columns=[*names[1], "all"], dtype="Int64")
    return table.mask(hidden)


def note_of(hidden: int) -> str:
    """The sentence below a table of which rows are hidden."""
    rows = "1 row" if hidden == 1 else f"{hidden} rows"
    return NOTE.format(rows=rows, minimum=minimum_in_force())
