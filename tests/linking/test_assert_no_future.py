"""The time-machine test offered to users: honest features pass, planted leaks are caught and named."""

import numpy as np
import pandas as pd
import pytest
from linking_world import DATA_END, make_frames

import cxlab
from cxlab.core.errors import LinkError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.snapshots import snapshots

CUT = pd.Timestamp("2024-03-26")


def past(frames, cut):
    events = frames["events"]
    seen = events[["occurred_at", "known_at"]].max(axis=1, skipna=False)
    return events[seen < cut]


def honest(frames, cut):
    events = past(frames, cut)
    age = (cut - events["occurred_at"]).dt.total_seconds() / 86_400
    return pd.DataFrame(
        {
            "events": events.groupby("customer_id").size(),
            "stock": (0.5 ** (age / 90)).groupby(events["customer_id"]).sum(),
            "waited": events.groupby("customer_id")["wait_minutes"].mean(),
        }
    ).reset_index()


def life_to_date(frames, cut):
    total = frames["events"].groupby("customer_id").size().rename("life_to_date")
    return honest(frames, cut).merge(total.reset_index())


def window_to_the_end(frames, cut):
    events = frames["events"]
    late = events[(events["occurred_at"] >= cut) & (events["occurred_at"] < cut + pd.Timedelta(days=90))]
    calls = late.groupby("customer_id").size().rename("calls_in_window")
    return honest(frames, cut).merge(calls.reset_index(), how="left")


def inclusive(frames, cut):
    events = frames["events"]
    seen = events[["occurred_at", "known_at"]].max(axis=1, skipna=False)
    return events[seen <= cut].groupby("customer_id").size().rename("events").reset_index()


def happened_not_known(frames, cut):
    events = frames["events"]
    return events[events["occurred_at"] < cut].groupby("customer_id").size().rename("n").reset_index()


def resolved_later(frames, cut):
    opened = frames["complaints"][frames["complaints"]["opened_at"] < cut]
    solved = opened["resolved_at"].notna()
    return solved.groupby(opened["customer_id"]).sum().rename("solved").reset_index()


def no_rank(frames, cut):
    """A prefix sum from the first to the last record loses digits that depend on the last record."""
    events = past(frames, cut)
    last = frames["events"]["occurred_at"].max()
    age = (last - events["occurred_at"]).dt.total_seconds() / 86_400
    return (0.5 ** (age / 90)).groupby(events["customer_id"]).sum().rename("stock").reset_index()


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_honest_features_pass(seed):
    cxlab.assert_no_future(honest, make_frames(seed), cut=CUT, seed=seed)


@pytest.mark.parametrize(
    ("leak", "column"),
    [
        (life_to_date, "life_to_date"),
        (window_to_the_end, "calls_in_window"),
        (happened_not_known, "n"),
        (resolved_later, "solved"),
        (no_rank, "stock"),
    ],
)
def test_planted_leaks_are_caught_and_the_column_is_named(leak, column):
    with pytest.raises(LinkError, match=rf"\b{column} changes in .* rows .*reads the future"):
        cxlab.assert_no_future(leak, make_frames(4), cut=CUT)


def test_a_cut_that_takes_in_its_own_second_is_caught():
    frames = make_frames(5)
    events = frames["events"]
    events.loc[:5, ["occurred_at", "known_at"]] = CUT
    events.loc[:5, "customer_id"] = "C3"
    with pytest.raises(LinkError, match="events changes"):
        cxlab.assert_no_future(inclusive, frames, cut=CUT)


def test_the_snapshots_of_the_house_pass_their_own_test():
    def build(frames, cut):
        tables = Tables.of(frames, None, title="made-up", data_end=DATA_END)
        table = snapshots(tables, cuts=[cut], lead_days=20, horizon_days=90).table()
        return table.drop(columns=["cut_at", "churned", "location_id"])

    cxlab.assert_no_future(build, make_frames(6), cut=CUT)


def test_the_callers_tables_are_left_alone_and_nothing_untested_passes():
    frames = make_frames(7)
    before = {name: frame.copy() for name, frame in frames.items()}
    cxlab.assert_no_future(honest, frames, cut=CUT)
    for name, frame in frames.items():
        pd.testing.assert_frame_equal(frame, before[name])
    with pytest.raises(ParameterError, match="nothing would be tested"):
        cxlab.assert_no_future(honest, frames, cut="2035-01-01")
    with pytest.raises(ParameterError, match="known="):
        cxlab.assert_no_future(honest, frames | {"surveys": frames["surveys"][["customer_id"]]}, cut=CUT)
    with pytest.raises(ParameterError, match="column customer_id"):
        cxlab.assert_no_future(lambda frames, cut: pd.DataFrame({"a": [1]}), frames, cut=CUT)


def test_a_table_of_the_users_own_is_dated_by_known():
    rng = np.random.default_rng(8)
    visits = pd.DataFrame(
        {
            "customer_id": rng.choice(["A", "B", "C"], 60),
            "seen_on": pd.Timestamp("2024-01-01") + pd.to_timedelta(rng.integers(0, 180, 60), unit="D"),
            "pages": rng.integers(1, 9, 60).astype(float),
        }
    )

    def total(frames, cut):
        return frames["visits"].groupby("customer_id", as_index=False)["pages"].sum()

    with pytest.raises(LinkError, match="pages changes in 3 of 3"):
        cxlab.assert_no_future(total, {"visits": visits}, cut="2024-03-01", known={"visits": "seen_on"})
