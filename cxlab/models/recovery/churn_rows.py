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
    OCCURRED_AT,
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
    last = _days(pd.Series([end]), start)[0]
    left = people.left <= last
    whole = np.floor((np.where(left, people.left, last) - people.begin) / period_days).astype(np.int64)
    n_free = int(whole.sum())
    event_owner = np.flatnonzero(left)
    if len(event_owner) == 0:
        raise NotAnswerableError(
            CHURN_QUESTION, reason="Nobody left.", next_step="customers with left_at, or a longer record."
        )
    drawn = min(n_free, controls * len(event_owner))
    picked = np.sort(rng.choice(n_free, size=drawn, replace=False, shuffle=False))
    ends = np.cumsum(whole)
    free_owner = np.searchsorted(ends, picked, side="right")
    number = np.r_[whole[event_owner], picked - (ends - whole)[free_owner]]
    owner = np.r_[event_owner, free_owner]
    at = people.begin[owner] + number * period_days
    order = np.lexsort((at, owner))
    kept, codes = np.unique(owner[order], return_inverse=True)
    seen, lost = keep_experiences(
        experiences, people.names[kept], owner=codes.astype(np.int64), at=at[order], start=start, group=""
    )
    other, penalty = _other(people, owner[order], at[order])
    return ChurnRows(
        owner=codes.astype(np.int64),
        at=at[order],
        event=(np.arange(len(owner)) < len(event_owner)).astype(np.float64)[order],
        other=other,
        penalty=penalty,
        experiences=seen,
        n_customers=len(kept),
        n_events=len(event_owner),
        n_with_prior=int(np.isfinite(people.prior[kept]).sum()),
        n_event_free=n_free,
        share_drawn=drawn / max(n_free, 1),
        adjusted=tuple(people.columns.columns),
        n_used=len(seen.owner) + len(kept),
        n_set_aside={
            **people.aside,
            "customers: no period at risk was drawn": len(people.names) - len(kept),
            **{_REASONS.get(reason, reason): count for reason, count in lost.items()},
        },
    )


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
