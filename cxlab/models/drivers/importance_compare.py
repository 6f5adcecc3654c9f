"""Does importance differ between segments: each segment against the rest, on shared replicates."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import RATING_PREFIX
from cxlab.core.errors import NotAnswerableError
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.verdicts import NOT_IDENTIFIED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.drivers.importance_fit import ImportanceFit, fit_importance
from cxlab.models.drivers.importance_terms import Terms
from cxlab.models.drivers.resampling import FEWEST_CLUSTERS, WARN_BELOW_CLUSTERS, Resampling
from cxlab.models.drivers.rows import CompleteAnswers
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.multiplicity import holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

NO_SEGMENT = "no segment"
_ESTIMATES = ("estimate", "rest", "difference", "std_error", "conf_low", "conf_high", "p_value")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ImportanceComparison(Result):
    """One row per segment and term.

    ``estimate`` is the share of the outcome's variance within the segment, ``rest`` that among all other
    answers, ``difference`` the first minus the second with ``std_error``, ``conf_low``, ``conf_high`` and
    ``p_value`` (Student's t of the bootstrap error); ``p_value_holm`` is corrected for all rows; ``n``
    answers of the segment, ``clusters`` its dealers; ``verdict`` on "importance differs here".
    """

    outcome: str
    by: str
    confidence: float

    def summary(self) -> str:
        """The differences that hold, n, the assumption and what may not be claimed."""
        held = self.estimates[self.estimates["verdict"] == SUPPORTED]
        few = self.estimates.loc[self.estimates["verdict"] == TOO_FEW, "segment"].unique()
        said = "; ".join(
            f"{row.term} in {row.segment}: {row.difference:+.3f} of the variance "
            f"({100 * self.confidence:g} % interval {row.conf_low:+.3f} to {row.conf_high:+.3f})"
            for row in held.head(3).itertuples()
        )
        return (
            f"Importance for {self.outcome} by {self.by}: {len(held)} of {len(self.estimates)} differences "
            f"from the rest hold after correction for their number{': ' if said else ''}{said}. "
            f"n = {self.provenance.n_used:,} answers"
            f"{'; too few in ' + ', '.join(map(str, few)) if len(few) else ''}. It assumes that dealers "
            f"stand for all. A difference can come from how much ratings vary in a segment, not only from "
            f"how much they count there; no difference found does not mean that segments are alike."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Differences from the rest with intervals, one line per segment and term."""
        from cxlab.plots.forest import forest

        rows = self.estimates
        words = [str(term).removeprefix(RATING_PREFIX).replace("_", " ") for term in rows["term"]]
        frame = pd.DataFrame(
            {
                "term": [
                    f"{segment}: {word}" for segment, word in zip(rows["segment"], words, strict=True)
                ],
                "estimate": 100.0 * rows["difference"],
                "conf_low": 100.0 * rows["conf_low"],
                "conf_high": 100.0 * rows["conf_high"],
                "solid": rows["verdict"] == SUPPORTED,
                "text": "too few",
            }
        )
        return forest(
            frame,
            title=f"Where importance for {self.outcome.replace('_', ' ')} differs by {self.by}",
            x_label="share of the variance, segment minus rest, percentage points",
            note=f"n = {self.provenance.n_used:,} answers; hollow: difference not supported",
            reference=0.0,
            decimals=1,
            ax=ax,
        )


def compare_segments(
    answers: CompleteAnswers,
    member: NDArray[np.object_],
    *,
    plan: Resampling,
    terms: Terms,
    latent: NDArray[np.bool_],
    confidence: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """Fit every segment and its rest on the same draws of dealers: the estimates of a comparison.

    ``member`` holds the segment of each answer, shape (n,).
    """
    rows = []
    for segment in sorted(set(member), key=str):
        inside = np.asarray(member == segment)
        if not (_enough(answers, plan, inside) and _enough(answers, plan, ~inside)):
            rows.append(_too_few(segment, terms, plan, inside))
            continue
        here, rest = (
            _fit_part(answers, plan, chosen, terms, latent, replicates, seed)
            for chosen in (inside, ~inside)
        )
        rows.append(_rows(segment, terms, here, rest, plan, inside, confidence))
    return _judged(pd.concat(rows, ignore_index=True), confidence)


def segments_of(table: pd.DataFrame, *, by: str, question: str) -> pd.Series:
    """The column of segments; NotAnswerableError if it is absent or holds fewer than two."""
    if by not in table.columns:
        raise NotAnswerableError(
            question,
            reason=f"The table has no column {by!r}.",
            next_step="name a column of segments, or join it from the customers.",
        )
    segments = table[by]
    if segments.nunique() < 2:
        raise NotAnswerableError(
            question,
            reason=f"The column {by!r} holds {segments.nunique()} segment.",
            next_step="choose a column with two segments or more.",
        )
    return segments


def _enough(answers: CompleteAnswers, plan: Resampling, chosen: NDArray[np.bool_]) -> bool:
    values = answers.values[chosen]
    if len(values) < 30 + 5 * (values.shape[1] - 1) or np.ptp(values[:, -1]) == 0.0:
        return False
    if np.isnan(values).all(axis=0).any():
        return False
    return plan.unit != "clusters" or len(np.unique(plan.groups[chosen])) >= FEWEST_CLUSTERS


def _fit_part(
    answers: CompleteAnswers,
    plan: Resampling,
    chosen: NDArray[np.bool_],
    terms: Terms,
    latent: NDArray[np.bool_],
    replicates: int,
    seed: int,
) -> ImportanceFit:
    part = replace(answers, values=answers.values[chosen], weights=answers.weights[chosen])
    # All groups stay in the plan: with the same seed, segment and rest meet the same draws.
    kept = replace(plan, groups=plan.groups[chosen])
    rng = np.random.default_rng(seed)
    return fit_importance(part, kept, terms=terms, latent=latent, replicates=replicates, rng=rng)


def _rows(
    segment: object,
    terms: Terms,
    here: ImportanceFit,
    rest: ImportanceFit,
    plan: Resampling,
    inside: NDArray[np.bool_],
    confidence: float,
) -> pd.DataFrame:
    from scipy.special import stdtr

    draws = here.replicates - rest.replicates
    difference, error = here.shares - rest.shares, draws.std(axis=0, ddof=1)
    degrees = plan.degrees_of_freedom
    low, high = percentile_interval(draws, confidence=confidence, degrees_of_freedom=degrees)
    known = error > 1e-12
    ratio = np.where(known, difference / np.where(known, error, 1.0), np.nan)
    return pd.DataFrame(
        {
            "segment": segment,
            "term": np.array(terms.names, dtype=object),
            "estimate": here.shares,
            "rest": rest.shares,
            "difference": difference,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "p_value": 2.0 * stdtr(degrees, -np.abs(ratio)),
            "n": int(inside.sum()),
            "clusters": _clusters(plan, inside),
        }
    )


def _too_few(segment: object, terms: Terms, plan: Resampling, inside: NDArray[np.bool_]) -> pd.DataFrame:
    frame = pd.DataFrame({"segment": segment, "term": np.array(terms.names, dtype=object)})
    for column in _ESTIMATES:
        frame[column] = np.nan
    return frame.assign(n=int(inside.sum()), clusters=_clusters(plan, inside), verdict=TOO_FEW)


def _clusters(plan: Resampling, inside: NDArray[np.bool_]) -> int:
    return len(np.unique(plan.groups[inside])) if plan.unit == "clusters" else 0


def _judged(rows: pd.DataFrame, confidence: float) -> pd.DataFrame:
    adjusted = holm(rows["p_value"].to_numpy(dtype=np.float64))
    verdict = np.where(adjusted < 1.0 - confidence, SUPPORTED, UNDETERMINED)
    verdict = np.where(np.isnan(adjusted), NOT_IDENTIFIED, verdict)
    few = (rows["verdict"] == TOO_FEW).to_numpy() if "verdict" in rows else np.zeros(len(rows), dtype=bool)
    rows = rows.assign(p_value_holm=adjusted, verdict=np.where(few, TOO_FEW, verdict))
    return rows[["segment", "term", *_ESTIMATES, "p_value_holm", "n", "clusters", "verdict"]]


def comparison_checks(estimates: pd.DataFrame, plan: Resampling) -> pd.DataFrame:
    """Segments without a number, and what the shared replicates draw."""
    few = [str(name) for name in estimates.loc[estimates["verdict"] == TOO_FEW, "segment"].unique()]
    return checks_table(
        [
            Check(
                check="segments with too few answers or dealers",
                value=", ".join(few) or "none",
                threshold=f"30 + 5 per driver answers, {FEWEST_CLUSTERS} dealers",
                passed=not few,
                meaning="they print no number",
            ),
            Check(
                check="dealers that the replicates draw",
                value=plan.clusters if plan.unit == "clusters" else plan.unit,
                threshold=f">= {WARN_BELOW_CLUSTERS}",
                passed=plan.unit == "clusters" and plan.clusters >= WARN_BELOW_CLUSTERS,
                meaning="segment and rest meet the same draws; without dealers single answers are drawn",
            ),
        ]
    )
