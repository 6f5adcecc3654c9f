"""Tables of an importance analysis: terms, pairwise differences, all measures, dominance and noise."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import NOT_IDENTIFIED, SUPPORTED, UNDETERMINED
from cxlab.models.drivers.importance_fit import ImportanceFit, term_shares, without_probe
from cxlab.models.drivers.importance_terms import Terms
from cxlab.models.drivers.resampling import Resampling
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.coalitions import complete_dominance, conditioned, owen
from cxlab.stats.importance import dominance
from cxlab.stats.importance_measures import importance_measures
from cxlab.stats.multiplicity import holm

Array = NDArray[np.float64]

# Replicates in which all submodels are compared: the share of them is read to a few percent only.
_DOMINANCE_REPLICATES = 100


def estimates_table(
    fitted: ImportanceFit, terms: Terms, *, plan: Resampling, n: int, confidence: float
) -> pd.DataFrame:
    """One row per term, in the order of the terms; columns as :class:`ImportanceResult` names them."""
    degrees = plan.degrees_of_freedom
    draws = fitted.replicates
    low, high = percentile_interval(draws, confidence=confidence, degrees_of_freedom=degrees)
    total, totals = fitted.shares.sum(), draws.sum(axis=1, keepdims=True)
    share = 100.0 * fitted.shares / total if total > 0.0 else np.full(len(terms.names), np.nan)
    percent = 100.0 * draws / np.where(totals > 0.0, totals, 1.0)
    share_low, share_high = percentile_interval(percent, confidence=confidence, degrees_of_freedom=degrees)
    adjusted = holm(fitted.term_p_value)
    verdict = np.where(adjusted < 1.0 - confidence, SUPPORTED, UNDETERMINED)
    verdict = np.where(np.isnan(adjusted), NOT_IDENTIFIED, verdict)
    single = [columns[0] if len(columns) == 1 else -1 for columns in terms.columns]
    columns = {
        "term": np.array(terms.names, dtype=object),
        "estimate": fitted.shares,
        "std_error": draws.std(axis=0, ddof=1),
        "conf_low": low,
        "conf_high": high,
        "share_percent": share,
        "share_low_percent": share_low,
        "share_high_percent": share_high,
        "johnson": fitted.johnson,
        "beta": [fitted.beta[at] if at >= 0 else np.nan for at in single],
        "beta_std_error": [fitted.beta_std_error[at] if at >= 0 else np.nan for at in single],
        "p_value": fitted.term_p_value,
        "p_value_holm": adjusted,
        "leads_share": (draws >= draws.max(axis=1, keepdims=True)).mean(axis=0),
        "verdict": verdict,
    }
    table = pd.DataFrame(columns)
    table.insert(13, "rank", table["estimate"].round(12).rank(ascending=False, method="min").astype(int))
    table.insert(15, "n", n)
    return table


def total_interval(fitted: ImportanceFit, plan: Resampling, *, confidence: float) -> tuple[float, float]:
    """Interval of the explained variance."""
    low, high = percentile_interval(
        fitted.replicates.sum(axis=1, keepdims=True),
        confidence=confidence,
        degrees_of_freedom=plan.degrees_of_freedom,
    )
    return float(low[0]), float(high[0])


def differences_table(
    names: list[str], shares: Array, replicates: Array, *, degrees: int, n: int, confidence: float
) -> pd.DataFrame:
    """Share of one term minus share of another, for all pairs, the larger first."""
    from scipy.special import stdtr

    pairs = [(a, b) if shares[a] >= shares[b] else (b, a) for a, b in combinations(range(len(names)), 2)]
    first, second = (np.array([pair[side] for pair in pairs], dtype=np.int64) for side in (0, 1))
    draws = replicates[:, first] - replicates[:, second]
    estimate = shares[first] - shares[second]
    low, high = _limits(draws, degrees=degrees, confidence=confidence)
    error = draws.std(axis=0, ddof=1) if len(pairs) else np.zeros(0)
    known = error > 1e-12
    ratio = np.where(known, estimate / np.where(known, error, 1.0), np.nan)
    p_value = 2.0 * stdtr(degrees, -np.abs(ratio))
    adjusted = holm(p_value)
    verdict = np.where(adjusted < 1.0 - confidence, SUPPORTED, UNDETERMINED)
    return pd.DataFrame(
        {
            "term": np.array(names, dtype=object)[first],
            "versus": np.array(names, dtype=object)[second],
            "estimate": estimate,
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "p_value": p_value,
            "p_value_holm": adjusted,
            "larger_share": (draws > 0.0).mean(axis=0) if len(pairs) else np.zeros(0),
            "n": n,
            "verdict": np.where(np.isnan(adjusted), NOT_IDENTIFIED, verdict),
        }
    )


def measures_table(
    fitted: ImportanceFit, terms: Terms, drivers: tuple[str, ...], *, degrees: int, confidence: float
) -> pd.DataFrame:
    """Every measure of every driver that competes, with its interval and rank."""
    names, points, draws = _competing(fitted, terms, drivers)
    parts = []
    for measure, point in points.items():
        low, high = _limits(draws[measure], degrees=degrees, confidence=confidence)
        part = pd.DataFrame({"measure": measure, "term": np.array(names, dtype=object)})
        part["estimate"] = point
        part["std_error"] = draws[measure].std(axis=0, ddof=1)
        part["conf_low"], part["conf_high"] = low, high
        part["rank"] = part["estimate"].round(12).rank(ascending=False, method="min").astype(int)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _competing(
    fitted: ImportanceFit, terms: Terms, drivers: tuple[str, ...]
) -> tuple[list[str], dict[str, Array], dict[str, Array]]:
    stack = np.concatenate([fitted.correlation[None], without_probe(fitted.resampled)])
    partial, left = conditioned(stack, always=terms.always, assume_valid=True)
    others = [at for at in range(len(drivers)) if at not in terms.always]
    found = importance_measures(partial, assume_valid=True)
    if terms.grouped:
        groups = [[others.index(column) for column in columns] for columns in terms.columns]
        members = owen(partial, groups=groups, assume_valid=True)[1]
        back = np.argsort([column for group in groups for column in group])
        found = {"owen": members[:, back], **found}
    scaled = {name: values * left[:, None] for name, values in found.items()}
    names = [drivers[at] for at in others]
    first = {name: values[0] for name, values in scaled.items()}
    return names, first, {name: values[1:] for name, values in scaled.items()}


def dominance_table(fitted: ImportanceFit, terms: Terms, drivers: tuple[str, ...]) -> pd.DataFrame:
    """Which driver dominates which, how, and in how many replicates; the larger share first."""
    stack = np.concatenate([fitted.correlation[None], without_probe(fitted.resampled)])
    stack = stack[: _DOMINANCE_REPLICATES + 1]
    partial, left = conditioned(stack, always=terms.always, assume_valid=True)
    others = [drivers[at] for at in range(len(drivers)) if at not in terms.always]
    by_size = dominance(partial, assume_valid=True) * left[:, None, None]
    complete = complete_dominance(partial, assume_valid=True)
    shares = by_size.mean(axis=2)
    rows = []
    for a, b in combinations(range(len(others)), 2):
        i, j = (a, b) if shares[0, a] >= shares[0, b] else (b, a)
        conditional = np.asarray((by_size[:, i] - by_size[:, j] > 1e-12).all(axis=1))
        whole = np.asarray(complete[:, i, j] == 1.0)
        level = "complete" if whole[0] else "conditional" if conditional[0] else "general"
        if abs(shares[0, i] - shares[0, j]) <= 1e-12:
            level = "none"
        rows.append(
            {
                "term": others[i],
                "versus": others[j],
                "estimate": float(complete[0, i, j]),
                "level": level,
                "general_share": float((shares[1:, i] > shares[1:, j]).mean()),
                "conditional_share": float(conditional[1:].mean()),
                "complete_share": float(whole[1:].mean()),
            }
        )
    columns = ["term", "versus", "estimate", "level", "general_share", "conditional_share"]
    return pd.DataFrame(rows, columns=[*columns, "complete_share"])


def by_size_table(fitted: ImportanceFit, terms: Terms, drivers: tuple[str, ...]) -> pd.DataFrame:
    """Conditional dominance: average gain of each driver by the number of others already in the model."""
    partial, left = conditioned(fitted.correlation, always=terms.always, assume_valid=True)
    others = [drivers[at] for at in range(len(drivers)) if at not in terms.always]
    table = dominance(partial, assume_valid=True) * left
    return pd.DataFrame(
        {
            "term": np.repeat(np.array(others, dtype=object), len(others)),
            "others_in_model": np.tile(np.arange(len(others)), len(others)),
            "estimate": table.reshape(-1),
        }
    )


def noise_table(
    fitted: ImportanceFit,
    terms: Terms,
    *,
    degrees: int,
    confidence: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Share of each term minus that of a column of pure noise in the same model."""
    p = len(fitted.beta)
    probed = Terms(
        names=(*terms.names, "noise"),
        columns=(*terms.columns, (p,)),
        always=terms.always,
        grouped=terms.grouped,
    )
    stack = np.concatenate([fitted.probed[None], fitted.resampled])
    shares, _ = term_shares(stack, probed, orders=200, rng=rng, checked=True)
    lead = shares[:, :-1] - shares[:, [-1]]
    low, high = _limits(lead[1:], degrees=degrees, confidence=confidence)
    above = low > 0.0
    return pd.DataFrame(
        {
            "term": np.array(terms.names, dtype=object),
            "estimate": lead[0],
            "std_error": lead[1:].std(axis=0, ddof=1),
            "conf_low": low,
            "conf_high": high,
            "noise_share": shares[0, -1],
            "above_noise_share": (lead[1:] > 0.0).mean(axis=0),
            "p_value": fitted.term_p_value,
            "label": np.where(above, "above noise", "not distinguishable from noise"),
            "verdict": np.where(above, SUPPORTED, UNDETERMINED),
        }
    )


def _limits(draws: Array, *, degrees: int, confidence: float) -> tuple[Array, Array]:
    if not draws.shape[1]:
        return np.zeros(0), np.zeros(0)
    return percentile_interval(draws, confidence=confidence, degrees_of_freedom=degrees)
