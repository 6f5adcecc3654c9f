"""A calibrated two-part classifier on arrays: spline logistic and small booster, averaged on the logit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import SplineTransformer
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

FloatArray = NDArray[np.float64]

# The outermost knots stand a little inside the range, so that one wild value cannot stretch the curve.
OUTER_SHARE: Final = 0.01
# A curve needs a knot between its ends; columns with fewer distinct quantiles enter as a straight line.
LEAST_KNOTS: Final = 3

# Rounds of the booster unless set: least and most, and rows of the rarer class that ask for one more.
ROUNDS: Final = (200, 400)
ROWS_PER_ROUND: Final = 10


@dataclass(frozen=True, kw_only=True)
class NumericColumn:
    """How one numeric column enters the logistic part: a cubic spline, or a standardised line.

    A missing value has zero in every curve column and one in an indicator of its own, so that "not
    known" gets its own coefficient. Where training held no missing value there is no such
    coefficient, and a value missing only later is read as the training median.
    """

    median: float
    scale: float
    has_missing: bool
    is_empty: bool
    spline: SplineTransformer | None

    @classmethod
    def learn(cls, values: FloatArray, *, knots: int) -> NumericColumn:
        """Knots at evenly spaced quantiles of the observed ``values`` (n,)."""
        seen = values[~np.isnan(values)]
        has_missing = bool(len(seen) < len(values))
        if not len(seen):
            return cls(median=0.0, scale=1.0, has_missing=has_missing, is_empty=True, spline=None)
        levels = np.linspace(0.0, 1.0, knots)
        levels[0], levels[-1] = OUTER_SHARE, 1.0 - OUTER_SHARE
        places = np.unique(np.quantile(seen, levels))
        spline = None
        if len(places) >= LEAST_KNOTS and np.all(np.diff(places) > 1e-9 * np.ptp(places)):
            spline = SplineTransformer(
                knots=places[:, None], degree=3, include_bias=False, extrapolation="constant"
            ).fit(seen[:, None])
        scale = float(np.std(seen))
        # Rounding noise of a constant is not a spread: dividing by it would blow the noise up.
        flat = scale <= 1e-12 * max(1.0, float(np.abs(seen).max()))
        return cls(
            median=float(np.median(seen)),
            scale=1.0 if flat else scale,
            has_missing=has_missing,
            is_empty=False,
            spline=spline,
        )

    def columns(self, values: FloatArray) -> FloatArray:
        """The design columns (n, k) of ``values`` (n,)."""
        missing = np.isnan(values)
        filled = np.where(missing, self.median, values)[:, None]
        if self.spline is None:
            curve = (filled - self.median) / self.scale
        else:
            curve = np.asarray(self.spline.transform(filled), dtype=float)
        if not self.has_missing:
            return curve
        curve[missing] = 0.0
        return np.column_stack([curve, missing.astype(float)])


@dataclass(frozen=True, kw_only=True)
class LevelColumn:
    """How one categorical column enters: frequent levels, one pooled rare level, missing apart.

    Levels unseen in training join the pooled level where there is one; otherwise they have no column
    (the average customer) and the booster reads them as missing.
    """

    levels: FloatArray
    has_rare: bool
    has_missing: bool

    @classmethod
    def learn(cls, codes: FloatArray, *, least_rows: int, most_levels: int) -> LevelColumn:
        """The levels of ``codes`` (n,) with ``least_rows`` rows or more, at most ``most_levels``."""
        seen = codes[~np.isnan(codes)]
        levels, rows = np.unique(seen, return_counts=True)
        order = np.argsort(-rows, kind="stable")[:most_levels]
        kept = np.sort(levels[order][rows[order] >= least_rows])
        return cls(
            levels=kept, has_rare=bool(len(kept) < len(levels)), has_missing=bool(len(seen) < len(codes))
        )

    @property
    def is_empty(self) -> bool:
        """Whether training held no level at all."""
        return not len(self.levels) and not self.has_rare

    def ordinal(self, codes: FloatArray) -> FloatArray:
        """Level numbers (n,): 0.. for kept levels, the next one for the pooled level, nan if missing."""
        if not len(self.levels):
            place = np.zeros(len(codes), dtype=int)
            known = np.zeros(len(codes), dtype=bool)
        else:
            place = np.minimum(np.searchsorted(self.levels, codes), len(self.levels) - 1)
            known = self.levels[place] == codes
        other = float(len(self.levels)) if self.has_rare else np.nan
        return np.where(np.isnan(codes), np.nan, np.where(known, place, other))

    def columns(self, codes: FloatArray) -> FloatArray:
        """Indicator columns (n, k): one per level (one in all for two levels), one for missing."""
        count = len(self.levels) + self.has_rare
        number = self.ordinal(codes)
        first = 1 if count == 2 and not self.has_missing else 0
        shown = (number[:, None] == np.arange(first, count)[None, :]).astype(float)
        return np.column_stack([shown, np.isnan(codes)]) if self.has_missing else shown


class LogitBlendClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    """Probability of one of two classes, averaged on the logit over a curve model and a small booster.

    ``logit p(x) = (eta(x) + f(x)) / 2`` where ``eta`` is a logistic regression on cubic splines of the
    numeric columns and indicators of the levels, with a mild ridge penalty, and ``f`` is a sum of
    shallow trees. No class weights and no resampling: both would break the calibration.

    Parameters
    ----------
    categorical_features
        Column numbers that hold level codes; None for none. Any finite code is a level, nan is missing.
    knots
        Knots per numeric column, 4 or more.
    inverse_penalty
        C of the logistic part, above 0; 1 is a mild ridge penalty.
    rounds
        Trees of the booster; None for 200 up to 2,000 rows of the rarer class, then one per ten of them,
        at most 400: with more to learn from, 200 small steps stop too early and forecasts are timid.
    learning_rate, leaves, leaf_rows, leaf_penalty, feature_share
        The booster: shrinkage, leaves per tree, least rows per leaf, L2 penalty of a leaf, share of the
        columns tried at a split.
    level_rows, most_levels
        Levels with fewer rows, and those beyond the most frequent ``most_levels`` (250 at most), are
        pooled into one.
    random_state
        Seed of the booster; equal seeds give equal probabilities.

    Attributes
    ----------
    classes_ : (2,) the two labels, sorted; probabilities of the second are what is modelled.
    columns_ : how each column enters, in order.
    logistic_, booster_ : the fitted parts.

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
        learning_rate: float = 0.03,
        leaves: int = 6,
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

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def fit(self, X: Any, y: Any) -> LogitBlendClassifier:
        """Fit both parts to ``X`` (n, k) and two-class labels ``y`` (n,)."""
        X, y = validate_data(self, X, y, dtype=np.float64, ensure_all_finite="allow-nan")
        self._check_settings(X.shape[1])
        self._check_two_classes(y)
        self.classes_, target = np.unique(y, return_inverse=True)
        levels = set(self.categorical_features or ())
        self.columns_ = [
            LevelColumn.learn(X[:, j], least_rows=self.level_rows, most_levels=self.most_levels)
            if j in levels
            else NumericColumn.learn(X[:, j], knots=self.knots)
            for j in range(X.shape[1])
        ]
        self.logistic_ = LogisticRegression(
            C=self.inverse_penalty, solver="newton-cholesky", max_iter=200
        ).fit(self._design(X), target)
        self.booster_ = HistGradientBoostingClassifier(
            learning_rate=self.learning_rate,
            max_iter=self._rounds(target),
            max_leaf_nodes=self.leaves,
            min_samples_leaf=self.leaf_rows,
            l2_regularization=self.leaf_penalty,
            max_features=self.feature_share,
            categorical_features=sorted(levels) or None,
            early_stopping=False,
            random_state=self.random_state,
        ).fit(self._ordinal(X), target)
        return self

    def decision_function(self, X: Any) -> FloatArray:
        """The logit (n,) of the second class for ``X`` (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        curve = self.logistic_.decision_function(self._design(X))
        trees = self.booster_.decision_function(self._ordinal(X))
        return np.asarray((curve + trees) / 2.0, dtype=float)

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities (n, 2) of the two classes, in the order of ``classes_``."""
        from scipy.special import expit

        logit = self.decision_function(X)
        return np.column_stack([expit(-logit), expit(logit)])

    def predict(self, X: Any) -> NDArray[Any]:
        """The likelier class (n,); for decisions weigh costs instead of using this cut at one half."""
        logit = self.decision_function(X)
        return np.asarray(self.classes_[(logit > 0.0).astype(int)])

    def _rounds(self, target: NDArray[np.int64]) -> int:
        if self.rounds is not None:
            return self.rounds
        rarer = int(np.bincount(target).min())
        return int(np.clip(rarer // ROWS_PER_ROUND, *ROUNDS))

    def _design(self, X: FloatArray) -> FloatArray:
        return np.hstack([column.columns(X[:, j]) for j, column in enumerate(self.columns_)])

    def _ordinal(self, X: FloatArray) -> FloatArray:
        out = X.copy()
        for j, column in enumerate(self.columns_):
            if isinstance(column, LevelColumn):
                out[:, j] = column.ordinal(X[:, j])
            if column.is_empty:
                # The booster cannot cut a column into bins that held nothing in training.
                out[:, j] = 0.0
        return out

    def _check_settings(self, width: int) -> None:
        bad = [j for j in self.categorical_features or () if not 0 <= j < width]
        if bad:
            raise ValueError(f"categorical_features {bad} are not column numbers of X with {width} columns")
        if self.knots < 4:
            raise ValueError(f"knots must be 4 or more, got {self.knots!r}")
        if not 1 <= self.most_levels <= 250:
            raise ValueError(f"most_levels must lie in 1..250, got {self.most_levels!r}")

    def _check_two_classes(self, y: NDArray[Any]) -> None:
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        if len(np.unique(y)) < 2:
            raise ValueError("LogitBlendClassifier needs two classes in y, got one class only")
