"""The demo network is a world in which nothing happens outside a stay, and every key is met."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxlab
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import hash_frame
from cxlab.simulation import simulate as simulate_module
from cxlab.simulation.phrases import CLOSERS, OPENERS, SENTENCES
from cxlab.simulation.simulate import Demo, simulate, simulate_to
from cxlab.simulation.truth import ITEMS, Truth

KEYS = {
    "customers": "customer_id",
    "events": "event_id",
    "surveys": "response_id",
    "complaints": "complaint_id",
    "contracts": "contract_id",
    "locations": "location_id",
}
END = pd.Timestamp("2026-01-01")


@pytest.fixture(scope="module")
def demo() -> Demo:
    return simulate(4_000, seed=11)


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> Truth:
    """Blocks of 300 customers, and a network of 20 dealers whatever its size."""
    monkeypatch.setattr(simulate_module, "BLOCK", 300)
    return Truth(locations_min=20, locations_max=20)


def with_stay(demo: Demo, table: str) -> pd.DataFrame:
    stays = demo.frames["customers"][["customer_id", "joined_at", "left_at"]]
    return demo.frames[table].merge(stays, on="customer_id", validate="many_to_one")


def test_every_table_has_its_key_without_gaps_or_repeats(demo: Demo) -> None:
    assert set(demo.frames) == set(KEYS)
    for table, key in KEYS.items():
        column = demo.frames[table][key]
        assert column.notna().all(), table
        assert column.is_unique, table
    assert len(demo.frames["customers"]) == 4_000
    assert demo.frames["customers"]["customer_id"].iloc[-1] == "C0004000"


def test_every_reference_points_at_a_row(demo: Demo) -> None:
    frames = demo.frames
    for table in ("events", "surveys", "complaints", "contracts"):
        assert frames[table]["customer_id"].isin(frames["customers"]["customer_id"]).all(), table
    for table in ("customers", "events", "surveys"):
        assert frames[table]["location_id"].isin(frames["locations"]["location_id"]).all(), table
    assert frames["surveys"]["journey_id"].isin(frames["events"]["journey_id"]).all()
    assert frames["complaints"]["event_id"].isin(frames["events"]["event_id"]).all()
    assert set(frames["contracts"]["customer_id"]) == set(frames["customers"]["customer_id"])


def test_columns_carry_the_canonical_types(demo: Demo) -> None:
    events, surveys = demo.frames["events"], demo.frames["surveys"]
    assert events["outcome"].dtype == np.int8
    assert events["event_id"].dtype == "str"
    for name, frame in demo.frames.items():
        for column in [c for c in frame if c.endswith("_at")]:
            assert frame[column].dtype == "datetime64[us]", (name, column)
    items = [f"rating_{item}" for item in ITEMS]
    for column in ["overall", "recommend_0_10", "expectation", *items]:
        whole = surveys[column].dropna()
        assert (whole == whole.round()).all()
        assert whole.between(0 if column == "recommend_0_10" else 1, 10).all()
    assert surveys[["overall", "recommend_0_10", "expectation"]].notna().all().all()


def test_nothing_happens_outside_a_stay_or_the_window(demo: Demo) -> None:
    moments = [
        ("events", "occurred_at"),
        ("surveys", "answered_at"),
        ("complaints", "opened_at"),
        ("complaints", "resolved_at"),
    ]
    for table, column in moments:
        rows = with_stay(demo, table)
        moment = rows[column]
        assert (moment.isna() | (moment > rows["joined_at"])).all(), table
        assert not (moment >= rows["left_at"]).any(), table
        assert moment.dropna().between(pd.Timestamp("2023-01-01"), END, inclusive="left").all(), table
    customers = demo.frames["customers"]
    assert (customers["left_at"].isna() | (customers["left_at"] > customers["joined_at"])).all()
    assert (customers["left_at"].dropna() < END).all()


def test_a_survey_is_answered_after_the_last_event_of_its_journey(demo: Demo) -> None:
    last = demo.frames["events"].groupby("journey_id")["occurred_at"].max()
    surveys = demo.frames["surveys"]
    days = (surveys["answered_at"] - surveys["journey_id"].map(last)) / pd.Timedelta(days=1)
    assert days.between(0.99, 14.0).all()
    assert (surveys["response_id"].str[1:] == surveys["journey_id"].str[1:]).all()


def test_a_complaint_is_about_a_negative_event_and_opened_after_it(demo: Demo) -> None:
    complaints = demo.frames["complaints"].merge(
        demo.frames["events"][["event_id", "customer_id", "occurred_at", "outcome"]],
        on=["event_id", "customer_id"],
        validate="one_to_one",
    )
    assert len(complaints) == len(demo.frames["complaints"])
    assert (complaints["outcome"] == -1).all()
    assert (complaints["opened_at"] > complaints["occurred_at"]).all()
    assert not (complaints["resolved_at"] <= complaints["opened_at"]).any()
    assert set(complaints["severity"]) == {0, 1, 2, 3, 4}
    assert (complaints.loc[complaints["resolved_at"].isna(), "compensation_eur"] == 0).all()


def test_episodes_of_a_journey_follow_each_other(demo: Demo) -> None:
    events = demo.frames["events"]
    step = events["occurred_at"].diff()
    same = events["customer_id"] == events["customer_id"].shift()
    assert (step[same] > pd.Timedelta(0)).all()
    assert (events["known_at"] >= events["occurred_at"]).all()
    assert (events["known_at"] < END).all()
    sizes = events.groupby("journey_id").size()
    assert sizes.max() == 6
    assert events["occurred_at"][events["episode"] == "arrival"].dt.day_of_week.max() < 6


def test_contracts_of_a_customer_follow_without_gap_and_end_with_the_stay(demo: Demo) -> None:
    contracts = with_stay(demo, "contracts")
    first = contracts.drop_duplicates("customer_id", keep="first")
    last = contracts.drop_duplicates("customer_id", keep="last")
    assert (first["started_at"] == first["joined_at"]).all()
    pd.testing.assert_series_equal(last["ended_at"], last["left_at"], check_names=False)
    follows = contracts["customer_id"].duplicated()
    assert follows.sum() > 100
    assert (contracts["started_at"] == contracts["ended_at"].shift())[follows].all()


def test_metrics_stand_at_the_touchpoint_they_belong_to(demo: Demo) -> None:
    events = demo.frames["events"]
    places = {
        "wait_minutes": "reception",
        "parking_occupancy": "arrival",
        "rework": "workshop",
        "delay_minutes": "pickup",
    }
    for metric, episode in places.items():
        assert (events[metric].notna() == (events["episode"] == episode)).all(), metric
    assert (events["channel"] == "digital").sum() == events["touchpoint"].str.endswith("_online").sum()


def test_the_size_of_the_world_is_realistic(demo: Demo) -> None:
    frames, journeys = demo.frames, demo.latent["journeys"]
    outcome = frames["events"]["outcome"]
    assert 0.055 < (outcome < 0).mean() < 0.08
    assert 0.22 < (outcome > 0).mean() < 0.26
    assert 0.27 < journeys["answered"].mean() < 0.34
    assert journeys["answered"].sum() == len(frames["surveys"])
    before = frames["customers"][frames["customers"]["joined_at"] < "2023-01-01"]
    assert 0.14 < (before["left_at"] < "2025-01-01").mean() < 0.21
    assert 30 < len(frames["events"]) / 4_000 < 45
    assert 6.4 < frames["surveys"]["overall"].mean() < 7.6
    assert (frames["surveys"]["overall"] == 10).mean() < 0.05
    assert 0.25 < frames["surveys"]["comment"].notna().mean() < 0.37
    assert 0.25 < (frames["events"]["owner"] == "partner").mean() < 0.45


def test_an_item_is_missing_where_the_touchpoint_was_not_experienced(demo: Demo) -> None:
    events, surveys = demo.frames["events"], demo.frames["surveys"]
    booked = surveys["journey_id"].isin(events.loc[events["episode"] == "booking", "journey_id"])
    assert surveys.loc[~booked, "rating_booking"].isna().all()
    assert (~booked).mean() > 0.08
    assert surveys.loc[booked, "rating_booking"].notna().mean() > 0.96
    assert surveys["rating_workshop"].notna().mean() > 0.96


def test_comments_are_in_the_language_of_the_customer(demo: Demo) -> None:
    surveys = demo.frames["surveys"].dropna(subset="comment")
    words = {"de": "Rechnung", "en": "invoice", "fr": "acture", "it": "attura"}
    for language, word in words.items():
        about = surveys[surveys["comment"].str.contains(word)]
        assert (about["language"] == language).mean() > 0.97, language
    assert set(surveys["language"]) == set(SENTENCES) == set(OPENERS) == set(CLOSERS)
    assert surveys["comment"].str.contains(",").any()
    assert surveys["comment"].str.contains('"').any()
    assert surveys["comment"].str.contains("ü").any()


def test_a_full_car_park_is_mentioned_though_no_item_asks(demo: Demo) -> None:
    journeys = demo.latent["journeys"].set_index("journey_id")
    surveys = demo.frames["surveys"]
    full = surveys["journey_id"].map(journeys["parking_full"])
    mentions = surveys["comment"].str.contains("ark|garer", na=False)
    share, n = mentions[full].mean(), full.sum()
    assert abs(share - demo.truth.parking_mention_share) < 4 * np.sqrt(0.36 * 0.64 / n)
    assert mentions[~full].mean() < 0.005


def test_the_same_seed_gives_the_same_rows_and_another_seed_others(demo: Demo) -> None:
    again, other = simulate(4_000, seed=11), simulate(4_000, seed=12)
    for name in KEYS:
        assert hash_frame(again.frames[name]) == hash_frame(demo.frames[name]), name
        assert hash_frame(other.frames[name]) != hash_frame(demo.frames[name]), name


def test_the_global_random_state_is_neither_read_nor_changed() -> None:
    np.random.seed(1)  # noqa: NPY002
    before = np.random.get_state()[1].copy()  # noqa: NPY002
    first = simulate(200, seed=3)
    np.random.seed(2)  # noqa: NPY002
    assert hash_frame(first.frames["events"]) == hash_frame(simulate(200, seed=3).frames["events"])
    np.random.seed(1)  # noqa: NPY002
    simulate(200, seed=3)
    assert (np.random.get_state()[1] == before).all()  # noqa: NPY002


def test_the_first_blocks_are_those_of_a_smaller_network(small_blocks: Truth) -> None:
    less = simulate(600, seed=4, truth=small_blocks)
    more = simulate(750, seed=4, truth=small_blocks)
    for name in ("customers", "events", "surveys", "complaints", "contracts"):
        frame = more.frames[name]
        first = frame[frame["customer_id"] <= "C0000600"].reset_index(drop=True)
        pd.testing.assert_frame_equal(first, less.frames[name])
    assert len(more.frames["customers"]) == 750
    pd.testing.assert_frame_equal(more.frames["locations"], less.frames["locations"])


def test_two_blocks_do_not_share_their_draws(small_blocks: Truth) -> None:
    alpha = simulate(600, seed=4, truth=small_blocks).latent["customers"]["alpha"].to_numpy()
    assert abs(np.corrcoef(alpha[:300], alpha[300:])[0, 1]) < 0.25


def test_a_network_of_more_than_one_block_always_has_all_dealers() -> None:
    truth = Truth()
    assert truth.locations_max * truth.customers_per_location <= simulate_module.BLOCK
    assert len(simulate(100, seed=1).frames["locations"]) == truth.locations_min


def test_blocks_on_disk_hold_the_rows_of_the_frames_in_memory(small_blocks: Truth, tmp_path: Path) -> None:
    demo = simulate(700, seed=5, truth=small_blocks)
    folder = simulate_to(tmp_path / "big", customers=700, seed=5, truth=small_blocks)
    assert sorted(p.name for p in (folder / "events").iterdir()) == [
        "part-000.parquet",
        "part-001.parquet",
        "part-002.parquet",
    ]
    for name, frame in demo.frames.items():
        path = folder / name if name != "locations" else folder / "locations.parquet"
        pd.testing.assert_frame_equal(pd.read_parquet(path), frame)
    for name in ("customers", "journeys"):
        pd.testing.assert_frame_equal(pd.read_parquet(folder / "truth" / name), demo.latent[name])


def test_a_smaller_network_written_over_a_larger_one_leaves_no_old_part(
    small_blocks: Truth, tmp_path: Path
) -> None:
    simulate_to(tmp_path, customers=700, seed=5, truth=small_blocks)
    simulate_to(tmp_path, customers=200, seed=5, truth=small_blocks)
    assert len(pd.read_parquet(tmp_path / "customers")) == 200
    simulate(150, seed=5, truth=small_blocks).write(tmp_path)
    assert not (tmp_path / "customers").exists()
    assert len(pd.read_parquet(tmp_path / "customers.parquet")) == 150
    assert not list(tmp_path.rglob("*.tmp"))


def test_what_is_written_can_be_loaded_and_the_truth_is_not_among_it(tmp_path: Path) -> None:
    demo = simulate(300, seed=6)
    tables = cxlab.load(demo.write(tmp_path / "demo"))
    assert set(tables.frames) == set(KEYS)
    for name, frame in demo.frames.items():
        loaded = tables.frame(name)
        assert len(loaded) == len(frame), name
        assert set(frame.columns) <= set(loaded.columns), name
        assert not {"alpha", "overall_latent", "level", "quality"} & set(loaded.columns), name
    assert (tmp_path / "demo" / "truth" / "truth.json").exists()


@pytest.mark.parametrize(("customers", "seed"), [(0, 1), (10_000_000, 1), (10, -1)])
def test_a_size_or_seed_out_of_range_is_refused(customers: int, seed: int) -> None:
    with pytest.raises(ParameterError, match="Next step"):
        simulate(customers, seed=seed)


def test_one_customer_is_a_network_too() -> None:
    demo = simulate(1, seed=1)
    assert len(demo.frames["customers"]) == 1
    assert list(demo.frames["surveys"].columns[:3]) == ["response_id", "customer_id", "answered_at"]
