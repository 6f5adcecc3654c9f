"""Everybody who could have been asked, answered or not: one row per journey with what operations know."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd
from pandas.api.types import is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, SURVEYS
from cxlab.core.errors import LinkError, NotAnswerableError
from cxlab.core.membership import is_in
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.engine.duck import quote_identifier
from cxlab.ingest.tables import Tables
from cxlab.linking.contact_answers import (
    FOREIGN,
    NO_ANSWERED_AT,
    ContactAnswers,
    match_answers,
)
from cxlab.linking.features import Feature, blocks_of, features_table, name_columns, select_list
from cxlab.linking.keys import (
    NO_CUSTOMER,
    empty,
    loss_counts,
    losses_frame,
    match,
    match_row,
    require_columns,
    require_whole_days,
    set_aside_words,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked
from cxlab.linking.sources import metric_columns

QUESTION = "Who answered and who did not"
JOURNEY_ID = "journey_id"
EVENT_ID = "event_id"
SEVERAL_CUSTOMERS = "events of several customers"
BEFORE_SURVEYS = "ended before the surveys began"
#: Columns of customers that are fixed on joining, so that a later state cannot leak into a contact.
CUSTOMER_FACTS = ("segment", "language")
#: An answer may be missing from this share of contacts' windows before the window is called too short.
LATE_SHARE = 0.05


def contacts(tables: Tables, *, answer_days: int = 30) -> Linked:
    """One row per journey that could have been answered, with operational facts, answered or not.

    A journey counts as answered if a survey names it and came within ``answer_days`` of its last event:
    every journey gets the same time to be answered.

    Parameters
    ----------
    tables
        Events with customer_id, occurred_at and journey_id (or event_id: then every event is a contact);
        surveys with answered_at and journey_id or event_id; customers are used if there are any.
    answer_days
        Time allowed for an answer, in whole days, 1 or more.

    Returns
    -------
    Linked
        ``table()``: customer_id, journey_id, location_id (of the last event that names one), ended_at;
        ``n_events``, ``duration_days``, ``negative_events``, ``digital_share``, ``own_share``,
        ``mean_<metric>`` and ``max_<metric>`` of that journey; ``segment``, ``language`` and
        ``days_since_joining`` of its customer; ``answered`` (bool), ``answered_at`` and the numeric
        survey columns (missing where not answered).

    Raises
    ------
    NotAnswerableError
        There are no surveys or no events, or nothing in them says which contact an answer is about.
    LinkError
        Not one survey names a journey that is among the events, or a survey column has the name of a
        computed one.

    Notes
    -----
    Set aside: journeys that ended less than ``answer_days`` before the end of the data (their answer may
    still come) or that ended before the surveys began, and journeys whose own answer is unclear. Whether a
    customer was really invited is not in the data: a dealer that asks nobody looks like one whose customers
    never answer (see ``checks()``).

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-05", "2026-01-06", "2026-03-01"])
    >>> events = pd.DataFrame({"event_id": ["E1", "E2", "E3"], "customer_id": ["C1", "C2", "C1"],
    ...     "journey_id": ["J1", "J2", "J3"], "occurred_at": days, "outcome": [-1, 1, 1]})
    >>> surveys = pd.DataFrame({"journey_id": ["J1"], "overall": [4.0],
    ...                         "answered_at": pd.to_datetime(["2026-01-08"])})
    >>> linked = contacts(Tables.of({"events": events, "surveys": surveys}, None, title="three journeys"))
    >>> linked.table()[["journey_id", "negative_events", "answered", "overall"]]
      journey_id  negative_events  answered  overall
    0         J1                1      True      4.0
    1         J2                0     False      NaN
    >>> linked.losses()
          table                                             reason  rows
    0  journeys  ended within 30 days of the end of the data: a...     1
    """
    require_whole_days("contacts", "answer_days", answer_days, least=1)
    require_columns(tables, EVENTS, [CUSTOMER_ID, "occurred_at"], question=QUESTION)
    require_columns(tables, SURVEYS, ["answered_at"], question=QUESTION)
    return _link(tables, answer_days, key=_contact_key(tables))


def _contact_key(tables: Tables) -> str:
    """The column of events that makes a contact; NotAnswerableError if no answer can be led to one."""
    by_journey = tables.has(EVENTS, JOURNEY_ID) and tables.has(SURVEYS, JOURNEY_ID)
    by_event = tables.has(EVENTS, EVENT_ID) and tables.has(SURVEYS, EVENT_ID)
    if by_journey or (by_event and tables.has(EVENTS, JOURNEY_ID)):
        return JOURNEY_ID
    if by_event:
        return EVENT_ID
    raise NotAnswerableError(
        QUESTION,
        reason=f"Surveys and events share neither {JOURNEY_ID} nor {EVENT_ID}, so nobody can say which "
        "contacts were answered.",
        next_step=f"map {JOURNEY_ID} (or {EVENT_ID}) of [surveys] and [events] in cxlab.toml.",
    )


def _link(tables: Tables, answer_days: int, *, key: str) -> Linked:
    features = _features(tables)
    outcomes = _outcome_columns(tables, [feature.name for feature in features])
    journeys = _journeys(tables, features, key)
    found = match_answers(tables, journeys, key=key, answer_days=answer_days)
    lost = _set_aside(journeys, found, _data_end(tables), answer_days)
    kept = journeys[lost.isna()]
    facts, fact_features = _customer_facts(tables, kept)
    answers = found.first.reindex(kept.index)
    answered = pd.Series(is_in(kept.index, found.first.index), index=kept.index, name="answered")
    linked = pd.concat(
        [
            kept[[CUSTOMER_ID]],
            kept.index.to_series().rename(JOURNEY_ID),
            kept[[LOCATION_ID, "ended_at", *[feature.name for feature in features]]],
            facts,
            answered,
            answers[["answered_at", *outcomes]],
        ],
        axis=1,
    ).reset_index(drop=True)
    set_aside = {str(reason): int(rows) for reason, rows in lost.value_counts(sort=False).items()}
    provenance = Provenance(
        model="contacts",
        n_rows=len(journeys),
        n_used=len(linked),
        n_set_aside=set_aside,
        settings={"answer_days": answer_days, "contact": key},
        input_hash=hash_frame(linked),
    )
    n_answered = int(linked["answered"].sum())
    share = n_answered / len(linked) if len(linked) else float("nan")
    events_lost = loss_counts(tables, EVENTS, _event_rules(key))
    unused = int((~is_in(found.first.index, kept.index)).sum())
    surveys_lost = {**found.losses, **({"its journey was set aside": unused} if unused else {})}
    every = [*features, *fact_features]
    return Linked(
        estimates=linked,
        diagnostics=checks_table(_checks(linked, found, answer_days)),
        provenance=provenance,
        match_rates=pd.DataFrame(_match_rates(tables, found, linked), columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({EVENTS: events_lost, "journeys": set_aside, SURVEYS: surveys_lost}),
        words=(
            f"{n_answered:,} of {len(linked):,} journeys that could be answered were answered within "
            f"{answer_days} days: {share:.1%}.",
            set_aside_words(provenance),
            "Who was really invited is not in the data; a journey without an answer may never have been "
            "asked about.",
        ),
        features=features_table(every),
        blocks=blocks_of(every),
    )


def _features(tables: Tables) -> list[Feature]:
    """Operational facts of one journey."""
    rows = [("n_events", "count(*)", "events of the journey")]
    rows.append(
        ("duration_days", "cx_age(min(occurred_at), max(occurred_at))", "first to last event, days")
    )
    if tables.has(EVENTS, "outcome"):
        rows.append(("negative_events", "count(*) FILTER (WHERE outcome < 0)", "events with outcome -1"))
    for column, value in (("channel", "digital"), ("owner", "own")):
        if tables.has(EVENTS, column):
            part = f"CASE WHEN {column} = '{value}' THEN 1.0 WHEN {column} IS NOT NULL THEN 0.0 END"
            rows.append((f"{value}_share", f"avg({part})", f"share of events with {column} {value}, 0..1"))
    features = [Feature(name=name, block="journey", sql=sql, meaning=text) for name, sql, text in rows]
    for name in metric_columns(tables.frames[EVENTS]):
        for word, aggregate in (("mean", "avg"), ("max", "max")):
            features.append(
                Feature(
                    name=f"{word}_{name}",
                    block="metrics",
                    sql=f"{aggregate}(cx_number({quote_identifier(name)}))",
                    meaning=f"{word} of {name} over the events of the journey that state it",
                )
            )
    return features


def _outcome_columns(tables: Tables, computed: Sequence[str]) -> list[str]:
    """Numeric survey columns; LinkError where one has the name of a computed column."""
    surveys = tables.frames[SURVEYS]
    fixed = {JOURNEY_ID, EVENT_ID, CUSTOMER_ID, LOCATION_ID, "response_id", "answered_at"}
    outcomes = [
        str(name) for name in surveys.columns if name not in fixed and is_numeric_dtype(surveys[name].dtype)
    ]
    taken = {*computed, *CUSTOMER_FACTS, "days_since_joining", "answered", "ended_at"}
    clash = [name for name in outcomes if name in taken]
    if clash:
        raise LinkError(
            f"{tables.title}: surveys have a column {', '.join(clash)}, the name that linking gives to a "
            "computed one. Next step: map that survey column to another name in cxlab.toml."
        )
    return outcomes


def _event_rules(key: str) -> list[tuple[str, str]]:
    return [
        (empty(key), f"no {key}"),
        (empty(CUSTOMER_ID), NO_CUSTOMER),
        ("occurred_at IS NULL", "no occurred_at"),
    ]


def _journeys(tables: Tables, features: Sequence[Feature], key: str) -> pd.DataFrame:
    """One row per contact, indexed by its id: customer_id, customers, ended_at, location_id, features."""
    good = " AND ".join(f"NOT {rule}" for rule in (empty(key), empty(CUSTOMER_ID), "(occurred_at IS NULL)"))
    measured = tables.engine.frame(
        f"SELECT CAST({key} AS VARCHAR) AS contact, min({CUSTOMER_ID}) AS {CUSTOMER_ID}, "
        f"count(DISTINCT {CUSTOMER_ID}) AS customers, CAST(max(occurred_at) AS TIMESTAMP) AS ended_at, "
        f"{select_list(features)} FROM {EVENTS} WHERE {good} GROUP BY {key} ORDER BY contact"
    ).set_index("contact")
    journeys = measured[[CUSTOMER_ID, "customers", "ended_at"]].join(name_columns(measured, features))
    journeys[LOCATION_ID] = pd.Series(pd.NA, index=journeys.index, dtype="str")
    if tables.has(EVENTS, LOCATION_ID):
        last = tables.engine.frame(
            f"SELECT contact, {LOCATION_ID} FROM (SELECT CAST({key} AS VARCHAR) AS contact, {LOCATION_ID}, "
            f"row_number() OVER (PARTITION BY {key} ORDER BY occurred_at DESC, {LOCATION_ID}) AS place "
            f"FROM {EVENTS} WHERE {good} AND NOT {empty(LOCATION_ID)}) AS named WHERE place = 1"
        ).set_index("contact")
        journeys[LOCATION_ID] = last[LOCATION_ID].reindex(journeys.index)
    return journeys


def _data_end(tables: Tables) -> pd.Timestamp:
    """The declared end of the data, or the last record."""
    if tables.data_end is not None:
        return tables.data_end
    last = [tables.frames[EVENTS]["occurred_at"].max(), tables.frames[SURVEYS]["answered_at"].max()]
    return pd.Timestamp(max(moment for moment in last if pd.notna(moment)))


def _set_aside(
    journeys: pd.DataFrame, found: ContactAnswers, data_end: pd.Timestamp, answer_days: int
) -> pd.Series:
    """Why a journey is set aside, missing where it is kept."""
    window = pd.Timedelta(days=answer_days)
    recent = f"ended within {answer_days} days of the end of the data: an answer may still come"
    reason = pd.Series(pd.NA, index=journeys.index, dtype="str")
    for name, rows in (
        (SEVERAL_CUSTOMERS, journeys["customers"] > 1),
        (recent, journeys["ended_at"] + window > data_end),
        (BEFORE_SURVEYS, journeys["ended_at"] + window < found.began),
        (NO_ANSWERED_AT, is_in(journeys.index, found.without_moment)),
        (FOREIGN, is_in(journeys.index, found.foreign)),
    ):
        reason = reason.mask(reason.isna() & rows, name)
    return reason


def _customer_facts(tables: Tables, kept: pd.DataFrame) -> tuple[pd.DataFrame, list[Feature]]:
    """What is known of the customer since joining, one row per journey, and what the columns mean."""
    facts = pd.DataFrame(index=kept.index)
    features: list[Feature] = []
    if not tables.has(CUSTOMERS, CUSTOMER_ID):
        return facts, features
    customers = tables.frames[CUSTOMERS].drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)
    for name in CUSTOMER_FACTS:
        if name in customers:
            facts[name] = kept[CUSTOMER_ID].map(customers[name])
            features.append(Feature(name=name, block="customer", sql="", meaning=f"{name} of the customer"))
    if "joined_at" in customers:
        age = kept["ended_at"] - kept[CUSTOMER_ID].map(customers["joined_at"])
        days = age.dt.total_seconds() / 86_400.0
        # A customer who joined after the journey has no such age: missing, not negative.
        facts["days_since_joining"] = days.where(days >= 0)
        meaning = "days from joining to the end of the journey"
        features.append(Feature(name="days_since_joining", block="customer", sql="", meaning=meaning))
    return facts, features


def _match_rates(tables: Tables, found: ContactAnswers, linked: pd.DataFrame) -> list[dict[str, object]]:
    rates = [match_row(SURVEYS, f"{found.key} in {EVENTS}", rows=found.named, matched=found.matched)]
    if tables.has(CUSTOMERS, CUSTOMER_ID):
        rates.append(match(tables, EVENTS, CUSTOMER_ID, target=CUSTOMERS))
    rates.append(
        match_row("journeys", "an answer", rows=len(linked), matched=int(linked["answered"].sum()))
    )
    return rates


def _checks(linked: pd.DataFrame, found: ContactAnswers, answer_days: int) -> list[Check]:
    silent = linked.groupby(LOCATION_ID)["answered"].agg(["sum", "size"])
    expected = float(linked["answered"].mean()) if len(linked) else 0.0
    # A dealer with so many journeys and no answer is hardly silent by chance (under 1 in 1,000).
    odd = (silent["sum"] == 0) & ((1.0 - expected) ** silent["size"] < 0.001)
    early = int((linked["answered_at"] < linked["ended_at"]).sum())
    late_share = found.late / max(found.late + len(found.first), 1)
    return [
        Check(
            check="answers within the time allowed",
            value=round(1.0 - late_share, 3),
            threshold=f">= {1.0 - LATE_SHARE:g}",
            passed=late_share <= LATE_SHARE,
            meaning=f"share of answers that came within {answer_days} days; later ones count as no answer: "
            "raise answer_days if they are many",
        ),
        Check(
            check="answers after the journey",
            value=early,
            threshold="0",
            passed=early == 0,
            meaning="answers older than the last event of their journey: facts after the answer enter",
        ),
        Check(
            check="dealers where nobody answered",
            value=int(odd.sum()),
            threshold="0",
            passed=not odd.any(),
            meaning="more journeys without any answer than chance allows: perhaps nobody was asked there",
        ),
        Check(
            check="journeys with a dealer",
            value=int(linked[LOCATION_ID].isna().sum()),
            threshold="0",
            passed=not linked[LOCATION_ID].isna().any(),
            meaning="journeys whose events name no location_id",
        ),
    ]
