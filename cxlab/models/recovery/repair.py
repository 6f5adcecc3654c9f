"""How many good experiences repair a bad one: the ratio, the way back and the memory, with a verdict."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Result
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.recovery.repair_checks import repair_checks
from cxlab.models.recovery.repair_evidence import Evidence, draw_joint
from cxlab.models.recovery.repair_path import way_back
from cxlab.models.recovery.repair_rows import (
    KINDS,
    QUESTION,
    RepairRows,
    current_visit_entries,
    repair_rows,
    stock_entries,
)
from cxlab.models.recovery.repair_sample import draw_customers, levels_at
from cxlab.models.recovery.repair_terms import repair_table
from cxlab.models.recovery.repair_words import repair_summary, trap_warnings
from cxlab.plots.repair import plot_no_answer, plot_way_back
from cxlab.stats.fixed_effects import plan_absorption
from cxlab.stats.stock import plan_stocks
from cxlab.stats.stock_regression import StockFit, StockProblem, fit_stock_regression

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: A kind of experience that fewer customers had is left out: leaving one of them out would leave nothing.
LEAST_CUSTOMERS_PER_KIND = 3


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RepairResult(Result):
    """Ratios, way back and memory, each labelled with its meaning; see :class:`RepairModel`."""

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term",
        "estimate",
        "conf_low",
        "conf_high",
        "n",
        "meaning",
        "verdict",
    )

    paths: pd.DataFrame
    outcome: str
    claim_ratio: float
    contact_days: float
    confidence: float

    def summary(self) -> str:
        """The three meanings of "repair" with their intervals, the assumption, and what not to claim."""
        return repair_summary(
            self.estimates,
            outcome=self.outcome,
            claim_ratio=self.claim_ratio,
            contact_days=self.contact_days,
            confidence=self.confidence,
            warnings=trap_warnings(self.diagnostics),
        )

    def levels(self, experiences: pd.DataFrame, *, at: pd.Timestamp) -> pd.DataFrame:
        """What experiences before ``at`` have left in each customer; any block of customers at a time.

        Returns
        -------
        pandas.DataFrame
            Indexed by customer_id: level_points (points of the outcome, below zero where the bad
            outweighs the good), stock_positive, stock_negative_unresolved, stock_negative_resolved.

        Raises
        ------
        FitError
            If the fit has no number for a kind of experience that occurs.
        """
        effects = {str(row["term"]): float(row["estimate"]) for row in self.estimates.to_dict("records")}
        return levels_at(effects, experiences, at)

    def way_back(self) -> pd.DataFrame:
        """The drawn paths: situation, positives, days, level_change with its interval; a copy."""
        return self.paths.copy()

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The level after one unresolved and one resolved negative while positives follow, with bands."""
        if self.paths.empty:
            return plot_no_answer(self.summary(), ax=ax)
        rows = self.estimates.set_index("term")
        names = ("unresolved", "resolved")
        back = pd.DataFrame(
            [{"situation": name, **rows.loc[f"positives_until_back_{name}"]} for name in names]
        )
        used = int(self.estimates["n"].iloc[0])
        note = f"n = {used:,} customers compared with themselves; bands: {self.confidence:.0%} intervals"
        return plot_way_back(
            self.paths, back, ax=ax, outcome=self.outcome, every_days=self.contact_days, note=note
        )


@dataclass(frozen=True, kw_only=True)
class RepairModel:
    """Test a claim such as "ten positives repair one unresolved negative" within customers.

    ``y_ik = a_i + b_pos X_pos - b_U X_U - b_R X_R + month_t + e``, with stocks
    ``X_v(t) = sum over experiences strictly before t of exp(-lam (t - t_j))``, ``lam = ln 2 / half-life``.
    A bad experience sits in the unresolved stock until ``resolved_at``, from then on in the resolved one.

    Parameters
    ----------
    outcome
        Column of the answers: the *relationship* (overall satisfaction), not the rating of one contact.
    claim_ratio
        The claim to test, positives per negative.
    confidence
        Confidence level of every interval, 0..1.
    contact_days
        Days between the positives in "positives in a row until back".
    seed
        Seed of the draws behind the intervals of the way back.
    minimum_negatives
        Experiences of a kind that answers can see, below which it is "too few".
    minimum_customers
        Customers with two or more answers, below which nothing is estimated.
    carry_over_only
        Whether experiences of the last ``current_visit_days`` before an answer get columns of their own
        and only what earlier ones left behind is read. None decides by the data: yes if ``source`` of any
        experience is "survey", because the mood of the day is then in the valence and in the answer.
    current_visit_days
        What counts as the current visit, in days.
    discard_days
        Answers in the first days of the records that are set aside, because experiences before the
        records began are unseen; one or two half-lives if there were any.
    half_life_range
        Shortest and longest half-life searched, in days.
    draws
        Number of joint draws behind the way back.
    sample_customers
        Estimate on so many customers drawn at random; None takes all. The interval is that of the
        sample: beyond 200,000 customers more rows buy little.
    bootstrap_below, replicates
        With fewer customers than this the ratios are studentised by a bootstrap of customers with so
        many replicates; 0 customers never bootstraps.

    Notes
    -----
    Intervals: ratios after Fieller, half-life on the log scale, way back by joint draws; all from one
    leave-one-customer-out covariance of (effects, ln half-life), the ratios of few customers from the
    bootstrap-t. A ratio is printed only if the effect of
    positives is 2.58 standard errors above zero. "supported" needs the whole interval within claim x 0.8
    .. claim x 1.25; "rejected" a test at 1 - confidence.

    Assumption: within a customer nothing else changed together with the experiences and moved the
    outcome; good and bad fade alike (checked); the valence is recorded by operations, not by the
    customer's own answer; history before the records is absent or discarded. The number is an
    association within customers, not the effect of a campaign of kindness.

    References
    ----------
    Fieller (1954), JRSS B 16, 175-185. MacKinnon, Nielsen and Webb (2023), J. Applied Econometrics 38.

    Examples
    --------
    >>> RepairModel(claim_ratio=10.0).claim_ratio
    10.0
    """

    outcome: str = "overall"
    claim_ratio: float = 10.0
    confidence: float = 0.95
    contact_days: float = 30.0
    seed: int = 2025
    minimum_negatives: int = 30
    minimum_customers: int = 50
    carry_over_only: bool | None = None
    current_visit_days: float = 14.0
    discard_days: float = 0.0
    half_life_range: tuple[float, float] = (10.0, 2000.0)
    draws: int = 10_000
    bootstrap_below: int = 2_000
    sample_customers: int | None = None
    replicates: int = 999

    def __post_init__(self) -> None:
        require_share("RepairModel", "confidence", self.confidence)
        if self.sample_customers is not None:
            require_at_least("RepairModel", "sample_customers", self.sample_customers, 10)
        for name, least in (
            ("minimum_negatives", 2),
            ("minimum_customers", 10),
            ("discard_days", 0),
            ("draws", 1000),
            ("seed", 0),
            ("bootstrap_below", 0),
            ("replicates", 99),
        ):
            require_at_least("RepairModel", name, getattr(self, name), least)
        for name in ("claim_ratio", "contact_days", "current_visit_days"):
            if not 0.0 < getattr(self, name) < np.inf:
                raise ParameterError(
                    f"RepairModel: {name} must be above 0, got {getattr(self, name)!r}. "
                    f"Next step: leave the default or give a positive number."
                )
        low, high = self.half_life_range
        if not 0.0 < low < high < np.inf:
            raise ParameterError(
                f"RepairModel: half_life_range must be two rising positive numbers of days, got "
                f"{self.half_life_range!r}. Next step: leave the default (10, 2000)."
            )

    def fit(self, answers: pd.DataFrame, experiences: pd.DataFrame) -> RepairResult:
        """Estimate ratios, way back and memory from repeated answers and dated experiences.

        Parameters
        ----------
        answers
            customer_id, answered_at (naive UTC timestamps), and the outcome (numeric).
        experiences
            customer_id, occurred_at, valence ("positive" or "negative"), resolved_at (NaT if never);
            source ("operations" or "survey") if known.

        Returns
        -------
        RepairResult
            ``table()``: term (ratio_*, positives_until_back_*, half_life_days, days_until_quarter,
            effect_*), estimate, std_error, conf_low, conf_high, p_value (ratios: of the claim; effects:
            of zero), n (customers), n_experiences, unit, verdict, meaning.

        Raises
        ------
        FitError
            If a column holds something else than it should.
        NotAnswerableError
            If a column is missing, too few customers answered twice, or too few experiences can be seen
            by an answer.
        """
        drawn = draw_customers(answers, experiences, most=self.sample_customers, seed=self.seed)
        rows = repair_rows(
            drawn.answers, drawn.experiences, outcome=self.outcome, discard_days=self.discard_days
        )
        self._require_enough(rows)
        carry_over = self._carries_over(experiences)
        problem, evidence = self._estimate(rows, carry_over=carry_over)
        return RepairResult(
            estimates=repair_table(evidence),
            diagnostics=repair_checks(
                evidence,
                problem,
                rows,
                current_visit_days=self.current_visit_days,
                carry_over=carry_over,
                from_survey=_from_survey(experiences),
            ),
            provenance=self._provenance(answers, experiences, rows, drawn.set_aside),
            paths=way_back(evidence),
            outcome=self.outcome,
            claim_ratio=self.claim_ratio,
            contact_days=self.contact_days,
            confidence=self.confidence,
        )

    def _estimate(self, rows: RepairRows, *, carry_over: bool) -> tuple[StockProblem, Evidence]:
        kinds = tuple(
            kind
            for kind, customers in zip(KINDS, rows.n_customers_seen, strict=True)
            if customers >= LEAST_CUSTOMERS_PER_KIND
        )
        problem = self._problem(rows, kinds, carry_over=carry_over)
        try:
            fit = fit_stock_regression(problem, half_life_range=self.half_life_range)
        except np.linalg.LinAlgError as error:
            raise NotAnswerableError(
                QUESTION,
                reason=f"Good and bad experiences cannot be told apart within customers ({error}).",
                next_step="more customers, or answers at more moments between the experiences.",
            ) from error
        return problem, self._evidence(fit, kinds, rows)

    def _require_enough(self, rows: RepairRows) -> None:
        positive, *bad = rows.n_seen
        if rows.n_customers < self.minimum_customers:
            reason = (
                f"{rows.n_customers} customers answered twice or more; {self.minimum_customers} are needed."
            )
        elif positive < self.minimum_negatives or max(bad) < self.minimum_negatives:
            reason = (
                f"Answers can see {positive} positive, {bad[0]} unresolved and {bad[1]} resolved negative "
                f"experiences; {self.minimum_negatives} positive and {self.minimum_negatives} of one kind "
                f"of negative are needed."
            )
        else:
            return
        least = max(min(positive, max(bad)), 1) / self.minimum_negatives
        wanted = int(np.ceil(max(self.minimum_customers, rows.n_customers / min(least, 1.0))))
        raise NotAnswerableError(
            QUESTION,
            reason=f"Too few: {reason}",
            next_step=f"about {wanted:,} customers with two or more answers, at this rate of experiences.",
        )

    def _carries_over(self, experiences: pd.DataFrame) -> bool:
        return _from_survey(experiences) if self.carry_over_only is None else self.carry_over_only

    def _problem(self, rows: RepairRows, kinds: tuple[str, ...], *, carry_over: bool) -> StockProblem:
        delay = self.current_visit_days if carry_over else 0.0
        entries = stock_entries(rows, delay_days=delay).only([KINDS.index(kind) for kind in kinds])
        plan = plan_stocks(rows.owner, rows.at, entries=entries, n_stocks=len(kinds))
        absorption = plan_absorption(rows.owner, rows.month)
        extra = np.zeros((len(rows.owner), 0))
        if carry_over:
            current = current_visit_entries(rows, days=self.current_visit_days)
            counts = plan_stocks(rows.owner, rows.at, entries=current, n_stocks=len(KINDS)).stocks(np.inf)
            extra = absorption.absorb(counts)
            extra = extra[:, np.square(extra).sum(axis=0) > 1e-9 * len(extra)]
        return StockProblem(
            plan=plan,
            absorption=absorption,
            outcome=absorption.absorb(rows.outcome[:, None])[:, 0],
            direction=np.array([1.0 if kind == "positive" else -1.0 for kind in kinds]),
            extra=extra,
        )

    def _evidence(self, fit: StockFit, kinds: tuple[str, ...], rows: RepairRows) -> Evidence:
        rng = np.random.default_rng(self.seed)
        return Evidence(
            fit=fit,
            kinds=kinds,
            n_customers=rows.n_customers,
            n_seen=dict(zip(KINDS, rows.n_seen, strict=True)),
            claim_ratio=self.claim_ratio,
            confidence=self.confidence,
            contact_days=self.contact_days,
            minimum=self.minimum_negatives,
            outcome=self.outcome,
            draws=draw_joint(fit, n_kinds=len(kinds), draws=self.draws, rng=rng),
            replicates=self.replicates if rows.n_customers < self.bootstrap_below else 0,
            seed=self.seed,
        )

    def _provenance(
        self, answers: pd.DataFrame, experiences: pd.DataFrame, rows: RepairRows, unsampled: dict[str, int]
    ) -> Provenance:
        used = hash_frame(answers[["customer_id", "answered_at", self.outcome]])
        seen = hash_frame(experiences[["customer_id", "occurred_at", "valence", "resolved_at"]])
        return Provenance(
            model="RepairModel",
            n_rows=len(answers) + len(experiences),
            n_used=rows.n_used,
            n_set_aside={**rows.n_set_aside, **unsampled},
            settings=dataclasses.asdict(self),
            seed=self.seed,
            input_hash=f"{used}-{seen}",
        )


def _from_survey(experiences: pd.DataFrame) -> bool:
    """Whether any valence was told by the customer in a survey."""
    return "source" in experiences.columns and bool((experiences["source"] == "survey").any())
