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


def shortest_interval(whole: np.ndarray, hidden: np.ndarray) -> float:
    """The attack: whole numbers of persons, each line a constraint on its unknown cells, both ends by milp.

    Written apart from the package, by another solver.
    """
    unknown = {tuple(place): number for number, place in enumerate(np.argwhere(hidden))}
    if not unknown:
        return np.inf
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
    rule = LinearConstraint(np.array(rows), right, right)
    shortest = np.inf
    for number in range(len(unknown)):
        goal = np.zeros(len(unknown))
        goal[number] = 1
        ends = []
        for sign in (1, -1):
            found = milp(
                sign * goal, constraints=rule, bounds=Bounds(0, np.inf), integrality=np.ones(len(unknown))
            )
            ends.append(sign * found.fun if found.status == 0 else np.inf)
        shortest = min(shortest, ends[1] - ends[0])
    return float(shortest)


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
    attacked(12, record_figure)


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


def test_rectangles_prove_no_more_than_the_solver_finds() -> None:
    chance = np.random.default_rng(3)
    proven = 0
    for _ in range(12):
        whole = with_totals(random_table(chance))
        hidden = chance.random(whole.shape) < 0.6
        low, high = feasible_intervals(whole, hidden)
        slack = suppression._slack(whole, hidden, asked=hidden)
        assert (slack[hidden] <= (high - low)[hidden] + 1e-6).all()
        assert not slack[~hidden].any()
        proven += int((slack >= 10).sum())
    assert proven > 20


def test_a_rectangle_moves_as_many_as_its_falling_corners_hold() -> None:
    whole = with_totals(np.array([[4, 7, 30], [9, 12, 40], [20, 30, 50]]))
    hidden = np.zeros_like(whole, dtype=bool)
    hidden[:2, :2] = True
    slack = suppression._slack(whole, hidden, asked=hidden)
    # Up by the smaller of 7 and 9, down by the smaller of 4 and 12; and the other way round.
    assert slack[:2, :2].tolist() == [[11, 11], [11, 11]]
    hidden[:] = False
    hidden[np.ix_([0, 1], [0, 3])] = True  # with the totals of both rows, which move along
    assert suppression._slack(whole, hidden, asked=hidden)[0, [0, 3]].tolist() == [13, 13]
    hidden[:] = False
    hidden[np.ix_([0, 3], [0, 3])] = True  # with the total of everything: no end above
    assert suppression._slack(whole, hidden, asked=hidden)[0, 0] == np.inf


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
