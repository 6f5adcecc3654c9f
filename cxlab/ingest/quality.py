"""The quality report of a load: what was found, mended and set aside, and what the data can answer."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from cxlab.core.columns import SURVEYS
from cxlab.core.errors import Finding
from cxlab.core.publishing import hidden_mask
from cxlab.core.result import Result, save_table
from cxlab.ingest import quality_views as views
from cxlab.ingest.contracts import CONTRACTS_BY_TABLE
from cxlab.ingest.quality_views import FEWEST_ANSWERS, RANKED_FROM

if TYPE_CHECKING:
    from matplotlib.axes import Axes

FINDING_COLUMNS = ("level", "file", "table", "column", "rule", "rows", "message", "examples", "next_step")
SHOWN_BARS = 20
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
    """What loading found.

    ``table()`` has one row per finding. ``rows``, ``set_aside`` and ``repairs`` say what became of the
    rows; ``coverage``, ``by_wave`` and ``by_dealer`` how full the tables are; ``match_rates`` how well
    they meet; ``scale_use`` and ``flags`` how the questions were answered; ``answers`` what can be asked.
    """

    title: str
    findings: tuple[Finding, ...]
    tables: tuple[TableRows, ...]
    column_coverage: pd.DataFrame
    answerable: pd.DataFrame
    frames: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reasons: Mapping[str, pd.DataFrame] = field(default_factory=dict)

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

    def by_wave(self, *, wave: str = "quarter") -> pd.DataFrame:
        """Answers per month, quarter, year, or value of the survey column that ``wave`` names.

        Beside the counts of answers and dealers, shares (0..1): customers known, ratings empty, comments,
        signs of careless answers. Fewer than ten answers print no share and say "too few".
        """
        return views.by_wave(self.frames, wave=wave)

    def by_dealer(self, *, wave: str = "quarter") -> pd.DataFrame:
        """The same per dealer, most answers first: first and last day, waves with an answer, shares."""
        return views.by_dealer(self.frames, wave=wave)

    def by_wave_and_dealer(self, *, wave: str = "quarter") -> pd.DataFrame:
        """Answers of every dealer in every wave, with totals: location_id, one column per wave, ``all``.

        Counts under ten are hidden, and further ones so that no total gives them away.
        """
        return views.by_wave_and_dealer(self.frames, wave=wave)

    def match_rates(self) -> pd.DataFrame:
        """Rows of each table that find their key in another: rows, without_key, matched, share (0..1)."""
        return views.match_rates(self.frames)

    def scale_use(self) -> pd.DataFrame:
        """Per question: the scale, the points that were used, both ends, the favourite answer."""
        return views.scale_use(self.frames, self.scales, self.reasons.get(SURVEYS))

    def flags(self) -> pd.DataFrame:
        """Answers with a sign of carelessness: flag, answers, share (0..1), meaning; none is removed."""
        return views.flag_counts(self.frames)

    def set_aside(self) -> pd.DataFrame:
        """Rows set aside: table, file, reason, rows, share (0..1) of the rows read."""
        listed = [
            (part.table, part.file, reason, rows, rows / part.rows_read)
            for part in self.tables
            for reason, rows in part.set_aside.items()
        ]
        return pd.DataFrame(listed, columns=pd.Index(["table", "file", "reason", "rows", "share"]))

    def repairs(self) -> pd.DataFrame:
        """Repairs, one row per rule: file, table, column, rule, rows, message."""
        columns = ["file", "table", "column", "rule", "rows", "message"]
        mended = self.estimates.loc[self.estimates["level"] == "repair", columns]
        return mended.reset_index(drop=True)

    def save(self, folder: str | Path) -> Path:
        """What every result saves, and each further table of the report as CSV under its name."""
        target = super().save(folder)
        parts = {
            "rows": self.rows(),
            "set_aside": self.set_aside(),
            "coverage": self.coverage(),
            "by_wave": self.by_wave(),
            "by_dealer": self.by_dealer(),
            "by_wave_and_dealer": self.by_wave_and_dealer(),
            "match_rates": self.match_rates(),
            "scale_use": self.scale_use(),
            "flags": self.flags(),
            "answers": self.answers(),
        }
        for name, table in parts.items():
            save_table(target / f"{name}.csv", table)
        return target

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Share of empty cells, the emptiest columns first."""
        from cxlab.plots.quality import empty_cells

        gaps = self.column_coverage[self.column_coverage["empty_share"] > 0]
        shown = gaps.sort_values("empty_share", ascending=False, kind="stable").head(SHOWN_BARS)
        frame = pd.DataFrame(
            {
                "term": shown["table"] + ": " + shown["column"],
                "rows": shown["rows"],
                "empty": shown["rows"] - shown["filled"],
                "open": shown["column"].isin(_OPEN_ENDS),
            }
        )
        hidden = len(gaps) - len(shown)
        note = f"n = {sum(part.rows_kept for part in self.tables):,} rows"
        note += f"; {hidden} columns with fewer are not shown" if hidden else ""
        note += "; grey: empty means still open" if frame["open"].any() else ""
        return empty_cells(frame, title=f"{self.title}: empty cells", note=note, ax=ax)

    def plot_waves(self, *, wave: str = "quarter", ax: Axes | None = None) -> Axes:
        """Answers per wave, with those of a known customer."""
        from cxlab.plots.quality import answer_waves

        table = self.by_wave(wave=wave)
        every = int(table["answers"].sum())
        empty = int((table["answers"] == 0).sum())
        small = hidden_mask(table)
        table["answers"] = table["answers"].astype("float64").mask(small)
        given, share = table["answers"], table["customer_known_share"].astype("float64")
        known = (given * share).round()
        # Ten answers are the least for a share, so the few of a small wave are not told apart.
        linked = known.fillna(given) if share.notna().any() else known
        frame = pd.DataFrame({"wave": table["wave"], "answers": given, "linked": linked})
        note = f"n = {every:,} answers; waves without an answer: {empty}"
        note += f"; too small to be shown, or beside one: {int(small.sum())}" if small.any() else ""
        if share.notna().any() and bool((share.dropna() == 1).all()):
            note += "; the customer of every answer is known"
        return answer_waves(frame, title=f"{self.title}: answers by {wave}", note=note, ax=ax)

    def plot_dealers(self, *, ax: Axes | None = None) -> Axes:
        """Answers of every dealer, with the numbers that a published figure and a rank need."""
        from cxlab.plots.quality import answers_of_dealers

        table = self.by_dealer()
        few = int((table["answers"] < FEWEST_ANSWERS).sum())
        ranked = int((table["answers"] >= RANKED_FROM).sum())
        note = f"n = {len(table):,} dealers: {ranked:,} with {RANKED_FROM} answers or more, {few:,} with "
        note += (
            f"fewer than {FEWEST_ANSWERS} (not drawn, nor what would give them away)" if few else "fewer"
        )
        return answers_of_dealers(
            table[~hidden_mask(table)],
            minimum=FEWEST_ANSWERS,
            ranked_from=RANKED_FROM,
            title=f"{self.title}: answers by dealer",
            note=note,
            ax=ax,
        )

    def plot_scales(self, *, ax: Axes | None = None) -> Axes:
        """How often each point of its scale was taken, one bar per question."""
        from cxlab.plots.quality import scale_bars

        frame = views.answer_shares(self.frames, self.scales)
        answers = self.scale_use().set_index("question")["answers"]
        words = frame["term"].str.removeprefix("rating_").str.removesuffix("_0_10").str.replace("_", " ")
        frame["term"] = words + frame["term"].map(lambda name: f" (n = {answers[name]:,})")
        note = "each bar one question; figures: the answer; orange: low end of its scale, blue: high end"
        return scale_bars(frame, title=f"{self.title}: use of the scales", note=note, ax=ax)


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
