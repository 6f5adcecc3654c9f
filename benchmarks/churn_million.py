"""A million customers: fit and score on 50 features, and full experience features from 10 million events.

Run from the checkout (some minutes, 4 GB):

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/churn_million.py

Each line is a process of its own, so that peak memory is its own; peers run in the same call. The peak
includes the data. CPU seconds; the pandas peer computes three of the features (two counts, one stock).
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

import numpy as np
import pandas as pd

ROWS, FEATURES, EVENTS, CUSTOMERS = 1_000_000, 50, 10_000_000, 1_000_000
TASKS = ("fit blend", "fit gated", "fit logistic", "fit boosting", "features cxlab", "features pandas")


def world(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Fifty float32 features, six that matter, one interaction, one hinge."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, FEATURES), dtype=np.float32)
    logit = -2.4 + 0.6 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 2] ** 2 + 0.5 * np.maximum(x[:, 3], 0)
    logit += 0.3 * x[:, 4] * x[:, 5]
    return x, (rng.random(ROWS) < 1.0 / (1.0 + np.exp(-logit))).astype(int)


def fit(which: str) -> str:
    """CPU seconds of fit and score, and AUC on new rows."""
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.linear_model import LogisticRegression

    from cxlab.stats.blend import LogitBlendClassifier
    from cxlab.stats.classification import area_under_curve
    from cxlab.stats.gated import GatedClassifier

    models = {
        "blend": LogitBlendClassifier(),
        "gated": GatedClassifier(),
        "logistic": LogisticRegression(solver="newton-cholesky"),
        "boosting": HistGradientBoostingClassifier(random_state=0, early_stopping=False),
    }
    x, y = world(1)
    start = time.process_time()
    model = models[which].fit(x, y)
    fitted = time.process_time() - start
    start = time.process_time()
    model.predict_proba(x)
    scored = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    del x
    new, outcome = world(2)
    part = slice(0, 200_000)
    auc = area_under_curve(outcome[part].astype(float), model.predict_proba(new[part])[:, 1])[0]
    both = fitted + scored
    return f"fit {fitted:.1f} score {scored:.1f} both {both:.1f} CPU s, {peak:.2f} GB, AUC {auc:.4f}"


def events() -> dict[str, pd.DataFrame]:
    """Ten million events, 300,000 complaints, 500,000 answers of a million customers in three years."""
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2022-01-01")
    ids = pd.Series(np.arange(CUSTOMERS)).astype("str")
    happened = start + pd.to_timedelta(rng.integers(0, 3 * 365 * 1440, EVENTS), unit="min")
    table = pd.DataFrame(
        {
            "event_id": pd.Series(np.arange(EVENTS)),
            "customer_id": ids.take(rng.integers(0, CUSTOMERS, EVENTS)).reset_index(drop=True),
            "occurred_at": happened,
            "outcome": rng.choice([-1, 0, 1], EVENTS, p=[0.1, 0.6, 0.3]).astype(np.int8),
            "touchpoint": pd.Categorical.from_codes(
                rng.integers(0, 5, EVENTS), ["phone", "visit", "app", "shop", "mail"]
            ),
        }
    )
    customers = pd.DataFrame({"customer_id": ids, "joined_at": start, "left_at": pd.NaT})
    customers["left_at"] = customers["left_at"].astype("datetime64[us]")
    of = rng.integers(0, EVENTS, EVENTS * 3 // 100)
    opened = happened[of] + pd.to_timedelta(rng.integers(0, 10, len(of)), unit="D")
    solved = pd.Series(opened + pd.to_timedelta(rng.integers(1, 60, len(of)), unit="D"))
    complaints = pd.DataFrame(
        {
            "complaint_id": pd.Series(np.arange(len(of))),
            "customer_id": table["customer_id"].take(of).reset_index(drop=True),
            "event_id": table["event_id"].take(of).reset_index(drop=True),
            "opened_at": opened,
            "resolved_at": solved.mask(rng.random(len(of)) < 0.2),
        }
    )
    answers = EVENTS // 20
    surveys = pd.DataFrame(
        {
            "customer_id": ids.take(rng.integers(0, CUSTOMERS, answers)).reset_index(drop=True),
            "answered_at": start + pd.to_timedelta(rng.integers(0, 3 * 365 * 1440, answers), unit="min"),
            "overall": rng.integers(1, 11, answers).astype(float),
            "expectation": rng.integers(1, 11, answers).astype(float),
        }
    )
    return {"customers": customers, "events": table, "complaints": complaints, "surveys": surveys}


def features(which: str) -> str:
    """CPU seconds of all features at four cuts."""
    frames = events()
    cuts = [pd.Timestamp(day) for day in ("2023-03-01", "2023-09-01", "2024-01-01", "2024-06-01")]
    start = time.process_time()
    if which == "pandas":
        for cut in cuts:
            past = frames["events"][frames["events"]["occurred_at"] < cut]
            age = (cut - past["occurred_at"]).dt.total_seconds() / 86_400
            made = pd.DataFrame({"who": past["customer_id"], "n90": age <= 90, "n365": age <= 365})
            made["stock"] = (0.5 ** (age / 90)) * (past["outcome"] < 0)
            width = made.groupby("who").sum().shape[1]
    else:
        from cxlab.ingest.tables import Tables
        from cxlab.linking.snapshots import snapshots

        tables = Tables.of(frames, None, title="benchmark")
        made = snapshots(tables, cuts=cuts, lead_days=0, horizon_days=90, full_experience=True).table()
        width = made.shape[1] - 4
    took = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return f"{width} features x {len(cuts)} cuts: {took:.1f} CPU s, {peak:.2f} GB"


def main() -> None:
    """One process per task."""
    if len(sys.argv) > 2:
        print((fit if sys.argv[1] == "fit" else features)(sys.argv[2]))
        return
    for task in TASKS:
        found = subprocess.run(
            [sys.executable, __file__, *task.split()], capture_output=True, text=True, check=True
        )
        print(f"{task:16s} {found.stdout.strip()}", flush=True)


if __name__ == "__main__":
    main()
