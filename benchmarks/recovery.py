"""How fast is a repair ratio, and how much faster than its Python peers? Prints a dated table.

Run with ``python benchmarks/recovery.py`` (about two minutes of CPU). All times are CPU seconds of one
process on data made here, peer and cxlab in the same run. Peers: the stocks as a pandas merge of answers
with experiences; the regression with customer and month effects at one known half-life by linearmodels
(``pip install linearmodels``, skipped with a note if absent). cxlab's fit searches the half-life too.
Set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import datetime
import importlib.util
import statistics
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxlab.models.recovery.repair import RepairModel
from cxlab.models.recovery.repair_rows import repair_rows, stock_entries
from cxlab.stats.stock import plan_stocks

CUSTOMERS = 20_000
ANSWERS_EACH = 18
EXPERIENCES = 600_000
DAYS = 1095
HALF_LIFE = 180.0


def cpu_seconds(job: Callable[[], object], *, repeats: int = 3) -> float:
    """Median CPU seconds of one call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return statistics.median(times)


def tables() -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers and experiences, about 360,000 and 600,000 rows; outcomes follow the stocks."""
    rng = np.random.default_rng(1)
    start = pd.Timestamp("2023-01-01")

    def moments(rows: int) -> pd.Series:
        return pd.Series(start + pd.to_timedelta(rng.integers(0, DAYS * 86_400, rows), unit="s"))

    names = np.char.add("C", np.arange(CUSTOMERS).astype(str)).astype(object)
    rows = CUSTOMERS * ANSWERS_EACH
    answers = pd.DataFrame({"customer_id": np.repeat(names, ANSWERS_EACH), "answered_at": moments(rows)})
    answers["overall"] = rng.normal(0.0, 1.0, rows)
    experiences = pd.DataFrame(
        {"customer_id": names[rng.integers(0, CUSTOMERS, EXPERIENCES)], "occurred_at": moments(EXPERIENCES)}
    )
    bad = rng.random(EXPERIENCES) < 0.1
    experiences["valence"] = np.where(bad, "negative", "positive")
    resolved = experiences["occurred_at"] + pd.to_timedelta(rng.integers(1, 30, EXPERIENCES), unit="D")
    experiences["resolved_at"] = resolved.where(bad & (rng.random(EXPERIENCES) < 0.5))
    answers["overall"] += merged_stocks(answers, experiences).to_numpy() @ [0.1, -1.0, -0.4]
    return answers, experiences


def merged_stocks(answers: pd.DataFrame, experiences: pd.DataFrame) -> pd.DataFrame:
    """The stocks for one half-life, as one would write them in pandas."""
    left = answers[["customer_id", "answered_at"]].reset_index(names="answer")
    seen = left.merge(experiences, on="customer_id")
    seen = seen[seen["occurred_at"] < seen["answered_at"]]
    age = (seen["answered_at"] - seen["occurred_at"]) / pd.Timedelta(days=1)
    settled = seen["resolved_at"] < seen["answered_at"]
    kind = np.where(seen["valence"] == "positive", 0, np.where(settled, 2, 1))
    weights = pd.DataFrame({"answer": seen["answer"], "kind": kind, "weight": np.exp2(-age / HALF_LIFE)})
    sums = weights.groupby(["answer", "kind"])["weight"].sum().unstack(fill_value=0.0)
    return sums.reindex(answers.index, fill_value=0.0)


def planned_stocks(answers: pd.DataFrame, experiences: pd.DataFrame) -> np.ndarray:
    """The same from the two tables with cxlab, checks and counts of lost rows included."""
    rows = repair_rows(answers, experiences, outcome="overall", discard_days=0.0)
    return plan_stocks(rows.owner, rows.at, entries=stock_entries(rows), n_stocks=3).stocks(HALF_LIFE)


def peer_regression(answers: pd.DataFrame, stocks: pd.DataFrame) -> Callable[[], object] | None:
    """linearmodels' absorbing regression with clustered errors at the known half-life, if installed."""
    if importlib.util.find_spec("linearmodels") is None:
        return None
    from linearmodels.iv.absorbing import AbsorbingLS

    effects = pd.DataFrame(
        {
            "customer": answers["customer_id"].astype("category"),
            "month": answers["answered_at"].dt.strftime("%Y-%m").astype("category"),
        }
    )
    clusters = pd.DataFrame({"customer": effects["customer"].cat.codes})

    def fit() -> object:
        model = AbsorbingLS(answers["overall"], stocks, absorb=effects)
        return model.fit(cov_type="clustered", clusters=clusters)

    return fit


def ten_million(answers: pd.DataFrame, experiences: pd.DataFrame, *, blocks: int = 50) -> str:
    """10 million customers: estimate on a sample, then the level of every customer, block by block."""
    sampled = RepairModel(sample_customers=CUSTOMERS // 2)
    estimate = cpu_seconds(lambda: sampled.fit(answers, experiences), repeats=1)
    result = sampled.fit(answers, experiences)
    at = answers["answered_at"].max()
    size = 10_000_000 // blocks
    rng = np.random.default_rng(2)
    rows, applied = 0, 0.0
    for block in range(blocks):
        names = np.repeat(np.arange(block * size, (block + 1) * size), 3)
        picked = rng.integers(0, len(experiences), len(names))
        part = experiences.iloc[picked].assign(customer_id=names)
        start = time.process_time()
        rows += len(result.levels(part, at=at))
        applied += time.process_time() - start
    return (
        f"sample of {CUSTOMERS // 2:,} customers {estimate:6.2f}; levels of {rows:,} customers with "
        f"{3 * blocks * size:,} experiences in {blocks} blocks {applied:6.1f}"
    )


def main() -> None:
    """Time, compare, print."""
    answers, experiences = tables()
    stocks = merged_stocks(answers, experiences)
    own = cpu_seconds(lambda: planned_stocks(answers, experiences))
    naive = cpu_seconds(lambda: merged_stocks(answers, experiences))
    whole = cpu_seconds(lambda: RepairModel().fit(answers, experiences))
    lines = [
        f"{datetime.date.today()}: {len(answers):,} answers, {len(experiences):,} experiences, CPU seconds",
        f"stocks, one half-life, from the tables   cxlab {own:6.2f}   pandas merge {naive:6.2f}   "
        f"{naive / own:5.1f} x",
    ]
    peer = peer_regression(answers, stocks)
    if peer is None:
        lines.append(
            f"whole fit, half-life searched, intervals   cxlab {whole:6.2f}   linearmodels: not installed"
        )
    else:
        other = cpu_seconds(peer, repeats=1)
        lines.append(
            f"whole fit, half-life searched, intervals   cxlab {whole:6.2f}   "
            f"linearmodels, stocks and half-life given {other:6.2f}   {other / whole:5.1f} x"
        )
    lines.append(ten_million(answers, experiences))
    print("\n".join(lines))


if __name__ == "__main__":
    main()
