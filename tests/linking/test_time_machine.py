"""The time machine: whatever becomes known at or after the cut changes nothing before it."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from linking_oracle import exposure_table, snapshot_table
from linking_world import CUT_DAYS, START, forget, make_frames, scramble, tables_of

from cxlab.linking import event_features
from cxlab.linking import exposure as exposure_module
from cxlab.linking import snapshot_features as snapshot_module
from cxlab.linking.exposure import exposure
from cxlab.linking.snapshots import snapshots

CUTS = tuple(START + pd.Timedelta(days=days) for days in CUT_DAYS)
LEAD_DAYS = 20


def snapshot_features(frames, cuts, *, full=True):
    """The features at each cut-off, by customer."""
    tables = tables_of(frames)
    linked = snapshots(tables, cuts=cuts, lead_days=LEAD_DAYS, horizon_days=90, full_experience=full)
    columns = [column for block in linked.blocks.values() for column in block]
    parts = linked.table().groupby("cut_at")
    return {cut: part.set_index("customer_id")[columns].sort_index() for cut, part in parts}


def snapshot_features_at(frames, cuts, cut, *, full=True):
    return snapshot_features(frames, cuts, full=full)[cut]


def exposures_of(frames, days):
    linked = exposure(tables_of(frames), days=days)
    table = linked.table().set_index("response_id")
    return table[linked.feature_blocks()["column"]]


def same(left, right):
    """Equal values whatever the dtype; floats to twelve digits (sums in another order differ beyond)."""
    columns = sorted(set(left.columns) | set(right.columns))
    assert sorted(left.columns) == columns
    assert sorted(right.columns) == columns
    rows = sorted(left.index)
    assert rows == sorted(right.index)
    for column in columns:
        one, other = left.loc[rows, column], right.loc[rows, column]
        if pd.api.types.is_numeric_dtype(one.dtype):
            # A slope is a difference of sums: next to 0 its digits are absolute.
            floor = 1e-11 if "slope" in column else 0
            np.testing.assert_allclose(
                one.to_numpy(float), other.to_numpy(float), rtol=1e-12, atol=floor, err_msg=column
            )
        else:
            texts = [["-" if pd.isna(value) else value for value in values] for values in (one, other)]
            assert texts[0] == texts[1], column


@pytest.mark.parametrize(("seed", "full"), [(1, True), (2, False)])
def test_every_snapshot_feature_equals_brute_force(seed, full):
    frames = make_frames(seed)
    for cut, found in snapshot_features(frames, CUTS, full=full).items():
        same(found, snapshot_table(frames, cut, LEAD_DAYS, full=full))
        assert found["experience_slope_per_year" if full else "survey_mean_rating"].notna().any()


@pytest.mark.parametrize(("seed", "days"), [(1, 30), (2, 90), (3, 400)])
def test_every_exposure_equals_brute_force(seed, days):
    frames = make_frames(seed, events=400)
    same(exposures_of(frames, days), exposure_table(frames, days))


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_or_scrambling_what_is_known_later_changes_no_snapshot_feature(seed):
    frames = make_frames(seed)
    for cut in CUTS:
        honest = snapshot_features_at(frames, CUTS, cut)
        for other in (forget(frames, cut), scramble(frames, cut, seed)):
            changed = snapshot_features_at(other, (cut,), cut)
            assert set(honest.index) <= set(changed.index)  # without later leavers more are at risk
            same(honest, changed.loc[honest.index])


@pytest.mark.parametrize("seed", range(3))
def test_forgetting_or_scrambling_what_is_known_later_changes_no_exposure(seed):
    frames = make_frames(seed, events=400, surveys=120)
    answered = frames["surveys"]["answered_at"]
    for cut in answered.dropna().sort_values().iloc[[40, 80]]:
        asked = frames | {"surveys": frames["surveys"][answered <= cut]}  # answers AT the cut included
        honest = exposures_of(asked, 90)
        for past in (forget(frames, cut), scramble(frames, cut, seed)):
            changed = exposures_of(past | {"surveys": asked["surveys"]}, 90)
            same(honest, changed.reindex(columns=honest.columns, fill_value=0))


def test_an_inclusive_cut_in_snapshots_is_caught(monkeypatch):
    monkeypatch.setattr(snapshot_module, "SEEN", "visible_at <= {cut}")
    frames = make_frames(1)
    cut = CUTS[0]
    leaky = snapshot_features_at(frames, CUTS, cut)
    with pytest.raises(AssertionError):
        same(leaky, snapshot_features_at(scramble(frames, cut, 1), CUTS, cut).loc[leaky.index])


def test_an_event_seen_at_the_very_cut_is_caught_if_it_counts(monkeypatch):
    monkeypatch.setattr(event_features, "first_cut", lambda cuts, seen: np.searchsorted(cuts, seen))
    frames, cut = make_frames(1), CUTS[0]
    frames["events"].loc[:20, ["occurred_at", "known_at"]] = cut
    leaky = snapshot_features_at(frames, CUTS, cut)[["usage_events_90d", "experience_mean_outcome"]]
    past = snapshot_features_at(forget(frames, cut), CUTS[:1], cut)[leaky.columns]
    with pytest.raises(AssertionError):
        same(leaky, past.loc[leaky.index])


def test_a_total_over_all_time_in_snapshots_is_caught(monkeypatch):
    monkeypatch.setattr(snapshot_module, "SEEN", "TRUE")
    frames = make_frames(1)
    leaky = snapshot_features_at(frames, CUTS, CUTS[0])
    with pytest.raises(AssertionError):
        same(leaky, snapshot_features_at(forget(frames, CUTS[0]), CUTS[:1], CUTS[0]).loc[leaky.index])


@pytest.mark.parametrize(
    ("strict", "leaky"),
    [("visible_at < answered_at", "visible_at <= answered_at"), (" AND visible_at < answered_at", "")],
)
def test_a_leak_in_exposure_is_caught_by_brute_force_and_by_its_own_check(monkeypatch, strict, leaky):
    honest = exposure_module.exposure_sql

    def planted(*arguments, **settings):
        text = honest(*arguments, **settings)
        assert text.count(strict) == 1
        return text.replace(strict, leaky)

    monkeypatch.setattr(exposure_module, "exposure_sql", planted)
    frames = make_frames(1, events=400)
    checks = exposure(tables_of(frames), days=90).checks().set_index("check")
    assert not checks.loc["only earlier records", "passed"]
    with pytest.raises(AssertionError):
        same(exposures_of(frames, 90), exposure_table(frames, 90))


# Worlds on a grid of ten days with two customers: nearly every record meets another in the same second.
day = st.integers(0, 9)
event = st.tuples(st.sampled_from(["A", "B"]), day, st.integers(0, 3), st.sampled_from([-1, 0, 1]))
answer = st.tuples(st.sampled_from(["A", "B"]), day)
complaint = st.tuples(st.integers(0, 5), day, st.one_of(st.none(), st.integers(0, 5)))


@st.composite
def grid_worlds(draw):
    frames = make_frames(0, customers=2, events=6, surveys=3, complaints=4)
    at = lambda days: START + pd.Timedelta(days=days)  # noqa: E731
    happened = draw(st.lists(event, min_size=6, max_size=6))
    frames["events"] = frames["events"].assign(
        customer_id=[one[0] for one in happened],
        occurred_at=[at(one[1]) for one in happened],
        known_at=[at(one[1] + one[2]) for one in happened],
        outcome=pd.array([one[3] for one in happened], dtype="Int8"),
    )
    said = draw(st.lists(answer, min_size=3, max_size=3))
    frames["surveys"] = frames["surveys"].assign(
        customer_id=[one[0] for one in said], answered_at=[at(one[1]) for one in said]
    )
    grievances = draw(st.lists(complaint, min_size=4, max_size=4))
    about = frames["events"].iloc[[one[0] for one in grievances]].reset_index(drop=True)
    resolved = [pd.NaT if one[2] is None else at(one[1] + one[2]) for one in grievances]
    frames["complaints"] = frames["complaints"].assign(
        event_id=about["event_id"],
        customer_id=about["customer_id"],
        opened_at=[at(one[1]) for one in grievances],
        resolved_at=pd.Series(resolved, dtype="datetime64[us]"),
    )
    frames["customers"] = frames["customers"].assign(
        customer_id=["A", "B"],
        joined_at=[at(-1), at(draw(day))],
        left_at=pd.Series([pd.NaT] * 2).astype("datetime64[us]"),
    )
    frames["contracts"] = frames["contracts"].assign(
        customer_id=["A", "A", "B", "B"], started_at=at(draw(day))
    )
    return frames


@settings(max_examples=8, deadline=None, derandomize=True)
@given(frames=grid_worlds(), days=st.integers(1, 5), cut=st.integers(1, 9))
def test_worlds_of_ties_link_as_brute_force_does(frames, days, cut):
    link_as_brute_force_does(frames, days, cut)


@pytest.mark.statistics
@settings(max_examples=100, deadline=None, derandomize=True)
@given(frames=grid_worlds(), days=st.integers(1, 5), cut=st.integers(1, 9))
def test_a_hundred_worlds_of_ties_link_as_brute_force_does(frames, days, cut):
    link_as_brute_force_does(frames, days, cut)


def link_as_brute_force_does(frames, days, cut):
    moment = START + pd.Timedelta(days=cut)
    if set(frames["surveys"]["customer_id"]) & set(frames["events"]["customer_id"]):
        linked = exposures_of(frames, days)
        same(linked, exposure_table(frames, days).reindex(columns=linked.columns))
    if frames["events"]["occurred_at"].min() < moment:
        found = snapshot_features_at(frames, (moment,), moment)
        same(found, snapshot_table(frames, moment, LEAD_DAYS, full=True))
