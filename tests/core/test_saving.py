"""What a result writes: whole files, no formulas, never through a link."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

import cxlab
from cxlab.core.result import save_table, save_text


def test_a_link_is_replaced_and_its_target_stays(tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("mine")
    (tmp_path / "summary.txt").symlink_to(outside)
    save_text(tmp_path / "summary.txt", "new")
    assert outside.read_text() == "mine"
    assert not (tmp_path / "summary.txt").is_symlink()
    assert (tmp_path / "summary.txt").read_text() == "new"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["outside.txt", "summary.txt"]


def test_a_formula_in_a_table_reaches_no_spreadsheet(tmp_path: Path) -> None:
    save_table(
        tmp_path / "table.csv", pd.DataFrame({"term": ["=1+1", "-3", "a"], "estimate": [-1.5, 2, 3]})
    )
    lines = (tmp_path / "table.csv").read_text().splitlines()
    assert lines == ["term,estimate", "'=1+1,-1.5", "-3,2", "a,3"]


def test_a_quality_report_with_a_formula_as_column_name_is_guarded(tmp_path: Path) -> None:
    (tmp_path / "surveys.csv").write_text(
        "response_id,customer_id,answered_at,overall,=cmd()\nR1,C1,2024-03-01,7,x\n"
    )
    report = cxlab.check(tmp_path)
    saved = report.save(tmp_path / "out")
    cells = [cell for line in (saved / "table.csv").read_text().splitlines() for cell in line.split(",")]
    assert not any(cell.strip('"').startswith("=") for cell in cells)
