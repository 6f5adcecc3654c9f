"""What happened to this customer before this answer: exposure in a window that ends before it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, CUSTOMERS, EVENTS, SURVEYS
from cxlab.core.errors import LinkError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.engine.duck import quote_text
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature, blocks_of, features_table, fill_empty, name_columns, select_list
from cxlab.linking.keys import (
    ACCOUNT_EVENTS,
    NO_CUSTOMER,
    account_check,
    customer_matches,
    event_rules,
    loss_counts,
    losses_frame,
    match_row,
    refuse_no_match,
    require_columns,
    require_whole_days,
    set_aside_words,
    visibility_check,
)
from cxlab.linking.linked import Linked
from cxlab.linking.sources import complaint_source, event_customers, event_source, metric_columns

QUESTION = "What happened to this customer before this answer"
ANSWER_KEYS = "cxlab_answer_keys"
#: More touchpoints than this are not touchpoints but free text.
MOST_TOUCHPOINTS = 200
NO_MOMENT = "no answered_at"
WINDOW_COMPLETE = Feature(
    name="window_complete",
    block="record",
    sql="",
    meaning="False: the window starts before events are recorded, so its counts are too low",
)
#: Joining of a customer whose row does not say when: such a customer is known at any answer.
LONG_AGO = pd.Timestamp("1700-01-01")
UNKNOWN = "customer not seen before the answer: no customers row and no earlier event"


def exposure(tables: Tables, *, days: int = 90) -> Linked:
    """One row per survey answer with what happened to this customer in the ``days`` before it.

    An event enters if it occurred in ``[answered_at - days, answered_at)`` and was known before
    ``answered_at``: strictly, so that an event at the very second of the answer stays outside.

    Parameters
    ----------
    tables
        Surveys (customer_id, answered_at) and events (customer_id, occurred_at; known_at, touchpoint,
        outcome and metric columns where there are any); complaints are used if there are any.
    days
        Length of the window, in whole days, 1 or more.

    Returns
    -------
    Linked
        ``table()``: the survey columns and ``n_events``; ``n_<touchpoint>`` and ``negative_<touchpoint>``;
        ``mean_<metric>`` and ``max_<metric>`` of every numeric column of events that has no meaning of
        its own; ``days_since_last_event`` (inside the window); ``open_complaints`` at the answer;
        ``window_complete`` (False: events are recorded only from a later day on than the window starts).

    Raises
    ------
    NotAnswerableError
        There are no surveys or no events, or they lack a customer or a moment.
    LinkError
        Not one survey customer is among the events, or a survey column has the name of a computed one.

    Notes
    -----
    A customer without an event in the window is kept with counts of 0 (missing means), provided that the
    customer was known before the answer: a customers row (joined earlier) or an earlier event. Otherwise
    nobody can tell "no contact" from a wrong key, and the answer is set aside. What comes before an
    answer need not have caused it.

    Examples
    --------
    >>> surveys = pd.DataFrame({"response_id": ["R1"], "customer_id": ["C1"], "overall": [4],
    ...                         "answered_at": pd.to_datetime(["2026-03-01 12:00"])})
    >>> events = pd.DataFrame({"event_id": ["E1", "E2"], "customer_id": ["C1", "C1"],
    ...     "occurred_at": pd.to_datetime(["2026-02-20 12:00", "2026-03-01 12:00"]),
    ...     "touchpoint": ["service", "service"], "outcome": [-1, 1], "wait_minutes": [35.0, 5.0]})
    >>> tables = Tables.of({"surveys": surveys, "events": events}, None, title="two events")
    >>> exposure(tables, days=30).table()[["n_service", "negative_service", "max_wait_minutes"]]
       n_service  negative_service  max_wait_minutes
    0          1                 1              35.0
    """
    require_whole_days("exposure", "days", days, least=1)
    require_columns(tables, SURVEYS, [CUSTOMER_ID, "answered_at"], question=QUESTION)
    require_columns(tables, EVENTS, [CUSTOMER_ID, "occurred_at"], question=QUESTION)
    return _link(tables, days)


def _link(tables: Tables, days: int) -> Linked:
    seen = event_customers(tables)
    accounts = int((seen["events"] > ACCOUNT_EVENTS).sum())
    keys, set_aside = _known_answers(tables, seen)
    rows, matched = int(keys["named"].sum()), int(keys["seen_at"].notna().sum())
    in_events = match_row(SURVEYS, f"{CUSTOMER_ID} in {EVENTS}", rows=rows, matched=matched)
    refuse_no_match(in_events, tables, target=EVENTS)
    keys = keys.loc[keys["kept"], ["answer_row", CUSTOMER_ID, "answered_at"]]
    features = [*_event_features(tables), *_complaint_features(tables)]
    _refuse_clash(tables, features)
    linked, latest = _measure(tables, keys, features, days)
    first_seen = seen["seen_at"].min()
    starts = linked["answered_at"] - pd.Timedelta(days=days)
    linked[WINDOW_COMPLETE.name] = starts >= first_seen
    with_event = int((linked["n_events"] > 0).sum())
    rates = [
        *customer_matches(tables, (SURVEYS, EVENTS, COMPLAINTS)),
        in_events,
        match_row(SURVEYS, f"an event in the {days} days before", rows=len(linked), matched=with_event),
    ]
    provenance = Provenance(
        model="exposure",
        n_rows=len(tables.frames[SURVEYS]),
        n_used=len(linked),
        n_set_aside=set_aside,
        settings={"days": days},
        input_hash=hash_frame(tables.frames[SURVEYS]),
    )
    share = with_event / len(linked) if len(linked) else float("nan")
    return Linked(
        estimates=linked,
        diagnostics=checks_table(
            [
                *_checks(tables, linked, latest, first_seen),
                account_check(accounts),
            ]
        ),
        provenance=provenance,
        match_rates=pd.DataFrame(rates),
        loss_rows=losses_frame({SURVEYS: set_aside, EVENTS: _event_losses(tables)}),
        words=(
            f"{provenance.n_used:,} of {provenance.n_rows:,} answers are linked with what happened to the "
            f"same customer in the {days} days before; {share:.1%} of them have at least one event there, "
            "the others count as no contact.",
            set_aside_words(provenance),
            "Only records that had happened and were known before the answer enter; what came before an "
            "answer need not have caused it.",
        ),
        features=features_table([*features, WINDOW_COMPLETE]),
        blocks=blocks_of(features),
    )


def _known_answers(tables: Tables, seen: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
    """Each answer (row, customer, moment, whether it is kept), and those that are not by reason.

    A customer is known before the answer by an earlier event or by having joined earlier: nothing that
    becomes known later decides which answers are kept.
    """
    keys = tables.frames[SURVEYS][[CUSTOMER_ID, "answered_at"]].reset_index(drop=True)
    keys = keys.rename_axis("answer_row").reset_index()
    identity, answered = keys[CUSTOMER_ID], keys["answered_at"]
    keys["seen_at"] = identity.map(seen["seen_at"])
    known = keys["seen_at"] < answered
    if tables.has(CUSTOMERS, CUSTOMER_ID):
        customers = tables.frames[CUSTOMERS].drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)
        joined = pd.Series(LONG_AGO, index=customers.index)
        if "joined_at" in customers:
            joined = customers["joined_at"].fillna(LONG_AGO)
        known |= identity.map(joined[joined.index.notna()]) < answered
    nameless = identity.isna() | (identity == "")
    lost = {
        NO_CUSTOMER: nameless,
        NO_MOMENT: answered.isna() & ~nameless,
        UNKNOWN: ~known & answered.notna() & ~nameless,
    }
    set_aside = {reason: int(rows.sum()) for reason, rows in lost.items() if rows.any()}
    keys["named"], keys["kept"] = ~nameless, known & answered.notna() & ~nameless
    return keys, set_aside


def _event_features(tables: Tables) -> list[Feature]:
    names = tables.engine.frame(
        f"SELECT DISTINCT touchpoint FROM ({event_source(tables)}) AS event "
        "WHERE touchpoint IS NOT NULL ORDER BY touchpoint"
    )["touchpoint"].tolist()
    if len(names) > MOST_TOUCHPOINTS:
        raise LinkError(
            f"{tables.title}: events name {len(names):,} different touchpoints, more than "
            f"{MOST_TOUCHPOINTS}. Next step: map a column of few categories to touchpoint in cxlab.toml."
        )
    features = [
        Feature(name="n_events", block="contacts", sql="count(*)", meaning="events in the window", empty=0)
    ]
    for name in names:
        here = f"touchpoint = {quote_text(name)}"
        features.append(
            Feature(
                name=f"n_{name}",
                block="contacts",
                sql=f"count(*) FILTER (WHERE {here})",
                meaning=f"events at {name} in the window",
                empty=0,
            )
        )
        if tables.has(EVENTS, "outcome"):
            features.append(
                Feature(
                    name=f"negative_{name}",
                    block="negatives",
                    sql=f"count(*) FILTER (WHERE {here} AND outcome < 0)",
                    meaning=f"events at {name} with outcome -1 in the window",
                    empty=0,
                )
            )
    for place, name in enumerate(metric_columns(tables.frames[EVENTS])):
        for word, aggregate in (("mean", "avg"), ("max", "max")):
            features.append(
                Feature(
                    name=f"{word}_{name}",
                    block="metrics",
                    sql=f"{aggregate}(m{place})",
                    meaning=f"{word} of {name} over the events in the window that state it",
                )
            )
    return [
        *features,
        Feature(
            name="days_since_last_event",
            block="contacts",
            sql="cx_age(max(occurred_at), min(answered_at))",
            meaning="days from the last event in the window to the answer; missing without one",
        ),
    ]


def _complaint_features(tables: Tables) -> list[Feature]:
    """Open complaints, where complaints say when they were opened and when resolved."""
    if not tables.has(COMPLAINTS, CUSTOMER_ID, "opened_at", "resolved_at"):
        return []
    return [
        Feature(
            name="open_complaints",
            block="complaints",
            sql="count(*)",
            meaning="complaints known before the answer and not resolved before it",
            empty=0,
        )
    ]


def exposure_sql(select: str, source: str, *, days: int) -> str:
    """SQL: aggregates of the events in the window before each answer, one row per answer with any.

    Each answer looks into the two time slots that its window can touch: the join is on customer AND
    slot, so a fleet with a hundred thousand events does not meet all its answers with all of them.
    """
    return (
        f"WITH event AS ({source}), windows AS ("
        f"SELECT answer_row, {CUSTOMER_ID}, CAST(answered_at AS TIMESTAMP) AS answered_at, "
        f"cx_slot(CAST(answered_at AS TIMESTAMP), {days}) - back.slots AS slot FROM {ANSWER_KEYS} "
        "CROSS JOIN (SELECT 0 AS slots UNION ALL SELECT 1 AS slots) AS back) "
        f"SELECT answer_row, max(visible_at) AS latest, {select} FROM windows "
        f"JOIN event ON event.{CUSTOMER_ID} = windows.{CUSTOMER_ID} "
        f"AND cx_slot(event.occurred_at, {days}) = windows.slot "
        f"WHERE occurred_at >= answered_at - INTERVAL {days} DAY AND visible_at < answered_at "
        "GROUP BY answer_row"
    )


def _measure(
    tables: Tables, keys: pd.DataFrame, features: Sequence[Feature], days: int
) -> tuple[pd.DataFrame, pd.Series]:
    """The linked rows, and the latest record used for each."""
    engine = tables.engine
    engine.view(ANSWER_KEYS, keys)
    from_events = [feature for feature in features if feature.block != "complaints"]
    source = event_source(tables, metrics=True)
    query = exposure_sql(select_list(from_events), source, days=days)
    measured = engine.frame(query).set_index("answer_row")
    columns = name_columns(measured, from_events).reindex(keys["answer_row"])
    if len(from_events) < len(features):
        counted = engine.frame(
            f"SELECT answer_row, count(*) AS n FROM {ANSWER_KEYS} AS answer "
            f"JOIN ({complaint_source(tables)}) AS complaint "
            f"ON complaint.{CUSTOMER_ID} = answer.{CUSTOMER_ID} "
            "WHERE visible_at < answered_at AND (resolved_at IS NULL OR resolved_at >= answered_at) "
            "GROUP BY answer_row"
        ).set_index("answer_row")
        columns["open_complaints"] = counted["n"].reindex(keys["answer_row"])
    columns = fill_empty(columns, features)
    answers = tables.frames[SURVEYS].iloc[keys["answer_row"]].reset_index(drop=True)
    linked = pd.concat([answers, columns.reset_index(drop=True)], axis=1)
    latest = measured["latest"].reindex(keys["answer_row"]).reset_index(drop=True)
    return linked, latest


def _refuse_clash(tables: Tables, features: Sequence[Feature]) -> None:
    names = [feature.name for feature in (*features, WINDOW_COMPLETE)]
    clash = [name for name in names if tables.has(SURVEYS, name)]
    if clash:
        raise LinkError(
            f"{tables.title}: surveys have a column {', '.join(clash)}, the name that linking gives to a "
            "computed one. Next step: map that survey column to another name in cxlab.toml."
        )


def _event_losses(tables: Tables) -> dict[str, int]:
    rules = event_rules(tables)
    if tables.has(EVENTS, "touchpoint"):
        rules.append(("touchpoint IS NULL", "no touchpoint: counts in n_events only"))
    return loss_counts(tables, EVENTS, rules)


def _checks(
    tables: Tables, linked: pd.DataFrame, latest: pd.Series, first_seen: pd.Timestamp
) -> list[Check]:
    late = int((latest >= linked["answered_at"]).sum())
    cut_short = int((~linked["window_complete"]).sum())
    return [
        Check(
            check="only earlier records",
            value=late,
            threshold="0",
            passed=late == 0,
            meaning="answers linked to a record that happened or became known at or after the answer",
        ),
        visibility_check(tables),
        Check(
            check="whole windows",
            value=cut_short,
            threshold="0",
            passed=cut_short == 0,
            meaning="answers whose window starts before events are recorded (from "
            f"{first_seen:%Y-%m-%d}): their counts are too low; leave them out with window_complete",
        ),
    ]
