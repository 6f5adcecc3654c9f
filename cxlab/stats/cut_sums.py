"""Sums over the records of each person up to each of several cut-offs, in one pass over the records."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
Whole = NDArray[np.signedinteger[Any]]
Rows = NDArray[np.intp]
#: Smaller than every moment: the value of a person without records.
NEVER = np.iinfo(np.int64).min


@dataclass(frozen=True, kw_only=True, eq=False)
class CutSums:
    r"""Where each record belongs: a person, and the first cut-off that may know it.

    A record is summed once, in the interval that ends at its first cut-off; the sum at cut-off k is the
    running sum over intervals. A decayed sum moves on by one factor,
    :math:`S_k = s_k + S_{k-1} 2^{-(c_k - c_{k-1}) / h}` with :math:`s_k` from the records of interval k at
    their age at :math:`c_k`: all terms are of one sign, so no digit is lost, and no record of a later
    interval enters an earlier sum, not even by rounding.

    Attributes
    ----------
    person
        Number of the person of each record, 0 to persons - 1, (n,).
    first
        Number of the first cut-off that may know the record, 0 to cuts - 1, (n,).
    moments, cuts
        Moment of each record (n,) and of each cut-off, rising, (cuts,): whole ticks on a common scale, so
        that a record on the very edge of a window is judged exactly.
    persons
        How many persons there are.
    ticks
        Ticks in the unit of half-lives and windows; the default makes days of microseconds.

    Examples
    --------
    >>> sums = CutSums(person=np.array([0, 0, 1]), first=np.array([0, 1, 1]), persons=2, ticks=1,
    ...     moments=np.array([0, 12, 20]), cuts=np.array([10, 20]))
    >>> sums.count().tolist()
    [[1, 0], [2, 1]]
    >>> sums.decayed(10.0).round(3).tolist()
    [[0.5, 0.0], [0.824, 1.0]]
    """

    person: Whole
    first: Whole
    moments: IntArray
    cuts: IntArray
    persons: int
    ticks: int = 86_400_000_000

    def count(self, rows: Rows | None = None) -> IntArray:
        """Records up to each cut-off, (cuts, persons); ``rows`` picks some."""
        return np.cumsum(self._intervals(self._cells(rows)), axis=0)

    def total(self, values: FloatArray, rows: Rows | None = None) -> FloatArray:
        """Sum of ``values`` (n,) up to each cut-off, (cuts, persons)."""
        return np.cumsum(self._intervals(self._cells(rows), _some(values, rows)), axis=0)

    def decayed(
        self, half_life: float, rows: Rows | None = None, *, first: Whole | None = None
    ) -> FloatArray:
        """Sum of ``2 ** (-age / half_life)`` at each cut-off, (cuts, persons).

        ``first`` (of the chosen rows) puts records into a later interval than their own.
        """
        at = _some(self.first, rows) if first is None else first
        weights = self._decay(self.cuts[at] - _some(self.moments, rows), half_life)
        sums = self._intervals(self._cells(rows, first), weights)
        steps = self._decay(np.diff(self.cuts), half_life)
        for k, step in enumerate(steps, start=1):
            sums[k] += sums[k - 1] * step
        return sums

    def decayed_until(self, half_life: float, rows: Rows, last: Whole) -> FloatArray:
        """As :meth:`decayed`, over ``rows`` that count no longer from their cut-off ``last`` on."""
        sums = np.zeros((len(self.cuts), self.persons))
        person, moments, first = self.person[rows], self.moments[rows], self.first[rows]
        for k, cut in enumerate(self.cuts):
            here = np.flatnonzero((first <= k) & (k < last))
            weights = self._decay(cut - moments[here], half_life)
            sums[k] = np.bincount(person[here], weights=weights, minlength=self.persons)
        return sums

    def recent(self, window: int, rows: Rows | None = None) -> IntArray:
        """Records at most ``window`` units old at each cut-off, (cuts, persons)."""
        counts = np.empty((len(self.cuts), self.persons), dtype=np.int64)
        person, moments = _some(self.person, rows), _some(self.moments, rows)
        first = _some(self.first, rows)
        for k, cut in enumerate(self.cuts):
            here = (first <= k) & (moments >= cut - window * self.ticks)
            counts[k] = np.bincount(person[here], minlength=self.persons)
        return counts

    def latest(self, values: IntArray, rows: Rows | None = None) -> IntArray:
        """Largest of the whole numbers ``values`` (n,) up to each cut-off; NEVER without records."""
        found = np.full(len(self.cuts) * self.persons, NEVER)
        np.maximum.at(found, self._cells(rows), _some(values, rows))
        return np.maximum.accumulate(found.reshape(len(self.cuts), self.persons), axis=0)

    def _decay(self, age: IntArray, half_life: float) -> FloatArray:
        return np.asarray(np.exp(age / self.ticks * (-np.log(2.0) / half_life)), dtype=float)

    @cached_property
    def _own_cells(self) -> IntArray:
        return self.first.astype(np.int64) * self.persons + self.person

    def _cells(self, rows: Rows | None, first: Whole | None = None) -> IntArray:
        if first is None:
            return np.asarray(_some(self._own_cells, rows))
        return np.asarray(first.astype(np.int64) * self.persons + _some(self.person, rows))

    def _intervals(self, cells: IntArray, weights: FloatArray | None = None) -> NDArray[Any]:
        sums = np.bincount(cells, weights=weights, minlength=len(self.cuts) * self.persons)
        return sums.reshape(len(self.cuts), self.persons)


def _some(column: NDArray[Any], rows: Rows | None) -> NDArray[Any]:
    return column if rows is None else column[rows]
