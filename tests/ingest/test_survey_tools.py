"""Exports of survey tools and statistics programs, made and real, load as what they are or say why not."""

from __future__ import annotations

import sys
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import cxlab

HEAD = "response_id,customer_id,answered_at,overall"
ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
sys.path.insert(0, str(ROOT / "tests" / "hostile"))

from hostile_catalogue import survey_rows  # noqa: E402
from hostile_exports import (  # noqa: E402
    QUALTRICS_CONFIG,
    SURVEYMONKEY_CONFIG,
    qualtrics,
    qualtrics_answers,
    sav,
    surveymonkey,
)


def shared(name: str) -> Path:
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"the real file {name} is absent")
    return path


def folder(tmp_path: Path, config: str, **files: bytes) -> Path:
    (tmp_path / "cxlab.toml").write_text(f'{config}\n[privacy]\npseudonyms = "off"\n', encoding="utf-8")
    for name, data in files.items():
        (tmp_path / name.replace("__", ".")).write_bytes(data)
    return tmp_path


def linked(tmp_path: Path, source: Path, config: str) -> Path:
    (tmp_path / source.name).symlink_to(source.resolve())
    return folder(tmp_path, config)


def rules(report: cxlab.QualityReport, level: str = "error") -> dict[str, str]:  # type: ignore[name-defined]
    return {finding.rule: finding.message for finding in report.findings if finding.level == level}


def test_a_qualtrics_export_needs_only_the_names_of_its_questions(tmp_path: Path) -> None:
    data = qualtrics(qualtrics_answers(survey_rows()), zone="America/Denver")
    surveys = cxlab.load(folder(tmp_path, QUALTRICS_CONFIG, surveys__csv=data)).surveys
    assert surveys["response_id"].tolist() == [f"R{place:04d}" for place in range(48)]
    assert surveys["overall"].tolist() == [float(place % 10 + 1) for place in range(48)]
    # Denver is seven hours behind UTC on 1 March: the zone stands in the third header row.
    assert surveys["answered_at"].iloc[0] == pd.Timestamp("2024-03-01 17:00")
    assert "ip" not in " ".join(surveys.columns)


def test_a_time_zone_in_an_export_that_nobody_knows_must_be_declared(tmp_path: Path) -> None:
    data = qualtrics(qualtrics_answers(survey_rows()), zone="Mars/Olympus")
    report = cxlab.check(folder(tmp_path, QUALTRICS_CONFIG, surveys__csv=data))
    assert "Mars/Olympus" in rules(report)["time zone"]
    declared = 'time_zone = "America/Denver"\n' + QUALTRICS_CONFIG
    surveys = cxlab.load(folder(tmp_path, declared)).surveys
    assert surveys["answered_at"].iloc[0] == pd.Timestamp("2024-03-01 17:00")


def test_a_qualtrics_tsv_in_utf_16_is_the_same_table(tmp_path: Path) -> None:
    rows = qualtrics_answers(survey_rows())
    data = qualtrics(rows, delimiter="\t", encoding="utf-16")
    config = 'encoding = "utf-16"\n' + QUALTRICS_CONFIG + 'file = "surveys.tsv"\n'
    surveys = cxlab.load(folder(tmp_path, config, surveys__tsv=data)).surveys
    assert (len(surveys), surveys["overall"].sum()) == (48, sum(place % 10 + 1 for place in range(48)))


def test_a_line_is_named_behind_three_header_rows_with_line_breaks(tmp_path: Path) -> None:
    rows = qualtrics_answers(survey_rows())
    rows[0]["overall"] = 99
    lines = cxlab.check(folder(tmp_path, QUALTRICS_CONFIG, surveys__csv=qualtrics(rows))).lines()
    written = (tmp_path / "surveys.csv").read_text().split("\n")
    number = next(place for place, line in enumerate(written, start=1) if "R0000" in line)
    assert f"line {number} (R0000) = 99" in "\n".join(lines)


def test_a_surveymonkey_export_has_two_header_rows_and_a_column_per_option(tmp_path: Path) -> None:
    data = surveymonkey(survey_rows())
    surveys = cxlab.load(folder(tmp_path, SURVEYMONKEY_CONFIG, surveys__csv=data)).surveys
    assert surveys["answered_at"].iloc[12] == pd.Timestamp("2024-03-13 10:00")
    assert surveys["which_app"].notna().sum() == 24
    assert surveys["overall"].iloc[8] == 9


def test_half_past_twelve_at_noon_and_at_night_are_two_times(tmp_path: Path) -> None:
    text = HEAD + "\nR1,C1,03/13/2024 12:30 PM,7\nR2,C1,03/13/2024 12:30 AM,7\n"
    config = 'date_order = "MDY"\n'
    times = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode())).surveys["answered_at"]
    assert [str(time) for time in times] == ["2024-03-13 12:30:00", "2024-03-13 00:30:00"]


def test_typeform_and_limesurvey_are_read_when_they_are_named(tmp_path: Path) -> None:
    text = (
        "#,How was it?,Start Date (UTC),Submit Date (UTC),Network ID\n"
        "a1,7,2024-03-01 10:00:00,2024-03-01 10:02:00,x\n"
    )
    config = (
        '[surveys]\nplatform = "typeform"\ncolumns = {overall = "How was it?"}\nabsent = ["customer_id"]\n'
    )
    surveys = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode())).surveys
    assert surveys.iloc[0][["response_id", "overall"]].tolist() == ["a1", 7.0]
    text = (
        "id. Response ID,submitdate. Date submitted,startlanguage. Start language,Q1\n"
        "1,2024-03-01 10:00:00,de,A5\n2,,de,A1\n3,2024-03-02 11:00:00,en,A2\n"
    )
    config = (
        '[surveys]\nplatform = "limesurvey"\ncolumns = {overall = "Q1"}\nabsent = ["customer_id"]\n'
        "recode = {overall = {A1 = 1, A2 = 2, A5 = 5}}\nscale = {overall = [1, 5]}\n"
    )
    tables = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode()))
    assert tables.surveys["overall"].tolist() == [5.0, 2.0]
    assert "not submitted" in tables.quality.rows().loc[0, "reasons"]


def test_a_platform_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    config = '[surveys]\nplatform = "limesurvey"\n'
    report = cxlab.check(folder(tmp_path, config, surveys__csv=b"a,b\n1,2\n"))
    assert "no limesurvey export" in rules(report)["survey tool"]


def test_wordings_that_changed_between_months_are_one_question(tmp_path: Path) -> None:
    (tmp_path / "surveys").mkdir()
    head = "response_id,customer_id,answered_at,"
    (tmp_path / "surveys/01.csv").write_text(head + "Overall?\nR1,C1,2024-01-05,7\n")
    (tmp_path / "surveys/02.csv").write_text(head + "How satisfied?\nR2,C1,2024-02-05,99\n")
    config = '[surveys]\naliases = {overall = ["Overall?", "How satisfied?"]}\n'
    lines = "\n".join(cxlab.check(folder(tmp_path, config)).lines())
    assert "02.csv line 2 (R2) = 99" in lines
    config += "missing_codes = {overall = [99]}\n"
    surveys = cxlab.load(folder(tmp_path, config)).surveys
    assert surveys["overall"].fillna(0).tolist() == [7.0, 0.0]


def test_why_an_answer_is_missing_is_kept_apart_by_reason(tmp_path: Path) -> None:
    answers = "R1,C1,2024-01-05,7,99\nR2,C1,2024-01-06,8,98\nR3,C1,2024-01-07,9,\n"
    text = HEAD + ",rating_app\n" + answers
    config = '[surveys]\nmissing_codes = {rating_app = {98 = "not experienced", 99 = "refused"}}\n'
    tables = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode()))
    assert tables.surveys["rating_app"].isna().all()
    assert tables.no_answer().to_numpy().tolist() == [
        ["R2", "rating_app", "not experienced"],
        ["R1", "rating_app", "refused"],
    ]


def test_five_points_are_mapped_on_ten_when_asked(tmp_path: Path) -> None:
    text = HEAD + "\nR1,C1,2024-01-05,1\nR2,C1,2024-01-06,3\nR3,C1,2024-01-07,5\n"
    config = "[surveys]\nmap_scale = {overall = [1, 5]}\n"
    tables = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode()))
    assert tables.surveys["overall"].tolist() == [1.0, 5.5, 10.0]
    assert tables.scale() == (1, 10)
    turned = config + "reverse = {overall = true}\n"
    assert cxlab.load(folder(tmp_path, turned)).surveys["overall"].tolist() == [10.0, 5.5, 1.0]
    outside = "[surveys]\nmap_scale = {overall = [1, 4]}\n"
    assert "range 1-4" in rules(cxlab.check(folder(tmp_path, outside)))


@pytest.mark.parametrize(
    ("low", "high", "middle"), [(1, 5, 5.5), (1, 7, 5.5), (1, 10, 5.0), (0, 10, 5.5), (1, 11, 5.5)]
)
def test_each_usual_scale_is_mapped_end_on_end(low: int, high: int, middle: float, tmp_path: Path) -> None:
    """5, 7, 10 and 11 points (from 0 or from 1): ends meet ends, the order stays, the report says it."""
    answers = list(range(low, high + 1))
    text = HEAD + "\n" + "".join(f"R{a},C{a},2024-01-05,{a}\n" for a in answers)
    config = f"[surveys]\nmap_scale = {{overall = [{low}, {high}]}}\n"
    tables = cxlab.load(folder(tmp_path, config, surveys__csv=text.encode()))
    mapped = tables.surveys["overall"]
    assert (mapped.iloc[0], mapped.iloc[(len(answers) - 1) // 2], mapped.iloc[-1]) == (1.0, middle, 10.0)
    assert mapped.is_monotonic_increasing
    assert rules(tables.quality, "note")["scale mapped"] == f"{low} to {high} read as 1 to 10, as declared."


def test_spss_reasons_survive_and_categories_get_their_names(tmp_path: Path) -> None:
    frame = pd.DataFrame({
        "response_id": ["R1", "R2", "R3"], "customer_id": ["C1", "C2", "C3"],
        "answered_at": pd.to_datetime(["2024-01-01"] * 3),
        "overall": [7.0, 99.0, 8.0], "market": [1.0, 2.0, 1.0],
    })  # fmt: skip
    data = sav(
        frame,
        missing_ranges={"overall": [99]},
        variable_value_labels={"overall": {99: "refused"}, "market": {1: "Germany", 2: "France"}},
    )
    config = '[surveys]\ncarry = ["market"]\n'
    tables = cxlab.load(folder(tmp_path, config, surveys__sav=data))
    assert tables.surveys["market"].tolist() == ["Germany", "France", "Germany"]
    assert tables.no_answer()[["column", "reason"]].to_numpy().tolist() == [["overall", "refused"]]


def test_a_label_that_says_no_answer_is_not_a_rating(tmp_path: Path) -> None:
    frame = pd.DataFrame({
        "response_id": ["R1", "R2"], "customer_id": ["C1", "C2"],
        "answered_at": pd.to_datetime(["2024-01-01"] * 2), "overall": [7.0, 9.0],
    })  # fmt: skip
    data = sav(frame, variable_value_labels={"overall": {9: "Don't know"}})
    report = cxlab.check(folder(tmp_path, "", surveys__sav=data))
    assert '9 = "Don\'t know"' in rules(report)["label means no answer"]


ODDJOB = """
[surveys]
file = "Oddjob.sav"
columns = { recommend_0_10 = "nps", overall = "sat1", rating_reputation = "reputation" }
absent = ["response_id", "customer_id", "answered_at"]
scale = { overall = [1, 7], rating_reputation = [1, 7] }
carry = ["country", "flight_class"]
"""


def nps(answers: pd.Series) -> float:
    return float(((answers >= 9).mean() - (answers <= 6).mean()) * 100)


def test_oddjob_nps_is_8_45_and_never_the_36_15_of_its_codes(tmp_path: Path) -> None:
    source = shared("spss_exports/Oddjob.sav")
    undeclared = rules(cxlab.check(linked(tmp_path, source, ODDJOB)))
    assert "other numbers than the codes" in undeclared["labels"]
    declared = ODDJOB + 'codes_or_labels = { recommend_0_10 = "labels" }\n'
    surveys = cxlab.load(folder(tmp_path, declared)).surveys
    assert round(nps(surveys["recommend_0_10"]), 4) == 8.4507
    assert round(nps(surveys["recommend_0_10"] + 1), 4) == 36.1502
    assert set(surveys["flight_class"]) == {"First", "Business", "Economy"}


def test_acsi_keeps_the_reasons_of_its_missing_incomes(tmp_path: Path) -> None:
    source = shared("spss_exports/ACSI_Data.sav")
    config = (
        f'[surveys]\nfile = "{source.name}"\nabsent = ["response_id", "customer_id", "answered_at"]\n'
        'columns = {overall = "lvsat"}\ntypes = {overall = "number"}\nscale = {overall = [0, 25]}\n'
        'carry = ["income", "gender", "lvcomp"]\n'
    )
    tables = cxlab.load(linked(tmp_path, source, config))
    reasons = tables.no_answer().groupby("column")["reason"].agg(set)
    assert {"refused", "dont know"} <= reasons["income"]
    assert set(tables.surveys["gender"].dropna()) == {"male", "female"}
    assert len(tables.surveys) == 1640


SPSS = ("ordered_category.sav", "sample.sav", "sample_missing.sav", "simple_alltypes_mrsets.sav")


@pytest.mark.parametrize("name", SPSS)
def test_every_spss_sample_loads_with_all_its_columns(name: str, tmp_path: Path) -> None:
    source = shared(f"spss_exports/{name}")
    absent = '["response_id", "customer_id", "answered_at", "overall"]'
    config = f'[surveys]\nfile = "{name}"\nabsent = {absent}\ncarry = ["all"]\n'
    surveys = cxlab.load(linked(tmp_path, source, config)).surveys
    # Dates of the sixties look like birth dates and are left out, with a line.
    expected = {"ordered_category.sav": (4, 2), "sample.sav": (5, 6), "sample_missing.sav": (7, 6)}
    expected["simple_alltypes_mrsets.sav"] = (6, 12)
    assert surveys.shape == expected.get(name, (6, 13))


QUALTRICS = {
    "qualtrics_sample_de.csv": ("Q1", 1), "qualtrics_legacy_de.csv": ("Q1", 1),
    "single_answer_matrix_insights.csv": ("Q2_1", 5), "multiple_answer_mc_insights.csv": ("Q2_1", 5),
    "text_entry_components.csv": ("Matrix_text_1", 15), "better_sample_survey.csv": ("q2_favorite", 10),
}  # fmt: skip


@pytest.mark.parametrize("name", QUALTRICS)
def test_every_real_qualtrics_export_loads_without_personal_columns(name: str, tmp_path: Path) -> None:
    source = shared(f"qualtrics_exports/{name}")
    question, rows = QUALTRICS[name]
    config = (
        f'[surveys]\nfile = "{name}"\ncolumns = {{overall = "{question}"}}\n'
        'types = {overall = "category"}\nabsent = ["customer_id"]\n'
        'carry = ["all"]\nkeep = {Status = "filled"}\n'
    )
    tables = cxlab.load(linked(tmp_path, source, config))
    found = tables.quality.rows().loc[0]
    assert found["rows_read"] == found["rows_kept"] + found["rows_set_aside"]
    assert found["rows_kept"] == rows
    assert tables.surveys["response_id"].str.startswith("R_").all()
    assert not [column for column in tables.surveys if "ip" in column.split("_") or "email" in column]


def test_a_legacy_export_with_one_name_for_three_questions_explains_itself(tmp_path: Path) -> None:
    source = shared("qualtrics_exports/single_answer_matrix_legacy.csv")
    config = f'[surveys]\nfile = "{source.name}"\nabsent = ["customer_id", "overall"]\n'
    report = cxlab.check(linked(tmp_path, source, config))
    assert "question_one" in rules(report)["column names"]


def test_hidden_rows_and_columns_of_a_workbook_are_read_and_said(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.append(HEAD.split(","))
    for number in (1, 2, 3):
        book.active.append([f"R{number}", f"C{number}", f"2024-03-0{number}", number + 6])
    for number in (3, 4):
        book.active.row_dimensions[number].hidden = True
    book.active.column_dimensions["B"].hidden = True
    book.save(tmp_path / "surveys.xlsx")
    tables = cxlab.load(tmp_path)
    assert tables.surveys["overall"].tolist() == [7, 8, 9]
    said = rules(tables.quality, "note")["hidden"]
    assert said == "the workbook holds 2 hidden rows and 1 hidden column: read like the others."


def test_unfinished_answers_are_kept_and_counted_or_left_out_as_declared(tmp_path: Path) -> None:
    rows = qualtrics_answers(survey_rows())
    for row in rows[:5]:
        row["finished"] = "0"
    data = qualtrics(rows)
    tables = cxlab.load(folder(tmp_path, QUALTRICS_CONFIG, surveys__csv=data))
    (finding,) = [found for found in tables.quality.findings if found.rule == "unfinished"]
    assert (finding.level, finding.rows, len(tables.surveys)) == ("note", 5, 48)
    config = QUALTRICS_CONFIG + 'keep = {Finished = ["1", "True"]}\n'
    tables = cxlab.load(folder(tmp_path, config, surveys__csv=data))
    assert len(tables.surveys) == 43
    aside = tables.quality.set_aside()
    assert aside.loc[aside["reason"].str.startswith("Finished is not"), "rows"].tolist() == [5]
