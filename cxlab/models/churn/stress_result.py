"""The result of a stress test: today beside the scenario, by loyalty segment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pandas as pd

from cxlab.core.result import Result
from cxlab.models.churn.folds import ALL

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class StressResult(Result):
    """Churn, value at risk and spending today and in the scenario; rows of the scenario are labelled."""

    segments: tuple[str, ...]
    price_pressure: float
    price_sensitivity: tuple[float, float]
    spending_shock: tuple[float, float]
    currency: str
    confidence: float

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term",
        "segment",
        "label",
        "estimate",
        "conf_low",
        "conf_high",
        "n",
    )

    def summary(self) -> str:
        """What the scenario would do, to whom most, and that it is no forecast."""
        today, later = (self._line(f"churn_share_{when}", ALL) for when in ("today", "scenario"))
        risk, cut = self._line("value_at_risk_rise", ALL), self._line("spending_lost_scenario", ALL)
        rises = {name: self._line("churn_share_rise", name)["estimate"] for name in self.segments}
        most, least = max(rises, key=rises.__getitem__), min(rises, key=rises.__getitem__)
        return (
            f"Scenario, not a forecast: with prices {self.price_pressure:.0%} up against incomes, "
            f"churn would go "
            f"from {today['estimate']:.1%} to {later['estimate']:.1%} [{later['conf_low']:.1%}, "
            f"{later['conf_high']:.1%}] of {int(today['n']):,} customers. Value at risk would rise by "
            f"{_money(risk)} {self.currency}, and those who stay would spend {_money(cut)} "
            f"{self.currency} less. "
            f"The {most} would react most ({100 * rises[most]:+.1f} points of churn), the {least} least "
            f"({100 * rises[least]:+.1f}). Price sensitivity and spending shock are assumptions within the "
            f"ranges given, not measured here; the order of the segments follows from them."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Churn today and in the scenario by segment, on ``ax``; without ``ax`` beside value at risk."""
        from cxlab.plots.scenario import plot_scenario

        note = (
            f"n = {int(self._line(TODAY, ALL)['n']):,} customers; bars: {self.confidence:.0%} of the draws"
        )
        both = ax is None
        if ax is None:
            import matplotlib.pyplot as plt

            axes = plt.subplots(1, 2, figsize=(11.5, 4.2), layout="constrained")[1]
            ax = axes[0]
        drawn = plot_scenario(
            self._pairs("churn_share"),
            title="Scenario: churn in a downturn",
            x_label="share of customers leaving",
            percent=True,
            note=note,
            ax=ax,
        )
        if both:
            plot_scenario(
                self._pairs("value_at_risk"),
                title="Scenario: value at risk",
                x_label=f"value at risk, {self.currency}",
                percent=False,
                note="a scenario with set parameters, not a forecast",
                ax=axes[1],
            )
        return drawn

    def _pairs(self, measure: str) -> pd.DataFrame:
        """One row per segment: today and scenario with limits, in the order of loyalty."""
        rows = []
        for name in self.segments:
            row: dict[str, object] = {"segment": name}
            for when in ("today", "scenario"):
                line = self._line(f"{measure}_{when}", name)
                row |= {f"{when}": line["estimate"], f"{when}_low": line["conf_low"]}
                row |= {f"{when}_high": line["conf_high"], "n": line["n"]}
            rows.append(row)
        return pd.DataFrame(rows)

    def _line(self, term: str, segment: str) -> pd.Series:
        rows = self.estimates
        return rows[(rows["term"] == term) & (rows["segment"] == segment)].iloc[0]


TODAY = "churn_share_today"


def _money(line: pd.Series) -> str:
    return f"{line['estimate']:,.0f} [{line['conf_low']:,.0f}, {line['conf_high']:,.0f}]"
