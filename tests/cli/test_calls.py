"""`cxlab calls`: refusals before any computing, and one list from a data folder."""

import json
import stat

import pandas as pd
import pytest

from cxlab.calls import valued
from cxlab.cli import main
from cxlab.core.errors import ParameterError
from cxlab.core.pseudonyms import KEY_VARIABLE
from cxlab.ingest.tables import Tables
from cxlab.simulation.simulate import simulate

PURPOSE = ["--purpose", "retention calls in March"]


@pytest.fixture
def key(tmp_path, monkeypatch):
    path = tmp_path / "key"
    path.write_bytes(bytes(range(32)))
    path.chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, str(path))
    return path


@pytest.mark.parametrize(
    ("out", "words"),
    [("reports/runs/calls.csv", "must not lie in the folder"), ("calls.xlsx", "change the ending")],
)
def test_a_closed_place_is_refused_before_anything_is_read(out, words, tmp_path, key, capsys):
    assert main(["calls", "--data", "nowhere", "--out", str(tmp_path / out), *PURPOSE]) == 2
    assert words in capsys.readouterr().err


def test_no_key_no_purpose_and_an_unreadable_list_of_objections_are_refused(tmp_path, monkeypatch, capsys):
    monkeypatch.delenv(KEY_VARIABLE, raising=False)
    out = ["calls", "--data", "nowhere", "--out", str(tmp_path / "calls.csv")]
    assert main([*out, *PURPOSE]) == 2
    assert KEY_VARIABLE in capsys.readouterr().err
    assert main([*out, "--purpose", "x"]) == 2
    assert "purpose" in capsys.readouterr().err
    assert main([*out, *PURPOSE, "--opted-out", str(tmp_path / "absent.txt")]) == 2
    assert "nobody is called" in capsys.readouterr().err


def test_a_list_comes_from_a_data_folder_in_one_command(tmp_path, key, capsys):
    data, out = tmp_path / "data", tmp_path / "lists" / "calls.csv"
    simulate(customers=1500, seed=5).write(data)
    contracts = pd.read_parquet(data / "contracts.parquet")
    unknown = contracts["customer_id"].str.endswith("7")
    contracts.assign(value_per_year=contracts["value_per_year"].mask(unknown)).to_parquet(
        data / "contracts.parquet", index=False
    )
    never = tmp_path / "never.txt"
    never.write_text("\n".join(pd.read_parquet(data / "customers.parquet")["customer_id"][:500]))
    arguments = [
        "calls",
        "--data",
        str(data),
        "--out",
        str(out),
        *PURPOSE,
        "--offer-cost",
        "10",
        "--value",
        "700",
    ]
    assert main([*arguments, "--opted-out", str(never), "--accept-failed-gate"]) == 0
    printed = capsys.readouterr().out
    assert "value at risk" in printed
    (out,) = (tmp_path / "lists").glob("calls-expires-*.csv")
    note = json.loads(out.with_name(f"{out.name}.about.json").read_text())
    assert out.name == f"calls-expires-{note['delete_on']}.csv"
    assert str(out) in printed
    calls = pd.read_csv(out)
    assert len(calls) == note["rows"] > 0
    assert note["left_out_as_opted_out"] > 0
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert calls["customer_pseudonym"].str.fullmatch("[A-Z2-7]{26}").all()
    assert "open_complaints" in calls
    assert (calls["decision"] == "contact").all()
    bases = calls.groupby("value_basis")["value"]
    assert set(bases.groups) == {"declared amount", "lifetime value, 36 x 30 days, 10% a year"}
    assert (bases.get_group("declared amount") == 700).all()
    assert bases.get_group("lifetime value, 36 x 30 days, 10% a year").nunique() > 10
    assert note["value_basis"]["declared amount"] > 0
    assert "lifetime value" in printed


def test_where_no_lifetime_can_be_told_an_amount_is_declared_or_nothing_is_written(capsys):
    panel = pd.DataFrame({"customer_id": ["A"], "cut_at": pd.to_datetime(["2025-01-01"])})
    tables = Tables.of({"customers": panel[["customer_id"]]}, None, title="none")
    with pytest.raises(ParameterError, match=r"--value 300.*--value-column"):
        valued(tables, panel, panel, declared=None)
    past, now = valued(tables, panel, panel, declared=300.0)
    assert set(past["value_basis"]) == set(now["value_basis"]) == {"declared amount"}
    assert "300 stands for every customer" in capsys.readouterr().out
