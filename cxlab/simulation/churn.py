"""Contracts and leaving: a hazard per 30 days from contract, relationship, complaints and the trial."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.complaints import Complaints
from cxlab.simulation.stock import MINUTES_PER_DAY, NEVER, STEP_MINUTES, Floats, Ints, Stock
from cxlab.simulation.trial import Trial, trial_logits
from cxlab.simulation.truth import PLANS, Truth
from cxlab.simulation.world import People, chance, draw_code, listed

_MINUTES_PER_YEAR = 365.25 * MINUTES_PER_DAY


@dataclass(frozen=True, kw_only=True, eq=False)
class Contracts:
    """The first contract of each customer, from joining, and the one it may be renewed into."""

    plan: Ints
    value_eur: Floats
    renewed: Ints
    renewed_plan: Ints
    renewed_value_eur: Floats


def make_contracts(truth: Truth, rng: Generator, people: People) -> Contracts:
    """Draw the contracts; ``renewed`` is NEVER for a contract that is not renewed within the window."""
    n = len(people.number)
    plan = draw_code(rng, listed(truth.plan_share), n)
    factor = listed(truth.value_plan_factor)
    own = truth.value_median_eur * np.exp(rng.normal(0.0, truth.value_log_sd, n))
    own *= listed(truth.value_segment_factor)[people.segment]
    end = truth.window_days * MINUTES_PER_DAY
    minute = people.start + 1 + np.floor(rng.random(n) * (end - people.start)).astype(np.int64)
    renewed = np.where(rng.random(n) < truth.renewal_share, minute, NEVER)
    upgraded = rng.random(n) < truth.renewal_upgrade_share
    renewed_plan = np.minimum(plan + upgraded, len(PLANS) - 1)
    return Contracts(
        plan=plan,
        value_eur=np.round(own * factor[plan], 2),
        renewed=renewed,
        renewed_plan=renewed_plan,
        renewed_value_eur=np.round(own * factor[renewed_plan], 2),
    )


def contract_logit(truth: Truth, *, segment: Ints, plan: Ints, value_eur: Floats, years: Floats) -> Floats:
    """What the contract in force, ``years`` old, adds to the churn logit."""
    logit: Floats = (
        truth.churn_base
        + listed(truth.churn_segment)[segment]
        + listed(truth.churn_plan)[plan]
        + truth.churn_log_value * np.log(value_eur / truth.value_median_eur)
        + truth.churn_per_contract_year * np.minimum(years, truth.churn_contract_years_cap)
    )
    return logit


def complaint_logit(truth: Truth, days_since: Floats, *, days_to_resolve: Floats, severity: Ints) -> Floats:
    """What one complaint, opened ``days_since`` ago, adds to the churn logit: the stated curve of days.

    ``days_to_resolve`` is infinite, or in the future, for a complaint that is still open.

    >>> complaint_logit(
    ...     Truth(), np.array([90.0, 90.0, 400.0]), days_to_resolve=np.array([np.inf, 7.0, 7.0]),
    ...     severity=np.zeros(3, dtype=np.int64),
    ... ).round(4).tolist()
    [0.9, 0.0525, 0.0]
    """
    remembered = (days_since > 0.0) & (days_since <= truth.churn_complaint_days)
    is_open = days_to_resolve >= days_since
    days = np.minimum(np.where(is_open, days_since, days_to_resolve), truth.churn_open_days_cap)
    effect: Floats = truth.churn_per_open_day * days * np.where(is_open, 1.0, truth.churn_kept_share)
    return (effect + truth.churn_complaint_severity * severity) * remembered


def make_left(
    truth: Truth,
    rng: Generator,
    *,
    people: People,
    contracts: Contracts,
    complaints: Complaints,
    stock: Stock,
    trial: Trial,
) -> Ints:
    """The minute at which each customer leaves, NEVER for one who is still there at the end."""
    n, steps = stock.grid.shape
    at = np.arange(steps, dtype=np.int64) * STEP_MINUTES
    again = at[None, :] >= contracts.renewed[:, None]
    since = np.where(again, contracts.renewed[:, None], people.joined[:, None])
    logit = contract_logit(
        truth,
        segment=people.segment[:, None],
        plan=np.where(again, contracts.renewed_plan[:, None], contracts.plan[:, None]),
        value_eur=np.where(again, contracts.renewed_value_eur[:, None], contracts.value_eur[:, None]),
        years=(at[None, :] - since) / _MINUTES_PER_YEAR,
    )
    logit += truth.churn_alpha * people.alpha[:, None] + truth.churn_relationship * stock.grid
    logit += _complaint_logits(truth, complaints, shape=(n, steps))
    logit += trial_logits(truth, trial, people, steps=steps)
    leaves = rng.random((n, steps)) < chance(logit)
    leaves &= at[None, :] >= people.start[:, None]
    step = leaves.argmax(axis=1)
    minute = at[step] + 1 + np.floor(rng.random(n) * (STEP_MINUTES - 1)).astype(np.int64)
    within = leaves.any(axis=1) & (minute < truth.window_days * MINUTES_PER_DAY)
    return np.where(within, minute, NEVER)


def _complaint_logits(truth: Truth, complaints: Complaints, *, shape: tuple[int, int]) -> Floats:
    """Effect of complaints on the grid: each counts at the few grid points of its memory."""
    n, steps = shape
    total = np.zeros(n * steps)
    first = complaints.opened // STEP_MINUTES + 1
    reach = int(truth.churn_complaint_days * MINUTES_PER_DAY // STEP_MINUTES) + 1
    taken = (complaints.resolved - complaints.opened) / MINUTES_PER_DAY
    for later in range(reach):
        step = first + later
        at = step * STEP_MINUTES
        use = step < steps
        effect = complaint_logit(
            truth,
            (at - complaints.opened)[use] / MINUTES_PER_DAY,
            days_to_resolve=taken[use],
            severity=complaints.severity[use],
        )
        total += np.bincount((complaints.customer * steps + step)[use], effect, n * steps)
    return total.reshape(n, steps)
