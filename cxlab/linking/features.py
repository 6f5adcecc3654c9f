"""One computed column as data: its name, its block, its SQL, its meaning; and how a list of them is run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd

from cxlab.linking.linked import FEATURE_COLUMNS


@dataclass(frozen=True, kw_only=True)
class Feature:
    """A column computed by an SQL aggregate.

    ``sql`` may hold ``{cut}``, which stands for the moment of the snapshot. ``empty`` is the value of a
    row that no record belongs to: 0 where nothing seen means nothing happened, None where it means unknown.
    """

    name: str
    block: str
    sql: str
    meaning: str
    empty: float | None = None


def select_list(features: Sequence[Feature], *, prefix: str = "x", cut: str = "") -> str:
    """SQL: the aggregates under short aliases (``x0``, ``x1``, ...), safe whatever columns are called."""
    return ", ".join(
        f"{feature.sql.replace('{cut}', cut)} AS {prefix}{place}" for place, feature in enumerate(features)
    )


def name_columns(frame: pd.DataFrame, features: Sequence[Feature], *, prefix: str = "x") -> pd.DataFrame:
    """The aliased columns of :func:`select_list` under their names, in the order of ``features``."""
    columns = {feature.name: frame[f"{prefix}{place}"] for place, feature in enumerate(features)}
    return pd.DataFrame(columns, index=frame.index)


def fill_empty(frame: pd.DataFrame, features: Sequence[Feature]) -> pd.DataFrame:
    """Rows that no record belongs to get each feature's ``empty``; whole counts become integers."""
    whole = frame.copy()
    for feature in features:
        whole[feature.name] = filled(whole[feature.name], feature.empty)
    return whole


def filled(column: pd.Series, empty: float | None) -> pd.Series:
    """``column`` with ``empty`` where it is missing (None: as it is), as integers if ``empty`` is one."""
    if empty is None:
        return column
    whole = column.fillna(empty)
    return whole.astype("int64") if isinstance(empty, int) else whole


def features_table(features: Sequence[Feature]) -> pd.DataFrame:
    """Column, block and meaning of every feature."""
    rows = [(feature.name, feature.block, feature.meaning) for feature in features]
    return pd.DataFrame(rows, columns=pd.Index(FEATURE_COLUMNS))


def blocks_of(features: Sequence[Feature]) -> Mapping[str, tuple[str, ...]]:
    """Block name to its columns, blocks in the order in which they first appear.

    >>> blocks_of([Feature(name="usage_a", block="usage", sql="count(*)", meaning="events")])
    {'usage': ('usage_a',)}
    """
    blocks = dict.fromkeys(feature.block for feature in features)
    return {
        block: tuple(feature.name for feature in features if feature.block == block) for block in blocks
    }
