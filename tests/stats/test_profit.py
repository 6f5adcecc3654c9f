"""Profit of a contact and expected maximum profit: empulse's values, Monte Carlo, properties."""

import json
from pathlib import Path

import numpy as np
import pytest

from cxlab.stats.profit import (
    ContactTerms,
    contact_profit,
    contact_threshold,
    expected_maximum_profit,
    profit_curve,
)

GOLDEN = json.loads((Path(__file__).parents[1] / "golden" / "maximum_profit.json").read_text())
MONEY = {"value": 200.0, "offer_cost": 10.0, "contact_cost": 1.0}


def sample(n=500, seed=0, digits=2):
    rng = np.random.default_rng(seed)
    p = 1 / (1 + np.exp(1.2 - 1.3 * rng.normal(size=n)))
    return (rng.random(n) < p).astype(float), p.round(digits)


@pytest.mark.parametrize("case", GOLDEN["cases"], ids=lambda case: case["name"])
def test_expected_maximum_profit_equals_empulse(case, record_figure):
    profit, share = expected_maximum_profit(
        np.array(case["observed"], dtype=float),
        np.array(case["score"]),
        value=case["clv"],
        offer_cost=case["incentive_cost"],
        contact_cost=case["contact_cost"],
        save_shape=(case["alpha"], case["beta"]),
    )[0]
    off = abs(profit - case["emp"])
    record_figure(f"EMP less empulse 0.13.1, {case['name']}", off, runs=1, bound="<= 1e-12")
    assert off <= 1e-12
    assert abs(share - case["contacted_share"]) <= 1e-12


def test_expected_maximum_profit_is_the_mean_over_save_shares_of_the_best_cut():
    y, s = sample()
    closed = expected_maximum_profit(y, s, **MONEY, loyal_take_share=0.6)[0, 0]
    rng = np.random.default_rng(1)
    order = np.argsort(-s, kind="stable")
    last = np.flatnonzero(np.append(np.diff(s[order]) != 0, True))
    left, stayed = np.cumsum(y[order])[last], np.cumsum(1 - y[order])[last]
    gamma = rng.beta(6.0, 14.0, 40_000)[:, None]
    profit = (gamma * 190.0 - 1.0) * left - (0.6 * 10.0 + 1.0) * stayed
    best = np.maximum(profit.max(1), 0.0) / len(y)
    assert abs(best.mean() - closed) < 4 * best.std() / np.sqrt(len(best))


def test_expected_maximum_profit_sees_ranks_only():
    y, p = sample(digits=6)
    same = expected_maximum_profit(y, p, **MONEY)
    extreme = p**3 / (p**3 + (1 - p) ** 3)
    np.testing.assert_allclose(expected_maximum_profit(y, extreme, **MONEY), same, atol=1e-12)
    np.testing.assert_allclose(expected_maximum_profit(y, 100 * p - 7, **MONEY), same, atol=1e-12)


def test_weights_count_rows_and_a_useless_score_earns_the_prior():
    y, s = sample(200)
    counts = np.random.default_rng(2).integers(0, 4, size=(3, 200)).astype(float)
    found = expected_maximum_profit(y, s, **MONEY, weights=counts)
    for row, weights in zip(found, counts.astype(int), strict=True):
        repeated = expected_maximum_profit(np.repeat(y, weights), np.repeat(s, weights), **MONEY)[0]
        np.testing.assert_allclose(row, repeated, atol=1e-12)
    nothing = expected_maximum_profit(y, np.zeros(200), **MONEY)[0]
    assert nothing[0] > 5.0
    assert expected_maximum_profit(y, s, **MONEY)[0, 0] > nothing[0]
    with pytest.raises(ValueError, match="value must exceed"):
        expected_maximum_profit(y, s, value=10.0, offer_cost=10.0, contact_cost=1.0)


def test_profit_is_zero_at_the_threshold_and_above_it_beyond():
    terms = ContactTerms(save_share=0.25, offer_cost=15.0, contact_cost=3.0, loyal_take_share=0.7)
    value = np.array([100.0, 500.0, 2_000.0])
    cut = contact_threshold(value, terms)
    np.testing.assert_allclose(contact_profit(cut, value, terms), 0.0, atol=1e-12)
    assert (contact_profit(cut + 0.01, value, terms) > 0).all()
    # A customer worth less than the offer: no probability pays, and the threshold says so.
    poor = np.array([1.0])
    assert contact_threshold(poor, terms)[0] > 1.0
    assert contact_profit(np.ones(1), poor, terms)[0] < 0


def test_the_profit_curve_is_the_running_sum_and_ties_are_averaged():
    rng = np.random.default_rng(3)
    profit, order = rng.normal(size=60), rng.random(60)
    curve = profit_curve(profit, order, shares=np.arange(61) / 60)[0]
    np.testing.assert_allclose(curve[1:], np.cumsum(profit[np.argsort(-order)]) / 60, atol=1e-12)
    tied = profit_curve(profit, np.zeros(60), shares=np.array([0.25, 1.0]))[0]
    np.testing.assert_allclose(tied, [profit.mean() / 4, profit.mean()], atol=1e-12)
