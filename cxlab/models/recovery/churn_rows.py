"""Periods in which customers could have left, and what their experiences had left behind at their start."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.models.recovery.repair_rows import (
    ANSWERED_AT,
    NEGATIVE,
    OCCURRED_AT,
    POSITIVE,
    RESOLVED_AT,
    Experiences,
    keep_experiences,
)

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]

CHURN_QUESTION = "What good and bad experiences do to the chance of leaving"
JOINED_AT, LEFT_AT = "joined_at", "left_at"
YEAR = 365.25
#: Categories of one column that become columns of their own; the rarer ones stand together.
MOST_CATEGORIES = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class ChurnRows:
    """Periods at risk, sorted by customer and time, and the experiences that they see."""

    owner: Integers
    #: start of the period, in days
    at: Floats
    event: Floats
    #: further columns, the constant first
    other: Floats
    penalty: Floats
    experiences: Experiences
    n_customers: int
    n_events: int
    n_with_prior: int
    #: event-free periods of all, and share of them that was drawn
    n_event_free: int
    share_drawn: float
    adjusted: tuple[str, ...]
    n_used: int
    n_set_aside: dict[str, int]


@dataclass(frozen=True, eq=False, kw_only=True)
class _People:
    names: pd.Index
    joined: Floats
    #: when the risk begins, and infinite where the customer has not left
    begin: Floats
    left: Floats
    prior: Floats
    columns: pd.DataFrame
    aside: dict[str, int]


def churn_rows(
    experiences: pd.DataFrame,
    customers: pd.DataFrame,
    answers: pd.DataFrame | None,
    contracts: pd.DataFrame | None,
    *,
    outcome: str,
    adjust_for: Sequence[str],
    contract_columns: Sequence[str],
    prior_answers: int,
    period_days: float,
    controls: int,
    data_end: pd.Timestamp | None,
    rng: np.random.Generator,
) -> ChurnRows:
    """Event periods, a random part of the event-free ones, and their columns.

    A customer is at risk from joining, from the start of the records, or from his last answer that counts
    as prior satisfaction, whichever is latest; until he leaves or the data end, in whole periods.

    Raises
    ------
    NotAnswerableError
        If customers lack joined_at or left_at, or nobody left.
    FitError
        If a customer occurs twice.
    """
    start, end = _span(experiences, customers, answers, data_end)
    people = _people(
        customers, answers, contracts, start, outcome, adjust_for, contract_columns, prior_answers
    )
    drawn = _draw_periods(people, _days(pd.Series([end]), start)[0], period_days, controls, rng)
    kept, codes = np.unique(drawn.owner, return_inverse=True)
    seen, lost = keep_experiences(
        experiences, people.names[kept], owner=codes.astype(np.int64), at=drawn.at, start=start, group=""
    )
    other, penalty = _other(people, drawn.owner, drawn.at)
    return ChurnRows(
        owner=codes.astype(np.int64),
        at=drawn.at,
        event=drawn.event,
        other=other,
        penalty=penalty,
        experiences=seen,
        n_customers=len(kept),
        n_events=int(drawn.event.sum()),
        n_with_prior=int(np.isfinite(people.prior[kept]).sum()),
        n_event_free=drawn.n_event_free,
        share_drawn=float((drawn.event == 0).sum()) / max(drawn.n_event_free, 1),
        adjusted=tuple(people.columns.columns),
        n_used=len(seen.owner) + len(kept),
        n_set_aside={
            **people.aside,
            "customers: no period at risk was drawn": len(people.names) - len(kept),
            **{_REASONS.get(reason, reason): count for reason, count in lost.items()},
        },
    )


@dataclass(frozen=True, eq=False, kw_only=True)
class _Periods:
    """Periods by customer and time."""

    owner: Integers
    at: Floats
    event: Floats
    n_event_free: int


def _draw_periods(
    people: _People, last: float, period_days: float, controls: int, rng: np.random.Generator
) -> _Periods:
    """Every period in which somebody left, and ``controls`` event-free ones for each, at random.

    Only periods that end before the data do: of a period cut short the leavers would be seen but not those
    who might have stayed, as if everybody at risk had left.
    """
    whole = np.floor((np.minimum(people.left, last) - people.begin) / period_days)
    whole = np.maximum(whole, 0.0).astype(np.int64)
    left = people.begin + (whole + 1) * period_days <= np.where(people.left <= last, last, -np.inf)
    leaver = np.flatnonzero(left)
    if len(leaver) == 0:
        raise NotAnswerableError(
            CHURN_QUESTION, reason="Nobody left.", next_step="customers with left_at, or a longer record."
        )
    ends, n_free = np.cumsum(whole), int(whole.sum())
    size = min(n_free, controls * len(leaver))
    picked = np.sort(rng.choice(n_free, size=size, replace=False, shuffle=False))
    stayer = np.searchsorted(ends, picked, side="right")
    number = np.r_[whole[leaver], picked - (ends - whole)[stayer]]
    owner = np.r_[leaver, stayer]
    at = people.begin[owner] + number * period_days
    order = np.lexsort((at, owner))
    event = (np.arange(len(owner)) < len(leaver)).astype(np.float64)
    return _Periods(owner=owner[order], at=at[order], event=event[order], n_event_free=n_free)


_REASONS = {
    "experiences: customer without two usable answers": "experiences: customer without a period at risk",
    "experiences: no answer after it": "experiences: no period at risk that was drawn after it",
}


def _span(
    experiences: pd.DataFrame,
    customers: pd.DataFrame,
    answers: pd.DataFrame | None,
    data_end: pd.Timestamp | None,
) -> tuple[pd.Timestamp, pd.Timestamp]:
    for table, name, columns in (
        (experiences, "experiences", (CUSTOMER_ID, OCCURRED_AT, RESOLVED_AT, "valence")),
        (customers, "customers", (CUSTOMER_ID, JOINED_AT, LEFT_AT)),
    ):
        missing = [column for column in columns if column not in table.columns]
        if missing:
            raise NotAnswerableError(
                CHURN_QUESTION,
                reason=f"The {name} lack the column(s) {', '.join(missing)}.",
                next_step=f"{name} with these columns.",
            )
    for table, name, column in (
        (experiences, "experiences", OCCURRED_AT),
        (experiences, "experiences", RESOLVED_AT),
        (customers, "customers", JOINED_AT),
        (customers, "customers", LEFT_AT),
    ):
        if not (isinstance(table[column].dtype, np.dtype) and table[column].dtype.kind == "M"):
            raise FitError(
                f"RepairChurnModel: {name}.{column} must be naive UTC timestamps (datetime64), got "
                f"{table[column].dtype}. Next step: convert with pandas.to_datetime(..., "
                f"utc=True).dt.tz_localize(None)."
            )
    strange = sorted(set(experiences["valence"].dropna().unique()) - {POSITIVE, NEGATIVE})
    if strange:
        raise FitError(
            f"RepairChurnModel: experiences.valence must be {POSITIVE!r} or {NEGATIVE!r}, got "
            f"{strange[:5]}. Next step: use cxlab.experiences(tables), or recode or drop the other rows."
        )
    if customers[CUSTOMER_ID].duplicated().any():
        twice = customers.loc[customers[CUSTOMER_ID].duplicated(), CUSTOMER_ID].iloc[0]
        raise FitError(
            f"RepairChurnModel: customers holds {twice!r} twice. Next step: one row per customer."
        )
    moments = [experiences[OCCURRED_AT].max(), customers[LEFT_AT].max()]
    if answers is not None:
        moments.append(answers[ANSWERED_AT].max())
    end = max(moment for moment in moments if pd.notna(moment)) if data_end is None else data_end
    return experiences[OCCURRED_AT].min(), end


def _people(
    customers: pd.DataFrame,
    answers: pd.DataFrame | None,
    contracts: pd.DataFrame | None,
    start: pd.Timestamp,
    outcome: str,
    adjust_for: Sequence[str],
    contract_columns: Sequence[str],
    prior_answers: int,
) -> _People:
    """Customers who joined, when their risk begins and ends, and what is known of them then."""
    known = customers[customers[CUSTOMER_ID].notna() & customers[JOINED_AT].notna()]
    aside = {"customers: no customer_id or joined_at": len(customers) - len(known)}
    table = known.set_index(CUSTOMER_ID)
    joined, left = _days(table[JOINED_AT], start), _days(table[LEFT_AT], start)
    left = np.where(np.isnan(left), np.inf, left)
    begin, prior = np.maximum(joined, 0.0), np.full(len(table), np.nan)
    if answers is not None and outcome in answers.columns and prior_answers > 0:
        first = answers.dropna(subset=[CUSTOMER_ID, ANSWERED_AT, outcome]).sort_values(
            ANSWERED_AT, kind="stable"
        )
        first = first[first.groupby(CUSTOMER_ID).cumcount() < prior_answers]
        found = first.groupby(CUSTOMER_ID).agg(value=(outcome, "mean"), until=(ANSWERED_AT, "max"))
        found = found.reindex(table.index)
        prior = found["value"].to_numpy(dtype=np.float64)
        begin = np.fmax(begin, _days(found["until"], start))
    columns = table[[name for name in adjust_for if name in table.columns]].copy()
    if contracts is not None:
        columns = columns.join(_contracts(contracts, table.index, begin, start, contract_columns))
    inside = left > begin
    aside["customers: left before the records or the prior answers"] = int((~inside).sum())
    return _People(
        names=table.index[inside],
        joined=joined[inside],
        begin=begin[inside],
        left=left[inside],
        prior=prior[inside],
        columns=columns[inside],
        aside=aside,
    )


def _contracts(
    contracts: pd.DataFrame, names: pd.Index, begin: Floats, start: pd.Timestamp, wanted: Sequence[str]
) -> pd.DataFrame:
    """The contract in force when the risk begins: later ones may follow from the experiences."""
    columns = [name for name in wanted if name in contracts.columns]
    rows = contracts.dropna(subset=[CUSTOMER_ID, "started_at"]).sort_values("started_at", kind="stable")
    place = names.get_indexer(pd.Index(rows[CUSTOMER_ID]))
    early = (place >= 0) & (_days(rows["started_at"], start) <= begin[np.maximum(place, 0)])
    return rows[early].groupby(CUSTOMER_ID)[columns].last().reindex(names)


def _other(people: _People, owner: Integers, at: Floats) -> tuple[Floats, Floats]:
    """Constant, time with the company, calendar time, prior satisfaction, columns; and their penalties."""
    tenure, calendar = (at - people.joined[owner]) / YEAR, at / YEAR
    parts = [np.ones(len(owner)), tenure, np.sqrt(np.maximum(tenure, 0.0)), calendar, calendar**2]
    if np.isfinite(people.prior).any():
        missing = ~np.isfinite(people.prior)
        parts += [np.where(missing, 0.0, people.prior - np.nanmean(people.prior))[owner]]
        parts += [missing.astype(np.float64)[owner]] if missing.any() else []
    straight, dummies = parts, []
    for name in people.columns.columns:
        column = people.columns[name]
        if pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_bool_dtype(column):
            value = column.to_numpy(dtype=np.float64, na_value=np.nan)
            gap = np.isnan(value)
            spread = np.nanstd(value) if not gap.all() else 0.0
            if spread > 0:
                straight.append(np.where(gap, 0.0, (value - np.nanmean(value)) / spread)[owner])
                dummies += [gap.astype(np.float64)[owner]] if gap.any() else []
        else:
            codes, levels = pd.factorize(column.astype("string").fillna("(missing)"), sort=True)
            common = np.argsort(-np.bincount(codes, minlength=len(levels)), kind="stable")[
                1:MOST_CATEGORIES
            ]
            dummies += [(codes == code).astype(np.float64)[owner] for code in sorted(common)]
    main = np.column_stack(straight)
    # What earlier columns already say is left out: where all joined together, tenure is calendar time.
    own = np.abs(np.diag(np.linalg.qr(main, mode="r")))
    main = main[:, own > 1e-6 * np.maximum(np.sqrt(np.square(main).sum(axis=0)), 1e-12)]
    other = np.column_stack([main, *dummies])
    return other, np.r_[np.zeros(main.shape[1]), np.ones(len(dummies))]


def _days(times: pd.Series, start: pd.Timestamp) -> Floats:
    return np.asarray(((times - start) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64), dtype=np.float64)
