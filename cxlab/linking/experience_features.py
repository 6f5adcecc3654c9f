"""Experience features beyond counts: last, mean and slope of outcomes, weakest link, expectation gap."""

from __future__ import annotations

from cxlab.core.columns import CUSTOMER_ID, EVENTS, OVERALL, SURVEYS
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature
from cxlab.linking.keys import empty
from cxlab.linking.sources import event_source, visible_moment

SEEN = "visible_at < {cut}"
#: Half-lives of the stocks of the full set: a month to a year, wide enough to profile.
FULL_HALF_LIVES_DAYS = (30, 90, 180, 365)
#: A mean is drawn towards 0 as if three more records of 0 had been seen.
SHRINK_RECORDS = 3
#: A slope is drawn towards 0 as if three more records lay 90 days off.
SHRINK_DAYS = 90


def shrunken_mean(value: str) -> str:
    """SQL: sum / (count + 3) of ``value`` before the cut-off, missing without any."""
    given = f"FILTER (WHERE {SEEN} AND {value} IS NOT NULL)"
    return (
        f"CASE WHEN count(*) {given} > 0 THEN CAST(sum({value}) {given} AS DOUBLE) "
        f"/ (count(*) {given} + {SHRINK_RECORDS}) END"
    )


def event_extras() -> list[Feature]:
    """Last, mean and slope of the outcomes of events (-1 bad, 0, 1 good)."""
    given = f"FILTER (WHERE {SEEN} AND outcome IS NOT NULL)"
    age = "cx_age(occurred_at, {cut})"
    # The slope per day of age, with the sign turned: above 0 is getting better.
    slope = (
        f"CASE WHEN count(*) {given} > 1 THEN -365.0 * regr_sxy(outcome, {age}) {given} "
        f"/ (regr_sxx(outcome, {age}) {given} + {SHRINK_RECORDS * SHRINK_DAYS**2}) END"
    )
    return [
        Feature(
            name="experience_last_outcome",
            block="experience",
            sql=f"max_by(outcome, epoch_us(occurred_at) * 4 - CAST(outcome AS BIGINT)) {given}",
            meaning="outcome of the last event, -1 to 1 (the worst of several in one second)",
        ),
        Feature(
            name="experience_mean_outcome",
            block="experience",
            sql=shrunken_mean("outcome"),
            meaning=f"sum of outcomes / (events + {SHRINK_RECORDS}); missing without any",
        ),
        Feature(
            name="experience_slope_per_year",
            block="experience",
            sql=slope,
            meaning="change of the outcome per year, shrunken; above 0 is getting better",
        ),
    ]


def weakest_link(tables: Tables) -> tuple[str, Feature] | None:
    """Source and feature: the lowest shrunken mean over touchpoints; None without touchpoints."""
    if not tables.has(EVENTS, CUSTOMER_ID, "occurred_at", "outcome", "touchpoint"):
        return None
    feature = Feature(
        name="experience_weakest_link",
        block="experience",
        sql=shrunken_mean("outcome"),
        meaning="lowest shrunken mean outcome over touchpoints; missing without any",
    )
    source = f"SELECT * FROM ({event_source(tables)}) AS event WHERE touchpoint IS NOT NULL"
    return source, feature


def expectation_gap(tables: Tables) -> tuple[str, Feature] | None:
    """Source and feature: last expectation minus the overall answer given with it."""
    if not tables.has(SURVEYS, CUSTOMER_ID, "answered_at", OVERALL, "expectation"):
        return None
    moment = visible_moment(tables, SURVEYS, "answered_at")
    source = (
        f"SELECT {CUSTOMER_ID}, {moment} AS visible_at, avg(cx_number(expectation) - cx_number({OVERALL})) "
        f"AS gap FROM {SURVEYS} WHERE NOT {empty(CUSTOMER_ID)} AND answered_at IS NOT NULL "
        f"GROUP BY {CUSTOMER_ID}, {moment}"
    )
    feature = Feature(
        name="survey_expectation_gap",
        block="survey",
        sql=f"max_by(gap, visible_at) FILTER (WHERE {SEEN} AND gap IS NOT NULL)",
        meaning="last expectation minus the overall answer given with it; above 0: disappointed",
    )
    return source, feature
