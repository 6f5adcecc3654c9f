"""The comparison of dealers as a result: no ranks, a funnel, and how sure each difference is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED, TOO_FEW

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: The usual limits of a funnel: about two and about three standard errors.
FUNNEL_SHARES = (0.95, 0.998)


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DealerResult(Result):
    """Dealers, the lowest estimate first, those with too few answers last.

    ``table()``: ``segment`` (dealer), ``n``, ``observed`` (mean of its answers, at the average case mix),
    ``estimate`` (drawn towards the network), ``std_error``, ``conf_low``, ``conf_high``, ``p_value`` and
    ``q_value`` ("like the network"), ``worst_probability`` (chance of being truly among the worst share;
    missing below ``ranking_n``), ``direction`` (below or above, where called different), ``verdict``.
    """

    outcome: str
    confidence: float
    false_discovery_rate: float
    worst_share: float
    minimum_n: int
    adjusted_for: tuple[str, ...]
    centre: float
    row_deviation: float
    #: True standard deviation between dealers: estimate, lower and upper limit.
    between: tuple[float, float, float]
    overdispersion: float
    #: Dealer to the number of independent answers that would be as precise.
    effective: dict[str, float]

    shown_columns: ClassVar[tuple[str, ...]] = (
        "segment",
        "n",
        "observed",
        "estimate",
        "conf_low",
        "conf_high",
        "q_value",
        "worst_probability",
        "verdict",
    )

    def flagged(self) -> pd.DataFrame:
        """The dealers called different from the network; a copy."""
        return self.estimates[self.estimates["verdict"] == SUPPORTED].copy()

    def funnel_limits(self) -> pd.DataFrame:
        """Limits that chance alone keeps a dealer in: segment, effective_n, then low and high of each."""
        from scipy import stats

        table = pd.DataFrame(
            {"segment": list(self.effective), "effective_n": list(self.effective.values())}
        )
        for share in FUNNEL_SHARES:
            reach = stats.norm.ppf(0.5 + share / 2) * self.row_deviation / table["effective_n"] ** 0.5
            percent = f"{100 * share:g}".replace(".", "_")
            table[f"low_{percent}_percent"] = self.centre - reach
            table[f"high_{percent}_percent"] = self.centre + reach
        return table

    def summary(self) -> str:
        """How many dealers differ, how much they spread, n, the assumption and what may not be claimed."""
        found, few = self.flagged(), int((self.estimates["verdict"] == TOO_FEW).sum())
        below = int((found["direction"] == "below").sum())
        spread, low, high = self.between
        mix = f" at the same {', '.join(self.adjusted_for)}" if self.adjusted_for else ""
        compared = len(self.effective)
        return (
            f"{len(found)} of {compared} dealers differ from the network mean of {self.centre:.2f} "
            f"({self.outcome}{mix}): {below} below, {len(found) - below} above; about "
            f"{100 * self.false_discovery_rate:g} % of such findings are false. The true standard "
            f"deviation between dealers is {spread:.2f} points ({100 * self.confidence:g} % interval "
            f"{low:.2f} to {high:.2f}). n = {self.provenance.n_used:,} answers; {few} dealers have fewer "
            f"than {self.minimum_n} and get no number. Assumes one spread of answers and dealers that "
            f"differ normally around one mean; ranks are not given, because chance decides most of them, "
            f"and a low mean does not say that the dealer is its cause."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The funnel: each dealer's mean against its answers, those called different with their name."""
        from cxlab.plots.funnel import funnel

        limits = self.funnel_limits()
        frame = self.estimates.merge(limits, on="segment").rename(columns={"segment": "term"})
        return funnel(
            frame.assign(flagged=frame["verdict"] == SUPPORTED),
            centre=self.centre,
            deviation=self.row_deviation,
            shares=FUNNEL_SHARES,
            title="Which dealers differ from the network",
            y_label=f"mean {self.outcome.replace('_', ' ')}, points",
            note=(
                f"{len(frame)} dealers, {self.provenance.n_used:,} answers; filled: different at a false "
                f"discovery rate of {100 * self.false_discovery_rate:g} %"
            ),
            ax=ax,
        )
