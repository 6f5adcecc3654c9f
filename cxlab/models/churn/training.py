"""Rows made ready for a churn forecast, and how a forecast is trained on some of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError
from cxlab.models.churn.features import CHURNED, CUT_AT, FeatureCoder, column_faults
from cxlab.models.churn.folds import LEAST_CHURNERS, Fold, Plan, customer_plan, time_plan

if TYPE_CHECKING:
    from cxlab.stats.gated import GatedClassifier, HeldOut

RECIPES: Final = ("auto", "blend", "curves", "trees")
CALIBRATIONS: Final = ("auto", "none", "sigmoid", "isotonic")
#: Inner folds of customers, where the training rows hold no cut that closed before another. Half of few
#: churners would teach recipes that overfit far more than the final one.
INNER_FOLDS: Final = 2
INNER_FOLDS_OF_FEW: Final = 5
FEW_CHURNERS: Final = 1_000
#: Choice of the recipe and the calibration gate look at no more rows than this.
MOST_INNER_ROWS: Final = 50_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Training:
    """Rows with a known outcome, their outcomes, and their features as numbers."""

    rows: pd.DataFrame
    churned: NDArray[np.float64]
    matrix: NDArray[np.float64]
    coder: FeatureCoder

    @classmethod
    def of(cls, rows: pd.DataFrame, features: tuple[str, ...], *, question: str) -> Training:
        """The rows as numbers.

        Raises
        ------
        NotAnswerableError
            With fewer than 30 churners or stayers, or if no feature varies.
        """
        churned = rows[CHURNED].to_numpy(dtype=float)
        require_churners(churned, "with a known outcome", question=question)
        coder = FeatureCoder.learn(rows, features)
        if sum(not fault.varies for fault in column_faults(rows, coder)) == len(features):
            raise NotAnswerableError(
                question,
                reason="Every feature is empty or has one value only.",
                next_step="add columns that differ between customers.",
            )
        return cls(rows=rows, churned=churned, matrix=coder.matrix(rows), coder=coder)

    @property
    def clusters(self) -> NDArray[np.int64]:
        """A number per customer, (n,)."""
        return np.asarray(pd.factorize(self.rows[CUSTOMER_ID])[0], dtype=np.int64)


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """How a forecast is trained: recipe, gate, days until an outcome is closed, seed."""

    recipe: str
    calibration: str
    closed_days: int
    seed: int

    def train(
        self,
        data: Training,
        rows: NDArray[np.int64],
        *,
        columns: Sequence[int] | None = None,
        earlier: Sequence[tuple[Fold, GatedClassifier]] = (),
    ) -> GatedClassifier:
        """Choose, gate and fit on ``rows`` of ``data``; ``columns`` restricts the features.

        ``earlier`` are models that have held out rows of ``data``: choice and gate are then made on what
        they forecast, which saves fitting them again.
        """
        from cxlab.stats.gated import GatedClassifier

        held_out = _held_out(data, earlier)
        used = list(range(data.matrix.shape[1])) if columns is None else list(columns)
        levels = [place for place, column in enumerate(used) if column in data.coder.categorical]
        model = GatedClassifier(
            recipe=self.recipe,
            calibration=self.calibration,
            cv=self.inner_splits(data, rows) if held_out is None else (),
            categorical_features=levels or None,
            random_state=self.seed,
        )
        matrix = data.matrix[rows] if columns is None else data.matrix[rows][:, used]
        return model.fit(matrix, data.churned[rows], held_out=held_out)

    def inner_splits(
        self, data: Training, rows: NDArray[np.int64]
    ) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Folds inside ``rows``, numbered within them: later cuts where some were closed, else customers.

        Time folds test at most the two newest cuts that earlier, closed ones can train for. Beyond
        50,000 rows a random part of the customers is used.
        """
        if self.recipe != "auto" and self.calibration == "none":
            return []
        inside = data.rows.iloc[rows]
        kept = self._some(inside)
        inside, churned = inside.iloc[kept], data.churned[rows][kept]
        plan = self._plan(inside, churned)
        return [(kept[fold.train], kept[fold.test]) for fold in plan.folds]

    def _some(self, inside: pd.DataFrame) -> NDArray[np.int64]:
        if len(inside) <= MOST_INNER_ROWS:
            return np.arange(len(inside))
        codes, customers = pd.factorize(inside[CUSTOMER_ID])
        taken = np.random.default_rng([self.seed, 7]).random(len(customers)) < MOST_INNER_ROWS / len(inside)
        return np.flatnonzero(taken[codes])

    def _plan(self, inside: pd.DataFrame, churned: NDArray[np.float64]) -> Plan:
        if CUT_AT in inside:
            plan = time_plan(inside[CUT_AT], churned, closed_days=self.closed_days, test_cuts=2)
            if plan.folds:
                return plan
        if min(churned.sum(), len(churned) - churned.sum()) < LEAST_CHURNERS:
            return Plan(folds=(), in_time_order=False, untested={})
        folds = INNER_FOLDS_OF_FEW if churned.sum() < FEW_CHURNERS else INNER_FOLDS
        return customer_plan(inside[CUSTOMER_ID], churned, folds=folds, seed=self.seed, untested={})


def _held_out(data: Training, earlier: Sequence[tuple[Fold, GatedClassifier]]) -> HeldOut | None:
    from cxlab.stats.gated import HeldOut

    found = [model.raw_logits(data.matrix[fold.test]) for fold, model in earlier]
    logits = [one for one in found if one is not None]
    if not logits or len(logits) < len(found):
        return None
    folds = [fold for fold, _ in earlier]
    return HeldOut.of(
        [data.churned[fold.test] for fold in folds], logits, [len(fold.train) for fold in folds]
    )


def require_churners(churned: NDArray[np.float64], which: str, *, question: str) -> None:
    """Raise NotAnswerableError with fewer than 30 churners or 30 stayers."""
    events, stayed = int(churned.sum()), int(len(churned) - churned.sum())
    if min(events, stayed) < LEAST_CHURNERS:
        raise NotAnswerableError(
            question,
            reason=f"The rows {which} hold {events} churners and {stayed} who stayed: too few, "
            f"{LEAST_CHURNERS} of each are needed for any number.",
            next_step="add cuts, customers or a longer horizon.",
        )
