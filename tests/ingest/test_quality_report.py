"""The quality report: rows are conserved, it is a result like any other, the codebook is current."""

import json
from pathlib import Path

import matplotlib as mpl
import pandas as pd
import pytest

import cxlab
from cxlab.ingest.contracts import CONTRACTS_BY_TABLE, codebook, contract_of
from cxlab.ingest.quality import FINDING_COLUMNS, TableRows

mpl.use("Agg")
ROOT = Path(__file__).resolve().parents[2]
SURVEYS = (
    "response_id,customer_id,answered_at,overall,comment\nR1,C1,2024-03-01,7,\nR2,C2,2024-03-02,9,good\n"
)


@pytest.fixture
def report(tmp_path: Path) -> cxlab.ingest.quality.QualityReport:  # type: ignore[name-defined]
    (tmp_path / "surveys.csv").write_text(SURVEYS + "R2,C2,2024-03-02,9,good\n" * 1)
    (tmp_path / "cxlab.toml").write_text('title = "small"\nrepair_limit_share = 0.5\n')
    return cxlab.check(tmp_path)


def test_a_lost_row_cannot_be_reported() -> None:
    with pytest.raises(ValueError, match="neither kept nor set aside"):
        TableRows(table="surveys", file="s.csv", rows_read=3, rows_kept=1, set_aside={"test": 1})


def test_the_table_has_one_row_per_finding(report: object) -> None:
    table = report.table()  # type: ignore[attr-defined]
    assert tuple(table.columns) == FINDING_COLUMNS
    assert table["rule"].tolist() == ["times", "exact duplicates"]
    assert report.provenance.n_set_aside == {"surveys: exact duplicates of another row": 1}  # type: ignore[attr-defined]


def test_the_report_is_good_json_and_is_saved_like_any_result(report: object, tmp_path: Path) -> None:
    plain = json.loads(report.to_json())  # type: ignore[attr-defined]
    assert (plain["ok"], plain["title"]) == (True, "small")
    assert plain["tables"][0]["rows_read"] == 3
    assert [row["analysis"] for row in plain["answers"]][:2] == ["scores", "drivers"]
    report.save(tmp_path / "out")  # type: ignore[attr-defined]
    assert (tmp_path / "out" / "summary.txt").read_text().startswith("small: loaded, 1 repair, 1 note.")


def test_coverage_counts_the_empty_cells_and_the_time_range(report: object) -> None:
    coverage = report.coverage().set_index("column")  # type: ignore[attr-defined]
    assert coverage.loc["comment", "empty_share"] == 0.5
    assert coverage.loc["answered_at", "last"] == pd.Timestamp("2024-03-02")
    assert coverage["rows"].tolist() == [2] * 5


def test_the_picture_names_its_unit_and_its_rows(report: object) -> None:
    axes = report.plot()  # type: ignore[attr-defined]
    assert "small" in axes.get_title(loc="left")
    assert "percent" in axes.get_xlabel()
    assert "n = 2 rows" in axes.texts[-1].get_text()
    assert [label.get_text() for label in axes.get_yticklabels()] == ["surveys: comment"]


def test_the_checks_fail_where_much_is_set_aside(report: object) -> None:
    checks = report.checks().set_index("check")  # type: ignore[attr-defined]
    assert checks["passed"].to_dict() == {"errors": True, "surveys: share set aside": False}


def test_a_question_that_the_data_cannot_answer_has_its_reason(report: object) -> None:
    answers = report.answers().set_index("analysis")  # type: ignore[attr-defined]
    assert answers.loc["scores", "possible"] == "yes"
    assert answers.loc["drivers", "reason"] == "0 rating items beside overall; two are the least."
    assert answers.loc["churn", "possible"] == "no"
    assert "there is no table events" in answers.loc["operational facts beside the survey", "reason"]


def test_the_codebook_in_the_data_folder_is_printed_from_the_contracts() -> None:
    text = (ROOT / "data" / "README.md").read_text()
    for table in CONTRACTS_BY_TABLE:
        assert codebook(table) in text, f"print codebook({table!r}) into data/README.md again"


def test_the_documented_configuration_is_valid(tmp_path: Path) -> None:
    from cxlab.ingest.config_reader import read_config

    text = (ROOT / "data" / "README.md").read_text().split("```toml\n")[1].split("```")[0]
    (tmp_path / "cxlab.toml").write_text(text)
    assert read_config(tmp_path / "cxlab.toml", required=True).problems == ()


def test_a_table_that_is_not_in_the_contracts_is_refused() -> None:
    with pytest.raises(cxlab.ParameterError, match="is not one of customers"):
        contract_of("visits")
