"""The errors a user can meet, sorted by what the reader must do, and the findings they carry."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Level = Literal["error", "repair", "note"]


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing seen in the input: where it is, which rule it meets, and what to do next.

    ``level`` is ``error`` (the table is not loaded), ``repair`` (mended, counted, reversible from
    the report) or ``note`` (said, nothing changed). ``rows`` counts the rows concerned, ``examples``
    shows the first few as ``line 25 = 99``; a value of a personal column is never put there.
    """

    level: Level
    rule: str
    message: str
    file: str = ""
    table: str = ""
    column: str = ""
    rows: int = 0
    examples: tuple[str, ...] = ()
    next_step: str = ""

    def lines(self) -> list[str]:
        """The finding as printed lines: level, column, rule, rows with examples, message; what to do."""
        count = f"{self.rows:,} rows" if self.rows > 1 else "1 row" if self.rows == 1 else ""
        shown = ": ".join(part for part in (count, ", ".join(self.examples)) if part)
        said = "; ".join(part for part in (shown, self.message) if part)
        first = f"  {self.level.upper():<7}{self.column:<20} {self.rule:<18} {said}".rstrip()
        return [first] if not self.next_step else [first, f"         {self.next_step}"]


class CxlabError(Exception):
    """Every error that cxlab raises on purpose; the command line prints it without a traceback."""

    exit_code = 2


class TableError(CxlabError):
    """The data files cannot be used as they are: mend the file or declare the option it names."""

    def __init__(self, message: str, *, findings: Sequence[Finding] = ()) -> None:
        super().__init__(message)
        self.findings = tuple(findings)


class LinkError(CxlabError):
    """Tables that are good one by one cannot be linked: a key, a date or a window is missing."""


class FitError(CxlabError):
    """A model cannot be fitted to this table: the message says which column or how many rows."""


class NotAnswerableError(FitError):
    """The data hold no answer to the question (a column or enough rows are missing): not a fault.

    ``cxlab.ask`` turns it into an :class:`~cxlab.core.answer.Unanswered` result, so that a report
    says what is missing and goes on.
    """

    def __init__(self, question: str, *, reason: str, next_step: str) -> None:
        super().__init__(f"{question}: not answered by these data. {reason} Next step: {next_step}")
        self.question = question
        self.reason = reason
        self.next_step = next_step


class ParameterError(CxlabError):
    """A setting, a notebook parameter or a command option has a wrong name, type or value."""


class ReportError(CxlabError):
    """A report could not be made or written; nothing unfinished lies under a final name."""
