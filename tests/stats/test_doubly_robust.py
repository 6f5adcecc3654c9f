"""Arms compared: covered where they overlap, null where help is idle, thin where they do not."""

import numpy as np
import pytest
from complaint_world import ARMS, COVARIATES, complaint_world

from cxlab.stats.doubly_robust import (
    arm_contrast,
    cross_fit,
    effect_on_treated,
    measure_overlap,
    overlap_contrast,
    split_folds,
)
from cxlab.stats.multinomial import class_probabilities, fit_classes, quadratic_terms
from cxlab.stats.sensitivity import e_value, sensitivity_of

PAIRS = ((2, 0), (2, 1), (1, 0))
OUTCOMES = ("retained", "overall_after")


def features_of(table):
    columns = [table[name].to_numpy(dtype=float) for name in COVARIATES[:-1]]
    return np.column_stack([*columns, (table["segment"] == "fleet").to_numpy(dtype=float)])


def arms_of(table):
    return np.array([ARMS.index(word) for word in table["arm"]])


def truths(**world):
    """True contrasts for all complaints and for the overlap, from a million complaints."""
    big = complaint_world(np.random.default_rng(99), 200_000, **world)
    weight = 1.0 / (1.0 / big.chance).sum(axis=1)
    found = {}
    for name, outcome in zip(OUTCOMES, (big.retained, big.satisfied), strict=True):
        found[name] = (outcome.mean(axis=0), np.average(outcome, axis=0, weights=weight))
    return found


def run(rng, n, *, splits=1, cluster=False, **world):
    """Error and standard error of every contrast, (2 outcomes, 3 pairs, 2 populations, 2)."""
    drawn = complaint_world(rng, n, **world)
    x, arm = features_of(drawn.table), arms_of(drawn.table)
    dealers = np.unique(drawn.table["location_id"], return_inverse=True)[1] if cluster else None
    found = np.empty((2, 3, 2, 2))
    for row, name in enumerate(OUTCOMES):
        values = drawn.table[name].to_numpy(dtype=float)
        fit = cross_fit(x, arm, values, arms=3, binary=row == 0, rng=rng, splits=splits)
        for column, (a, b) in enumerate(PAIRS):
            for place, contrast in enumerate((arm_contrast, overlap_contrast)):
                effect = contrast(fit, a, b, clusters=dealers)
                found[row, column, place] = effect.estimate, effect.std_error
    return found


def table_of_runs(n, runs, *, seed=7, **settings):
    world = {
        key: settings[key] for key in ("overlap", "effect", "dealer_sd", "response") if key in settings
    }
    truth = truths(**{k: v for k, v in world.items() if k in ("overlap", "effect")})
    found = np.array(
        [run(np.random.default_rng(s), n, **settings) for s in np.random.SeedSequence(seed).spawn(runs)]
    )
    errors = found[..., 0].copy()
    for row, name in enumerate(OUTCOMES):
        for column, (a, b) in enumerate(PAIRS):
            for place in range(2):
                errors[:, row, column, place] -= truth[name][place][a] - truth[name][place][b]
    covered = np.abs(errors) <= 1.96 * found[..., 1]
    return errors.mean(axis=0), covered.mean(axis=0)


def recorded(record_figure, what, bias, coverage, runs, *, bound="0.93 to 0.97 +- MC (overlap: 0.93)"):
    for row, name in enumerate(OUTCOMES):
        for column, (a, b) in enumerate(PAIRS):
            for place, population in enumerate(("all", "overlap")):
                label = f"{what}: {ARMS[a]} - {ARMS[b]}, {name}, {population}"
                cell = row, column, place
                record_figure(f"bias, {label}", bias[cell], runs=runs, bound="0.01 (retained)")
                record_figure(f"coverage, {label}", coverage[cell], runs=runs, bound=bound)


def test_effects_are_unbiased_and_covered_in_a_short_run(record_figure):
    bias, coverage = table_of_runs(950, 10)
    recorded(record_figure, "950 complaints, short", bias, coverage, 10, bound="mean 0.90 to 1")
    assert np.abs(bias[0]).max() < 0.06
    assert coverage.mean() > 0.90


def test_raw_differences_are_far_off_in_the_same_world():
    drawn = complaint_world(np.random.default_rng(3), 20_000)
    means = drawn.table.groupby("arm")["retained"].mean()
    true = drawn.retained.mean(axis=0)
    assert (means["fast"] - means["unresolved"]) - (true[2] - true[0]) > 0.08


@pytest.mark.statistics
@pytest.mark.parametrize(("complaints", "customers", "runs"), [(950, 6_000, 400), (3_200, 20_000, 400)])
def test_effects_are_unbiased_and_covered(record_figure, complaints, customers, runs):
    bias, coverage = table_of_runs(complaints, runs)
    recorded(record_figure, f"{customers:,} customers", bias, coverage, runs)
    assert np.abs(bias[0]).max() <= 0.01
    error = np.sqrt(0.95 * 0.05 / runs)
    everybody = coverage[:, :, 0]
    assert everybody.min() >= 0.93 - error
    assert everybody.max() <= 0.97 + error
    assert coverage.min() >= 0.93 - error, "where arms overlap an interval may be a little long, not short"


@pytest.mark.statistics
def test_effects_are_covered_where_overlap_is_thin(record_figure):
    bias, coverage = table_of_runs(3_200, 200, overlap=1.4)
    recorded(record_figure, "20,000 customers, thin overlap", bias, coverage, 200, bound="mean 0.92")
    assert np.abs(bias[0]).max() <= 0.015
    assert coverage.mean() >= 0.92


@pytest.mark.statistics
def test_effects_are_covered_where_dealers_differ(record_figure):
    bias, coverage = table_of_runs(3_200, 200, dealer_sd=0.4, cluster=True)
    what = "20,000 customers, dealers differ, clustered"
    recorded(record_figure, what, bias, coverage, 200, bound="mean 0.92")
    assert coverage.mean() >= 0.92


def test_idle_help_shows_no_effect():
    bias, coverage = table_of_runs(950, 6, effect=0.0)
    assert np.abs(bias[0]).max() < 0.07
    assert coverage.mean() > 0.85


def test_arms_that_do_not_overlap_leave_few_effective_rows():
    drawn = complaint_world(np.random.default_rng(4), 3_000, overlap=5.0)
    x, arm = features_of(drawn.table), arms_of(drawn.table)
    values = drawn.table["retained"].to_numpy()
    rng = np.random.default_rng(1)
    found = measure_overlap(cross_fit(x, arm, values, arms=3, binary=True, rng=rng, splits=1), x)
    assert found.effective.min() < 100
    assert found.share_rare.max() > 0.05


def test_folds_keep_customers_whole_and_arms_even():
    rng = np.random.default_rng(5)
    units = rng.integers(0, 400, 1_000)
    arm = rng.integers(0, 3, 1_000)
    fold = split_folds(arm, units=units, folds=5, rng=rng)
    assert all(len(set(fold[units == unit])) == 1 for unit in np.unique(units))
    assert np.bincount(fold).min() > 150


def test_the_classes_are_those_of_scikit_learn():
    from sklearn.linear_model import LogisticRegression

    rng = np.random.default_rng(6)
    x, arm = rng.normal(size=(500, 3)), rng.integers(0, 3, 500)
    design, _ = quadratic_terms(x)
    own = class_probabilities(design, fit_classes(design, arm, classes=3, penalty=1.0))
    with_base = LogisticRegression(C=1e6, tol=1e-10, max_iter=2000).fit(design[:, 1:], arm)
    free = class_probabilities(design, fit_classes(design, arm, classes=3, penalty=1e-6))
    assert np.abs(free - with_base.predict_proba(design[:, 1:])).max() < 1e-3
    assert np.abs(own - free).max() > 1e-3


def test_the_effect_on_the_treated_is_told_from_that_on_all():
    rng = np.random.default_rng(7)
    x = rng.normal(size=(8_000, 1))
    treated = rng.random(8_000) < 1 / (1 + np.exp(-x[:, 0]))
    outcome = x[:, 0] + (1 + x[:, 0]) * treated + rng.normal(size=8_000)
    fit = cross_fit(x, treated.astype(int), outcome, arms=2, binary=False, rng=rng, splits=1)
    on_treated, on_all = effect_on_treated(fit), arm_contrast(fit, 1, 0)
    assert on_treated.estimate == pytest.approx(1 + x[treated].mean(), abs=4 * on_treated.std_error)
    assert on_all.estimate == pytest.approx(1.0, abs=4 * on_all.std_error)
    assert on_treated.estimate - on_all.estimate > 0.2


def test_e_values_are_the_published_ones():
    # VanderWeele and Ding 2017: a risk ratio of 3.9 (interval from 1.8) gives 7.26 (3.0).
    assert e_value(3.9) == pytest.approx(7.26, abs=0.005)
    assert e_value(1.8) == pytest.approx(3.0, abs=0.005)
    assert e_value(1 / 3.9) == pytest.approx(e_value(3.9))


def test_a_cause_at_the_robustness_value_undoes_the_estimate():
    drawn = complaint_world(np.random.default_rng(8), 2_000)
    x, arm = features_of(drawn.table), arms_of(drawn.table)
    values, rng = drawn.table["retained"].to_numpy(), np.random.default_rng(1)
    fit = cross_fit(x, arm, values, arms=3, binary=True, rng=rng, splits=1)
    found = sensitivity_of(fit, 2, 0, critical=1.96)
    estimate = arm_contrast(fit, 2, 0).estimate
    assert found.bias(found.robustness, found.robustness) == pytest.approx(abs(estimate), rel=1e-9)
    assert found.robustness_limit < found.robustness
