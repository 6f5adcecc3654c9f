"""Text becomes typed values by declared rules only; what does not fit is marked, never changed."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.ingest.contracts import DTYPES, KINDS
from cxlab.ingest.converters import Spelling, Typed, convert, matches_code


def typed(cells: list[str], kind: str, **spelling: object) -> Typed:
    return convert(pd.Series(cells, dtype="str"), kind, spelling=Spelling(**spelling))  # type: ignore[arg-type]


def times(result: Typed) -> list[str]:
    return [str(value) for value in result.values]


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_has_one_dtype(kind: str) -> None:
    assert str(typed(["1", "0"] if kind != "time" else ["2024-01-02"], kind).values.dtype) == DTYPES[kind]


def test_ids_keep_their_zeros_and_na_is_a_word() -> None:
    assert typed(["00001", "NA", "12345678901234567890"], "id").values.tolist() == [
        "00001", "NA", "12345678901234567890",
    ]  # fmt: skip
    assert typed(["NA", "null", "None"], "category").values.notna().all()


def test_blank_cells_are_missing_and_not_bad() -> None:
    for kind in KINDS:
        result = typed(["", "  "], kind)
        assert result.values.isna().all(), kind
        assert not result.bad.any(), kind


@pytest.mark.parametrize(
    ("cell", "decimal", "value"),
    [
        ("7", ".", 7.0),
        ("-0.5", ".", -0.5),
        (".5", ".", 0.5),
        ("1e3", ".", 1000.0),
        ("7,5", ",", 7.5),
        ("7", ",", 7.0),
    ],
)
def test_numbers_are_read_with_the_declared_decimal_mark(cell: str, decimal: str, value: float) -> None:
    assert typed([cell], "number", decimal=decimal).values.tolist() == [value]


@pytest.mark.parametrize(
    "cell",
    ["7,5", "1,234", "1.234.567", "12 %", "3 EUR", "inf", "nan", "1e999", "٣", "0x10", "1_000", "--1", "."],
)
def test_what_is_no_plain_number_is_bad(cell: str) -> None:
    result = typed(["1", cell], "number")
    assert result.bad.tolist() == [False, True]
    assert result.values.isna().tolist() == [False, True]


def test_scores_must_be_whole() -> None:
    assert typed(["7", "7.0", "7.5"], "score").bad.tolist() == [False, False, True]


def test_flags_are_zero_one_or_missing() -> None:
    result = typed(["1", "No", "TRUE", "", "maybe"], "flag")
    assert result.values.tolist()[:3] == [1, 0, 1]
    assert result.values.isna().tolist() == [False, False, False, True, True]
    assert result.bad.tolist() == [False] * 4 + [True]


@pytest.mark.parametrize(
    ("cell", "order", "moment"),
    [
        ("2024-04-03", "", "2024-04-03 00:00:00"),
        ("2024-04-03T09:05", "", "2024-04-03 09:05:00"),
        ("2024-04-03 09:05:06.5", "", "2024-04-03 09:05:06.500000"),
        ("03.04.2024", "DMY", "2024-04-03 00:00:00"),
        ("3/4/2024 9:05", "MDY", "2024-03-04 09:05:00"),
        ("03.04.2024 23:59:01", "DMY", "2024-04-03 23:59:01"),
        ("2024/4/3", "YMD", "2024-04-03 00:00:00"),
        ("2024-04-03", "DMY", "2024-04-03 00:00:00"),
    ],
)
def test_dates_are_read_by_the_declared_order(cell: str, order: str, moment: str) -> None:
    assert times(typed([cell], "time", date_order=order)) == [moment]


@pytest.mark.parametrize(
    ("cell", "order"),
    [("03.04.2024", ""), ("31.02.2024", "DMY"), ("13/13/2024", "MDY"), ("01.02.24", "DMY"), ("45000", ""),
     ("2024-02-30", ""), ("2024-13-01", ""), ("20240403", ""), ("today", "DMY"), ("2024-04-03 25:00", "")],
)  # fmt: skip
def test_a_date_is_never_guessed(cell: str, order: str) -> None:
    result = typed([cell], "time", date_order=order)
    assert result.bad.tolist() == [True]
    assert result.values.isna().all()


def test_local_times_become_utc_and_an_offset_wins() -> None:
    zone = ZoneInfo("Europe/Berlin")
    result = typed(["2024-01-15 12:00", "2024-07-15 12:00", "2024-07-15T12:00Z"], "time", time_zone=zone)
    assert times(result) == ["2024-01-15 11:00:00", "2024-07-15 10:00:00", "2024-07-15 12:00:00"]


def test_the_clock_change_hour_is_settled_and_counted() -> None:
    result = typed(["2024-03-31 02:30", "2024-10-27 02:30"], "time", time_zone=ZoneInfo("Europe/Berlin"))
    assert times(result) == ["2024-03-31 01:00:00", "2024-10-27 01:30:00"]
    assert sum(result.repairs.values()) == 2


def test_times_with_and_without_a_zone_do_not_mix_unless_declared() -> None:
    cells = ["2024-07-15T12:00+02:00", "2024-07-15 12:00"]
    assert typed(cells, "time").bad.tolist() == [False, True]
    assert not typed(cells, "time", time_zone=ZoneInfo("UTC")).bad.any()


def test_stored_numbers_become_ids_without_a_point() -> None:
    stored = convert(pd.Series([1.0, np.nan, 3.0]), "id", spelling=Spelling())
    assert stored.values.tolist()[::2] == ["1", "3"]
    assert stored.values.isna().tolist() == [False, True, False]
    assert convert(pd.Series([1.5]), "id", spelling=Spelling()).bad.all()
    assert convert(pd.Series([7, 8]), "id", spelling=Spelling()).values.tolist() == ["7", "8"]
    assert convert(pd.Series([7, 8]), "time", spelling=Spelling()).bad.all()


def test_a_stored_flag_other_than_zero_and_one_is_bad() -> None:
    assert convert(pd.Series([0, 1, 2]), "flag", spelling=Spelling()).bad.tolist() == [False, False, True]
    assert convert(pd.Series([True, False]), "flag", spelling=Spelling()).values.tolist() == [1, 0]


def stored(cells: object, kind: str, **spelling: object) -> Typed:
    values = cells if isinstance(cells, pd.Series) else pd.Series(cells)
    return convert(values, kind, spelling=Spelling(**spelling))  # type: ignore[arg-type]


def shown(result: Typed) -> list[object]:
    return [None if pd.isna(value) else value for value in result.values]


@pytest.mark.parametrize(
    ("cells", "kind", "wanted", "bad", "rule"),
    [
        (["a ", " a", "", None, "b c"], "text", ["a", "a", None, None, "b c"], [], ""),
        (["1.2E+14", "7e2", "7e2x", "E2", "12e2"], "id", [None, None, "7e2x", "E2", "12e2"], [0, 1],
         "id shortened by a spreadsheet"),
        (["7", "7.5", "x"], "score", [7, None, None], [1, 2], "number"),
        (["7", "7.5", ""], "score", [7, None, None], [1], "whole number"),
        (["7", "7.5", ""], "number", [7, 7.5, None], [], "number"),
        (["1", "-1", "0.5"], "sign", [1, -1, None], [2], "whole number"),
        (["yes", "NO", "2", ""], "flag", [1, 0, None, None], [2], "yes or no"),
        (["2024-01-02", "x", ""], "time", [pd.Timestamp("2024-01-02"), None, None], [1], "date"),
    ],
)  # fmt: skip
def test_which_cells_of_a_text_fit_their_kind_and_which_rule_the_others_break(
    cells: list[str], kind: str, wanted: list[object], bad: list[int], rule: str
) -> None:
    result = typed(cells, kind)
    assert shown(result) == wanted
    assert np.flatnonzero(result.bad).tolist() == bad
    assert result.rule == rule or not bad


@pytest.mark.parametrize(
    ("cells", "kind", "wanted", "bad", "rule"),
    [
        (pd.Series(["a", "b", None], dtype="category"), "category", ["a", "b", None], [], ""),
        (pd.Series([1, 2], dtype="category"), "number", [1, 2], [], ""),
        (pd.Series(["a", 7, None], dtype=object), "text", ["a", "7", None], [], ""),
        (pd.Series([True, False]), "category", ["True", "False"], [], ""),
        (pd.Series(pd.to_datetime(["2024-01-02", None])), "text", ["2024-01-02", None], [], ""),
        ([7, 8], "category", ["7", "8"], [], ""),
        (pd.Series([7, None], dtype="Int64"), "id", ["7", None], [], ""),
        (pd.Series([7.0, None], dtype="Float64"), "id", ["7", None], [], ""),
        (pd.Series([1, None], dtype="Int64"), "flag", [1, None], [], ""),
        ([7.0, 7.5, np.nan], "category", ["7", None, None], [1], "id with decimals"),
        ([2.0**53, 2.0**53 - 1, -(2.0**53)], "id", [None, "9007199254740991", None], [0, 2],
         "id with decimals"),
        ([7.0, np.inf, np.nan], "number", [7, None, None], [1], "number"),
        ([7.5, np.inf, np.nan, 8.0], "score", [None, None, None, 8], [0, 1], "number"),
        ([7.5, 8.0], "score", [None, 8], [0], "whole number"),
        ([1, -1, 0], "sign", [1, -1, 0], [], ""),
        ([0.0, 1.0, 0.5, np.nan], "flag", [0, 1, None, None], [2], "yes or no"),
        ([45000.0, np.nan], "time", [None, None], [0], "date"),
        # A moment or a duration is no number before somebody says in which unit; true is no rating.
        (pd.Series([pd.Timedelta("1D"), None]), "number", [None, None], [0], "number"),
        (pd.Series([pd.Timestamp("2024-01-02"), None]), "number", [None, None], [0], "number"),
        (pd.Series([pd.Timestamp("2024-01-02", tz="UTC")]), "score", [None], [0], "number"),
        (pd.Series([pd.Timedelta("1D"), None]), "flag", [None, None], [0], "yes or no"),
        (pd.Series([True, False]), "score", [None, None], [0, 1], "number"),
        (pd.Series([True, False]), "number", [1.0, 0.0], [], ""),
        (pd.Series([True, False]), "flag", [1, 0], [], ""),
        (pd.Series([pd.Timedelta("1D"), None]), "time", [None, None], [0], "date"),
        (pd.Series([pd.Timestamp("2024-01-02 10:00", tz="Europe/Berlin")]), "time",
         [pd.Timestamp("2024-01-02 09:00")], [], ""),
        (pd.Series(pd.to_datetime(["2024-01-02", None])), "time",
         [pd.Timestamp("2024-01-02"), None], [], ""),
    ],
)  # fmt: skip
def test_which_stored_values_fit_their_kind(
    cells: object, kind: str, wanted: list[object], bad: list[int], rule: str
) -> None:
    result = stored(cells, kind)
    assert shown(result) == wanted
    assert str(result.values.dtype) == DTYPES[kind]  # type: ignore[index]
    assert np.flatnonzero(result.bad).tolist() == bad
    assert result.rule == rule or not bad


def test_what_was_mended_is_counted_in_cells_and_what_is_the_same_everywhere_apart() -> None:
    assert typed(["a ", " a", "", None, "b"], "id").repairs == {"blanks around an id": 2}  # type: ignore[list-item]
    assert typed(["a", "b"], "id").repairs == {}
    assert typed(["a ", "b"], "text").repairs == {}
    floats = stored([7.0, 8.0, np.nan], "id")
    assert (floats.rewritten, floats.repairs) == ({"id stored as a number": 2}, {})
    assert stored([7.0, 8.0], "category").rewritten == {}
    assert stored([7, 8], "id").rewritten == {}


def test_a_sign_is_a_small_whole_number_only_where_each_cell_is_one() -> None:
    assert str(typed(["127", "-127"], "sign").values.dtype) == "int8"
    assert str(typed(["128", "1"], "sign").values.dtype) == "float64"
    assert str(typed(["1", ""], "sign").values.dtype) == "float64"


@pytest.mark.parametrize(
    ("cell", "order", "moment"),
    [
        ("3/4/2024 9:05 PM", "MDY", "2024-03-04 21:05:00"),
        ("3/4/2024 9:05:07 a.m.", "MDY", "2024-03-04 09:05:07"),
        ("3/4/2024 12:05 am", "MDY", "2024-03-04 00:05:00"),
        ("3/4/2024 12:05 pm", "MDY", "2024-03-04 12:05:00"),
        ("3/4/2024 13:05 pm", "MDY", "NaT"),
        ("3/4/2024T7:05", "DMY", "2024-04-03 07:05:00"),
        ("3-4-2024", "DMY", "2024-04-03 00:00:00"),
        ("2024.4.3 17:05", "YMD", "2024-04-03 17:05:00"),
        ("22-Apr-15", "DMY", "2015-04-22 00:00:00"),
        ("2 apr 2024", "DMY", "2024-04-02 00:00:00"),
        ("22-Apr-15", "MDY", "NaT"),
        ("22-Apx-15", "DMY", "NaT"),
        ("22-Apr-1915", "DMY", "NaT"),
    ],
)
def test_clocks_of_half_days_and_english_months_are_read(cell: str, order: str, moment: str) -> None:
    assert times(typed([cell, "01/02/2024"], "time", date_order=order))[0] == moment
    assert typed([cell], "time", date_order=order).bad.tolist() == [moment == "NaT"]


def test_clocks_with_and_without_half_days_stand_in_one_column() -> None:
    cells = ["3/4/2024 9:05 PM", "3/4/2024 21:05", "3/4/2024"]
    assert times(typed(cells, "time", date_order="MDY")) == [
        "2024-03-04 21:05:00", "2024-03-04 21:05:00", "2024-03-04 00:00:00",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("cell", "unit", "moment"),
    [
        ("45000.25", "excel", "2023-03-15 06:00:00"),
        ("1", "excel", "1899-12-31 00:00:00"),
        ("43538.25", "excel1904", "2023-03-15 06:00:00"),
        ("1700000000", "seconds", "2023-11-14 22:13:20"),
        ("1700000000123", "milliseconds", "2023-11-14 22:13:20"),
        ("400000000000", "seconds", "NaT"),
        ("x", "excel", "NaT"),
        ("-1", "excel", "NaT"),
    ],
)
def test_numbers_count_what_is_declared(cell: str, unit: str, moment: str) -> None:
    in_text = typed([cell], "time", number_dates=unit)
    assert times(in_text) == [moment]
    assert in_text.bad.tolist() == [moment == "NaT"]
    assert in_text.rule == "date"
    if cell != "x" and float(cell) > 0:
        as_number = stored([float(cell), np.nan], "time", number_dates=unit)
        assert times(as_number) == [moment, "NaT"]
        assert as_number.bad.tolist() == [moment == "NaT", False]
        assert as_number.rule == "date"


def test_days_of_a_spreadsheet_are_local_and_seconds_since_1970_are_not() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    for cells, unit, moment in (
        ([45000.5], "excel", "2023-03-15 11:00:00"),
        ([1700000000.0], "seconds", "2023-11-14 22:13:20"),
        ([1700000000000.0], "milliseconds", "2023-11-14 22:13:20"),
    ):
        assert times(stored(cells, "time", number_dates=unit, time_zone=berlin)) == [moment]
        text = [f"{cells[0]:.1f}", "2023-06-01 12:00"]
        found = typed(text, "time", number_dates=unit, time_zone=berlin)
        assert times(found) == [moment, "2023-06-01 10:00:00"]
    change = stored([45228.104167], "time", number_dates="excel", time_zone=berlin)  # 29 October, 02:30
    assert change.repairs == {"time in a clock-change hour, read as winter time": 1}


def test_every_form_of_a_time_may_stand_in_one_column() -> None:
    cells = ["2024-07-15", "15.07.2024 12:00", "15-Jul-24", "2024-07-15T12:00:00+0200", "45488", "", "x"]
    found = typed(
        cells, "time", date_order="DMY", number_dates="excel", time_zone=ZoneInfo("Europe/Berlin")
    )
    assert times(found) == [
        "2024-07-14 22:00:00", "2024-07-15 10:00:00", "2024-07-14 22:00:00", "2024-07-15 10:00:00",
        "2024-07-14 22:00:00", "NaT", "NaT",
    ]  # fmt: skip
    assert np.flatnonzero(found.bad).tolist() == [6]
    assert found.rule == "date"


def test_stored_local_times_become_utc_and_the_clock_change_is_counted() -> None:
    local = pd.Series(pd.to_datetime(["2024-10-27 02:30", "2024-10-27 02:30", "2024-07-15 12:00", None]))
    found = stored(local, "time", time_zone=ZoneInfo("Europe/Berlin"))
    assert times(found) == ["2024-10-27 01:30:00", "2024-10-27 01:30:00", "2024-07-15 10:00:00", "NaT"]
    assert found.repairs == {"time in a clock-change hour, read as winter time": 2}
    assert not found.bad.any()


def test_times_that_all_carry_a_zone_need_no_declaration_and_empty_cells_do_not_count() -> None:
    found = typed(["2024-07-15T12:00+02:00", "", "2024-07-15 12:00 Z"], "time")
    assert times(found) == ["2024-07-15 10:00:00", "NaT", "2024-07-15 12:00:00"]
    assert not found.bad.any()
    mixed = typed(["2024-07-15T12:00Z", "2024-07-15", "x", ""], "time")
    assert (mixed.bad.tolist(), mixed.rule) == ([False, True, True, False], "time zone")


def test_a_code_is_found_by_its_text_and_in_stored_numbers_by_its_value() -> None:
    codes = {"99": "not asked", "refused": "refused", "98": "never"}
    text = matches_code(pd.Series(["99", " 99", "refused", "7", None], dtype="str"), codes)
    assert {code: mask.tolist() for code, mask in text.items()} == {
        "99": [True, True, False, False, False],
        "refused": [False, False, True, False, False],
    }
    numbers = matches_code(pd.Series([99.0, 7.0, np.nan]), {"refused": "word", **codes})
    assert {code: mask.tolist() for code, mask in numbers.items()} == {"99": [True, False, False]}


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=8))
def test_any_number_that_python_writes_is_read_back(numbers: list[float]) -> None:
    for decimal in ".,":
        cells = [repr(number).replace(".", decimal) for number in numbers]
        result = typed(cells, "number", decimal=decimal)
        assert not result.bad.any()
        assert result.values.tolist() == numbers


@settings(max_examples=25, deadline=None, derandomize=True)
@given(
    st.datetimes(
        min_value=pd.Timestamp("1901-01-01").to_pydatetime(),
        max_value=pd.Timestamp("2200-01-01").to_pydatetime(),
    )
)
def test_any_moment_is_read_back_from_iso_and_from_its_day_order(moment: object) -> None:
    stamp = pd.Timestamp(moment)  # type: ignore[call-overload]
    assert typed([stamp.isoformat()], "time").values[0] == stamp
    second = stamp.floor("s")
    for order, form in (
        ("DMY", "%d.%m.%Y %H:%M:%S"),
        ("MDY", "%m/%d/%Y %H:%M:%S"),
        ("YMD", "%Y/%m/%d %H:%M:%S"),
    ):
        assert typed([second.strftime(form)], "time", date_order=order).values[0] == second
