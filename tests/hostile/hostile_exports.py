"""Files as survey tools, spreadsheets and statistics programs write them, made for the tests."""

from __future__ import annotations

import csv
import io
import tempfile
import zipfile
from pathlib import Path

import openpyxl
import pandas as pd
import pyreadstat


def qualtrics(
    rows: list[dict[str, object]], *, delimiter: str = ",", encoding: str = "utf-8", zone: str = "UTC"
) -> bytes:
    """A current Qualtrics export: field names, question texts, ImportIds with the time zone, answers."""
    names = {
        "StartDate": "answered_at", "EndDate": "answered_at", "Status": "status", "IPAddress": "ip",
        "Progress": "progress", "Duration (in seconds)": "duration", "Finished": "finished",
        "RecordedDate": "answered_at", "ResponseId": "response_id", "ExternalReference": "customer_id",
        "Q1": "overall", "Q2_1": "rating_reception", "Q2_2": "rating_billing",
    }  # fmt: skip
    dates = ("StartDate", "EndDate", "RecordedDate")
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, delimiter=delimiter, lineterminator="\n")
    writer.writerow(names)
    writer.writerow([f"What about {name}?\n(please tick)" for name in names])
    writer.writerow(
        [f'{{"ImportId":"{name}","timeZone":"{zone}"}}' if name in dates else f'{{"ImportId":"{name}"}}'
         for name in names]
    )  # fmt: skip
    for row in rows:
        writer.writerow([row.get(ours, "") for ours in names.values()])
    return buffer.getvalue().encode(encoding)


QUALTRICS_CONFIG = (
    '[surveys]\ncolumns = { overall = "Q1", rating_reception = "Q2_1", rating_billing = "Q2_2" }\n'
)


def qualtrics_answers(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    """Survey rows with what Qualtrics knows about each: real, finished, from a documentation address."""
    more = {"status": "IP Address", "ip": "192.0.2.1", "progress": 100, "duration": 120, "finished": "True"}
    return [{**row, **more} for row in rows]


def surveymonkey(rows: list[dict[str, object]]) -> bytes:
    """Two header rows; a multiple choice has one unnamed column per option; American times with AM/PM."""
    header = ["Respondent ID", "Collector ID", "Start Date", "End Date", "IP Address", "Custom Data 1",
              "How satisfied are you overall?", "Reception", "Billing", "Which?", "", ""]  # fmt: skip
    second = ["", "", "", "", "", "", "Response", "Response", "Response", "Workshop", "App",
              "Other (please specify)"]  # fmt: skip
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(header)
    writer.writerow(second)
    for place, row in enumerate(rows):
        at = pd.Timestamp(str(row["answered_at"])).strftime("%m/%d/%Y %I:%M:%S %p")
        writer.writerow([row["response_id"], "1", at, at, "192.0.2.1", row["customer_id"], row["overall"],
                         row["rating_reception"], row["rating_billing"], "Workshop",
                         "App" if place % 2 else "", ""])  # fmt: skip
    return buffer.getvalue().encode()


SURVEYMONKEY_CONFIG = (
    'date_order = "MDY"\n[surveys]\ncolumns = { overall = "How satisfied are you overall?", '
    'rating_reception = "Reception", rating_billing = "Billing" }\ncarry = ["Which?: App"]\n'
)


def workbook(rows: list[dict[str, object]], *, before: list[list[object]] | None = None) -> bytes:
    """Rows as a worksheet, with lines before the header where a report has a title."""
    book = openpyxl.Workbook()
    sheet = book.active
    for line in before or []:
        sheet.append(line)
    sheet.append(list(rows[0]))
    for row in rows:
        sheet.append(list(row.values()))
    buffer = io.BytesIO()
    book.save(buffer)
    return buffer.getvalue()


def workbook_with(rows: list[dict[str, object]], name: str, content: bytes) -> bytes:
    """A workbook with one part more, or another one in the place of a part."""
    old, buffer = zipfile.ZipFile(io.BytesIO(workbook(rows))), io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as new:
        for part in old.namelist():
            if part != name:
                new.writestr(part, old.read(part))
        new.writestr(name, content)
    return buffer.getvalue()


def locked_zip(data: bytes) -> bytes:
    """A zip whose entry says that it needs a password."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("surveys.csv", data)
    packed = bytearray(buffer.getvalue())
    packed[6] |= 1
    packed[packed.index(b"PK\x01\x02") + 8] |= 1
    return bytes(packed)


def sav(frame: pd.DataFrame, **about: object) -> bytes:
    """A frame as an SPSS file, with labels and missing ranges as pyreadstat takes them."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "a.sav")
        pyreadstat.write_sav(frame, path, **about)
        return path.read_bytes()
