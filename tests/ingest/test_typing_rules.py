"""How each kind of column is typed, cell by cell: the value, or the rule that a cell breaks, as printed.

Every sentence that a user can read here is compared whole: it is all that somebody has to mend a file with.
"""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from typed_columns import read

from cxlab.ingest.config import Derived, Dialect, OutcomeRule
from cxlab.ingest.sources import Arrangement, Labels

MEND_SHEET = "Mend the sheet, or declare missing_codes = {%s = ['#N/A']}."
AS_WRITTEN = "NOTE %s times taken as written, because no time_zone is declared."
COUNTED = (
    "Numbers are dates only if it is said what they count: declare number_dates = {answered_at = ...} "
    'with "excel" (days), "seconds" or "milliseconds" (since 1970).'
)
WORDS = 'Declare decimal = "," if that is the mark, or recode or missing_codes for words.'
THOUSANDS = "A thousands sign and a decimal mark look alike: export without thousands signs."
UNIT = "Export plain numbers: a currency or percent sign says a unit, which belongs in the name."
DIFFER = "If they differ in fact declare categories = {%s = [...]} with each of them."


@pytest.mark.parametrize(
    ("column", "given", "wanted", "said"),
    [
        # 101: a formula that failed
        ("overall", ["7", "#N/A", "#N/A ", "#REF!", "#NV"], [7, None, None, None, None],
         ["ERROR overall error cell 4 rows: line 3 = #N/A, line 4 = #N/A , line 5 = #REF!, ...; "
          "a formula failed there.", MEND_SHEET % "overall"]),
        ("response_id", ["R1", "#N/A"], ["R1", None],
         ["ERROR response_id error cell 1 row: line 3 = #N/A; a formula failed there.",
          MEND_SHEET % "response_id"]),
        ("comment", ["#N/A", "fine"], ["#N/A", "fine"], []),
        # 70: digits of another script
        ("overall", ["７", "٣", "٣", "8", None], [7, 3, 3, 8, None],
         ["REPAIR overall other digits 3 rows; written in digits of another script; "
          "read as the same numbers."]),
        ("overall", ["１０", "²", "３ x"], [10, None, None],
         ["REPAIR overall other digits 1 row; written in digits of another script; "
          "read as the same numbers.",
          "ERROR overall not a number 2 rows: line 3 = ², line 4 = ３ x", WORDS]),
        # 63: words for no answer, each with its reason
        ("overall", ["7", "Don't know", "not sure", "weiß nicht", "DK", "DK", "NA", "n/a", "-"],
         [7, *[None] * 8],
         ["REPAIR overall no answer in words 5 rows; \"Don't know\" or 'not sure' or 'weiß nicht' read as "
          "no answer (don't know).",
          "If so declare missing_codes = {overall = {\"Don't know\" = \"don't know\"}}",
          "REPAIR overall no answer in words 1 row; '-' read as no answer (left blank).",
          'If so declare missing_codes = {overall = {"-" = "left blank"}}',
          "REPAIR overall no answer in words 1 row; 'NA' read as no answer (no answer).",
          'If so declare missing_codes = {overall = {"NA" = "no answer"}}',
          "REPAIR overall no answer in words 1 row; 'n/a' read as no answer (not experienced).",
          'If so declare missing_codes = {overall = {"n/a" = "not experienced"}}']),
        # 64: labelled points of a scale
        ("overall", ["10 - very good", "1 - bad", "2) hm", "5", "so (6)", "10 - very good"],
         [10, 1, 2, 5, 6, 10],
         ["REPAIR overall labelled points 5 rows; read '10 - very good' as 10, '1 - bad' as 1.",
          'To make this certain declare recode = {overall = {"10 - very good" = 10, "1 - bad" = 1, '
          '"2) hm" = 2}}']),
        ("overall", ["1 - a", "1 - b"], [None, None],
         ["ERROR overall not a number 2 rows: line 2 = 1 - a, line 3 = 1 - b", WORDS]),
        ("wait_minutes", ["5 - long", "6"], [None, 6],
         ["ERROR wait_minutes not a number 1 row: line 2 = 5 - long", WORDS]),
        # 73, 74: units and thousands are named, never read
        *((("overall", [cell, "4 - ok"], [None, 4],
            ["REPAIR overall labelled points 1 row; read '4 - ok' as 4.",
             'To make this certain declare recode = {overall = {"4 - ok" = 4}}',
             f"ERROR overall not a number 1 row: line 2 = {cell}", UNIT]))
          for cell in ("7 %", "3 EUR", "3 €", "2 ¥ x")),
        ("wait_minutes", ["x", "1,234"], [None, None],
         ["ERROR wait_minutes not a number 2 rows: line 2 = x, line 3 = 1,234", THOUSANDS]),
        ("wait_minutes", ["x", "12,34"], [None, None],
         ["ERROR wait_minutes not a number 2 rows: line 2 = x, line 3 = 12,34", WORDS]),
        # 45, 46, 52: keys
        ("response_id", ["1.0", "2.0", "2.0", ""], ["1", "2", "2", None],
         ["REPAIR response_id id with decimals 3 rows; written as whole numbers."]),
        ("response_id", ["", "7.0", None], [None, "7", None],
         ["REPAIR response_id id with decimals 1 row; written as whole numbers."]),
        ("response_id", ["1.0", "2.0", "x"], ["1.0", "2.0", "x"], []),
        ("response_id", ["1", "2.0"], ["1", "2.0"], []),
        ("response_id", ["", None], [None, None], []),
        ("response_id", ["R1", " R2 ", "", "R3\t"], ["R1", "R2", None, "R3"],
         ["REPAIR response_id blanks around an id 2 rows; mended."]),
        ("response_id", ["R1", "1.2E+14", "1e5", "x 9"], ["R1", None, None, "x 9"],
         ["ERROR response_id id shortened by a spreadsheet 2 rows: line 3 = 1.2E+14, line 4 = 1e5",
          "Format the column as text in the spreadsheet and export again."]),
        ("response_id", ["1e5", "2f6"], [None, "2f6"],
         ["ERROR response_id id shortened by a spreadsheet 1 row: line 2 = 1e5",
          "Format the column as text in the spreadsheet and export again."]),
        # 59: letters of another alphabet
        ("response_id", ["С1", "C2", "C2"], ["С1", "C2", "C2"],
         ["NOTE response_id look-alike letters 1 row; letters of another alphabet look like Latin ones; "
          "such keys match nothing."]),
        ("response_id", ["С1", "Ж2", None], ["С1", "Ж2", None], []),
        # 69, and what is not a flag
        ("overall", ["7.5", "8"], [None, 8],
         ["ERROR overall not a whole number 1 row: line 2 = 7.5",
          'If halves are meant, declare types = {overall = "number"}.']),
    ],
)  # fmt: skip
def test_what_a_cell_becomes_and_what_is_said(
    column: str, given: list[object], wanted: list[object], said: list[str]
) -> None:
    found = read({column: given})
    assert found.cells(column) == wanted
    assert found.said == said


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["45000", ""], ["ERROR answered_at not a date 1 row: line 2 = 45000", COUNTED]),
        (["45000,5"], ["ERROR answered_at not a date 1 row: line 2 = 45000,5", COUNTED]),
        (["1700000000"], ["ERROR answered_at not a date 1 row: line 2 = 1700000000", COUNTED]),
        (["1700000000123"], ["ERROR answered_at not a date 1 row: line 2 = 1700000000123", COUNTED]),
        (["13.01.2024", "01.12.2024"],
         ["ERROR answered_at not a date 2 rows: line 2 = 13.01.2024, line 3 = 01.12.2024",
          'They read as day first: declare date_order = "DMY".']),
        (["12-13-2024", "01.01.2024"],
         ["ERROR answered_at not a date 2 rows: line 2 = 12-13-2024, line 3 = 01.01.2024",
          'They read as month first: declare date_order = "MDY".']),
        (["12/12/2024"],
         ["ERROR answered_at not a date 1 row: line 2 = 12/12/2024",
          'Day and month cannot be told apart: declare date_order = "DMY" or "MDY".']),
        (["13/01/2024", "01/13/2024"],
         ["ERROR answered_at not a date 2 rows: line 2 = 13/01/2024, line 3 = 01/13/2024",
          "Some read as day first, others as month first: write all as 2024-12-31."]),
        (["soon"],
         ["ERROR answered_at not a date 1 row: line 2 = soon",
          'Write dates as 2024-12-31, or declare date_order = "DMY" (or "MDY").']),
        (["2024-07-15T12:00Z", "2024-07-15 12:00"],
         ["ERROR answered_at time zone 1 row: line 3 = 2024-07-15 12:00",
          'Some times carry a zone and others none: declare time_zone = "Europe/Berlin".']),
    ],
)  # fmt: skip
def test_a_date_that_cannot_be_read_says_which_option_declares_it(
    given: list[object], said: list[str]
) -> None:
    assert read({"answered_at": given}).said == [*said, AS_WRITTEN % "answered_at"]


def test_a_day_that_does_not_exist_in_the_declared_order_is_said() -> None:
    found = read({"answered_at": ["31.31.2024", "01.02.2024"]}, date_order="DMY")
    assert found.cells("answered_at") == [None, pd.Timestamp("2024-02-01")]
    assert found.said[:2] == [
        "ERROR answered_at not a date 1 row: line 2 = 31.31.2024",
        'Such a date does not exist in the declared date_order = "DMY": mend it.',
    ]


@pytest.mark.parametrize(
    ("given", "options", "wanted", "said"),
    [
        (["private", "Private", "private ", "fleet  x", "private", "FLEET x", "fleet  x", "", None], {},
         ["private", "private", "private", "fleet  x", "private", "fleet  x", "fleet  x", None, None],
         ["REPAIR segment spelling 2 rows; read 'Private' as 'private', 'FLEET x' as 'fleet x'.",
          DIFFER % "segment"]),
        (["A", "a", "B", "b", "C", "c", "D", "d"], {}, ["A", "A", "B", "B", "C", "C", "D", "D"],
         ["REPAIR segment spelling 4 rows; read 'a' as 'A', 'b' as 'B', 'c' as 'C'.", DIFFER % "segment"]),
        (["a", "b", "b "], {}, ["a", "b", "b"], []),
        # What the message asks for helps: declared spellings stay apart.
        (["private", "Private", "PRIVATE"], {"categories": {"segment": ("private", "Private")}},
         ["private", "Private", "Private"],
         ["REPAIR segment spelling 1 row; read 'PRIVATE' as 'Private'.", DIFFER % "segment"]),
        (["fleet", "FLEET", "FLEET"], {"categories": {"segment": ("fleet",)}}, ["fleet"] * 3,
         ["REPAIR segment spelling 2 rows; read 'FLEET' as 'fleet'.", DIFFER % "segment"]),
    ],
)  # fmt: skip
def test_spellings_of_a_category_become_one_unless_they_are_declared(
    given: list[object], options: dict[str, object], wanted: list[object], said: list[str]
) -> None:
    found = read({"segment": given}, table="customers", **options)  # type: ignore[arg-type]
    assert found.cells("segment") == wanted
    assert found.said == said


def test_spellings_of_a_column_outside_the_contract_and_failed_formulas_among_them() -> None:
    found = read({"x": ["a", "A", "a", "#N/A", "", None]}, types={"x": "category"})
    assert found.cells("x") == ["a", "a", "a", None, None, None]
    assert found.said[0].startswith("ERROR x error cell 1 row: line 5 = #N/A")
    assert found.said[2:] == ["REPAIR x spelling 1 row; read 'A' as 'a'.", DIFFER % "x"]


def test_a_key_that_is_shortened_is_shown_only_where_keys_are_no_pseudonyms() -> None:
    for pseudonyms, shown in (("off", "line 2 = 1e5"), ("keyed", "line 2")):
        found = read({"response_id": ["1e5"]}, pseudonyms=pseudonyms)
        assert found.said[0] == f"ERROR response_id id shortened by a spreadsheet 1 row: {shown}"


def test_endless_numbers_that_a_file_stores_are_no_numbers() -> None:
    found = read({"wait_minutes": pd.Series([np.inf, 5.0])}, kind="parquet")
    assert found.said == ["ERROR wait_minutes not a number 1 row: row 1 = inf", WORDS]


@pytest.mark.parametrize(
    "keys", [["7f3a", "_x", "1e5f"], ["0019", "2", "30"], ["a|1", "B:2", "c-3"], ["É1", "x"], ["1 2", "x"]]
)
def test_keys_of_any_form_stay_as_they_are(keys: list[object]) -> None:
    found = read({"response_id": keys})
    assert found.cells("response_id") == keys
    assert found.said == []


def test_the_values_of_the_contract_are_the_right_spelling_even_where_it_is_rare() -> None:
    assert read({"channel": ["Digital", "DIGITAL", "physical"]}, table="events").cells("channel") == [
        "digital", "digital", "physical",
    ]  # fmt: skip


def test_a_column_of_very_many_words_is_no_category_with_spellings() -> None:
    many = [f"word {number}" for number in range(2000)]
    assert read({"segment": [*many, "WORD 7"]}, table="customers").said == []
    assert (
        read({"segment": [*many[:1999], "WORD 7"]}, table="customers").said[0].startswith("REPAIR segment")
    )


def test_more_than_the_limit_of_repairs_is_an_error_that_keeps_the_hint() -> None:
    given = ["7"] * 18 + ["DK"] * 2
    found = read({"overall": given}, limit=0.05)
    assert found.said[0] == (
        "ERROR overall no answer in words 2 rows; 'DK' read as no answer (don't know). "
        "That is more than 5% of the rows, too many to mend."
    )
    assert read({"overall": [*given[:18], "7", "DK"]}, limit=0.05).said[0].startswith("REPAIR")


def test_cells_that_cannot_be_read_are_kept_so_that_they_are_not_said_again_as_empty() -> None:
    found = read({"overall": ["x", "#N/A", "7", "y"], "rating_billing": ["1", "x", "2", "3"]})
    assert {name: sorted(records) for name, records in found.state.unread.items()} == {
        "overall": [0, 1, 3], "rating_billing": [1],
    }  # fmt: skip


def test_each_emptied_cell_keeps_its_reason() -> None:
    found = read(
        {"response_id": ["a", "b", "c", "d"], "rating_billing": ["99", " 98", "7", "n/a"]},
        missing_codes={"rating_*": {"99": "not asked", "98": "refused", "97": "never"}},
    )
    assert found.cells("rating_billing") == [None, None, 7, None]
    assert found.said[:2] == [
        "REPAIR rating_billing missing code 1 row; 99 read as no answer (not asked), as declared.",
        "REPAIR rating_billing missing code 1 row; 98 read as no answer (refused), as declared.",
    ]
    assert found.state.reasons_table().to_numpy().tolist() == [
        ["a", "rating_billing", "not asked"],
        ["b", "rating_billing", "refused"],
        ["d", "rating_billing", "not experienced"],
    ]


def test_stored_numbers_have_missing_codes_by_their_value() -> None:
    stored = pd.Series([99.0, 7.0, np.nan])
    codes = {"overall": {"refused": "word", "99": "not asked"}}
    found = read({"overall": stored}, kind="parquet", missing_codes=codes)
    assert found.cells("overall") == [None, 7, None]
    assert found.said == [
        "REPAIR overall missing code 1 row; 99 read as no answer (not asked), as declared."
    ]


def test_declared_words_are_replaced_and_other_words_stay_errors() -> None:
    found = read(
        {"rating_billing": ["good", "bad", "7", " good", None]},
        recode={"rating_*": {"good": "9"}},
    )
    assert found.cells("rating_billing") == [9, None, 7, 9, None]
    assert found.said == ["ERROR rating_billing not a number 1 row: line 3 = bad", WORDS]


def test_the_decimal_mark_is_the_declared_one() -> None:
    comma = Dialect(decimal=",")
    assert read({"wait_minutes": ["1,5", "2"]}, dialect=comma).cells("wait_minutes") == [1.5, 2]
    assert read({"x": ["1,5", "2"]}, dialect=comma).cells("x") == [1.5, 2]
    assert read({"x": ["1,5", "2"]}).cells("x") == ["1,5", "2"]


@pytest.mark.parametrize(
    ("given", "kind"),
    [
        (["1", "2.5", ""], "number"),
        (["01", "2"], "category"),
        (["0", "10"], "number"),
        (["1", "x"], "category"),
        (["", None], "category"),
        (pd.Series([1, 2]), "number"),
        (pd.Series(["a", "b"], dtype="category"), "category"),
        (pd.Series(pd.to_datetime(["2024-01-01", "2024-01-02"])), "time"),
        (pd.Series([pd.Timedelta("1D")] * 2), "category"),
    ],
)
def test_a_carried_column_is_what_every_one_of_its_cells_is(given: list[object], kind: str) -> None:
    stored = "csv" if isinstance(given, list) else "parquet"
    assert read({"x": given}, kind=stored).state.kinds == {"x": kind}  # type: ignore[arg-type]


def test_a_declared_type_goes_before_what_the_cells_look_like() -> None:
    found = read({"x": ["1", "2"], "overall": ["7.5", "8"]}, types={"x": "category", "overall": "number"})
    assert found.cells("x") == ["1", "2"]
    assert found.cells("overall") == [7.5, 8]
    assert found.said == []


def test_numbers_are_dates_where_it_is_declared_what_they_count() -> None:
    found = read({"a_at": ["45000"], "b_at": ["45000"]}, number_dates={"a_*": "excel"})
    assert found.cells("a_at") == [pd.Timestamp("2023-03-15")]
    assert found.cells("b_at") == [None]


@pytest.mark.parametrize(
    ("declared", "stated", "hour", "said"),
    [
        ("", "", 12, ["taken as written, because no time_zone is declared."]),
        ("Europe/Berlin", "", 10, ["Europe/Berlin converted to UTC."]),
        ("Europe/Berlin", "Europe/Berlin", 10, ["Europe/Berlin converted to UTC."]),
        ("", "America/Denver", 18, ["America/Denver converted to UTC."]),
        ("Europe/Berlin", "America/Denver", 10,
         ["the export says America/Denver, cxlab.toml says Europe/Berlin; the latter counts.",
          "Europe/Berlin converted to UTC."]),
    ],
)  # fmt: skip
def test_the_time_zone_is_the_declared_one_else_that_of_the_export(
    declared: str, stated: str, hour: int, said: list[str]
) -> None:
    arranged = Arrangement(platform="qualtrics", time_zone=stated) if stated else None
    found = read({"answered_at": ["2024-07-15 12:00"]}, time_zone=declared, arrangement=arranged)
    assert found.cells("answered_at") == [pd.Timestamp(2024, 7, 15, hour)]
    rules = ["time zone", "times"][-len(said) :]
    assert found.said == [f"NOTE answered_at {rule} {text}" for rule, text in zip(rules, said, strict=True)]


def test_three_columns_of_times_are_named_and_of_more_that_there_are_more() -> None:
    names = ["a_at", "b_at", "c_at", "d_at"]
    assert read({name: ["2024-07-15"] for name in names[:3]}).said == [AS_WRITTEN % "a_at, b_at, c_at"]
    assert read({name: ["2024-07-15"] for name in names}).said == [AS_WRITTEN % "a_at, b_at, c_at, ..."]
    stored = pd.Series(pd.to_datetime(["2024-07-15"]))
    assert read({"a_at": stored}, kind="parquet").said == []


def test_times_in_the_hour_of_the_clock_change_are_counted_per_column() -> None:
    cells = ["2024-10-27 02:30", "2024-10-27 02:30", "2024-07-15 12:00", ""]
    found = read({"answered_at": cells}, time_zone="Europe/Berlin")
    assert found.said == [
        "REPAIR answered_at time in a clock-change hour, read as winter time 2 rows; mended.",
        "NOTE answered_at times Europe/Berlin converted to UTC.",
    ]


def test_ids_that_a_file_stores_as_numbers_are_said_whole_or_refused() -> None:
    whole = read({"response_id": pd.Series([1.0, 2.0, np.nan])}, kind="parquet")
    assert whole.cells("response_id") == ["1", "2", None]
    assert whole.said == [
        "REPAIR response_id id stored as a number 2 rows; written as whole numbers.",
    ]
    broken = read({"response_id": pd.Series([1.0, 2.5])}, kind="parquet", limit=0.0)
    assert broken.said == [
        "REPAIR response_id id stored as a number 2 rows; written as whole numbers.",
        "ERROR response_id id with decimals 1 row: row 2 = 2.5",
        "Store ids as text.",
    ]


def test_a_flag_that_is_none_says_how_to_declare_it() -> None:
    found = read({"churned": ["1", "No", "maybe", ""]}, table="customers")
    assert found.cells("churned") == [1, 0, None, None]
    assert found.said == [
        "ERROR churned yes or no 1 row: line 4 = maybe",
        "Declare recode = {churned = {...}} with 0 and 1.",
    ]


def test_labels_of_an_spss_file_make_a_category_and_its_codes_for_no_answer_are_emptied() -> None:
    labels = {"x": Labels(values={1.0: "north", 2.0: "south"}, missing={9.0: "refused"})}
    stored = pd.Series([1.0, 2.0, 9.0])
    found = read({"x": stored, "y": stored}, kind="spss", labels=labels)
    assert found.cells("x") == ["north", "south", None]
    assert found.cells("y") == [1, 2, 9]
    assert found.said == [
        "REPAIR x missing code 1 row; 9 read as no answer (refused), as the SPSS file declares."
    ]


def derived(operation: str, *columns: str, limit: float = 0.0) -> Derived:
    return Derived(operation=operation, columns=columns, limit=limit)


def test_days_between_are_calendar_days_where_the_customer_lives() -> None:
    columns = {"a_at": ["2024-07-01 23:30", "2024-07-02 00:10", ""], "b_at": ["2024-07-02 00:30"] * 3}
    made = {
        "n_days": derived("days_between", "a_at", "b_at"),
        "n_hours": derived("hours_between", "a_at", "b_at"),
        "n_minutes": derived("minutes_between", "a_at", "b_at"),
    }
    for zone in ("Europe/Berlin", ""):
        found = read(columns, time_zone=zone, derived=made)
        assert found.cells("n_days") == [1, 0, None]
        assert found.cells("n_hours") == [1, pytest.approx(1 / 3), None]
        assert found.cells("n_minutes") == [60, 20, None]
        assert found.state.kinds["n_days"] == "number"
    whole = read(
        {"a_at": ["2024-07-01"], "b_at": ["2024-07-03"]},
        derived={"n": derived("days_between", "a_at", "b_at")},
    )
    assert str(whole.frame["n"].dtype) == "float64"


def test_a_limit_makes_a_flag_and_a_missing_number_none() -> None:
    made = {"late": derived("above", "wait_minutes", limit=10.0)}
    found = read({"wait_minutes": ["5", "15", "10", ""]}, derived=made)
    assert found.cells("late") == [0, 1, 0, None]
    assert found.state.kinds["late"] == "flag"
    assert str(found.frame["late"].dtype) == "Int8"


def test_a_computed_column_says_what_it_needs() -> None:
    made = {
        "m": derived("above", "nowhere"),
        "b": derived("days_between", "wait_minutes", "wait_minutes"),
        "c": derived("above", "a_at"),
        "good": derived("above", "wait_minutes", limit=1.0),
    }
    found = read({"wait_minutes": ["5"], "a_at": ["2024-01-01"]}, derived=made)
    step = "Map it under columns and give its types."
    assert found.said[1:] == [
        "ERROR m derived needs the column nowhere.", step,
        "ERROR b derived needs wait_minutes as time.", step,
        "ERROR c derived needs a_at as number.", step,
    ]  # fmt: skip
    assert found.cells("good") == [1]
    assert list(found.frame.columns) == ["wait_minutes", "a_at", "good"]


def test_an_event_is_known_when_it_happens_unless_the_file_says_when() -> None:
    found = read({"occurred_at": ["2024-01-01"], "wait_minutes": ["5"]}, table="events")
    assert list(found.frame.columns) == ["occurred_at", "known_at", "wait_minutes"]
    assert found.cells("known_at") == [pd.Timestamp("2024-01-01")]
    assert found.state.kinds["known_at"] == "time"
    assert found.said[1] == (
        "NOTE known_at not given taken as the time of the event: each record counts as visible at once."
    )
    given = {"occurred_at": ["2024-01-01"], "known_at": ["2024-01-03"]}
    assert read(given, table="events").cells("known_at") == [pd.Timestamp("2024-01-03")]
    assert "known_at" not in read({"occurred_at": ["2024-01-01"]}).frame


@pytest.mark.parametrize(
    ("rule", "wanted", "said"),
    [
        ({"negative_above": 20.0, "positive_below": 10.0}, [1, 0, 0, 0, -1],
         "negative_above 20, positive_below 10"),
        ({"negative_below": 10.0, "positive_above": 20.0}, [-1, 0, 0, 0, 1],
         "negative_below 10, positive_above 20"),
    ],
)  # fmt: skip
def test_the_valence_of_an_event_follows_declared_limits(
    rule: dict[str, float], wanted: list[int], said: str
) -> None:
    waits = ["5", "10", "15", "20", "25"]
    outcome = OutcomeRule(column="wait_minutes", **rule)
    found = read({"wait_minutes": waits}, table="events", outcome=outcome)
    assert found.cells("outcome") == wanted
    assert str(found.frame["outcome"].dtype) == "int8"
    assert found.state.kinds["outcome"] == "sign"
    assert found.said == [f"NOTE outcome outcome taken from wait_minutes: {said}; 0 otherwise."]


def test_a_valence_without_its_metric_is_an_error() -> None:
    outcome = OutcomeRule(column="wait_minutes", negative_above=20.0)
    found = read({"wait_minutes": ["5", "", ""]}, table="events", outcome=outcome)
    assert found.said[:2] == [
        "ERROR outcome outcome 2 rows; wait_minutes is empty, so the valence is not known.",
        'Keep only rows that have it: keep = {"<your column>" = "filled"}.',
    ]
    words = OutcomeRule(column="wait", negative_above=20.0)
    found = read({"wait": ["5", "a"]}, table="events", outcome=words)
    assert found.said == ["ERROR outcome outcome needs wait as a number."]
    assert "outcome" not in found.frame
