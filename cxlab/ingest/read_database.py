"""The rows of a SELECT on the user's database: read only, rolled back, the address never repeated."""

from __future__ import annotations

import os
import re
from decimal import Decimal
from typing import Any

import pandas as pd

from cxlab.ingest.bytes_rules import refuse
from cxlab.ingest.limits import Limits
from cxlab.ingest.sources import Source

_BLOCK_ROWS = 50_000


def read_database(url: str, query: str, *, file: str, limits: Limits) -> Source:
    """Run one SELECT; columns come in the types of the database, all further steps are those of a file.

    ``${NAME}`` in the address is taken from the environment, so that no password stands in a file. The
    transaction is rolled back whatever the query does.
    """
    try:
        import sqlalchemy
    except ImportError as error:
        step = 'Install the extra:  pip install "cxlab[database]"  and the driver of your database.'
        raise refuse(file, "database", "reading one needs the package SQLAlchemy.", step) from error
    url = _with_secrets(url, file)
    try:
        engine = sqlalchemy.create_engine(url, poolclass=sqlalchemy.pool.NullPool)
        with engine.connect() as connection:
            names, rows = _rows(connection, query, file, limits)
            connection.rollback()
    except ImportError as error:
        step = f"Install it, for example  pip install {error.name or 'psycopg'}."
        raise refuse(
            file, "database", "the driver that the address names is not installed.", step
        ) from error
    except (sqlalchemy.exc.SQLAlchemyError, ValueError) as error:
        raise refuse(
            file, "database", _without_address(error, url), "Check  [source] url  and the query."
        ) from error
    columns = zip(*rows, strict=True) if rows else [() for _ in names]
    series = [_column(list(cells)) for cells in columns]
    frame = pd.concat(series, axis=1) if series else pd.DataFrame()
    frame.columns = pd.Index(names)
    return Source(file=file, kind="database", frame=frame)


def _rows(connection: Any, query: str, file: str, limits: Limits) -> tuple[list[str], list[Any]]:
    """Column names and rows, fetched in blocks so that a query without end is stopped at the limit."""
    plain = connection.execution_options(no_parameters=True, stream_results=True)
    result = plain.exec_driver_sql(query)
    names = [str(name) for name in result.keys()]  # noqa: SIM118 (a method of the result, no dict)
    rows: list[Any] = []
    for block in result.partitions(_BLOCK_ROWS):
        rows += block
        if len(rows) > limits.rows:
            step = "Narrow the query, or raise  rows  under  [limits]."
            raise refuse(file, "limit", f"gives more than {limits.rows:,.0f} rows.", step)
    return names, rows


def _with_secrets(url: str, file: str) -> str:
    """The address with ``${NAME}`` filled from the environment."""
    missing = [name for name in re.findall(r"\$\{(\w+)\}", url) if name not in os.environ]
    if missing:
        step = f"Set it before you start:  export {missing[0]}=..."
        raise refuse(file, "database", f"the environment has no variable {', '.join(missing)}.", step)
    return re.sub(r"\$\{(\w+)\}", lambda found: os.environ[found[1]], url)


def _without_address(error: Exception, url: str) -> str:
    """The first line of the driver's message; the address and whatever stands in it are left out."""
    cause = getattr(error, "orig", None) or error
    line = (str(cause).strip().splitlines() or [type(error).__name__])[0]
    for secret in {*re.findall(r"//([^@/]+)@", url), *re.findall(r"//[^:@/]+:([^@/]+)@", url)}:
        line = line.replace(secret, "...")
    return f"cannot be asked: {re.sub(r'[a-z0-9+]+://[^ ]+', '(address)', line)[:200].rstrip('.')}."


def _column(cells: list[Any]) -> pd.Series:
    """One column: exact decimals as whole numbers where they are, else as floats; the rest as it comes."""
    filled = [cell for cell in cells if cell is not None]
    if filled and all(isinstance(cell, Decimal) for cell in filled):
        if all(cell == cell.to_integral_value() and abs(cell) < 2**63 for cell in filled):
            return pd.Series([None if cell is None else int(cell) for cell in cells], dtype="Int64")
        return pd.Series([None if cell is None else float(cell) for cell in cells], dtype="float64")
    if filled and all(type(cell) is int for cell in filled):
        return pd.Series(cells, dtype="Int64" if max(map(abs, filled)) < 2**63 else "object")
    if filled and all(hasattr(cell, "isoformat") and hasattr(cell, "year") for cell in filled):
        zoned = any(getattr(cell, "tzinfo", None) is not None for cell in filled)
        times = pd.to_datetime(pd.Series(cells, dtype="object"), errors="coerce", utc=zoned)
        return times.dt.as_unit("us")
    if filled and all(isinstance(cell, float | bool) for cell in filled):
        return pd.Series(cells)
    return pd.Series([None if cell is None else str(cell) for cell in cells], dtype="str")
