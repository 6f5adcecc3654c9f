"""Least squares with clustered covariance: equal to statsmodels, honest about rank."""

import numpy as np
import pytest
import statsmodels.api as sm

from cxlab.stats.regression import fit_linear


def world(rng, n=300, sites=20):
    site = rng.integers(0, sites, n)
    design = np.column_stack([np.ones(n), rng.normal(size=(n, 3)) + rng.normal(size=(sites, 3))[site]])
    outcome = design @ np.array([1.0, 0.5, 0.0, -1.0]) + rng.normal(size=sites)[site] + rng.normal(size=n)
    return design, outcome, site, rng.uniform(0.5, 2.0, n)


def test_the_clustered_covariance_equals_that_of_statsmodels():
    design, outcome, site, _ = world(np.random.default_rng(1))
    ours = fit_linear(design, outcome, clusters=site)
    peer = sm.OLS(outcome, design).fit(cov_type="cluster", cov_kwds={"groups": site})
    np.testing.assert_allclose(ours.coefficients, peer.params, rtol=1e-10)
    np.testing.assert_allclose(ours.covariance, peer.cov_params(), rtol=1e-9, atol=1e-14)
    assert ours.r_squared == pytest.approx(peer.rsquared)
    assert ours.degrees_of_freedom == 19


def test_the_weighted_covariance_equals_that_of_statsmodels():
    design, outcome, site, weights = world(np.random.default_rng(2))
    ours = fit_linear(design, outcome, weights=weights, clusters=site)
    peer = sm.WLS(outcome, design, weights=weights).fit(cov_type="cluster", cov_kwds={"groups": site})
    np.testing.assert_allclose(ours.covariance, peer.cov_params(), rtol=1e-9, atol=1e-14)
    assert ours.r_squared == pytest.approx(peer.rsquared)


def test_without_clusters_the_covariance_is_hc1():
    design, outcome, _, _ = world(np.random.default_rng(3))
    ours = fit_linear(design, outcome)
    peer = sm.OLS(outcome, design).fit(cov_type="HC1")
    np.testing.assert_allclose(ours.covariance, peer.cov_params(), rtol=1e-9, atol=1e-14)


def test_a_repeated_column_is_reported_as_missing_rank_and_changes_no_fitted_value():
    design, outcome, site, _ = world(np.random.default_rng(4))
    twice = fit_linear(np.column_stack([design, design[:, 1]]), outcome, clusters=site)
    once = fit_linear(design, outcome, clusters=site)
    assert (twice.rank, once.rank) == (4, 4)
    np.testing.assert_allclose(twice.residuals, once.residuals, atol=1e-9)


def test_one_cluster_and_too_few_rows_are_refused():
    design, outcome, _, _ = world(np.random.default_rng(5))
    with pytest.raises(ValueError, match="one cluster"):
        fit_linear(design, outcome, clusters=np.zeros(len(outcome)))
    with pytest.raises(ValueError, match="4 rows cannot carry 4"):
        fit_linear(design[:4], outcome[:4])


def test_the_leave_one_out_covariance_equals_refitting_without_each_cluster():
    design, outcome, site, weights = world(np.random.default_rng(6))
    ours = fit_linear(design, outcome, weights=weights, clusters=site, leave_one_out=True)
    left_out = [
        np.linalg.lstsq(
            design[site != one] * np.sqrt(weights[site != one])[:, None],
            outcome[site != one] * np.sqrt(weights[site != one]),
            rcond=None,
        )[0]
        for one in range(20)
    ]
    moves = np.array(left_out) - ours.coefficients
    np.testing.assert_allclose(ours.covariance, 19 / 20 * moves.T @ moves, rtol=1e-8)
