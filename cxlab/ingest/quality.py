"""The quality report of a load: what was found, mended and set aside, and what the data can answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlab.core.errors import Finding
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.ingest.answerable import answers_table
from cxlab.ingest.contracts import CONTRACTS_BY_TABLE
from cxlab.ingest.state import TableState

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINDING_COLUMNS = ("level", "file", "table", "column", "rule", "rows", "message", "examples", "next_step")
COVERAGE_COLUMNS = ("table", "column", "type", "rows", "filled", "empty_share", "first", "last")
SHOWN_BARS = 20
# The colours of the house; plots/ may not be imported from here.
_EMPTY, _OPEN, _INK, _NOTE = "#0072B2", "#B8B8B8", "#1A1A1A", "#767676"
#: Columns in which an empty cell says "not yet".
_OPEN_ENDS = {later for contract in CONTRACTS_BY_TABLE.values() for _, later in contract.in_order}


@dataclass(frozen=True, kw_only=True)
class TableRows:
    """The rows of one table: read = kept + set aside, checked whenever one is made."""

    table: str
    file: str
    rows_read: int
    rows_kept: int
    set_aside: Mapping[str, int]

    def __post_init__(self) -> None:
        lost = self.rows_read - self.rows_kept - sum(self.set_aside.values())
        if lost:
            raise ValueError(f"{self.file}: {lost} of {self.rows_read} rows are neither kept nor set aside")

    @property
    def line(self) -> str:
        """``48 rows read = 48 kept + 0 set aside.``"""
        aside = sum(self.set_aside.values())
        why = "; ".join(f"{rows:,} {reason}" for reason, rows in self.set_aside.items())
        counted = f"{self.rows_read:,} row{'' if self.rows_read == 1 else 's'} read"
        return f"{counted} = {self.rows_kept:,} kept + {aside:,} set aside{f' ({why})' if why else ''}."


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class QualityReport(Result):
    """What loading found. ``table()`` has one row per finding; see also ``coverage`` and ``answers``."""

    title: str
    findings: tuple[Finding, ...]
    tables: tuple[TableRows, ...]
    column_coverage: pd.DataFrame
    answerable: pd.DataFrame

    @property
    def ok(self) -> bool:
        """Whether the data load: there is no error among the findings."""
        return not any(finding.level == "error" for finding in self.findings)

    @property
    def exit_code(self) -> int:
        """0 if the data load, 2 if not: what the command line returns."""
        return 0 if self.ok else 2

    def coverage(self) -> pd.DataFrame:
        """Per table and column: type, rows, filled cells, share empty, first and last time; a copy."""
        return self.column_coverage.copy()

    def answers(self) -> pd.DataFrame:
        """What these data can answer: analysis, possible (yes, partly, no), reason; a copy."""
        return self.answerable.copy()

    def rows(self) -> pd.DataFrame:
        """Per table: file, rows read, kept, set aside, and the reasons."""
        listed = [
            (
                part.table,
                part.file,
                part.rows_read,
                part.rows_kept,
                part.rows_read - part.rows_kept,
                "; ".join(f"{rows:,} {reason}" for reason, rows in part.set_aside.items()),
            )
            for part in self.tables
        ]
        return pd.DataFrame(
            listed,
            columns=pd.Index(["table", "file", "rows_read", "rows_kept", "rows_set_aside", "reasons"]),
        )

    def lines(self) -> list[str]:
        """The report as printed: every file with all its findings, then its rows."""
        printed: list[str] = []
        known = [(part.file, part.table) for part in self.tables]
        others = [(finding.file, finding.table) for finding in self.findings]
        for file, table in dict.fromkeys(
            [*others, *known] if not known else [*_before(others, known), *known]
        ):
            about = [f for f in self.findings if (f.file, f.table) == (file, table)]
            printed.append(_heading(file, table, about, loaded=(file, table) in known))
            printed += [line for finding in _by_level(about) for line in finding.lines()]
            printed += [part.line for part in self.tables if (part.file, part.table) == (file, table)]
        return printed

    def to_json(self) -> str:
        """The report as JSON text, for other programs: :meth:`to_dict` with two blanks of indent."""
        return json.dumps(self.to_dict(), indent=2, ensure_ascii=False)

    def to_dict(self) -> dict[str, Any]:
        """The report as plain values: title, ok, tables, findings, answers."""
        return {
            "title": self.title,
            "ok": self.ok,
            "tables": [
                {
                    "table": part.table,
                    "file": part.file,
                    "rows_read": part.rows_read,
                    "rows_kept": part.rows_kept,
                    "set_aside": dict(part.set_aside),
                }
                for part in self.tables
            ],
            "findings": [
                {**asdict(finding), "examples": list(finding.examples)} for finding in self.findings
            ],
            "answers": self.answerable.to_dict("records"),
        }

    def summary(self) -> str:
        """How many rows of which tables, what was mended, and whether the data load."""
        sizes = ", ".join(f"{part.table} {part.rows_kept:,}" for part in self.tables) or "no table"
        aside = sum(part.rows_read - part.rows_kept for part in self.tables)
        state = "loaded" if self.ok else "not loaded"
        yes = self.answerable.loc[self.answerable["possible"] == "yes", "analysis"]
        return (
            f"{self.title}: {state}, {_counted(self.findings)}. Rows kept: {sizes}; {aside:,} set aside, "
            f"each with a reason. These data can answer: {', '.join(yes) or 'nothing in full'}. A clean "
            f"report says that the files keep the contract, not that the answers are representative."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Share of empty cells, the emptiest columns first."""
        import matplotlib.pyplot as plt

        gaps = self.column_coverage[self.column_coverage["empty_share"] > 0]
        gaps = gaps.sort_values("empty_share", ascending=False).head(SHOWN_BARS).iloc[::-1]
        if ax is None:
            size = (8.0, 1.8 + 0.32 * max(len(gaps), 3))
            ax = plt.subplots(figsize=size, layout="constrained")[1]
        open_ends = gaps["column"].isin(_OPEN_ENDS)
        percent = gaps["empty_share"].astype("float64") * 100
        bars = ax.barh(
            gaps["table"] + ": " + gaps["column"],
            percent,
            color=[_OPEN if is_open else _EMPTY for is_open in open_ends],
            height=0.7,
        )
        counts = zip(gaps["rows"] - gaps["filled"], gaps["rows"], percent, strict=True)
        labels = [f"{empty:,} of {rows:,} ({share:.1f} %)" for empty, rows, share in counts]
        ax.bar_label(bars, labels, padding=4, fontsize=9, color=_INK)
        ax.set_ylim(-0.7, max(len(gaps), 3) - 0.3)
        top = float(percent.max()) if len(gaps) else 100.0
        ax.set_xlim(0, top * 1.45)
        ax.set_xticks([tick for tick in ax.get_xticks() if tick <= min(100.0, top * 1.2)])
        ax.set_xlabel("empty cells (percent of the rows of the table)", color=_INK)
        ax.set_title(f"{self.title}: empty cells\n", loc="left", fontsize=13, fontweight="bold", color=_INK)
        hidden = int((self.column_coverage["empty_share"] > 0).sum()) - len(gaps)
        note = f"n = {sum(part.rows_kept for part in self.tables):,} rows"
        note += f"; {hidden} columns with fewer are not shown" if hidden else ""
        note += "; grey: empty means still open" if open_ends.any() else ""
        ax.text(0.0, 1.02, note, transform=ax.transAxes, fontsize=9.5, color=_NOTE, va="bottom")
        ax.spines[["top", "right"]].set_visible(False)
        if gaps.empty:
            ax.text(0.5, 0.5, "no empty cell", transform=ax.transAxes, ha="center")
        return ax


def _before(others: Sequence[tuple[str, str]], known: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    return [pair for pair in others if pair not in known]


def _by_level(findings: Sequence[Finding]) -> list[Finding]:
    return sorted(findings, key=lambda finding: ("error", "repair", "note").index(finding.level))


def _heading(file: str, table: str, findings: Sequence[Finding], *, loaded: bool) -> str:
    named = file if not table or file.startswith(table) else f"{file} as {table}"
    if not table:
        return f"{named}: {_counted(findings)}"
    failed = any(finding.level == "error" for finding in findings) or not loaded
    return f"{named}: {'not loaded' if failed else 'loaded'}, {_counted(findings)}"


def _counted(findings: Sequence[Finding]) -> str:
    """``2 errors, 1 repair``; notes are counted too, levels without findings are left out."""
    counts = {
        level: sum(finding.level == level for finding in findings) for level in ("error", "repair", "note")
    }
    words = [f"{n} {level}{'' if n == 1 else 's'}" for level, n in counts.items() if n]
    return ", ".join(words) or "nothing to report"


def make_report(
    *, title: str, states: Mapping[str, TableState], findings: Sequence[Finding]
) -> QualityReport:
    """The report of one load from the states of its tables."""
    tables = tuple(
        TableRows(
            table=name,
            file=state.source.file,
            rows_read=state.rows_read,
            rows_kept=len(state.frame),
            set_aside=dict(state.set_aside),
        )
        for name, state in states.items()
    )
    aside: dict[str, int] = {}
    for part in tables:
        for reason, rows in part.set_aside.items():
            aside[f"{part.table}: {reason}"] = rows
    listed = [[getattr(finding, column) for column in FINDING_COLUMNS] for finding in findings]
    table = pd.DataFrame(listed, columns=pd.Index(FINDING_COLUMNS))
    table["examples"] = ["; ".join(finding.examples) for finding in findings]
    return QualityReport(
        estimates=table,
        diagnostics=checks_table(_checks(tables, findings)),
        provenance=Provenance(
            model="QualityReport",
            n_rows=sum(part.rows_read for part in tables),
            n_used=sum(part.rows_kept for part in tables),
            n_set_aside=aside,
        ),
        title=title,
        findings=tuple(findings),
        tables=tables,
        column_coverage=_coverage(states),
        answerable=answers_table({name: state.frame for name, state in states.items()}),
    )


def _checks(tables: Sequence[TableRows], findings: Sequence[Finding]) -> list[Check]:
    errors = sum(finding.level == "error" for finding in findings)
    checks = [
        Check(
            check="errors",
            value=errors,
            threshold="0",
            passed=errors == 0,
            meaning="the data do not load before each of them is mended or declared",
        )
    ]
    for part in tables:
        share = 1 - part.rows_kept / part.rows_read if part.rows_read else 0.0
        checks.append(
            Check(
                check=f"{part.table}: share set aside",
                value=round(share, 4),
                threshold="below 0.05",
                passed=share < 0.05,
                meaning="what was set aside may differ from what is kept",
            )
        )
    return checks


def _coverage(states: Mapping[str, TableState]) -> pd.DataFrame:
    rows = []
    for name, state in states.items():
        for column, values in state.frame.items():
            filled = int(values.notna().sum())
            is_time = state.kinds.get(str(column)) == "time" and filled
            rows.append(
                (
                    name,
                    str(column),
                    state.kinds.get(str(column), "id"),
                    len(values),
                    filled,
                    1 - filled / len(values) if len(values) else 0.0,
                    values.min() if is_time else pd.NaT,
                    values.max() if is_time else pd.NaT,
                )
            )
    return pd.DataFrame(rows, columns=pd.Index(COVERAGE_COLUMNS))
