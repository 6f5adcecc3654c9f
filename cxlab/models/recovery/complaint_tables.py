"""The tables of a complaint result: contrasts behind their gate, overlap, balance, sensitivity, bounds."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.recovery.case_rows import CaseFeatures, Codes
from cxlab.stats.doubly_robust import (
    CrossFit,
    Effect,
    Overlap,
    arm_contrast,
    arm_mean,
    overlap_contrast,
)
from cxlab.stats.multiplicity import holm
from cxlab.stats.response import kish_sample_size
from cxlab.stats.sensitivity import Benchmark, e_value, ratio_of_difference, sensitivity_of

ARMS = ("unresolved", "slow", "fast")
CONTRASTS = ((2, 0), (2, 1), (1, 0))
EVERYBODY, SHARED = "all complaints", "where arms overlap"
#: The gate: effective rows of an arm, imbalance that may stay, share of rows with a rare chance.
LEAST_EFFECTIVE = 100.0
MOST_IMBALANCE = 0.1
MOST_RARE = 0.05


@dataclass(frozen=True, kw_only=True)
class Gate:
    """Whether the arms can stand for one another, and if not, why; for everybody and for the overlap."""

    reason: str
    reason_shared: str
    imbalance: float


@dataclass(frozen=True, eq=False, kw_only=True)
class OutcomeFit:
    """One outcome: its predictions, overlap and gate, and the measured causes tried out."""

    name: str
    binary: bool
    fit: CrossFit
    overlap: Overlap
    gate: Gate
    clusters: Codes | None
    features: CaseFeatures
    benchmarks: dict[str, Benchmark] = field(default_factory=dict)

    def with_benchmarks(self, marks: dict[str, Benchmark]) -> OutcomeFit:
        """The same with the measured causes that were left out in turn."""
        return replace(self, benchmarks=marks)


def gate_of(fit: CrossFit, overlap: Overlap) -> Gate:
    """Hold overlap and balance against their limits.

    An imbalance counts only as far as chance does not explain it: two standard errors, ``2 / sqrt(ESS)``,
    are allowed beyond the limit. With 100 effective rows, ten balanced features exceed 0.1 by chance alone.
    """
    allowed = MOST_IMBALANCE + 2.0 / np.sqrt(overlap.effective)
    worst = np.abs(overlap.after).max(axis=1, initial=0.0)
    thin = overlap.effective < LEAST_EFFECTIVE
    said = []
    if thin.any():
        code = int(overlap.effective.argmin())
        said.append(f"{overlap.effective[code]:.0f} effective complaints {ARMS[code]}, 100 needed")
    if (overlap.share_rare > MOST_RARE).any():
        code = int(overlap.share_rare.argmax())
        said.append(f"{overlap.share_rare[code]:.0%} had next to no chance to be {ARMS[code]}")
    if (worst > allowed).any():
        code = int((worst - allowed).argmax())
        said.append(f"{ARMS[code]} differ by {worst[code]:.2f} standard deviations after weighting")
    chance = fit.chance.mean(axis=0)
    weight = (1.0 / (1.0 / chance).sum(axis=1)) / chance[np.arange(len(fit.arm)), fit.arm]
    shared = [kish_sample_size(weight[fit.arm == code]) for code in range(len(ARMS))]
    reason = ""
    if min(shared) < LEAST_EFFECTIVE:
        code = int(np.argmin(shared))
        reason = f"{shared[code]:.0f} effective complaints {ARMS[code]} where arms overlap, 100 needed"
    return Gate(reason="; ".join(said), reason_shared=reason, imbalance=float(worst.max()))


def contrast_rows(found: OutcomeFit, *, confidence: float) -> pd.DataFrame:
    """Three contrasts for all complaints and for those where the arms overlap; Holm over the three."""
    parts = []
    for population, contrast, reason in (
        (EVERYBODY, arm_contrast, found.gate.reason),
        (SHARED, overlap_contrast, found.gate.reason_shared),
    ):
        parts.append(_population(found, population, contrast, reason, confidence))
    return pd.concat(parts)


def _population(
    found: OutcomeFit,
    population: str,
    contrast: Callable[..., Effect],
    reason: str,
    confidence: float,
) -> pd.DataFrame:
    from scipy import stats

    seen = np.isfinite(found.fit.outcome)
    rows: list[dict[str, object]] = []
    p_values, signs = [], []
    for arm, base in CONTRASTS:
        effect = contrast(found.fit, arm, base, clusters=found.clusters)
        reach = float(stats.t.ppf(0.5 + confidence / 2.0, effect.degrees_of_freedom)) * effect.std_error
        p_values.append(
            2.0 * float(stats.t.sf(abs(effect.estimate) / effect.std_error, effect.degrees_of_freedom))
        )
        signs.append(effect.estimate)
        means = [found.fit.outcome[seen & (found.fit.arm == code)].mean() for code in (arm, base)]
        shown = np.nan if reason else 1.0
        rows.append(
            {
                "outcome": found.name,
                "term": f"{ARMS[arm]} - {ARMS[base]}",
                "population": population,
                "estimate": shown * effect.estimate,
                "std_error": shown * effect.std_error,
                "conf_low": shown * (effect.estimate - reach),
                "conf_high": shown * (effect.estimate + reach),
                "raw_difference": float(means[0] - means[1]),
                "n": int(np.isin(found.fit.arm[seen], (arm, base)).sum()),
            }
        )
    adjusted = holm(np.array(p_values))
    for row, p_value, sign in zip(rows, adjusted, signs, strict=True):
        row["p_value"] = np.nan if reason else float(p_value)
        significant = p_value < 1.0 - confidence
        direction = SUPPORTED if sign > 0 else REJECTED
        row["verdict"] = NOT_IDENTIFIED if reason else direction if significant else UNDETERMINED
        row["reason"] = reason
    return pd.DataFrame(rows)


def overlap_rows(found: OutcomeFit) -> pd.DataFrame:
    """Per arm: rows, effective rows, share of rows with a rare chance, worst imbalance before and after."""
    return pd.DataFrame(
        {
            "outcome": found.name,
            "arm": ARMS,
            "n": found.overlap.rows,
            "effective_n": found.overlap.effective,
            "rare_chance_share": found.overlap.share_rare,
            "imbalance_before": np.abs(found.overlap.before).max(axis=1, initial=0.0),
            "imbalance_after": np.abs(found.overlap.after).max(axis=1, initial=0.0),
        }
    )


def balance_rows(found: OutcomeFit) -> pd.DataFrame:
    """Per feature: the worst arm's difference from all complaints, before and after weighting."""
    worst = np.abs(found.overlap.before).argmax(axis=0)
    each = np.arange(len(worst))
    return pd.DataFrame(
        {
            "outcome": found.name,
            "term": found.features.names,
            "arm": [ARMS[code] for code in worst],
            "before": found.overlap.before[worst, each],
            "after": found.overlap.after[worst, each],
        }
    )


def sensitivity_row(found: OutcomeFit, *, confidence: float) -> dict[str, object]:
    """E-value, robustness and the strongest measured cause for fast against unresolved."""
    from scipy.stats import norm

    arm, base = CONTRASTS[0]
    effect = arm_contrast(found.fit, arm, base, clusters=found.clusters)
    critical = float(norm.ppf(0.5 + confidence / 2.0))
    level = arm_mean(found.fit, base).estimate
    deviation = float(np.nanstd(found.fit.outcome))

    def ratio(difference: float) -> float:
        if found.binary:
            return float(np.clip((level + difference) / level, 0.02, 50.0))
        return ratio_of_difference(difference, deviation)

    nearer = effect.estimate - np.sign(effect.estimate) * critical * effect.std_error
    nearer = nearer if nearer * effect.estimate > 0 else 0.0
    bound = sensitivity_of(found.fit, arm, base, critical=critical)
    row: dict[str, object] = {
        "outcome": found.name,
        "term": f"{ARMS[arm]} - {ARMS[base]}",
        "n": int(np.isfinite(found.fit.outcome).sum()),
        "estimate": effect.estimate,
        "e_value": e_value(ratio(effect.estimate)),
        "e_value_of_limit": e_value(ratio(nearer)),
        "robustness": bound.robustness,
        "robustness_of_limit": bound.robustness_limit,
        "verdict": NOT_IDENTIFIED if found.gate.reason else "",
    }
    if found.benchmarks:
        name, mark = max(found.benchmarks.items(), key=lambda item: abs(item[1].moved))
        # Its strength is itself estimated and can come out as 0; what it moved is then the better word.
        bias = max(bound.bias(mark.cf_outcome, mark.cf_arm), abs(mark.moved))
        row |= {
            "strongest_measured": name,
            "moved_without_it": mark.moved,
            "e_value_of_strongest": e_value(ratio(effect.estimate + mark.moved) / ratio(effect.estimate)),
            "low_if_one_like_it": effect.estimate - bias,
            "high_if_one_like_it": effect.estimate + bias,
        }
    return row


def bounds_rows(fits: Sequence[OutcomeFit], *, scale: tuple[float, float]) -> pd.DataFrame:
    """Where answers are missing: what the contrast becomes if those who kept silent differ.

    ``low_worst``/``high_worst``: all silent ones at the ends of the scale. ``tipping_points``: by how many
    points silent customers of the better arm would have to lie below those who answered (and of the other
    above) for the effect to vanish.
    """
    rows = []
    for found in fits:
        seen = np.isfinite(found.fit.outcome)
        if found.binary or seen.all():
            continue
        for arm, base in CONTRASTS:
            answered = [float(seen[found.fit.arm == code].mean()) for code in (arm, base)]
            effect = arm_contrast(found.fit, arm, base, clusters=found.clusters).estimate
            level = [arm_mean(found.fit, code).estimate for code in (arm, base)]
            low = [share * at + (1 - share) * scale[0] for share, at in zip(answered, level, strict=True)]
            high = [share * at + (1 - share) * scale[1] for share, at in zip(answered, level, strict=True)]
            rows.append(
                {
                    "outcome": found.name,
                    "term": f"{ARMS[arm]} - {ARMS[base]}",
                    "n": len(seen),
                    "answered_share": answered[0],
                    "answered_share_base": answered[1],
                    "estimate": np.nan if found.gate.reason else effect,
                    "low_worst": low[0] - high[1],
                    "high_worst": high[0] - low[1],
                    "tipping_points": abs(effect) / (2.0 - sum(answered)),
                }
            )
    return pd.DataFrame(rows)
