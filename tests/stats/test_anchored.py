"""The anchored split against brute force, published formulas, and its own invariances."""

import numpy as np
import pytest
from scipy import optimize, stats
from statsmodels.stats.multitest import multipletests

from cxlab.stats.anchored import anchored, one_factor, split_slopes
from cxlab.stats.anchored_reading import anchor_sets, landing_shares, readable, under_anchors
from cxlab.stats.bootstrap import rescaled_multipliers
from cxlab.stats.clusters import (
    jackknife_variance,
    site_moments,
)
from cxlab.stats.multiplicity import benjamini_hochberg, holm

LOADINGS = np.array([0.6, 0.7, 0.5, 0.8, 0.65, 0.55])


def sample(*, n=1_500, sites=20, seed=1, missing=0.0, effect=-0.4):
    """Six items, two measurements; the first hits item 2 by ``effect`` and the mood by -0.3."""
    rng = np.random.default_rng(seed)
    site = rng.integers(0, sites, n)
    z = rng.normal(size=(n, 2)) + 0.3 * rng.normal(size=sites)[site][:, None]
    mood = rng.normal(size=n) - 0.3 * z[:, 0]
    x = mood[:, None] * LOADINGS + np.sqrt(1 - LOADINGS**2) * rng.normal(size=(n, 6))
    x[:, 2] += effect * z[:, 0]
    x += rng.normal(size=sites)[site][:, None]
    x[rng.random(x.shape) < missing] = np.nan
    return x, z, site


def split_of(x, z, site, home=None):
    moments = site_moments(x, z, sites=site)
    nothing = np.zeros((z.shape[1], x.shape[1]), dtype=bool)
    return moments, anchored(moments, judged=z.shape[1], home=nothing if home is None else home)


def dummies(labels):
    return (labels[:, None] == np.unique(labels)[None, :]).astype(float)


@pytest.mark.parametrize("with_periods", [False, True])
def test_slopes_equal_least_squares_with_a_dummy_for_every_site_and_period(with_periods):
    x, z, site = sample(n=400, missing=0.25)
    period = np.random.default_rng(3).integers(0, 5, len(site))
    moments = site_moments(x, z, sites=site, periods=period if with_periods else None)
    ours = moments.slopes(np.ones((1, moments.n_sites)))[0]
    ours = ours * moments.response_sd / moments.regressor_sd[:, None]
    for j in range(x.shape[1]):
        rows = ~np.isnan(x[:, j])
        effects = [dummies(site[rows])] + ([dummies(period[rows])] if with_periods else [])
        design = np.column_stack([z[rows], *effects])
        plain = np.linalg.lstsq(design, x[rows, j], rcond=None)[0][:2]
        np.testing.assert_allclose(ours[:, j], plain, atol=1e-10)


def test_leaving_a_site_out_equals_refitting_without_it():
    x, z, site = sample(n=400, sites=8, missing=0.2)
    moments = site_moments(x, z, sites=site)
    out = moments.slopes_left_out() * moments.response_sd / moments.regressor_sd[:, None]
    for left in range(8):
        rows = site != left
        again = site_moments(x[rows], z[rows], sites=np.unique(site[rows], return_inverse=True)[1])
        direct = again.slopes(np.ones((1, 7)))[0] * again.response_sd / again.regressor_sd[:, None]
        np.testing.assert_allclose(out[left], direct, atol=1e-10)


def test_a_site_without_variation_left_gives_no_slope_instead_of_an_error():
    x, z, site = sample(n=200, sites=4)
    z[site != 0, 1] = 0.0
    moments = site_moments(x, z, sites=site)
    out = moments.slopes_left_out()
    assert np.isnan(out[0]).all()
    assert not np.isnan(out[1:]).any()


def test_residual_covariances_equal_those_of_the_rows():
    x, z, site = sample(n=300, sites=6)
    moments = site_moments(x, z, sites=site)
    design = np.column_stack([z, dummies(site)])
    residual = x - design @ np.linalg.lstsq(design, x, rcond=None)[0]
    scale = moments.response_sd
    ours = moments.residual_covariance(np.ones((1, 6)))[0]
    np.testing.assert_allclose(ours, residual.T @ residual / len(x) / np.outer(scale, scale), atol=1e-10)


def test_input_that_cannot_be_regressed_is_refused():
    x, z, site = sample(n=200)
    with pytest.raises(ValueError, match="regressor 1 does not vary"):
        site_moments(x, np.column_stack([z[:, 0], site]), sites=site)
    with pytest.raises(ValueError, match="collinear"):
        site_moments(x, np.column_stack([z[:, 0], 2 * z[:, 0]]), sites=site)
    with pytest.raises(ValueError, match="gaps"):
        site_moments(x, z, sites=site * 2)


def test_jackknife_of_a_mean_is_its_usual_variance():
    values = np.random.default_rng(1).normal(size=12)
    left_out = (values.sum() - values) / 11
    assert jackknife_variance(left_out, values.mean()) == pytest.approx(values.var(ddof=1) / 12)


def test_redrawn_sites_reproduce_the_variance_of_a_mean():
    values = np.random.default_rng(1).normal(size=25)
    weights = rescaled_multipliers(np.zeros(25, int), replicates=40_000, rng=np.random.default_rng(2))
    assert (weights @ values / 25).var() == pytest.approx(values.var(ddof=1) / 25, rel=0.03)


def test_loadings_minimise_the_squares_off_the_diagonal():
    rng = np.random.default_rng(5)
    raw = rng.normal(size=(400, 7)) + 0.8 * rng.normal(size=(400, 1)) + 0.3 * rng.normal(size=(400, 7)) ** 2
    covariance = np.cov(raw.T)
    upper = np.triu_indices(7, 1)

    def loss(loadings):
        return ((covariance - np.outer(loadings, loadings))[upper] ** 2).sum()

    best = optimize.minimize(loss, np.full(7, 0.5), method="BFGS", options={"gtol": 1e-10})
    np.testing.assert_allclose(one_factor(covariance), best.x, atol=1e-5)


def test_many_covariances_at_once_equal_one_by_one_and_a_heywood_case_stays_below_one():
    rng = np.random.default_rng(6)
    stack = np.stack([np.cov((rng.normal(size=(200, 5)) + rng.normal(size=(200, 1))).T) for _ in range(4)])
    np.testing.assert_allclose(one_factor(stack), np.stack([one_factor(one) for one in stack]), atol=1e-7)
    heywood = np.array([[1.0, 0.9, 0.9], [0.9, 1.0, 0.6], [0.9, 0.6, 1.0]])
    assert one_factor(heywood)[0] == pytest.approx(np.sqrt(0.995))
    assert (one_factor(np.eye(4)) == 0).all()


def test_adding_a_multiple_of_the_loadings_moves_the_mood_and_nothing_else():
    rng = np.random.default_rng(7)
    slopes, anchors = rng.normal(size=(2, 6)), rng.random((2, 6)) < 0.7
    h, a = split_slopes(slopes, LOADINGS, anchors)
    h2, a2 = split_slopes(slopes + 0.7 * LOADINGS, LOADINGS, anchors)
    np.testing.assert_allclose(h2, h + 0.7, atol=1e-12)
    np.testing.assert_allclose(a2, a, atol=1e-12)


def test_purification_keeps_the_hit_item_out_and_finds_mood_and_effect():
    _, split = split_of(*sample(n=6_000))
    assert not split.anchors[0, 2]
    assert split.anchors[0].sum() >= 4
    assert split.settled.all()
    # Items have variance 1 + (0.3 loading)^2 plus, for the hit one, the effect.
    assert split.specific[0, 2] * np.sqrt(1 + 0.09 * 0.25 + 0.16 + 0.12) == pytest.approx(-0.4, abs=0.03)
    assert split.halo[0] == pytest.approx(-0.3, abs=0.05)
    assert split.halo[1] == pytest.approx(0.0, abs=0.05)


def test_units_and_order_of_the_columns_do_not_matter():
    x, z, site = sample(n=800, missing=0.1)
    _, first = split_of(x, z, site)
    order = np.array([3, 1, 0, 5, 2, 4])
    _, second = split_of((10 * x - 4)[:, order], (z * [5.0, 0.1] + 3)[:, ::-1], site)
    np.testing.assert_allclose(second.specific, first.specific[::-1][:, order], atol=1e-9)
    np.testing.assert_allclose(second.p_values, first.p_values[::-1][:, order], atol=1e-9)
    np.testing.assert_array_equal(second.anchors, first.anchors[::-1][:, order])


def test_an_own_item_is_never_an_anchor_and_three_others_are_needed():
    x, z, site = sample()
    home = np.zeros((2, 6), dtype=bool)
    home[0, 0] = True
    assert not split_of(x, z, site, home)[1].anchors[0, 0]
    home[0, :4] = True
    with pytest.raises(ValueError, match="3 items"):
        split_of(x, z, site, home)


def test_controls_are_held_equal_but_not_split():
    x, z, site = sample()
    moments = site_moments(x, z, sites=site)
    split = anchored(moments, judged=1, home=np.zeros((1, 6), dtype=bool))
    assert split.specific.shape == (1, 6)
    np.testing.assert_allclose(split.slopes, moments.slopes(np.ones((1, moments.n_sites)))[0, :1])


def test_known_anchors_are_used_as_they_are():
    x, z, site = sample()
    moments, split = split_of(x, z, site)
    wrong = np.tile(np.array([0, 1, 1, 1, 0, 0], dtype=bool), (2, 1))
    again = under_anchors(moments, home=np.zeros((2, 6), dtype=bool), anchors=wrong)
    np.testing.assert_array_equal(again.anchors, wrong)
    # A hit item among the anchors is taken for mood and shrinks its own effect.
    assert abs(again.specific[0, 2]) < abs(split.specific[0, 2])
    assert {"all items", "strictest"} <= set(anchor_sets(split))


def test_standard_errors_follow_the_spread_over_samples():
    fits = [split_of(*sample(n=600, sites=30, seed=seed))[1] for seed in range(150)]
    spread = np.std([fit.specific for fit in fits], axis=0)
    stated = np.sqrt(np.mean([fit.specific_se**2 for fit in fits], axis=0))
    assert (stated / spread).mean() == pytest.approx(1.0, abs=0.08)


def test_a_reading_is_refused_when_a_third_is_flagged_or_an_item_rises_against_the_mood():
    _, split = split_of(*sample(n=4_000))
    flagged = np.zeros((2, 6), dtype=bool)
    flagged[0, 2] = True
    assert readable(split, flagged).told_apart.all()
    assert readable(split, flagged).claimable[0, 2]
    flagged[0, [0, 1]] = True
    assert not readable(split, flagged).told_apart[0]
    assert not readable(split, flagged).claimable[0].any()
    assert readable(split, flagged, anchors_known=True).told_apart.all()
    _, risen = split_of(*sample(n=4_000, effect=0.4))
    one = np.zeros((2, 6), dtype=bool)
    one[0, 2] = True
    assert readable(risen, one).opposed[0]
    assert not readable(risen, one).told_apart[0]


def test_a_trifle_is_neither_claimed_nor_counted_against_the_majority():
    _, split = split_of(*sample(n=4_000))
    everything = np.ones((2, 6), dtype=bool)
    reading = readable(split, everything, negligible=0.15)
    assert reading.flagged_share[0] == pytest.approx(1 / 6)
    np.testing.assert_array_equal(np.flatnonzero(reading.claimable[0]), [2])
    assert reading.flagged_share[1] == 0.0


def test_shares_add_up_and_find_the_truth():
    x, z, site = sample(n=20_000, sites=40)
    moments, split = split_of(x, z, site)
    home = np.zeros((2, 6), dtype=bool)
    shares = landing_shares(moments, split, home=home, rng=np.random.default_rng(1), replicates=300)
    assert shares.estimate[0, :3].sum() == pytest.approx(1.0)
    assert (shares.low[0, :3] <= shares.estimate[0, :3]).all()
    assert (shares.estimate[0, :3] <= shares.high[0, :3]).all()
    mood, other = 0.3**2 * (split.loadings**2).sum(), split.specific[0, 2] ** 2
    assert shares.estimate[0, 2] == pytest.approx(other / (mood + other), abs=0.05)
    np.testing.assert_allclose(shares.behind.sum(axis=0), 1.0)


def test_adjusted_p_values_equal_two_independent_libraries():
    p = np.random.default_rng(1).random((4, 5)) ** 3
    expected = multipletests(p.ravel(), method="fdr_bh")[1].reshape(4, 5)
    np.testing.assert_allclose(benjamini_hochberg(p), expected)
    np.testing.assert_allclose(benjamini_hochberg(p).ravel(), stats.false_discovery_control(p.ravel()))
    np.testing.assert_allclose(holm(p).ravel(), multipletests(p.ravel(), method="holm")[1])


def test_a_test_that_was_not_made_does_not_count():
    p = np.array([0.01, np.nan, 0.04])
    np.testing.assert_allclose(benjamini_hochberg(p)[[0, 2]], benjamini_hochberg(p[[0, 2]]))
    assert np.isnan(benjamini_hochberg(p)[1])
    assert np.isnan(holm(p)[1])
