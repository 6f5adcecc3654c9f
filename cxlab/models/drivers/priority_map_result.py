"""What the importance-performance map says: lifts, fields and how sure they are, stated importance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import OVERALL, RATING_PREFIX
from cxlab.core.errors import ParameterError
from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.models.drivers.priority_map_tables import MapDraws, ranking_table, signature_table
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.lift import Lifts

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]

#: Fields by (rating below its target, lift worthwhile).
ACT, TAIL, LOW, KEEP = "act first", "lift the rest", "low return", "keep"
_FIELDS = (ACT, TAIL, LOW, KEEP)
_SHARES = ("act_first_share", "lift_the_rest_share", "low_return_share", "keep_share")


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PriorityMapResult(Result):
    """One row per driver, the largest lift first.

    ``estimate`` is the lift in outcome points if the rating met its ``target``, with ``std_error``,
    ``conf_low``, ``conf_high``, ``p_value`` (t of the bootstrap error, against 0); ``performance`` the mean
    rating with ``performance_low``, ``performance_high``; ``headroom`` the points missing to the target on
    average and ``below_target_share`` of answers; ``importance`` the LMG share of the outcome's variance
    (attention, not effect); ``field`` on the map and, over the replicates, the probability of each field
    (``act_first_share``, ...); ``ellipse_correlation`` of performance and lift; ``n``; ``verdict`` on "it
    lies in this field": ``supported`` if its probability reaches the confidence.
    """

    outcome: str
    worthwhile_lift: float
    confidence: float
    clusters: int
    one_target: bool
    _found: MapDraws
    _inputs: dict[str, Any]
    _stated: pd.DataFrame | None

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term", "estimate", "conf_low", "conf_high", "performance", "target", "headroom", "field",
        "act_first_share", "n", "verdict",
    )  # fmt: skip

    def stated(self) -> pd.DataFrame:
        """Stated beside derived importance: a row per driver, and ``rank correlation`` with its interval.

        Columns ``term``, ``stated``, ``derived`` (LMG share of the variance), ``stated_rank``,
        ``derived_rank``, and for the last row ``estimate``, ``conf_low``, ``conf_high`` (Spearman over the
        drivers; the interval is about customers, the drivers are taken as given). ParameterError if the
        model was given no stated importance.
        """
        if self._stated is None:
            raise ParameterError(
                "PriorityMapResult.stated: the model was given no stated importance. Next step: set "
                "PriorityMapModel(stated={driver: column or number})."
            )
        return self._stated.copy()

    def ranking(self, *, urgent_first: bool = False, least_maturity: float | None = None) -> pd.DataFrame:
        """What returns most for its effort, by the lower limit of the lift, and how stable the order is.

        One row per driver, the first to do on top: ``rank``; ``estimate`` (lift) with ``conf_low``,
        ``conf_high``; ``effort_low``, ``effort_high``; ``urgency``, ``maturity`` if given;
        ``lift_per_effort``; ``sure_lift_per_effort`` (lower limit by the most effort: the rank follows it;
        where no lift is sure, effort does not count); over replicates with effort drawn between its limits
        ``first_share``, ``same_rank_share``, ``rank_low``, ``rank_high``; ``n``; ``verdict`` on "there is a
        lift".

        ``urgent_first`` ranks by urgency before return; drivers below ``least_maturity`` come last.
        ParameterError if the model was given no effort, or no urgency or maturity that is asked for.
        """
        for name, asked in (
            ("effort", True),
            ("urgency", urgent_first),
            ("maturity", least_maturity is not None),
        ):
            if asked and self._inputs[name] is None:
                raise ParameterError(
                    f"PriorityMapResult.ranking: the model was given no {name}. Next step: set "
                    f"PriorityMapModel({name}={{driver: number}})."
                )
        found = ranking_table(
            self._found,
            effort=effort_ranges(self._inputs["effort"]),
            urgency=self._inputs["urgency"],
            maturity=self._inputs["maturity"],
            urgent_first=urgent_first,
            least_maturity=least_maturity,
            rng=np.random.default_rng(self.provenance.seed),
        )
        found.insert(list(found.columns).index("verdict"), "n", self.provenance.n_used)
        return found

    def signature(self, size: int = 3) -> pd.DataFrame:
        """The ``size`` ratings whose joint lift is largest, out of all sets, and how surely each belongs.

        One row per driver: ``chosen``; ``in_best_share`` (replicates in whose best set it lies);
        ``single_lift``; ``estimate``, ``conf_low``, ``conf_high``: what it adds to the others of the set.
        Last row: the set, its joint lift with its interval, the sum of single lifts, and how often this
        very set is best; ``n``. ``verdict`` on "it belongs": its share reaches the confidence. With
        ``form="hinge"`` or ``"linear"`` the joint lift is the sum of single ones by construction. The
        interval takes the set as given; the best of many sets looks somewhat better than it is.
        ParameterError if there are more than 60,000 sets.
        """
        try:
            found = signature_table(self._found, size=size)
        except ValueError as problem:
            raise ParameterError(f"PriorityMapResult.signature: {problem}") from problem
        found.insert(list(found.columns).index("verdict"), "n", self.provenance.n_used)
        return found

    def plot_stated(self, *, ax: Axes | None = None) -> Axes:
        """Stated against derived rank of every driver, paired by lines; needs stated importance."""
        from cxlab.plots.paired_ranks import paired_ranks

        rows = self.stated()
        last = rows.iloc[-1]
        frame = rows.iloc[:-1][["term", "stated_rank", "derived_rank"]].copy()
        words = frame["term"].astype(str).str.removeprefix(RATING_PREFIX).str.replace("_", " ")
        outcome = "overall answer" if self.outcome == OVERALL else self.outcome.replace("_", " ")
        return paired_ranks(
            frame.assign(term=words),
            title="What customers say counts, and what goes with their answers",
            left="stated importance",
            right=f"derived importance for the {outcome}",
            note=f"rank correlation {last['estimate']:.2f} ({last['conf_low']:.2f} to "
            f"{last['conf_high']:.2f}); n = {self.provenance.n_used:,} answers",
            ax=ax,
        )

    def summary(self) -> str:
        """What to act on first with its interval, n, the assumption and what may not be claimed."""
        sure = self.estimates[(self.estimates["field"] == ACT) & (self.estimates["verdict"] == SUPPORTED)]
        top = self.estimates.iloc[0]
        where = f" from {self.clusters:,} dealers" if self.clusters > 1 else ""
        lost = self.provenance.n_rows - self.provenance.n_used
        names = ", ".join(sure["term"]) or "none"
        return (
            f"If every answer rated {top['term']} at {top['target']:g} or above, the fitted {self.outcome} "
            f"would be {top['estimate']:.2f} points higher ({100 * self.confidence:g} % interval "
            f"{top['conf_low']:.2f} to {top['conf_high']:.2f}), the largest lift of {len(self.estimates)}. "
            f"Surely below target and worth {self.worthwhile_lift:g} points or more: {names}. "
            f"n = {self.provenance.n_used:,} complete answers{where}, {lost:,} set aside. A lift assumes "
            f"that the association is the effect and that the other ratings stay as they are; a common "
            f"mood of all ratings makes it too large. It ranks where to look and is no forecast."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The map: mean rating against lift, with joint ellipses; filled where the field is sure."""
        from scipy.special import fdtri

        from cxlab.plots.priority_map import priority_map

        table = self.estimates
        degrees = max(3, self._found.degrees)
        radius = np.sqrt(2 * (degrees / (degrees - 1)) * fdtri(2, degrees - 1, self.confidence))
        offset = 0.0 if self.one_target else table["target"]
        words = table["term"].astype(str).str.removeprefix(RATING_PREFIX).str.replace("_", " ")
        frame = pd.DataFrame({"term": words, "x": table["performance"] - offset, "y": table["estimate"]})
        shape = [_ellipse(row, radius) for row in table.to_dict("records")]
        frame[["width", "height", "angle"]] = np.array(shape)
        frame["solid"] = table["verdict"] == SUPPORTED
        frame["first"] = table["field"] == ACT
        target = float(table["target"].iloc[0])
        outcome = "overall answer" if self.outcome == OVERALL else self.outcome.replace("_", " ")
        where = f" from {self.clusters:,} dealers" if self.clusters > 1 else ""
        return priority_map(
            frame,
            title=f"Where lifting a rating goes with a higher {outcome}",
            x_label=f"mean rating (dashed: target {target:g})"
            if self.one_target
            else "mean rating minus its target, points",
            y_label=f"lift of the {outcome} if the target were met, points",
            cut_x=target if self.one_target else 0.0,
            cut_y=self.worthwhile_lift,
            corners=("ACT FIRST", "LIFT THE REST", "LOW RETURN", "KEEP"),
            note=f"n = {self.provenance.n_used:,} answers{where}; {100 * self.confidence:g} % ellipses; "
            f"hollow: the field is not sure; association, not effect",
            ax=ax,
        )


def effort_ranges(effort: Mapping[str, float | tuple[float, float]]) -> dict[str, tuple[float, float]]:
    """Least and most effort of each driver.

    >>> effort_ranges({"rating_wait": 5, "rating_price": (20, 60)})
    {'rating_wait': (5.0, 5.0), 'rating_price': (20.0, 60.0)}
    """
    pairs = {
        driver: np.broadcast_to(np.asarray(given, dtype=np.float64), 2) for driver, given in effort.items()
    }
    return {driver: (float(pair[0]), float(pair[1])) for driver, pair in pairs.items()}


def map_table(
    drivers: tuple[str, ...],
    point: Lifts,
    draws: Lifts,
    *,
    target: Array,
    importance: Array,
    cut: float,
    degrees: int,
    n: int,
    confidence: float,
) -> pd.DataFrame:
    """The rows of a map, the largest lift first."""
    from scipy.special import stdtr

    low, high = percentile_interval(draws.lift, confidence=confidence, degrees_of_freedom=degrees)
    rated_low, rated_high = percentile_interval(
        draws.performance, confidence=confidence, degrees_of_freedom=degrees
    )
    error = draws.lift.std(axis=0, ddof=1)
    known = error > 1e-12
    ratio = np.where(known, point.lift[0] / np.where(known, error, 1.0), np.nan)
    drawn = _fields(draws, target, cut)
    shares = np.stack([(drawn == field).mean(axis=0) for field in range(4)])
    here = _fields(point, target, cut)[0]
    sure = shares[here, np.arange(len(drivers))] >= confidence
    spread = draws.performance.std(axis=0, ddof=1)
    both = np.mean(
        (draws.lift - draws.lift.mean(axis=0)) * (draws.performance - draws.performance.mean(axis=0)),
        axis=0,
    )
    table = pd.DataFrame(
        {
            "term": np.array(drivers, dtype=object),
            "estimate": point.lift[0],
            "std_error": error,
            "conf_low": low,
            "conf_high": high,
            "p_value": 2.0 * stdtr(degrees, -np.abs(ratio)),
            "performance": point.performance[0],
            "performance_std_error": spread,
            "performance_low": rated_low,
            "performance_high": rated_high,
            "target": target,
            "headroom": point.headroom[0],
            "below_target_share": point.below[0],
            "importance": importance,
            "field": np.array(_FIELDS, dtype=object)[here],
            **dict(zip(_SHARES, shares, strict=True)),
            "ellipse_correlation": both / np.where(known & (spread > 0), error * spread, 1.0),
            "n": n,
            "verdict": np.where(sure, SUPPORTED, UNDETERMINED),
        }
    )
    return table.sort_values("estimate", ascending=False, kind="stable").reset_index(drop=True)


def stated_table(
    drivers: tuple[str, ...], opinions: Array, shares: Array, *, confidence: float
) -> pd.DataFrame:
    """Stated beside derived importance and their rank correlation; row 0 of the arrays is the data."""
    from scipy.stats import rankdata

    stated, derived = rankdata(opinions, axis=1), rankdata(shares, axis=1)
    stated, derived = (ranks - ranks.mean(axis=1, keepdims=True) for ranks in (stated, derived))
    length = np.sqrt((stated**2).sum(axis=1) * (derived**2).sum(axis=1))
    spearman = (stated * derived).sum(axis=1) / np.where(length > 0.0, length, np.nan)
    low, high = percentile_interval(spearman[1:, None], confidence=confidence)
    table = pd.DataFrame(
        {"term": np.array(drivers, dtype=object), "stated": opinions[0], "derived": shares[0]}
    )
    table["stated_rank"] = table["stated"].rank(ascending=False)
    table["derived_rank"] = table["derived"].rank(ascending=False)
    table = table.sort_values("derived", ascending=False, kind="stable")
    last = {
        "term": "rank correlation",
        "estimate": spearman[0],
        "conf_low": low[0],
        "conf_high": high[0],
    }
    return pd.concat([table, pd.DataFrame([last])], ignore_index=True)


def _fields(found: Lifts, target: Array, cut: float) -> NDArray[np.int64]:
    """Number of the field of each driver in each row: act, lift the rest, low return, keep."""
    met, small = found.performance >= target, found.lift < cut
    fields: NDArray[np.int64] = 2 * small.astype(np.int64) + met.astype(np.int64)
    return fields


def _ellipse(row: Mapping[Any, Any], radius: float) -> tuple[float, float, float]:
    """Full axes and angle (degrees) of the ellipse of performance and lift."""
    across, up = row["performance_std_error"], row["std_error"]
    both = row["ellipse_correlation"] * across * up
    values, vectors = np.linalg.eigh(np.array([[across**2, both], [both, up**2]]))
    width, height = 2 * radius * np.sqrt(np.maximum(values[::-1], 0.0))
    return float(width), float(height), float(np.degrees(np.arctan2(vectors[1, 1], vectors[0, 1])))
