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
    (tmp_path / "cxlab.toml").write_text(
        'title = "small"\nrepair_limit_share = 0.5\n[privacy]\npseudonyms = "off"\n'
    )
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
    assert "n = 2 rows" in [text.get_text() for text in axes.texts]
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


@pytest.fixture
def network(tmp_path: Path) -> cxlab.ingest.quality.QualityReport:  # type: ignore[name-defined]
    """Two dealers, the second with three answers only, a quarter without any, a customer nobody knows."""
    rows = ["response_id,customer_id,answered_at,location_id,overall,rating_wait,comment,wave"]
    for k in range(23):
        dealer = "D2" if k < 3 else "D1"
        month = "01" if k < 12 else "08"
        rating = "" if k in (5, 6) else k % 5 + 3
        person = "X" if k == 22 else f"C{k % 7}"
        wave = "spring" if k < 12 else "autumn"
        rows.append(f"R{k},{person},2024-{month}-{k + 1:02d},{dealer},{k % 5 + 4},{rating},,{wave}")
    (tmp_path / "surveys.csv").write_text("\n".join(rows) + "\n")
    customers = "\n".join(["customer_id", *(f"C{k}" for k in range(9))])
    (tmp_path / "customers.csv").write_text(customers + "\n")
    config = '[surveys]\ncarry = ["wave"]\nmissing_codes = {rating_wait = {3 = "not experienced"}}\n'
    (tmp_path / "cxlab.toml").write_text(config)
    return cxlab.load(tmp_path).quality


def test_waves_without_an_answer_are_listed_and_small_ones_print_no_share(network: object) -> None:
    waves = network.by_wave()  # type: ignore[attr-defined]
    assert waves["wave"].tolist() == ["2024Q1", "2024Q2", "2024Q3"]
    assert waves["answers"].tolist() == [12, 0, 11]
    assert waves["dealers"].tolist() == [2, 0, 1]
    assert waves["customer_known_share"].round(3).tolist()[::2] == [1.0, 0.909]
    assert waves["verdict"].tolist() == ["", "too few", ""]
    months = network.by_wave(wave="month")  # type: ignore[attr-defined]
    assert len(months) == 8
    named = network.by_wave(wave="wave")  # type: ignore[attr-defined]
    assert dict(zip(named["wave"], named["answers"], strict=True)) == {"autumn": 11, "spring": 12}
    with pytest.raises(cxlab.ParameterError, match="nor a column of the surveys"):
        network.by_wave(wave="decade")  # type: ignore[attr-defined]


def test_a_dealer_of_three_answers_has_its_number_and_no_share(network: object) -> None:
    dealers = network.by_dealer().set_index("location_id")  # type: ignore[attr-defined]
    assert dealers["answers"].to_dict() == {"D1": 20, "D2": 3}
    assert dealers.loc["D2", "ratings_empty_share"] != dealers.loc["D2", "ratings_empty_share"]
    assert dealers.loc["D2", "verdict"] == "too few"
    # Two left blank, and of the fives and threes the code 3 at every fifth answer from the fourth on.
    assert dealers.loc["D1", "ratings_empty_share"] == pytest.approx(5 / 20)
    assert dealers.loc["D1", ["first", "last", "waves"]].tolist() == [
        pd.Timestamp("2024-01-04"),
        pd.Timestamp("2024-08-23"),
        2,
    ]


def test_match_rates_say_how_many_keys_find_their_row(network: object) -> None:
    rates = network.match_rates().set_index(["table", "looked_up_in"])  # type: ignore[attr-defined]
    assert rates.loc[("surveys", "customers"), ["rows", "matched"]].tolist() == [23, 22]
    assert rates.loc[("surveys", "customers"), "share"] == pytest.approx(22 / 23)


def test_scale_use_keeps_not_experienced_apart_from_blank(network: object) -> None:
    use = network.scale_use().set_index("question")  # type: ignore[attr-defined]
    assert use.loc["rating_wait", ["answers", "empty", "not_experienced"]].tolist() == [17, 6, 4]
    assert use.loc["overall", ["scale_low", "scale_high", "lowest", "highest"]].tolist() == [1, 10, 4, 8]
    assert use.loc["overall", "points_used"] == 5
    assert use.loc["overall", "favourite_share"] == pytest.approx(5 / 23)


def test_repairs_and_rows_set_aside_are_tables_with_their_reasons(report: object) -> None:
    aside = report.set_aside()  # type: ignore[attr-defined]
    assert aside.iloc[0].tolist() == [
        "surveys", "surveys.csv", "exact duplicates of another row", 1, pytest.approx(1 / 3),
    ]  # fmt: skip
    assert report.repairs()["rule"].tolist() == ["exact duplicates"]  # type: ignore[attr-defined]


def test_every_table_of_the_report_is_saved_under_its_name(network: object, tmp_path: Path) -> None:
    saved = network.save(tmp_path / "out")  # type: ignore[attr-defined]
    names = {path.stem for path in saved.glob("*.csv")}
    assert {"by_wave", "by_dealer", "set_aside", "match_rates", "scale_use", "flags"} <= names
    assert pd.read_csv(saved / "by_wave.csv")["answers"].tolist() == [12, 0, 11]


def test_each_picture_says_its_n(network: object) -> None:
    notes = {
        "plot_waves": "n = 23 answers; waves without an answer: 1",
        "plot_dealers": "n = 2 dealers: 0 with 30 answers or more, 1 with fewer than 10",
        "plot_scales": "each bar one question",
    }
    for name, note in notes.items():
        axes = getattr(network, name)()
        assert any(note in text.get_text() for text in axes.texts), name
    labels = [label.get_text() for label in network.plot_scales().get_yticklabels()]  # type: ignore[attr-defined]
    assert labels == ["overall (n = 23)", "wait (n = 17)"]


def test_a_report_without_surveys_has_empty_views_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "customers.csv").write_text("customer_id\nC1\nC2\n")
    report = cxlab.check(tmp_path)
    for name in ("by_wave", "by_dealer", "match_rates", "scale_use"):
        assert getattr(report, name)().empty, name
    assert report.flags()["answers"].sum() == 0
    for name in ("plot", "plot_waves", "plot_dealers", "plot_scales"):
        getattr(report, name)()
    report.save(tmp_path / "out")
