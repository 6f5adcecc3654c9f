"""How long does the demo network take, in CPU seconds per 20,000 customers? Prints a dated table.

Run with ``python benchmarks/simulation.py``. CPU seconds of this process, the median of three runs after
one warm-up; there is no peer, so the cost of writing the same tables as Parquet stands beside it.
"""

from __future__ import annotations

import datetime
import statistics
import tempfile
import time
from collections.abc import Callable

from cxlab.simulation.simulate import simulate


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of ``work``, the median of three runs after one that is not counted."""
    work()
    runs = []
    for _ in range(3):
        start = time.process_time()
        work()
        runs.append(time.process_time() - start)
    return statistics.median(runs)


def main() -> None:
    """Print the table."""
    print(f"Demo network, {datetime.date.today():%Y-%m-%d}\n")
    print("| customers | events | simulate, CPU s | write Parquet, CPU s |\n|---|---|---|---|")
    for customers in (10_000, 20_000, 40_000):
        demo = simulate(customers=customers, seed=1)
        made = cpu_seconds(lambda size=customers: simulate(customers=size, seed=1))
        with tempfile.TemporaryDirectory() as folder:
            written = cpu_seconds(lambda where=folder, what=demo: what.write(where))
        print(f"| {customers:,} | {len(demo.frames['events']):,} | {made:.2f} | {written:.2f} |")


if __name__ == "__main__":
    main()
