"""Which answers tell how moments add up: those with an outcome and at least two rated moments."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.rows import NO_CLUSTER, NO_OUTCOME, driver_columns, numbers

Array = NDArray[np.float64]

ONE_MOMENT = "fewer than two moments experienced and rated"
MINIMUM_CLUSTERS = 10
#: Fewer ratings than this cannot give a moment a weight of its own.
MINIMUM_RATINGS = 50


@dataclass(frozen=True, eq=False, kw_only=True)
class ChainAnswers:
    """Ratings (n, T) in journey order with NaN where not experienced, outcome (n,) and clusters (n,)."""

    ratings: Array
    outcome: Array
    clusters: NDArray[np.int64] | None
    set_aside: dict[str, int]

    @property
    def sites(self) -> int:
        """Number of clusters; 0 where rows are the units."""
        return 0 if self.clusters is None else int(self.clusters.max()) + 1


def moments_in_order(
    table: pd.DataFrame, *, outcome: str, drivers: tuple[str, ...], order: tuple[str, ...]
) -> tuple[str, ...]:
    """The rated moments in journey order; ParameterError if ``order`` names other items than those."""
    found = driver_columns(table, outcome=outcome, drivers=drivers)
    if order and set(order) != set(found):
        differing = sorted(set(order) ^ set(found))
        raise ParameterError(
            f"ChainModel: order must name the same items as drivers, got a difference in "
            f"{', '.join(differing)}. Next step: list every item once, first moment first."
        )
    return order or found


def chain_answers(
    table: pd.DataFrame,
    *,
    outcome: str,
    moments: tuple[str, ...],
    cluster_column: str | None,
    folds: int,
) -> ChainAnswers:
    """Take the usable answers out of ``table`` and count the others by reason; nothing is filled in."""
    question = f"Does the worst moment decide {outcome}?"
    if cluster_column is not None and cluster_column not in table.columns:
        raise NotAnswerableError(
            question,
            reason=f"The table has no column {cluster_column!r}.",
            next_step="correct the name in the settings, or set it to None.",
        )
    ratings = np.column_stack([numbers(table, moment) for moment in moments])
    overall = numbers(table, outcome)
    named = (
        np.ones(len(table), dtype=bool)
        if cluster_column is None
        else table[cluster_column].notna().to_numpy()
    )
    kept, set_aside = np.ones(len(table), dtype=bool), {}
    for reason, good in (
        (NO_OUTCOME, ~np.isnan(overall)),
        (ONE_MOMENT, (~np.isnan(ratings)).sum(axis=1) >= 2),
        (NO_CLUSTER, named),
    ):
        lost = int((kept & ~good).sum())
        if lost:
            set_aside[reason] = lost
        kept &= good
    clusters = None
    if cluster_column is not None and kept.any():
        codes = table.loc[kept].groupby(cluster_column, sort=True, observed=True).ngroup()
        clusters = np.asarray(codes, dtype=np.int64)
        clusters = clusters if clusters.max() > 0 else None
    answers = ChainAnswers(
        ratings=ratings[kept], outcome=overall[kept], clusters=clusters, set_aside=set_aside
    )
    _require_answerable(answers, question, moments=moments, folds=folds)
    return answers


def _require_answerable(
    answers: ChainAnswers, question: str, *, moments: tuple[str, ...], folds: int
) -> None:
    n, count = answers.ratings.shape
    needed = 100 + 20 * count
    rated = (~np.isnan(answers.ratings)).sum(axis=0)
    few = [
        f"{name} ({found})" for name, found in zip(moments, rated, strict=True) if found < MINIMUM_RATINGS
    ]
    if count < 2:
        reason, step = "Only one moment is rated; two are needed.", "name the ratings of several moments."
    elif n < needed:
        reason = f"{n} answers rate two moments or more; {needed} are needed (100 + 20 per moment)."
        step = "name fewer moments, or collect more answers."
    elif few:
        reason = f"Rated fewer than {MINIMUM_RATINGS} times: {', '.join(few)}."
        step = "leave these moments out of drivers."
    elif 0 < answers.sites < max(MINIMUM_CLUSTERS, folds):
        reason = f"{answers.sites} dealers cannot show how dealers differ; {MINIMUM_CLUSTERS} are needed."
        step = "take the whole network, or one dealer alone."
    elif np.ptp(answers.outcome) == 0 or np.nanstd(answers.ratings) == 0:
        reason, step = "The outcome or the ratings do not vary.", "choose columns that vary."
    else:
        return
    raise NotAnswerableError(question, reason=reason, next_step=step)
