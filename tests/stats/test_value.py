"""Value models on arrays: published estimates, brute force, known truth."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import beta, gamma, rankdata

from cxlab.stats.one_step import one_step_replicates
from cxlab.stats.purchases import (
    PurchaseFit,
    chance_alive,
    collapse_purchases,
    expected_purchases,
    fit_purchases,
    row_scores,
)
from cxlab.stats.shifted_beta_geometric import (
    beta_geometric_life,
    beta_geometric_survival,
    fit_beta_geometric,
)
from cxlab.stats.spend import SpendFit, expected_spend, fit_spend
from cxlab.stats.wallet import wallet_shares

CDNOW = Path(__file__).resolve().parents[2] / "../shared/data/cdnow/cdnow_customers_summary.csv"
# Fader and Hardie (2007), table 1: percent still there after 0..12 renewals, of 1,000 customers each.
HIGH_END = (100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4)
REGULAR = (100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3)


def cdnow():
    if not CDNOW.exists():
        pytest.skip("CDNOW is not beside the project (../shared/data/cdnow)")
    table = pd.read_csv(CDNOW)
    return tuple(table[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))


def cdnow_spend():
    file = CDNOW.with_name("cdnow_customers_summary_with_transactions.csv")
    if not file.exists():
        pytest.skip("CDNOW with money is not beside the project (lifetimes' file of that name)")
    table = pd.read_csv(file).query("x > 0")
    return table["x"].to_numpy(dtype=float), table["zbar"].to_numpy(dtype=float)


def buyers(n, *, seed, r=0.243, alpha=4.414, a=0.793, b=2.426):
    """Histories of n customers of the BG/NBD world, seen for 27 to 39 weeks."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n)
    age = 27.0 + rng.integers(0, 85, n) / 7
    x, last, now = np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.ones(n, dtype=bool)
    while active.any():
        now[active] += rng.exponential(1 / np.maximum(rate[active], 1e-12))
        bought = active & (now < age)
        x[bought] += 1
        last[bought] = now[bought]
        active = bought & (rng.random(n) >= leave)
    return x, np.minimum(np.ceil(last * 7) / 7, age) * (x > 0), age


def test_cdnow_gives_the_published_estimates():
    fit = fit_purchases(collapse_purchases(*cdnow()))
    assert (round(fit.r, 3), round(fit.alpha, 3), round(fit.a, 3), round(fit.b, 3)) == (
        0.243,
        4.414,
        0.793,
        2.426,
    )
    assert fit.log_likelihood == pytest.approx(-9582.4, abs=0.05)
    past = np.array([2.0]), np.array([30.43]), np.array([38.86])
    assert expected_purchases(fit, 39.0, *past)[0] == pytest.approx(1.226, abs=5e-4)


@pytest.mark.parametrize(
    ("percent", "alpha", "beta", "error"), [(HIGH_END, 0.668, 3.806, 0.03), (REGULAR, 0.704, 1.182, 0.016)]
)
def test_the_two_published_cohorts_give_the_published_estimates(percent, alpha, beta, error):
    survivors = 10.0 * np.array(percent)
    fit = fit_beta_geometric(-np.diff(survivors[:8]), survivors[7])
    assert (round(fit.alpha, 3), round(fit.beta, 3)) == (alpha, beta)
    projected = 1000 * beta_geometric_survival(fit.alpha, fit.beta, 12)[8:]
    assert np.mean(np.abs(projected / survivors[8:] - 1)) < error, "years 8 to 12, not used in the fit"


def test_spend_of_cdnow_gives_the_published_estimates():
    """Fader and Hardie, the Gamma-Gamma model of monetary value: 946 repeat customers."""
    x, m = cdnow_spend()
    assert len(x) == 946
    fit = fit_spend(x, m)
    assert (f"{fit.p:.3g}", f"{fit.q:.3g}", f"{fit.v:.3g}") == ("6.25", "3.74", "15.4")


def test_spend_expected_of_cdnow_customers_is_as_published():
    """lifetimes 0.11 documents these five for p, q, v = 6.25, 3.74, 15.44 (Fader and Hardie's CDNOW)."""
    fit = SpendFit(p=6.25, q=3.74, v=15.44, log_likelihood=0.0, theta=np.zeros(3))
    x, m = np.array([2.0, 1.0, 0.0, 7.0, 2.0]), np.array([22.35, 11.77, 0.0, 73.74, 25.55])
    found = expected_spend(fit, x, m)
    np.testing.assert_allclose(found, [24.66, 18.91, 35.17, 71.46, 27.28], atol=0.06)


def test_the_likelihood_of_a_history_is_the_mixture_over_rates_and_chances_to_leave():
    r, alpha, a, b = 1.3, 2.0, 1.4, 2.2
    rows = collapse_purchases(np.array([2.0]), np.array([3.0]), np.array([5.0]))
    found = row_scores(np.log([r, alpha, a, b]), rows, 1.0)[0][0]
    node, weight = np.polynomial.legendre.leggauss(200)
    rate, p = 15 * (node[:, None] + 1), (node[None, :] + 1) / 2
    alive = (1 - p) ** 2 * rate**2 * np.exp(-rate * 5)
    gone = p * (1 - p) * rate**2 * np.exp(-rate * 3)
    density = gamma.pdf(rate, r, scale=1 / alpha) * beta.pdf(p, a, b)
    mixed = 15 * 0.5 * weight @ (density * (alive + gone)) @ weight
    assert np.exp(found) == pytest.approx(mixed, rel=1e-4)


def test_known_truth_comes_back_and_the_forecast_holds():
    x, last, age = buyers(60_000, seed=1)
    fit = fit_purchases(collapse_purchases(x, last, age))
    np.testing.assert_allclose([fit.r, fit.alpha, fit.a, fit.b], [0.243, 4.414, 0.793, 2.426], rtol=0.08)
    alive = chance_alive(fit, x, last, age)
    assert (alive[x == 0] == 1).all()
    assert 0 < alive.min() < 0.1


def test_the_forecast_is_smooth_where_a_passes_one():
    past = np.array([3.0]), np.array([20.0]), np.array([30.0])

    def at(a):
        fit = PurchaseFit(r=0.8, alpha=5.0, a=a, b=2.0, log_likelihood=0.0, theta=np.zeros(4), scale=1.0)
        return expected_purchases(fit, 10.0, *past)[0]

    assert at(1.0) == pytest.approx((at(0.999) + at(1.001)) / 2, rel=1e-4)


def test_without_repeats_or_without_spread_there_is_no_fit():
    with pytest.raises(ValueError, match="second time"):
        fit_purchases(collapse_purchases(np.zeros(9), np.zeros(9), np.full(9, 5.0)))
    with pytest.raises(ValueError, match="alike"):
        fit_beta_geometric(np.array([200.0, 160.0, 128.0, 102.4, 81.92]), 327.68)


def test_collapsing_changes_nothing():
    x, last, age = buyers(3_000, seed=2)
    rows = collapse_purchases(x, last, age)
    assert len(rows.weight) < 3_000
    np.testing.assert_array_equal(rows.frequency[rows.member], x)
    np.testing.assert_array_equal(rows.recency[rows.member], last)
    assert rows.weight.sum() == 3_000


def spend_world(n, *, seed):
    rng = np.random.default_rng(seed)
    x = rng.geometric(0.4, n).astype(float)
    level = 15.44 / rng.gamma(3.74, 1.0, n)
    return x, rng.gamma(6.25 * x, 1.0) * level / x


def test_spend_comes_back():
    x, m = spend_world(40_000, seed=3)
    fit = fit_spend(x, m)
    np.testing.assert_allclose([fit.p, fit.q, fit.v], [6.25, 3.74, 15.44], rtol=0.1)


def coverage(runs, n):
    """Share of runs in which the 95 % limits of the log parameters hold the truth, (4,) and (3,)."""
    truth = np.log([0.243, 4.414, 0.793, 2.426]), np.log([6.25, 3.74, 15.44])
    hit = []
    for seed in range(runs):
        rng = np.random.default_rng([seed, 1])
        rows = collapse_purchases(*buyers(n, seed=seed))
        fit = fit_purchases(rows)
        draws = one_step_replicates(
            lambda t, rows=rows, fit=fit: row_scores(t, rows, fit.scale)[1],
            fit.theta,
            rows.weight,
            replicates=200,
            rng=rng,
        )
        shift = np.array([0.0, np.log(fit.scale), 0.0, 0.0])
        hit.append(np.abs(fit.theta + shift - truth[0]) < 1.96 * draws.std(axis=0))
    return np.mean(hit, axis=0)


def test_intervals_of_repeat_buying_in_a_short_run(record_figure):
    found = coverage(20, 4_000)
    record_figure(
        "coverage of BG/NBD parameters, n = 4,000, lowest of four", found.min(), runs=20, bound=">= 0.75"
    )
    assert (found >= 0.75).all(), found


@pytest.mark.statistics
def test_intervals_of_repeat_buying_hold(record_figure):
    found = coverage(300, 4_000)
    for name, share in zip(("r", "alpha", "a", "b"), found, strict=True):
        record_figure(f"coverage of BG/NBD {name}, n = 4,000", share, runs=300, bound="0.91 to 0.98")
    assert ((found >= 0.91) & (found <= 0.98)).all(), found


def test_remaining_payments_are_the_discounted_curve():
    alpha, beta = 0.7, 1.2
    survival = beta_geometric_survival(alpha, beta, 40)
    by_hand = sum(survival[3 + j] / survival[3] * 1.1 ** -(j - 1) for j in range(1, 31))
    assert beta_geometric_life(alpha, beta, renewed=3, horizon=30, discount=0.1) == pytest.approx(by_hand)


def test_wallet_shares_sum_to_one_and_follow_the_rule():
    rng = np.random.default_rng(4)
    scores = rng.integers(1, 6, (500, 5)).astype(float)
    scores[rng.random(scores.shape) < 0.4] = np.nan
    scores[:, 0] = rng.integers(1, 6, 500)
    shares = wallet_shares(scores)
    np.testing.assert_allclose(np.nansum(shares, axis=1), 1.0)
    for row, share in zip(scores[:50], shares[:50], strict=True):
        used = np.isfinite(row)
        n = used.sum()
        np.testing.assert_allclose(share[used], (1 - rankdata(-row[used]) / (n + 1)) * 2 / n)
    np.testing.assert_allclose(wallet_shares(np.array([[7.0]])), [[1.0]])
    np.testing.assert_allclose(wallet_shares(np.array([[9.0, 8.0, 7.0]])), [[0.5, 1 / 3, 1 / 6]])
