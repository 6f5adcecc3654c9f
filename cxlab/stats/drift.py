"""Change of a distribution, and what a forecast expects of itself before any outcome is known."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from cxlab.stats.classification import area_under_curve

FloatArray = NDArray[np.float64]
#: An empty bin counts as this share, so that the logarithm stays finite.
SMALLEST_SHARE: Final = 1e-4


def stability_index(
    reference: FloatArray, current: FloatArray, *, bins: int = 10, levels: bool = False
) -> float:
    r"""Population stability index of a column.

    .. math:: PSI = \sum_b (q_b - p_b) \ln (q_b / p_b)

    with the shares p of the reference and q of today in bins cut at the reference's quantiles, missing
    values in a bin of their own and empty bins counted as 1e-4; 0 is no change, above 0.25 is much.

    Parameters
    ----------
    reference, current
        Values (n,) and (m,), nan for missing.
    bins
        Quantile bins, 2 or more.
    levels
        True takes each value as a level.

    Notes
    -----
    It has no interval: chance alone gives about ``bins (1/n + 1/m)``. A column can drift without harm,
    and a forecast can fail without drift of any column.

    References
    ----------
    Siddiqi (2006), Credit Risk Scorecards.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> x = rng.normal(size=5000)
    >>> stability_index(x, x), round(stability_index(x, x + 0.5), 1)
    (0.0, 0.2)
    """
    if levels:
        edges = np.unique(np.concatenate([reference[~np.isnan(reference)], current[~np.isnan(current)]]))
        places = [np.searchsorted(edges, x[~np.isnan(x)]) for x in (reference, current)]
        count = len(edges)
    else:
        seen = reference[~np.isnan(reference)]
        inner = (
            np.unique(np.quantile(seen, np.linspace(0, 1, bins + 1)[1:-1])) if len(seen) else np.array([])
        )
        places = [np.searchsorted(inner, x[~np.isnan(x)], side="right") for x in (reference, current)]
        count = len(inner) + 1
    shares = [
        np.append(np.bincount(place, minlength=count), np.isnan(x).sum()) / max(len(x), 1)
        for place, x in zip(places, (reference, current), strict=True)
    ]
    p, q = (np.maximum(share, SMALLEST_SHARE) for share in shares)
    return float(((q - p) * np.log(q / p)).sum())


def expected_measures(probability: FloatArray) -> dict[str, float]:
    r"""Performance that calibrated probabilities expect of themselves, without any outcome.

    .. math:: E[Brier] = \overline{p(1-p)}, \quad E[share] = \bar p, \quad
              E[AUC] = \frac{\sum_{ij} p_i (1-p_j) [p_i > p_j]}{\sum_i p_i \sum_j (1-p_j)}

    (ties one half; pairs of a row with itself are left in, which does not matter beyond some hundred rows).

    Parameters
    ----------
    probability
        Forecasts 0..1, (n,).

    Returns
    -------
    auc, brier, churn_share; nan without rows.

    Notes
    -----
    True only while the forecasts stay calibrated: it sees a population that has become easier or harder,
    and is blind to a relation that has changed. Compare as soon as outcomes are known.

    References
    ----------
    Garg et al. (2022), Leveraging unlabeled data to predict out-of-distribution performance; the idea is
    known in the trade as confidence-based performance estimation.

    Examples
    --------
    >>> {k: round(v, 3) for k, v in expected_measures(np.array([0.1, 0.9])).items()}
    {'auc': 0.9, 'brier': 0.09, 'churn_share': 0.5}
    """
    if not len(probability):
        return dict.fromkeys(("auc", "brier", "churn_share"), float("nan"))
    twice = np.concatenate([probability, probability])
    outcome = np.repeat([1.0, 0.0], len(probability))
    weights = np.concatenate([probability, 1.0 - probability])
    return {
        "auc": float(area_under_curve(outcome, twice, weights=weights)[0]),
        "brier": float((probability * (1.0 - probability)).mean()),
        "churn_share": float(probability.mean()),
    }
