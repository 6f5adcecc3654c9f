"""Logistic regression with a ridge penalty by Newton's method, on a design that comes in blocks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
#: Yields (rows, design): a slice of rows and their design (rows, p), first column 1.
Blocks = Callable[[], Iterator[tuple[slice, FloatArray]]]

_HALVINGS: Final = 30


def ridge_logistic(
    blocks: Blocks,
    y: FloatArray,
    *,
    penalty: FloatArray,
    start: FloatArray | None = None,
    steps: int = 50,
    tolerance: float = 1e-8,
) -> FloatArray:
    r"""Coefficients of a penalised logistic regression.

    .. math:: \min_\beta \sum_i \log(1 + e^{-(2 y_i - 1) z_i'\beta}) + \tfrac12 \sum_j \kappa_j \beta_j^2

    Newton steps, halved where a full step would not lower the objective. Memory: one block and a
    (p, p) matrix, whatever the number of rows.

    Parameters
    ----------
    blocks, y
        Called once per pass, its slices cover all rows; outcomes 0 or 1, (n,).
    penalty, start
        kappa, (p,), 0 for the constant; first guess, (p,), by default the constant alone.
    steps
        Most Newton steps. One step from a guess that a random part of the rows gave has the same large-
        sample distribution as the full solution (Le Cam's one-step estimator).
    tolerance
        Stop when half the squared Newton decrement per row, which is the improvement still possible,
        falls below it.

    Returns
    -------
    (p,) coefficients.

    References
    ----------
    Le Cessie and van Houwelingen (1992), Ridge estimators in logistic regression; van der Vaart (1998),
    Asymptotic Statistics, section 5.7 (one-step estimators).

    Examples
    --------
    >>> z = np.column_stack([np.ones(4), [0.0, 1.0, 2.0, 3.0]])
    >>> def whole():
    ...     yield slice(0, 4), z
    >>> beta = ridge_logistic(whole, np.array([0.0, 1.0, 0.0, 1.0]), penalty=np.array([0.0, 1.0]))
    >>> beta.round(3).tolist()
    [-0.679, 0.453]
    """
    beta = _first_guess(y, penalty) if start is None else np.array(start, dtype=float)
    for _ in range(steps):
        loss, gradient, hessian = _pass(blocks, y, beta, penalty)
        step = np.asarray(np.linalg.solve(hessian, gradient), dtype=np.float64)
        gain = float(gradient @ step)
        if steps == 1 or gain / (2.0 * len(y)) < tolerance:
            return beta - step
        beta = beta - _step_size(blocks, y, beta, step, penalty, loss, gain) * step
    return beta


def _first_guess(y: FloatArray, penalty: FloatArray) -> FloatArray:
    share = (y.sum() + 0.5) / (len(y) + 1.0)
    return np.concatenate([[np.log(share / (1.0 - share))], np.zeros(len(penalty) - 1)])


def _pass(
    blocks: Blocks, y: FloatArray, beta: FloatArray, penalty: FloatArray
) -> tuple[float, FloatArray, FloatArray]:
    """Objective, gradient and Hessian at ``beta``."""
    from scipy.special import expit

    loss = 0.5 * float(penalty @ beta**2)
    gradient = penalty * beta
    hessian = np.diag(penalty + 1e-10)
    for rows, design in blocks():
        logit = design @ beta.astype(design.dtype)
        loss += _loss(logit, y[rows])
        p = expit(logit)
        gradient = gradient + design.T @ (p - y[rows]).astype(design.dtype)
        root = design * np.sqrt(p * (1.0 - p))[:, None].astype(design.dtype)
        hessian += root.T @ root
    return loss, gradient, hessian


def _step_size(
    blocks: Blocks,
    y: FloatArray,
    beta: FloatArray,
    step: FloatArray,
    penalty: FloatArray,
    loss: float,
    gain: float,
) -> float:
    """1, or the first half of it at which the objective falls by a tenth of what the slope promises."""
    size = 1.0
    for _ in range(_HALVINGS):
        there = beta - size * step
        found = 0.5 * float(penalty @ there**2)
        found += sum(_loss(z @ there.astype(z.dtype), y[rows]) for rows, z in blocks())
        if found <= loss - 0.1 * size * gain + 1e-9 * abs(loss):
            return size
        size /= 2.0
    return 0.0


def _loss(logit: FloatArray, y: FloatArray) -> float:
    return float(np.sum(np.logaddexp(0.0, logit) - y * logit))
