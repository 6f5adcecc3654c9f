"""Every way a batch can be broken: nothing half-written is left, and a rerun gives the same tables.

Two reports, the second meets the fault. After it: the right exit code, every file under a final name is
whole, nothing that failed is linked as good, no kernel is left; and the same command without the fault
makes what is missing, byte for byte equal to a run that never met it.
"""

import json
import re
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest
from bs4 import BeautifulSoup
from notebook_builder import is_kernel, notebook, save

from cxlab.cli import main
from cxlab.reporting.manifest import RECORDS, finished_record

PARAMETERS = 'data: str = "../data"  # folder\nwho: str = "a"  # whose report'
TROUBLE = """\
import os, pathlib, resource, signal, time
sign = pathlib.Path("../trouble")
trouble = sign.read_text() if sign.exists() and who == "b" else ""
if trouble == "killed":
    os.kill(os.getpid(), signal.SIGKILL)
elif trouble == "memory":
    used = int(pathlib.Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + 2**26, used + 2**26))
    bytearray(2**30)
elif trouble == "error":
    raise KeyError("overall")
elif trouble == "hangs":
    pathlib.Path("../hanging").write_text(str(os.getpid()))
    time.sleep(300)
"""
TABLE = """\
from IPython.display import HTML
rows = [f"<tr><td>{who}</td><td>{n / 30}</td><td>{n}</td></tr>" for n in (10, 20, 30)]
HTML("<table><tr><th>who</th><th>share</th><th>n</th></tr>" + "".join(rows) + "</table>")
"""
NAMES = ("01-table-a", "01-table-b")


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults")
    save(
        notebook(TROUBLE, TABLE, parameters=PARAMETERS, headline="print(who, 'n', 60)"),
        folder / "notebooks" / "01_table.ipynb",
    )
    (folder / "data").mkdir()
    (folder / "data" / "a.csv").write_text("a\n1\n")
    (folder / "reports").mkdir()
    entry = "{notebook: 01_table, parameters: {data: '{data}'}, grid: {who: [a, b]}}"
    (folder / "reports" / "two.yml").write_text(f"title: Two\nreports: [{entry}]\n")
    return folder


@pytest.fixture(scope="module")
def clean(project):
    """The tables of a run that meets no fault."""
    assert main(command(project, "clean")) == 0
    return tables(project / "clean")


@pytest.fixture
def faulty(project):
    """Sets the fault, and takes it away again."""

    def meet(fault):
        (project / "trouble").write_text(fault)
        (project / "hanging").unlink(missing_ok=True)

    yield meet
    (project / "trouble").unlink(missing_ok=True)
    assert not [child for child in psutil.Process().children(recursive=True) if is_kernel(child)]


def command(project, out, *more):
    recipe, data = project / "reports" / "two.yml", project / "data"
    return ["batch", str(recipe), "--data", str(data), "--out", str(project / out), *more]


def started(project, out, *more, limit=None):
    """The command in a process of its own; ``limit`` is the longest file it may write, in bytes."""

    def lower():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    return subprocess.Popen(
        [sys.executable, "-m", "cxlab", *command(project, out, *more)],
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        preexec_fn=lower if limit else None,
    )


def tables(out):
    """Of every published report: its notebook byte for byte, and the tables of its page."""
    found = {}
    for name in NAMES:
        soup = BeautifulSoup((out / f"{name}.html").read_text(), "html.parser")
        found[name] = [
            (out / "notebooks" / f"{name}.ipynb").read_bytes(),
            [str(table) for table in soup.select("main table")],
        ]
    return found


def assert_nothing_half_written(out):
    for path in out.rglob("*"):
        if ".cxlab-" in str(path.relative_to(out)) or path.is_dir():
            continue
        text = path.read_text()
        if path.suffix == ".html":
            assert text.rstrip().endswith("</html>"), f"{path.name} is cut"
        else:
            json.loads(text)
    for name in NAMES:
        if (out / f"{name}.html").exists() and (out / RECORDS / f"{name}.json").exists():
            assert finished_record(out, name), f"the record of {name} does not fit its files"
    overview = out / "index.html"
    if overview.exists():
        for link in re.findall(r'href="([^"#]+)"', overview.read_text()):
            assert (out / link).is_file(), f"the overview links {link}, which is not there"


def assert_a_rerun_completes(project, out, clean):
    (project / "trouble").unlink(missing_ok=True)
    assert main(command(project, out)) == 0
    assert tables(project / out) == clean
    assert_nothing_half_written(project / out)
    assert not list((project / out).rglob(".cxlab-unfinished*"))
    assert not list((project / out).glob("failed/*"))


@pytest.mark.parametrize(
    ("fault", "said", "more"),
    [
        ("killed", "The kernel died", ()),
        ("memory", "MemoryError", ()),
        ("error", "KeyError: 'overall'", ()),
        ("hangs", "ran longer than 12 seconds", ("--timeout", "12")),
    ],
)
def test_a_fault_in_a_kernel_fails_one_report(project, clean, faulty, capsys, fault, said, more):
    faulty(fault)
    assert main(command(project, fault, *more)) == 1
    out = project / fault
    assert_nothing_half_written(out)
    assert said in capsys.readouterr().err
    assert said in (out / "index.html").read_text().replace("&#39;", "'")
    assert (out / "01-table-a.html").exists()
    assert not (out / "01-table-b.html").exists()
    assert (out / "failed" / "01-table-b.html").exists()
    assert_a_rerun_completes(project, fault, clean)


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_a_signal_to_the_runner_leaves_whole_reports_and_no_kernel(project, clean, faulty, number, code):
    faulty("hangs")
    out = f"signal-{number}"
    runner = started(project, out, "--jobs", "1")
    deadline = time.monotonic() + 120
    while not (project / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    time.sleep(0.2)
    runner.send_signal(number)
    _, said = runner.communicate(timeout=60)
    assert runner.returncode == code, said
    assert "Traceback" not in said
    kernel = int((project / "hanging").read_text())
    deadline = time.monotonic() + 20
    while psutil.pid_exists(kernel) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not psutil.pid_exists(kernel), "the kernel outlived its runner"
    assert_nothing_half_written(project / out)
    assert (project / out / "01-table-a.html").exists()
    assert not (project / out / "index.html").exists()
    assert_a_rerun_completes(project, out, clean)


def test_a_full_disk_leaves_nothing_under_a_final_name(project, clean, faulty):
    """No file may grow beyond 6,000 bytes: a page needs more, its notebook does not."""
    runner = started(project, "full", limit=6000)
    _, said = runner.communicate(timeout=120)
    assert runner.returncode in {1, 2}, said
    assert "cannot be written" in said
    assert "Traceback" not in said
    assert_nothing_half_written(project / "full")
    assert not list((project / "full").glob("*.html"))
    assert_a_rerun_completes(project, "full", clean)


def test_of_two_runs_at_once_the_second_is_refused_and_the_first_is_not_hurt(
    project, clean, faulty, capsys
):
    faulty("hangs")
    runner = started(project, "twice", "--timeout", "6")
    deadline = time.monotonic() + 120
    while not (project / "hanging").exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert main(command(project, "twice")) == 2
    assert "Another run is writing" in capsys.readouterr().err
    runner.communicate(timeout=120)
    assert runner.returncode == 1
    assert_nothing_half_written(project / "twice")
    assert_a_rerun_completes(project, "twice", clean)


def test_a_corrupt_notebook_is_refused_before_anything_is_made(project, clean, faulty, capsys):
    path = project / "notebooks" / "01_table.ipynb"
    text = path.read_text()
    path.write_text(text[: len(text) // 2])
    try:
        assert main(command(project, "corrupt")) == 2
    finally:
        path.write_text(text)
    assert "not a readable notebook" in capsys.readouterr().err
    assert not (project / "corrupt").exists()
    assert_a_rerun_completes(project, "corrupt", clean)


def test_a_folder_that_cannot_be_written_is_refused_before_any_kernel(project, clean, capsys):
    (project / "file").write_text("")
    assert main(command(project, Path("file") / "out")) == 2
    assert "cannot be written" in capsys.readouterr().err
    (project / "file").unlink()
    assert_a_rerun_completes(project, Path("file") / "out", clean)
