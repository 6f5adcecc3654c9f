"""ExperienceModel: does experience predict churn beyond contract, billing and usage, and by how much?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.settings import require_at_least, require_one_of, require_share
from cxlab.models.churn.experience_result import ExperienceResult, experience_checks
from cxlab.models.churn.experience_tables import increment_table
from cxlab.models.churn.features import CHURNED, CUT_AT, block_of, choose_features
from cxlab.models.churn.folds import Fold, Plan, customer_plan, time_plan
from cxlab.models.churn.outcomes import known_outcomes
from cxlab.models.churn.training import CALIBRATIONS, RECIPES, Trainer, Training, require_churners

QUESTION = "Whether experience predicts churn beyond the contract"
_STOCK: Final = re.compile(r"_stock_(\d+)d$")


@dataclass(frozen=True, kw_only=True)
class ExperienceModel:
    r"""Nested test: what experience adds to a churn forecast on dates later than those it learned from.

    Two forecasts per tested cut, both trained on cuts closed by then: base = all features but those of
    ``blocks``; full = base plus these. The claim rests on the out-of-time gain

    .. math:: G = \frac1n \sum_i \ell(y_i, p_i^{base}) - \ell(y_i, p_i^{full})

    with the log-loss :math:`\ell`; supported if the whole interval of G, over customers, lies above 0.

    Parameters
    ----------
    horizon_days, lead_days, embargo_days, test_cuts, folds
        As in :class:`cxlab.ChurnModel`; they must be those of the panel.
    blocks
        Blocks (prefixes of features) that are tested together.
    recipe, calibration
        As in ChurnModel, the same for both forecasts.
    profile_half_life
        True keeps of the stocks (``..._stock_90d``) only those of one half-life, chosen by likelihood
        inside the training rows of each cut; False keeps all.
    confidence, replicates, seed
        Share of the intervals; draws of the customer-cluster bootstrap, 50 or more; seed.

    Raises
    ------
    ParameterError
        For settings out of range.

    Notes
    -----
    Intervals resample customers with the fitted models held fixed. Extra columns cost something where
    they carry nothing, so the test is cautious under the null: it claims in fewer than 2.5 % of such
    worlds (``docs/simulations.md``). "Predicts beyond" is no effect: unhappy customers may leave for a
    reason that also made them unhappy.

    References
    ----------
    Ballings et al. (2012) for the nested design; Diebold and Mariano (1995) for comparing forecasts by
    their losses.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> n = 1200
    >>> price, wait = rng.normal(size=n), rng.normal(size=n)
    >>> y = (rng.random(n) < 1 / (1 + np.exp(1.5 - 0.5 * price - 1.2 * wait))).astype(int)
    >>> panel = pd.DataFrame({"customer_id": range(n), "churned": y, "contract_price": price,
    ...     "experience_wait": wait})
    >>> result = ExperienceModel(replicates=50).fit(panel)
    >>> result.table().iloc[0][["term", "verdict"]].tolist()
    ['log_loss_gain', 'supported']
    """

    horizon_days: int = 180
    lead_days: int = 30
    embargo_days: int = 0
    test_cuts: int = 3
    folds: int = 5
    blocks: Sequence[str] = ("experience", "survey")
    recipe: str = "curves"
    calibration: str = "auto"
    profile_half_life: bool = True
    confidence: float = 0.95
    replicates: int = 200
    seed: int = 0

    def __post_init__(self) -> None:
        least = {"horizon_days": 1, "lead_days": 0, "embargo_days": 0, "test_cuts": 1, "folds": 2}
        for name, value in (least | {"replicates": 50, "seed": 0}).items():
            require_at_least("ExperienceModel", name, getattr(self, name), value)
        require_share("ExperienceModel", "confidence", self.confidence)
        require_one_of("ExperienceModel", "recipe", self.recipe, RECIPES)
        require_one_of("ExperienceModel", "calibration", self.calibration, CALIBRATIONS)
        if isinstance(self.blocks, str) or not self.blocks:
            raise ParameterError(
                f"ExperienceModel: blocks must be a list of prefixes, got {self.blocks!r}. "
                f"Next step: write blocks=['experience']."
            )

    def fit(self, panel: pd.DataFrame) -> ExperienceResult:
        """Compare the two forecasts on rows that neither has seen; ``panel`` as for ChurnModel.

        Raises
        ------
        FitError
            For a broken panel.
        NotAnswerableError
            Without outcomes, with too few churners, or without features on both sides.
        """
        known = known_outcomes(panel, question=QUESTION)
        data = Training.of(known.rows, choose_features(panel, ()), question=QUESTION)
        base, extra = self._sides(data)
        plan, trainer = self._plan(data), self._trainer()
        parts: list[pd.DataFrame] = []
        half_lives: dict[str, int] = {}
        for fold in plan.folds:
            kept, half_life = self._profiled(data, fold.train, base, extra)
            parts.append(_forecasts(data, fold, trainer, base, kept))
            if half_life is not None:
                half_lives.setdefault(fold.name, half_life)
        scored = pd.concat(parts).sort_index(kind="stable")
        require_churners(scored[CHURNED].to_numpy(dtype=float), "that can be held out", question=QUESTION)
        estimates = increment_table(
            scored, confidence=self.confidence, replicates=self.replicates, seed=self.seed
        )
        settings: dict[str, Any] = asdict(self)
        settings.pop("seed")
        return ExperienceResult(
            estimates=estimates,
            diagnostics=experience_checks(estimates, plan, known),
            provenance=Provenance(
                model="ExperienceModel",
                n_rows=len(panel),
                n_used=len(known.rows),
                n_set_aside=known.set_aside,
                settings=settings,
                seed=self.seed,
                input_hash=hash_frame(panel),
            ),
            scored_rows=scored,
            blocks=tuple(self.blocks),
            base_features=tuple(data.coder.features[j] for j in base),
            experience_features=tuple(data.coder.features[j] for j in extra),
            half_lives_days=half_lives,
            confidence=self.confidence,
            in_time_order=plan.in_time_order,
        )

    def _sides(self, data: Training) -> tuple[list[int], list[int]]:
        names = data.coder.features
        extra = [j for j, name in enumerate(names) if block_of(name) in self.blocks]
        base = [j for j in range(len(names)) if j not in extra]
        for side, word in ((extra, " or ".join(self.blocks)), (base, "contract or usage")):
            if not side:
                raise NotAnswerableError(
                    QUESTION,
                    reason=f"The panel has no feature of the blocks {word}.",
                    next_step="make it with cxlab.snapshots(tables, full_experience=True) from events with "
                    "outcomes, or prefix your columns with contract_, usage_, experience_, survey_.",
                )
        return base, extra

    def _plan(self, data: Training) -> Plan:
        untested: dict[str, str] = {}
        if CUT_AT in data.rows:
            closed = self.lead_days + self.horizon_days + self.embargo_days
            plan = time_plan(data.rows[CUT_AT], data.churned, closed_days=closed, test_cuts=self.test_cuts)
            if plan.folds:
                return plan
            untested = plan.untested
        return customer_plan(
            data.rows["customer_id"], data.churned, folds=self.folds, seed=self.seed, untested=untested
        )

    def _trainer(self) -> Trainer:
        closed = self.lead_days + self.horizon_days + self.embargo_days
        return Trainer(recipe=self.recipe, calibration=self.calibration, closed_days=closed, seed=self.seed)

    def _profiled(
        self, data: Training, rows: NDArray[np.int64], base: list[int], extra: list[int]
    ) -> tuple[list[int], int | None]:
        """The experience columns with stocks of one half-life, and that half-life in days."""
        found = {j: _STOCK.search(data.coder.features[j]) for j in extra}
        days = {j: int(match[1]) for j, match in found.items() if match is not None}
        choices = sorted(set(days.values()))
        if not self.profile_half_life or len(choices) < 2:
            return extra, None
        kept = {one: [j for j in extra if days.get(j, one) == one] for one in choices}
        losses = {one: _training_loss(data, rows, base + columns) for one, columns in kept.items()}
        best = min(choices, key=lambda one: losses[one])
        return kept[best], best


def _training_loss(data: Training, rows: NDArray[np.int64], columns: list[int]) -> float:
    """Log-loss of the curve model on its own training rows: the profile likelihood of a half-life."""
    from cxlab.stats.classification import log_loss
    from cxlab.stats.curves import CurveLogisticClassifier

    levels = [place for place, j in enumerate(columns) if j in data.coder.categorical]
    X, y = data.matrix[rows][:, columns], data.churned[rows]
    model = CurveLogisticClassifier(categorical_features=levels or None).fit(X, y)
    return float(log_loss(y, model.predict_proba(X)[:, 1])[0])


def _forecasts(
    data: Training, fold: Fold, trainer: Trainer, base: list[int], extra: list[int]
) -> pd.DataFrame:
    """The tested rows with what both forecasts said: probability_base and probability_full."""
    part = data.rows.iloc[fold.test][["customer_id", CHURNED]].copy()
    full = sorted(base + extra)
    for name, columns in (("probability_base", base), ("probability_full", full)):
        model = trainer.train(data, fold.train, columns=columns)
        part[name] = model.predict_proba(data.matrix[fold.test][:, columns])[:, 1]
    part["segment"] = fold.name
    part["reference"] = float(data.churned[fold.train].mean())
    return part
