"""Purchase histories: how often, how lately and how long, from a log of purchases."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_datetime64_any_dtype, is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import LinkError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_at_least
from cxlab.linking.features import Feature, features_table
from cxlab.linking.keys import NO_CUSTOMER, losses_frame, set_aside_words
from cxlab.linking.linked import MATCH_COLUMNS, Linked

QUESTION = "How often customers buy"
NO_DATE = "no date"
AFTER_END = "after the end of the period observed"
NO_VALUE = "value missing or negative"
SECONDS_PER_DAY = 86_400.0
MEANINGS = (
    ("frequency", "repeat purchases: days with a purchase after the first one"),
    ("recency_periods", "periods from the first to the last purchase, 0 without a repeat"),
    ("age_periods", "periods from the first purchase to the end of observation"),
    ("mean_spend", "mean value of a repeat purchase, 0 without one"),
)


def purchases(
    log: pd.DataFrame,
    *,
    at_column: str = "occurred_at",
    value_column: str | None = None,
    customer_column: str = CUSTOMER_ID,
    observed_until: str | None = None,
    period_days: float = 7.0,
) -> Linked:
    """One row per customer: repeat purchases, recency, age and mean spend (an RFM summary).

    Purchases of one customer on one day are one purchase with the summed value. A customer who bought
    once is kept (frequency 0): leaving such customers out would make everybody look loyal.

    Parameters
    ----------
    log
        One row per purchase (or paid visit).
    at_column, value_column, customer_column
        Columns of the moment, of the value (None: no money) and of the customer.
    observed_until
        Last day observed, as 2026-01-31, kept to its end; purchases after it are set aside. Default: the
        day of the last purchase.
    period_days
        Days of one period (7: weeks).

    Returns
    -------
    Linked
        ``table()``: customer_id, frequency, recency_periods, age_periods, and mean_spend with a value.

    Raises
    ------
    NotAnswerableError, LinkError, ParameterError
        No such columns or no usable row; a column of the wrong type; a wrong setting.

    Examples
    --------
    >>> log = pd.DataFrame({"customer_id": ["A", "A", "B"], "eur": [10.0, 20.0, 5.0],
    ...     "occurred_at": pd.to_datetime(["2026-01-01", "2026-01-15", "2026-01-08"])})
    >>> purchases(log, value_column="eur", observed_until="2026-01-29").table().round(1).values.tolist()
    [['A', 1, 2.0, 4.0, 20.0], ['B', 0, 0.0, 3.0, 0.0]]
    """
    require_at_least("purchases", "period_days", period_days, 1.0 / 24.0)
    _check_log(log, customer_column, at_column, value_column)
    day = log[at_column].dt.floor("D")
    end = _end(day, observed_until)
    usable, reasons = _usable(log, day, customer_column, value_column, end)
    value = log[value_column].to_numpy(dtype=float)[usable] if value_column else None
    table = _summary(log[customer_column][usable], day[usable], value, end=end, period_days=period_days)
    return _linked(log, table, reasons, end=end, period_days=period_days)


def _usable(
    log: pd.DataFrame, day: pd.Series, customer: str, value: str | None, end: pd.Timestamp
) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which rows count, and how many do not for each reason."""
    identity = log[customer]
    conditions = {
        NO_CUSTOMER: identity.isna() | (identity == ""),
        NO_DATE: day.isna(),
        AFTER_END: day > end,
    }
    if value is not None:
        conditions[NO_VALUE] = ~(log[value] >= 0).fillna(False).astype(bool)
    usable = np.ones(len(log), dtype=bool)
    reasons: dict[str, int] = {}
    for reason, condition in conditions.items():
        hit = condition.to_numpy(bool) & usable
        usable &= ~hit
        if hit.any():
            reasons[reason] = int(hit.sum())
    if not usable.any():
        raise NotAnswerableError(
            QUESTION,
            reason="No row of the log can be used.",
            next_step="read its dates and customers again.",
        )
    return usable, reasons


def _check_log(log: pd.DataFrame, customer: str, at: str, value: str | None) -> None:
    absent = [name for name in (customer, at, value) if name is not None and name not in log]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The log has no column {', '.join(absent)}.",
            next_step="name the columns: customer_column=, at_column=, value_column=.",
        )
    if not is_datetime64_any_dtype(log[at].dtype):
        raise LinkError(
            f"purchases: {at} must hold dates, got {log[at].dtype}. Next step: pandas.to_datetime."
        )
    if value is not None and not is_numeric_dtype(log[value].dtype):
        raise LinkError(
            f"purchases: {value} must hold numbers, got {log[value].dtype}. Next step: recode it."
        )


def _end(day: pd.Series, observed_until: str | None) -> pd.Timestamp:
    if observed_until is None:
        return pd.Timestamp(day.max())
    try:
        end = pd.Timestamp(observed_until)
    except (ValueError, TypeError) as error:
        raise ParameterError(
            f"purchases: observed_until={observed_until!r} is not a date. Next step: write it as "
            "2026-01-31."
        ) from error
    return pd.Timestamp(end.floor("D"))


def _summary(
    identity: pd.Series,
    day: pd.Series,
    value: NDArray[np.float64] | None,
    *,
    end: pd.Timestamp,
    period_days: float,
) -> pd.DataFrame:
    rows = pd.DataFrame({CUSTOMER_ID: identity.to_numpy(), "day": day.to_numpy()})
    rows["value"] = 0.0 if value is None else value
    daily = rows.groupby([CUSTOMER_ID, "day"], sort=True, as_index=False)["value"].sum()
    first = daily[CUSTOMER_ID].ne(daily[CUSTOMER_ID].shift())
    daily["again"] = np.where(first, 0.0, daily["value"])
    by = daily.groupby(CUSTOMER_ID, sort=True)
    table = by.agg(
        first=("day", "first"), last=("day", "last"), days=("day", "size"), spent=("again", "sum")
    )
    unit = SECONDS_PER_DAY * period_days
    table["frequency"] = table["days"] - 1
    table["recency_periods"] = (table["last"] - table["first"]).dt.total_seconds() / unit
    table["age_periods"] = (end - table["first"]).dt.total_seconds() / unit
    kept = ["frequency", "recency_periods", "age_periods"]
    if value is not None:
        table["mean_spend"] = (table["spent"] / table["frequency"].where(table["frequency"] > 0)).fillna(
            0.0
        )
        kept.append("mean_spend")
    return table[kept].reset_index()


def _linked(
    log: pd.DataFrame,
    table: pd.DataFrame,
    reasons: dict[str, int],
    *,
    end: pd.Timestamp,
    period_days: float,
) -> Linked:
    provenance = Provenance(
        model="purchases",
        n_rows=len(log),
        n_used=len(log) - sum(reasons.values()),
        n_set_aside=reasons,
        settings={"observed_until": f"{end:%Y-%m-%d}", "period_days": period_days},
        input_hash=hash_frame(log),
    )
    once = int((table["frequency"] == 0).sum())
    repeat = Check(
        check="customers who bought again",
        value=len(table) - once,
        threshold=">= 100",
        passed=len(table) - once >= 100,
        meaning="only repeat purchases tell how fast customers buy and leave",
    )
    return Linked(
        estimates=table,
        diagnostics=checks_table([repeat]),
        provenance=provenance,
        match_rates=pd.DataFrame(columns=pd.Index(MATCH_COLUMNS)),
        loss_rows=losses_frame({"log": reasons}),
        words=(
            f"{provenance.n_used:,} purchases of {len(table):,} customers until {end:%Y-%m-%d}, "
            "in periods of "
            f"{period_days:g} days; {once:,} bought once and are kept.",
            set_aside_words(provenance),
            "Purchases of one day count as one.",
        ),
        features=features_table(
            [
                Feature(name=name, block="purchases", sql="", meaning=meaning)
                for name, meaning in MEANINGS
                if name in table
            ]
        ),
    )
