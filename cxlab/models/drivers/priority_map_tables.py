"""Tables beside the map: what returns most for its effort, and which ratings to lift together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.joint_lift import all_sets, best_sets, joint_lift
from cxlab.stats.lift import Lifts

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class MapDraws:
    """Lifts of the data and of the replicates, in the order of ``drivers``."""

    drivers: tuple[str, ...]
    point: Lifts
    draws: Lifts
    degrees: int
    confidence: float

    def interval(self, draws: Array) -> tuple[Array, Array]:
        """Percentile limits of columns of replicates."""
        return percentile_interval(draws, confidence=self.confidence, degrees_of_freedom=self.degrees)


def ranking_table(
    found: MapDraws,
    *,
    effort: Mapping[str, tuple[float, float]],
    urgency: Mapping[str, float] | None,
    maturity: Mapping[str, float] | None,
    urgent_first: bool,
    least_maturity: float | None,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Rows of :meth:`PriorityMapResult.ranking`, the first to do on top."""
    drivers = found.drivers
    least, most = np.array([effort[driver] for driver in drivers]).T
    low, high = found.interval(found.draws.lift)
    # The lower limit of a replicate lies as far below its lift as that of the data does.
    lower = found.draws.lift - (found.point.lift[0] - low)
    spent = least + (most - least) * rng.random(lower.shape)
    tier = np.zeros(len(drivers))
    if urgency is not None and urgent_first:
        tier = np.array([float(urgency[driver]) for driver in drivers])
    if maturity is not None and least_maturity is not None:
        ready = np.array([float(maturity[driver]) >= least_maturity for driver in drivers])
        tier = np.where(ready, tier, -np.inf)
    rank = _ranks(_worth(low, most)[None], tier)[0]
    ranks = _ranks(_worth(lower, spent), tier)
    tail = (1.0 - found.confidence) / 2.0
    table = pd.DataFrame(
        {
            "term": np.array(drivers, dtype=object),
            "rank": rank,
            "estimate": found.point.lift[0],
            "conf_low": low,
            "conf_high": high,
            "effort_low": least,
            "effort_high": most,
            "lift_per_effort": found.point.lift[0] / (0.5 * (least + most)),
            "sure_lift_per_effort": low / most,
            "first_share": (ranks == 1).mean(axis=0),
            "same_rank_share": (ranks == rank).mean(axis=0),
            "rank_low": np.quantile(ranks, tail, axis=0, method="inverted_cdf").astype(int),
            "rank_high": np.quantile(ranks, 1.0 - tail, axis=0, method="inverted_cdf").astype(int),
            "verdict": np.where(low > 0.0, SUPPORTED, UNDETERMINED),
        }
    )
    for name, given in (("urgency", urgency), ("maturity", maturity)):
        if given is not None:
            table.insert(7, name, [float(given[driver]) for driver in drivers])
    return table.sort_values("rank", kind="stable").reset_index(drop=True)


def _worth(lower: Array, effort: Array) -> Array:
    """Sure lift per effort; where no lift is sure, little effort must not make it look better."""
    return np.where(lower > 0.0, lower / effort, lower)


def _ranks(worth: Array, tier: Array) -> NDArray[np.int64]:
    """Rank of each column in each row, by tier and then by worth, both the higher the better."""
    order = np.lexsort((-worth, np.broadcast_to(-tier, worth.shape)), axis=1)
    ranks: NDArray[np.int64] = np.argsort(order, axis=1) + 1
    return ranks


def signature_table(found: MapDraws, *, size: int) -> pd.DataFrame:
    """Rows of :meth:`PriorityMapResult.signature`: the ratings, then the set."""
    drivers = np.array(found.drivers, dtype=object)
    sets = all_sets(len(drivers), size)
    best = int(joint_lift(found.point, sets)[0].argmax())
    chosen = sets[best]
    drawn = best_sets(found.draws, sets)
    without = np.repeat(chosen[None], len(drivers), axis=0) & ~np.eye(len(drivers), dtype=bool)
    together = np.vstack([chosen, without])
    point, draws = joint_lift(found.point, together)[0], joint_lift(found.draws, together)
    adds, adds_drawn = point[0] - point[1:], draws[:, [0]] - draws[:, 1:]
    low, high = found.interval(np.column_stack([adds_drawn, draws[:, 0]]))
    rows = pd.DataFrame(
        {
            "term": drivers,
            "chosen": chosen,
            "in_best_share": sets[drawn].mean(axis=0),
            "single_lift": found.point.lift[0],
            "estimate": np.where(chosen, adds, np.nan),
            "conf_low": np.where(chosen, low[:-1], np.nan),
            "conf_high": np.where(chosen, high[:-1], np.nan),
        }
    ).sort_values(["chosen", "in_best_share", "estimate"], ascending=False, kind="stable")
    last = {
        "term": f"these {size} together",
        "chosen": True,
        "in_best_share": float((drawn == best).mean()),
        "single_lift": float(found.point.lift[0][chosen].sum()),
        "estimate": point[0],
        "conf_low": low[-1],
        "conf_high": high[-1],
    }
    table = pd.concat([rows, pd.DataFrame([last])], ignore_index=True)
    table["verdict"] = np.where(table["in_best_share"] >= found.confidence, SUPPORTED, UNDETERMINED)
    return table
