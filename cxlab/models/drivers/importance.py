"""Which ratings go along with the overall answer, and how surely: exact LMG shares with intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import FitError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import checks_table
from cxlab.core.settings import require_at_least, require_one_of, require_share
from cxlab.models.drivers.importance_checks import importance_checks
from cxlab.models.drivers.importance_compare import (
    NO_SEGMENT,
    ImportanceComparison,
    compare_segments,
    comparison_checks,
    segments_of,
)
from cxlab.models.drivers.importance_fit import fit_importance
from cxlab.models.drivers.importance_result import ImportanceResult
from cxlab.models.drivers.importance_rows import (
    answers_of_kind,
    latent_columns,
    require_answerable,
)
from cxlab.models.drivers.importance_tables import estimates_table, total_interval
from cxlab.models.drivers.importance_terms import terms_of
from cxlab.models.drivers.resampling import plan_resampling
from cxlab.models.drivers.rows import (
    CompleteAnswers,
    complete_answers,
    driver_columns,
    experienced_columns,
    usable_cluster_column,
)

__all__ = ["ImportanceModel", "ImportanceResult"]

#: Beyond 25 drivers orders of entry are sampled; beyond this many a table is refused.
MOST_DRIVERS = 60


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
        Columns that explain, 1 to 60; every ``rating_`` column if empty. Beyond 25 orders of entry are
        sampled, and a check tells the error of that.
    groups
        Name of a group to its drivers, which enter a model together (Owen value); shares are per group.
        ``measures()`` splits a group's share over its members.
    always_in
        Drivers in every model (controls): shares are of what is explained beyond them.
    outcome_kind
        ``linear`` (scores as they are), ``ordinal`` (the normal quantity behind up to 20 ordered answers)
        or ``top_box`` (the one behind "at or above ``top_box``").
    top_box
        Lowest outcome that counts as top box.
    rating_kind
        ``linear`` (ratings as they are) or ``ordinal`` (the normal quantities behind up to 20 ordered
        answers each; needs complete answers). A ceiling hides part of what a rating goes with: compare
        both, and trust an order that both give.
    missing
        ``complete`` (answers with a gap are set aside) or ``em`` (ratings left blank are accounted for by
        Gaussian maximum likelihood in each replicate). A visit that did not happen is never filled in, so
        ``em`` needs ``experienced``.
    experienced
        A 0/1 column for all drivers, or driver to 0/1 column: answers without the experience are set
        aside. ``{}`` states that every customer who answered experienced all of it.
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
    groups: Mapping[str, Sequence[str]] = field(default_factory=dict)
    always_in: Sequence[str] = ()
    outcome_kind: str = "linear"
    top_box: float | None = None
    rating_kind: str = "linear"
    missing: str = "complete"
    experienced: str | Mapping[str, str] | None = None
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
        self._require_options()

    def _require_options(self) -> None:
        require_one_of(
            "ImportanceModel", "outcome_kind", self.outcome_kind, ("linear", "ordinal", "top_box")
        )
        require_one_of("ImportanceModel", "missing", self.missing, ("complete", "em"))
        require_one_of("ImportanceModel", "rating_kind", self.rating_kind, ("linear", "ordinal"))
        if self.rating_kind == "ordinal" and self.missing == "em":
            raise ParameterError(
                "ImportanceModel: rating_kind='ordinal' needs complete answers and missing='em' "
                "fills gaps. Next step: set one of the two."
            )
        if (self.outcome_kind == "top_box") != (self.top_box is not None):
            raise ParameterError(
                f"ImportanceModel: top_box belongs to outcome_kind='top_box', got {self.top_box!r} with "
                f"{self.outcome_kind!r}. Next step: set both, for instance top_box=9, or neither."
            )
        if self.missing == "em" and self.experienced is None:
            raise ParameterError(
                "ImportanceModel: missing='em' cannot tell a blank answer from a visit that did not "
                "happen. Next step: name the 0/1 columns that tell, experienced={'rating_x': 'used_x'}, or "
                "experienced={} if every customer who answered experienced everything."
            )

    def fit(self, table: pd.DataFrame) -> ImportanceResult:
        """Estimate importance from survey answers, one row each.

        Answers that lack the outcome, an experience, or (unless ``missing="em"``) any driver are set aside
        and counted.

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
        answers = self._answers(table, drivers, cluster_column)
        question = f"What goes along with {self.outcome}?"
        require_answerable(answers, question=question)
        rng = np.random.default_rng(self.seed)
        plan = plan_resampling(answers, question=question, rng=rng)
        terms = terms_of(drivers, groups=self.groups, always_in=self.always_in)
        fitted = fit_importance(
            answers,
            plan,
            terms=terms,
            latent=self._latent(drivers),
            replicates=self.replicates,
            rng=rng,
        )
        order = np.argsort(-fitted.shares.round(12), kind="stable")
        estimates = estimates_table(
            fitted, terms, plan=plan, n=len(answers.values), confidence=self.confidence
        )
        return ImportanceResult(
            estimates=estimates.iloc[order].reset_index(drop=True),
            diagnostics=checks_table(importance_checks(fitted, answers, plan, drivers=drivers)),
            provenance=self._provenance(table, answers, drivers, cluster_column),
            outcome=self.outcome,
            confidence=self.confidence,
            unit=plan.unit,
            clusters=plan.clusters,
            cluster_word="dealers" if cluster_column == LOCATION_ID else "clusters",
            r_squared=float(fitted.shares.sum()),
            r_squared_interval=total_interval(fitted, plan, confidence=self.confidence),
            drivers=drivers,
            terms=terms,
            seed=self.seed,
            _replicates=fitted.replicates[:, order],
            _fitted=fitted,
            _degrees_of_freedom=plan.degrees_of_freedom,
        )

    def compare(self, table: pd.DataFrame, *, by: str) -> ImportanceComparison:
        """Importance in each segment against the rest of the answers, on shared replicates.

        Each replicate draws the same dealers for the segment and for the rest, so what both share by dealer
        drops out of the difference.

        Parameters
        ----------
        table
            As for :meth:`fit`.
        by
            Column of segments; rows without a segment are set aside.

        Returns
        -------
        ImportanceComparison

        Raises
        ------
        NotAnswerableError
            If the column is absent or fewer than two segments are met; as for :meth:`fit`.
        FitError
            As for :meth:`fit`.
        """
        question = f"Does what goes along with {self.outcome} differ by {by}?"
        drivers = self._drivers(table)
        cluster_column = usable_cluster_column(table, self.cluster_column)
        segments = segments_of(table, by=by, question=question)
        known = segments.notna()
        answers = self._answers(table.loc[known], drivers, cluster_column)
        plan = plan_resampling(answers, question=question, rng=np.random.default_rng(self.seed))
        estimates = compare_segments(
            answers,
            segments.loc[known].astype(object).to_numpy()[answers.kept],
            plan=plan,
            terms=terms_of(drivers, groups=self.groups, always_in=self.always_in),
            latent=self._latent(drivers),
            confidence=self.confidence,
            replicates=self.replicates,
            seed=self.seed,
        )
        lost = {NO_SEGMENT: int((~known).sum())} if not known.all() else {}
        answers = replace(answers, set_aside={**lost, **answers.set_aside})
        provenance = self._provenance(table, answers, drivers, cluster_column)
        return ImportanceComparison(
            estimates=estimates,
            diagnostics=comparison_checks(estimates, plan),
            provenance=replace(
                provenance,
                model="ImportanceModel.compare",
                settings={**provenance.settings, "by": by},
            ),
            outcome=self.outcome,
            by=by,
            confidence=self.confidence,
        )

    def _answers(
        self, table: pd.DataFrame, drivers: tuple[str, ...], cluster_column: str | None
    ) -> CompleteAnswers:
        answers = complete_answers(
            table,
            outcome=self.outcome,
            drivers=drivers,
            weight_column=self.weight_column,
            cluster_column=cluster_column,
            stratum_column=self.stratum_column,
            experienced=self.experienced,
            allow_blank=self.missing == "em",
        )
        return answers_of_kind(
            answers,
            drivers,
            ratings=self.rating_kind,
            outcome=self.outcome_kind,
            top_box=self.top_box,
        )

    def _latent(self, drivers: tuple[str, ...]) -> NDArray[np.bool_]:
        return latent_columns(drivers, ratings=self.rating_kind, outcome=self.outcome_kind)

    def _drivers(self, table: pd.DataFrame) -> tuple[str, ...]:
        if not isinstance(table, pd.DataFrame):
            raise FitError(
                f"ImportanceModel.fit: need a table, got {type(table).__name__}. Next step: pass a "
                f"DataFrame such as tables.surveys."
            )
        drivers = driver_columns(table, outcome=self.outcome, drivers=tuple(self.drivers))
        if len(drivers) > MOST_DRIVERS:
            raise ParameterError(
                f"ImportanceModel: importance takes at most {MOST_DRIVERS} drivers, got {len(drivers)}. "
                f"Next step: name the drivers that matter, or group items first."
            )
        return drivers

    def _provenance(
        self,
        table: pd.DataFrame,
        answers: CompleteAnswers,
        drivers: tuple[str, ...],
        cluster_column: str | None,
    ) -> Provenance:
        others = (self.weight_column, cluster_column, self.stratum_column)
        named = [column for column in others if column is not None]
        named += [
            column for column in experienced_columns(drivers, self.experienced) if column not in named
        ]
        used = table[[*drivers, self.outcome, *named]]
        return Provenance(
            model="ImportanceModel",
            n_rows=len(used),
            n_used=len(answers.values),
            n_set_aside=answers.set_aside,
            settings=asdict(self),
            seed=self.seed,
            input_hash=hash_frame(used),
        )
