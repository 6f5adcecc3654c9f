"""The rows behind a repair ratio: answers and experiences checked, counted, and turned into arrays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.membership import place_in
from cxlab.stats.stock import Entries, first_row_after

Floats = npt.NDArray[np.float64]
Integers = npt.NDArray[np.int64]
Booleans = npt.NDArray[np.bool_]

QUESTION = "How many positive experiences repair one negative"
ANSWERED_AT = "answered_at"
OCCURRED_AT = "occurred_at"
RESOLVED_AT = "resolved_at"
VALENCE = "valence"
POSITIVE, NEGATIVE = "positive", "negative"
#: The stocks in their order: good experiences, unresolved bad ones, resolved bad ones.
KINDS = ("positive", "negative_unresolved", "negative_resolved")


@dataclass(frozen=True, eq=False, kw_only=True)
class Experiences:
    """Experiences that some answer of their customer sees, sorted by customer and time."""

    owner: Integers
    occurred: Floats
    positive: Booleans
    #: infinite where never resolved
    resolved: Floats
    #: the first answer that sees it
    first_row: Integers
    #: a group such as the touchpoint; empty where none was asked for
    group: npt.NDArray[np.object_]

    def kinds(self, owner: Integers, at: Floats) -> tuple[Booleans, Booleans, Booleans]:
        """Per kind of ``KINDS``, which experiences some answer (``owner``, ``at``) saw in that state."""
        moved = np.full(len(self.owner), -1, dtype=np.int64)
        settled = np.isfinite(self.resolved)
        moved[settled] = first_row_after(
            owner, at, entry_owner=self.owner[settled], entry_time=self.resolved[settled]
        )
        unresolved = ~self.positive & ((moved < 0) | (self.first_row < moved))
        return self.positive, unresolved, moved >= 0


@dataclass(frozen=True, eq=False, kw_only=True)
class RepairRows:
    """Answers sorted by customer and time, experiences of the same customers, and what was set aside.

    Times are days since the first moment in either table. ``owner`` counts 0, 1, ... over customers.
    """

    owner: Integers
    at: Floats
    outcome: Floats
    month: Integers
    experiences: Experiences
    #: customer of each owner code
    names: pd.Index
    #: experiences and customers behind each of ``KINDS``, as some answer could see them
    n_seen: tuple[int, ...]
    n_customers_seen: tuple[int, ...]
    n_customers: int
    n_single_customers: int
    n_used: int
    n_set_aside: dict[str, int]


def repair_rows(
    answers: pd.DataFrame, experiences: pd.DataFrame, *, outcome: str, discard_days: float, group: str = ""
) -> RepairRows:
    """Check both tables, set rows aside with a reason, and sort what is left by customer and time.

    Parameters
    ----------
    answers, experiences
        As :meth:`cxlab.RepairModel.fit` takes them.
    outcome
        Numeric column of ``answers``.
    discard_days
        Answers in this many days after the first record are set aside.
    group
        Column of the experiences that is carried along, or empty.

    Raises
    ------
    FitError
        If a time is not a naive timestamp, the outcome is not numeric, or a valence is neither
        "positive" nor "negative".
    NotAnswerableError
        If a column is missing.
    """
    _require_readable(answers, experiences, outcome)
    moments = [answers[ANSWERED_AT].min(), experiences[OCCURRED_AT].min()]
    start = min((moment for moment in moments if pd.notna(moment)), default=pd.Timestamp(0))
    kept, aside, n_single = _keep_answers(
        answers, outcome=outcome, until=start + pd.Timedelta(days=discard_days)
    )
    # Sorted, so that a bootstrap of customers does not depend on the order of the rows.
    codes, names = pd.factorize(kept[CUSTOMER_ID], sort=True)
    at = _days(kept[ANSWERED_AT], start)
    order = np.lexsort((at, codes))
    owner, at = codes[order].astype(np.int64), at[order]
    seen, lost = keep_experiences(
        experiences, pd.Index(names), owner=owner, at=at, start=start, group=group
    )
    kinds = seen.kinds(owner, at)
    return RepairRows(
        owner=owner,
        at=at,
        outcome=kept[outcome].to_numpy(dtype=np.float64)[order],
        month=_calendar_month(kept[ANSWERED_AT])[order],
        experiences=seen,
        names=pd.Index(names),
        n_seen=tuple(int(mask.sum()) for mask in kinds),
        n_customers_seen=tuple(len(np.unique(seen.owner[mask])) for mask in kinds),
        n_customers=len(names),
        n_single_customers=n_single,
        n_used=len(kept) + len(seen.owner),
        n_set_aside={**aside, **lost},
    )


def stock_entries(rows: RepairRows, *, delay_days: float = 0.0, weight: Floats | None = None) -> Entries:
    """Entries of the three stocks of ``KINDS``, time-consistent in the resolution.

    A bad experience counts as unresolved until ``resolved_at`` and as resolved from there on, its weight
    fading from its own date throughout. With ``delay_days`` every experience enters only so many days
    after it occurred (the carry-over design); with ``weight`` every experience counts so much.
    """
    return entries_of(rows.experiences, delay_days=delay_days, weight=weight)


def entries_of(past: Experiences, *, delay_days: float = 0.0, weight: Floats | None = None) -> Entries:
    """Entries of the three stocks of some experiences; see :func:`stock_entries`."""
    enter = past.occurred + delay_days
    bad = ~past.positive
    moved = np.maximum(past.resolved, enter)
    unresolved = bad & (moved > enter)
    settled = bad & np.isfinite(moved)
    parts = [
        (past.positive, enter, 0, 1.0),
        (unresolved, enter, 1, 1.0),
        (unresolved & settled, moved, 1, -1.0),
        (settled, moved, 2, 1.0),
    ]
    return _entries(past, parts, weight)


def current_visit_entries(rows: RepairRows, *, days: float) -> Entries:
    """Entries that count, per kind, the experiences of the last ``days`` before an answer, unfaded."""
    past = rows.experiences
    start, end = past.occurred, past.occurred + days
    # The others have left again before any answer could see them.
    near = rows.at[past.first_row] <= end
    good, bad = near & past.positive, near & ~past.positive
    moved = np.clip(past.resolved, start, end)
    unresolved, settled = bad & (moved > start), bad & (moved < end)
    parts = [
        (good, start, 0, 1.0),
        (good, end, 0, -1.0),
        (unresolved, start, 1, 1.0),
        (unresolved, moved, 1, -1.0),
        (settled, moved, 2, 1.0),
        (settled, end, 2, -1.0),
    ]
    return _entries(past, parts)


def _entries(
    past: Experiences, parts: list[tuple[Booleans, Floats, int, float]], weight: Floats | None = None
) -> Entries:
    each = np.ones(len(past.owner)) if weight is None else weight
    return Entries(
        owner=np.concatenate([past.owner[mask] for mask, _, _, _ in parts]),
        enter=np.concatenate([enter[mask] for mask, enter, _, _ in parts]),
        origin=np.concatenate([past.occurred[mask] for mask, _, _, _ in parts]),
        stock=np.concatenate([np.full(int(mask.sum()), stock) for mask, _, stock, _ in parts]),
        sign=np.concatenate([sign * each[mask] for mask, _, _, sign in parts]),
    )


def _require_readable(answers: pd.DataFrame, experiences: pd.DataFrame, outcome: str) -> None:
    _require(answers, "answers", (CUSTOMER_ID, ANSWERED_AT, outcome), times=(ANSWERED_AT,))
    _require(
        experiences,
        "experiences",
        (CUSTOMER_ID, OCCURRED_AT, VALENCE, RESOLVED_AT),
        times=(OCCURRED_AT, RESOLVED_AT),
    )
    if not pd.api.types.is_numeric_dtype(answers[outcome]):
        raise FitError(
            f"RepairModel: answers.{outcome} must be numeric, got {answers[outcome].dtype}. "
            f"Next step: name a numeric outcome, or map the scale in cxlab.toml."
        )
    strange = sorted(set(experiences[VALENCE].dropna().unique()) - {POSITIVE, NEGATIVE})
    if strange:
        raise FitError(
            f"RepairModel: experiences.{VALENCE} must be {POSITIVE!r} or {NEGATIVE!r}, got {strange[:5]}. "
            f"Next step: use cxlab.experiences(tables), or recode or drop the other rows."
        )


def _require(table: pd.DataFrame, name: str, columns: tuple[str, ...], *, times: tuple[str, ...]) -> None:
    missing = [column for column in columns if column not in table.columns]
    if missing:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The {name} lack the column(s) {', '.join(missing)}.",
            next_step=f"{name} with these columns, as cxlab.{name}(tables) makes them.",
        )
    for column in times:
        kind = table[column].dtype
        if not (isinstance(kind, np.dtype) and kind.kind == "M"):
            raise FitError(
                f"RepairModel: {name}.{column} must be naive UTC timestamps (datetime64), got {kind}. "
                f"Next step: convert with pandas.to_datetime(..., utc=True).dt.tz_localize(None)."
            )


def _calendar_month(times: pd.Series) -> Integers:
    """Codes 0, 1, ... of the calendar months that occur, in their order."""
    months = (times.dt.year * 12 + times.dt.month).to_numpy()
    return np.asarray(pd.factorize(months, sort=True)[0], dtype=np.int64)


def _days(times: pd.Series, start: pd.Timestamp) -> Floats:
    return np.asarray(((times - start) / pd.Timedelta(days=1)).to_numpy(dtype=np.float64), dtype=np.float64)


def _keep_answers(
    answers: pd.DataFrame, *, outcome: str, until: pd.Timestamp
) -> tuple[pd.DataFrame, dict[str, int], int]:
    """Answers with everything present, of customers with two or more; the rest counted by reason."""
    aside: dict[str, int] = {}
    kept = answers[[CUSTOMER_ID, ANSWERED_AT, outcome]]
    rules = (
        ("answers: no customer", kept[CUSTOMER_ID].isna()),
        ("answers: no time", kept[ANSWERED_AT].isna()),
        (f"answers: no {outcome}", ~np.isfinite(kept[outcome].astype("float64").fillna(np.nan))),
        ("answers: in the discarded first days", kept[ANSWERED_AT] < until),
    )
    left = pd.Series(True, index=kept.index)
    for reason, bad in rules:
        _count(aside, reason, int((left & bad).sum()))
        left &= ~bad
    kept = kept[left.to_numpy()]
    single = kept.groupby(CUSTOMER_ID, sort=False)[ANSWERED_AT].transform("size").to_numpy() < 2
    _count(aside, "answers: single answer, no comparison within the customer", int(single.sum()))
    return kept[~single], aside, int(single.sum())


def keep_experiences(
    experiences: pd.DataFrame,
    names: pd.Index,
    *,
    owner: Integers,
    at: Floats,
    start: pd.Timestamp,
    group: str,
) -> tuple[Experiences, dict[str, int]]:
    """Experiences that some used answer can see, and the rest counted by reason."""
    aside: dict[str, int] = {}
    codes = place_in(experiences[CUSTOMER_ID], names)
    occurred, resolved = _days(experiences[OCCURRED_AT], start), _days(experiences[RESOLVED_AT], start)
    valence = experiences[VALENCE]
    positive = (valence == POSITIVE).to_numpy(dtype=bool, na_value=False)
    rules = (
        ("experiences: no customer", experiences[CUSTOMER_ID].isna().to_numpy()),
        ("experiences: no time", np.isnan(occurred)),
        ("experiences: no valence", valence.isna().to_numpy()),
        ("experiences: resolved before it occurred", ~positive & (resolved < occurred)),
        ("experiences: customer without two usable answers", codes < 0),
    )
    left = np.ones(len(experiences), dtype=bool)
    for reason, broken in rules:
        _count(aside, reason, int((left & broken).sum()))
        left &= ~broken
    # Sorted first: looking up neighbours one after the other is much faster than at random.
    kept = np.flatnonzero(left)
    kept = kept[np.lexsort((occurred[kept], codes[kept]))]
    row = first_row_after(owner, at, entry_owner=codes[kept], entry_time=occurred[kept])
    _count(aside, "experiences: no answer after it", int((row < 0).sum()))
    kept, row = kept[row >= 0], row[row >= 0]
    never = np.isnan(resolved[kept]) | positive[kept]
    seen = Experiences(
        owner=codes[kept],
        occurred=occurred[kept],
        positive=positive[kept],
        resolved=np.where(never, np.inf, resolved[kept]),
        first_row=row,
        group=experiences[group].to_numpy(dtype=object)[kept] if group else np.empty(0, dtype=object),
    )
    return seen, aside


def _count(aside: dict[str, int], reason: str, rows: int) -> None:
    if rows:
        aside[reason] = rows
