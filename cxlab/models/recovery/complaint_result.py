"""The effect of complaint handling as a result: contrasts, their gate, what would overturn them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from cxlab.core.result import Result
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED
from cxlab.models.recovery.complaint_tables import EVERYBODY, SHARED

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAIN = "fast - unresolved"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ComplaintResult(Result):
    """Effects of handling complaints.

    ``table()``: one row per outcome, contrast (``term``) and ``population``, with ``estimate`` (a share for
    0/1 outcomes, else points), interval, ``raw_difference`` (what a table of means says), Holm-adjusted
    ``p_value``, ``n``, ``verdict`` (``supported``: help raises the outcome; ``rejected``: it lowers it) and
    the ``reason`` where a number is withheld.
    """

    outcomes: tuple[str, ...]
    fast_days: float
    confidence: float
    severity_known: bool
    arm_rows: pd.DataFrame
    balance_rows: pd.DataFrame
    sensitivity_rows: pd.DataFrame
    bounds_rows: pd.DataFrame

    shown_columns: ClassVar[tuple[str, ...]] = (
        "outcome",
        "term",
        "population",
        "estimate",
        "conf_low",
        "conf_high",
        "raw_difference",
        "n",
        "verdict",
    )

    def overlap(self) -> pd.DataFrame:
        """Per outcome and arm: rows, effective rows, rare chances, imbalance before and after; a copy."""
        return self.arm_rows.copy()

    def balance(self) -> pd.DataFrame:
        """Per outcome and fact: the worst arm's difference before and after weighting; a copy."""
        return self.balance_rows.copy()

    def sensitivity(self) -> pd.DataFrame:
        """Fast against unresolved: how strong an unmeasured cause would have to be; a copy."""
        return self.sensitivity_rows.copy()

    def bounds(self) -> pd.DataFrame:
        """Where answers are missing: worst cases and the difference that would undo the effect; a copy."""
        return self.bounds_rows.copy()

    def summary(self) -> str:
        """The main effect per outcome, how it could be overturned, n, and what may not be claimed."""
        parts = [self._outcome_words(outcome) for outcome in self.outcomes]
        parts += [self._silence_words(row) for row in self.bounds_rows.to_dict("records")]
        parts.append(self._unmeasured_words())
        parts.append(
            f"n = {self.provenance.n_used:,} complaints. Assumes that among complaints alike in everything "
            "recorded, who was helped and how fast was as good as chance."
        )
        if not self.severity_known:
            parts.append("Severity is not recorded, so nothing may be said about what speed causes.")
        parts.append(
            "Not claimed: anything about customers who did not complain, or that failing and repairing is "
            "better than not failing."
        )
        return " ".join(part for part in parts if part)

    def _outcome_words(self, outcome: str) -> str:
        rows = self.estimates[(self.estimates["outcome"] == outcome) & (self.estimates["term"] == MAIN)]
        row, shared = (rows[rows["population"] == name].iloc[0] for name in (EVERYBODY, SHARED))
        what = outcome.replace("_", " ")
        if row["verdict"] == NOT_IDENTIFIED:
            said = f"What fast help does to {what} of all complainers is not identified: {row['reason']}."
            if shared["verdict"] == NOT_IDENTIFIED:
                return said
            return f"{said} Where the arms overlap it is {self._interval(shared)}."
        told = {SUPPORTED: "raises", REJECTED: "lowers"}.get(str(row["verdict"]), "may change")
        return (
            f"Resolving a complaint within {self.fast_days:g} days instead of leaving it unresolved {told} "
            f"{what} by {self._interval(row)}, {row['verdict']}; the raw difference of "
            f"{row['raw_difference']:+.2f} is another number, because complaints differ."
        )

    def _interval(self, row: pd.Series) -> str:
        limits = f"{row['conf_low']:+.2f} to {row['conf_high']:+.2f}"
        return f"{row['estimate']:+.2f} ({100 * self.confidence:g} % interval {limits})"

    def _silence_words(self, row: dict[Any, Any]) -> str:
        """What silence could hide in the main effect; empty for other contrasts and withheld ones."""
        if row["term"] != MAIN or pd.isna(row["estimate"]):
            return ""
        shares = f"{row['answered_share']:.0%} and {row['answered_share_base']:.0%}"
        return (
            f"{shares} of the two arms told their {str(row['outcome']).replace('_', ' ')}: whatever the "
            f"others think, the effect lies between {row['low_worst']:+.2f} and {row['high_worst']:+.2f}, "
            f"and is gone only if they are {row['tipping_points']:.1f} points apart from those who did."
        )

    def _unmeasured_words(self) -> str:
        row = self.sensitivity_rows.iloc[0]
        if row["verdict"] == NOT_IDENTIFIED:
            return "How strong an unmeasured cause would have to be is not worth asking before that."
        text = (
            f"To explain away the interval for {str(row['outcome']).replace('_', ' ')}, an unmeasured "
            f"cause would have to raise both fast help and the outcome {row['e_value_of_limit']:.1f}-fold "
            f"(E-value of the limit)"
        )
        if "strongest_measured" not in row or pd.isna(row["strongest_measured"]):
            return f"{text}."
        return (
            f"{text}; the strongest measured one, {str(row['strongest_measured']).replace('_', ' ')}, "
            f"reaches {row['e_value_of_strongest']:.1f}: without it the estimate moves by "
            f"{row['moved_without_it']:+.2f}."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The contrasts of the first outcome with intervals; open where only shared ground is compared."""
        return self.plot_outcome(self.outcomes[0], ax=ax)

    def plot_outcome(self, outcome: str, *, ax: Axes | None = None) -> Axes:
        """The contrasts of one outcome, for all complaints and for those where the arms overlap."""
        from cxlab.plots.forest import forest

        rows = self.estimates[self.estimates["outcome"] == outcome].copy()
        rows["solid"] = rows["population"] == EVERYBODY
        rows["text"] = "not identified"
        rows["term"] = rows["term"].str.replace(" - ", " against ") + ", " + rows["population"]
        what = outcome.replace("_", " ")
        unit = "share of customers" if outcome == "retained" else "points"
        return forest(
            rows,
            title=f"What handling does to {what}",
            x_label=f"difference in {what}, {unit}",
            note=(
                f"n = {int(rows['n'].max()):,}; {100 * self.confidence:g} % intervals; hollow: only "
                "complaints for which every handling was possible"
            ),
            reference=0.0,
            ax=ax,
        )

    def plot_balance(self, *, ax: Axes | None = None) -> Axes:
        """How unlike the arms were before weighting and are after, fact by fact, first outcome."""
        from cxlab.plots.balance import balance_plot

        rows = self.balance_rows[self.balance_rows["outcome"] == self.outcomes[0]]
        return balance_plot(
            rows,
            title="Were the complaints alike?",
            note="per fact the arm that differed most; grey band: 0.1 standard deviations",
            most=14,
            who=("arm", "all complaints"),
            ax=ax,
        )
