"""The checks of a churn forecast: what would make its numbers untrustworthy, each with a threshold."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.core.result import Check, checks_table
from cxlab.models.churn.features import ColumnFault
from cxlab.models.churn.folds import ALL, Plan
from cxlab.models.churn.outcomes import KnownOutcomes
from cxlab.models.churn.validation import UNSEEN

SLOPE_RANGE = (0.9, 1.1)
LEVEL_RANGE = (0.9, 1.1)
MOST_UNKNOWN = 0.05


def churn_checks(
    estimates: pd.DataFrame,
    plan: Plan,
    leaks: pd.DataFrame,
    faults: Sequence[ColumnFault],
    known: KnownOutcomes,
    *,
    minimum_churners: int,
) -> pd.DataFrame:
    """All checks, in the order in which a reader should mind them."""
    pooled = estimates[estimates["segment"] == ALL]
    lines = {str(line["term"]): line for _, line in pooled.iterrows()}
    return checks_table(
        [
            time_order_check(plan),
            _leaks(leaks),
            churners_check(int(pooled["n_churned"].iloc[0]), minimum_churners),
            _beats_prior(lines["log_loss_gain"]),
            _inside(
                "calibration slope",
                lines["calibration_slope"],
                SLOPE_RANGE,
                "below: forecasts too extreme; above: too timid; do not multiply them with money",
            ),
            _inside(
                "predicted to observed churn, worst cut",
                _worst_level(estimates),
                LEVEL_RANGE,
                "outside: the level of churn moved after the training cuts (or the cut is small); "
                "ranks may hold, levels do not",
            ),
            unknown_check(known),
            _columns(faults),
        ]
    )


def time_order_check(plan: Plan) -> Check:
    left_out = "; ".join(f"{cut}: {reason}" for cut, reason in plan.untested.items())
    if plan.in_time_order:
        tested = ", ".join(fold.name for fold in plan.folds)
        return Check(
            check="time order",
            value=f"tested {tested}" + (f" (not tested: {left_out})" if left_out else ""),
            threshold="training outcomes closed at each tested cut",
            passed=True,
            meaning="each tested cut was scored with what could be known then",
        )
    return Check(
        check="time order",
        value=f"no cut could be tested ({left_out})" if left_out else "no cut dates",
        threshold="training outcomes closed at each tested cut",
        passed=False,
        meaning="customers were held out, not later periods: no lifetime and no value may be claimed, "
        "and in use the forecast will do worse by an unknown amount",
    )


def _leaks(leaks: pd.DataFrame) -> Check:
    names = list(dict.fromkeys(leaks["feature"]))
    return Check(
        check="leak screen",
        value=", ".join(names) or "none",
        threshold="no feature with AUC > 0.90 alone or pure levels",
        passed=not names,
        meaning="such a feature was probably written after the outcome: see leaks(), take it out, refit"
        if names
        else "no single feature gives the outcome away; slow leaks can still hide",
    )


def churners_check(events: int, least: int) -> Check:
    return Check(
        check="churners held out",
        value=events,
        threshold=f">= {least}",
        passed=events >= least,
        meaning="fewer churners: wide intervals, and the normal limits become rough",
    )


def _beats_prior(gain: pd.Series) -> Check:
    low = float(gain["conf_low"])
    return Check(
        check="beats the average",
        value=round(low, 6),
        threshold="lower limit of log_loss_gain > 0",
        passed=bool(low > 0.0),
        meaning="otherwise the churn share of the past predicts as well: do not use the ranking",
    )


def _inside(name: str, line: pd.Series, allowed: tuple[float, float], meaning: str) -> Check:
    value = float(line["estimate"])
    return Check(
        check=name,
        value=round(value, 6),
        threshold=f"{allowed[0]:g} to {allowed[1]:g}",
        passed=bool(np.isfinite(value) and allowed[0] <= value <= allowed[1]),
        meaning=meaning,
    )


def _worst_level(estimates: pd.DataFrame) -> pd.Series:
    """The tested cut whose predicted level is furthest off: too high and too low would cancel pooled."""
    levels = estimates[(estimates["term"] == "predicted_to_observed") & (estimates["segment"] != UNSEEN)]
    known = levels[levels["estimate"] > 0.0]
    off = np.log(known["estimate"]).abs()
    return levels.iloc[0] if known.empty else known.loc[off.idxmax()]


def unknown_check(known: KnownOutcomes) -> Check:
    return Check(
        check="outcomes known at used cuts",
        value=round(1.0 - known.unknown_share, 6),
        threshold=f">= {1.0 - MOST_UNKNOWN:g}",
        passed=known.unknown_share <= MOST_UNKNOWN,
        meaning="where churners are known sooner than stayers, missing outcomes raise the churn share"
        + (f"; set aside as still open: {', '.join(known.open_cuts)}" if known.open_cuts else ""),
    )


def _columns(faults: Sequence[ColumnFault]) -> Check:
    return Check(
        check="features that carry information",
        value="; ".join(f"{fault.feature}: {fault.reason}" for fault in faults) or "all",
        threshold="none empty, none an id",
        passed=all(fault.harmless for fault in faults),
        meaning="a named column adds nothing; an empty one or an id was probably loaded wrongly",
    )
