"""How fast are a million survey rows loaded and checked, beside pandas and pandera? Prints a dated table.

Run with ``python benchmarks/loading.py`` (about a minute of CPU). CPU seconds of one process, each job once
after a small warm-up, in the same run on the same files. The peer reads with pandas, parses the dates and
validates lazily with a pandera schema of the same ranges, keys and required columns; it keeps no text,
no line numbers and no reasons, and guesses types. The paired figure is without pseudonyms, which the peer
does not make either; the last column is the default load, where every id becomes a keyed pseudonym. Set
OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1.
"""

from __future__ import annotations

import datetime
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import cxlab
from cxlab.core.pseudonyms import KEY_VARIABLE, make_key

ROWS = 1_000_000
ITEMS = ("reception", "billing", "repair", "waiting", "app")


def survey(rows: int) -> pd.DataFrame:
    """Ten columns: two ids, a time, a dealer, the overall answer and five ratings that move together."""
    rng = np.random.default_rng(5)
    mood = rng.normal(7.5, 1.8, rows)
    at = pd.Timestamp("2023-01-01") + pd.to_timedelta(rng.integers(0, 700 * 86_400, rows), unit="s")
    table = pd.DataFrame({
        "response_id": np.char.add("R", np.arange(rows).astype(str)).tolist(),
        "customer_id": np.char.add("C", rng.integers(0, rows // 3, rows).astype(str)).tolist(),
        "answered_at": at,
        "location_id": rng.choice([f"D{place:03d}" for place in range(150)], rows),
        "overall": np.clip(np.rint(mood), 1, 10),
    })  # fmt: skip
    for item in ITEMS:
        values = np.clip(np.rint(mood + rng.normal(0, 1, rows)), 1, 10)
        values[rng.random(rows) < 0.1] = np.nan
        table[f"rating_{item}"] = values
    return table


def cpu_seconds(job: Callable[[], Any]) -> float:
    start = time.process_time()
    job()
    return time.process_time() - start


def by_pandera(path: Path) -> Any:
    """The same columns, ranges and keys as a pandera schema, lazily; None if not installed."""
    try:
        import pandera.pandas as pandera
    except ImportError:
        return None
    score = pandera.Column("float64", pandera.Check.in_range(1, 10), nullable=True, coerce=True)
    schema = pandera.DataFrameSchema({
        "response_id": pandera.Column(str, unique=True),
        "customer_id": pandera.Column(str, nullable=True),
        "answered_at": pandera.Column("datetime64[us]", coerce=True),
        "location_id": pandera.Column(str, nullable=True),
        "overall": score,
        **{f"rating_{item}": score for item in ITEMS},
    })  # fmt: skip

    def job() -> Any:
        frame = (
            pd.read_parquet(path)
            if path.suffix == ".parquet"
            else pd.read_csv(path, parse_dates=["answered_at"])
        )
        return schema.validate(frame, lazy=True)

    return job


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    print(
        f"Run on {datetime.date.today().isoformat()}, Python {sys.version.split()[0]}, {rows:,} survey rows"
    )
    print("\n| file | cxlab, CPU s | pandas + pandera, CPU s | pandera : cxlab | with pseudonyms, CPU s |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as name:
        make_key(Path(name, "key"))
        os.environ[KEY_VARIABLE] = str(Path(name, "key"))
        for size, shown in ((1_000, False), (rows, True)):
            table = survey(size)
            for ending in ("csv", "parquet"):
                folder = Path(name, f"{ending}{size}")
                folder.mkdir()
                path = folder / f"surveys.{ending}"
                if ending == "csv":
                    whole = {c: "Int64" for c in table.columns if table[c].dtype == "float64"}
                    table.astype(whole).to_csv(path, index=False)
                else:
                    table.to_parquet(path)
                (folder / "cxlab.toml").write_text('[privacy]\npseudonyms = "off"\n')
                ours = cpu_seconds(lambda folder=folder: cxlab.load(folder))  # type: ignore[misc]
                job = by_pandera(path)
                theirs = cpu_seconds(job) if job else float("nan")
                (folder / "cxlab.toml").unlink()
                keyed = cpu_seconds(lambda folder=folder: cxlab.load(folder))  # type: ignore[misc]
                if shown:
                    print(f"| {ending} | {ours:.2f} | {theirs:.2f} | {theirs / ours:.2f} | {keyed:.2f} |")


if __name__ == "__main__":
    main()
