"""The loaded data: up to six typed tables, views of them in the engine, and the quality report."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.columns import CONTRACTS, CUSTOMER_ID, CUSTOMERS, LOCATION_ID, OVERALL, SURVEYS, TABLE_NAMES
from cxlab.core.errors import ParameterError, TableError
from cxlab.core.membership import is_in
from cxlab.engine.duck import DuckEngine, connect
from cxlab.ingest.quality_views import flags_of

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
    scales
        Survey column to (lowest, highest) answer, as ``cxlab.toml`` or the contract declares it.
    reasons
        Table name to why answers are missing; see :meth:`no_answer`.
    key_id
        Which key the pseudonyms of all ids were made under; empty where ids are as in the files.
    """

    frames: Mapping[str, pd.DataFrame]
    quality: QualityReport
    engine: DuckEngine
    title: str = "data"
    data_end: pd.Timestamp | None = None
    scales: Mapping[str, tuple[float, float]] = field(default_factory=dict)
    reasons: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    key_id: str = ""

    @classmethod
    def of(
        cls,
        frames: Mapping[str, pd.DataFrame],
        quality: QualityReport,
        *,
        title: str,
        data_end: pd.Timestamp | None = None,
        scales: Mapping[str, tuple[float, float]] | None = None,
        reasons: Mapping[str, pd.DataFrame] | None = None,
        key_id: str = "",
    ) -> Tables:
        """Tables with a fresh engine that sees every frame."""
        engine = connect(files=False)
        for name, frame in frames.items():
            engine.view(name, frame)
        return cls(
            frames=dict(frames),
            quality=quality,
            engine=engine,
            title=title,
            data_end=data_end,
            scales=dict(scales or {}),
            reasons=dict(reasons or {}),
            key_id=key_id,
        )

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

    def no_answer(self, table: str = SURVEYS) -> pd.DataFrame:
        """Why cells of ``table`` are empty, where the data say it: one row per cell.

        Columns: the key of the table, ``column``, ``reason`` (the words of a missing code, such as
        ``not experienced`` or ``refused``). A cell that is empty and not listed was left blank.
        """
        self.frame(table)
        if table in self.reasons:
            return self.reasons[table].copy()
        return pd.DataFrame(columns=pd.Index(["column", "reason"]))

    def flagged(self) -> pd.DataFrame:
        """The survey answers with one more boolean column per sign of carelessness: ``flag_speeder``, ...

        The signs are those of :func:`cxlab.ingest.answer_rules.answer_flags`; ``cxlab.CarelessModel`` says
        what changes if such answers are left out.
        """
        surveys = self.frame(SURVEYS)
        return surveys.join(flags_of(surveys).add_prefix("flag_"))

    def without_flagged(self, *flags: str) -> Tables:
        """These tables without the answers that carry one of ``flags`` (none named: any sign).

        The other side of a sensitivity analysis, not a cleaning: a flag is a sign, not a proof. The quality
        report stays that of all answers.
        """
        marks = flags_of(self.frame(SURVEYS))
        unknown = [flag for flag in flags if flag not in marks]
        if unknown:
            raise ParameterError(
                f"flags: {', '.join(unknown)} is no sign of carelessness. Next step: take one of "
                f"{', '.join(map(str, marks))}."
            )
        leave = marks[list(flags)] if flags else marks
        kept = ~leave.any(axis=1).to_numpy(dtype=bool)
        surveys = self.frames[SURVEYS][kept].reset_index(drop=True)
        reasons = {**self.reasons}
        if SURVEYS in reasons:
            reasons[SURVEYS] = _kept(reasons[SURVEYS], surveys)
        return Tables.of(
            {**self.frames, SURVEYS: surveys},
            self.quality,
            title=f"{self.title}, {int((~kept).sum()):,} flagged answers left out",
            data_end=self.data_end,
            scales=self.scales,
            reasons=reasons,
        )

    @property
    def surveys(self) -> pd.DataFrame:
        """A copy of the survey answers, one row each."""
        return self.frame(SURVEYS)

    @property
    def customers(self) -> pd.DataFrame:
        """A copy of the customers, one row each."""
        return self.frame(CUSTOMERS)

    def scale(self, column: str = OVERALL) -> tuple[float, float]:
        """The lowest and highest answer that a survey column can hold, as declared."""
        if column not in self.scales:
            raise ParameterError(
                f"scale of {column!r}: not declared for {self.title}. Next step: write "
                f"scale = {{{column} = [1, 10]}} under [surveys] in cxlab.toml."
            )
        return self.scales[column]

    def only(self, *, location_id: str = "") -> Tables:
        """One dealer: the answers about it, its own customers, and all that happened to either of them.

        Surveys are those about this dealer, customers and contracts those whose home it is; events and
        complaints keep all rows of both, elsewhere too, because a customer's history does not stop at the
        dealer's door. Everything for an empty ``location_id``.
        """
        if not location_id:
            return self
        homes = [name for name in (CUSTOMERS, SURVEYS) if self.has(name, LOCATION_ID)]
        frames = {name: self._of_dealer(name, location_id) for name in homes}
        if not homes or all(frame.empty for frame in frames.values()):
            known = sorted({str(at) for name in homes for at in self.frames[name][LOCATION_ID].dropna()})
            raise ParameterError(
                f"location_id={location_id!r}: no customer and no answer of {self.title} belongs to it. "
                f"Known are {', '.join(known[:5]) or 'none'}. Next step: copy an id from the customers "
                f"table, or map location_id in cxlab.toml."
            )
        met = [frame[CUSTOMER_ID] for frame in frames.values() if CUSTOMER_ID in frame]
        everybody = pd.concat(met)
        own = frames[CUSTOMERS][CUSTOMER_ID] if CUSTOMERS in frames else everybody
        for name in self.frames:
            if name not in frames and CUSTOMER_ID in self.frames[name]:
                among = own if name == CONTRACTS else everybody
                frames[name] = self.frames[name][is_in(self.frames[name][CUSTOMER_ID], among)]
        frames = {name: frames.get(name, self.frames[name]).reset_index(drop=True) for name in self.frames}
        title = f"{self.title}, dealer {location_id}"
        reasons = {name: _kept(table, frames[name]) for name, table in self.reasons.items()}
        return Tables.of(
            frames,
            self.quality,
            title=title,
            data_end=self.data_end,
            scales=self.scales,
            reasons=reasons,
            key_id=self.key_id,
        )

    def _of_dealer(self, name: str, location_id: str) -> pd.DataFrame:
        frame = self.frames[name]
        return frame[frame[LOCATION_ID] == location_id]

    def __repr__(self) -> str:
        sizes = [f"{name} {len(self.frames[name]):,}" for name in TABLE_NAMES if name in self.frames]
        return f"{self.title}: {', '.join(sizes)} rows"


def _kept(reasons: pd.DataFrame, frame: pd.DataFrame) -> pd.DataFrame:
    """The reasons of rows that are still there."""
    key = reasons.columns[0]
    return reasons[is_in(reasons[key], frame[key])].reset_index(drop=True) if key in frame else reasons
