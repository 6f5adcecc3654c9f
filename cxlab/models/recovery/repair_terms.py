"""From a fitted stock regression to the rows of the repair table, with verdicts."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.recovery.repair_evidence import (
    FADES_FAST,
    NEVER,
    NO_FADING,
    Evidence,
    Floats,
    positives_until_back,
    withheld,
)
from cxlab.models.recovery.repair_pivot import ratio_pivot
from cxlab.models.recovery.repair_rows import KINDS
from cxlab.stats.fieller import fieller_set

#: "Supported" means: the whole interval within claim x 0.8 .. claim x 1.25.
EQUIVALENCE = (0.8, 1.25)
COLUMNS = (
    "term",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "n_experiences",
    "unit",
    "verdict",
    "meaning",
)


def repair_table(evidence: Evidence) -> pd.DataFrame:
    """All rows of the result, in the order of the columns :data:`COLUMNS`."""
    bad = KINDS[1:]
    rows = [
        *(_ratio_row(evidence, kind) for kind in bad),
        *(_until_back_row(evidence, kind) for kind in bad),
        *_fading_rows(evidence),
        *(_effect_row(evidence, kind) for kind in KINDS),
    ]
    return pd.DataFrame(rows, columns=pd.Index(COLUMNS))


def claim_verdict(p_value: float, low: float, high: float, *, claim: float, confidence: float) -> str:
    """Rejected if the test says so, supported only if the whole interval is near the claim."""
    if p_value < 1.0 - confidence:
        return REJECTED
    near = claim * EQUIVALENCE[0] <= low and high <= claim * EQUIVALENCE[1]
    return SUPPORTED if near else UNDETERMINED


def _row(
    evidence: Evidence, term: str, kind: str, unit: str, verdict: str, meaning: str
) -> dict[str, object]:
    empty = dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high", "p_value"), np.nan)
    return {
        "term": term,
        **empty,
        "n": evidence.n_customers,
        "n_experiences": sum(evidence.n_seen.values()) if not kind else evidence.n_seen[kind],
        "unit": unit,
        "verdict": verdict,
        "meaning": meaning,
    }


def _ratio_row(evidence: Evidence, kind: str) -> dict[str, object]:
    state = kind.removeprefix("negative_")
    label = f"exchange ratio, positives that weigh as much as one {state} negative of the same age"
    row = _row(evidence, f"ratio_{state}", kind, "positives per negative", "", label)
    reason = withheld(evidence, kind)
    if reason:
        row["verdict"], row["meaning"] = reason[0], f"{label}: {reason[1]}"
        return row
    p, k = evidence.kinds.index("positive"), evidence.kinds.index(kind)
    good, bad = evidence.fit.coefficients[p], evidence.fit.coefficients[k]
    ratio = bad / good
    pivot = ratio_pivot(evidence, kind)
    v, critical = pivot.covariance, pivot.critical
    found = fieller_set(
        bad, good, variance_numerator=v[k, k], variance_denominator=v[p, p], covariance=v[k, p],
        critical=critical,
    )  # fmt: skip
    if not found.bounded:
        row["verdict"], row["meaning"] = NOT_IDENTIFIED, f"{label}: {NEVER}"
        return row
    p_value = pivot.claim_p_value
    row["estimate"], row["conf_low"], row["conf_high"] = ratio, found.low, found.high
    row["std_error"] = float(np.sqrt(v[k, k] - 2.0 * ratio * v[k, p] + ratio**2 * v[p, p]) / good)
    row["p_value"] = p_value
    row["verdict"] = claim_verdict(
        p_value, found.low, found.high, claim=evidence.claim_ratio, confidence=evidence.confidence
    )
    return row


def _until_back_row(evidence: Evidence, kind: str) -> dict[str, object]:
    state = kind.removeprefix("negative_")
    unit = f"positives in a row, one every {evidence.contact_days:g} days"
    label = f"way back, positives in a row until the level before one {state} negative, fading included"
    row = _row(evidence, f"positives_until_back_{state}", kind, unit, "", label)
    reason = withheld(evidence, kind)
    if reason:
        row["verdict"], row["meaning"] = reason[0], f"{label}: {reason[1]}"
        return row
    p, k = evidence.kinds.index("positive"), evidence.kinds.index(kind)
    good, bad, memory = (evidence.draws[:, column] for column in (p, k, -1))
    ratio = np.divide(bad, good, out=np.full(len(good), np.inf), where=good > 0)
    count = positives_until_back(ratio, np.exp(memory), every_days=evidence.contact_days)
    tail = (1.0 - evidence.confidence) / 2.0
    fit = evidence.fit
    at = np.array([fit.coefficients[p], fit.coefficients[k], np.log(fit.half_life)])
    row["estimate"] = _count_at(at, evidence.contact_days)
    picked = [p, k, len(fit.coefficients)]
    slope = _gradient(at, evidence.contact_days)
    row["std_error"] = float(np.sqrt(slope @ fit.covariance[np.ix_(picked, picked)] @ slope))
    row["conf_low"], row["conf_high"] = _quantiles(count, tail)
    if fit.bound == "longest":
        row["meaning"] = f"{label} ({NO_FADING})"
    return row


def _count_at(at: Floats, every_days: float) -> float:
    return float(positives_until_back(at[1:2] / at[0], np.exp(at[2:]), every_days=every_days)[0])


def _gradient(at: Floats, every_days: float) -> Floats:
    steps = 1e-5 * np.maximum(np.abs(at), 1e-3)
    moved = [
        (_count_at(at + shift, every_days) - _count_at(at - shift, every_days)) / (2.0 * step)
        for step, shift in zip(steps, np.diag(steps), strict=True)
    ]
    return np.array(moved)


def _quantiles(values: Floats, tail: float) -> tuple[float, float]:
    """Order statistics, because infinite draws ("never") cannot be interpolated."""
    low, high = np.quantile(values, [tail, 1.0 - tail], method="inverted_cdf")
    return float(low), float(high)


def _fading_rows(evidence: Evidence) -> list[dict[str, object]]:
    label = "memory, days in which the effect of any experience halves"
    quarter = "patience, days until only a quarter of the effect of an experience is left, nobody acting"
    rows = [
        _row(evidence, "half_life_days", "", "days", "", label),
        _row(evidence, "days_until_quarter", "", "days", "", quarter),
    ]
    fit = evidence.fit
    if not _any_effect(evidence):
        for row in rows:
            row["verdict"] = NOT_IDENTIFIED
            row["meaning"] = f"{row['meaning']}: no experience shows an effect that could fade"
        return rows
    if fit.bound != "inside":
        words = NO_FADING if fit.bound == "longest" else FADES_FAST
        low, high = profile_limits(evidence)
        for row, factor in zip(rows, (1.0, 2.0), strict=True):
            row["verdict"], row["meaning"] = UNDETERMINED, f"{row['meaning']}: {words}"
            row["conf_low"], row["conf_high"] = factor * low, factor * high
        return rows
    error = float(fit.std_errors[-1])
    size = fit.regression.bread.shape[0]
    degrees = fit.regression.degrees_of_freedom(np.eye(size)[-1])
    reach = np.exp(min(evidence.critical(degrees) * error, 700.0))
    for row, factor in zip(rows, (1.0, 2.0), strict=True):
        row["estimate"] = factor * fit.half_life
        row["std_error"] = factor * fit.half_life * error
        row["conf_low"], row["conf_high"] = factor * fit.half_life / reach, factor * fit.half_life * reach
    return rows


def profile_limits(evidence: Evidence) -> tuple[float, float]:
    """One-sided limit of a half-life at the bound of the search, from the profile of sums of squares."""
    from scipy.stats import chi2

    fit = evidence.fit
    half_life, squares = fit.profile[:, 0], fit.profile[:, 1]
    degrees = len(fit.regression.residuals) - evidence.n_customers - len(fit.coefficients) - 1
    noise = float(np.min(squares)) / max(degrees, 1)
    # One-sided at this confidence: the parameter sits at the end of its range.
    kept = squares - np.min(squares) <= noise * chi2.ppf(2.0 * evidence.confidence - 1.0, 1)
    if fit.bound == "longest":
        inside = np.flatnonzero(~kept)
        return float(half_life[inside[-1]]) if len(inside) else 0.0, np.inf
    outside = np.flatnonzero(~kept)
    return 0.0, float(half_life[outside[0]]) if len(outside) else np.inf


def _any_effect(evidence: Evidence) -> bool:
    """Whether the effects together differ from zero at one per cent."""
    from scipy.stats import chi2

    size = len(evidence.kinds)
    effect, v = evidence.fit.coefficients[:size], evidence.fit.covariance[:size, :size]
    return bool(chi2.sf(float(effect @ np.linalg.solve(v, effect)), size) < 0.01)


def _effect_row(evidence: Evidence, kind: str) -> dict[str, object]:
    good = kind == "positive"
    verb = "lifts" if good else "lowers"
    what = kind.replace("_", ", ")
    label = f"points of {evidence.outcome} by which a fresh {what} experience {verb} the level"
    row = _row(evidence, f"effect_{kind}", kind, f"points of {evidence.outcome}", "", label)
    if not evidence.enough(kind):
        row["verdict"] = TOO_FEW
        return row
    from scipy.stats import t

    value, error, degrees = evidence.fit.contrast(evidence.weights(**{kind: 1.0}))
    reach = evidence.critical(degrees) * error
    row["estimate"], row["std_error"] = value, error
    row["conf_low"], row["conf_high"] = value - reach, value + reach
    row["p_value"] = float(2.0 * t.sf(abs(value / error), degrees))
    row["verdict"] = SUPPORTED if value > reach else REJECTED if value < -reach else UNDETERMINED
    return row
