"""A small project in a folder of its own: two notebooks, a recipe, a data folder."""

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

PARAMETERS = """\
data: str = "../data"  # folder of the tables
confidence: float = 0.95  # share of intervals that hold the truth
dealer: str | None = None  # one dealer, None for all
"""


@pytest.fixture
def project(tmp_path, monkeypatch):
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    for name, title, code in (
        ("01_good", "Is it good?", "print(f'confidence {confidence}, dealer {dealer}')"),
        ("02_bad", "Is it bad?", "raise KeyError('overall')"),
    ):
        cells = [
            new_markdown_cell(f"# {title}"),
            new_code_cell(PARAMETERS, metadata={"tags": ["parameters"]}),
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
