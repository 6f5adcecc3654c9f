"""What every two-class classifier of the house shares: checks, a logit, probabilities from it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets, type_of_target
from sklearn.utils.validation import check_is_fitted, validate_data

FloatArray = NDArray[np.float64]
#: Numbers are kept as they come in these types: a million rows of float32 are not copied into float64.
NUMBERS = (np.float64, np.float32)


class TwoClassClassifier(ClassifierMixin, BaseEstimator, ABC):  # type: ignore[misc]
    """A scikit-learn classifier of two classes that forecasts on the logit; missing values are allowed."""

    classes_: NDArray[Any]

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.classifier_tags.multi_class = False
        return tags

    def decision_function(self, X: Any) -> FloatArray:
        """The logit (n,) of the second class for ``X`` (n, k)."""
        check_is_fitted(self)
        X = validate_data(self, X, dtype=NUMBERS, ensure_all_finite="allow-nan", reset=False)
        return self._logit(X)

    def predict_proba(self, X: Any) -> FloatArray:
        """Probabilities (n, 2) of the two classes, in the order of ``classes_``."""
        from scipy.special import expit

        logit = self.decision_function(X)
        return np.column_stack([expit(-logit), expit(logit)])

    def predict(self, X: Any) -> NDArray[Any]:
        """The likelier class (n,); for decisions weigh costs instead of using this cut at one half."""
        logit = self.decision_function(X)
        return np.asarray(self.classes_[(logit > 0.0).astype(int)])

    @abstractmethod
    def _logit(self, X: Any) -> FloatArray:
        """The logit of checked rows."""

    def _checked(self, X: Any, y: Any) -> tuple[Any, NDArray[np.int64]]:
        """``X`` as numbers and ``y`` as 0 and 1; sets ``classes_``.

        Raises
        ------
        ValueError
            For input that scikit-learn refuses, more than two classes, or one class only.
        """
        X, y = validate_data(self, X, y, dtype=NUMBERS, ensure_all_finite="allow-nan")
        check_classification_targets(y)
        kind = type_of_target(y, input_name="y", raise_unknown=True)
        if kind != "binary":
            raise ValueError(f"Only binary classification is supported. The type of the target is {kind}.")
        self.classes_, target = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(f"{type(self).__name__} needs two classes in y, got one class only")
        return X, target.astype(np.int64)


def check_levels(categorical_features: Any, *, width: int, most_levels: int) -> frozenset[int]:
    """The column numbers that hold levels, as a set.

    Raises
    ------
    ValueError
        For numbers that are not columns, or a ``most_levels`` outside 1..250.
    """
    levels = frozenset(int(j) for j in categorical_features or ())
    bad = sorted(j for j in levels if not 0 <= j < width)
    if bad:
        raise ValueError(f"categorical_features {bad} are not column numbers of X with {width} columns")
    if not 1 <= most_levels <= 250:
        raise ValueError(f"most_levels must lie in 1..250, got {most_levels!r}")
    return levels


def sample_rows(n: int, most: int, seed: int) -> NDArray[np.int64] | None:
    """``most`` row numbers at random in their order; None where all ``n`` rows are to be used.

    >>> sample_rows(10, 20, 0) is None, len(sample_rows(10, 4, 0))
    (True, 4)
    """
    if n <= most:
        return None
    return np.sort(np.random.default_rng(seed).choice(n, most, replace=False, shuffle=False))
