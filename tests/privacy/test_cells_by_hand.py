"""Disclosure control by hand: which cells are hidden, and every end against all tables there are."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest

from cxlab.core.errors import ParameterError
from cxlab.core.suppression import (
    check_minimum,
    feasible_intervals,
    hidden_in_line,
    hidden_in_table,
    hidden_of_nested,
    small_differences,
    with_totals,
)

#: Every table of two lines and two columns with 0 to 9 persons in each cell, with its totals.
_CELLS = np.array([*itertools.product(range(10), repeat=4)]).reshape(-1, 2, 2)
_BODIES = np.concatenate([_CELLS, _CELLS.sum(axis=2, keepdims=True)], axis=2)
EVERY_TABLE = np.concatenate([_BODIES, _BODIES.sum(axis=1, keepdims=True)], axis=1)


@pytest.mark.parametrize("seed", range(60))
def test_the_intervals_are_those_of_all_tables_that_fit_what_is_shown(seed: int) -> None:
    """Cells of 0 to 2: what has an end ends below 9, so who reaches 9 has none."""
    chance = np.random.default_rng(seed)
    whole = with_totals(chance.integers(0, 3, size=(2, 2)))
    hidden = chance.random((3, 3)) < chance.choice([0.4, 0.6, 0.8])
    fitting = EVERY_TABLE[(whole == EVERY_TABLE)[:, ~hidden].all(axis=1)]
    low, high = feasible_intervals(whole, hidden)
    most = fitting.max(axis=0).astype(float)
    assert low.tolist() == fitting.min(axis=0).tolist()
    assert high.tolist() == np.where(hidden & (most >= 9), np.inf, most).tolist()


def test_an_interval_is_looked_for_only_where_it_is_asked_for() -> None:
    whole = with_totals(np.array([[20, 3], [30, 40]]))
    hidden = np.zeros((3, 3), dtype=bool)
    hidden[:2, :2] = True
    for row, column, ends in ((0, 0, (0, 23)), (0, 1, (0, 23)), (1, 0, (27, 50)), (1, 1, (20, 43))):
        asked = np.zeros((3, 3), dtype=bool)
        asked[row, column] = asked[2, 2] = True
        low, high = feasible_intervals(whole, hidden, asked=asked)
        assert (low[row, column], high[row, column]) == ends
        asked[2, 2] = False
        assert np.array_equal(low[~asked], whole[~asked])
        assert np.array_equal(high[~asked], whole[~asked])


@pytest.mark.parametrize(
    ("counts", "minimum", "hidden"),
    [
        ([], 10, []),
        ([0], 10, []),
        ([1], 10, [0]),
        ([9], 10, [0]),
        ([10], 10, []),
        ([0, 10, 20], 10, []),
        ([1, 30, 20], 10, [0, 2]),
        ([9, 1000, 10], 10, [0, 2]),
        ([4, 6, 50], 10, [0, 1]),  # 10 together are enough
        ([4, 5, 50, 60], 10, [0, 1, 2]),  # 9 are not
        ([1, 1, 1, 40, 41], 10, [0, 1, 2, 3]),
        ([3, 12, 12], 10, [0, 1]),  # of two as large the first
        ([12, 3, 12], 10, [0, 1]),
        ([9, 0, 50], 10, [0, 2]),  # a zero hides nobody
        ([9, 0], 10, [0, 1]),  # but nothing else is left
        ([9, 0, 0], 10, [0, 1, 2]),
        ([0, 9], 10, [0, 1]),
        ([4, 5, 6], 5, [0, 1]),
        ([4, 1, 6], 5, [0, 1]),
        ([5, 6], 5, []),
        ([14, 15, 16], 15, [0, 1]),
    ],
)
def test_which_counts_of_a_line_are_hidden(counts: list[int], minimum: int, hidden: list[int]) -> None:
    found = hidden_in_line(np.array(counts), minimum=minimum)
    assert found.dtype == bool
    assert np.flatnonzero(found).tolist() == hidden
    again = hidden_in_line(np.array(counts, dtype=float), minimum=minimum)
    assert again.tolist() == found.tolist()
    if minimum == 10:
        assert hidden_in_line(np.array(counts)).tolist() == found.tolist()


BRIDGE = [[5, 5, 30, 40], [5, 5, 3, 41], [11, 40, 5, 5], [40, 40, 5, 5]]


@pytest.mark.parametrize(
    ("counts", "hidden"),
    [
        # A small cell with its total: the other dealer of that column and the other total cover it.
        ([[4, 0], [30, 40]], ["101", "101", "000"]),
        # All that is not zero; everybody together may be shown.
        ([[9, 0], [0, 50]], ["101", "011", "110"]),
        # A table of 4 persons is hidden with all its totals, and its zeros are shown.
        ([[4, 0], [0, 0]], ["101", "000", "101"]),
        # One line with its totals twice.
        ([[9, 30]], ["110", "110"]),
        ([[9], [30]], ["11", "11", "00"]),
        ([[9, 30, 60]], ["1100", "1100"]),
        # A column of nothing but 4: its zero goes before its total.
        ([[0, 15], [20, 4]], ["110", "110", "000"]),
        # 9 persons in two cells are too few; 10 are enough.
        (
            [[4, 5, 40, 60], [40, 50, 70, 80], [90, 60, 41, 99]],
            ["11100", "11000", "01100", "00000"],
        ),
        ([[4, 6, 40, 60], [40, 50, 70, 80], [90, 60, 41, 99]], ["11000", "11000", "00000", "00000"]),
        # One hidden for a column asks for another in its row, again and again.
        ([[3, 40, 50], [60, 85, 70], [80, 44, 99]], ["1110", "1010", "1100", "0000"]),
        # Each line has two hidden with 10 persons, and still the 3 can be told: it is all that joins two
        # squares. The smallest of its row and column is given up (30), not the smallest of all (11).
        (BRIDGE, ["11100", "11100", "00110", "00110", "00000"]),
        (np.transpose(BRIDGE).tolist(), ["11000", "11000", "11110", "00110", "00000"]),
        # 6 told for certain are as bad as 3, though 6 and 6 are 12.
        ([*BRIDGE[:1], [5, 5, 6, 41], *BRIDGE[2:]], ["11100", "11100", "00110", "00110", "00000"]),
        # Around one weak cell everything is hidden already: another one is taken, until none is weak.
        ([[12, 2, 1], [40, 12, 1], [5, 0, 0]], None),
    ],
)
def test_which_cells_of_a_table_are_hidden(counts: list[list[int]], hidden: list[str] | None) -> None:
    table = np.array(counts)
    found = hidden_in_table(table)
    if hidden is not None:
        assert found.dtype == bool
        assert ["".join(str(int(cell)) for cell in row) for row in found] == hidden
    assert np.array_equal(hidden_in_table(table, minimum=10), found)
    low, high = feasible_intervals(with_totals(table), found)
    assert (high - low)[found].min() >= 10


@pytest.mark.parametrize("seed", range(20))
def test_no_hidden_cell_of_a_small_table_is_told_by_all_tables_that_fit(seed: int) -> None:
    """Cells of 0 to 4 with 5 as the minimum, seen from every table with at most 9 in a cell."""
    chance = np.random.default_rng(seed)
    whole = with_totals(chance.integers(0, 5, size=(2, 2)))
    hidden = hidden_in_table(whole[:2, :2], minimum=5)
    assert hidden[(whole > 0) & (whole < 5)].all()
    fitting = EVERY_TABLE[(whole == EVERY_TABLE)[:, ~hidden].all(axis=1)]
    assert (np.ptp(fitting, axis=0)[hidden] >= 5).all()


@pytest.mark.parametrize("shape", [(0, 3), (3, 0), (0, 0)])
def test_a_table_of_nothing_has_totals_of_zero_and_hides_nothing(shape: tuple[int, int]) -> None:
    whole = with_totals(np.zeros(shape, dtype=np.int64))
    assert whole.shape == (shape[0] + 1, shape[1] + 1)
    assert not whole.any()
    assert hidden_in_table(np.zeros(shape, dtype=np.int64)).tolist() == whole.astype(bool).tolist()


def test_totals_stand_last() -> None:
    assert with_totals(np.array([[1, 2, 5], [3, 4, 7]])).tolist() == [
        [1, 2, 5, 8],
        [3, 4, 7, 14],
        [4, 6, 12, 22],
    ]


def test_the_floor_is_shown_on_both_sides() -> None:
    for minimum in (5, 6, 10, 200):
        assert check_minimum(minimum) == minimum
    assert type(check_minimum(np.int64(7))) is int  # type: ignore[arg-type]
    said = "groups under 5 persons are never shown. Next step: 10 is the default, 5 the floor."
    members = np.ones((2, 40), dtype=bool)
    for minimum in (4, 0, -1):
        refusals: list[Callable[[], object]] = [
            partial(check_minimum, minimum),
            partial(hidden_in_line, np.array([20]), minimum=minimum),
            partial(hidden_in_table, np.array([[20]]), minimum=minimum),
            partial(small_differences, members, minimum=minimum),
            partial(hidden_of_nested, members, minimum=minimum),
        ]
        for refuse in refusals:
            with pytest.raises(ParameterError) as problem:
                refuse()
            assert str(problem.value) == f"minimum={minimum}: {said}"


@pytest.mark.parametrize("wrong", [[-1.0, 20.0], [0.5, 20.0], [np.nan, 20.0], [-20.0, -1.0], [20.25, 20.0]])
def test_shares_and_negative_numbers_are_no_counts(wrong: list[float]) -> None:
    said = "counts: need whole numbers of persons, 0 or more. Next step: pass counts, not shares."
    refusals: list[Callable[[], object]] = [
        partial(hidden_in_line, np.array(wrong)),
        partial(hidden_in_table, np.array([wrong])),
    ]
    for refuse in refusals:
        with pytest.raises(ParameterError) as problem:
            refuse()
        assert str(problem.value) == said


def groups(*spans: tuple[int, int]) -> np.ndarray:
    return np.array([(np.arange(90) >= begin) & (np.arange(90) < end) for begin, end in spans])


def test_groups_that_only_overlap_are_no_pair() -> None:
    assert small_differences(groups((0, 30), (1, 34))) == []
    assert small_differences(groups((0, 30), (30, 65))) == []
    assert small_differences(groups((1, 34), (1, 30), (0, 34))) == [(0, 2), (1, 0), (1, 2)]
    assert small_differences(groups((5, 30), (0, 30), (0, 30))) == [(0, 1), (0, 2)]
    found = small_differences(groups((0, 30), (0, 31)))
    assert all(type(place) is int for pair in found for place in pair)


def test_the_largest_difference_is_mended_first() -> None:
    """Four groups, each with 5 more: hiding the first and the third leaves two that differ by 10."""
    chain = groups((0, 20), (0, 25), (0, 30), (0, 35))
    assert hidden_of_nested(chain).tolist() == [True, False, True, False]
    assert hidden_of_nested(chain[::-1]).tolist() == [False, True, False, True]
    assert hidden_of_nested(chain.tolist()).tolist() == [True, False, True, False]


def test_a_group_is_hidden_for_itself_at_nine_and_not_for_one_that_is_hidden() -> None:
    assert hidden_of_nested(groups((0, 9), (10, 20), (30, 31), (40, 40))).tolist() == [
        True,
        False,
        True,
        False,
    ]
    # 5 are hidden as few; the 12 hold 7 more, and stay.
    assert hidden_of_nested(groups((0, 5), (0, 12))).tolist() == [True, False]
    assert hidden_of_nested(groups((0, 4), (0, 5), (0, 9)), minimum=5).tolist() == [True, True, False]
