"""Experiences and answers: valence, resolution, order, and a reason for every row that is missing."""

import pandas as pd
import pytest
from linking_oracle import earliest_resolution, usable_events
from linking_world import make_frames, tables_of

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.experiences import answers, experiences


def link(**frames):
    return Tables.of(frames, None, title="test")


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_experiences_equal_brute_force(seed):
    frames = make_frames(seed)
    events = usable_events(frames)
    events = events[events["outcome"].isin([-1, 1])]
    expected = pd.DataFrame(
        {
            "customer_id": events["customer_id"],
            "occurred_at": events["occurred_at"],
            "known_at": events["known_at"],
            "touchpoint": events["touchpoint"],
            "valence": events["outcome"].map({-1: "negative", 1: "positive"}),
            "resolved_at": pd.Series(
                [earliest_resolution(frames, event) for _, event in events.iterrows()], index=events.index
            ),
        }
    )
    keys = ["customer_id", "occurred_at", "known_at", "valence", "touchpoint", "resolved_at"]
    found = experiences(tables_of(frames)).table()
    assert found.index.equals(found.sort_values(["customer_id", "occurred_at"], kind="stable").index)
    left, right = (frame[keys].sort_values(keys).reset_index(drop=True) for frame in (found, expected))
    pd.testing.assert_frame_equal(left, right, check_dtype=False)
    assert found["resolved_at"].notna().sum() > 5


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_event_is_an_experience_or_lost_with_a_reason(seed):
    frames = make_frames(seed)
    result = experiences(tables_of(frames))
    events = frames["events"]
    aside = result.provenance.n_set_aside
    assert result.provenance.n_used + sum(aside.values()) == len(events)
    assert aside["no customer_id"] == events["customer_id"].isna().sum()
    usable = usable_events(frames)
    assert aside["neutral outcome"] == (usable["outcome"] == 0).sum()
    assert aside["no outcome"] == usable["outcome"].isna().sum()
    complaints = result.losses().query("table == 'complaints'").set_index("reason")["rows"]
    assert complaints["complaint without event_id"] == frames["complaints"]["event_id"].isna().sum()
    assert complaints["event_id is not in events"] == 1
    owner = frames["complaints"].merge(
        events[["event_id", "customer_id"]], on="event_id", suffixes=("", "_event")
    )
    other = owner["customer_id"].isna() | (owner["customer_id"] != owner["customer_id_event"])
    assert complaints["its event belongs to another customer"] == other.sum()


def test_the_earliest_of_several_resolutions_counts_and_a_strangers_does_not():
    events = pd.DataFrame(
        {"event_id": ["E1", "E2"], "customer_id": ["C1", "C1"], "outcome": [-1, -1],
         "occurred_at": pd.to_datetime(["2026-01-01", "2026-01-02"])}
    )  # fmt: skip
    complaints = pd.DataFrame(
        {"complaint_id": list("abcd"), "event_id": ["E1", "E1", "E1", "E2"],
         "customer_id": ["C1", "C1", "C2", "C2"], "opened_at": pd.to_datetime(["2026-01-05"] * 4),
         "resolved_at": pd.to_datetime(["2026-02-01", "2026-01-20", "2026-01-10", "2026-01-10"])}
    )  # fmt: skip
    found = experiences(link(events=events, complaints=complaints)).table()
    assert found["resolved_at"].tolist() == [pd.Timestamp("2026-01-20"), pd.NaT]


def test_without_outcomes_there_are_no_experiences():
    events = make_frames(1)["events"]
    with pytest.raises(NotAnswerableError, match="outcome"):
        experiences(link(events=events.drop(columns="outcome")))
    with pytest.raises(NotAnswerableError, match="no table events"):
        experiences(link(surveys=make_frames(1)["surveys"]))


def test_without_a_way_from_complaint_to_event_everything_looks_unresolved_and_is_said_so():
    frames = make_frames(1)
    frames["complaints"] = frames["complaints"].drop(columns="event_id")
    result = experiences(tables_of(frames))
    assert result.table()["resolved_at"].isna().all()
    assert not result.checks().set_index("check").loc["resolution is known", "passed"]
    assert result.losses().set_index("reason").loc["no way from a complaint to its event", "rows"] == 50


@pytest.mark.parametrize("outcome", ["overall", "recommend_0_10"])
def test_answers_hold_every_answer_that_states_the_outcome(outcome):
    surveys = make_frames(2)["surveys"]
    result = answers(link(surveys=surveys), outcome=outcome)
    complete = surveys.dropna(subset=["customer_id", "answered_at", outcome])
    expected = complete.sort_values(["customer_id", "answered_at", "response_id"])
    assert result.table()[outcome].tolist() == expected[outcome].tolist()
    assert list(result.table().columns) == ["customer_id", "answered_at", outcome, "location_id"]
    placed = surveys.dropna(subset=["customer_id", "answered_at"])
    expected = {
        "no customer_id": surveys["customer_id"].isna().sum(),
        "no answered_at": (surveys["answered_at"].isna() & surveys["customer_id"].notna()).sum(),
        f"no {outcome}": placed[outcome].isna().sum(),
    }
    assert result.provenance.n_set_aside == {reason: n for reason, n in expected.items() if n}
    assert sum(result.provenance.n_set_aside.values()) > 10


def test_answers_refuse_a_missing_or_worded_outcome():
    surveys = make_frames(2)["surveys"].assign(comment="fine")
    with pytest.raises(NotAnswerableError, match="rating_wash"):
        answers(link(surveys=surveys), outcome="rating_wash")
    with pytest.raises(ParameterError, match="not a numeric column"):
        answers(link(surveys=surveys), outcome="comment")
