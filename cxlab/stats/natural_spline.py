"""Natural cubic splines: a smooth curve that runs on as a straight line outside its outer knots."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]


def spline_knots(values: FloatArray, *, knots: int, weights: FloatArray | None = None) -> FloatArray:
    """Knots at even quantiles of ``values``, the outer ones at 5 % and 95 %; fewer where values repeat.

    Parameters
    ----------
    values : (n,)
        Where the data lie, for a hazard the ages of the events.
    knots
        How many are wanted.
    weights : (n,)
        Weight of each value, 1 if None.

    Returns
    -------
    (k,) array
        Rising knots, ``k <= knots``.

    Notes
    -----
    Source: Harrell (2015), Regression Modeling Strategies, 2nd ed., section 2.4.6.

    Examples
    --------
    >>> spline_knots(np.arange(101.0), knots=3)
    array([ 5., 50., 95.])
    """
    order = np.argsort(values, kind="stable")
    mass = np.cumsum(np.ones(len(values)) if weights is None else weights[order])
    wanted = np.linspace(0.05, 0.95, knots) * mass[-1]
    places = np.minimum(np.searchsorted(mass, wanted), len(values) - 1)
    return np.unique(np.asarray(values, dtype=np.float64)[order][places])


def natural_spline(values: FloatArray, knots: FloatArray) -> FloatArray:
    """Basis of a natural cubic spline without its constant: ``x`` and ``k - 2`` curved columns.

    ``x_j = [(x-t_j)^3+ - (x-t_{k-1})^3+ (t_k-t_j)/(t_k-t_{k-1}) + (x-t_k)^3+ (t_{k-1}-t_j)/(t_k-t_{k-1})]
    / (t_k-t_1)^2``

    Parameters
    ----------
    values : (n,)
        Where to evaluate.
    knots : (k,)
        Rising knots; with fewer than three the curve is a line.

    Returns
    -------
    (n, max(k - 1, 1)) array

    Notes
    -----
    Source: Stone and Koo (1985); Harrell (2015), equation 2.25.

    Examples
    --------
    >>> natural_spline(np.array([0.0, 1.0, 2.0]), np.array([0.0, 1.0, 2.0]))
    array([[0.  , 0.  ],
           [1.  , 0.25],
           [2.  , 1.5 ]])
    """
    x = np.asarray(values, dtype=np.float64)
    columns = [x]
    if len(knots) >= 3:
        last, before = knots[-1], knots[-2]
        outer = _cubed(x - last), _cubed(x - before)
        for knot in knots[:-2]:
            curve = _cubed(x - knot) - outer[1] * (last - knot) / (last - before)
            columns.append((curve + outer[0] * (before - knot) / (last - before)) / (last - knots[0]) ** 2)
    return np.column_stack(columns)


def _cubed(x: FloatArray) -> FloatArray:
    return np.asarray(np.maximum(x, 0.0) ** 3)
