"""Churn forecasts, 100,000 customers x 20 features: CPU and accuracy of the blend and of its peers.

Run from the checkout:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/churn.py

Every row is fitted to the same 100,000 rows and scored on 100,000 new ones whose true probability is known.
Ratios are to plain logistic regression, measured in the same run.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cxlab.models.churn.horizon import ChurnModel
from cxlab.stats.blend import LogitBlendClassifier
from cxlab.stats.classification import area_under_curve, calibration_line, log_loss

ROWS, FEATURES = 100_000, 20


def world(seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Twenty features, five that matter: two lines, a curve, a hinge and an interaction."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(ROWS, FEATURES))
    logit = -2.6 + 0.6 * x[:, 0] - 0.4 * x[:, 1] + 0.3 * x[:, 2] ** 2 + 0.5 * np.maximum(x[:, 3], 0)
    logit += 0.3 * x[:, 0] * x[:, 4]
    p = 1.0 / (1.0 + np.exp(-logit))
    return x, (rng.random(ROWS) < p).astype(int), p


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` returns, and its CPU seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def classifiers() -> pd.DataFrame:
    """Fit and score seconds, AUC, log-loss and slope on new rows, one line per classifier."""
    models = {
        "logistic": make_pipeline(StandardScaler(), LogisticRegression(solver="newton-cholesky")),
        "boosting, defaults": HistGradientBoostingClassifier(random_state=0),
        "LogitBlendClassifier": LogitBlendClassifier(),
    }
    x, y, _ = world(1)
    new, outcome, truth = world(2)
    lines = []
    for name, model in models.items():
        _, fit = cpu(lambda model=model: model.fit(x, y))
        p, score = cpu(lambda model=model: model.predict_proba(new)[:, 1])
        lines.append((name, fit, score, *quality(outcome, p)))
    lines.append(("the truth itself", np.nan, np.nan, *quality(outcome, truth)))
    columns = ["model", "fit_cpu_s", "score_cpu_s", "auc", "log_loss", "slope"]
    table = pd.DataFrame(lines, columns=columns)
    table.insert(3, "fit_ratio", table["fit_cpu_s"] / table["fit_cpu_s"].iloc[0])
    return table


def quality(outcome: np.ndarray, p: np.ndarray) -> tuple[float, float, float]:
    """AUC, log-loss and calibration slope."""
    y = outcome.astype(float)
    return area_under_curve(y, p)[0], log_loss(y, p)[0], calibration_line(y, p)[0, 1]


def whole_model() -> float:
    """CPU seconds of ChurnModel on 20,000 customers x 4 cuts x 30 features, everything included."""
    rng = np.random.default_rng(3)
    cuts = pd.to_datetime(["2024-01-01", "2024-08-01", "2025-03-01", "2025-10-01"])
    n = 20_000 * len(cuts)
    x = rng.normal(size=(n, 30))
    blocks = ("contract", "usage", "experience", "survey")
    panel = pd.DataFrame({f"{blocks[k % 4]}_{k}": x[:, k] for k in range(30)})
    panel["customer_id"] = np.tile(np.arange(20_000), len(cuts)).astype(str)
    panel["cut_at"] = np.repeat(cuts, 20_000)
    p = 1.0 / (1.0 + np.exp(3.0 - x[:, 0] - 0.5 * np.maximum(x[:, 2], 0)))
    panel["churned"] = (rng.random(n) < p).astype(int)
    return cpu(lambda: ChurnModel(test_cuts=1).fit(panel))[1]


def main() -> None:
    """Print both tables."""
    print(classifiers().round(4).to_string(index=False, na_rep="-"))
    print(f"\nChurnModel, 80,000 rows x 30 features, one tested cut: {whole_model():.1f} CPU s")


if __name__ == "__main__":
    main()
