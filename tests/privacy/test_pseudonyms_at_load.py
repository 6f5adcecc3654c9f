"""Ids are pseudonyms as soon as data are loaded: no table, report or message holds a real one."""

from __future__ import annotations

import json
import stat
from pathlib import Path

import pandas as pd
import pytest

import cxlab
from cxlab.cli import main
from cxlab.core.pseudonyms import KEY_VARIABLE, Pseudonyms, key_id_in_force

KEY = bytes(range(1, 33))
NAMES = Pseudonyms(key=KEY)
REAL = ("KD-4711", "KD-4712", "ANT-0815", "ANT-0816", "BES-99", "VTG-7")


@pytest.fixture
def key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "secret"
    path.write_bytes(KEY)
    path.chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, str(path))
    return path


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "customers.csv").write_text("customer_id,segment,location_id\nKD-4711,a,D1\nKD-4712,b,D1\n")
    (folder / "events.csv").write_text(
        "event_id,customer_id,occurred_at,touchpoint,location_id\nBES-99,KD-4711,2024-02-01,desk,D1\n"
    )
    (folder / "surveys.csv").write_text(
        "response_id,customer_id,answered_at,event_id,overall\n"
        "ANT-0815,KD-4711,2024-03-01,BES-99,7\nANT-0816,KD-4712,2024-03-02,,9\n"
    )
    (folder / "contracts.csv").write_text(
        "contract_id,customer_id,started_at,value_per_year\nVTG-7,KD-4711,2024-01-01,100\n"
    )
    return folder


def test_every_id_but_the_dealer_s_is_a_pseudonym_and_keys_still_meet(key: Path, data: Path) -> None:
    tables = cxlab.load(data)
    assert tables.key_id == NAMES.key_id
    assert tables.customers["customer_id"].tolist() == NAMES.all_of(["KD-4711", "KD-4712"])
    assert tables.surveys["customer_id"].tolist() == tables.customers["customer_id"].tolist()
    assert tables.surveys["event_id"].iloc[0] == tables.frame("events")["event_id"].iloc[0]
    assert tables.surveys["event_id"].isna().tolist() == [False, True]
    assert tables.customers["location_id"].tolist() == ["D1", "D1"]
    assert {str(tables.surveys[name].dtype) for name in ("customer_id", "event_id")} == {"str"}
    seen = tables.engine.frame("SELECT customer_id FROM contracts")["customer_id"]
    assert seen.tolist() == NAMES.all_of(["KD-4711"])


def test_equal_numbers_of_two_tables_get_unrelated_pseudonyms(key: Path, data: Path) -> None:
    (data / "surveys.csv").write_text(
        "response_id,customer_id,answered_at,overall\nKD-4711,KD-4711,2024-03-01,7\n"
    )
    (data / "events.csv").unlink()
    surveys = cxlab.load(data).surveys
    assert surveys["response_id"].iloc[0] != surveys["customer_id"].iloc[0]


def test_nothing_that_a_notebook_can_show_holds_a_real_id(
    key: Path, data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    surveys = (data / "surveys.csv").read_text()
    (data / "surveys.csv").write_text(surveys + "ANT-0815,KD-4711,2024-03-01,BES-99,7\n")
    (data / "cxlab.toml").write_text("repair_limit_share = 0.5\n")
    tables = cxlab.load(data)
    exposure = cxlab.exposure(tables, days=90)
    shown = [
        repr(tables),
        tables.quality._repr_html_(),
        tables.quality.to_json(),
        exposure.table().to_csv(),
    ]
    shown += [frame.to_csv() for frame in tables.frames.values()]
    assert main(["check", str(data)]) == 0
    shown.append(capsys.readouterr().out)
    shown += [frame.to_csv() for frame in tables.quality.frames.values()]
    found = [real for real in REAL for text in shown if real in text]
    assert found == []
    assert any(f"key id {NAMES.key_id}" in text for text in shown)
    assert tables.quality.provenance.settings["pseudonym_key_id"] == NAMES.key_id


def test_messages_about_broken_rows_name_the_line_and_no_id(key: Path, data: Path) -> None:
    (data / "surveys.csv").write_text(
        "response_id,customer_id,answered_at,overall\n"
        "ANT-0815,KD-4711,2024-03-01,99\nANT-0816,1.2E+14,2024-13-02,9\nANT-0816,KD-4712,2024-03-02,8\n"
    )
    printed = "\n".join(cxlab.check(data).lines())
    assert "line 2 = 99" in printed
    assert "line 3 = 2024-13-02" in printed
    assert [real for real in (*REAL, "1.2E+14") if real in printed.replace("such as 1.2E+14", "")] == []


def test_without_a_key_nothing_is_loaded_and_the_message_says_both_ways_out(
    data: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    with pytest.raises(cxlab.ParameterError) as caught:
        cxlab.load(data)
    for words in ("cxlab key", KEY_VARIABLE, "[privacy]", 'pseudonyms = "off"'):
        assert words in str(caught.value)
    assert caught.value.exit_code == 2
    # Looking at the data needs no key, because the report shows no id.
    assert main(["check", str(data)]) == 0
    printed = capsys.readouterr().out + cxlab.check(data).frames["surveys"].to_csv()
    assert "loading asks for one" in printed
    assert [real for real in REAL if real in printed] == []


def test_data_without_persons_may_say_so(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    (data / "cxlab.toml").write_text('[privacy]\npseudonyms = "off"\n')
    tables = cxlab.load(data)
    assert (tables.key_id, tables.customers["customer_id"].iloc[0]) == ("", "KD-4711")
    (data / "cxlab.toml").write_text('[privacy]\npseudonyms = "none"\n')
    with pytest.raises(cxlab.TableError, match="one of keyed, off"):
        cxlab.load(data)


def test_another_key_breaks_the_link_and_the_same_key_keeps_it(
    key: Path, data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, again = cxlab.load(data), cxlab.load(data)
    pd.testing.assert_frame_equal(first.surveys, again.surveys)
    assert main(["key", str(tmp_path / "other")]) == 0
    monkeypatch.setenv(KEY_VARIABLE, str(tmp_path / "other"))
    other = cxlab.load(data)
    assert other.key_id != first.key_id
    assert not set(other.customers["customer_id"]) & set(first.customers["customer_id"])


def test_a_new_key_is_random_for_its_owner_only_never_printed_and_never_overwritten(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("a", "b"):
        assert main(["key", str(tmp_path / "keys" / name)]) == 0
    first, second = ((tmp_path / "keys" / name).read_bytes() for name in ("a", "b"))
    assert len(first) == len(second) == 32
    assert first != second
    assert stat.S_IMODE((tmp_path / "keys" / "a").stat().st_mode) == 0o600
    printed = capsys.readouterr().out
    assert first.hex() not in printed
    assert Pseudonyms(key=first).key_id in printed
    assert main(["key", str(tmp_path / "keys" / "a")]) == 2
    assert (tmp_path / "keys" / "a").read_bytes() == first
    (tmp_path / "link").symlink_to(tmp_path / "keys" / "c")
    assert main(["key", str(tmp_path / "link")]) == 2
    assert not (tmp_path / "keys" / "c").exists()


@pytest.mark.parametrize("mark", [".git", "pyproject.toml", "cxlab.toml"])
def test_a_key_inside_a_project_is_refused(
    mark: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / mark).touch()
    assert main(["key", str(tmp_path / "deep" / "er" / "key")]) == 2
    assert "must not lie in the project" in capsys.readouterr().err
    assert not (tmp_path / "deep").exists()


def test_the_record_of_a_run_holds_the_key_id_and_not_the_key(key: Path) -> None:
    from cxlab.reporting.manifest import record_text

    text = record_text({}, key="k", identity="i", files={})
    assert json.loads(text)["pseudonym_key_id"] == NAMES.key_id == key_id_in_force()
    assert KEY.hex() not in text


def test_a_list_from_loaded_tables_holds_the_same_pseudonyms_and_who_objected_is_left_out(
    key: Path, data: Path
) -> None:
    from cxlab.models.churn.call_list import call_list

    customers = cxlab.load(data).customers
    decided = customers.assign(decision="contact", probability=0.5, value=1.0, value_at_risk=0.5)
    decided = decided.assign(expected_profit=0.1)
    listed = call_list(decided, NAMES, model_id="m", opted_out=[])
    assert listed["customer_pseudonym"].tolist() == NAMES.all_of(["KD-4711", "KD-4712"])
    for objected in ("KD-4711", NAMES.of("KD-4711")):
        left = call_list(decided, NAMES, model_id="m", opted_out=[objected])
        assert left["customer_pseudonym"].tolist() == NAMES.all_of(["KD-4712"])
