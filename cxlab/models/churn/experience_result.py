"""What experience adds to a churn forecast, as a result: the gain, its interval, the words allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from cxlab.core.result import Check, Result, checks_table
from cxlab.core.verdicts import REJECTED, SUPPORTED
from cxlab.models.churn.diagnostics import churners_check, time_order_check, unknown_check
from cxlab.models.churn.folds import ALL, Plan
from cxlab.models.churn.outcomes import KnownOutcomes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MINIMUM_CHURNERS = 100


def experience_checks(estimates: pd.DataFrame, plan: Plan, known: KnownOutcomes) -> pd.DataFrame:
    """Time order, churners, known outcomes, and whether the base forecast is worth comparing with."""
    lines = pooled_lines(estimates)
    auc = float(lines["auc_base"]["conf_low"])
    return checks_table(
        [
            time_order_check(plan),
            churners_check(int(lines["auc_base"]["n_churned"]), MINIMUM_CHURNERS),
            Check(
                check="base forecast beats chance",
                value=round(auc, 6),
                threshold="lower limit of auc_base > 0.5",
                passed=bool(auc > 0.5),
                meaning="against a base that knows nothing any signal looks new",
            ),
            unknown_check(known),
        ]
    )


def pooled_lines(estimates: pd.DataFrame) -> dict[str, pd.Series]:
    """The line of each term over all held-out rows."""
    rows = estimates[estimates["segment"] == ALL]
    return {str(row["term"]): row for _, row in rows.iterrows()}


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ExperienceResult(Result):
    """The out-of-time gain of a forecast with experience over one without.

    Attributes
    ----------
    scored_rows
        Held-out rows: customer_id, churned, probability_base, probability_full, segment, reference.
    base_features, experience_features
        The columns of each side.
    half_lives_days
        Tested cut -> the half-life its training rows preferred; empty if none was profiled.
    """

    scored_rows: pd.DataFrame
    blocks: tuple[str, ...]
    base_features: tuple[str, ...]
    experience_features: tuple[str, ...]
    half_lives_days: Mapping[str, int]
    confidence: float
    in_time_order: bool

    def scored(self) -> pd.DataFrame:
        """The held-out rows with both probabilities; a copy."""
        return self.scored_rows.copy()

    def summary(self) -> str:
        """Whether experience predicts beyond the rest, by how much, and what may not be claimed."""
        lines = pooled_lines(self.estimates)
        gain, share = lines["log_loss_gain"], lines["share_of_explained"]
        aucs = [float(lines[term]["estimate"]) for term in ("auc_base", "auc_full")]
        n, events = int(gain["n"]), int(gain["n_churned"])
        words = {
            SUPPORTED: "predicts churn beyond",
            REJECTED: "makes the forecast of churn worse than",
        }.get(str(gain["verdict"]), "is not shown to predict churn beyond")
        order = "later dates" if self.in_time_order else "other customers (no dates)"
        lived = ""
        if self.half_lives_days:
            days = ", ".join(str(day) for day in sorted(set(self.half_lives_days.values())))
            lived = f" Half-life chosen inside the training rows: {days} days."
        return (
            f"Experience ({', '.join(self.blocks)}: {len(self.experience_features)} columns) {words} the "
            f"other {len(self.base_features)} columns: log-loss on {order} falls by "
            f"{1000 * gain['estimate']:.1f} thousandths [{1000 * gain['conf_low']:.1f}, "
            f"{1000 * gain['conf_high']:.1f}], {share['estimate']:.0%} of all that is explained "
            f"[{share['conf_low']:.0%}, {share['conf_high']:.0%}]; AUC {aucs[0]:.3f} "
            f"to {aucs[1]:.3f}; {n:,} held-out rows, {events:,} churned.{lived} "
            "It holds while records say when they became known and answers come from customers like these; "
            "to predict is not to cause: nothing is said about whom a better experience would keep."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The gain in log-loss per tested cut and in all, with intervals."""
        from cxlab.plots.forest import forest

        rows = self.estimates[self.estimates["term"] == "log_loss_gain"].copy()
        for column in ("estimate", "conf_low", "conf_high"):
            rows[column] *= 1000.0
        rows["solid"] = rows["conf_low"] > 0.0
        rows["text"] = rows["verdict"]
        rows["term"] = rows["segment"].replace({ALL: "all held-out rows"})
        n, events = len(self.scored_rows), int(self.scored_rows["churned"].sum())
        return forest(
            rows,
            title="What experience adds to the forecast",
            x_label="fall of the out-of-time log-loss, thousandths",
            note=f"{n:,} rows, {events:,} churned; {self.confidence:.0%} intervals over customers; "
            "hollow: may be nothing",
            reference=0.0,
            decimals=1,
            ax=ax,
        )
