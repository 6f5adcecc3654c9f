"""The tables as linking reads them: SQL in which every record has the moment it became visible."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, EVENTS
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.keys import ACCOUNT_EVENTS, empty

#: Columns of events with a meaning of their own; every other numeric column is a metric.
EVENT_COLUMNS = (
    "event_id",
    CUSTOMER_ID,
    "occurred_at",
    "known_at",
    "journey_id",
    "episode",
    "touchpoint",
    "channel",
    "owner",
    "location_id",
    "outcome",
)


def metric_columns(events: pd.DataFrame) -> list[str]:
    """Numeric columns of events beyond the canonical ones: wait_minutes, parking_occupancy, ...

    >>> metric_columns(pd.DataFrame({"outcome": [1], "wait_minutes": [4.0], "note": ["x"]}))
    ['wait_minutes']
    """
    others = [str(column) for column in events.columns if column not in EVENT_COLUMNS]
    return [column for column in others if is_numeric_dtype(events[column].dtype)]


def column_or_null(tables: Tables, table: str, column: str, *, sql_type: str) -> str:
    """SQL: ``column`` cast to ``sql_type``, or a NULL of that type where the table has no such column."""
    source = quote_identifier(column) if tables.has(table, column) else "NULL"
    return f"CAST({source} AS {sql_type}) AS {column}"


def visible_moment(tables: Tables, table: str, happened: str) -> str:
    """SQL: the later of ``happened`` and ``known_at``: from this moment on the record could be seen."""
    if not tables.has(table, "known_at"):
        return f"CAST({happened} AS TIMESTAMP)"
    return f"greatest(CAST({happened} AS TIMESTAMP), CAST(known_at AS TIMESTAMP))"


def event_source(tables: Tables, *, metrics: bool = False) -> str:
    """SQL: events of a customer at a known moment, with ``visible_at``; metrics as m0, m1, ... on request.

    An event counts as seen only after it has happened AND has been recorded, so ``visible_at`` is the
    later of the two; it is what every cut-off is compared with.
    """
    columns = [
        column_or_null(tables, EVENTS, column, sql_type="VARCHAR")
        for column in ("event_id", CUSTOMER_ID, "touchpoint", "channel", "location_id")
    ]
    known = "known_at" if tables.has(EVENTS, "known_at") else "occurred_at"
    columns += [
        "CAST(occurred_at AS TIMESTAMP) AS occurred_at",
        f"CAST({known} AS TIMESTAMP) AS known_at",
        f"{visible_moment(tables, EVENTS, 'occurred_at')} AS visible_at",
        column_or_null(tables, EVENTS, "outcome", sql_type="DOUBLE"),
    ]
    if metrics:
        names = metric_columns(tables.frames[EVENTS])
        columns += [f"cx_number({quote_identifier(name)}) AS m{place}" for place, name in enumerate(names)]
    return (
        f"SELECT {', '.join(columns)} FROM {EVENTS} "
        f"WHERE NOT {empty(CUSTOMER_ID)} AND occurred_at IS NOT NULL AND {known} IS NOT NULL"
    )


def event_customers(tables: Tables) -> pd.DataFrame:
    """Per customer with usable events: how many (``events``) and from when on (``seen_at``).

    One scan that match rates, the check on accounts and the start of the records all come from.
    """
    return tables.engine.frame(
        f"SELECT {CUSTOMER_ID}, count(*) AS events, min(visible_at) AS seen_at "
        f"FROM ({event_source(tables)}) AS event GROUP BY {CUSTOMER_ID}"
    ).set_index(CUSTOMER_ID)


def event_accounts(tables: Tables) -> int:
    """How many customers have more usable events than a person can have."""
    return int(
        tables.engine.scalar(
            f"SELECT count(*) FROM (SELECT {CUSTOMER_ID} FROM ({event_source(tables)}) AS event "
            f"GROUP BY {CUSTOMER_ID} HAVING count(*) > {ACCOUNT_EVENTS}) AS account"
        )
    )


def complaint_source(tables: Tables) -> str:
    """SQL: complaints with ``visible_at`` (opened and known) and when their resolution was visible."""
    columns = [
        column_or_null(tables, COMPLAINTS, "event_id", sql_type="VARCHAR"),
        column_or_null(tables, COMPLAINTS, CUSTOMER_ID, sql_type="VARCHAR"),
        f"{visible_moment(tables, COMPLAINTS, 'opened_at')} AS visible_at",
        column_or_null(tables, COMPLAINTS, "resolved_at", sql_type="TIMESTAMP"),
    ]
    return (
        f"SELECT event_id, {CUSTOMER_ID}, visible_at, "
        "CASE WHEN resolved_at IS NOT NULL THEN greatest(resolved_at, visible_at) END AS resolved_at "
        f"FROM (SELECT {', '.join(columns)} FROM {COMPLAINTS} WHERE opened_at IS NOT NULL) AS complaint"
    )


def knows_resolution(tables: Tables) -> bool:
    """Whether a complaint leads back to the event it is about, so that an event can be called resolved."""
    return tables.has(EVENTS, "event_id") and tables.has(
        COMPLAINTS, "event_id", CUSTOMER_ID, "opened_at", "resolved_at"
    )


def resolved_event_source(tables: Tables, *, metrics: bool = False) -> str:
    """SQL: :func:`event_source` with ``resolved_at``, the earliest visible resolution of its complaints.

    A complaint of another customer than the event's does not resolve it.
    """
    events = event_source(tables, metrics=metrics)
    if not knows_resolution(tables):
        return f"SELECT event.*, CAST(NULL AS TIMESTAMP) AS resolved_at FROM ({events}) AS event"
    return (
        f"SELECT event.*, resolution.resolved_at FROM ({events}) AS event LEFT JOIN ("
        f"SELECT event_id, {CUSTOMER_ID}, min(resolved_at) AS resolved_at "
        f"FROM ({complaint_source(tables)}) AS complaint "
        f"WHERE resolved_at IS NOT NULL AND NOT {empty('event_id')} "
        f"GROUP BY event_id, {CUSTOMER_ID}) AS resolution "
        f"ON resolution.event_id = event.event_id AND resolution.{CUSTOMER_ID} = event.{CUSTOMER_ID}"
    )
