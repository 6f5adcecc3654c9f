"""One or more columns typed as a load types them, without a file: what they become, and what is printed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import cast, get_args

import pandas as pd

from cxlab.core.errors import Level
from cxlab.engine.duck import DuckEngine
from cxlab.ingest.config import DataConfig, Privacy, TableConfig
from cxlab.ingest.contracts import contract_of
from cxlab.ingest.sources import Arrangement, Format, Labels, Source
from cxlab.ingest.state import TableState
from cxlab.ingest.typing_columns import add_computed, type_columns


@dataclass(frozen=True, kw_only=True)
class Read:
    """The typed frame, the printed findings without their level of indentation, and the state behind."""

    frame: pd.DataFrame
    said: list[str]
    state: TableState

    def cells(self, name: str) -> list[object]:
        """The cells of a column, ``None`` where it is empty."""
        return [None if pd.isna(cell) else cell for cell in self.frame[name]]


def read(
    columns: Mapping[str, list[object] | pd.Series],
    *,
    table: str = "surveys",
    kind: Format = "csv",
    labels: Mapping[str, Labels] | None = None,
    arrangement: Arrangement | None = None,
    limit: float = 1.0,
    pseudonyms: str = "off",
    config: TableConfig | None = None,
    **options: object,
) -> Read:
    """Type the columns of a table by its contract and the options of its section of ``cxlab.toml``."""
    given = {
        name: cells if isinstance(cells, pd.Series) else pd.Series(cells, dtype="str")
        for name, cells in columns.items()
    }
    raw = pd.DataFrame(given)
    state = TableState(
        name=table,
        contract=contract_of(table),
        config=replace(config or TableConfig(table=table), **options),  # type: ignore[arg-type]
        data=DataConfig(repair_limit_share=limit, privacy=Privacy(pseudonyms=pseudonyms)),
        source=Source(
            file=f"{table}.csv", kind=kind, frame=raw, labels=labels or {}, arrangement=arrangement
        ),
        raw=raw,
        rows_read=len(raw),
        engine=cast(DuckEngine, None),  # typing asks the engine nothing
    )
    state.frame = type_columns(state, {str(name): raw[name] for name in raw.columns})
    add_computed(state)
    assert {finding.level for finding in state.findings} <= set(get_args(Level))
    said = [" ".join(line.split()) for finding in state.findings for line in finding.lines()]
    return Read(frame=state.frame, said=said, state=state)
