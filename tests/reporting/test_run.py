"""Real kernels: this interpreter, a fixed environment, every way to die reported clearly (5 kernels)."""

import json
import logging
import os
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest
from notebook_builder import is_kernel, notebook

from cxlab.reporting.kernel import KernelSet
from cxlab.reporting.run import execute

REPORTED = """\
import os, sys, threading
import matplotlib.pyplot as plt
print(value, os.getcwd(), sys.executable, os.environ["OMP_NUM_THREADS"], os.environ["TZ"])
plt.plot([1, 2]);
"""


@pytest.fixture
def kernels():
    """A set of kernels of which none may be left when the test ends."""
    yield KernelSet()
    assert not [child for child in psutil.Process().children() if is_kernel(child)]


def texts(executed):
    outputs = [output for cell in executed.notebook.cells for output in cell.get("outputs", [])]
    return "".join(output.get("text", "") for output in outputs)


def test_a_kernel_is_this_interpreter_in_the_notebooks_folder(tmp_path, kernels, monkeypatch, capfd):
    foreign = tmp_path / "jupyter" / "kernels" / "python3"
    foreign.mkdir(parents=True)
    spec = {"argv": ["/bin/false", "{connection_file}"], "display_name": "foreign", "language": "python"}
    (foreign / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "jupyter"))
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("MPLBACKEND", "agg")
    monkeypatch.setenv("TZ", "America/New_York")
    before = Path.cwd()
    made = notebook(REPORTED, parameters="value: str = 'default'  # shown")
    made.metadata.kernelspec["name"] = "some-other-environment"
    folder = tmp_path / "note{books}"
    folder.mkdir()
    executed = execute(made, {"value": 'it\'s "quoted"\n'}, folder=folder, kernels=kernels)
    assert executed.failure is None
    assert texts(executed) == f'it\'s "quoted"\n {folder} {sys.executable} 1 UTC\n'
    assert any("image/png" in output.get("data", {}) for output in executed.notebook.cells[-1].outputs)
    assert "papermill" not in executed.notebook.metadata
    assert all("papermill" not in cell.metadata for cell in executed.notebook.cells)
    assert Path.cwd() == before
    assert list(folder.iterdir()) == []
    assert made.cells[-1].outputs == []
    assert capfd.readouterr().err == ""


def test_a_failing_cell_is_counted_as_the_author_counts(tmp_path, kernels):
    made = notebook("1", "raise KeyError('overall')", "2", parameters="value: int = 1  # given")
    executed = execute(made, {"value": 2}, folder=tmp_path, kernels=kernels)
    assert executed.failure.message == "KeyError: 'overall'"
    assert executed.failure.cell == 3
    assert "raise KeyError" in executed.failure.trace
    assert "\x1b" not in executed.failure.trace
    assert executed.notebook.cells[-1].execution_count is None


def test_a_dead_kernel_is_one_clear_message(tmp_path, kernels, capfd):
    made = notebook("print('before')", "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)", "2")
    executed = execute(made, {}, folder=tmp_path, kernels=kernels)
    assert executed.failure.message.startswith("The kernel died: it ran out of memory")
    assert executed.failure.cell == 2
    assert texts(executed) == "before\n"
    assert capfd.readouterr().err == ""
    # pytest's own handlers hide what Python's handler of last resort would print without this one.
    assert [type(handler) for handler in logging.getLogger("papermill").handlers] == [logging.NullHandler]


def test_a_cell_that_hangs_is_ended(tmp_path, kernels):
    started = time.monotonic()
    executed = execute(
        notebook("import time\ntime.sleep(60)"), {}, folder=tmp_path, kernels=kernels, timeout_seconds=1
    )
    assert executed.failure.message.startswith("The cell ran longer than 1 seconds")
    assert executed.failure.cell == 1
    assert time.monotonic() - started < 30


def test_an_interrupted_batch_ends_its_kernels(tmp_path, kernels):
    flag = tmp_path / "pid"
    code = f"import os, time\nopen({str(flag)!r}, 'w').write(str(os.getpid()))\ntime.sleep(60)"
    found = []
    thread = threading.Thread(
        target=lambda: found.append(execute(notebook(code), {}, folder=tmp_path, kernels=kernels))
    )
    thread.start()
    deadline = time.monotonic() + 60
    while not (flag.exists() and flag.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    kernels.stop()
    thread.join(timeout=30)
    assert found[0].failure.message.startswith("Interrupted")
    with pytest.raises(ProcessLookupError):
        os.kill(int(flag.read_text()), 0)
    late = execute(notebook("1"), {}, folder=tmp_path, kernels=kernels)
    assert late.failure.message.startswith("Interrupted")
    assert late.failure.cell is None
