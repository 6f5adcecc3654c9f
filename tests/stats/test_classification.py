"""Measures of a forecast against hand values, independent implementations and known truth."""

import numpy as np
import pytest
from scipy.special import expit, logit
from sklearn.metrics import brier_score_loss, roc_auc_score
from sklearn.metrics import log_loss as peer_log_loss

from cxlab.stats.classification import (
    area_under_curve,
    brier_score,
    calibration_bins,
    calibration_line,
    expected_calibration_error,
    gains_curve,
    log_loss,
    top_share_lift,
)
from cxlab.stats.forecast import (
    MEASURES,
    bootstrap_measures,
    cluster_weights,
    forecast_measures,
    measure_interval,
)


def forecasts(n, seed, *, ties=False, spread=1.0):
    """Outcomes drawn from their own forecasts: calibrated by construction."""
    rng = np.random.default_rng(seed)
    p = expit(-1.0 + spread * rng.normal(size=n))
    p = np.round(p, 1).clip(0.05, 0.95) if ties else p
    return (rng.random(n) < p).astype(float), p


@pytest.mark.parametrize("ties", [False, True])
def test_measures_agree_with_scikit_learn_also_with_ties_and_weights(ties):
    y, p = forecasts(500, 1, ties=ties)
    w = np.random.default_rng(2).integers(0, 4, 500).astype(float)
    for weights in (None, w):
        assert area_under_curve(y, p, weights=weights)[0] == pytest.approx(
            roc_auc_score(y, p, sample_weight=weights), abs=1e-12
        )
        assert log_loss(y, p, weights=weights)[0] == pytest.approx(
            peer_log_loss(y, p, sample_weight=weights), abs=1e-12
        )
        assert brier_score(y, p, weights=weights)[0] == pytest.approx(
            brier_score_loss(y, p, sample_weight=weights), abs=1e-12
        )


def test_the_calibration_line_agrees_with_a_weighted_glm():
    from statsmodels.api import GLM, add_constant, families

    y, p = forecasts(800, 3)
    w = np.random.default_rng(4).integers(0, 4, 800).astype(float)
    peer = GLM(y, add_constant(logit(p)), family=families.Binomial(), freq_weights=w).fit()
    np.testing.assert_allclose(calibration_line(y, p, weights=w)[0], peer.params, atol=1e-7)


def test_weights_are_repetitions_for_every_measure():
    y, p = forecasts(300, 5, ties=True)
    w = np.random.default_rng(6).integers(1, 4, 300)
    reference = np.full(300, 0.3)
    twice = [np.repeat(values, w) for values in (y, p, reference)]
    weighted = forecast_measures(y, p, reference=reference, weights=w.astype(float))[0]
    repeated = forecast_measures(twice[0], twice[1], reference=twice[2])[0]
    # The bins of the calibration error are cut on unweighted rows by design, so it is left out.
    same = [place for place, name in enumerate(MEASURES) if name != "expected_calibration_error"]
    np.testing.assert_allclose(weighted[same], repeated[same], rtol=1e-9)


def test_many_rows_of_weights_give_what_single_rows_give():
    y, p = forecasts(200, 7, ties=True)
    w = np.random.default_rng(8).integers(0, 3, (6, 200)).astype(float)
    reference = np.full(200, 0.2)
    together = forecast_measures(y, p, reference=reference, weights=w)
    singly = np.vstack([forecast_measures(y, p, reference=reference, weights=row) for row in w])
    np.testing.assert_allclose(together, singly, rtol=1e-6)


def test_the_lift_of_ties_is_the_mean_over_all_their_orders():
    y, p = forecasts(400, 9, ties=True)
    rng = np.random.default_rng(10)
    lifts = []
    for _ in range(4000):
        order = np.lexsort((rng.random(400), -p))
        lifts.append(y[order[:40]].mean() / y.mean())
    assert top_share_lift(y, p)[0] == pytest.approx(np.mean(lifts), abs=4 * np.std(lifts) / 4000**0.5)


def test_auc_and_lift_do_not_change_under_a_rising_transformation():
    y, p = forecasts(300, 11)
    assert area_under_curve(y, logit(p))[0] == pytest.approx(area_under_curve(y, p)[0])
    assert top_share_lift(y, p**3)[0] == pytest.approx(top_share_lift(y, p)[0])
    assert area_under_curve(y, -p)[0] == pytest.approx(1.0 - area_under_curve(y, p)[0])


def test_the_slope_sees_overconfidence_that_auc_cannot_see():
    y, p = forecasts(40_000, 12)
    too_bold = expit(2.0 * logit(p))
    assert calibration_line(y, p)[0, 1] == pytest.approx(1.0, abs=0.05)
    assert calibration_line(y, too_bold)[0, 1] == pytest.approx(0.5, abs=0.03)
    assert area_under_curve(y, p)[0] == pytest.approx(area_under_curve(y, too_bold)[0])


def test_a_separated_sample_has_no_slope_and_constant_forecasts_have_none_either():
    y = np.array([0.0, 0.0, 1.0, 1.0])
    assert np.isnan(calibration_line(y, np.array([0.1, 0.2, 0.8, 0.9]))).all()
    assert np.isnan(calibration_line(y, np.full(4, 0.4))).all()
    assert np.isnan(area_under_curve(np.ones(4), np.arange(4.0))).all()


def test_a_forecast_of_zero_for_an_event_costs_much_but_not_infinitely():
    assert 30.0 < log_loss(np.array([1.0]), np.array([0.0]))[0] < 40.0


def test_bins_hold_equal_numbers_and_keep_ties_together():
    p = np.random.default_rng(13).random(1000)
    assert np.bincount(calibration_bins(p)).tolist() == [100] * 10
    tied = np.repeat([0.1, 0.5], [900, 100])
    bins = calibration_bins(tied)
    assert len(set(bins[:900])) == 1
    assert set(bins) == {0, 1}


def test_calibration_error_is_the_planted_gap_and_near_its_noise_level_without_one():
    y, p = forecasts(200_000, 14)
    noise = 0.8 * np.sqrt(10 * 0.2 / 200_000)
    assert expected_calibration_error(y, p)[0] < 2 * noise
    assert expected_calibration_error(y, np.clip(p + 0.05, 0, 1))[0] == pytest.approx(0.05, abs=0.004)


def test_the_gains_curve_starts_at_none_ends_at_all_and_agrees_with_the_lift():
    y, p = forecasts(500, 15, ties=True)
    rows, events = gains_curve(y, p)
    assert (rows[0], events[0], rows[-1], events[-1]) == (0.0, 0.0, 1.0, 1.0)
    assert (np.diff(events) >= 0).all()
    assert np.interp(0.1, rows, events) == pytest.approx(0.1 * top_share_lift(y, p)[0])


@pytest.mark.parametrize(
    ("y", "p", "weights", "word"),
    [
        ([0.0, 1.0], [0.5], None, "must be"),
        ([0.0, 2.0], [0.5, 0.5], None, "0 and 1"),
        ([0.0, 1.0], [0.5, 1.5], None, "0..1"),
        ([0.0, 1.0], [0.5, np.nan], None, "finite"),
        ([0.0, 1.0], [0.5, 0.5], [1.0], "weights"),
        ([0.0, 1.0], [0.5, 0.5], [1.0, -1.0], "weights"),
        ([], [], None, "n >= 1"),
    ],
)
def test_broken_input_is_refused_in_words(y, p, weights, word):
    with pytest.raises(ValueError, match=word):
        log_loss(np.array(y), np.array(p), weights=None if weights is None else np.array(weights))


def test_the_bootstrap_draws_whole_clusters_and_every_draw_has_as_many():
    clusters = np.array(["a", "a", "b", "c", "c", "c"])
    draws = np.vstack(list(cluster_weights(clusters, replicates=300, rng=np.random.default_rng(0))))
    assert (draws[:, 0] == draws[:, 1]).all()
    assert (draws[:, 3] == draws[:, 5]).all()
    assert (draws[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert draws.mean(axis=0) == pytest.approx(np.ones(6), abs=0.2)


def test_copying_every_customer_four_times_leaves_the_standard_error_alone():
    y, p = forecasts(300, 16)
    ids, copies = np.arange(300), np.tile(np.arange(300), 4)
    settings = {"replicates": 100, "rng": np.random.default_rng(1)}
    once = bootstrap_measures(y, p, reference=np.full(300, 0.3), clusters=ids, **settings)
    settings["rng"] = np.random.default_rng(1)
    copied = [values[copies] for values in (y, p, np.full(300, 0.3))]
    many = bootstrap_measures(copied[0], copied[1], reference=copied[2], clusters=ids[copies], **settings)
    np.testing.assert_allclose(once[:, 2], many[:, 2], rtol=1e-9)
    naive = bootstrap_measures(
        copied[0],
        copied[1],
        reference=copied[2],
        clusters=np.arange(1200),
        replicates=100,
        rng=np.random.default_rng(1),
    )
    assert naive[:, 2].std() < 0.65 * once[:, 2].std()


def test_intervals_stay_inside_the_range_of_their_measure():
    draws = np.random.default_rng(2).normal(0.99, 0.02, 400)
    _, low, high, _ = measure_interval("auc", 0.99, draws, confidence=0.95)
    assert 0.5 < low < 0.99 < high < 1.0
    _, low, high, _ = measure_interval("expected_calibration_error", 0.01, draws / 50, confidence=0.95)
    assert 0.0 <= low <= 0.01 <= high
    assert all(np.isnan(measure_interval("auc", np.nan, draws, confidence=0.95)))


def covered(runs, customers, rows_each):
    """How often the intervals hold the truth; outcomes of one customer share an effect no one sees."""
    rng = np.random.default_rng(17)

    def sample(count):
        x = np.repeat(rng.normal(size=count), rows_each)
        hidden = np.repeat(rng.normal(size=count), rows_each)
        y = (rng.random(count * rows_each) < expit(-1.0 + x + 1.5 * hidden)).astype(float)
        return y, expit(-0.8 + 0.75 * x), np.repeat(np.arange(count), rows_each)

    y, p, _ = sample(400_000)
    truth = forecast_measures(y, p, reference=np.full(len(y), 0.3))[0]
    inside = np.zeros(len(MEASURES))
    for _ in range(runs):
        y, p, ids = sample(customers)
        reference = np.full(len(y), 0.3)
        estimates = forecast_measures(y, p, reference=reference)[0]
        draws = bootstrap_measures(y, p, reference=reference, clusters=ids, replicates=100, rng=rng)
        for place, name in enumerate(MEASURES):
            _, low, high, _ = measure_interval(name, estimates[place], draws[:, place], confidence=0.95)
            inside[place] += low <= truth[place] <= high
    return dict(zip(MEASURES, inside / runs, strict=True))


SMOOTH = [name for name in MEASURES if name != "expected_calibration_error"]


def test_customer_intervals_of_every_smooth_measure_hold_the_truth_in_short_runs(record_figure):
    coverage = covered(150, 300, 3)
    for name in SMOOTH:
        record_figure(f"coverage, {name}", coverage[name], runs=150, bound="0.88 to 0.995")
    # 95 % of 150 runs has a standard error of 1.8 points; ten measures are looked at.
    assert all(0.88 <= coverage[name] <= 0.995 for name in SMOOTH), coverage


@pytest.mark.statistics
def test_customer_intervals_of_every_smooth_measure_hold_the_truth_in_long_runs(record_figure):
    coverage = covered(1000, 300, 3)
    for name, share in coverage.items():
        bound = "0.92 to 0.975" if name in SMOOTH else "none: no claim rests on it"
        record_figure(f"300 customers x 3 rows: coverage, {name}", share, runs=1000, bound=bound)
    assert all(0.92 <= coverage[name] <= 0.975 for name in SMOOTH), coverage
