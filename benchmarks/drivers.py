"""How fast is exact LMG, and how much faster than its Python peer? Prints a dated table.

Run with ``python benchmarks/drivers.py`` (about a minute of CPU). All times are CPU seconds of one
process, the median of repeats, on data made here; peer and cxlab are timed in the same run. The peer
is optional: ``pip install -e .[bench]``. Set OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 for one thread.
"""

from __future__ import annotations

import datetime
import resource
import statistics
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd

from cxlab import ImportanceModel
from cxlab.stats.bootstrap import resampled_sums
from cxlab.stats.importance import lmg
from cxlab.stats.moments import correlations, group_moments

ROWS = 10_000
SITES = 100


def cpu_seconds(job: Callable[[], object], *, repeats: int = 5) -> float:
    """Median CPU seconds of one call."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        job()
        times.append(time.process_time() - start)
    return statistics.median(times)


def answers(predictors: int) -> tuple[np.ndarray, np.ndarray]:
    """Correlated ratings with the outcome last, and the site of each row."""
    rng = np.random.default_rng(predictors)
    halo = rng.normal(size=(ROWS, 1))
    ratings = halo + rng.normal(size=(ROWS, predictors))
    outcome = ratings @ rng.uniform(0.1, 1.0, predictors) + 3.0 * rng.normal(size=ROWS)
    return np.column_stack([ratings, outcome]), rng.integers(0, SITES, ROWS)


def from_rows(values: np.ndarray) -> np.ndarray:
    """The whole way from rows to shares, as the peer is timed."""
    return lmg(np.corrcoef(values, rowvar=False))


def bootstrap(values: np.ndarray, groups: np.ndarray, *, replicates: int) -> np.ndarray:
    """The whole way from rows to bootstrap replicates of the shares."""
    moments = group_moments(values, weights=np.ones(len(values)), groups=groups)
    strata = np.zeros(len(moments.sums), dtype=np.int64)
    rng = np.random.default_rng(1)
    sums = resampled_sums(moments.sums, strata=strata, replicates=replicates, rng=rng)
    return lmg(correlations(sums, columns=values.shape[1]), assume_valid=True)


def point_estimates() -> list[tuple[str, float, str]]:
    """Times of exact LMG from rows, for growing numbers of predictors."""
    rows = []
    for predictors, repeats in ((10, 9), (15, 9), (20, 5), (25, 3)):
        values, _ = answers(predictors)
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        seconds = cpu_seconds(lambda values=values: from_rows(values), repeats=repeats)
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
        rows.append((f"exact LMG, p = {predictors}, from rows", seconds, f"peak memory +{grown:.0f} MB"))
    return rows


def replicates() -> list[tuple[str, float, str]]:
    """Times of bootstrap replicates, of rows and of sites."""
    rows = []
    for predictors, count in ((10, 200), (12, 1000)):
        values, sites = answers(predictors)
        for name, groups in (("rows", np.arange(ROWS)), (f"{SITES} sites", sites)):
            seconds = cpu_seconds(
                lambda values=values, groups=groups, count=count: bootstrap(
                    values, groups, replicates=count
                ),
                repeats=3,
            )
            rows.append((f"{count} replicates of {name}, p = {predictors}, from rows", seconds, ""))
    return rows


def options(predictors: int = 8, count: int = 400) -> list[tuple[str, float, str]]:
    """Times of the whole model, from a table to intervals by dealer, with its options."""
    values, sites = answers(predictors)
    rounded = np.clip(np.round(7.5 + values / values.std(axis=0)), 1, 10)
    names = [f"rating_{number}" for number in range(predictors)]
    table = pd.DataFrame(rounded, columns=[*names, "overall"]).assign(location_id=sites.astype(str))
    rng = np.random.default_rng(2)
    cases: list[tuple[str, pd.DataFrame, dict[str, object]]] = [
        ("plain", table, {}),
        ("top box", table, {"outcome_kind": "top_box", "top_box": 9}),
        ("ordinal ratings", table, {"rating_kind": "ordinal", "outcome_kind": "ordinal"}),
        ("two groups", table, {"groups": {"first": tuple(names[:4]), "second": tuple(names[4:])}}),
    ]
    for share in (0.05, 0.15):
        holed = table.mask(rng.random(table.shape) < share).assign(
            overall=table["overall"], location_id=table["location_id"]
        )
        cases.append((f"EM, {share:.0%} of each rating blank", holed, {"missing": "em", "experienced": {}}))
    rows = []
    for name, given, settings in cases:
        model = ImportanceModel(drivers=tuple(names), replicates=count, **settings)  # type: ignore[arg-type]
        seconds = cpu_seconds(lambda model=model, given=given: model.fit(given), repeats=3)
        rows.append((f"ImportanceModel, p = {predictors}, {count} replicates: {name}", seconds, ""))
    return rows


def against_peer(predictors: int = 15) -> list[tuple[str, float, str]]:
    """pingouin's relative importance on the same rows: time, ratio and largest difference."""
    try:
        import pingouin
    except ImportError:
        print(
            "pingouin is not installed, so there is no peer row: pip install -e .[bench]", file=sys.stderr
        )
        return []
    values, _ = answers(predictors)
    table = pd.DataFrame(values[:, :-1], columns=[f"x{i}" for i in range(predictors)])
    ours = cpu_seconds(lambda: from_rows(values), repeats=9)
    found = []
    theirs = cpu_seconds(
        lambda: found.append(pingouin.linear_regression(table, values[:, -1], relimp=True)), repeats=3
    )
    gap = float(np.abs(found[-1]["relimp"].to_numpy()[1:] - from_rows(values)).max())
    words = f"{theirs / ours:.0f} times cxlab's {ours:.4f} s; largest difference {gap:.0e}"
    return [(f"pingouin {pingouin.__version__}, p = {predictors}, from rows", theirs, words)]


def main() -> None:
    """Time everything and print the table."""
    rows = [*point_estimates(), *replicates(), *options(), *against_peer()]
    versions = f"Python {sys.version.split()[0]}, NumPy {np.__version__}"
    print(f"{datetime.datetime.now(tz=datetime.UTC):%Y-%m-%d}, n = {ROWS:,}, {versions}\n")
    print("| job | CPU seconds | |\n|---|---|---|")
    for job, seconds, words in rows:
        print(f"| {job} | {seconds:.4f} | {words} |")


if __name__ == "__main__":
    main()
