"""The rules of the catalogue beyond the plain ones: tools, headers, scales, privacy; and controls."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pandas as pd
from hostile_catalogue import (
    Fault,
    Files,
    cells,
    csv_text,
    declared,
    fault,
    german,
    survey_rows,
    surveys,
    text,
    whole,
)
from hostile_exports import (
    QUALTRICS_CONFIG,
    SURVEYMONKEY_CONFIG,
    locked_zip,
    qualtrics,
    qualtrics_answers,
    sav,
    surveymonkey,
    workbook,
    workbook_with,
)

Rows = list[dict[str, object]]


def instead(name: str, make: Callable[[], bytes], config: str = "") -> Callable[[Files], None]:
    """Another file in the place of ``surveys.csv``."""

    def apply(files: Files) -> None:
        del files["surveys.csv"]
        files[name] = make()
        files["cxlab.toml"] += config.encode()

    return apply


def rows_of(make: Callable[[], Rows], config: str = "") -> Callable[[Files], None]:
    def apply(files: Files) -> None:
        files["surveys.csv"] = csv_text(make()).encode()
        files["cxlab.toml"] += config.encode()

    return apply


def with_column(name: str, values: Callable[[int], object]) -> Rows:
    return [{**row, name: values(place)} for place, row in enumerate(survey_rows())]


def swallowing() -> Rows:
    rows = with_column("comment", lambda place: "")
    rows[3]["comment"], rows[5]["comment"] = '"good', 'fine"'
    return rows


def on_five_points() -> Rows:
    return [{**row, "overall": place % 5 + 1} for place, row in enumerate(survey_rows(60))]


def in_order(count: int) -> Rows:
    days = pd.date_range("2024-01-01", periods=count, freq="D")
    return [
        {**row, "answered_at": f"{day.date()} 10:00:00"}
        for row, day in zip(survey_rows(count), days, strict=True)
    ]


def scale_change() -> Rows:
    return [
        {**row, "overall": place % 5 + 1} if place < 150 else row for place, row in enumerate(in_order(300))
    ]


def unit_change(files: Files) -> None:
    header = "event_id,customer_id,occurred_at,outcome,wait_minutes\n"
    days = pd.date_range("2024-01-01", periods=200, freq="D")
    lines = [
        f"E{place:03d},C{place % 20:03d},{day.date()},0,{(place % 9 + 5) * (60 if place >= 100 else 1)}"
        for place, day in enumerate(days)
    ]
    files["events.csv"] = (header + "\n".join(lines) + "\n").encode()


def straight_lines() -> Rows:
    items = ("rating_a", "rating_b", "rating_c")
    more = [
        {
            **row,
            **{
                name: (int(str(row["overall"])) + shift) % 10 + 1 if place % 10 else row["overall"]
                for shift, name in enumerate(items)
            },
        }
        for place, row in enumerate(survey_rows())
    ]
    return [
        {**row, "rating_billing": row["overall"]} if place % 10 == 0 else row
        for place, row in enumerate(more)
    ]


def monthly(files: Files) -> None:
    rows = survey_rows()
    del files["surveys.csv"]
    files["surveys/2024-01.csv"] = csv_text(rows[:26]).encode()
    files["surveys/2024-02.csv"] = csv_text(rows[24:]).encode()


def monthly_renamed(files: Files) -> None:
    monthly(files)
    files["surveys/2024-02.csv"] = files["surveys/2024-02.csv"].replace(b"overall", b"Total impression")


def spss_frame() -> pd.DataFrame:
    frame = pd.DataFrame(survey_rows())
    frame["answered_at"] = pd.to_datetime(frame["answered_at"])
    for name in ("overall", "rating_reception", "rating_billing"):
        frame[name] = pd.to_numeric(frame[name])
    return frame


def user_missing() -> bytes:
    frame = spss_frame()
    frame.loc[3, "overall"], frame.loc[[7, 8], "rating_reception"] = 99, 98
    return sav(
        frame,
        missing_ranges={"overall": [99], "rating_reception": [{"lo": 97, "hi": 99}]},
        variable_value_labels={"overall": {99: "refused"}},
    )


def shifted_codes() -> bytes:
    frame = spss_frame()
    frame["recommend_0_10"] = frame["overall"]
    labels = {float(code): str(code - 1) for code in range(2, 11)} | {
        1.0: "very unlikely",
        11.0: "very likely",
    }
    return sav(frame, variable_value_labels={"recommend_0_10": labels})


def formulas() -> bytes:
    rows = survey_rows()
    rows[3]["overall"], rows[9]["overall"] = "=1+3", "=SUM(A1:A2)"
    return workbook(rows)


def answers_with_tests() -> bytes:
    rows = qualtrics_answers(survey_rows())
    rows += qualtrics_answers([{**survey_rows()[5], "response_id": f"R9{place}"} for place in range(2)])
    rows[-1]["status"], rows[-2]["status"], rows[4]["finished"] = "Survey Preview", "Survey Test", "False"
    return qualtrics(rows)


MORE: list[Fault] = [
    fault(
        "a folder called like a file",
        4,
        lambda files: files.update({"surveys.csv/note.md": files.pop("surveys.csv")}),
        rule="folder for a file",
    ),
    fault(
        "a workbook with a password",
        9,
        instead("surveys.xlsx", lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600),
        file="surveys.xlsx",
        rule="encrypted",
        says=("password",),
    ),
    fault(
        "a zip with a password",
        9,
        instead("surveys.zip", lambda: locked_zip(b"a,b\n1,2\n")),
        file="surveys.zip",
        rule="encrypted",
    ),
    fault(
        "umlauts read wrongly by another program",
        14,
        text("surveys.csv", "D1", "KÃ¶ln"),
        changes=24,
        level="note",
        rule="mojibake",
        rows=24,
    ),
    fault(
        "a quote closed too late",
        20,
        rows_of(swallowing),
        rule="swallowed records",
        says=("line 5", "2 further records"),
    ),
    fault(
        "title lines before the header",
        21,
        whole("surveys.csv", lambda data: b"Dealer survey 2024\nfrom the BI team\n\n" + data),
        level="repair",
        rule="title lines",
        rows=3,
        says=("header is line 4",),
    ),
    fault(
        "title rows in a workbook",
        21,
        instead("surveys.xlsx", lambda: workbook(survey_rows(), before=[["Dealer survey"], []])),
        file="surveys.xlsx",
        level="repair",
        rule="title lines",
        rows=2,
    ),
    fault(
        "a row of totals",
        22,
        whole("surveys.csv", lambda data: data + b"Total,,,,264,264,230\n"),
        level="repair",
        rule="row of totals",
        rows=1,
        says=("line 50",),
    ),
    fault(
        "the header again",
        24,
        whole("surveys.csv", lambda data: data.replace(b"R0020", data.split(b"\n")[0] + b"\nR0020")),
        level="repair",
        rule="header repeated",
        rows=1,
        says=("line 22",),
    ),
    fault(
        "a separator line",
        25,
        whole("surveys.csv", lambda data: b"sep=;\r\n" + german(data)),
        level="repair",
        rule="separator line",
        rows=1,
    ),
    fault(
        "a workbook bomb",
        30,
        instead("surveys.xlsx", lambda: workbook_with(survey_rows(), "xl/media/a.bin", b"0" * 20_000_000)),
        file="surveys.xlsx",
        rule="workbook size",
    ),
    fault(
        "XML entities in a workbook",
        31,
        instead(
            "surveys.xlsx",
            lambda: workbook_with(
                survey_rows(),
                "xl/sharedStrings.xml",
                b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbb">]><sst>&b;</sst>',
            ),
        ),
        file="surveys.xlsx",
        rule="XML entities",
    ),
    fault(
        "a link in a circle",
        32,
        lambda files: files.update({"surveys.csv": b"symlink:surveys.csv"}),
        rule="link",
    ),
    fault(
        "another case and blanks in the header",
        36,
        text("surveys.csv", "overall,", " Overall ,"),
        level="repair",
        rule="header spelling",
        column="overall",
    ),
    fault(
        "invisible letters in the header",
        37,
        text("surveys.csv", "overall,", "over\u200ball,"),
        level="repair",
        rule="header letters",
    ),
    fault(
        "ids that were floats",
        45,
        surveys(
            lambda rows: [row.update(location_id=f"{place % 2 + 1}.0") for place, row in enumerate(rows)]
        ),
        changes=48,
        level="repair",
        rule="id with decimals",
        column="location_id",
        rows=48,
    ),
    fault(
        "an id in lower case",
        47,
        cells("customer_id", {3: "c003"}),
        changes=1,
        level="note",
        rule="case of a key",
        rows=1,
    ),
    fault(
        "an answer sent twice",
        55,
        surveys(
            lambda rows: rows.append(
                {**rows[5], "response_id": "R9000", "answered_at": "2024-03-06 10:05:00"}
            )
        ),
        level="note",
        rule="retries",
        rows=1,
    ),
    fault(
        "monthly files that overlap",
        56,
        monthly,
        file="surveys/",
        level="repair",
        rule="overlapping files",
        rows=2,
    ),
    fault(
        "a question renamed between months",
        56,
        monthly_renamed,
        file="surveys/",
        rule="not in all files",
        column="overall",
        says=("2024-02.csv", "aliases"),
    ),
    fault(
        "two answers of one day",
        58,
        cells("answered_at", {21: "2024-03-02 16:00:00"}),
        changes=1,
        level="note",
        rule="same day",
        rows=1,
    ),
    fault(
        "a Cyrillic letter in a key",
        59,
        cells("customer_id", {3: "\u0421003"}),
        changes=1,
        level="note",
        rule="look-alike letters",
        rows=1,
    ),
    fault(
        "declared codes",
        62,
        declared(
            '[surveys]\nmissing_codes = {overall = {99 = "refused"}}\n', cells("overall", {3: 99, 4: 99})
        ),
        changes=2,
        level="repair",
        rule="missing code",
        rows=2,
        says=("refused",),
    ),
    fault(
        "words for no answer",
        63,
        cells("rating_reception", {3: "Weiß nicht"}),
        changes=1,
        level="repair",
        rule="no answer in words",
        rows=1,
        says=("don't know", "missing_codes"),
    ),
    fault(
        "many words for no answer",
        63,
        cells("rating_reception", dict.fromkeys(range(3, 9), "n/a")),
        rule="no answer in words",
        rows=6,
        says=("not experienced", "missing_codes"),
    ),
    fault(
        "labelled end points",
        64,
        cells("overall", {9: "10 - very satisfied", 19: "10 - very satisfied"}),
        level="repair",
        rule="labelled points",
        rows=2,
        says=("recode",),
    ),
    fault(
        "five points under a contract of ten",
        66,
        rows_of(on_five_points),
        rule="scale",
        column="overall",
        rows=60,
        says=("scale = {overall = [1, 5]}", "map_scale"),
    ),
    fault(
        "a rating with 1 as the best",
        67,
        surveys(lambda rows: [row.update(rating_billing=11 - int(str(row["overall"]))) for row in rows]),
        rule="direction",
        column="rating_billing",
        says=("reverse = {rating_billing = true}",),
    ),
    fault(
        "another scale from a day on",
        68,
        rows_of(scale_change),
        changes=None,
        level="note",
        rule="scale change",
        column="overall",
        rows=155,
        says=("2024-01-01",),
    ),
    fault(
        "digits of another script",
        70,
        cells("overall", {6: "٧", 16: "７"}),
        level="repair",
        rule="other digits",
        rows=2,
    ),
    fault(
        "a constant column",
        72,
        rows_of(lambda: with_column("brand", lambda place: "one"), '[surveys]\ncarry = ["brand"]\n'),
        level="note",
        rule="constant column",
        column="brand",
    ),
    fault(
        "a percent sign",
        74,
        text("events.csv", ",29.5", ",29.5 %"),
        file="events.csv",
        rule="not a number",
        says=("percent sign",),
    ),
    fault(
        "a wait below zero",
        76,
        text("events.csv", ",29.5", ",-29.5"),
        file="events.csv",
        changes=1,
        level="note",
        rule="negative",
        rows=1,
    ),
    fault(
        "minutes that become seconds",
        77,
        unit_change,
        file="events.csv",
        changes=None,
        level="note",
        rule="unit change",
        column="wait_minutes",
        says=("2024-04-10",),
    ),
    fault(
        "category spellings",
        78,
        text("customers.csv", "C003,2020-01-01,,private", "C003,2020-01-01,, Private"),
        file="customers.csv",
        level="repair",
        rule="spelling",
        column="segment",
        rows=1,
    ),
    fault(
        "control characters",
        80,
        rows_of(lambda: with_column("comment", lambda place: "bell\x07" if place == 3 else "")),
        level="note",
        rule="control characters",
        rows=1,
    ),
    fault(
        "two formats of dates",
        84,
        cells("answered_at", {3: "03/15/2024", 4: "15.03.2024"}),
        rule="not a date",
        rows=2,
    ),
    fault(
        "seconds since 1970",
        86,
        cells("answered_at", {3: "1709287200"}),
        rule="not a date",
        says=("number_dates", "seconds"),
    ),
    fault(
        "a time that no clock showed",
        93,
        declared(
            '[surveys]\ntime_zone = "Europe/Berlin"\n', cells("answered_at", {3: "2024-03-31 02:30:00"})
        ),
        changes=None,
        level="repair",
        rule="time in a clock-change hour, read as winter time",
        rows=1,
    ),
    fault(
        "an answer after leaving",
        95,
        cells("answered_at", {0: "2024-07-01 10:00:00"}),
        changes=1,
        level="note",
        rule="after leaving",
        rows=1,
    ),
    fault(
        "a Qualtrics export with test answers",
        97,
        instead("surveys.csv", answers_with_tests, QUALTRICS_CONFIG),
        changes=48,
        level="repair",
        rule="test answers",
        rows=1,
        says=("survey preview",),
    ),
    fault(
        "Qualtrics header rows",
        97,
        instead("surveys.csv", answers_with_tests, QUALTRICS_CONFIG),
        changes=48,
        level="repair",
        rule="survey tool",
        rows=2,
    ),
    fault(
        "an unfinished Qualtrics answer",
        97,
        instead("surveys.csv", answers_with_tests, QUALTRICS_CONFIG),
        changes=48,
        level="note",
        rule="unfinished",
        rows=1,
        says=("keep",),
    ),
    fault(
        "a SurveyMonkey export",
        98,
        instead("surveys.csv", lambda: surveymonkey(survey_rows()), SURVEYMONKEY_CONFIG),
        changes=48,
        level="repair",
        rule="survey tool",
        rows=1,
    ),
    fault(
        "SPSS user-missing codes",
        99,
        instead("surveys.sav", user_missing),
        file="surveys.sav",
        changes=3,
        level="repair",
        rule="missing code",
        rows=2,
        says=("98",),
    ),
    fault(
        "SPSS labels with other numbers than the codes",
        99,
        instead("surveys.sav", shifted_codes),
        file="surveys.sav",
        rule="labels",
        column="recommend_0_10",
        says=('codes_or_labels = {recommend_0_10 = "labels"}',),
    ),
    fault(
        "formulas never calculated",
        100,
        instead("surveys.xlsx", formulas),
        file="surveys.xlsx",
        rule="formula without value",
        rows=2,
        says=("row 5, column 5",),
    ),
    fault(
        "a failed formula",
        101,
        cells("overall", {3: "#N/A"}),
        rule="error cell",
        column="overall",
        rows=1,
        says=("line 5",),
    ),
    fault(
        "straight lines",
        102,
        rows_of(straight_lines),
        changes=None,
        level="note",
        rule="straight line",
        rows=5,
    ),
    fault(
        "a column of e-mail addresses that is carried",
        103,
        rows_of(
            lambda: with_column("Contact", lambda place: f"a{place}@example.org"),
            '[surveys]\ncarry = ["Contact"]\n',
        ),
        rule="personal data",
        column="contact",
    ),
    fault(
        "a personal column among all",
        103,
        rows_of(
            lambda: with_column("Birth date", lambda place: "1970-01-01"), '[surveys]\ncarry = ["all"]\n'
        ),
        level="repair",
        rule="personal data",
        column="birth_date",
    ),
    fault(
        "an address in a comment",
        104,
        rows_of(
            lambda: with_column("comment", lambda place: "write to a@example.org" if place == 3 else "")
        ),
        level="repair",
        rule="personal data",
        column="comment",
        rows=1,
    ),
    fault(
        "an e-mail address as key",
        105,
        surveys(lambda rows: [row.update(customer_id=f"{row['customer_id']}@example.org") for row in rows]),
        rule="personal key",
        column="customer_id",
    ),
    fault(
        "a pickle",
        106,
        instead("surveys.pkl", lambda: b"\x80\x04.", '[surveys]\nfile = "surveys.pkl"\n'),
        file="surveys.pkl",
        rule="stored object",
        says=("run code",),
    ),
]


def renamed_location(value: str) -> Callable[[Files], None]:
    return text("surveys.csv", "D1", value)


def german_dates(data: bytes) -> bytes:
    lines = german(data).decode().split("\n")
    for place, line in enumerate(lines[1:-1], start=1):
        fields = line.split(";")
        fields[2] = pd.Timestamp(fields[2]).strftime("%d.%m.%Y %H:%M")
        lines[place] = ";".join(fields)
    return "\n".join(lines).encode("cp1252")


def turned(rows: Rows) -> Rows:
    names = list(rows[0])[::-1]
    return [{name: row[name] for name in names} for row in rows]


def sql_name(files: Files) -> None:
    name = 'y" from surveys; DROP TABLE surveys; --'
    files["surveys.csv"] = csv_text(with_column(name, lambda place: place % 7)).encode()
    files["cxlab.toml"] += b"[surveys]\ncarry = ['y\" from surveys; DROP TABLE surveys; --']\n"


@dataclass(frozen=True, kw_only=True)
class Control:
    """A file that looks odd and is right: it loads without a repair, ``column`` holds ``values``."""

    name: str
    numbers: tuple[int, ...]
    makes: Callable[[Files], None]
    column: str = ""
    values: tuple[object, ...] = ()


def control(
    name: str, number: int, makes: Callable[[Files], None], column: str = "", *values: object
) -> Control:
    return Control(name=name, numbers=(number,), makes=makes, column=column, values=values)


CONTROLS: list[Control] = [
    control("a byte-order mark", 11, whole("surveys.csv", lambda data: b"\xef\xbb\xbf" + data)),
    control(
        "two kinds of line ends", 16, whole("surveys.csv", lambda data: data.replace(b"\n", b"\r\n", 10))
    ),
    control(
        "a declared German dialect",
        27,
        declared(
            '[surveys]\ndelimiter = ";"\nencoding = "cp1252"\ndate_order = "DMY"\n',
            whole("surveys.csv", german_dates),
        ),
    ),
    control("SQL as the name of a column", 40, sql_name, "y_from_surveys_drop_table_surveys", 0, 1, 2),
    control("columns in another order", 41, rows_of(lambda: turned(survey_rows()))),
    control("leading zeros", 53, renamed_location("00001"), "location_id", "D2", "00001"),
    control(
        "ids beyond 2^53",
        54,
        renamed_location("90071992547409931"),
        "location_id",
        "D2",
        "90071992547409931",
    ),
    control(
        "a text of half a million letters",
        79,
        rows_of(lambda: with_column("comment", lambda place: "word " * 100_000 if place == 3 else "")),
    ),
    control("NA as a name", 81, renamed_location("NA"), "location_id", "D2", "NA"),
    control(
        "dates with the day first, declared",
        82,
        declared(
            'date_order = "DMY"\n',
            whole("surveys.csv", lambda data: german_dates(data).replace(b";", b",")),
        ),
    ),
    control(
        "seconds since 1970, declared",
        86,
        declared(
            '[surveys]\nnumber_dates = {answered_at = "seconds"}\n',
            cells("answered_at", {0: int(pd.Timestamp("2024-03-01 10:00").timestamp())}),
        ),
    ),
    control(
        "a rating looked at and right",
        67,
        declared(
            "[surveys]\nreverse = {rating_billing = false}\n",
            surveys(
                lambda rows: [row.update(rating_billing=11 - int(str(row["overall"]))) for row in rows]
            ),
        ),
    ),
]
