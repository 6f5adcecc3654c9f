"""The columns of age in a hazard: a smooth curve of log age, held level beyond the data, and renewals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.natural_spline import natural_spline, spline_knots

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]


@dataclass(frozen=True, eq=False, kw_only=True)
class AgeCurve:
    """A constant, a natural spline of log age, and an indicator of renewals.

    Attributes
    ----------
    knots
        Knots on the log scale; empty where there is one age only.
    first, last
        The ages between which enough spells were at risk; the spline is held level beyond ``last``.
    renewal_every
        Periods between renewals (0: none): the last period of each term gets a column of its own.
    """

    knots: FloatArray
    first: int
    last: int
    renewal_every: int

    def columns(self, periods: int) -> FloatArray:
        """Columns (periods + 1, q) for the ages 0..periods.

        >>> AgeCurve(knots=np.array([]), first=1, last=3, renewal_every=2).columns(3).tolist()
        [[1.0, 0.0], [1.0, 0.0], [1.0, 1.0], [1.0, 0.0]]
        """
        age = np.arange(periods + 1)
        columns = [np.ones((periods + 1, 1))]
        if len(self.knots):
            columns.append(natural_spline(np.log(np.clip(age, 1, self.last).astype(float)), self.knots))
        if self.renewal_every:
            columns.append(((age > 0) & (age % self.renewal_every == 0)).astype(float)[:, None])
        return np.concatenate(columns, axis=1)


def at_risk(entry: IntArray, time: IntArray) -> IntArray:
    """Spells at risk in each period 0..max(time); none in period 0.

    >>> at_risk(np.array([0, 1]), np.array([2, 3])).tolist()
    [0, 1, 2, 1]
    """
    reach = int(time.max(initial=0))
    opened = np.bincount(entry + 1, minlength=reach + 2)
    closed = np.bincount(time + 1, minlength=reach + 2)
    return np.cumsum(opened - closed)[: reach + 1]


def age_curve(
    entry: IntArray,
    time: IntArray,
    event: NDArray[np.bool_],
    *,
    knots: int,
    renewal_every: int = 0,
    least_at_risk: int = 30,
) -> AgeCurve:
    """The curve of age that these spells can carry: knots where the events are, fewer for few ages.

    Parameters
    ----------
    entry, time, event : (n,)
        Spells, in whole periods.
    knots
        Knots wanted; at most one less than the number of ages with an event.
    renewal_every
        Periods between renewals, 0 for none.
    least_at_risk
        Spells at risk from which an age counts as seen.
    """
    risk = at_risk(entry, time)
    enough = np.flatnonzero(risk >= min(least_at_risk, int(risk.max(initial=0))))
    ages = np.log(time[event].astype(np.float64))
    distinct = len(np.unique(ages))
    places = spline_knots(ages, knots=min(knots, max(distinct - 1, 1))) if distinct > 1 else np.empty(0)
    return AgeCurve(
        knots=places,
        first=int(enough[0]) if len(enough) else 1,
        last=int(enough[-1]) if len(enough) else 1,
        renewal_every=renewal_every,
    )
