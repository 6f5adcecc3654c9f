"""One score of one group of answers with its interval: which method, when, and why."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.intervals import (
    ClusteredMean,
    Interval,
    clustered_mean,
    dirichlet_mean,
    effective_rows_for,
    net_share,
    student_interval,
    wilson,
)

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

#: With this many clusters or more an interval speaks about clusters like them, with fewer about these only.
FEWEST_CLUSTERS = 10
# Below this many answers a Student interval for the mean of skewed ratings covers too little.
_FEW_ANSWERS = 50


@dataclass(frozen=True, kw_only=True)
class Score:
    """An estimate with limits, the words for its method and the number of clusters (0: not known)."""

    interval: Interval
    method: str
    clusters: int


def mean_score(
    values: Array, clusters: Codes | None, *, scale: tuple[float, float], confidence: float
) -> Score:
    """Mean of answers: Student's t from 50 answers on, below that a Dirichlet over the scale.

    Answers that are not whole numbers (averages of items), or lie on a scale whose ends are not, always
    take Student's t.
    """
    spread, count, unit = _spread(values, clusters)
    points_or_ends = np.append(values, scale)
    if len(values) >= _FEW_ANSWERS or np.any(points_or_ends != np.round(points_or_ends)):
        found = student_interval(
            spread.mean,
            spread.std_error,
            degrees_of_freedom=spread.degrees_of_freedom,
            confidence=confidence,
        )
        return Score(interval=_inside(found, *scale), method=f"Student t{unit}", clusters=count)
    points = np.arange(scale[0], scale[1] + 1, dtype=np.float64)
    counts = (values[:, None] == points).sum(axis=0).astype(np.float64)
    counts *= _rows_for(spread, unit, confidence) / len(values)
    found = dirichlet_mean(counts, points, confidence=confidence)
    return Score(interval=found, method=f"Dirichlet{unit}", clusters=count)


def share_score(inside: NDArray[np.bool_], clusters: Codes | None, *, confidence: float) -> Score:
    """Share of answers inside a box, by Wilson's interval on the effective number of answers."""
    spread, count, unit = _spread(inside.astype(np.float64), clusters)
    found = wilson(spread.mean, _rows_for(spread, unit, confidence), confidence=confidence)
    return Score(interval=_with_error(found, spread.std_error), method=f"Wilson{unit}", clusters=count)


def net_score(values: Array, clusters: Codes | None, *, confidence: float) -> Score:
    """Net promoter score in points, -100 to 100, by an adjusted Wald interval."""
    promoters, detractors = values >= 9.0, values <= 6.0
    spread, count, unit = _spread(promoters.astype(np.float64) - detractors, clusters)
    found = net_share(
        float(promoters.mean()),
        float(detractors.mean()),
        _rows_for(spread, unit, confidence),
        confidence=confidence,
    )
    found = _with_error(found, spread.std_error)
    points = Interval(
        estimate=100.0 * found.estimate,
        std_error=100.0 * found.std_error,
        conf_low=100.0 * found.conf_low,
        conf_high=100.0 * found.conf_high,
    )
    return Score(interval=points, method=f"adjusted Wald{unit}", clusters=count)


def _spread(values: Array, clusters: Codes | None) -> tuple[ClusteredMean, int, str]:
    """Mean and standard error, number of clusters, and the words to add to the method."""
    count = int(clusters.max()) + 1 if clusters is not None else 0
    if clusters is not None and count >= FEWEST_CLUSTERS:
        return clustered_mean(values, clusters), count, ", by cluster"
    return clustered_mean(values, np.arange(len(values))), count, ""


def _rows_for(spread: ClusteredMean, unit: str, confidence: float) -> float:
    """Answers that count: all of them if independent, else the effective number lowered from z to t."""
    if not unit:
        return spread.effective_rows
    return effective_rows_for(
        confidence, rows=spread.effective_rows, degrees_of_freedom=spread.degrees_of_freedom
    )


def _inside(found: Interval, low: float, high: float) -> Interval:
    return Interval(
        estimate=found.estimate,
        std_error=found.std_error,
        conf_low=max(float(low), found.conf_low),
        conf_high=min(float(high), found.conf_high),
    )


def _with_error(found: Interval, std_error: float) -> Interval:
    return Interval(
        estimate=found.estimate, std_error=std_error, conf_low=found.conf_low, conf_high=found.conf_high
    )
