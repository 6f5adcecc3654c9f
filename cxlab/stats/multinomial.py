"""Ridge-penalised logistic regression of two or more classes by Newton, and quadratic terms for it."""

from __future__ import annotations

from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Newton steps, and the largest step after which nothing changes: the next would be about its square.
MAX_STEPS = 30
TOLERANCE = 1e-4
#: Two columns that agree to this correlation carry the same thing.
_SAME = 1.0 - 1e-9


def quadratic_terms(features: Floats, *, curved: NDArray[np.bool_] | None = None) -> tuple[Floats, int]:
    """A constant, standardised features, then squares and pairwise products; and how many features.

    Parameters
    ----------
    features
        Shape (n, p). Constant and repeated columns are dropped; a 0/1 column has no square of its own.
    curved
        Shape (p,): features with squares and products; None for all. Dummies of many categories are
        better left straight: their products are many and hardly ever filled.

    Returns
    -------
    terms, mains
        Shape (n, 1 + mains + quadratic); ``mains`` features come right after the constant.

    Examples
    --------
    >>> terms, mains = quadratic_terms(np.array([[0.0, 1.0], [1.0, 2.0], [0.0, 4.0], [1.0, 7.0]]))
    >>> terms.shape, mains
    ((4, 5), 2)
    """
    kept = features.std(axis=0) > 1e-9 * np.maximum(np.abs(features).max(axis=0, initial=0.0), 1e-12)
    main = _standardised(features[:, kept])
    distinct = ~_repeated(main)
    main = main[:, distinct]
    bent = np.ones(len(kept), dtype=np.bool_) if curved is None else curved
    bends = main[:, bent[kept][distinct]]
    pairs = combinations_with_replacement(range(bends.shape[1]), 2)
    products = [bends[:, i] * bends[:, j] for i, j in pairs]
    extra = _standardised(np.column_stack(products)) if products else main[:, :0]
    together = np.hstack([main, extra])
    wanted = ~_repeated(together)
    wanted[: main.shape[1]] = True
    return np.column_stack([np.ones(len(features)), together[:, wanted]]), main.shape[1]


def _repeated(columns: Floats) -> NDArray[np.bool_]:
    """Which standardised columns repeat an earlier one, up to sign."""
    alike = np.abs(np.triu(columns.T @ columns / max(len(columns), 1), k=1)) > _SAME
    return np.asarray(alike.any(axis=0))


def _standardised(columns: Floats) -> Floats:
    spread = columns.std(axis=0)
    varies = spread > 1e-9 * np.maximum(np.abs(columns).max(axis=0, initial=0.0), 1e-12)
    return np.asarray((columns[:, varies] - columns[:, varies].mean(axis=0)) / spread[varies])


def class_probabilities(design: Floats, coefficients: Floats) -> Floats:
    """Chances (n, K) of classes 0..K-1 for a design (n, q) and coefficients (q, K-1); class 0 is the base.

    >>> class_probabilities(np.ones((1, 1)), np.array([[0.0, 0.0]])).round(3).tolist()
    [[0.333, 0.333, 0.333]]
    """
    linear = np.column_stack([np.zeros(len(design)), design @ coefficients])
    linear -= linear.max(axis=1, keepdims=True)
    np.exp(linear, out=linear)
    return np.asarray(linear / linear.sum(axis=1, keepdims=True))


def fit_classes(
    design: Floats,
    codes: Codes,
    *,
    classes: int,
    penalty: float | Floats,
    weights: Floats | None = None,
    start: Floats | None = None,
) -> Floats:
    """Coefficients (q, K-1) that maximise ``sum_i w_i log p(code_i) - sum penalty b^2 / 2``.

    Parameters
    ----------
    design
        Shape (n, q), the constant as its first column, which is not penalised.
    codes
        Shape (n,), classes 0..K-1; 0 is the base.
    classes
        K, 2 or more.
    penalty
        Ridge on the scale of the log-likelihood, above 0, one or (q,): separated classes stay finite.
    weights
        Shape (n,), 0 for rows left out; None for all rows once.
    start
        Coefficients to start from: those of nearly the same rows save most of the steps.

    Returns
    -------
    (q, K-1) array

    Newton's method with step halving; the penalised likelihood is concave.

    Examples
    --------
    >>> design = np.column_stack([np.ones(6), [0.0, 0, 0, 1, 1, 1]])
    >>> found = fit_classes(design, np.array([0, 0, 1, 0, 1, 1]), classes=2, penalty=1e-6)
    >>> class_probabilities(design, found)[[0, 5], 1].round(3).tolist()
    [0.333, 0.667]
    """
    q, free = design.shape[1], classes - 1
    coefficients = np.zeros((q, free)) if start is None else start.copy()
    target = (codes[:, None] == np.arange(1, classes)).astype(np.float64)
    weight = np.ones(len(design)) if weights is None else weights
    ridge = np.broadcast_to(penalty, (q,)).astype(np.float64)
    ridge[0] = 0.0
    value, chances = _objective(design, coefficients, codes, weight, ridge)
    for _ in range(MAX_STEPS):
        score = design.T @ ((target - chances[:, 1:]) * weight[:, None]) - ridge[:, None] * coefficients
        information = _information(design, chances[:, 1:], weight, ridge)
        step = np.linalg.solve(information, score.T.ravel()).reshape(free, q).T
        for _ in range(20):
            moved, found = _objective(design, coefficients + step, codes, weight, ridge)
            if moved >= value - 1e-9 * abs(value):
                break
            step = step / 2.0
        coefficients, value, chances = coefficients + step, moved, found
        if np.abs(step).max() < TOLERANCE:
            break
    return coefficients


def _objective(
    design: Floats, coefficients: Floats, codes: Codes, weight: Floats, ridge: Floats
) -> tuple[float, Floats]:
    chances = class_probabilities(design, coefficients)
    likely = np.maximum(chances[np.arange(len(codes)), codes], 1e-300)
    return float(weight @ np.log(likely) - 0.5 * np.sum(ridge[:, None] * coefficients**2)), chances


def _information(design: Floats, chances: Floats, weight: Floats, ridge: Floats) -> Floats:
    """Minus the second derivative, (q (K-1), q (K-1)), class after class, with the ridge and a floor."""
    q, free = design.shape[1], chances.shape[1]
    whole = np.empty((free, q, free, q))
    for first in range(free):
        for second in range(first, free):
            # The root in both factors: a product of a matrix with itself costs half.
            own = chances[:, second] if first != second else 1.0 - chances[:, first]
            rooted = design * np.sqrt(weight * chances[:, first] * own)[:, None]
            block = rooted.T @ rooted * (1.0 if first == second else -1.0)
            whole[first, :, second] = block
            whole[second, :, first] = block
    matrix = whole.reshape(free * q, free * q)
    matrix[np.diag_indices(free * q)] += np.tile(np.maximum(ridge, 1e-8), free)
    return matrix
