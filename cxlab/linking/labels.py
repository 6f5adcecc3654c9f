"""Who was at risk at a cut-off and what became of them: 1 left, 0 stayed, unknown stays unknown."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, SURVEYS
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.ingest.tables import Tables
from cxlab.linking.keys import NO_CUSTOMER, empty
from cxlab.linking.sources import column_or_null

QUESTION = "Who left after a cut-off"
#: Default number of cut-offs, and days of records that must lie before the first of them.
DEFAULT_CUTS = 4
HISTORY_DAYS = 365
#: Columns of customers that are fixed when the customer joins; every other one is "as of today".
FIXED_AT_JOINING = ("segment", "language", LOCATION_ID)
NO_JOINED = "no joined_at"
LEFT_BEFORE_JOINED = "left_at before joined_at"
NOT_YET = "joined at or after the cut-off"
GONE = "left before the cut-off plus lead time"
LOST_REASONS = (NO_CUSTOMER, NO_JOINED, LEFT_BEFORE_JOINED, NOT_YET, GONE)
#: Records that only exist because something has happened; planned dates (ended_at) are not among them.
_RECORDED = (
    (EVENTS, "known_at"),
    (EVENTS, "occurred_at"),
    (SURVEYS, "answered_at"),
    (COMPLAINTS, "opened_at"),
    (COMPLAINTS, "resolved_at"),
)
_MASTER = ((CUSTOMERS, "joined_at"), (CUSTOMERS, "left_at"), (CONTRACTS, "started_at"))


@dataclass(frozen=True, kw_only=True)
class Span:
    """The time that the records cover: first and last record, and which columns say so."""

    start: pd.Timestamp
    end: pd.Timestamp
    source: str


def record_span(tables: Tables) -> Span:
    """From the first to the last record of events, surveys and complaints; of customers without these.

    ``left_at`` and ``ended_at`` can be planned, so they do not move the end where there is any record of
    something that happened: an end set too late would turn unknown outcomes into "stayed". A last day
    declared as ``data_end`` in cxlab.toml wins; the data cover it to midnight.
    """
    span = _recorded_span(tables)
    if tables.data_end is None:
        return span
    end = tables.data_end.normalize() + pd.Timedelta(days=1)
    return Span(start=span.start, end=end, source="data_end of cxlab.toml")


def _recorded_span(tables: Tables) -> Span:
    for sources in (_RECORDED, _MASTER):
        held = [(table, column) for table, column in sources if tables.has(table, column)]
        bounds = [
            tables.engine.frame(
                f"SELECT min(CAST({column} AS TIMESTAMP)) AS low, max(CAST({column} AS TIMESTAMP)) AS high "
                f"FROM {table}"
            ).iloc[0]
            for table, column in held
        ]
        seen = [(bound["low"], bound["high"]) for bound in bounds if not pd.isna(bound["high"])]
        if seen:
            return Span(
                start=min(low for low, _ in seen),
                end=max(high for _, high in seen),
                source=", ".join(dict.fromkeys(table for table, _ in held)),
            )
    raise NotAnswerableError(
        QUESTION,
        reason="No table holds a date.",
        next_step="map joined_at and left_at of [customers], or a churned column (0/1), in cxlab.toml.",
    )


def default_cuts(span: Span, *, lead_days: int, horizon_days: int) -> tuple[pd.Timestamp, ...]:
    """Four cut-offs at midnight, evenly placed from the first to the last that makes sense.

    The first has a year of records before it; the outcome window of the last closes at the end of the data.

    >>> span = Span(start=pd.Timestamp("2023-01-01"), end=pd.Timestamp("2026-01-01"), source="events")
    >>> [f"{cut:%Y-%m-%d}" for cut in default_cuts(span, lead_days=30, horizon_days=180)]
    ['2024-01-01', '2024-06-22', '2024-12-13', '2025-06-05']
    """
    first = (span.start + pd.Timedelta(days=HISTORY_DAYS)).ceil("D")
    last = (span.end - pd.Timedelta(days=lead_days + horizon_days)).floor("D")
    if last < first:
        needed = HISTORY_DAYS + lead_days + horizon_days
        raise NotAnswerableError(
            QUESTION,
            reason=f"Records cover {(span.end - span.start).days} days; a year of history, {lead_days} "
            f"days of lead time and {horizon_days} days of outcome need {needed}.",
            next_step="give cuts= yourself, or a shorter horizon_days.",
        )
    places = np.linspace(0.0, (last - first).days, DEFAULT_CUTS)
    return tuple(dict.fromkeys(first + pd.Timedelta(days=int(place)) for place in places))


def parse_cuts(cuts: Sequence[str | pd.Timestamp], *, span: Span) -> tuple[pd.Timestamp, ...]:
    """The cut-offs as sorted naive UTC timestamps; ParameterError for one that cannot be used."""
    if isinstance(cuts, str):
        raise ParameterError(f'snapshots: cuts is one text, {cuts!r}. Next step: write cuts=("{cuts}",).')
    parsed = []
    for cut in cuts:
        try:
            moment = pd.Timestamp(cut)
        except (ValueError, TypeError) as error:
            raise ParameterError(
                f"snapshots: {cut!r} is not a date. Next step: write cuts as 2026-01-31."
            ) from error
        if pd.isna(moment) or moment.tzinfo is not None:
            raise ParameterError(
                f"snapshots: cut-off {cut!r} is empty or has a time zone. "
                "Next step: write it in UTC, without a zone."
            )
        if not span.start < moment <= span.end.ceil("D"):
            raise ParameterError(
                f"snapshots: cut-off {moment:%Y-%m-%d} lies outside the records ({span.start:%Y-%m-%d} to "
                f"{span.end:%Y-%m-%d}, from {span.source}). Next step: choose cut-offs between these days."
            )
        parsed.append(moment.as_unit("us"))
    return tuple(sorted(set(parsed)))


def people(tables: Tables, *, data_end: pd.Timestamp) -> pd.DataFrame:
    """One row per customer: customer_id, joined_at, left_at, location_id and what is fixed at joining.

    ``left_at`` comes from customers; without that column from contracts: the last end where every
    contract has ended by ``data_end`` (a later end is planned and may be renewed). ``joined_at`` likewise:
    the first start.
    """
    held = [column for column in FIXED_AT_JOINING if tables.has(CUSTOMERS, column)]
    dates = [column for column in ("joined_at", "left_at") if tables.has(CUSTOMERS, column)]
    frame = tables.frames[CUSTOMERS][[CUSTOMER_ID, *dates, *held]].reset_index(drop=True)
    if len(dates) < 2 and tables.has(CONTRACTS, CUSTOMER_ID, "started_at"):
        contracts = _contract_dates(tables, data_end)
        for column in {"joined_at", "left_at"} - set(dates):
            frame[column] = frame[CUSTOMER_ID].map(contracts[column])
    for column in {"joined_at", "left_at"} & set(frame.columns):
        frame[column] = frame[column].astype("datetime64[us]")
    for column in FIXED_AT_JOINING:
        if column not in frame:
            frame[column] = pd.Series(pd.NA, index=frame.index, dtype="str")
    return frame


def _contract_dates(tables: Tables, data_end: pd.Timestamp) -> pd.DataFrame:
    """First start and, where all contracts have ended, last end of each customer."""
    ended = column_or_null(tables, CONTRACTS, "ended_at", sql_type="TIMESTAMP")
    frame = tables.engine.frame(
        f"SELECT {CUSTOMER_ID}, min(started_at) AS joined_at, max(ended_at) AS left_at, "
        "count(*) AS contracts, count(ended_at) AS with_end FROM ("
        f"SELECT {CUSTOMER_ID}, CAST(started_at AS TIMESTAMP) AS started_at, {ended} FROM {CONTRACTS} "
        f"WHERE NOT {empty(CUSTOMER_ID)}) AS contract GROUP BY {CUSTOMER_ID}"
    ).set_index(CUSTOMER_ID)
    over = (frame["contracts"] == frame["with_end"]) & (frame["left_at"] <= data_end)
    frame["left_at"] = frame["left_at"].where(over)
    return frame


def judge(
    customers: pd.DataFrame, cut: pd.Timestamp, *, lead_days: int, horizon_days: int, data_end: pd.Timestamp
) -> pd.DataFrame:
    """Reason for not being at risk (missing = at risk) and ``churned`` of every customer at one cut-off.

    At risk: joined before the cut-off and not left before cut-off + lead. ``churned``: 1 if left in
    [cut + lead, cut + lead + horizon), 0 if that window closed by ``data_end`` without it, else <NA>.
    """
    opens = cut + pd.Timedelta(days=lead_days)
    closes = opens + pd.Timedelta(days=horizon_days)
    joined, left = customers["joined_at"], customers["left_at"]
    identity = customers[CUSTOMER_ID]
    conditions = [
        identity.isna() | (identity == ""),
        joined.isna(),
        left < joined,
        joined >= cut,
        left < opens,
    ]
    place = np.select([condition.fillna(False).to_numpy(bool) for condition in conditions], range(5), 5)
    reason = pd.Series([*LOST_REASONS, None], dtype="str").iloc[place].set_axis(customers.index)
    churned = pd.Series(0 if closes <= data_end else pd.NA, index=customers.index, dtype="Int8")
    churned = churned.mask((left >= opens) & (left < closes), 1)
    return pd.DataFrame({"reason": reason, "churned": churned})
