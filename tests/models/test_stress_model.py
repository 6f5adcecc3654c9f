"""StressModel: exact where nothing is uncertain, monotone, labelled, and honest about its level."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cxlab.core.answer import Unanswered, ask
from cxlab.core.errors import ParameterError
from cxlab.models.churn.stress import THIRDS, UNKNOWN, StressModel

FIXED = StressModel(price_sensitivity=(3.0, 3.0), spending_shock=(0.1, 0.1), replicates=50)


def customers(n=3000, seed=0):
    rng = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in range(n)],
            "probability": rng.beta(1, 9, n),
            "value": rng.gamma(2.0, 100.0, n),
            "contract_tenure_days": rng.permutation(n).astype(float),
        }
    )


def past(n=6000, seed=1, *, level=0.0):
    table = customers(n, seed)
    left = np.random.default_rng([seed, 1]).random(n) < expit(logit(table["probability"]) + level)
    return table.assign(churned=left.astype(int))


def estimate(result, term, segment="all"):
    return result.table().set_index(["term", "segment"]).loc[(term, segment)]


def test_the_scenario_is_the_formula_by_loyalty_third():
    table = customers()
    result = FIXED.fit(table)
    third = np.searchsorted(
        table["contract_tenure_days"].quantile([1 / 3, 2 / 3]), table["contract_tenure_days"]
    )
    p, value = table["probability"].to_numpy(), table["value"].to_numpy()
    later = expit(logit(p) + 3.0 * 0.1 * np.array([1.0, 0.75, 0.5])[third])
    for place, name in enumerate(THIRDS):
        inside = third == place
        assert estimate(result, "churn_share_scenario", name)["estimate"] == pytest.approx(
            later[inside].mean()
        )
        risk = estimate(result, "value_at_risk_scenario", name)["estimate"]
        assert risk == pytest.approx((later * value)[inside].sum())
        cut = estimate(result, "spending_lost_scenario", name)["estimate"]
        assert cut == pytest.approx(((1 - later) * value)[inside].sum() * 0.1)
    whole = estimate(result, "value_at_risk_rise")
    assert whole["estimate"] == pytest.approx(((later - p) * value).sum())
    # Nothing is uncertain: parameters fixed, no past given. The check says what is left out.
    assert whole["std_error"] == pytest.approx(0.0, abs=1e-6)
    assert not result.checks().set_index("check").loc["past leavers", "passed"]


def test_no_pressure_changes_nothing_and_more_pressure_loses_more():
    table = customers()
    calm = StressModel(price_pressure=0.0, replicates=50).fit(table)
    assert estimate(calm, "churn_share_rise")["estimate"] == pytest.approx(0.0)
    rises = [
        estimate(StressModel(price_pressure=x, replicates=50).fit(table), "value_at_risk_rise")["estimate"]
        for x in (0.05, 0.1, 0.3)
    ]
    assert rises == sorted(rises)


def test_ranges_widen_the_limits_and_so_does_the_past():
    table, wide = customers(), StressModel(replicates=100)
    apart = estimate(wide.fit(table), "churn_share_scenario")
    assert apart["conf_low"] < apart["estimate"] < apart["conf_high"]
    today = [estimate(wide.fit(table, given), "churn_share_today") for given in (None, past())]
    assert today[0]["std_error"] < 1e-9 < today[1]["std_error"]


def test_the_limits_of_today_hold_the_true_level_about_as_often_as_they_say(record_figure):
    held = []
    for seed in range(40):
        level = 0.08 * np.random.default_rng([seed, 7]).normal()
        table = customers(1500, 100 + seed)
        result = StressModel(replicates=60).fit(table, past(4000, 200 + seed, level=level))
        truth = float(expit(logit(table["probability"]) + level).mean())
        today = estimate(result, "churn_share_today")
        held.append(today["conf_low"] <= truth <= today["conf_high"])
    record_figure(
        "coverage of today's churn under a shifted level", np.mean(held), runs=40, bound=">= 0.85"
    )
    assert np.mean(held) >= 0.85


def test_every_figure_of_the_scenario_is_labelled_and_the_words_say_so():
    result = StressModel(replicates=50).fit(customers(), past())
    table = result.table()
    scenario = ~table["term"].str.endswith("today")
    assert (table.loc[scenario, "label"] == "scenario, not a forecast").all()
    assert result.summary().startswith("Scenario, not a forecast")
    assert not result.checks().set_index("check").loc["it is a scenario", "passed"]
    assert "Scenario" in result.plot().get_title(loc="left")


def test_text_levels_and_unknown_loyalty_are_kept():
    table = customers(600).assign(card=["gold", "none", None] * 200)
    model = StressModel(loyalty_column="card", loyalty_levels=("none", "gold"), replicates=50)
    rows = estimate(model.fit(table), "churn_share_today", UNKNOWN)
    assert rows["n"] == 200
    rises = model.fit(table).table().query("term == 'churn_share_rise'").set_index("segment")["estimate"]
    assert rises["none"] > rises["gold"] > 0
    with pytest.raises(ParameterError, match="loyalty_levels"):
        StressModel(loyalty_column="card", replicates=50).fit(table)
    assert isinstance(ask(StressModel(loyalty_column="nothing"), table), Unanswered)


@pytest.mark.parametrize(
    "settings",
    [
        {"price_pressure": -0.1},
        {"price_sensitivity": (3.0, 1.0)},
        {"spending_shock": (0.1, 1.5)},
        {"loyal_factor": 2.0},
    ],
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ParameterError, match=next(iter(settings))):
        StressModel(**settings)
