"""What handling a complaint leaves behind: in later satisfaction, and in the survey that follows it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.complaints import Complaints
from cxlab.simulation.stock import MINUTES_PER_DAY, NEVER, Floats, Ints, Stock
from cxlab.simulation.truth import Truth
from cxlab.simulation.world import Bools, People, chance

#: Minutes of the longest window, so that customer and minute make one sortable key.
_SPAN = np.int64(2**31)


def handling_points(truth: Truth, days: Floats, *, resolved: Bools, repeated: Bools) -> Floats:
    """Points by which a complaint moves later satisfaction, the stated curve of the days it took.

        resolved after d days: max(fast - per_log_day ln(1 + d) - repeated, unresolved)

    >>> truth = Truth()
    >>> days, once = np.array([1.0, 7.0, 28.0, 0.0]), np.zeros(4, dtype=bool)
    >>> resolved = np.array([True, True, True, False])
    >>> handling_points(truth, days, resolved=resolved, repeated=once).round(2).tolist()
    [0.82, 0.06, -0.65, -1.6]
    """
    solved = truth.handling_fast - truth.handling_per_log_day * np.log1p(np.where(resolved, days, 0.0))
    solved = solved - truth.handling_repeated * repeated
    points: Floats = np.where(
        resolved, np.maximum(solved, truth.handling_unresolved), truth.handling_unresolved
    )
    return points


@dataclass(frozen=True, kw_only=True, eq=False)
class Handling:
    """Complaints in the order of customer and opening, ready to be looked up at any moment."""

    order: Ints
    keys: Ints
    #: the customer's second, third, ... complaint within the window
    repeated: Bools

    @classmethod
    def of(cls, complaints: Complaints) -> Handling:
        """Sort once."""
        keys = complaints.customer * _SPAN + complaints.opened
        order = np.argsort(keys, kind="stable")
        customer = complaints.customer[order]
        again = np.zeros(len(order), dtype=np.bool_)
        again[1:] = customer[1:] == customer[:-1]
        repeated = np.empty_like(again)
        repeated[order] = again
        return cls(order=order, keys=keys[order], repeated=repeated)

    def remembered(self, truth: Truth, complaints: Complaints, customer: Ints, minute: Ints) -> Floats:
        """Points that the latest complaint before each moment adds, 0 without one that is remembered."""
        last = np.searchsorted(self.keys, customer * _SPAN + minute) - 1
        points = np.zeros(len(customer))
        row = np.flatnonzero(last >= 0)
        which = self.order[last[row]]
        since = (minute[row] - complaints.opened[which]) / MINUTES_PER_DAY
        same = (complaints.customer[which] == customer[row]) & (since <= truth.handling_memory_days)
        row, which = row[same], which[same]
        points[row] = self.points(truth, complaints, which, minute[row])
        return points

    def points(self, truth: Truth, complaints: Complaints, which: Ints, minute: Ints) -> Floats:
        """Points of complaints ``which`` as they stand at each moment."""
        resolved = complaints.resolved[which] < minute
        taken = np.where(resolved, complaints.resolved[which] - complaints.opened[which], 0)
        return handling_points(
            truth, taken / MINUTES_PER_DAY, resolved=resolved, repeated=self.repeated[which]
        )


def after_answers(
    truth: Truth,
    rng: Generator,
    *,
    people: People,
    complaints: Complaints,
    handling: Handling,
    stock: Stock,
    left: Ints,
) -> Floats:
    """Satisfaction with the company ``after_days`` after each complaint; NaN where nobody answered."""
    minute = complaints.opened + np.int64(truth.after_days * MINUTES_PER_DAY)
    n = len(minute)
    noise, luck = rng.normal(0.0, truth.after_noise_sd, n), rng.random(n)
    end = np.minimum(left[complaints.customer], truth.window_days * MINUTES_PER_DAY)
    there = np.flatnonzero(minute < np.minimum(end, NEVER))
    customer = complaints.customer[there]
    latent = truth.after_mean + people.alpha[customer] + stock.at(customer, minute[there]) + noise[there]
    latent = latent + truth.after_severity * complaints.severity[there]
    latent = latent + handling.points(truth, complaints, there, minute[there])
    answered = luck[there] < chance(
        truth.after_response_logit + truth.after_response_extreme * (latent - truth.after_mean) ** 2
    )
    answers = np.full(n, np.nan)
    answers[there[answered]] = np.clip(np.round(latent[answered]), 1.0, 10.0)
    return answers
