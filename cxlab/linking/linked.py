"""What linking returns: the linked rows, how well the keys matched, what was lost and why."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Result, save_table, shown

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MATCH_COLUMNS = ("table", "key", "rows", "matched", "share")
LOSS_COLUMNS = ("table", "reason", "rows")
FEATURE_COLUMNS = ("column", "block", "meaning")
BAR_COLOUR = "#0072B2"
EMPTY_COLOUR = "#E3E3E3"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class Linked(Result):
    """Linked rows with their match rates and losses; every input row is in ``table()`` or in ``losses()``.

    Attributes
    ----------
    match_rates
        One row per key that was followed: table, key, rows with a value in the key, matched, share 0..1.
    loss_rows
        One row per reason: table, reason, rows. The rows of the table that defines the linked rows are
        also in ``provenance.n_set_aside`` and add up there; rows of other tables are only named here.
    words
        The sentences of ``summary()``.
    features
        Column, block and meaning of every column that linking has computed.
    blocks
        Block name to its columns, for a model that tests one block at a time; empty where there is none.
    """

    match_rates: pd.DataFrame
    loss_rows: pd.DataFrame
    words: tuple[str, ...]
    features: pd.DataFrame
    blocks: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def matches(self) -> pd.DataFrame:
        """How many rows found their partner: table, key, rows, matched, share; a copy."""
        return self.match_rates.copy()

    def losses(self) -> pd.DataFrame:
        """What was set aside or could not be linked: table, reason, rows; a copy."""
        return self.loss_rows.copy()

    def feature_blocks(self) -> pd.DataFrame:
        """The computed columns: column, block, meaning; a copy."""
        return self.features.copy()

    def summary(self) -> str:
        """How many rows were linked to what, what was lost, and what a link may not be taken for."""
        return " ".join(self.words)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Match rates as bars, one per followed key, with the number of rows beside each."""
        import matplotlib.pyplot as plt

        rates = self.match_rates.iloc[::-1]
        if ax is None:
            height = 1.4 + 0.5 * max(len(rates), 1)
            ax = plt.subplots(figsize=(10.0, height), layout="constrained")[1]
        labels = [f"{table}: {key}" for table, key in zip(rates["table"], rates["key"], strict=True)]
        percent = 100.0 * rates["share"].fillna(0.0)
        ax.barh(labels, 100.0, color=EMPTY_COLOUR, height=0.62)
        ax.barh(labels, percent, color=BAR_COLOUR, height=0.62)
        for place, (share, matched, rows) in enumerate(
            zip(rates["share"], rates["matched"], rates["rows"], strict=True)
        ):
            text = "no rows" if pd.isna(share) else f"{share:.1%}  ({matched:,} of {rows:,})"
            ax.text(102.0, place, text, va="center", fontsize=9.5)
        ax.set_xlim(0.0, 170.0)
        ax.set_xticks([0, 25, 50, 75, 100])
        ax.spines[["top", "right", "left"]].set_visible(False)
        ax.tick_params(axis="y", length=0)
        ax.set_xlabel("share of rows with the key, percent", loc="left")
        title = f"How many rows found their partner, n = {self.provenance.n_used:,} linked rows"
        ax.set_title(title, loc="left", fontsize=13, fontweight="bold")
        return ax

    def save(self, folder: str | Path) -> Path:
        """Write match rates as ``table.csv``, and losses, checks, summary, provenance into ``folder``.

        The linked rows are about single customers and do not go into a report folder;
        ``table().to_parquet(path)`` writes them where you want them.
        """
        target = super(Linked, replace(self, estimates=self.match_rates)).save(folder)
        save_table(target / "losses.csv", self.loss_rows)
        return target

    def _repr_html_(self) -> str:
        # No linked row is shown: they are about single customers, and outputs end up in reports.
        frames = [frame for frame in (self.match_rates, self.loss_rows) if len(frame)]
        tables = [shown(frame).to_html(index=False, border=0, na_rep="-") for frame in frames]
        return "".join([f"<p>{html.escape(self.summary())}</p>", *tables])
