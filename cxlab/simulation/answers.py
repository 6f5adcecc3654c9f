"""The survey after each journey: what the customer feels, who answers, and what is written down."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.stock import MINUTES_PER_DAY, Floats, Ints, Stock
from cxlab.simulation.truth import ITEMS, Truth
from cxlab.simulation.world import Bools, People, Visits, chance, listed, outage_fading


@dataclass(frozen=True, kw_only=True, eq=False)
class Feelings:
    """The latent side, one entry per finished journey (``journey`` points at it), answered or not."""

    journey: Ints
    minute: Ints
    level: Floats
    felt: Floats
    overall_latent: Floats
    answers: Bools


@dataclass(frozen=True, kw_only=True, eq=False)
class Answers:
    """The written side, one entry per answer; a missing item is NaN."""

    journey: Ints
    minute: Ints
    overall: Floats
    recommend: Floats
    ratings: Floats
    topic: Ints
    pleased: Bools


#: What a comment is about; -1 is no comment.
COMMENT_TOPICS = ("parking", "waiting", "workshop", "staff", "booking", "pickup", "billing", "general")
#: Item behind each comment topic except parking and general.
_ITEM_OF_TOPIC = np.array([-1, 1, 2, 3, 0, 4, 5, -1], dtype=np.int64)


def make_feelings(
    truth: Truth, rng: Generator, *, people: People, visits: Visits, stock: Stock, left: Ints
) -> Feelings:
    """The latent answer to every journey that ends, with 1 to 14 days to answer, within the stay."""
    n = len(visits.customer)
    days = truth.answer_days_min + truth.answer_days_spread * rng.beta(1.0, 2.5, n)
    minute = visits.last_minute + np.floor(days * MINUTES_PER_DAY).astype(np.int64)
    felt = rng.standard_normal((n, len(ITEMS)))
    noise = rng.normal(0.0, truth.overall_noise_sd, n)
    luck = rng.random(n)
    end = truth.window_days * MINUTES_PER_DAY
    journey = np.flatnonzero(minute < np.minimum(left[visits.customer], end))
    minute, customer = minute[journey], visits.customer[journey]
    level = stock.at(customer, minute)
    season = truth.season_amplitude * np.cos(2.0 * np.pi * minute / (365.25 * MINUTES_PER_DAY))
    latent = truth.overall_mean + people.alpha[customer] + level + season
    latent += truth.outage_overall * outage_fading(truth, minute)
    latent += felt[journey] @ listed(truth.driver_weights) + noise[journey]
    response = chance(
        truth.response_logit
        + truth.response_extreme * (latent - truth.response_centre) ** 2
        + truth.response_digital * (people.digital_affinity[customer] - 0.5)
        + listed(truth.response_segment)[people.segment[customer]]
    )
    return Feelings(
        journey=journey,
        minute=minute,
        level=level,
        felt=felt[journey],
        overall_latent=latent,
        answers=luck[journey] < response,
    )


def make_answers(
    truth: Truth, rng: Generator, *, people: People, visits: Visits, feelings: Feelings
) -> Answers:
    """What those who answer write down, on whole scale points."""
    chosen = np.flatnonzero(feelings.answers)
    journey = feelings.journey[chosen]
    customer = visits.customer[journey]
    latent, felt = feelings.overall_latent[chosen], feelings.felt[chosen]
    n = len(chosen)
    relationship = people.alpha[customer] + feelings.level[chosen]
    ratings = _ratings(truth, rng, visits=visits, journey=journey, felt=felt, relationship=relationship)
    # Recommending leans on the relationship more than the answer about the last visit does.
    recommend = truth.overall_mean + truth.recommend_slope * (latent - truth.overall_mean)
    recommend = recommend + truth.recommend_alpha * people.alpha[customer]
    recommend = recommend + rng.normal(0.0, truth.recommend_noise_sd, n)
    topic, pleased = _comment_topics(truth, rng, visits=visits, journey=journey, felt=felt, latent=latent)
    return Answers(
        journey=journey,
        minute=feelings.minute[chosen],
        overall=on_scale(latent, 1.0),
        recommend=on_scale(recommend, 0.0),
        ratings=ratings,
        topic=topic,
        pleased=pleased,
    )


def _ratings(
    truth: Truth, rng: Generator, *, visits: Visits, journey: Ints, felt: Floats, relationship: Floats
) -> Floats:
    """The items: halo, felt quality, own operations, misattributed parking, noise; blanks are NaN."""
    full = visits.operations.parking_full[journey]
    value = listed(truth.item_mean) + truth.halo * relationship[:, None] + truth.item_loading * felt
    value = value + rng.normal(0.0, truth.item_noise_sd, felt.shape)
    over = np.maximum(visits.operations.wait_minutes[journey] - truth.wait_free_minutes, 0.0)
    value[:, ITEMS.index("reception")] += truth.reception_per_wait_minute * over
    value[:, ITEMS.index("workshop")] += (
        truth.workshop_rework * visits.operations.rework[journey] + truth.workshop_parking_full * full
    )
    value[:, ITEMS.index("competence")] += truth.competence_parking_full * full
    value[:, ITEMS.index("pickup")] += (
        truth.pickup_per_delay_minute * visits.operations.delay_minutes[journey]
    )
    ratings = on_scale(value, 1.0)
    ratings[rng.random(felt.shape) < truth.blank_share] = np.nan
    ratings[~visits.happens[journey, 0], ITEMS.index("booking")] = np.nan
    return ratings


def _comment_topics(
    truth: Truth, rng: Generator, *, visits: Visits, journey: Ints, felt: Floats, latent: Floats
) -> tuple[Ints, Bools]:
    """Topic of each comment (-1 for none) and whether it pleases."""
    n = len(journey)
    writes = rng.random(n) < truth.comment_share
    topic = np.where(writes, rng.integers(1, len(COMMENT_TOPICS), n), -1)
    item = _ITEM_OF_TOPIC[topic]
    of_item = np.where(item >= 0, felt[np.arange(n), item], 0.0)
    mood = 0.5 * (latent - truth.overall_mean + 0.5) + of_item + rng.normal(0.0, 0.4, n)
    pleased = mood > 0.0
    lament = rng.random((n, 2))
    rework = visits.operations.rework[journey] & (lament[:, 0] < truth.rework_mention_share)
    parking = visits.operations.parking_full[journey] & (lament[:, 1] < truth.parking_mention_share)
    topic = np.where(rework, COMMENT_TOPICS.index("workshop"), topic)
    topic = np.where(parking, COMMENT_TOPICS.index("parking"), topic)
    return topic, pleased & ~rework & ~parking


def on_scale(value: Floats, lowest: float) -> Floats:
    """Whole points from ``lowest`` to 10."""
    points: Floats = np.clip(np.round(value), lowest, 10.0)
    return points
