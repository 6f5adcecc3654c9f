"""Lifetime values at the cut-offs of a panel: known truth, nothing of the future, and what stands in."""

import numpy as np
import pandas as pd
import pytest

import cxlab
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables

CUTS = ("2023-06-01", "2024-06-01")
HAZARD = {"loyal": 0.02, "fickle": 0.08}


def frames(n=3_000, *, seed=1):
    """Customers who leave with a chance of their own plan in every 30 days, and one contract each."""
    rng = np.random.default_rng(seed)
    plan = rng.choice(list(HAZARD), n)
    joined = pd.Timestamp("2021-06-01") + pd.to_timedelta(rng.integers(0, 1000, n), unit="D")
    stays = rng.geometric(np.vectorize(HAZARD.get)(plan)) * 30 - rng.integers(0, 30, n)
    left = joined + pd.to_timedelta(stays, unit="D")
    gone = left < pd.Timestamp("2025-01-01")
    customers = pd.DataFrame(
        {"customer_id": [f"C{i}" for i in range(n)], "joined_at": joined, "left_at": left.where(gone)}
    )
    contracts = pd.DataFrame(
        {
            "customer_id": customers["customer_id"],
            "started_at": joined,
            "ended_at": customers["left_at"],
            "value_per_year": np.where(np.arange(n) % 7 == 0, 600.0, 1200.0),
            "plan": plan,
        }
    )
    answered = pd.to_datetime(["2021-06-01", "2025-01-01"])
    surveys = pd.DataFrame({"customer_id": ["C0", "C0"], "answered_at": answered, "overall": [7.0, 8.0]})
    return {"customers": customers, "contracts": contracts, "surveys": surveys}


def tables(made):
    return Tables.of(made, None, title="lifetimes")


def panel(made, cuts=CUTS):
    return cxlab.snapshots(tables(made), cuts=cuts, lead_days=0, horizon_days=90).table()


def test_the_value_is_the_payment_times_the_life_that_the_plan_gives(record_figure):
    made = frames()
    rows = panel(made, CUTS[1:])
    found = cxlab.lifetime_values(tables(made), rows, discount_per_year=0.0)
    life = found["lifetime_value"] / found["contract_value_per_year"] * (365.25 / 30)
    for plan, hazard in HAZARD.items():
        truth = (1 - (1 - hazard) ** 36) / hazard
        mean = life[found["contract_plan"] == plan].mean()
        record_figure(f"periods of life, plan {plan}, true {truth:.1f}", mean, runs=1, bound="8 % off")
        assert mean == pytest.approx(truth, rel=0.08)
    assert set(found["value_basis"]) == {"lifetime value, 36 x 30 days, 0% a year"}
    sooner = cxlab.lifetime_values(tables(made), rows, discount_per_year=0.5)
    assert (sooner["lifetime_value"] < found["lifetime_value"]).all()


def test_who_leaves_or_signs_after_a_cut_off_changes_no_value_at_it():
    made = frames(1_500)
    cut = pd.Timestamp(CUTS[0])
    customers, contracts = made["customers"], made["contracts"]
    later = customers["left_at"] >= cut
    forgotten = {
        **made,
        "customers": customers.assign(left_at=customers["left_at"].mask(later)),
        "contracts": contracts.assign(
            ended_at=contracts["ended_at"].mask(later),
            value_per_year=contracts["value_per_year"].mask(contracts["started_at"] >= cut, 9e9),
        ),
    }
    rows = panel(made, CUTS[:1])
    whole, blind = (cxlab.lifetime_values(tables(one), rows) for one in (made, forgotten))
    pd.testing.assert_series_equal(whole["lifetime_value"], blind["lifetime_value"])
    # The same records do change a fit that looks past the cut-off.
    assert later.sum() > 100


def test_an_unknown_payment_is_missing_or_the_declared_amount():
    made = frames(800)
    unknown = made["contracts"]["customer_id"].isin(["C1", "C2", "C3"])
    made["contracts"]["value_per_year"] = made["contracts"]["value_per_year"].mask(unknown)
    rows = panel(made, CUTS[1:])
    hit = rows["customer_id"].isin(["C1", "C2", "C3"])
    assert hit.any()
    left_out = cxlab.lifetime_values(tables(made), rows)
    assert left_out.loc[hit, "lifetime_value"].isna().all()
    assert set(left_out.loc[hit, "value_basis"]) == {"not known"}
    declared = cxlab.lifetime_values(tables(made), rows, otherwise=250.0)
    assert set(declared.loc[hit, "lifetime_value"]) == {250.0}
    assert set(declared.loc[hit, "value_basis"]) == {"declared amount"}
    assert declared.loc[~hit, "value_basis"].str.startswith("lifetime value").all()


def test_without_payments_or_leavers_there_is_no_lifetime_value():
    made = frames(400)
    rows = panel(made)
    with pytest.raises(NotAnswerableError, match="contract_value_per_year"):
        cxlab.lifetime_values(tables(made), rows.drop(columns="contract_value_per_year"))
    stayed = {**made, "customers": made["customers"].assign(left_at=pd.NaT)}
    stayed["contracts"] = stayed["contracts"].assign(ended_at=pd.NaT)
    with pytest.raises(NotAnswerableError, match="0 customers are known to have left"):
        cxlab.lifetime_values(tables(stayed), rows)
    with pytest.raises(ParameterError, match="otherwise"):
        cxlab.lifetime_values(tables(made), rows, otherwise=-1.0)
    amount = cxlab.declared_values(rows, 300)
    assert set(amount["lifetime_value"]) == {300.0}
    assert set(amount["value_basis"]) == {"declared amount"}


def test_spells_until_a_day_know_nothing_of_what_came_later():
    made = frames(800)
    until = cxlab.spells(tables(made), observed_until="2023-06-01").table()
    cut = pd.Timestamp("2023-06-01")
    past = made["customers"].set_index("customer_id")
    gone = past.loc[until.loc[until["left"] == 1, "customer_id"], "left_at"]
    assert (gone < cut).all()
    here = until.loc[until["left"] == 0, "customer_id"]
    seen = np.floor((cut - past.loc[here, "joined_at"]).dt.days / 30)
    assert (until.loc[until["left"] == 0, "time_periods"].to_numpy() <= seen.to_numpy()).all()
    with pytest.raises(ParameterError, match="observed_until"):
        cxlab.spells(tables(made), observed_until="soon")
    with pytest.raises(ParameterError, match="nothing is observed"):
        cxlab.spells(tables(made), observed_until="2001-01-01")
