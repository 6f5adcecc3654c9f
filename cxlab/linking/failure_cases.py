"""One row per journey: whether it failed, whether a complaint about it was put right, what came after."""

from __future__ import annotations

import pandas as pd

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, EVENTS, LOCATION_ID, OVERALL, SURVEYS
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.ingest.tables import Tables
from cxlab.linking.case_history import after_landmark, data_end, known_before, leaving
from cxlab.linking.features import blocks_of, features_table
from cxlab.linking.keys import (
    customer_matches,
    losses_frame,
    require_columns,
    require_whole_days,
    set_aside_words,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked

QUESTION = "Whether a failure put right beats no failure"


def failure_cases(
    tables: Tables, *, landmark_days: int = 30, horizon_days: int = 180, satisfaction: str = OVERALL
) -> Linked:
    """One row per journey that went well, or that failed and was complained about.

    Parameters
    ----------
    tables
        Events with customer_id, journey_id, occurred_at and outcome; complaints with event_id, opened_at
        and resolved_at; surveys, customers and contracts where there are any.
    landmark_days, horizon_days
        Days from the end of the journey to the landmark, and from there to the end of the outcome.
    satisfaction
        Survey column of the later satisfaction.

    Returns
    -------
    Linked
        ``table()``: journey_id, customer_id, location_id, ended_at; ``failed`` (bool), ``resolved_days``
        (from the first complaint, missing if not resolved at the landmark); ``retained`` and
        ``satisfaction_after``; and what was known before the journey, with ``earlier_complaints``.

    Raises
    ------
    NotAnswerableError
        There are no such events or complaints.

    Notes
    -----
    Failures that nobody complained about are set aside: they are neither repaired nor no failure. Severity
    is no fact of a journey that went well, so it cannot be adjusted for here.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-01-05", "2026-02-01"])
    >>> events = pd.DataFrame({"event_id": ["E1", "E2", "E3"], "journey_id": ["J1", "J2", "J3"],
    ...     "customer_id": ["C1", "C2", "C3"], "occurred_at": days, "outcome": [1, -1, -1]})
    >>> complaints = pd.DataFrame({"customer_id": ["C2"], "event_id": ["E2"],
    ...     "opened_at": [days[1]], "resolved_at": [days[1] + pd.Timedelta(days=3)]})
    >>> tables = Tables.of({"events": events, "complaints": complaints}, None, title="three",
    ...     data_end=pd.Timestamp("2026-12-31"))
    >>> failure_cases(tables).table()[["journey_id", "failed", "resolved_days"]]
      journey_id  failed  resolved_days
    0         J1   False            NaN
    1         J2    True            3.0
    """
    for name, value in (("landmark_days", landmark_days), ("horizon_days", horizon_days)):
        require_whole_days("failure_cases", name, value, least=1)
    require_columns(
        tables, EVENTS, [CUSTOMER_ID, "journey_id", "occurred_at", "outcome"], question=QUESTION
    )
    require_columns(
        tables, COMPLAINTS, [CUSTOMER_ID, "event_id", "opened_at", "resolved_at"], question=QUESTION
    )
    return _link(tables, landmark_days, horizon_days, satisfaction)


def _link(tables: Tables, landmark_days: int, horizon_days: int, satisfaction: str) -> Linked:
    journeys = _journeys(tables)
    cases, set_aside = _kept(tables, journeys, landmark_days)
    facts, features = known_before(tables, cases, at="started_at", satisfaction=satisfaction)
    cases = pd.concat([cases, facts], axis=1)
    outcomes = after_landmark(tables, cases, horizon_days=horizon_days, satisfaction=satisfaction)
    cases = cases.assign(**outcomes)
    columns = ["journey_id", CUSTOMER_ID, LOCATION_ID, "ended_at", "failed", "resolved_days", *outcomes]
    columns += list(facts.columns)
    failed, resolved = int(cases["failed"].sum()), int(cases["resolved_days"].notna().sum())
    provenance = Provenance(
        model="failure_cases",
        n_rows=len(journeys),
        n_used=len(cases),
        n_set_aside=set_aside,
        settings={"landmark_days": landmark_days, "horizon_days": horizon_days},
        input_hash=hash_frame(tables.frames[COMPLAINTS][[CUSTOMER_ID, "opened_at", "resolved_at"]]),
    )
    return Linked(
        estimates=cases[[column for column in columns if column in cases]].reset_index(drop=True),
        diagnostics=checks_table(
            [
                Check(
                    check="failures with a complaint that was resolved",
                    value=resolved,
                    threshold=">= 100",
                    passed=resolved >= 100,
                    meaning="fewer show no paradox, and no lack of one",
                )
            ]
        ),
        provenance=provenance,
        match_rates=pd.DataFrame(
            customer_matches(tables, (EVENTS, COMPLAINTS, SURVEYS)), columns=pd.Index(MATCH_COLUMNS)
        ),
        loss_rows=losses_frame({"journeys": set_aside}),
        words=(
            f"{len(cases):,} of {len(journeys):,} journeys are compared {landmark_days} days after their "
            f"end: {failed:,} failed and led to a complaint, {resolved:,} of these were put right by then.",
            set_aside_words(provenance),
            "Failures without a complaint are in neither group.",
        ),
        features=features_table(features),
        blocks=blocks_of(features),
    )


def _journeys(tables: Tables) -> pd.DataFrame:
    """One row per journey: customer, dealer, start, end, whether it failed, first complaint, resolution."""
    events = tables.frames[EVENTS]
    bad = events["outcome"] < 0
    frame = events.assign(bad=bad, moment=events["occurred_at"])
    named = {LOCATION_ID: (LOCATION_ID, "last")} if LOCATION_ID in events else {}
    grouped = frame.groupby("journey_id", sort=False).agg(
        **{CUSTOMER_ID: (CUSTOMER_ID, "first"), **named},
        started_at=("moment", "min"),
        ended_at=("moment", "max"),
        failed=("bad", "max"),
    )
    complaints = tables.frames[COMPLAINTS]
    journey_of = events.dropna(subset=["event_id"]).drop_duplicates("event_id").set_index("event_id")
    about = complaints.assign(journey_id=complaints["event_id"].map(journey_of["journey_id"]))
    # A journey is put right when its last complaint is; one that is open leaves it open.
    last = about["resolved_at"].fillna(pd.Timestamp.max.floor("s"))
    summed = (
        about.assign(last=last)
        .groupby("journey_id")
        .agg(opened_at=("opened_at", "min"), resolved_at=("last", "max"))
    )
    joined = grouped.join(summed).reset_index()
    joined["failed"] = joined["failed"].astype(bool) | joined["opened_at"].notna()
    return joined


def _kept(
    tables: Tables, journeys: pd.DataFrame, landmark_days: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    cases = journeys.copy()
    cases["landmark_at"] = cases["ended_at"] + pd.Timedelta(days=landmark_days)
    cases["left_at"] = leaving(tables, cases)
    reasons = {
        "no customer_id": cases[CUSTOMER_ID].isna(),
        "no moment": cases["ended_at"].isna(),
        "failed, but nobody complained": cases["failed"] & cases["opened_at"].isna(),
        "ended too close to the end of the data": cases["landmark_at"] > data_end(tables),
        "customer left before the landmark": cases["left_at"] <= cases["landmark_at"],
    }
    lost, set_aside = pd.Series(False, index=cases.index), {}
    for reason, rows in reasons.items():
        fresh = rows.astype(bool) & ~lost
        if fresh.any():
            set_aside[reason] = int(fresh.sum())
        lost |= fresh
    days = (cases["resolved_at"] - cases["opened_at"]).dt.total_seconds() / 86_400
    cases["resolved_days"] = days.where(cases["resolved_at"] <= cases["landmark_at"])
    return cases[~lost].sort_values("started_at", kind="stable").reset_index(drop=True), set_aside
