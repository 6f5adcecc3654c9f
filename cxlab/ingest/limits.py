"""How large a file may be before it is read; each bound can be raised in `cxlab.toml`."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Final


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Bounds of one data file; ``[limits]`` of ``cxlab.toml`` raises any of them by its name here.

    Attributes
    ----------
    file_megabytes
        The file as it lies there.
    unpacked_megabytes
        The text of a packed file, or all parts of a workbook.
    unpacked_ratio
        Unpacked size over packed size, for anything that unpacks to more than a megabyte.
    rows, columns
        Of one table.
    cell_megabytes
        Of one cell.
    """

    file_megabytes: float = 200
    unpacked_megabytes: float = 2_000
    unpacked_ratio: float = 100
    rows: float = 5_000_000
    columns: float = 500
    cell_megabytes: float = 1

    def unpacked_bytes(self, packed_bytes: int) -> int:
        """The most that ``packed_bytes`` may unpack to.

        >>> Limits().unpacked_bytes(400_000)
        40000000
        """
        by_ratio = max(packed_bytes * self.unpacked_ratio, MEGABYTE)
        return int(min(self.unpacked_megabytes * MEGABYTE, by_ratio))


MEGABYTE: Final = 10**6
LIMIT_NAMES: Final = tuple(entry.name for entry in fields(Limits))
