"""The gate of a decision: whether the probabilities may be multiplied with money."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd

from cxlab.core.result import Check, checks_table
from cxlab.models.churn.decision_measures import Judged
from cxlab.models.churn.diagnostics import LEVEL_RANGE, SLOPE_RANGE

#: Realised over promised profit: what the interval must not rule out.
KEPT_RANGE: Final = (0.8, 1.25)
#: Checks that must pass before a list is written: EMP, AUC and lift see ranks only and cannot tell.
GATE: Final = ("calibration slope", "predicted to observed churn", "promise kept")


def decision_checks(judged: Judged, *, minimum_churners: int) -> pd.DataFrame:
    """All checks, the gate first."""
    measures = judged.measures
    return checks_table(
        [
            _inside(
                GATE[0],
                measures["calibration_slope"][0],
                SLOPE_RANGE,
                "below: probabilities too extreme, so too many contacts at high p and too few at "
                "low; above: "
                "too timid",
            ),
            _inside(
                GATE[1],
                measures["predicted_to_observed"][0],
                LEVEL_RANGE,
                "above: class weights or resampling while training, or churn fell; every contact is "
                "overrated",
            ),
            _promise(judged),
            _positive(
                "earns more than contacting nobody",
                measures["profit_per_customer"],
                "otherwise nothing shows that contacting anyone pays at these costs",
            ),
            _positive(
                "ranks better than the average",
                measures["emp_gain"],
                "otherwise the ranking adds nothing to contacting everybody or nobody",
            ),
            Check(
                check="leavers judged",
                value=judged.n_left,
                threshold=f">= {minimum_churners}",
                passed=judged.n_left >= minimum_churners,
                meaning="fewer: the gate can hardly tell good probabilities from bad ones",
            ),
            Check(
                check="leavers among those contacted",
                value=judged.n_contacted_left,
                threshold=">= 30",
                passed=judged.n_contacted_left >= 30,
                meaning=f"of {judged.n_contacted:,} past customers whom the rule contacts; fewer: "
                f"the profit "
                "rests on a handful of customers",
            ),
        ]
    )


def _inside(name: str, value: float, allowed: tuple[float, float], meaning: str) -> Check:
    return Check(
        check=name,
        value=round(value, 6),
        threshold=f"{allowed[0]:g} to {allowed[1]:g}",
        passed=bool(np.isfinite(value) and allowed[0] <= value <= allowed[1]),
        meaning=meaning,
    )


def _promise(judged: Judged) -> Check:
    """Realised over promised profit; picking the highest promises picks their luck too."""
    estimate, _, low, high = judged.measures["realised_minus_promised"]
    promised = judged.measures["promised_per_customer"][0]
    least, most = ((share - 1.0) * promised for share in KEPT_RANGE)
    known = bool(promised > 0.0 and np.isfinite([low, high]).all())
    return Check(
        check=GATE[2],
        value=round(float((promised + estimate) / promised), 6) if promised > 0.0 else np.nan,
        threshold=f"limits reach into {KEPT_RANGE[0]:g} to {KEPT_RANGE[1]:g}",
        passed=known and high >= least and low <= most,
        meaning="realised over promised profit of the past customers that the rule contacts, at the "
        "assumed "
        "save share; outside: the probabilities are wrong where the money is",
    )


def _positive(name: str, line: tuple[float, float, float, float], meaning: str) -> Check:
    return Check(
        check=name,
        value=round(line[2], 6),
        threshold="lower limit > 0",
        passed=bool(line[2] > 0.0),
        meaning=meaning,
    )
