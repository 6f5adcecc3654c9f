"""Columns: only what is declared is carried, and a column of persons is refused or left out by its name."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

import cxlab

HEADER = "response_id,customer_id,answered_at,overall"
#: A column's name that says nothing, and cells of which a fifth are personal.
PERSONAL = {
    "an e-mail address": ["anna.s@example.org", "", "none"],
    "a phone number": ["0049-89-566703", "-", "089/123456"],
    "an IBAN": ["DE89 3704 0044 0532 0130 00", "none", "x"],
    "a card number": ["4111 1111 1111 1111", "none", "x"],
    "a vehicle number (VIN)": ["WVWZZZ1KZ6W000001", "none", "x"],
    "a number plate": ["M-AB 1234", "none", "x"],
    "a birth date": ["1961-05-30", "1984-11-02", "2001-01-01"],
    "a postal address": ["Hauptstraße 12", "12 High Street", "elsewhere"],
    "a name": ["Anna Schmidt", "Meier, Jürgen", "Xyz Abc"],
}


def folder(path: Path, column: str, cells: list[str], config: str) -> Path:
    rows = [f'R{i},C{i},2024-03-0{i + 1},{5 + i},"{cell}"' for i, cell in enumerate(cells)]
    (path / "surveys.csv").write_text("\n".join([f"{HEADER},{column}", *rows]) + "\n", encoding="utf-8")
    (path / "cxlab.toml").write_text(f'{config}\n[privacy]\npseudonyms = "off"\n', encoding="utf-8")
    return path


@pytest.mark.parametrize("form", PERSONAL)
def test_a_personal_column_is_refused_if_named_and_left_out_if_all_are_carried(
    form: str, tmp_path: Path
) -> None:
    cells = PERSONAL[form]
    named = cxlab.check(folder(tmp_path, "info", cells, '[surveys]\ncarry = ["info"]'))
    errors = [f for f in named.findings if f.level == "error"]
    assert [(f.rule, f.column, f.message) for f in errors] == [
        ("personal data", "info", f"looks like {form}.")
    ]
    tables = cxlab.load(folder(tmp_path, "info", cells, '[surveys]\ncarry = ["all"]'))
    assert "info" not in tables.surveys
    left = [f for f in tables.quality.findings if f.level == "repair"]
    assert [(f.column, f.message) for f in left] == [("info", f"looks like {form}: left out.")]
    printed = "\n".join([*named.lines(), *tables.quality.lines()])
    assert not any(cell in printed for cell in cells if len(cell) > 4)


@pytest.mark.parametrize("name", ["email", "Telefon", "Geburtsdatum", "last_name", "Street", "VIN", "iban"])
def test_a_name_is_enough(name: str, tmp_path: Path) -> None:
    tables = cxlab.load(folder(tmp_path, name, ["a", "b", "c"], '[surveys]\ncarry = ["all"]'))
    assert list(tables.surveys.columns) == HEADER.split(",")
    assert [f.rule for f in tables.quality.findings if f.level == "repair"] == ["personal data"]


@pytest.mark.parametrize(
    "cells",
    [
        ["2021-05-30", "2022-11-02", "2023-01-01"],
        ["Golf GTI", "Polo", "ID 4"],
        ["0012345678", "0012345679", "0123456789"],
        ["Region Nord", "Region Sued", "NA"],
        ["A-12", "B-7", "C-3"],
    ],
)
def test_harmless_columns_are_carried(cells: list[str], tmp_path: Path) -> None:
    tables = cxlab.load(folder(tmp_path, "info", cells, '[surveys]\ncarry = ["info"]'))
    assert len(tables.surveys["info"].dropna()) == 3


def test_what_is_not_declared_is_not_carried_and_counted(tmp_path: Path) -> None:
    data = folder(tmp_path, "hobby", ["chess", "chess", "go"], "")
    text = (data / "surveys.csv").read_text()
    (data / "surveys.csv").write_text(
        "\n".join(f"{line},x" for line in text.splitlines()).replace("hobby,x", "hobby,shoe")
    )
    tables = cxlab.load(data)
    assert list(tables.surveys.columns) == HEADER.split(",")
    said = next(f for f in tables.quality.findings if f.rule == "not carried")
    assert said.message == "2 columns: hobby, shoe."


def test_a_key_that_names_the_person_is_refused(tmp_path: Path) -> None:
    frame = pd.DataFrame({"customer_id": ["Anna Schmidt", "Jens Meier"], "segment": ["a", "b"]})
    frame.to_csv(tmp_path / "customers.csv", index=False)
    (tmp_path / "cxlab.toml").write_text('[privacy]\npseudonyms = "off"\n')
    errors = [f for f in cxlab.check(tmp_path).findings if f.level == "error"]
    assert [(f.rule, f.message) for f in errors] == [("personal key", "looks like a name.")]
