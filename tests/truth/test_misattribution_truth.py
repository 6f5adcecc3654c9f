"""Misattribution in worlds whose truth is known: error rates, power, coverage, and where it breaks."""

from functools import cache

import misattribution_world as made_up
import numpy as np
import pytest
from misattribution_world import World, hit

SPEC = World()


@cache
def known(name="spec"):
    return made_up.truth(WORLDS[name], n=400_000)


FIVE = {"n_items": 5, "cells": {(0, 3): -0.215, (1, 4): -0.35, (2, 3): -0.30, (3, 2): -0.20}}
WORLDS = {
    "spec": SPEC,
    "5 items": World(**FIVE),
    "12 items": World(n_items=12),
    "15 sites": World(n_sites=15),
    "120 sites": World(n_sites=120),
    "no halo of the measurements": World(halo=(0.0, 0.0, 0.0, 0.0)),
    "large halo": World(halo=(-0.30, -0.50, -0.30, -0.30)),
    "weak mood (loadings .2-.35)": World(loading=(0.20, 0.35)),
    "strong mood (loadings .8-.92)": World(loading=(0.80, 0.92)),
    "no rounding": World(skew="none"),
    "hard ceiling": World(skew="hard"),
    "uneven ceilings": World(skew="uneven"),
    "log-normal measurements": World(skewed_kpis=True),
    "log-normal, uneven ceilings": World(skewed_kpis=True, skew="uneven"),
    "sites of unequal size": World(site_spread=1.0),
    "30 % of answers missing": World(missing=0.30),
    "second factor .4 on 3 items": World(second_factor=0.4),
    "second factor .8 on 3 items": World(second_factor=0.8),
    "effects differ by site (SD .10)": World(site_slopes=0.10),
    # Several things changed at once.
    "5 items, hard ceiling, strong mood, 20 sites": World(
        **FIVE, skew="hard", loading=(0.80, 0.92), n_sites=20
    ),
    "12 items, hard ceiling, weak mood, 15 sites": World(
        n_items=12, skew="hard", loading=(0.20, 0.35), n_sites=15
    ),
    "12 items, strong mood, log-normal measurements, 120 sites": World(
        n_items=12, loading=(0.80, 0.92), skewed_kpis=True, n_sites=120
    ),
}


def test_at_500_answers_findings_are_true_and_intervals_cover(record_figure):
    # 100 samples: the standard error of the false discovery rate is 0.011, of the coverage 0.005.
    found = made_up.study(SPEC, 500, runs=100, seed=1, known=known(), shares=20)
    record_study(record_figure, "n = 500", found, 100)
    record_figure("n = 500: coverage of shares", found["share coverage"], runs=20, bound="0.93 at least")
    assert found["fdr"] <= 0.08
    assert found["false claims"] <= 0.05
    assert found["parking"] >= 0.95 - 0.02
    assert 0.93 <= found["coverage"] <= 0.97
    assert found["share coverage"] >= 0.93
    assert found["estimate"] == pytest.approx(known().specific[0, 3], abs=0.01)


def test_at_2000_answers_findings_are_true_and_intervals_cover(record_figure):
    found = made_up.study(SPEC, 2_000, runs=80, seed=2, known=known())
    record_study(record_figure, "n = 2,000", found, 80)
    assert found["fdr"] <= 0.08 + 0.02
    assert found["false claims"] <= 0.06
    assert found["parking claimed"] >= 0.95
    assert 0.93 <= found["coverage"] <= 0.97


def test_the_usual_cures_against_halo_blame_the_wrong_ratings(record_figure):
    usual = made_up.usual_methods(SPEC, 2_000, runs=15, seed=3, known=known())
    ours = made_up.study(SPEC, 2_000, runs=15, seed=3, known=known())
    for name, figures in usual.items():
        record_figure(f"n = 2,000: FDR, {name}", figures["fdr"], runs=15, bound="0.4 at least")
        assert figures["fdr"] >= 0.4, name
        assert figures["mae"] >= 2 * ours["mae"], name
    assert abs(usual["raw"]["estimate"]) > abs(ours["estimate"]) > abs(usual["row-centred"]["estimate"])


def test_without_any_effect_something_is_claimed_in_one_data_set_of_twenty_at_most(record_figure):
    calm = World(cells={}, halo=(0.0, -0.25, 0.0, 0.0))
    rng = np.random.default_rng(4)
    claims = []
    for _ in range(120):
        _, split = made_up.fit(calm, 500, rng)
        flagged = made_up.benjamini_hochberg(split.p_values) <= 0.05
        claims.append(made_up.readable(split, flagged).claimable.any())
    record_figure("no effect, n = 500: anything claimed", np.mean(claims), runs=120, bound="0.09 at most")
    assert np.mean(claims) <= 0.05 + 2 * 0.02


@pytest.mark.parametrize("n", [500, 2_000])
@pytest.mark.parametrize("hits", [4, 5, 6])
def test_when_most_items_are_hit_no_item_is_blamed_falsely(n, hits, record_figure):
    said = made_up.parking_study(hit(hits), n, runs=20, seed=5)
    what = f"{hits} of 7 hit, n = {n:,}: false answer"
    record_figure(what, said["false answer"], runs=20, bound="0.05 at most")
    assert said["false answer"] <= 0.05
    assert said["found"] <= 0.1
    # The mood takes the place of the hits: what an unguarded reader would be told.
    assert said["halo"] < -0.25


def test_with_four_of_seven_hit_it_says_that_it_cannot_tell(record_figure):
    said = made_up.parking_study(hit(4), 1_000, runs=25, seed=6)["cannot be told apart"]
    record_figure('4 of 7 hit, n = 1,000: "cannot be told apart"', said, runs=25, bound="0.95 at least")
    assert said >= 0.95


@pytest.mark.parametrize("hits", [1, 2])
def test_one_or_two_of_seven_hits_are_found(hits, record_figure):
    said = made_up.parking_study(hit(hits), 2_000, runs=20, seed=7)
    record_figure(f"{hits} of 7 hit, n = 2,000: hits found", said["found"], runs=20, bound="0.85 at least")
    assert said["found"] >= 0.85
    assert said["false answer"] <= 0.10


def test_known_anchors_answer_where_the_majority_rule_cannot():
    world = hit(4)
    rng = np.random.default_rng(8)
    untouched = (world.effects() == 0) & ~world.home_mask()
    for _ in range(5):
        x, z, sites = world.draw(2_000, rng)
        moments = made_up.site_moments(x, z, sites=sites)
        split = made_up.anchored(moments, judged=4, home=world.home_mask(), fixed_anchors=untouched)
        flagged = made_up.benjamini_hochberg(split.p_values) <= 0.05
        reading = made_up.readable(split, flagged, anchors_known=True)
        assert reading.claimable[0, 1:5].all()
        assert not reading.claimable[0, 5:].any()


@pytest.mark.statistics
@pytest.mark.parametrize(("n", "runs"), [(500, 1000), (1000, 600), (2000, 400), (5000, 300), (20_000, 120)])
def test_error_rates_power_and_coverage_of_the_specified_design(n, runs, record_figure):
    found = made_up.study(SPEC, n, runs=runs, seed=11, known=known(), shares=100)
    usual = made_up.usual_methods(SPEC, n, runs=min(runs, 60), seed=12, known=known())
    record_study(record_figure, f"n = {n:,}", found, runs)
    record_figure(f"n = {n:,}: coverage of shares", found["share coverage"], runs=100, bound="none")
    for name, figures in usual.items():
        record_figure(f"n = {n:,}: FDR, {name}", figures["fdr"], runs=min(runs, 60), bound="none")
    assert found["fdr"] <= 0.08
    assert found["false claims"] <= 0.05
    assert found["parking"] >= 0.95
    assert 0.93 <= found["coverage"] <= 0.97


# Where it breaks is written down in docs/statistics-misattribution.md; these are held to looser limits.
LOOSE = {
    "log-normal, uneven ceilings",
    "uneven ceilings",
    "second factor .4 on 3 items",
    "second factor .8 on 3 items",
}


@pytest.mark.statistics
@pytest.mark.parametrize("name", [name for name in WORLDS if name != "spec"])
def test_error_rates_in_other_designs(name, record_figure):
    world = WORLDS[name]
    for n, runs in ((500, 300), (5_000, 100), (20_000, 40)):
        found = made_up.study(world, n, runs=runs, seed=13, known=known(name))
        record_study(record_figure, f"{name}, n = {n:,}", found, runs, loose=name in LOOSE)
        assert found["false claims"] <= (0.20 if name in LOOSE else 0.08)
        if name not in LOOSE:
            assert 0.92 <= found["coverage"] <= 0.98


@pytest.mark.statistics
@pytest.mark.parametrize("n", [500, 1_000, 2_000, 5_000, 20_000])
def test_breakdown_by_the_number_of_items_hit(n, record_figure):
    for hits in range(8):
        runs = 100 if n < 20_000 else 30
        said = made_up.parking_study(hit(hits), n, runs=runs, seed=14)
        what = f"{hits} of 7 hit, n = {n:,}"
        limit = "0.10 at most" if hits < 7 else "none"
        record_figure(f"{what}: false answer", said["false answer"], runs=runs, bound=limit)
        told = "0.95 at least" if hits == 4 and n >= 1_000 else "none"
        record_figure(
            f'{what}: "cannot be told apart"', said["cannot be told apart"], runs=runs, bound=told
        )
        record_figure(f"{what}: hits found", said["found"], runs=runs, bound="none")
        if hits < 7:
            assert said["false answer"] <= 0.10
        if hits == 4 and n >= 1_000:
            assert said["cannot be told apart"] >= 0.95


def record_study(record_figure, what, found, runs, *, loose=None):
    """Record one design: the specified one (``loose`` None), another, or one in which it breaks."""
    fdr = "0.08 at most" if loose is None else "none"
    false = {None: "0.05 at most", False: "0.08 at most", True: "0.20 at most"}[loose]
    coverage = {None: "0.93 to 0.97", False: "0.92 to 0.98", True: "none"}[loose]
    record_figure(f"{what}: FDR", found["fdr"], runs=runs, bound=fdr)
    record_figure(f"{what}: false claims", found["false claims"], runs=runs, bound=false)
    power = "0.95 at least" if loose is None else "none"
    record_figure(f"{what}: parking -> service flagged", found["parking"], runs=runs, bound=power)
    record_figure(f"{what}: parking -> service claimed", found["parking claimed"], runs=runs, bound="none")
    record_figure(f"{what}: power, all 7 cells", found["power"], runs=runs, bound="none")
    record_figure(f"{what}: coverage of A", found["coverage"], runs=runs, bound=coverage)
