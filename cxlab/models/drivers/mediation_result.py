"""What the paths from facts through ratings say: table, words, picture."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import OVERALL, RATING_PREFIX
from cxlab.core.errors import ParameterError
from cxlab.core.result import Result
from cxlab.core.verdicts import NOT_IDENTIFIED, SUPPORTED, UNDETERMINED
from cxlab.stats.bootstrap import percentile_interval
from cxlab.stats.mediation import Paths
from cxlab.stats.multiplicity import holm

if TYPE_CHECKING:
    from matplotlib.axes import Axes

Array = NDArray[np.float64]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class MediationResult(Result):
    """For each fact: a row per item (``indirect``), ``all indirect``, ``direct`` and ``total``.

    ``estimate`` is in outcome points per step of the fact, with ``std_error``, ``conf_low``, ``conf_high``
    (percentiles over resampled dealers); ``first_leg`` (item points per step) and ``second_leg`` (outcome
    points per item point) of an indirect path; ``share_of_total``, where the total is supported;
    ``p_value``: for an indirect path the larger one of its two legs, otherwise t of the bootstrap error;
    ``p_value_holm`` corrected for the paths, and apart from them for the sums; ``n``; ``verdict`` on
    "there is such a path of association".
    """

    outcome: str
    confidence: float
    clusters: int
    within: bool
    steps: dict[str, float]

    shown_columns: ClassVar[tuple[str, ...]] = (
        "fact", "part", "item", "estimate", "conf_low", "conf_high", "share_of_total", "n", "verdict",
    )  # fmt: skip

    def summary(self) -> str:
        """The total of the leading fact, its main path and the direct part, n, assumption and limits."""
        fact = self._leading()
        rows = self.estimates[self.estimates["fact"] == fact]
        total, direct = (rows[rows["part"] == part].iloc[0] for part in ("total", "direct"))
        items = rows[rows["part"] == "indirect"]
        main = items.iloc[int(items["estimate"].abs().to_numpy().argmax())]
        where = f" from {self.clusters:,} dealers" if self.clusters > 1 else ""
        how = ", within dealers" if self.within else ""
        lost = self.provenance.n_rows - self.provenance.n_used
        return (
            f"{self._step(fact)} goes with {total['estimate']:+.2f} points of {self.outcome} "
            f"({100 * self.confidence:g} % interval {total['conf_low']:+.2f} to "
            f"{total['conf_high']:+.2f}): "
            f"{main['estimate']:+.2f} along {main['item']} ({main['verdict']}), {direct['estimate']:+.2f} "
            f"past all items ({direct['verdict']}). n = {self.provenance.n_used:,} complete answers{where}"
            f"{how}, {lost:,} set aside. These are paths of association: they are effects only if nothing "
            f"unmeasured moves the fact, an item and {self.outcome} together, and a common mood of all "
            f"ratings does. No path found does not mean that there is none."
        )

    def plot(self, *, fact: str | None = None, ax: Axes | None = None) -> Axes:
        """Bands from one fact (the one with the largest total if None) through the items to the outcome."""
        from cxlab.plots.paths import path_picture

        chosen = self._leading() if fact is None else fact
        rows = self.estimates[self.estimates["fact"] == chosen]
        if rows.empty:
            raise ParameterError(
                f"MediationResult.plot: {chosen!r} is no fact of this model; facts are "
                f"{', '.join(self.estimates['fact'].unique())}. Next step: name one of them."
            )
        drawn = rows[rows["part"].isin(["indirect", "direct"])]
        words = [
            str(row["item"]).removeprefix(RATING_PREFIX).replace("_", " ")
            if row["part"] == "indirect"
            else "past all rated items"
            for row in drawn.to_dict("records")
        ]
        figures = [
            f"{row['estimate']:+.2f} ({row['conf_low']:+.2f} to {row['conf_high']:+.2f})"
            for row in drawn.to_dict("records")
        ]
        frame = pd.DataFrame(
            {
                "term": words,
                "estimate": drawn["estimate"].to_numpy(),
                "text": figures,
                "solid": (drawn["verdict"] == SUPPORTED).to_numpy(),
            }
        )
        total = rows[rows["part"] == "total"].iloc[0]
        outcome = "overall answer" if self.outcome == OVERALL else self.outcome.replace("_", " ")
        where = f" from {self.clusters:,} dealers" if self.clusters > 1 else ""
        return path_picture(
            frame,
            source=f"{self.steps.get(chosen, 1.0):+g}\n{chosen.replace('_', ' ')}",
            outcome=outcome.replace(" ", "\n", 1),
            title=f'Along which ratings "{chosen.replace("_", " ")}" goes with the {outcome}',
            note=f"points of the {outcome}; n = {self.provenance.n_used:,} answers{where}; "
            f"{100 * self.confidence:g} % intervals; dotted: not supported",
            footer=f"Total {total['estimate']:+.2f} ({total['conf_low']:+.2f} to "
            f"{total['conf_high']:+.2f}) is the sum of the paths. Association, not cause.",
            ax=ax,
        )

    def _leading(self) -> str:
        totals = self.estimates[self.estimates["part"] == "total"]
        ratio = (totals["estimate"] / totals["std_error"].where(totals["std_error"] > 0)).abs()
        return str(totals["fact"].iloc[int(ratio.fillna(0.0).to_numpy().argmax())])

    def _step(self, fact: str) -> str:
        return f"A step of {self.steps.get(fact, 1.0):g} of {fact}"


def path_table(
    facts: tuple[str, ...],
    items: tuple[str, ...],
    point: Paths,
    draws: Paths,
    *,
    steps: list[float],
    degrees: int,
    n: int,
    confidence: float,
) -> pd.DataFrame:
    """Rows of a :class:`MediationResult`, fact by fact."""
    second_p = _p_value(point.second[0], draws.second, degrees)
    parts = []
    for i, (fact, step) in enumerate(zip(facts, steps, strict=True)):
        first_p = _p_value(point.first[0, i], draws.first[:, i], degrees)
        sums = [
            (paths.indirect[:, i].sum(axis=1), paths.direct[:, i], paths.total[:, i])
            for paths in (point, draws)
        ]
        estimate = step * np.concatenate([point.indirect[0, i], np.concatenate(sums[0])])
        drawn = step * np.column_stack([draws.indirect[:, i], *sums[1]])
        low, high = percentile_interval(drawn, confidence=confidence, degrees_of_freedom=degrees)
        p_value = _p_value(estimate, drawn, degrees)
        p_value[: len(items)] = np.maximum(first_p, second_p)
        blank = [np.nan] * 3
        parts.append(
            pd.DataFrame(
                {
                    "term": [*(f"{fact} -> {item}" for item in items), *(f"{fact}: {s}" for s in _SUMS)],
                    "fact": fact,
                    "part": ["indirect"] * len(items) + list(_SUMS),
                    "item": [*items, "", "", ""],
                    "estimate": estimate,
                    "std_error": drawn.std(axis=0, ddof=1),
                    "conf_low": low,
                    "conf_high": high,
                    "first_leg": [*(step * point.first[0, i]), *blank],
                    "second_leg": [*point.second[0], *blank],
                    "p_value": p_value,
                }
            )
        )
    return _judged(pd.concat(parts, ignore_index=True), n=n, confidence=confidence)


_SUMS = ("all indirect", "direct", "total")


def _judged(table: pd.DataFrame, *, n: int, confidence: float) -> pd.DataFrame:
    single = table["part"].isin(["indirect", "direct"]).to_numpy()
    adjusted = table["p_value"].to_numpy(dtype=np.float64).copy()
    adjusted[single] = holm(adjusted[single])
    adjusted[~single] = holm(adjusted[~single])
    verdict = np.where(adjusted < 1.0 - confidence, SUPPORTED, UNDETERMINED)
    table["p_value_holm"] = adjusted
    table["n"] = n
    table["verdict"] = np.where(np.isnan(adjusted), NOT_IDENTIFIED, verdict)
    totals = table[table["part"] == "total"].set_index("fact")
    known = totals["estimate"].where(totals["verdict"] == SUPPORTED)
    table.insert(10, "share_of_total", table["estimate"] / table["fact"].map(known))
    return table


def _p_value(estimate: Array, draws: Array, degrees: int) -> Array:
    from scipy.special import stdtr

    error = draws.std(axis=0, ddof=1)
    known = error > 1e-14
    ratio = np.where(known, estimate / np.where(known, error, 1.0), np.nan)
    p_value: Array = 2.0 * stdtr(degrees, -np.abs(ratio))
    return p_value
