"""Along which ratings does an operational fact go with the overall answer, and what goes past them all."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import SUPPORTED
from cxlab.models.drivers.mediation_result import MediationResult, path_table
from cxlab.models.drivers.resampling import Resampling
from cxlab.models.drivers.rows import CompleteAnswers, driver_columns
from cxlab.models.drivers.usable import usable_answers
from cxlab.stats.bootstrap import resampled_sums
from cxlab.stats.mediation import Paths, centre_within, path_sums, paths

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class MediationModel:
    """Paths of association from operational facts through rated items to the overall answer.

    ``x_j = a_j + sum_i A_ij z_i + e`` and ``y = c + sum_i c_i z_i + sum_j b_j x_j + e``. Fact i goes along
    item j with ``A_ij b_j`` (indirect) and past all items with ``c_i`` (direct); total = direct + sum of
    indirect, exactly.

    Parameters
    ----------
    facts
        Operational columns linked to each answer, measured before it (``cxlab.exposure``).
    items
        Rated items; every ``rating_`` column if empty.
    steps
        Fact to the step for which results are told, ``{"wait_minutes": 10}``; one unit otherwise.
    within_clusters
        Compare answers of the same dealer only, so that lasting differences between dealers (a busy
        dealer may be a good one) do not enter.
    outcome, weight_column, cluster_column
        As in :class:`cxlab.ImportanceModel`.
    confidence, replicates, seed
        Of the intervals, 0..1; bootstrap replicates, 100 or more; seed of the bootstrap.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame({"wait_minutes": rng.exponential(20, 900)})
    >>> table["rating_wait"] = 8 - 0.05 * table["wait_minutes"] + rng.normal(size=900)
    >>> table["overall"] = 0.4 * table["rating_wait"] + rng.normal(size=900)
    >>> model = MediationModel(facts=("wait_minutes",), steps={"wait_minutes": 10}, replicates=100)
    >>> model.fit(table).table().set_index("part")["estimate"].round(1).to_dict()
    {'indirect': -0.2, 'all indirect': -0.2, 'direct': -0.0, 'total': -0.2}
    """

    facts: tuple[str, ...]
    items: tuple[str, ...] = ()
    steps: Mapping[str, float] = field(default_factory=dict)
    within_clusters: bool = True
    outcome: str = OVERALL
    weight_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    confidence: float = 0.95
    replicates: int = 400
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("MediationModel", "confidence", self.confidence)
        require_at_least("MediationModel", "replicates", self.replicates, 100)
        if not isinstance(self.facts, tuple) or not self.facts:
            raise ParameterError(
                f"MediationModel: facts must be a tuple of column names, got {self.facts!r}. Next step: "
                f"write facts=('wait_minutes',)."
            )
        names = [*self.facts, *self.items, self.outcome]
        if len(set(names)) < len(names):
            raise ParameterError(
                "MediationModel: facts, items and outcome must be different columns. Next step: name each "
                "column once."
            )
        wrong = [name for name, step in self.steps.items() if name not in self.facts or not step > 0]
        if wrong:
            raise ParameterError(
                f"MediationModel: steps must give facts a number above 0, not so: {', '.join(wrong)}. "
                f"Next step: steps={{'wait_minutes': 10}}."
            )

    def fit(self, table: pd.DataFrame) -> MediationResult:
        """Fit to linked answers, one row each; incomplete answers are set aside and counted.

        Raises
        ------
        NotAnswerableError
            If columns are absent, answers are too few, a fact does not vary within dealers, or there are
            2 to 9 dealers.
        FitError
            If a column holds text or infinite values.
        """
        items = driver_columns(table, outcome=self.outcome, drivers=self.items)
        items = tuple(item for item in items if item not in self.facts)
        columns = driver_columns(table, outcome=self.outcome, drivers=(*self.facts, *items))
        question = f"Along which ratings do {', '.join(self.facts)} go with {self.outcome}?"
        rng = np.random.default_rng(self.seed)
        used = usable_answers(table, question=question, drivers=columns, model=self, rng=rng)
        answers, plan = used.answers, used.plan
        centred = self._centred(answers, plan, question)
        point, draws = self._replicate(centred, answers.weights, plan, rng)
        estimates = path_table(
            self.facts,
            items,
            point,
            draws,
            steps=[float(self.steps.get(fact, 1.0)) for fact in self.facts],
            degrees=plan.degrees_of_freedom,
            n=len(answers.values),
            confidence=self.confidence,
        )
        return MediationResult(
            estimates=estimates,
            diagnostics=checks_table(
                [
                    used.clusters_check(),
                    *_checks(centred, self.facts, within=self._within(plan)),
                    _opposite_check(estimates),
                ]
            ),
            provenance=used.provenance(table, model=self),
            outcome=self.outcome,
            confidence=self.confidence,
            clusters=plan.clusters,
            within=self._within(plan),
            steps=dict(self.steps),
        )

    def _within(self, plan: Resampling) -> bool:
        return self.within_clusters and plan.unit == "clusters"

    def _centred(self, answers: CompleteAnswers, plan: Resampling, question: str) -> Array:
        """Facts, items, outcome minus their dealer's mean, or minus the mean of all."""
        groups = plan.groups if self._within(plan) else np.zeros(len(answers.values), dtype=np.int64)
        centred = centre_within(answers.values, weights=answers.weights, groups=groups)
        size = np.maximum(np.abs(answers.values[:, : len(self.facts)]).max(axis=0), 1e-12)
        spread = np.abs(centred[:, : len(self.facts)]).max(axis=0)
        still = [fact for fact, flat in zip(self.facts, spread <= 1e-9 * size, strict=True) if flat]
        if still:
            where = "within any dealer" if self._within(plan) else "in these answers"
            raise NotAnswerableError(
                question,
                reason=f"{', '.join(still)} does not vary {where}.",
                next_step="leave it out, or compare between dealers with within_clusters=False.",
            )
        return centred

    def _replicate(
        self, centred: Array, weights: Array, plan: Resampling, rng: np.random.Generator
    ) -> tuple[Paths, Paths]:
        k = len(self.facts)
        sums = path_sums(
            centred[:, :k], centred[:, k:-1], centred[:, -1], weights=weights, groups=plan.groups
        )
        drawn = resampled_sums(sums, strata=plan.strata, replicates=self.replicates, rng=rng)
        items = centred.shape[1] - 1 - k
        return (
            paths(sums.sum(axis=0, keepdims=True), facts=k, items=items),
            paths(drawn, facts=k, items=items),
        )


def _opposite_check(estimates: pd.DataFrame) -> Check:
    sure = estimates[estimates["verdict"] == SUPPORTED]
    parts = sure.pivot_table(index="fact", columns="part", values="estimate").reindex(
        columns=["all indirect", "direct"]
    )
    opposed = parts.index[parts["all indirect"] * parts["direct"] < 0]
    return Check(
        check="facts whose direct part runs against the ratings",
        value=", ".join(opposed) or "none",
        threshold="none",
        passed=not len(opposed),
        meaning="the ratings fall further than the outcome follows: a rating may absorb what belongs to "
        "something else (see misattribution), and shares of the total exceed 1",
    )


def _checks(centred: Array, facts: tuple[str, ...], *, within: bool) -> list[Check]:
    spread = centred.std(axis=0)
    scaled = centred[:, :-1] / np.where(spread[:-1] > 0, spread[:-1], 1.0)
    matrix = np.abs(scaled.T @ scaled / len(scaled)) - np.eye(scaled.shape[1])
    k = len(facts)
    among = float(matrix[:k, :k].max()) if k > 1 else 0.0
    items = matrix[k:, k:]
    alike = float(items.max()) if len(items) > 1 else 0.0
    return [
        Check(
            check="compared within dealers",
            value="yes" if within else "no",
            threshold="yes",
            passed=within,
            meaning="otherwise lasting differences between dealers mix with the fact",
        ),
        Check(
            check="largest correlation between two facts",
            value=among,
            threshold="<= 0.9",
            passed=among <= 0.9,
            meaning="facts that go together share their paths arbitrarily: read them together",
        ),
        Check(
            check="largest correlation between two items",
            value=alike,
            threshold="<= 0.8",
            passed=alike <= 0.8,
            meaning="with a strong common mood a path may run along the wrong item: see misattribution",
        ),
    ]
