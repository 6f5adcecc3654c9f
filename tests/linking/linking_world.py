"""Small made-up worlds for the linking tests, with many records at the very same moment."""

import numpy as np
import pandas as pd

from cxlab.ingest.tables import Tables

START = pd.Timestamp("2023-01-01")
DAYS = 900
CUT_DAYS = (200, 450, 700)
#: The cut-offs, and the first moments of their windows of 90 and 365 days.
EDGE_DAYS = sorted({cut - window for cut in CUT_DAYS for window in (0, 90, 365) if cut >= window})
DATA_END = START + pd.Timedelta(days=DAYS + 10)
TOUCHPOINTS = ("phone", "reception", "app")


def moments(rng, size):
    """Half of them at midnight, every sixth on an edge day: records fall on cut-offs and on each other."""
    days = np.where(rng.random(size) < 0.16, rng.choice(EDGE_DAYS, size), rng.integers(0, DAYS, size))
    seconds = np.where(rng.random(size) < 0.5, 0, rng.integers(0, 86_400, size))
    return pd.Series(START + pd.to_timedelta(days, unit="D") + pd.to_timedelta(seconds, unit="s"))


def later(rng, start, *, longest_days, never):
    """``start`` plus whole days (often 0), missing with probability ``never``."""
    days = pd.Series(pd.to_timedelta(rng.integers(0, longest_days + 1, len(start)), unit="D"))
    return (start.reset_index(drop=True) + days).mask(rng.random(len(start)) < never)


def ids(rng, prefix, count, size, *, missing=0.0):
    series = pd.Series([f"{prefix}{number}" for number in rng.integers(0, count, size)], dtype="str")
    return series.mask(rng.random(size) < missing)


def make_frames(seed, *, customers=20, events=260, surveys=60, complaints=50):
    rng = np.random.default_rng(seed)
    people = pd.DataFrame({"customer_id": [f"C{n}" for n in range(customers)]}, dtype="str")
    people["joined_at"] = moments(rng, customers) - pd.Timedelta(days=500)
    people["left_at"] = later(rng, people["joined_at"], longest_days=1500, never=0.4)
    people["segment"] = rng.choice(["private", "business"], customers)
    people["loyalty_today"] = rng.normal(size=customers)
    happened = pd.DataFrame({"event_id": [f"E{n}" for n in range(events)]}, dtype="str")
    happened["customer_id"] = ids(rng, "C", customers + 2, events, missing=0.03)
    happened["occurred_at"] = moments(rng, events)
    happened["known_at"] = later(rng, happened["occurred_at"], longest_days=9, never=0.02)
    happened["touchpoint"] = pd.Series(rng.choice(TOUCHPOINTS, events)).mask(rng.random(events) < 0.05)
    happened["channel"] = pd.Series(rng.choice(["digital", "physical"], events)).mask(
        rng.random(events) < 0.1
    )
    happened["outcome"] = (
        pd.Series(rng.choice([-1, 0, 1], events)).astype("Int8").mask(rng.random(events) < 0.05)
    )
    happened["wait_minutes"] = np.where(rng.random(events) < 0.3, np.nan, rng.integers(0, 60, events))
    said = pd.DataFrame({"response_id": [f"R{n}" for n in range(surveys)]}, dtype="str")
    said["customer_id"] = ids(rng, "C", customers + 2, surveys, missing=0.05)
    said["answered_at"] = moments(rng, surveys).mask(rng.random(surveys) < 0.03)
    same = rng.random(surveys) < 0.5  # half of the answers come in the very second of an event
    chosen = happened.iloc[rng.integers(0, events, surveys)].reset_index(drop=True)
    said.loc[same, ["customer_id", "answered_at"]] = chosen.loc[
        same, ["customer_id", "occurred_at"]
    ].to_numpy()
    said["answered_at"] = said["answered_at"].astype("datetime64[us]")
    for column in ("overall", "rating_phone", "rating_app", "recommend_0_10"):
        said[column] = np.where(rng.random(surveys) < 0.2, np.nan, rng.integers(1, 11, surveys))
    own = np.random.default_rng([seed, 1])  # of its own, so that nothing else in these worlds moves
    said["expectation"] = np.where(own.random(surveys) < 0.3, np.nan, own.integers(1, 11, surveys))
    grievances = pd.DataFrame({"complaint_id": [f"K{n}" for n in range(complaints)]}, dtype="str")
    about = happened.iloc[rng.integers(0, events, complaints)].reset_index(drop=True)
    grievances["customer_id"] = about["customer_id"].mask(rng.random(complaints) < 0.1, "C1")
    grievances["event_id"] = about["event_id"].mask(rng.random(complaints) < 0.15)
    grievances.loc[0, "event_id"] = "E-nowhere"
    grievances["opened_at"] = later(rng, about["occurred_at"], longest_days=5, never=0.0)
    grievances["resolved_at"] = later(rng, grievances["opened_at"], longest_days=200, never=0.3)
    agreed = people.loc[rng.integers(0, customers, customers * 2), ["customer_id", "joined_at"]]
    agreed = agreed.reset_index(drop=True).rename(columns={"joined_at": "started_at"})
    agreed["started_at"] += pd.to_timedelta(rng.integers(0, 3, len(agreed)) * 200, unit="D")
    agreed["ended_at"] = later(rng, agreed["started_at"], longest_days=1200, never=0.5)
    agreed["value_per_year"] = rng.integers(1, 100, len(agreed)).astype(float)
    agreed["plan"] = rng.choice(["basic", "plus", "gold"], len(agreed))
    return {
        "customers": people,
        "events": happened,
        "surveys": said,
        "complaints": grievances,
        "contracts": agreed,
    }


def tables_of(frames, *, data_end=DATA_END):
    return Tables.of(frames, None, title="made-up world", data_end=data_end)


def visible(events):
    """From when an event could be seen: after it had happened and was recorded."""
    return events[["occurred_at", "known_at"]].max(axis=1).where(events["known_at"].notna())


def forget(frames, cut):
    """The world as the data base knew it just before ``cut``."""
    past = {name: frame.copy() for name, frame in frames.items()}
    past["events"] = past["events"][visible(past["events"]) < cut]
    past["surveys"] = past["surveys"][past["surveys"]["answered_at"] < cut]
    past["complaints"] = past["complaints"][past["complaints"]["opened_at"] < cut]
    past["contracts"] = past["contracts"][past["contracts"]["started_at"] < cut]
    past["customers"] = past["customers"][past["customers"]["joined_at"] < cut]
    for name, column in (
        ("complaints", "resolved_at"),
        ("contracts", "ended_at"),
        ("customers", "left_at"),
    ):
        past[name][column] = past[name][column].mask(past[name][column] >= cut)
    return past


def scramble(frames, cut, seed):
    """The same past, but every record known at or after ``cut`` is replaced by noise.

    The noise is of the worst kind: events that are known from ``cut`` on but claim to have happened long
    before, complaints opened later whose resolution claims to be earlier, other customers, extreme values.
    """
    rng = np.random.default_rng(seed)
    noisy = {name: frame.copy() for name, frame in frames.items()}
    customer = noisy["customers"]["customer_id"].dropna().tolist()

    def after(size):
        return cut + pd.to_timedelta(rng.integers(0, 300, size) * 43_200, unit="s")

    events = noisy["events"]
    late = (visible(events) >= cut).to_numpy()
    count = int(late.sum())
    events.loc[late, "customer_id"] = rng.choice(customer, count)
    events.loc[late, "occurred_at"] = cut - pd.to_timedelta(rng.integers(0, 400, count), unit="D")
    events.loc[late, "known_at"] = after(count)
    events.loc[late, "outcome"] = rng.choice([-1, 1], count)
    events.loc[late, "touchpoint"] = rng.choice(TOUCHPOINTS, count)
    events.loc[late, "wait_minutes"] = 1e6
    surveys = noisy["surveys"]
    late = (surveys["answered_at"] >= cut).to_numpy()
    surveys.loc[late, "answered_at"] = after(int(late.sum()))
    numbers = ["overall", "rating_phone", "rating_app", "recommend_0_10", "expectation"]
    surveys.loc[late, numbers] = 1e6
    complaints = noisy["complaints"]
    late = (complaints["opened_at"] >= cut).to_numpy()
    count = int(late.sum())
    complaints.loc[late, "opened_at"] = after(count)
    complaints.loc[late, "resolved_at"] = cut - pd.Timedelta(days=30)
    about = frames["events"].iloc[rng.integers(0, len(events), count)]  # events of any time, of their owner
    complaints.loc[late, "event_id"] = about["event_id"].to_numpy()
    complaints.loc[late, "customer_id"] = about["customer_id"].to_numpy()
    contracts = noisy["contracts"]
    late = (contracts["started_at"] >= cut).to_numpy()
    contracts.loc[late, ["value_per_year", "started_at"]] = [1e6, cut]
    contracts.loc[late, "plan"] = "zzz"
    for name, column in (("complaints", "resolved_at"), ("contracts", "ended_at")):
        late = (noisy[name][column] >= cut).to_numpy()
        noisy[name].loc[late, column] = after(int(late.sum()))
    customers = noisy["customers"]
    customers.loc[customers["left_at"] >= cut, "left_at"] = pd.NaT
    customers["loyalty_today"] = 1e6
    return noisy
