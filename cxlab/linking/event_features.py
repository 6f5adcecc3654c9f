"""What events say of a customer at several cut-offs: counts, decayed stocks, mean, slope, weakest link."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, EVENTS
from cxlab.engine.macros import moment
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature
from cxlab.linking.keys import empty
from cxlab.linking.sources import event_source, knows_resolution, resolved_event_source
from cxlab.stats.cut_sums import NEVER, CutSums

#: A view of the customers: their id as text, and their place in the table of people.
PERSONS, PERSON_ID, PERSON_PLACE = "cx_persons", "cx_id", "cx_place"
_TOUCHPOINTS = "cx_touchpoints"
#: Half-lives of the decayed stocks: a quarter and a year; of the full set a month to a year, to profile.
HALF_LIVES_DAYS = (90, 365)
FULL_HALF_LIVES_DAYS = (30, 90, 180, 365)
WINDOWS_DAYS = (90, 365)
#: A mean is drawn towards 0 as if three more records of 0 had been seen; a slope as if 3 lay 90 days off.
SHRINK_RECORDS = 3
SHRINK_DAYS = 90
_DAY = 86_400_000_000
_PHYSICAL, _DIGITAL = 1, 2

#: A feature and its value at each cut-off of each person, (cuts, persons).
Measured = tuple[Feature, NDArray[Any]]


@dataclass(frozen=True, kw_only=True, eq=False)
class EventRecords:
    """The events seen before the last cut-off, as arrays (n,); times in microseconds."""

    sums: CutSums
    outcome: NDArray[np.float64]
    channel: NDArray[np.int8]
    touchpoint: NDArray[np.int16]
    #: The first cut-off that knows a resolution; the number of cut-offs where none does.
    resolved: NDArray[np.int64]


def view_persons(tables: Tables, ids: pd.Series) -> None:
    """Make the customers readable in SQL with their place in ``ids``; blank ids have none."""
    named = (ids.notna() & (ids != "")).fillna(False).to_numpy(dtype=bool)
    places = np.flatnonzero(named).astype(np.int32)
    people = pd.DataFrame({PERSON_ID: ids[named].astype("str"), PERSON_PLACE: places})
    tables.engine.view(PERSONS, people)


def measure_events(
    tables: Tables, cuts: Sequence[pd.Timestamp], *, persons: int, full: bool
) -> Iterator[Measured]:
    """The features of events at every cut-off for every person; none where events cannot be placed.

    ``view_persons`` comes first. ``full`` adds half-lives, last, mean and slope of outcomes, weakest link.
    """
    if not tables.has(EVENTS, CUSTOMER_ID, "occurred_at"):
        return
    records = _records(tables, cuts, persons=persons)
    yield from _usage(records, channels=tables.has(EVENTS, "channel"))
    if not tables.has(EVENTS, "outcome"):
        return
    half_lives = FULL_HALF_LIVES_DAYS if full else HALF_LIVES_DAYS
    yield from _experience(records, half_lives, resolutions=knows_resolution(tables))
    if full:
        yield from _extras(records)
        if tables.has(EVENTS, "touchpoint"):
            yield _weakest_link(records)


def first_cut(cuts: NDArray[np.int64], visible: NDArray[np.int64]) -> NDArray[np.int64]:
    """The first of the rising ``cuts`` strictly after each moment: a record seen at a cut-off is too late.

    >>> first_cut(np.array([10, 20]), np.array([9, 10, 20])).tolist()
    [0, 1, 2]
    """
    return np.searchsorted(cuts, visible, side="right")


def _records(tables: Tables, cuts: Sequence[pd.Timestamp], *, persons: int) -> EventRecords:
    """One scan: whose event it is, when it happened, when it could be seen, what came of it."""
    knows = knows_resolution(tables)
    source = resolved_event_source(tables) if knows else event_source(tables)
    columns = [
        PERSON_PLACE,
        "epoch_us(occurred_at) AS occurred",
        "epoch_us(visible_at) AS visible",
        "outcome",
        f"CAST(CASE WHEN channel IS NULL THEN 0 WHEN channel = 'digital' THEN {_DIGITAL} "
        f"ELSE {_PHYSICAL} END AS TINYINT) AS channel",
        "CAST(coalesce(touch_place, -1) AS SMALLINT) AS touch",
    ]
    if knows:
        columns.append("coalesce(epoch_us(resolved_at), 9223372036854775807) AS resolved")
    # Numbered for the join: text of ten million rows would cost more than all sums.
    names: list[str] = []
    if tables.has(EVENTS, "touchpoint"):
        names = list(tables.frames[EVENTS]["touchpoint"].dropna().unique())
    numbered = pd.DataFrame(
        {
            "touch_name": pd.Series(names, dtype="str"),
            "touch_place": np.arange(len(names), dtype=np.int16),
        }
    )
    tables.engine.view(_TOUCHPOINTS, numbered)
    rows = tables.engine.frame(
        f"SELECT {', '.join(columns)} FROM ({source}) AS event "
        f"JOIN {PERSONS} ON {PERSON_ID} = event.{CUSTOMER_ID} "
        f"LEFT JOIN {_TOUCHPOINTS} ON touch_name = event.touchpoint "
        f"WHERE visible_at < {moment(cuts[-1].isoformat())} AND NOT {empty(f'event.{CUSTOMER_ID}')}"
    )
    at = np.array([cut.to_datetime64() for cut in cuts], dtype="datetime64[us]").astype(np.int64)
    return EventRecords(
        sums=CutSums(
            person=rows[PERSON_PLACE].to_numpy(),
            first=first_cut(at, rows["visible"].to_numpy()).astype(np.int16),
            moments=rows["occurred"].to_numpy(),
            cuts=at,
            persons=persons,
            ticks=_DAY,
        ),
        outcome=rows["outcome"].to_numpy(dtype=float),
        channel=rows["channel"].to_numpy(),
        touchpoint=rows["touch"].to_numpy(),
        resolved=first_cut(at, rows["resolved"].to_numpy()) if knows else np.full(len(rows), len(at)),
    )


def _usage(records: EventRecords, *, channels: bool) -> Iterator[Measured]:
    sums = records.sums
    for days in WINDOWS_DAYS:
        yield _number(f"usage_events_{days}d", f"events in the last {days} days"), sums.recent(days)
    if channels:
        digital = sums.recent(365, np.flatnonzero(records.channel == _DIGITAL))
        known = sums.recent(365, np.flatnonzero(records.channel > 0))
        yield (
            _number(
                "usage_digital_share_365d",
                "share of digital events in the last 365 days; missing without any",
            ),
            _ratio(digital, known),
        )
    last = sums.latest(sums.moments)
    age = np.where(last == NEVER, np.nan, (sums.cuts[:, None] - last) / _DAY)
    yield _number("usage_days_since_last_event", "days since the last event; missing without any"), age


def _experience(
    records: EventRecords, half_lives: Sequence[int], *, resolutions: bool
) -> Iterator[Measured]:
    """Decayed stocks of good and bad events, the bad split by what was resolved by then; counts."""
    sums = records.sums
    good, bad = np.flatnonzero(records.outcome > 0), np.flatnonzero(records.outcome < 0)
    for days in half_lives:
        yield _stock("positive", "positive events", days), sums.decayed(days, good)
    if not resolutions:
        for days in half_lives:
            yield _stock("negative", "negative events (resolution unknown)", days), sums.decayed(days, bad)
    else:
        never = bad[records.resolved[bad] == len(sums.cuts)]
        once = bad[records.resolved[bad] < len(sums.cuts)]
        when = np.maximum(records.resolved[once], sums.first[once])
        for days in half_lives:
            waiting = sums.decayed(days, never) + sums.decayed_until(days, once, when)
            yield (
                _stock("negative_unresolved", "negative events not resolved before the cut-off", days),
                waiting,
            )
        meaning = "negative events with a complaint resolved before the cut-off"
        for days in half_lives:
            yield _stock("negative_resolved", meaning, days), sums.decayed(days, once, first=when)
    for days in WINDOWS_DAYS:
        feature = _number(f"experience_negatives_{days}d", f"negative events in the last {days} days")
        yield feature, sums.recent(days, bad)


def _extras(records: EventRecords) -> Iterator[Measured]:
    """Last, mean and slope of the outcomes (-1 bad, 0, 1 good)."""
    sums = records.sums
    known = ~np.isnan(records.outcome)
    judged = None if known.all() else np.flatnonzero(known)
    # Time and outcome in one number, so that of several events in one moment the worst is the last.
    code = sums.moments * 4 - np.nan_to_num(records.outcome).astype(np.int64)
    last = sums.latest(code, judged)
    yield (
        _number(
            "experience_last_outcome",
            "outcome of the last event, -1 to 1 (the worst of several in one second)",
        ),
        np.where(last == NEVER, np.nan, (1 - last) % 4 - 1.0),
    )
    n, total = sums.count(judged), sums.total(records.outcome, judged)
    yield (
        _number(
            "experience_mean_outcome", f"sum of outcomes / (events + {SHRINK_RECORDS}); missing without any"
        ),
        _shrunken(total, n),
    )
    day = (sums.moments - sums.cuts[0]) / _DAY
    days, squares = sums.total(day, judged), sums.total(day * day, judged)
    products = sums.total(day * records.outcome, judged)
    with np.errstate(invalid="ignore", divide="ignore"):
        together = products - days * total / n
        spread = squares - days * days / n
        slope = 365.0 * together / (spread + SHRINK_RECORDS * SHRINK_DAYS**2)
    yield (
        _number(
            "experience_slope_per_year",
            "change of the outcome per year, shrunken; above 0 is getting better",
        ),
        np.where(n > 1, slope, np.nan),
    )


def _weakest_link(records: EventRecords) -> Measured:
    """The lowest shrunken mean outcome over touchpoints; one touchpoint at a time, to bound memory."""
    sums = records.sums
    lowest = np.full((len(sums.cuts), sums.persons), np.nan)
    judged = ~np.isnan(records.outcome)
    for place in range(int(records.touchpoint.max(initial=-1)) + 1):
        here = np.flatnonzero(judged & (records.touchpoint == place))
        lowest = np.fmin(lowest, _shrunken(sums.total(records.outcome, here), sums.count(here)))
    meaning = "lowest shrunken mean outcome over touchpoints; missing without any"
    return _number("experience_weakest_link", meaning), lowest


def _shrunken(total: NDArray[np.float64], n: NDArray[np.int64]) -> NDArray[np.float64]:
    return np.where(n > 0, total / (n + SHRINK_RECORDS), np.nan)


def _ratio(part: NDArray[np.int64], whole: NDArray[np.int64]) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore"):
        return np.asarray(part / whole)


def _stock(kind: str, meaning: str, days: int) -> Feature:
    name = f"experience_{kind}_stock_{days}d"
    return _number(name, f"{meaning}, each counting half after {days} days")


def _number(name: str, meaning: str) -> Feature:
    return Feature(name=name, block=name.partition("_")[0], sql="", meaning=meaning)
