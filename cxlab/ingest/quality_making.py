"""Makes the quality report of a load out of the states of its tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pandas as pd

from cxlab.core.errors import Finding
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, checks_table
from cxlab.ingest.answerable import answers_table
from cxlab.ingest.quality import FINDING_COLUMNS, QualityReport, TableRows
from cxlab.ingest.state import TableState

COVERAGE_COLUMNS = ("table", "column", "type", "rows", "filled", "empty_share", "first", "last")


def make_report(
    *,
    title: str,
    states: Mapping[str, TableState],
    findings: Sequence[Finding],
    scales: Mapping[str, tuple[float, float]],
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
    frames = {name: state.frame for name, state in states.items()}
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
        answerable=answers_table(frames),
        frames=frames,
        scales=scales,
        reasons={name: state.reasons_table() for name, state in states.items()},
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
