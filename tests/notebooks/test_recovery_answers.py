"""The notebooks on repair, complaints, expectations and word of mouth end with a verdict one can read.

And notebook 04 shows what people usually compute beside the ratio, so that a reader sees the trap.
"""

import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
VERDICTS = ("supported", "rejected", "undetermined", "not identified")
INTERVAL = re.compile(r"[(\[][^()\[\]]*[+-]?\d[\d.,]*(?: to |, )[+-]?\d[\d.,]*")


def cells_of(name):
    return nbformat.read(ROOT / "notebooks" / f"{name}.ipynb", as_version=4).cells


def said(cell):
    return "".join(
        output.get("text") or output.get("data", {}).get("text/plain", "") for output in cell.outputs
    )


@pytest.mark.parametrize("name", ["04_recovery", "10_complaints", "11_expectations", "12_word_of_mouth"])
def test_the_answer_has_a_verdict_an_interval_and_what_may_not_be_claimed(name):
    cells = cells_of(name)
    start = [place for place, cell in enumerate(cells) if cell.source.startswith("## The answer in words")]
    answer = " ".join(said(cell) for cell in cells[start[-1] :] if cell.cell_type == "code")
    assert any(word in answer for word in VERDICTS), answer
    assert INTERVAL.search(answer), answer
    assert cells[-1].source.startswith("## What this does not show")
    assert len(cells[-1].source) > 150


def test_the_demo_shows_what_people_usually_compute_beside_the_ratio():
    cells = [cell for cell in cells_of("04_recovery") if cell.cell_type == "code"]
    shown = next(said(cell) for cell in cells if "cxlab.UsualRatioModel()" in cell.source)
    ratio = next(said(cell) for cell in cells if "cxlab.RepairModel(" in cell.source)
    assert float(re.search(r"weighs as much as ([\d.]+) ", ratio)[1]) > 9.0
    for method, most in (
        ("raw means after a contact", 4.0),
        ("raw means, survivors only", 4.0),
        ("customer totals", 5.5),
        ("customer totals, survivors only", 5.5),
        ("good and bad told in the same survey", 2.0),
    ):
        found = re.search(rf"{method} ([\d.]+) \[([\d.]+), ([\d.]+)\]", shown)
        assert found, method
        assert float(found[3]) < most, f"{method}: the trap is not to be seen"
    assert "Not to be reported as a repair ratio" in shown


def test_the_sayings_that_were_not_checked_are_marked():
    page = (ROOT / "docs/sayings.md").read_text(encoding="utf-8")
    rows = [line.strip("| ").split(" | ") for line in page.splitlines() if line.startswith("| ")][1:]
    rows = [row for row in rows if not row[0].startswith("---")]
    marks = {row[0]: row[3] for row in rows}
    assert set(marks.values()) == {"yes", "no"}
    unread = ("bad is stronger than good", "zone of tolerance", "peak-end")
    assert sum(mark == "no" for mark in marks.values()) == len(unread)
    for word in unread:
        assert [mark for saying, mark in marks.items() if word in saying] == ["no"], word
    assert "[sayings](sayings.md)" in (ROOT / "docs/statistics.md").read_text(encoding="utf-8")
    for name in ("statistics.md", "statistics-expectations.md"):
        text = (ROOT / "docs" / name).read_text(encoding="utf-8")
        if "Zeithaml" in text:
            assert "Not checked" in text[: text.index("Zeithaml")].rsplit("**Sources", 1)[-1], name
