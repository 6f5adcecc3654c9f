"""LMG, dominance and Johnson weights against closed forms, references, brute force, hostile input."""

from __future__ import annotations

import json
from itertools import permutations
from math import comb
from pathlib import Path

import numpy as np
import pytest

import cxlab
from cxlab.stats.importance import MAX_EXACT, dominance, johnson, lmg

GOLDEN = json.loads((Path(__file__).resolve().parents[1] / "golden" / "importance.json").read_text())
WITH_LMG = ["swiss", "attitude", "mtcars_domir", "mtcars_rwa"]


def made_up(predictors: int, *, seed: int = 1, rows: int = 200) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(rows, predictors + 1)) @ rng.normal(size=(predictors + 1, predictors + 1))
    return values + rng.normal(size=(rows, predictors + 1))


def correlation(values: np.ndarray) -> np.ndarray:
    spread = values.std(axis=0)
    scaled = (values - values.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    return scaled.T @ scaled / len(values)


def brute_force(matrix: np.ndarray) -> np.ndarray:
    """The definition, subset by subset, by pseudo-inverse."""
    predictors = len(matrix) - 1
    explained = np.zeros(2**predictors)
    for subset in range(1, 2**predictors):
        inside = [j for j in range(predictors) if subset >> j & 1]
        cross = matrix[inside, -1]
        explained[subset] = cross @ np.linalg.pinv(matrix[np.ix_(inside, inside)], rcond=1e-10) @ cross
    table = np.zeros((predictors, predictors))
    for j in range(predictors):
        for subset in range(2**predictors):
            if not subset >> j & 1:
                size = subset.bit_count()
                gain = explained[subset | 1 << j] - explained[subset]
                table[j, size] += gain / comb(predictors - 1, size)
    return table


@pytest.mark.parametrize("case", WITH_LMG)
def test_lmg_equals_relaimpo_to_ten_digits(case: str) -> None:
    matrix = np.array(GOLDEN[case]["corr"])
    assert lmg(matrix) == pytest.approx(GOLDEN[case]["lmg"], abs=1e-10)
    assert lmg(matrix).sum() == pytest.approx(GOLDEN[case]["R2"], abs=1e-10)


@pytest.mark.parametrize("case", WITH_LMG)
def test_johnson_weights_equal_genizi_to_ten_digits(case: str) -> None:
    assert johnson(np.array(GOLDEN[case]["corr"])) == pytest.approx(GOLDEN[case]["genizi"], abs=1e-10)


@pytest.mark.parametrize("case", WITH_LMG)
def test_the_ends_of_the_dominance_table_are_first_and_last(case: str) -> None:
    table = dominance(np.array(GOLDEN[case]["corr"]))
    assert table[:, 0] == pytest.approx(GOLDEN[case]["first"], abs=1e-10)
    assert table[:, -1] == pytest.approx(GOLDEN[case]["last"], abs=1e-10)


def test_the_dominance_table_equals_the_published_one_of_azen_and_budescu() -> None:
    table = dominance(np.array(GOLDEN["azen_budescu"]["corr"]))
    assert table == pytest.approx(np.array(GOLDEN["azen_budescu"]["by_size"]), abs=6e-4)
    assert table.mean(axis=1).sum() == pytest.approx(GOLDEN["azen_budescu"]["R2"], abs=1e-9)


def test_the_dominance_table_equals_domir() -> None:
    table = dominance(np.array(GOLDEN["mtcars_domir"]["corr"]))
    assert table == pytest.approx(np.array(GOLDEN["mtcars_domir"]["by_size"]), abs=1e-11)


def test_two_predictors_follow_the_closed_form() -> None:
    share = lmg(np.array([[1.0, 0.5, 0.6], [0.5, 1.0, 0.4], [0.6, 0.4, 1.0]]))
    assert share == pytest.approx([0.2866666666667, 0.0866666666667], abs=1e-12)


@pytest.mark.parametrize("predictors", [1, 2, 10, 16, 20])
def test_equicorrelated_predictors_follow_the_closed_form(predictors: int) -> None:
    matrix = np.full((predictors + 1, predictors + 1), 0.4)
    np.fill_diagonal(matrix, 1.0)
    matrix[-1, :-1] = matrix[:-1, -1] = 0.5
    assert lmg(matrix) == pytest.approx(np.full(predictors, 0.25 / (1 + 0.4 * (predictors - 1))), abs=1e-12)


@pytest.mark.parametrize("predictors", [1, 2, 3, 5, 8])
def test_lmg_equals_brute_force(predictors: int) -> None:
    matrix = correlation(made_up(predictors))
    assert dominance(matrix) == pytest.approx(brute_force(matrix), abs=1e-12)


def test_duplicated_summed_and_constant_columns_equal_brute_force_by_pseudo_inverse() -> None:
    values = made_up(7)
    values[:, 3] = values[:, 0]
    values[:, 4] = values[:, 1] + values[:, 2]
    values[:, 6] = 5.0
    matrix = correlation(values)
    assert dominance(matrix) == pytest.approx(brute_force(matrix), abs=1e-10)
    share = lmg(matrix)
    assert share[3] == pytest.approx(share[0], abs=1e-12)
    assert share[6] == pytest.approx(0.0, abs=1e-15)
    assert share.min() >= 0.0
    assert johnson(matrix).sum() == pytest.approx(share.sum(), abs=1e-10)


def test_lmg_equals_the_mean_over_all_orders_of_entry() -> None:
    matrix = correlation(made_up(4, seed=3))
    shares = np.zeros(4)
    for order in permutations(range(4)):
        # The last row of the Cholesky factor, squared, is the gain of each predictor in this order.
        chosen = [*order, 4]
        gains = np.linalg.cholesky(matrix[np.ix_(chosen, chosen)])[-1, :-1] ** 2
        shares[list(order)] += gains / 24
    assert lmg(matrix) == pytest.approx(shares, abs=1e-12)


@pytest.mark.parametrize(
    ("predictors", "matrices"), [(1, 3), (2, 5000), (3, 4097), (6, 600), (9, 70), (12, 3)]
)
def test_a_stack_gives_what_its_matrices_give_one_by_one(predictors: int, matrices: int) -> None:
    few = np.stack([correlation(made_up(predictors, seed=seed)) for seed in range(3)])
    chosen = np.arange(matrices) % 3
    together = dominance(few[chosen], assume_valid=True)
    one_by_one = np.stack([dominance(matrix) for matrix in few])
    assert together.shape == (matrices, predictors, predictors)
    assert together == pytest.approx(one_by_one[chosen], abs=1e-12)
    assert johnson(few) == pytest.approx(np.stack([johnson(matrix) for matrix in few]), abs=1e-12)


def test_relabelled_predictors_keep_their_shares() -> None:
    matrix, order = correlation(made_up(13)), np.random.default_rng(2).permutation(13)
    moved = np.append(order, 13)
    assert lmg(matrix[np.ix_(moved, moved)]) == pytest.approx(lmg(matrix)[order], abs=1e-12)


def test_an_unrelated_predictor_leaves_the_other_shares_alone() -> None:
    matrix = correlation(made_up(5))
    larger = np.zeros((7, 7))
    kept = [0, 1, 2, 3, 4, 6]
    larger[np.ix_(kept, kept)], larger[5, 5] = matrix, 1.0
    assert lmg(larger)[kept[:-1]] == pytest.approx(lmg(matrix), abs=1e-12)
    assert lmg(larger)[5] == pytest.approx(0.0, abs=1e-12)


def test_a_turned_scale_changes_nothing() -> None:
    matrix = correlation(made_up(5))
    turned = matrix * np.outer([1, -1, 1, 1, -1, 1], [1, -1, 1, 1, -1, 1])
    assert lmg(turned) == pytest.approx(lmg(matrix), abs=1e-12)


def test_a_column_of_zeros_with_a_diagonal_of_zero_is_a_constant_predictor() -> None:
    matrix = np.array([[1.0, 0.0, 0.5], [0.0, 0.0, 0.0], [0.5, 0.0, 1.0]])
    assert lmg(matrix) == pytest.approx([0.25, 0.0], abs=1e-15)


@pytest.mark.parametrize(
    ("matrix", "words"),
    [
        (np.eye(3)[:2], "got shape"),
        (np.array([[1.0]]), "got shape"),
        (np.array([[1.0, np.nan], [np.nan, 1.0]]), "missing or infinite"),
        (np.array([[1.0, 0.5], [0.4, 1.0]]), "not symmetric"),
        (np.array([[2.0, 0.5], [0.5, 1.0]]), "diagonal must be 1"),
        (np.array([[1.0, 0.0], [0.0, 0.0]]), "diagonal must be 1"),
        (np.array([[1.0, 0.9, -0.9], [0.9, 1.0, 0.9], [-0.9, 0.9, 1.0]]), "smallest eigenvalue"),
    ],
)
def test_what_is_no_correlation_matrix_is_refused_with_a_next_step(matrix: np.ndarray, words: str) -> None:
    for function in (lmg, johnson, dominance):
        with pytest.raises(ValueError, match=words) as error:
            function(matrix)
        assert "Next step" in str(error.value)


def test_more_predictors_than_can_be_visited_are_refused_but_have_johnson_weights() -> None:
    matrix = np.eye(MAX_EXACT + 2)
    matrix[-1, 0] = matrix[0, -1] = 0.5
    with pytest.raises(ValueError, match="exact LMG stops at 25"):
        lmg(matrix)
    assert johnson(matrix)[:2] == pytest.approx([0.25, 0.0])


def test_the_face_reaches_the_function_without_an_import_of_its_own() -> None:
    assert cxlab.stats.importance.lmg is lmg
    assert "importance" in dir(cxlab.stats)
    with pytest.raises(AttributeError, match="no module 'imports'"):
        cxlab.stats.imports  # noqa: B018
