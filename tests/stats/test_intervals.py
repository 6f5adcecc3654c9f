"""Intervals for means and shares against independent formulas, draws and their promised coverage."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import pytest
from scipy import stats

from cxlab.stats.intervals import (
    Interval,
    clustered_mean,
    dirichlet_mean,
    effective_rows_for,
    net_share,
    student_interval,
    wilson,
)

POINTS = np.arange(1.0, 11.0)
# Left-skewed ratings as satisfaction surveys give them: mean 8.2, many tens.
RATINGS = np.array([0.02, 0.01, 0.02, 0.02, 0.05, 0.05, 0.10, 0.18, 0.22, 0.33])


def test_wilson_equals_statsmodels() -> None:
    from statsmodels.stats.proportion import proportion_confint

    for inside, rows in ((0, 7), (3, 10), (40, 41), (250, 1000)):
        found = wilson(inside / rows, rows, confidence=0.9)
        expected = proportion_confint(inside, rows, alpha=0.1, method="wilson")
        assert (found.conf_low, found.conf_high) == pytest.approx(expected, abs=1e-12)


def test_student_interval_equals_scipy() -> None:
    values = np.array([7.0, 9.0, 10.0, 4.0, 8.0])
    spread = clustered_mean(values, np.arange(5))
    found = student_interval(spread.mean, spread.std_error, degrees_of_freedom=4, confidence=0.95)
    expected = stats.ttest_1samp(values, 0).confidence_interval(0.95)
    assert (found.conf_low, found.conf_high) == pytest.approx((expected.low, expected.high), abs=1e-12)


def test_the_standard_error_by_cluster_equals_statsmodels() -> None:
    import statsmodels.api as sm

    rng = np.random.default_rng(1)
    clusters = np.sort(rng.integers(0, 12, 200))
    values = rng.normal(size=200) + rng.normal(size=12)[clusters]
    fitted = sm.OLS(values, np.ones(200)).fit(
        cov_type="cluster", cov_kwds={"groups": clusters, "use_correction": False}
    )
    found = clustered_mean(values, clusters)
    assert found.std_error == pytest.approx(float(fitted.bse[0]) * np.sqrt(12 / 11), rel=1e-10)
    assert found.degrees_of_freedom == 11
    assert found.effective_rows < 150


def test_clusters_that_do_not_matter_leave_all_rows_effective() -> None:
    values = np.tile([6.0, 10.0], 20)
    assert clustered_mean(values, np.repeat(np.arange(20), 2)).effective_rows == 40.0
    with pytest.raises(ValueError, match="needs two or more, got 1"):
        clustered_mean(values, np.zeros(40, dtype=int))


def test_the_net_share_is_that_of_agresti_and_min() -> None:
    found = net_share(0.5, 0.2, 30, confidence=0.95)
    plus, minus, rows = 15.75 / 33, 6.75 / 33, 33
    reach = stats.norm.ppf(0.975) * np.sqrt((plus + minus - (plus - minus) ** 2) / rows)
    assert (found.conf_low, found.conf_high) == pytest.approx((plus - minus - reach, plus - minus + reach))
    assert found.estimate == pytest.approx(0.3)


@pytest.mark.parametrize(("plus", "minus"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0), (0.5, 0.5)])
@pytest.mark.parametrize("rows", [1, 5, 500])
def test_net_shares_stay_inside_their_bounds_and_hold_the_estimate(
    plus: float, minus: float, rows: int
) -> None:
    found = net_share(plus, minus, rows, confidence=0.95)
    assert -1.0 <= found.conf_low <= found.estimate <= found.conf_high <= 1.0
    assert found.conf_low < found.conf_high


@pytest.mark.parametrize(
    "counts",
    [[0, 0, 0, 0, 0, 0, 1, 2, 4, 3], [1, 0, 0, 0, 0, 1, 0, 0, 0, 0], [0] * 9 + [49], [3.5] * 10],
)
def test_dirichlet_limits_equal_the_quantiles_of_draws(counts: list[float]) -> None:
    array = np.array(counts, dtype=float)
    found = dirichlet_mean(array, POINTS, confidence=0.9)
    draws = np.random.default_rng(2).dirichlet(array + 0.1, size=200_000) @ POINTS
    inside = np.mean((draws > found.conf_low) & (draws < min(found.conf_high, 10.0 - 1e-12)))
    low, high = np.quantile(draws, [0.05, 0.95])
    assert found.conf_low == pytest.approx(low, abs=0.02)
    assert found.conf_high == pytest.approx(max(high, found.estimate), abs=0.02)
    assert inside >= 0.895
    assert found.std_error == pytest.approx(draws.std(), rel=0.02)


def test_the_dirichlet_of_a_two_point_scale_is_a_beta() -> None:
    for below, above in ((3.0, 7.0), (0.0, 5.0), (30.0, 19.0)):
        found = dirichlet_mean(np.array([below, above]), np.array([0.0, 1.0]), confidence=0.9)
        low, high = stats.beta.ppf([0.05, 0.95], above + 0.5, below + 0.5).tolist()
        assert found.conf_low == pytest.approx(low, abs=1e-5)
        assert found.conf_high == pytest.approx(max(high, found.estimate), abs=1e-5)


def test_dirichlet_limits_move_with_the_scale() -> None:
    counts = np.array([1, 0, 2, 5, 4.0])
    found = dirichlet_mean(counts, np.arange(1.0, 6.0), confidence=0.95)
    moved = dirichlet_mean(counts, 10 * np.arange(1.0, 6.0) - 7, confidence=0.95)
    for name in ("estimate", "conf_low", "conf_high"):
        assert getattr(moved, name) == pytest.approx(10 * getattr(found, name) - 7, abs=1e-5)
    assert moved.std_error == pytest.approx(10 * found.std_error)


def test_unanimous_answers_keep_the_end_of_the_scale_inside() -> None:
    found = dirichlet_mean(np.array([0.0] * 9 + [20.0]), POINTS, confidence=0.95)
    assert found.estimate == found.conf_high == 10.0
    assert 8.5 < found.conf_low < 9.9
    with pytest.raises(ValueError, match="at least one answer"):
        dirichlet_mean(np.zeros(10), POINTS, confidence=0.95)


def test_effective_rows_turn_a_normal_reach_into_a_student_one() -> None:
    rows = effective_rows_for(0.95, rows=400.0, degrees_of_freedom=9)
    share = wilson(0.5, rows, confidence=0.95)
    reach = (share.conf_high - share.conf_low) / 2
    assert reach == pytest.approx(stats.t.ppf(0.975, 9) * np.sqrt(0.25 / 400), rel=0.02)


def _coverage(covers: np.ndarray, probabilities: np.ndarray) -> float:
    return float(np.sum(covers * probabilities))


@pytest.mark.parametrize("rows", [5, 10, 30, 100])
def test_exact_coverage_of_shares_and_net_shares_is_near_nominal(rows: int) -> None:
    """Averaged over all outcomes with their probabilities, and over true shares: no simulation error."""
    shares, net = [], []
    for truth in np.linspace(0.15, 0.85, 29):
        inside = np.arange(rows + 1)
        limits = [wilson(count / rows, rows, confidence=0.95) for count in inside]
        covers = np.array([found.conf_low <= truth <= found.conf_high for found in limits])
        shares.append(_coverage(covers, stats.binom.pmf(inside, rows, truth)))
    assert 0.935 <= np.mean(shares) <= 0.965
    if rows <= 30:
        for truth in ((0.5, 0.15), (0.35, 0.3), (0.6, 0.05)):
            outcomes = [(a, b) for a, b in product(range(rows + 1), repeat=2) if a + b <= rows]
            limits = [net_share(a / rows, b / rows, rows, confidence=0.95) for a, b in outcomes]
            aim = truth[0] - truth[1]
            covers = np.array([found.conf_low <= aim <= found.conf_high for found in limits])
            table = np.array([(a, b, rows - a - b) for a, b in outcomes])
            chance = stats.multinomial.pmf(table, rows, [*truth, 1 - sum(truth)])
            net.append(_coverage(covers, chance))
        assert 0.925 <= np.mean(net) <= 0.97


@pytest.mark.parametrize(("rows", "student_falls_short"), [(5, True), (10, True), (30, False)])
def test_dirichlet_means_of_skewed_ratings_cover_where_student_falls_short(
    rows: int, student_falls_short: bool, record_figure: Callable[..., None]
) -> None:
    coverage = _mean_coverage(rows, runs=400, seed=3)
    record_figure(
        f"mean of {rows} skewed ratings: coverage", coverage["dirichlet"], runs=400, bound="0.91 to 0.98"
    )
    assert 0.91 <= coverage["dirichlet"] <= 0.98, coverage
    if student_falls_short:
        assert coverage["student"] < coverage["dirichlet"] - 0.02, coverage


@pytest.mark.statistics
@pytest.mark.parametrize("rows", [5, 10, 30, 100])
def test_means_of_skewed_ratings_cover_at_every_size(rows: int, record_figure: Callable[..., None]) -> None:
    runs = 2_000
    coverage = _mean_coverage(rows, runs=runs, seed=rows)
    bound = "0.91 to 0.965" if rows < 10 else "0.93 to 0.965"
    what = f"mean of {rows} skewed ratings: coverage"
    record_figure(f"{what}, Dirichlet", coverage["dirichlet"], runs=runs, bound=bound)
    record_figure(f"{what}, Student's t", coverage["student"], runs=runs, bound="none")
    assert (0.91 if rows < 10 else 0.93) <= coverage["dirichlet"] <= 0.965


def _mean_coverage(rows: int, *, runs: int, seed: int) -> dict[str, float]:
    """Coverage of the mean of skewed ratings (mean 8.2) by the Dirichlet and by Student's interval."""
    rng, truth = np.random.default_rng(seed), float(RATINGS @ POINTS)
    hits = {"dirichlet": 0, "student": 0}
    for _ in range(runs):
        values = rng.choice(POINTS, size=rows, p=RATINGS)
        counts = (values[:, None] == POINTS).sum(axis=0).astype(float)
        spread = clustered_mean(values, np.arange(rows))
        for name, found in (
            ("dirichlet", dirichlet_mean(counts, POINTS, confidence=0.95)),
            ("student", _student(spread.mean, spread.std_error, rows)),
        ):
            hits[name] += found.conf_low <= truth <= found.conf_high
    return {name: count / runs for name, count in hits.items()}


def _student(mean: float, std_error: float, rows: int) -> Interval:
    return student_interval(mean, std_error, degrees_of_freedom=rows - 1, confidence=0.95)
