"""Snapshots: who is at risk, what became of them, what stays unknown, and the cross-section."""

from pathlib import Path

import pandas as pd
import pytest
from linking_world import START, make_frames, tables_of

from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.labels import Span, default_cuts, record_span
from cxlab.linking.snapshots import snapshots
from cxlab.linking.time_machine import assert_no_future

TELCO = Path(__file__).resolve().parents[2] / "../shared/data/ibm_telco_churn/Telco-Customer-Churn.csv"
CUT = "2025-01-01"
# With a lead of 30 and a horizon of 100 days: outcome window 2025-01-31 .. 2025-05-11 (exclusive).


def link(frames, *, cuts=(CUT,), lead_days=30, horizon_days=100, data_end="2025-12-31"):
    end = pd.Timestamp(data_end) if data_end else None
    tables = Tables.of(frames, None, title="test", data_end=end)
    return snapshots(tables, cuts=cuts, lead_days=lead_days, horizon_days=horizon_days)


def customers_who(left, joined="2020-01-01"):
    return pd.DataFrame(
        {
            "customer_id": [f"C{place}" for place in range(len(left))],
            "joined_at": pd.to_datetime([joined] * len(left)),
            "left_at": pd.to_datetime(pd.Series(left)).astype("datetime64[us]"),
        }
    )


@pytest.mark.parametrize(
    ("left", "churned"),
    [
        ("2025-01-30 23:59:59", None),  # gone before the lead time is over: not at risk
        ("2025-01-31 00:00:00", 1),
        ("2025-05-10 23:59:59", 1),
        ("2025-05-11 00:00:00", 0),
        (None, 0),
    ],
)
def test_the_outcome_window_opens_after_the_lead_time_and_is_open_on_the_right(left, churned):
    frames = {"customers": customers_who([left, None])}
    table = link(frames).table().set_index("customer_id")
    assert ("C0" in table.index) == (churned is not None)
    if churned is not None:
        assert table.loc["C0", "churned"] == churned


def test_an_outcome_that_is_not_over_yet_stays_unknown():
    frames = {"customers": customers_who([None, "2025-02-10", "2025-03-20"])}
    for data_end, stayed in (("2025-05-10", 0), ("2025-05-09", pd.NA)):
        table = link(frames, data_end=data_end).table()
        assert str(table["churned"].dtype) == "Int8"
        assert table["churned"].tolist()[1:] == [1, 1]
        assert (table["churned"].iloc[0] is pd.NA) == (stayed is pd.NA)
    result = link(frames, data_end="2025-05-09")
    assert not result.checks().set_index("check").loc["outcome windows closed", "passed"]
    assert "1 are unknown" in result.summary()


def test_only_customers_who_joined_before_the_cut_are_at_risk():
    joined = pd.to_datetime(["2024-12-31 23:59:59", "2025-01-01", None, "2024-01-01"], format="ISO8601")
    frames = {"customers": customers_who([None, None, None, "2023-01-01"]).assign(joined_at=joined)}
    result = link(frames)
    assert result.table()["customer_id"].tolist() == ["C0"]
    assert result.provenance.n_set_aside == {
        "no joined_at": 1,
        "left_at before joined_at": 1,
        "joined at or after the cut-off": 1,
    }


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_customer_at_every_cut_is_a_row_or_lost_with_a_reason(seed):
    frames = make_frames(seed)
    cuts = [START + pd.Timedelta(days=days) for days in (100, 300, 500, 700)]
    result = snapshots(tables_of(frames), cuts=cuts, lead_days=10, horizon_days=60)
    assert result.provenance.n_rows == len(frames["customers"]) * len(cuts)
    assert result.provenance.n_used == len(result.table())
    assert not result.table().duplicated(["customer_id", "cut_at"]).any()
    assert sum(len(columns) for columns in result.blocks.values()) == len(result.table().columns) - 4
    for block, columns in result.blocks.items():
        assert all(column.startswith(f"{block}_") for column in columns)


def test_more_cuts_than_one_scan_takes_give_the_same_rows_one_by_one():
    tables = tables_of(make_frames(4))
    cuts = [START + pd.Timedelta(days=days) for days in range(100, 900, 100)]
    together = snapshots(tables, cuts=cuts, lead_days=10, horizon_days=60).table()
    single = pd.concat(
        [snapshots(tables, cuts=[cut], lead_days=10, horizon_days=60).table() for cut in cuts],
        ignore_index=True,
    )
    pd.testing.assert_frame_equal(together, single, rtol=1e-12)


def test_joining_and_leaving_come_from_contracts_where_customers_have_no_dates():
    customers = pd.DataFrame({"customer_id": ["gone", "back", "planned", "running", "none"]})
    contracts = pd.DataFrame(
        {
            "customer_id": ["gone", "gone", "back", "back", "planned", "running"],
            "started_at": pd.to_datetime(
                ["2020-01-01", "2022-01-01"] + ["2020-01-01", "2025-03-15"] + ["2020-01-01"] * 2
            ),
            "ended_at": pd.to_datetime(
                ["2021-01-01", "2025-03-01", "2025-03-01", None, "2027-01-01", None]
            ),
        }
    )
    result = link({"customers": customers, "contracts": contracts})
    assert result.table().set_index("customer_id")["churned"].to_dict() == {
        "gone": 1,
        "back": 0,
        "planned": 0,
        "running": 0,
    }
    assert result.provenance.n_set_aside == {"no joined_at": 1}


def test_a_planned_end_of_a_contract_is_no_end():
    customers = pd.DataFrame({"customer_id": ["renews?", "ended"]})
    contracts = pd.DataFrame(
        {
            "customer_id": customers["customer_id"],
            "started_at": pd.Timestamp("2020-01-01"),
            "ended_at": pd.to_datetime(["2025-04-01", "2025-03-01"]),
        }
    )
    frames = {"customers": customers, "contracts": contracts}
    table = link(frames, data_end="2025-03-10").table().set_index("customer_id")
    assert table.loc["renews?", "churned"] is pd.NA
    assert table.loc["ended", "churned"] == 1


def test_a_complaint_of_exactly_a_year_ago_still_counts():
    opened = [
        pd.Timestamp(CUT) - pd.Timedelta(days=365),
        pd.Timestamp(CUT) - pd.Timedelta(days=365, seconds=1),
    ]
    complaints = pd.DataFrame({"customer_id": ["C0", "C0"], "opened_at": opened})
    table = link({"customers": customers_who([None]), "complaints": complaints}).table()
    assert table["experience_complaints_365d"].tolist() == [1]
    assert "experience_open_complaints" not in table  # without resolved_at nobody can say


def test_columns_as_of_today_are_refused_and_named():
    customers = customers_who([None]).assign(segment="gold", bonus_points=5, churned=1)
    result = link({"customers": customers})
    assert list(result.blocks["contract"]) == ["contract_tenure_days", "contract_segment"]
    check = result.checks().set_index("check").loc["columns of customers as of today"]
    assert (check["value"], check["passed"]) == ("bonus_points, churned", False)


def versions():
    """One contract in three versions, one with a version known late, one of a customer without versions."""
    return pd.DataFrame(
        {
            "customer_id": ["C0", "C0", "C0", "C1", "C1", "C2"],
            "started_at": pd.to_datetime(["2024-01-01"] * 5 + ["2024-06-01"]),
            "ended_at": pd.to_datetime([None] * 6).astype("datetime64[us]"),
            "valid_from": pd.to_datetime(
                ["2024-01-01", "2024-09-01", "2025-01-01", "2024-01-01", "2024-12-01", "2024-06-01"]
            ),
            "valid_to": pd.to_datetime(
                ["2024-09-01", "2025-01-01", None, "2024-12-01", "2024-12-20", None]
            ).astype("datetime64[us]"),
            "plan": ["basic", "plus", "gold", "basic", "plus", "basic"],
            "value_per_year": [100.0, 200.0, 900.0, 100.0, 200.0, 50.0],
            "pays_by": ["bill", "card", "app", "bill", "card", "bill"],
            "discount_share": [0.0, 0.1, 0.5, 0.0, 0.2, None],
        }
    )


def test_terms_of_a_contract_are_those_valid_at_the_cut_off():
    frames = {"customers": customers_who([None] * 3), "contracts": versions()}
    table = link(frames).table().set_index("customer_id")
    # The version that begins at the cut-off itself is not yet known; one that ended before it is gone.
    assert table["contract_plan"].to_dict() == {"C0": "plus", "C1": "plus", "C2": "basic"}
    assert table["contract_running"].tolist() == [1, 0, 1]
    assert table["contract_value_per_year"].fillna(-1).tolist() == [200.0, -1.0, 50.0]
    assert table["contract_pays_by"].fillna("?").tolist() == ["card", "?", "bill"]
    assert table["contract_discount_share"].fillna(-1).tolist() == [0.1, -1.0, -1.0]
    # The contract is as old as its first version says.
    assert table["contract_age_days"].tolist() == [366.0, 366.0, 214.0]


def test_without_dates_of_validity_further_columns_of_contracts_are_left_out():
    plain = versions().drop(columns=["valid_from", "valid_to"]).drop_duplicates("customer_id")
    table = link({"customers": customers_who([None] * 3), "contracts": plain}).table()
    assert not {"contract_pays_by", "contract_discount_share"} & set(table.columns)


def test_versions_of_contracts_pass_the_time_machine_and_todays_terms_do_not():
    frames = {"customers": customers_who([None] * 3), "contracts": versions()}

    def as_of(given, cut):
        return link(given, cuts=(cut,), data_end="2025-12-31").table().drop(columns="churned")

    def today(given, cut):
        newest = given["contracts"].sort_values("valid_from").drop_duplicates("customer_id", keep="last")
        return newest[["customer_id", "value_per_year"]]

    assert_no_future(as_of, frames, cut=CUT)
    with pytest.raises(LinkError, match="value_per_year"):
        assert_no_future(today, frames, cut=CUT)


def test_default_cuts_leave_a_year_of_history_and_close_the_last_window():
    span = Span(
        start=pd.Timestamp("2022-01-01 08:00"), end=pd.Timestamp("2025-01-01 17:00"), source="events"
    )
    cuts = default_cuts(span, lead_days=30, horizon_days=180)
    assert len(cuts) == 4
    assert cuts[0] == pd.Timestamp("2023-01-02")
    assert cuts[-1] == pd.Timestamp("2024-06-05")
    gaps = pd.Series(cuts).diff().dropna().dt.days
    assert gaps.max() - gaps.min() <= 1
    with pytest.raises(NotAnswerableError, match="need 575"):
        default_cuts(
            Span(start=span.start, end=pd.Timestamp("2023-07-30"), source=""),
            lead_days=30,
            horizon_days=180,
        )


def test_planned_ends_do_not_move_the_end_of_the_data():
    frames = make_frames(1)
    frames["customers"].loc[0, "left_at"] = pd.Timestamp("2030-01-01")
    frames["contracts"].loc[0, "ended_at"] = pd.Timestamp("2031-01-01")
    events = frames["events"]["known_at"].max()
    resolved = frames["complaints"][["opened_at", "resolved_at"]].max().max()
    assert record_span(tables_of(frames, data_end=None)).end == max(events, resolved)
    declared = record_span(tables_of(frames, data_end=pd.Timestamp("2025-06-30")))
    assert declared.end == pd.Timestamp("2025-07-01")  # the declared day is covered to its end


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"cuts": "2025-01-01"}, "is one text"),
        ({"cuts": ["soon"]}, "not a date"),
        ({"cuts": [None]}, "is empty"),
        ({"cuts": [pd.Timestamp("2025-01-01", tz="UTC")]}, "time zone"),
        ({"cuts": ["2026-01-02"]}, "outside the records"),
        ({"cuts": ["2020-01-01"]}, "outside the records"),
        ({"lead_days": -1}, "0 or more"),
        ({"horizon_days": 0}, "1 or more"),
        ({"horizon_days": 30.0}, "whole number"),
    ],
)
def test_wrong_settings_are_refused(settings, words):
    with pytest.raises(ParameterError, match=words):
        link({"customers": customers_who([None])}, **settings)


def test_twins_and_tables_without_anyone_at_risk_are_refused():
    twice = customers_who([None, None]).assign(customer_id="C0")
    with pytest.raises(LinkError, match="1 rows of customers repeat"):
        link({"customers": twice})
    with pytest.raises(NotAnswerableError, match="2 left before the cut-off"):
        link({"customers": customers_who(["2021-01-01"] * 2)})
    with pytest.raises(NotAnswerableError, match="no table customers"):
        link({"events": make_frames(1)["events"]})


def test_without_dates_and_without_a_flag_nothing_can_be_said():
    with pytest.raises(NotAnswerableError, match="neither dates"):
        link({"customers": pd.DataFrame({"customer_id": ["C1"], "segment": ["a"]})}, cuts=())


def test_the_telco_table_is_a_cross_section_that_claims_no_lifetime():
    if not TELCO.exists():
        pytest.skip("the Telco table is absent beside the checkout (shared/data/ibm_telco_churn)")
    telco = pd.read_csv(TELCO).rename(columns={"customerID": "customer_id", "Churn": "churned"})
    telco["churned"] = telco["churned"].map({"Yes": 1, "No": 0})
    tables = Tables.of({"customers": telco}, None, title="Telco")
    result = snapshots(tables)
    table = result.table()
    assert (len(table), int(table["churned"].sum())) == (7043, 1869)
    assert table["cut_at"].isna().all()
    assert len(result.blocks["contract"]) == 19
    time_order = result.checks().set_index("check").loc["time order"]
    assert not time_order["passed"]
    assert "no lifetime may be claimed" in time_order["meaning"]
    assert "no lifetime may be claimed" in result.summary()
    with pytest.raises(ParameterError, match="no dates of joining"):
        snapshots(tables, cuts=(CUT,))


def test_a_cross_section_keeps_unknown_outcomes_and_refuses_other_words():
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "b", None],
            "churned": [1.0, None, 0.0],
            "born_at": pd.Timestamp("1980-01-01"),
        }
    )
    result = snapshots(Tables.of({"customers": customers}, None, title="test"))
    assert result.table()["churned"].tolist()[0] == 1
    assert result.table()["churned"].isna().tolist() == [False, True]
    assert result.provenance.n_set_aside == {"no customer_id": 1}
    assert result.blocks == {}
    customers["churned"] = ["yes", "no", "no"]
    with pytest.raises(LinkError, match="must be 0, 1 or empty"):
        snapshots(Tables.of({"customers": customers}, None, title="test"))
