"""One broken file per rule: each gives a named finding, never a traceback, and never a silent change."""

from __future__ import annotations

import re
from pathlib import Path

import pandas as pd
import pytest
from hostile_catalogue import FAULTS, Fault, Files, cells, clean_folder, csv_text, survey_rows, text
from hostile_catalogue_more import CONTROLS, MORE, Control

import cxlab
from cxlab.ingest.quality import QualityReport


def written(folder: Path, files: Files) -> Path:
    folder.mkdir(exist_ok=True)
    # The catalogue is about reading: ids stay as written, so that each can be compared.
    files["cxlab.toml"] = files.get("cxlab.toml", b"") + b'\n[privacy]\npseudonyms = "off"\n'
    for name, data in files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        if data.startswith(b"symlink:"):
            (folder / name).symlink_to(data.removeprefix(b"symlink:").decode())
        else:
            (folder / name).write_bytes(data)
    return folder


def checked(folder: Path, files: Files) -> QualityReport:
    return cxlab.check(written(folder, files))


def test_a_clean_folder_loads_with_nothing_to_report(tmp_path: Path) -> None:
    report = checked(tmp_path, clean_folder())
    assert report.ok
    assert [finding for finding in report.findings if finding.level != "note"] == []
    assert {finding.rule for finding in report.findings} == {"times"}


@pytest.fixture(scope="module")
def clean(tmp_path_factory: pytest.TempPathFactory) -> dict[str, pd.DataFrame]:
    """The tables of the folder without a fault, by key."""
    frames = cxlab.load(written(tmp_path_factory.mktemp("clean"), clean_folder())).frames
    return {name: frame.set_index(frame.columns[0]) for name, frame in frames.items()}


@pytest.mark.parametrize("broken", [*FAULTS, *MORE], ids=lambda broken: broken.name)
def test_each_fault_is_named_and_changes_nothing_else(
    broken: Fault, tmp_path: Path, clean: dict[str, pd.DataFrame]
) -> None:
    files = clean_folder()
    broken.breaks(files)
    report = checked(tmp_path, files)
    found = [
        finding
        for finding in report.findings
        if (finding.level, finding.rule, finding.file) == (broken.level, broken.rule, broken.file)
        and broken.column in ("", finding.column)
        and broken.rows in (None, finding.rows)
    ]
    assert found, "\n".join(report.lines())
    about = "\n".join(line for finding in found for line in finding.lines())
    assert all(word in about for word in broken.says), about
    assert report.ok == (broken.level != "error"), "\n".join(report.lines())
    rows = report.rows()
    assert (rows["rows_read"] == rows["rows_kept"] + rows["rows_set_aside"]).all()
    if report.ok:
        loaded = cxlab.load(tmp_path)
        for name, frame in clean.items():
            changed = cells_changed(frame, loaded.frame(name))
            allowed = broken.changes if name == re.split(r"[./]", broken.file)[0] else 0
            assert allowed in (None, changed), name


@pytest.mark.parametrize("odd", CONTROLS, ids=lambda odd: odd.name)
def test_what_looks_odd_and_is_right_is_left_alone(odd: Control, tmp_path: Path) -> None:
    files = clean_folder()
    odd.makes(files)
    loaded = cxlab.load(written(tmp_path, files))
    assert [finding for finding in loaded.quality.findings if finding.level == "repair"] == []
    assert len(loaded.surveys) == 48
    if odd.column:
        assert tuple(loaded.surveys[odd.column].head(len(odd.values))) == odd.values


def test_every_rule_of_the_catalogue_has_a_file() -> None:
    tried = {number for case in (*FAULTS, *MORE, *CONTROLS) for number in case.numbers}
    assert sorted(set(range(1, 107)) - tried) == []


def cells_changed(clean: pd.DataFrame, loaded: pd.DataFrame) -> int:
    """Cells of the clean table that a loaded one shows differently or not at all."""
    key = clean.index.name
    assert isinstance(key, str)
    other = loaded.set_index(key).reindex(index=clean.index, columns=clean.columns)
    same = (clean == other) | (clean.isna() & other.isna())
    return int((~same).to_numpy().sum())


def test_an_error_raises_with_all_findings_and_exit_code_2(tmp_path: Path) -> None:
    files = clean_folder()
    cells("overall", {3: 99})(files)
    report = checked(tmp_path, files)
    with pytest.raises(cxlab.TableError) as error:
        cxlab.load(tmp_path)
    assert error.value.exit_code == report.exit_code == 2
    assert error.value.findings == report.findings
    assert str(error.value) == "\n".join(report.lines())


def test_the_message_has_the_promised_form(tmp_path: Path) -> None:
    files = clean_folder()
    rows = survey_rows()
    rows[23]["overall"], rows[29]["overall"], rows[42]["overall"] = 99, 99, 99
    rows.append(dict(rows[4]))
    for row in rows:
        row["score"] = row.pop("location_id")
    files["surveys.csv"] = csv_text(rows).encode()
    lines = checked(tmp_path, files).lines()
    start = lines.index("surveys.csv: not loaded, 1 error, 1 repair, 2 notes")
    assert lines[start + 1].split() == (
        [
            "ERROR",
            "overall",
            "range",
            "1-10",
            "3",
            "rows:",
            "line",
            "25",
            "(R0023)",
            "=",
            "99,",
            "line",
            "31",
            "(R0029)",
            "=",
            "99,",
            "line",
            "44",
            "(R0042)",
            "=",
            "99",
        ]
    )
    assert lines[start + 2].strip() == (
        "99 looks like a missing-value code. If so, declare  missing_codes = {overall = [99]}"
    )
    assert "49 rows read = 48 kept + 1 set aside (1 exact duplicates of another row)." in lines


def test_all_errors_of_all_files_come_together(tmp_path: Path) -> None:
    files = clean_folder()
    cells("overall", {3: 99})(files)
    text("complaints.csv", "2024-02-12", "2024-13-12")(files)
    files["events.csv"] = b""
    report = checked(tmp_path, files)
    errors = {(finding.file, finding.rule) for finding in report.findings if finding.level == "error"}
    assert errors == {
        ("surveys.csv", "range 1-10"),
        ("complaints.csv", "not a date"),
        ("events.csv", "empty file"),
    }


def test_a_cell_that_cannot_be_read_is_not_reported_again_as_empty(tmp_path: Path) -> None:
    files = clean_folder()
    cells("answered_at", {3: "03.04.2024", 7: ""})(files)
    errors = [(f.rule, f.rows) for f in checked(tmp_path, files).findings if f.level == "error"]
    assert errors == [("not a date", 1), ("empty", 1)]


def test_a_value_that_looks_like_an_address_is_not_repeated(tmp_path: Path) -> None:
    files = clean_folder()
    cells("overall", {3: "anna@example.org"})(files)
    printed = "\n".join(checked(tmp_path, files).lines())
    assert "anna" not in printed
    assert "line 5 (R0003) = (personal text)" in printed


def test_a_file_without_a_header_repeats_no_address_and_no_whole_file_as_a_name(tmp_path: Path) -> None:
    files = clean_folder()
    files["surveys.csv"] = (
        b"anna@example.org,4711,2024-01-01,0049 170 1234567\nbert@example.org,1,2024-01-02,x\n"
    )
    printed = "\n".join(checked(tmp_path / "a", files).lines())
    assert "Columns found: (personal text), 4711, 2024-01-01, (personal text)." in printed
    assert "example" not in printed
    files = clean_folder()
    files["cxlab.toml"] = b'[surveys]\nencoding = "utf-16"\n'  # read so, the whole file is one name
    assert max(map(len, checked(tmp_path / "b", files).lines())) < 400


def test_no_customer_number_stands_in_the_report(tmp_path: Path) -> None:
    files = clean_folder()
    text("customers.csv", "C007,2020-01-01", "C007,1900-01-01")(files)
    printed = "\n".join(checked(tmp_path, files).lines())
    assert "line 9 = 1900-01-01" in printed
    assert "C007" not in printed


def test_a_folder_that_is_not_there_is_a_finding(tmp_path: Path) -> None:
    report = cxlab.check(tmp_path / "nowhere")
    assert [finding.rule for finding in report.findings] == ["folder"]
    (tmp_path / "answers 2024.csv").write_text("a,b\n1,2\n")
    assert "answers 2024.csv" in "\n".join(cxlab.check(tmp_path).lines())


def test_the_line_is_right_after_line_breaks_inside_quotes(tmp_path: Path) -> None:
    files = clean_folder()
    rows: list[dict[str, object]] = [{**row, "comment": '"one\ntwo\n\nthree"'} for row in survey_rows()]
    rows[3]["overall"] = 99
    files["surveys.csv"] = csv_text(rows).encode()
    assert "line 14 (R0003) = 99" in "\n".join(checked(tmp_path, files).lines())


def test_the_folder_of_the_truth_is_never_read(tmp_path: Path) -> None:
    written(tmp_path, clean_folder())
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "contracts.csv").write_text("broken\n")
    assert not cxlab.load(tmp_path).has("contracts")
    (tmp_path / "cxlab.toml").write_text('[contracts]\nfile = "truth/contracts.csv"\n')
    assert "truth/ is never read" in "\n".join(cxlab.check(tmp_path).lines())


def test_a_file_outside_the_folder_is_refused(tmp_path: Path) -> None:
    written(tmp_path / "data", clean_folder())
    pd.DataFrame({"a": [1]}).to_csv(tmp_path / "secret.csv")
    (tmp_path / "data" / "cxlab.toml").write_text('[surveys]\nfile = "../secret.csv"\n')
    assert "inside the data folder" in "\n".join(cxlab.check(tmp_path / "data").lines())
