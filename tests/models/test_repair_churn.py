"""Leaving on what experiences left behind: covered, silent where positives do nothing, never within."""

import dataclasses

import numpy as np
import pandas as pd
import pytest
from churn_world import ChurnWorld, make_churn
from repair_world import START, rows_of

import cxlab
from cxlab.core.verdicts import NOT_IDENTIFIED, UNDETERMINED
from cxlab.models.recovery.repair_churn import RepairChurnModel
from cxlab.stats.stock import Entries, plan_stocks
from cxlab.stats.stock_logit import StockLogitProblem, fit_stock_logit

TRUTH = {
    "ratio_unresolved": 10.0,
    "ratio_resolved": 4.0,
    "half_life_days": 180.0,
    "effect_positive": -0.12,
    "effect_negative_unresolved": 1.2,
}
END = START + pd.Timedelta(days=900)


def fitted(world, seed, *, prior=False, **settings):
    experiences, customers, answers = make_churn(world, seed)
    model = RepairChurnModel(**settings)
    return model.fit(experiences, customers, answers if prior else None, data_end=END)


def held(world, seeds):
    """Share of printed intervals that hold the truth, by term."""
    found = []
    for seed in seeds:
        rows = rows_of(fitted(world, seed))
        found.append(
            [
                float(rows.loc[t, "conf_low"] <= v <= rows.loc[t, "conf_high"])
                if np.isfinite(rows.loc[t, "estimate"])
                else np.nan
                for t, v in TRUTH.items()
            ]
        )
    return pd.DataFrame(found, columns=list(TRUTH)).mean()


def test_the_truth_is_held_in_a_short_run(record_figure):
    world = ChurnWorld(customers=2_000)
    share = held(world, range(4))
    for term, value in share.items():
        record_figure(f"leaving, 2,000 customers, short: coverage, {term}", value, runs=4, bound=">= 2/4")
    assert (share >= 2 / 4).all(), share


@pytest.mark.statistics
def test_the_truth_is_held_as_often_as_promised(record_figure):
    runs = 200
    share = held(ChurnWorld(customers=4_000), range(100, 100 + runs))
    for term, value in share.items():
        record_figure(
            f"leaving, 4,000 customers: coverage, {term}", value, runs=runs, bound="0.93 to 0.97 +- MC"
        )
    assert ((share >= 0.93 - 0.02) & (share <= 0.97 + 0.02)).all(), share


@pytest.mark.statistics
def test_where_positives_keep_nobody_there_is_no_ratio(record_figure):
    world = ChurnWorld(customers=1_000, positive_effect=0.0)
    verdicts = [rows_of(fitted(world, seed)).loc["ratio_unresolved", "verdict"] for seed in range(200)]
    share = float(np.mean([verdict == NOT_IDENTIFIED for verdict in verdicts]))
    record_figure("leaving: no ratio where positives keep nobody", share, runs=200, bound=">= 0.98")
    assert share >= 0.98


def test_no_ratio_where_positives_keep_nobody_short():
    world = ChurnWorld(customers=1_000, positive_effect=0.0)
    for seed in range(4):
        result = fitted(world, seed)
        assert rows_of(result).loc["ratio_unresolved", "verdict"] == NOT_IDENTIFIED
        assert "never repaired cannot be excluded" in result.summary()


def test_what_customers_bring_along_pulls_the_ratio_and_prior_satisfaction_holds_against_it():
    """Contented customers have more good contacts and leave less: the hostile world."""
    world = ChurnWorld(customers=4_000, spread=1.0, pull=0.5, level=-4.0)
    alone, beside = fitted(world, 3), fitted(world, 3, prior=True)
    raw, prior = (rows_of(result).loc["ratio_unresolved", "estimate"] for result in (alone, beside))
    assert raw < 7.0, "the trap must be there"
    assert raw < prior
    for result in (alone, beside):
        checks = result.checks().set_index("check")
        assert not checks.loc["customers compared with themselves", "passed"]
        assert rows_of(result).loc["ratio_unresolved", "verdict"] == UNDETERMINED, "no verdict on a claim"
    name = "share of customers whose earlier satisfaction is adjusted for"
    assert not alone.checks().set_index("check").loc[name, "passed"]
    assert beside.checks().set_index("check").loc[name, "passed"]
    assert "prior satisfaction" in beside.summary()


def test_a_given_half_life_is_kept_and_narrows_the_interval():
    world = ChurnWorld(customers=2_000)
    free, given = rows_of(fitted(world, 2)), rows_of(fitted(world, 2, half_life_days=180.0))
    assert given.loc["half_life_days", "estimate"] == 180.0
    assert np.isnan(given.loc["half_life_days", "conf_low"])
    width = [rows.loc["effect_negative_unresolved", "std_error"] for rows in (free, given)]
    assert width[1] < width[0]


def test_experiences_after_leaving_and_later_contracts_change_nothing():
    experiences, customers, _ = make_churn(ChurnWorld(customers=1_500), 4)
    contracts = pd.DataFrame(
        {"customer_id": customers["customer_id"], "started_at": START, "plan": "basic"}
    )
    contracts.loc[::2, "plan"] = "plus"
    later = contracts.assign(started_at=START + pd.Timedelta(days=400), plan="premium")
    gone = customers.dropna(subset=["left_at"]).iloc[:50]
    after = pd.DataFrame(
        {
            "customer_id": gone["customer_id"],
            "occurred_at": gone["left_at"] + pd.Timedelta(days=1),
            "valence": "negative",
            "resolved_at": pd.NaT,
        }
    )
    model = RepairChurnModel()
    plain = model.fit(experiences, customers, contracts=contracts, data_end=END).table()
    more = model.fit(
        pd.concat([experiences, after]), customers, contracts=pd.concat([contracts, later]), data_end=END
    )
    pd.testing.assert_frame_equal(plain, more.table())
    assert "plan" in more.summary()


def test_a_period_that_the_data_end_cuts_short_counts_for_nobody():
    """Its leavers would be seen, and not those who might have stayed."""
    experiences, customers, _ = make_churn(ChurnWorld(customers=1_500), 6)
    first = experiences["occurred_at"].min()
    whole, cut = first + pd.Timedelta(days=600), first + pd.Timedelta(days=629)
    known = [
        customers.assign(left_at=customers["left_at"].where(customers["left_at"] < end))
        for end in (whole, cut)
    ]
    assert known[1]["left_at"].notna().sum() > known[0]["left_at"].notna().sum() + 20
    early = experiences[experiences["occurred_at"] < whole - pd.Timedelta(days=30)]
    one, two = (
        RepairChurnModel().fit(early, table, data_end=end).table()
        for table, end in zip(known, (whole, cut), strict=True)
    )
    pd.testing.assert_frame_equal(one, two)


def test_what_cannot_be_answered_is_refused():
    experiences, customers, _ = make_churn(ChurnWorld(customers=300), 5)
    with pytest.raises(cxlab.NotAnswerableError, match="left_at"):
        RepairChurnModel().fit(experiences, customers.drop(columns="left_at"))
    with pytest.raises(cxlab.NotAnswerableError, match="Too few"):
        RepairChurnModel(minimum_events=1_000).fit(experiences, customers)
    with pytest.raises(cxlab.FitError, match="twice"):
        RepairChurnModel().fit(experiences, pd.concat([customers, customers]))
    with pytest.raises(cxlab.FitError, match="naive UTC"):
        RepairChurnModel().fit(experiences, customers.assign(left_at="2024-01-01"))
    with pytest.raises(cxlab.FitError, match="neutral"):
        RepairChurnModel().fit(experiences.assign(valence="neutral"), customers)
    with pytest.raises(cxlab.ParameterError, match="half_life_days"):
        RepairChurnModel(half_life_days=-1.0)


def test_the_logit_is_that_of_statsmodels_where_the_half_life_is_given():
    import statsmodels.api as sm

    rng = np.random.default_rng(6)
    owner = np.repeat(np.arange(300), 4)
    at = np.tile([10.0, 20.0, 30.0, 40.0], 300)
    entry = rng.uniform(0, 40, 900)
    who = rng.integers(0, 300, 900)
    entries = Entries(
        owner=who, enter=entry, origin=entry, stock=np.zeros(900, dtype=np.int64), sign=np.ones(900)
    )
    plan = plan_stocks(owner, at, entries=entries, n_stocks=1)
    x = plan.stocks(25.0)
    event = (rng.random(1200) < 1 / (1 + np.exp(2 - x[:, 0]))).astype(float)
    problem = StockLogitProblem(
        plan=plan,
        owner=owner,
        event=event,
        direction=np.ones(1),
        other=np.ones((1200, 1)),
        penalty=np.zeros(1),
    )
    fit = fit_stock_logit(problem, half_life_range=(5.0, 500.0), half_life=25.0)
    known = sm.Logit(event, sm.add_constant(x)).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": owner, "use_correction": False}
    )
    assert fit.effects[0] == pytest.approx(known.params[1], rel=1e-5)
    assert fit.std_errors[0] == pytest.approx(known.bse[1], rel=0.03)
    assert fit.std_errors[0] > known.bse[1], "leaving out one owner at a time is never the narrower one"
    assert dataclasses.is_dataclass(fit)
