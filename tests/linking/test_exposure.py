"""Exposure: the window before an answer, its edges, its losses, and the same by an independent merge."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from linking_world import make_frames, tables_of

from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.exposure import MOST_TOUCHPOINTS, exposure

OLIST = Path(__file__).resolve().parents[2] / "../shared/data/olist_sample"
ANSWERED = pd.Timestamp("2026-03-01 12:00:00")


def one_answer(occurred, known=None, **columns):
    """One answer of customer C1, and events of C1 at the given moments."""
    events = pd.DataFrame({"occurred_at": pd.to_datetime(occurred, format="ISO8601")})
    events["known_at"] = pd.to_datetime(known) if known else events["occurred_at"]
    events["event_id"] = [f"E{place}" for place in events.index]
    events = events.assign(customer_id="C1", touchpoint="service", outcome=-1, **columns)
    surveys = pd.DataFrame({"response_id": ["R1"], "customer_id": "C1", "answered_at": [ANSWERED]})
    customers = pd.DataFrame({"customer_id": ["C1"], "joined_at": pd.to_datetime(["2020-01-01"])})
    return {"events": events, "surveys": surveys, "customers": customers}


def linked(frames, days=30):
    return exposure(Tables.of(frames, None, title="test"), days=days)


@pytest.mark.parametrize(
    ("occurred", "known", "counted"),
    [
        ("2026-03-01 11:59:59.999999", None, 1),
        ("2026-03-01 12:00:00", None, 0),  # the very moment of the answer
        ("2026-02-28 12:00:00", "2026-03-01 12:00:00", 0),  # known at the very moment of the answer
        ("2026-02-28 12:00:00", "2026-03-01 11:59:59.999999", 1),
        ("2026-01-30 12:00:00", None, 1),  # the window is closed on the left
        ("2026-01-30 11:59:59.999999", None, 0),
        ("2026-03-01 13:00:00", "2026-03-01 11:00:00", 0),  # a planned event, known before it happens
    ],
)
def test_an_event_counts_from_window_start_to_just_before_the_answer(occurred, known, counted):
    row = linked(one_answer([occurred], [known] if known else None)).table().iloc[0]
    assert row["n_events"] == row["n_service"] == row["negative_service"] == counted


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
def test_windows_of_any_timestamp_unit_are_the_same(unit):
    frames = one_answer(["2026-02-28 12:00:00", "2026-03-01 12:00:00"])
    for name, column in (("events", "occurred_at"), ("events", "known_at"), ("surveys", "answered_at")):
        frames[name][column] = frames[name][column].astype(f"datetime64[{unit}]")
    assert linked(frames).table()["n_events"].tolist() == [1]


def test_answers_before_1970_have_windows_too():
    frames = one_answer(["1969-12-31 23:00:00", "1969-12-02 01:00:00", "1969-11-01"])
    frames["surveys"]["answered_at"] = pd.to_datetime(["1970-01-01"])
    frames["customers"]["joined_at"] = pd.to_datetime(["1960-01-01"])
    assert linked(frames).table()["n_events"].tolist() == [2]


def test_mean_and_worst_of_a_metric_skip_what_is_missing():
    frames = one_answer(["2026-02-01", "2026-02-02", "2026-02-03"], wait_minutes=[10.0, np.nan, 30.0])
    row = linked(frames).table().iloc[0]
    assert (row["mean_wait_minutes"], row["max_wait_minutes"]) == (20.0, 30.0)
    assert row["days_since_last_event"] == 26.5


def test_a_complaint_resolved_after_the_answer_was_open_at_it():
    frames = one_answer(["2026-02-01"])
    frames["complaints"] = pd.DataFrame(
        {
            "complaint_id": list("abcde"),
            "customer_id": ["C1", "C1", "C1", "C1", "C2"],
            "opened_at": pd.to_datetime(["2026-02-01", "2026-02-02", "2026-02-03", ANSWERED, "2026-02-03"]),
            "resolved_at": pd.to_datetime(["2026-02-28", ANSWERED, None, None, None]),
        }
    )
    assert linked(frames).table()["open_complaints"].tolist() == [2]  # b (resolved at the moment) and c


def test_every_answer_is_kept_or_lost_with_a_reason():
    frames = one_answer(["2026-02-01"])
    moments = pd.Series(
        [ANSWERED, ANSWERED, None, ANSWERED, "2026-01-31", "2026-02-01", "2025-01-01"]
    ).astype("datetime64[us]")
    customer = ["C1", None, "C1", "C9", "C7", "C7", "C8"]
    frames["surveys"] = pd.DataFrame({"customer_id": customer, "answered_at": moments})
    joined = pd.to_datetime(["2020-01-01", "2026-01-31"])
    frames["customers"] = pd.DataFrame({"customer_id": ["C1", "C7"], "joined_at": joined})
    result = linked(frames)
    # C9 and C8 are in no table; C7 joined in the moment of the first answer and before the second.
    assert result.table()["customer_id"].tolist() == ["C1", "C7"]
    assert result.table()["n_events"].tolist() == [1, 0]
    assert list(result.provenance.n_set_aside.values()) == [1, 1, 3]
    assert result.provenance.n_rows == 7
    assert result.losses()["rows"].tolist() == [1, 1, 3]


def test_a_customer_without_events_is_kept_only_if_known_before_the_answer():
    frames = one_answer(["2026-03-05"])
    frames["surveys"] = pd.DataFrame({"customer_id": ["C1"], "answered_at": [ANSWERED]})
    assert linked(frames).table()["n_events"].tolist() == [0]
    without = linked({name: frames[name] for name in ("events", "surveys")})
    assert without.table().empty
    frames["events"][["occurred_at", "known_at"]] = ANSWERED
    assert linked({name: frames[name] for name in ("events", "surveys")}).table().empty
    assert without.provenance.n_set_aside == {
        "customer not seen before the answer: no customers row and no earlier event": 1
    }


def test_a_window_that_starts_before_the_records_is_marked():
    frames = one_answer(["2026-02-01 12:00:00", "2026-02-20"])
    assert linked(frames, days=28).table()["window_complete"].tolist() == [True]
    result = linked(frames, days=29)
    assert result.table()["window_complete"].tolist() == [False]
    assert not result.checks().set_index("check").loc["whole windows", "passed"]


def test_survey_columns_stay_as_they_are_and_in_order():
    frames = make_frames(5)
    result = exposure(tables_of(frames))
    surveys = frames["surveys"]
    kept = surveys[surveys["response_id"].isin(result.table()["response_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(result.table()[surveys.columns], kept)


def test_names_of_touchpoints_and_metrics_cannot_break_the_query():
    frames = one_answer(["2026-02-01", "2026-02-02"], **{'wait "x"; DROP TABLE events; --': [1.0, 3.0]})
    frames["events"]["touchpoint"] = ["O'Hara; --", "SERVICE"]
    row = linked(frames).table().iloc[0]
    assert row["n_O'Hara; --"] == 1
    assert row["n_SERVICE"] == 1
    assert row['mean_wait "x"; DROP TABLE events; --'] == 2.0


def test_foreign_keys_are_refused_and_no_id_is_shown():
    frames = one_answer(["2026-02-01"])
    frames["surveys"]["customer_id"] = "0000042"
    with pytest.raises(LinkError, match="surveys 9999999, events A9") as caught:
        linked(frames)
    assert "42" not in str(caught.value)


def test_what_cannot_be_asked_is_said():
    frames = one_answer(["2026-02-01"])
    with pytest.raises(NotAnswerableError, match="no table events"):
        linked({"surveys": frames["surveys"]})
    with pytest.raises(NotAnswerableError, match="no column customer_id"):
        linked(frames | {"events": frames["events"].drop(columns="customer_id")})
    with pytest.raises(NotAnswerableError, match="no rows"):
        linked(frames | {"events": frames["events"].head(0)})
    with pytest.raises(ParameterError, match="whole number"):
        linked(frames, days=0.5)
    with pytest.raises(ParameterError, match="1 or more"):
        linked(frames, days=0)
    with pytest.raises(LinkError, match="n_service"):
        linked(frames | {"surveys": frames["surveys"].assign(n_service=1)})
    many = one_answer(["2026-02-01"] * (MOST_TOUCHPOINTS + 1))
    many["events"]["touchpoint"] = [f"note {place}" for place in range(MOST_TOUCHPOINTS + 1)]
    with pytest.raises(LinkError, match="201 different touchpoints"):
        linked(many)


def test_an_account_with_very_many_events_is_pointed_out():
    frames = one_answer(["2026-02-01"] * 10_001)
    checks = linked(frames).checks().set_index("check")
    assert checks.loc["customers are persons", "value"] == 1
    assert not checks.loc["customers are persons", "passed"]


def test_events_without_known_at_are_used_with_a_warning():
    frames = one_answer(["2026-02-01"])
    frames["events"] = frames["events"].drop(columns="known_at")
    result = linked(frames)
    assert result.table()["n_events"].tolist() == [1]
    assert not result.checks().set_index("check").loc["events say when they were known", "passed"]


def test_real_orders_before_real_reviews_equal_a_pandas_merge():
    if not OLIST.exists():
        pytest.skip("the Olist sample is absent beside the checkout (shared/data/olist_sample)")
    orders = pd.read_csv(OLIST / "olist_orders_dataset.csv", dtype="str")
    reviews = pd.read_csv(OLIST / "olist_order_reviews_dataset.csv", dtype="str")
    people = pd.read_csv(OLIST / "olist_customers_dataset.csv", dtype="str")
    orders = orders.merge(people[["customer_id", "customer_unique_id"]], on="customer_id")
    bought = pd.to_datetime(orders["order_purchase_timestamp"]).astype("datetime64[us]")
    events = pd.DataFrame(
        {"customer_id": orders["customer_unique_id"], "occurred_at": bought, "touchpoint": "order"}
    )
    reviews = reviews.merge(orders[["order_id", "customer_unique_id"]], on="order_id", how="left")
    answered = pd.to_datetime(reviews["review_answer_timestamp"]).astype("datetime64[us]")
    surveys = pd.DataFrame({"customer_id": reviews["customer_unique_id"], "answered_at": answered})
    result = exposure(Tables.of({"events": events, "surveys": surveys}, None, title="Olist"), days=60)
    pairs = surveys.reset_index().merge(events, on="customer_id")
    inside = (pairs["occurred_at"] < pairs["answered_at"]) & (
        pairs["occurred_at"] >= pairs["answered_at"] - pd.Timedelta(days=60)
    )
    expected = pairs[inside].groupby("index").size()
    table = result.table()
    assert len(table) > 1000
    assert table["n_order"].sum() == len(pairs[inside])
    assert (table["n_order"] > 0).sum() == len(expected)
    assert result.provenance.n_rows == len(surveys)
