"""When customers leave: one discrete-time hazard with censoring, late entry and competing causes."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.hazard_checks import hazard_checks
from cxlab.models.churn.hazard_design import learn_design
from cxlab.models.churn.hazard_evidence import MOST_PERIODS, HazardEvidence
from cxlab.models.churn.hazard_result import HazardResult
from cxlab.models.churn.hazard_rows import QUESTION, SpellRows, choose_spell_features, spell_rows
from cxlab.models.churn.hazard_tables import People, hazard_table
from cxlab.stats.bootstrap import deal_rows
from cxlab.stats.hazard import HazardFit, Periods, fit_hazard, person_periods
from cxlab.stats.hazard_age import age_curve
from cxlab.stats.hazard_bootstrap import bootstrap_hazard

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

#: Customers are dealt into so many groups for the replicates; their spread is known to 1 %.
DEALT_GROUPS = 4_000
#: Event-free person-periods beyond which they are thinned, unless a share is given.
MOST_EVENT_FREE = 5_000_000
#: No number is given below so many events of all causes.
LEAST_EVENTS = 10


@dataclass(frozen=True, kw_only=True)
class HazardModel:
    """The chance to leave in each period of a customer's life, and what follows from it.

    ``log h_c(k, x) / h_0(k, x) = a_c(k) + b_c' x`` for the causes c = 1..C; ``h_0`` is the chance to stay
    through period k of age, ``a_c`` a natural spline of log k. With one cause this is a logit. Then
    ``S(j | age a) = prod_{m<=j} (1 - sum_c h_c(a + m))`` and ``F_c(j | a) = sum_m h_c(a + m) S(m-1 | a)``.

    Parameters
    ----------
    entry_column
        Whole periods of age at which a customer came under observation; None if all from age 0. Leaving
        it out where records began later makes everybody look loyal: who left before is not in the table.
    time_column
        Whole periods of age at leaving (the period in which it happened, from 1), or lived so far.
    event_column
        1 if the customer left in period ``time``, 0 if still there then (censored).
    cause_column
        Why the customer left, read where event is 1; None for one cause.
    features
        Covariates, None for every other column. A customer may have several rows that follow
        each other, so that a covariate changes with time.
    curves
        Numeric features that enter as a natural spline instead of a line.
    knots
        Knots of the spline of age.
    renewal_every
        Periods of a contract term: the last period of each gets its own hazard; 0 for none.
    horizon_periods
        The window of "leaves within".
    life_periods
        The window of the expected remaining life.
    period
        Word for one period: "month", "30 days".
    confidence
        Confidence of every interval, 0..1.
    replicates
        Bootstrap replicates over customers, 200 or more for figures to show.
    event_free_share
        Share of event-free person-periods to keep, with weight 1 / share; None keeps up to 5 million.
    ridge
        Penalty on the standardised effects: a level without any event stays finite.
    minimum_events
        Events of a cause below which a check fails.
    folds
        Folds of customers for the held-out concordance; 0 leaves it out.
    seed
        Seed of replicates, thinning and folds.

    Notes
    -----
    Intervals: 200 replicates over customers (scores drawn again), normal limits on the logit
    or log scale. Assumes that censoring and late entry tell nothing about leaving beyond the
    covariates, and that an effect is the same at every age (checked). It predicts; it does not say why.

    References
    ----------
    Allison (1982), Sociological Methodology 13. Tutz and Schmid (2016), Modeling Discrete Time-to-Event
    Data. Tsai, Jewell and Wang (1987), Biometrika 74 (late entry).

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> lived = rng.geometric(0.1, 2_000)
    >>> table = pd.DataFrame({"time_periods": np.minimum(lived, 24), "left": (lived <= 24).astype(int)})
    >>> result = HazardModel(entry_column=None, folds=0).fit(table)
    >>> row = result.table().iloc[0]  # the truth is 1 - 0.9 ** 12 = 0.718
    >>> row["term"], bool(row["conf_low"] < 0.718 < row["conf_high"])
    ('leaves_within_12', True)
    """

    entry_column: str | None = "entry_periods"
    time_column: str = "time_periods"
    event_column: str = "left"
    cause_column: str | None = None
    features: tuple[str, ...] | None = None
    curves: tuple[str, ...] = ()
    knots: int = 5
    renewal_every: int = 0
    horizon_periods: int = 12
    life_periods: int = 36
    period: str = "period"
    confidence: float = 0.95
    replicates: int = 200
    event_free_share: float | None = None
    ridge: float = 1.0
    minimum_events: int = 30
    folds: int = 5
    seed: int = 2025

    def __post_init__(self) -> None:
        require_share("HazardModel", "confidence", self.confidence)
        for name, least in (
            ("knots", 1),
            ("renewal_every", 0),
            ("horizon_periods", 1),
            ("life_periods", 1),
            ("replicates", 20),
            ("ridge", 0),
            ("minimum_events", LEAST_EVENTS),
            ("folds", 0),
            ("seed", 0),
        ):
            require_at_least("HazardModel", name, getattr(self, name), least)
        if self.event_free_share is not None and not 0.0 < self.event_free_share <= 1.0:
            raise ParameterError(
                f"HazardModel: event_free_share must lie above 0 and at most at 1, got "
                f"{self.event_free_share!r}. Next step: leave None, or write 0.05."
            )

    def fit(self, spells: pd.DataFrame) -> HazardResult:
        """Fit the hazard to a table of spells.

        Parameters
        ----------
        spells
            One row per customer, or several that follow each other: customer_id (optional), entry, time,
            event, cause and feature columns. :func:`cxlab.spells` makes it from dates.

        Returns
        -------
        HazardResult
            ``table()``: term (``leaves_within_H``, the same by cause, ``remaining_periods_L``), segment
            ("from joining", "still here"), cause, estimate, std_error, conf_low, conf_high, n, events,
            verdict.

        Raises
        ------
        FitError
            For broken ages, events or causes, overlapping rows, exactly collinear or constant features.
        NotAnswerableError
            Without time or event, or with fewer than 10 events.
        """
        found = spell_rows(
            spells,
            entry_column=self.entry_column,
            time_column=self.time_column,
            event_column=self.event_column,
            cause_column=self.cause_column,
        )
        self._require_events(found)
        features = choose_spell_features(spells, self.features, keys=self._keys())
        self._check_curves(features)
        design = learn_design(found.rows, features, self.curves)
        covariates = design.matrix(found.rows)
        fitted = fit_spells(self, found, covariates)
        people = People.of(found, covariates)
        estimates = hazard_table(self, fitted.evidence, people, causes=found.causes, events=found.events)
        return HazardResult(
            estimates=estimates,
            diagnostics=hazard_checks(self, found, fitted, people, features=features),
            provenance=self._provenance(spells, found),
            settings=self,
            evidence=fitted.evidence,
            design=design,
            people=people,
            places=found.places,
            causes=found.causes,
            events=found.events,
        )

    def _keys(self) -> tuple[str | None, ...]:
        return (CUSTOMER_ID, self.entry_column, self.time_column, self.event_column, self.cause_column)

    def _require_events(self, found: SpellRows) -> None:
        if found.events.sum() < LEAST_EVENTS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"{int(found.events.sum())} customers are known to have left; {LEAST_EVENTS} are "
                f"needed for any number.",
                next_step="add customers or wait until more have left.",
            )

    def _check_curves(self, features: tuple[str, ...]) -> None:
        wrong = [name for name in self.curves if name not in features]
        if wrong:
            raise FitError(
                f"HazardModel: curves names {', '.join(wrong)}, which is not among the features. "
                f"Next step: name a numeric feature."
            )

    def _provenance(self, spells: pd.DataFrame, found: SpellRows) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        return Provenance(
            model="HazardModel",
            n_rows=len(spells),
            n_used=len(found.rows),
            n_set_aside=found.set_aside,
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(spells),
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class FittedSpells:
    """The fit with what it was fitted to, and its evidence."""

    fit: HazardFit
    periods: Periods
    covariates: FloatArray
    evidence: HazardEvidence
    share: float


def fit_spells(model: HazardModel, found: SpellRows, covariates: FloatArray) -> FittedSpells:
    """Thin, fit and draw replicates; FitError where a hazard cannot be told apart."""
    curve = age_curve(
        found.entry,
        found.time,
        found.cause > 0,
        knots=model.knots,
        renewal_every=model.renewal_every,
    )
    share = model.event_free_share
    if share is None:
        share = min(1.0, MOST_EVENT_FREE / max(int((found.time - found.entry).sum()), 1))
    rng = np.random.default_rng([model.seed, 1])
    periods = person_periods(found.entry, found.time, found.cause, event_free_share=share, rng=rng)
    columns = curve.columns(max(int(found.time.max()), MOST_PERIODS))
    try:
        fit = fit_hazard(periods, columns, covariates, causes=len(found.causes), ridge=model.ridge)
    except ValueError as error:
        raise FitError(
            f"HazardModel: {error}. Next step: fewer knots, no renewal_every, or leave out the feature "
            f"whose levels hardly differ from age."
        ) from error
    draws = bootstrap_hazard(
        fit,
        periods,
        columns,
        covariates,
        groups=customer_groups(found.customer, rng=rng),
        replicates=model.replicates,
        ridge=model.ridge,
        rng=rng,
    )
    theta = np.concatenate([fit.baseline, fit.effects], axis=1)
    evidence = HazardEvidence(theta=theta, draws=draws, curve=curve, age_columns=columns)
    return FittedSpells(fit=fit, periods=periods, covariates=covariates, evidence=evidence, share=share)


def customer_groups(customer: IntArray, *, rng: np.random.Generator) -> IntArray:
    """Group of each spell: its customer, or one of 4,000 random groups of customers."""
    dealt = deal_rows(int(customer.max()) + 1, groups=DEALT_GROUPS, rng=rng)
    return np.asarray(dealt[customer], dtype=np.int64)
