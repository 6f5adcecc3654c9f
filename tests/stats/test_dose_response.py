"""The curve of days holds the truth where raw bins are far off, and is flat where waiting costs nothing."""

import numpy as np
import pytest

from cxlab.stats.dose_response import fit_dose_curve

DAYS = np.array([2.0, 7.0, 21.0])


def expit(x):
    return 1.0 / (1.0 + np.exp(-x))


def retention(days, severity, cost):
    """Chance to stay: falls with ln(1 + days), and with severity."""
    return expit(2.2 - cost * np.log1p(days) - 0.5 * (severity - 1.3))


def waiting_world(rng, n, cost):
    """Severe complaints take longer and lose more customers, whatever the waiting does."""
    severity = rng.choice(5, n, p=[0.30, 0.30, 0.22, 0.12, 0.06]).astype(float)
    quality = rng.normal(0, 0.35, n)
    days = np.exp(1.8 + 0.3 * (severity - 1.3) - 0.4 * quality + rng.normal(0, 0.7, n))
    stays = (rng.random(n) < retention(days, severity, cost)).astype(float)
    return np.column_stack([severity, quality]), days, stays


def true_curve(cost):
    shares = np.array([0.30, 0.30, 0.22, 0.12, 0.06])
    return retention(DAYS[:, None], np.arange(5.0), cost) @ shares


def runs_of(n, runs, *, cost=0.6, seed=11):
    """Errors and whether the 95 % interval holds the truth, (runs, 3) each."""
    truth, errors, covered = true_curve(cost), [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs)):
        facts, days, stays = waiting_world(rng, n, cost)
        curve = fit_dose_curve(facts, days, stays, binary=True, rng=rng)
        low, high = curve.limits(DAYS, confidence=0.95)
        errors.append(curve.at(DAYS)[0] - truth)
        covered.append((low <= truth) & (truth <= high))
    return np.array(errors), np.array(covered)


def recorded(record_figure, errors, covered, n, runs, bound):
    for place, day in enumerate(DAYS):
        what = f"curve of days at {day:g} days, {n:,} resolved complaints"
        record_figure(f"coverage, {what}", covered[:, place].mean(), runs=runs, bound=bound)
        record_figure(f"bias, {what}", errors[:, place].mean(), runs=runs, bound="within 0.02")


def test_the_curve_holds_the_truth_in_a_short_run(record_figure):
    errors, covered = runs_of(1_000, 12)
    recorded(record_figure, errors, covered, 1_000, 12, "mean >= 0.85")
    assert covered.mean() >= 0.85
    assert np.abs(errors.mean(axis=0)).max() < 0.05


@pytest.mark.statistics
@pytest.mark.parametrize(("n", "runs"), [(600, 400), (1_900, 300)])
def test_the_curve_holds_the_truth(n, runs, record_figure):
    errors, covered = runs_of(n, runs)
    recorded(record_figure, errors, covered, n, runs, "0.93 at least")
    assert covered.mean(axis=0).min() >= 0.93
    assert np.abs(errors.mean(axis=0)).max() < 0.02


def test_few_complaints_at_a_day_widen_its_interval_and_shares_stay_shares():
    rng = np.random.default_rng(13)
    curve = fit_dose_curve(*waiting_world(rng, 600, 0.6), binary=True, rng=rng)
    degrees = curve.degrees_of_freedom(curve.basis(DAYS))
    assert degrees[0] < degrees[1] / 2
    low, high = curve.limits(DAYS, confidence=0.999)
    assert ((low > 0) & (high < 1)).all()


def test_raw_bins_of_days_are_too_steep_in_the_same_world():
    _, days, stays = waiting_world(np.random.default_rng(1), 40_000, 0.6)
    raw = [stays[np.abs(np.log(days / day)) < 0.1].mean() for day in DAYS]
    truth = true_curve(0.6)
    assert raw[0] - raw[2] > truth[0] - truth[2] + 0.1


def test_waiting_that_costs_nothing_gives_a_flat_curve(record_figure):
    drops = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(12).spawn(12)):
        curve = fit_dose_curve(*waiting_world(rng, 1_000, 0.0), binary=True, rng=rng)
        gap = curve.basis(DAYS[:1])[0] - curve.basis(DAYS[2:])[0]
        drops.append(gap @ curve.coefficients / np.sqrt(gap @ curve.covariance @ gap))
    false = np.mean(np.abs(drops) > 1.96)
    record_figure(
        "a cost of waiting found where there is none, 1,000 complaints", false, runs=12, bound="<= 0.25"
    )
    assert false <= 0.25
    assert abs(np.mean(drops)) < 1.0
