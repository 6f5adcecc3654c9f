"""What is resampled for a driver model's intervals: dealers where they are known, else single answers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.core.errors import NotAnswerableError
from cxlab.models.drivers.rows import CompleteAnswers
from cxlab.stats.bootstrap import deal_rows

Integers = NDArray[np.int64]

#: Below this many clusters their spread is not known well enough for any interval.
FEWEST_CLUSTERS = 10
#: Below this many clusters intervals are shown with a warning.
WARN_BELOW_CLUSTERS = 30
#: Above this many independent answers they are dealt into random groups, so that cost stays flat.
MOST_ROWS = 20_000
_DEALT_GROUPS = 4_000


@dataclass(frozen=True, eq=False, kw_only=True)
class Resampling:
    """Groups of answers that are drawn together.

    Attributes
    ----------
    groups : (n,)
        Group of each answer, numbered from 0.
    strata : (G,)
        Stratum of each group, numbered from 0.
    unit
        ``clusters`` (whole clusters are drawn), ``one cluster`` (its answers are drawn) or
        ``answers`` (no cluster column).
    clusters
        Number of clusters; 0 without a cluster column.
    merged_strata
        Number of strata with a single group, which were merged with another one.
    degrees_of_freedom
        Groups minus strata.
    """

    groups: Integers
    strata: Integers
    unit: str
    clusters: int
    merged_strata: int

    @property
    def degrees_of_freedom(self) -> int:
        """Groups minus strata."""
        return len(self.strata) - len(np.unique(self.strata))


def plan_resampling(
    answers: CompleteAnswers,
    *,
    question: str,
    rng: np.random.Generator,
    most_rows: int = MOST_ROWS,
) -> Resampling:
    """Choose the groups; NotAnswerableError for 2 to 9 clusters, whose spread cannot be known.

    More than ``most_rows`` independent answers are dealt into 4,000 groups.
    """
    clusters = answers.clusters
    count = int(clusters.max()) + 1 if clusters is not None else 0
    if 1 < count < FEWEST_CLUSTERS:
        raise NotAnswerableError(
            question,
            reason=f"Answers come from {count} clusters; an interval beyond them needs {FEWEST_CLUSTERS}.",
            next_step=(
                "add dealers, fit one dealer at a time (the result then speaks about that dealer only), or "
                "set cluster_column=None if these answers are independent of each other."
            ),
        )
    if clusters is not None and count > 1:
        groups, unit = clusters, "clusters"
    else:
        groups = _rows_or_dealt_groups(answers.strata, rng, most_rows)
        unit = "one cluster" if count == 1 else "answers"
    strata = np.zeros(int(groups.max()) + 1, dtype=np.int64)
    strata[groups] = answers.strata
    strata, merged = _merge_single(strata)
    return Resampling(groups=groups, strata=strata, unit=unit, clusters=count, merged_strata=merged)


def _rows_or_dealt_groups(strata: Integers, rng: np.random.Generator, most_rows: int) -> Integers:
    if len(strata) <= most_rows:
        return np.arange(len(strata))
    dealt = deal_rows(len(strata), groups=_DEALT_GROUPS, rng=rng)
    groups: Integers = np.unique(strata * _DEALT_GROUPS + dealt, return_inverse=True)[1].reshape(-1)
    return groups


def _merge_single(strata: Integers) -> tuple[Integers, int]:
    """Merge strata of one group: their own variance cannot be seen, that of the merged one is larger."""
    sizes = np.bincount(strata)
    single = np.flatnonzero(sizes == 1)
    if not len(single) or len(sizes) == 1:
        return strata, 0
    joined = [int(stratum) for stratum in single]
    if len(single) == 1:
        others = np.where(sizes > 1, sizes, sizes.max() + 1)
        joined.append(int(np.argmin(others)))
    merged = np.where(np.isin(strata, joined), joined[0], strata)
    return np.unique(merged, return_inverse=True)[1].reshape(-1), len(single)
