"""Parquet as stored: only the columns that are asked for, block files in agreement."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from cxlab.ingest.bytes_rules import UnreadableError, refuse
from cxlab.ingest.limits import Limits
from cxlab.ingest.sources import Source


def read_parquet(path: Path, *, file: str, limits: Limits, wanted: Sequence[str] | None = None) -> Source:
    """The rows of one Parquet file; ``wanted`` limits the reading to these columns."""
    from pyarrow import parquet

    try:
        about = parquet.read_metadata(path)
        _hold(file, about.num_rows, about.num_columns, limits)
        names = parquet.read_schema(path).names
        double = sorted({name for name in names if names.count(name) > 1})
        if double:
            step = "Give each column its own name; which one is meant is not guessed."
            raise refuse(file, "column names", f"stand twice: {', '.join(double)}.", step)
        taken = names if wanted is None else [name for name in names if name in wanted]
        # Check sums of pages are looked at where the writer made them, which most do not.
        table = parquet.read_table(path, columns=taken, partitioning=None, page_checksum_verification=True)
        frame = table.to_pandas(split_blocks=True)
    except UnreadableError:
        raise
    except Exception as error:  # damaged metadata raise whatever the library meets first, KeyError too
        raise refuse(
            file, "Parquet", f"cannot be read: {_short(error)}.", "Write the file again."
        ) from error
    return Source(file=file, kind="parquet", frame=frame.reset_index(drop=True))


def _hold(file: str, rows: int, columns: int, limits: Limits) -> None:
    for name, found, limit in (("rows", rows, limits.rows), ("columns", columns, limits.columns)):
        if found > limit:
            step = f"If it is right raise  {name}  under  [limits]."
            raise refuse(file, "limit", f"holds {found:,} {name}, more than {limit:,.0f}.", step)


def _short(error: Exception) -> str:
    """The first line of a library's message, without the address of the file."""
    return (str(error).splitlines() or [type(error).__name__])[0][:160].rstrip(".")
