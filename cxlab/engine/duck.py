"""DuckDB behind the engine protocol: in memory, UTC, bounded memory, atomic Parquet writes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any

import duckdb
import pandas as pd

from cxlab.engine.macros import DUCK_MACROS

#: How a query that defines a view begins; any other text is a Parquet file or glob.
QUERY_STARTS = ("SELECT", "WITH")


def quote_identifier(name: str) -> str:
    """A column or table name made safe inside SQL, whatever a user's file calls it.

    >>> quote_identifier('y" from d; DROP TABLE t; --')
    '"y"" from d; DROP TABLE t; --"'
    """
    return '"' + name.replace('"', '""') + '"'


def quote_text(value: str) -> str:
    """A text value made safe inside SQL.

    >>> quote_text("O'Hara")
    "'O''Hara'"
    """
    return "'" + value.replace("'", "''") + "'"


class DuckEngine:
    """One in-memory DuckDB connection; see :class:`cxlab.engine.protocol.Engine`.

    No ``.duckdb`` file is ever made: two processes cannot share one, Parquet they can.
    """

    def __init__(
        self, *, memory_share: float = 0.6, threads: int | None = None, files: bool = True
    ) -> None:
        self._spill = tempfile.TemporaryDirectory(prefix="cxlab-spill-")
        self._connection = duckdb.connect(":memory:")
        run = self._connection.execute
        total_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
        run(f"SET memory_limit = '{int(total_bytes * memory_share) // 2**20} MiB'")
        run(f"SET temp_directory = {quote_text(self._spill.name)}")
        run("SET TimeZone = 'UTC'")
        # Off already in a kernel without ipywidgets, where DuckDB 2.0 refuses even to switch it off.
        if self.scalar("SELECT current_setting('enable_progress_bar')"):
            run("SET enable_progress_bar = false")
        if threads is not None:
            run(f"SET threads = {int(threads)}")
        for macro in DUCK_MACROS:
            run(macro)
        if not files:
            # SQL made from a user's column names reads no file, loads no extension, changes no setting.
            run("SET enable_external_access = false")
            run("SET lock_configuration = true")

    def view(self, name: str, source: pd.DataFrame | str | Path) -> None:
        """Make a frame, a Parquet file or glob, or a SELECT readable as ``name``."""
        if isinstance(source, pd.DataFrame):
            self._connection.register(name, source)
            return
        text = str(source)
        words = text.split(maxsplit=1)
        is_query = isinstance(source, str) and len(words) == 2 and words[0].upper() in QUERY_STARTS
        query = text if is_query else f"SELECT * FROM read_parquet({quote_text(text)})"
        self._connection.execute(f"CREATE OR REPLACE VIEW {quote_identifier(name)} AS {query}")

    def frame(self, sql: str) -> pd.DataFrame:
        """Run ``sql`` and return its rows as a frame."""
        frame: pd.DataFrame = self._connection.execute(sql).df()
        return frame

    def write(self, sql: str, path: str | Path) -> Path:
        """Write the rows of ``sql`` to ``path``: a temporary name first, then one rename.

        A process killed half-way leaves ``.tmp`` behind, never a broken file that a glob would read.
        """
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        unfinished = target.with_name(f".{target.name}.{os.getpid()}.tmp")
        try:
            self._connection.execute(
                f"COPY ({sql}) TO {quote_text(str(unfinished))} (FORMAT parquet, COMPRESSION zstd)"
            )
            unfinished.replace(target)
        finally:
            unfinished.unlink(missing_ok=True)
        return target

    def scalar(self, sql: str) -> Any:
        """Run ``sql`` and return its single value."""
        # fetchall, because DuckDB 2 refuses the next view while a result is only half read
        rows = self._connection.execute(sql).fetchall()
        return rows[0][0] if rows else None

    def close(self) -> None:
        """Close the connection and remove the spill folder."""
        self._connection.close()
        self._spill.cleanup()


def connect(*, memory_share: float = 0.6, threads: int | None = None, files: bool = True) -> DuckEngine:
    """A fresh DuckDB engine holding at most ``memory_share`` of the machine's memory.

    With ``files=False`` its SQL sees only the frames it is given: no file, no extension, no network.
    """
    return DuckEngine(memory_share=memory_share, threads=threads, files=files)
