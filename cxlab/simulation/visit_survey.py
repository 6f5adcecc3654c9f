"""The further questions of the survey: expected and perceived, the visit itself, telling, the wallet."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.answers import Feelings, on_scale
from cxlab.simulation.complaints import Complaints
from cxlab.simulation.handling import Handling
from cxlab.simulation.stock import NEVER, Floats, Ints
from cxlab.simulation.truth import TOLD, Truth
from cxlab.simulation.world import People, Visits, listed


@dataclass(frozen=True, kw_only=True, eq=False)
class VisitSurvey:
    """One entry per answer; a question that was not asked is NaN."""

    expected_minute: Ints
    expectation: Floats
    perceived: Floats
    gap: Floats
    visit_satisfaction: Floats
    told_good: Floats
    told_bad: Floats
    brands_used: Floats
    brand_rank: Floats
    spend_share: Floats


def make_visit_survey(
    truth: Truth,
    rng: tuple[Generator, Generator, Generator],
    *,
    people: People,
    visits: Visits,
    complaints: Complaints,
    handling: Handling,
    feelings: Feelings,
) -> VisitSurvey:
    """Answers to the further questions of everybody who answers, from three streams of their own."""
    chosen = np.flatnonzero(feelings.answers)
    journey, minute = feelings.journey[chosen], feelings.minute[chosen]
    customer = visits.customer[journey]
    alpha = people.alpha[customer]
    expected, perceived = _expected_and_perceived(truth, rng[0], alpha=alpha, felt=feelings.felt[chosen])
    gap = perceived - expected
    visit = truth.visit_mean + zone_points(truth, gap) + rng[0].normal(0.0, truth.visit_noise_sd, len(gap))
    visit = visit + handling.remembered(truth, complaints, customer, minute)
    good, bad = _told(truth, rng[1], visits=visits, complaints=complaints, journey=journey, minute=minute)
    appeal = truth.wallet_alpha * alpha + feelings.level[chosen]
    used, rank, share = _wallet(
        truth, rng[2], customers=len(people.number), customer=customer, appeal=appeal
    )
    booked = visits.happens[journey, 0]
    return VisitSurvey(
        # With the confirmation of the booking; who walks in is asked at the door.
        expected_minute=np.where(booked, visits.minute[journey, 0] + 5, visits.minute[journey, 1] - 5),
        expectation=on_scale(expected, 1.0),
        perceived=on_scale(perceived, 1.0),
        gap=gap,
        visit_satisfaction=on_scale(visit, 1.0),
        told_good=good,
        told_bad=bad,
        brands_used=used,
        brand_rank=rank,
        spend_share=share,
    )


def zone_points(truth: Truth, gap: Floats) -> Floats:
    """Satisfaction over the gap: steep below the zone, nearly flat inside, less steep above.

    >>> zone_points(Truth(), np.array([-2.5, -1.5, 1.0, 2.0])).round(3).tolist()
    [-1.2, 0.0, 0.375, 0.975]
    """
    low, high = truth.zone_low, truth.zone_high
    below, inside, above = truth.zone_slopes
    points: Floats = below * np.minimum(gap - low, 0.0) + inside * (np.clip(gap, low, high) - low)
    return points + above * np.maximum(gap - high, 0.0)


def _expected_and_perceived(
    truth: Truth, rng: Generator, *, alpha: Floats, felt: Floats
) -> tuple[Floats, Floats]:
    n = len(alpha)
    expected = truth.expectation_mean + truth.expectation_alpha * alpha
    expected = expected + rng.normal(0.0, truth.expectation_sd, n)
    quality = felt @ listed(truth.driver_weights)
    perceived = truth.perceived_mean + truth.perceived_alpha * alpha + truth.perceived_felt * quality
    return expected, perceived + rng.normal(0.0, truth.perceived_sd, n)


def _told(
    truth: Truth, rng: Generator, *, visits: Visits, complaints: Complaints, journey: Ints, minute: Ints
) -> tuple[Floats, Floats]:
    """People told about a good visit, and about a bad one; NaN where the visit was not of that kind."""
    outcome = np.where(visits.happens[journey], visits.outcome[journey], 0)
    bad = (outcome < 0).any(axis=1)
    good = (outcome > 0).any(axis=1) & ~bad
    settled = np.full(len(visits.customer), NEVER)
    np.minimum.at(settled, complaints.journey, complaints.resolved)
    kind = np.where(good, TOLD.index("good"), TOLD.index("bad"))
    kind = np.where(bad & (settled[journey] < minute), TOLD.index("bad_resolved"), kind)
    tells = rng.random(len(journey)) < listed(truth.tells_share)[kind]
    # One listener at least, the rest gamma-Poisson.
    more = listed(truth.tells_mean)[kind] - 1.0
    size = truth.tells_size
    listeners = 1 + rng.negative_binomial(size, size / (size + more))
    count = np.where(tells, np.minimum(listeners, truth.tells_most), 0).astype(np.float64)
    return np.where(good, count, np.nan), np.where(bad, count, np.nan)


def _wallet(
    truth: Truth, rng: Generator, *, customers: int, customer: Ints, appeal: Floats
) -> tuple[Floats, Floats, Floats]:
    """Brands used, rank of ours, share of spend; rivals and their appeal belong to the customer."""
    rivals = np.minimum(rng.poisson(truth.rivals_mean, customers), truth.rivals_most)
    rival = truth.rival_appeal + rng.standard_normal((customers, truth.rivals_most))
    rival[np.arange(truth.rivals_most)[None, :] >= rivals[:, None]] = -np.inf
    ours = appeal + rng.normal(0.0, truth.wallet_noise_sd, len(customer))
    rank = 1.0 + (rival[customer] > ours[:, None]).sum(axis=1)
    used = 1.0 + rivals[customer]
    share = (1.0 - rank / (used + 1.0)) * 2.0 / used
    noisy = np.log(share / np.maximum(1.0 - share, 1e-9)) + rng.normal(
        0.0, truth.wallet_logit_sd, len(share)
    )
    return used, rank, np.where(used > 1, np.round(1.0 / (1.0 + np.exp(-noisy)), 2), 1.0)
