"""Text becomes typed values by declared rules only; what does not fit is marked, never changed."""

from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.ingest.contracts import DTYPES, KINDS
from cxlab.ingest.converters import Spelling, Typed, convert


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
