"""One row per complaint: what was known before it was handled, how it was handled, and what came after."""

from __future__ import annotations

import pandas as pd

from cxlab.core.columns import COMPLAINTS, CUSTOMER_ID, CUSTOMERS, EVENTS, LOCATION_ID, OVERALL
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.ingest.tables import Tables
from cxlab.linking.case_history import after_landmark, data_end, known_before, leaving
from cxlab.linking.features import Feature, blocks_of, features_table
from cxlab.linking.keys import (
    customer_matches,
    losses_frame,
    require_columns,
    require_whole_days,
    set_aside_words,
)
from cxlab.linking.linked import MATCH_COLUMNS, Linked

QUESTION = "What handling a complaint is worth"
#: A complaint that comes back within this time after its resolution was not resolved.
REOPENED_DAYS = 30
#: Facts of the complaint itself that stand when it comes in.
CASE_FACTS = ("severity", "topic", "channel", "state")


def complaint_cases(
    tables: Tables, *, landmark_days: int = 30, horizon_days: int = 180, satisfaction: str = OVERALL
) -> Linked:
    """One row per complaint whose customer is still there ``landmark_days`` after it came in.

    Everything is judged at the landmark: handling counts as it was known there, outcomes count after it.
    Whoever left earlier is set aside in every arm alike, so that nobody counts as "resolved" because of
    having stayed long enough to be resolved (immortal time).

    Parameters
    ----------
    tables
        Complaints with customer_id, opened_at and resolved_at; customers (left_at), surveys, events,
        contracts and locations where there are any.
    landmark_days, horizon_days
        Days from the complaint to the landmark, and from there to the end of the outcome; 1 or more.
    satisfaction
        Survey column of the later satisfaction, used where complaints have no ``satisfaction_after``.

    Returns
    -------
    Linked
        ``table()``: complaint_id, customer_id, location_id, opened_at, landmark_at; ``resolved_days``
        (missing: not resolved at the landmark, or reopened until then); ``retained`` (1, 0, missing where
        the horizon is not over) and ``satisfaction_after`` (missing where nobody answered); known before:
        severity, topic, earlier_complaints, days_since_joining, value_per_year, plan, segment, language,
        prior_satisfaction, dealer_prior_satisfaction, negative_events_year.

    Raises
    ------
    NotAnswerableError
        There are no complaints, or they lack a customer, an opening or a resolution.

    Notes
    -----
    What came after handling began (compensation, number of mails) is no fact known before and is left out:
    adjusting for a consequence would hide part of the effect.

    Examples
    --------
    >>> days = pd.to_datetime(["2026-01-01", "2026-01-05"])
    >>> complaints = pd.DataFrame({"complaint_id": ["K1", "K2"], "customer_id": ["C1", "C2"],
    ...     "opened_at": days, "resolved_at": [days[1], pd.NaT], "severity": [1.0, 3.0]})
    >>> customers = pd.DataFrame({"customer_id": ["C1", "C2"], "left_at": [pd.NaT, days[1]]})
    >>> tables = Tables.of({"complaints": complaints, "customers": customers}, None, title="two",
    ...     data_end=pd.Timestamp("2026-12-31"))
    >>> linked = complaint_cases(tables)
    >>> linked.table()[["complaint_id", "resolved_days", "retained"]]
      complaint_id  resolved_days  retained
    0           K1            4.0       1.0
    >>> linked.losses()["reason"].tolist()
    ['customer left before the landmark']
    """
    for name, value in (("landmark_days", landmark_days), ("horizon_days", horizon_days)):
        require_whole_days("complaint_cases", name, value, least=1)
    require_columns(tables, COMPLAINTS, [CUSTOMER_ID, "opened_at", "resolved_at"], question=QUESTION)
    return _link(tables, landmark_days, horizon_days, satisfaction)


def _link(tables: Tables, landmark_days: int, horizon_days: int, satisfaction: str) -> Linked:
    cases, set_aside = _cases(tables, landmark_days)
    facts, features = known_before(tables, cases, at="opened_at", satisfaction=satisfaction)
    cases = pd.concat([cases, facts], axis=1)
    outcomes = after_landmark(tables, cases, horizon_days=horizon_days, satisfaction=satisfaction)
    for column, values in outcomes.items():
        cases[column] = values
    asked_later = "satisfaction_after" in tables.frames[COMPLAINTS]
    if asked_later:
        cases["satisfaction_after"] = (
            tables.frames[COMPLAINTS]["satisfaction_after"].loc[cases["row"]].to_numpy()
        )
    own = [name for name in CASE_FACTS if name in cases]
    columns = ["complaint_id", CUSTOMER_ID, LOCATION_ID, "opened_at", "landmark_at", "resolved_days"]
    columns = [*(c for c in [*columns, *outcomes] if c in cases), *own, *facts.columns]
    features = [
        Feature(name=c, block="known before", sql="", meaning=f"{c} of the complaint") for c in own
    ] + features
    provenance = Provenance(
        model="complaint_cases",
        n_rows=len(tables.frames[COMPLAINTS]),
        n_used=len(cases),
        n_set_aside=set_aside,
        settings={"landmark_days": landmark_days, "horizon_days": horizon_days},
        input_hash=hash_frame(tables.frames[COMPLAINTS][[CUSTOMER_ID, "opened_at", "resolved_at"]]),
    )
    resolved, known, answered = (
        int(cases[name].notna().sum()) for name in ("resolved_days", "retained", "satisfaction_after")
    )
    return Linked(
        estimates=cases[list(dict.fromkeys(columns))].reset_index(drop=True),
        diagnostics=checks_table(_checks(cases, landmark_days)),
        provenance=provenance,
        match_rates=pd.DataFrame(customer_matches(tables, (COMPLAINTS,)), columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({COMPLAINTS: set_aside}),
        words=(
            f"{len(cases):,} of {provenance.n_rows:,} complaints are judged {landmark_days} days after "
            f"they came in: {resolved:,} were resolved by then; {known:,} have a known retention over the "
            f"next {horizon_days} days, {answered:,} a later satisfaction.",
            set_aside_words(provenance),
            "The rows are about customers who complained, not about all who were dissatisfied.",
        ),
        features=features_table(features),
        blocks=blocks_of(features),
    )


def _cases(tables: Tables, landmark_days: int) -> tuple[pd.DataFrame, dict[str, int]]:
    """The complaints that can be judged, with ``landmark_at`` and ``resolved_days``; others by reason."""
    complaints = tables.frames[COMPLAINTS].reset_index(drop=True)
    cases = complaints.drop(columns=[c for c in ("satisfaction_after",) if c in complaints])
    cases["row"] = complaints.index
    cases["landmark_at"] = cases["opened_at"] + pd.Timedelta(days=landmark_days)
    left = leaving(tables, cases)
    nameless = cases[CUSTOMER_ID].isna() | (cases[CUSTOMER_ID] == "")
    reasons = {
        "no customer_id": nameless,
        "no opened_at": cases["opened_at"].isna(),
        "opened too close to the end of the data": cases["landmark_at"] > data_end(tables),
        "customer left before the landmark": left <= cases["landmark_at"],
    }
    lost, set_aside = pd.Series(False, index=cases.index), {}
    for reason, rows in reasons.items():
        fresh = rows.fillna(False).astype(bool) & ~lost
        if fresh.any():
            set_aside[reason] = int(fresh.sum())
        lost |= fresh
    cases["left_at"] = left
    if LOCATION_ID not in cases:
        cases[LOCATION_ID] = _locations(tables, cases)
    cases["resolved_days"] = _resolved_days(cases)
    return cases[~lost].sort_values(["opened_at", "row"]).reset_index(drop=True), set_aside


def _resolved_days(cases: pd.DataFrame) -> pd.Series:
    """Days until resolved, if resolved and not reopened at the landmark; else missing."""
    day = pd.Timedelta(days=1)
    days = (cases["resolved_at"] - cases["opened_at"]).dt.total_seconds() / 86_400
    days = days.where(cases["resolved_at"] <= cases["landmark_at"])
    about = "event_id" if "event_id" in cases and cases["event_id"].notna().any() else "topic"
    if about in cases:
        known = cases[cases[about].notna()].sort_values("opened_at")
        following = known.groupby([CUSTOMER_ID, about], sort=False)["opened_at"].shift(-1)
        back = following.reindex(cases.index)
        again = (back > cases["resolved_at"]) & (back <= cases["resolved_at"] + REOPENED_DAYS * day)
        days = days.mask(again & (back <= cases["landmark_at"]))
    return pd.Series(days.clip(lower=1.0 / 24.0))


def _locations(tables: Tables, cases: pd.DataFrame) -> pd.Series:
    """Dealer of the event complained about, else the customer's home."""
    found = pd.Series(pd.NA, index=cases.index, dtype="object")
    if tables.has(EVENTS, "event_id", LOCATION_ID) and "event_id" in cases:
        events = tables.frames[EVENTS][["event_id", LOCATION_ID]].dropna().drop_duplicates("event_id")
        found = cases["event_id"].map(events.set_index("event_id")[LOCATION_ID]).astype("object")
    if tables.has(CUSTOMERS, CUSTOMER_ID, LOCATION_ID):
        home = tables.frames[CUSTOMERS].drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)[LOCATION_ID]
        found = found.where(found.notna(), cases[CUSTOMER_ID].map(home))
    return found.astype("str").where(found.notna())


def _checks(cases: pd.DataFrame, landmark_days: int) -> list[Check]:
    after = int((cases["resolved_at"] > cases["left_at"]).sum())
    answered = float(cases["satisfaction_after"].notna().mean()) if len(cases) else 0.0
    return [
        Check(
            check="severity is recorded",
            value="severity" if "severity" in cases else "no",
            threshold="severity",
            passed="severity" in cases,
            meaning="without it, quick help and mild trouble cannot be told apart, and nothing may be said "
            "about what speed does",
        ),
        Check(
            check="resolved after the customer had left",
            value=after,
            threshold="0",
            passed=after == 0,
            meaning=f"such a case counts as not resolved at the landmark of {landmark_days} days",
        ),
        Check(
            check="later satisfaction is known",
            value=round(answered, 3),
            threshold=">= 0.5",
            passed=answered >= 0.5,
            meaning="below, weights for who answered carry much of the answer: read the bounds",
        ),
    ]
