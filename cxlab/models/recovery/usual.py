"""What people usually compute as a repair ratio, with honest intervals around the wrong quantity."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError
from cxlab.core.membership import is_in
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, TOO_FEW
from cxlab.models.recovery.repair_evidence import NEVER, Floats
from cxlab.models.recovery.repair_rows import (
    KINDS,
    QUESTION,
    RepairRows,
    current_visit_entries,
    repair_rows,
    stock_entries,
)
from cxlab.plots.repair import plot_usual_ratios
from cxlab.stats.fieller import fieller_set
from cxlab.stats.fixed_effects import Clustered, clustered_least_squares, plan_absorption
from cxlab.stats.stock import Entries, plan_stocks

if TYPE_CHECKING:
    from matplotlib.axes import Axes

#: Method -> what it overlooks.
METHODS = {
    "raw means after a contact": "compares different customers, and forgets what came before",
    "raw means, survivors only": "the same, among those whom the bad experiences did not drive away",
    "customer totals": "mean answer over all experiences ever had, between customers",
    "customer totals, survivors only": "the same, among those who are still there",
    "good and bad told in the same survey": "one mood of the day is in the experience and in the answer",
    "last contacts, within customers": "forgets what earlier experiences left behind",
    "counts, within customers": "treats an experience of years ago like one of yesterday",
}


APART = Check(
    check="the methods estimate the repair ratio",
    value="no",
    threshold="yes",
    passed=False,
    meaning="they differ from it by what they overlook; see the column meaning",
)
Fit = tuple[Clustered | None, list[str]]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class UsualRatioResult(Result):
    """Ratios as usually computed; each row names what the method overlooks."""

    confidence: float

    def summary(self) -> str:
        """Each usual ratio with its interval, and why none of them is the repair ratio."""
        said = [
            f"{row['method']} {row['estimate']:.1f} [{row['conf_low']:.1f}, {row['conf_high']:.1f}]"
            for row in self.estimates.to_dict("records")
            if row["state"] == "unresolved" and np.isfinite(row["estimate"])
        ]
        found = "; ".join(said) if said else "no method gives a bounded number"
        return (
            f"Positives per unresolved negative as usually computed: {found} "
            f"({self.confidence:.0%} intervals, n = {self.provenance.n_used:,} rows). The intervals hold "
            f"what each method estimates, which is not the repair ratio: it overlooks customers' own "
            f"levels, fading, or both. Not to be reported as a repair ratio; RepairModel estimates that."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The usual ratios side by side with their intervals."""
        n = int(self.estimates["n"].iloc[0])
        return plot_usual_ratios(
            self.estimates, ax=ax, note=f"n = {n:,} customers; lines: {self.confidence:.0%} intervals"
        )


@dataclass(frozen=True, kw_only=True)
class UsualRatioModel:
    """Repair ratios as usually computed, to be shown beside :class:`RepairModel` and never instead of it.

    Parameters
    ----------
    outcome
        Column of the answers.
    contact_days
        What counts as "after a contact", in days before the answer.
    confidence
        Confidence level, 0..1.

    Examples
    --------
    >>> UsualRatioModel().contact_days
    30.0
    """

    outcome: str = "overall"
    contact_days: float = 30.0
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_share("UsualRatioModel", "confidence", self.confidence)
        require_at_least("UsualRatioModel", "contact_days", self.contact_days, 0.1)

    def fit(
        self,
        answers: pd.DataFrame,
        experiences: pd.DataFrame,
        customers: pd.DataFrame | None = None,
        rated: pd.DataFrame | None = None,
    ) -> UsualRatioResult:
        """The usual ratios for unresolved and resolved negatives.

        Parameters
        ----------
        answers, experiences
            As :meth:`RepairModel.fit` takes them.
        customers
            customer_id and left_at (missing for who is still there), for the rows of survivors; without
            it they are left out.
        rated
            Experiences told by the customers (:func:`cxlab.rated_experiences`), for the row of the same
            survey; without it the row is left out.

        Returns
        -------
        UsualRatioResult
            ``table()``: term, method, state (unresolved, resolved), estimate, std_error, conf_low,
            conf_high, p_value (empty), n (customers), unit, verdict, meaning.

        Raises
        ------
        NotAnswerableError
            If no customer answered twice, or answers see no positive or no negative experience.
        """
        rows = repair_rows(answers, experiences, outcome=self.outcome, discard_days=0.0)
        if rows.n_customers < 2 or rows.n_seen[0] == 0 or sum(rows.n_seen[1:]) == 0:
            raise NotAnswerableError(
                QUESTION,
                reason="Too few: positive and negative experiences before repeated answers are needed.",
                next_step="customers with two or more answers after good and bad experiences.",
            )
        told = None
        if rated is not None:
            told = repair_rows(answers, rated, outcome=self.outcome, discard_days=0.0)
        stayed = _survivors(answers, experiences, customers, outcome=self.outcome)
        fits = self._fits(rows, stayed=stayed, told=told)
        found = fits.items()
        table = [self._row(used, method, *fit, k) for method, (used, fit) in found for k in KINDS[1:]]
        return UsualRatioResult(
            estimates=pd.DataFrame(table),
            diagnostics=checks_table([APART]),
            provenance=Provenance(
                model="UsualRatioModel",
                n_rows=len(answers) + len(experiences),
                n_used=rows.n_used,
                n_set_aside=rows.n_set_aside,
                settings=dataclasses.asdict(self),
            ),
            confidence=self.confidence,
        )

    def _fits(
        self, rows: RepairRows, *, stayed: RepairRows | None, told: RepairRows | None
    ) -> dict[str, tuple[RepairRows, Fit]]:
        """Per method in the order of :data:`METHODS` the rows it reads and what it finds."""
        raw, raw_stayed, totals, totals_stayed, same, last, counts = METHODS
        near = current_visit_entries(rows, days=self.contact_days)
        found = {raw: (rows, _fitted(rows, near, within=False)), totals: (rows, _totals(rows))}
        if stayed is not None:
            near_stayed = current_visit_entries(stayed, days=self.contact_days)
            found[raw_stayed] = (stayed, _fitted(stayed, near_stayed, within=False))
            found[totals_stayed] = (stayed, _totals(stayed))
        if told is not None:
            near_told = current_visit_entries(told, days=self.contact_days)
            found[same] = (told, _fitted(told, near_told, within=True))
        found[last] = (rows, _fitted(rows, near, within=True))
        found[counts] = (rows, _fitted(rows, stock_entries(rows), within=True))
        return {method: found[method] for method in METHODS if method in found}

    def _row(
        self, rows: RepairRows, method: str, fit: Clustered | None, kinds: list[str], kind: str
    ) -> dict[str, object]:
        from scipy.stats import norm

        state = kind.removeprefix("negative_")
        row: dict[str, object] = {"term": f"{method}: {state}", "method": method, "state": state}
        row |= dict.fromkeys(("estimate", "std_error", "conf_low", "conf_high", "p_value"), np.nan)
        row |= {
            "n": rows.n_customers,
            "unit": "positives per negative",
            "verdict": "",
            "meaning": METHODS[method],
        }
        if fit is None or "positive" not in kinds or kind not in kinds:
            return row | {"verdict": TOO_FEW}
        p, k = kinds.index("positive"), kinds.index(kind)
        good, bad = fit.coefficients[p], -fit.coefficients[k]
        v = fit.sandwich()
        found = fieller_set(
            float(bad), float(good), variance_numerator=v[k, k], variance_denominator=v[p, p],
            covariance=-v[k, p], critical=float(norm.ppf(0.5 + self.confidence / 2.0)),
        )  # fmt: skip
        if not found.bounded or good <= 0:
            return row | {"verdict": NOT_IDENTIFIED, "meaning": f"{METHODS[method]}: {NEVER}"}
        ratio = bad / good
        error = np.sqrt(v[k, k] + 2.0 * ratio * v[k, p] + ratio**2 * v[p, p]) / good
        return row | {
            "estimate": ratio,
            "std_error": error,
            "conf_low": found.low,
            "conf_high": found.high,
        }


def _survivors(
    answers: pd.DataFrame, experiences: pd.DataFrame, customers: pd.DataFrame | None, *, outcome: str
) -> RepairRows | None:
    """The rows of customers who have not left; None if nobody says who left or nobody is there."""
    if customers is None or "left_at" not in customers.columns:
        return None
    there = customers.loc[customers["left_at"].isna(), CUSTOMER_ID]
    rows = repair_rows(
        answers[is_in(answers[CUSTOMER_ID], there)],
        experiences[is_in(experiences[CUSTOMER_ID], there)],
        outcome=outcome,
        discard_days=0.0,
    )
    return rows if rows.n_customers >= 2 else None


def _totals(rows: RepairRows) -> Fit:
    """Between customers: the mean answer on the number of experiences of each kind, ever."""
    past = rows.experiences
    good, settled = past.positive, np.isfinite(past.resolved)
    counts = np.column_stack(
        [
            np.bincount(past.owner[mask], minlength=rows.n_customers).astype(np.float64)
            for mask in (good, ~good & ~settled, ~good & settled)
        ]
    )
    answered = np.bincount(rows.owner, minlength=rows.n_customers)
    mean = np.bincount(rows.owner, weights=rows.outcome, minlength=rows.n_customers) / answered
    each = plan_absorption(np.arange(rows.n_customers))
    try:
        fit = clustered_least_squares(counts - counts.mean(axis=0), mean - mean.mean(), absorption=each)
    except np.linalg.LinAlgError:
        return None, []
    return fit, list(KINDS)


def _fitted(rows: RepairRows, entries: Entries, *, within: bool) -> Fit:
    """Least squares on unfaded counts, clustered by customer, and the kinds that vary."""
    counts = plan_stocks(rows.owner, rows.at, entries=entries, n_stocks=len(KINDS)).stocks(np.inf)
    absorption = plan_absorption(rows.owner, rows.month if within else None)

    def centred(matrix: Floats) -> Floats:
        return absorption.absorb(matrix) if within else matrix - matrix.mean(axis=0)

    design = centred(counts)
    kept = np.flatnonzero(np.square(design).sum(axis=0) > 1e-9 * len(design))
    try:
        fit = clustered_least_squares(
            design[:, kept], centred(rows.outcome[:, None])[:, 0], absorption=absorption
        )
    except np.linalg.LinAlgError:
        return None, []
    return fit, [KINDS[index] for index in kept]
