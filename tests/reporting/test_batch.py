"""A batch publishes what is good, keeps what failed apart, and never leaves half a file (3 kernels)."""

import errno
import fcntl
import io
import json
import os
import re
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from bs4 import BeautifulSoup
from notebook_builder import notebook, save, stream

from cxlab.core.errors import ReportError
from cxlab.reporting import files, make
from cxlab.reporting.batch import Options, run_batch, run_one
from cxlab.reporting.manifest import hash_files
from cxlab.reporting.progress import Progress
from cxlab.reporting.recipe import read_recipe
from cxlab.reporting.run import Executed, Failure

PARAMETERS = 'data: str = "../data"  # folder\nplan: str = "good"  # what the test wants'
ATTACK = "<script>alert(1)</script>"


@pytest.fixture
def project(tmp_path):
    save(notebook("pass", parameters=PARAMETERS, title="First?"), tmp_path / "notebooks" / "01_first.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.csv").write_text("a\n1\n")
    (tmp_path / "reports").mkdir()
    return tmp_path


def planned(project, *plans):
    """A recipe with one report for each plan of the fake run below."""
    path = project / "reports" / "demo.yml"
    path.write_text(
        f"title: Demo {ATTACK}\nreports: [{{notebook: 01_first, grid: {{plan: {list(plans)}}}}}]"
    )
    return read_recipe(path)


@pytest.fixture
def fake_run(monkeypatch):
    """Stands in for the kernel: the value of ``plan`` says what happens."""

    def execute(made, values, *, folder, kernels, timeout_seconds):
        plan = values["plan"]
        if plan == "fault":
            raise ZeroDivisionError("a fault of ours")
        if plan.startswith("bad"):
            failure = Failure(message=f"KeyError: {ATTACK}\nin {folder}", cell=2, trace=f"{folder}/x.py")
            return Executed(notebook=made, seconds=1.0, failure=failure)
        text = f"The answer of {plan}." if plan != "markup" else ATTACK
        done = notebook("pass", headline="print()")
        done.cells[-1].outputs = [stream(text)]
        return Executed(notebook=done, seconds=1.0)

    monkeypatch.setattr(make, "execute", execute)


def pages(out):
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def links(out):
    soup = BeautifulSoup((out / "index.html").read_text(), "html.parser")
    return {link["href"] for link in soup.find_all("a")}


def test_good_failing_and_dying_reports_in_one_batch(tmp_path):
    """The whole road with real kernels."""
    dealer = f"Nord {ATTACK}"
    good = notebook(
        "import pandas as pd, pathlib\nprint(pathlib.Path(data).resolve())",
        "pd.DataFrame({'dealer': [dealer]})",
        parameters='data: str = "../data"  # folder\ndealer: str = ""  # name',
        title="Good?",
        headline="print('It works, n', 3)",
    )
    save(good, tmp_path / "notebooks" / "01_good.ipynb")
    save(
        notebook("raise ValueError('no rows')", title="Bad?"),
        tmp_path / "notebooks/02_bad.ipynb",
    )
    save(notebook("import os\nos._exit(3)", title="Dead?"), tmp_path / "notebooks" / "03_dead.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()
    recipe = tmp_path / "reports" / "demo.yml"
    recipe.write_text(
        f"""
        reports:
          - {{notebook: 01_good, parameters: {{data: "{{data}}"}}, grid: {{dealer: ["{dealer}"]}}}}
          - notebook: 02_bad
          - notebook: 03_dead
        """
    )
    out, written = tmp_path / "out", io.StringIO()
    made = read_recipe(recipe, data=tmp_path / "data")
    result = run_batch(made, out=out, progress=Progress(stream=written))
    assert result.exit_code == 1
    name = made.jobs[0].name
    assert re.fullmatch(r"01-good-nord-script-alert-1-script-[0-9a-f]{8}", name)
    assert pages(out) == sorted(
        [
            ".cxlab-lock",
            "index.html",
            "run.json",
            f"{name}.html",
            f"notebooks/{name}.ipynb",
            f"records/{name}.json",
            "failed/02-bad.html",
            "failed/02-bad.ipynb",
            "failed/03-dead.html",
            "failed/03-dead.ipynb",
        ]
    )
    assert links(out) == {f"{name}.html", "failed/02-bad.html", "failed/03-dead.html"}
    overview = (out / "index.html").read_text()
    assert "It works, n 3" in overview
    assert "ValueError: no rows" in overview
    assert "The kernel died" in overview
    for path in out.rglob("*.*"):
        text = path.read_text()
        assert str(tmp_path) not in text, f"{path.name} holds a path of this machine"
        assert path.suffix != ".html" or not re.search(r"<script|https?://", text)
    record = json.loads((out / "run.json").read_text())
    assert record["status"] == "failed"
    assert [report["status"] for report in record["reports"]] == ["ok", "failed", "failed"]
    assert record["reports"][0]["parameters"] == {"data": "data", "dealer": dealer}
    assert record["reports"][1]["cell"] == 1
    assert sorted(line.split()[1] for line in written.getvalue().splitlines()) == ["FAILED", "FAILED", "ok"]


def test_a_rerun_replaces_what_changed_and_removes_what_is_gone(project, fake_run):
    out = project / "out"
    first = run_batch(planned(project, "a", "bad-b", "c"), out=out)
    assert first.exit_code == 1
    assert {"01-first-a.html", "failed/01-first-bad-b.html", "01-first-c.html"} <= set(pages(out))
    (out / "mine.html").write_text("kept")
    kinds = {"a": "bad", "bad-b": "good"}
    turned = planned(project, "a", "bad-b")
    jobs = []
    for job in turned.jobs:
        values = {**job.given, "plan": kinds[job.given["plan"]]}
        jobs.append(replace(job, given=values))
    run_batch(replace(turned, jobs=tuple(jobs)), out=out)
    assert pages(out) == sorted(
        [
            ".cxlab-lock",
            "index.html",
            "run.json",
            "mine.html",
            "01-first-bad-b.html",
            "notebooks/01-first-bad-b.ipynb",
            "records/01-first-bad-b.json",
            "failed/01-first-a.html",
            "failed/01-first-a.ipynb",
        ]
    )
    assert links(out) == {"01-first-bad-b.html", "failed/01-first-a.html"}


def test_a_batch_without_failures_ends_with_zero(project, fake_run):
    result = run_batch(planned(project, "a", "b"), out=project / "out")
    assert result.exit_code == 0
    assert [outcome.job.labels["plan"] for outcome in result.outcomes] == ["a", "b"]
    assert "2 of 2 made" in result.overview.read_text()


def test_markup_from_data_is_text_on_every_page(project, fake_run):
    out = project / "out"
    run_batch(planned(project, "markup", "bad"), out=out)
    for name in ("index.html", "01-first-markup.html", "failed/01-first-bad.html"):
        soup = BeautifulSoup((out / name).read_text(), "html.parser")
        assert not soup.find_all("script")
        assert ATTACK in soup.get_text()


def test_an_earlier_record_cannot_make_the_batch_remove_other_files(project, fake_run):
    out, outside = project / "out", project / "outside.html"
    out.mkdir()
    outside.write_text("kept")
    (out / "notes.txt").write_text("kept")
    names = ["../outside.html", str(outside), "notes.txt", ".cxlab-lock", 3]
    (out / "run.json").write_text(json.dumps({"files": names}))
    run_batch(planned(project, "a"), out=out)
    assert outside.read_text() == "kept"
    assert (out / "notes.txt").read_text() == "kept"


def test_one_report_replaces_its_failure_and_its_failure_replaces_it(project, fake_run):
    out = project / "out"
    (job,) = planned(project, "a").jobs
    assert run_one(job, out=out).status == "ok"
    assert pages(out) == [
        ".cxlab-lock",
        "01-first-a.html",
        "notebooks/01-first-a.ipynb",
        "records/01-first-a.json",
    ]
    failing = replace(job, given={**job.given, "plan": "bad"})
    assert run_one(failing, out=out).failure.message.startswith("KeyError")
    assert pages(out) == [".cxlab-lock", "failed/01-first-a.html", "failed/01-first-a.ipynb"]


def test_a_second_run_into_the_same_folder_is_refused(project, fake_run):
    out = project / "out"
    out.mkdir()
    with (out / ".cxlab-lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        with pytest.raises(ReportError, match="Another run"):
            run_batch(planned(project, "a"), out=out)
    assert pages(out) == [".cxlab-lock"]
    assert run_batch(planned(project, "a"), out=out).exit_code == 0


def test_an_output_folder_that_cannot_be_written_is_one_clear_error(project, fake_run):
    (project / "file").write_text("")
    with pytest.raises(ReportError, match="cannot be written"):
        run_batch(planned(project, "a"), out=project / "file" / "out")


def test_a_full_disk_leaves_nothing_under_a_final_name(project, fake_run, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    out = project / "out"
    run_batch(planned(project, "a"), out=out)
    before = {path: (out / path).read_text() for path in pages(out)}
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(ReportError, match="No space left"):
        run_batch(planned(project, "a", "b"), out=out)
    assert {path: (out / path).read_text() for path in pages(out)} == before


def test_a_page_that_cannot_be_written_fails_alone(project, fake_run, monkeypatch):
    write = files._write_flushed

    def refuse_one(path, text):
        if path.name == "01-first-b.html" and path.parent.name != "failed":
            raise OSError(errno.EIO, "Input/output error")
        write(path, text)

    monkeypatch.setattr(files, "_write_flushed", refuse_one)
    result = run_batch(planned(project, "a", "b", "c"), out=project / "out")
    assert [outcome.status for outcome in result.outcomes] == ["ok", "failed", "ok"]
    assert "cannot be written" in result.outcomes[1].failure.message
    assert "01-first-b.html" not in links(project / "out")


def test_what_a_killed_run_left_is_removed(project, fake_run):
    out = project / "out"
    out.mkdir()
    (out / ".cxlab-unfinished-123").write_text("half")
    run_batch(planned(project, "a"), out=out)
    assert not list(out.rglob(".cxlab-unfinished-*"))


def test_a_fault_of_ours_is_not_swallowed(project, fake_run):
    with pytest.raises(ZeroDivisionError):
        run_batch(planned(project, "a", "fault"), out=project / "out", options=Options(jobs=1))


def test_a_link_under_a_final_name_is_replaced_not_followed(project, fake_run):
    out, elsewhere = project / "out", project / "elsewhere.html"
    out.mkdir()
    elsewhere.write_text("kept")
    (out / "01-first-a.html").symlink_to(elsewhere)
    run_batch(planned(project, "a"), out=out)
    assert elsewhere.read_text() == "kept"
    assert not (out / "01-first-a.html").is_symlink()


def test_jobs_run_at_the_same_time(project, monkeypatch):
    both = threading.Barrier(2, timeout=20)

    def execute(made, values, **_):
        both.wait()
        return Executed(notebook=notebook("pass"), seconds=1.0)

    monkeypatch.setattr(make, "execute", execute)
    assert run_batch(planned(project, "a", "b"), out=project / "out").exit_code == 0


def test_the_data_hash_follows_names_and_contents(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    assert hash_files(folder) == ""
    (folder / "a.csv").write_text("1")
    first = hash_files(folder)
    assert len(first) == 16
    (folder / "a.csv").write_text("2")
    second = hash_files(folder)
    (folder / "a.csv").rename(folder / "b.csv")
    assert len({first, second, hash_files(folder)}) == 3
    assert hash_files(tmp_path / "missing") == ""
    assert hash_files(folder / "b.csv") != ""


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_is_one_line_with_the_time_left():
    times = iter([0.0, 10.0, 20.0, 30.0])
    stream_ = Terminal()
    progress = Progress(stream=stream_, clock=lambda: next(times))
    progress.begin(3)
    progress.step("a", good=True, seconds=10)
    progress.step("b", good=False, seconds=10)
    progress.step("c", good=True, seconds=10)
    progress.close()
    states = [state.split("] ")[1] for state in stream_.getvalue().split("\r\x1b[K")[1:]]
    assert states == [
        "0 of 3 reports",
        "1 of 3 reports, about 20 s left",
        "2 of 3 reports, 1 failed, about 10 s left",
        "3 of 3 reports, 1 failed\n",
    ]


def test_no_path_of_this_machine_is_in_a_failed_page(project, fake_run):
    out = project / "out"
    run_batch(planned(project, "bad"), out=out)
    text = (out / "failed" / "01-first-bad.html").read_text() + (out / "run.json").read_text()
    assert str(project) not in text
    assert "notebooks/x.py" in text
    assert str(Path.home()) not in text
