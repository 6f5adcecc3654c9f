"""A zone of tolerance is plain only where the gap is measured without noise; else it is called widened."""

import numpy as np
import pandas as pd
import pytest

import cxlab
from cxlab.models.journeys.expectations import ToleranceModel
from cxlab.stats.tolerance import fit_zone, zone_columns
from cxlab.stats.tolerance_noise import noise_profile

TRUTH = (-1.0, 1.5)


def answers(rng, n=6_000, *, noise=0.0, rounded=False, sd=1.0):
    expected = rng.normal(7, 1, n)
    gap = rng.normal(0, 1.8, n)
    outcome = zone_columns(gap, *TRUTH) @ [1.2, 0.15, 0.6] + rng.normal(0, sd, n)
    perceived = expected + gap + rng.normal(0, noise, n)
    table = pd.DataFrame({"expectation": expected, "perceived": perceived})
    if rounded:
        table = table.round()
    return table.assign(visit_satisfaction=outcome)


def row(result, term):
    return result.table().set_index("term").loc[term]


def test_a_zone_without_noise_is_supported():
    result = ToleranceModel().fit(answers(np.random.default_rng(1)))
    assert row(result, "zone")["verdict"] == "supported"
    assert "noise in the gap" not in result.headline()
    assert result.checks().set_index("check").loc["noise in the gap", "passed"]


def test_a_zone_widened_by_noise_is_not_supported_and_says_so():
    result = ToleranceModel().fit(answers(np.random.default_rng(2), 20_000, noise=0.7, sd=0.7))
    for term in ("zone", "lower threshold", "upper threshold"):
        assert row(result, term)["verdict"] == "undetermined", term
        assert row(result, term)["reason"] == "widened by noise in the gap"
    assert "widened by noise in the gap" in result.headline()
    assert "the corners are round" in result.summary()
    assert not result.checks().set_index("check").loc["noise in the gap", "passed"]
    wide = row(result, "upper threshold")["estimate"] - row(result, "lower threshold")["estimate"]
    assert wide > 2.7, "the trap: the zone as measured is wider than the true 2.5"
    assert result.noise.upper - result.noise.lower < wide - 0.2
    assert result.noise.spread == pytest.approx(0.7, abs=0.25)


def test_rounded_ratings_are_noise_that_is_known():
    result = ToleranceModel().fit(answers(np.random.default_rng(3), rounded=True))
    assert row(result, "zone")["verdict"] == "undetermined"
    assert "ratings are rounded" in result.headline()


def test_the_demo_gives_back_its_zone_where_the_gap_is_not_rounded():
    """Whole points cost the lower threshold a tenth of a point; the hidden gap shows it is only that."""
    demo = cxlab.simulate(customers=10_000, seed=2025)
    truth, surveys = demo.truth, demo.frames["surveys"]
    hidden = surveys["journey_id"].map(demo.latent["journeys"].set_index("journey_id")["gap"])
    known = surveys["visit_satisfaction"].notna() & hidden.notna()
    rng = np.random.default_rng(1)
    fit = fit_zone(
        hidden[known].to_numpy(), surveys.loc[known, "visit_satisfaction"].to_numpy(float), rng=rng
    )
    assert fit.lower_limits[0] <= truth.zone_low <= fit.lower_limits[1]
    assert fit.upper_limits[0] <= truth.zone_high <= fit.upper_limits[1]
    rounded = ToleranceModel().fit(surveys)
    upper, lower = row(rounded, "upper threshold"), row(rounded, "lower threshold")
    assert upper["conf_low"] <= truth.zone_high <= upper["conf_high"]
    assert truth.zone_low - 0.15 < lower["estimate"] < truth.zone_low
    assert "ratings are rounded" in rounded.headline()


def test_one_kink_prints_no_threshold_and_says_what_describes_the_gap_better():
    rng = np.random.default_rng(8)
    table = answers(rng, 2_000)
    gap = table["perceived"] - table["expectation"]
    kink = 1.2 * np.minimum(gap, 0) + 0.3 * np.maximum(gap, 0) + rng.normal(0, 1, len(gap))
    result = ToleranceModel().fit(table.assign(visit_satisfaction=kink))
    assert row(result, "zone")["verdict"] == "rejected"
    withheld = result.table().iloc[1:]
    assert withheld[["estimate", "conf_low", "conf_high"]].isna().all(axis=None)
    assert (withheld["verdict"] == "not identified").all()
    assert "no zone of tolerance" in result.headline()


def test_the_surface_sees_that_the_level_counts_beside_the_gap():
    rng = np.random.default_rng(9)
    table = answers(rng, 1_500)
    name, model = "only the gap counts", ToleranceModel(minimum_n=500)
    assert model.fit(table).checks().set_index("check").loc[name, "passed"]
    both = table["visit_satisfaction"] + 0.3 * (table["expectation"] + table["perceived"])
    result = model.fit(table.assign(visit_satisfaction=both))
    assert not result.checks().set_index("check").loc[name, "passed"]
    agree = result.surface().set_index("term").loc["slope where both agree"]
    assert agree["conf_low"] < 0.6 < agree["conf_high"]


def test_an_expectation_asked_with_the_answer_is_warned_of():
    table = answers(np.random.default_rng(10), 600)
    name, moment = "expectation asked before the answer", pd.Timestamp("2026-01-05")
    model = ToleranceModel(minimum_n=500)
    assert not model.fit(table).checks().set_index("check").loc[name, "passed"], "nobody knows"
    same = table.assign(answered_at=moment, expectation_at=moment)
    assert not model.fit(same).checks().set_index("check").loc[name, "passed"]
    before = same.assign(expectation_at=moment - pd.Timedelta(days=9))
    assert model.fit(before).checks().set_index("check").loc[name, "passed"]


def shown(runs, n, noise, seed=4):
    found = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs)):
        table = answers(rng, n, noise=noise)
        gap = (table["perceived"] - table["expectation"]).to_numpy()
        profile = noise_profile(
            gap, table["visit_satisfaction"].to_numpy(), spreads=gap.std() * np.arange(0, 0.7, 0.1)
        )
        found.append(profile.shown(confidence=0.95))
    return np.mean(found)


def test_noise_is_seen_where_it_is_and_seldom_where_it_is_not(record_figure):
    false, true = shown(12, 2_000, 0.0), shown(4, 20_000, 0.5)
    record_figure("noise in the gap seen where there is none, short", false, runs=12, bound="<= 2/12")
    record_figure("noise of 0.5 points seen, n = 20,000", true, runs=4, bound=">= 3/4")
    assert false <= 2 / 12
    assert true >= 3 / 4


@pytest.mark.statistics
def test_noise_is_seldom_seen_where_there_is_none(record_figure):
    false = shown(300, 2_000, 0.0, seed=5)
    record_figure("noise in the gap seen where there is none, n = 2,000", false, runs=300, bound="<= 0.08")
    assert false <= 0.08


def test_more_noise_than_gap_is_refused():
    gap = np.random.default_rng(6).normal(0, 1, 500)
    with pytest.raises(ValueError, match="varies by"):
        noise_profile(gap, gap, spreads=np.array([0.0, 2.0]))
