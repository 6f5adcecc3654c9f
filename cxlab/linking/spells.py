"""Spells: how long each customer has been observed, in whole periods of age, and whether it left."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CONTRACTS, CUSTOMER_ID, CUSTOMERS, LOCATION_ID
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.membership import is_in
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.ingest.tables import Tables
from cxlab.linking.features import Feature, features_table
from cxlab.linking.keys import (
    NO_CUSTOMER,
    losses_frame,
    match,
    require_columns,
    require_whole_days,
    set_aside_words,
)
from cxlab.linking.labels import LEFT_BEFORE_JOINED, NO_JOINED, Span, people, record_span
from cxlab.linking.linked import MATCH_COLUMNS, Linked

IntArray = NDArray[np.int64]

QUESTION: Final = "How long customers stay"
GONE_BEFORE: Final = "left before the records began or in their first, incomplete period of observation"
TOO_NEW: Final = "not observed for one whole period"
REASON: Final = "left_reason"
#: What is taken from the contract in force when a period begins.
CONTRACT_COLUMNS: Final = ("plan", "value_per_year")


def spells(
    tables: Tables,
    *,
    period_days: int = 30,
    observed_from: str | None = None,
    observed_until: str | None = None,
) -> Linked:
    """One row per customer and contract: the ages, in whole periods, over which it was observed.

    A customer is at risk in period k (``(k-1) * period_days`` to ``k * period_days`` after joining) only if
    the whole period lies within the records: no part of a period is counted as a whole one.

    Parameters
    ----------
    tables
        Customers with joined_at and left_at (or contracts with dates); contracts give plan and value.
    period_days
        Length of a period, in days.
    observed_from
        The day from which leaving was recorded, as 2026-01-31. Default: the first record. Customers who
        left earlier are usually not in the table, so those who were there already come in late.
    observed_until
        The day on which looking ends, so that nothing later is known. Default: the last record.

    Returns
    -------
    Linked
        ``table()``: customer_id, entry_periods, time_periods, left (1 in the last row of a leaver),
        left_reason (where ``carry`` in cxlab.toml keeps it), segment, language, location_id, contract_plan,
        contract_value_per_year.

    Raises
    ------
    NotAnswerableError, ParameterError
        There is no way to tell who left when; a wrong setting.

    Examples
    --------
    >>> customers = pd.DataFrame({"customer_id": ["C1", "C2"],
    ...     "joined_at": pd.to_datetime(["2023-01-01", "2025-01-01"]),
    ...     "left_at": pd.to_datetime(["2025-06-15", None])})
    >>> surveys = pd.DataFrame({"customer_id": ["C1", "C1"],
    ...     "answered_at": pd.to_datetime(["2024-01-01", "2026-01-01"])})
    >>> tables = Tables.of({"customers": customers, "surveys": surveys}, None, title="two")
    >>> spells(tables).table()[["customer_id", "entry_periods", "time_periods", "left"]]
      customer_id  entry_periods  time_periods  left
    0          C1             13            30     1
    1          C2              0            12     0
    """
    require_whole_days("spells", "period_days", period_days, least=1)
    require_columns(tables, CUSTOMERS, [CUSTOMER_ID], question=QUESTION)
    span = record_span(tables)
    start, end = _observed(observed_from, observed_until, span)
    who = people(tables, data_end=end)
    _require_dates(who)
    if tables.has(CUSTOMERS, REASON):
        who[REASON] = tables.frames[CUSTOMERS][REASON].to_numpy()
    lives, reasons = _lives(who, start=start, end=end, period_days=period_days)
    rows = _by_contract(lives, tables, period_days=period_days)
    return _linked(tables, rows, lives, reasons, start=start, end=end, period_days=period_days)


def _require_dates(who: pd.DataFrame) -> None:
    if not {"joined_at", "left_at"} <= set(who.columns) or who["joined_at"].isna().all():
        raise NotAnswerableError(
            QUESTION,
            reason="Neither customers nor contracts say when customers joined and left.",
            next_step="map joined_at and left_at of [customers], or the dates of [contracts].",
        )


def _observed(
    observed_from: str | None, observed_until: str | None, span: Span
) -> tuple[pd.Timestamp, pd.Timestamp]:
    """First and last moment of observation."""
    start = _moment("observed_from", observed_from, span.start)
    end = min(_moment("observed_until", observed_until, span.end), span.end)
    if end <= start:
        raise ParameterError(
            f"spells: nothing is observed from {start:%Y-%m-%d} until {end:%Y-%m-%d}. Next step: a later "
            "observed_until, or an earlier observed_from."
        )
    return start, end


def _moment(name: str, given: str | None, default: pd.Timestamp) -> pd.Timestamp:
    if given is None:
        return default
    try:
        moment = pd.Timestamp(given)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"spells: {name}={given!r} is not a date. Next step: write it as 2026-01-31."
        ) from error
    if pd.isna(moment) or moment.tzinfo is not None:
        raise ParameterError(
            f"spells: {name}={given!r} is empty or has a time zone. "
            "Next step: write it in UTC, without a zone."
        )
    return moment


def _lives(
    who: pd.DataFrame, *, start: pd.Timestamp, end: pd.Timestamp, period_days: int
) -> tuple[pd.DataFrame, dict[str, int]]:
    """Customers observed for a whole period with entry, time, left; the others counted by reason."""
    joined, left = who["joined_at"], who["left_at"]
    identity = who[CUSTOMER_ID]
    entry = np.ceil(np.maximum(np.nan_to_num(_days(start - joined)) / period_days, 0.0))
    seen = np.floor(np.nan_to_num(_days(end - joined), nan=-1.0) / period_days)
    in_period = np.nan_to_num(np.floor(_days(left - joined) / period_days) + 1.0, nan=np.inf)
    event = in_period <= seen
    time = np.where(event, in_period, seen)
    conditions = {
        NO_CUSTOMER: identity.isna() | (identity == ""),
        NO_JOINED: joined.isna(),
        LEFT_BEFORE_JOINED: left < joined,
        GONE_BEFORE: pd.Series(in_period <= entry, index=who.index),
        TOO_NEW: pd.Series(time <= entry, index=who.index),
    }
    usable = np.ones(len(who), dtype=bool)
    reasons = {}
    for reason, condition in conditions.items():
        hit = condition.fillna(False).to_numpy(bool) & usable
        usable &= ~hit
        if hit.any():
            reasons[reason] = int(hit.sum())
    lives = who.assign(
        entry_periods=np.where(usable, entry, 0).astype(np.int64),
        time_periods=np.where(usable, time, 0).astype(np.int64),
        left=event.astype(np.int64),
    )
    return lives[usable].reset_index(drop=True), reasons


def _days(span: pd.Series) -> NDArray[np.float64]:
    return np.asarray(span.dt.total_seconds().to_numpy(dtype=float) / 86_400.0)


def _by_contract(lives: pd.DataFrame, tables: Tables, *, period_days: int) -> pd.DataFrame:
    """Cut each life where a period begins under another contract; plan and value then in force."""
    held = [name for name in CONTRACT_COLUMNS if tables.has(CONTRACTS, name)]
    if not held or not tables.has(CONTRACTS, CUSTOMER_ID, "started_at"):
        return lives
    contracts = tables.frames[CONTRACTS][[CUSTOMER_ID, "started_at", *held]]
    if tables.has(CONTRACTS, "valid_from"):
        # A version of a contract begins when its terms do.
        versions = tables.frames[CONTRACTS][["started_at", "valid_from"]].max(axis=1)
        contracts = contracts.assign(started_at=versions)
    contracts = contracts[is_in(contracts[CUSTOMER_ID], lives[CUSTOMER_ID])].dropna(subset=["started_at"])
    contracts = contracts.sort_values([CUSTOMER_ID, "started_at"], kind="stable")
    joined = contracts[CUSTOMER_ID].map(lives.set_index(CUSTOMER_ID)["joined_at"])
    # Periods that had begun before the contract started keep the one before it.
    since = _days(contracts["started_at"] - joined) / period_days
    contracts = contracts.assign(begins=np.ceil(since).astype(np.int64))
    contracts = contracts.drop(columns="started_at").drop_duplicates([CUSTOMER_ID, "begins"], keep="last")
    merged = lives.merge(contracts, on=CUSTOMER_ID, how="left", sort=False)
    same = merged[CUSTOMER_ID].eq(merged[CUSTOMER_ID].shift())
    following = merged[CUSTOMER_ID].eq(merged[CUSTOMER_ID].shift(-1))
    begins = merged["begins"].where(same, 0)
    until = merged["begins"].shift(-1).where(following, np.inf)
    total = merged["time_periods"]
    merged["entry_periods"] = np.maximum(merged["entry_periods"], begins).astype(np.int64)
    merged["time_periods"] = np.minimum(total, until).astype(np.int64)
    merged["left"] = merged["left"].where(merged["time_periods"] == total, 0)
    kept = merged[merged["time_periods"] > merged["entry_periods"]]
    return kept.drop(columns="begins").rename(columns={name: f"contract_{name}" for name in held})


def _linked(
    tables: Tables,
    rows: pd.DataFrame,
    lives: pd.DataFrame,
    reasons: dict[str, int],
    *,
    start: pd.Timestamp,
    end: pd.Timestamp,
    period_days: int,
) -> Linked:
    keys = [CUSTOMER_ID, "entry_periods", "time_periods", "left"]
    described = [
        name
        for name in (
            REASON,
            "segment",
            "language",
            LOCATION_ID,
            *(f"contract_{one}" for one in CONTRACT_COLUMNS),
        )
        if name in rows and not rows[name].isna().all()
    ]
    table = rows[[*keys, *described]].reset_index(drop=True)
    if REASON in table:
        table[REASON] = table[REASON].where(table["left"] == 1)
    late = int((lives["entry_periods"] > 0).sum())
    left = int(lives["left"].sum())
    customers = tables.frames[CUSTOMERS]
    provenance = Provenance(
        model="spells",
        n_rows=len(customers),
        n_used=len(lives),
        n_set_aside=reasons,
        settings=_settings(start, end, period_days),
        input_hash=hash_frame(customers),
    )
    return Linked(
        estimates=table,
        diagnostics=checks_table(_checks(lives, reasons)),
        provenance=provenance,
        match_rates=_matches(tables),
        loss_rows=losses_frame({CUSTOMERS: reasons}),
        words=(
            f"{len(lives):,} customers in {len(table):,} rows, observed from {start:%Y-%m-%d} to "
            f"{end:%Y-%m-%d} in periods of {period_days} days: {left:,} left, {len(lives) - left:,} were "
            f"still there; {late:,} had joined before and come in late, at the age they had then.",
            set_aside_words(provenance),
            "An age counts only while it was observed: who left before the records began is unseen.",
        ),
        features=features_table(
            [
                Feature(name=name, block="contract", sql="", meaning="in force when the period began")
                for name in described
                if name.startswith("contract_")
            ]
        ),
    )


def _settings(start: pd.Timestamp, end: pd.Timestamp, period_days: int) -> dict[str, object]:
    days = {"observed_from": f"{start:%Y-%m-%d}", "observed_until": f"{end:%Y-%m-%d}"}
    return {"period_days": period_days, **days}


def _matches(tables: Tables) -> pd.DataFrame:
    held = tables.has(CONTRACTS, CUSTOMER_ID)
    rates = [match(tables, CONTRACTS, CUSTOMER_ID, target=CUSTOMERS)] if held else []
    return pd.DataFrame(rates, columns=pd.Index(MATCH_COLUMNS))


def _checks(lives: pd.DataFrame, reasons: dict[str, int]) -> list[Check]:
    left, gone = int(lives["left"].sum()), reasons.get(GONE_BEFORE, 0)
    late = float((lives["entry_periods"] > 0).mean()) if len(lives) else 0.0
    return [
        Check(
            check="customers who left",
            value=left,
            threshold=">= 100",
            passed=left >= 100,
            meaning="fewer give wide limits",
        ),
        Check(
            check="customers seen from joining on",
            value=round(1.0 - late, 3),
            threshold="> 0",
            passed=late < 1.0,
            meaning="share; without them nothing can be said about the first periods of a life",
        ),
        Check(
            check="leavers older than the records",
            value=gone,
            threshold="0, or kept by choice",
            passed=gone <= 0.2 * max(left, 1),
            meaning="many leavers before observed_from: perhaps leaving was recorded earlier than that day",
        ),
    ]
