"""Measures of a churn forecast per cut and pooled, with intervals that resample customers."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.churn.features import CHURNED
from cxlab.models.churn.folds import ALL, LEAST_CHURNERS
from cxlab.stats.classification import calibration_bins, gains_curve
from cxlab.stats.forecast import (
    MEASURES,
    bootstrap_measures,
    cluster_weights,
    forecast_measures,
    measure_interval,
)

UNSEEN: Final = "unseen customers"
#: Column of scored rows: :func:`cxlab.stats.forecast.training_noise`, 0 in the order of time.
TRAINING_NOISE: Final = "training_noise"
ESTIMATE_COLUMNS: Final = (
    "term",
    "segment",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "n_churned",
    "verdict",
)


def measure_table(
    scored: pd.DataFrame,
    *,
    unseen: pd.DataFrame | None = None,
    confidence: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """All measures for all scored rows, each cut, and customers that training had never seen.

    ``unseen`` holds rows scored by models that were trained without their customers; by default the
    scored rows of customers who happen to be new.
    A segment with fewer than 30 churners or stayers gets no numbers and the verdict "too few". Only
    ``log_loss_gain`` carries a claim: "supported" where its whole interval lies above 0.
    """
    whole = _segment(scored, confidence=confidence, replicates=replicates, seed=seed)
    rows = [(line[0], ALL, *line[1:]) for line in whole]
    segments = {str(name): part for name, part in scored.groupby("segment", sort=True) if name != ALL}
    if unseen is not None:
        segments[UNSEEN] = unseen
    elif scored["unseen"].any() and not scored["unseen"].all():
        segments[UNSEEN] = scored[scored["unseen"]]
    for name, part in segments.items():
        # A single tested cut is all rows: the same lines, not new draws that differ by chance.
        alike = part.index.equals(scored.index) and part is not unseen
        body = whole if alike else _segment(part, confidence=confidence, replicates=replicates, seed=seed)
        rows += [(line[0], name, *line[1:]) for line in body]
    return pd.DataFrame(rows, columns=pd.Index(ESTIMATE_COLUMNS))


def _segment(
    part: pd.DataFrame, *, confidence: float, replicates: int, seed: int
) -> list[tuple[object, ...]]:
    y, p = part[CHURNED].to_numpy(dtype=float), part["probability"].to_numpy(dtype=float)
    reference = part["reference"].to_numpy(dtype=float)
    events = int(y.sum())
    if min(events, len(y) - events) < LEAST_CHURNERS:
        nothing = (np.nan,) * 5
        return [(measure, *nothing, len(y), events, TOO_FEW) for measure in MEASURES]
    noise = float(part[TRAINING_NOISE].iloc[0])
    estimates = forecast_measures(y, p, reference=reference)[0]
    draws = bootstrap_measures(
        y,
        p,
        reference=reference,
        clusters=pd.factorize(part[CUSTOMER_ID])[0],
        replicates=replicates,
        rng=np.random.default_rng(seed),
    )
    lines: list[tuple[object, ...]] = []
    for measure, estimate, column in zip(MEASURES, estimates.tolist(), draws.T, strict=True):
        spread = measure_interval(measure, estimate, column, confidence=confidence, noise=noise)
        verdict = _gain_verdict(spread[1], spread[2]) if measure == "log_loss_gain" else ""
        lines.append((measure, estimate, *spread, len(y), events, verdict))
    return lines


def _gain_verdict(low: float, high: float) -> str:
    return SUPPORTED if low > 0.0 else REJECTED if high < 0.0 else UNDETERMINED


def calibration_table(
    scored: pd.DataFrame, *, confidence: float, replicates: int, seed: int, bins: int = 10
) -> pd.DataFrame:
    """Predicted and observed churn per tenth of the scored rows, lowest first.

    Columns: bin, mean_predicted, observed_share, conf_low, conf_high, n, n_churned. The limits are
    Wilson limits on the effective number of rows: the variance of the share is the larger of the
    binomial one and that of a customer-cluster bootstrap, because one customer can be in several cuts.
    """
    from statsmodels.stats.proportion import proportion_confint

    y, p = scored[CHURNED].to_numpy(dtype=float), scored["probability"].to_numpy(dtype=float)
    number = calibration_bins(p, bins=bins)
    member = (number[:, None] == np.arange(number.max() + 1)).astype(float)
    rows, events = member.sum(0), member.T @ y
    share = events / rows
    clusters = pd.factorize(scored[CUSTOMER_ID])[0]
    effective = rows.copy()
    if clusters.max() + 1 < len(clusters):
        blocks = cluster_weights(clusters, replicates=replicates, rng=np.random.default_rng(seed))
        drawn = np.vstack([_shares(block, member, y) for block in blocks])
        spread = np.nanvar(drawn, axis=0, ddof=1)
        binomial = share * (1.0 - share)
        effective = np.where(
            spread > 0.0, np.minimum(rows, binomial / np.where(spread > 0.0, spread, 1.0)), rows
        )
    low, high = proportion_confint(share * effective, effective, alpha=1.0 - confidence, method="wilson")
    return pd.DataFrame(
        {
            "bin": np.arange(1, len(rows) + 1),
            "mean_predicted": (member.T @ p) / rows,
            "observed_share": share,
            "conf_low": low,
            "conf_high": high,
            "n": rows.astype(int),
            "n_churned": events.astype(int),
        }
    )


def _shares(
    weights: NDArray[np.float64], member: NDArray[np.float64], y: NDArray[np.float64]
) -> NDArray[np.float64]:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.asarray((weights @ (member * y[:, None])) / (weights @ member), dtype=float)


def gains_table(scored: pd.DataFrame) -> pd.DataFrame:
    """Share of customers taken from the highest risk down, and share of churners among them."""
    rows, found = gains_curve(
        scored[CHURNED].to_numpy(dtype=float), scored["probability"].to_numpy(dtype=float)
    )
    # 201 points draw the same line as a million rows.
    places = np.unique(np.searchsorted(rows, np.linspace(0.0, 1.0, 201)).clip(0, len(rows) - 1))
    return pd.DataFrame({"contacted_share": rows[places], "found_share": found[places]})
