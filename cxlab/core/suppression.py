"""Disclosure control on arrays: small counts are hidden, and nothing hidden can be had by subtraction.

A count of 1 to ``minimum - 1`` persons is hidden (*primary*). A reader who knows the totals could subtract
what is shown, so further counts are hidden (*complementary*) until the hidden ones cannot be told: each may
be any number of an interval of at least ``minimum``, given everything that is shown. Zeros are shown and
never hidden first; a total that is itself small is hidden too.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import ParameterError

#: Fewer persons than this are not shown; and never may it be set below the floor.
MINIMUM: Final = 10
FLOOR: Final = 5

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
    a total of ``minimum`` or more each interval is long enough, so it ends. Persons can be moved around a
    rectangle of four hidden cells, which proves most intervals without a solver.

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
        safe |= _slack(whole, hidden, asked=hidden & ~safe) >= minimum
        if not (hidden & ~safe).any():
            return hidden
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
    """
    from scipy.optimize import linprog

    low, high = whole.astype(np.float64), whole.astype(np.float64)
    places = np.flatnonzero(hidden.ravel())
    if not places.size:
        return low, high
    lines = _lines(*whole.shape)
    right = -lines @ np.where(hidden.ravel(), 0.0, whole.ravel())
    matrix = lines[:, places]
    wanted = hidden if asked is None else asked
    for position, place in enumerate(places):
        if not wanted.flat[place]:
            continue
        goal = np.zeros(places.size)
        goal[position] = 1.0
        ends = []
        for sign in (1.0, -1.0):
            found = linprog(sign * goal, A_eq=matrix, b_eq=right, bounds=(0, None), method="highs")
            # Status 3: no bound. Nothing else can happen, because the true table is feasible.
            ends.append(sign * found.fun if found.status == 0 else np.inf)
        low.flat[place], high.flat[place] = round(ends[0], 6), round(ends[1], 6)
    return low, high


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
    return np.asarray(np.vstack([wide, wide.sum(axis=0)]), dtype=np.int64)


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
                body[-1] = body[-1] and not body[:-1].any()  # the total last: it is what is asked for
                mask[_next(cells, body)] = True
    return hidden


def _line_is_safe(cells: Counts, mask: Mask, minimum: int) -> bool:
    if mask[-1]:
        return bool(mask[:-1].any())  # total and a part hidden: the line says nothing about either
    return bool(mask.sum() >= 2 and cells[mask].sum() >= minimum)


def _slack(whole: Counts, hidden: Mask, *, asked: Mask) -> NDArray[np.float64]:
    """A length that the interval of each asked cell has at least, from rectangles of four hidden cells.

    Around a rectangle persons move so that no line changes: opposite corners rise, the others fall, and a
    total goes with its part. A falling corner stops at zero. 0 where there is no rectangle.
    """
    found = np.zeros(whole.shape)
    cells = whole.astype(np.float64)
    last_row, last_column = (np.arange(size) == size - 1 for size in whole.shape)
    for row, column in np.argwhere(asked):
        corners = hidden & hidden[row, :] & hidden[:, [column]]
        corners[row, :], corners[:, column] = False, False
        if not corners.any():
            continue
        with_row = (last_column != last_column[column])[None, :]  # the corner in this row moves along
        with_column = (last_row != last_row[row])[:, None]
        with_both = with_row == with_column
        beside, below = cells[[row], :], cells[:, [column]]
        falls = [(~with_row, beside), (~with_column, below), (~with_both, cells)]
        rises = [(with_row, beside), (with_column, below), (with_both, cells)]
        up = _least(falls, whole.shape)
        down = np.minimum(cells[row, column], _least(rises, whole.shape))
        found[row, column] = np.where(corners, up + down, 0.0).max()
    return found


def _least(parts: list[tuple[Mask, NDArray[np.float64]]], shape: tuple[int, ...]) -> NDArray[np.float64]:
    """The smallest of the cells that move this way, ``inf`` where none does."""
    lowest = np.full(shape, np.inf)
    for moves, cells in parts:
        lowest = np.minimum(lowest, np.where(moves, cells, np.inf))
    return lowest


def _lines(rows: int, columns: int) -> NDArray[np.float64]:
    """One line per row and column of the table with totals: its parts minus its total are zero."""
    lines = []
    for row in range(rows):
        line = np.zeros((rows, columns))
        line[row, :-1], line[row, -1] = 1.0, -1.0
        lines.append(line.ravel())
    for column in range(columns):
        line = np.zeros((rows, columns))
        line[:-1, column], line[-1, column] = 1.0, -1.0
        lines.append(line.ravel())
    return np.array(lines)
