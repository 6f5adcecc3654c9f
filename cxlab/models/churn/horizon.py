"""ChurnModel: the probability that a customer leaves within a horizon, validated in the order of time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID
from cxlab.core.errors import ParameterError
from cxlab.core.membership import is_in
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_one_of, require_share
from cxlab.models.churn.diagnostics import churn_checks
from cxlab.models.churn.features import CHURNED, CUT_AT, choose_features, column_faults
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS, Fold, Plan, customer_plan, time_plan
from cxlab.models.churn.horizon_result import ChurnResult
from cxlab.models.churn.leaks import leak_screen
from cxlab.models.churn.outcomes import KnownOutcomes, known_outcomes
from cxlab.models.churn.reasons import MOST_FEATURES, blocks_of, shuffled_losses
from cxlab.models.churn.training import CALIBRATIONS, RECIPES, Trainer, Training, require_churners
from cxlab.models.churn.validation import TRAINING_NOISE, UNSEEN, measure_table
from cxlab.stats.forecast import training_noise

if TYPE_CHECKING:
    from cxlab.stats.gated import GatedClassifier

QUESTION = "How likely is each customer to churn"
#: Parts of the customers that take turns in being left out of training for the second figure.
UNSEEN_PARTS = 3
#: Rows on which the spread between the models of the folds is measured: its error is then 2 %.
MOST_NOISE_ROWS = 5_000


@dataclass(frozen=True, kw_only=True)
class ChurnModel:
    """Forecast churn within a horizon and show, on rows the model has not seen, how far to trust it.

    ``logit p = (curves + small boosted trees) / 2`` unless one of them alone is better by more than one
    standard error in folds inside the training rows, see :class:`cxlab.stats.gated.GatedClassifier`; no
    class weights, no resampling; a calibration gate repairs probabilities that are too extreme or too
    timid. For a tested cut ``c*`` the model is trained only on cuts ``c`` with ``c + lead + horizon +
    embargo <= c*``, so that every label it used was closed when ``c*`` was scored. Without cut dates
    customers are held out in stratified folds, and the check "time order" fails.

    Parameters
    ----------
    horizon_days, lead_days
        How the labels of the panel were made: churn from ``lead_days`` after the cut on, for
        ``horizon_days``. They must be those given to ``cxlab.snapshots``.
    embargo_days
        Extra days before a label counts as closed (late bookings), 0 or more.
    features
        Feature columns; empty for all columns but customer_id, cut_at, churned and location_id.
    recipe
        ``auto`` (the rule above), ``blend``, ``curves`` (fastest, additive) or ``trees``.
    calibration
        ``auto``: no map if the held-out calibration slope lies in 0.9 to 1.1 or its interval holds 1, else
        sigmoid, or isotonic with more than 1,000 churners where it is clearly better. Or ``none``,
        ``sigmoid``, ``isotonic``.
    unseen_customers
        True adds a second figure, on customers that training never saw: each tested cut is scored once more
        by three models, each trained without a third of its customers.
    test_cuts
        At most this many of the newest testable cuts are tested, 1 or more.
    folds
        Folds of customers where time order is not possible, 2 or more.
    confidence
        Share of the intervals, strictly between 0 and 1.
    replicates
        Draws of the customer-cluster bootstrap, 50 or more.
    shuffles
        Times each block is shuffled for ``reasons()``, 1 or more.
    minimum_churners
        Fewer churners among the held-out rows fail a check; 30 or more. Under 30 churners (or stayers)
        no number is given at all.
    seed
        Seed of folds, trees, bootstrap and shuffles.

    Raises
    ------
    ParameterError
        For settings out of range.

    Notes
    -----
    Intervals resample customers with the fitted models held fixed; where folds of customers train and
    judge each other they are widened by the noise of training (``training_noise`` of ``scored()``).
    Assumes that customers to be scored are like those of the past cuts. A probability is not an effect:
    it says who leaves, not why, and not who would stay if contacted.

    References
    ----------
    Van Calster et al. (2019), Calibration: the Achilles heel of predictive analytics, BMC Medicine 17.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> wait = rng.exponential(10.0, 1500)
    >>> churned = (rng.random(1500) < 1 / (1 + np.exp(3.0 - 0.15 * wait))).astype(int)
    >>> panel = pd.DataFrame({"customer_id": range(1500), "usage_wait": wait, "churned": churned})
    >>> result = ChurnModel(replicates=50).fit(panel)
    >>> p = result.predict(pd.DataFrame({"usage_wait": [2.0, 30.0]}))
    >>> bool(p[0] < 0.15 < 0.5 < p[1])
    True
    """

    horizon_days: int = 180
    lead_days: int = 30
    embargo_days: int = 0
    features: Sequence[str] = ()
    recipe: str = "auto"
    calibration: str = "auto"
    unseen_customers: bool = False
    test_cuts: int = 3
    folds: int = 5
    confidence: float = 0.95
    replicates: int = 200
    shuffles: int = 2
    minimum_churners: int = 100
    seed: int = 0

    def __post_init__(self) -> None:
        least = {
            "horizon_days": 1,
            "lead_days": 0,
            "embargo_days": 0,
            "test_cuts": 1,
            "folds": 2,
            "replicates": 50,
            "shuffles": 1,
            "minimum_churners": LEAST_CHURNERS,
            "seed": 0,
        }
        for name, value in least.items():
            require_at_least("ChurnModel", name, getattr(self, name), value)
        require_share("ChurnModel", "confidence", self.confidence)
        require_one_of("ChurnModel", "recipe", self.recipe, RECIPES)
        require_one_of("ChurnModel", "calibration", self.calibration, CALIBRATIONS)
        if isinstance(self.features, str):
            raise ParameterError(
                f"ChurnModel: features must be a list of column names, got the text {self.features!r}. "
                f"Next step: write features=[{self.features!r}]."
            )

    def fit(self, panel: pd.DataFrame) -> ChurnResult:
        """Validate on held-out rows, then refit on every row with a known outcome.

        ``panel`` has one row per customer and cut: customer_id, churned (1, 0 or missing = not yet known),
        cut_at (absent or all missing for a cross-section), optionally location_id, and feature columns,
        numeric or text, known before the cut. Prefixes contract_, usage_, experience_, survey_ name the
        blocks of ``reasons()``.

        Raises
        ------
        FitError
            For a broken panel: absent or wrongly typed columns, a customer twice at one cut.
        NotAnswerableError
            If there is no outcome, too few churners or stayers, or no feature that varies.
        """
        self._check_agrees(panel)
        known = known_outcomes(panel, question=QUESTION)
        data = Training.of(known.rows, choose_features(panel, self.features), question=QUESTION)
        leaks = leak_screen(data.rows, data.matrix, data.churned, data.coder)
        plan, trainer = self._plan(data), self._trainer()
        fitted = [(fold, trainer.train(data, fold.train)) for fold in plan.folds]
        scored = scored_rows(data, fitted)
        require_churners(scored[CHURNED].to_numpy(dtype=float), "that can be held out", question=QUESTION)
        estimates = measure_table(
            scored,
            unseen=self._unseen(data, plan, trainer) if self.unseen_customers else None,
            confidence=self.confidence,
            replicates=self.replicates,
            seed=self.seed,
        )
        checks = churn_checks(
            estimates,
            plan,
            leaks,
            column_faults(data.rows, data.coder),
            known,
            minimum_churners=self.minimum_churners,
        )
        return ChurnResult(
            estimates=estimates,
            diagnostics=checks,
            provenance=self._provenance(panel, known),
            scored_rows=scored,
            reason_rows=self._reasons(data, fitted),
            leak_rows=leaks,
            classifier=trainer.train(data, np.arange(len(data.rows)), earlier=fitted),
            coder=data.coder,
            training=data,
            trainer=trainer,
            fitted=tuple(fitted),
            horizon_days=self.horizon_days,
            lead_days=self.lead_days,
            confidence=self.confidence,
            replicates=self.replicates,
            in_time_order=plan.in_time_order,
            untested=plan.untested,
        )

    def _check_agrees(self, panel: pd.DataFrame) -> None:
        """Labels of another window would let open outcomes into training: refuse if the panel says so."""
        for name in ("horizon_days", "lead_days"):
            made_with = panel.attrs.get(name)
            if made_with is not None and made_with != getattr(self, name):
                raise ParameterError(
                    f"ChurnModel: {name} is {getattr(self, name)}, the panel was made with {made_with}. "
                    f"Next step: write ChurnModel({name}={made_with}) or make the panel anew."
                )

    def _plan(self, data: Training) -> Plan:
        untested: dict[str, str] = {}
        if CUT_AT in data.rows:
            plan = time_plan(
                data.rows[CUT_AT],
                data.churned,
                closed_days=self.lead_days + self.horizon_days + self.embargo_days,
                test_cuts=self.test_cuts,
            )
            if plan.folds:
                return plan
            untested = plan.untested
        return customer_plan(
            data.rows[CUSTOMER_ID], data.churned, folds=self.folds, seed=self.seed, untested=untested
        )

    def _trainer(self) -> Trainer:
        return Trainer(
            recipe=self.recipe,
            calibration=self.calibration,
            closed_days=self.lead_days + self.horizon_days + self.embargo_days,
            seed=self.seed,
        )

    def _unseen(self, data: Training, plan: Plan, trainer: Trainer) -> pd.DataFrame:
        """The tested rows once more, each scored by a model that never saw its customer."""
        part = np.random.default_rng([self.seed, 3]).integers(0, UNSEEN_PARTS, data.clusters.max() + 1)
        of_row = part[data.clusters]
        fitted = []
        for fold in plan.folds:
            for number in range(UNSEEN_PARTS):
                train = fold.train[of_row[fold.train] != number]
                test = fold.test[of_row[fold.test] == number]
                if len(test) and len(np.unique(data.churned[train])) == 2:
                    one = Fold(name=UNSEEN, train=train, test=test)
                    fitted.append((one, trainer.train(data, train)))
        return scored_rows(data, fitted)

    def _reasons(self, data: Training, fitted: Sequence[tuple[Fold, GatedClassifier]]) -> pd.DataFrame:
        table = shuffled_losses(
            fitted,
            data.matrix,
            data.churned,
            pd.factorize(data.rows[CUSTOMER_ID])[0],
            blocks=blocks_of(data.coder.features),
            repeats=self.shuffles,
            confidence=self.confidence,
            rng=np.random.default_rng([self.seed, 1]),
        )
        return table.head(MOST_FEATURES)

    def _provenance(self, panel: pd.DataFrame, known: KnownOutcomes) -> Provenance:
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        return Provenance(
            model="ChurnModel",
            n_rows=len(panel),
            n_used=len(known.rows),
            n_set_aside=known.set_aside,
            settings=settings,
            seed=self.seed,
            input_hash=hash_frame(panel),
        )


def scored_rows(data: Training, fitted: Sequence[tuple[Fold, GatedClassifier]]) -> pd.DataFrame:
    """The held-out rows of all folds with the forecast each got, in the order of the panel."""
    keys = [name for name in (CUSTOMER_ID, CUT_AT, LOCATION_ID) if name in data.rows]
    customers = data.rows[CUSTOMER_ID]
    parts = []
    for fold, model in fitted:
        part = data.rows.iloc[fold.test][[*keys, CHURNED]].copy()
        part["probability"] = model.predict_proba(data.matrix[fold.test])[:, 1]
        part["segment"] = fold.name
        part["unseen"] = ~is_in(customers.iloc[fold.test], customers.iloc[fold.train])
        part["reference"] = float(data.churned[fold.train].mean())
        parts.append(part)
    order = np.argsort(np.concatenate([fold.test for fold, _ in fitted]), kind="stable")
    return pd.concat(parts).iloc[order].assign(**{TRAINING_NOISE: _exchanged(data, fitted)})


def _exchanged(data: Training, fitted: Sequence[tuple[Fold, GatedClassifier]]) -> float:
    """Share of training noise in the forecasts where folds of customers judge and train each other."""
    if any(fold.name != ALL for fold, _ in fitted):
        return 0.0
    fold_of = np.empty(len(data.rows), dtype=np.int64)
    for number, (fold, _) in enumerate(fitted):
        fold_of[fold.test] = number
    some = np.random.default_rng(0).permutation(len(fold_of))[:MOST_NOISE_ROWS]
    p = np.stack([model.predict_proba(data.matrix[some])[:, 1] for _, model in fitted])
    inside = np.clip(p, 1e-9, 1.0 - 1e-9)
    return training_noise(np.log(inside / (1.0 - inside)), fold_of[some])
