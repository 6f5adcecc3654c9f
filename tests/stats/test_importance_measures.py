"""All measures, groups, controls, complete dominance and sampled orders, against references."""

from __future__ import annotations

import json
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest

from cxlab.stats.coalitions import complete_dominance, explained_by_coalition, lmg_given, owen
from cxlab.stats.importance import dominance, johnson, lmg
from cxlab.stats.importance_measures import importance_measures, standardised_slopes
from cxlab.stats.importance_sampling import sampled_lmg

GOLDEN = json.loads(
    (Path(__file__).resolve().parents[1] / "golden" / "importance_measures.json").read_text()
)
SWISS = Path(__file__).resolve().parents[2] / "../shared/data/swiss/swiss.csv"
RELAIMPO = ["swiss", "attitude", "mtcars_domir", "mtcars_rwa"]
NAMES = {"lmg": "lmg", "genizi": "johnson", "first": "first", "last": "last"}
NAMES |= {"betasq": "beta2", "pratt": "pratt", "car": "car"}


def golden(case: str) -> np.ndarray:
    return np.array(GOLDEN[case]["corr"])


def made_up(predictors: int, *, seed: int = 1) -> np.ndarray:
    rng = np.random.default_rng(seed)
    values = rng.normal(size=(150, predictors + 1)) @ rng.normal(size=(predictors + 1, predictors + 1))
    return np.corrcoef(values + rng.normal(size=(150, predictors + 1)), rowvar=False)


def explained(matrix: np.ndarray, columns: list[int]) -> float:
    cross = matrix[columns, -1]
    return float(cross @ np.linalg.pinv(matrix[np.ix_(columns, columns)], rcond=1e-10) @ cross)


@pytest.mark.parametrize("case", RELAIMPO)
@pytest.mark.parametrize(("theirs", "ours"), NAMES.items())
def test_every_measure_equals_relaimpo_to_ten_digits(case: str, theirs: str, ours: str) -> None:
    found = importance_measures(golden(case))[ours]
    assert found == pytest.approx(GOLDEN[case][theirs], abs=1e-10)


def test_a_driver_always_in_equals_relaimpo() -> None:
    expected = GOLDEN["swiss_education_always_in"]
    found = lmg_given(golden("swiss"), always=[expected["always"]])
    assert found == pytest.approx(expected["lmg"], abs=1e-12)
    of_groups, _ = owen(golden("swiss"), groups=[[0], [1], [3], [4]], always=[2])
    assert of_groups == pytest.approx(expected["lmg"], abs=1e-12)


def test_weighted_and_grouped_shares_of_swiss_equal_relaimpo() -> None:
    matrix = golden("swiss_weighted")
    assert lmg(matrix) == pytest.approx(GOLDEN["swiss_weighted"]["lmg"], abs=1e-12)
    of_groups, _ = owen(matrix, groups=[[1, 2], [0], [3], [4]])
    assert of_groups == pytest.approx(GOLDEN["swiss_weighted"]["grouped"], abs=1e-12)


def test_the_weighted_correlations_of_swiss_are_those_of_its_rows() -> None:
    if not SWISS.exists():
        pytest.skip("swiss data absent")
    order = GOLDEN["swiss"]["order"]
    rows = np.genfromtxt(SWISS, delimiter=",", names=True, deletechars="", dtype=None, encoding="utf-8")
    values = np.column_stack([rows[name].astype(float) for name in order])
    covariance = np.cov(values, rowvar=False, aweights=np.abs(np.arange(-23, 24)))
    spread = np.sqrt(np.diag(covariance))
    matrix = covariance / np.outer(spread, spread)
    assert matrix == pytest.approx(golden("swiss_weighted"), abs=1e-14)


def test_every_subset_of_the_grade_point_example_equals_dominanceanalysis() -> None:
    case = GOLDEN["grade_point"]
    found = explained_by_coalition(golden("grade_point")[None], players=[[0], [1], [2]])[0]
    assert found[0] == 0.0
    assert [found[int(subset)] for subset in case["explained"]] == pytest.approx(
        list(case["explained"].values()), abs=5.1e-8
    )
    assert lmg(golden("grade_point")) == pytest.approx(case["lmg"], abs=5.1e-7)
    assert johnson(golden("grade_point")) == pytest.approx(case["johnson"], abs=5.1e-7)


def test_the_printed_digits_of_the_other_reference_rows_are_met() -> None:
    assert johnson(golden("iopsych")) == pytest.approx(GOLDEN["iopsych"]["johnson"], abs=5.1e-7)
    assert lmg(golden("azen_budescu")) == pytest.approx(GOLDEN["azen_budescu"]["lmg"], abs=5.1e-7)
    vignette = GOLDEN["mtcars_domir_vignette"]
    found = lmg(golden("mtcars_domir_vignette"))
    assert found == pytest.approx(vignette["lmg"], abs=5.1e-8)
    assert found.sum() == pytest.approx(vignette["explained"], abs=5.1e-8)
    tips = lmg(golden("tips"))
    assert tips == pytest.approx(GOLDEN["tips"]["lmg"], abs=5.1e-7)
    assert 100 * tips / tips.sum() == pytest.approx(GOLDEN["tips"]["percent"], abs=5.1e-4)
    by_size = dominance(golden("attitude"))
    assert by_size[0] == pytest.approx(GOLDEN["attitude_by_size"]["complaints"], abs=5.1e-4)


@pytest.mark.parametrize(("case", "leader"), [("attitude", 0), ("mtcars_domir", 2), ("azen_budescu", 0)])
def test_the_published_leader_completely_dominates_all_others(case: str, leader: int) -> None:
    table = complete_dominance(golden(case))
    assert np.nanmin(table[leader]) == 1.0
    assert np.nanmax(table[:, leader]) == 0.0


def test_complete_dominance_equals_a_comparison_subset_by_subset() -> None:
    matrix = made_up(5)
    table = complete_dominance(matrix)
    rest = [2, 3, 4]
    wins = [
        explained(matrix, [0, *chosen]) > explained(matrix, [1, *chosen])
        for chosen in ([x for i, x in enumerate(rest) if bits >> i & 1] for bits in range(8))
    ]
    assert table[0, 1] == pytest.approx(np.mean(wins))
    assert table[0, 1] + table[1, 0] == 1.0


def test_complete_dominance_implies_conditional_dominance() -> None:
    for seed in range(20):
        matrix = made_up(5, seed=seed)
        by_size = dominance(matrix)
        for i, j in zip(*np.where(complete_dominance(matrix) == 1.0), strict=True):
            assert (by_size[i] > by_size[j]).all()


def test_copies_tie_in_complete_dominance() -> None:
    matrix = made_up(3)
    twice = matrix[np.ix_([0, 0, 1, 2, 3], [0, 0, 1, 2, 3])]
    table = complete_dominance(twice)
    assert table[0, 1] == table[1, 0] == 0.5


def test_the_owen_value_equals_the_mean_over_all_orders_that_keep_groups_together() -> None:
    matrix, groups = made_up(6), [[0, 3], [1], [2, 4, 5]]
    shares, orders = np.zeros(6), 0
    for blocks in permutations(groups):
        for a in permutations(blocks[0]):
            for b in permutations(blocks[1]):
                for c in permutations(blocks[2]):
                    order = [*a, *b, *c]
                    orders += 1
                    for k, member in enumerate(order):
                        shares[member] += explained(matrix, order[: k + 1]) - explained(matrix, order[:k])
    of_groups, of_members = owen(matrix, groups=groups)
    assert of_members == pytest.approx((shares / orders)[[0, 3, 1, 2, 4, 5]], abs=1e-12)
    assert of_groups == pytest.approx(
        [of_members[:2].sum(), of_members[2], of_members[3:].sum()], abs=1e-12
    )
    assert of_groups.sum() == pytest.approx(explained(matrix, list(range(6))), abs=1e-12)


def test_groups_of_one_are_lmg_and_one_group_holds_everything() -> None:
    matrix = made_up(7)
    singles, members = owen(matrix, groups=[[j] for j in range(7)])
    assert singles == pytest.approx(lmg(matrix), abs=1e-12)
    assert members == pytest.approx(lmg(matrix), abs=1e-12)
    whole, within = owen(matrix, groups=[list(range(7))])
    assert whole == pytest.approx([lmg(matrix).sum()], abs=1e-12)
    assert within == pytest.approx(lmg(matrix), abs=1e-12)


def test_a_duplicated_item_adds_nothing_to_its_group_but_would_alone() -> None:
    matrix = made_up(3)
    twice = matrix[np.ix_([0, 0, 1, 2, 3], [0, 0, 1, 2, 3])]
    grouped, _ = owen(twice, groups=[[0, 1], [2], [3]])
    assert grouped == pytest.approx(lmg(matrix), abs=1e-10)
    assert lmg(twice)[:2].sum() > lmg(matrix)[0] + 1e-3


def test_a_stack_gives_what_its_matrices_give_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    stack = np.stack([made_up(5, seed=seed) for seed in range(7)])
    monkeypatch.setattr("cxlab.stats.coalitions._BLOCK", 2 * 4 * 2**4)
    together = owen(stack, groups=[[0, 2], [1], [3]], always=[4])
    assert together[0] == pytest.approx(
        np.stack([owen(matrix, groups=[[0, 2], [1], [3]], always=[4])[0] for matrix in stack]), abs=1e-12
    )
    assert lmg_given(stack, always=[4, 0]).shape == (7, 3)
    measures = importance_measures(stack)
    for name, values in measures.items():
        assert values[3] == pytest.approx(importance_measures(stack[3])[name], abs=1e-12), name


def test_copies_sums_and_constants_have_finite_measures_that_still_add_up() -> None:
    rng = np.random.default_rng(4)
    values = rng.normal(size=(80, 6))
    values[:, 2], values[:, 3] = values[:, 0], values[:, 0] + values[:, 1]
    values[:, 5] += values[:, 0] + values[:, 4]
    matrix = np.corrcoef(values, rowvar=False)
    matrix = np.insert(
        np.insert(matrix, 5, 0.0, axis=0), 5, 0.0, axis=1
    )  # a constant item before the outcome
    found = importance_measures(matrix)
    total = explained(matrix, [0, 1, 4])
    for name in ("lmg", "johnson", "car", "pratt"):
        assert found[name].sum() == pytest.approx(total, abs=1e-9), name
    assert found["last"] == pytest.approx(dominance(matrix)[:, -1], abs=1e-9)
    assert found["last"][[0, 2, 3, 5]] == pytest.approx(np.zeros(4), abs=1e-9)


def test_standardised_slopes_equal_least_squares() -> None:
    rng = np.random.default_rng(5)
    values = rng.normal(size=(60, 4)) @ rng.normal(size=(4, 4))
    scaled = (values - values.mean(axis=0)) / values.std(axis=0)
    expected = np.linalg.lstsq(scaled[:, :3], scaled[:, 3], rcond=None)[0]
    assert standardised_slopes(np.corrcoef(values, rowvar=False)) == pytest.approx(expected, abs=1e-10)


def test_sampled_orders_err_as_much_as_they_say() -> None:
    z = []
    for seed in range(12):
        matrix = made_up(9, seed=seed)
        shares, error = sampled_lmg(matrix, orders=400, rng=np.random.default_rng(seed))
        assert shares.sum() == pytest.approx(lmg(matrix).sum(), abs=1e-6)
        z.append((shares - lmg(matrix)) / error)
    # 108 z-scores, nine per matrix that add up to nothing: their mean square is 1 but for chance.
    assert 0.6 < np.mean(np.square(z)) < 1.5


def test_more_predictors_than_can_be_visited_meet_the_closed_form_within_their_error() -> None:
    matrix = np.full((41, 41), 0.4) + 0.6 * np.eye(41)
    shares, error = sampled_lmg(matrix, orders=1000, rng=np.random.default_rng(2))
    z = (shares - 0.16 / (1 + 39 * 0.4)) / error
    assert np.abs(z).max() < 4.5
    assert error.max() < 0.001
    assert shares.sum() == pytest.approx(40 * 0.16 / (1 + 39 * 0.4), abs=1e-6)


def test_sampled_copies_share_equally_and_a_stack_meets_the_same_orders() -> None:
    matrix = made_up(3)
    twice = matrix[np.ix_([0, 0, 1, 2, 3], [0, 0, 1, 2, 3])]
    stack = np.stack([twice, twice])
    shares, error = sampled_lmg(stack, orders=2000, rng=np.random.default_rng(3))
    assert shares[0] == pytest.approx(shares[1], abs=0)
    assert np.abs(shares[0] - lmg(twice)).max() < 5 * error.max()
    assert shares[0].sum() == pytest.approx(lmg(twice).sum(), abs=1e-6)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: owen(made_up(3), groups=[[0], [0, 1]]), "named twice"),
        (lambda: owen(made_up(18), groups=[[j] for j in range(18)]), "stored up to 16"),
        (lambda: complete_dominance(made_up(17)), "stored up to 16"),
        (lambda: sampled_lmg(made_up(3), orders=5, rng=np.random.default_rng(1)), "even number"),
        (lambda: importance_measures(np.array([[1.0, 2.0], [2.0, 1.0]])), "smallest eigenvalue"),
    ],
)
def test_what_cannot_be_computed_is_refused(call: object, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        call()  # type: ignore[operator]
