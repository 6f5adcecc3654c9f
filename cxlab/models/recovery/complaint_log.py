"""How many complaints came in, which share was resolved and how fast, by group: counting, no causes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import TOO_FEW
from cxlab.stats.intervals import wilson

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "How many complaints are resolved, and how fast"
ALL = "all complaints"


@dataclass(frozen=True, kw_only=True)
class ComplaintLogModel:
    """Share of complaints resolved, with Wilson's interval, and the median days of those resolved.

    Parameters
    ----------
    by
        Column of the groups; a table without it is counted as a whole.
    minimum_n
        Groups with fewer complaints print ``too few``; 5 or more.
    confidence
        Confidence of intervals, 0..1.

    Examples
    --------
    >>> log = pd.DataFrame({"channel": ["call"] * 40 + ["web"] * 40, "resolved": [1, 0] * 20 + [1] * 40})
    >>> ComplaintLogModel(by="channel").fit(log).table()[["term", "n", "estimate"]]
                 term   n  estimate
    0  all complaints  80      0.75
    1            call  40      0.50
    2             web  40      1.00
    """

    by: str = "topic"
    minimum_n: int = 30
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_at_least("ComplaintLogModel", "minimum_n", self.minimum_n, 5)
        require_share("ComplaintLogModel", "confidence", self.confidence)

    def fit(self, complaints: pd.DataFrame) -> ComplaintLogResult:
        """Count.

        Parameters
        ----------
        complaints
            One row per complaint with ``resolved`` (0/1), or opened_at and resolved_at.

        Returns
        -------
        ComplaintLogResult

        Raises
        ------
        NotAnswerableError
            If nothing says whether a complaint was resolved.
        """
        known, days = _resolution(complaints)
        usable = known.notna()
        columns = [name for name in ("resolved", "opened_at", "resolved_at", self.by) if name in complaints]
        rows = [self._row(ALL, known[usable], days)]
        if self.by in complaints:
            groups = complaints[self.by].astype("object").where(complaints[self.by].notna(), "(not stated)")
            sizes = groups[usable].value_counts()
            large = sizes.index[sizes >= self.minimum_n]
            rows += [self._row(str(name), known[usable & (groups == name)], days) for name in large]
            small = int(sizes[sizes < self.minimum_n].sum())
            if small:
                words = f"(groups with fewer than {self.minimum_n})"
                rows.append({"term": words, "n": small, "verdict": TOO_FEW})
        lost = int((~usable).sum())
        return ComplaintLogResult(
            estimates=pd.DataFrame(rows),
            diagnostics=checks_table(_checks(complaints)),
            provenance=Provenance(
                model="ComplaintLogModel",
                n_rows=len(complaints),
                n_used=int(usable.sum()),
                n_set_aside={"not known whether resolved": lost} if lost else {},
                settings=asdict(self),
                input_hash=hash_frame(complaints[columns]),
            ),
            by=self.by,
            confidence=self.confidence,
        )

    def _row(self, term: str, resolved: pd.Series, days: pd.Series) -> dict[str, object]:
        share = float(resolved.mean())
        interval = wilson(share, len(resolved), confidence=self.confidence)
        taken = days.reindex(resolved.index).dropna()
        return {
            "term": term,
            "estimate": share,
            "std_error": interval.std_error,
            "conf_low": interval.conf_low,
            "conf_high": interval.conf_high,
            "n": len(resolved),
            "median_days": float(taken.median()) if len(taken) else np.nan,
            "verdict": "",
        }


def _resolution(complaints: pd.DataFrame) -> tuple[pd.Series, pd.Series]:
    """0/1 (missing where not known) and days until resolved, both on the index of the table."""
    none = pd.Series(np.nan, index=complaints.index)
    if "resolved_at" in complaints and complaints["resolved_at"].notna().any():
        days = (complaints["resolved_at"] - complaints["opened_at"]).dt.total_seconds() / 86_400
        return complaints["resolved_at"].notna().astype("float64"), days
    if "resolved" in complaints and complaints["resolved"].notna().any():
        return pd.to_numeric(complaints["resolved"]).astype("float64"), none
    raise NotAnswerableError(
        QUESTION,
        reason="Nothing says whether a complaint was resolved.",
        next_step="map resolved_at (or resolved) of [complaints] in cxlab.toml.",
    )


def _checks(complaints: pd.DataFrame) -> list[Check]:
    dated = "resolved_at" in complaints and bool(complaints["resolved_at"].notna().any())
    person = "customer_id" in complaints and bool(complaints["customer_id"].notna().any())
    return [
        Check(
            check="time of resolution is recorded",
            value="yes" if dated else "no",
            threshold="yes",
            passed=dated,
            meaning="without it nobody can say how fast, and a late complaint looks like an unresolved one",
        ),
        Check(
            check="customers are recorded",
            value="yes" if person else "no",
            threshold="yes",
            passed=person,
            meaning="without them nothing that follows a complaint can be linked to it",
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ComplaintLogResult(Result):
    """``table()``: term, share resolved (``estimate``) with interval, n, median_days, verdict."""

    by: str
    confidence: float

    def summary(self) -> str:
        """Number, share resolved with its interval, days, and what may not be claimed."""
        row = self.estimates.iloc[0]
        days = row["median_days"]
        speed = "" if pd.isna(days) else f" Half of these were resolved within {days:.1f} days."
        limits = f"{row['conf_low']:.1%} to {row['conf_high']:.1%}"
        return (
            f"{row['estimate']:.1%} of {int(row['n']):,} complaints were resolved "
            f"({100 * self.confidence:g} % interval {limits}).{speed} Counts complaints as independent "
            "and late ones as unresolved so far. Not claimed: that a group with a higher share is handled "
            "better, because its complaints may be easier; anything about the silent."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Share resolved by group, with intervals."""
        from cxlab.plots.forest import forest

        return forest(
            self.estimates.assign(text="too few"),
            title="Which complaints are resolved",
            x_label="share resolved",
            note=f"n = {self.provenance.n_used:,}, by {self.by}; {100 * self.confidence:g} % intervals",
            reference=float(self.estimates["estimate"].iloc[0]),
            ax=ax,
        )
