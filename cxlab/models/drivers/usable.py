"""What a model of ratings starts from: usable answers, enough of them, what is resampled, provenance."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd

from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check
from cxlab.models.drivers.importance_rows import require_answerable
from cxlab.models.drivers.resampling import (
    MOST_ROWS,
    WARN_BELOW_CLUSTERS,
    Resampling,
    plan_resampling,
)
from cxlab.models.drivers.rows import CompleteAnswers, complete_answers, usable_cluster_column


@dataclass(frozen=True, eq=False, kw_only=True)
class Usable:
    """Complete answers, the groups that are drawn together, and the columns they were taken from."""

    answers: CompleteAnswers
    plan: Resampling
    columns: tuple[str, ...]

    def provenance(self, table: pd.DataFrame, *, model: Any) -> Provenance:
        """Rows used and set aside, settings and seed of a ``model`` dataclass, hash of its columns."""
        return Provenance(
            model=type(model).__name__,
            n_rows=len(table),
            n_used=len(self.answers.values),
            n_set_aside=self.answers.set_aside,
            settings=asdict(model),
            seed=model.seed,
            input_hash=hash_frame(table[list(self.columns)]),
        )

    def clusters_check(self) -> Check:
        """Whether enough whole clusters are resampled."""
        plan = self.plan
        return Check(
            check="clusters",
            value=plan.clusters if plan.unit == "clusters" else plan.unit,
            threshold=f">= {WARN_BELOW_CLUSTERS}",
            passed=plan.unit == "clusters" and plan.clusters >= WARN_BELOW_CLUSTERS,
            meaning="whole clusters are resampled; without them or with few, intervals are too narrow",
        )


def usable_answers(
    table: pd.DataFrame,
    *,
    question: str,
    drivers: tuple[str, ...],
    model: Any,
    rng: np.random.Generator,
    most_rows: int = MOST_ROWS,
) -> Usable:
    """The complete answers to ``drivers`` and ``model.outcome``, and how they are resampled.

    ``model`` names ``outcome``, ``weight_column`` and ``cluster_column``. NotAnswerableError if answers are
    too few, the outcome does not vary, or there are 2 to 9 clusters; FitError for text or infinity.
    """
    cluster_column = usable_cluster_column(table, model.cluster_column)
    answers = complete_answers(
        table,
        outcome=model.outcome,
        drivers=drivers,
        weight_column=model.weight_column,
        cluster_column=cluster_column,
        stratum_column=None,
    )
    require_answerable(answers, question=question)
    named = [name for name in (model.weight_column, cluster_column) if name is not None]
    return Usable(
        answers=answers,
        plan=plan_resampling(answers, question=question, rng=rng, most_rows=most_rows),
        columns=(*drivers, model.outcome, *named),
    )
