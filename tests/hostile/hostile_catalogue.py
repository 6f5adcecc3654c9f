"""Broken folders, one fault each, with the finding that each must give; later rules add entries here."""

from __future__ import annotations

import gzip
import io
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import openpyxl

Files = dict[str, bytes]


def csv_text(rows: list[dict[str, object]], delimiter: str = ",") -> str:
    """Rows as CSV text; no quoting, so that a test sees exactly what it wrote."""
    lines = [delimiter.join(rows[0])] + [delimiter.join(str(cell) for cell in row.values()) for row in rows]
    return "\n".join(lines) + "\n"


def survey_rows(count: int = 48) -> list[dict[str, object]]:
    return [
        {
            "response_id": f"R{place:04d}",
            "customer_id": f"C{place % 20:03d}",
            "answered_at": f"2024-03-{place % 28 + 1:02d} 10:00:00",
            "location_id": "D1" if place % 2 else "D2",
            "overall": place % 10 + 1,
            "rating_reception": place % 10 + 1,
            "rating_billing": "" if place % 7 == 0 else min(10, place % 10 + 1 + place % 2),
        }
        for place in range(count)
    ]


def clean_folder() -> Files:
    """Three tables without a fault."""
    customers = [
        {
            "customer_id": f"C{place:03d}",
            "joined_at": "2020-01-01",
            "left_at": "2024-06-01" if place == 0 else "",
            "segment": "private" if place % 4 else "fleet",
        }
        for place in range(20)
    ]
    events = [
        {
            "event_id": f"E{place:03d}",
            "customer_id": f"C{place % 20:03d}",
            "occurred_at": f"2024-02-{place % 28 + 1:02d}",
            "known_at": f"2024-02-{place % 28 + 1:02d} 12:00",
            "outcome": place % 3 - 1,
            "wait_minutes": place / 2,
        }
        for place in range(60)
    ]
    complaints = [
        {
            "complaint_id": f"K{place}",
            "customer_id": f"C{place:03d}",
            "opened_at": "2024-02-10",
            "resolved_at": "2024-02-12",
            "severity": place % 3,
        }
        for place in range(20)
    ]
    return {
        "cxlab.toml": b'title = "hostile"\ndata_end = 2024-12-31\n',
        "surveys.csv": csv_text(survey_rows()).encode(),
        "customers.csv": csv_text(customers).encode(),
        "events.csv": csv_text(events).encode(),
        "complaints.csv": csv_text(complaints).encode(),
    }


def surveys(change: Callable[[list[dict[str, object]]], object]) -> Callable[[Files], None]:
    """A fault put into the survey rows."""

    def apply(files: Files) -> None:
        rows = survey_rows()
        change(rows)
        files["surveys.csv"] = csv_text(rows).encode()

    return apply


def cells(column: str, values: Mapping[int, object]) -> Callable[[Files], None]:
    """Single cells of the surveys overwritten: row number -> value."""
    return surveys(lambda rows: [rows[place].__setitem__(column, value) for place, value in values.items()])


def whole(name: str, data: bytes | Callable[[bytes], bytes]) -> Callable[[Files], None]:
    """A whole file replaced."""

    def apply(files: Files) -> None:
        files[name] = data if isinstance(data, bytes) else data(files[name])

    return apply


def text(name: str, old: str, new: str) -> Callable[[Files], None]:
    return whole(name, lambda data: data.replace(old.encode(), new.encode()))


def workbook_bytes() -> bytes:
    book = openpyxl.Workbook()
    book.active.append(["response_id", "overall"])
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def zip_bytes(names: list[str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(name, "response_id,overall\nR1,5\n")
    return buffer.getvalue()


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A broken folder: how it is broken, and the finding it must give."""

    name: str
    numbers: tuple[int, ...]
    breaks: Callable[[Files], None]
    file: str = "surveys.csv"
    level: str = "error"
    rule: str
    column: str = ""
    rows: int | None = None
    changes: int | None = 0
    says: tuple[str, ...] = field(default=())


def fault(
    name: str, numbers: tuple[int, ...] | int, breaks: Callable[[Files], None], **expected: object
) -> Fault:
    given = numbers if isinstance(numbers, tuple) else (numbers,)
    return Fault(name=name, numbers=given, breaks=breaks, **expected)  # type: ignore[arg-type]


def drop_file(name: str) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        files["cxlab.toml"] += f'[surveys]\nfile = "{name}"\n'.encode()

    return apply


def without(column: str) -> Callable[[Files], None]:
    return surveys(lambda rows: [row.pop(column) for row in rows])


def renamed(column: str, to: str) -> Callable[[Files], None]:
    return text("surveys.csv", f"{column},", f"{to},")


def german(data: bytes) -> bytes:
    return data.replace(b",", b";")


def german_amounts(data: bytes) -> bytes:
    """Semicolons, and a last column of amounts: one comma in each line but the first."""
    head, *rows = german(data).decode().splitlines()
    return "\n".join(
        [f"{head};spent_eur", *(f"{row};{place},50" for place, row in enumerate(rows))]
    ).encode()


def declared(section: str, breaks: Callable[[Files], None] = lambda files: None) -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        breaks(files)
        files["cxlab.toml"] += section.encode()

    return apply


FAULTS = [
    fault("an empty file", 1, whole("surveys.csv", b""), rule="empty file"),
    fault("a file of blanks", 1, whole("surveys.csv", b"\xef\xbb\xbf \r\n\n"), rule="empty file"),
    fault(
        "only a header", 2, whole("surveys.csv", lambda data: data.split(b"\n")[0] + b"\n"), rule="no rows"
    ),
    fault(
        "a declared file that is not there",
        3,
        drop_file("answers.csv"),
        file="answers.csv",
        rule="missing file",
        says=("surveys.csv", "file ="),
    ),
    fault(
        "a workbook called csv",
        5,
        whole("surveys.csv", workbook_bytes()),
        rule="file kind",
        says=("Excel",),
    ),
    fault(
        "a web page called csv",
        6,
        whole("surveys.csv", b"<!DOCTYPE html><html>login</html>"),
        rule="file kind",
        says=("web page",),
    ),
    fault("a cut gzip", 7, whole("surveys.csv", lambda data: gzip.compress(data)[:-40]), rule="gzip"),
    fault(
        "a cut workbook",
        8,
        declared('[locations]\nfile = "sites.xlsx"\n', whole("sites.xlsx", workbook_bytes()[:900])),
        file="sites.xlsx",
        rule="workbook",
    ),
    fault(
        "a zip with two tables",
        (5,),
        whole("surveys.csv", zip_bytes(["a.csv", "b.csv"])),
        rule="zip",
        says=("a.csv",),
    ),
    fault("a Parquet file called csv", (5,), whole("surveys.csv", b"PAR1....PAR1"), rule="file kind"),
    fault(
        "UTF-16",
        10,
        whole("surveys.csv", lambda data: data.decode().encode("utf-16")),
        level="repair",
        rule="encoding",
        says=("utf-16",),
    ),
    fault(
        "UTF-16 cut inside a letter",
        10,
        whole("surveys.csv", lambda data: data.decode().encode("utf-16")[:-3]),
        rule="encoding",
        says=("line 49", "UTF-16"),
    ),
    fault(
        "undeclared Windows-1252",
        12,
        whole("surveys.csv", lambda d: d.replace(b"D1", "Köln".encode("cp1252"))),
        changes=24,
        level="repair",
        rule="encoding",
        rows=24,
        says=('encoding = "cp1252"',),
    ),
    fault(
        "two encodings in one file",
        13,
        whole(
            "surveys.csv",
            lambda d: d.replace(b"D1", "Köln".encode(), 1).replace(b"D1", "Köln".encode("cp1252")),
        ),
        rule="encoding",
        says=("line 5",),
    ),
    fault("a NUL byte", 15, text("surveys.csv", "R0003", "R\0003"), rule="NUL byte", says=("line 5",)),
    fault(
        "a cut last row",
        17,
        whole("surveys.csv", lambda data: data[:-14]),
        rule="fields",
        rows=1,
        says=("line 49 has",),
    ),
    fault(
        "an unquoted delimiter",
        18,
        text("surveys.csv", "R0003", "R,0003"),
        rule="fields",
        rows=1,
        says=("line 5 has 8 fields", "header has 7"),
    ),
    fault(
        "an open quote", 19, text("surveys.csv", "R0003,", '"R0003,'), rule="open quote", says=("line 5",)
    ),
    fault(
        "blank rows",
        23,
        text("surveys.csv", "R0003,", "\nR0003,"),
        level="repair",
        rule="blank rows",
        rows=1,
    ),
    fault(
        "semicolons undeclared",
        26,
        whole("surveys.csv", german),
        level="repair",
        rule="delimiter",
        says=('delimiter = ";"',),
    ),
    fault(
        "semicolons undeclared, and a decimal comma in each line but the header",
        26,
        declared('[surveys]\ndecimal = ","\n', whole("surveys.csv", german_amounts)),
        level="repair",
        rule="delimiter",
        says=('delimiter = ";"',),
    ),
    fault(
        "semicolons undeclared, and a comma inside a name of the header",
        26,
        whole(
            "surveys.csv",
            lambda data: german(data).replace(b"rating_billing", b"rating_billing;why, if so"),
        ),
        rule="fields",
    ),
    fault(
        "a wrong declared delimiter",
        26,
        declared('delimiter = "|"\n'),
        rule="delimiter",
        says=('delimiter = ","',),
    ),
    fault(
        "tabs",
        28,
        whole("surveys.csv", lambda data: data.replace(b",", b"\t")),
        level="repair",
        rule="delimiter",
    ),
    fault(
        "a gzip bomb",
        29,
        whole("surveys.csv", gzip.compress(b"a,b\n" + b"0" * 30_000_000)),
        rule="gzip",
        says=("unpacks to more",),
    ),
    fault(
        "no overall column",
        33,
        renamed("overall", "Overall score"),
        rule="column is missing",
        column="overall",
        says=("Columns found: response_id", "Did you mean 'Overall score'?", 'absent = ["overall"]'),
    ),
    fault(
        "no customer and no time",
        34,
        whole("surveys.csv", b"response_id,overall\nR1,5\n"),
        rule="column is missing",
        column="answered_at",
    ),
    fault(
        "two columns of one name",
        35,
        renamed("location_id", "overall"),
        rule="column names",
        says=("overall",),
    ),
    fault(
        "a column that is not known",
        39,
        renamed("location_id", "branch"),
        changes=48,
        level="note",
        rule="not carried",
        says=("branch", "carry"),
    ),
    fault(
        "nothing known in the header",
        42,
        whole("surveys.csv", b"a,b\n1,2\n"),
        rule="column is missing",
        column="response_id",
    ),
    fault(
        "no header: the first record stands there",
        42,
        whole("surveys.csv", lambda data: data[data.index(b"\n") + 1 :]),
        rule="column is missing",
        column="overall",
        says=("Columns found: R0000, C000",),
    ),
    fault(
        "exact duplicates",
        43,
        surveys(lambda rows: rows.append(dict(rows[5]))),
        level="repair",
        rule="exact duplicates",
        column="response_id",
        rows=1,
    ),
    fault(
        "too many exact duplicates",
        43,
        surveys(lambda rows: rows.extend([dict(row) for row in rows])),
        rule="exact duplicates",
        rows=48,
        says=("repair_limit_share",),
    ),
    fault(
        "duplicates that differ",
        44,
        surveys(lambda rows: rows.append({**rows[5], "overall": 1})),
        rule="unique key",
        column="response_id",
        rows=2,
        says=("differ in overall", "line 7, line 50"),
    ),
    fault(
        "ids with blanks around them",
        46,
        cells("customer_id", {3: "C003 "}),
        level="repair",
        rule="blanks around an id",
        column="customer_id",
        rows=1,
    ),
    fault(
        "events of unknown customers",
        48,
        text("events.csv", "C007", "X007"),
        file="events.csv",
        changes=3,
        level="note",
        rule="no match",
        column="customer_id",
        rows=3,
        says=("rows are kept",),
    ),
    fault(
        "a look-up key that is not unique",
        49,
        declared(
            '[[surveys.lookup]]\nfile = "events.csv"\non = "customer_id"\ncolumns.wait = "wait_minutes"\n'
        ),
        rule="look-up key",
        rows=40,
    ),
    fault(
        "an empty key",
        50,
        cells("response_id", {3: "", 9: " "}),
        rule="empty key",
        column="response_id",
        rows=2,
        says=("line 5",),
    ),
    fault(
        "anonymous answers",
        51,
        cells("customer_id", {3: "", 9: ""}),
        changes=2,
        level="note",
        rule="anonymous",
        rows=2,
    ),
    fault(
        "an id written by a spreadsheet",
        52,
        cells("response_id", {3: "1.2E+14"}),
        rule="id shortened by a spreadsheet",
        rows=1,
        says=("line 5",),
    ),
    fault(
        "no key matches at all",
        57,
        whole("customers.csv", lambda data: data.replace(b"C0", b"0")),
        rule="no match",
        column="customer_id",
        rows=48,
        says=("A999", "99"),
    ),
    fault(
        "a code out of range",
        (60, 61),
        cells("overall", {23: 99, 29: 99, 42: 0}),
        rule="range 1-10",
        column="overall",
        rows=3,
        says=("line 25 (R0023) = 99", "line 31 (R0029) = 99", "line 44 (R0042) = 0", "missing_codes"),
    ),
    fault(
        "all undeclared codes at once",
        61,
        cells("rating_billing", {1: 98, 2: 99, 3: -99}),
        rule="range 1-10",
        column="rating_billing",
        rows=3,
        says=("missing_codes = {rating_billing = [-99, 98, 99]}",),
    ),
    fault(
        "answers in per cent",
        60,
        surveys(lambda rows: [row.update(overall=int(str(row["overall"])) * 10) for row in rows]),
        rule="range 1-10",
        says=("scale = {overall",),
    ),
    fault(
        "words instead of numbers",
        65,
        cells("overall", {3: "very good"}),
        rule="not a number",
        column="overall",
        rows=1,
        says=("line 5 (R0003) = very good", "recode"),
    ),
    fault(
        "a half on a whole scale",
        69,
        cells("overall", {3: "7.5"}),
        rule="not a whole number",
        column="overall",
        says=('types = {overall = "number"}',),
    ),
    fault(
        "an undeclared decimal comma",
        26,
        whole("surveys.csv", lambda d: german(d).replace(b";7;", b";7,0;")),
        rule="not a number",
        says=('decimal = ","',),
    ),
    fault(
        "an empty required column",
        71,
        surveys(lambda rows: [row.update(overall="") for row in rows]),
        rule="empty column",
        column="overall",
        says=("absent",),
    ),
    fault(
        "a thousands sign",
        73,
        text("events.csv", ",29.5", ",1.029.5"),
        file="events.csv",
        rule="not a number",
        column="wait_minutes",
    ),
    fault(
        "a number without end",
        75,
        text("events.csv", ",29.5", ",1e999"),
        file="events.csv",
        rule="not a number",
    ),
    fault(
        "an unknown category",
        78,
        text("events.csv", "wait_minutes", "channel"),
        file="events.csv",
        rule="one of digital, physical",
        column="channel",
    ),
    fault(
        "an unknown valence", 60, text("events.csv", ",-1,", ",-7,"), file="events.csv", rule="range -1-1"
    ),
    fault(
        "day and month that could be either",
        83,
        cells("answered_at", {3: "03.04.2024"}),
        rule="not a date",
        column="answered_at",
        rows=1,
        says=("cannot be told apart", "date_order"),
    ),
    fault(
        "dates that read day first",
        83,
        cells("answered_at", {3: "23.04.2024"}),
        rule="not a date",
        says=('date_order = "DMY"',),
    ),
    fault("an Excel serial as a date", 85, cells("answered_at", {3: "45000"}), rule="not a date", rows=1),
    fault(
        "an answer after the end of the data",
        87,
        cells("answered_at", {3: "2025-01-01"}),
        rule="future date",
        column="answered_at",
        rows=1,
        says=("2025-01-01", "data_end 2024-12-31"),
    ),
    fault("a date of 1900", 88, cells("answered_at", {3: "1900-01-01"}), rule="date", column="answered_at"),
    fault(
        "30 February",
        89,
        cells("answered_at", {3: "2024-02-30"}),
        rule="not a date",
        says=("line 5 (R0003) = 2024-02-30",),
    ),
    fault("a two-digit year", 90, cells("answered_at", {3: "01.02.24"}), rule="not a date"),
    fault(
        "31 December 9999",
        91,
        text("complaints.csv", "K3,C003,2024-02-10,2024-02-12", "K3,C003,2024-02-10,9999-12-31"),
        file="complaints.csv",
        changes=1,
        level="repair",
        rule="open end",
        column="resolved_at",
        rows=1,
    ),
    fault(
        "times with and without a zone",
        92,
        cells("answered_at", {3: "2024-03-03T10:00:00+01:00"}),
        rule="time zone",
        rows=47,
    ),
    fault(
        "closed before opened",
        94,
        text("complaints.csv", "K3,C003,2024-02-10,2024-02-12", "K3,C003,2024-02-10,2024-02-01"),
        file="complaints.csv",
        rule="before opened_at",
        column="resolved_at",
        rows=1,
        says=("line 5 (K3) = 2024-02-01",),
    ),
    fault(
        "events all after the answers",
        96,
        text("events.csv", "2024-02", "2024-08"),
        file="events.csv",
        rule="time ranges",
    ),
    fault(
        "an unknown option",
        (),
        declared("missing_code = 1\n"),
        file="cxlab.toml",
        rule="configuration",
        says=("missing_code",),
    ),
    fault(
        "an option for a column that is not there",
        (),
        declared("[surveys]\nscale = {overal = [1, 5]}\n"),
        rule="unused option",
        says=("scale names 'overal'", "Did you mean 'overall'?"),
    ),
    fault(
        "a look-up that would hide a column",
        (),
        declared(
            '[[surveys.lookup]]\nfile = "customers.csv"\non = "customer_id"\ncolumns.overall = "segment"\n'
        ),
        rule="look-up",
        says=("'overall' of its own",),
    ),
    fault(
        "a look-up file that is not there",
        3,
        declared('[[surveys.lookup]]\nfile = "none.csv"\non = "customer_id"\ncolumns.a = "b"\n'),
        rule="look-up",
        says=("none.csv cannot be opened",),
    ),
    fault(
        "a look-up column that is not there",
        (),
        declared('[[surveys.lookup]]\nfile = "customers.csv"\non = "customer_id"\ncolumns.a = "segmnt"\n'),
        rule="look-up",
        says=("Did you mean 'segment'?",),
    ),
    fault(
        "a column without a name",
        38,
        whole(
            "surveys.csv",
            lambda data: b"\n".join(line + b",1" for line in data.split(b"\n")[:-1]).replace(
                b"billing,1", b"billing,"
            ),
        ),
        level="note",
        rule="no name",
        says=("column 8",),
    ),
    fault(
        "a column to keep rows by that is not there",
        (),
        declared('[surveys]\nkeep = {statu = ["x"]}\n'),
        rule="keep",
        says=("'statu' is not there",),
    ),
    fault(
        "a computed column without its parts",
        (),
        declared('[surveys.derived]\nlate = {above = ["days_late", 0]}\n'),
        rule="derived",
        column="late",
        says=("needs the column days_late",),
    ),
    fault(
        "two files of one table",
        (),
        whole("surveys.tsv", b"response_id\n"),
        rule="two files",
        says=("surveys.tsv",),
    ),
]
