"""Pseudonyms and files about persons: keyed, owner only, outside the reports, no formula."""

import base64
import hmac
import json
import stat

import pandas as pd
import pytest

from cxlab.core.errors import ParameterError
from cxlab.core.person_files import guard_formulas, write_person_file
from cxlab.core.pseudonyms import KEY_VARIABLE, Pseudonyms

KEY = bytes(range(32))
PURPOSE = "retention calls in March"


def key_file(folder, *, mode=0o600, content=KEY):
    path = folder / "key"
    path.write_bytes(content)
    path.chmod(mode)
    return path


@pytest.mark.parametrize("length", [32, 64, 65, 200])
def test_a_pseudonym_is_the_published_construction(length):
    """HMAC (RFC 2104) by the standard library, and its base32 (RFC 4648), beside our two halves."""
    key = bytes(number % 251 for number in range(length))
    ids = ["C1", "Müller 7", "x" * 200, *(f"C{number}" for number in range(8_200 if length == 32 else 50))]
    digests = [hmac.digest(key, b"customers\x00" + one.encode(), "sha256")[:16] for one in ids]
    names = Pseudonyms(key=key)
    assert names.all_of(ids) == [base64.b32encode(digest).decode().rstrip("=") for digest in digests]
    assert names.of(" C1\t") == names.all_of(["C1"])[0]
    assert names.all_of([]) == []


def test_scope_and_key_separate_and_many_are_unique():
    names = Pseudonyms(key=KEY)
    assert names.of("C1") != Pseudonyms(key=KEY, scope="respondents").of("C1")
    assert names.of("C1") != Pseudonyms(key=bytes(32)).of("C1")
    assert len(set(names.all_of(f"C{i}" for i in range(20_000)))) == 20_000
    # The border between scope and identifier counts.
    assert Pseudonyms(key=KEY, scope="a").of("bc") != Pseudonyms(key=KEY, scope="ab").of("c")


def test_the_key_is_read_from_the_named_file_and_never_shown(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, str(key_file(tmp_path)))
    names = Pseudonyms.from_environment()
    assert names == Pseudonyms(key=KEY)
    shown = f"{names!r} {names} {names.key_id}"
    assert KEY.hex() not in shown
    assert str(KEY) not in shown
    assert names.key_id in repr(names)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_a_key_that_others_may_read_is_refused(mode, tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, str(key_file(tmp_path, mode=mode)))
    with pytest.raises(ParameterError, match="may be read by others"):
        Pseudonyms.from_environment()


def test_a_missing_short_or_linked_key_is_refused_with_the_way_to_make_one(tmp_path, monkeypatch):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(ParameterError, match=r"is not set.*chmod 600"):
        Pseudonyms.from_environment()
    monkeypatch.setenv(KEY_VARIABLE, str(key_file(tmp_path, content=b"secret")))
    with pytest.raises(ParameterError, match="has 6 bytes") as caught:
        Pseudonyms.from_environment()
    assert "secret" not in str(caught.value)
    link = tmp_path / "link"
    link.symlink_to(tmp_path / "key")
    monkeypatch.setenv(KEY_VARIABLE, str(link))
    with pytest.raises(ParameterError, match="cannot be read"):
        Pseudonyms.from_environment()


def test_formulas_are_guarded_in_cells_and_names_and_numbers_stay():
    signs = ["=1+1", "+49 170", "-cmd", "@SUM(A1)", "\tx", "\rx", "\x00x"]
    table = pd.DataFrame({"=name": signs, "number": [-1.5] * 7, "text": ["-1.5", "+3e4"] + ["a-b"] * 5})
    guarded = guard_formulas(table)
    assert guarded["'=name"].tolist() == [f"'{sign}" for sign in signs]
    assert guarded["number"].tolist() == [-1.5] * 7
    assert guarded["text"].tolist() == table["text"].tolist()
    assert table.columns[0] == "=name"


@pytest.mark.parametrize("kind", ["csv", "parquet"])
def test_a_list_is_written_whole_for_its_owner_only_with_its_purpose(kind, tmp_path):
    table = pd.DataFrame({"who": ["A", "B"], "reason": ["=evil()", "fine"]})
    place = write_person_file(
        tmp_path / f"calls.{kind}", table, purpose=PURPOSE, about={"model_id": "m"}, expires_days=30
    )
    note = tmp_path / f"calls.{kind}.about.json"
    back = pd.read_csv(place) if kind == "csv" else pd.read_parquet(place)
    assert back["reason"].tolist() == ["'=evil()", "fine"]
    for path in (place, note):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    record = json.loads(note.read_text())
    assert (record["purpose"], record["rows"], record["model_id"]) == (PURPOSE, 2, "m")
    days = pd.Timestamp(record["delete_on"]) - pd.Timestamp(record["written_on"])
    assert days == pd.Timedelta(days=30)
    assert sorted(path.name for path in tmp_path.iterdir()) == [place.name, note.name]


@pytest.mark.parametrize("folder", ["reports", "reports/runs/demo", "Reports/x", "notebooks", "docs/a"])
def test_a_place_inside_the_report_tree_is_refused(folder, tmp_path):
    with pytest.raises(ParameterError, match="must not lie in the folder"):
        write_person_file(
            tmp_path / folder / "calls.csv", pd.DataFrame(), purpose=PURPOSE, about={}, expires_days=1
        )
    assert not (tmp_path / folder).exists()


def test_neither_a_link_into_the_reports_nor_a_folder_of_a_batch_is_a_way_around(tmp_path):
    reports = tmp_path / "reports"
    reports.mkdir()
    (tmp_path / "elsewhere").symlink_to(reports)
    batch = tmp_path / "pages"
    batch.mkdir()
    (batch / ".cxlab-lock").touch()
    for folder in (tmp_path / "elsewhere", batch, batch / "deeper"):
        with pytest.raises(ParameterError, match="must not lie in the folder"):
            write_person_file(
                folder / "calls.csv", pd.DataFrame(), purpose=PURPOSE, about={}, expires_days=1
            )
    # A link at the name itself is replaced, and what it pointed to stays as it was.
    target = reports / "page.csv"
    target.write_text("a page")
    (tmp_path / "calls.csv").symlink_to(target)
    write_person_file(
        tmp_path / "calls.csv", pd.DataFrame({"a": [1]}), purpose=PURPOSE, about={}, expires_days=1
    )
    assert target.read_text() == "a page"
    assert not (tmp_path / "calls.csv").is_symlink()


@pytest.mark.parametrize("purpose", ["", "   ", "calls"])
def test_a_list_needs_a_purpose_in_words(purpose, tmp_path):
    with pytest.raises(ParameterError, match="purpose"):
        write_person_file(tmp_path / "calls.csv", pd.DataFrame(), purpose=purpose, about={}, expires_days=1)
    with pytest.raises(ParameterError, match="ending"):
        write_person_file(
            tmp_path / "calls.xlsx", pd.DataFrame(), purpose=PURPOSE, about={}, expires_days=1
        )
