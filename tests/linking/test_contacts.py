"""Contacts: everybody who could have been asked, with the answer where there is one."""

import numpy as np
import pandas as pd
import pytest
from linking_world import make_frames

from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.ingest.load import load
from cxlab.ingest.tables import Tables
from cxlab.linking.contacts import contacts
from cxlab.simulation.simulate import simulate

DATA_END = pd.Timestamp("2026-06-30")


def frames_of(journeys, surveys=()):
    """Events from (journey, customer, day, extra) and surveys from (journey, customer, day, overall)."""
    events = pd.DataFrame(
        [
            {
                "event_id": f"E{place}",
                "journey_id": journey,
                "customer_id": customer,
                "occurred_at": pd.Timestamp(day),
                **extra,
            }
            for place, (journey, customer, day, extra) in enumerate(journeys)
        ]
    )
    columns = ["journey_id", "customer_id", "answered_at", "overall"]
    said = pd.DataFrame(list(surveys), columns=columns)
    said["answered_at"] = pd.to_datetime(said["answered_at"], format="ISO8601")
    said["overall"] = said["overall"].astype(float)
    return {"events": events, "surveys": said}


def linked(frames, **settings):
    return contacts(Tables.of(frames, None, title="test", data_end=DATA_END), **settings)


def test_facts_of_a_journey_come_from_its_own_events_and_the_place_from_the_last():
    first = {"outcome": -1, "channel": "digital", "owner": "own", "wait_minutes": 10.0, "location_id": "D1"}
    last = {"outcome": 1, "channel": "physical", "owner": None, "wait_minutes": 30.0, "location_id": "D2"}
    none = {"outcome": 0, "channel": None, "owner": "partner", "wait_minutes": np.nan, "location_id": None}
    frames = frames_of(
        [
            ("J1", "C1", "2026-01-01", first),
            ("J1", "C1", "2026-01-03", last),
            ("J1", "C1", "2026-01-04", none),
            ("J2", "C1", "2026-01-02", {"outcome": -1, "wait_minutes": 99.0, "location_id": "D9"}),
        ],
        [("J1", "C1", "2026-01-06", 4)],
    )
    frames["customers"] = pd.DataFrame(
        {
            "customer_id": ["C1"],
            "joined_at": pd.to_datetime(["2026-01-01"]),
            "segment": ["fleet"],
            "points_today": [7],
        }
    )
    table = linked(frames).table().set_index("journey_id")
    row = table.loc["J1"]
    assert (row["location_id"], row["n_events"], row["negative_events"]) == ("D2", 3, 1)
    assert (row["mean_wait_minutes"], row["max_wait_minutes"], row["duration_days"]) == (20.0, 30.0, 3.0)
    assert (row["digital_share"], row["own_share"]) == (0.5, 0.5)
    assert (row["segment"], row["days_since_joining"]) == ("fleet", 3.0)
    assert (bool(row["answered"]), row["overall"]) == (True, 4.0)
    assert not table.loc["J2", "answered"]
    assert np.isnan(table.loc["J2", "overall"])
    assert "points_today" not in table, "a state of today may know what happened after the journey"


def test_every_journey_and_every_survey_is_kept_or_lost_with_a_reason():
    frames = frames_of(
        [
            ("J1", "C1", "2026-01-01", {}),
            ("J2", "C2", "2026-06-15", {}),  # too recent, although answered
            ("J3", "C3", "2026-01-01", {}),
            ("J3", "C4", "2026-01-02", {}),  # two customers
            ("J4", "C4", "2025-10-01", {}),  # before any survey
            ("J5", "C5", "2026-01-01", {}),
            ("J6", "C6", "2026-01-01", {}),
            ("J7", "C7", "2026-01-01", {}),
            (None, "C7", "2026-01-01", {}),
            ("J8", None, "2026-01-01", {}),
            ("J9", "C9", None, {}),
        ],
        [
            ("J1", "C1", "2026-01-05", 9),
            ("J1", "C1", "2026-01-04", 3),  # the first in time counts
            ("J2", "C2", "2026-06-16", 8),
            ("J5", "C5", None, 7),
            ("J6", "C1", "2026-01-05", 7),  # another customer's journey
            ("J7", "C7", "2026-03-01", 7),  # too late
            ("J77", "C7", "2026-01-03", 7),
            (None, "C7", "2026-01-03", 7),
        ],
    )
    result = linked(frames)
    assert result.table()[["journey_id", "answered", "overall"]].fillna(0).to_numpy().tolist() == [
        ["J1", True, 3.0],
        ["J7", False, 0.0],
    ]
    assert result.provenance.n_rows == 7
    assert sorted(result.provenance.n_set_aside.values()) == [1, 1, 1, 1, 1]
    lost = result.losses().groupby("table")["rows"].sum()
    assert lost.to_dict() == {"events": 3, "journeys": 5, "surveys": 7}
    assert "ended before the surveys began" in set(result.losses()["reason"])


@pytest.mark.parametrize(("day", "kept"), [("2026-05-31", True), ("2026-06-01", False)])
def test_a_journey_needs_the_whole_time_allowed_before_the_end_of_the_data(day, kept):
    frames = frames_of(
        [("J1", "C1", day, {}), ("J0", "C1", "2026-01-01", {})], [("J0", "C1", "2026-01-02", 5)]
    )
    assert ("J1" in set(linked(frames, answer_days=30).table()["journey_id"])) is kept


@pytest.mark.parametrize(("day", "answered"), [("2026-01-11", True), ("2026-01-11 00:00:01", False)])
def test_an_answer_counts_up_to_the_last_moment_allowed(day, answered):
    frames = frames_of(
        [("J0", "C0", "2026-01-01", {}), ("J1", "C1", "2026-01-01", {})],
        [("J0", "C0", "2026-01-02", 5), ("J1", "C1", day, 5)],
    )
    assert linked(frames, answer_days=10).table()["answered"].tolist() == [True, answered]


def test_answers_to_an_event_lead_to_its_journey_or_to_the_event_itself():
    frames = frames_of(
        [("J1", "C1", "2026-01-01", {}), ("J1", "C1", "2026-01-02", {}), ("J2", "C2", "2026-01-02", {})],
        [("unused", "C1", "2026-01-05", 6)],
    )
    frames["surveys"] = frames["surveys"].drop(columns="journey_id").assign(event_id="E0")
    table = linked(frames).table()
    assert table["journey_id"].tolist() == ["J1", "J2"]
    assert table["answered"].tolist() == [True, False]
    frames["events"] = frames["events"].drop(columns="journey_id")
    table = linked(frames).table()
    assert table["journey_id"].tolist() == ["E0", "E1", "E2"]
    assert table["answered"].tolist() == [True, False, False]


def test_tables_that_cannot_say_who_answered_are_refused():
    frames = frames_of([("J1", "C1", "2026-01-01", {})], [("J1", "C1", "2026-01-05", 5)])
    with pytest.raises(NotAnswerableError, match="neither journey_id nor event_id"):
        linked({**frames, "surveys": frames["surveys"].drop(columns="journey_id")})
    with pytest.raises(NotAnswerableError, match="no table surveys"):
        linked({"events": frames["events"]})
    with pytest.raises(LinkError, match="none of 1 surveys"):
        linked({**frames, "surveys": frames["surveys"].assign(journey_id="X")})
    with pytest.raises(LinkError, match="n_events"):
        linked({**frames, "surveys": frames["surveys"].assign(n_events=1)})
    with pytest.raises(ParameterError, match="answer_days"):
        linked(frames, answer_days=0)


def test_a_dealer_where_nobody_answers_is_pointed_out():
    journeys = [
        (f"J{n}", f"C{n}", "2026-01-01", {"location_id": "silent" if n < 60 else "asked"})
        for n in range(120)
    ]
    surveys = [(f"J{n}", f"C{n}", "2026-01-05", 8) for n in range(60, 100)]
    checks = linked(frames_of(journeys, surveys)).checks().set_index("check")
    assert checks.loc["dealers where nobody answered", "value"] == 1
    assert not checks.loc["dealers where nobody answered", "passed"]


@pytest.mark.parametrize("seed", range(4))
def test_the_same_comes_out_of_an_independent_grouping(seed):
    rng = np.random.default_rng(seed)
    frames = make_frames(seed)
    frames["events"]["journey_id"] = (
        frames["events"]["customer_id"]
        + "-"
        + pd.Series(rng.integers(0, 6, len(frames["events"])).astype(str))
    )
    chosen = frames["events"].iloc[rng.integers(0, 260, len(frames["surveys"]))].reset_index(drop=True)
    frames["surveys"]["journey_id"] = chosen["journey_id"]
    frames["surveys"]["customer_id"] = chosen["customer_id"]
    frames["surveys"]["answered_at"] = chosen["occurred_at"] + pd.Timedelta(days=900)
    result = contacts(
        Tables.of(frames, None, title="t", data_end=pd.Timestamp("2031-01-01")), answer_days=1800
    )
    table = result.table().set_index("journey_id")
    events = frames["events"].dropna(subset=["journey_id", "customer_id"])
    for journey, rows in events.groupby("journey_id"):
        assert table.loc[journey, "n_events"] == len(rows)
        assert table.loc[journey, "ended_at"] == rows["occurred_at"].max()
        assert table.loc[journey, "negative_events"] == (rows["outcome"] == -1).sum()
        np.testing.assert_allclose(table.loc[journey, "mean_wait_minutes"], rows["wait_minutes"].mean())
        said = frames["surveys"].query("journey_id == @journey").sort_values("answered_at", kind="stable")
        assert table.loc[journey, "answered"] == (len(said) > 0)
        if len(said):
            np.testing.assert_equal(table.loc[journey, "overall"], said["overall"].iloc[0])


def test_the_demo_network_knows_who_was_asked_and_who_answered(tmp_path):
    demo = simulate(400, seed=11)
    result = contacts(load(demo.write(tmp_path)))
    hidden = demo.latent["journeys"].set_index("journey_id")
    table = result.table().set_index("journey_id")
    both = table.index.intersection(hidden.index)
    assert len(both) > 0.98 * len(table)
    assert (table.loc[both, "answered"] == hidden.loc[both, "answered"]).all()
    assert 0.2 < table["answered"].mean() < 0.45
    assert result.checks()["passed"].all()
