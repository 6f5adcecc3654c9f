"""The demo network obeys its frozen truth, and nothing that analyses data can read it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from cxlab.simulation.oracle import true_hazard, true_stock
from cxlab.simulation.simulate import Demo, simulate
from cxlab.simulation.stock import Stock
from cxlab.simulation.truth import ITEMS, TOUCHPOINTS, Truth

PACKAGE = Path(__file__).resolve().parents[2] / "cxlab"
START = pd.Timestamp("2023-01-01")


@pytest.fixture(scope="module")
def demo() -> Demo:
    return simulate(20_000, seed=21)


@pytest.fixture(scope="module")
def answered(demo: Demo) -> pd.DataFrame:
    """Answers with the hidden side of their journey and the operations of it."""
    events = demo.frames["events"].groupby("journey_id")[["rework", "wait_minutes", "delay_minutes"]].max()
    hidden = demo.latent["journeys"].drop(columns="customer_id")
    rows = demo.frames["surveys"].merge(hidden, on="journey_id", validate="one_to_one")
    rows = rows.merge(demo.latent["customers"], on="customer_id", validate="many_to_one")
    return rows.merge(events, on="journey_id", validate="one_to_one")


def slopes(y: pd.Series, *columns: pd.Series) -> np.ndarray:
    design = np.column_stack([np.ones(len(y)), *[column.to_numpy(dtype=float) for column in columns]])
    return np.linalg.lstsq(design, y.to_numpy(), rcond=None)[0][1:]


def test_the_truth_is_frozen_and_goes_to_json_and_back() -> None:
    truth = Truth()
    with pytest.raises(dataclasses.FrozenInstanceError):
        truth.ratio_unresolved = 3.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        truth.driver_weights["booking"] = 1.0  # type: ignore[index]
    told = json.loads(json.dumps(truth.to_dict()))
    assert told["driver_weights"]["workshop"] == truth.driver_weights["workshop"]
    assert set(told) == {field.name for field in dataclasses.fields(Truth)}
    assert list(truth.negative_logit) == list(TOUCHPOINTS)
    assert list(truth.driver_weights) == list(ITEMS)


def test_no_part_that_analyses_data_reads_the_truth() -> None:
    parts = ("core", "engine", "ingest", "linking", "models", "plots", "reporting", "stats")
    sources = [path for part in parts for path in (PACKAGE / part).rglob("*.py")]
    assert len(sources) > 20
    telling = ("cxlab.simulation", "overall_latent", "true_hazard", ".latent[")
    readers = [(p.name, word) for p in sources for word in telling if word in p.read_text("utf-8")]
    assert readers == []


def test_the_latent_answer_is_the_formula_of_the_truth(demo: Demo) -> None:
    truth = demo.truth
    rows = demo.latent["journeys"].merge(demo.latent["customers"], on="customer_id")
    felt = rows[[f"felt_{item}" for item in ITEMS]].to_numpy()
    rest = rows["overall_latent"] - truth.overall_mean - rows["alpha"] - rows["level"]
    rest = rest - felt @ np.array(list(truth.driver_weights.values()))
    assert 0.01 < (rows["outage"] > 0).mean() < 0.05
    rest = rest - truth.outage_overall * rows["outage"]
    n = len(rest)
    season_variance = truth.season_amplitude**2 / 2
    assert abs(rest.mean()) < 0.01
    assert rest.var() == pytest.approx(truth.overall_noise_sd**2 + season_variance, rel=6 / np.sqrt(n))
    # What is left is tied to nothing that a regression uses.
    for column in ("level", "alpha", "felt_workshop"):
        assert abs(np.corrcoef(rest, rows[column])[0, 1]) < 4 / np.sqrt(n)


def test_the_level_behind_each_answer_follows_from_the_events_before_it(demo: Demo) -> None:
    truth, frames = demo.truth, demo.frames
    rows = frames["surveys"][["customer_id", "journey_id", "answered_at"]].head(3_000)
    level = rows["journey_id"].map(demo.latent["journeys"].set_index("journey_id")["level"])
    pairs = rows.merge(frames["events"][["event_id", "customer_id", "occurred_at", "outcome"]])
    pairs = pairs.merge(frames["complaints"][["event_id", "resolved_at"]], on="event_id", how="left")
    pairs = pairs[pairs["occurred_at"] < pairs["answered_at"]]
    days = (pairs["answered_at"] - pairs["occurred_at"]) / pd.Timedelta(days=1)
    harm = np.where(pairs["resolved_at"] < pairs["answered_at"], 4.0, 10.0)
    value = np.where(pairs["outcome"] > 0, 1.0, np.where(pairs["outcome"] < 0, -harm, 0.0))
    effect = truth.positive_effect * value * 0.5 ** (days / 180.0)
    counted = effect.groupby(pairs["journey_id"]).sum().reindex(rows["journey_id"])
    np.testing.assert_allclose(level.to_numpy(), counted.to_numpy(), atol=1e-9)
    assert (level < -0.3).mean() > 0.1


def test_nothing_known_later_changes_the_stock_of_a_moment(demo: Demo) -> None:
    cut = pd.Timestamp("2024-06-15 12:00")
    frames = dict(demo.frames)
    frames["events"] = frames["events"][frames["events"]["occurred_at"] < cut]
    complaints = frames["complaints"][frames["complaints"]["opened_at"] < cut].copy()
    complaints.loc[complaints["resolved_at"] >= cut, "resolved_at"] = pd.NaT
    frames["complaints"] = complaints
    then = dataclasses.replace(demo, frames=frames)
    pd.testing.assert_series_equal(true_stock(then, cut), true_stock(demo, cut))
    assert len(complaints) < len(demo.frames["complaints"])


@pytest.mark.parametrize("half_life_days", [2.0, 180.0, np.inf])
def test_the_stock_is_exact_for_a_short_and_an_endless_memory(half_life_days: float) -> None:
    rng = np.random.default_rng(3)
    customer, minute = rng.integers(0, 5, 400), rng.integers(0, 1_500_000, 400)
    value = rng.normal(size=400)
    decay = np.log(2.0) / half_life_days
    stock = Stock.of(customer, minute, value=value, shape=(5, 37), decay_per_day=decay)
    who, when = rng.integers(0, 5, 200), np.append(rng.integers(0, 1_500_000, 199), minute[0])
    who[-1] = customer[0]
    age = (when[:, None] - minute[None, :]) / 1440.0
    before = (who[:, None] == customer[None, :]) & (age > 0)
    expected = (value * before * np.exp(-decay * np.maximum(age, 0.0))).sum(axis=1)
    np.testing.assert_allclose(stock.at(who, when), expected, atol=1e-10)


def test_customers_leave_as_often_as_the_true_hazard_says(demo: Demo) -> None:
    customers = demo.frames["customers"].set_index("customer_id")
    leaving, told, spread = 0, 0.0, 0.0
    by_level: list[tuple[float, float]] = []
    for step in range(3, 36, 3):
        cut = START + step * pd.Timedelta(days=30)
        hazard = true_hazard(demo, cut)
        left_at = customers.loc[hazard.index, "left_at"]
        leaves = left_at < cut + pd.Timedelta(days=30)
        leaving += int(leaves.sum())
        told += float(hazard.sum())
        spread += float((hazard * (1 - hazard)).sum())
        high = hazard > hazard.quantile(0.9)
        by_level.append((float(leaves[high].sum()), float(hazard[high].sum())))
    assert abs(leaving - told) < 3.5 * np.sqrt(spread)
    observed, expected = np.sum(by_level, axis=0)
    assert abs(observed - expected) < 3.5 * np.sqrt(expected)
    assert leaving > 1_000


def test_the_hazard_ahead_lets_the_stock_fade(demo: Demo) -> None:
    cut = pd.Timestamp("2024-06-01")
    now, ahead = true_hazard(demo, cut), true_hazard(demo, cut, ahead_days=3_600.0)
    stock, alpha = true_stock(demo, cut), demo.latent["customers"].set_index("customer_id")["alpha"]
    hurt = stock.loc[now.index] < -1.0
    assert (ahead[hurt] < now[hurt]).all()
    assert (now.index.isin(alpha.index)).all()


def test_extremes_answer_more_often_so_the_answers_are_biased(demo: Demo) -> None:
    journeys = demo.latent["journeys"]
    far = (journeys["overall_latent"] - demo.truth.response_centre).abs()
    assert journeys.loc[far > 2.5, "answered"].mean() > 1.5 * journeys.loc[far < 1.0, "answered"].mean()
    n = journeys["answered"].sum()
    gap = journeys.loc[journeys["answered"], "overall_latent"].mean() - journeys["overall_latent"].mean()
    assert gap < -5 * journeys["overall_latent"].std() / np.sqrt(n)


def test_a_full_car_park_lowers_the_workshop_item_and_not_the_invoice(answered: pd.DataFrame) -> None:
    truth = Truth()
    rows = answered.dropna(subset=["rating_workshop", "rating_competence", "rating_billing"])
    facts = (rows["parking_full"], rows["rework"], rows["level"], rows["felt_workshop"])
    workshop = slopes(rows["rating_workshop"], *facts)
    assert workshop[0] == pytest.approx(truth.workshop_parking_full, abs=0.08)
    assert workshop[1] == pytest.approx(truth.workshop_rework, abs=0.10)
    competence = slopes(rows["rating_competence"], *facts)
    assert competence[0] == pytest.approx(truth.competence_parking_full, abs=0.10)
    billing = slopes(rows["rating_billing"], *facts)
    assert abs(billing[0]) < 0.10


def test_operations_lower_the_item_that_asks_about_them(answered: pd.DataFrame) -> None:
    truth = Truth()
    rows = answered.dropna(subset=["rating_reception", "rating_pickup"])
    over = (rows["wait_minutes"] - truth.wait_free_minutes).clip(lower=0.0)
    reception = slopes(rows["rating_reception"], over, rows["level"], rows["felt_reception"])
    assert reception[0] == pytest.approx(truth.reception_per_wait_minute, abs=0.006)
    pickup = slopes(rows["rating_pickup"], rows["delay_minutes"], rows["level"], rows["felt_pickup"])
    assert pickup[0] == pytest.approx(truth.pickup_per_delay_minute, abs=0.0015)


def test_items_follow_the_overall_answer_in_the_order_of_their_weights(answered: pd.DataFrame) -> None:
    items = [f"rating_{item}" for item in ITEMS]
    rows = answered[[*items, "overall"]].dropna()
    found = pd.Series(slopes(rows["overall"], *[rows[item] for item in items]), index=list(ITEMS))
    weights = pd.Series(dict(Truth().driver_weights))
    assert list(found.sort_values().index) == list(weights.sort_values().index)
    assert found["workshop"] > 2 * found["billing"]


def test_an_operational_failure_makes_its_own_touchpoint_go_wrong(demo: Demo) -> None:
    events = demo.frames["events"]
    bad = events["outcome"] < 0
    full = events["parking_occupancy"] > demo.truth.parking_full_above
    arrival = events["episode"] == "arrival"
    assert 0.06 < full[arrival].mean() < 0.12
    assert bad[full].mean() > 4 * bad[arrival & ~full].mean()
    assert bad[events["rework"] == 1].mean() > 3 * bad[events["rework"] == 0].mean()
    assert bad[events["wait_minutes"] > 25].mean() > 2 * bad[events["wait_minutes"] <= 10].mean()


def test_the_outage_of_online_booking_shows_in_its_weeks_only(demo: Demo) -> None:
    events = demo.frames["events"]
    online = events[events["touchpoint"] == "booking_online"]
    day = (online["occurred_at"] - START) / pd.Timedelta(days=1)
    since = day - demo.truth.outage_day
    bad = online["outcome"] < 0
    assert bad[since.between(0, 7)].mean() > 4 * bad[since < 0].mean()
    assert bad[since > demo.truth.outage_days].mean() < 1.2 * bad[since < 0].mean()
    phone = events[events["touchpoint"] == "booking_phone"]
    phone_since = (phone["occurred_at"] - START) / pd.Timedelta(days=1) - demo.truth.outage_day
    assert (phone["outcome"] < 0)[phone_since.between(0, 7)].mean() < 0.12


def test_means_after_good_and_bad_journeys_are_far_from_the_repair_ratio(demo: Demo) -> None:
    worst_best = demo.frames["events"].groupby("journey_id")["outcome"].agg(["min", "max"])
    journeys = worst_best.join(demo.frames["surveys"].set_index("journey_id")["overall"], how="inner")
    bad = journeys.loc[journeys["min"] < 0, "overall"].mean()
    plain = journeys.loc[(journeys["min"] == 0) & (journeys["max"] == 0), "overall"].mean()
    good = journeys.loc[(journeys["min"] == 0) & (journeys["max"] > 0), "overall"].mean()
    # The customers who are met better like the company more: about a third of the truth is left.
    assert (plain - bad) / (good - plain) < 0.4 * demo.truth.ratio_unresolved


def test_another_truth_makes_another_world() -> None:
    plain = simulate(3_000, seed=8)
    numb = simulate(3_000, seed=8, truth=dataclasses.replace(Truth(), positive_effect=0.0))
    assert (numb.latent["journeys"]["level"] == 0).all()
    assert plain.latent["journeys"]["level"].std() > 0.3
    # One stream per part: the events of those who stay are the same in both worlds.
    both = set(plain.frames["customers"].query("left_at.isna()")["customer_id"])
    both &= set(numb.frames["customers"].query("left_at.isna()")["customer_id"])
    first, second = (
        d.frames["events"][d.frames["events"]["customer_id"].isin(both)].reset_index(drop=True)
        for d in (plain, numb)
    )
    pd.testing.assert_frame_equal(first, second)
