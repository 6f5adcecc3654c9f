"""From a churn forecast to the rows of a decision: limits and reasons that refits agree on."""

import numpy as np
import pytest
from test_churn_model import columns, make_panel

from cxlab.core.errors import ParameterError
from cxlab.core.pseudonyms import Pseudonyms
from cxlab.models.churn.decision import DecisionModel
from cxlab.models.churn.decision_rows import decision_tables
from cxlab.models.churn.horizon import ChurnModel
from cxlab.models.churn.refits import refit_evidence


@pytest.fixture(scope="module")
def forecast():
    panel = columns(make_panel(2500, seed=2))
    return ChurnModel(replicates=50, shuffles=1).fit(panel), panel


@pytest.fixture(scope="module")
def today():
    return make_panel(1500, cuts=("2026-06-01",), seed=52)


def test_limits_hold_the_probability_of_the_forecast_and_most_true_ones(forecast, today, record_figure):
    churn, panel = forecast
    _, now = decision_tables(churn, panel, columns(today), refits=10)
    assert (now["probability_low"] < now["probability"]).all()
    assert (now["probability"] < now["probability_high"]).all()
    held = (now["probability_low"] <= today["truth"]) & (today["truth"] <= now["probability_high"])
    record_figure(
        "customers whose true probability lies in the refit limits", held.mean(), runs=1, bound=">= 0.75"
    )
    assert held.mean() >= 0.75
    # More refits are other refits, not narrower limits.
    wide = refit_evidence(churn, columns(today), refits=10, confidence=0.99)
    assert (wide["probability_low"] < now["probability_low"]).all()


def test_reasons_name_what_moves_a_customer_and_reach_the_list(forecast, today):
    churn, panel = forecast
    history, now = decision_tables(churn, panel.assign(worth=400.0), columns(today).assign(worth=400.0))
    assert len(history) == len(churn.scored())
    riskiest = now.sort_values("probability").iloc[-1]
    first = riskiest["reason_1"]
    assert first.startswith(("usage_visits (+", "contract_plan (+", "experience_wait (+"))
    assert now["reason_1"].str.startswith("survey_noise").mean() < 0.05
    decision = DecisionModel(value_column="worth", replicates=50).fit(history, now)
    listed = decision.call_list(Pseudonyms(key=bytes(32)))
    assert listed["reason_1"].ne("").all()
    assert np.isfinite(listed[["probability_low", "expected_profit_low"]]).all().all()
    assert (listed["expected_profit_low"] <= listed["expected_profit"]).all()


def test_without_refits_the_limits_are_left_out_and_too_few_are_refused(forecast, today):
    churn, panel = forecast
    _, now = decision_tables(churn, panel, columns(today), refits=0)
    assert "probability_low" not in now
    with pytest.raises(ParameterError, match="refits"):
        decision_tables(churn, panel, columns(today), refits=3)
