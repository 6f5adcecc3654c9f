"""A zone of tolerance is found where there is one, covered, and not invented where there is none."""

import numpy as np
import pytest

from cxlab.stats.tolerance import LINEAR, ONE_KINK, ZONE, fit_zone, zone_columns

TRUTH = (-1.0, 1.5)


def zone_world(rng, n):
    gap = rng.normal(0, 1.8, n)
    return gap, zone_columns(gap, *TRUTH) @ [1.2, 0.15, 0.6] + rng.normal(0, 1, n)


def covered(n, runs, seed=3):
    hits, preferred = np.zeros(2), 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs)):
        fit = fit_zone(*zone_world(rng, n), rng=rng)
        for side, limits in enumerate((fit.lower_limits, fit.upper_limits)):
            hits[side] += limits[0] <= TRUTH[side] <= limits[1]
        preferred += fit.preferred == ZONE
    return hits / runs, preferred / runs


def test_thresholds_are_covered_in_a_short_run(record_figure):
    hits, preferred = covered(2_000, 10)
    record_figure("coverage of thresholds, n = 2,000, short", hits.mean(), runs=10, bound=">= 16/20")
    assert hits.mean() >= 0.8
    assert preferred >= 0.9


@pytest.mark.statistics
@pytest.mark.parametrize("n", [500, 2_000])
def test_thresholds_are_covered(n, record_figure):
    hits, preferred = covered(n, 400)
    record_figure(f"coverage of the lower threshold, n = {n:,}", hits[0], runs=400, bound="0.93 at least")
    record_figure(f"coverage of the upper threshold, n = {n:,}", hits[1], runs=400, bound="0.93 at least")
    record_figure(f"zone found, n = {n:,}", preferred, runs=400, bound="none")
    assert hits.min() >= 0.93


def test_a_line_and_one_kink_are_not_called_a_zone(record_figure):
    found = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(4).spawn(12)):
        gap = rng.normal(0, 1.8, 2_000)
        line = gap + rng.normal(0, 1, 2_000)
        kink = 1.2 * np.minimum(gap, 0) + 0.3 * np.maximum(gap, 0) + rng.normal(0, 1, 2_000)
        found.append([fit_zone(gap, y, rng=rng, replicates=19).preferred for y in (line, kink)])
    lines, kinks = zip(*found, strict=True)
    share = np.mean([form == ZONE for form in (*lines, *kinks)])
    record_figure("zones invented in a line or one kink, n = 2,000", share, runs=24, bound="<= 0.05")
    assert share <= 0.05
    assert lines.count(LINEAR) >= 10
    assert kinks.count(ONE_KINK) >= 10


def test_the_best_pair_is_that_of_brute_force():
    rng = np.random.default_rng(5)
    gap, y = zone_world(rng, 300)
    fit = fit_zone(gap, y, rng=rng, candidates=15, replicates=19)

    def loss(lower, upper):
        design = np.column_stack([np.ones(300), zone_columns(gap, lower, upper)])
        return np.linalg.lstsq(design, y, rcond=None)[1][0]

    low, high = np.quantile(gap, [0.02, 0.98])
    grid = np.linspace(low, high, 15)
    best = min((loss(a, b), a, b) for i, a in enumerate(grid) for b in grid[i + 1 :])
    assert (fit.lower, fit.upper) == pytest.approx(best[1:])


def test_noise_in_the_gap_widens_the_zone():
    rng = np.random.default_rng(6)
    gap, y = zone_world(rng, 20_000)
    blurred = fit_zone(gap + rng.normal(0, 1, len(gap)), y, rng=rng, replicates=19)
    assert blurred.upper - blurred.lower > 2.8


def test_too_few_different_gaps_are_refused():
    with pytest.raises(ValueError, match="different gaps"):
        fit_zone(np.tile([-1.0, 0.0, 1.0], 50), np.zeros(150), rng=np.random.default_rng(1))
