"""Value models on tables: known truth, published figures, what is refused, what is said."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from hazard_world import make_spells, true_within

from cxlab.core.answer import Unanswered, ask
from cxlab.core.errors import FitError, LinkError, NotAnswerableError, ParameterError
from cxlab.linking.purchases import purchases
from cxlab.models.churn.hazard import HazardModel
from cxlab.models.churn.lifetime_value import LifetimeValueModel
from cxlab.models.churn.purchase_model import PurchaseModel
from cxlab.models.churn.retention import RetentionModel
from cxlab.models.churn.wallet import WalletModel

HAZARD = HazardModel(features=("price", "use", "plan"), folds=0, life_periods=12)
VALUE = LifetimeValueModel(
    hazard=HAZARD, value_column="pays", margin_share=0.4, discount_per_year=0.08, by=("plan",)
)


def paying(n, *, seed):
    table, _ = make_spells(n, seed=seed, late=True, causes=("voluntary",))
    rng = np.random.default_rng([seed, 2])
    return table.assign(
        pays=np.where(table["plan"] == "basic", 600.0, 1200.0) * rng.uniform(0.8, 1.2, len(table))
    )


def true_value(table):
    here = table[table["left"] == 0]
    before = true_within(
        here[["price", "use"]].to_numpy(),
        (here["plan"] == "basic").to_numpy(),
        here["time_periods"].to_numpy(),
        12,
        ("voluntary",),
    )[1]
    life = before @ (1 + VALUE.discount_per_period) ** -np.arange(12.0)
    return pd.Series(0.4 * here["pays"].to_numpy() / 12 * life, index=here.index)


def test_the_value_of_those_still_here_is_the_truth_and_adds_up(record_figure):
    table = paying(20_000, seed=21)
    result = VALUE.fit(table)
    rows = result.table().set_index(["term", "segment"])
    truth = true_value(table)
    found = rows.loc[("value_per_customer", "all")]
    off = (found["estimate"] - truth.mean()) / found["std_error"]
    record_figure("value per customer: error in standard errors", off, runs=1, bound="within 2.5")
    assert abs(off) < 2.5
    each = result.customers()["value"]
    assert each.index.equals(truth.index)
    assert each.sum() == pytest.approx(rows.loc[("value_total", "all"), "estimate"])
    totals = [rows.loc[("value_total", f"plan: {plan}"), "estimate"] for plan in ("basic", "plus")]
    assert sum(totals) == pytest.approx(each.sum())
    assert np.corrcoef(each, truth)[0, 1] > 0.99
    assert result.provenance.n_set_aside == {
        "has left, or an earlier row of the customer": int((table["left"] == 1).sum())
    }
    assert "does not say what a measure would add" in result.summary()


def test_the_tail_is_added_only_on_request_and_its_share_is_said():
    table = paying(4_000, seed=22)
    short = VALUE.fit(table).table().set_index(["term", "segment"])["estimate"]
    long = dataclasses.replace(VALUE, tail=True).fit(table)
    rows = long.table().set_index(["term", "segment"])["estimate"]
    share = rows[("tail_share", "all")]
    assert short[("tail_share", "all")] == 0.0
    assert rows[("value_total", "all")] * (1 - share) == pytest.approx(short[("value_total", "all")])
    assert "beyond, at a constant hazard" in long.summary()


@pytest.mark.statistics
def test_the_intervals_of_value_hold(record_figure):
    hit = []
    for seed in range(300, 500):
        table = paying(1_500, seed=seed)
        row = VALUE.fit(table).table().set_index(["term", "segment"]).loc[("value_per_customer", "all")]
        hit.append(row["conf_low"] <= true_value(table).mean() <= row["conf_high"])
    record_figure(
        "coverage of value per customer, n = 1,500", np.mean(hit), runs=200, bound="0.92 to 0.985"
    )
    assert 0.92 <= np.mean(hit) <= 0.985


def test_values_that_are_missing_are_set_aside_and_a_missing_column_is_said():
    table = paying(2_000, seed=23)
    here = table.index[table["left"] == 0][:7]
    result = VALUE.fit(table.assign(pays=table["pays"].mask(table.index.isin(here))))
    assert result.provenance.n_set_aside["value missing"] == 7
    with pytest.raises(NotAnswerableError, match="no column pays"):
        VALUE.fit(table.drop(columns="pays"))
    with pytest.raises(FitError, match="no column region"):
        dataclasses.replace(VALUE, by=("region",)).fit(table)
    with pytest.raises(ParameterError, match="periods_per_year"):
        LifetimeValueModel(periods_per_year=0.0)


def test_two_cohorts_are_fitted_projected_and_compared():
    high = (1000, 869, 743, 653, 593, 551, 517, 491)
    regular = (1000, 631, 468, 382, 326, 289, 262, 241)
    table = pd.DataFrame(
        {
            "cohort": ["High End"] * 8 + ["Regular"] * 8,
            "period": [*range(8), *range(8)],
            "survivors": [*high, *regular],
        }
    )
    result = RetentionModel(by="cohort").fit(table)
    rows = result.table().set_index(["segment", "term"])
    assert rows.loc[("High End", "alpha"), "estimate"] == pytest.approx(0.668, abs=5e-4)
    assert rows.loc[("Regular", "beta"), "estimate"] == pytest.approx(1.182, abs=5e-4)
    low, high_ = rows.loc[("Regular", "lost_at_first_renewal"), ["conf_low", "conf_high"]]
    assert low < 0.369 < high_
    old, new = "remaining_payments_renewed", "remaining_payments_new"
    assert rows.loc[("Regular", old), "estimate"] > 1.5 * rows.loc[("Regular", new), "estimate"]
    curves = result.curves()
    seen_later = {"High End": 0.394, "Regular": 0.173}
    for segment, share in seen_later.items():
        last = curves[(curves["segment"] == segment) & (curves["period"] == 12)].iloc[0]
        assert last["estimate"] == pytest.approx(share, abs=0.02)
        assert np.isnan(last["observed"])
    assert result.plot().get_xlabel() == "renewals since joining"


@pytest.mark.parametrize("runs", [15, pytest.param(200, marks=pytest.mark.statistics)])
def test_intervals_of_a_cohort_hold(runs, record_figure):
    hit = []
    for seed in range(runs):
        rng = np.random.default_rng(seed)
        leave = rng.beta(0.7, 1.2, 800)
        gone = rng.geometric(leave)
        counts = [(gone > t).sum() for t in range(8)]
        table = pd.DataFrame({"period": range(8), "survivors": counts})
        rows = RetentionModel(replicates=200).fit(table).table().set_index("term")
        first = rows.loc["lost_at_first_renewal"]
        hit.append(first["conf_low"] <= 0.7 / 1.9 <= first["conf_high"])
    record_figure("coverage of the loss at the first renewal", np.mean(hit), runs=runs, bound="0.86 to 1")
    assert 0.86 <= np.mean(hit) <= 1.0


def test_cohorts_with_gaps_or_rising_counts_are_refused_all_at_once():
    table = pd.DataFrame(
        {"c": list("aaabbb"), "period": [0, 1, 3, 0, 1, 2], "survivors": [10, 9, 8, 10, 11, 9]}
    )
    with pytest.raises(FitError, match=r"a: periods.*b: survivors"):
        RetentionModel(by="c").fit(table)
    flat = pd.DataFrame({"period": range(5), "survivors": [10000, 8000, 6400, 5120, 4096]})
    result = RetentionModel().fit(flat)
    assert result.table()["estimate"].isna().all()
    assert "look alike" in result.summary()


def log(customers=1_500, *, seed=31):
    """A log of purchases with a spend of its own for each customer."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.8, 0.12, customers)
    level = 15.0 / rng.gamma(3.7, 1.0, customers)
    gaps = rng.exponential(7 / np.maximum(rate, 1e-6)[:, None], (customers, 60))
    stays = rng.geometric(rng.beta(0.8, 3.0, customers))
    days = rng.integers(0, 80, customers)[:, None] + np.cumsum(gaps, axis=1) - gaps[:, [0]]
    made = (np.arange(60) <= stays[:, None]) & (days < 400)
    customer, _ = np.nonzero(made)
    return pd.DataFrame(
        {
            "customer_id": [f"C{one}" for one in customer],
            "occurred_at": pd.Timestamp("2024-01-01") + pd.to_timedelta(days[made], unit="D"),
            "eur": np.round(rng.gamma(6.0, level[customer]) + 0.01, 2),
        }
    )


def test_from_the_log_to_a_forecast_that_holds_later(record_figure):
    whole = log()
    early = purchases(whole, value_column="eur", observed_until="2024-09-30")
    after = whole[whole["occurred_at"] >= "2024-10-01"]
    later = after[after["customer_id"].isin(early.table()["customer_id"])]
    made = len(later.drop_duplicates(["customer_id", "occurred_at"])) / len(early.table())
    weeks = (pd.Timestamp("2025-02-04") - pd.Timestamp("2024-10-01")).days / 7
    result = PurchaseModel(horizon_periods=weeks).fit(early.table())
    rows = result.table().set_index("term")
    told = rows.loc["expected_purchases", "estimate"]
    so_far = (early.table()["frequency"] / early.table()["age_periods"].clip(lower=1)).mean() * weeks
    record_figure("holdout purchases, BG/NBD over actual", told / made, runs=1, bound="0.85 to 1.15")
    record_figure("holdout purchases, rate so far over actual", so_far / made, runs=1, bound="above 1.3")
    assert told / made == pytest.approx(1.0, abs=0.15)
    assert so_far / made > 1.3
    assert early.provenance.n_set_aside["after the end of the period observed"] == len(after)
    assert result.checks()["passed"].all(), result.checks()
    each = result.predict(early.table())
    assert each["value"].mean() == pytest.approx(rows.loc["value", "estimate"])
    assert rows.loc["value_total", "estimate"] == pytest.approx(each["value"].sum())
    assert "reading of silence" in result.summary()
    assert result.plot().get_ylabel() == "still active, percent"


def test_spend_that_goes_with_frequency_is_warned_of():
    table = purchases(log(600), value_column="eur").table()
    tied = table.assign(mean_spend=table["mean_spend"] + 40.0 * table["frequency"])
    checks = PurchaseModel().fit(tied).checks().set_index("check")
    assert not checks.loc["frequency and spend are unrelated", "passed"]


def test_customers_who_bought_once_stay():
    whole = log(400)
    table = purchases(whole, value_column="eur").table()
    assert (table["frequency"] == 0).any()
    assert len(table) == whole["customer_id"].nunique()
    assert PurchaseModel().fit(table).provenance.n_used == len(table)


def test_logs_and_histories_that_cannot_be_used_say_so():
    whole = log(100)
    with pytest.raises(NotAnswerableError, match="no column paid_at"):
        purchases(whole, at_column="paid_at")
    with pytest.raises(LinkError, match="must hold dates"):
        purchases(whole.assign(occurred_at="2024-01-01"))
    with pytest.raises(ParameterError, match="not a date"):
        purchases(whole, observed_until="soon")
    table = purchases(log(300)).table()
    again = table["frequency"] > 0
    beyond = table["recency_periods"].mask(table.index == table.index[again][0], 1e6)
    with pytest.raises(FitError, match=r"beyond age_periods \(1 rows\).*without one \(1 rows\)"):
        PurchaseModel().fit(table.assign(recency_periods=beyond.mask(table.index == again.idxmin(), 0.01)))
    assert isinstance(ask(PurchaseModel(), table[table["frequency"] == 0]), Unanswered)


def wallets(n=1_500, *, seed=41, by_rank=True):
    """Answers with rivals: real spending follows the rank, or the satisfaction alone."""
    rng = np.random.default_rng(seed)
    ours = rng.normal(size=n)
    rivals = rng.integers(0, 4, n)
    rival = np.where(np.arange(3) < rivals[:, None], rng.normal(size=(n, 3)), -np.inf)
    rank = 1 + (rival > ours[:, None]).sum(axis=1)
    used = 1 + rivals
    share = (1 - rank / (used + 1)) * 2 / used if by_rank else 1 / (1 + np.exp(1 - ours))
    odds = np.where(used > 1, share, 0.5) / (1 - np.where(used > 1, share, 0.5))
    spend = 1 / (1 + np.exp(-(np.log(odds) + rng.normal(0, 0.3, n))))
    spend = np.where(used > 1, spend, 1.0)
    return pd.DataFrame(
        {
            "customer_id": np.arange(n) // 2,
            "brand_rank": rank,
            "brands_used_count": used,
            "spend_share": spend,
            "overall": np.clip(np.round(7 + 1.5 * ours), 1, 10),
        }
    )


def test_the_rule_wins_where_spending_follows_the_rank_and_loses_where_it_does_not():
    won = WalletModel().fit(wallets()).table().set_index("term")
    lost = WalletModel().fit(wallets(by_rank=False)).table().set_index("term")
    assert won.loc["rule_minus_satisfaction", "verdict"] == "supported"
    assert lost.loc["rule_minus_satisfaction", "verdict"] == "rejected"
    answers = wallets()
    multi = answers["brands_used_count"] > 1
    shares = (
        (1 - answers["brand_rank"] / (answers["brands_used_count"] + 1)) * 2 / answers["brands_used_count"]
    )
    assert won.loc["correlation_rule", "estimate"] == pytest.approx(
        np.corrcoef(shares[multi], answers.loc[multi, "spend_share"])[0, 1]
    )
    assert won.loc["wallet_share", "estimate"] == pytest.approx(shares.mean())


def test_with_one_brand_the_rule_is_refused():
    single = wallets().assign(brands_used_count=1, brand_rank=1)
    with pytest.raises(NotAnswerableError, match="0% use several brands"):
        WalletModel().fit(single)
    assert isinstance(ask(WalletModel(), single), Unanswered)


def test_ratings_of_brands_give_the_same_as_their_ranks():
    rng = np.random.default_rng(42)
    ratings = pd.DataFrame(rng.normal(size=(300, 3)), columns=["us", "rival_a", "rival_b"])
    ratings.loc[rng.random(300) < 0.3, "rival_b"] = np.nan
    rank = ratings.rank(axis=1, ascending=False)["us"]
    by_rank = pd.DataFrame({"brand_rank": rank, "brands_used_count": ratings.notna().sum(axis=1)})
    one = WalletModel(brand_columns=("us", "rival_a", "rival_b"), spend_column=None).fit(ratings).table()
    other = WalletModel(spend_column=None).fit(by_rank).table()
    pd.testing.assert_frame_equal(one, other)


def test_impossible_ranks_are_set_aside_and_percentages_refused():
    answers = wallets()
    answers.loc[:4, "brand_rank"] = 9
    result = WalletModel().fit(answers)
    assert sum(result.provenance.n_set_aside.values()) == 5
    with pytest.raises(FitError, match="divide percentages"):
        WalletModel().fit(answers.assign(spend_share=answers["spend_share"] * 100))
