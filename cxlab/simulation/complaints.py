"""Complaints about negative events: who complains, how bad it was, and when it is put right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.stock import MINUTES_PER_DAY, NEVER, Floats, Ints, Stock
from cxlab.simulation.truth import Truth
from cxlab.simulation.world import Dealers, People, Visits, chance, draw_code

TOPICS = ("booking", "phone", "parking", "waiting", "repair quality", "handover", "invoice", "staff")
#: Topic of a complaint by touchpoint, where it is not about the staff.
_TOPIC_OF = np.array([0, 1, 2, 3, 4, 5, 6, 6], dtype=np.int64)


@dataclass(frozen=True, kw_only=True, eq=False)
class Complaints:
    """Complaints of one block as if everybody stayed; ``journey`` and ``episode`` point at the event."""

    journey: Ints
    episode: Ints
    customer: Ints
    occurred: Ints
    opened: Ints
    resolved: Ints
    severity: Ints
    topic: Ints
    compensation_eur: Floats


def make_complaints(
    truth: Truth, rng: Generator, *, visits: Visits, value_eur: Floats, dealers: Dealers
) -> Complaints:
    """Draw the complaints; ``resolved`` is NEVER for one that is not put right."""
    journey, episode = np.nonzero((visits.outcome < 0) & visits.happens)
    severity = draw_code(rng, np.array(truth.severity_share), len(journey))
    complains = rng.random(len(journey)) < chance(truth.complain_logit + truth.complain_severity * severity)
    journey, episode, severity = journey[complains], episode[complains], severity[complains]
    n = len(journey)
    occurred = visits.minute[journey, episode]
    opened = (
        occurred
        + 5
        + np.floor(rng.exponential(truth.complain_after_days, n) * MINUTES_PER_DAY).astype(np.int64)
    )
    quality = dealers.quality[visits.dealer[journey]]
    worth = np.log(value_eur[visits.customer[journey]] / truth.value_median_eur)
    solved = rng.random(n) < chance(
        truth.resolve_logit
        + truth.resolve_severity * severity
        + truth.resolve_quality * quality
        + truth.resolve_log_value * worth
    )
    log_days = truth.resolve_log_days + truth.resolve_log_days_severity * severity
    log_days = log_days + truth.resolve_log_days_value * worth
    days = np.exp(log_days + rng.normal(0.0, truth.resolve_log_days_sd, n))
    resolved = np.where(solved, opened + 5 + np.floor(days * MINUTES_PER_DAY).astype(np.int64), NEVER)
    topic = _TOPIC_OF[visits.touchpoint[journey, episode]]
    staff = (rng.random(n) < truth.staff_topic_share) & (
        visits.touchpoint[journey, episode] > TOPICS.index("parking")
    )
    paid = rng.random(n) < truth.compensation_share + truth.compensation_share_severity * severity
    log_amount = truth.compensation_log_eur + truth.compensation_log_eur_severity * severity
    amount = np.round(np.exp(log_amount + rng.normal(0.0, truth.compensation_log_sd, n)), 2)
    return Complaints(
        journey=journey.astype(np.int64),
        episode=episode.astype(np.int64),
        customer=visits.customer[journey],
        occurred=occurred,
        opened=opened,
        resolved=resolved,
        severity=severity,
        topic=np.where(staff, TOPICS.index("staff"), topic),
        compensation_eur=np.where(solved & paid, amount, 0.0),
    )


def make_stock(
    truth: Truth, *, visits: Visits, complaints: Complaints, people: People, steps: int
) -> Stock:
    """S(t) of every customer: each outcome is an impulse, and so is the resolution of a complaint."""
    journey, episode = np.nonzero((visits.outcome != 0) & visits.happens)
    positive = visits.outcome[journey, episode] > 0
    value = truth.positive_effect * np.where(positive, 1.0, -truth.ratio_unresolved)
    solved = complaints.resolved < NEVER
    resolved, occurred = complaints.resolved[solved], complaints.occurred[solved]
    left = np.exp(-truth.decay_per_day * (resolved - occurred) / MINUTES_PER_DAY)
    relief = truth.positive_effect * (truth.ratio_unresolved - truth.ratio_resolved) * left
    return Stock.of(
        np.concatenate([visits.customer[journey], complaints.customer[solved]]),
        np.concatenate([visits.minute[journey, episode], resolved]),
        value=np.concatenate([value, relief]),
        shape=(len(people.number), steps),
        decay_per_day=truth.decay_per_day,
    )
