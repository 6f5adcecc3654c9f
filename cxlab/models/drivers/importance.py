"""Which ratings go along with the overall answer, and how surely: exact LMG shares with intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL, RATING_PREFIX
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, SUPPORTED, UNDETERMINED
from cxlab.models.drivers.importance_checks import importance_checks
from cxlab.models.drivers.importance_fit import ImportanceFit, fit_importance
from cxlab.models.drivers.resampling import Resampling, plan_resampling
from cxlab.models.drivers.rows import (
    CompleteAnswers,
    complete_answers,
    driver_columns,
    usable_cluster_column,
)
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.importance import MAX_EXACT
from cxlab.stats.multiplicity import holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class ImportanceModel:
    """Relative importance of ratings for an overall answer (LMG), with intervals that respect dealers.

    ``LMG_j`` is the gain in explained variance from driver j, averaged over all orders in which drivers
    can enter a linear model; the shares add up to R2.

    Parameters
    ----------
    outcome
        Column to explain; a 0/1 column is allowed (a linear probability model).
    drivers
        Columns that explain, 1 to 25; every ``rating_`` column if empty.
    weight_column
        Weights of 0 or more; None for equal weights.
    cluster_column
        Dealer of each answer: whole dealers are resampled. None, or a table without the default
        column, resamples single answers; the checks say so.
    stratum_column
        Groups within which dealers are resampled; None for one group.
    confidence
        Confidence of intervals, 0..1; a driver is supported when its p-value, corrected for the
        number of drivers, lies below ``1 - confidence``.
    replicates
        Bootstrap replicates, 100 or more.
    seed
        Seed of the bootstrap.

    Raises
    ------
    ParameterError
        If a setting is out of range, a driver is named twice or the outcome is among the drivers.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> table = pd.DataFrame(rng.normal(size=(400, 2)), columns=["rating_service", "rating_price"])
    >>> table["overall"] = 2 * table["rating_service"] + rng.normal(size=400)
    >>> result = ImportanceModel(replicates=100).fit(table)
    >>> result.table()[["term", "rank", "verdict"]]
                 term  rank       verdict
    0  rating_service     1     supported
    1    rating_price     2  undetermined
    """

    outcome: str = OVERALL
    drivers: Sequence[str] = ()
    weight_column: str | None = None
    cluster_column: str | None = LOCATION_ID
    stratum_column: str | None = None
    confidence: float = 0.95
    replicates: int = 400
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("ImportanceModel", "confidence", self.confidence)
        require_at_least("ImportanceModel", "replicates", self.replicates, 100)
        if isinstance(self.drivers, str):
            raise ParameterError(
                f"ImportanceModel: drivers must be a tuple of column names, got the text {self.drivers!r}. "
                f"Next step: write drivers=({self.drivers!r},)."
            )
        names = tuple(self.drivers)
        object.__setattr__(self, "drivers", names)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice or self.outcome in self.drivers:
            raise ParameterError(
                f"ImportanceModel: drivers must be different columns without the outcome, got "
                f"{', '.join(twice) or self.outcome} {'twice' if twice else 'as driver and outcome'}. "
                f"Next step: name each column once."
            )

    def fit(self, table: pd.DataFrame) -> ImportanceResult:
        """Estimate importance from survey answers, one row each.

        Answers that lack the outcome or any driver are set aside and counted; nothing is imputed.

        Parameters
        ----------
        table
            Survey answers with the columns that the settings name.

        Returns
        -------
        ImportanceResult

        Raises
        ------
        NotAnswerableError
            If a column is absent, fewer than 30 + 5 per driver answers are complete, the outcome does
            not vary, or there are 2 to 9 dealers.
        FitError
            If a column holds text, infinite values, or weights that are negative or missing.
        """
        drivers = self._drivers(table)
        cluster_column = usable_cluster_column(table, self.cluster_column)
        answers = complete_answers(
            table,
            outcome=self.outcome,
            drivers=drivers,
            weight_column=self.weight_column,
            cluster_column=cluster_column,
            stratum_column=self.stratum_column,
        )
        question = f"What goes along with {self.outcome}?"
        _require_answerable(answers, question=question)
        rng = np.random.default_rng(self.seed)
        plan = plan_resampling(answers, question=question, rng=rng)
        fitted = fit_importance(answers, plan, replicates=self.replicates, rng=rng)
        order = np.argsort(-fitted.shares.round(12), kind="stable")
        estimates = _estimates(
            fitted, drivers, plan=plan, n=len(answers.values), confidence=self.confidence
        )
        others = (self.weight_column, cluster_column, self.stratum_column)
        used = [*drivers, self.outcome, *(column for column in others if column is not None)]
        return ImportanceResult(
            estimates=estimates.iloc[order].reset_index(drop=True),
            diagnostics=checks_table(importance_checks(fitted, answers, plan, drivers=drivers)),
            provenance=self._provenance(table[used], answers),
            outcome=self.outcome,
            confidence=self.confidence,
            unit=plan.unit,
            clusters=plan.clusters,
            cluster_word="dealers" if cluster_column == LOCATION_ID else "clusters",
            r_squared=float(fitted.shares.sum()),
            r_squared_interval=_total_interval(fitted, plan, confidence=self.confidence),
            _replicates=fitted.replicates[:, order],
        )

    def _drivers(self, table: pd.DataFrame) -> tuple[str, ...]:
        if not isinstance(table, pd.DataFrame):
            raise FitError(
                f"ImportanceModel.fit: need a table, got {type(table).__name__}. Next step: pass a "
                f"DataFrame such as tables.surveys."
            )
        drivers = driver_columns(table, outcome=self.outcome, drivers=tuple(self.drivers))
        if len(drivers) > MAX_EXACT:
            raise ParameterError(
                f"ImportanceModel: exact importance takes at most {MAX_EXACT} drivers, got {len(drivers)}. "
                f"Next step: name the drivers that matter, or group items first."
            )
        return drivers

    def _provenance(self, used: pd.DataFrame, answers: CompleteAnswers) -> Provenance:
        return Provenance(
            model="ImportanceModel",
            n_rows=len(used),
            n_used=len(answers.values),
            n_set_aside=answers.set_aside,
            settings=asdict(self),
            seed=self.seed,
            input_hash=hash_frame(used),
        )


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ImportanceResult(Result):
    """Importance of each driver, largest first.

    ``table()`` has one row per driver: ``term``; ``estimate`` (LMG share of the outcome's variance; the
    shares add up to R2), ``std_error``, ``conf_low``, ``conf_high``; ``share_percent`` of R2 with
    ``share_low_percent`` and ``share_high_percent``; ``johnson`` (Johnson's weight, a second opinion);
    ``beta`` (standardised slope, which carries the sign) with ``beta_std_error``, ``p_value`` and
    ``p_value_holm`` (corrected for the number of drivers); ``rank``; ``leads_share`` (share of
    replicates in which the driver ranks first); ``n``; ``verdict`` on "it adds something that the
    other drivers do not", from the p-value, because an LMG share is never negative.
    """

    outcome: str
    confidence: float
    unit: str
    clusters: int
    cluster_word: str
    r_squared: float
    r_squared_interval: tuple[float, float]
    # (replicates, p) LMG shares in the order of table(): differences and maps reuse the same draws.
    _replicates: Array

    def summary(self) -> str:
        """The leading driver with its interval, n, the assumption and what may not be claimed."""
        top, n = self.estimates.iloc[0], self.provenance.n_used
        low, high = self.r_squared_interval
        supported = int((self.estimates["verdict"] == SUPPORTED).sum())
        lost = self.provenance.n_rows - n
        return (
            f"{top['term']} leads {len(self.estimates)} drivers of {self.outcome}: "
            f"{top['share_percent']:.0f} % of the explained variance ({100 * self.confidence:g} % interval "
            f"{top['share_low_percent']:.0f} to {top['share_high_percent']:.0f} %), first in "
            f"{100 * top['leads_share']:.0f} % of the resamples; its own contribution is {top['verdict']}. "
            f"All drivers explain {100 * self.r_squared:.0f} % ({100 * low:.0f} to {100 * high:.0f} %) of "
            f"the variance of {self.outcome}; {supported} of them add something that the others do not. "
            f"n = {n:,} complete answers{self._where()}, {lost:,} set aside; {self._assumption()} "
            f"Importance is not an effect: it does not say that raising a rating raises {self.outcome}."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Shares of the explained variance with intervals, largest on top."""
        from cxlab.plots.forest import forest

        table = self.estimates
        frame = pd.DataFrame(
            {
                "term": [str(term).removeprefix(RATING_PREFIX).replace("_", " ") for term in table["term"]],
                "estimate": table["share_percent"],
                "conf_low": table["share_low_percent"],
                "conf_high": table["share_high_percent"],
                "solid": table["verdict"] == SUPPORTED,
            }
        )
        axes = forest(
            frame,
            title=f"What goes along with {self.outcome.replace('_', ' ')}",
            x_label=f"share of the explained variance, percent (R² = {self.r_squared:.2f})",
            note=(
                f"n = {self.provenance.n_used:,} answers{self._where()}; {100 * self.confidence:g} % "
                f"intervals; hollow: own contribution not supported"
            ),
            decimals=0,
            ax=ax,
        )
        # Shares are compared by length, so the axis starts where nothing is shared.
        axes.set_xlim(left=0.0)
        return axes

    def _where(self) -> str:
        return f" from {self.clusters:,} {self.cluster_word}" if self.clusters > 1 else ""

    def _assumption(self) -> str:
        word = self.cluster_word
        return {
            "clusters": f"intervals resample whole {word} and assume that these stand for all.",
            "one cluster": f"intervals resample answers and speak about this one of the {word} only.",
            "answers": "intervals assume independent answers: too narrow if answers share a dealer.",
        }[self.unit]


def _estimates(
    fitted: ImportanceFit, drivers: tuple[str, ...], *, plan: Resampling, n: int, confidence: float
) -> pd.DataFrame:
    degrees = plan.degrees_of_freedom
    draws = fitted.replicates
    low, high = percentile_interval(draws, confidence=confidence, degrees_of_freedom=degrees)
    total, totals = fitted.shares.sum(), draws.sum(axis=1, keepdims=True)
    share = 100.0 * fitted.shares / total if total > 0.0 else np.full(len(drivers), np.nan)
    percent = 100.0 * draws / np.where(totals > 0.0, totals, 1.0)
    share_low, share_high = percentile_interval(percent, confidence=confidence, degrees_of_freedom=degrees)
    adjusted = holm(fitted.p_value)
    verdict = np.where(adjusted < 1.0 - confidence, SUPPORTED, UNDETERMINED)
    verdict = np.where(np.isnan(adjusted), NOT_IDENTIFIED, verdict)
    columns = {
        "term": np.array(drivers, dtype=object),
        "estimate": fitted.shares,
        "std_error": draws.std(axis=0, ddof=1),
        "conf_low": low,
        "conf_high": high,
        "share_percent": share,
        "share_low_percent": share_low,
        "share_high_percent": share_high,
        "johnson": fitted.johnson,
        "beta": fitted.beta,
        "beta_std_error": fitted.beta_std_error,
        "p_value": fitted.p_value,
        "p_value_holm": adjusted,
        "leads_share": (draws >= draws.max(axis=1, keepdims=True)).mean(axis=0),
        "verdict": verdict,
    }
    table = pd.DataFrame(columns)
    table.insert(13, "rank", table["estimate"].round(12).rank(ascending=False, method="min").astype(int))
    table.insert(15, "n", n)
    return table


def _require_answerable(answers: CompleteAnswers, *, question: str) -> None:
    """Raise NotAnswerableError when too few answers are complete or the outcome does not vary."""
    n, p = len(answers.values), answers.values.shape[1] - 1
    needed = 30 + 5 * p
    if n < needed:
        worst = max(answers.missing, key=lambda name: answers.missing[name])
        raise NotAnswerableError(
            question,
            reason=(
                f"{n} answers are complete in the outcome and all {p} drivers; {needed} are needed (30 + 5 "
                f"per driver). The driver that costs most is {worst}: {answers.missing[worst]} of "
                f"{answers.answered} answers lack it."
            ),
            next_step="name fewer drivers (leave out those that few experience), or collect more answers.",
        )
    outcome = answers.values[:, -1]
    if np.ptp(outcome) == 0.0:
        raise NotAnswerableError(
            question,
            reason=f"Every complete answer has the same outcome, {outcome[0]:g}: nothing to explain.",
            next_step="choose an outcome that varies.",
        )


def _total_interval(fitted: ImportanceFit, plan: Resampling, *, confidence: float) -> tuple[float, float]:
    low, high = percentile_interval(
        fitted.replicates.sum(axis=1, keepdims=True),
        confidence=confidence,
        degrees_of_freedom=plan.degrees_of_freedom,
    )
    return float(low[0]), float(high[0])
