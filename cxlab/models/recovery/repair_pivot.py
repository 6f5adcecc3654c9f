"""The covariance and critical value behind one ratio: bootstrap of customers where they are few."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cxlab.models.recovery.repair_evidence import Evidence, Floats
from cxlab.stats.cluster_bootstrap import bootstrap_t, plain_variance


@dataclass(frozen=True, kw_only=True)
class Pivot:
    """What a Fieller set and the test of the claim need."""

    covariance: Floats
    critical: float
    claim_p_value: float


def ratio_pivot(evidence: Evidence, kind: str) -> Pivot:
    """Bootstrap-t of customers below ``bootstrap_below`` of them, else the jackknife with a t quantile.

    Both study ``b_neg - r b_pos``: at the estimated ratio for the interval, at the claim for the test.
    """
    fit = evidence.fit
    ratio = (
        fit.coefficients[evidence.kinds.index(kind)] / fit.coefficients[evidence.kinds.index("positive")]
    )
    at_ratio, at_claim = (
        evidence.weights(**{kind: 1.0, "positive": -r}) for r in (float(ratio), evidence.claim_ratio)
    )
    if evidence.replicates:
        found = _bootstrap_pivot(evidence, at_ratio, at_claim)
        if found is not None:
            return found
    from scipy.stats import t

    value, error, degrees = fit.contrast(at_claim)
    return Pivot(
        covariance=fit.covariance,
        critical=evidence.critical(fit.contrast(at_ratio)[2]),
        claim_p_value=float(2.0 * t.sf(abs(value / error), degrees)),
    )


def _bootstrap_pivot(evidence: Evidence, at_ratio: Floats, at_claim: Floats) -> Pivot | None:
    regression = evidence.fit.regression
    size = regression.bread.shape[0]
    contrasts = np.zeros((2, size))
    contrasts[0, : len(at_ratio)], contrasts[1, : len(at_claim)] = at_ratio, at_claim
    rng = np.random.default_rng(evidence.seed)
    draws = np.abs(bootstrap_t(regression, contrasts, replicates=evidence.replicates, rng=rng))
    if not len(draws):
        return None
    covariance = np.zeros_like(evidence.fit.covariance)
    covariance[:size, :size] = plain_variance(regression)
    error = float(np.sqrt(contrasts[1] @ covariance[:size, :size] @ contrasts[1]))
    value = abs(float(at_claim @ evidence.fit.coefficients)) / error
    return Pivot(
        covariance=covariance,
        critical=float(np.quantile(draws[:, 0], evidence.confidence)),
        claim_p_value=float((1 + np.sum(draws[:, 1] >= value)) / (len(draws) + 1)),
    )
