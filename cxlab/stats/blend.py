"""A calibrated two-part classifier on arrays: curve model and small trees, averaged on the logit."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from cxlab.stats.curves import CurveLogisticClassifier
from cxlab.stats.trees import SmallTreesClassifier
from cxlab.stats.two_class import NUMBERS, FloatArray, TwoClassClassifier


class LogitBlendClassifier(TwoClassClassifier):
    """Probability of one of two classes, averaged on the logit over a curve model and small trees.

    ``logit p(x) = (eta(x) + f(x)) / 2`` where ``eta`` is a
    :class:`cxlab.stats.curves.CurveLogisticClassifier` and ``f`` a
    :class:`cxlab.stats.trees.SmallTreesClassifier`. No class weights and no resampling: both would break
    the calibration.

    Parameters
    ----------
    categorical_features
        Column numbers that hold level codes; None for none. Any finite code is a level, nan is missing.
    knots, inverse_penalty
        The curve model.
    rounds, learning_rate, leaves, leaf_rows, leaf_penalty, feature_share
        The trees.
    level_rows, most_levels
        Levels with fewer rows, and those beyond the most frequent ``most_levels`` (250 at most), are
        pooled into one.
    random_state
        Seed of the trees; equal seeds give equal probabilities.

    Attributes
    ----------
    classes_ : (2,) the two labels, sorted; probabilities of the second are what is modelled.
    curves_, trees_ : the fitted parts.
    base_ : the mean logit of the training rows; ``logit = base_ + contributions.sum(1)``.

    Raises
    ------
    ValueError
        For input that scikit-learn's validation refuses, one class only, or settings out of range.

    Notes
    -----
    Missing values are allowed and carry their own coefficient; nothing is imputed from other columns.
    Assumes rows like those of the training data. Follows scikit-learn and passes ``check_estimator``.

    References
    ----------
    de Boor (1978), A Practical Guide to Splines; Friedman (2001), Greedy function approximation.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> y = rng.random(2000) < 1 / (1 + np.exp(2 - X[:, 0] ** 2))
    >>> model = LogitBlendClassifier().fit(X, y)
    >>> p = model.predict_proba([[0.0, 0.0], [2.0, 0.0]])[:, 1]
    >>> bool(p[0] < 0.2 < 0.7 < p[1])
    True
    """

    def __init__(
        self,
        *,
        categorical_features: Sequence[int] | None = None,
        knots: int = 5,
        inverse_penalty: float = 1.0,
        rounds: int | None = None,
        learning_rate: float = 0.05,
        leaves: int = 8,
        leaf_rows: int = 40,
        leaf_penalty: float = 5.0,
        feature_share: float = 0.5,
        level_rows: int = 20,
        most_levels: int = 50,
        random_state: int = 0,
    ) -> None:
        self.categorical_features = categorical_features
        self.knots = knots
        self.inverse_penalty = inverse_penalty
        self.rounds = rounds
        self.learning_rate = learning_rate
        self.leaves = leaves
        self.leaf_rows = leaf_rows
        self.leaf_penalty = leaf_penalty
        self.feature_share = feature_share
        self.level_rows = level_rows
        self.most_levels = most_levels
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> LogitBlendClassifier:
        """Fit both parts to ``X`` (n, k) and two-class labels ``y`` (n,)."""
        X, _ = self._checked(X, y)
        self.curves_ = CurveLogisticClassifier(
            categorical_features=self.categorical_features,
            knots=self.knots,
            inverse_penalty=self.inverse_penalty,
            level_rows=self.level_rows,
            most_levels=self.most_levels,
            random_state=self.random_state,
        ).fit(X, y)
        self.trees_ = SmallTreesClassifier(
            categorical_features=self.categorical_features,
            rounds=self.rounds,
            learning_rate=self.learning_rate,
            leaves=self.leaves,
            leaf_rows=self.leaf_rows,
            leaf_penalty=self.leaf_penalty,
            feature_share=self.feature_share,
            level_rows=self.level_rows,
            most_levels=self.most_levels,
            random_state=self.random_state,
        ).fit(X, y)
        return self

    def contributions(self, X: Any) -> FloatArray:
        """What each column adds to the logit of each row, (n, k), against the mean training row.

        The mean of the parts' contributions: those of the curves are exact and free, those of the trees
        exact Shapley values. ``base_ + contributions(X).sum(1)`` is ``decision_function(X)`` to rounding.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=NUMBERS, ensure_all_finite="allow-nan", reset=False)
        return (self.curves_.contributions(X) + self.trees_.contributions(X)) / 2.0

    @property
    def base_(self) -> float:
        """The mean logit of the training rows."""
        return (self.curves_.base_ + self.trees_.base_) / 2.0

    def _logit(self, X: Any) -> FloatArray:
        return np.asarray((self.curves_._logit(X) + self.trees_._logit(X)) / 2.0, dtype=float)
