"""Which columns of a churn panel are features, and how they become numbers, learned on training rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID, LOCATION_ID
from cxlab.core.errors import FitError

CUT_AT: Final = "cut_at"
CHURNED: Final = "churned"
KEYS: Final = (CUSTOMER_ID, CUT_AT, CHURNED)
#: Prefix of a feature column -> the block it belongs to.
BLOCKS: Final = ("contract", "usage", "experience", "survey")
OTHER_BLOCK: Final = "other"


def choose_features(panel: pd.DataFrame, features: Sequence[str]) -> tuple[str, ...]:
    """The feature columns, in the order of the panel: those named, or all but keys, label and dealer.

    Raises
    ------
    FitError
        For a named column that is absent, a key or the label, or a column of dates or mixed values.
    """
    if features:
        absent = [name for name in features if name not in panel.columns]
        if absent:
            raise FitError(
                f"ChurnModel: the panel has no column {', '.join(absent)}. It holds "
                f"{', '.join(map(str, panel.columns[:12]))}. Next step: correct features=."
            )
        forbidden = [name for name in features if name in KEYS]
        if forbidden:
            raise FitError(
                f"ChurnModel: {', '.join(forbidden)} is a key or the outcome, not a feature. "
                f"Next step: take it out of features=."
            )
        chosen = [str(name) for name in panel.columns if name in set(features)]
    else:
        chosen = [str(name) for name in panel.columns if name not in (*KEYS, LOCATION_ID)]
    if not chosen:
        raise FitError(
            "ChurnModel: the panel has keys and outcome but no feature column. "
            "Next step: add columns known at the cut, or name location_id in features=."
        )
    refused = [name for name in chosen if not (_is_number(panel[name]) or _is_text(panel[name]))]
    if refused:
        raise FitError(
            f"ChurnModel: {', '.join(refused)} is neither numeric nor text throughout (a date, or mixed "
            f"values). Next step: turn dates into days before the cut, mixed columns into one type."
        )
    return tuple(chosen)


def block_of(feature: str) -> str:
    """The block of a feature by its prefix.

    >>> block_of("experience_open_complaints"), block_of("tenure")
    ('experience', 'other')
    """
    prefix = feature.partition("_")[0]
    return prefix if prefix in BLOCKS and "_" in feature else OTHER_BLOCK


@dataclass(frozen=True, kw_only=True)
class FeatureCoder:
    """Turns feature columns into one numeric matrix; levels of text columns are those of training.

    Text becomes the number of its level in the sorted training levels; a level never seen in training
    becomes one more number, so that the classifier can pool it with the rare ones. Missing stays nan.
    """

    features: tuple[str, ...]
    levels: dict[str, tuple[str, ...]]

    @classmethod
    def learn(cls, table: pd.DataFrame, features: tuple[str, ...]) -> FeatureCoder:
        """The coder of ``features`` with the text levels that ``table`` holds."""
        text = [name for name in features if not _is_number(table[name])]
        return cls(features=features, levels={name: _levels(table[name]) for name in text})

    @property
    def categorical(self) -> list[int]:
        """Column numbers of the text features."""
        return [place for place, name in enumerate(self.features) if name in self.levels]

    def matrix(self, table: pd.DataFrame) -> NDArray[np.float64]:
        """The features of ``table`` as (n, k) numbers.

        Raises
        ------
        FitError
            If feature columns are absent, have changed between number and text, or hold infinity.
        """
        absent = [name for name in self.features if name not in table.columns]
        if absent:
            raise FitError(
                f"ChurnModel: the table lacks the feature columns {', '.join(absent)} that the model was "
                f"fitted with. Next step: build it the same way as the training panel."
            )
        changed = [
            name
            for name in self.features
            if (name in self.levels) == _is_number(table[name]) and table[name].notna().any()
        ]
        if changed:
            raise FitError(
                f"ChurnModel: {', '.join(changed)} was text in training and is numeric here, or the other "
                f"way round. Next step: give the columns the types of the training panel."
            )
        columns = [self._codes(table[name]) for name in self.features]
        endless = [n for n, c in zip(self.features, columns, strict=True) if np.isinf(c).any()]
        if endless:
            raise FitError(
                f"ChurnModel: {', '.join(endless)} holds infinite values. "
                f"Next step: look for a division by zero and write missing instead."
            )
        return np.column_stack(columns)

    def _codes(self, column: pd.Series) -> NDArray[np.float64]:
        if column.name not in self.levels:
            numbers = column.astype("Float64").to_numpy(dtype=float, na_value=np.nan)
            return np.asarray(numbers, dtype=np.float64)
        known = self.levels[str(column.name)]
        text = column.astype(object).where(column.notna(), None)
        places = pd.Index(known).get_indexer(pd.Index(text.map(str, na_action="ignore")))
        codes = np.asarray(places, dtype=np.float64)
        codes[codes < 0] = len(known)
        codes[column.isna().to_numpy()] = np.nan
        return codes


@dataclass(frozen=True, kw_only=True)
class ColumnFault:
    """A feature that carries no information as it is, and why.

    ``varies`` is False where it holds one value at most; ``harmless`` where that can be how things are
    (every customer still has a contract) rather than a fault of loading.
    """

    feature: str
    reason: str
    varies: bool = False
    harmless: bool = False


def column_faults(table: pd.DataFrame, coder: FeatureCoder) -> list[ColumnFault]:
    """Features that are empty, constant, or text with too many levels to learn from, in their order."""
    faults = []
    for name in coder.features:
        column = table[name]
        if not column.notna().any():
            faults.append(ColumnFault(feature=name, reason="all missing"))
        elif column.nunique(dropna=False) == 1:
            faults.append(ColumnFault(feature=name, reason="one value only", harmless=True))
        elif name in coder.levels and len(coder.levels[name]) > max(50, len(table) // 20):
            count = len(coder.levels[name])
            reason = f"{count:,} text levels: an id or a number?"
            faults.append(ColumnFault(feature=name, reason=reason, varies=True))
    return faults


def _levels(column: pd.Series) -> tuple[str, ...]:
    return tuple(sorted(str(value) for value in column.dropna().unique()))


def _is_number(column: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column)


def _is_text(column: pd.Series) -> bool:
    if isinstance(column.dtype, pd.CategoricalDtype):
        return True
    if column.dtype == object:
        return bool(column.dropna().map(lambda value: isinstance(value, str)).all())
    return pd.api.types.is_string_dtype(column)
