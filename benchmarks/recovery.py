"""How fast is a repair ratio, and how much faster than its Python peers? Prints a dated table.

Run with ``python benchmarks/recovery.py`` (about three minutes of CPU). All times are CPU seconds of one
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


def large_tables(customers: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Six answers and thirty experiences of each customer; outcomes follow the stocks."""
    rng = np.random.default_rng(3)
    start = pd.Timestamp("2023-01-01")
    names = np.char.add("C", np.char.zfill(np.arange(customers).astype(str), 8)).astype(object)

    def table(each: int, column: str) -> pd.DataFrame:
        seconds = np.sort(rng.integers(0, DAYS * 86_400, (customers, each)), axis=1).ravel()
        return pd.DataFrame(
            {"customer_id": np.repeat(names, each), column: start + pd.to_timedelta(seconds, unit="s")}
        )

    answers, experiences = table(6, "answered_at"), table(30, "occurred_at")
    bad = rng.random(len(experiences)) < 0.1
    experiences["valence"] = np.where(bad, "negative", "positive")
    resolved = experiences["occurred_at"] + pd.to_timedelta(rng.integers(1, 30, len(bad)), unit="D")
    experiences["resolved_at"] = resolved.where(bad & (rng.random(len(bad)) < 0.5))
    answers["overall"] = rng.normal(0.0, 1.0, len(answers))
    # The answers are in the order of the plan: by customer, then time.
    answers["overall"] += planned_stocks(answers, experiences) @ [0.1, -1.0, -0.4]
    return answers, experiences


def ten_million(*, sample: int = 200_000, blocks: int = 50) -> str:
    """10 million customers: estimate on a sample, then the level of every customer, block by block."""
    answers, experiences = large_tables(sample + sample // 10)
    start = time.process_time()
    result = RepairModel(sample_customers=sample).fit(answers, experiences)
    estimate = time.process_time() - start
    row = result.table().set_index("term").loc["ratio_unresolved"]
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
        f"sample of {sample:,} of {len(answers) // 6:,} customers, {len(answers):,} answers, "
        f"{len(experiences):,} experiences {estimate:6.2f}, ratio {row['estimate']:.2f} "
        f"[{row['conf_low']:.2f}, {row['conf_high']:.2f}]; levels of {rows:,} customers with "
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
    lines.append(ten_million())
    print("\n".join(lines))


if __name__ == "__main__":
    main()
