"""A forecast per segment: its own where it can be learned, the pooled one with an offset where not."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxlab.core.errors import FitError, ParameterError
from cxlab.models.churn.horizon import ChurnModel
from cxlab.models.churn.segments import SegmentChurnModel

FAST = ChurnModel(recipe="curves", replicates=50, shuffles=1, horizon_days=60, lead_days=0)
CUTS = pd.to_datetime(["2025-01-01", "2025-04-01", "2025-07-01"])


def segments_panel(customers=2400, *, seed=1):
    """Two large segments and a small one that leaves more often, at the same effect of waiting."""
    rng = np.random.default_rng(seed)
    name = rng.choice(["private", "business", "fleet"], customers, p=[0.6, 0.37, 0.03])
    parts = []
    for cut in CUTS:
        wait = rng.normal(size=customers)
        p = expit(-2.2 + 1.1 * wait + 1.0 * (name == "fleet"))
        part = {"customer_id": np.arange(customers).astype(str), "cut_at": cut, "contract_segment": name}
        churned = (rng.random(customers) < p).astype(int)
        parts.append(pd.DataFrame({**part, "usage_wait": wait, "churned": churned, "truth": p}))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def panel():
    return segments_panel()


def fit(panel, segment, **settings):
    model = SegmentChurnModel(model=FAST, column="contract_segment", segment=segment, **settings)
    return model.fit(panel.drop(columns="truth"))


def test_a_segment_with_enough_churners_gets_a_model_of_its_own(panel):
    result = fit(panel, "private")
    mine = panel[panel["contract_segment"] == "private"].drop(columns="truth")
    pd.testing.assert_frame_equal(result.table(), FAST.fit(mine).table())
    assert result.summary().startswith("Segment private: a model of its own")
    assert bool(result.checks().set_index("check").loc["model of the segment", "passed"])


def test_a_small_segment_falls_back_to_the_pooled_model_with_its_offset_and_says_so(panel):
    result = fit(panel, "fleet")
    fleet = panel["contract_segment"] == "fleet"
    assert 30 <= (panel.loc[fleet, "churned"] == 1).sum() < 100
    scored = result.scored()
    assert set(scored.index) <= set(panel.index[fleet])
    # The level of the segment is met, which a model without its column misses by a half.
    truth = panel.loc[scored.index, "truth"].mean()
    assert scored["probability"].mean() == pytest.approx(truth, rel=0.25)
    blind = FAST.fit(panel.drop(columns=["truth", "contract_segment"])).scored()
    assert blind.loc[scored.index, "probability"].mean() < 0.7 * truth
    assert "fewer than 100" in result.summary()
    assert "offset" in result.headline() + result.summary()
    check = result.checks().set_index("check").loc["model of the segment"]
    assert not check["passed"]
    assert "pooled" in str(check["value"])
    assert result.provenance.n_used == int(fleet.sum())
    assert sum(result.provenance.n_set_aside.values()) == len(panel) - int(fleet.sum())
    now = panel[fleet].head(5).drop(columns=["truth", "churned"])
    assert result.predict(now).between(0.0, 1.0).all()


def test_the_segment_is_among_the_features_even_if_these_are_named(panel):
    named = ChurnModel(**{**vars(FAST), "features": ("usage_wait",)})
    model = SegmentChurnModel(model=named, column="contract_segment", segment="fleet")
    assert set(model.fit(panel.drop(columns="truth")).coder.features) == {"usage_wait", "contract_segment"}


def test_a_segment_too_small_for_any_measure_prints_too_few(panel):
    few = panel["contract_segment"].eq("fleet") & (panel.index % 4 > 0)
    result = fit(panel[~few], "fleet")
    assert set(result.table()["verdict"]) == {"too few"}
    assert "too few" in result.summary()


def test_wrong_segments_are_named(panel):
    with pytest.raises(FitError, match="business, fleet, private"):
        fit(panel, "Fleet")
    with pytest.raises(FitError, match="no column region"):
        SegmentChurnModel(model=FAST, column="region", segment="north").fit(panel)
    with pytest.raises(ParameterError, match=r"only\(location_id"):
        SegmentChurnModel(column="location_id", segment="D001")
