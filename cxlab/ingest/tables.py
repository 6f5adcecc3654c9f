"""The loaded data: up to six typed tables, views of them in the engine, and the quality report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, LOCATION_ID, SURVEYS, TABLE_NAMES
from cxlab.core.errors import ParameterError, TableError
from cxlab.engine.duck import DuckEngine, connect

if TYPE_CHECKING:
    from cxlab.ingest.quality import QualityReport


@dataclass(frozen=True, eq=False, repr=False)
class Tables:
    """Typed tables under the names of the house; ``engine`` holds a view of each for linking.

    Attributes
    ----------
    frames
        Table name to typed frame; only the tables that exist.
    quality
        What loading found, repaired and set aside.
    engine
        The data engine in which each table is a view of the same name.
    title
        The name of the data as ``cxlab.toml`` gives it.
    data_end
        The last day the data cover, as ``cxlab.toml`` declares it; None if it does not.
    """

    frames: Mapping[str, pd.DataFrame]
    quality: QualityReport
    engine: DuckEngine
    title: str = "data"
    data_end: pd.Timestamp | None = None

    @classmethod
    def of(
        cls,
        frames: Mapping[str, pd.DataFrame],
        quality: QualityReport,
        *,
        title: str,
        data_end: pd.Timestamp | None = None,
    ) -> Tables:
        """Tables with a fresh engine that sees every frame."""
        engine = connect()
        for name, frame in frames.items():
            engine.view(name, frame)
        return cls(frames=dict(frames), quality=quality, engine=engine, title=title, data_end=data_end)

    def frame(self, name: str) -> pd.DataFrame:
        """A copy of one table; TableError if these data do not hold it."""
        if name not in self.frames:
            held = ", ".join(self.frames)
            raise TableError(
                f"{self.title}: there is no table {name!r}. These data hold {held}. Next step: add a "
                f"[{name}] section to cxlab.toml, or ask a question that needs no {name}."
            )
        return self.frames[name].copy()

    def has(self, table: str, *columns: str) -> bool:
        """Whether ``table`` is there and holds all ``columns``."""
        return table in self.frames and set(columns) <= set(self.frames[table].columns)

    @property
    def surveys(self) -> pd.DataFrame:
        """A copy of the survey answers, one row each."""
        return self.frame(SURVEYS)

    @property
    def customers(self) -> pd.DataFrame:
        """A copy of the customers, one row each."""
        return self.frame(CUSTOMERS)

    def only(self, *, location_id: str = "") -> Tables:
        """The customers of one dealer with all their rows; everything for an empty ``location_id``.

        A customer belongs to the dealer in the customers table (surveys where there is none).
        """
        if not location_id:
            return self
        home = CUSTOMERS if self.has(CUSTOMERS, LOCATION_ID, CUSTOMER_ID) else SURVEYS
        if not self.has(home, LOCATION_ID, CUSTOMER_ID):
            raise ParameterError(
                f"location_id={location_id!r}: {self.title} does not say which customer belongs to which "
                f"dealer. Next step: map location_id of the customers table in cxlab.toml."
            )
        rows = self.frames[home]
        chosen = rows.loc[rows[LOCATION_ID] == location_id, CUSTOMER_ID].unique()
        if not len(chosen):
            known = ", ".join(sorted(rows[LOCATION_ID].dropna().unique())[:5])
            raise ParameterError(
                f"location_id={location_id!r}: no customer belongs to it. Known are {known}, ... "
                f"Next step: copy the id from the customers table."
            )
        frames = {
            name: frame[frame[CUSTOMER_ID].isin(chosen)] if CUSTOMER_ID in frame else frame
            for name, frame in self.frames.items()
        }
        title = f"{self.title}, dealer {location_id}"
        return Tables.of(frames, self.quality, title=title, data_end=self.data_end)

    def __repr__(self) -> str:
        sizes = [f"{name} {len(self.frames[name]):,}" for name in TABLE_NAMES if name in self.frames]
        return f"{self.title}: {', '.join(sizes)} rows"
