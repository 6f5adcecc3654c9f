"""Loading: formats, mapping, computed columns, and rows that are kept or set aside with a reason."""

from __future__ import annotations

import gzip
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pytest

import cxlab

SURVEYS = (
    "response_id,customer_id,answered_at,overall,rating_billing\n"
    "R1,001,2024-03-01,7,8\nR2,002,2024-03-02,9,\nR3,001,2024-03-03,3,2\n"
)
ABSENT = '[surveys]\nabsent = ["customer_id", "answered_at"]\n'


def folder(tmp_path: Path, config: str = "", **files: str) -> Path:
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    # These tests are about reading: ids stay as written, which is what is looked at.
    (tmp_path / "cxlab.toml").write_text(f'{config}\n[privacy]\npseudonyms = "off"\n', encoding="utf-8")
    return tmp_path


def same(left: pd.DataFrame, right: pd.DataFrame) -> None:
    pd.testing.assert_frame_equal(left, right)


def test_a_folder_without_configuration_is_read_by_its_names(tmp_path: Path) -> None:
    tables = cxlab.load(folder(tmp_path, surveys=SURVEYS))
    surveys = tables.surveys
    assert surveys["customer_id"].tolist() == ["001", "002", "001"]
    assert surveys["overall"].tolist() == [7.0, 9.0, 3.0]
    assert surveys["rating_billing"].isna().tolist() == [False, True, False]
    assert {str(dtype) for dtype in surveys.dtypes} == {"str", "datetime64[us]", "float64"}
    assert tables.engine.scalar("SELECT count(*) FILTER (WHERE overall > 5) FROM surveys") == 2


def test_every_format_gives_the_same_table(tmp_path: Path) -> None:
    expected = cxlab.load(folder(tmp_path, surveys=SURVEYS)).surveys
    data = SURVEYS.encode()
    (tmp_path / "gz").mkdir()
    (tmp_path / "gz" / "surveys.csv.gz").write_bytes(gzip.compress(data))
    (tmp_path / "zip").mkdir()
    with zipfile.ZipFile(tmp_path / "zip" / "surveys.zip", "w") as archive:
        archive.writestr("anything.csv", data)
    (tmp_path / "tsv").mkdir()
    (tmp_path / "tsv" / "surveys.tsv").write_bytes(data.replace(b",", b"\t"))
    (tmp_path / "parquet").mkdir()
    expected.to_parquet(tmp_path / "parquet" / "surveys.parquet")
    (tmp_path / "blocks" / "surveys").mkdir(parents=True)
    expected.head(1).to_parquet(tmp_path / "blocks" / "surveys" / "part-000.parquet")
    expected.tail(2).to_parquet(tmp_path / "blocks" / "surveys" / "part-001.parquet")
    (tmp_path / "excel").mkdir()
    expected.to_excel(tmp_path / "excel" / "surveys.xlsx", index=False)
    for name in ("gz", "zip", "tsv", "parquet", "blocks", "excel"):
        same(cxlab.load(tmp_path / name, config=tmp_path / "cxlab.toml").surveys, expected)


def test_text_in_a_parquet_file_is_typed_like_text_in_a_csv(tmp_path: Path) -> None:
    expected = cxlab.load(folder(tmp_path, surveys=SURVEYS)).surveys
    (tmp_path / "text").mkdir()
    text = pd.read_csv(tmp_path / "surveys.csv", dtype=str, keep_default_na=False)
    text.to_parquet(tmp_path / "text" / "surveys.parquet")
    same(cxlab.load(tmp_path / "text", config=tmp_path / "cxlab.toml").surveys, expected)
    text["overall"] = ["7", "99", "x"]
    text.to_parquet(tmp_path / "text" / "surveys.parquet")
    examples = [
        f.examples[0]
        for f in cxlab.check(tmp_path / "text", config=tmp_path / "cxlab.toml").findings
        if f.level == "error"
    ]
    assert examples == ["row 3 (R3) = x", "row 2 (R2) = 99"]


def test_ids_that_a_file_stores_as_numbers_are_written_without_a_point(tmp_path: Path) -> None:
    stored = {"response_id": [1.0, 2.0], "overall": [7, 8]}
    pd.DataFrame(stored).to_parquet(tmp_path / "surveys.parquet")
    tables = cxlab.load(folder(tmp_path, ABSENT))
    assert tables.surveys["response_id"].tolist() == ["1", "2"]
    assert ("id stored as a number", 2) in {(f.rule, f.rows) for f in tables.quality.findings}


def test_a_file_that_may_not_be_read_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    lines = "\n".join(cxlab.check(folder(tmp_path, surveys=SURVEYS)).lines())
    assert "cannot be opened: Permission denied" in lines


def test_blocks_with_other_columns_are_an_error(tmp_path: Path) -> None:
    (tmp_path / "surveys").mkdir()
    pd.DataFrame({"response_id": ["R1"]}).to_parquet(tmp_path / "surveys" / "part-000.parquet")
    pd.DataFrame({"other": ["R1"]}).to_parquet(tmp_path / "surveys" / "part-001.parquet")
    report = cxlab.check(tmp_path)
    found = [f for f in report.findings if f.rule == "not in all files" and f.column == "response_id"]
    assert [f.level for f in found] == ["error"]
    assert "part-001.parquet" in found[0].message
    assert not report.ok


def test_a_workbook_with_several_sheets_needs_a_name(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("Answers")
    sheet.append(["response_id", "overall", None])
    sheet.append(["R1", 7, None])
    sheet.append([2, 8.0, None])
    sheet.append([None, None, None])
    book.save(tmp_path / "surveys.xlsx")
    folder(tmp_path, ABSENT)
    assert 'sheet = "Notes"' in "\n".join(cxlab.check(tmp_path).lines())
    folder(tmp_path, ABSENT + 'sheet = "Answers"\n')
    assert cxlab.load(tmp_path).surveys.to_dict("list") == {
        "response_id": ["R1", "2"],
        "overall": [7.0, 8.0],
    }


def test_names_scales_words_and_codes_are_mapped(tmp_path: Path) -> None:
    config = """
    delimiter = ";"
    decimal = ","
    date_order = "DMY"
    [surveys]
    columns.response_id = ["wave", "nr"]
    columns.customer_id = "Kunde"
    columns.answered_at = "Datum"
    columns.overall = "Urteil"
    carry = ["Type of Car", "Preis"]
    scale = {overall = [1, 5]}
    recode = {overall = {"sehr gut" = 5, "gut" = 4}}
    missing_codes = {overall = [9]}
    """
    text = (
        "wave;nr;Kunde;Datum;Urteil;Type of Car;Preis;Secret\n"
        "1;1;007;03.04.2024 9:05;sehr gut;van;7,5;x\n1;2;008;04.04.2024;gut;car;10;x\n"
        "2;1;007;05.04.2024;9;NA;;x\n"
    )
    tables = cxlab.load(folder(tmp_path, config, surveys=text))
    surveys = tables.surveys
    assert surveys.columns.tolist() == [
        "response_id", "customer_id", "answered_at", "overall", "type_of_car", "preis",
    ]  # fmt: skip
    assert surveys["response_id"].tolist() == ["1|1", "1|2", "2|1"]
    assert surveys["answered_at"].astype(str).tolist() == [
        "2024-04-03 09:05:00",
        "2024-04-04 00:00:00",
        "2024-04-05 00:00:00",
    ]
    assert surveys["overall"].tolist()[:2] == [5.0, 4.0]
    assert surveys["overall"].isna().tolist() == [False, False, True]
    assert surveys["type_of_car"].tolist() == ["van", "car", "NA"]
    assert surveys["preis"].tolist()[:2] == [7.5, 10.0]
    said = {f.rule: f for f in tables.quality.findings}
    assert said["not carried"].message == "1 column: Secret."
    assert (said["missing code"].rows, said["missing code"].column) == (1, "overall")


def test_a_word_that_was_not_declared_is_an_error(tmp_path: Path) -> None:
    config = ABSENT + 'recode = {overall = {"good" = 5}}\n'
    report = cxlab.check(folder(tmp_path, config, surveys="response_id,overall\nR1,good\nR2,fine\n"))
    assert [(f.rule, f.examples) for f in report.findings if f.level == "error"] == [
        ("not a number", ("line 3 (R2) = fine",))
    ]


def test_a_compound_key_with_an_empty_part_is_an_empty_key(tmp_path: Path) -> None:
    config = ABSENT + 'columns = {response_id = ["a", "b"]}\n'
    report = cxlab.check(folder(tmp_path, config, surveys="a,b,overall\n1,2,5\n1,,5\n"))
    assert [(f.rule, f.rows) for f in report.findings if f.level == "error"] == [("empty key", 1)]


def test_an_absent_key_is_numbered_and_said(tmp_path: Path) -> None:
    config = '[surveys]\nabsent = ["customer_id", "answered_at", "response_id"]\n'
    tables = cxlab.load(folder(tmp_path, config, surveys="overall\n5\n6\n"))
    assert tables.surveys["response_id"].tolist() == ["row-1", "row-2"]
    assert "no key" in {f.rule for f in tables.quality.findings}


def test_rows_that_are_not_kept_are_counted_with_their_reason(tmp_path: Path) -> None:
    config = ABSENT + 'keep = {status = ["complete"], mail = "filled"}\n'
    text = "response_id,overall,status,mail\nR1,5,complete,a\nR2,6,test,a\nR3,7,complete,\nR4,8,test,\n"
    tables = cxlab.load(folder(tmp_path, config, surveys=text))
    assert tables.surveys["response_id"].tolist() == ["R1"]
    assert tables.quality.tables[0].set_aside == {"status is not complete": 2, "mail is not filled": 1}
    assert (
        "4 rows read = 1 kept + 3 set aside (2 status is not complete; 1 mail is not filled)."
        in tables.quality.lines()
    )


ORDERS = (
    "order_id,customer_id,promised,delivered\n"
    "O1,C1,2024-03-30,2024-03-30 23:30\nO2,C2,2024-03-30,2024-03-31 00:30\nO3,C1,2024-03-30,2024-03-25\n"
)
ORDER_CONFIG = """
time_zone = "{zone}"
[events]
file = "orders.csv"
columns = {{event_id = "order_id", occurred_at = "delivered", promised_at = "promised"}}
outcome = {{column = "days_late", negative_above = 0, positive_below = -3}}
constant = {{touchpoint = "delivery"}}
[events.derived]
days_late = {{days_between = ["promised_at", "occurred_at"]}}
hours_late = {{hours_between = ["promised_at", "occurred_at"]}}
late = {{above = ["days_late", 0]}}
[surveys]
absent = ["answered_at"]
columns = {{customer_id = "buyer"}}
[[surveys.lookup]]
file = "orders.csv"
on = "order"
key = "order_id"
columns = {{buyer = "customer_id"}}
"""


@pytest.mark.parametrize("zone", ["America/Sao_Paulo", "Asia/Tokyo", "Europe/Berlin"])
def test_calendar_days_are_counted_where_the_customer_lives(zone: str, tmp_path: Path) -> None:
    """23:30 on the promised day is punctual, half an hour after midnight is a day late, in every zone."""
    surveys = "response_id,overall,order\nR1,5,O1\nR2,1,O2\nR3,9,O9\n"
    tables = cxlab.load(folder(tmp_path, ORDER_CONFIG.format(zone=zone), orders=ORDERS, surveys=surveys))
    events = tables.frame("events")
    assert events["days_late"].tolist() == [0.0, 1.0, -5.0]
    assert events["hours_late"].tolist() == [23.5, 24.5, -120.0]
    assert events["late"].tolist() == [0, 1, 0]
    assert events["outcome"].tolist() == [0, -1, 1]
    assert str(events["outcome"].dtype) == "int8"
    assert events["touchpoint"].tolist() == ["delivery"] * 3
    local = events["occurred_at"].dt.tz_localize("UTC").dt.tz_convert(zone).dt.tz_localize(None)
    assert local.astype(str).tolist() == [
        "2024-03-30 23:30:00",
        "2024-03-31 00:30:00",
        "2024-03-25 00:00:00",
    ]


def test_a_look_up_brings_columns_and_says_what_it_did_not_find(tmp_path: Path) -> None:
    surveys = "response_id,overall,order\nR1,5,O1\nR2,1,O2\nR3,9,O9\nR4,9,\n"
    tables = cxlab.load(folder(tmp_path, ORDER_CONFIG.format(zone="UTC"), orders=ORDERS, surveys=surveys))
    assert tables.surveys["customer_id"].tolist()[:2] == ["C1", "C2"]
    assert tables.surveys["customer_id"].isna().tolist() == [False, False, True, True]
    assert [(f.rows, f.column) for f in tables.quality.findings if f.rule == "look-up"] == [(2, "order")]


def test_an_outcome_needs_its_metric_in_every_row(tmp_path: Path) -> None:
    config = '[events]\noutcome = {column = "wait_minutes", negative_above = 30}\n'
    text = "event_id,customer_id,occurred_at,wait_minutes\nE1,C1,2024-01-01,40\nE2,C1,2024-01-02,\n"
    assert ("outcome", "error", 1) in {
        (f.rule, f.level, f.rows) for f in cxlab.check(folder(tmp_path, config, events=text)).findings
    }


def test_the_end_of_the_data_is_kept_for_linking(tmp_path: Path) -> None:
    tables = cxlab.load(folder(tmp_path, "data_end = 2024-12-31\n", surveys=SURVEYS))
    assert tables.data_end == pd.Timestamp("2024-12-31")
    assert tables.data_end == tables.only().data_end


def test_a_note_on_the_data_is_in_the_report(tmp_path: Path) -> None:
    report = cxlab.check(folder(tmp_path, 'notes = ["Only buyers were asked."]\n', surveys=SURVEYS))
    assert report.lines()[0] == "cxlab.toml: 1 note"
    assert "Only buyers were asked." in report.lines()[1]


def test_the_same_file_may_feed_two_tables(tmp_path: Path) -> None:
    config = '[customers]\nfile = "surveys.csv"\n[surveys]\nfile = "surveys.csv"\n'
    text = SURVEYS.replace("R3,001", "R3,003")
    tables = cxlab.load(folder(tmp_path, config, surveys=text))
    assert tables.customers["customer_id"].tolist() == ["001", "002", "003"]
    assert "surveys.csv as customers: loaded" in "\n".join(tables.quality.lines())


def test_the_demo_network_loads_without_an_error(tmp_path: Path) -> None:
    demo = cxlab.simulate(customers=200, seed=5)
    demo.write(tmp_path)
    tables = cxlab.load(tmp_path)
    assert tables.quality.ok
    for name, frame in demo.frames.items():
        assert tables.frames[name].columns.symmetric_difference(frame.columns).empty
        assert len(tables.frames[name]) == len(frame)
    assert set(tables.quality.answers()["possible"]) == {"yes"}
