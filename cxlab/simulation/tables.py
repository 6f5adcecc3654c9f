"""From arrays of one block to the long tables of the house, as Arrow tables with canonical columns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from cxlab.core.columns import COMPLAINTS, CONTRACTS, CUSTOMERS, EVENTS, RATING_PREFIX, SURVEYS
from cxlab.simulation.answers import Answers, Feelings
from cxlab.simulation.churn import Contracts
from cxlab.simulation.comments import all_comments
from cxlab.simulation.complaints import TOPICS, Complaints
from cxlab.simulation.stock import MINUTES_PER_DAY, NEVER, Floats, Ints
from cxlab.simulation.trial import Trial
from cxlab.simulation.truth import EPISODES, ITEMS, LANGUAGES, PLANS, SEGMENTS, TOUCHPOINTS, Truth
from cxlab.simulation.visit_survey import VisitSurvey
from cxlab.simulation.world import Bools, Dealers, People, Visits, outage_fading

#: Digits of a customer number: ids stay of one width up to this many customers.
CUSTOMERS_MAX = 9_999_999
_CUSTOMER_DIGITS = 7
_REGIONS = (
    "north",
    "north-east",
    "east",
    "south-east",
    "south",
    "south-west",
    "west",
    "north-west",
)


@dataclass(frozen=True, kw_only=True, eq=False)
class Block:
    """Everything that happened to one block of customers."""

    people: People
    visits: Visits
    complaints: Complaints
    contracts: Contracts
    trial: Trial
    left: Ints
    feelings: Feelings
    answers: Answers
    visit_survey: VisitSurvey
    after: Floats
    comments: Ints


def numbered(prefix: str, *parts: tuple[Ints, int]) -> pa.Array:
    """Ids such as ``J0000012-03``: the prefix, then numbers of fixed width joined by hyphens.

    >>> numbered("J", (np.array([12]), 7), (np.array([3]), 2)).to_pylist()
    ['J0000012-03']
    """
    n = len(parts[0][0])
    width = len(prefix) + sum(digits for _, digits in parts) + len(parts) - 1
    letters = np.empty((n, width), dtype=np.uint8)
    letters[:] = ord("-")
    letters[:, : len(prefix)] = np.frombuffer(prefix.encode(), dtype=np.uint8)
    place = len(prefix)
    for number, digits in parts:
        rest = number.astype(np.uint32)
        for position in range(place + digits - 1, place - 1, -1):
            rest, digit = np.divmod(rest, np.uint32(10))
            letters[:, position] = digit + ord("0")
        place += digits + 1
    offsets = np.arange(n + 1, dtype=np.int64) * width
    return pa.LargeStringArray.from_buffers(n, pa.py_buffer(offsets), pa.py_buffer(letters))


def named(names: Sequence[str], codes: Ints) -> pa.Array:
    """Texts for codes; a negative code is missing."""
    words = pa.array(names, type=pa.large_string())
    if len(codes) and codes.min() < 0:
        return words.take(pa.array(codes, mask=codes < 0))
    return words.take(pa.array(codes))


def instants(truth: Truth, minute: Ints) -> pa.Array:
    """Minutes of the window as naive timestamps in microseconds; NEVER is missing."""
    start = np.datetime64(truth.window_start, "us")
    never = minute >= NEVER
    micros = np.where(never, 0, minute) * np.int64(60_000_000)
    return pa.array(start + micros.astype("timedelta64[us]"), mask=never if never.any() else None)


def numbers(values: Any, *, missing: Bools | None = None) -> pa.Array:
    """Floats in which NaN, or what ``missing`` marks, is a missing value."""
    return pa.array(np.asarray(values, dtype=np.float64), mask=missing, from_pandas=True)


def location_names(count: int) -> list[str]:
    """Dealer ids ``D001``, ``D002``, ..."""
    return [f"D{number:03d}" for number in range(1, count + 1)]


def locations_table(dealers: Dealers) -> pa.Table:
    """The look-up of dealers."""
    return pa.table(
        {
            "location_id": pa.array(location_names(len(dealers.quality)), type=pa.large_string()),
            "region": named(_REGIONS, dealers.region),
            "owner": named(("own", "partner"), dealers.partner.astype(np.int64)),
            "parking_spaces": pa.array(dealers.parking_spaces),
            "bays": pa.array(dealers.bays),
        }
    )


def block_tables(truth: Truth, block: Block, dealers: Dealers) -> dict[str, pa.Table]:
    """The five long tables of one block, in the order of customer and time."""
    return {
        CUSTOMERS: _customers(truth, block, dealers),
        EVENTS: _events(truth, block, dealers),
        SURVEYS: _surveys(truth, block, dealers),
        COMPLAINTS: _complaints(truth, block),
        CONTRACTS: _contracts(truth, block),
    }


def customer_ids(people: People) -> pa.Array:
    """``C0000001``, ... of one block."""
    return numbered("C", (people.number, _CUSTOMER_DIGITS))


def journey_ids(block: Block, journey: Ints) -> pa.Array:
    """``J0000001-01``, ... for the given journeys of the block."""
    return numbered("J", *_journey_parts(block, journey))


def _journey_parts(block: Block, journey: Ints) -> tuple[tuple[Ints, int], tuple[Ints, int]]:
    number = block.people.number[block.visits.customer[journey]]
    return (number, _CUSTOMER_DIGITS), (block.visits.order[journey] + 1, 2)


def _customers(truth: Truth, block: Block, dealers: Dealers) -> pa.Table:
    people, trial = block.people, block.trial
    takes_part = trial.takes_part(truth, people, block.left)
    return pa.table(
        {
            "customer_id": customer_ids(people),
            "joined_at": instants(truth, people.joined),
            "left_at": instants(truth, block.left),
            "segment": named(SEGMENTS, people.segment),
            "location_id": named(location_names(len(dealers.quality)), people.home),
            "language": named(LANGUAGES, people.language),
            "trial_at": instants(truth, np.where(takes_part, trial.minute(truth), NEVER)),
            "treated": numbers(trial.treated, missing=~takes_part),
        }
    )


def _events(truth: Truth, block: Block, dealers: Dealers) -> pa.Table:
    visits = block.visits
    end = truth.window_days * MINUTES_PER_DAY
    until = np.minimum(block.left[visits.customer], end)
    journey, episode = np.nonzero(visits.happens & (visits.minute < until[:, None]))
    minute = visits.minute[journey, episode]
    customer, dealer = visits.customer[journey], visits.dealer[journey]
    touchpoint = visits.touchpoint[journey, episode]
    online = np.char.endswith(np.array(TOUCHPOINTS), "_online").astype(np.int64)
    return pa.table(
        {
            "event_id": numbered("E", *_journey_parts(block, journey), (episode + 1, 1)),
            "customer_id": customer_ids(block.people).take(pa.array(customer)),
            "occurred_at": instants(truth, minute),
            # The last run of the window brings all records that are still under way.
            "known_at": instants(truth, np.minimum(minute + visits.known_lag[journey], end - 1)),
            "journey_id": journey_ids(block, journey),
            "episode": named(EPISODES, episode),
            "touchpoint": named(TOUCHPOINTS, touchpoint),
            "channel": named(("physical", "digital"), online[touchpoint]),
            "owner": named(("own", "partner"), dealers.partner[dealer].astype(np.int64)),
            "location_id": named(location_names(len(dealers.quality)), dealer),
            "outcome": pa.array(visits.outcome[journey, episode]),
            "wait_minutes": numbers(visits.operations.wait_minutes[journey], missing=episode != 2),
            "parking_occupancy": numbers(visits.operations.occupancy[journey], missing=episode != 1),
            "rework": numbers(visits.operations.rework[journey], missing=episode != 3),
            "delay_minutes": numbers(visits.operations.delay_minutes[journey], missing=episode != 4),
        }
    )


def _surveys(truth: Truth, block: Block, dealers: Dealers) -> pa.Table:
    answers = block.answers
    customer = block.visits.customer[answers.journey]
    dealer = block.visits.dealer[answers.journey]
    columns = {
        "response_id": numbered("R", *_journey_parts(block, answers.journey)),
        "customer_id": customer_ids(block.people).take(pa.array(customer)),
        "answered_at": instants(truth, answers.minute),
        "journey_id": journey_ids(block, answers.journey),
        "location_id": named(location_names(len(dealers.quality)), dealer),
        "overall": numbers(answers.overall),
        "recommend_0_10": numbers(answers.recommend),
        **_visit_columns(truth, block.visit_survey),
    }
    for k, item in enumerate(ITEMS):
        columns[RATING_PREFIX + item] = numbers(answers.ratings[:, k])
    columns["comment"] = named(all_comments(), block.comments)
    columns["language"] = named(LANGUAGES, block.people.language[customer])
    return pa.table(columns)


def _visit_columns(truth: Truth, asked: VisitSurvey) -> dict[str, pa.Array]:
    """The further questions: before the visit, about it, about telling, about other brands."""
    return {
        "expectation_at": instants(truth, asked.expected_minute),
        "expectation": numbers(asked.expectation),
        "perceived": numbers(asked.perceived),
        "visit_satisfaction": numbers(asked.visit_satisfaction),
        "told_good_count": numbers(asked.told_good),
        "told_bad_count": numbers(asked.told_bad),
        "brands_used_count": numbers(asked.brands_used),
        "brand_rank": numbers(asked.brand_rank),
        "spend_share": numbers(asked.spend_share),
    }


def _complaints(truth: Truth, block: Block) -> pa.Table:
    all_of = block.complaints
    end = np.minimum(block.left[all_of.customer], truth.window_days * MINUTES_PER_DAY)
    kept = np.flatnonzero(all_of.opened < end)
    journey, episode = all_of.journey[kept], all_of.episode[kept]
    # What would be put right only after the customer left, or after the window, is not resolved.
    in_time = all_of.resolved[kept] < end[kept]
    parts = _journey_parts(block, journey)
    return pa.table(
        {
            "complaint_id": numbered("K", *parts, (episode + 1, 1)),
            "customer_id": customer_ids(block.people).take(pa.array(all_of.customer[kept])),
            "event_id": numbered("E", *parts, (episode + 1, 1)),
            "opened_at": instants(truth, all_of.opened[kept]),
            "resolved_at": instants(truth, np.where(in_time, all_of.resolved[kept], NEVER)),
            "topic": named(TOPICS, all_of.topic[kept]),
            "severity": pa.array(all_of.severity[kept]),
            "compensation_eur": numbers(np.where(in_time, all_of.compensation_eur[kept], 0.0)),
            "satisfaction_after": numbers(block.after[kept]),
        }
    )


def _contracts(truth: Truth, block: Block) -> pa.Table:
    people, held = block.people, block.contracts
    again = np.flatnonzero(held.renewed < np.minimum(block.left, truth.window_days * MINUTES_PER_DAY))
    ended = block.left.copy()
    ended[again] = held.renewed[again]
    customer = np.concatenate([np.arange(len(people.number)), again])
    turn = np.concatenate([np.ones(len(people.number), np.int64), np.full(len(again), 2)])
    order = np.lexsort([turn, customer])

    def both(first: Ints | Floats, second: Ints | Floats) -> Any:
        return np.concatenate([first, second[again]])[order]

    return pa.table(
        {
            "contract_id": numbered(
                "P", (people.number[customer[order]], _CUSTOMER_DIGITS), (turn[order], 1)
            ),
            "customer_id": customer_ids(people).take(pa.array(customer[order])),
            "started_at": instants(truth, both(people.joined, held.renewed)),
            "ended_at": instants(truth, both(ended, block.left)),
            "value_per_year": numbers(both(held.value_eur, held.renewed_value_eur)),
            "plan": named(PLANS, both(held.plan, held.renewed_plan)),
            "discount_share": numbers(block.trial.discount_share[customer[order]]),
        }
    )


def _with_gaps(block: Block) -> Floats:
    """The gap between perceived and expected of every journey that was answered, NaN of the others."""
    gaps = np.full(len(block.feelings.journey), np.nan)
    gaps[block.feelings.answers] = block.visit_survey.gap
    return gaps


def latent_tables(truth: Truth, block: Block) -> dict[str, pa.Table]:
    """The hidden side of one block, per customer and per finished journey; only tests may read it."""
    people, visits, feelings = block.people, block.visits, block.feelings
    customer = visits.customer[feelings.journey]
    columns = {
        "journey_id": journey_ids(block, feelings.journey),
        "customer_id": customer_ids(people).take(pa.array(customer)),
        "answered": pa.array(feelings.answers),
        "level": numbers(feelings.level),
        "overall_latent": numbers(feelings.overall_latent),
        "parking_full": pa.array(visits.operations.parking_full[feelings.journey]),
        "outage": numbers(outage_fading(truth, feelings.minute)),
        "gap": numbers(_with_gaps(block)),
    }
    for k, item in enumerate(ITEMS):
        columns[f"felt_{item}"] = numbers(feelings.felt[:, k])
    return {
        "customers": pa.table(
            {
                "customer_id": customer_ids(people),
                "alpha": numbers(people.alpha),
                "digital_affinity": numbers(people.digital_affinity),
                "visit_gap_days": numbers(people.visit_gap_days),
                "price_sensitivity": numbers(block.trial.price_sensitivity),
            }
        ),
        "journeys": pa.table(columns),
    }
