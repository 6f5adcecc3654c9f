"""Where would lifting a rating go with most: importance-performance map with headroom and sure fields."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least, require_one_of, require_share
from cxlab.models.drivers.priority_map_result import (
    PriorityMapResult,
    effort_ranges,
    map_table,
    stated_table,
)
from cxlab.models.drivers.priority_map_tables import MapDraws
from cxlab.models.drivers.resampling import MOST_ROWS, Resampling
from cxlab.models.drivers.rows import CompleteAnswers, driver_columns, numbers
from cxlab.models.drivers.usable import usable_answers
from cxlab.stats.bootstrap import resampled_sums
from cxlab.stats.importance import MAX_EXACT, lmg
from cxlab.stats.joint_lift import joint_lift
from cxlab.stats.lift import Lifts, lift_sums, lifts
from cxlab.stats.mediation import centre_within
from cxlab.stats.moments import correlations, group_moments

Array = NDArray[np.float64]

#: Products of all pairs of more drivers than this are too many to fit.
MOST_INTERACTING = 15


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
        ``hinge``, ``linear``, or ``interaction`` (hinge and products of all pairs, up to 15 drivers): only
        then can raising two ratings together differ from raising each.
    act_on
        ``answers`` (every rating below the target is raised to it) or ``dealers`` (all ratings of a dealer
        whose mean lies below the target rise by what is missing, up to the highest answer).
    neutral_point
        Where slopes may change (hinge); 5.5 for 1 to 10.
    stated
        Stated importance: driver to a number, or driver to a column of answers. It is set beside what the
        answers reveal, never mixed in.
    effort
        Driver to what it costs to reach the target, in one unit of your choice above 0, or to its least and
        most, ``(20, 60)``. Used by ``ranking()``.
    urgency, maturity
        Driver to a number on a scale of your own, the higher the more urgent or the readier. Inputs: shown
        in ``ranking()``, which can sort by the one and put back what falls short of the other.
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
    act_on: str = "answers"
    neutral_point: float = 5.5
    stated: Mapping[str, float] | Mapping[str, str] | None = None
    effort: Mapping[str, float | tuple[float, float]] | None = None
    urgency: Mapping[str, float] | None = None
    maturity: Mapping[str, float] | None = None
    weight_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    confidence: float = 0.95
    replicates: int = 400
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("PriorityMapModel", "confidence", self.confidence)
        require_at_least("PriorityMapModel", "replicates", self.replicates, 100)
        require_at_least("PriorityMapModel", "worthwhile_lift", self.worthwhile_lift, 0.0)
        require_one_of("PriorityMapModel", "form", self.form, ("hinge", "linear", "interaction"))
        require_one_of("PriorityMapModel", "act_on", self.act_on, ("answers", "dealers"))

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
        self._require_inputs(drivers)
        question = f"Where would lifting a rating go with a higher {self.outcome}?"
        rng = np.random.default_rng(self.seed)
        # Sums of pairs are wide: independent answers are dealt into groups sooner.
        most_rows = 4000 if self.form == "interaction" else MOST_ROWS
        used = usable_answers(
            table, question=question, drivers=drivers, model=self, rng=rng, most_rows=most_rows
        )
        answers, plan = used.answers, used.plan
        self._require_pairs(answers, question)
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
            diagnostics=checks_table([used.clusters_check(), *_checks(answers, point, drivers)]),
            provenance=used.provenance(table, model=self),
            outcome=self.outcome,
            worthwhile_lift=self.worthwhile_lift,
            confidence=self.confidence,
            clusters=plan.clusters,
            one_target=not isinstance(self.target, Mapping),
            _found=MapDraws(
                drivers=drivers,
                point=point,
                draws=draws,
                degrees=plan.degrees_of_freedom,
                confidence=self.confidence,
            ),
            _inputs={"effort": self.effort, "urgency": self.urgency, "maturity": self.maturity},
            _stated=None
            if stated is None
            else stated_table(drivers, opinions, shares, confidence=self.confidence),
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

    def _require_inputs(self, drivers: tuple[str, ...]) -> None:
        """Effort, urgency and maturity name every driver; effort lies above 0, least before most."""
        for name in ("effort", "urgency", "maturity"):
            given = getattr(self, name)
            if given is not None:
                _require_all(name, given, drivers)
        wrong = [
            driver
            for driver, (least, most) in effort_ranges(self.effort or {}).items()
            if not 0.0 < least <= most < np.inf
        ]
        if wrong:
            raise ParameterError(
                f"PriorityMapModel: effort must be above 0, or the least and the most of it in this order, "
                f"not so: {', '.join(wrong)}. Next step: effort={{'{wrong[0]}': (20, 60)}}."
            )
        if self.form == "interaction" and len(drivers) > MOST_INTERACTING:
            raise ParameterError(
                f"PriorityMapModel: form='interaction' takes at most {MOST_INTERACTING} drivers, got "
                f"{len(drivers)}. Next step: name those that can be acted on, or use form='hinge'."
            )

    def _require_pairs(self, answers: CompleteAnswers, question: str) -> None:
        p, n = answers.values.shape[1] - 1, len(answers.values)
        needed = 30 + 5 * (2 * p + p * (p - 1) // 2)
        if self.form == "interaction" and n < needed:
            raise NotAnswerableError(
                question,
                reason=f"{n} answers are complete; form='interaction' with {p} drivers needs {needed}.",
                next_step="name fewer drivers, or use form='hinge'.",
            )

    def _raised(self, answers: CompleteAnswers, plan: Resampling, target: Array) -> Array | None:
        """Ratings after acting on whole dealers; None where each answer is raised to the target."""
        if self.act_on == "answers":
            return None
        ratings = answers.values[:, :-1]
        if plan.unit != "clusters":
            raise ParameterError(
                "PriorityMapModel: act_on='dealers' needs the dealer of each answer. Next step: name it in "
                "cluster_column, or use act_on='answers'."
            )
        mean = ratings - centre_within(ratings, weights=answers.weights, groups=plan.groups)
        raised: Array = np.minimum(
            ratings + np.maximum(target - mean, 0.0), np.maximum(ratings.max(axis=0), target)
        )
        return np.maximum(raised, ratings)

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
            neutral=None if self.form == "linear" else np.full(size - 1, self.neutral_point),
            weights=answers.weights,
            groups=plan.groups,
            raised=self._raised(answers, plan, target),
            pairs=self.form == "interaction",
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


def _checks(answers: CompleteAnswers, point: Lifts, drivers: tuple[str, ...]) -> list[Check]:
    matrix = np.corrcoef(answers.values[:, :-1], rowvar=False) if len(drivers) > 1 else np.eye(1)
    alike = float(np.nanmax(np.abs(matrix - np.eye(len(drivers))))) if len(drivers) > 1 else 0.0
    negative = [
        name for name, slope in zip(drivers, point.slopes[0].min(axis=0), strict=True) if slope < -0.02
    ]
    mean = float(np.average(answers.values[:, -1], weights=answers.weights))
    every = np.ones((1, len(drivers)), dtype=bool)
    everything = mean + float(joint_lift(point, every)[0, 0])
    highest = float(answers.values[:, -1].max())
    met = [name for name, share in zip(drivers, point.below[0], strict=True) if share < 0.01]
    return [
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
        Check(
            check="fitted mean of the outcome if every driver met its target",
            value=everything,
            threshold=f"<= {highest:g}, the highest answer",
            passed=everything <= highest,
            meaning="a mean above the scale cannot come true: lifts that large are too large",
        ),
    ]
