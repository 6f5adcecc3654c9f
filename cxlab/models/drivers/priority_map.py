"""Where would lifting a rating go with most: importance-performance map with headroom and sure fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_one_of, require_share
from cxlab.models.drivers.importance_rows import require_answerable
from cxlab.models.drivers.priority_map_result import PriorityMapResult, map_table, stated_table
from cxlab.models.drivers.resampling import WARN_BELOW_CLUSTERS, Resampling, plan_resampling
from cxlab.models.drivers.rows import (
    CompleteAnswers,
    complete_answers,
    driver_columns,
    numbers,
    usable_cluster_column,
)
from cxlab.stats.bootstrap import resampled_sums
from cxlab.stats.importance import MAX_EXACT, lmg
from cxlab.stats.lift import Lifts, lift_sums, lifts
from cxlab.stats.moments import correlations, group_moments

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class PriorityMapModel:
    """How much the overall answer would rise, by the fitted function, if one rating met its target.

    ``Delta_j(T) = mean f(x with x_j -> max(x_j, T_j)) - mean f(x)``, where ``f`` has a slope below and one
    above the neutral point of every rating (``form="hinge"``) or one slope (``"linear"``). The map shows
    the mean rating against ``Delta_j``; its fields meet at the target and at the smallest lift that is
    worth an effort, never at means (which fill every field whatever the data say).

    Parameters
    ----------
    target
        Rating to reach, for all drivers or per driver.
    worthwhile_lift
        Smallest rise of the outcome that matters, in its points.
    outcome, drivers, weight_column, cluster_column
        As in :class:`cxlab.ImportanceModel`; up to 25 drivers.
    form
        ``hinge`` or ``linear``.
    neutral_point
        Where slopes may change (hinge); 5.5 for 1 to 10.
    stated
        Stated importance: driver to a number, or driver to a column of answers. It is set beside what the
        answers reveal, never mixed in.
    confidence, replicates, seed
        Of the intervals, 0..1; bootstrap replicates, 100 or more; seed of the bootstrap.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ratings = rng.integers(3, 11, (800, 2)).astype(float)
    >>> table = pd.DataFrame(ratings, columns=["rating_wait", "rating_gift"])
    >>> table["overall"] = 0.5 * table["rating_wait"] + rng.normal(size=800)
    >>> PriorityMapModel(target=9, replicates=100).fit(table).table()[["term", "field"]]
              term       field
    0  rating_wait   act first
    1  rating_gift  low return
    """

    target: float | Mapping[str, float]
    worthwhile_lift: float = 0.1
    outcome: str = OVERALL
    drivers: tuple[str, ...] = ()
    form: str = "hinge"
    neutral_point: float = 5.5
    stated: Mapping[str, float] | Mapping[str, str] | None = None
    weight_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    confidence: float = 0.95
    replicates: int = 400
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("PriorityMapModel", "confidence", self.confidence)
        require_at_least("PriorityMapModel", "replicates", self.replicates, 100)
        require_at_least("PriorityMapModel", "worthwhile_lift", self.worthwhile_lift, 0.0)
        require_one_of("PriorityMapModel", "form", self.form, ("hinge", "linear"))

    def fit(self, table: pd.DataFrame) -> PriorityMapResult:
        """Fit to survey answers, one row each; incomplete answers are set aside and counted.

        Raises
        ------
        NotAnswerableError
            If columns are absent, answers are too few, the outcome does not vary, or there are 2 to 9
            dealers.
        FitError
            If a column holds text or infinite values.
        ParameterError
            If targets or stated importance do not name the drivers, or there are more than 25.
        """
        drivers = driver_columns(table, outcome=self.outcome, drivers=tuple(self.drivers))
        target = self._targets(drivers)
        cluster_column = usable_cluster_column(table, self.cluster_column)
        answers = complete_answers(
            table,
            outcome=self.outcome,
            drivers=drivers,
            weight_column=self.weight_column,
            cluster_column=cluster_column,
            stratum_column=None,
        )
        question = f"Where would lifting a rating go with a higher {self.outcome}?"
        require_answerable(answers, question=question)
        plan = plan_resampling(answers, question=question, rng=np.random.default_rng(self.seed))
        stated = self._stated(table, answers, drivers)
        point, draws, shares, opinions = self._replicate(answers, plan, target, stated)
        estimates = map_table(
            drivers,
            point,
            draws,
            target=target,
            importance=shares[0],
            cut=self.worthwhile_lift,
            degrees=plan.degrees_of_freedom,
            n=len(answers.values),
            confidence=self.confidence,
        )
        return PriorityMapResult(
            estimates=estimates,
            diagnostics=checks_table(_checks(answers, plan, point, drivers)),
            provenance=self._provenance(table, answers, drivers, cluster_column),
            outcome=self.outcome,
            worthwhile_lift=self.worthwhile_lift,
            confidence=self.confidence,
            clusters=plan.clusters,
            one_target=not isinstance(self.target, Mapping),
            _degrees_of_freedom=plan.degrees_of_freedom,
            _stated=None
            if stated is None
            else stated_table(drivers, opinions, shares, confidence=self.confidence),
        )

    def _provenance(
        self,
        table: pd.DataFrame,
        answers: CompleteAnswers,
        drivers: tuple[str, ...],
        cluster_column: str | None,
    ) -> Provenance:
        named = [name for name in (self.weight_column, cluster_column) if name is not None]
        return Provenance(
            model="PriorityMapModel",
            n_rows=len(table),
            n_used=len(answers.values),
            n_set_aside=answers.set_aside,
            settings=asdict(self),
            seed=self.seed,
            input_hash=hash_frame(table[[*drivers, self.outcome, *named]]),
        )

    def _targets(self, drivers: tuple[str, ...]) -> Array:
        if len(drivers) > MAX_EXACT:
            raise ParameterError(
                f"PriorityMapModel: at most {MAX_EXACT} drivers, got {len(drivers)}. Next step: name those "
                f"that can be acted on."
            )
        if isinstance(self.target, Mapping):
            _require_all("target", self.target, drivers)
            return np.array([float(self.target[driver]) for driver in drivers])
        return np.full(len(drivers), float(self.target))

    def _stated(
        self, table: pd.DataFrame, answers: CompleteAnswers, drivers: tuple[str, ...]
    ) -> Array | None:
        """Stated importance of each answer, (n, p), NaN where it was not given."""
        if self.stated is None:
            return None
        _require_all("stated", self.stated, drivers)
        columns = []
        for driver in drivers:
            given = self.stated[driver]
            full = numbers(table, given) if isinstance(given, str) else np.full(len(table), float(given))
            columns.append(full[answers.kept])
        return np.column_stack(columns)

    def _replicate(
        self, answers: CompleteAnswers, plan: Resampling, target: Array, stated: Array | None
    ) -> tuple[Lifts, Lifts, Array, Array]:
        """Lifts of the data and of the replicates; importance and stated means, the data in row 0."""
        values, size = answers.values, answers.values.shape[1]
        made = lift_sums(
            values[:, :-1],
            values[:, -1],
            target=target,
            neutral=np.full(size - 1, self.neutral_point) if self.form == "hinge" else None,
            weights=answers.weights,
            groups=plan.groups,
        )
        moments = group_moments(values, weights=answers.weights, groups=plan.groups)
        given = np.zeros((len(values), size - 1)) if stated is None else stated
        there = answers.weights[:, None] * ~np.isnan(given)
        opinions = np.zeros((len(plan.strata), 2 * (size - 1)))
        np.add.at(opinions, plan.groups, np.column_stack([there * np.nan_to_num(given), there]))
        parts = [made.sums, moments.sums, opinions]
        sums = np.hstack(parts)
        drawn = resampled_sums(
            sums, strata=plan.strata, replicates=self.replicates, rng=np.random.default_rng(self.seed)
        )
        together = np.concatenate([sums.sum(axis=0, keepdims=True), drawn])
        packed, products, said = np.split(
            together, np.cumsum([part.shape[1] for part in parts])[:2], axis=1
        )
        shares = lmg(correlations(products, columns=size), assume_valid=True)
        counted = np.maximum(said[:, size - 1 :], 1e-12)
        return lifts(packed[:1], made), lifts(packed[1:], made), shares, said[:, : size - 1] / counted


def _require_all(name: str, given: Mapping[str, object], drivers: tuple[str, ...]) -> None:
    lacking = [driver for driver in drivers if driver not in given]
    unknown = [driver for driver in given if driver not in drivers]
    if lacking or unknown:
        raise ParameterError(
            f"PriorityMapModel: {name} must name every driver and nothing else; "
            f"{'lacking' if lacking else 'no driver'}: {', '.join(lacking or unknown)}. "
            f"Next step: give one number (or column) per driver."
        )


def _checks(
    answers: CompleteAnswers, plan: Resampling, point: Lifts, drivers: tuple[str, ...]
) -> list[Check]:
    matrix = np.corrcoef(answers.values[:, :-1], rowvar=False) if len(drivers) > 1 else np.eye(1)
    alike = float(np.nanmax(np.abs(matrix - np.eye(len(drivers))))) if len(drivers) > 1 else 0.0
    negative = [
        name for name, slope in zip(drivers, point.slopes[0].min(axis=0), strict=True) if slope < -0.02
    ]
    met = [name for name, share in zip(drivers, point.below[0], strict=True) if share < 0.01]
    return [
        Check(
            check="clusters",
            value=plan.clusters if plan.unit == "clusters" else plan.unit,
            threshold=f">= {WARN_BELOW_CLUSTERS}",
            passed=plan.unit == "clusters" and plan.clusters >= WARN_BELOW_CLUSTERS,
            meaning="whole clusters are resampled; without them or with few, ellipses are too small",
        ),
        Check(
            check="largest correlation between two drivers",
            value=alike,
            threshold="<= 0.9",
            passed=alike <= 0.9,
            meaning="ratings that repeat each other share one effect: read them together",
        ),
        Check(
            check="drivers with a negative slope",
            value=", ".join(negative) or "none",
            threshold="none",
            passed=not negative,
            meaning="a lift along a negative slope is small or negative: check scale and wording",
        ),
        Check(
            check="drivers that nearly everyone rates at the target",
            value=", ".join(met) or "none",
            threshold="1 % of answers below it",
            passed=not met,
            meaning="nothing is left to lift: the target tells nothing about them",
        ),
    ]
