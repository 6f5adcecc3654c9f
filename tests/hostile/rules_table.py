"""The table of the 106 rules: what must happen, what cxlab does, what plain pandas does beside it.

Run with ``make rules``: every file of the catalogue is written, checked and read by pandas in one run; the
table is made from what happened, so it cannot say more than that.
"""

from __future__ import annotations

import datetime
import sys
import tempfile
import warnings
from pathlib import Path

import pandas as pd
from hostile_catalogue import FAULTS, Files, clean_folder
from hostile_catalogue_more import CONTROLS, MORE
from test_hostile_files import written

import cxlab

#: Number, what is wrong, what must happen: E an error, R repaired and counted, S said, OK fine.
RULES = """
1 empty file E; 2 header only E; 3 file missing E; 4 a folder instead of a file E; 5 workbook called
.csv E/R; 6 HTML page E; 7 cut gzip E; 8 cut workbook E; 9 encrypted E; 10 UTF-16 R; 11 byte-order
mark OK; 12 Windows-1252 undeclared R; 13 mixed encodings E; 14 mojibake S; 15 NUL byte E/R; 16
mixed line ends OK; 17 cut last row E; 18 unquoted delimiter E; 19 open quote E; 20 quotes
swallowing records E/S; 21 title lines R; 22 total row E/R; 23 blank rows R; 24 header repeated E/R;
25 sep= line R; 26 German dialect undeclared R; 27 German dialect declared OK; 28 tabs R; 29 gzip
bomb E; 30 workbook bomb E; 31 XML entities E; 32 link loop E; 33 required column missing E; 34
several missing, all at once E; 35 duplicate name E; 36 header case and blanks R; 37 invisible
characters R; 38 column without a name S; 39 unknown extra column S; 40 SQL as a name OK; 41 other
column order OK; 42 nothing known E; 43 exact duplicates R; 44 conflicting duplicates E; 45 float
ids R; 46 padded ids R; 47 case of ids S; 48 orphans S; 49 look-up key not unique E; 50 empty key E;
51 anonymous S; 52 ids as 1.2E+14 E; 53 leading zeros OK; 54 ids over 2^53 OK; 55 retries S; 56
overlapping files R; 57 no match at all E; 58 same customer, same day S; 59 look-alike letters S; 60
out of range E; 61 undeclared codes, all at once E; 62 declared codes R; 63 words for no answer R;
64 labelled end points R; 65 choice text E; 66 five-point file under a ten-point contract E/S; 67
reversed scale E/S; 68 scale change midway E/S; 69 halves on a whole scale E/S; 70 other digits E/R;
71 empty column E; 72 constant column S; 73 thousands sign E; 74 currency or percent E; 75 infinity
E; 76 negative wait S; 77 unit change S; 78 category spellings R; 79 huge text OK; 80 control
characters S; 81 NA as a name OK; 82 dd.mm declared OK; 83 ambiguous dates E; 84 mixed date formats
E; 85 spreadsheet serials E/R; 86 seconds since 1970 E/R; 87 future E; 88 1900 S/E; 89 30 February
E; 90 two-digit year E; 91 9999-12-31 R; 92 mixed zones E/R; 93 clock-change gap R; 94 closed before
opened E/S; 95 answers after leaving S; 96 events all after the answers E; 97 Qualtrics rows R; 98
SurveyMonkey rows R; 99 SPSS user-missing R; 100 formulas without a value E; 101 error cells E/R;
102 careless answers S; 103 personal columns E/R; 104 personal data in comments R; 105 e-mail as a
key E; 106 stored objects E
"""
LEVELS = {"error": "E", "repair": "R", "note": "S"}
WORDS = {"E": "error", "R": "repaired, counted", "S": "said, kept", "OK": "loads unchanged"}


def rules() -> dict[int, tuple[str, str]]:
    """Number -> (what is wrong, what must happen)."""
    found = {}
    for part in RULES.replace("\n", " ").strip().split(";"):
        number, rest = part.strip().split(" ", 1)
        name, must = rest.rsplit(" ", 1)
        found[int(number)] = (name, must)
    return found


def by_pandas(folder: Path, files: Files) -> str:
    """What a plain script does: read, scores as numbers, dates parsed, customers joined, a mean printed."""
    name = next((one for one in files if one.startswith("surveys")), "surveys.csv")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            path = folder / name
            if name.endswith(".xlsx"):
                surveys = pd.read_excel(path)
            elif name.endswith(".sav"):
                surveys = pd.read_spss(path, convert_categoricals=False)
            else:
                surveys = pd.read_csv(path)
            events = pd.read_csv(folder / "events.csv")
            complaints = pd.read_csv(folder / "complaints.csv")
            pd.to_datetime(surveys["answered_at"])
            pd.to_datetime(complaints["resolved_at"])
            pd.to_numeric(events["wait_minutes"]).mean()
            joined = surveys.merge(pd.read_csv(folder / "customers.csv"), on="customer_id", how="left")
            float(pd.to_numeric(joined["overall"]).mean())
    except Exception as error:  # a traceback is an outcome here, whatever its class
        return f"traceback ({type(error).__name__})"
    return "goes on, says nothing"


def outcomes() -> list[tuple[int, str, str, str]]:
    """One row per rule and file: number, name of the file, what cxlab did, what pandas did."""
    rows = []
    for case in (*FAULTS, *MORE, *CONTROLS):
        files = clean_folder()
        (case.breaks if hasattr(case, "breaks") else case.makes)(files)
        with tempfile.TemporaryDirectory() as name:
            folder = written(Path(name) / "data", files)
            try:
                report = cxlab.check(folder)
                ours = _seen(case, report)
            except Exception as error:  # counted and shown: there must be none
                ours = f"TRACEBACK {type(error).__name__}"
            theirs = by_pandas(folder, files)
        rows += [(number, case.name, ours, theirs) for number in case.numbers]
    return rows


def _seen(case: object, report: cxlab.QualityReport) -> str:  # type: ignore[name-defined]
    rule = getattr(case, "rule", None)
    if rule is None:
        mended = [finding.rule for finding in report.findings if finding.level != "note"]
        return "OK" if report.ok and not mended else f"DAMAGED {', '.join(mended)}"
    levels = [LEVELS[f.level] for f in report.findings if f.rule == rule and f.level == case.level]  # type: ignore[attr-defined]
    return levels[0] if levels else "SILENT"


def page() -> str:
    """The table as Markdown."""
    known, rows = rules(), outcomes()
    silent = sum(ours == "SILENT" for _, _, ours, _ in rows)
    raised = sum(ours.startswith("TRACEBACK") for _, _, ours, _ in rows)
    damaged = sum(ours.startswith("DAMAGED") for _, _, ours, _ in rows)
    controls = damaged + sum(ours == "OK" for _, _, ours, _ in rows)
    faults = [row for row in rows if row[2] != "OK"]
    quiet = sum(theirs.startswith("goes on") for *_, theirs in faults)
    lines = [
        "# The 106 rules of the hostile catalogue",
        "",
        f"Written by `make rules` on {datetime.date.today().isoformat()}, pandas {pd.__version__}. "
        "Every line is a file that was written, checked by cxlab and",
        "read by a plain pandas script (read, numbers, dates, one join, a mean) in the same run. E = an",
        "error that names file, place, rule and next step; R = repaired and counted, above 5 % of the rows",
        "an error;",
        "S = loaded and said; OK = loads unchanged. Do not edit.",
        "",
        f"**cxlab: {len(rows)} files, {silent} silent, {raised} tracebacks, {damaged} of {controls} "
        f"controls touched. Plain pandas on the {len(faults)} hostile ones: {quiet} read on without a "
        f"word, {len(faults) - quiet} tracebacks.**",
        "",
        "| rule | what is wrong | must | file | cxlab | plain pandas |",
        "|---|---|---|---|---|---|",
    ]
    for number, case, ours, theirs in sorted(rows):
        name, must = known[number]
        lines.append(f"| {number} | {name} | {must} | {case} | {WORDS.get(ours, ours)} | {theirs} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    text = page()
    Path(sys.argv[1]).write_text(text, encoding="utf-8")
    print(next(line for line in text.splitlines() if line.startswith("**")).strip("*"))
