"""An additive curve model of two classes: logistic regression on splines, exact reasons for free."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import numpy as np
from sklearn.utils.validation import check_is_fitted, validate_data

from cxlab.stats.curve_columns import LevelColumn, NumericColumn
from cxlab.stats.ridge_logistic import ridge_logistic
from cxlab.stats.two_class import NUMBERS, FloatArray, TwoClassClassifier, check_levels, sample_rows

# Numbers of a design held at once (160 MB); more rows than that teach the curves by one Newton step.
_MOST_NUMBERS: Final = 20_000_000
_BLOCK_ROWS: Final = 25_000


class CurveLogisticClassifier(TwoClassClassifier):
    """Logistic regression on a cubic spline of each numeric column and indicators of each level.

    ``logit p(x) = b + sum_j g_j(x_j)`` with ``g_j`` a cubic B-spline (knots at even quantiles, flat beyond
    the 1st and 99th percentile), a line where a column has too few values, or an effect per level; a mild
    ridge penalty ``sum beta^2 / (2 C)`` on all but the constant. No class weights and no resampling.

    Parameters
    ----------
    categorical_features
        Column numbers that hold level codes; None for none. Any finite code is a level, nan is missing.
    knots
        Knots per numeric column, 4 or more.
    inverse_penalty
        C, above 0; 1 is a mild ridge penalty.
    feature_penalty
        A factor above 0 on the penalty of each column, (k,); None for ones. Large: shrunk harder.
    level_rows, most_levels
        Levels with fewer rows, and those beyond the most frequent ``most_levels`` (250 at most), are
        pooled into one.
    most_numbers
        A design with more numbers than this is not held in memory: its curves are fitted to a random part
        of the rows of that size, followed by one Newton step on all rows in blocks.
    random_state
        Seed of that part.

    Attributes
    ----------
    classes_ : (2,) the two labels, sorted; probabilities of the second are what is modelled.
    columns_ : how each column enters, in order.
    coef_, intercept_ : coefficients of the design columns, and the constant.
    base_ : the mean logit of the training rows; ``logit = base_ + contributions.sum(1)``.

    Raises
    ------
    ValueError
        For input that scikit-learn's validation refuses, one class only, or settings out of range.

    Notes
    -----
    Missing values carry a coefficient of their own; nothing is imputed from other columns. The one-step
    estimate has the large-sample distribution of the full one.

    References
    ----------
    de Boor (1978), A Practical Guide to Splines; Hastie and Tibshirani (1990), Generalized Additive Models.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(2000, 2))
    >>> y = rng.random(2000) < 1 / (1 + np.exp(2 - X[:, 0] ** 2))
    >>> model = CurveLogisticClassifier().fit(X, y)
    >>> parts = model.contributions([[2.0, 0.0]])
    >>> bool(parts[0, 0] > 1.0 > abs(parts[0, 1]))
    True
    """

    def __init__(
        self,
        *,
        categorical_features: Sequence[int] | None = None,
        knots: int = 5,
        inverse_penalty: float = 1.0,
        feature_penalty: Sequence[float] | None = None,
        level_rows: int = 20,
        most_levels: int = 50,
        most_numbers: int = _MOST_NUMBERS,
        random_state: int = 0,
    ) -> None:
        self.categorical_features = categorical_features
        self.knots = knots
        self.inverse_penalty = inverse_penalty
        self.feature_penalty = feature_penalty
        self.level_rows = level_rows
        self.most_levels = most_levels
        self.most_numbers = most_numbers
        self.random_state = random_state

    def fit(self, X: Any, y: Any) -> CurveLogisticClassifier:
        """Fit to ``X`` (n, k) and two-class labels ``y`` (n,)."""
        X, target = self._checked(X, y)
        levels = check_levels(self.categorical_features, width=X.shape[1], most_levels=self.most_levels)
        if self.knots < 4:
            raise ValueError(f"knots must be 4 or more, got {self.knots!r}")
        most = max(1000, self.most_numbers // ((self.knots + 2) * X.shape[1] + 1))
        part = sample_rows(len(X), most, self.random_state)
        seen, outcome = (X, target) if part is None else (X[part], target[part])
        self.columns_ = [
            LevelColumn.learn(seen[:, j], least_rows=self.level_rows, most_levels=self.most_levels)
            if j in levels
            else NumericColumn.learn(seen[:, j], knots=self.knots)
            for j in range(X.shape[1])
        ]
        self._fit_coefficients(X, target.astype(float), seen, outcome.astype(float))
        return self

    def contributions(self, X: Any) -> FloatArray:
        """What each column adds to the logit of each row, (n, k), against the mean training row.

        ``base_ + contributions(X).sum(1)`` is ``decision_function(X)`` to rounding.
        """
        check_is_fitted(self)
        X = validate_data(self, X, dtype=NUMBERS, ensure_all_finite="allow-nan", reset=False)
        parts = [effect - mean for effect, mean in zip(self._effects(X), self.mean_effects_, strict=True)]
        return np.column_stack(parts)

    def _logit(self, X: Any) -> FloatArray:
        out = np.full(len(X), self.intercept_)
        for effect in self._effects(X):
            out += effect
        return out

    def _effects(self, X: Any) -> Iterator[FloatArray]:
        for j, column in enumerate(self.columns_):
            yield column.effect(X[:, j], self.coef_[self.places_[j] : self.places_[j + 1]])

    def _fit_coefficients(self, X: Any, target: FloatArray, seen: Any, outcome: FloatArray) -> None:
        widths = [column.width for column in self.columns_]
        self.places_ = np.concatenate([[0], np.cumsum(widths)]).astype(int)
        factor = np.ones(X.shape[1]) if self.feature_penalty is None else np.asarray(self.feature_penalty)
        if factor.shape != (X.shape[1],) or not (factor > 0.0).all():
            raise ValueError(f"feature_penalty must hold {X.shape[1]} numbers above 0")
        penalty = np.concatenate([[0.0], np.repeat(factor, widths)]) / self.inverse_penalty
        design = self._design(seen)
        # A part of the rows carries its share of the penalty, so that it aims at the same solution.
        share = len(seen) / len(X)
        beta = ridge_logistic(
            lambda: iter([(slice(0, len(design)), design)]), outcome, penalty=share * penalty
        )
        means = design.mean(axis=0)
        if len(seen) < len(X):
            del design
            beta = ridge_logistic(lambda: self._blocks(X), target, penalty=penalty, start=beta, steps=1)
        self.intercept_, self.coef_ = float(beta[0]), beta[1:]
        weighted = means[1:] * self.coef_
        self.mean_effects_ = np.array(
            [weighted[a:b].sum() for a, b in zip(self.places_[:-1], self.places_[1:], strict=True)]
        )
        self.base_ = self.intercept_ + float(self.mean_effects_.sum())

    def _design(self, X: Any) -> FloatArray:
        ones = np.ones((len(X), 1))
        return np.hstack([ones, *(column.columns(X[:, j]) for j, column in enumerate(self.columns_))])

    def _blocks(self, X: Any) -> Iterator[tuple[slice, FloatArray]]:
        for start in range(0, len(X), _BLOCK_ROWS):
            rows = slice(start, min(start + _BLOCK_ROWS, len(X)))
            yield rows, self._design(X[rows]).astype(np.float32)
