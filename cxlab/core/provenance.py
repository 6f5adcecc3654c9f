"""Where a result comes from: rows used, rows set aside and why, seed, settings, version, input hash."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from cxlab.core.version import __version__


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """The record that goes with every result and into every report folder.

    ``n_used + sum(n_set_aside.values()) == n_rows`` always holds: nothing is lost without a reason.
    """

    model: str
    n_rows: int
    n_used: int
    n_set_aside: Mapping[str, int] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    input_hash: str = ""
    version: str = __version__

    def __post_init__(self) -> None:
        lost = self.n_rows - self.n_used - sum(self.n_set_aside.values())
        if lost:
            raise ValueError(
                f"{self.model}: {lost} of {self.n_rows} rows are neither used nor set aside with a reason"
            )

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary, ready for JSON."""
        return dataclasses.asdict(self)

    def short_id(self) -> str:
        """Twelve characters that are equal for equal data, settings, seed and version only."""
        text = json.dumps(self.to_dict(), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def hash_frame(frame: pd.DataFrame) -> str:
    """A short hash of a table's values, columns and order, equal on every machine.

    >>> hash_frame(pd.DataFrame({"a": [1, 2]})) == hash_frame(pd.DataFrame({"a": [1, 3]}))
    False
    """
    digest = hashlib.sha256("|".join(map(str, frame.columns)).encode())
    digest.update(pd.util.hash_pandas_object(frame, index=False).to_numpy().tobytes())
    return digest.hexdigest()[:16]
