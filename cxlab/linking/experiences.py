"""The single experiences of customers and their answers in time, as the repair model takes them."""

from __future__ import annotations

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, EVENTS, LOCATION_ID, OVERALL, SURVEYS
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature, features_table
from cxlab.linking.keys import (
    NO_CUSTOMER,
    account_check,
    customer_matches,
    empty,
    event_rules,
    loss_counts,
    losses_frame,
    match,
    require_columns,
    set_aside_words,
    visibility_check,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked
from cxlab.linking.sources import complaint_source, event_accounts, knows_resolution, resolved_event_source

#: Events on one side of good and bad below which a comparison of the two has no ground.
FEW_EVENTS = 30
OUTCOME_RULES = (
    ("cx_bad(outcome)", "no outcome"),
    ("outcome = 0", "neutral outcome"),
    ("outcome NOT IN (-1, 1)", "outcome is none of -1, 0, 1"),
)
EXPERIENCE_FEATURES = (
    Feature(name="valence", block="experience", sql="", meaning="operational outcome of the event"),
    Feature(
        name="resolved_at",
        block="experience",
        sql="",
        meaning="earliest visible resolution of the complaints about this event; missing without one",
    ),
    Feature(
        name="source", block="experience", sql="", meaning="who said good or bad: operations or survey"
    ),
)


def experiences(tables: Tables) -> Linked:
    """One row per positive or negative event of a customer, and when its complaint was resolved.

    Parameters
    ----------
    tables
        Events with customer_id, occurred_at and outcome (-1 negative, 0 neutral, 1 positive); complaints
        (customer_id, event_id, opened_at, resolved_at) where there are any.

    Returns
    -------
    Linked
        ``table()``: customer_id, occurred_at, known_at, touchpoint, location_id, valence ("positive" or
        "negative"), resolved_at (earliest resolution of the complaints about this event, NaT without
        one), source ("operations"), in the order of customer, moment and event. Neutral events are set
        aside.

    Raises
    ------
    NotAnswerableError
        There are no events, or they have no outcome.

    Notes
    -----
    A negative event without a complaint, or with a complaint that leads to no event, looks unresolved:
    read ``losses()`` and ``checks()`` before trusting the split. The valence is operational (what
    happened), not an answer of the customer.

    Examples
    --------
    >>> events = pd.DataFrame({"event_id": ["E1", "E2", "E3"], "customer_id": ["C1", "C1", "C1"],
    ...     "occurred_at": pd.to_datetime(["2026-01-01", "2026-01-05", "2026-02-01"]),
    ...     "touchpoint": ["service", "app", "service"], "outcome": [-1, 0, 1]})
    >>> tables = Tables.of({"events": events}, None, title="three events")
    >>> experiences(tables).table()[["occurred_at", "valence", "resolved_at"]]
      occurred_at   valence resolved_at
    0  2026-01-01  negative         NaT
    1  2026-02-01  positive         NaT
    """
    question = "Which experiences customers had"
    require_columns(tables, EVENTS, [CUSTOMER_ID, "occurred_at", "outcome"], question=question)
    return _link_experiences(tables)


def _link_experiences(tables: Tables) -> Linked:
    frame = tables.engine.frame(
        f"SELECT {CUSTOMER_ID}, occurred_at, known_at, touchpoint, location_id, "
        "CASE WHEN outcome > 0 THEN 'positive' ELSE 'negative' END AS valence, resolved_at, "
        "'operations' AS source "
        f"FROM ({resolved_event_source(tables)}) AS event WHERE outcome IN (-1, 1) "
        f"ORDER BY {CUSTOMER_ID}, occurred_at, event_id, valence"
    )
    set_aside = loss_counts(tables, EVENTS, [*event_rules(tables), *OUTCOME_RULES])
    rates = customer_matches(tables, (EVENTS, COMPLAINTS))
    if knows_resolution(tables):
        rates.append(match(tables, COMPLAINTS, "event_id", target=EVENTS))
    negative = int((frame["valence"] == "negative").sum())
    provenance = Provenance(
        model="experiences",
        n_rows=len(tables.frames[EVENTS]),
        n_used=len(frame),
        n_set_aside=set_aside,
        input_hash=hash_frame(tables.frames[EVENTS][[CUSTOMER_ID, "occurred_at", "outcome"]]),
    )
    resolved = int(frame.loc[frame["valence"] == "negative", "resolved_at"].notna().sum())
    return Linked(
        estimates=frame,
        diagnostics=checks_table(_experience_checks(tables, negative, len(frame) - negative)),
        provenance=provenance,
        match_rates=pd.DataFrame(rates, columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({EVENTS: set_aside, COMPLAINTS: _complaint_losses(tables)}),
        words=(
            f"{provenance.n_used:,} of {provenance.n_rows:,} events are experiences: {negative:,} negative "
            f"({resolved:,} with a resolved complaint) and {len(frame) - negative:,} positive.",
            set_aside_words(provenance),
            "A negative event whose complaint is not in the data looks unresolved.",
        ),
        features=features_table(EXPERIENCE_FEATURES),
    )


def answers(tables: Tables, *, outcome: str = OVERALL) -> Linked:
    """One row per survey answer that states ``outcome``, with its customer and moment.

    Parameters
    ----------
    tables
        Surveys with customer_id, answered_at and the outcome column.
    outcome
        A numeric survey column: overall, recommend_0_10, a rating.

    Returns
    -------
    Linked
        ``table()``: customer_id, answered_at, the outcome as a float, location_id (missing where surveys
        have none), in the order of customer and moment.

    Raises
    ------
    NotAnswerableError
        There are no surveys, or they lack the outcome, a customer or a moment.
    ParameterError
        The outcome column is not numeric.

    Examples
    --------
    >>> surveys = pd.DataFrame({"response_id": ["R1", "R2"], "customer_id": ["C1", None],
    ...     "answered_at": pd.to_datetime(["2026-03-01", "2026-03-02"]), "overall": [4, 9]})
    >>> linked = answers(Tables.of({"surveys": surveys}, None, title="two answers"))
    >>> linked.table()[["customer_id", "overall"]]
      customer_id  overall
    0          C1      4.0
    >>> linked.losses()
         table          reason  rows
    0  surveys  no customer_id     1
    """
    question = f"What customers answered ({outcome})"
    require_columns(tables, SURVEYS, [CUSTOMER_ID, "answered_at", outcome], question=question)
    return _link_answers(tables, outcome)


def _link_answers(tables: Tables, outcome: str) -> Linked:
    surveys = tables.frames[SURVEYS]
    if not is_numeric_dtype(surveys[outcome].dtype):
        raise ParameterError(
            f"answers: outcome={outcome!r} is not a numeric column ({surveys[outcome].dtype}). Next step: "
            "choose overall, recommend_0_10 or a rating column."
        )
    column = quote_identifier(outcome)
    set_aside = loss_counts(
        tables,
        SURVEYS,
        [
            (empty(CUSTOMER_ID), NO_CUSTOMER),
            ("answered_at IS NULL", "no answered_at"),
            (f"cx_bad({column})", f"no {outcome}"),
        ],
    )
    location = LOCATION_ID if tables.has(SURVEYS, LOCATION_ID) else "NULL"
    order = "response_id" if tables.has(SURVEYS, "response_id") else column
    frame = tables.engine.frame(
        f"SELECT {CUSTOMER_ID}, CAST(answered_at AS TIMESTAMP) AS answered_at, "
        f"CAST({column} AS DOUBLE) AS {column}, CAST({location} AS VARCHAR) AS {LOCATION_ID} "
        f"FROM {SURVEYS} "
        f"WHERE NOT {empty(CUSTOMER_ID)} AND answered_at IS NOT NULL AND NOT cx_bad({column}) "
        f"ORDER BY {CUSTOMER_ID}, answered_at, {order}"
    )
    provenance = Provenance(
        model="answers",
        n_rows=len(surveys),
        n_used=len(frame),
        n_set_aside=set_aside,
        settings={"outcome": outcome},
        input_hash=hash_frame(surveys[[CUSTOMER_ID, "answered_at", outcome]]),
    )
    several = frame[CUSTOMER_ID].value_counts()
    check = Check(
        check="customers who answered twice or more",
        value=int((several >= 2).sum()),
        threshold=f"{FEW_EVENTS} or more",
        passed=bool((several >= 2).sum() >= FEW_EVENTS),
        meaning="a comparison of a customer with himself needs two answers of the same customer",
    )
    return Linked(
        estimates=frame,
        diagnostics=checks_table([check]),
        provenance=provenance,
        match_rates=pd.DataFrame(customer_matches(tables, (SURVEYS,)), columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({SURVEYS: set_aside}),
        words=(
            f"{provenance.n_used:,} of {provenance.n_rows:,} answers state {outcome}, a customer and a "
            f"moment; they come from {len(several):,} customers.",
            set_aside_words(provenance),
            "Those who answer are not all customers.",
        ),
        features=features_table([]),
    )


def _complaint_losses(tables: Tables) -> dict[str, int]:
    """Complaints that cannot resolve an event, by reason."""
    if not tables.has(COMPLAINTS):
        return {}
    if not knows_resolution(tables):
        return {"no way from a complaint to its event": len(tables.frames[COMPLAINTS])}
    losses = loss_counts(
        tables,
        COMPLAINTS,
        [("opened_at IS NULL", "no opened_at"), (empty("event_id"), "complaint without event_id")],
    )
    astray = tables.engine.frame(
        "SELECT count(*) FILTER (WHERE event.event_id IS NULL) AS unknown, "
        f"count(*) FILTER (WHERE event.event_id IS NOT NULL AND NOT "
        f"coalesce(event.{CUSTOMER_ID} = complaint.{CUSTOMER_ID}, FALSE)) AS foreign_customer "
        f"FROM ({complaint_source(tables)}) AS complaint LEFT JOIN ("
        f"SELECT event_id, min({CUSTOMER_ID}) AS {CUSTOMER_ID} FROM {EVENTS} GROUP BY event_id) AS event "
        f"ON event.event_id = complaint.event_id WHERE NOT {empty('complaint.event_id')}"
    ).iloc[0]
    losses["event_id is not in events"] = int(astray["unknown"])
    losses["its event belongs to another customer"] = int(astray["foreign_customer"])
    return {reason: rows for reason, rows in losses.items() if rows}


def _experience_checks(tables: Tables, negative: int, positive: int) -> list[Check]:
    few = min(negative, positive)
    return [
        visibility_check(tables),
        Check(
            check="resolution is known",
            value="yes" if knows_resolution(tables) else "no",
            threshold="yes",
            passed=knows_resolution(tables),
            meaning="without complaints that name their event every negative event looks unresolved",
        ),
        Check(
            check="both kinds occur",
            value=few,
            threshold=f"{FEW_EVENTS} or more",
            passed=few >= FEW_EVENTS,
            meaning="negative and positive events, whichever are fewer: too few for a comparison",
        ),
        account_check(event_accounts(tables)),
    ]
