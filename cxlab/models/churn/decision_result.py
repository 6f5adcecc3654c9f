"""The result of a decision: whom to contact, what it earns, and whether the gate is passed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar, Final

import numpy as np
import pandas as pd

from cxlab.core.errors import FitError
from cxlab.core.person_files import check_place, check_purpose, write_person_file
from cxlab.core.pseudonyms import Pseudonyms
from cxlab.core.result import Result
from cxlab.core.verdicts import SUPPORTED
from cxlab.models.churn.call_list import both_names, call_list, removed, shown_calls
from cxlab.models.churn.decision_checks import GATE
from cxlab.models.churn.decision_measures import RULE
from cxlab.models.churn.decision_rows import VALUE_BASIS
from cxlab.models.churn.folds import ALL
from cxlab.stats.profit import ContactTerms

#: What goes into the note beside every list.
BASIS: Final = (
    "profiling for contact decisions: no automated decision with legal effect (GDPR Art. 22); who objects "
    "(Art. 21) is left out; pseudonyms remain personal data (Art. 4(5))"
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class DecisionResult(Result):
    """Decisions about customers, the rule judged on past customers, and the list of whom to call.

    Attributes
    ----------
    decided
        The customers at hand, highest expected profit first, see :meth:`customers`.
    rule_rows, curve_rows
        Rules side by side, and profit by share contacted, on past customers.
    terms, currency, confidence, segment_column
        The settings they were made with.
    """

    decided: pd.DataFrame
    rule_rows: pd.DataFrame
    curve_rows: pd.DataFrame
    terms: ContactTerms
    currency: str
    confidence: float
    segment_column: str

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term",
        "segment",
        "estimate",
        "conf_low",
        "conf_high",
        "n",
        "n_contacted",
        "verdict",
    )

    @property
    def gate_passed(self) -> bool:
        """Whether the probabilities hold well enough to be multiplied with money."""
        gate = self.diagnostics.set_index("check").loc[list(GATE), "passed"]
        return bool(gate.all())

    @property
    def model_id(self) -> str:
        """Twelve characters that name this decision: its data, settings and version."""
        return self.provenance.short_id()

    @property
    def value_bases(self) -> dict[str, int]:
        """What the values of the customers at hand are (a lifetime value, a column, a declared amount)."""
        return {str(basis): int(n) for basis, n in self.decided[VALUE_BASIS].value_counts().items()}

    def rules(self) -> pd.DataFrame:
        """Profit per past customer under several rules of contact; a copy.

        ``behind`` is how much the rule earns less than contacting by expected profit, from the same draws.
        Amounts are what contacts would have earned had they kept ``save_share`` of the leavers.
        """
        return self.rule_rows.copy()

    def curve(self) -> pd.DataFrame:
        """Profit per past customer by the share contacted, in two orders, with pointwise limits; a copy."""
        return self.curve_rows.copy()

    def customers(self) -> pd.DataFrame:
        """The customers at hand with value, risk, profit, decision; with identifiers: not for a report."""
        return self.decided.copy()

    def shown_calls(self, rows: int = 5) -> pd.DataFrame:
        """The first rows of the list as a report may show them: numbered, rounded, no identifier."""
        return shown_calls(self.decided, rows=rows)

    def call_list(self, pseudonyms: Pseudonyms, *, opted_out: Iterable[str] = ()) -> pd.DataFrame:
        """The customers to contact under pseudonyms, highest expected profit first.

        Columns: customer_pseudonym, probability with limits, value, value_basis, value_at_risk,
        expected_profit with limits, decision, reason_1 to reason_3, open_complaints, model_id, cut_at.
        Customers of ``opted_out`` are left out.
        """
        return call_list(self.decided, pseudonyms, model_id=self.model_id, opted_out=opted_out)

    def write_list(
        self,
        path: str | Path,
        *,
        purpose: str,
        pseudonyms: Pseudonyms | None = None,
        opted_out: Iterable[str] = (),
        accept_failed_gate: bool = False,
        expires_days: int = 90,
    ) -> Path:
        """Write the call list as CSV or Parquet outside the reports, mode 600, with a note beside it.

        Parameters
        ----------
        path
            Ends in .csv or .parquet; not below a folder called reports, notebooks or docs.
        purpose
            What the persons are contacted for, in words; it is written into ``NAME.about.json``.
        pseudonyms
            The key; None takes the file that ``CXLAB_KEY_FILE`` names.
        opted_out
            Customer ids that object to being contacted or profiled: left out, counted in the note.
        accept_failed_gate
            Write although the probabilities failed the gate; the note says so.
        expires_days
            After so many days the list has to be deleted, 1 or more.

        Returns
        -------
        Path
            Of the list.

        Raises
        ------
        FitError
            If the gate failed and that is not accepted: amounts would be wrong, and EMP would not show it.
        ParameterError
            For a closed place, a missing purpose or key.
        """
        check_place(Path(path))
        check_purpose(purpose)
        if not self.gate_passed and not accept_failed_gate:
            failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"]
            broken = ", ".join(name for name in failed if name in GATE)
            raise FitError(
                f"No list: the probabilities failed the gate ({broken}), so the amounts would be wrong. "
                "Next step: train without class weights or resampling, recalibrate on later dates, "
                "or write with accept_failed_gate=True."
            )
        names = Pseudonyms.from_environment() if pseudonyms is None else pseudonyms
        out = list(opted_out)
        table = self.call_list(names, opted_out=out)
        about = self._about(names, removed(self.decided, both_names(out, names)))
        return write_person_file(path, table, purpose=purpose, about=about, expires_days=expires_days)

    def _about(self, names: Pseudonyms, left_out: int) -> dict[str, object]:
        return {
            "model_id": self.model_id,
            "gate_passed": self.gate_passed,
            "key_id": names.key_id,
            "left_out_as_opted_out": left_out,
            "settings": dict(self.provenance.settings),
            "value_basis": self.value_bases,
            "basis": BASIS,
        }

    def summary(self) -> str:
        """Whom to contact, what it is expected to earn, how it did on past customers, and the limits."""
        chosen = self._line("expected_profit", ALL)
        risk = self._line("value_at_risk", ALL)
        past = self._line("profit_per_customer", "past customers")
        gain = self._line("gain_over_single_threshold", "past customers")
        money = self.currency
        shown = "is shown to earn" if past["verdict"] == SUPPORTED else "is not shown to earn"
        first = (
            f"Contacting {int(chosen['n_contacted']):,} of {int(chosen['n']):,} customers is "
            f"expected to earn "
            f"{_range(chosen, 0)} {money}; value at risk among all is {_range(risk, 0)} {money} "
            f"({self.confidence:.0%} intervals over customers)."
        )
        second = (
            f"On {int(past['n']):,} past rows the rule {shown} more than contacting nobody, "
            f"{_range(past, 2)} {money} per customer, {_range(gain, 2)} more than one threshold for all."
        )
        failed = self.diagnostics.loc[~self.diagnostics["passed"].astype(bool), "check"].tolist()
        warned = f" Failed checks: {', '.join(failed)}." if failed else ""
        if not self.gate_passed:
            warned += " The probabilities failed the gate: do not act on these amounts."
        terms = self.terms
        limit = (
            f"Value of a customer: {', '.join(self.value_bases) or 'none'}. "
            f"Every amount assumes that a contact keeps {terms.save_share:.0%} of those who would "
            f"leave, whoever "
            f"they are; only a randomised test can show that, and risk is not persuadability."
        )
        return f"{first} {second}{warned} {limit}"

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Profit on past customers by the share contacted, with the point of the rule and its interval."""
        from cxlab.plots.decision import plot_profit_curve

        rule = self.rule_rows[self.rule_rows["rule"] == RULE].iloc[0]
        return plot_profit_curve(
            self.curve_rows,
            rule=rule,
            currency=self.currency,
            title="How many contacts pay?",
            note=f"n = {int(rule['n']):,} past rows with known outcome; band, bar: {self.confidence:.0%} "
            f"limits; assumes {self.terms.save_share:.0%} of leavers contacted stay",
            ax=ax,
        )

    def _line(self, term: str, segment: str) -> pd.Series:
        rows = self.estimates
        return rows[(rows["term"] == term) & (rows["segment"] == segment)].iloc[0]


def _range(line: pd.Series, decimals: int) -> str:
    shown = f"{line['estimate']:,.{decimals}f}"
    if not np.isfinite(line["conf_low"]):
        return shown
    return f"{shown} [{line['conf_low']:,.{decimals}f}, {line['conf_high']:,.{decimals}f}]"
