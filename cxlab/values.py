"""What each customer of a panel would still be worth, from what was known at its cut-off."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.settings import require_at_least

if TYPE_CHECKING:
    from cxlab.ingest.tables import Tables
    from cxlab.models.churn.lifetime_value import LifetimeValueResult

DECLARED: Final = "declared amount"
QUESTION: Final = "What customers are still worth"
PAYMENT: Final = "contract_value_per_year"
#: Feature of a panel -> column of spells that a lifetime may depend on.
_FEATURES: Final = {"contract_segment": "segment", "contract_plan": "contract_plan", PAYMENT: PAYMENT}
_TENURE: Final = "contract_tenure_days"
_CUT: Final = "cut_at"
_DAYS_PER_YEAR: Final = 365.25
#: Only values are wanted here, so the hazard draws the fewest replicates it allows.
_REPLICATES: Final = 20


def lifetime_values(
    tables: Tables,
    panel: pd.DataFrame,
    *,
    period_days: int = 30,
    life_periods: int = 36,
    discount_per_year: float = 0.1,
    otherwise: float | None = None,
) -> pd.DataFrame:
    """``panel`` with what each customer would still pay, ``lifetime_value``, and ``value_basis``.

    For each cut-off a :class:`cxlab.LifetimeValueModel` is fitted to lives as they had been observed by
    that day (:func:`cxlab.spells` with ``observed_until``), so no later leaver tells an earlier value. A
    row's value is its yearly payment times its expected remaining life, given its age, discounted.

    Parameters
    ----------
    tables
        What the panel was made from.
    panel
        :func:`cxlab.snapshots` with cut_at, contract_tenure_days and contract_value_per_year, or the
        tables of :func:`cxlab.decision_tables`.
    period_days, life_periods
        Length of a period, and periods that count: 36 of 30 days are three years.
    discount_per_year
        How much less a payment a year later counts.
    otherwise
        Amount for customers whose payment is not known; None leaves them missing.

    Raises
    ------
    NotAnswerableError
        Without dates, payments or leavers enough at a cut-off: then ``declared_values`` is left.

    Notes
    -----
    The error of the lifetime is not in the limits of a decision; margin is the decision's ``margin_share``.
    """
    require_at_least("lifetime_values", "discount_per_year", discount_per_year, 0.0)
    if otherwise is not None and not (np.isfinite(otherwise) and otherwise >= 0.0):
        raise ParameterError(
            f"lifetime_values: otherwise={otherwise!r} is no amount. Next step: an amount from 0 on."
        )
    basis = f"lifetime value, {life_periods} x {period_days} days, {discount_per_year:.0%} a year"
    _require(panel)
    parts = [
        _fit_at(tables, cut, period_days, life_periods, discount_per_year).predict(
            _as_spells(part, period_days)
        )
        for cut, part in panel.groupby(_CUT, sort=True)
    ]
    value = pd.concat(parts).reindex(panel.index)
    known = value.notna()
    if otherwise is not None:
        value = value.fillna(otherwise)
    named = np.where(known, basis, DECLARED if otherwise is not None else "not known")
    return panel.assign(lifetime_value=value, value_basis=named)


def declared_values(panel: pd.DataFrame, amount: float) -> pd.DataFrame:
    """``panel`` with one declared amount for everybody."""
    return panel.assign(lifetime_value=float(amount), value_basis=DECLARED)


def _require(panel: pd.DataFrame) -> None:
    absent = [name for name in (_CUT, _TENURE, PAYMENT) if name not in panel or panel[name].isna().all()]
    if absent:
        raise NotAnswerableError(
            QUESTION,
            reason=f"The panel has no {', '.join(absent)}.",
            next_step="map value_per_year of [contracts], name a column of your own, or declare an amount.",
        )


def _fit_at(
    tables: Tables, cut: object, period_days: int, life_periods: int, discount_per_year: float
) -> LifetimeValueResult:
    """The lifetime model as it could be fitted on the day of the cut-off."""
    from cxlab.linking.spells import spells
    from cxlab.models.churn.hazard import HazardModel
    from cxlab.models.churn.lifetime_value import LifetimeValueModel

    lives = spells(tables, period_days=period_days, observed_until=str(cut)).table()
    varying = [name for name in _FEATURES.values() if name in lives and lives[name].nunique() > 1]
    hazard = HazardModel(
        features=tuple(varying),
        life_periods=life_periods,
        period=f"{period_days} days",
        replicates=_REPLICATES,
        folds=0,
    )
    return LifetimeValueModel(
        hazard=hazard,
        value_column=PAYMENT,
        discount_per_year=discount_per_year,
        periods_per_year=_DAYS_PER_YEAR / period_days,
    ).fit(lives)


def _as_spells(part: pd.DataFrame, period_days: int) -> pd.DataFrame:
    """Rows of a panel with the age and the features under the names they have among spells."""
    held = {there: part[here] for here, there in _FEATURES.items() if here in part}
    age = np.floor(part[_TENURE].to_numpy(dtype=float) / period_days).astype(np.int64)
    return pd.DataFrame(held, index=part.index).assign(time_periods=age)
