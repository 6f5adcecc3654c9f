"""Means when only some answered: unbiased and covered where the plain mean is wrong."""

import numpy as np
import pytest
from scipy import stats

from cxlab.stats.raking import rake
from cxlab.stats.response import (
    difference_of_means,
    doubly_robust_mean,
    fit_response,
    kish_sample_size,
    plain_mean,
    weighted_mean,
)

TRUE_CSI = 8.0


def invited(rng, n=4_000, sites=0):
    """Contacts whose waiting both annoys and keeps from answering; about 22 % answer; true mean 8."""
    site = rng.integers(0, sites, n) if sites else np.arange(n)
    wait = rng.normal(size=n) + (0.4 * rng.normal(size=sites)[site] if sites else 0.0)
    outcome = TRUE_CSI - 0.5 * wait + rng.normal(size=n)
    answered = rng.random(n) < 1 / (1 + np.exp(1.35 + 0.7 * wait))
    design = np.column_stack([np.ones(n), wait])
    return design, np.where(answered, outcome, np.nan), answered, site


def covers(fit):
    half = stats.t.ppf(0.975, fit.degrees_of_freedom) * fit.std_error
    return abs(fit.estimate - TRUE_CSI) <= half


def test_weighting_and_the_doubly_robust_mean_are_covered_where_the_plain_mean_never_is(record_figure):
    plain, weighted, robust, fixed = [], [], [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(1).spawn(300)):
        design, outcome, answered, _ = invited(rng)
        response = fit_response(design, answered)
        given = {"design": design, "response": response}
        values = outcome[answered]
        error = values.std(ddof=1) / np.sqrt(len(values))
        plain.append(abs(values.mean() - TRUE_CSI) <= 1.96 * error)
        by_weight = weighted_mean(outcome, answered, **given)
        weighted.append(covers(by_weight))
        robust.append(covers(doubly_robust_mean(outcome, answered, **given)))
        weight = answered / response.probability
        deviation = np.where(answered, outcome, 0.0) - by_weight.estimate
        taken_as_fixed = np.sqrt(np.sum((weight * deviation) ** 2)) / weight.sum()
        fixed.append(taken_as_fixed / by_weight.std_error)
    record_figure("no sites, n = 4,000: coverage, unweighted", np.mean(plain), runs=300, bound="below 0.02")
    for name, hits in (("IPW", weighted), ("AIPW", robust)):
        record_figure(
            f"no sites, n = 4,000: coverage, {name}", np.mean(hits), runs=300, bound="0.92 to 0.98"
        )
    assert np.mean(plain) < 0.02
    assert 0.92 <= np.mean(weighted) <= 0.98
    assert 0.92 <= np.mean(robust) <= 0.98
    assert np.mean(fixed) > 1.05, "weights taken as fixed give longer intervals than needed"


def test_the_doubly_robust_mean_survives_a_wrong_outcome_or_a_wrong_response_model():
    rng = np.random.default_rng(2)
    n = 200_000
    wait = rng.normal(size=n)
    answered = rng.random(n) < 1 / (1 + np.exp(1.0 + 0.7 * wait))
    curved = TRUE_CSI - 0.5 * wait + 0.4 * (wait**2 - 1) + rng.normal(size=n)
    line = np.column_stack([np.ones(n), wait])
    wrong_outcome = doubly_robust_mean(curved, answered, design=line, response=fit_response(line, answered))
    assert wrong_outcome.estimate == pytest.approx(TRUE_CSI, abs=4 * wrong_outcome.std_error)
    kept_away = rng.random(n) < 1 / (1 + np.exp(1.0 + 0.5 * wait + 0.3 * (wait**2 - 1)))
    straight = TRUE_CSI - 0.5 * wait + rng.normal(size=n)
    wrong_response = doubly_robust_mean(
        straight, kept_away, design=line, response=fit_response(line, kept_away)
    )
    assert wrong_response.estimate == pytest.approx(TRUE_CSI, abs=4 * wrong_response.std_error)


def test_answers_clustered_by_site_are_covered_by_the_clustered_interval(record_figure):
    hit = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(3).spawn(200)):
        design, outcome, answered, site = invited(rng, n=2_000, sites=40)
        fit = doubly_robust_mean(
            outcome, answered, design=design, response=fit_response(design, answered), clusters=site
        )
        hit.append(covers(fit))
    record_figure("40 sites, n = 2,000: coverage, AIPW", np.mean(hit), runs=200, bound="0.91 to 0.99")
    assert 0.91 <= np.mean(hit) <= 0.99


@pytest.mark.statistics
@pytest.mark.parametrize(("sites", "n"), [(10, 2_000), (15, 2_000), (40, 2_000), (40, 6_000)])
def test_clustered_intervals_are_covered_with_many_and_with_few_sites(sites, n, record_figure):
    hits, runs = {"unweighted": [], "IPW": [], "AIPW": []}, 1_500
    for rng in map(np.random.default_rng, np.random.SeedSequence(sites + n).spawn(runs)):
        design, outcome, answered, site = invited(rng, n=n, sites=sites)
        given = {"design": design, "response": fit_response(design, answered), "clusters": site}
        hits["unweighted"].append(covers(plain_mean(outcome, answered, clusters=site)))
        hits["IPW"].append(covers(weighted_mean(outcome, answered, **given)))
        hits["AIPW"].append(covers(doubly_robust_mean(outcome, answered, **given)))
    found = {name: float(np.mean(held)) for name, held in hits.items()}
    for name, value in found.items():
        bound = "0.93 to 0.97" if name == "AIPW" else "none"
        record_figure(f"{sites} sites, n = {n:,}: coverage, {name}", value, runs=runs, bound=bound)
    assert 0.93 <= found["AIPW"] <= 0.97


@pytest.mark.parametrize(("sites", "close"), [(12, 0.06), (48, 0.015)])
def test_a_site_left_out_moves_the_means_as_a_new_fit_without_it_does(sites, close):
    # The response model takes one Newton step instead of all of them: what is left out of a move is
    # of second order in the share of the site, so four times as many sites leave a fraction of it.
    design, outcome, answered, site = invited(np.random.default_rng(6), n=125 * sites, sites=sites)
    response = fit_response(design, answered)
    given = {"design": design, "response": response, "clusters": site}
    plain = plain_mean(outcome, answered, clusters=site)
    weighted = weighted_mean(outcome, answered, **given)
    robust = doubly_robust_mean(outcome, answered, **given)
    anew = []
    for number in range(sites):
        kept = site != number
        rows = {"design": design[kept], "response": fit_response(design[kept], answered[kept])}
        anew.append(
            [
                plain_mean(outcome[kept], answered[kept]).estimate - plain.estimate,
                weighted_mean(outcome[kept], answered[kept], **rows).estimate - weighted.estimate,
                doubly_robust_mean(outcome[kept], answered[kept], **rows).estimate - robust.estimate,
            ]
        )
    found = np.column_stack([plain.moves, weighted.moves, robust.moves])
    np.testing.assert_allclose(found[:, 0], np.array(anew)[:, 0], atol=1e-12)
    apart = np.abs(found - anew)[:, 1:].max(axis=0) / np.abs(found)[:, 1:].max(axis=0)
    assert (apart <= close).all()
    gap = difference_of_means(plain, robust)
    np.testing.assert_allclose(gap.moves, plain.moves - robust.moves)
    assert gap.std_error < plain.std_error + robust.std_error


def test_a_site_of_which_nobody_answered_and_one_with_its_own_category_are_no_obstacle():
    rng = np.random.default_rng(7)
    design, outcome, answered, site = invited(rng, n=1_500, sites=12)
    answered[site == 11] = False
    design = np.column_stack([design, site == 3])
    response = fit_response(design, answered)
    fit = doubly_robust_mean(outcome, answered, design=design, response=response, clusters=site)
    assert fit.moves.shape == (12,)
    assert np.isfinite(fit.moves).all()
    assert 0.02 < fit.std_error < 0.5


def test_a_group_that_never_answers_is_refused_instead_of_weighted_without_bound():
    design = np.column_stack([np.ones(200), np.repeat([0.0, 1.0], 100)])
    answered = np.r_[np.tile([True, False], 50), np.zeros(100, dtype=bool)]
    with pytest.raises(ValueError, match="almost never answers"):
        fit_response(design, answered)
    with pytest.raises(ValueError, match="all or none"):
        fit_response(design, np.ones(200, dtype=bool))
    with pytest.raises(ValueError, match="collinear"):
        fit_response(np.column_stack([design, design[:, 1]]), answered)


def test_raked_weights_reproduce_every_margin_and_are_not_all_equal():
    rng = np.random.default_rng(4)
    codes = [rng.integers(0, 3, 500), rng.choice(2, 500, p=[0.8, 0.2])]
    targets = [np.array([0.2, 0.3, 0.5]), np.array([0.5, 0.5])]
    fit = rake(codes, targets)
    for code, target in zip(codes, targets, strict=True):
        share = np.bincount(code, weights=fit.weights) / fit.weights.sum()
        np.testing.assert_allclose(share, target, atol=1e-8)
    assert fit.weights.std() > 0.1
    assert kish_sample_size(fit.weights) < 500


def test_a_cap_holds_and_is_counted():
    codes = [np.r_[np.zeros(95, dtype=int), np.ones(5, dtype=int)]]
    fit = rake(codes, [np.array([0.5, 0.5])], cap=4.0)
    assert fit.n_capped == 5
    assert fit.weights.max() / fit.weights.min() < 10.0


@pytest.mark.parametrize(
    ("codes", "targets", "message"),
    [
        ([np.array([0, 1])], [np.array([0.5, 0.6])], "add up to 1"),
        ([np.array([0, 0])], [np.array([0.5, 0.5])], "no row"),
        ([np.array([0, 2])], [np.array([0.5, 0.5])], "without a target"),
        ([np.array([0, 1])], [np.array([1.0, 0.0])], "target 0"),
        (
            [np.array([0, 1]), np.array([0, 1])],
            [np.array([0.5, 0.5]), np.array([0.2, 0.8])],
            "contradict each other",
        ),
    ],
)
def test_raking_refuses_what_it_cannot_fit(codes, targets, message):
    with pytest.raises(ValueError, match=message):
        rake(codes, targets)


def test_the_standard_error_is_that_of_stacked_equations_even_with_a_wrong_outcome_model():
    found, errors = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(5).spawn(400)):
        wait = rng.uniform(-1.7, 1.7, 6_000)
        answered = rng.random(6_000) < 1 / (1 + np.exp(0.5 + 1.2 * wait))
        curved = TRUE_CSI - 0.5 * wait + 1.5 * (wait**2 - 1) + 0.5 * rng.normal(size=6_000)
        line = np.column_stack([np.ones(6_000), wait])
        fit = doubly_robust_mean(curved, answered, design=line, response=fit_response(line, answered))
        found.append(fit.estimate)
        errors.append(fit.std_error)
    # Weights taken as known would make it 22 % too long here.
    assert np.median(errors) == pytest.approx(np.std(found), rel=0.08)
