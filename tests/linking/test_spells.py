"""Spells: ages observed, counted by hand and held against a truth that whole periods must not bend."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.spells import spells
from cxlab.models.churn.hazard import HazardModel

START, END = pd.Timestamp("2024-01-01"), pd.Timestamp("2026-01-01")


def tables(customers, contracts=None, **more):
    """Tables whose records run from START to END."""
    surveys = pd.DataFrame(
        {"customer_id": ["C0", "C0"], "answered_at": [START, END], "response_id": ["1", "2"]}
    )
    frames = {"customers": customers, "surveys": surveys}
    if contracts is not None:
        frames["contracts"] = contracts
    return Tables.of(frames, None, title="made up", **more)


def people(*rows):
    frame = pd.DataFrame(rows, columns=["customer_id", "joined_at", "left_at"])
    return frame.astype({"joined_at": "datetime64[us]", "left_at": "datetime64[us]"})


def test_late_entry_censoring_and_leaving_fall_on_whole_periods():
    made = tables(
        people(
            ("late", "2023-12-17", None),  # 15 days old at the start: the first whole period is the second
            ("left", "2024-01-11", "2024-03-01"),  # after 50 days, in the second period
            ("new", "2025-12-15", None),  # 17 days before the end: no whole period
            ("gone", "2023-12-17", "2024-01-10"),  # in the period during which the records began
            ("last", "2025-11-15", "2025-12-30"),  # in its second period, which is not over at the end
            ("odd", "2025-01-01", "2024-01-01"),
            ("nobody", None, None),
        )
    )
    linked = spells(made)
    found = linked.table().set_index("customer_id")[["entry_periods", "time_periods", "left"]]
    assert found.to_dict("index") == {
        "late": {"entry_periods": 1, "time_periods": 24, "left": 0},
        "left": {"entry_periods": 0, "time_periods": 2, "left": 1},
        "last": {"entry_periods": 0, "time_periods": 1, "left": 0},
    }
    assert linked.provenance.n_set_aside == {
        "no joined_at": 1,
        "left_at before joined_at": 1,
        "left before the records began or in their first, incomplete period of observation": 1,
        "not observed for one whole period": 1,
    }
    assert linked.provenance.n_used + sum(linked.provenance.n_set_aside.values()) == 7


def test_a_life_is_cut_where_a_period_begins_under_another_contract():
    contracts = pd.DataFrame(
        {
            "customer_id": ["A", "A", "B"],
            "started_at": pd.to_datetime(["2024-01-01", "2024-03-10", "2024-02-01"]),
            "plan": ["basic", "plus", "basic"],
            "value_per_year": [100.0, 200.0, 100.0],
        }
    )
    made = tables(people(("A", "2024-01-01", "2024-06-01"), ("B", "2024-02-01", None)), contracts)
    rows = spells(made).table()
    # 69 days after joining: the third period began under the old contract, the fourth under the new.
    assert rows[rows["customer_id"] == "A"][
        ["entry_periods", "time_periods", "left", "contract_plan", "contract_value_per_year"]
    ].values.tolist() == [[0, 3, 0, "basic", 100.0], [3, 6, 1, "plus", 200.0]]
    assert len(rows[rows["customer_id"] == "B"]) == 1


def test_a_life_is_cut_where_a_version_of_a_contract_begins():
    contracts = pd.DataFrame(
        {
            "customer_id": ["A", "A"],
            "started_at": pd.to_datetime(["2024-01-01"] * 2),
            "valid_from": pd.to_datetime(["2024-01-01", "2024-07-01"]),
            "plan": ["basic", "gold"],
        }
    )
    customers = pd.DataFrame({"customer_id": ["A"], "joined_at": pd.to_datetime(["2024-01-01"])})
    customers["left_at"] = pd.Series([pd.NaT], dtype="datetime64[us]")
    seen = pd.to_datetime(["2024-01-02", "2025-01-01"])
    events = pd.DataFrame({"customer_id": ["A", "A"], "occurred_at": seen, "outcome": [1, 1]})
    frames = {"customers": customers, "contracts": contracts, "events": events}
    rows = spells(Tables.of(frames, None, title="one contract")).table()
    assert rows["contract_plan"].tolist() == ["basic", "gold"]
    assert rows["entry_periods"].iloc[1] == rows["time_periods"].iloc[0] == 7


def test_whole_periods_do_not_bend_a_hazard_that_is_known(record_figure):
    rng = np.random.default_rng(1)
    n = 30_000
    joined = START + pd.to_timedelta(rng.uniform(-1500, 729, n), unit="D")
    left = joined + pd.to_timedelta(rng.exponential(400, n), unit="D")
    seen = np.asarray(left > START)
    customers = pd.DataFrame(
        {"customer_id": np.arange(n).astype(str), "joined_at": joined, "left_at": left}
    )
    customers["left_at"] = customers["left_at"].where(customers["left_at"] < END)
    made = tables(customers[seen].astype({"joined_at": "datetime64[us]", "left_at": "datetime64[us]"}))
    table = spells(made).table()
    result = HazardModel(features=(), folds=0, life_periods=12).fit(table)
    row = result.table().iloc[0]
    truth = 1 - np.exp(-360 / 400)
    record_figure(
        "P(leave within 12) from dates minus truth", row["estimate"] - truth, runs=1, bound="2.5 s.e."
    )
    assert row["estimate"] == pytest.approx(truth, abs=2.5 * row["std_error"])
    ignored = HazardModel(features=(), folds=0, life_periods=12, entry_column=None)
    wrong = ignored.fit(table.drop(columns="entry_periods")).table().iloc[0]
    assert wrong["estimate"] < truth - 0.1


def test_records_may_begin_earlier_than_the_first_event():
    made = tables(people(("old", "2023-01-01", "2023-06-01"), ("C0", "2023-01-01", None)))
    assert len(spells(made).table()) == 1
    both = spells(made, observed_from="2022-01-01").table()
    assert both["entry_periods"].tolist() == [0, 0]
    assert both["left"].tolist() == [1, 0]


def test_a_reason_is_kept_for_those_who_left():
    customers = people(("A", "2024-01-11", "2024-03-01"), ("B", "2024-01-11", None))
    rows = spells(tables(customers.assign(left_reason=["moved", "stale"]))).table()
    assert rows["left_reason"].tolist()[0] == "moved"
    assert rows["left_reason"].isna().tolist() == [False, True]


def test_without_dates_or_with_wrong_settings_it_says_so():
    with pytest.raises(NotAnswerableError, match="joined and left"):
        spells(tables(pd.DataFrame({"customer_id": ["A"]})))
    made = tables(people(("A", "2024-01-11", None)))
    with pytest.raises(ParameterError, match="not a date"):
        spells(made, observed_from="soon")
    with pytest.raises(ParameterError, match="period_days"):
        spells(made, period_days=0)
