"""Answers by dealer: which dealers have enough, the case mix as columns, and what was set aside."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from pandas.api.types import is_bool_dtype, is_numeric_dtype

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError, NotAnswerableError

Array = NDArray[np.float64]
Codes = NDArray[np.intp]

QUESTION = "Which dealers differ?"


@dataclass(frozen=True, eq=False, kw_only=True)
class DealerRows:
    """Usable answers.

    Attributes
    ----------
    values : (n,)
        The outcome.
    dealers : (n,)
        Dealer of each answer, 0..D-1, by name.
    names
        Names of the dealers with enough answers, in the order of the codes.
    too_few
        Dealer to number of answers, where these are too few.
    covariates : (n, k)
        Case mix, None without any.
    units : (n,)
        Who answered; None if that is not known. An answer without a name is somebody of its own.
    set_aside
        Reason to number of rows.
    columns
        Table columns read.
    """

    values: Array
    dealers: Codes
    names: tuple[str, ...]
    too_few: dict[str, int]
    covariates: Array | None
    units: Codes | None
    set_aside: dict[str, int]
    columns: list[str]


def read_answers(
    table: pd.DataFrame,
    *,
    outcome: str,
    location_column: str,
    respondent_column: str | None,
    adjust_for: tuple[str, ...],
    minimum_n: int,
) -> DealerRows:
    """Answers that can be compared; the others are counted by reason."""
    if not isinstance(table, pd.DataFrame):
        raise FitError(
            f"DealerModel.fit: need a table, got {type(table).__name__}. Next step: pass tables.surveys."
        )
    if respondent_column == CUSTOMER_ID and CUSTOMER_ID not in table.columns:
        respondent_column = None
    columns = [outcome, location_column, *adjust_for]
    columns += [respondent_column] if respondent_column is not None else []
    absent = [name for name in columns if name not in table.columns]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The answers have no column {', '.join(absent)}.",
            next_step="correct the name in the settings, or map the column in cxlab.toml.",
        )
    values = _numbers(table[outcome])
    placed = table[location_column].notna() & (table[location_column].astype("str") != "")
    known = table[list(adjust_for)].notna().all(axis=1)
    kept, set_aside = np.ones(len(table), dtype=bool), {}
    for reason, good in (
        (f"no answer to {outcome}", ~np.isnan(values)),
        (f"no {location_column}", placed.to_numpy()),
        ("case mix not known", known.to_numpy()),
    ):
        lost = int((kept & ~good).sum())
        if lost:
            set_aside[reason] = lost
        kept &= good
    names = table[location_column].astype("str")
    counts = names[kept].value_counts().sort_index()
    too_few = {str(name): int(n) for name, n in counts.items() if n < minimum_n}
    if too_few:
        set_aside[f"dealer with fewer than {minimum_n} answers"] = sum(too_few.values())
        kept &= ~names.isin(list(too_few)).to_numpy()
    chosen = table[kept]
    codes, found = pd.factorize(names[kept], sort=True)
    return DealerRows(
        values=values[kept],
        dealers=np.asarray(codes, dtype=np.intp),
        names=tuple(str(name) for name in found),
        too_few=too_few,
        covariates=_case_mix(chosen, adjust_for) if adjust_for else None,
        units=_units(chosen, respondent_column),
        set_aside=set_aside,
        columns=columns,
    )


def _numbers(found: pd.Series) -> Array:
    if not is_numeric_dtype(found):
        example = next(iter(found.dropna().astype(str)), "nothing")
        raise FitError(
            f"{found.name}: a comparison needs numbers, got {found.dtype} such as {example!r}. Next step: "
            f"recode the answers in cxlab.toml."
        )
    values = found.to_numpy(dtype=np.float64, na_value=np.nan)
    if np.isinf(values).any():
        raise FitError(
            f"{found.name}: {int(np.isinf(values).sum())} values are infinite. Next step: declare them as "
            f"missing in cxlab.toml."
        )
    return np.asarray(values)


def _case_mix(chosen: pd.DataFrame, adjust_for: tuple[str, ...]) -> Array:
    """Numbers as they are, texts as 0/1 columns without the first category."""
    columns: list[Array] = []
    for name in adjust_for:
        if is_numeric_dtype(chosen[name]) and not is_bool_dtype(chosen[name]):
            columns.append(_numbers(chosen[name]))
            continue
        labels = chosen[name].astype("str")
        columns += [(labels == level).to_numpy(dtype=np.float64) for level in sorted(labels.unique())[1:]]
    return np.column_stack(columns) if columns else np.empty((len(chosen), 0))


def _units(chosen: pd.DataFrame, respondent_column: str | None) -> Codes | None:
    if respondent_column is None:
        return None
    codes, found = pd.factorize(chosen[respondent_column])
    alone = codes < 0
    codes[alone] = len(found) + np.arange(alone.sum())
    return np.asarray(codes, dtype=np.intp)
