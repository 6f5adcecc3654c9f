"""The figures of a chain result as one tidy table, and the comparison of the rules as another."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.drivers.chain_rows import ChainAnswers
from cxlab.models.drivers.chain_rules import RULES, ChainFit, ahead_of_curves, leader
from cxlab.stats.regression import LinearFit

Array = NDArray[np.float64]
COLUMNS: Final = (
    "part",
    "term",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "verdict",
)
TAU: Final = "tau (1 / rating point)"
NO_CLAIM: Final = ""
NAN: Final = float("nan")
#: estimate, std_error, conf_low, conf_high, p_value
Figures = tuple[float, float, float, float, float]
NO_FIGURES: Final[Figures] = (NAN, NAN, NAN, NAN, NAN)
#: part, term, figures, verdict
Row = tuple[str, str, Figures, str]


def chain_table(
    fitted: ChainFit, answers: ChainAnswers, *, moments: tuple[str, ...], confidence: float
) -> pd.DataFrame:
    """Exponent, weights, linear comparison, prediction and paired gaps; one row each."""
    from scipy import stats

    identified = fitted.rule != NOT_IDENTIFIED
    quantile = float(stats.t.ppf(0.5 + confidence / 2, fitted.together.degrees_of_freedom))
    rows = [
        _exponent(fitted, identified=identified),
        *_weights(fitted, moments, quantile, identified=identified),
        *_linear(fitted, quantile, level=1 - confidence),
        *_prediction(fitted, quantile),
    ]
    table = pd.DataFrame([(*row[:2], *row[2], 0, row[3]) for row in rows], columns=pd.Index(COLUMNS))
    rated = dict(zip(moments, (~np.isnan(answers.ratings)).sum(axis=0), strict=True))
    table["n"] = [
        int(rated[term]) if part == "weights" else len(answers.outcome)
        for part, term in zip(table["part"], table["term"], strict=True)
    ]
    return table


def rule_gaps(fitted: ChainFit) -> pd.DataFrame:
    """One row per rule: explained, behind, behind_error, family."""
    comparison = fitted.comparison
    best = leader(comparison, fitted.families)
    return pd.DataFrame(
        {
            "rule": np.array(RULES, dtype=object),
            "explained": comparison.r_squared,
            "behind": comparison.gap[best],
            "behind_error": comparison.gap_error[best],
            "family": np.array(fitted.families, dtype=object),
        }
    )


def _exponent(fitted: ChainFit, *, identified: bool) -> Row:
    soft = fitted.soft
    if not identified:
        return ("exponent", TAU, NO_FIGURES, NOT_IDENTIFIED)
    # A curve of each single rating can pass for a tilt between moments: it must predict worse.
    ahead = ahead_of_curves(fitted.comparison) > 0
    verdict = REJECTED if soft.tau_high < 0 else SUPPORTED if soft.tau_low > 0 and ahead else UNDETERMINED
    figures = (soft.tau, soft.tau_error, soft.tau_low, soft.tau_high, soft.p_value)
    return ("exponent", TAU, figures, verdict)


def _weights(fitted: ChainFit, moments: tuple[str, ...], quantile: float, *, identified: bool) -> list[Row]:
    rows: list[Row] = []
    for name, weight, error in zip(moments, fitted.soft.weights, fitted.soft.weight_errors, strict=True):
        if not identified:
            rows.append(("weights", name, NO_FIGURES, NOT_IDENTIFIED))
            continue
        # On the logit, so that no limit leaves 0..1; a weight of nothing has no standard error.
        half = quantile * error / (weight * (1 - weight))
        odds = np.log(weight / (1 - weight)) + np.array([-half, half])
        low, high = 1 / (1 + np.exp(-odds))
        figures = (float(weight), float(error), float(low), float(high), NAN)
        rows.append(("weights", name, figures, NO_CLAIM))
    return rows


def _linear(fitted: ChainFit, quantile: float, *, level: float) -> list[Row]:
    from scipy import stats

    rows = [
        _slope(fitted.together, column, name, quantile, level)
        for column, name in enumerate(("mean", "worst", "last"), start=1)
    ]
    told = fitted.with_best.rank == len(fitted.with_best.coefficients)
    if told:
        rows.append(_slope(fitted.with_best, 4, "best (added)", quantile, level))
    else:
        rows.append(("linear", "best (added)", NO_FIGURES, NOT_IDENTIFIED))
    pair = slice(2, 4)
    slopes, covariance = fitted.together.coefficients[pair], fitted.together.covariance[pair, pair]
    wald = float(slopes @ np.linalg.pinv(covariance, hermitian=True) @ slopes) / 2
    p_value = float(stats.f.sf(wald, 2, fitted.together.degrees_of_freedom))
    verdict = SUPPORTED if p_value < level else UNDETERMINED
    rows.append(("linear", "worst and last: F test", (NAN, NAN, NAN, NAN, p_value), verdict))
    return rows


def _slope(fit: LinearFit, column: int, name: str, quantile: float, level: float) -> Row:
    from scipy import stats

    slope, error = float(fit.coefficients[column]), float(np.sqrt(fit.covariance[column, column]))
    p_value = float(2 * stats.t.sf(abs(slope) / error, fit.degrees_of_freedom))
    verdict = SUPPORTED if p_value < level else UNDETERMINED
    figures = (slope, error, slope - quantile * error, slope + quantile * error, p_value)
    return ("linear", name, figures, verdict)


def _prediction(fitted: ChainFit, quantile: float) -> list[Row]:
    comparison = fitted.comparison
    best = leader(comparison, fitted.families)
    explained: list[Row] = []
    behind: list[Row] = []
    for index, rule in enumerate(RULES):
        share, error = float(comparison.r_squared[index]), float(comparison.r_squared_error[index])
        around = (share, error, share - quantile * error, share + quantile * error, NAN)
        explained.append(("prediction", rule, around, NO_CLAIM))
        if index != best:
            gap, error = float(comparison.gap[best, index]), float(comparison.gap_error[best, index])
            # The best was picked after seeing the gaps: a p-value would be too small.
            around = (gap, error, gap - quantile * error, gap + quantile * error, NAN)
            behind.append(("behind best", rule, around, SUPPORTED if around[2] > 0 else UNDETERMINED))
    return [*explained, *behind]
