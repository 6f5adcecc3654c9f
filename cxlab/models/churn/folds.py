"""Which rows train and which are scored: in the order of time, or across customers where there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

#: Below this many churners (or customers who stayed) no number is printed: "too few".
LEAST_CHURNERS: Final = 30
ALL: Final = "all"

Rows = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Fold:
    """Row positions that train a model and those it is then held against."""

    name: str
    train: Rows
    test: Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class Plan:
    """The folds, whether they respect time, and the cuts that could not be tested, with the reason."""

    folds: tuple[Fold, ...]
    in_time_order: bool
    untested: dict[str, str]


def cut_name(cut: pd.Timestamp) -> str:
    """A cut date as text; the time of day is left out when it is midnight.

    >>> cut_name(pd.Timestamp("2026-01-31"))
    '2026-01-31'
    """
    stamp = pd.Timestamp(cut)
    return stamp.strftime("%Y-%m-%d" if stamp == stamp.normalize() else "%Y-%m-%d %H:%M")


def time_plan(cut_at: pd.Series, churned: NDArray[np.float64], *, closed_days: int, test_cuts: int) -> Plan:
    """One fold per tested cut, trained only on cuts whose outcomes were closed by then.

    A cut ``c`` trains for cut ``c*`` if ``c + closed_days <= c*``, where ``closed_days`` is lead +
    horizon + embargo: a person scoring customers at ``c*`` could not have known more.

    Parameters
    ----------
    cut_at, churned
        Cut dates and outcomes 0 or 1 of the rows with a known outcome, (n,).
    closed_days
        Days after a cut until its outcomes may be used.
    test_cuts
        At most this many of the newest testable cuts are tested.
    """
    cuts = [pd.Timestamp(cut) for cut in sorted(cut_at.unique())]
    folds, untested = [], {}
    for cut in cuts:
        train = np.flatnonzero((cut_at + pd.Timedelta(days=closed_days) <= cut).to_numpy())
        if not len(train):
            untested[cut_name(cut)] = "no earlier cut was closed by then"
        elif _scarcer(churned[train]) < LEAST_CHURNERS:
            untested[cut_name(cut)] = f"fewer than {LEAST_CHURNERS} churners or stayers to train on"
        else:
            test = np.flatnonzero((cut_at == cut).to_numpy())
            folds.append(Fold(name=cut_name(cut), train=train, test=test))
    for fold in folds[:-test_cuts]:
        untested[fold.name] = f"older than the newest {test_cuts} cuts asked for"
    return Plan(folds=tuple(folds[-test_cuts:]), in_time_order=True, untested=untested)


def customer_plan(
    customer_id: pd.Series, churned: NDArray[np.float64], *, folds: int, seed: int, untested: dict[str, str]
) -> Plan:
    """Folds of whole customers, stratified by whether they churned, in random order."""
    from sklearn.model_selection import StratifiedKFold

    codes, customers = pd.factorize(customer_id)
    ever = np.zeros(len(customers))
    np.maximum.at(ever, codes, churned)
    parts = StratifiedKFold(folds, shuffle=True, random_state=seed).split(ever, ever)
    fold_of = np.empty(len(customers), dtype=int)
    for number, (_, held) in enumerate(parts):
        fold_of[held] = number
    row_fold = fold_of[codes]
    return Plan(
        folds=tuple(
            Fold(
                name=ALL,
                train=np.flatnonzero(row_fold != number),
                test=np.flatnonzero(row_fold == number),
            )
            for number in range(folds)
        ),
        in_time_order=False,
        untested=untested,
    )


def _scarcer(churned: NDArray[np.float64]) -> int:
    return int(min(churned.sum(), len(churned) - churned.sum()))
