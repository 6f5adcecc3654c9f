"""Stocks that fade: exponentially weighted sums of dated entries, seen at dated rows of the same owner."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

LN2 = float(np.log(2.0))


@dataclass(frozen=True, eq=False, kw_only=True)
class Entries:
    """Dated contributions to stocks: four arrays of one length.

    An entry adds ``sign * exp(-lam * (t - origin))`` to stock number ``stock`` of ``owner`` at every
    ``t`` strictly after ``enter``. An entry with ``sign = -1`` takes away what an earlier one added, so
    an experience can move from one stock to another (unresolved, then resolved) while it goes on fading
    from its own origin.
    """

    owner: Integers
    enter: Floats
    origin: Floats
    stock: Integers
    sign: Floats

    def only(self, stocks: list[int]) -> Entries:
        """The entries of some stocks, renumbered 0, 1, ... in the order given."""
        number = np.full(max([*stocks, int(self.stock.max(initial=0))]) + 1, -1, dtype=np.int64)
        number[stocks] = np.arange(len(stocks))
        kept = number[self.stock] >= 0
        return Entries(
            owner=self.owner[kept],
            enter=self.enter[kept],
            origin=self.origin[kept],
            stock=number[self.stock[kept]],
            sign=self.sign[kept],
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class StockPlan:
    """Everything about the rows and entries that does not depend on the half-life; sorted once.

    Rows are held "by step": first the first row of every owner, then the second row of every owner
    that has one, and so on, owners with most rows first. One step of the recursion is then arithmetic
    on two contiguous slices, for all owners at once.
    """

    n_rows: int
    n_stocks: int
    #: position "by step" of every row in the caller's order
    place: Integers
    #: first place of each step, and the end of the last
    step_start: Integers
    #: days since the owner's row before, by step (0 in the first step)
    gap: Floats
    #: flat index ``place * n_stocks + stock`` of every entry that a row can see, ascending
    slot: Integers
    #: days from an entry's origin to the first row that sees it
    age: Floats
    sign: Floats
    #: which of the caller's entries stands at each place of ``slot``
    entry: Integers
    #: which of the caller's entries some row can see
    seen: npt.NDArray[np.bool_]

    def weighed(self, sign: Floats) -> StockPlan:
        """The same plan with other signs or weights, in the order of the caller's entries."""
        return replace(self, sign=sign[self.entry].astype(np.float64))

    def stocks(self, half_life: float) -> Floats:
        """Stocks at every row, shape (rows, stocks), for one half-life in the unit of time."""
        return self._run(half_life, with_slopes=False)[0]

    def stocks_and_slopes(self, half_life: float) -> tuple[Floats, Floats]:
        """Stocks and their derivatives with respect to the logarithm of the half-life.

        Returns
        -------
        tuple of two arrays, shape (rows, stocks)
            ``X`` and ``dX / d ln h = lam * sum of sign * age * exp(-lam * age)``.
        """
        return self._run(half_life, with_slopes=True)

    def _run(self, half_life: float, *, with_slopes: bool) -> tuple[Floats, Floats]:
        lam = LN2 / half_life
        # Every exponent is <= 0: an entry is weighed at the first row that sees it and carried from row
        # to row from there, so nothing overflows however short the half-life is beside the history.
        weight = self.sign * np.exp(-lam * self.age)
        level = self._collect(weight)
        slope = self._collect(weight * self.age) if with_slopes else level[:0]
        decay = np.exp(-lam * self.gap)[:, None]
        gap = self.gap[:, None]
        for step in range(1, len(self.step_start) - 1):
            now = slice(int(self.step_start[step]), int(self.step_start[step + 1]))
            first = int(self.step_start[step - 1])
            before = slice(first, first + now.stop - now.start)
            if with_slopes:
                slope[now] += decay[now] * (slope[before] + gap[now] * level[before])
            level[now] += decay[now] * level[before]
        if not with_slopes:
            return level[self.place], slope
        return level[self.place], lam * slope[self.place]

    def _collect(self, weight: Floats) -> Floats:
        total = np.bincount(self.slot, weights=weight, minlength=self.n_rows * self.n_stocks)
        return total.astype(np.float64, copy=False).reshape(self.n_rows, self.n_stocks)


def plan_stocks(owner: Integers, at: Floats, *, entries: Entries, n_stocks: int) -> StockPlan:
    """Sort rows and entries once, so that stocks for many half-lives cost one pass each.

    ``X_s(row) = sum over entries of the row's owner in stock s with enter < at of
    sign * exp(-lam * (at - origin))``, ``lam = ln 2 / half-life``.

    Parameters
    ----------
    owner, at
        Rows: owner codes (0, 1, ...) and times, sorted by owner, then time. Times are floats in any
        unit (days); half-lives are in the same unit.
    entries
        The dated contributions, in any order; ``origin <= enter`` in each.
    n_stocks
        Number of stocks; ``entries.stock`` lies in ``0 .. n_stocks - 1``.

    Raises
    ------
    ValueError
        If the rows are not sorted or an entry enters before its origin.

    Notes
    -----
    Cost: one sort; then O(rows + entries) arithmetic per half-life in as many numpy steps as the
    longest owner has rows. "Strictly before": an entry at the very instant of a row is not seen by it.

    Examples
    --------
    >>> entries = Entries(
    ...     owner=np.array([0]), enter=np.array([0.0]), origin=np.array([0.0]),
    ...     stock=np.array([0]), sign=np.array([1.0]),
    ... )
    >>> plan = plan_stocks(np.array([0, 0, 0]), np.array([0.0, 10.0, 20.0]), entries=entries, n_stocks=1)
    >>> plan.stocks(10.0).ravel().round(6).tolist()
    [0.0, 0.5, 0.25]
    """
    if len(owner) > 1 and not np.all((np.diff(owner) > 0) | ((np.diff(owner) == 0) & (np.diff(at) >= 0))):
        raise ValueError("rows must be sorted by owner, then time; sort them with numpy.lexsort first")
    if np.any(entries.enter < entries.origin):
        raise ValueError("an entry cannot enter a stock before its origin")
    place, step_start, gap = _by_step(owner, at)
    row = first_row_after(owner, at, entry_owner=entries.owner, entry_time=entries.enter)
    seen = row >= 0
    kept = np.flatnonzero(seen)
    slot = place[row[kept]] * n_stocks + entries.stock[kept]
    by_slot = np.argsort(slot, kind="stable")
    kept = kept[by_slot]
    return StockPlan(
        n_rows=len(owner),
        n_stocks=n_stocks,
        place=place,
        step_start=step_start,
        gap=gap,
        slot=slot[by_slot],
        age=at[row[kept]] - entries.origin[kept],
        sign=entries.sign[kept].astype(np.float64),
        entry=kept,
        seen=seen,
    )


def first_row_after(owner: Integers, at: Floats, *, entry_owner: Integers, entry_time: Floats) -> Integers:
    """Index of the first row of the same owner strictly after each entry; -1 where there is none.

    ``owner, at`` are sorted by owner, then time.

    >>> first_row_after(
    ...     np.array([0, 0]), np.array([1.0, 2.0]),
    ...     entry_owner=np.array([0, 0, 0, 1]), entry_time=np.array([0.5, 1.0, 2.0, 0.0]),
    ... ).tolist()
    [0, 1, -1, -1]
    """
    if not len(owner) or not len(entry_owner):
        return np.full(len(entry_owner), -1, dtype=np.int64)
    # One key of owner and time finds nearly the place; comparing the numbers themselves finds it exactly.
    low, high = float(at.min()) - 1.0, float(at.max()) + 1.0
    span = high - low
    row_key = owner * span + (at - low)
    entry_key = entry_owner * span + (np.clip(entry_time, low, high) - low)
    row = np.searchsorted(row_key, entry_key, side="right").astype(np.int64)
    last = len(owner) - 1
    while (early := _later(owner, at, row - 1, entry_owner, entry_time) & (row > 0)).any():
        row -= early
    while (late := (row <= last) & ~_later(owner, at, row, entry_owner, entry_time)).any():
        row += late
    return np.where((row <= last) & (owner[np.minimum(row, last)] == entry_owner), row, -1)


def _later(
    owner: Integers, at: Floats, row: Integers, entry_owner: Integers, entry_time: Floats
) -> npt.NDArray[np.bool_]:
    """Whether a row (the nearest there is) stands after an entry: of a later owner, or strictly later."""
    near = np.clip(row, 0, len(owner) - 1)
    other = owner[near]
    return np.asarray((other > entry_owner) | ((other == entry_owner) & (at[near] > entry_time)))


def _by_step(owner: Integers, at: Floats) -> tuple[Integers, Integers, Floats]:
    """Place of every row "by step", the first place of each step, and gaps in that order."""
    n = len(owner)
    if not n:
        return np.zeros(0, dtype=np.int64), np.zeros(1, dtype=np.int64), np.zeros(0)
    first = np.flatnonzero(np.r_[True, owner[1:] != owner[:-1]])
    count = np.diff(np.r_[first, n])
    rank = np.empty(len(count), dtype=np.int64)
    rank[np.argsort(-count, kind="stable")] = np.arange(len(count))
    step = np.arange(n) - np.repeat(first, count)
    step_start = np.r_[0, np.cumsum(np.bincount(step))].astype(np.int64)
    place = step_start[step] + np.repeat(rank, count)
    gap = np.zeros(n)
    gap[place] = np.where(step > 0, at - np.r_[at[0], at[:-1]], 0.0)
    return place, step_start, gap
