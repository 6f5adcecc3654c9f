"""24 short reports, two at a time: papermill's command line, a pool of papermill processes, and cxlab.

Each way runs in a process of its own; CPU seconds are of that process and all its children, memory is the
largest proportional set size of all of them together, sampled twice a second. Outputs of cxlab and of the
pool are compared, pictures included. `--reports N` makes fewer; `--without-loop` leaves the slow loop out.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import nbformat
import numpy as np
import pandas as pd
import psutil
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

JOBS = 2
ROWS = 20_000
CELLS = (
    "import pandas as pd\nimport seaborn as sns\nimport matplotlib.pyplot as plt",
    "answers = pd.read_csv('answers.csv')\nanswers = answers[answers['dealer'] == dealer]",
    "answers.groupby('month')['overall'].agg(['mean', 'size']).round(3)",
    "axes = sns.lineplot(answers, x='month', y='overall', errorbar=None)\naxes.set_title(dealer);",
)
SETTINGS = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "TZ": "UTC"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=24)
    parser.add_argument("--without-loop", action="store_true")
    parser.add_argument("--way", choices=["command line", "pool", "cxlab"], help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.way:
        {"command line": command_line, "pool": pool, "cxlab": cxlab}[options.way](options.folder)
        return
    os.environ.update(SETTINGS)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        prepare(folder, options.reports)
        ways = ("cxlab", "pool") if options.without_loop else ("cxlab", "pool", "command line")
        measured = {way: measure(way, folder) for way in ways}
        same = outputs(folder / "cxlab" / "notebooks") == outputs(folder / "pool")
    ours = measured["cxlab"][0]
    print(f"{options.reports} reports, {ROWS:,} rows, {JOBS} at a time")
    print("| way | CPU s | CPU s / report | CPU of it : cxlab | wall s | peak memory, MB |")
    print("|---|---|---|---|---|---|")
    for way, (cpu, wall, peak) in measured.items():
        each = cpu / options.reports
        print(f"| {way} | {cpu:.1f} | {each:.2f} | {cpu / ours:.1f} | {wall:.0f} | {peak:.0f} |")
    print(f"outputs of cxlab and of the pool identical, pictures included: {same}")


def prepare(folder: Path, reports: int) -> None:
    """One table, one notebook, a recipe, and the dealers."""
    rng = np.random.default_rng(1)
    dealers = [f"d{number:02d}" for number in range(reports)]
    frame = pd.DataFrame(
        {
            "dealer": rng.choice(dealers, ROWS),
            "month": rng.integers(1, 13, ROWS),
            "overall": rng.integers(1, 11, ROWS),
        }
    )
    (folder / "notebooks").mkdir()
    frame.to_csv(folder / "notebooks" / "answers.csv", index=False)
    cells = [new_markdown_cell("# How is this dealer doing?")]
    cells.append(new_code_cell('dealer: str = "d00"  # one dealer', metadata={"tags": ["parameters"]}))
    cells += [new_code_cell(text) for text in CELLS]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    made = new_notebook(cells=cells, metadata={"kernelspec": kernel, "language_info": {"name": "python"}})
    nbformat.write(made, folder / "notebooks" / "01_dealer.ipynb")
    (folder / "recipe.yml").write_text(
        f"notebooks: notebooks\nreports: [{{notebook: 01_dealer, grid: {{dealer: {dealers}}}}}]"
    )
    (folder / "dealers.txt").write_text("\n".join(dealers))


def measure(way: str, folder: Path) -> tuple[float, float, float]:
    """CPU seconds, wall seconds and peak memory (MB) of one way."""
    before, started = used(), time.monotonic()
    command = [sys.executable, __file__, "--way", way, "--folder", str(folder)]
    runner = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    peak = [0.0]
    watcher = threading.Thread(target=watch, args=(runner, peak))
    watcher.start()
    if runner.wait():
        raise SystemExit(f"{way}: ended with {runner.returncode}")
    watcher.join()
    return used() - before, time.monotonic() - started, peak[0] / 2**20


def used() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def watch(runner: subprocess.Popen[bytes], peak: list[float]) -> None:
    while runner.poll() is None:
        total = 0
        try:
            family = [psutil.Process(runner.pid), *psutil.Process(runner.pid).children(recursive=True)]
        except psutil.NoSuchProcess:
            return
        for process in family:
            try:
                total += process.memory_full_info().pss
            except (psutil.NoSuchProcess, psutil.AccessDenied):
                continue
        peak[0] = max(peak[0], total)
        time.sleep(0.5)


def command_line(folder: Path) -> None:
    """What most people do: a shell loop, one at a time."""
    (folder / "command line").mkdir()
    for dealer in (folder / "dealers.txt").read_text().split():
        target = folder / "command line" / f"{dealer}.ipynb"
        source = folder / "notebooks" / "01_dealer.ipynb"
        call = [sys.executable, "-m", "papermill", str(source), str(target), "-p", "dealer", dealer]
        subprocess.run([*call, "--cwd", str(folder / "notebooks")], check=True)


def pool(folder: Path) -> None:
    """The sensible way with papermill alone: processes that keep it imported."""
    (folder / "pool").mkdir()
    with ProcessPoolExecutor(JOBS) as workers:
        dealers = (folder / "dealers.txt").read_text().split()
        list(workers.map(one_of_pool, [folder] * len(dealers), dealers))


def one_of_pool(folder: Path, dealer: str) -> None:
    import papermill

    papermill.execute_notebook(
        folder / "notebooks" / "01_dealer.ipynb",
        folder / "pool" / f"{dealer}.ipynb",
        parameters={"dealer": dealer},
        cwd=folder / "notebooks",
        progress_bar=False,
    )


def cxlab(folder: Path) -> None:
    """Ours: pages and an overview come with it."""
    from cxlab.cli import main as cxlab_main

    recipe, out = str(folder / "recipe.yml"), str(folder / "cxlab")
    raise SystemExit(cxlab_main(["batch", recipe, "--out", out, "--jobs", str(JOBS)]))


def outputs(folder: Path) -> list[list[object]]:
    """The output data of every notebook below ``folder``, in the order of the dealers."""
    found = []
    for path in sorted(folder.glob("*.ipynb")):
        cells = nbformat.read(path, as_version=4).cells
        found.append(
            [(one.get("data"), one.get("text")) for cell in cells for one in cell.get("outputs", [])]
        )
    return found


if __name__ == "__main__":
    main()
