"""Three public data sets load through their committed mappings, and their known figures come out."""

from pathlib import Path

import pytest

import cxlab

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"


def loaded(folder: str, name: str) -> cxlab.Tables:
    if not (SHARED / folder).is_dir():
        pytest.skip(f"the real files of {folder} are absent")
    return cxlab.load(SHARED / folder, config=ROOT / "data/public" / name / "cxlab.toml")


@pytest.fixture(scope="module")
def airline() -> cxlab.Tables:
    return loaded("airline_satisfaction", "airline")


@pytest.fixture(scope="module")
def olist() -> cxlab.Tables:
    return loaded("olist_sample", "olist")


@pytest.fixture(scope="module")
def telco() -> cxlab.Tables:
    return loaded("ibm_telco_churn", "telco")


def possible(tables: cxlab.Tables) -> dict[str, str]:
    answers = tables.quality.answers()
    return dict(zip(answers["analysis"], answers["possible"], strict=True))


def test_airline_has_119567_passengers_who_rated_everything(airline: cxlab.Tables) -> None:
    surveys = airline.surveys
    ratings = surveys.filter(like="rating_")
    assert (len(surveys), ratings.shape[1]) == (129_880, 14)
    assert int(ratings.notna().all(axis=1).sum()) == 119_567
    assert ratings.min().min() == 1
    assert int(surveys["overall"].sum()) == 56_428


def test_airline_zeros_are_counted_as_not_applicable_by_item(airline: cxlab.Tables) -> None:
    codes = {f.column: f.rows for f in airline.quality.findings if f.rule == "missing code"}
    assert codes["rating_departure_arrival_time"] == 6_681
    assert codes["rating_wifi"] == 3_916
    assert int(airline.surveys.filter(like="rating_").isna().sum().sum()) == sum(codes.values()) == 20_134


def test_airline_says_that_it_knows_neither_customers_nor_dates(airline: cxlab.Tables) -> None:
    assert possible(airline) | {
        "scores": "yes",
        "drivers": "yes",
        "recovery": "no",
        "churn": "no",
    } == possible(airline)
    assert possible(airline)["operational facts beside the survey"] == "partly"
    assert int(airline.surveys["arrival_delay_minutes"].isna().sum()) == 393


def test_olist_reviews_of_late_orders_are_two_points_lower(olist: cxlab.Tables) -> None:
    by_late = olist.surveys.groupby("late")["overall"].agg(["mean", "size"])
    assert by_late["mean"].round(2).to_dict() == {0: 4.28, 1: 2.17}
    assert by_late["size"].to_dict() == {0: 4_888, 1: 344}


def test_olist_keeps_only_delivered_orders_and_says_what_it_set_aside(olist: cxlab.Tables) -> None:
    rows = olist.quality.rows().set_index("table")
    assert rows.loc["events", ["rows_read", "rows_kept"]].tolist() == [8_135, 5_164]
    assert "2,963 order_status is not delivered" in rows.loc["events", "reasons"]
    events = olist.frame("events")
    assert ((events["outcome"] == -1) == (events["days_late"] > 0)).all()
    assert (events["known_at"] == events["occurred_at"]).all()
    assert "Not a random sample" in "\n".join(olist.quality.lines())


def test_olist_answers_link_to_their_own_order(olist: cxlab.Tables) -> None:
    surveys, events = olist.surveys, olist.frame("events").set_index("event_id")
    order = events.loc[surveys["event_id"]]
    assert (order["customer_id"].to_numpy() == surveys["customer_id"].to_numpy()).all()
    assert (order["days_late"].to_numpy() == surveys["days_late"].to_numpy()).all()
    assert surveys["response_id"].is_unique


def test_telco_has_26_5_percent_churn_and_11_blank_charges(telco: cxlab.Tables) -> None:
    customers = telco.customers
    assert len(customers) == 7_043
    assert round(float(customers["churned"].mean()), 3) == 0.265
    assert int(customers["total_charges"].isna().sum()) == 11
    assert possible(telco)["churn"] == "partly"


def test_comcast_has_2224_complaints_of_which_1707_are_resolved_and_nobody_is_named() -> None:
    complaints = loaded("comcast_complaints", "comcast").frame("complaints")
    assert (len(complaints), int(complaints["resolved"].sum())) == (2_224, 973 + 734)
    assert complaints["channel"].value_counts().tolist() == [1_119, 1_105]
    assert int((complaints["opened_at"].dt.month == 6).sum()) == 1_046
    assert "customer_id" not in complaints


def test_every_public_set_has_a_readme_with_its_licence_and_limits() -> None:
    for folder in sorted((ROOT / "data/public").iterdir()):
        text = (folder / "README.md").read_text()
        assert all(part in text for part in ("**Licence.**", "**Get it.**", "cannot answer")), folder.name
        assert (folder / "cxlab.toml").is_file()
