"""Ridge-penalised logistic regression of two or more classes by Newton, and quadratic terms for it."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: Newton steps, and the largest step after which nothing changes: the next would be about its square.
MAX_STEPS = 60
TOLERANCE = 1e-4
#: With a curvature kept from before: the largest last step, and how much of the step before is too much.
KEPT_TOLERANCE = 1e-6
WORN = 0.3
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
    return shares_of(design @ coefficients)


def shares_of(linear: Floats) -> Floats:
    """Chances (n, K) from the linear predictors (n, K-1) of classes 1..K-1 against class 0.

    >>> shares_of(np.zeros((1, 1))).tolist()
    [[0.5, 0.5]]
    """
    # Classes as rows: sums over few neighbours are many times slower than over few long rows.
    chances = np.empty((linear.shape[1] + 1, len(linear)))
    chances[0], chances[1:] = 0.0, linear.T
    chances -= chances.max(axis=0)
    np.exp(chances, out=chances)
    chances /= chances.sum(axis=0)
    return chances.T


@dataclass(frozen=True, eq=False, kw_only=True)
class ClassFit:
    """Coefficients (q, K-1), and a curvature of the likelihood near them, of how many rows."""

    coefficients: Floats
    information: Floats
    rows: float


def fit_classes(
    design: Floats,
    codes: Codes,
    *,
    classes: int,
    penalty: float | Floats,
    weights: Floats | None = None,
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

    Returns
    -------
    (q, K-1) array

    Examples
    --------
    >>> design = np.column_stack([np.ones(6), [0.0, 0, 0, 1, 1, 1]])
    >>> found = fit_classes(design, np.array([0, 0, 1, 0, 1, 1]), classes=2, penalty=1e-6)
    >>> class_probabilities(design, found)[[0, 5], 1].round(3).tolist()
    [0.333, 0.667]
    """
    return solve_classes(design, codes, classes=classes, penalty=penalty, weights=weights).coefficients


def solve_classes(
    design: Floats,
    codes: Codes,
    *,
    classes: int,
    penalty: float | Floats,
    weights: Floats | None = None,
    near: ClassFit | None = None,
) -> ClassFit:
    """As :func:`fit_classes`; ``near`` is a fit of about the same rows, from which the search starts.

    Newton's method with step halving; the penalised likelihood is concave. The curvature is the dear part
    of a step, so it is kept as long as each step is much smaller than the one before, and taken from
    ``near`` for the first; the steps then go on until they are a thousand times smaller.
    """
    from scipy.linalg import lu_factor, lu_solve

    q, free = design.shape[1], classes - 1
    target = (codes[:, None] == np.arange(1, classes)).astype(np.float64)
    weight = np.ones(len(design)) if weights is None else weights
    ridge = np.broadcast_to(penalty, (q,)).astype(np.float64)
    ridge[0] = 0.0
    rows = float(weight.sum())
    if near is None:
        coefficients, factors = np.zeros((q, free)), None
    else:
        coefficients, information = near.coefficients, _for_rows(near, rows, ridge)
        factors = lu_factor(information)
    value, chances = _objective(design, coefficients, codes, weight, ridge)
    last = np.inf
    for _ in range(MAX_STEPS):
        fresh = factors is None
        if fresh:
            information = _information(design, chances[:, 1:], weight, ridge)
            factors = lu_factor(information)
        score = design.T @ ((target - chances[:, 1:]) * weight[:, None]) - ridge[:, None] * coefficients
        step = lu_solve(factors, score.T.ravel()).reshape(free, q).T
        length = float(np.abs(step).max())
        if not fresh and length > WORN * last:
            factors, last = None, np.inf
            continue
        for _ in range(20):
            moved, found = _objective(design, coefficients + step, codes, weight, ridge)
            if moved >= value - 1e-9 * abs(value):
                break
            step, factors = step / 2.0, None
        coefficients, value, chances, last = coefficients + step, moved, found, length
        if np.abs(step).max() < (TOLERANCE if fresh else KEPT_TOLERANCE):
            break
    return ClassFit(coefficients=coefficients, information=information, rows=rows)


def _for_rows(near: ClassFit, rows: float, ridge: Floats) -> Floats:
    """The curvature of a fit as it would be with another number of like rows."""
    matrix = near.information.copy()
    own = np.tile(np.maximum(ridge, 1e-8), near.coefficients.shape[1])
    diagonal = np.diag_indices(len(own))
    matrix[diagonal] -= own
    matrix *= rows / near.rows
    matrix[diagonal] += own
    return matrix


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
