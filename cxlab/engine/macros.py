"""The few SQL functions in which engines differ; all other SQL of cxlab is portable text."""

from __future__ import annotations

from typing import Final

#: Defined on every fresh DuckDB connection. A second engine defines the same four names.
DUCK_MACROS: Final = (
    # Exact age in days. date_diff('day') counts midnights here and whole 24 hours elsewhere.
    "CREATE MACRO cx_age(earlier, later) AS "
    "CAST(epoch_us(later) - epoch_us(earlier) AS DOUBLE) / 86400000000.0",
    # Number of the time slot of `days` days. Integers only: a rounded slot would lose pairs at its edge.
    "CREATE MACRO cx_slot(moment, days) AS epoch_us(moment) // (CAST(days AS BIGINT) * 86400000000)",
    # Missing as SQL or as NaN: one NaN would ruin every mean it enters.
    "CREATE MACRO cx_bad(number) AS (number IS NULL OR isnan(CAST(number AS DOUBLE)))",
    # The same number with NaN turned into NULL, so that aggregates skip it.
    "CREATE MACRO cx_number(number) AS CASE WHEN cx_bad(number) THEN NULL ELSE CAST(number AS DOUBLE) END",
)


def moment(timestamp: str) -> str:
    """A literal timestamp (naive UTC, microseconds) for SQL text.

    >>> moment("2026-01-31T00:00:00")
    "TIMESTAMP '2026-01-31 00:00:00.000000'"
    """
    from datetime import datetime

    return f"TIMESTAMP '{datetime.fromisoformat(timestamp).strftime('%Y-%m-%d %H:%M:%S.%f')}'"
