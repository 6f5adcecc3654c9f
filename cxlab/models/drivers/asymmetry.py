"""Which ratings annoy when bad, please when good, or count evenly: slopes below and above neutral."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL, RATING_PREFIX
from cxlab.core.errors import NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.drivers.rows import (
    CompleteAnswers,
    complete_answers,
    driver_columns,
    usable_cluster_column,
)
from cxlab.stats.hinge import HingeFit, classify_asymmetry, fit_hinge, fit_penalty_reward
from cxlab.stats.multiplicity import benjamini_hochberg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

MINIMUM_CLUSTERS = 10
#: Fewer answers than this on one side of neutral cannot show a slope there.
MINIMUM_SIDE = 20
_WORDS = {"basic": SUPPORTED, "excitement": SUPPORTED, "performance": REJECTED, "undecided": UNDETERMINED}


@dataclass(frozen=True, kw_only=True)
class AsymmetryModel:
    """Slopes of the outcome below and above the neutral point of each rating, and whether they differ.

    ``y = a + sum_j [d_j min(x_j - c, 0) + u_j max(x_j - c, 0)]``; class *performance* if the interval of
    ``d_j - u_j`` lies within the margin; else *basic* if ``d_j > u_j`` (hurts when bad, earns little when
    good) or *excitement* if ``d_j < u_j`` beyond chance, else *undecided*.

    Parameters
    ----------
    outcome, drivers, weight_column, cluster_column
        As in :class:`cxlab.ImportanceModel`.
    neutral_point
        On the scale of the ratings; 5.5 for 1 to 10, 3 for 1 to 5.
    margin
        Difference of slopes (outcome points per rating point) too small to matter.
    confidence
        Of the intervals, 0..1.
    false_discovery_rate
        Share of false findings among items called basic or excitement.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> ratings = rng.integers(1, 11, (2000, 2)).astype(float)
    >>> table = pd.DataFrame(ratings, columns=["rating_wait", "rating_gift"])
    >>> table["overall"] = np.minimum(table["rating_wait"] - 5.5, 0) + rng.normal(size=2000)
    >>> AsymmetryModel().fit(table).table()[["term", "class"]]
              term        class
    0  rating_wait        basic
    1  rating_gift  performance
    """

    outcome: str = OVERALL
    drivers: tuple[str, ...] = ()
    neutral_point: float = 5.5
    margin: float = 0.1
    weight_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    confidence: float = 0.95
    false_discovery_rate: float = 0.05

    def __post_init__(self) -> None:
        require_share("AsymmetryModel", "confidence", self.confidence)
        require_share("AsymmetryModel", "false_discovery_rate", self.false_discovery_rate)
        require_at_least("AsymmetryModel", "margin", self.margin, 0.0)

    def fit(self, table: pd.DataFrame) -> AsymmetryResult:
        """Fit to survey answers, one row each; incomplete answers are set aside and counted.

        Raises
        ------
        NotAnswerableError
            If columns are absent, answers are too few, there are 2 to 9 dealers, or no rating has
            answers on both sides of the neutral point.
        FitError
            If a column holds text or infinite values.
        """
        drivers = driver_columns(table, outcome=self.outcome, drivers=self.drivers)
        cluster_column = usable_cluster_column(table, self.cluster_column)
        answers = complete_answers(
            table,
            outcome=self.outcome,
            drivers=drivers,
            weight_column=self.weight_column,
            cluster_column=cluster_column,
            stratum_column=None,
        )
        ratings, outcome = answers.values[:, :-1], answers.values[:, -1]
        clusters = self._clusters(answers, len(drivers))
        neutral = np.full(len(drivers), self.neutral_point)
        weights = answers.weights if self.weight_column else None
        fitted = fit_hinge(ratings, outcome, neutral=neutral, weights=weights, clusters=clusters)
        boxes = fit_penalty_reward(
            ratings,
            outcome,
            low=np.quantile(ratings, 0.2, axis=0),
            high=np.quantile(ratings, 0.8, axis=0),
            weights=weights,
            clusters=clusters,
        )
        used = [*drivers, self.outcome, *([cluster_column] if cluster_column else [])]
        return AsymmetryResult(
            estimates=self._estimates(fitted, ratings, drivers),
            diagnostics=checks_table(self._checks(fitted, ratings, drivers)),
            provenance=Provenance(
                model="AsymmetryModel",
                n_rows=len(table),
                n_used=len(ratings),
                n_set_aside=answers.set_aside,
                settings=asdict(self),
                input_hash=hash_frame(table[used]),
            ),
            outcome=self.outcome,
            confidence=self.confidence,
            neutral_point=self.neutral_point,
            clusters=0 if clusters is None else int(clusters.max()) + 1,
            _boxes=_box_table(boxes.penalty, boxes.reward, boxes.covariance, drivers),
        )

    def _clusters(self, answers: CompleteAnswers, p: int) -> NDArray[np.int64] | None:
        question = f"Does {self.outcome} fall more below neutral than it rises above?"
        n, needed = len(answers.values), 50 + 10 * p
        if n < needed:
            raise NotAnswerableError(
                question,
                reason=f"{n} answers are complete; {needed} are needed (50 + 10 per driver).",
                next_step="name fewer drivers, or collect more answers.",
            )
        if answers.clusters is None:
            return None
        count = int(answers.clusters.max()) + 1
        if 1 < count < MINIMUM_CLUSTERS:
            raise NotAnswerableError(
                question,
                reason=f"{count} dealers cannot show how dealers differ; {MINIMUM_CLUSTERS} are needed.",
                next_step="take the whole network, or one dealer alone.",
            )
        return answers.clusters if count > 1 else None

    def _estimates(self, fitted: HingeFit, ratings: Array, drivers: tuple[str, ...]) -> pd.DataFrame:
        from scipy import stats

        told = _both_sides(ratings, self.neutral_point)
        half = stats.t.ppf(0.5 + self.confidence / 2, fitted.degrees_of_freedom) * fitted.difference_error
        with np.errstate(divide="ignore", invalid="ignore"):
            t = np.abs(fitted.difference) / fitted.difference_error
        p_value = np.where(told, 2 * stats.t.sf(t, fitted.degrees_of_freedom), np.nan)
        adjusted = benjamini_hochberg(p_value)
        low, high = fitted.difference - half, fitted.difference + half
        names = classify_asymmetry(
            low, high, np.nan_to_num(adjusted, nan=1.0), level=self.false_discovery_rate, margin=self.margin
        )
        blank = np.where(told, 1.0, np.nan)
        return pd.DataFrame(
            {
                "term": np.array(drivers, dtype=object),
                "estimate": fitted.difference * blank,
                "std_error": fitted.difference_error * blank,
                "conf_low": low * blank,
                "conf_high": high * blank,
                "p_value": p_value,
                "p_adjusted": adjusted,
                "slope_below": fitted.below * blank,
                "slope_above": fitted.above * blank,
                "share_below": (ratings < self.neutral_point).mean(axis=0),
                "class": np.where(told, names, NOT_IDENTIFIED),
                "n": len(ratings),
                "verdict": np.where(told, [_WORDS[name] for name in names], NOT_IDENTIFIED),
            }
        )

    def _checks(self, fitted: HingeFit, ratings: Array, drivers: tuple[str, ...]) -> list[Check]:
        told = _both_sides(ratings, self.neutral_point)
        one_sided = [name for name, good in zip(drivers, told, strict=True) if not good]
        sites = fitted.degrees_of_freedom + 1
        return [
            Check(
                check="answers on both sides of neutral",
                value=", ".join(one_sided) or "all drivers",
                threshold=f"{MINIMUM_SIDE} on each side",
                passed=not one_sided,
                meaning="a one-sided rating shows one slope only and gets no class",
            ),
            Check(
                check="columns tell different things",
                value=fitted.rank,
                threshold=f"{2 * ratings.shape[1] + 1}",
                passed=fitted.rank == 2 * ratings.shape[1] + 1,
                meaning="collinear ratings share one effect arbitrarily: read them together",
            ),
            Check(
                check="independent units behind the errors",
                value=sites,
                threshold=">= 30",
                passed=sites >= 30,
                meaning="with few dealers the leave-one-out errors are themselves uncertain",
            ),
        ]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class AsymmetryResult(Result):
    """One row per driver: ``estimate`` is slope below minus slope above neutral; ``class`` names it.

    ``slope_below`` and ``slope_above`` are outcome points per rating point, ``share_below`` the share of
    answers below neutral, ``p_adjusted`` the false-discovery adjusted p-value.
    """

    outcome: str
    confidence: float
    neutral_point: float
    clusters: int
    _boxes: pd.DataFrame

    def penalty_reward(self) -> pd.DataFrame:
        """The classical dummies (lowest and highest fifth) with the impact asymmetry index, for comparison.

        They find asymmetry in straight worlds (about a third of items in surveys of 5,000), because the low
        and the high box are not equally far from the middle: use the hinge to decide.
        """
        return self._boxes.copy()

    def beside_boxes(self) -> pd.DataFrame:
        """The hinge's slopes and class beside the classical penalty, reward and impact asymmetry index.

        Where the index calls a driver asymmetric and the class is ``undecided`` or ``performance``, the
        boxes see the unequal distance of their two ends, not the customers.
        """
        hinge = self.table()[["term", "slope_below", "slope_above", "class", "n"]]
        boxes = self._boxes[["term", "penalty", "reward", "impact_asymmetry_index"]]
        return hinge.merge(boxes, on="term", how="left")

    def summary(self) -> str:
        """Which drivers are basic and which excite, n, the assumption and what may not be claimed."""
        found = {
            name: [
                str(term).removeprefix(RATING_PREFIX)
                for term in self.estimates.loc[self.estimates["class"] == name, "term"]
            ]
            for name in ("basic", "excitement", "performance", "undecided")
        }
        said = "; ".join(f"{name}: {', '.join(terms)}" for name, terms in found.items() if terms)
        sites = f" from {self.clusters:,} dealers" if self.clusters else ""
        return (
            f"Effect on {self.outcome} below against above {self.neutral_point:g}: {said or 'no class'}. "
            f"n = {self.provenance.n_used:,} answers{sites}; {100 * self.confidence:g} % intervals. It "
            f"assumes that the other ratings are held fixed and effects add up. It does not say that "
            f"lifting a basic item prevents annoyance: the slopes are associations within the answers."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Slopes below and above neutral for each driver, connected."""
        from cxlab.plots.asymmetry import asymmetry

        frame = self.table()
        frame["term"] = [str(term).removeprefix(RATING_PREFIX).replace("_", " ") for term in frame["term"]]
        return asymmetry(
            frame,
            title=f"What a bad and a good rating do to {self.outcome.replace('_', ' ')}",
            note=f"n = {self.provenance.n_used:,} answers; neutral point {self.neutral_point:g}",
            ax=ax,
        )


def _both_sides(ratings: Array, neutral: float) -> NDArray[np.bool_]:
    sides = np.minimum((ratings < neutral).sum(axis=0), (ratings > neutral).sum(axis=0))
    return np.asarray(sides >= MINIMUM_SIDE)


def _box_table(penalty: Array, reward: Array, covariance: Array, drivers: tuple[str, ...]) -> pd.DataFrame:
    errors = np.sqrt(np.maximum(np.diag(covariance), 0.0))
    total = penalty + reward
    p = len(penalty)
    with np.errstate(divide="ignore", invalid="ignore"):
        index = np.where(total > 0, (reward - penalty) / total, np.nan)
        # Delta method: the index is flat in a common factor of penalty and reward.
        slope = 2 * np.stack([-reward, penalty]) / total**2
        pair = np.stack(
            [
                [np.diag(covariance)[:p], np.diag(covariance, p)[:p]],
                [np.diag(covariance, p)[:p], np.diag(covariance)[p:]],
            ]
        )
        index_error = np.sqrt(np.einsum("ip,ijp,jp->p", slope, pair, slope))
    return pd.DataFrame(
        {
            "term": np.array(drivers, dtype=object),
            "penalty": penalty,
            "penalty_std_error": errors[:p],
            "reward": reward,
            "reward_std_error": errors[p:],
            "impact_asymmetry_index": index,
            "index_std_error": np.where(total > 0, index_error, np.nan),
        }
    )
