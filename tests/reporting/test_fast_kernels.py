"""Kernels forked from a loaded server: the same outputs as new interpreters, and the same ways to end."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from notebook_builder import notebook

from cxlab.reporting.kernel import KernelSet
from cxlab.reporting.notebooks import read_notebook
from cxlab.reporting.provisioner import ForkServer, available
from cxlab.reporting.run import execute

pytestmark = pytest.mark.skipif(not available(), reason="kernels are forked on Linux only")
NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
DEMO = Path(__file__).parents[2] / "data" / "demo" / "cxlab.toml"
#: Every notebook in the long run; the shortest with a figure in each.
SHORT = "12_word_of_mouth"
NAMES = [
    path.stem if path.stem == SHORT else pytest.param(path.stem, marks=pytest.mark.statistics)
    for path in sorted(NOTEBOOKS.glob("[01]*.ipynb"))
    if path.stem != "00_start"
]
STATE = """\
import os, random, sys, threading
import numpy as np, pandas as pd
import matplotlib, matplotlib.pyplot as plt, seaborn as sns
print(sorted(name for name in sys.modules if name.split(".")[0] == "cxlab"))
print(os.getcwd(), os.environ["OMP_NUM_THREADS"], os.environ["TZ"], sys.executable, __name__, sys.path)
print(sys.flags, sys.argv[0].rpartition("/")[2], threading.active_count() > 0)
print(sorted(name for name in os.environ if name != "JPY_PARENT_PID"))
print(sys.gettrace(), threading._trace_hook if hasattr(threading, "_trace_hook") else None)
print(pd.options.display.max_columns, pd.options.display.width)
print(matplotlib.get_backend(), pd.options.display.max_rows, plt.rcParams["figure.dpi"])
"""
DRAWING = """\
frame = pd.DataFrame({"month": range(12), "csi": np.linspace(7, 8, 12), "dealer": list("ab") * 6})
frame.describe()
axes = sns.lineplot(frame, x="month", y="csi", hue="dealer")
"""
RANDOM = """\
import random, numpy as np
print(random.random(), np.random.random(), np.random.default_rng().random())
"""


@pytest.fixture(scope="module")
def fast():
    kernels = KernelSet(fast=True)
    yield kernels
    kernels.close()


def outputs(executed):
    assert executed.failure is None, executed.failure
    kept = ("output_type", "name", "text", "data", "metadata")
    return [
        {key: output[key] for key in kept if key in output}
        for cell in executed.notebook.cells
        for output in cell.get("outputs", [])
    ]


def was_forked(kernels):
    return bool(kernels._server and kernels._server._process)


def test_a_forked_kernel_finds_the_same_world_and_draws_the_same_picture(fast, tmp_path):
    made = notebook(STATE, DRAWING, "frame")
    forked = outputs(execute(made, {}, folder=tmp_path, kernels=fast))
    plain = outputs(execute(made, {}, folder=tmp_path, kernels=KernelSet()))
    assert was_forked(fast)
    assert forked == plain
    assert sum("image/png" in output.get("data", {}) for output in forked) == 1


@pytest.mark.skipif(not DEMO.exists(), reason="needs the demo network: make demo")
@pytest.mark.parametrize("name", NAMES)
def test_our_notebooks_give_every_output_identical_pictures_included(fast, name):
    path = NOTEBOOKS / f"{name}.ipynb"
    made = read_notebook(path)
    forked = outputs(execute(made, {}, folder=path.parent, kernels=fast))
    plain = outputs(execute(made, {}, folder=path.parent, kernels=KernelSet()))
    assert forked == plain
    assert any("image/png" in output.get("data", {}) for output in forked)


def test_chance_differs_from_kernel_to_kernel(fast, tmp_path):
    texts = [outputs(execute(notebook(RANDOM), {}, folder=tmp_path, kernels=fast))[0]["text"] for _ in "ab"]
    first, second = (text.split() for text in texts)
    assert all(a != b for a, b in zip(first, second, strict=True))


def test_every_end_of_a_forked_kernel_is_reported_and_the_next_one_runs(fast, tmp_path):
    killed = notebook("import os, signal\nos.kill(os.getpid(), signal.SIGKILL)")
    executed = execute(killed, {}, folder=tmp_path, kernels=fast)
    assert executed.failure.died
    hangs = notebook("import time\ntime.sleep(60)")
    executed = execute(hangs, {}, folder=tmp_path, kernels=fast, timeout_seconds=1)
    assert executed.failure.message.startswith("The cell ran longer")
    fails = execute(notebook("raise KeyError('overall')"), {}, folder=tmp_path, kernels=fast)
    assert fails.failure.message == "KeyError: 'overall'"
    workers = notebook(
        "from joblib import Parallel, delayed\nprint(Parallel(n_jobs=2)(delayed(abs)(-n) for n in (1, 2)))",
        "import subprocess, sys\nprint(subprocess.check_output([sys.executable, '-c', 'print(1)']))",
        "import numpy as np\nprint(np.linalg.solve(np.eye(300) * 2, np.ones(300)).sum())",
    )
    texts = [output["text"] for output in outputs(execute(workers, {}, folder=tmp_path, kernels=fast))]
    assert texts == ["[1, 2]\n", "b'1\\n'\n", "150.0\n"]


@pytest.mark.parametrize("forked", [True, False])
def test_what_a_kernel_writes_past_its_notebook_is_not_between_the_lines_of_the_batch(
    fast, tmp_path, capfd, forked
):
    late = notebook("import atexit, os\n_ = atexit.register(os.write, 2, b'Uncaught exception')")
    executed = execute(late, {}, folder=tmp_path, kernels=fast if forked else KernelSet())
    assert executed.failure is None
    assert capfd.readouterr() == ("", "")


def test_the_trace_of_a_crashed_library_stands_with_the_failure(fast, tmp_path, capfd):
    crash = notebook("import ctypes\nctypes.string_at(0)")
    executed = execute(crash, {}, folder=tmp_path, kernels=fast)
    assert executed.failure.died
    assert "Fatal Python error: Segmentation fault" in executed.failure.trace
    assert "string_at" in executed.failure.trace
    assert capfd.readouterr() == ("", "")


def test_where_a_fork_would_not_be_safe_the_kernel_starts_the_plain_way(tmp_path, monkeypatch):
    script = tmp_path / "server.py"
    script.write_text(
        "import socket, sys\n"
        'socket.socket(fileno=int(sys.argv[1])).sendall(b\'{"ready": false, "threads": 2}\')\n'
    )
    monkeypatch.setattr("cxlab.reporting.provisioner._SCRIPT", script)
    kernels = KernelSet(fast=True)
    executed = execute(notebook("print(1)"), {}, folder=tmp_path, kernels=kernels)
    assert outputs(executed)[0]["text"] == "1\n"
    assert kernels._server._given_up
    kernels.close()


def test_a_server_that_dies_costs_one_report_at_most(tmp_path):
    kernels = KernelSet(fast=True)
    execute(notebook("1"), {}, folder=tmp_path, kernels=kernels)
    kernels._server._process.kill()
    executed = execute(notebook("print(2)"), {}, folder=tmp_path, kernels=kernels)
    assert outputs(executed)[0]["text"] == "2\n"
    kernels.close()
    assert kernels._server.token not in ForkServer.running


def test_nothing_is_left_when_the_runner_is_killed(tmp_path):
    """SIGKILL to the process that runs the batch: its server and its kernels go with it."""
    flag = tmp_path / "pid"
    code = f"import os, time\nopen({str(flag)!r}, 'w').write(str(os.getpid()))\ntime.sleep(120)"
    script = tmp_path / "runner.py"
    script.write_text(
        "import pathlib, sys\n"
        f"sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "from notebook_builder import notebook\n"
        "from cxlab.reporting.kernel import KernelSet\n"
        "from cxlab.reporting.run import execute\n"
        f"made, folder = notebook({code!r}), pathlib.Path({str(tmp_path)!r})\n"
        "execute(made, {}, folder=folder, kernels=KernelSet(fast=True))\n"
    )
    runner = subprocess.Popen([sys.executable, str(script)])
    deadline = time.monotonic() + 120
    while not (flag.exists() and flag.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    kernel = int(flag.read_text())
    family = [kernel, *(child.pid for child in psutil.Process(runner.pid).children(recursive=True))]
    assert len(set(family)) >= 2, "the kernel and its server"
    os.kill(runner.pid, signal.SIGKILL)
    runner.wait()
    deadline = time.monotonic() + 10
    while any(map(alive, family)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(alive, family))


def alive(pid):
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def test_the_server_says_nothing_on_the_terminal(tmp_path, capfd):
    kernels = KernelSet(fast=True)
    executed = execute(notebook("print(1)"), {}, folder=tmp_path, kernels=kernels)
    kernels.close()
    assert executed.failure is None
    assert capfd.readouterr().err == ""
