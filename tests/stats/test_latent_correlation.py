"""Latent correlations: closed forms, an independent integral, and recovery where category scores shrink."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multivariate_normal, norm

from cxlab.stats.latent_correlation import (
    bivariate_normal_below,
    category_thresholds,
    polychoric,
    polychoric_matrix,
    polyserial_factor,
)


def cells(rho: float, across: list[float], down: list[float]) -> np.ndarray:
    rows, columns = [-np.inf, *across, np.inf], [-np.inf, *down, np.inf]
    h, k = np.meshgrid(rows, columns, indexing="ij")
    return np.diff(np.diff(bivariate_normal_below(h, k, rho), axis=0), axis=1)


@pytest.mark.parametrize("rho", [-0.97, -0.5, 0.0, 0.3, 0.9, 0.99])
def test_the_bivariate_normal_equals_scipys(rho: float) -> None:
    points = [(-1.2, 0.4), (0.0, 0.0), (2.0, -1.0), (-2.5, -2.0), (1.0, 1.1)]
    expected = [
        multivariate_normal.cdf(point, [0, 0], [[1, rho], [rho, 1]], abseps=1e-10, releps=1e-10)
        for point in points
    ]
    h, k = np.array(points).T
    assert bivariate_normal_below(h, k, rho) == pytest.approx(expected, abs=1e-7)
    assert bivariate_normal_below(np.array([np.inf]), np.array([0.7]), rho) == pytest.approx(norm.cdf(0.7))


@pytest.mark.parametrize("rho", [-0.9, -0.2, 0.0, 0.4, 0.8, 0.98])
def test_halves_follow_the_closed_form_of_the_tetrachoric_correlation(rho: float) -> None:
    both = 0.25 + np.arcsin(rho) / (2 * np.pi)
    table = 1000 * np.array([[both, 0.5 - both], [0.5 - both, both]])
    assert polychoric(table)[0] == pytest.approx(rho, abs=1e-8)


@pytest.mark.parametrize("rho", [-0.7, 0.0, 0.35, 0.9])
def test_exact_cell_shares_give_the_correlation_back(rho: float) -> None:
    table = cells(rho, [-1.5, -0.5, 0.3, 1.2], [-0.8, 1.0])
    assert polychoric(table)[0] == pytest.approx(rho, abs=1e-8)
    assert polychoric(table.T)[0] == pytest.approx(rho, abs=1e-8)
    assert polychoric(table[::-1])[0] == pytest.approx(-rho, abs=1e-8)
    assert polychoric(1e6 * table)[1] == pytest.approx(polychoric(table)[1] / 1e3, rel=1e-6)


def test_the_latent_correlation_is_recovered_where_that_of_the_scores_is_too_small() -> None:
    rng = np.random.default_rng(1)
    found, scores, errors = [], [], []
    for _ in range(150):
        x, noise = rng.normal(size=(2, 600))
        y = 0.6 * x + 0.8 * noise
        a, b = np.digitize(x, [-1.5, -1.0, -0.4]), np.digitize(y, [-1.0, -0.3, 1.5])
        table = np.bincount(4 * a + b, minlength=16).reshape(4, 4)
        rho, error = polychoric(table)
        found.append(rho)
        errors.append(error)
        scores.append(np.corrcoef(a, b)[0, 1])
    assert np.mean(found) == pytest.approx(0.6, abs=4 * np.std(found) / np.sqrt(150))
    assert np.mean(scores) < 0.54
    # Thresholds count as known in the error, so it may be a little small.
    assert 0.75 < np.mean(errors) / np.std(found) < 1.15


def test_a_ten_step_matrix_of_polychoric_correlations_recovers_the_latent_one() -> None:
    latent = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, -0.2], [0.3, -0.2, 1.0]])
    rng = np.random.default_rng(2)
    rows = rng.normal(size=(20_000, 3)) @ np.linalg.cholesky(latent).T
    # Skewed as satisfaction is: half of the answers in the two top steps.
    answers = np.digitize(rows, norm.ppf([0.01, 0.02, 0.05, 0.08, 0.13, 0.2, 0.33, 0.5, 0.75])) + 1.0
    found = polychoric_matrix(answers, weights=np.ones(20_000))
    assert found == pytest.approx(latent, abs=0.025)
    assert abs(np.corrcoef(answers, rowvar=False)[0, 1] - 0.5) > 0.02


@pytest.mark.parametrize("thresholds", [[0.0], [1.3], [-1.0, 0.2, 0.9], list(np.linspace(-2, 1, 9))])
def test_the_polyserial_factor_undoes_the_categories_whatever_the_shape_of_x(
    thresholds: list[float],
) -> None:
    rng = np.random.default_rng(3)
    latent = rng.normal(size=400_000)
    # x is itself a skewed count of steps, with a mean that is linear in the latent quantity.
    x = 0.5 * latent + rng.exponential(size=latent.size)
    category = np.digitize(latent, thresholds)
    shares = np.bincount(category, minlength=len(thresholds) + 1)
    found = polyserial_factor(shares) * np.corrcoef(x, category)[0, 1]
    assert found == pytest.approx(0.5 / np.sqrt(1.25), abs=0.006)


def test_two_categories_give_the_biserial_factor_and_empty_ones_change_nothing() -> None:
    expected = np.sqrt(0.3 * 0.7) / norm.pdf(norm.ppf(0.3))
    assert polyserial_factor(np.array([30.0, 70.0])) == pytest.approx(expected)
    assert polyserial_factor(np.array([[0.0, 30.0, 70.0], [30.0, 70.0, 0.0]])) == pytest.approx(
        [expected, expected]
    )
    assert np.isnan(polyserial_factor(np.array([5.0, 0.0])))
    assert category_thresholds(np.array([1.0, 1.0, 2.0])) == pytest.approx(norm.ppf([0.25, 0.5]))


def test_an_empty_corner_runs_to_the_limit_and_a_single_row_is_refused() -> None:
    assert polychoric(np.array([[50.0, 0.0], [0.0, 50.0]]))[0] > 0.999
    for table in (np.array([[5.0, 5.0], [0.0, 0.0]]), np.array([[1.0, -1.0], [1.0, 1.0]])):
        with pytest.raises(ValueError, match="table"):
            polychoric(table)
