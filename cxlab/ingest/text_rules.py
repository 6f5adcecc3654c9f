"""What the text of a CSV file says before it is split into rows: separator, titles, delimiter, traces."""

from __future__ import annotations

import csv
import re
from dataclasses import dataclass

from cxlab.core.errors import Finding, Level
from cxlab.ingest.bytes_rules import refuse

#: Marks that may separate fields; a comma is the form of the format's name.
MARKS = ",;\t|"
#: A report title in front of the header has at most this many lines.
TITLE_LINES = 15
_SAMPLE_LETTERS, _SAMPLE_LINES = 400_000, 200
#: UTF-8 read once as Windows-1252: an umlaut, an accent or a quotation mark became two or three signs.
_MOJIBAKE = re.compile("Ã[\u0080-\u00bf¤¶¼ŸŠœ©¨§±³º]|â€[™œ\u009d“”˜¦]|Â[\u00a0-\u00bf]")
_CONTROL = re.compile(r"[\x01-\x08\x0b\x0c\x0e-\x1f\x7f]")
_CONTROL_BYTES = bytes(number for number in range(128) if _CONTROL.match(chr(number)))


@dataclass(frozen=True, kw_only=True)
class Table:
    """The text from the header on, the mark between its fields, and the line the header stands on."""

    text: str
    delimiter: str
    first_line: int
    findings: tuple[Finding, ...]


def table_of(text: str, *, file: str, declared: str) -> Table:
    """Leave a separator line and titles out, find the delimiter, say traces of damage."""
    findings: list[Finding] = []
    first_line = 1
    named = re.match(r"\s*\"?sep=(.)\"?[ \t]*\r?\n", text)
    if named:
        declared = declared or named[1]
        text, first_line = text[named.end() :], first_line + 1
        said = f"the first line says that {named[1]!r} separates the fields."
        findings.append(_said("repair", "separator line", file, said, rows=1))
    titles = _title_lines(text, declared)
    if titles:
        text, first_line = "".join(text.splitlines(keepends=True)[titles:]), first_line + titles
        said = f"left out: the header is line {first_line}."
        findings.append(_said("repair", "title lines", file, said, rows=titles))
    mark, about = delimiter_of(text, file=file, declared=declared)
    return Table(
        text=text,
        delimiter=mark,
        first_line=first_line,
        findings=(*findings, *about, *_traces(text, file)),
    )


def _said(level: Level, rule: str, file: str, message: str, *, rows: int = 0, step: str = "") -> Finding:
    return Finding(level=level, rule=rule, file=file, rows=rows, message=message, next_step=step)


def _fields(lines: list[str], mark: str) -> list[int]:
    """Number of fields of each line; a line alone is enough, because only the first few are looked at."""
    return [len(next(csv.reader([line], delimiter=mark), [])) for line in lines]


def _title_lines(text: str, declared: str) -> int:
    """How many lines stand before the header (21): at most one field each, where the table has several.

    They are titles only if the line after them and all that follow in sight have one and the same
    number of fields, two or more: anything else is left to the reader, which names the line.
    """
    lines = [line[:10_000] for line in text[:_SAMPLE_LETTERS].splitlines()[: TITLE_LINES + 10]]
    marks = [declared] if declared else MARKS
    if any(_agree(_fields(lines, mark)) for mark in marks):
        return 0  # the first line is split like the others, whatever else is in all lines but the first
    for mark in marks:
        counts = [sum(1 for part in line.split(mark) if part.strip()) for line in lines]
        widths = _fields(lines, mark)
        start = next((place for place, filled in enumerate(counts) if filled > 1), 0)
        several = sum(width > 0 for width in widths[start:-1] or widths[start:]) > 1
        if 0 < start <= TITLE_LINES and several and _agree(widths[start:]):
            return start
    return 0


def _agree(widths: list[int]) -> bool:
    """Whether all lines have one number of fields, two or more; the last in sight may be cut."""
    whole = [width for width in widths[:-1] or widths if width]
    return len(set(whole)) == 1 and whole[0] > 1


def _traces(text: str, file: str) -> list[Finding]:
    """Signs of an earlier misreading (14) and of binary content (80); both are kept as they are."""
    found = []
    for rule, pattern, message, step in (
        ("mojibake", _MOJIBAKE, "letters such as Ã¼ were UTF-8 that another program read wrongly; kept.",
         "Export again from the source; the damage was done before this file was written."),
        ("control characters", _CONTROL, "invisible control characters are in the text; kept.", ""),
    ):  # fmt: skip
        if _may_hold(text, pattern) and pattern.search(text):
            lines = sum(pattern.search(line) is not None for line in text.split("\n"))
            found.append(_said("note", rule, file, message, rows=lines, step=step))
    return found


def _may_hold(text: str, pattern: re.Pattern[str]) -> bool:
    """Whether a search is worth its time: a look at letters or bytes as a whole is twenty times faster."""
    if pattern is _MOJIBAKE:
        return not text.isascii()
    data = text.encode()
    return len(data.translate(None, _CONTROL_BYTES)) < len(data)


def delimiter_of(text: str, *, file: str, declared: str) -> tuple[str, list[Finding]]:
    """The declared delimiter, else a comma; another one only where every line agrees on it.

    >>> delimiter_of("a;b\\n1;2\\n", file="x.csv", declared="")[0]
    ';'
    """
    sample = [line[:10_000] for line in text[:_SAMPLE_LETTERS].splitlines()[:_SAMPLE_LINES]]
    counts = {mark: _widths(sample, mark) for mark in MARKS}
    if declared:
        others = [mark for mark in counts if mark != declared and min(counts[mark]) > 1]
        if declared in counts and counts[declared][0] == 1 and others:
            raise refuse(
                file,
                "delimiter",
                f"the header has no {declared!r}, which was declared, but {others[0]!r}.",
                f"Declare  delimiter = {_toml(others[0])}.",
            )
        return declared, []
    agreed = [mark for mark in MARKS[1:] if _agree(counts[mark])]
    if counts[","][0] > 1 and (_agree(counts[","]) or not agreed):
        return ",", []
    if len(agreed) == 1:
        mark = agreed[0]
        said = f"none was declared; every line is split by {mark!r} into {counts[mark][0]} fields."
        step = f"To make this certain declare  delimiter = {_toml(mark)}."
        return mark, [_said("repair", "delimiter", file, said, step=step)]
    unclear = [mark for mark in MARKS[1:] if counts[mark][0] > 1]
    if unclear:
        raise refuse(
            file,
            "delimiter",
            f"the header is split by {unclear[0]!r}, other lines are not.",
            f"Declare  delimiter = {_toml(unclear[0])}.",
        )
    return ",", []


def _widths(sample: list[str], mark: str) -> list[int]:
    """Fields of each row of the sample that is not blank; a row too long for the splitter ends it."""
    widths = []
    try:
        for row in csv.reader(sample, delimiter=mark):
            widths += [len(row)] if row else []
    except csv.Error:
        pass
    return widths or [0]


def _toml(mark: str) -> str:
    return '"\\t"' if mark == "\t" else f'"{mark}"'
