"""The further questions and records of the demo network follow the truth that is stated for them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from cxlab.simulation.churn import complaint_logit
from cxlab.simulation.handling import handling_points
from cxlab.simulation.simulate import Demo, simulate
from cxlab.simulation.truth import Truth
from cxlab.simulation.visit_survey import zone_points

DAY = pd.Timedelta(days=1)


@pytest.fixture(scope="module")
def demo() -> Demo:
    return simulate(20_000, seed=31)


def test_the_expectation_is_asked_before_anything_happens_on_the_visit(demo: Demo) -> None:
    surveys, events = demo.frames["surveys"], demo.frames["events"]
    arrival = events[events["episode"] == "arrival"].set_index("journey_id")["occurred_at"]
    assert (surveys["expectation_at"] < surveys["journey_id"].map(arrival)).all()
    joined = demo.frames["customers"].set_index("customer_id")["joined_at"]
    assert (surveys["expectation_at"] > surveys["customer_id"].map(joined)).all()


def test_satisfaction_with_the_visit_bends_at_the_zone_and_the_relationship_does_not(demo: Demo) -> None:
    truth = demo.truth
    hidden = demo.latent["journeys"].set_index("journey_id")
    surveys = demo.frames["surveys"]
    complained = demo.frames["complaints"].groupby("customer_id")["opened_at"].min()
    before = surveys["customer_id"].map(complained)
    calm = surveys[before.isna() | (before > surveys["answered_at"])]
    gap = calm["journey_id"].map(hidden["gap"]).to_numpy()
    rest = calm["visit_satisfaction"] - truth.visit_mean - zone_points(truth, gap)
    for low, high in ((-4, -1.5), (-1.5, 1.0), (1.0, 4.0)):
        inside = (gap > low) & (gap < high)
        assert inside.mean() > 0.1
        assert abs(rest[inside].mean()) < 0.05, (low, high)
        assert abs(np.polyfit(gap[inside], rest[inside], 1)[0]) < 0.06, (low, high)


def test_bad_visits_are_told_to_more_people_than_good_ones(demo: Demo) -> None:
    truth, surveys = demo.truth, demo.frames["surveys"]
    good, bad = surveys["told_good_count"].dropna(), surveys["told_bad_count"].dropna()
    assert not (surveys["told_good_count"].notna() & surveys["told_bad_count"].notna()).any()
    for told, name, slack in ((good, "good", 0.15), (bad, "bad", 1.2)):
        tellers = told[told > 0]
        assert tellers.mean() == pytest.approx(truth.tells_mean[name], abs=slack)
        assert (told <= truth.tells_most).all()
    assert (good > 0).mean() == pytest.approx(truth.tells_share["good"], abs=0.02)
    assert (bad > 0).mean() > 1.4 * (good > 0).mean()


def test_the_wallet_rule_holds_on_average_and_a_single_brand_has_it_all(demo: Demo) -> None:
    surveys = demo.frames["surveys"]
    used, rank = surveys["brands_used_count"], surveys["brand_rank"]
    assert (rank <= used).all()
    assert (surveys.loc[used == 1, "spend_share"] == 1).all()
    rule = (1 - rank / (used + 1)) * 2 / used
    several = used > 1
    assert (surveys["spend_share"] - rule)[several].mean() == pytest.approx(0.0, abs=0.01)
    several_first = surveys[several].groupby(rank == 1)["overall"].mean()
    assert several_first[True] > several_first[False] + 0.3


def test_the_curve_of_days_shows_in_the_survey_after_a_complaint(demo: Demo) -> None:
    truth = demo.truth
    complaints = demo.frames["complaints"].dropna(subset="satisfaction_after").copy()
    asked = complaints["opened_at"] + truth.after_days * DAY
    resolved = (complaints["resolved_at"] < asked).to_numpy()
    days = ((complaints["resolved_at"] - complaints["opened_at"]) / DAY).to_numpy()
    order = demo.frames["complaints"].sort_values("opened_at").groupby("customer_id").cumcount()
    repeated = (order.loc[complaints.index] > 0).to_numpy()
    told = handling_points(truth, days, resolved=resolved, repeated=repeated)
    rows = complaints.merge(demo.latent["customers"], on="customer_id", validate="many_to_one")
    # An answer to a visit near that moment shows the relationship of the same customer.
    rest = (
        rows["satisfaction_after"]
        - truth.after_mean
        - rows["alpha"]
        - truth.after_severity * rows["severity"]
    )
    slope, level = np.polyfit(told, rest, 1)
    # The stock adds its own: unresolved weighs 10, resolved 4.
    assert 0.9 < slope < 1.6
    assert level < 0.0
    fast, slow = resolved & (days <= 3), resolved & (days > 14)
    assert rest[fast].mean() > rest[slow].mean() + 0.8 > rest[~resolved].mean() + 1.2


def test_a_fast_first_recovery_pleases_more_than_no_failure_and_a_second_one_does_not() -> None:
    truth = Truth()
    days = np.array([1.0, 3.0, 7.0, 30.0, 300.0])
    resolved = np.ones(5, dtype=bool)
    once = handling_points(truth, days, resolved=resolved, repeated=~resolved)
    again = handling_points(truth, days, resolved=resolved, repeated=resolved)
    assert once[1] > 0.3 > once[2] > 0.0 > once[3] > once[4] == truth.handling_unresolved
    assert (again[:4] == once[:4] - truth.handling_repeated).all()


def test_an_open_complaint_weighs_more_every_day_and_half_of_it_stays() -> None:
    truth = Truth()
    grade = np.zeros(4, dtype=np.int64)
    since = np.array([10.0, 100.0, 100.0, 400.0])
    logit = complaint_logit(
        truth, since, days_to_resolve=np.array([np.inf, np.inf, 20.0, 20.0]), severity=grade
    )
    np.testing.assert_allclose(logit, [0.15, 0.9, 0.15, 0.0])
    worse = complaint_logit(truth, since, days_to_resolve=np.full(4, np.inf), severity=grade + 2)
    np.testing.assert_allclose(
        (worse - complaint_logit(truth, since, days_to_resolve=np.full(4, np.inf), severity=grade))[:3],
        0.16,
    )


def test_arms_of_handling_overlap_and_are_confounded_by_severity_and_value(demo: Demo) -> None:
    complaints = demo.frames["complaints"]
    days = (complaints["resolved_at"] - complaints["opened_at"]) / DAY
    arm = pd.Series(np.where(days.isna(), "unresolved", np.where(days <= 7, "fast", "slow")))
    share = pd.crosstab(complaints["severity"], arm, normalize="index")
    assert share.min().min() > 0.02
    assert share.loc[0, "fast"] > 2 * share.loc[4, "fast"]
    value = (
        demo.frames["contracts"].drop_duplicates("customer_id").set_index("customer_id")["value_per_year"]
    )
    paid = complaints["customer_id"].map(value).groupby(arm.to_numpy()).median()
    assert paid["fast"] > paid["slow"] > paid["unresolved"]


def test_the_trial_is_randomised_and_its_effect_is_unrelated_to_the_risk(demo: Demo) -> None:
    truth = demo.truth
    rows = demo.frames["customers"].merge(demo.latent["customers"], on="customer_id")
    rows = rows[rows["treated"].notna()]
    assert (rows["joined_at"] < rows["trial_at"]).all()
    assert not (rows["left_at"] <= rows["trial_at"]).any()
    treated = rows["treated"] == 1
    n = len(rows)
    assert abs(treated.mean() - truth.trial_share) < 4 * 0.5 / np.sqrt(n)
    for column in ("alpha", "price_sensitivity"):
        gap = rows.loc[treated, column].mean() - rows.loc[~treated, column].mean()
        assert abs(gap) < 4 * rows[column].std() / np.sqrt(n / 4)
    assert abs(np.corrcoef(rows["alpha"], rows["price_sensitivity"])[0, 1]) < 4 / np.sqrt(n)
    left = rows["left_at"] < rows["trial_at"] + truth.trial_days * DAY
    sensitive = rows["price_sensitivity"] > 0
    helped, spared = left[treated & sensitive].mean(), left[~treated & sensitive].mean()
    assert helped < 0.65 * spared
    assert left[treated & ~sensitive].mean() > left[~treated & ~sensitive].mean()


def test_the_discount_hints_at_the_price_sensitivity(demo: Demo) -> None:
    contracts = demo.frames["contracts"].drop_duplicates("customer_id")
    rows = contracts.merge(demo.latent["customers"], on="customer_id")
    assert 0.7 < np.corrcoef(rows["discount_share"], rows["price_sensitivity"])[0, 1] < 0.95


def test_without_an_offer_effect_the_trial_changes_nobody() -> None:
    mute = dataclasses.replace(Truth(), trial_effect_sensitive=0.0, trial_effect_other=0.0)
    customers = simulate(6_000, seed=5, truth=mute).frames["customers"]
    rows = customers[customers["treated"].notna()]
    left = (rows["left_at"] < rows["trial_at"] + 180 * DAY).groupby(rows["treated"]).mean()
    assert abs(left[1] - left[0]) < 3.5 * np.sqrt(4 * 0.06 * 0.94 / len(rows))
