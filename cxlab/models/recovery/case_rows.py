"""Cases as arrays: what was known before as standardised features, and who belongs together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.result import Check

Floats = NDArray[np.float64]
Codes = NDArray[np.intp]

#: What is adjusted for where the table holds it: all known before a complaint was handled.
KNOWN_BEFORE = (
    "severity",
    "topic",
    "earlier_complaints",
    "negative_events_year",
    "prior_satisfaction",
    "dealer_prior_satisfaction",
    "days_since_joining",
    "value_per_year",
    "plan",
    "segment",
    "language",
    "channel",
    "customer_state",
)
#: Words in the name of a column that is a consequence of the handling.
CONSEQUENCES = ("compensation", "resolved", "retained", "after", "handling", "follow_up", "mails")
#: Fewer dealers than this cannot show how dealers differ: rows count as independent.
FEWEST_CLUSTERS = 10
#: A category with fewer rows joins the others.
SMALLEST_CATEGORY = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class CaseFeatures:
    """Features of n rows.

    Attributes
    ----------
    values
        Shape (n, p).
    names, owner
        Of the p columns, and the table column that each comes from.
    curved
        Shape (p,): numbers, which get squares and products; dummies do not.
    imputed
        Column to the share of rows whose value was missing (mean put in, and a flag beside it).
    """

    values: Floats
    names: tuple[str, ...]
    owner: tuple[str, ...]
    curved: NDArray[np.bool_]
    imputed: dict[str, float]

    def without(self, column: str) -> CaseFeatures:
        """The features without one table column."""
        kept = np.array([owner != column for owner in self.owner])
        places = np.flatnonzero(kept)
        return replace(
            self,
            values=self.values[:, kept],
            names=tuple(self.names[place] for place in places),
            owner=tuple(self.owner[place] for place in places),
            curved=self.curved[kept],
        )

    def of_rows(self, kept: NDArray[np.bool_]) -> CaseFeatures:
        """The features of some rows."""
        return replace(self, values=self.values[kept])


def chosen_columns(
    owner: str, question: str, table: pd.DataFrame, adjust_for: Sequence[str] | None
) -> list[str]:
    """Columns to adjust for: those named, or those of :data:`KNOWN_BEFORE` that the table fills."""
    if adjust_for is None:
        found = [name for name in KNOWN_BEFORE if name in table and table[name].notna().any()]
        if not found:
            raise NotAnswerableError(
                question,
                reason="Nothing is known of the cases before they were handled: arms cannot be made alike.",
                next_step="map severity of [complaints], or link customers, surveys and contracts.",
            )
        return found
    wrong = [name for name in adjust_for if any(word in name for word in CONSEQUENCES)]
    if wrong:
        raise ParameterError(
            f"{owner}: adjust_for names {', '.join(wrong)}, a consequence of the handling; adjusting "
            f"for it would hide part of the effect. Next step: name only what was known before."
        )
    absent = [name for name in adjust_for if name not in table]
    if absent:
        raise NotAnswerableError(
            question,
            reason=f"The cases have no column {', '.join(absent)}.",
            next_step="correct adjust_for, or map the column in cxlab.toml.",
        )
    return list(adjust_for)


def read_features(table: pd.DataFrame, columns: Sequence[str]) -> CaseFeatures:
    """Numbers as they are (skewed ones logged), categories as dummies, missing values flagged.

    >>> rows = pd.DataFrame({"severity": [0.0, 1.0, None, 3.0], "plan": ["a", "a", "b", "b"]})
    >>> found = read_features(rows, ["severity", "plan"])
    >>> found.names, found.imputed
    (('severity', 'severity missing'), {'severity': 0.25})
    """
    from scipy.stats import skew

    parts: list[tuple[str, str, Floats, bool]] = []
    imputed: dict[str, float] = {}
    for column in columns:
        values = table[column]
        if is_numeric_dtype(values.dtype):
            numbers = values.to_numpy(dtype=np.float64, na_value=np.nan)
            gaps = np.isnan(numbers)
            if gaps.all():
                continue
            filled = np.where(gaps, numbers[~gaps].mean(), numbers)
            if filled.min() >= 0 and float(skew(filled)) > 2.0:
                filled = np.log1p(filled)
            parts.append((column, column, filled, True))
            if gaps.any():
                imputed[column] = float(gaps.mean())
                parts.append((f"{column} missing", column, gaps.astype(np.float64), False))
        else:
            words = values.astype("object").where(values.notna(), "missing")
            counts = words.value_counts()
            large = sorted(counts.index[counts >= SMALLEST_CATEGORY], key=str)
            for word in large[1:]:
                dummy = (words == word).to_numpy(dtype=np.float64)
                parts.append((f"{column} {word}", column, dummy, False))
    return CaseFeatures(
        values=np.column_stack([part[2] for part in parts]) if parts else np.empty((len(table), 0)),
        names=tuple(part[0] for part in parts),
        owner=tuple(part[1] for part in parts),
        curved=np.array([part[3] for part in parts], dtype=np.bool_),
        imputed=imputed,
    )


def refuse_immortal_time(owner: str, cases: pd.DataFrame) -> None:
    """Refuse cases that count as resolved although their customer had left before the resolution.

    Staying until the resolution is then part of the arm: those who were helped look retained by it.
    """
    if not {"left_at", "opened_at", "resolved_days"} <= set(cases.columns):
        return
    resolved = cases["opened_at"] + pd.to_timedelta(cases["resolved_days"], unit="D")
    late = int((resolved > cases["left_at"]).sum())
    if late:
        raise FitError(
            f"{owner}: {late} of {len(cases)} cases have resolved_days although left_at lies before the "
            f"resolution; whoever stays longer is then resolved more often, help or no help. Next step: "
            f"take cxlab.complaint_cases(tables), which judges all at one landmark."
        )


def landmark_check(cases: pd.DataFrame) -> Check:
    """Whether every case is judged at a landmark: handling known there, outcome after it."""
    known = {"landmark_at", "opened_at", "resolved_days"} <= set(cases.columns)
    late = 0
    if known:
        resolved = cases["opened_at"] + pd.to_timedelta(cases["resolved_days"], unit="D")
        # A day is held to the second: half a second of rounding is no resolution after the landmark.
        late = int((resolved > cases["landmark_at"] + pd.Timedelta(seconds=1)).sum())
    return Check(
        check="judged at a landmark",
        value=("yes" if late == 0 else f"{late} resolved after it") if known else "no column landmark_at",
        threshold="yes",
        passed=known and late == 0,
        meaning="else whoever stays long enough to be resolved looks retained by it (immortal time)",
    )


def cluster_rows(table: pd.DataFrame) -> tuple[Codes | None, Codes, str]:
    """Codes of dealers (None if too few), codes of customers, and the word for what is clustered."""
    units = np.arange(len(table))
    if CUSTOMER_ID in table:
        units = pd.factorize(table[CUSTOMER_ID])[0].astype(np.intp)
    if LOCATION_ID in table and table[LOCATION_ID].nunique() >= FEWEST_CLUSTERS:
        dealers = table[LOCATION_ID].astype("object").where(table[LOCATION_ID].notna(), "unknown")
        return pd.factorize(dealers)[0].astype(np.intp), units, "dealer"
    if len(np.unique(units)) < len(units):
        return units, units, "customer"
    return None, units, "row"
