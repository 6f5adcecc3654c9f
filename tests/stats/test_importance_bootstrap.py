"""Moments per group, Rao-Wu multipliers and percentile limits."""

from __future__ import annotations

import numpy as np
import pytest

from cxlab.stats.bootstrap import (
    deal_rows,
    percentile_interval,
    resampled_sums,
    rescaled_multipliers,
)
from cxlab.stats.moments import correlations, group_moments

RNG_SEED = 7


def rows(count: int = 300, columns: int = 4) -> np.ndarray:
    rng = np.random.default_rng(RNG_SEED)
    return rng.normal(size=(count, columns)) @ rng.normal(size=(columns, columns)) + 1e6


def test_correlations_from_group_sums_equal_those_from_rows_far_from_zero() -> None:
    values = rows()
    groups = np.random.default_rng(1).integers(0, 12, len(values))
    moments = group_moments(values, weights=np.ones(len(values)), groups=groups)
    assert moments.sums.shape == (12, 1 + 4 + 10)
    assert correlations(moments.total(), columns=4)[0] == pytest.approx(
        np.corrcoef(values, rowvar=False), abs=1e-9
    )


def test_whole_weights_equal_repeated_rows() -> None:
    values, weights = rows(50), np.random.default_rng(2).integers(1, 5, 50)
    groups = np.random.default_rng(3).integers(0, 5, 50)
    weighted = group_moments(values, weights=weights.astype(float), groups=groups)
    repeated = group_moments(
        np.repeat(values, weights, axis=0),
        weights=np.ones(weights.sum()),
        groups=np.repeat(groups, weights),
    )
    assert weighted.sums == pytest.approx(repeated.sums, abs=1e-6)
    assert weighted.total() == pytest.approx(repeated.total(), abs=1e-6)
    assert correlations(weighted.total(), columns=4) == pytest.approx(
        correlations(repeated.total(), columns=4), abs=1e-9
    )


def test_multipliers_reweight_groups_as_copies_of_their_rows_would() -> None:
    values, groups = rows(60), np.repeat([0, 1, 2], 20)
    moments = group_moments(values, weights=np.ones(60), groups=groups)
    mixed = correlations(np.array([[2.0, 0.0, 1.0]]) @ moments.sums, columns=4)[0]
    copies = np.concatenate([values[groups == 0], values[groups == 0], values[groups == 2]])
    assert mixed == pytest.approx(np.corrcoef(copies, rowvar=False), abs=1e-9)


def test_a_column_that_is_constant_in_the_chosen_groups_has_zeros() -> None:
    values, groups = rows(40), np.repeat([0, 1], 20)
    values[:20, 2] = 3.0
    values[:, 3] = 0.1
    moments = group_moments(values, weights=np.ones(40), groups=groups)
    first, both = correlations(np.array([[1.0, 0.0], [1.0, 1.0]]) @ moments.sums, columns=4)
    assert np.all(first[2] == 0.0)
    assert np.all(first[:, 2] == 0.0)
    assert both[2, 2] == 1.0
    assert np.all(both[3] == 0.0)


def test_the_spread_of_replicated_totals_is_the_unbiased_variance_by_stratum() -> None:
    strata = np.repeat([0, 1, 2], [2, 5, 9])
    values = np.random.default_rng(3).normal(size=(16, 1)) * np.array([[5.0]] * 2 + [[1.0]] * 14)
    draws = resampled_sums(values, strata=strata, replicates=40_000, rng=np.random.default_rng(4))
    expected = sum(
        len(part) * part.var(ddof=1) for part in (values[strata == stratum, 0] for stratum in range(3))
    )
    assert draws.var() == pytest.approx(expected, rel=0.03)
    assert draws.mean() == pytest.approx(values.sum(), abs=4 * np.sqrt(expected / 40_000))


def test_multipliers_of_a_stratum_add_up_to_its_groups_wherever_they_lie() -> None:
    strata = np.array([1, 0, 1, 0, 1])
    drawn = rescaled_multipliers(strata, replicates=50, rng=np.random.default_rng(5))
    assert drawn[:, strata == 0].sum(axis=1) == pytest.approx(np.full(50, 2.0))
    assert drawn[:, strata == 1].sum(axis=1) == pytest.approx(np.full(50, 3.0))
    assert set(np.unique(drawn[:, strata == 1])) <= {0.0, 1.5, 3.0}


def test_a_single_group_in_a_stratum_is_refused() -> None:
    with pytest.raises(ValueError, match="single group"):
        rescaled_multipliers(np.array([0, 0, 1]), replicates=2, rng=np.random.default_rng(1))


def test_blocks_draw_the_same_replicates_as_one_go(monkeypatch: pytest.MonkeyPatch) -> None:
    sums, strata = rows(30), np.zeros(30, dtype=int)
    whole = resampled_sums(sums, strata=strata, replicates=64, rng=np.random.default_rng(6))
    monkeypatch.setattr("cxlab.stats.bootstrap._BLOCK", 30 * 16)
    blocks = resampled_sums(sums, strata=strata, replicates=64, rng=np.random.default_rng(6))
    assert whole.shape == blocks.shape == (64, 4)
    assert blocks.mean(axis=0) == pytest.approx(whole.mean(axis=0), rel=1e-6)


def test_dealt_groups_estimate_the_same_variance_as_single_rows() -> None:
    values = np.random.default_rng(8).exponential(size=(20_000, 1))
    dealt = deal_rows(20_000, groups=2_000, rng=np.random.default_rng(9))
    assert np.bincount(dealt).tolist() == [10] * 2_000
    sums = np.bincount(dealt, weights=values[:, 0])[:, None]
    between = len(sums) * sums.var(ddof=1)
    assert between == pytest.approx(len(values) * values.var(ddof=1), rel=0.1)
    assert deal_rows(3, groups=5, rng=np.random.default_rng(1)).tolist() == [0, 1, 2]


def test_percentile_limits_widen_for_few_groups_as_student_does() -> None:
    from scipy.stats import norm, t

    draws = np.random.default_rng(10).normal(size=(100_000, 1))
    plain = percentile_interval(draws, confidence=0.95)
    few = percentile_interval(draws, confidence=0.95, degrees_of_freedom=9)
    assert plain[1][0] == pytest.approx(norm.ppf(0.975), abs=0.03)
    assert few[1][0] == pytest.approx(t.ppf(0.975, 9), abs=0.05)
    assert few[0][0] == pytest.approx(-t.ppf(0.975, 9), abs=0.05)
