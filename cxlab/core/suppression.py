"""Disclosure control on arrays: small counts are hidden, and nothing hidden can be had by subtraction.

A count of 1 to ``minimum - 1`` persons is hidden (*primary*). A reader who knows the totals could subtract
what is shown, so further counts are hidden (*complementary*) until the hidden ones cannot be told: each may
be any number of an interval of at least ``minimum``, given everything that is shown. Zeros are shown and
never hidden first; a total that is itself small is hidden too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import ParameterError

if TYPE_CHECKING:
    from scipy.sparse import csr_array

#: Fewer persons than this are not shown; and never may it be set below the floor.
MINIMUM: Final = 10
FLOOR: Final = 5

#: Stands for no upper bound on the persons of a cell: more than the persons of any table.
_ENDLESS: Final = 2**30

Counts = NDArray[np.int64]
Mask = NDArray[np.bool_]


def check_minimum(minimum: int) -> int:
    """The minimum, if it is at or above the floor of 5.

    >>> check_minimum(10)
    10
    """
    if minimum < FLOOR:
        raise ParameterError(
            f"minimum={minimum}: groups under {FLOOR} persons are never shown. Next step: {MINIMUM} is the "
            f"default, {FLOOR} the floor."
        )
    return int(minimum)


def hidden_in_line(counts: Counts, *, minimum: int = MINIMUM) -> Mask:
    """Which counts of one line to hide whose total is known.

    Parameters
    ----------
    counts
        Shape (groups,): persons in each of groups that do not overlap.

    Returns
    -------
    Mask
        Shape (groups,). Either none is hidden, or at least two with ``minimum`` persons together (fewer
        only if the whole line has not more), because the sum of the hidden ones is known.

    Examples
    --------
    >>> hidden_in_line(np.array([40, 3, 25, 12])).tolist()
    [False, True, False, True]
    """
    counts = _checked(counts, minimum)
    hidden = (counts > 0) & (counts < minimum)
    while hidden.any() and (hidden.sum() < 2 or counts[hidden].sum() < minimum) and not hidden.all():
        hidden[_next(counts, ~hidden)] = True
    return hidden


def hidden_in_table(counts: Counts, *, minimum: int = MINIMUM) -> Mask:
    """Which cells of a table with its totals to hide.

    Parameters
    ----------
    counts
        Shape (rows, columns): persons in each cell; totals of rows, columns and all are shown beside it.

    Returns
    -------
    Mask
        Shape (rows + 1, columns + 1): the last column holds the totals of rows, the last row of columns.

    Notes
    -----
    First each line is treated as in :func:`hidden_in_line` until nothing changes. Then the interval of
    every hidden cell is computed from everything shown (:func:`feasible_intervals`); while one is shorter
    than ``minimum``, the smallest shown cell of its row or column is hidden too. With everything hidden but
    a total of ``minimum`` or more each interval is long enough, so it ends.

    Examples
    --------
    >>> hidden_in_table(np.array([[20, 3], [30, 40]])).astype(int).tolist()
    [[1, 1, 0], [1, 1, 0], [0, 0, 0]]
    """
    whole = with_totals(_checked(counts, minimum))
    hidden = (whole > 0) & (whole < minimum)
    safe = np.zeros_like(hidden)  # a further hidden cell only widens an interval: what is safe stays safe
    while True:
        hidden = _by_lines(whole, hidden, minimum)
        low, high = feasible_intervals(whole, hidden, asked=hidden & ~safe)
        safe |= high - low >= minimum
        weak = hidden & ~safe
        if not weak.any():
            return hidden
        rows, columns = np.nonzero(weak)
        around = np.zeros_like(hidden)
        around[rows, :] = True
        around[:, columns] = True
        free = around & ~hidden
        hidden.flat[_next(whole.ravel(), (free if free.any() else ~hidden).ravel())] = True


def feasible_intervals(
    whole: Counts, hidden: Mask, *, asked: Mask | None = None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Lowest and highest number that each cell can hold, given all cells that are shown.

    Parameters
    ----------
    whole, hidden
        Shape (rows + 1, columns + 1), with totals: what is known and what is not.
    asked
        The same shape: the hidden cells of which to find it, all if None.

    Returns
    -------
    Low and high, the same shape; equal to the cell where shown or not asked for, ``inf`` where there is no
    upper bound.

    Notes
    -----
    A table with its totals is a flow on a network whose nodes are the lines and whose arcs are the hidden
    cells (Bacharach 1966): a cell rises by the largest flow that can come back on the other arcs, each of
    which may grow without end and shrink to zero. Whole numbers on the arcs give whole numbers at the ends.

    Examples
    --------
    >>> hidden = np.array([[True, True, False], [True, True, False], [False, False, False]])
    >>> low, high = feasible_intervals(with_totals(np.array([[20, 3], [30, 40]])), hidden)
    >>> low[0, 1], high[0, 1]
    (np.float64(0.0), np.float64(23.0))
    """
    from scipy.sparse.csgraph import maximum_flow

    low, high = whole.astype(np.float64), whole.astype(np.float64)
    rows, columns = np.nonzero(hidden)
    size, nodes = len(rows), sum(whole.shape)
    cells = np.minimum(whole[rows, columns], _ENDLESS - 1)
    begins, ends = _arcs(rows, columns, whole.shape)
    graph, where = _network(begins, ends, cells, nodes)

    def flow(start: int, stop: int) -> int:
        given = where[2 * size + start]
        graph.data[given] = _ENDLESS
        found = int(maximum_flow(graph, nodes, stop).flow_value)
        graph.data[given] = 0
        return found

    wanted = hidden if asked is None else asked
    for arc in np.flatnonzero(wanted[rows, columns]):
        own = where[[arc, arc + size]]
        graph.data[own] = 0  # what rises here comes back on the other arcs
        up, down = flow(ends[arc], begins[arc]), flow(begins[arc], ends[arc])
        graph.data[own] = _ENDLESS, cells[arc]
        low[rows[arc], columns[arc]] -= min(down, cells[arc])
        high[rows[arc], columns[arc]] += up if up < _ENDLESS else np.inf
    return low, high


def _network(begins: Counts, ends: Counts, cells: Counts, nodes: int) -> tuple[csr_array, Counts]:
    """The room on each arc, and where it stands: all arcs up, all down, then the source to each line."""
    from scipy.sparse import csr_array

    # From one more node to each line: it gives what flows, never more than can be counted.
    starts = np.concatenate([begins, ends, np.full(nodes, nodes)])
    stops = np.concatenate([ends, begins, np.arange(nodes)])
    numbered = csr_array((np.arange(len(starts)), (starts, stops)), shape=(nodes + 1, nodes + 1))
    room = np.concatenate([np.full(len(cells), _ENDLESS), cells, np.zeros(nodes)]).astype(np.int32)
    graph = csr_array((room[numbered.data], numbered.indices, numbered.indptr), shape=numbered.shape)
    return graph, np.argsort(numbered.data)


def _arcs(rows: Counts, columns: Counts, shape: tuple[int, ...]) -> tuple[Counts, Counts]:
    """Each cell as an arc between its two lines: the lines of rows come first, then those of columns.

    Persons on an arc leave one line and enter the other; parts and their total point in opposite ways, so
    a table in which every line adds up is a flow that nowhere ends.
    """
    forth = (rows == shape[0] - 1) == (columns == shape[1] - 1)
    across = columns + shape[0]
    return np.where(forth, rows, across), np.where(forth, across, rows)


def small_differences(members: Mask, *, minimum: int = MINIMUM) -> list[tuple[int, int]]:
    """Pairs of groups of which one holds the other and fewer than ``minimum`` persons more.

    Both shown, the difference is a group that may not be shown: a period and the same period to date, all
    and all but a few.

    Parameters
    ----------
    members
        Shape (groups, persons).

    Returns
    -------
    Pairs (smaller, larger), in order; equal groups are no difference.

    Examples
    --------
    >>> members = np.zeros((3, 40), dtype=bool)
    >>> members[0, :30], members[1, :33], members[2, 30:] = True, True, True
    >>> small_differences(members)
    [(0, 1)]
    """
    check_minimum(minimum)
    inside = np.asarray(members, dtype=np.int64)
    sizes = inside.sum(axis=1)
    common = inside @ inside.T
    extra = sizes[None, :] - sizes[:, None]
    nested = (common == sizes[:, None]) & (extra > 0) & (extra < minimum) & (sizes[:, None] > 0)
    return [(int(small), int(large)) for small, large in np.argwhere(nested)]


def hidden_of_nested(members: Mask, *, minimum: int = MINIMUM) -> Mask:
    """Which of overlapping groups to hide: small ones, and the smaller of two that differ by too few.

    The largest pairs are looked at first: hiding one group mends the differences on both sides of it.

    >>> members = np.zeros((3, 40), dtype=bool)
    >>> members[0, :30], members[1, :33], members[2, :] = True, True, True
    >>> hidden_of_nested(members).tolist()
    [False, True, False]
    """
    sizes = np.asarray(members).sum(axis=1)
    hidden: Mask = (sizes > 0) & (sizes < check_minimum(minimum))
    for small, large in sorted(
        small_differences(members, minimum=minimum), key=lambda pair: -sizes[pair[1]]
    ):
        if not hidden[large]:
            hidden[small] = True
    return hidden


def with_totals(counts: Counts) -> Counts:
    """The table with a last column and a last row of totals.

    >>> with_totals(np.array([[1, 2], [3, 4]])).tolist()
    [[1, 2, 3], [3, 4, 7], [4, 6, 10]]
    """
    wide = np.column_stack([counts, counts.sum(axis=1)])
    return np.vstack([wide, wide.sum(axis=0)])


def _checked(counts: Counts, minimum: int) -> Counts:
    check_minimum(minimum)
    found = np.asarray(counts)
    if found.size and (found.min() < 0 or not np.array_equal(found, np.floor(found))):
        raise ParameterError(
            "counts: need whole numbers of persons, 0 or more. Next step: pass counts, not shares."
        )
    return np.asarray(found, dtype=np.int64)


def _next(counts: Counts, free: Mask) -> int:
    """The smallest count that is shown; a zero only where nothing else is left, as it hides nobody."""
    worth = np.where(counts > 0, counts, np.iinfo(np.int64).max - 1)
    return int(np.argmin(np.where(free, worth, np.iinfo(np.int64).max)))


def _by_lines(whole: Counts, hidden: Mask, minimum: int) -> Mask:
    """Every row and column with its total: at least two hidden, ``minimum`` persons among them."""
    hidden, before = hidden.copy(), None
    while before is None or not np.array_equal(before, hidden):
        before = hidden.copy()
        for cells, mask in [*zip(whole, hidden, strict=True), *zip(whole.T, hidden.T, strict=True)]:
            while mask.any() and not mask.all() and not _line_is_safe(cells, mask, minimum):
                body = ~mask
                body[-1] = False  # never the total: it is what is asked for, and all its parts are enough
                mask[_next(cells, body)] = True
    return hidden


def _line_is_safe(cells: Counts, mask: Mask, minimum: int) -> bool:
    if mask[-1]:
        return bool(mask[:-1].any())  # total and a part hidden: the line says nothing about either
    return bool(mask.sum() >= 2 and cells[mask].sum() >= minimum)
