"""The one form of every result: a tidy table, a summary in words, a picture, checks, provenance."""

from __future__ import annotations

import copy
import functools
import html
import json
import re
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

import pandas as pd

from cxlab.core.person_files import guard_formulas
from cxlab.core.provenance import Provenance
from cxlab.core.publishing import hidden_mask, note_of, published

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Decimals shown in a notebook; ``table()`` keeps them all.
SHOWN_DECIMALS = 3
CHECK_COLUMNS = ("check", "value", "threshold", "passed", "meaning")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One diagnostic: its value, the threshold it is held against, and what a failure would mean."""

    check: str
    value: float | int | str
    threshold: str
    passed: bool
    meaning: str


def checks_table(checks: Sequence[Check]) -> pd.DataFrame:
    """Diagnostics as a table with the columns of :data:`CHECK_COLUMNS`, one row per check."""
    rows = [[getattr(check, column) for column in CHECK_COLUMNS] for check in checks]
    return pd.DataFrame(rows, columns=pd.Index(CHECK_COLUMNS))


def shown(table: pd.DataFrame) -> pd.DataFrame:
    """A table as a notebook shows it: floats rounded, so that outputs are equal on every machine."""
    return table.round(dict.fromkeys(table.select_dtypes("number").columns, SHOWN_DECIMALS))


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Result(ABC):
    """What ``fit`` returns. Subclasses add ``summary`` and ``plot``, and ``predict`` where they predict.

    ``eq=False`` because comparing frames with ``==`` raises; ``table()`` copies so that a reader
    cannot change a result by accident.
    """

    estimates: pd.DataFrame
    diagnostics: pd.DataFrame
    provenance: Provenance

    def __init_subclass__(cls, **settings: Any) -> None:
        """Every picture of every result leaves small groups out, whoever writes it."""
        super().__init_subclass__(**settings)
        for name, draw in [*vars(cls).items()]:
            if name == "plot" or name.startswith("plot_"):
                setattr(cls, name, _without_small_groups(draw))

    #: Columns a notebook shows, where the whole table would not fit a page; empty for all.
    shown_columns: ClassVar[tuple[str, ...]] = ()

    def table(self) -> pd.DataFrame:
        """The estimates, one row each; a copy."""
        return self.estimates.copy()

    def checks(self) -> pd.DataFrame:
        """The diagnostics: check, value, threshold, passed, meaning; a copy."""
        return self.diagnostics.copy()

    def drawable(self) -> tuple[Self, int]:
        """This result without the rows that may not be shown, and how many these are; for pictures."""
        shown_self, hidden = copy.copy(self), 0
        for field in fields(self):
            frame = getattr(self, field.name)
            small = hidden_mask(frame) if isinstance(frame, pd.DataFrame) else None
            if small is not None and small.any():
                object.__setattr__(shown_self, field.name, frame[~small])
                hidden += int(small.sum())
        return (shown_self, hidden) if hidden else (self, 0)

    @abstractmethod
    def summary(self) -> str:
        """Two to four sentences: number, interval, n, the assumption that would overturn it, limits."""

    def headline(self) -> str:
        """The first sentence of the summary: what an index page quotes."""
        return re.split(r"(?<=[.!?])\s+(?=[A-Z])", self.summary(), maxsplit=1)[0]

    @abstractmethod
    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Draw the result on ``ax`` (a new one if None) and return it; never shows, never saves."""

    def save(self, folder: str | Path) -> Path:
        """Write ``table.csv``, ``checks.csv``, ``summary.txt`` and ``provenance.json`` into ``folder``.

        Rows of too few persons are hidden as in a notebook. Text that a spreadsheet would take for a
        formula is guarded; a link at one of these names is replaced, never written through.
        """
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        save_table(target / "table.csv", self.estimates)
        save_table(target / "checks.csv", self.diagnostics)
        save_text(target / "summary.txt", self.summary() + "\n")
        text = json.dumps(self.provenance.to_dict(), indent=2, sort_keys=True, default=_plain)
        save_text(target / "provenance.json", text + "\n")
        return target

    def __repr__(self) -> str:
        return self.summary()

    def _repr_html_(self) -> str:
        summary = html.escape(self.summary()).replace("\n", "<br>")
        columns = list(self.shown_columns) or list(self.estimates.columns)
        # Hidden by all columns, shown by some: a count that is not shown protects, too.
        table, hidden = published(self.estimates)
        table = shown(table[columns])
        if table.empty:
            return f"<p>{summary}</p>"
        note = f"<p>{note_of(hidden)}</p>" if hidden else ""
        return f"<p>{summary}</p>{table.to_html(index=False, border=0, na_rep='-')}{note}"


def save_table(path: Path, table: pd.DataFrame) -> None:
    """Write a table as CSV: nine digits, rows of too few persons hidden, formulas guarded."""
    save_text(
        path,
        guard_formulas(published(table)[0]).to_csv(index=False, float_format="%.9g", lineterminator="\n"),
    )


def save_text(path: Path, text: str) -> None:
    """Write ``text`` to a new file that takes the name ``path``; a link of that name is replaced."""
    unfinished = path.with_name(f".cxlab-unfinished-{uuid.uuid4().hex}")
    with unfinished.open("x", encoding="utf-8", newline="\n") as file:
        file.write(text)
    unfinished.replace(path)


def _without_small_groups(draw: Callable[..., Any]) -> Callable[..., Any]:
    """A drawing method that sees the rows only that may be shown, and says below what it leaves out."""

    @functools.wraps(draw)
    def drawn(self: Result, *args: Any, **settings: Any) -> Any:
        shown_self, hidden = self.drawable()
        axes = draw(shown_self, *args, **settings)
        if hidden:
            axes.set_xlabel(f"{axes.get_xlabel()}\n{note_of(hidden)}".strip(), loc="left")
        return axes

    return drawn


def _plain(value: Any) -> str:
    return value.isoformat() if hasattr(value, "isoformat") else str(value)
