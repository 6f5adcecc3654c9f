"""Latent correlations by the polychoric series: exact cells, maximum likelihood, copies, whole stacks."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import norm

from cxlab.stats.latent_correlation import (
    bivariate_normal_below,
    polychoric,
    polychoric_matrix,
    polyserial_factor,
)
from cxlab.stats.ordinal_correlation import latent_correlations

SKEWED = norm.ppf([0.01, 0.02, 0.05, 0.08, 0.13, 0.2, 0.33, 0.5, 0.75])


def score_correlation(table: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Correlation of the category numbers of a table of cell shares, and its margins."""
    across, down = table.sum(axis=1), table.sum(axis=0)
    i, j = np.arange(len(across)), np.arange(len(down))
    covariance = i @ table @ j - (across @ i) * (down @ j)
    spread = np.sqrt((across @ i**2 - (across @ i) ** 2) * (down @ j**2 - (down @ j) ** 2))
    return float(covariance / spread), across, down


@pytest.mark.parametrize("rho", [-0.95, -0.6, 0.0, 0.3, 0.8, 0.94])
@pytest.mark.parametrize("cuts", [([0.0], [0.0]), ([-1.5, -0.5, 0.3, 1.2], [-0.8, 1.0]), (SKEWED, SKEWED)])
def test_exact_cell_shares_give_the_latent_correlation_back(
    rho: float, cuts: tuple[list[float], list[float]]
) -> None:
    h, k = np.meshgrid(*([-np.inf, *points, np.inf] for points in cuts), indexing="ij")
    table = np.diff(np.diff(bivariate_normal_below(h, k, rho), axis=0), axis=1)
    r, across, down = score_correlation(table)
    found = latent_correlations(np.array([[[1.0, r], [r, 1.0]]]), [across[None], down[None]])
    assert found[0, 0, 1] == pytest.approx(rho, abs=2e-6)
    assert found[0, 1, 0] == found[0, 0, 1]


def test_with_two_categories_it_is_the_maximum_likelihood_tetrachoric_correlation() -> None:
    for counts in ([[40, 10], [10, 40]], [[5, 30], [22, 9]], [[80, 3], [11, 6]]):
        table = np.array(counts, dtype=float)
        r, across, down = score_correlation(table / table.sum())
        found = latent_correlations(np.array([[[1.0, r], [r, 1.0]]]), [across[None], down[None]])
        assert found[0, 0, 1] == pytest.approx(polychoric(table)[0], abs=1e-6)


def test_skewed_ten_step_ratings_agree_with_maximum_likelihood_and_with_the_truth() -> None:
    latent = np.array([[1.0, 0.5, 0.3], [0.5, 1.0, -0.2], [0.3, -0.2, 1.0]])
    rng = np.random.default_rng(2)
    series, likelihood = [], []
    for _ in range(30):
        rows = rng.normal(size=(1500, 3)) @ np.linalg.cholesky(latent).T
        answers = np.digitize(rows, SKEWED)
        shares = [np.bincount(answers[:, j], minlength=10)[None].astype(float) for j in range(3)]
        scores = np.corrcoef(answers, rowvar=False)[None]
        series.append(latent_correlations(scores, shares)[0][np.triu_indices(3, 1)])
        likelihood.append(polychoric_matrix(answers.astype(float))[np.triu_indices(3, 1)])
    truth, error = latent[np.triu_indices(3, 1)], np.std(series, axis=0) / np.sqrt(30)
    assert (np.abs(np.mean(series, axis=0) - truth) < 4 * error).all()
    assert np.abs(np.array(series) - likelihood).max() < 0.05
    # One moment instead of every cell: little is lost.
    assert (np.std(series, axis=0) < 1.3 * np.std(likelihood, axis=0)).all()


def test_each_matrix_of_a_stack_has_its_own_thresholds_and_plain_columns_are_polyserial() -> None:
    rng = np.random.default_rng(3)
    shares = rng.dirichlet(np.full(5, 3.0), size=(2, 4))
    scores = np.full((4, 3, 3), 0.3) + 0.7 * np.eye(3)
    columns = [shares[0], None, shares[1]]
    found = latent_correlations(scores, columns)
    for at in range(4):
        one = [None if share is None else share[[at]] for share in columns]
        assert found[at] == pytest.approx(latent_correlations(scores[[at]], one)[0], abs=1e-9)
    assert found[:, 0, 1] == pytest.approx(0.3 * polyserial_factor(shares[0]))
    assert (found[:, 0, 2] > 0.3).all()


def test_copies_stay_copies_and_constant_columns_stay_empty() -> None:
    share = np.array([[0.2, 0.5, 0.3]])
    scores = np.array([[[1.0, 1.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 0.0]]])
    found = latent_correlations(scores, [share, share, np.array([[0.0, 1.0, 0.0]])])
    assert found[0].tolist() == scores[0].tolist()
    mirrored = np.array([[[1.0, -1.0], [-1.0, 1.0]]])
    assert latent_correlations(mirrored, [share, share[:, ::-1]])[0, 0, 1] == -1.0
