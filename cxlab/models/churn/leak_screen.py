"""The leak screen before any fit: columns that know the outcome, late dates, running totals."""

from __future__ import annotations

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.errors import FitError
from cxlab.models.churn.features import CUT_AT, FeatureCoder, choose_features
from cxlab.models.churn.leaks import leak_screen as outcome_leaks
from cxlab.models.churn.outcomes import known_outcomes

QUESTION = "Which columns give the outcome away"
#: A column that duration times another column explains this well is a running total.
TOTAL_FIT: Final = 0.95
_MEANINGS: Final = {
    "ranks": "ranks the outcome alone better than AUC 0.90: probably written after it",
    "missingness": "whether it is filled tells the outcome: probably filled because of it",
    "pure": "a level that never errs: probably a word for the outcome",
    "dated": "holds dates at or after the cut-off: last changed when the outcome may have been known",
    "total": "a running total: in a survival model of the duration it gives the time of the outcome away, "
    "because it stops growing when the customer leaves",
}


def leak_screen(panel: pd.DataFrame, *, duration_column: str = "") -> pd.DataFrame:
    """Columns that probably know what they should predict; look before you fit, a person decides.

    Flags a column that alone ranks the outcome with AUC above 0.90 (or whose being missing does), levels of
    50 rows or more that never err, date columns with values at or after ``cut_at``, and, with
    ``duration_column``, running totals: columns that log duration plus the log of one other column explain
    with R squared above 0.95.

    Parameters
    ----------
    panel
        As for :class:`cxlab.ChurnModel`; date columns are allowed here.
    duration_column
        The time axis of a survival model (tenure), if one is planned.

    Returns
    -------
    DataFrame
        feature, sign, value (AUC, churn share of the level, share of late dates, or R squared), n, meaning.

    Raises
    ------
    FitError
        For a broken panel or an unknown duration column.

    Notes
    -----
    Passing proves little: slow leaks rank modestly. ``cxlab.assert_no_future`` tests how features are made.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> months = rng.integers(1, 72, 400)
    >>> price = rng.uniform(20, 120, 400)
    >>> panel = pd.DataFrame({"customer_id": range(400), "churned": rng.integers(0, 2, 400),
    ...     "tenure": months, "price": price, "total": months * price})
    >>> leak_screen(panel, duration_column="tenure")[["feature", "sign"]].values.tolist()
    [['total', 'about tenure x price']]
    """
    dates = [str(c) for c in panel if c != CUT_AT and pd.api.types.is_datetime64_any_dtype(panel[c])]
    rows = known_outcomes(panel.drop(columns=dates), question=QUESTION).rows
    coder = FeatureCoder.learn(rows, choose_features(rows, ()))
    if duration_column and duration_column not in coder.features:
        raise FitError(
            f"leak_screen: duration_column {duration_column!r} is not a feature of the panel. "
            f"Next step: name one of {', '.join(coder.features[:8])}."
        )
    matrix, churned = coder.matrix(rows), rows["churned"].to_numpy(dtype=float)
    found = outcome_leaks(rows, matrix, churned, coder)
    kinds = found["sign"].astype("str").str.split(" ").str[0]
    found["meaning"] = kinds.map(_MEANINGS)
    more = [*_late_dates(panel, dates)]
    if duration_column:
        more += _running_totals(coder, matrix, duration_column)
    return pd.concat([found, pd.DataFrame(more, columns=found.columns)], ignore_index=True)


def _late_dates(panel: pd.DataFrame, dates: list[str]) -> list[tuple[str, str, float, int, str]]:
    if CUT_AT not in panel:
        return []
    late = {name: float((panel[name] >= panel[CUT_AT]).mean()) for name in dates}
    return [
        (name, "dated at or after the cut-off", share, len(panel), _MEANINGS["dated"])
        for name, share in late.items()
        if share > 0.0
    ]


def _running_totals(
    coder: FeatureCoder, matrix: NDArray[np.float64], duration_column: str
) -> list[tuple[str, str, float, int, str]]:
    """Positive numbers that are about duration x another number, on the log scale."""
    place = coder.features.index(duration_column)
    numbers = [j for j in range(len(coder.features)) if j not in coder.categorical and j != place]
    found = []
    for j in numbers:
        fits = [(_log_fit(matrix, place, k, j), k) for k in numbers if k != j]
        best, other = max(fits, default=(0.0, -1))
        if best > TOTAL_FIT:
            sign = f"about {duration_column} x {coder.features[other]}"
            rows = int(np.isfinite(matrix[:, j]).sum())
            found.append((coder.features[j], sign, best, rows, _MEANINGS["total"]))
    return found


def _log_fit(matrix: NDArray[np.float64], duration: int, rate: int, total: int) -> float:
    """R squared of log total on log duration plus log rate with both slopes 1."""
    columns = matrix[:, [duration, rate, total]]
    used = np.all(np.isfinite(columns) & (columns > 0.0), axis=1)
    if used.sum() < 50:
        return 0.0
    logs = np.log(columns[used])
    spread = float(logs[:, 2].var())
    # A total grows with the duration: what does not vary with it is a rate.
    if spread == 0.0 or abs(np.corrcoef(logs[:, 0], logs[:, 2])[0, 1]) < 0.5:
        return 0.0
    return 1.0 - float((logs[:, 2] - logs[:, 0] - logs[:, 1]).var()) / spread
