"""The start page leads to every notebook, by the question that the notebook itself asks."""

import re
from pathlib import Path

from cxlab.reporting.notebooks import read_notebook, title_of

ROOT = Path(__file__).resolve().parents[2]
START = ROOT / "notebooks" / "00_start.ipynb"
_ROW = re.compile(r"^\| \[(?P<question>[^\]]+)\]\((?P<file>[^)]+)\) \| (?P<needs>[^|]+) \|$", re.MULTILINE)


def test_every_notebook_is_on_the_start_page_with_its_question_and_the_data_it_needs():
    text = "\n".join(cell.source for cell in read_notebook(START).cells if cell.cell_type == "markdown")
    rows = {row["file"]: row for row in _ROW.finditer(text)}
    others = {path.name: path for path in START.parent.glob("*.ipynb") if path != START}
    assert set(rows) == set(others)
    for name, path in others.items():
        assert rows[name]["question"] == title_of(read_notebook(path), ""), name
        assert rows[name]["needs"].strip()


def test_make_lab_opens_the_start_page():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(r"^lab:.*\n\t.*jupyter lab .*notebooks/00_start\.ipynb$", makefile, re.MULTILINE)
