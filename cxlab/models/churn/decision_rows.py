"""The rows of a decision: checked, with a known value, the others set aside with their reason."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.models.churn.features import CHURNED, CUT_AT

if TYPE_CHECKING:
    from cxlab.models.churn.horizon_result import ChurnResult

PROBABILITY: Final = "probability"
VALUE: Final = "value"
SEGMENT: Final = "segment"
#: What the value of a customer is: a lifetime value, a column, a declared amount.
VALUE_BASIS: Final = "value_basis"
REASONS: Final = ("reason_1", "reason_2", "reason_3")
OPEN_COMPLAINTS: Final = "open_complaints"
#: Where ``cxlab.snapshots`` keeps them.
OPEN_FEATURE: Final = "experience_open_complaints"
#: Columns carried along from the customers to decide about, where they are given.
CARRIED: Final = (CUT_AT, *REASONS, OPEN_COMPLAINTS)


@dataclass(frozen=True, kw_only=True, eq=False)
class Rows:
    """Rows to use, and how many were set aside for which reason."""

    rows: pd.DataFrame
    set_aside: dict[str, int]


def decision_tables(
    churn: ChurnResult, panel: pd.DataFrame, current: pd.DataFrame, *, refits: int = 10
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """History and customers at hand for ``DecisionModel``, from a churn forecast.

    Parameters
    ----------
    churn
        A fitted forecast.
    panel
        The table it was fitted to; its columns (value, segment) join the held-out rows.
    current
        Customers at hand with the same features, one row each, outcome open: ``cxlab.snapshots`` at the
        end of the records.
    refits
        Refits of the forecast behind limits and reasons, 5 or more; 0 leaves both out (and saves their
        time).

    Returns
    -------
    history, current
        The held-out rows with the probability each got before its outcome was used; the customers at hand
        with theirs, its limits, three stable reasons, and their open complaints where these are known.
    """
    scored = churn.scored()
    kept = [name for name in panel.columns if name not in scored or name == SEGMENT]
    history = scored.drop(columns=SEGMENT, errors="ignore").join(panel[kept])
    now = current.assign(**{PROBABILITY: churn.predict(current)})
    if OPEN_FEATURE in now and OPEN_COMPLAINTS not in now:
        now[OPEN_COMPLAINTS] = now[OPEN_FEATURE]
    if refits:
        from cxlab.models.churn.refits import refit_evidence

        now = now.join(refit_evidence(churn, current, refits=refits))
    return history, now


def history_rows(table: pd.DataFrame, value_column: str, segment_column: str, *, question: str) -> Rows:
    """Customers with a known outcome: customer_id, probability, value, churned, and segment if asked."""
    _require(table, [CUSTOMER_ID, PROBABILITY, CHURNED], "history")
    _require_value(table, value_column, question)
    _check_numbers(table, value_column, "history")
    churned = pd.to_numeric(table[CHURNED]).astype("Float64")
    wrong = churned.notna() & ~churned.isin([0.0, 1.0])
    if wrong.any():
        raise FitError(
            f"DecisionModel: churned of history must be 1, 0 or missing, got {churned[wrong].iloc[0]:g} in "
            f"{int(wrong.sum()):,} rows. Next step: recode it."
        )
    kept = _columns(table, value_column, segment_column).assign(churned=churned)
    return _set_aside(kept, {"outcome not known": churned.isna()})


def current_rows(
    table: pd.DataFrame, value_column: str, segment_column: str, *, question: str, newest_only: bool
) -> Rows:
    """Customers to decide about, one row each, with limits of the probability (nan if unknown)."""
    _require(table, [CUSTOMER_ID, PROBABILITY], "current")
    _require_value(table, value_column, question)
    _check_numbers(table, value_column, "current")
    older = pd.Series(False, index=table.index)
    if newest_only and CUT_AT in table and table[CUT_AT].notna().any():
        older = table[CUT_AT] != table[CUT_AT].max()
    kept = _columns(table, value_column, segment_column)
    for end in ("low", "high"):
        name = f"{PROBABILITY}_{end}"
        kept[name] = table[name].astype(float) if name in table else np.nan
    for name in CARRIED:
        if name in table:
            kept[name] = table[name]
    kept[VALUE_BASIS] = table.get(VALUE_BASIS, f"column {value_column}")
    found = _set_aside(kept, {"an older cut": older})
    twice = int(found.rows[CUSTOMER_ID].duplicated().sum())
    if twice:
        raise FitError(
            f"DecisionModel: {twice:,} rows of current repeat a customer, who would be contacted twice. "
            "Next step: keep one row per customer, that of the newest cut."
        )
    return found


def _columns(table: pd.DataFrame, value_column: str, segment_column: str) -> pd.DataFrame:
    kept = pd.DataFrame({CUSTOMER_ID: table[CUSTOMER_ID]}, index=table.index)
    kept[PROBABILITY] = table[PROBABILITY].astype(float)
    kept[VALUE] = table[value_column].astype(float)
    if segment_column:
        _require(table, [segment_column], "a table")
        known = table[segment_column].astype(object)
        kept[SEGMENT] = known.where(known.notna(), "not known").map(str)
    return kept


def _set_aside(kept: pd.DataFrame, first: dict[str, pd.Series]) -> Rows:
    """Split by the first reason that holds: those given, no customer, no probability, no value."""
    reasons = {
        **first,
        "customer_id missing": kept[CUSTOMER_ID].isna(),
        "probability missing": kept[PROBABILITY].isna(),
        "value missing": kept[VALUE].isna(),
    }
    gone = pd.Series(False, index=kept.index)
    counts: dict[str, int] = {}
    for reason, mask in reasons.items():
        fresh = mask.fillna(True).astype(bool) & ~gone
        if fresh.any():
            counts[reason] = int(fresh.sum())
        gone |= fresh
    return Rows(rows=kept[~gone], set_aside=counts)


def _require(table: pd.DataFrame, columns: list[str], which: str) -> None:
    absent = [name for name in columns if name not in table]
    if absent:
        raise FitError(
            f"DecisionModel: {which} has no column {', '.join(absent)}. It holds "
            f"{', '.join(map(str, table.columns[:12]))}. Next step: add it or correct the settings."
        )


def _require_value(table: pd.DataFrame, value_column: str, question: str) -> None:
    if value_column not in table:
        raise NotAnswerableError(
            question,
            reason=f"There is no column {value_column} that says what a customer is worth.",
            next_step="map value_per_year of [contracts], or name another column in value_column=.",
        )


def _check_numbers(table: pd.DataFrame, value_column: str, which: str) -> None:
    p = pd.to_numeric(table[PROBABILITY], errors="coerce")
    outside = int(((p < 0.0) | (p > 1.0)).sum())
    if outside:
        raise FitError(
            f"DecisionModel: {outside:,} probabilities of {which} lie outside 0..1. "
            "Next step: give probabilities as shares, not percent or scores."
        )
    if not pd.api.types.is_numeric_dtype(table[value_column]):
        raise FitError(
            f"DecisionModel: {value_column} of {which} is not a number. Next step: type it as money."
        )
    bad = int(((table[value_column] < 0.0) | np.isinf(table[value_column].astype(float))).sum())
    if bad:
        raise FitError(
            f"DecisionModel: {bad:,} values of {value_column} in {which} are negative or infinite. "
            "Next step: give what is lost when the customer leaves, 0 or more."
        )
