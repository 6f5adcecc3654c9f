"""A scikit-learn classifier whose recipe is chosen, and whose probabilities are gated, on held-out rows."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.utils.validation import check_is_fitted, validate_data

from cxlab.stats.blend import LogitBlendClassifier
from cxlab.stats.curves import CurveLogisticClassifier
from cxlab.stats.gate import LEAST_EVENTS, Gate, calibration_gate, choose_part
from cxlab.stats.trees import SmallTreesClassifier
from cxlab.stats.two_class import NUMBERS, FloatArray, TwoClassClassifier, sample_rows

RECIPES: Final = ("auto", "blend", "curves", "trees")
_SMALLEST: Final = 1e-15


@dataclass(frozen=True, kw_only=True, eq=False)
class HeldOut:
    """Rows that models forecast without having seen them.

    Attributes
    ----------
    outcome, logits
        0 or 1 (m,), and logits (m, parts) as :meth:`GatedClassifier.raw_logits` gives them.
    training_rows
        Rows that trained the forecast of a held-out row, on average.
    """

    outcome: FloatArray
    logits: FloatArray
    training_rows: float

    @classmethod
    def of(
        cls, outcomes: Sequence[FloatArray], logits: Sequence[FloatArray], training_rows: Sequence[int]
    ) -> HeldOut:
        """The folds put together; none for no fold."""
        if not outcomes:
            return cls(outcome=np.array([]), logits=np.empty((0, 1)), training_rows=1.0)
        return cls(
            outcome=np.concatenate(outcomes),
            logits=np.concatenate(logits),
            training_rows=float(np.average(training_rows, weights=[len(one) for one in outcomes])),
        )


class GatedClassifier(TwoClassClassifier):
    """Probability of one of two classes that has passed a calibration gate on rows it has not seen.

    1. Inner folds give held-out logits of the recipe (or of both parts of the blend).
    2. ``recipe="auto"``: the blend of curves and trees, unless one part alone is better by more than one
       standard error of the held-out log-loss.
    3. :func:`cxlab.stats.gate.calibration_gate`: no map, a sigmoid or an isotonic one.
    4. The recipe is fitted to all rows; the map is applied to its logit.

    Parameters
    ----------
    recipe
        ``auto``, ``blend``, ``curves``, ``trees``, or any scikit-learn classifier with ``predict_proba``
        (missing values must suit it).
    calibration
        ``auto``, ``none``, ``sigmoid`` or ``isotonic``.
    cv
        Number of stratified inner folds, or an iterable of (train, test) row numbers: pass time-ordered
        folds where rows have a time.
    categorical_features
        Column numbers that hold level codes, for the recipes named by a word.
    most_rows
        Choice and gate look at no more rows than this (a random part); the last fit uses all.
    random_state
        Seed.

    Attributes
    ----------
    classes_ : (2,) the two labels, sorted.
    recipe_ : ``blend``, ``curves``, ``trees`` or ``own``.
    gate_ : the :class:`cxlab.stats.gate.Gate`.
    losses_ : held-out log-loss of curves, trees and blend (recipe ``auto``), else empty.
    model_ : the fitted recipe.

    Raises
    ------
    ValueError
        For input that scikit-learn's validation refuses, one class only, or settings out of range.

    Notes
    -----
    With fewer than 30 rows of the rarer class nothing is chosen and no map is made. The held-out logits
    are those of models fitted to fewer rows than the last one, which overfit more: for the recipes named by
    a word the map mends only the part of the slope's shortfall that a fit to all rows would keep.

    References
    ----------
    Van Calster et al. (2019), Calibration: the Achilles heel of predictive analytics, BMC Medicine 17.

    Examples
    --------
    >>> from sklearn.tree import DecisionTreeClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(3000, 3))
    >>> y = rng.random(3000) < 1 / (1 + np.exp(1 - X[:, 0]))
    >>> wild = GatedClassifier(recipe=DecisionTreeClassifier(min_samples_leaf=5)).fit(X, y)
    >>> wild.gate_.method, bool(wild.gate_.slope < 0.9)
    ('sigmoid', True)
    >>> GatedClassifier().fit(X, y).gate_.method
    'none'
    """

    def __init__(
        self,
        *,
        recipe: Any = "auto",
        calibration: str = "auto",
        cv: int | Iterable[Any] = 3,
        categorical_features: Sequence[int] | None = None,
        most_rows: int = 50_000,
        random_state: int = 0,
    ) -> None:
        self.recipe = recipe
        self.calibration = calibration
        self.cv = cv
        self.categorical_features = categorical_features
        self.most_rows = most_rows
        self.random_state = random_state

    def fit(self, X: Any, y: Any, *, held_out: HeldOut | None = None) -> GatedClassifier:
        """Choose, gate and fit on ``X`` (n, k) and two-class labels ``y`` (n,).

        ``held_out`` gives rows that such recipes have forecast elsewhere, see :meth:`raw_logits`; ``cv`` is
        then not used.
        """
        X, target = self._checked(X, y)
        if isinstance(self.recipe, str) and self.recipe not in RECIPES:
            raise ValueError(f"recipe must be one of {', '.join(RECIPES)} or a classifier: {self.recipe!r}")
        given = self._held_out(X, target) if held_out is None else held_out
        outcome, logits = given.outcome, given.logits
        self.losses_: FloatArray = np.array([])
        name = self.recipe if isinstance(self.recipe, str) else "own"
        column = 0
        if name == "auto":
            part, name = None, "blend"
            if len(outcome):
                part, self.losses_ = choose_part(outcome, logits[:, :2])
            if part is not None:
                name, column = ("curves", "trees")[part], part
            else:
                column = 2
        self.recipe_ = name
        if len(outcome):
            self.gate_ = calibration_gate(
                outcome,
                logits[:, column],
                method=self.calibration,
                # Nothing is known of how a recipe of one's own overfits with more rows.
                training_share=1.0 if name == "own" else min(1.0, given.training_rows / len(X)),
            )
        else:
            self.gate_ = Gate(
                method="none", slope=np.nan, slope_error=np.nan, events=0, reason="nothing held out"
            )
        self.model_ = self._recipe(name).fit(X, self.classes_[target])
        return self

    def contributions(self, X: Any) -> FloatArray:
        """What each column adds to the logit of each row, (n, k), against the mean training row.

        A sigmoid map scales them; an isotonic one has no additive form, so they are those before it.

        Raises
        ------
        ValueError
            For a recipe of one's own without contributions.
        """
        check_is_fitted(self)
        if not hasattr(self.model_, "contributions"):
            raise ValueError("contributions exist for the recipes blend, curves and trees only")
        X = validate_data(self, X, dtype=NUMBERS, ensure_all_finite="allow-nan", reset=False)
        return np.asarray(self.model_.contributions(X) * self.gate_.line[1], dtype=float)

    def raw_logits(self, X: Any) -> FloatArray | None:
        """Logits before the gate, as ``held_out`` of another fit wants them; None if parts are missing.

        For ``auto`` the columns are curves, trees and their mean; they exist where the blend was chosen.
        """
        if isinstance(self.recipe, str) and self.recipe == "auto" and self.recipe_ != "blend":
            return None
        return _raw_logits(self.model_, X, parts=isinstance(self.recipe, str) and self.recipe == "auto")

    @property
    def base_(self) -> float:
        """The mean training logit (mapped, for a sigmoid map): ``logit = base_ + contributions.sum(1)``."""
        return float(self.gate_.line[0] + self.gate_.line[1] * self.model_.base_)

    def _logit(self, X: Any) -> FloatArray:
        return self.gate_.apply(_logits(self.model_, X))

    def _recipe(self, name: str) -> Any:
        if name == "own":
            return clone(self.recipe)
        kind: Any = {
            "blend": LogitBlendClassifier,
            "curves": CurveLogisticClassifier,
            "trees": SmallTreesClassifier,
        }[name]
        return kind(categorical_features=self.categorical_features, random_state=self.random_state)

    def _held_out(self, X: Any, target: NDArray[np.int64]) -> HeldOut:
        """Outcomes and logits of held-out rows; for ``auto`` those of curves, trees and their mean."""
        fixed = self.recipe != "auto" if isinstance(self.recipe, str) else True
        if fixed and self.calibration == "none":
            return HeldOut.of([], [], [])
        outcomes, found, rows = [], [], []
        for train, test in self._splits(target):
            name = self.recipe if isinstance(self.recipe, str) else "own"
            model = self._recipe("blend" if name == "auto" else name)
            model.fit(X[train], self.classes_[target[train]])
            found.append(_raw_logits(model, X[test], parts=name == "auto"))
            outcomes.append(target[test].astype(float))
            rows.append(len(train))
        return HeldOut.of(outcomes, found, rows)

    def _splits(self, target: NDArray[np.int64]) -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """The inner folds that have both classes to learn from and enough to judge by."""
        from sklearn.model_selection import StratifiedKFold

        if not isinstance(self.cv, (int, np.integer)):
            given = [(np.asarray(train), np.asarray(test)) for train, test in self.cv]
            return [(train, test) for train, test in given if len(np.unique(target[train])) == 2]
        if self.cv < 2:
            raise ValueError(f"cv must be 2 or more folds, or an iterable of splits, got {self.cv!r}")
        part = sample_rows(len(target), self.most_rows, self.random_state)
        rows = np.arange(len(target)) if part is None else part
        if np.bincount(target[rows], minlength=2).min() < max(LEAST_EVENTS, self.cv):
            return []
        folds = StratifiedKFold(int(self.cv), shuffle=True, random_state=self.random_state)
        return [(rows[a], rows[b]) for a, b in folds.split(rows, target[rows])]


def _raw_logits(model: Any, X: Any, *, parts: bool) -> FloatArray:
    if not parts:
        return _logits(model, X)[:, None]
    curves, trees = model.curves_._logit(X), model.trees_._logit(X)
    return np.column_stack([curves, trees, (curves + trees) / 2.0])


def _logits(model: Any, X: Any) -> FloatArray:
    """The logit of a classifier: its own, or that of its probability kept off 0 and 1."""
    if isinstance(model, TwoClassClassifier):
        return model._logit(X)
    p = np.asarray(model.predict_proba(X)[:, 1], dtype=float).clip(_SMALLEST, 1.0 - _SMALLEST)
    return np.asarray(np.log(p) - np.log1p(-p), dtype=float)
