"""What the score model returns: scores by segment in a table, in words and as a picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxlab.core.errors import ParameterError
from cxlab.core.publishing import published
from cxlab.core.result import Result
from cxlab.core.verdicts import TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CSI_MEAN = "csi_mean"
NPS = "nps"
TOP_BOX_SHARE = "top_box_share"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ScoreResult(Result):
    """Scores by segment.

    ``table()`` has one row per term and segment: ``segment``; ``term`` (``csi_mean`` in scale points,
    ``nps`` in points from -100 to 100, ``top_box_share`` 0..1); ``estimate, std_error, conf_low,
    conf_high``; ``n``; ``clusters`` (dealers, 0 where not known); ``method`` of the interval; ``verdict``
    (``too few`` where the segment is too small for a number, else empty: a score claims nothing).
    """

    confidence: float
    scale: tuple[float, float]
    top_box: float
    minimum_n: int
    by: str | None

    def drawable(self) -> tuple[ScoreResult, int]:
        """This result as it is: its picture names each segment that is too small, without figures."""
        return self, 0

    def summary(self) -> str:
        """The scores, or the lowest and highest segment, with intervals, n and what is not covered."""
        lost = self.provenance.n_rows - self.provenance.n_used
        parts = [self._sentence(str(term)) for term in self.estimates["term"].unique()]
        return (
            f"{'. '.join(parts)}. All intervals are {100 * self.confidence:g} %. "
            f"n = {self.provenance.n_used:,} answers, {lost:,} rows set aside. This describes customers "
            f"who answered; it holds for all customers only if the others are no different."
            + (" Whether intervals of segments overlap is no test of their difference." if self.by else "")
        )

    def plot(self, *, term: str = "", ax: Axes | None = None) -> Axes:
        """One score by segment with intervals; ``term`` as in the table, the first one if empty."""
        from cxlab.plots.forest import forest

        terms = list(self.estimates["term"].unique())
        chosen = term or terms[0]
        if chosen not in terms:
            raise ParameterError(
                f"ScoreResult.plot: term must be one of {', '.join(terms)}, got {term!r}. "
                f"Next step: choose one of them."
            )
        table = published(self.estimates)[0]
        rows = table[table["term"] == chosen].sort_values("estimate", ascending=False, na_position="last")
        factor = 100.0 if chosen == TOP_BOX_SHARE else 1.0
        answers = int(self.estimates.loc[self.estimates["term"] == chosen, "n"].sum())
        frame = pd.DataFrame(
            {
                "term": [_named(row.segment, row.n) for row in rows.itertuples()],
                "text": f"too few (n < {self.minimum_n})",
            }
        )
        for column in ("estimate", "conf_low", "conf_high"):
            frame[column] = factor * rows[column].to_numpy(dtype=np.float64)
        title, label, decimals = self._words(chosen)
        return forest(
            frame,
            title=title if self.by is None else f"{title} by {self.by.replace('_', ' ')}",
            x_label=label,
            note=f"n = {answers:,} answers; {100 * self.confidence:g} % intervals",
            reference=0.0 if chosen == NPS else None,
            decimals=decimals,
            ax=ax,
        )

    def _words(self, term: str) -> tuple[str, str, int]:
        low, high = self.scale
        return {
            CSI_MEAN: ("Mean satisfaction", f"mean score, points from {low} to {high}", 2),
            NPS: ("Net promoter score", "NPS, points from -100 to 100", 0),
            TOP_BOX_SHARE: ("Very satisfied customers", f"answers of {self.top_box:g} or more, percent", 0),
        }[term]

    def _sentence(self, term: str) -> str:
        rows = published(self.estimates)[0].loc[lambda table: table["term"] == term]
        known = rows[rows["verdict"] != TOO_FEW].sort_values("estimate")
        name = self._words(term)[0]
        if known.empty:
            return f"{name}: too few answers (fewer than {self.minimum_n}) for a number"
        if len(rows) == 1:
            return f"{name}: {_figures(known.iloc[0])}"
        lowest, highest = known.iloc[0], known.iloc[-1]
        few = len(rows) - len(known)
        return (
            f"{name} runs from {_figures(lowest)} where {self.by} is {lowest['segment']} to "
            f"{_figures(highest)} where it is {highest['segment']}"
            + (f"; {few} of {len(rows)} segments not shown (too few answers)" if few else "")
        )


def _named(segment: object, n: object) -> str:
    """The segment with its answers, where these are shown."""
    return f"{segment}" if pd.isna(n) else f"{segment} (n = {n:,})"  # type: ignore[call-overload]


def _figures(row: pd.Series[Any]) -> str:
    decimals = 0 if row["term"] == NPS else 2
    estimate, low, high = (f"{row[name]:.{decimals}f}" for name in ("estimate", "conf_low", "conf_high"))
    return f"{estimate} [{low}, {high}]"
