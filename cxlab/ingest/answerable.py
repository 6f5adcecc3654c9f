"""What a data folder can answer: one line per analysis, with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from fnmatch import fnmatchcase

import pandas as pd

from cxlab.core.columns import (
    COMPLAINTS,
    CONTRACTS,
    CUSTOMER_ID,
    CUSTOMERS,
    EVENTS,
    LOCATION_ID,
    OVERALL,
    SURVEYS,
    rating_columns,
)
from cxlab.core.membership import is_in
from cxlab.ingest.contracts import UNIT_FAMILIES

ANSWER_COLUMNS = ("analysis", "possible", "reason")
Frames = Mapping[str, pd.DataFrame]


def answers_table(frames: Frames) -> pd.DataFrame:
    """One row per analysis: analysis, possible (``yes``, ``partly``, ``no``), reason."""
    rows = [
        ("scores", *_scores(frames)),
        ("drivers", *_drivers(frames)),
        ("operational facts beside the survey", *_linking(frames)),
        ("dealer comparison", *_dealers(frames)),
        ("churn", *_churn(frames)),
        ("recovery", *_recovery(frames)),
        ("complaints", *_complaints(frames)),
        ("comments", *_comments(frames)),
    ]
    return pd.DataFrame(rows, columns=pd.Index(ANSWER_COLUMNS))


def _filled(frames: Frames, table: str, column: str) -> int:
    """Rows of ``table`` with a value in ``column``; 0 where there is no such table or column."""
    return int(frames[table][column].notna().sum()) if table in frames and column in frames[table] else 0


def _missing(frames: Frames, **needed: tuple[str, ...]) -> str:
    """What is not there, as words; empty if everything is."""
    gaps = [
        f"{table} have no {column}" if table in frames else f"there is no table {table}"
        for table, columns in needed.items()
        for column in columns
        if not _filled(frames, table, column)
    ]
    return "; ".join(dict.fromkeys(gaps))


def _scores(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, surveys=(OVERALL,))
    if gap:
        return "no", f"{gap}."
    dated = "over time too" if _filled(frames, SURVEYS, "answered_at") else "not over time: no answered_at"
    return "yes", f"{_filled(frames, SURVEYS, OVERALL):,} answers; {dated}."


def _drivers(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, surveys=(OVERALL,))
    if gap:
        return "no", f"{gap}."
    items = [
        name for name in rating_columns(list(frames[SURVEYS].columns)) if _filled(frames, SURVEYS, name)
    ]
    if len(items) < 2:
        return "no", f"{len(items)} rating items beside {OVERALL}; two are the least."
    return "yes", f"{len(items)} rating items beside {OVERALL}."


def _linking(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, surveys=(CUSTOMER_ID, "answered_at"), events=(CUSTOMER_ID, "occurred_at"))
    if not gap:
        share = float(is_in(frames[SURVEYS][CUSTOMER_ID], frames[EVENTS][CUSTOMER_ID]).mean())
        return ("yes" if share else "no"), f"{share:.1%} of the answers are of a customer with events."
    carried = _operational(frames)
    if carried:
        return "partly", f"only what stands in the survey rows ({', '.join(carried[:4])}); {gap}."
    return "no", f"{gap}."


def _operational(frames: Frames) -> list[str]:
    """Metrics that stand in the survey rows, known by the unit in their name."""
    if SURVEYS not in frames:
        return []
    metrics = [family.name for family in UNIT_FAMILIES if family.kind == "number"]
    columns = [str(name) for name in frames[SURVEYS].columns]
    return [name for name in columns if any(fnmatchcase(name, metric) for metric in metrics)]


def _dealers(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, surveys=(OVERALL, LOCATION_ID))
    if gap:
        return "no", f"{gap}."
    return "yes", f"{frames[SURVEYS][LOCATION_ID].nunique():,} dealers with answers."


def _churn(frames: Frames) -> tuple[str, str]:
    left = _filled(frames, CUSTOMERS, "left_at") or _filled(frames, CONTRACTS, "ended_at")
    if left and _filled(frames, CUSTOMERS, "joined_at"):
        facts = "events" if EVENTS in frames else "no events, so only what customers and contracts hold"
        return "yes", f"in time order: {_filled(frames, CUSTOMERS, 'left_at'):,} customers left; {facts}."
    flagged = _filled(frames, CUSTOMERS, "churned")
    if flagged:
        share = float(frames[CUSTOMERS]["churned"].mean())
        reason = "a flag without dates: who differs can be said, not what came first or when"
        return "partly", f"cross-section of {flagged:,} customers, {share:.1%} churned; {reason}."
    return "no", f"{_missing(frames, customers=('joined_at', 'left_at'))}."


def _recovery(frames: Frames) -> tuple[str, str]:
    gap = _missing(
        frames,
        surveys=(OVERALL, CUSTOMER_ID, "answered_at"),
        events=(CUSTOMER_ID, "occurred_at", "outcome"),
    )
    if gap:
        return "no", f"{gap}."
    answered = frames[SURVEYS][CUSTOMER_ID].dropna()
    again = int((answered.value_counts() > 1).sum())
    negative = int((frames[EVENTS]["outcome"] == -1).sum())
    reason = f"{again:,} customers answered more than once, {negative:,} negative events"
    return ("yes" if again and negative else "no"), f"{reason}."


def _complaints(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, complaints=(CUSTOMER_ID, "opened_at", "resolved_at"))
    if gap:
        return "no", f"{gap}."
    return (
        "yes",
        f"{len(frames[COMPLAINTS]):,} complaints, {_filled(frames, COMPLAINTS, 'resolved_at'):,} resolved.",
    )


def _comments(frames: Frames) -> tuple[str, str]:
    gap = _missing(frames, surveys=("comment",))
    return ("no", f"{gap}.") if gap else ("yes", f"{_filled(frames, SURVEYS, 'comment'):,} comments.")
