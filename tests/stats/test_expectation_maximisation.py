"""Expectation maximisation: exact where nothing is missing, right where complete rows are biased."""

from __future__ import annotations

import numpy as np
import pytest

from cxlab.stats.expectation_maximisation import fit_gaussian, missing_patterns
from cxlab.stats.moments import correlations, group_moments

LATENT = np.array([[1.0, 0.6, 0.5], [0.6, 1.0, 0.4], [0.5, 0.4, 1.0]])


def rows(count: int, seed: int) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(count, 3)) @ np.linalg.cholesky(LATENT).T


def at_random(values: np.ndarray, seed: int) -> np.ndarray:
    """The third column goes missing where the first is high: missing at random, not completely."""
    rng = np.random.default_rng(seed)
    holed = values.copy()
    holed[rng.random(len(values)) < 1 / (1 + np.exp(-2 - 4 * (values[:, 0] - 0.5))), 2] = np.nan
    return holed


def fitted(values: np.ndarray, *, multipliers: np.ndarray | None = None, groups: np.ndarray | None = None):  # type: ignore[no-untyped-def]
    groups = np.zeros(len(values), dtype=int) if groups is None else groups
    patterns = missing_patterns(values, weights=np.ones(len(values)), groups=groups)
    chosen = np.ones((1, groups.max() + 1)) if multipliers is None else multipliers
    return fit_gaussian(patterns, columns=values.shape[1], multipliers=chosen)


def test_complete_rows_give_the_plain_correlations_in_any_weighting_of_groups() -> None:
    values, groups = rows(200, 1) + 1e5, np.random.default_rng(2).integers(0, 8, 200)
    multipliers = np.random.default_rng(3).integers(0, 3, (5, 8)).astype(float)
    sums = group_moments(values, weights=np.ones(200), groups=groups).sums
    expected = correlations(multipliers @ sums, columns=3)
    found = fitted(values, multipliers=multipliers, groups=groups)
    assert found.correlation() == pytest.approx(expected, abs=1e-9)
    assert found.converged.all()


def test_what_is_missing_at_random_is_repaired_where_complete_rows_are_biased() -> None:
    complete, em = [], []
    for seed in range(40):
        values = at_random(rows(1500, seed), seed)
        kept = values[~np.isnan(values).any(axis=1)]
        complete.append(np.corrcoef(kept, rowvar=False))
        em.append(fitted(values).correlation()[0])
    error = np.std(em, axis=0)[0, 2] / np.sqrt(40)
    assert np.mean(em, axis=0)[0, 2] == pytest.approx(0.5, abs=4 * error)
    assert np.mean(em, axis=0)[0, 1] == pytest.approx(0.6, abs=0.02)
    assert np.mean(complete, axis=0)[0, 2] < 0.5 - 10 * error
    assert np.mean(complete, axis=0)[0, 1] < 0.52


def test_the_likelihood_is_at_its_top() -> None:
    """The observed-data likelihood, written down apart from the algorithm, falls in every direction."""
    values = at_random(rows(300, 5), 5)
    values[::7, 1] = np.nan
    found = fitted(values)
    held = ~np.isnan(values)
    scaled = (values - np.nanmean(values, axis=0)) / np.nanstd(values, axis=0)

    def log_likelihood(mean: np.ndarray, covariance: np.ndarray) -> float:
        total = 0.0
        for pattern in np.unique(held, axis=0):
            chosen = scaled[(held == pattern).all(axis=1)][:, pattern] - mean[pattern]
            part = covariance[np.ix_(pattern, pattern)]
            total -= 0.5 * len(chosen) * np.linalg.slogdet(part)[1]
            total -= 0.5 * np.einsum("ij,jk,ik->", chosen, np.linalg.inv(part), chosen)
        return total

    mean, covariance = found.mean[0], found.covariance[0]
    top = log_likelihood(mean, covariance)
    rng = np.random.default_rng(6)
    for _ in range(50):
        push = rng.normal(size=(3, 3)) * 0.02
        assert log_likelihood(mean + rng.normal(size=3) * 0.02, covariance) < top
        assert log_likelihood(mean, covariance + push + push.T) < top


def test_a_group_counted_twice_equals_its_rows_written_twice_and_a_warm_start_changes_nothing() -> None:
    values, groups = at_random(rows(240, 7), 7), np.repeat([0, 1, 2], 80)
    twice = np.concatenate([values[groups == 0], values[groups == 0], values[groups == 2]])
    found = fitted(values, multipliers=np.array([[2.0, 0.0, 1.0]]), groups=groups)
    assert found.correlation() == pytest.approx(fitted(twice).correlation(), abs=1e-6)
    patterns = missing_patterns(values, weights=np.ones(240), groups=groups)
    start = fit_gaussian(patterns, columns=3, multipliers=np.ones((1, 3)))
    warm = fit_gaussian(patterns, columns=3, multipliers=np.array([[2.0, 0.0, 1.0]]), start=start)
    assert warm.correlation() == pytest.approx(found.correlation(), abs=1e-6)


def test_copies_and_constants_with_gaps_stay_finite() -> None:
    values = np.column_stack([rows(200, 8), np.full(200, 3.0)])
    values = np.column_stack([values, values[:, 0]])
    values[::3, 4], values[1::4, 1] = np.nan, np.nan
    found = fitted(values).correlation()[0]
    assert np.isfinite(found).all()
    assert found[0, 4] == pytest.approx(1.0, abs=1e-6)
    assert np.all(found[3] == 0.0)


def test_an_empty_column_is_refused() -> None:
    with pytest.raises(ValueError, match="a column is empty"):
        missing_patterns(np.array([[1.0, np.nan]]), weights=np.ones(1), groups=np.zeros(1, int))
