"""Discrete hazards: equal to logits on person-periods, thinned or not, and to brute-force refits."""

import dataclasses

import numpy as np
import pytest

from cxlab.stats.bootstrap import rescaled_multipliers
from cxlab.stats.concordance import concordance
from cxlab.stats.hazard import fit_hazard, person_periods
from cxlab.stats.hazard_age import AgeCurve, age_curve, at_risk
from cxlab.stats.hazard_bootstrap import bootstrap_hazard, group_scores
from cxlab.stats.hazard_curves import future_curves, joiner_weights, mean_curves, remaining_life
from cxlab.stats.natural_spline import natural_spline, spline_knots


def spells(n=400, causes=2, seed=1):
    rng = np.random.default_rng(seed)
    entry = rng.integers(0, 4, n)
    time = entry + rng.integers(1, 9, n)
    return entry, time, rng.integers(0, causes + 1, n), rng.normal(size=(n, 3))


def expanded(entry, time, cause):
    """The table of person-periods that the fit never builds."""
    spell = np.repeat(np.arange(len(time)), time - entry)
    period = np.concatenate([np.arange(e + 1, t + 1) for e, t in zip(entry, time, strict=True)])
    return spell, period, np.where(period == time[spell], cause[spell], 0)


def age_columns(last=12):
    age = np.arange(last + 1.0)
    return np.column_stack([np.ones(last + 1), age, age**2 / 10])


def test_one_cause_equals_a_logit_on_all_person_periods():
    from statsmodels.api import Logit

    entry, time, cause, x = spells(causes=1)
    spell, period, y = expanded(entry, time, cause)
    peer = Logit(y, np.column_stack([age_columns()[period], x[spell]])).fit(disp=0, tol=1e-12)
    fit = fit_hazard(person_periods(entry, time, cause), age_columns(), x, ridge=0.0)
    np.testing.assert_allclose(fit.theta, peer.params, atol=1e-7)
    assert fit.log_likelihood == pytest.approx(peer.llf, abs=1e-8)
    np.testing.assert_allclose(np.linalg.inv(fit.information), peer.cov_params(), atol=1e-8)


def test_competing_causes_equal_a_multinomial_logit_on_all_person_periods():
    from statsmodels.api import MNLogit

    entry, time, cause, x = spells(causes=2)
    spell, period, y = expanded(entry, time, cause)
    peer = MNLogit(y, np.column_stack([age_columns()[period], x[spell]])).fit(
        disp=0, method="newton", tol=1e-12, maxiter=100
    )
    fit = fit_hazard(person_periods(entry, time, cause), age_columns(), x, causes=2, ridge=0.0)
    np.testing.assert_allclose(fit.theta, peer.params.T.ravel(), atol=1e-6)
    assert fit.log_likelihood == pytest.approx(peer.llf, abs=1e-7)


def test_thinning_keeps_every_event_and_the_coefficients():
    rng = np.random.default_rng(2)
    n = 40_000
    x = rng.normal(size=(n, 2))
    hazard = 1 / (1 + np.exp(3.2 - x @ [0.8, -0.5]))
    lived = rng.geometric(hazard)
    time, cause = np.minimum(lived, 24), (lived <= 24).astype(int)
    zero, ones = np.zeros(n, dtype=int), np.ones((25, 1))
    full = fit_hazard(person_periods(zero, time, cause), ones, x, ridge=0.0)
    thin_rows = person_periods(zero, time, cause, event_free_share=0.05, rng=rng)
    thin = fit_hazard(thin_rows, ones, x, ridge=0.0)
    assert (thin_rows.cause > 0).sum() == cause.sum()
    assert thin_rows.weight.sum() == pytest.approx(time.sum(), rel=0.01)
    assert len(thin_rows.period) < 0.12 * time.sum()
    np.testing.assert_allclose(full.theta, [-3.2, 0.8, -0.5], atol=0.03)
    np.testing.assert_allclose(thin.theta, full.theta, atol=0.05)


def test_drawn_scores_move_as_full_refits_do_and_spread_as_the_sandwich():
    entry, time, cause, x = spells(n=2_000, causes=2, seed=3)
    rows = person_periods(entry, time, cause)
    fit = fit_hazard(rows, age_columns(), x, causes=2)
    groups = np.arange(2_000) // 2
    theta = np.concatenate([fit.baseline, fit.effects], axis=1)
    score = group_scores(rows, age_columns(), x, theta, groups=groups)
    options = {"groups": groups, "replicates": 4_000, "ridge": 1.0}
    quick = bootstrap_hazard(fit, rows, age_columns(), x, **options, rng=np.random.default_rng(4))
    drawn = rescaled_multipliers(np.zeros(1_000, int), replicates=4_000, rng=np.random.default_rng(4))
    for one, multiplier in zip(quick[:3], drawn[:3], strict=True):
        weight = rows.weight * np.repeat(multiplier[groups], np.diff(rows.start))
        refit = fit_hazard(dataclasses.replace(rows, weight=weight), age_columns(), x, causes=2)
        moved, expected = one.ravel() - fit.theta, refit.theta - fit.theta
        assert moved @ expected / np.linalg.norm(moved) / np.linalg.norm(expected) > 0.98
        assert np.linalg.norm(moved) == pytest.approx(np.linalg.norm(expected), rel=0.2)
    inside = np.linalg.inv(fit.information)
    sandwich = np.sqrt(np.diag(inside @ np.cov(score.T) @ inside) * len(score))
    np.testing.assert_allclose(quick.reshape(4_000, -1).std(axis=0, ddof=1), sandwich, rtol=0.05)


def test_group_scores_are_the_gradient_group_by_group():
    entry, time, cause, x = spells(causes=2)
    rows = person_periods(entry, time, cause)
    fit = fit_hazard(rows, age_columns(), x, causes=2, ridge=0.0)
    theta = np.concatenate([fit.baseline, fit.effects], axis=1)
    score = group_scores(rows, age_columns(), x, theta, groups=np.arange(400) % 7)
    np.testing.assert_allclose(score.sum(axis=0), 0.0, atol=1e-3)
    spell, period, what = expanded(entry, time, cause)
    z = np.column_stack([age_columns()[period], x[spell]])
    odds = np.exp(z @ theta.T)
    left = (what[:, None] == [1, 2]) - odds / (1.0 + odds.sum(axis=1, keepdims=True))
    third = spell % 7 == 3
    by_hand = np.concatenate([left[third, c] @ z[third] for c in (0, 1)])
    np.testing.assert_allclose(score[3], by_hand, rtol=1e-9)


def test_a_group_that_never_leaves_stays_finite_and_a_collinear_age_is_refused():
    time = np.tile([3, 5], 50)
    cause = np.tile([1, 0], 50)
    rows = person_periods(np.zeros(100, int), time, cause)
    never = (cause == 0).astype(float)[:, None] - 0.5
    assert np.abs(fit_hazard(rows, np.ones((6, 1)), never).theta).max() < 20
    with pytest.raises(ValueError, match="collinear"):
        fit_hazard(rows, np.ones((6, 2)), np.zeros((100, 0)))
    with pytest.raises(ValueError, match="cause 2 has no event"):
        fit_hazard(rows, np.ones((6, 1)), never, causes=2)


def test_curves_given_age_are_ratios_of_curves_from_the_start():
    rng = np.random.default_rng(5)
    base, linear = rng.normal(-2, 0.4, (2, 60)), rng.normal(0, 0.5, (8, 2))
    start = future_curves(base, linear, np.zeros(8, int), horizon=30)
    later = future_curves(base, linear, np.full(8, 10), horizon=20)
    np.testing.assert_allclose(later.survival, start.survival[:, 10:] / start.survival[:, [10]], rtol=1e-12)
    np.testing.assert_allclose(start.survival + start.incidence.sum(axis=1), 1.0, rtol=1e-12)


def test_remaining_life_with_a_tail_is_the_sum_to_infinity():
    hazard, d = 0.07, 0.01
    base = np.full((1, 5), np.log(hazard / (1 - hazard)))
    curves = future_curves(base, np.zeros((1, 1)), np.array([3]), horizon=12)
    life, beyond = remaining_life(curves, discount=d, tail=True)
    assert life[0] == pytest.approx(1 / (1 - (1 - hazard) / (1 + d)), rel=1e-12)
    assert life[0] - beyond[0] == pytest.approx(
        sum(((1 - hazard) / (1 + d)) ** j for j in range(12)), rel=1e-12
    )


def test_joiner_weights_bring_back_the_mix_of_those_who_joined():
    rng = np.random.default_rng(6)
    n = 60_000
    fast = rng.random(n) < 0.5
    entry = rng.integers(0, 20, n)
    hazard = np.where(fast, 0.2, 0.02)
    seen = rng.geometric(hazard) > entry
    ages, counts = np.unique(entry[seen], return_counts=True)
    reached = (1 - hazard[seen])[:, None] ** ages
    weights = joiner_weights(reached, counts.astype(float))
    assert fast[seen].mean() < 0.25
    assert np.average(fast[seen], weights=weights) == pytest.approx(0.5, abs=0.015)


def test_the_risk_set_counts_late_entry():
    assert at_risk(np.array([0, 2, 1]), np.array([3, 3, 2])).tolist() == [0, 1, 2, 2]


def test_the_curve_of_age_bends_no_more_than_the_ages_allow():
    few = age_curve(np.zeros(90, int), np.repeat([1, 2, 3], 30), np.ones(90, bool), knots=6)
    assert few.columns(5).shape[1] <= 3
    one = age_curve(np.zeros(40, int), np.full(40, 4), np.ones(40, bool), knots=5)
    assert one.columns(5).shape[1] == 1
    curve = AgeCurve(
        knots=spline_knots(np.log(np.arange(1.0, 50)), knots=5), first=1, last=40, renewal_every=12
    )
    columns = curve.columns(100)
    assert (columns[41:, :-1] == columns[40, :-1]).all(), "level beyond the ages seen"
    assert np.flatnonzero(columns[:, -1]).tolist() == [12, 24, 36, 48, 60, 72, 84, 96]


def test_the_natural_spline_is_straight_outside_and_smooth_inside():
    knots = np.array([0.0, 1.0, 2.5, 4.0])
    x = np.linspace(-3, 8, 1101)
    basis = natural_spline(x, knots)
    second = np.diff(basis, 2, axis=0) / 0.01**2
    np.testing.assert_allclose(second[(x[1:-1] < -0.02) | (x[1:-1] > 4.02)], 0.0, atol=1e-6)
    assert np.abs(np.diff(second, axis=0)).max() < 0.2, "no jump in the second derivative"


def test_concordance_agrees_with_all_pairs_by_hand():
    rng = np.random.default_rng(7)
    n = 60
    time, event, risk = rng.integers(1, 9, n).astype(float), rng.random(n) < 0.6, rng.integers(0, 5, n)
    entry = np.floor(time * rng.random(n))
    good = pairs = 0.0
    for i in range(n):
        for j in range(n):
            longer = time[j] > time[i] or (time[j] == time[i] and not event[j])
            if event[i] and longer and entry[j] < time[i]:
                pairs += 1
                good += (risk[j] < risk[i]) + 0.5 * (risk[j] == risk[i])
    found, count = concordance(time, event, risk.astype(float), entry=entry)
    assert count == pairs
    assert found == pytest.approx(good / pairs)


def test_mean_curves_do_not_depend_on_the_block():
    rng = np.random.default_rng(8)
    base, linear, age = rng.normal(-3, 1, (1, 40)), rng.normal(size=(3_000, 1)), rng.integers(0, 30, 3_000)
    weights = rng.random(3_000)
    survival, incidence = mean_curves(base, linear, age, horizon=900, weights=weights)
    direct = future_curves(base, linear, age, horizon=900)
    np.testing.assert_allclose(survival, np.average(direct.survival, axis=0, weights=weights))
    np.testing.assert_allclose(incidence, np.average(direct.incidence, axis=0, weights=weights))
