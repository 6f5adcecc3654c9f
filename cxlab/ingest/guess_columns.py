"""Guesses about the columns of one file: which is which of ours, its scale, its codes, its dates."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

import pandas as pd

from cxlab.core.columns import RATING_PREFIX, SURVEYS
from cxlab.ingest.contracts import Kind, contract_of
from cxlab.ingest.converters import ISO, NUMBERS, OFFSET
from cxlab.ingest.guess_names import COLUMN_HINTS, ITEM_HINT, QUESTION_HINTS, folded
from cxlab.ingest.personal_forms import personal_form
from cxlab.ingest.privacy_rules import PERSONAL_NAMES
from cxlab.ingest.row_rules import CODE_LOOKALIKES
from cxlab.ingest.selection import text_of
from cxlab.ingest.sources import Source

_SAMPLE_ROWS = 2_000
_LOCAL = r"([0-9]{1,2})[./-]([0-9]{1,2})[./-][0-9]{4}(?:[ T].*)?"
_YEAR_FIRST = r"[0-9]{4}[./][0-9]{1,2}[./][0-9]{1,2}.*"
_MONTH_NAMED = r"[0-9]{1,2}[- ][A-Za-z]{3}[- ][0-9]+"
_SERIAL = r"[0-9]{5}(?:\.[0-9]+)?"
_DATED = f"{ISO}(?: ?{OFFSET})?|{_LOCAL}|{_SERIAL}|{_YEAR_FIRST}|{_MONTH_NAMED}"
_ITEM_WORDS = r"^(?:rating|satisfaction|zufriedenheit|bewertung)_(?:mit_|with_)?"
_SPANS = ((1.0, 5.0), (1.0, 7.0), (1.0, 10.0), (0.0, 10.0), (1.0, 11.0))
_ENDS = (5.0, 7.0, 10.0, 11.0)
#: This many columns with the same highest answer are a battery of items.
_BATTERY = 4
_MOST_ANSWERS = 12
_SHOWN_WORDS = 8


class Looks:
    """What the first rows of a file's columns hold, each column read once for all tables it is tried as."""

    def __init__(self, source: Source) -> None:
        self.frame = source.frame.iloc[:_SAMPLE_ROWS]
        self._texts: dict[str, pd.Series] = {}
        self._answers: dict[str, tuple[tuple[float, float] | None, tuple[int, ...], str]] = {}
        self._personal: dict[str, bool] = {}

    def text(self, name: str) -> pd.Series:
        """The filled cells as stripped text."""
        if name not in self._texts:
            self._texts[name] = _filled(self.frame[name])
        return self._texts[name]

    def answers(self, name: str) -> tuple[tuple[float, float] | None, tuple[int, ...], str]:
        """Lowest and highest answer, codes, decimal mark; see :func:`_answers`."""
        if name not in self._answers:
            self._answers[name] = _answers(self.text(name))
        return self._answers[name]

    def personal(self, name: str) -> bool:
        """Whether name or values of a column are personal."""
        if name not in self._personal:
            by_name = PERSONAL_NAMES.fullmatch(folded(name)) is not None
            key = re.search(r"(?:id|nr|no|number|nummer|key)$", folded(name)) is not None
            form = personal_form([str(cell) for cell in self.text(name).iloc[:500]], key=key)
            self._personal[name] = by_name or bool(form)
        return self._personal[name]

    def is_time(self, name: str) -> bool:
        """Whether the column is stored as times."""
        return bool(pd.api.types.is_datetime64_any_dtype(self.frame[name].dtype))


@dataclass(kw_only=True, eq=False)
class ColumnGuess:
    """One of our columns, where it may stand, and why; with what its values say.

    ``scale`` and ``codes`` are filled for ratings, ``date_order`` for times (``"?"`` where day and month
    cannot be told apart), ``words`` where answers are texts, ``serial`` where dates are numbers.
    """

    ours: str
    theirs: str
    evidence: str
    scale: tuple[float, float] | None = None
    codes: tuple[int, ...] = ()
    date_order: str = ""
    decimal: str = ""
    words: tuple[str, ...] = ()
    serial: bool = False


@dataclass(kw_only=True)
class TableGuess:
    """What one file may be: its table, the columns found in it, and what is not carried."""

    table: str
    file: str
    source: Source
    looks: Looks
    sheet: str = ""
    score: float = 0.0
    evidence: list[str] = field(default_factory=list)
    columns: list[ColumnGuess] = field(default_factory=list)
    absent: list[str] = field(default_factory=list)
    personal: list[str] = field(default_factory=list)
    unknown: list[str] = field(default_factory=list)


def guess_columns(guess: TableGuess) -> None:
    """Fill a guess about one file: columns by name, question text and values."""
    header = [str(name) for name in guess.source.frame.columns]
    tool = guess.source.arrangement.names if guess.source.arrangement and guess.table == SURVEYS else {}
    used: dict[str, str] = {theirs: ours for ours, theirs in tool.items()}
    for ours, theirs in tool.items():
        why = f"as {guess.source.arrangement.platform} names it" if guess.source.arrangement else ""
        if len(guess.looks.text(theirs)):  # the tool writes the column even where nobody filled it
            guess.columns.append(_looked_at(guess, ours, theirs, why))
    personal = {name for name in header if name not in used and guess.looks.personal(name)}
    free = [name for name in header if name not in used and name not in personal]
    named = [column.name for column in contract_of(guess.table).columns if "*" not in column.name]
    # After the columns of the contract those of its families that have a usual name, such as wait_minutes.
    wanted = [name for name in dict.fromkeys([*named, *COLUMN_HINTS[guess.table]]) if name not in tool]
    for ours in wanted:
        found = _find(guess, ours, [name for name in free if name not in used])
        if found is not None:
            used[found.theirs] = ours
            guess.columns.append(found)
    if guess.table == SURVEYS:
        _add_items(guess, [name for name in free if name not in used], used)
    guess.personal = sorted(personal)
    known = contract_of(guess.table)
    guess.unknown = [n for n in free if n not in used and not known.recognises(n)]
    held = {column.ours for column in guess.columns}
    guess.absent = [name for name in known.required if name not in held]


def _find(guess: TableGuess, ours: str, free: Sequence[str]) -> ColumnGuess | None:
    """The best free column for one of ours: the same name, a usual name, the question's text."""
    for theirs in free:
        if folded(theirs) == ours:
            return _looked_at(guess, ours, theirs, "same name")
    pattern = COLUMN_HINTS[guess.table].get(ours)
    if pattern:
        for theirs in free:
            if re.fullmatch(pattern, folded(theirs)) and _fits(guess, ours, theirs):
                return _looked_at(guess, ours, theirs, "a usual name for it")
    if guess.table == SURVEYS and ours in QUESTION_HINTS:
        for theirs in free:
            text = _question(guess.source, theirs)
            numeric = guess.looks.answers(theirs)[0] is not None
            if text and numeric and re.search(QUESTION_HINTS[ours], text, re.IGNORECASE):
                return _looked_at(guess, ours, theirs, "the text of the question says so")
    return None


def _fits(guess: TableGuess, ours: str, theirs: str) -> bool:
    """Whether the values can be of the kind: a time is no word, an empty column nothing."""
    column = contract_of(guess.table).column(ours)
    kind: Kind = column.kind if column is not None else "category"
    text = guess.looks.text(theirs)
    if text.empty:
        return False
    if kind == "time":
        dated = text.str.fullmatch(_DATED)
        return guess.looks.is_time(theirs) or bool(dated.mean() > 0.5)
    if kind == "number":
        return bool(text.str.fullmatch(f"{NUMBERS['.']}|{NUMBERS[',']}").mean() > 0.8)
    if kind in ("flag", "sign"):
        return text.nunique() <= 4
    return True


def _looked_at(guess: TableGuess, ours: str, theirs: str, why: str) -> ColumnGuess:
    """A guess with what the values say: key, scale and codes, order of day and month."""
    found = ColumnGuess(ours=ours, theirs=theirs, evidence=why)
    column = contract_of(guess.table).column(ours)
    kind = column.kind if column is not None else "score"
    text = guess.looks.text(theirs)
    if ours == contract_of(guess.table).key and len(text):
        whole = guess.source.frame[theirs].dropna()
        double = int(whole.duplicated(keep=False).sum())
        found.evidence += f"; {double:,} rows share a value" if double else "; no value twice"
    if kind == "time":
        if not guess.looks.is_time(theirs):
            _look_at_dates(found, text)
    elif kind == "score":
        contract = (column.low, column.high) if column else (1.0, 10.0)
        _look_at_answers(found, guess.looks, low=contract[0], high=contract[1])
    elif kind == "number" and text.str.fullmatch(r"[+-]?[0-9]+,[0-9]+").any():
        found.decimal = ","
    return found


def _look_at_dates(found: ColumnGuess, text: pd.Series) -> None:
    if text.empty:
        return
    parts = text.str.extract(f"^{_LOCAL}$").dropna().astype(int)
    if len(parts):
        first, second = bool((parts[0] > 12).any()), bool((parts[1] > 12).any())
        found.date_order = "DMY" if first and not second else "MDY" if second and not first else "?"
        where = {"DMY": "the first number goes beyond 12", "MDY": "the second number goes beyond 12"}
        found.evidence += "; " + where.get(found.date_order, "day and month cannot be told apart")
    elif text.str.fullmatch(_MONTH_NAMED).mean() > 0.5:
        found.date_order = "DMY"
        found.evidence += "; day, then the name of the month"
    elif text.str.fullmatch(_YEAR_FIRST).mean() > 0.5:
        found.date_order = "YMD"
        found.evidence += "; year first"
    elif text.str.fullmatch(_SERIAL).mean() > 0.5:
        found.serial = True
        found.evidence += "; whole numbers, as a spreadsheet counts days"


def _answers(text: pd.Series) -> tuple[tuple[float, float] | None, tuple[int, ...], str]:
    """Lowest and highest answer without code-like numbers, those codes, and the decimal mark."""
    decimal = "," if text.str.fullmatch(r"[0-9]+,[0-9]+").any() else ""
    fits = text.str.fullmatch(NUMBERS[decimal or "."])
    if text.empty or fits.mean() < 0.9:
        return None, (), decimal
    number = pd.to_numeric(text[fits].str.replace(",", "."), errors="coerce").dropna()
    distinct = sorted(number.unique())
    inside = [value for value in distinct if -0.5 < value <= 11 and value == round(value)]
    codes = tuple(int(value) for value in distinct if value in CODE_LOOKALIKES and not 0 <= value <= 11)
    if not inside or len(inside) + len(codes) < len(distinct):
        return None, (), decimal
    return (float(min(inside)), float(max(inside))), codes, decimal


def _look_at_answers(found: ColumnGuess, looks: Looks, *, low: float | None, high: float | None) -> None:
    span, codes, decimal = looks.answers(found.theirs)
    found.decimal = decimal
    if span is None:
        distinct = list(dict.fromkeys(looks.text(found.theirs)))
        if distinct and len(distinct) <= _MOST_ANSWERS:
            found.words = tuple(distinct[:_SHOWN_WORDS])
            found.evidence += f"; {len(distinct)} different texts"
        return
    found.codes = codes
    found.evidence += f"; answers {span[0]:g} to {span[1]:g}" + (
        f", and {', '.join(map(str, codes))}" if codes else ""
    )
    contract = (low if low is not None else 1.0, high if high is not None else 10.0)
    if span[0] == 0 and contract[0] > 0 and span[1] <= 7:
        # A nought below a scale of 1 to 5 or 7 is a code more often than an answer.
        found.codes = (0, *codes)
        span = (1.0, span[1])
    fitting = [one for one in _SPANS if one[0] <= span[0] and span[1] <= one[1]]
    best = next(iter(fitting), contract)
    if contract[0] <= span[0] and span[1] <= contract[1] and span[1] > 7:
        best = contract
    found.scale = best
    if best == _SPANS[-1]:
        found.evidence += "; codes 1 to 11 of answers 0 to 10?  then map_scale = [1, 11] instead"


def _add_items(guess: TableGuess, free: Sequence[str], used: dict[str, str]) -> None:
    """Further columns of whole numbers on a short scale: the name says so, or a question or a battery."""
    taken = {column.ours for column in guess.columns}
    spans = {name: guess.looks.answers(name)[0] for name in free}
    ends = [span[1] for span in spans.values() if span]
    for theirs, span in spans.items():
        if span is None or span[1] - span[0] < 2 or guess.looks.text(theirs).nunique() < 3:
            continue
        whole = span[0] in (0.0, 1.0) and span[1] in _ENDS
        battery = whole and ends.count(span[1]) >= _BATTERY
        why = "whole numbers on a short scale"
        if ITEM_HINT.search(folded(theirs)):
            why = "its name speaks of a rating"
        elif battery:
            why = f"one of {ends.count(span[1])} columns with the same answers"
        elif not (whole and _question(guess.source, theirs)):
            continue
        plain = re.sub(_ITEM_WORDS, "", folded(theirs))[:60].strip("_")
        ours = RATING_PREFIX + (plain or "item")
        while ours in taken:
            ours += "_2"
        taken.add(ours)
        used[theirs] = ours
        guess.columns.append(_looked_at(guess, ours, theirs, why))


def _question(source: Source, name: str) -> str:
    """The text of a question, where the export or the SPSS file holds it."""
    if source.arrangement and source.arrangement.questions.get(name):
        return str(source.arrangement.questions[name])
    return source.labels[name].question if name in source.labels else ""


def _filled(values: pd.Series) -> pd.Series:
    text = text_of(values)
    return text[text != ""]
