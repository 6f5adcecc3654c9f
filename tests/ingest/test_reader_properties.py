"""Every reader, 200 drawn tables each: what was written is read, no row is lost, damage is noticed."""

from __future__ import annotations

import csv
import gzip
import io
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import openpyxl
import pandas as pd
import pyarrow as pa
import pyreadstat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import parquet

import cxlab
from cxlab.cli import main
from cxlab.core.errors import Finding, TableError
from cxlab.ingest.bytes_rules import UnreadableError
from cxlab.ingest.config import Dialect
from cxlab.ingest.manifest import changed_files, write_manifest
from cxlab.ingest.readers import read_source
from cxlab.ingest.sources import Source

#: Check sums are cheap enough for 200 examples always; readers get fewer by default, 400 in the long run.
MANY = settings(max_examples=200, deadline=None, derandomize=True, database=None)
SOME = settings(max_examples=20, deadline=None, derandomize=True, database=None)
LONG = settings(max_examples=400, deadline=None, derandomize=True, database=None)
LETTERS = st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"])
#: Cells that keep their form in every format: text begins and ends with a letter, so no blank is at stake.
WORD = st.text(LETTERS, max_size=12).map(lambda text: f"x{text}y")
ROW = st.tuples(WORD, st.integers(-(10**6), 10**6), st.floats(-1e6, 1e6, allow_nan=False), st.booleans())
TABLE = st.lists(ROW, min_size=1, max_size=8)
NAMES = ["key", "whole", "broken", "flag"]


def read(name: str, data: bytes, **dialect: str) -> Source:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, name)
        path.write_bytes(data)
        return read_source(path, file=name, dialect=Dialect(**dialect))


def read_or_refusal(name: str, data: bytes) -> Source | Finding:
    """The source, or the finding that says why there is none; any other exception fails the test."""
    try:
        return read(name, data)
    except UnreadableError as error:
        return error.finding


def as_csv(
    rows: list[tuple[object, ...]], delimiter: str, newline: str, encoding: str, quoting: int
) -> bytes:
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator=newline, quoting=quoting)  # type: ignore[arg-type]
    writer.writerow(NAMES)
    writer.writerows(rows)
    return buffer.getvalue().encode(encoding)


def as_excel(rows: list[tuple[object, ...]]) -> bytes:
    book = openpyxl.Workbook()
    for row in [NAMES, *map(list, rows)]:
        book.active.append(row)
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def as_parquet(rows: list[tuple[object, ...]]) -> bytes:
    buffer = io.BytesIO()
    pd.DataFrame(rows, columns=NAMES).to_parquet(buffer)
    return buffer.getvalue()


def as_spss(rows: list[tuple[object, ...]]) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        frame = pd.DataFrame(rows, columns=NAMES).astype({"flag": "float64", "whole": "float64"})
        pyreadstat.write_sav(frame, Path(folder, "a.sav"))
        return Path(folder, "a.sav").read_bytes()


def same(source: Source, rows: list[tuple[object, ...]]) -> None:
    frame = source.frame
    assert list(frame.columns) == NAMES
    assert frame["key"].tolist() == [row[0] for row in rows]
    assert pd.to_numeric(frame["whole"]).tolist() == [row[1] for row in rows]
    assert np.allclose(pd.to_numeric(frame["broken"]), [row[2] for row in rows], rtol=1e-12, atol=0)
    flags = frame["flag"].map(lambda cell: str(cell).lower() in ("true", "1", "1.0"))
    assert flags.tolist() == [row[3] for row in rows]


DIALECTS = (
    TABLE, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["\n", "\r\n"]),
    st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.booleans(),
)  # fmt: skip


def read_in_dialect(
    rows: list[tuple[object, ...]], delimiter: str, newline: str, encoding: str, quoting: int, packed: bool
) -> None:
    data = as_csv(rows, delimiter, newline, encoding, quoting)
    name = "a.csv.gz" if packed else "a.csv"
    same(read(name, gzip.compress(data) if packed else data, delimiter=delimiter, encoding=encoding), rows)


def test_csv_in_every_dialect_is_read_as_written() -> None:
    settings(SOME, max_examples=60)(given(*DIALECTS)(read_in_dialect))()


@pytest.mark.statistics
def test_csv_in_every_dialect_is_read_as_written_in_a_long_run() -> None:
    LONG(given(*DIALECTS)(read_in_dialect))()


@SOME
@given(TABLE)
def test_parquet_is_read_as_written(rows: list[tuple[object, ...]]) -> None:
    same(read("a.parquet", as_parquet(rows)), rows)


@pytest.mark.statistics
@LONG
@given(TABLE)
def test_parquet_is_read_as_written_in_a_long_run(rows: list[tuple[object, ...]]) -> None:
    same(read("a.parquet", as_parquet(rows)), rows)


@SOME
@given(TABLE)
def test_spss_is_read_as_written(rows: list[tuple[object, ...]]) -> None:
    same(read("a.sav", as_spss(rows)), rows)


@pytest.mark.statistics
@LONG
@given(TABLE)
def test_spss_is_read_as_written_in_a_long_run(rows: list[tuple[object, ...]]) -> None:
    same(read("a.sav", as_spss(rows)), rows)


PLAIN = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Cn"]), max_size=12)


CELLS = st.lists(
    st.tuples(PLAIN.map(lambda t: f"x{t}y"), st.integers(-999, 999), st.just(0.5), st.booleans()),
    min_size=1,
    max_size=4,
)


@SOME
@given(CELLS)
def test_excel_is_read_as_written(rows: list[tuple[object, ...]]) -> None:
    same(read("a.xlsx", as_excel(rows)), rows)


@pytest.mark.statistics
@LONG
@given(CELLS)
def test_excel_is_read_as_written_in_a_long_run(rows: list[tuple[object, ...]]) -> None:
    same(read("a.xlsx", as_excel(rows)), rows)


SAMPLE: list[tuple[object, ...]] = [("xay", 1, 0.5, True), ("xby", 22, 1.25, False), ("xcy", -3, 7.0, True)]
WRITTEN: dict[str, Callable[[], bytes]] = {
    "a.csv": lambda: as_csv(SAMPLE, ",", "\n", "utf-8", csv.QUOTE_MINIMAL),
    "a.csv.gz": lambda: gzip.compress(as_csv(SAMPLE, ";", "\r\n", "utf-8", csv.QUOTE_ALL), mtime=0),
    "a.xlsx": lambda: as_excel(SAMPLE),
    "a.parquet": lambda: as_parquet(SAMPLE),
    "a.sav": lambda: as_spss(SAMPLE),
}


#: Formats with a check sum over every cell: what is read without a word is the whole table.
CHECKED = ("a.csv.gz", "a.xlsx")


def hold_broken(name: str, whole: bytes, place: int, value: int) -> str:
    """One broken byte: the same table, an error that names the file, or a counted repair; which one."""
    data = bytearray(whole)
    data[place] = value
    source = read_or_refusal(name, bytes(data))
    if isinstance(source, Finding):
        assert (source.file, source.level) == (name, "error")
        assert source.message
        return "refused"
    said = any(finding.level in ("error", "repair") for finding in source.findings)
    if name in CHECKED:
        if not said:
            same(source, SAMPLE)
        return "said" if said else "same table"
    counted = len(source.frame) + sum(f.rows for f in source.findings if f.rule == "fields")
    assert counted == len(SAMPLE) or said or name == "a.csv"
    if name == "a.csv":
        hold_broken_text(source, counted, place, bytes(data))
    return "said" if said else "same table" if is_same(source) else "another value"


def is_same(source: Source) -> bool:
    try:
        same(source, SAMPLE)
    except (AssertionError, ValueError, TypeError):
        return False
    return True


def hold_broken_text(source: Source, counted: int, place: int, data: bytes) -> None:
    """Text has no check sum: another character may be another value, but only in its own row."""
    if counted != len(SAMPLE):
        # a line end was written over or in: the text has that many lines, and no other row changed
        assert counted in (len(SAMPLE) - 1, len(SAMPLE) + 1, len(SAMPLE) - 2)
        return
    if list(source.frame.columns) != NAMES or len(source.frame) != len(SAMPLE):
        return
    broken_row = data[:place].count(b"\n") - 1
    for row, (kept, written) in enumerate(zip(source.frame.itertuples(index=False), SAMPLE, strict=True)):
        if row not in (broken_row, broken_row + 1, broken_row - 1):
            assert kept[0] == written[0]
            assert float(kept[1]) == written[1]


@pytest.mark.parametrize("name", WRITTEN)
def test_a_broken_byte_is_an_error_or_keeps_every_row(name: str) -> None:
    """A format without a check sum cannot tell one digit from another, so a changed value may pass there;
    a lost row or a traceback may not, and with a check sum nothing may."""
    whole = WRITTEN[name]()

    @SOME
    @given(st.integers(0, len(whole) - 1), st.integers(0, 255))
    def broken(place: int, value: int) -> None:
        hold_broken(name, whole, place, value)

    broken()


@pytest.mark.parametrize("name", WRITTEN)
def test_with_a_list_of_check_sums_every_broken_byte_is_an_error(name: str, tmp_path: Path) -> None:
    """What no reader can see without one: ``cxlab check DIR --write-manifest`` makes the list."""
    whole = WRITTEN[name]()
    (tmp_path / name).write_bytes(whole)
    assert write_manifest(tmp_path) == (tmp_path / "SHA256SUMS", 1)
    assert changed_files(tmp_path) == []

    @MANY
    @given(st.integers(0, len(whole) - 1), st.integers(0, 255))
    def broken(place: int, value: int) -> None:
        data = bytearray(whole)
        data[place] = value
        (tmp_path / name).write_bytes(bytes(data))
        found = changed_files(tmp_path)
        assert [(f.level, f.file) for f in found] == ([] if data == whole else [("error", name)])

    broken()


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="no sha256sum on this machine")
def test_the_list_is_one_that_sha256sum_checks(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name in ("surveys.csv", "parts/jan 1.csv"):
        (tmp_path / name).write_text("a,b\n1,2\n")
    write_manifest(tmp_path)
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout.count(": OK")) == (0, 2)


def test_a_changed_file_does_not_load_and_a_new_one_is_said(tmp_path: Path) -> None:
    answers = "response_id,customer_id,answered_at,overall\nR1,C1,2024-03-01,7\n"
    (tmp_path / "cxlab.toml").write_text('[privacy]\npseudonyms = "off"\n')
    (tmp_path / "surveys.csv").write_text(answers)
    assert main(["check", str(tmp_path), "--write-manifest"]) == 0
    (tmp_path / "events.csv").write_text(
        "event_id,customer_id,occurred_at,touchpoint\nE1,C1,2024-02-01,a\n"
    )
    report = cxlab.check(tmp_path)
    assert report.ok
    assert "events.csv is not in the list" in " ".join(report.lines())
    (tmp_path / "surveys.csv").write_text(answers.replace(",7", ",1"))
    with pytest.raises(TableError, match="a byte or more changed"):
        cxlab.load(tmp_path)
    (tmp_path / "surveys.csv").unlink()
    assert "not in the folder" in " ".join(cxlab.check(tmp_path).lines())
    (tmp_path / "SHA256SUMS").write_text("nothing of the kind\n")
    assert "no check sum" in " ".join(cxlab.check(tmp_path).lines())


def test_a_parquet_file_with_check_sums_of_pages_shows_no_damage_of_its_cells() -> None:
    buffer = io.BytesIO()
    frame = pd.DataFrame({"key": [f"C{k:05d}" for k in range(500)], "score": np.arange(500) % 10})
    parquet.write_table(pa.Table.from_pandas(frame), buffer, write_page_checksum=True, compression="none")
    whole = buffer.getvalue()
    place = whole.index(b"C00250")
    damaged = whole[:place] + b"X" + whole[place + 1 :]
    assert isinstance(read_or_refusal("a.parquet", damaged), Finding)
    assert read("a.parquet", whole).frame["key"].tolist() == frame["key"].tolist()


@pytest.mark.statistics
@pytest.mark.parametrize("name", WRITTEN)
def test_a_broken_byte_is_an_error_or_keeps_every_row_in_a_long_run(
    name: str, record_figure: Callable[..., None]
) -> None:
    """How many broken bytes no reader sees is measured: only a list of check sums finds those."""
    whole = WRITTEN[name]()
    became: list[str] = []

    @LONG
    @given(st.integers(0, len(whole) - 1), st.integers(0, 255))
    def broken(place: int, value: int) -> None:
        became.append(hold_broken(name, whole, place, value))

    broken()
    for what in ("refused", "said", "same table", "another value"):
        bound = "0" if what == "another value" and name in CHECKED else ""
        share = became.count(what) / len(became)
        record_figure(f"{name}, a broken byte: {what}", share, runs=len(became), bound=bound)
    assert name not in CHECKED or "another value" not in became
