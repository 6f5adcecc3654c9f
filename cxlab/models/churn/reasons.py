"""What the forecast leans on: how much worse it gets when a block of features is shuffled."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.churn.features import OTHER_BLOCK, block_of
from cxlab.stats.classification import row_log_loss

if TYPE_CHECKING:
    from cxlab.models.churn.folds import Fold
    from cxlab.stats.gated import GatedClassifier

REASON_COLUMNS: Final = (
    "term",
    "features",
    "estimate",
    "std_error",
    "conf_low",
    "conf_high",
    "p_value",
    "n",
    "verdict",
)
#: Where a panel has no blocks, single features are shuffled and the strongest of them shown.
MOST_FEATURES: Final = 10
# Shuffling costs one scoring per block and repeat: beyond this many rows a random part is used.
_MOST_ROWS: Final = 10_000
_ROWS_PER_CALL: Final = 60_000


def blocks_of(features: Sequence[str]) -> dict[str, list[int]]:
    """Block name to column numbers; single features where fewer than two blocks are named.

    >>> blocks_of(["usage_visits", "survey_last", "usage_days"])
    {'usage': [0, 2], 'survey': [1]}
    >>> blocks_of(["tenure", "price"])
    {'tenure': [0], 'price': [1]}
    """
    names = [block_of(feature) for feature in features]
    if len(set(names) - {OTHER_BLOCK}) < 2:
        return {feature: [place] for place, feature in enumerate(features)}
    return {name: [k for k, own in enumerate(names) if own == name] for name in dict.fromkeys(names)}


def shuffled_losses(
    fitted: Sequence[tuple[Fold, GatedClassifier]],
    matrix: NDArray[np.float64],
    churned: NDArray[np.float64],
    clusters: NDArray[np.int64],
    *,
    blocks: Mapping[str, Sequence[int]],
    repeats: int,
    confidence: float,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rise of the log-loss on rows the model has not seen when a block is shuffled between customers.

    The columns of a block are shuffled together, within a fold (a cut), ``repeats`` times. The interval
    is normal with a customer-cluster standard error. Rows: one per block, strongest first, with the
    columns :data:`REASON_COLUMNS`.
    """
    from scipy.stats import norm

    share = min(1.0, _MOST_ROWS / sum(len(fold.test) for fold, _ in fitted))
    parts = [
        fold.test if share == 1.0 else np.sort(rng.choice(fold.test, int(share * len(fold.test)), False))
        for fold, _ in fitted
    ]
    rows = np.concatenate(parts)
    rises: dict[str, list[NDArray[np.float64]]] = {name: [] for name in blocks}
    for (_, model), part in zip(fitted, parts, strict=True):
        orders = [rng.permutation(len(part)) for _ in range(repeats)]
        found = _rises(model, matrix[part], churned[part], list(blocks.values()), orders)
        for name, rise in zip(blocks, found, strict=True):
            rises[name].append(rise)
    z = float(norm.ppf(0.5 + confidence / 2.0))
    lines = []
    for name, columns in blocks.items():
        mean, error = _clustered_mean(np.concatenate(rises[name]), clusters[rows])
        low, high = mean - z * error, mean + z * error
        verdict = SUPPORTED if low > 0.0 else REJECTED if high < 0.0 else UNDETERMINED
        p_value = float(2.0 * norm.sf(abs(mean) / error)) if error > 0.0 else np.nan
        lines.append((name, len(columns), mean, error, low, high, p_value, len(rows), verdict))
    table = pd.DataFrame(lines, columns=pd.Index(REASON_COLUMNS))
    return table.sort_values("estimate", ascending=False, kind="stable", ignore_index=True)


def _rises(
    model: GatedClassifier,
    x: NDArray[np.float64],
    y: NDArray[np.float64],
    blocks: list[Sequence[int]],
    orders: list[NDArray[np.int64]],
) -> NDArray[np.float64]:
    """Rise of each row's log-loss per block, (blocks, n), averaged over the shuffles ``orders``.

    Many shuffled copies are scored in one call: with few rows a call costs more than its rows.
    """
    base = row_log_loss(y, model.predict_proba(x)[:, 1])
    total = np.zeros((len(blocks), len(y)))
    tasks = [(place, order) for place in range(len(blocks)) for order in orders]
    size = max(1, _ROWS_PER_CALL // len(y))
    for start in range(0, len(tasks), size):
        batch = tasks[start : start + size]
        copies = np.tile(x, (len(batch), 1, 1))
        for copy, (place, order) in zip(copies, batch, strict=True):
            copy[:, blocks[place]] = x[order][:, blocks[place]]
        p = model.predict_proba(copies.reshape(-1, x.shape[1]))[:, 1].reshape(len(batch), -1)
        for row, (place, _) in zip(p, batch, strict=True):
            total[place] += row_log_loss(y, row) - base
    return total / len(orders)


def _clustered_mean(values: NDArray[np.float64], clusters: NDArray[np.int64]) -> tuple[float, float]:
    """Mean of ``values`` and its standard error with rows of one cluster taken as dependent."""
    codes = np.unique(clusters, return_inverse=True)[1]
    mean = float(values.mean())
    sums = np.bincount(codes, values - mean)
    groups = len(sums)
    return mean, float(np.sqrt(groups / max(groups - 1, 1) * (sums**2).sum()) / len(values))
