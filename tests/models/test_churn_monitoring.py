"""A churn forecast in use: drift, performance without labels, groups, ageing, the card, the leak screen."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit
from test_churn_model import CUTS, TELCO, columns, make_panel, telco

import cxlab
from cxlab.core.errors import FitError
from cxlab.models.churn.horizon import ChurnModel
from cxlab.models.churn.monitoring import group_table
from cxlab.stats.classification import area_under_curve
from cxlab.stats.drift import expected_measures, stability_index


@pytest.fixture(scope="module")
def panel():
    return columns(make_panel(1500, seed=31))


@pytest.fixture(scope="module")
def result(panel):
    return ChurnModel(recipe="curves", replicates=50, shuffles=1, unseen_customers=True).fit(panel)


def test_the_index_is_nothing_for_equal_shares_and_follows_its_formula():
    x = np.repeat([0.0, 1.0], [80, 20])
    y = np.repeat([0.0, 1.0], [50, 50])
    by_hand = (0.5 - 0.8) * np.log(0.5 / 0.8) + (0.5 - 0.2) * np.log(0.5 / 0.2)
    assert stability_index(x, y, levels=True) == pytest.approx(by_hand)
    assert stability_index(x, x) == 0.0
    gone = np.where(np.arange(100) < 30, np.nan, x)
    assert stability_index(x, gone, levels=True) > 1.0


def test_what_has_moved_is_named_and_the_rest_is_stable(result, panel):
    last = panel[panel["cut_at"] == pd.Timestamp(CUTS[3])]
    moved = last.assign(usage_visits=last["usage_visits"] + 1.0, contract_plan="new")
    drift = result.drift(moved).set_index("term")
    assert drift.loc[["usage_visits", "contract_plan"], "verdict"].tolist() == ["changed", "changed"]
    assert drift.loc["survey_noise", "verdict"] == "stable"
    assert drift.loc["(score)", "verdict"] == "changed"
    assert (result.drift(last)["verdict"] == "stable").all()


def test_calibrated_forecasts_know_their_own_performance_without_labels():
    rng = np.random.default_rng(32)
    p = expit(rng.normal(-2.0, 1.2, 30_000))
    y = (rng.random(len(p)) < p).astype(float)
    expected = expected_measures(p)
    assert expected["auc"] == pytest.approx(area_under_curve(y, p)[0], abs=0.01)
    assert expected["brier"] == pytest.approx(((p - y) ** 2).mean(), abs=0.004)
    assert expected["churn_share"] == pytest.approx(y.mean(), abs=0.005)


def test_expected_and_observed_stand_side_by_side_once_labels_are_known(result, panel):
    last = panel[panel["cut_at"] == pd.Timestamp(CUTS[3])]
    told = result.expected_performance(last).set_index("term")
    assert told.loc["auc", "expected"] == pytest.approx(told.loc["auc", "observed"], abs=0.05)
    open_yet = result.expected_performance(last.assign(churned=pd.NA)).set_index("term")
    assert open_yet["observed"].isna().all()
    assert open_yet.loc["auc", "expected"] == told.loc["auc", "expected"]


def test_a_group_whose_risk_is_misjudged_is_named_and_a_small_one_is_not_judged():
    rng = np.random.default_rng(33)
    p = rng.uniform(0.05, 0.3, 6000)
    group = np.repeat(["fair", "hidden", "small"], [3000, 2800, 200])
    churned = (rng.random(6000) < np.where(group == "hidden", 1.5 * p, p)).astype(int)
    scored = pd.DataFrame({"churned": churned, "probability": p})
    table = group_table(scored, pd.Series(group), confidence=0.95).set_index("group")
    assert table["verdict"].to_dict() == {"fair": "calibrated", "hidden": "too low", "small": "too few"}
    assert table.loc["hidden", "observed_to_expected"] == pytest.approx(1.5, abs=0.15)


def coverage_of_observed_to_expected(runs):
    rng = np.random.default_rng(34)
    p = rng.uniform(0.05, 0.3, 800)
    held = []
    for _ in range(runs):
        scored = pd.DataFrame({"churned": (rng.random(800) < p).astype(int), "probability": p})
        row = group_table(scored, pd.Series(["a"] * 800), confidence=0.95).iloc[0]
        held.append(row["conf_low"] <= 1.0 <= row["conf_high"])
    return float(np.mean(held))


@pytest.mark.parametrize(
    ("runs", "least", "most"), [(40, 0.9, 1.0), pytest.param(400, 0.94, 0.99, marks=pytest.mark.statistics)]
)
def test_limits_of_observed_to_expected_hold_their_level(runs, least, most, record_figure):
    share = coverage_of_observed_to_expected(runs)
    # Poisson limits for sums of unequal binomials are a little wide.
    bound = f"{least} to {most}"
    record_figure("coverage of observed over expected by group", share, runs=runs, bound=bound)
    assert least <= share <= most


def test_by_group_takes_a_column_of_the_panel_by_its_index(result, panel):
    table = result.by_group(panel["contract_plan"])
    assert table["n"].sum() == len(result.scored())
    assert set(table["group"]) == {"basic", "plus"}
    holes = panel["contract_plan"].mask(panel.index % 2 == 0)
    assert "(missing)" in set(result.by_group(holes)["group"])


def test_staying_power_follows_one_frozen_model(result):
    table = result.staying_power()
    assert table["cut"].tolist() == list(CUTS[2:])
    assert table["age_days"].tolist() == [0, 100]
    first = result.table().query("term == 'auc' and segment == @CUTS[2]").iloc[0]
    assert table["auc"].iloc[0] == pytest.approx(first["estimate"])


def test_unseen_customers_are_a_second_figure_of_models_that_never_saw_them(result):
    second = result.table().query("term == 'auc' and segment == 'unseen customers'").iloc[0]
    assert second["n"] == len(result.scored())
    assert (
        second["estimate"] != result.table().query("term == 'auc' and segment == 'all'").iloc[0]["estimate"]
    )


def test_the_card_is_one_page_that_hides_nothing(result, tmp_path):
    card = result.card()
    text = card.save(tmp_path).read_text(encoding="utf-8")
    for word in (*CUTS, "embargo", "calibration gate", "leak screen", "Held-out", "not for", "watch"):
        assert word in text
    assert "unseen customers" in text
    assert card._repr_html_().count("<table>") == 6
    assert text.count("not attached") == 2
    taken = card.table()
    taken["value"] = ""
    assert card.table()["value"].ne("").all()


# --- the leak screen ----------------------------------------------------------------------------


def test_total_charges_is_called_a_running_total_of_tenure_and_says_why():
    found = cxlab.leak_screen(telco(), duration_column="tenure")
    assert found["feature"].tolist() == ["TotalCharges"]
    line = found.iloc[0]
    assert line["sign"] == "about tenure x MonthlyCharges"
    assert line["value"] > 0.95
    assert "gives the time of the outcome away" in line["meaning"]
    assert cxlab.leak_screen(telco()).empty


def test_columns_ibm_wrote_after_the_outcome_are_flagged_with_their_meaning():
    rows = telco()
    status = pd.read_excel(TELCO / "Telco_customer_churn_status.xlsx").set_index("Customer ID")
    late = ["Satisfaction Score", "Churn Score"]
    rows = rows.merge(status[late], left_on="customer_id", right_index=True, validate="one_to_one")
    found = cxlab.leak_screen(rows)
    assert set(found["feature"]) == set(late)
    assert found["meaning"].notna().all()


def test_dates_after_the_cut_are_flagged_before_a_model_could_refuse_them(panel):
    dated = panel.assign(
        usage_changed_at=panel["cut_at"] + pd.Timedelta(days=3),
        usage_since=panel["cut_at"] - pd.Timedelta(days=3),
    )
    found = cxlab.leak_screen(dated)
    assert found["feature"].tolist() == ["usage_changed_at"]
    with pytest.raises(FitError, match="duration_column"):
        cxlab.leak_screen(panel, duration_column="tenure")
