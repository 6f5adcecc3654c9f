"""What was known of a customer strictly before a moment, and what happened after a landmark."""

from __future__ import annotations

import pandas as pd

from cxlab.core.columns import (
    COMPLAINTS,
    CONTRACTS,
    CUSTOMER_ID,
    CUSTOMERS,
    EVENTS,
    LOCATION_ID,
    OVERALL,
    SURVEYS,
)
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature

#: Columns of customers that are fixed on joining.
FIXED = ("segment", "language")
YEAR = pd.Timedelta(days=365)


def data_end(tables: Tables) -> pd.Timestamp:
    """The last day the data cover: as declared, else the last moment of any record."""
    if tables.data_end is not None:
        return pd.Timestamp(tables.data_end)
    moments = [(EVENTS, "occurred_at"), (SURVEYS, "answered_at"), (COMPLAINTS, "opened_at")]
    last = [tables.frames[table][column].max() for table, column in moments if tables.has(table, column)]
    return pd.Timestamp(max(last))


def leaving(tables: Tables, cases: pd.DataFrame) -> pd.Series:
    """When the customer of each case left; NaT for one who is still there, or where nobody knows."""
    if not tables.has(CUSTOMERS, CUSTOMER_ID, "left_at"):
        return pd.Series(pd.NaT, index=cases.index, dtype="datetime64[us]")
    customers = tables.frames[CUSTOMERS].drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)
    return pd.to_datetime(cases[CUSTOMER_ID].map(customers["left_at"]))


def known_before(
    tables: Tables, cases: pd.DataFrame, *, at: str, satisfaction: str
) -> tuple[pd.DataFrame, list[Feature]]:
    """Facts of the customer and the dealer strictly before ``cases[at]``, and what each means.

    Parameters
    ----------
    tables
        Whatever tables there are.
    cases
        Rows with customer_id, location_id and the moment ``at``, in the order of that moment.
    at, satisfaction
        The column of the moment, and the survey column of satisfaction.

    Returns
    -------
    facts, features
        A frame on the index of ``cases`` with the facts that these data hold, and their meaning.
    """
    facts: dict[str, pd.Series] = {}
    words: dict[str, str] = {}

    def put(name: str, values: pd.Series, meaning: str) -> None:
        facts[name], words[name] = values, meaning

    if tables.has(CUSTOMERS, CUSTOMER_ID):
        customers = tables.frames[CUSTOMERS].drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)
        for name in FIXED:
            if name in customers:
                put(name, cases[CUSTOMER_ID].map(customers[name]), f"{name} of the customer")
        if "joined_at" in customers:
            since = cases[at] - cases[CUSTOMER_ID].map(customers["joined_at"])
            put("days_since_joining", since.dt.total_seconds() / 86_400, "days since the customer joined")
    if tables.has(CONTRACTS, CUSTOMER_ID, "started_at"):
        for name in ("value_per_year", "plan"):
            if tables.has(CONTRACTS, name):
                held = _latest(cases, tables.frames[CONTRACTS], at=at, when="started_at", column=name)
                put(name, held, f"{name} of the contract in force")
    if tables.has(SURVEYS, CUSTOMER_ID, "answered_at", OVERALL):
        known = satisfaction if tables.has(SURVEYS, satisfaction) else OVERALL
        answers = tables.frames[SURVEYS].dropna(subset=["answered_at", known])
        mean = _running_mean(cases, answers, at=at, by=CUSTOMER_ID, column=known)
        put("prior_satisfaction", mean, f"mean {known} of the customer's earlier answers")
        if tables.has(SURVEYS, LOCATION_ID) and LOCATION_ID in cases:
            mean = _running_mean(cases, answers, at=at, by=LOCATION_ID, column=known)
            put("dealer_prior_satisfaction", mean, f"mean {known} of all earlier answers at the dealer")
    if tables.has(COMPLAINTS, CUSTOMER_ID, "opened_at"):
        count = _count_before(cases, tables.frames[COMPLAINTS], at=at, when="opened_at")
        put("earlier_complaints", count, "complaints of the customer before")
    recent = _recent_negatives(tables, cases, at)
    if recent is not None:
        put("negative_events_year", recent, "negative events of the customer in the year before")
    features = [Feature(name=n, block="known before", sql="", meaning=m) for n, m in words.items()]
    return pd.DataFrame(facts, index=cases.index), features


def _recent_negatives(tables: Tables, cases: pd.DataFrame, at: str) -> pd.Series | None:
    """Negative events that happened and were known in the year before; None where there are no outcomes."""
    if not tables.has(EVENTS, CUSTOMER_ID, "occurred_at", "outcome"):
        return None
    events = tables.frames[EVENTS]
    moments = ["occurred_at", *(["known_at"] if "known_at" in events else [])]
    bad = events.loc[events["outcome"] < 0, [CUSTOMER_ID, *moments]]
    bad = bad.assign(seen_at=bad[moments].max(axis=1))
    before = _count_before(cases, bad, at=at, when="seen_at")
    earlier = cases.assign(year_before=cases[at] - YEAR)
    return before - _count_before(earlier, bad, at="year_before", when="seen_at")


def after_landmark(
    tables: Tables, cases: pd.DataFrame, *, horizon_days: int, satisfaction: str
) -> dict[str, pd.Series]:
    """``retained`` and ``satisfaction_after`` in the horizon after ``cases["landmark_at"]``.

    A horizon that is not over at the end of the data leaves ``retained`` missing, also for those who have
    left already: else leaving would decide whose outcome is known.
    """
    horizon = pd.Timedelta(days=horizon_days)
    over = cases["landmark_at"] + horizon <= data_end(tables)
    knows_leaving = tables.has(CUSTOMERS, "left_at")
    gone = cases["left_at"] <= cases["landmark_at"] + horizon
    retained = (
        (~gone).astype("float64").where(over) if knows_leaving else pd.Series(float("nan"), cases.index)
    )
    later = pd.Series(float("nan"), index=cases.index)
    if tables.has(SURVEYS, CUSTOMER_ID, "answered_at", satisfaction):
        answers = tables.frames[SURVEYS].dropna(subset=[CUSTOMER_ID, "answered_at", satisfaction])
        answers = answers.sort_values("answered_at")[[CUSTOMER_ID, "answered_at", satisfaction]]
        left = cases[["landmark_at", CUSTOMER_ID]].reset_index().sort_values("landmark_at")
        found = pd.merge_asof(
            left,
            answers,
            left_on="landmark_at",
            right_on="answered_at",
            by=CUSTOMER_ID,
            direction="forward",
            allow_exact_matches=False,
            tolerance=horizon,
        )
        later = found.set_index("index")[satisfaction].astype("float64").reindex(cases.index)
    return {"retained": retained, "satisfaction_after": later}


def _as_of(
    cases: pd.DataFrame, frame: pd.DataFrame, *, at: str, when: str, by: str, column: str
) -> pd.Series:
    """``column`` of the last row of ``frame`` strictly before ``cases[at]`` with the same key."""
    right = frame.dropna(subset=[by, when]).sort_values(when, kind="stable")[[by, when, column]]
    left = cases[[at, by]].reset_index().sort_values(at, kind="stable")
    left, right = left.astype({by: "object"}), right.astype({by: "object"})
    found = pd.merge_asof(
        left, right, left_on=at, right_on=when, by=by, direction="backward", allow_exact_matches=False
    )
    return found.set_index("index")[column].reindex(cases.index)


def _latest(cases: pd.DataFrame, frame: pd.DataFrame, *, at: str, when: str, column: str) -> pd.Series:
    return _as_of(cases, frame, at=at, when=when, by=CUSTOMER_ID, column=column)


def _running_mean(
    cases: pd.DataFrame, answers: pd.DataFrame, *, at: str, by: str, column: str
) -> pd.Series:
    ordered = answers.dropna(subset=[by]).sort_values("answered_at", kind="stable")
    groups = ordered.groupby(by, sort=False)[column]
    running = groups.cumsum() / (groups.cumcount() + 1)
    ordered = ordered.assign(running_mean=running.astype("float64"))
    return _as_of(cases, ordered, at=at, when="answered_at", by=by, column="running_mean")


def _count_before(cases: pd.DataFrame, frame: pd.DataFrame, *, at: str, when: str) -> pd.Series:
    ordered = frame.dropna(subset=[CUSTOMER_ID, when]).sort_values(when, kind="stable")
    ordered = ordered.assign(count_before=ordered.groupby(CUSTOMER_ID, sort=False).cumcount() + 1.0)
    found = _as_of(cases, ordered, at=at, when=when, by=CUSTOMER_ID, column="count_before")
    return found.fillna(0.0).astype("float64")
