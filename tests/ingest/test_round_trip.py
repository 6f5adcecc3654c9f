"""Write, then read: any answers in any CSV dialect come back equal, in any order of the columns."""

from __future__ import annotations

import csv
import io
import tempfile
from pathlib import Path

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cxlab

FEW = settings(max_examples=15, deadline=None, derandomize=True)
# Comments may hold delimiters, quotes and line breaks, but a cell of blanks is an empty cell.
WORDS = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], include_characters='\n";,\t|'),
    max_size=20,
)
ROWS = st.lists(
    st.tuples(
        st.sampled_from(["001", "NA", "C-9", "1e", "ä|ö"]),
        st.datetimes(
            min_value=pd.Timestamp("2020-01-01").to_pydatetime(),
            max_value=pd.Timestamp("2024-01-01").to_pydatetime(),
        ),
        st.one_of(st.none(), st.integers(1, 10)),
        st.floats(0, 1e6),
        WORDS,
    ),
    min_size=1,
    max_size=12,
)
DIALECTS = st.tuples(
    st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "cp1252"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), st.sampled_from([".", ","]),
)  # fmt: skip


def written(
    rows: list[tuple[object, ...]], dialect: tuple[str, str, str, int, str], order: list[int]
) -> bytes:
    delimiter, newline, encoding, quoting, decimal = dialect
    names = ["response_id", "customer_id", "answered_at", "overall", "wait_minutes", "comment"]
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=newline, quoting=quoting)
    writer.writerow([names[place] for place in order])
    for number, (customer, moment, overall, wait, comment) in enumerate(rows):
        cells = [f"R{number:02d}", customer, str(moment), "" if overall is None else overall,
                 repr(wait).replace(".", decimal), comment]  # fmt: skip
        writer.writerow([cells[place] for place in order])
    return buffer.getvalue().encode(encoding)


def read(data: bytes, dialect: tuple[str, str, str, int, str]) -> cxlab.Tables:
    delimiter, _, encoding, _, decimal = dialect
    with tempfile.TemporaryDirectory() as name:
        Path(name, "surveys.csv").write_bytes(data)
        mark = "\\t" if delimiter == "\t" else delimiter
        Path(name, "cxlab.toml").write_text(
            f'delimiter = "{mark}"\nencoding = "{encoding}"\ndecimal = "{decimal}"\n'
            '[privacy]\npseudonyms = "off"\ncomments = "as written"\n'
        )
        return cxlab.load(name)


def hold_round_trip(
    rows: list[tuple[object, ...]], dialect: tuple[str, str, str, int, str], order: list[int]
) -> None:
    if dialect[2] == "cp1252":  # an encoding of 218 letters: the others cannot be written at all
        rows = [(*row[:4], str(row[4]).encode("cp1252", "ignore").decode("cp1252")) for row in rows]
    if all(row[2] is None for row in rows):
        rows = [(rows[0][0], rows[0][1], 5, *rows[0][3:]), *rows[1:]]
    surveys = read(written(rows, dialect, order), dialect).surveys
    assert surveys["customer_id"].tolist() == [row[0] for row in rows]
    assert surveys["answered_at"].tolist() == [pd.Timestamp(row[1]) for row in rows]  # type: ignore[call-overload]
    assert [None if pd.isna(cell) else cell for cell in surveys["overall"]] == [row[2] for row in rows]
    assert surveys["wait_minutes"].tolist() == [row[3] for row in rows]
    comments = [str(row[4]).strip() for row in rows]
    assert ["" if pd.isna(cell) else cell for cell in surveys["comment"]] == comments


def test_what_was_written_is_read_in_every_dialect() -> None:
    FEW(given(ROWS, DIALECTS, st.permutations(range(6)))(hold_round_trip))()


@pytest.mark.statistics
def test_what_was_written_is_read_in_every_dialect_in_a_long_run() -> None:
    settings(FEW, max_examples=200)(given(ROWS, DIALECTS, st.permutations(range(6)))(hold_round_trip))()


@FEW
@given(st.data())
def test_a_damaged_byte_is_an_error_a_counted_repair_or_one_other_value(data: st.DataObject) -> None:
    """Whatever byte is broken, there is no traceback and no row disappears without a word."""
    rows = [
        ("C1", pd.Timestamp("2022-05-01 10:00"), 7, 3.5, "fine"),
        ("C2", pd.Timestamp("2022-05-02"), 9, 4.0, "ok"),
    ]
    dialect = (",", "\n", "utf-8", csv.QUOTE_MINIMAL, ".")
    whole = bytearray(written(rows, dialect, list(range(6))))  # type: ignore[arg-type]
    place = data.draw(st.integers(0, len(whole) - 1))
    whole[place] = data.draw(st.integers(0, 255))
    with tempfile.TemporaryDirectory() as name:
        Path(name, "surveys.csv").write_bytes(bytes(whole))
        report = cxlab.check(name)
    counted = report.rows()
    assert (counted["rows_read"] == counted["rows_kept"] + counted["rows_set_aside"]).all()
    if report.ok:
        assert int(counted["rows_read"].iloc[0]) == 2 or any(f.level == "repair" for f in report.findings)
