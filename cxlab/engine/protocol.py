"""What cxlab asks of a data engine: five methods, so that a second engine is a page of code."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import pandas as pd


class Engine(Protocol):
    """A place where portable SQL runs. DuckDB is the default; a cluster can be another."""

    def view(self, name: str, source: pd.DataFrame | str | Path) -> None:
        """Make ``source`` (a frame, a Parquet file or glob, or a SELECT) readable as ``name``."""

    def frame(self, sql: str) -> pd.DataFrame:
        """Run ``sql`` and return its rows."""

    def write(self, sql: str, path: str | Path) -> Path:
        """Run ``sql`` and write its rows as one Parquet file, whole or not at all."""

    def scalar(self, sql: str) -> Any:
        """Run ``sql`` and return its single value."""

    def close(self) -> None:
        """Let go of memory and files."""
