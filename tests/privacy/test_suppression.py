"""Disclosure control: what is hidden stays hidden from a reader with a solver and all that is shown."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import Bounds, LinearConstraint, milp

from cxlab.core import suppression
from cxlab.core.errors import ParameterError
from cxlab.core.suppression import (
    feasible_intervals,
    hidden_in_line,
    hidden_in_table,
    hidden_of_nested,
    small_differences,
    with_totals,
)


def intervals_by_solver(whole: np.ndarray, hidden: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The attack: whole numbers of persons, each line a constraint on its unknown cells, both ends by milp.

    Written apart from the package, by another method: integer programming, where the package uses flows.
    """
    low, high = whole.astype(float), whole.astype(float)
    unknown = {tuple(place): number for number, place in enumerate(np.argwhere(hidden))}
    rows, right = [], []
    height, width = whole.shape
    lines = [[(r, c) for c in range(width)] for r in range(height)]
    lines += [[(r, c) for r in range(height)] for c in range(width)]
    for line in lines:
        row, known = np.zeros(len(unknown)), 0
        for place in line:
            sign = -1 if place == line[-1] else 1
            if place in unknown:
                row[unknown[place]] += sign
            else:
                known += sign * whole[place]
        rows.append(row)
        right.append(-known)
    for place, number in unknown.items():
        goal = np.zeros(len(unknown))
        goal[number] = 1
        for sign, ends in ((1, low), (-1, high)):
            found = milp(
                sign * goal,
                constraints=LinearConstraint(np.array(rows), right, right),
                bounds=Bounds(0, np.inf),
                integrality=np.ones(len(unknown)),
            )
            ends[place] = round(sign * found.fun) if found.status == 0 else np.inf
    return low, high


def shortest_interval(whole: np.ndarray, hidden: np.ndarray) -> float:
    low, high = intervals_by_solver(whole, hidden)
    return float((high - low)[hidden].min(initial=np.inf))


def random_table(chance: np.random.Generator) -> np.ndarray:
    shape = chance.integers(2, 6, size=2)
    return chance.poisson(chance.choice([2, 8, 15, 60], size=shape)).astype(np.int64)


def attacked(runs: int, record_figure: Callable[..., None]) -> None:
    chance = np.random.default_rng(7)
    shortest, shown = np.inf, []
    for _ in range(runs):
        counts = random_table(chance)
        hidden = hidden_in_table(counts)
        whole = with_totals(counts)
        assert hidden[(whole > 0) & (whole < 10)].all()
        shortest = min(shortest, shortest_interval(whole, hidden))
        shown.append(1 - hidden.mean())
    record_figure("shortest interval of a hidden cell, solver attack", shortest, runs=runs, bound=">= 10")
    record_figure("share of cells still shown", float(np.mean(shown)), runs=runs, bound="> 0.2")
    assert shortest >= 10
    assert np.mean(shown) > 0.2


def test_no_hidden_cell_of_a_random_table_can_be_told_by_a_solver(
    record_figure: Callable[..., None],
) -> None:
    attacked(6, record_figure)


@pytest.mark.statistics
def test_no_hidden_cell_of_many_random_tables_can_be_told_by_a_solver(
    record_figure: Callable[..., None],
) -> None:
    attacked(300, record_figure)


def test_the_attack_succeeds_where_complementary_suppression_is_left_out(
    record_figure: Callable[..., None],
) -> None:
    """The attack is a real one: with small counts hidden and nothing else, most tables give one away."""
    chance = np.random.default_rng(7)
    broken = 0
    for _ in range(10):
        whole = with_totals(random_table(chance))
        small = (whole > 0) & (whole < 10)
        broken += bool(small.any() and shortest_interval(whole, small) < 10)
    record_figure("tables that give a small count away, primary only", broken / 10, runs=10, bound="> 0.5")
    assert broken > 5


def test_the_intervals_are_those_that_a_solver_finds() -> None:
    """Each end of each interval, with cells hidden at random: body, totals, zeros."""
    chance = np.random.default_rng(3)
    for _ in range(5):
        whole = with_totals(random_table(chance))
        hidden = chance.random(whole.shape) < 0.6
        wanted = intervals_by_solver(whole, hidden)
        for found, right in zip(feasible_intervals(whole, hidden), wanted, strict=True):
            assert found.tolist() == right.tolist()


def test_intervals_of_a_square_by_hand() -> None:
    whole = with_totals(np.array([[4, 7, 30], [9, 12, 40], [20, 30, 50]]))
    hidden = np.zeros_like(whole, dtype=bool)
    hidden[:2, :2] = True
    low, high = feasible_intervals(whole, hidden)
    # The first rises by the smaller of 7 and 9 and falls by the smaller of 4 and 12; its partners likewise.
    assert low[:2, :2].tolist() == [[0, 0], [2, 8]]
    assert high[:2, :2].tolist() == [[11, 11], [13, 19]]
    assert low[2, 2] == high[2, 2] == 50
    hidden[:] = False
    hidden[np.ix_([0, 3], [0, 3])] = True  # with the total of everything: no end above
    low, high = feasible_intervals(whole, hidden)
    assert (low[0, 0], high[0, 0]) == (0, np.inf)
    hidden[:] = True  # many ways for more persons to come in: still no end above, and nothing is lost
    low, high = feasible_intervals(whole, hidden)
    assert not low.any()
    assert np.isinf(high).all()
    hidden[:] = False
    hidden[np.ix_([0, 3], [0, 3])] = True
    asked = np.zeros_like(hidden)
    asked[0, 3] = True
    low, high = feasible_intervals(whole, hidden, asked=asked)
    assert (low[0, 3], high[0, 3]) == (37, np.inf)
    assert low[0, 0] == high[0, 0] == 4


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(0, 60), min_size=1, max_size=9), st.integers(5, 20))
def test_a_line_hides_two_or_more_with_the_minimum_among_them(counts: list[int], minimum: int) -> None:
    line = np.array(counts)
    hidden = hidden_in_line(line, minimum=minimum)
    assert hidden[(line > 0) & (line < minimum)].all()
    if hidden.any() and not hidden.all():
        assert hidden.sum() >= 2
        # With the total known, each of two or more hidden counts may be anything from 0 to their sum.
        assert line[hidden].sum() >= minimum
    if not ((line > 0) & (line < minimum)).any():
        assert not hidden.any()


def test_a_table_without_small_counts_is_shown_whole() -> None:
    assert not hidden_in_table(np.array([[10, 0], [25, 300]])).any()


def test_the_smallest_shown_count_is_the_one_given_up_and_a_zero_never_before_it() -> None:
    assert hidden_in_line(np.array([0, 400, 9, 11, 0])).tolist() == [False, False, True, True, False]


@pytest.mark.parametrize(
    "counts", [[[3]], [[3, 4]], [[3, 4], [1, 0]], [[0, 0], [0, 0]], [[9, 30], [30, 9]]]
)
def test_tables_that_are_small_as_a_whole_are_hidden_as_a_whole(counts: list[list[int]]) -> None:
    table = np.array(counts)
    hidden, whole = hidden_in_table(table), with_totals(table)
    assert shortest_interval(whole, hidden) >= 10
    assert hidden[-1, -1] == (0 < table.sum() < 10)


def test_two_periods_that_differ_by_few_are_not_both_shown() -> None:
    """The year to November and the year: the difference is December."""
    months = np.repeat(np.arange(12), [20] * 11 + [4])
    to_date = np.array([months <= month for month in range(12)])
    assert small_differences(to_date) == [(10, 11)]
    hidden = hidden_of_nested(to_date)
    assert np.flatnonzero(hidden).tolist() == [10]
    shown = to_date[~hidden]
    assert small_differences(shown) == []


@pytest.mark.parametrize(
    ("sizes", "small", "hidden"),
    [
        ([30, 31], [(0, 1)], [True, False]),  # one person more is one too few
        ([30, 39], [(0, 1)], [True, False]),
        ([30, 40], [], [False, False]),
        ([30, 30], [], [False, False]),
        ([0, 9], [], [False, True]),  # nobody is no group, and shows nobody
        ([0, 10], [], [False, False]),
        ([1, 11], [], [True, False]),
        ([1, 10], [(0, 1)], [True, False]),
        ([20, 25, 34], [(0, 1), (1, 2)], [False, True, False]),  # one in the middle mends both sides
    ],
)
def test_borders_of_groups_that_hold_each_other(
    sizes: list[int], small: list[tuple[int, int]], hidden: list[bool]
) -> None:
    members = np.array([np.arange(60) < size for size in sizes])
    assert small_differences(members) == small
    assert hidden_of_nested(members).tolist() == hidden


def test_another_minimum_counts_for_differences_too() -> None:
    members = np.array([np.arange(60) < size for size in (30, 36)])
    assert hidden_of_nested(members, minimum=5).tolist() == [False, False]
    assert hidden_of_nested(members, minimum=7).tolist() == [True, False]


def test_cells_with_just_the_minimum_together_are_enough() -> None:
    """Two of 5 in one line and one column each: 10 together, and each may be any number from 0 to 10."""
    hidden = hidden_in_table(np.array([[5, 5, 40], [5, 5, 40], [40, 40, 40]]))
    assert np.argwhere(hidden).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 10_000))
def test_of_nested_groups_no_two_that_are_shown_differ_by_too_few(seed: int) -> None:
    chance = np.random.default_rng(seed)
    ends = np.sort(chance.integers(0, 80, size=6))
    members = np.array([np.arange(80) < end for end in ends] + [chance.random(80) < 0.5])
    shown = members[~hidden_of_nested(members)]
    assert small_differences(shown) == []
    sizes = shown.sum(axis=1)
    assert not ((sizes > 0) & (sizes < 10)).any()


def test_the_floor_is_five_and_counts_are_whole_numbers() -> None:
    with pytest.raises(ParameterError, match="never shown"):
        hidden_in_line(np.array([1, 20]), minimum=4)
    with pytest.raises(ParameterError, match="whole numbers"):
        hidden_in_table(np.array([[0.5, 20]]))  # type: ignore[arg-type]
    assert suppression.MINIMUM == 10
