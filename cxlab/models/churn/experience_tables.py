"""The increment of a nested forecast: log-loss, AUC and share of what is explained, over customers."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.churn.features import CHURNED
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS
from cxlab.models.churn.validation import ESTIMATE_COLUMNS
from cxlab.stats.classification import area_under_curve, row_log_loss
from cxlab.stats.forecast import cluster_weights

FloatArray = NDArray[np.float64]
#: What is reported, in this order; the claim rests on the first.
TERMS: Final = (
    "log_loss_gain",
    "auc_gain",
    "share_of_explained",
    "log_loss_base",
    "log_loss_full",
    "auc_base",
    "auc_full",
)


def increment_measures(part: pd.DataFrame, weights: FloatArray) -> FloatArray:
    """All :data:`TERMS` under each row of weights, (b, 7).

    ``share_of_explained`` is the gain over all that the full forecast explains beyond the training share:
    ``(L_base - L_full) / (L_share - L_full)``.
    """
    y = part[CHURNED].to_numpy(dtype=float)
    names = ("reference", "probability_base", "probability_full")
    losses = np.column_stack([row_log_loss(y, part[name].to_numpy(dtype=float)) for name in names])
    share, base, full = (weights @ losses / weights.sum(axis=1, keepdims=True)).T
    aucs = [area_under_curve(y, part[name].to_numpy(dtype=float), weights=weights) for name in names[1:]]
    explained = share - full
    with np.errstate(invalid="ignore", divide="ignore"):
        part_of_all = np.where(explained > 0.0, (base - full) / explained, np.nan)
    return np.column_stack([base - full, aucs[1] - aucs[0], part_of_all, base, full, *aucs])


def increment_table(scored: pd.DataFrame, *, confidence: float, replicates: int, seed: int) -> pd.DataFrame:
    """Terms with customer-bootstrap intervals, all rows first and then each tested cut."""
    segments = {ALL: scored}
    cuts = {str(name): part for name, part in scored.groupby("segment", sort=True) if name != ALL}
    if len(cuts) > 1:
        segments |= cuts
    rows = [
        (term, name, *line)
        for name, part in segments.items()
        for term, line in zip(
            TERMS, _lines(part, confidence=confidence, replicates=replicates, seed=seed), strict=True
        )
    ]
    return pd.DataFrame(rows, columns=pd.Index(ESTIMATE_COLUMNS))


def _lines(
    part: pd.DataFrame, *, confidence: float, replicates: int, seed: int
) -> list[tuple[object, ...]]:
    from scipy.stats import norm

    y = part[CHURNED].to_numpy(dtype=float)
    events = int(y.sum())
    if min(events, len(y) - events) < LEAST_CHURNERS:
        return [(*(np.nan,) * 5, len(y), events, TOO_FEW)] * len(TERMS)
    estimates = increment_measures(part, np.ones((1, len(y))))[0]
    clusters = pd.factorize(part["customer_id"])[0]
    blocks = cluster_weights(clusters, replicates=replicates, rng=np.random.default_rng(seed))
    draws = np.vstack([increment_measures(part, block) for block in blocks])
    z = float(norm.ppf(0.5 + confidence / 2.0))
    lines: list[tuple[object, ...]] = []
    for term, estimate, drawn in zip(TERMS, estimates.tolist(), draws.T, strict=True):
        known = drawn[np.isfinite(drawn)]
        error = float(np.std(known, ddof=1)) if len(known) > 1 else np.nan
        low, high = estimate - z * error, estimate + z * error
        nothing = term.endswith(("_base", "_full")) or error == 0.0
        p_value = np.nan if nothing else float(2.0 * norm.sf(abs(estimate) / error))
        verdict = ""
        if term == "log_loss_gain":
            verdict = SUPPORTED if low > 0.0 else REJECTED if high < 0.0 else UNDETERMINED
        lines.append((estimate, error, low, high, p_value, len(y), events, verdict))
    return lines
