"""The command line: one clear message, the right exit code, nothing half-written (4 kernels)."""

import json
import subprocess
import sys

import pandas as pd
import pytest

from cxlab.cli import main
from cxlab.core.version import __version__
from cxlab.reporting import make


@pytest.fixture
def no_kernel(monkeypatch):
    def refuse(*_, **__):
        raise AssertionError("a kernel was started")

    monkeypatch.setattr(make, "execute", refuse)


def test_run_makes_one_report_and_prints_its_path(project, capsys):
    assert (
        main(["run", "01_good", "-p", "confidence", "0.9", "-p", "dealer", "D001", "--data", "data"]) == 0
    )
    printed = capsys.readouterr()
    assert printed.err == ""
    page = project / printed.out.strip()
    assert page.parent == project / "reports" / "runs"
    assert "confidence 0.9, dealer D001" in page.read_text()


def test_run_of_a_failing_report_ends_with_one_and_leaves_no_page(project, capsys):
    assert main(["run", "notebooks/02_bad.ipynb", "--out", "out"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.splitlines() == [
        "cxlab: 02_bad.ipynb failed (code cell 2): KeyError: 'overall'",
        "cxlab: kept apart in out/failed/02-bad.html",
    ]
    assert not (project / "out" / "02-bad.html").exists()


def test_batch_goes_on_after_a_failure_and_ends_with_one(project):
    command = [sys.executable, "-m", "cxlab", "batch", "reports/small.yml", "--data", "data", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 1
    assert done.stdout == "reports/runs/small/index.html\n"
    lines = done.stderr.splitlines()
    assert sorted(line.split()[1] for line in lines[:2]) == ["FAILED", "ok"], done.stderr
    assert lines[2:] == ["cxlab: 02-bad failed: KeyError: 'overall'"]
    out = project / "reports" / "runs" / "small"
    assert (out / "01-good.html").exists()
    assert not (out / "02-bad.html").exists()
    assert json.loads((out / "run.json").read_text())["status"] == "failed"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run", "01_good", "-p", "confidance", "0.9"], "did you mean confidence?"),
        (["run", "01_good", "-p", "confidence", "high"], "got 'high' (text); must be float"),
        (["run", "01_good", "-p", "n=1;open('x','w');m", "1"], "no such parameter"),
        (["run", "01_good", "-p", "dealer\nimport os", "1"], "no such parameter"),
        (["run", "01_good", "-p", "data", "missing"], "no file or folder 'missing'"),
        (["run", "01_good", "-p", "data", "data", "--data", "data"], "given twice"),
        (["run", "01_god"], "Nearest: 01_good"),
        (["run", "01_good", "--out", "data/../reports/small.yml"], "cannot be written"),
        (["batch", "reports/small.yml"], "add --data DIR"),
        (["batch", "reports/small.yml", "--data", "missing"], "is no folder"),
        (["batch", "reports/other.yml"], "cannot be read"),
        (["list", "09_none"], "There is no notebook"),
    ],
)
def test_wrong_input_ends_with_two_before_any_kernel(project, no_kernel, capsys, arguments, said):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("cxlab: ")
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert not list(project.rglob("*.html"))
    assert not (project / "x").exists()


@pytest.mark.parametrize(
    "arguments",
    [[], ["nothing"], ["batch", "r.yml", "--jobs", "0"], ["demo", "--out", "d", "--customers", "-1"]],
)
def test_a_wrong_command_ends_with_two(arguments, capsys):
    with pytest.raises(SystemExit) as caught:
        main(arguments)
    assert caught.value.code == 2
    assert "usage: cxlab" in capsys.readouterr().err


def test_a_fault_of_ours_keeps_its_traceback(project, no_kernel):
    with pytest.raises(AssertionError, match="a kernel was started"):
        main(["run", "01_good"])


def test_an_interrupt_is_one_line(project, monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(make, "execute", interrupt)
    assert main(["run", "01_good"]) == 130
    assert capsys.readouterr().err.startswith("cxlab: interrupted")


def test_list_prints_notebooks_and_parameters(project, capsys):
    assert main(["list"]) == 0
    assert capsys.readouterr().out == "01_good  Is it good?\n02_bad   Is it bad?\n"
    assert main(["list", "01_good"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "Is it good?",
        "  data        str         '../data'  folder of the tables",
        "  confidence  float       0.95       share of intervals that hold the truth",
        "  dealer      str | None  None       one dealer, None for all",
    ]


def test_lint_prints_every_problem_and_ends_with_one(project, capsys):
    assert main(["lint", "01_good", "02_bad"]) == 1
    printed = capsys.readouterr().out
    assert "01_good.ipynb: cell 3: the last cell must be text" in printed
    assert "02_bad.ipynb: there is no output" in printed


def test_demo_data_pass_the_check_and_an_impossible_score_does_not(tmp_path, capsys):
    folder = tmp_path / "demo"
    assert main(["demo", "--out", str(folder), "--customers", "60", "--seed", "7"]) == 0
    capsys.readouterr()
    assert main(["check", str(folder)]) == 0
    assert "surveys" in capsys.readouterr().out
    assert main(["check", str(folder), "--json"]) == 0
    assert isinstance(json.loads(capsys.readouterr().out), dict)
    surveys = pd.read_parquet(folder / "surveys.parquet")
    surveys.loc[0, "overall"] = 99
    surveys.to_parquet(folder / "surveys.parquet")
    assert main(["check", str(folder)]) == 2
    assert "overall" in capsys.readouterr().out
    assert main(["check", str(tmp_path / "nowhere")]) == 2


def test_the_demo_folder_that_cannot_be_written_is_one_message(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert main(["demo", "--out", str(tmp_path / "file" / "x"), "--customers", "20"]) == 2
    assert capsys.readouterr().err.startswith("cxlab: The folder")


def test_help_and_version_start_without_a_heavy_library():
    code = (
        "import sys, cxlab.cli\n"
        "try: cxlab.cli.main(['--version'])\n"
        "except SystemExit: pass\n"
        "heavy = {'pandas', 'numpy', 'papermill', 'nbformat', 'duckdb', 'matplotlib'} & set(sys.modules)\n"
        "print(sorted(heavy))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == [f"cxlab {__version__}", "[]"]
