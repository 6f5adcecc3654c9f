"""Spells after a bad experience, and spells from moments before any, for comparison."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from cxlab.models.recovery.repair_rows import RepairRows

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]
RECOVERED, LEFT, STILL_OPEN = 0, 1, 2


@dataclass(frozen=True, eq=False, kw_only=True)
class RecoverySpells:
    """How long each spell lasted, in steps (positives or answers), and how it ended."""

    #: which customer of the rows; several spells of one customer are possible
    customer: Integers
    #: answers of the customer before the event
    before: Integers
    step: Integers
    #: RECOVERED, LEFT or STILL_OPEN
    end: Integers
    #: how much each spell counts
    weight: Floats

    @property
    def n_customers(self) -> int:
        """Customers with a spell."""
        return len(np.unique(self.customer))

    def table(self, block: Integers, *, blocks: int, steps: int) -> Floats:
        """Weight of the spells by block of customers, end and step, shape (blocks, 3, steps + 1).

        A spell longer than ``steps`` is open there.
        """
        end = np.where(self.step > steps, STILL_OPEN, self.end)
        cell = (block[self.customer] * 3 + end) * (steps + 1) + np.minimum(self.step, steps)
        total = np.bincount(cell, weights=self.weight, minlength=blocks * 3 * (steps + 1))
        return total.reshape(blocks, 3, steps + 1).astype(np.float64)


def affected_events(rows: RepairRows, *, least_before: int) -> Integers:
    """Of every customer with enough answers before it, the first answer after the first bad experience."""
    first, start, end = _first_negative(rows), _starts(rows), _ends(rows)
    return first[(first < end) & (first - start >= least_before)]


def placebo_events(rows: RepairRows, affected: Integers) -> tuple[Integers, Floats]:
    """All answers before any bad experience at places where real events stand, and their weights.

    Weighed so that the n-th answer is as frequent an event as in the affected group: both then know
    their own mean before equally well. Everybody who is without a bad experience so far is taken;
    whoever has one later is followed up to it. To draw one moment per customer, or only customers who
    stay without, would choose the placebo by its future.
    """
    start, limit = _starts(rows), _first_negative(rows)
    rank = np.arange(len(rows.owner)) - start[rows.owner]
    real = np.bincount(rank[affected], minlength=int(rank.max()) + 1)
    chosen = np.flatnonzero((np.arange(len(rows.owner)) < limit[rows.owner]) & (real[rank] > 0))
    at_risk = np.bincount(rank[chosen], minlength=len(real))
    return chosen, np.asarray((real / np.maximum(at_risk, 1))[rank[chosen]], dtype=np.float64)


def recovery_spells(
    rows: RepairRows,
    event: Integers,
    *,
    weight: Floats,
    in_a_row: int,
    left: Booleans,
    by_positives: bool,
    until_negative: bool,
) -> RecoverySpells:
    """Steps from the first answer after an event until the last of ``in_a_row`` answers at the old mean.

    Parameters
    ----------
    rows
        Answers and experiences of the customers.
    event
        Answers that are the first after an event, at least one answer of the customer before each.
    weight
        How much each spell counts.
    in_a_row
        Answers in a row at or above the customer's own mean before the event.
    left
        Per customer whether he left; then the spell ends one step after the last one seen.
    by_positives
        Count positive experiences between the two answers instead of answers.
    until_negative
        Follow only up to the first bad experience, and count the spell as open there.
    """
    owner = rows.owner[event]
    start, end = _starts(rows)[owner], _ends(rows)[owner]
    stop = _first_negative(rows)[owner] if until_negative else end
    total = np.r_[0.0, np.cumsum(rows.outcome)]
    # The tolerance forgives the rounding of a mean of equal answers.
    level = (total[event] - total[start]) / (event - start) - 1e-9
    until, back = stop - 1, np.zeros(len(event), dtype=bool)
    run, going = np.zeros(len(event), dtype=np.int64), np.arange(len(event))
    for step in range(int((stop - event).max(initial=0))):
        going = going[event[going] + step < stop[going]]
        high = rows.outcome[event[going] + step] >= level[going]
        run[going] = np.where(high, run[going] + 1, 0)
        done = run[going] >= in_a_row
        until[going[done]], back[going[done]] = event[going[done]] + step, True
        going = going[~done]
    clock = _positives_seen(rows) if by_positives else np.arange(len(rows.owner))
    gone = ~back & left[owner] & (stop == end)
    return RecoverySpells(
        customer=owner,
        before=event - start,
        step=clock[until] - clock[event] + (0 if by_positives else 1) + gone,
        end=np.where(back, RECOVERED, np.where(gone, LEFT, STILL_OPEN)),
        weight=weight,
    )


def _first_negative(rows: RepairRows) -> Integers:
    """Per customer the first answer that sees a bad experience; the end of his answers if there is none."""
    first = _ends(rows)
    bad = ~rows.experiences.positive
    np.minimum.at(first, rows.experiences.owner[bad], rows.experiences.first_row[bad])
    return first


def _starts(rows: RepairRows) -> Integers:
    return np.searchsorted(rows.owner, np.arange(rows.n_customers)).astype(np.int64)


def _ends(rows: RepairRows) -> Integers:
    return np.searchsorted(rows.owner, np.arange(rows.n_customers), side="right").astype(np.int64)


def _positives_seen(rows: RepairRows) -> Integers:
    """Positive experiences that all answers up to and including each one have seen, over all rows."""
    good = rows.experiences.first_row[rows.experiences.positive]
    return np.cumsum(np.bincount(good, minlength=len(rows.owner))).astype(np.int64)
