"""How fast are exposure windows and churn snapshots, beside idiomatic pandas? Prints a dated table.

Run with ``python benchmarks/linking.py [million events]`` (a minute of CPU for 1). CPU seconds of one
process, median of repeats; pandas and cxlab are timed in the same run on the same frames and must agree
on every count. Set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1. The pandas side computes less (no match
rates, losses, checks, contract, complaint or survey features), so the ratios are on the low side.
"""

from __future__ import annotations

import datetime
import statistics
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd

from cxlab.ingest.tables import Tables
from cxlab.linking.exposure import exposure
from cxlab.linking.snapshots import snapshots

START = pd.Timestamp("2023-01-01")
DAYS = 730
TOUCHPOINTS = ["booking", "reception", "waiting", "repair", "pickup", "billing", "app", "phone"]
CUTS = tuple(START + pd.Timedelta(days=days) for days in (365, 430, 495, 560))
REPEATS = 3


def cpu_seconds(job: Callable[[], Any]) -> tuple[float, Any]:
    """Median CPU seconds of one call, and what it returns."""
    times, result = [], None
    for _ in range(REPEATS):
        start = time.process_time()
        result = job()
        times.append(time.process_time() - start)
    return statistics.median(times), result


def world(events: int) -> dict[str, pd.DataFrame]:
    """Events, a tenth as many answers and a twentieth as many customers, over two years."""
    rng = np.random.default_rng(7)
    customers = events // 20

    def rows(size: int) -> dict[str, Any]:
        seconds = pd.to_timedelta(rng.integers(0, DAYS * 86_400, size), unit="s")
        owner = pd.Series(rng.integers(0, customers, size)).map("C{:08d}".format)
        return {"customer_id": owner.astype("str"), "at": pd.Series(START + seconds)}

    happened = pd.DataFrame(rows(events)).rename(columns={"at": "occurred_at"})
    delay = pd.to_timedelta(rng.integers(0, 3 * 86_400, events), unit="s")
    happened["known_at"] = happened["occurred_at"] + delay
    happened["touchpoint"] = pd.Series(rng.choice(TOUCHPOINTS, events), dtype="str")
    happened["outcome"] = rng.choice([-1, 0, 1], events, p=[0.1, 0.6, 0.3]).astype("int8")
    happened["wait_minutes"] = rng.exponential(10.0, events)
    said = pd.DataFrame(rows(events // 10)).rename(columns={"at": "answered_at"})
    said["overall"] = rng.integers(1, 11, len(said)).astype(float)
    people = pd.DataFrame({"customer_id": [f"C{number:08d}" for number in range(customers)]}, dtype="str")
    people["joined_at"] = START - pd.Timedelta(days=100)
    left = START + pd.to_timedelta(rng.integers(0, DAYS, customers), unit="D")
    people["left_at"] = pd.Series(left).where(rng.random(customers) < 0.3)
    return {"customers": people, "events": happened, "surveys": said}


def pandas_exposure(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Merge on the customer, keep the window, group: the way it is usually written."""
    answers = frames["surveys"][["customer_id", "answered_at"]].reset_index(names="answer")
    pairs = answers.merge(frames["events"], on="customer_id")
    window = (pairs["occurred_at"] >= pairs["answered_at"] - pd.Timedelta(days=90)) & (
        pairs[["occurred_at", "known_at"]].max(axis=1) < pairs["answered_at"]
    )
    pairs = pairs[window].assign(negative=pairs["outcome"] < 0)
    grouped = pairs.groupby(["answer", "touchpoint"])["negative"].agg(["size", "sum"]).unstack(fill_value=0)
    metrics = pairs.groupby("answer").agg(
        mean=("wait_minutes", "mean"), worst=("wait_minutes", "max"), last=("occurred_at", "max")
    )
    return pd.concat([grouped["size"].sum(axis=1).rename("n_events"), grouped["size"], metrics], axis=1)


def pandas_snapshots(frames: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """One filter and one group-by per cut-off: counts, negatives, two stocks of two kinds, last event."""
    events = frames["events"]
    visible = events[["occurred_at", "known_at"]].max(axis=1)
    parts = []
    for cut in CUTS:
        past = events[visible < cut]
        age = (cut - past["occurred_at"]).dt.total_seconds() / 86_400
        columns = {"age": age, "recent_90": age <= 90, "recent_365": age <= 365}
        for days in (90, 365):
            for sign in (1, -1):
                columns[f"stock_{sign}_{days}"] = (past["outcome"] == sign) * np.exp2(-age / days)
            columns[f"negative_{days}"] = (past["outcome"] < 0) & (age <= days)
        measured = pd.DataFrame({"customer_id": past["customer_id"], **columns}).groupby("customer_id")
        parts.append(measured.agg(dict.fromkeys(columns, "sum") | {"age": "min"}).assign(cut_at=cut))
    return pd.concat(parts)


def main(million: float) -> None:
    """Time both sides, compare their counts, print the table."""
    frames = world(int(million * 1e6))
    tables = Tables.of(frames, None, title="benchmark")  # type: ignore[arg-type]
    rows = []
    slow, merged = cpu_seconds(lambda: pandas_exposure(frames))
    quick, linked = cpu_seconds(lambda: exposure(tables).table())
    if int(merged["n_events"].sum()) != int(linked["n_events"].sum()):
        sys.exit("exposure: pandas and cxlab do not count the same events")
    rows.append(("exposure, 90 days", len(linked), slow, quick, slow / quick))
    slow, looped = cpu_seconds(lambda: pandas_snapshots(frames))
    settings = {"cuts": CUTS, "lead_days": 30, "horizon_days": 100}
    quick, panel = cpu_seconds(lambda: snapshots(tables, **settings).table())  # type: ignore[arg-type]
    both = panel.merge(looped, left_on=["customer_id", "cut_at"], right_on=["customer_id", "cut_at"])
    if not (both["usage_events_90d"] == both["recent_90"]).all():
        sys.exit("snapshots: pandas and cxlab do not count the same events")
    rows.append((f"snapshots, {len(CUTS)} cut-offs", len(panel), slow, quick, slow / quick))
    columns = ["job", "rows out", "pandas CPU s", "cxlab CPU s", "ratio"]
    print(f"{datetime.date.today()}: {million:g} million events, pandas {pd.__version__}")
    print(pd.DataFrame(rows, columns=pd.Index(columns)).round(2).to_string(index=False))


if __name__ == "__main__":
    main(float(sys.argv[1]) if len(sys.argv) > 1 else 1.0)
