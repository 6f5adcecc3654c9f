"""Experiences where operations recorded no outcome: good and bad as the customer's own answer says."""

from __future__ import annotations

import pandas as pd

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, EVENTS, OVERALL, SURVEYS
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.experiences import EXPERIENCE_FEATURES
from cxlab.linking.features import features_table
from cxlab.linking.keys import (
    NO_CUSTOMER,
    customer_matches,
    empty,
    loss_counts,
    losses_frame,
    require_columns,
    set_aside_words,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked
from cxlab.linking.sources import complaint_source, knows_resolution


def rated_experiences(
    tables: Tables, *, column: str = OVERALL, negative_up_to: float = 5.0, positive_from: float = 8.0
) -> Linked:
    """One row per survey answer that rates its contact as good or bad, for data without outcomes.

    Parameters
    ----------
    tables
        Surveys with customer_id, answered_at and ``column``; events and complaints place the contact in
        time and say whether it was put right.
    column
        The rating that decides: best satisfaction with the contact, not with the company.
    negative_up_to, positive_from
        Ratings up to the first are bad, from the second good; those between are set aside.

    Returns
    -------
    Linked
        ``table()``: as :func:`cxlab.experiences`, with ``source`` "survey". The contact happened at the
        last event of its journey, or a minute before the answer where there is none.

    Raises
    ------
    NotAnswerableError
        There are no surveys, or they lack a column.
    ParameterError
        If the two limits do not leave both sides apart.

    Notes
    -----
    The mood of the day is in the rating *and* in the overall answer of the same survey: a model that reads
    both takes the mood for an effect. :class:`cxlab.RepairModel` sees ``source`` and reads only what
    earlier contacts left behind.

    Examples
    --------
    >>> surveys = pd.DataFrame({"response_id": ["R1", "R2"], "customer_id": ["C1", "C1"],
    ...     "answered_at": pd.to_datetime(["2026-03-01", "2026-06-02"]), "rating_visit": [3, 9]})
    >>> tables = Tables.of({"surveys": surveys}, None, title="two answers")
    >>> rated_experiences(tables, column="rating_visit", negative_up_to=5, positive_from=8).table()[
    ...     ["occurred_at", "valence", "source"]]
              occurred_at   valence  source
    0 2026-02-28 23:59:00  negative  survey
    1 2026-06-01 23:59:00  positive  survey
    """
    if not negative_up_to < positive_from:
        raise ParameterError(
            f"rated_experiences: negative_up_to={negative_up_to!r} must be below positive_from="
            f"{positive_from!r}. Next step: for a scale of 1 to 10, 5 and 8 are usual."
        )
    require_columns(
        tables, SURVEYS, [CUSTOMER_ID, "answered_at", column], question="Which contacts were good"
    )
    return _link_rated(
        tables, column, negative_up_to=float(negative_up_to), positive_from=float(positive_from)
    )


def _link_rated(tables: Tables, column: str, *, negative_up_to: float, positive_from: float) -> Linked:
    rating = quote_identifier(column)
    rules = [
        (empty(CUSTOMER_ID), NO_CUSTOMER),
        ("answered_at IS NULL", "no answered_at"),
        (f"cx_bad({rating})", f"no {column}"),
        (f"{rating} > {negative_up_to} AND {rating} < {positive_from}", "neither good nor bad"),
    ]
    frame = tables.engine.frame(_rated_sql(tables, rating, rules, positive_from=positive_from))
    set_aside = loss_counts(tables, SURVEYS, rules)
    provenance = Provenance(
        model="rated_experiences",
        n_rows=len(tables.frames[SURVEYS]),
        n_used=len(frame),
        n_set_aside=set_aside,
        settings={"column": column, "negative_up_to": negative_up_to, "positive_from": positive_from},
        input_hash=hash_frame(tables.frames[SURVEYS][[CUSTOMER_ID, "answered_at", column]]),
    )
    negative = int((frame["valence"] == "negative").sum())
    check = Check(
        check="good and bad were recorded by operations",
        value="no, by the customer's own answer",
        threshold="yes",
        passed=False,
        meaning="the mood of the day is in both; the repair model then reads earlier contacts only",
    )
    return Linked(
        estimates=frame,
        diagnostics=checks_table([check]),
        provenance=provenance,
        match_rates=pd.DataFrame(customer_matches(tables, (SURVEYS,)), columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({SURVEYS: set_aside}),
        words=(
            f"{provenance.n_used:,} of {provenance.n_rows:,} answers rate their contact ({column}): "
            f"{negative:,} negative and {len(frame) - negative:,} positive.",
            set_aside_words(provenance),
            "Good and bad come from the customer's own answer, so its mood is in them.",
        ),
        features=features_table(EXPERIENCE_FEATURES),
    )


def _rated_sql(tables: Tables, rating: str, rules: list[tuple[str, str]], *, positive_from: float) -> str:
    location = "location_id" if tables.has(SURVEYS, "location_id") else "NULL"
    return (
        f"SELECT survey.{CUSTOMER_ID}, "
        "coalesce(visit.ended_at, survey.answered_at - INTERVAL 1 MINUTE) AS occurred_at, "
        "survey.answered_at AS known_at, CAST(NULL AS VARCHAR) AS touchpoint, "
        f"CAST({location} AS VARCHAR) AS location_id, "
        f"CASE WHEN {rating} >= {positive_from} THEN 'positive' ELSE 'negative' END AS valence, "
        "CASE WHEN visit.resolved_at IS NOT NULL THEN greatest(visit.resolved_at, visit.ended_at) END "
        "AS resolved_at, 'survey' AS source "
        f"FROM {SURVEYS} AS survey LEFT JOIN ({_visits(tables)}) AS visit ON {_key(tables)} "
        f"WHERE NOT ({' OR '.join(condition for condition, _ in _named(rules))}) "
        f"ORDER BY survey.{CUSTOMER_ID}, occurred_at, known_at, valence"
    )


def _named(rules: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """The rules with the columns of the surveys named as such."""
    return [(condition.replace(CUSTOMER_ID, f"survey.{CUSTOMER_ID}"), why) for condition, why in rules]


def _key(tables: Tables) -> str:
    if tables.has(SURVEYS, "journey_id") and tables.has(EVENTS, "journey_id", "occurred_at"):
        return f"visit.journey_id = survey.journey_id AND visit.{CUSTOMER_ID} = survey.{CUSTOMER_ID}"
    return "FALSE"


def _visits(tables: Tables) -> str:
    """SQL: per journey and customer its last event before now and the earliest resolution, if known."""
    if _key(tables) == "FALSE":
        nothing = "CAST(NULL AS TIMESTAMP)"
        return f"SELECT {nothing} AS ended_at, {nothing} AS resolved_at"
    events = (
        f"SELECT event_id, journey_id, {CUSTOMER_ID}, occurred_at FROM {EVENTS}"
        if tables.has(EVENTS, "event_id")
        else f"SELECT NULL AS event_id, journey_id, {CUSTOMER_ID}, occurred_at FROM {EVENTS}"
    )
    solved = "SELECT NULL AS event_id, CAST(NULL AS TIMESTAMP) AS resolved_at"
    if tables.has(COMPLAINTS) and knows_resolution(tables):
        solved = (
            f"SELECT event_id, min(resolved_at) AS resolved_at FROM ({complaint_source(tables)}) GROUP BY 1"
        )
    return (
        f"SELECT journey_id, {CUSTOMER_ID}, max(CAST(occurred_at AS TIMESTAMP)) AS ended_at, "
        f"min(resolved_at) AS resolved_at FROM ({events}) AS event LEFT JOIN ({solved}) AS solved "
        f"ON solved.event_id = event.event_id GROUP BY journey_id, {CUSTOMER_ID}"
    )
