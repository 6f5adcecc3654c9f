"""What the purchase model returns: parameters, means and value with limits, and a forecast per customer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.errors import FitError
from cxlab.core.result import Result
from cxlab.models.churn.purchase_tables import PurchaseEvidence, per_customer
from cxlab.plots.words import periods_word
from cxlab.stats.purchases import PurchaseRows, chance_alive

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cxlab.models.churn.purchase_model import PurchaseModel


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class PurchaseResult(Result):
    """A fitted model of repeat buying; see :class:`PurchaseModel`.

    Attributes
    ----------
    settings
        The model that was fitted.
    evidence
        Parameters with their replicates.
    cells
        The distinct histories with their number of customers.
    """

    settings: PurchaseModel
    evidence: PurchaseEvidence
    cells: PurchaseRows

    def predict(self, table: pd.DataFrame) -> pd.DataFrame:
        """chance_active, expected_purchases and, with spend, mean_spend and value of each row.

        Raises
        ------
        FitError
            If a column of the history is absent.
        """
        needed = ["frequency", "recency_periods", "age_periods"]
        if self.evidence.spend is not None:
            needed.append("mean_spend")
        absent = [name for name in needed if name not in table]
        if absent:
            raise FitError(
                f"PurchaseModel: the table lacks {', '.join(absent)}. Next step: make it with "
                "cxlab.purchases."
            )
        return per_customer(self.settings, table, self.evidence.fit, self.evidence.spend)

    def summary(self) -> str:
        """Customers still active, purchases and value ahead, with limits and what is not known."""
        rows = {str(row["term"]): row for _, row in self.estimates.iterrows()}
        unit = periods_word(self.settings.period)
        n = int(rows["r"]["n"])
        parts = [
            f"Of {n:,} customers {_percent(rows['chance_active'])} are expected to be still active "
            f"({self.settings.confidence:.0%} interval); over the next "
            f"{self.settings.horizon_periods:g} {unit} "
            f"they buy {_shown(rows['expected_purchases'])} times each."
        ]
        if "value" in rows and np.isfinite(rows["value"]["estimate"]):
            parts.append(
                f"The margin of these purchases is {_shown(rows['value'])} per customer, "
                f"{rows['value_total']['estimate']:,.0f} in all."
            )
        failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"].tolist()
        if failed:
            parts.append(f"Failed checks: {', '.join(failed)}.")
        parts.append(
            "Nobody gives notice, so a chance to be active is a reading of silence; it holds if "
            "buying keeps "
            "its pace and who has left does not return."
        )
        return " ".join(parts)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Chance to be active by repeat purchases and by the time since the last one, with customers."""
        from cxlab.plots.purchases import plot_active

        age = float(np.average(self.cells.age, weights=self.cells.weight))
        most = int(np.quantile(np.repeat(self.cells.frequency, self.cells.weight.astype(int)), 0.99))
        counts = np.unique(np.round(np.geomspace(1, max(most, 2), 5)).astype(int))
        since = np.linspace(0.0, age, 61)
        lines = [
            pd.DataFrame(
                {
                    "frequency": count,
                    "since": since[:-1],
                    "chance": chance_alive(
                        self.evidence.fit,
                        np.full(60, float(count)),
                        age - since[:-1],
                        np.full(60, age),
                    ),
                }
            )
            for count in counts
        ]
        return plot_active(
            pd.concat(lines, ignore_index=True),
            ax=ax,
            period=self.settings.period,
            note=f"customers first seen {age:.0f} {periods_word(self.settings.period)} ago; "
            f"n = {int(self.cells.weight.sum()):,}",
        )


def _percent(line: pd.Series) -> str:
    return f"{line['estimate']:.1%} [{line['conf_low']:.1%}, {line['conf_high']:.1%}]"


def _shown(line: pd.Series) -> str:
    return f"{line['estimate']:,.2f} [{line['conf_low']:,.2f}, {line['conf_high']:,.2f}]"
