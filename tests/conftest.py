"""What every test may use: figures carried into the table of the long run, and a small project."""

from __future__ import annotations

import datetime
import os
import platform
import tempfile
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from simulation_page import collect, renewed

_KEY = "figure"
_LIBRARIES = ("numpy", "scipy", "pandas", "scikit-learn", "statsmodels")

_PARAMETERS = """\
data: str = "../data"  # folder of the tables
confidence: float = 0.95  # share of intervals that hold the truth
dealer: str | None = None  # one dealer, None for all
"""


@pytest.fixture
def record_figure(request: pytest.FixtureRequest) -> Callable[..., None]:
    """Record what a simulation measured, before the assertion that holds it against its bound.

    `record_figure("coverage of the half-life, 400 customers", 0.945, runs=400, bound="0.93 to 0.97")`.
    With `--figures FILE` the figures of the run renew the dated tables of their test files there, those of
    failed tests too: a bound that was missed is a finding to publish, not to hide.
    """

    def record(what: str, value: float, *, runs: int, bound: str) -> None:
        row = {"what": what, "value": float(value), "runs": int(runs), "bound": bound}
        request.node.user_properties.append((_KEY, row))

    return record


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A good and a bad notebook, a recipe and a data folder; the working folder of the test."""
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, title, code in (
        ("01_good", "Is it good?", "print(f'confidence {confidence}, dealer {dealer}')"),
        ("02_bad", "Is it bad?", "raise KeyError('overall')"),
    ):
        cells = [
            new_markdown_cell(f"# {title}"),
            new_code_cell(_PARAMETERS, metadata={"tags": ["parameters"]}),
            new_code_cell(code, metadata={"tags": ["headline"]}),
        ]
        path = tmp_path / "notebooks" / f"{name}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(new_notebook(cells=cells, metadata={"kernelspec": kernel}), path)
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()
    reports = "reports:\n  - {notebook: 01_good, parameters: {data: '{data}'}}\n  - notebook: 02_bad\n"
    (tmp_path / "reports" / "small.yml").write_text(f"title: Small\n{reports}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def pytest_configure(config: pytest.Config) -> None:
    """A pseudonym key for the whole run, always the same: the suite loads as users do, under a key."""
    if "CXLAB_KEY_FILE" not in os.environ:
        descriptor, name = tempfile.mkstemp(prefix="cxlab-test-key-")
        os.write(descriptor, bytes(range(32)))
        os.close(descriptor)
        os.environ["CXLAB_KEY_FILE"] = name
        config.add_cleanup(lambda: Path(name).unlink(missing_ok=True))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--figures", metavar="FILE", help="write the figures that tests record into FILE")


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    target = config.getoption("--figures")
    if target:
        page = Path(target)
        libraries = ", ".join(f"{name} {version(name)}" for name in _LIBRARIES)
        stamp = f"{datetime.date.today().isoformat()}, Python {platform.python_version()}, {libraries}"
        old = page.read_text(encoding="utf-8") if page.exists() else ""
        page.write_text(renewed(old, collect(_ended(terminalreporter)), stamp=stamp), encoding="utf-8")
        terminalreporter.write_line(f"figures: {target}")


def _ended(terminalreporter: Any) -> Iterator[tuple[str, str, list[tuple[str, str, str, str]]]]:
    """(file, outcome, figures) of every test that ran to its end, from this and other workers."""
    for outcome in ("passed", "failed"):
        for report in terminalreporter.stats.get(outcome, []):
            if report.when == "call":
                rows = [row for key, row in getattr(report, "user_properties", []) if key == _KEY]
                figures = [(r["what"], f"{r['value']:.4g}", str(r["runs"]), r["bound"]) for r in rows]
                yield report.nodeid.split("::")[0], outcome, figures
