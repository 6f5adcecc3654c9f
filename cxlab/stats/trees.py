"""Small boosted trees of two classes, with exact additive reasons (Shapley values) and no extra library."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.utils.validation import check_is_fitted, validate_data

from cxlab.stats.curve_columns import LevelColumn
from cxlab.stats.tree_shapley import TreeTables, tree_tables
from cxlab.stats.two_class import NUMBERS, FloatArray, TwoClassClassifier, check_levels, sample_rows

# Rounds unless set: least and most, and rows of the rarer class that ask for one more.
ROUNDS: Final = (120, 240)
ROWS_PER_ROUND: Final = 16
# With this many rows of the rarer class half the rounds at twice the step lose nothing and cost half.
MANY: Final = 20_000
_BLOCK_ROWS: Final = 100_000


class SmallTreesClassifier(TwoClassClassifier):
    """Gradient boosting with few leaves, small steps and many rows per leaf: calibrated as it comes.

    Boosters with their usual defaults overfit tables of some thousand rows and give probabilities that
    are too extreme; these settings are for the hundreds to tens of thousands of events that firms have.

    Parameters
    ----------
    categorical_features
        Column numbers that hold level codes; None for none. Any finite code is a level, nan is missing.
    rounds
        Trees; None for 120 up to 1,920 rows of the rarer class, then one per sixteen of them, at most 240:
        with more to learn from, few small steps stop too early and forecasts are timid. From 20,000 such
        rows on, half the rounds at twice the learning rate.
    learning_rate, leaves, leaf_rows, leaf_penalty, feature_share
        Shrinkage, leaves per tree, least rows per leaf, L2 penalty of a leaf, share of the columns tried at
        a split.
    level_rows, most_levels
        As in :class:`cxlab.stats.curves.CurveLogisticClassifier`.
    most_rows
        Beyond this many rows a random part of them is learned from.
    random_state
        Seed; equal seeds give equal probabilities.

    Attributes
    ----------
    classes_, columns_ : the labels; the columns of levels as :class:`LevelColumn`, None for numbers.
    booster_ : the fitted ``HistGradientBoostingClassifier``.
    base_ : the mean logit of the training rows; ``logit = base_ + contributions.sum(1)``.

    Raises
    ------
    ValueError
        As CurveLogisticClassifier.

    References
    ----------
    Friedman (2001), Greedy function approximation; Lundberg et al. (2020), From local explanations to
    global understanding with explainable AI for trees (path-dependent Shapley values).

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> y = rng.random(2000) < 1 / (1 + np.exp(2 - X[:, 0] ** 2))
    >>> model = SmallTreesClassifier().fit(X, y)
    >>> parts = model.contributions(X)
    >>> bool(np.abs(model.base_ + parts.sum(1) - model.decision_function(X)).max() < 1e-12)
    True
    """

    def __init__(
        self,
        *,
        categorical_features: Sequence[int] | None = None,
        rounds: int | None = None,
        learning_rate: float = 0.05,
        leaves: int = 8,
        leaf_rows: int = 40,
        leaf_penalty: float = 5.0,
        feature_share: float = 0.5,
        level_rows: int = 20,
        most_levels: int = 50,
        most_rows: int = 400_000,
        random_state: int = 0,
    ) -> None:
        self.categorical_features = categorical_features
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.leaf_rows = leaf_rows
        self.leaf_penalty = leaf_penalty
        self.feature_share = feature_share
        self.level_rows = level_rows
        self.most_levels = most_levels
        self.most_rows = most_rows
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> SmallTreesClassifier:
        """Fit to ``X`` (n, k) and two-class labels ``y`` (n,)."""
        X, target = self._checked(X, y)
        levels = check_levels(self.categorical_features, width=X.shape[1], most_levels=self.most_levels)
        part = sample_rows(len(X), self.most_rows, self.random_state)
        if part is not None:
            X, target = X[part], target[part]
        self.columns_ = [
            LevelColumn.learn(X[:, j], least_rows=self.level_rows, most_levels=self.most_levels)
            if j in levels
            else None
            for j in range(X.shape[1])
        ]
        self.empty_ = np.array(
            [
                column.is_empty if column is not None else bool(np.isnan(X[:, j]).all())
                for j, column in enumerate(self.columns_)
            ]
        )
        rounds = self._rounds(target)
        if self.rounds is None and np.bincount(target).min() >= MANY:
            rounds //= 2
        self.booster_ = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate * (2.0 if rounds < self._rounds(target) else 1.0),
            max_iter=rounds,
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf_rows,
            l2_regularization=self.leaf_penalty,
            max_features=self.feature_share,
            categorical_features=sorted(levels) or None,
            early_stopping=False,
            random_state=self.random_state,
        ).fit(self._ordinal(X), target)
        self._known_tables: TreeTables | None = None
        return self

    def contributions(self, X: Any) -> FloatArray:
        """What each column adds to the logit of each row, (n, k): Shapley values of the trees.

        Against the mean of the training rows; ``base_ + contributions(X).sum(1)`` is
        ``decision_function(X)`` to rounding.

        Raises
        ------
        ValueError
            For more than ten leaves per tree: the tables of the trees would not fit.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=NUMBERS, ensure_all_finite="allow-nan", reset=False)
        tables = self._tables()
        blocks = [
            tables.contributions(self._ordinal(X[start : start + _BLOCK_ROWS]).astype(np.float64))
            for start in range(0, len(X), _BLOCK_ROWS)
        ]
        return np.concatenate(blocks)

    @property
    def base_(self) -> float:
        """The mean logit of the training rows."""
        return self._tables().base

    def _tables(self) -> TreeTables:
        if self._known_tables is None:
            levels = [j for j, column in enumerate(self.columns_) if column is not None]
            self._known_tables = tree_tables(self.booster_, levels, width=len(self.columns_))
        return self._known_tables

    def _logit(self, X: Any) -> FloatArray:
        return np.asarray(self.booster_.decision_function(self._ordinal(X)), dtype=float)

    def _rounds(self, target: Any) -> int:
        if self.rounds is not None:
            return self.rounds
        rarer = int(np.bincount(target).min())
        return int(np.clip(rarer // ROWS_PER_ROUND, *ROUNDS))

    def _ordinal(self, X: Any) -> Any:
        if not self.empty_.any() and not any(column is not None for column in self.columns_):
            return X
        out = X.copy()
        for j, column in enumerate(self.columns_):
            if column is not None:
                out[:, j] = column.ordinal(X[:, j])
        # The booster cannot cut a column into bins that held nothing in training.
        out[:, self.empty_] = 0.0
        return out
