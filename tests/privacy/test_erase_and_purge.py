"""Erasure and expiry: a customer leaves every file, nothing else changes, no link is written through."""

from __future__ import annotations

import datetime
import gzip
import json
import stat
from pathlib import Path

import pandas as pd
import pytest

import cxlab
from cxlab.cli import main
from cxlab.core.person_files import write_person_file
from cxlab.core.pseudonyms import KEY_VARIABLE, Pseudonyms
from cxlab.ingest.erasing import without
from cxlab.ingest.manifest import changed_files, write_manifest

KEY = bytes(range(1, 33))
NAMES = Pseudonyms(key=KEY)
GONE = "KD-4711"
TOML = (
    'title = "shop"\n[customers]\nfile = "kunden.csv"\ncolumns = {customer_id = "Kunde"}\n'
    '[surveys]\ncolumns = {customer_id = "Kunde"}\n'
)


@pytest.fixture(autouse=True)
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "secret"
    path.write_bytes(KEY)
    path.chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, str(path))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "cxlab.toml").write_text(TOML)
    (folder / "kunden.csv").write_bytes(b"Kunde;segment\r\nKD-4711;a\r\nKD-4712;\xfcber\r\n")
    (folder / "surveys.csv").write_text(
        'response_id,Kunde,answered_at,overall,comment\nA1,KD-4711,2024-03-01,7,"two\nlines"\n'
        "A2, KD-4711 ,2024-03-02,9,x\nA3,KD-4712,2024-03-03,8,fine\n"
    )
    events = pd.DataFrame({"event_id": ["1", "2"], "customer_id": [GONE, "KD-4712"]})
    events.assign(occurred_at=pd.Timestamp("2024-01-01")).to_parquet(folder / "events.parquet")
    packed = b"complaint_id,customer_id,opened_at\nC1,KD-4711,2024-01-01\nC2,KD-4712,2024-01-02\n"
    (folder / "complaints.csv.gz").write_bytes(gzip.compress(packed))
    return folder


@pytest.fixture
def lists(tmp_path: Path) -> Path:
    table = pd.DataFrame({"customer_pseudonym": NAMES.all_of([GONE, "KD-4712"]), "value": [1, 2]})
    for kind in ("csv", "parquet"):
        place = tmp_path / "lists" / f"calls.{kind}"
        write_person_file(place, table, purpose="retention calls", about={}, expires_days=30)
    return tmp_path / "lists"


def held(folder: Path) -> str:
    """Everything that can be read in a folder, tables of Parquet and packed files among it."""
    texts = []
    for path in sorted(folder.rglob("*")):
        if path.suffix == ".parquet":
            texts.append(pd.read_parquet(path).to_csv())
        elif path.is_file():
            raw = path.read_bytes()
            texts.append((gzip.decompress(raw) if path.suffix == ".gz" else raw).decode("latin-1"))
    return "\n".join(texts)


@pytest.mark.parametrize("given", [GONE, NAMES.of(GONE)], ids=["number", "pseudonym"])
def test_the_customer_leaves_every_file_and_the_others_stay_byte_for_byte(
    given: str, data: Path, lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["erase", given, "--data", str(data), "--lists", str(lists)]) == 0
    printed = capsys.readouterr().out
    assert "7 rows of the customer erased, in 6 files." in printed
    assert "surveys.csv: 2 rows gone" in printed
    for folder in (data, lists):
        assert GONE not in held(folder)
        assert NAMES.of(GONE) not in held(folder)
    assert (data / "kunden.csv").read_bytes() == b"Kunde;segment\r\nKD-4712;\xfcber\r\n"
    assert (data / "surveys.csv").read_text().endswith("comment\nA3,KD-4712,2024-03-03,8,fine\n")
    assert pd.read_parquet(data / "events.parquet")["event_id"].tolist() == ["2"]
    for kind in ("csv", "parquet"):
        assert stat.S_IMODE((lists / f"calls.{kind}").stat().st_mode) == 0o600
        assert json.loads((lists / f"calls.{kind}.about.json").read_text())["rows"] == 1
    assert GONE not in printed
    assert cxlab.load(data, config=data / "cxlab.toml").surveys["overall"].tolist() == [8.0]


def test_the_log_says_what_was_done_and_not_to_whom(data: Path, lists: Path) -> None:
    assert main(["erase", GONE, "--data", str(data), "--lists", str(lists)]) == 0
    log = data / "access-log.jsonl"
    entry = json.loads(log.read_text())
    assert (entry["command"], entry["rows"]["surveys.csv"], entry["by_hand"]) == ("erase", 2, [])
    assert GONE not in log.read_text()
    assert NAMES.of(GONE) not in log.read_text()
    assert stat.S_IMODE(log.stat().st_mode) == 0o600


def test_a_dry_run_counts_and_writes_nothing(
    data: Path, lists: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = {path: path.read_bytes() for folder in (data, lists) for path in folder.rglob("*")}
    assert main(["erase", GONE, "--data", str(data), "--lists", str(lists), "--dry-run"]) == 0
    assert "7 rows of the customer would be erased; nothing was written" in capsys.readouterr().out
    assert before == {path: path.read_bytes() for folder in (data, lists) for path in folder.rglob("*")}


def test_links_workbooks_and_other_columns_are_left_and_named_with_exit_code_2(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    outside = tmp_path / "outside.csv"
    outside.write_text("customer_id,x\nKD-4711,1\n")
    (data / "contracts.csv").symlink_to(outside)
    pd.DataFrame({"Kunde": [GONE]}).to_excel(data / "more.xlsx", index=False)
    (data / "notes.csv").write_text("when,what\n2024,KD-4711 called\n")
    assert main(["erase", GONE, "--data", str(data)]) == 2
    printed = capsys.readouterr().out
    assert outside.read_text() == "customer_id,x\nKD-4711,1\n"
    assert (data / "contracts.csv").is_symlink()
    for words in (
        "contracts.csv: 0 rows gone; is a link",
        "more.xlsx: 0 rows",
        "notes.csv: 0 rows gone; holds it",
    ):
        assert words in printed
    assert "Not done: contracts.csv, more.xlsx, notes.csv." in printed


def test_an_unknown_customer_a_missing_folder_and_a_pseudonym_without_a_key(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["erase", "KD-9999", "--data", str(data)]) == 0
    assert "0 rows of the customer erased" in capsys.readouterr().out
    assert main(["erase", GONE, "--data", str(data / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err
    monkeypatch.delenv(KEY_VARIABLE)
    assert main(["erase", NAMES.of(GONE), "--data", str(data)]) == 2
    assert KEY_VARIABLE in capsys.readouterr().err
    assert main(["erase", GONE, "--data", str(data)]) == 0
    assert "searched for the number only" in capsys.readouterr().out


def test_a_list_of_check_sums_is_renewed_for_what_was_rewritten_and_for_nothing_else(data: Path) -> None:
    write_manifest(data)
    damaged = data / "surveys.csv"
    damaged.write_text(damaged.read_text().replace(",8,fine", ",9,fine"))
    before = (data / "SHA256SUMS").read_text()
    assert main(["erase", GONE, "--data", str(data), "--dry-run"]) == 0
    assert (data / "SHA256SUMS").read_text() == before
    assert main(["erase", GONE, "--data", str(data)]) == 0
    assert [finding.file for finding in changed_files(data)] == ["surveys.csv"]
    assert (data / "SHA256SUMS").read_text() != before


def test_a_short_number_takes_only_rows_whose_customer_it_is() -> None:
    text = "customer_id,overall\n7,1\n1,7\n77,7\n"
    assert without(text, {"customer_id"}, lambda cell: cell == "7") == (
        "customer_id,overall\n1,7\n77,7\n",
        1,
    )
    odd = "customer_id,comment\nA,one\x85two\nB,x\n"
    assert without(odd, {"customer_id"}, lambda cell: cell == "A") == ("customer_id,comment\nB,x\n", 1)


def test_purge_deletes_what_is_past_its_date_and_nothing_else(
    lists: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    today = datetime.datetime.now(datetime.UTC).date()
    for days, name in ((-1, "old"), (0, "today"), (5, "new")):
        until = today + datetime.timedelta(days=days)
        (lists / f"{name}-expires-{until}.csv").write_text("a\n1\n")
    note = lists / "calls.csv.about.json"
    record = json.loads(note.read_text())
    note.write_text(json.dumps({**record, "delete_on": str(today - datetime.timedelta(days=3))}))
    (lists / "report-2020-01-01.csv").write_text("a\n")
    assert main(["purge", str(lists), "--dry-run"]) == 0
    assert "2 files past the date; nothing was deleted." in capsys.readouterr().out
    assert (lists / "calls.csv").exists()
    assert main(["purge", str(lists)]) == 0
    assert "2 files past the date." in capsys.readouterr().out
    left = sorted(path.name.split("-expires")[0] for path in lists.iterdir())
    assert left == [
        "access-log.jsonl",
        "calls.parquet",
        "calls.parquet.about.json",
        "new",
        "report-2020-01-01.csv",
        "today",
    ]


def test_purge_follows_no_link(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    kept = tmp_path / "kept.csv"
    kept.write_text("a\n")
    folder = tmp_path / "lists"
    folder.mkdir()
    (folder / "x-expires-2020-01-01.csv").symlink_to(kept)
    assert main(["purge", str(folder)]) == 2
    assert "Not touched" in capsys.readouterr().out
    assert kept.exists()
    assert main(["purge", str(tmp_path / "nowhere")]) == 2
