"""`cxlab.toml`: every mistake is reported, all together, with the nearest right name."""

from pathlib import Path

import pytest

from cxlab.ingest.config import DataConfig
from cxlab.ingest.config_reader import read_config


def read(tmp_path: Path, text: str) -> DataConfig:
    path = tmp_path / "cxlab.toml"
    path.write_text(text, encoding="utf-8")
    return read_config(path, required=True)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("titel = 'x'", "titel: is not an option here. Did you mean 'title'?"),
        ("[survey]\nfile = 'x'", "survey: is not an option here. Did you mean 'surveys'?"),
        (
            "[surveys]\nmissing_code = {}",
            "surveys.missing_code: is not an option here. Did you mean 'missing_codes'?",
        ),
        ("data_end = '2024-12-31'", "data_end: needs a date such as 2024-12-31 (without quotes)"),
        ("date_order = 'dmy'", "date_order: needs one of DMY, MDY, YMD, got 'dmy'"),
        ("time_zone = 'Europe/Berln'", "Did you mean 'Europe/Berlin'?"),
        ("encoding = 'utf-88'", "encoding: needs a known encoding"),
        ("delimiter = ';;'", "delimiter: needs one character"),
        ("decimal = ';'", "decimal: needs one of ., ,"),
        ("repair_limit_share = 'all'", "repair_limit_share: needs a number"),
        ("notes = [1]", "notes: needs a list of texts"),
        ("[surveys]\nfile = '/data/s.csv'", "surveys.file: needs a name inside the data folder"),
        ("[surveys]\nfile = 'truth/s.csv'", "truth/ is never read"),
        (
            "[surveys]\nabsent = ['overal']",
            "'overal' is not a column that can be absent. Did you mean 'overall'?",
        ),
        ("[customers]\nabsent = ['customer_id']", "'customer_id' is not a column that can be absent"),
        ("[surveys]\nscale = {overall = [10, 1]}", "scale.overall: needs two numbers, low then high"),
        ("[surveys]\nmissing_codes = {overall = 99}", "missing_codes.overall: needs a list of codes"),
        ("[surveys]\ntypes = {age = 'integer'}", "types.age: needs one of id, text"),
        ("[surveys]\nrecode = {overall = 'x'}", "recode.overall: needs a table"),
        ("[surveys]\nkeep = {status = []}", "keep.status: needs the values to keep"),
        ("[surveys]\nlookup = 3", "surveys.lookup: needs tables written as [[surveys.lookup]]"),
        ("[[surveys.lookup]]\nfile = 'o.csv'", "needs file, on and columns"),
        ("[surveys.derived]\nlate = {older = ['a', 'b']}", "older: is not an option here"),
        ("[surveys.derived]\nlate = {above = ['a', 'b']}", "above: needs [column, number]"),
        (
            "[surveys.derived]\nlate = {above = ['a', 1], days_between = ['a', 'b']}",
            "late: needs exactly one of",
        ),
        (
            "[events]\noutcome = {column = 'wait_minutes'}",
            "needs column and at least one of negative_above",
        ),
        ("title = ", "cannot be read as TOML"),
    ],
)
def test_a_mistake_is_named(text: str, words: str, tmp_path: Path) -> None:
    problems = read(tmp_path, text).problems
    assert len(problems) == 1
    assert words in problems[0].message
    assert (problems[0].level, problems[0].file) == ("error", "cxlab.toml")


def test_all_mistakes_come_together(tmp_path: Path) -> None:
    config = read(tmp_path, "titel = 'x'\n[surveys]\nscales = {}\n[events]\nfile = '../x.csv'\n")
    assert len(config.problems) == 3


def test_a_config_that_was_named_must_exist(tmp_path: Path) -> None:
    assert read_config(tmp_path / "none.toml", required=True).problems
    assert not read_config(tmp_path / "none.toml", required=False).problems


def test_the_top_dialect_holds_for_every_table_unless_it_says_otherwise(tmp_path: Path) -> None:
    config = read(tmp_path, "delimiter = ';'\ndate_order = 'DMY'\n[surveys]\ndelimiter = '|'\n[events]\n")
    assert config.table("surveys").dialect.delimiter == "|"
    assert config.table("events").dialect.delimiter == config.table("customers").dialect.delimiter == ";"
    assert {config.table(name).date_order for name in ("surveys", "events", "customers")} == {"DMY"}


def test_values_are_read_as_texts_of_the_file(tmp_path: Path) -> None:
    table = read(
        tmp_path,
        "[surveys]\nmissing_codes = {overall = [99, 'refused'], rating_a = {0 = 'not applicable'}}\n"
        "keep = {wave = [1, 2], email = 'filled'}\n"
        "recode = {overall = {good = 5}}\nconstant = {wave = 3}\n",
    ).table("surveys")
    assert table.missing_codes == {
        "overall": {"99": "missing", "refused": "missing"},
        "rating_a": {"0": "not applicable"},
    }
    assert table.keep == {"wave": ("1", "2"), "email": ()}
    assert table.recode == {"overall": {"good": "5"}}
    assert table.constant == {"wave": "3"}
