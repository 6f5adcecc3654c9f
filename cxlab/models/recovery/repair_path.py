"""The way back after one bad experience, step by step, as a table to draw."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from cxlab.models.recovery.repair_evidence import Evidence, Floats, withheld
from cxlab.models.recovery.repair_rows import KINDS
from cxlab.stats.stock import LN2


def way_back(evidence: Evidence, *, steps: int = 24) -> pd.DataFrame:
    """The level after one negative, beside the level before, as positives follow at regular distance.

    Returns
    -------
    pandas.DataFrame
        ``situation`` (unresolved, resolved, unresolved without positives), ``positives`` (0, 1, ...),
        ``days``, ``level_change`` in points, ``conf_low``, ``conf_high``; empty where withheld.
    """
    parts = []
    tail = (1.0 - evidence.confidence) / 2.0
    positives = np.arange(steps + 1)
    point = np.r_[evidence.fit.coefficients[: len(evidence.kinds)], np.log(evidence.fit.half_life)][None, :]
    for kind in KINDS[1:]:
        if withheld(evidence, kind):
            continue
        p, k = evidence.kinds.index("positive"), evidence.kinds.index(kind)
        for helped in (True, False):
            paths = [
                _level(drawn, p=p, k=k, days=evidence.contact_days, positives=positives, helped=helped)
                for drawn in (point, evidence.draws)
            ]
            low, high = np.quantile(paths[1], [tail, 1.0 - tail], axis=0)
            parts.append(
                pd.DataFrame(
                    {
                        "situation": kind.removeprefix("negative_"),
                        "positives_follow": helped,
                        "positives": positives if helped else 0,
                        "days": positives * evidence.contact_days,
                        "level_change": paths[0][0],
                        "conf_low": low,
                        "conf_high": high,
                    }
                )
            )
    columns = [
        "situation",
        "positives_follow",
        "positives",
        "days",
        "level_change",
        "conf_low",
        "conf_high",
    ]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=pd.Index(columns))


def _level(
    drawn: Floats, *, p: int, k: int, days: float, positives: npt.NDArray[np.int64], helped: bool
) -> Floats:
    """Level just after each positive, relative to the level before the negative; (draws, steps)."""
    keep = np.exp(-LN2 * days / np.exp(drawn[:, -1:]))
    left = -drawn[:, k : k + 1] * keep**positives
    if not helped:
        return np.asarray(left)
    return np.asarray(left + drawn[:, p : p + 1] * (1.0 - keep**positives) / (1.0 - keep))
