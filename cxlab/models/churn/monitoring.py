"""Watching a churn forecast in use: drift of features and score, performance without labels, groups."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.verdicts import TOO_FEW
from cxlab.models.churn.features import CHURNED, CUT_AT, FeatureCoder
from cxlab.models.churn.folds import ALL, Fold
from cxlab.models.churn.training import Training
from cxlab.models.churn.validation import TRAINING_NOISE, measure_table
from cxlab.stats.classification import area_under_curve
from cxlab.stats.drift import expected_measures, stability_index

if TYPE_CHECKING:
    from cxlab.stats.gated import GatedClassifier

FloatArray = NDArray[np.float64]
#: The field's rule of thumb: below 0.1 stable, above 0.25 changed.
WATCH: Final = 0.10
CHANGED: Final = 0.25
#: A group with fewer churners gets a warning in place of a judgement.
LEAST_GROUP_CHURNERS: Final = 100
SCORE: Final = "(score)"
STAYING_COLUMNS: Final = (
    "cut",
    "age_days",
    "auc",
    "auc_low",
    "auc_high",
    "log_loss_gain",
    "gain_low",
    "gain_high",
    "n",
    "n_churned",
)


def drift_table(
    coder: FeatureCoder,
    reference: FloatArray,
    current: FloatArray,
    *,
    scores: tuple[FloatArray, FloatArray],
) -> pd.DataFrame:
    """Population stability index per feature and of the score, largest first; columns term, psi, verdict.

    Missing values are a bin of their own; bins are tenths of the reference rows.
    """
    rows = [(SCORE, stability_index(*scores))]
    for place, name in enumerate(coder.features):
        levels = place in coder.categorical
        value = stability_index(reference[:, place], current[:, place], levels=levels)
        rows.append((name, value))
    table = pd.DataFrame(rows, columns=pd.Index(["term", "psi"]))
    words = np.select([table["psi"] > CHANGED, table["psi"] > WATCH], ["changed", "watch"], "stable")
    table["verdict"] = words
    return table.sort_values("psi", ascending=False, kind="stable", ignore_index=True)


def expected_table(probability: FloatArray, churned: FloatArray | None) -> pd.DataFrame:
    """Performance expected from the probabilities alone, beside what was seen where labels are known.

    Columns term, expected, observed (missing without labels), n.
    """
    expected = expected_measures(probability)
    observed = dict.fromkeys(expected, np.nan)
    if churned is not None and 0.0 < churned.mean() < 1.0:
        observed = {
            "auc": float(area_under_curve(churned, probability)[0]),
            "brier": float(((probability - churned) ** 2).mean()),
            "churn_share": float(churned.mean()),
        }
    return pd.DataFrame(
        [(term, value, observed[term], len(probability)) for term, value in expected.items()],
        columns=pd.Index(["term", "expected", "observed", "n"]),
    )


def group_table(scored: pd.DataFrame, groups: pd.Series, *, confidence: float) -> pd.DataFrame:
    """Calibration in the large by group: observed over expected churners with exact Poisson limits.

    Columns group, n, n_churned, observed_to_expected, conf_low, conf_high, auc, top_decile_share (share of
    the group among the riskiest tenth of all), verdict: "calibrated" where the limits hold 1, "too low" or
    "too high" forecasts where not, "too few" below 100 churners. Rows without a group are "(missing)".
    """
    from scipy.stats import chi2

    label = groups.reindex(scored.index).astype(object)
    label = label.where(label.notna(), "(missing)").astype(str)
    border = scored["probability"].quantile(0.9)
    tail = (1.0 - confidence) / 2.0
    rows = []
    for name, part in scored.groupby(label.to_numpy(), sort=True):
        y, p = part[CHURNED].to_numpy(dtype=float), part["probability"].to_numpy(dtype=float)
        events, expected = int(y.sum()), float(p.sum())
        low = float(chi2.ppf(tail, 2 * events) / 2.0 / expected) if events else 0.0
        high = float(chi2.ppf(1.0 - tail, 2 * events + 2) / 2.0 / expected)
        auc = float(area_under_curve(y, p)[0]) if 0 < events < len(y) else np.nan
        verdict = "too low" if low > 1.0 else "too high" if high < 1.0 else "calibrated"
        if events < LEAST_GROUP_CHURNERS:
            verdict = TOO_FEW
        share = float((part["probability"] >= border).mean())
        rows.append((name, len(part), events, events / expected, low, high, auc, share, verdict))
    columns = ["group", "n", "n_churned", "observed_to_expected", "conf_low", "conf_high", "auc",
               "top_decile_share", "verdict"]  # fmt: skip
    return pd.DataFrame(rows, columns=pd.Index(columns))


def staying_table(
    data: Training,
    frozen: Sequence[tuple[Fold, GatedClassifier]],
    *,
    reference: float,
    confidence: float,
    replicates: int,
    seed: int,
) -> pd.DataFrame:
    """AUC and gain of one frozen model at each tested cut, with customer-bootstrap limits."""
    rows: list[tuple[object, ...]] = []
    first = data.rows[CUT_AT].iloc[frozen[0][0].test[0]]
    for fold, model in frozen:
        part = data.rows.iloc[fold.test][[CUSTOMER_ID, CHURNED]].copy()
        part["probability"] = model.predict_proba(data.matrix[fold.test])[:, 1]
        part["reference"], part["unseen"], part["segment"] = reference, False, ALL
        part[TRAINING_NOISE] = 0.0
        table = measure_table(part, confidence=confidence, replicates=replicates, seed=seed)
        lines = {str(line["term"]): line for _, line in table.iterrows()}
        figures = [
            float(lines[term][name])
            for term in ("auc", "log_loss_gain")
            for name in ("estimate", "conf_low", "conf_high")
        ]
        age = (data.rows[CUT_AT].iloc[fold.test[0]] - first).days
        rows.append((fold.name, age, *figures, len(part), int(part[CHURNED].sum())))
    return pd.DataFrame(rows, columns=pd.Index(STAYING_COLUMNS))
