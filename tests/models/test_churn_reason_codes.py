"""Reasons of single customers: they add up, they are the truth's, and unstable ones are not printed."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxlab.core.errors import FitError, ParameterError
from cxlab.models.churn.horizon import ChurnModel


def make_panel(n=1500, *, seed=0, signal=1.0):
    """Known truth: wait raises and visits lower the risk; two copies of visits tell one story."""
    rng = np.random.default_rng(seed)
    wait, visits, noise = rng.exponential(size=n), rng.normal(size=n), rng.normal(size=n)
    p = expit(-1.8 + signal * (1.2 * (wait - 1) - 0.9 * visits))
    return pd.DataFrame(
        {
            "customer_id": np.arange(n).astype(str),
            "churned": (rng.random(n) < p).astype(int),
            "experience_wait": wait,
            "usage_visits": visits,
            "usage_visits_again": visits + 0.1 * rng.normal(size=n),
            "contract_noise": noise,
            "contract_plan": rng.choice(["basic", "plus"], n),
        }
    )


@pytest.fixture(scope="module")
def result():
    return ChurnModel(recipe="curves", replicates=50, shuffles=1, folds=2).fit(make_panel())


def test_contributions_and_base_add_up_to_the_logit_of_predict(result):
    table = make_panel(200, seed=1)
    parts = result.contributions(table)
    p = result.predict(table)
    np.testing.assert_allclose(parts.sum(axis=1), np.log(p / (1 - p)), atol=1e-10)
    assert parts.index.equals(table.index)


def test_features_that_tell_one_story_are_one_family(result):
    names = list(result.contributions(make_panel(5)).columns)
    assert "usage_visits and 1 alike" in names
    assert "usage_visits_again" not in names
    own = result.contributions(make_panel(5), families={"waiting": ["experience_wait", "contract_noise"]})
    assert "waiting" in own
    assert "experience_wait" not in own


def test_the_true_reason_is_printed_with_its_sign_and_noise_hardly_ever_is(result):
    table = make_panel(400, seed=2)
    table.loc[table.index[:40], "experience_wait"] = 4.0
    table.loc[table.index[:40], ["usage_visits", "usage_visits_again"]] = 0.0
    reasons = result.reason_codes(table, top=2)
    assert reasons.index.equals(table.index)
    assert reasons.loc[table.index[:40], "reason_1"].str.match(r"experience_wait \(\+").all()
    assert reasons["reason_1"].str.contains("contract_noise").mean() < 0.02
    assert reasons["reason_2"].str.contains("contract_noise").mean() < 0.2
    assert reasons["reasons_stable"].between(0, 2).all()
    assert reasons.attrs["stability"]["same_first"] > 0.8


def test_where_nothing_predicts_few_reasons_survive_the_refits():
    null = ChurnModel(recipe="curves", replicates=50, shuffles=1, folds=2).fit(make_panel(seed=3, signal=0))
    fake = null.reason_codes(make_panel(300, seed=4), top=3)
    real = ChurnModel(recipe="curves", replicates=50, shuffles=1, folds=2).fit(make_panel(seed=3))
    true = real.reason_codes(make_panel(300, seed=4), top=3)
    assert fake["reasons_stable"].mean() < 0.8 * true["reasons_stable"].mean()


def test_reasons_are_equal_to_the_last_digit_and_wrong_settings_are_named(result):
    table = make_panel(50, seed=5)
    pd.testing.assert_frame_equal(result.reason_codes(table), result.reason_codes(table))
    assert len(result.reason_codes(table.head(0))) == 0
    with pytest.raises(FitError, match="wrong: usage_wait"):
        result.reason_codes(table, families={"a": ["usage_wait"]})
    with pytest.raises(FitError, match="two families"):
        result.reason_codes(table, families={"a": ["usage_visits"], "b": ["usage_visits"]})
    with pytest.raises(ParameterError, match="refits"):
        result.reason_codes(table, refits=2)
