"""The dealers, one block of customers, and what happens to them: visits, operations, outcomes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from cxlab.simulation.stock import MINUTES_PER_DAY, Floats, Ints
from cxlab.simulation.truth import EPISODES, TOUCHPOINTS, Truth

Bools = NDArray[np.bool_]
#: More visits than this nobody has within the window (a busy customer has fifteen).
VISITS_MAX = 24
#: The touchpoint of each episode for who comes in person.
_IN_PERSON = ("booking_phone", "parking", "reception", "workshop", "pickup", "billing_desk")


@dataclass(frozen=True, kw_only=True, eq=False)
class Dealers:
    """The network, one entry per dealer."""

    quality: Floats
    partner: Bools
    parking_spaces: Ints
    staff_parking_share: Floats
    bays: Ints
    region: Ints


@dataclass(frozen=True, kw_only=True, eq=False)
class People:
    """One block of customers; times are minutes of the window and negative before it."""

    number: Ints
    home: Ints
    segment: Ints
    language: Ints
    digital_affinity: Floats
    visit_gap_days: Floats
    alpha: Floats
    joined: Ints

    @property
    def start(self) -> Ints:
        """The first minute of the window at which the customer is there."""
        return np.maximum(self.joined, 0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Operations:
    """What the dealer's systems measure on each journey."""

    occupancy: Floats
    parking_full: Bools
    wait_minutes: Floats
    rework: Bools
    delay_minutes: Floats


@dataclass(frozen=True, kw_only=True, eq=False)
class Visits:
    """Journeys of one block in the order of customer and time; (journeys, 6) arrays run over episodes."""

    customer: Ints
    order: Ints
    dealer: Ints
    minute: Ints
    happens: Bools
    touchpoint: Ints
    operations: Operations
    outcome: NDArray[np.int8]
    known_lag: Ints

    @property
    def last_minute(self) -> Ints:
        """When the last event of each journey happens."""
        last: Ints = self.minute.max(axis=1)
        return last


def listed(values: Mapping[str, float]) -> Floats:
    """The numbers of a truth mapping in the order of its codes."""
    return np.fromiter(values.values(), dtype=np.float64)


def chance(logit: NDArray[np.floating]) -> Floats:
    """The logistic function."""
    probability: Floats = 1.0 / (1.0 + np.exp(-logit))
    return probability


def draw_code(rng: Generator, share: Floats, size: int) -> Ints:
    """Codes 0.. drawn with the given shares."""
    return np.searchsorted(np.cumsum(share)[:-1], rng.random(size), side="right").astype(np.int64)


def dealers_count(truth: Truth, customers: int) -> int:
    """Dealers for a network of this size, between the truth's least and most."""
    wanted = customers // truth.customers_per_location
    return int(np.clip(wanted, truth.locations_min, truth.locations_max))


def make_dealers(truth: Truth, rng: Generator, count: int) -> Dealers:
    """The first ``count`` dealers of the full network, which is always drawn whole."""
    n = truth.locations_max
    partner = rng.random(n) < truth.partner_share
    quality = rng.normal(0.0, truth.location_quality_sd, n) + truth.partner_quality * partner
    spaces = rng.integers(15, 61, n)
    staff = rng.beta(2.0, 5.0, n)
    bays = rng.integers(3, 15, n)
    region = rng.integers(0, 8, n)
    return Dealers(
        quality=quality[:count],
        partner=partner[:count],
        parking_spaces=spaces[:count],
        staff_parking_share=staff[:count],
        bays=bays[:count],
        region=region[:count],
    )


def make_people(truth: Truth, rng: Generator, *, dealers: Dealers, first: int, count: int) -> People:
    """``count`` customers numbered from ``first``, some there before the window, some joining in it."""
    home = rng.integers(0, len(dealers.quality), count)
    before = rng.random(count) < truth.joined_before_share
    days = np.where(
        before,
        -rng.random(count) * truth.joined_before_years * 365.25,
        rng.random(count) * (truth.window_days - 1),
    )
    alpha = truth.alpha_quality * dealers.quality[home] + rng.normal(0.0, truth.alpha_sd, count)
    shape = truth.visit_gap_shape
    return People(
        number=np.arange(first, first + count, dtype=np.int64),
        home=home,
        segment=draw_code(rng, listed(truth.segment_share), count),
        language=draw_code(rng, listed(truth.language_share), count),
        digital_affinity=rng.beta(2.0, 2.0, count),
        visit_gap_days=truth.visit_gap_mean_days * rng.gamma(shape, 1.0 / shape, count),
        alpha=alpha,
        joined=np.floor(days * MINUTES_PER_DAY).astype(np.int64),
    )


def make_visits(truth: Truth, rng: Generator, *, people: People, dealers: Dealers) -> Visits:
    """All visits that the customers would make if they stayed until the end of the window."""
    customer, order, arrival = _arrivals(truth, rng, people)
    n = len(customer)
    away = rng.random(n) < truth.away_share
    dealer = np.where(away, rng.integers(0, len(dealers.quality), n), people.home[customer])
    quality = dealers.quality[dealer]
    operations = _operations(truth, rng, arrival=arrival, dealer=dealer, dealers=dealers)
    online = rng.random((n, 2)) < people.digital_affinity[customer][:, None]
    touchpoint = np.empty((n, len(EPISODES)), dtype=np.int64)
    touchpoint[:] = [TOUCHPOINTS.index(name) for name in _IN_PERSON]
    # Each online touchpoint stands just before its twin in person.
    touchpoint[:, 0] -= online[:, 0]
    touchpoint[:, 5] -= online[:, 1]
    minute, happens = _episode_minutes(
        truth,
        rng,
        arrival=arrival,
        start=people.start[customer],
        operations=operations,
        online=online[:, 1],
    )
    logit = _negative_logit(
        truth, touchpoint=touchpoint, booked=minute[:, 0], quality=quality, operations=operations
    )
    alpha = people.alpha[customer]
    outcome = _outcomes(
        truth, rng, logit=logit + truth.negative_alpha * alpha[:, None], quality=quality, alpha=alpha
    )
    # Own records arrive with the nightly run, a partner's some days later.
    late = rng.random(n)
    days_late = np.where(dealers.partner[dealer], 1.0 + (truth.partner_record_days - 1.0) * late, late)
    return Visits(
        customer=customer,
        order=order,
        dealer=dealer,
        minute=minute,
        happens=happens,
        touchpoint=touchpoint,
        operations=operations,
        outcome=outcome,
        known_lag=np.floor(days_late * MINUTES_PER_DAY).astype(np.int64),
    )


def _operations(
    truth: Truth, rng: Generator, *, arrival: Ints, dealer: Ints, dealers: Dealers
) -> Operations:
    """Parking, waiting, rework and delay, as the systems round them."""
    n = len(arrival)
    morning = (arrival % MINUTES_PER_DAY) < 9.5 * 60
    occupancy = chance(
        truth.parking_logit_mean
        + truth.parking_logit_staff * dealers.staff_parking_share[dealer]
        + truth.parking_logit_morning * morning
        + rng.normal(0.0, truth.parking_logit_sd, n)
    )
    occupancy = np.round(occupancy, 3)
    wait = truth.wait_median_minutes * np.exp(rng.normal(0.0, truth.wait_log_sd, n))
    quality = dealers.quality[dealer]
    rework = rng.random(n) < chance(truth.rework_logit + truth.rework_quality * quality)
    delayed = rng.random(n) < truth.delay_share
    delay = delayed * rng.exponential(truth.delay_mean_minutes, n)
    return Operations(
        occupancy=occupancy,
        parking_full=occupancy > truth.parking_full_above,
        wait_minutes=np.round(wait, 1),
        rework=rework,
        delay_minutes=np.round(delay, 1),
    )


def _arrivals(truth: Truth, rng: Generator, people: People) -> tuple[Ints, Ints, Ints]:
    """Customer, running number and minute of each arrival: gaps of at least four weeks, no Sundays."""
    n = len(people.number)
    gap = rng.standard_exponential((n, VISITS_MAX)) * people.visit_gap_days[:, None]
    gap[:, 1:] += truth.visit_gap_min_days
    day = np.floor(people.start[:, None] / MINUTES_PER_DAY + 1.0 + np.cumsum(gap, axis=1)).astype(np.int64)
    # Day 3 of the epoch, 1970-01-04, was a Sunday.
    weekday_of_start = int(np.datetime64(truth.window_start, "D").astype(np.int64) - 3) % 7
    day += (day + weekday_of_start) % 7 == 0
    customer, order = np.nonzero(day < truth.window_days)
    clock = 450 + np.floor(540 * rng.random(len(customer)) ** 1.5).astype(np.int64)
    return customer.astype(np.int64), order.astype(np.int64), day[customer, order] * MINUTES_PER_DAY + clock


def _episode_minutes(
    truth: Truth,
    rng: Generator,
    *,
    arrival: Ints,
    start: Ints,
    operations: Operations,
    online: Bools,
) -> tuple[Ints, Bools]:
    """When each episode happens, and whether it does (a walk-in has no booking)."""
    n = len(arrival)
    minute = np.empty((n, len(EPISODES)), dtype=np.int64)
    minute[:, 0] = arrival - np.floor((1.0 + 13.0 * rng.random(n)) * MINUTES_PER_DAY).astype(np.int64)
    minute[:, 1] = arrival
    minute[:, 2] = arrival + 3 + np.ceil(operations.wait_minutes).astype(np.int64)
    minute[:, 3] = minute[:, 2] + 60 + np.floor(240 * rng.random(n)).astype(np.int64)
    overnight = MINUTES_PER_DAY * (rng.random(n) < truth.overnight_share)
    minute[:, 4] = minute[:, 3] + 30 + np.ceil(operations.delay_minutes).astype(np.int64) + overnight
    later = np.floor((1.0 + 2.0 * rng.random(n)) * MINUTES_PER_DAY).astype(np.int64)
    minute[:, 5] = minute[:, 4] + np.where(online, later, 10)
    happens = np.ones((n, len(EPISODES)), dtype=np.bool_)
    happens[:, 0] = (rng.random(n) >= truth.walk_in_share) & (minute[:, 0] > start)
    return minute, happens


def outage_fading(truth: Truth, minute: Ints) -> Floats:
    """1 on the day of the outage, 0 before it and ``outage_days`` after it, straight in between."""
    since = minute / MINUTES_PER_DAY - truth.outage_day
    share: Floats = np.clip(1.0 - since / truth.outage_days, 0.0, 1.0) * (since >= 0)
    return share


def _negative_logit(
    truth: Truth, *, touchpoint: Ints, booked: Ints, quality: Floats, operations: Operations
) -> Floats:
    """Logit of a negative outcome: an operational failure counts at its own touchpoint."""
    logit = listed(truth.negative_logit)[touchpoint] + truth.negative_quality * quality[:, None]
    fading = outage_fading(truth, booked)
    online_booking = touchpoint[:, 0] == TOUCHPOINTS.index("booking_online")
    over = np.maximum(operations.wait_minutes - truth.wait_free_minutes, 0.0)
    logit[:, 0] += truth.outage_logit * fading * online_booking
    logit[:, 1] += truth.negative_parking_full * operations.parking_full
    logit[:, 2] += truth.negative_per_wait_minute * over
    logit[:, 3] += truth.negative_rework * operations.rework
    logit[:, 4] += truth.negative_per_delay_minute * operations.delay_minutes
    return logit


def _outcomes(
    truth: Truth, rng: Generator, *, logit: Floats, quality: Floats, alpha: Floats
) -> NDArray[np.int8]:
    """-1, 0 or 1 for each episode of each journey."""
    negative = rng.random(logit.shape) < chance(logit)
    positive_chance = chance(
        truth.positive_logit + truth.positive_quality * quality + truth.positive_alpha * alpha
    )
    positive = rng.random(logit.shape) < positive_chance[:, None]
    return np.where(negative, -1, positive).astype(np.int8)
