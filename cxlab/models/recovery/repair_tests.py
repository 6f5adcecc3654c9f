"""Tests of the fading curve: do further columns explain what it leaves?"""

from __future__ import annotations

import numpy as np

from cxlab.core.result import Check
from cxlab.models.recovery.repair_evidence import Evidence, Floats
from cxlab.stats.fixed_effects import clustered_least_squares
from cxlab.stats.stock_regression import StockProblem

#: A specification test speaks up below this p-value.
DOUBT = 0.01


def added_columns_test(
    evidence: Evidence, problem: StockProblem, columns: Floats, contrast: Floats
) -> float | None:
    """p-value of ``contrast @ coefficients of the added columns = 0``, or None if collinear."""
    from scipy.stats import chi2

    joint = np.column_stack([evidence.fit.design, columns])
    try:
        fitted = clustered_least_squares(joint, problem.outcome, absorption=problem.absorption)
        covariance = fitted.jackknife()
    except np.linalg.LinAlgError:
        return None
    first = joint.shape[1] - contrast.shape[1]
    value = contrast @ fitted.coefficients[first:]
    spread = contrast @ covariance[first:, first:] @ contrast.T
    return float(chi2.sf(float(value @ np.linalg.solve(spread, value)), len(contrast)))


def tested_check(name: str, p_value: float | None, meaning: str, *, unless: str) -> Check:
    """A check that passes at or above :data:`DOUBT`, and fails where the test could not be made."""
    if p_value is None:
        return Check(check=name, value=unless, threshold=f"p >= {DOUBT:g}", passed=False, meaning=meaning)
    return Check(
        check=name,
        value=round(p_value, 4),
        threshold=f"p >= {DOUBT:g}",
        passed=p_value >= DOUBT,
        meaning=meaning,
    )


def half_life_pull(evidence: Evidence) -> Floats:
    """The column by which a change of ln half-life would move the fit; none at a bound of the search."""
    slopes = evidence.fit.slopes
    if evidence.fit.bound != "inside":
        return np.zeros((len(slopes), 0))
    return np.asarray(slopes @ evidence.fit.coefficients[: len(evidence.kinds)])[:, None]
