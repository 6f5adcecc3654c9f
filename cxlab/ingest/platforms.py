"""Exports of survey tools: their extra header rows, the names they give, test answers, their time zone.

Qualtrics and SurveyMonkey are known by their header rows; Typeform and LimeSurvey are one header row like
any table, so they are declared: ``platform = "typeform"``. Names are only suggested: what the user maps
under ``columns`` always wins, and the report says which suggestion was taken.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Final

import pandas as pd

from cxlab.core.errors import Finding
from cxlab.ingest.sources import Arrangement, Source

_IMPORT_ID = re.compile(r"\s*\{\s*['\"]ImportId['\"]")
#: Qualtrics' Status as code or word: answers nobody outside gave.
_QUALTRICS_TESTS = {
    "1": "survey preview", "Survey Preview": "survey preview", "17": "survey preview",
    "2": "survey test", "Survey Test": "survey test",
}  # fmt: skip
_SECOND_HEADER = ("Response", "Open-Ended Response")


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What is known about the exports of one survey tool.

    Attributes
    ----------
    names
        Our column to the names the tool may give it, the most precise first.
    arrange
        Takes further header rows out of the rows and names the columns; returns whether it recognised
        the form of the export.
    tests
        Column of the tool -> its values that mark an answer as no answer, each with the reason.
    unfinished
        Column of the tool -> its values that mark an answer as not finished; those are said and kept.
    time_zone
        The zone the tool writes times in, where that is always the same.
    """

    names: Mapping[str, tuple[str, ...]]
    arrange: Callable[[Source], bool]
    tests: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    unfinished: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    time_zone: str = ""


def arrange(source: Source, *, declared: str) -> None:
    """Bring the export of a survey tool into one header row; nothing where no tool is known.

    A declared platform whose form is not there is an error: the export is another one than meant.
    """
    if not source.is_text or source.frame.empty:
        return
    for name, platform in PLATFORMS_KNOWN.items():
        if declared not in ("", name) or (not declared and name not in ("qualtrics", "surveymonkey")):
            continue
        before = len(source.frame)
        if platform.arrange(source):
            _say(source, name, platform, header_rows=before - len(source.frame))
            return
    if declared:
        first = next(iter(PLATFORMS_KNOWN[declared].names.values()))
        source.findings.append(
            Finding(
                level="error", rule="survey tool", file=source.file,
                message=f"is no {declared} export as it is known: no column {' or '.join(first)}.",
                next_step='Leave  platform  out and map the names under  columns.',
            )
        )  # fmt: skip


def _say(source: Source, name: str, platform: Platform, *, header_rows: int) -> None:
    header = [str(column) for column in source.frame.columns]
    taken = {
        ours: next(theirs for theirs in candidates if theirs in header)
        for ours, candidates in platform.names.items()
        if any(theirs in header for theirs in candidates)
    }
    known = source.arrangement or Arrangement()
    source.arrangement = replace(
        known,
        platform=name,
        names=taken,
        tests={column: values for column, values in platform.tests.items() if column in header},
        unfinished={column: values for column, values in platform.unfinished.items() if column in header},
        time_zone=known.time_zone or platform.time_zone,
        header_rows=header_rows,
    )
    if header_rows:
        lines = "row is" if header_rows == 1 else "rows are"
        message = f"{name} export: {header_rows} {lines} header (question texts, ids), not answers."
        source.findings.append(
            Finding(level="repair", rule="survey tool", file=source.file, rows=header_rows, message=message)
        )


def _qualtrics(source: Source) -> bool:
    """Three header rows (field, question, ImportId), or two in the legacy form (V1..V10 first)."""
    frame = source.frame
    first = frame.iloc[0].astype(str)
    if len(frame) > 1 and frame.iloc[1].astype(str).str.match(_IMPORT_ID).sum() > len(frame.columns) / 2:
        ids = frame.iloc[1].astype(str)
        source.arrangement = Arrangement(
            questions=dict(zip(map(str, frame.columns), first, strict=True)), time_zone=_zone(ids)
        )
        source.frame = frame.iloc[2:]
        return True
    header = [str(name) for name in frame.columns]
    if header[0] == "V1" and first.iloc[0] in ("ResponseID", "ResponseId"):
        named = [
            str(text) if re.fullmatch(r"V[0-9]+", name) else name
            for name, text in zip(header, first, strict=True)
        ]
        source.frame = frame.iloc[1:].set_axis(pd.Index(named), axis=1)
        source.arrangement = Arrangement(questions=dict(zip(named, first, strict=True)))
        return True
    return False


def _zone(import_ids: pd.Series) -> str:
    """The time zone that the third row states for the dates; empty where it states none, or several."""
    zones = set()
    for text in import_ids:
        try:
            stated = json.loads(text.replace("'", '"'))
        except json.JSONDecodeError:
            continue
        if isinstance(stated, dict) and isinstance(stated.get("timeZone"), str):
            zones.add(stated["timeZone"])
    zone = zones.pop() if len(zones) == 1 else ""
    return {"Z": "UTC", "Etc/UTC": "UTC"}.get(zone, zone)


def _surveymonkey(source: Source) -> bool:
    """Two header rows: the question, then ``Response`` or one option of a multiple choice per column."""
    frame = source.frame
    header = [str(name).strip() for name in frame.columns]
    second = [str(text).strip() for text in frame.iloc[0]]
    if header[0] not in ("Respondent ID", "RespondentID") or second[0]:
        return False
    if not any(text in _SECOND_HEADER for text in second) and all(header):
        return False
    named, question = [], ""
    for name, option in zip(header, second, strict=True):
        question = name or question
        named.append(question if option in ("", *_SECOND_HEADER) else f"{question}: {option}")
    source.frame = frame.iloc[1:].set_axis(pd.Index(named), axis=1)
    return True


def _by_name(source: Source, *names: str) -> bool:
    return any(name in source.frame.columns for name in names)


_TYPEFORM_IDS = ("#", "Response ID", "Token")
_LIMESURVEY_IDS = ("id. Response ID", "Response ID", "id")
#: A new survey tool is one more entry.
PLATFORMS_KNOWN: Final[Mapping[str, Platform]] = {
    "qualtrics": Platform(
        names={
            "response_id": ("ResponseId", "ResponseID", "_recordId"),
            "answered_at": ("RecordedDate", "EndDate"),
            "customer_id": ("ExternalReference", "ExternalDataReference"),
            "language": ("UserLanguage",),
        },
        arrange=_qualtrics,
        tests={"Status": _QUALTRICS_TESTS},
        unfinished={"Finished": ("0", "False", "FALSE")},
    ),
    "surveymonkey": Platform(
        names={
            "response_id": ("Respondent ID", "RespondentID"),
            "answered_at": ("End Date", "EndDate", "Date Modified"),
            "customer_id": ("Custom Data 1", "Custom Data", "CustomData"),
        },
        arrange=_surveymonkey,
    ),
    "typeform": Platform(
        names={"response_id": _TYPEFORM_IDS, "answered_at": ("Submit Date (UTC)",)},
        arrange=lambda source: _by_name(source, *_TYPEFORM_IDS),
        tests={"Response Type": {"started": "started only", "partial": "started only"}},
        time_zone="UTC",
    ),
    "limesurvey": Platform(
        names={
            "response_id": _LIMESURVEY_IDS,
            "answered_at": ("submitdate. Date submitted", "Date submitted", "submitdate"),
            "language": ("startlanguage. Start language", "Start language", "startlanguage"),
        },
        arrange=lambda source: _by_name(source, *_LIMESURVEY_IDS),
        tests={
            name: {"": "not submitted"}
            for name in ("submitdate. Date submitted", "Date submitted", "submitdate")
        },
    ),
}
