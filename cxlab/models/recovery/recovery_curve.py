"""How many positives until ratings are back after a bad experience, beside customers before any."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.core.membership import is_in
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import REJECTED, SUPPORTED, UNDETERMINED
from cxlab.models.recovery.recovery_rows import (
    LEFT,
    RECOVERED,
    Booleans,
    Floats,
    RecoverySpells,
    affected_events,
    placebo_events,
    recovery_spells,
)
from cxlab.models.recovery.repair_rows import repair_rows
from cxlab.plots.recovery_curve import plot_recovery_curve
from cxlab.stats.competing import cumulative_incidence

if TYPE_CHECKING:
    from matplotlib.axes import Axes

CURVE_QUESTION = "How many positives until ratings are back after a bad experience"
LEFT_AT = "left_at"
#: Customers are drawn in at most so many blocks.
MOST_BLOCKS = 1_000
AFFECTED, PLACEBO = "after a bad experience", "placebo: before any bad experience"


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RecoveryCurveResult(Result):
    """Curve, placebo curve and their difference; see :class:`RecoveryCurveModel`."""

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term", "estimate", "conf_low", "conf_high", "n", "unit", "verdict",
    )  # fmt: skip

    incidence: pd.DataFrame
    in_a_row: int
    unit: str
    confidence: float

    def curves(self) -> pd.DataFrame:
        """The curves: group, event (back, left), step, estimate, conf_low, conf_high; a copy."""
        return self.incidence.copy()

    def summary(self) -> str:
        """Both medians, their difference, and why neither is the answer."""
        rows = {row["term"]: row for row in self.estimates.to_dict("records")}
        real, placebo, lost = rows["median_affected"], rows["median_placebo"], rows["extra_steps"]
        answers = "1 answer" if self.in_a_row == 1 else f"{self.in_a_row} answers in a row"
        return (
            f"Half of the customers gave {answers} at or above their own mean before within "
            f"{_steps(real['estimate'])} {self.unit} of a bad experience; of customers before any bad "
            f"experience, within {_steps(placebo['estimate'])} ({int(real['n']):,} and "
            f"{int(placebo['n']):,} customers). The placebo is what chance alone reaches. After a bad "
            f"experience ratings stay below for {lost['estimate']:.2f} [{lost['conf_low']:.2f}, "
            f"{lost['conf_high']:.2f}] {self.unit} longer on average, of those followed "
            f"({self.confidence:.0%} interval; longer at all: {lost['verdict']}). These describe "
            f"ratings: how many positives repair a bad experience is positives_until_back of RepairModel. "
            f"Assumption: whoever stops answering is like those who go on; leaving is counted apart. Not "
            f"claimed: that the level is back, that the difference is the effect of the experience, or "
            f"anything about those who left before they answered again: both curves begin with an answer."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Share back and share gone by step, each beside its placebo."""
        rows = {row["term"]: row for row in self.estimates.to_dict("records")}
        note = (
            f"n = {int(rows['median_affected']['n']):,} and {int(rows['median_placebo']['n']):,} "
            f"customers; bands: {self.confidence:.0%} intervals; descriptive, not the repair ratio"
        )
        return plot_recovery_curve(self.incidence, in_a_row=self.in_a_row, unit=self.unit, note=note, ax=ax)


@dataclass(frozen=True, kw_only=True)
class RecoveryCurveModel:
    """Steps from a customer's first bad experience until ratings are back, always beside a placebo.

    Rule: ``in_a_row`` answers in a row at or above the customer's own mean before the event. Estimated
    is the cumulative incidence of being back, with leaving as competing event and censoring at the last
    answer. The placebo is the same rule from the answers of customers before any bad experience, weighed
    to stand at the n-th answer as often as real events do, and followed up to the first bad one.

    Parameters
    ----------
    in_a_row
        Answers in a row that count as back.
    count
        "positives" (positive experiences between the first answer after the event and the answer that is
        back; 0 is possible) or "answers" (1 is the first answer after the event).
    steps
        Longest wait that is drawn and averaged over.
    least_before
        Answers before the event that the own mean needs.
    outcome
        Column of the answers.
    minimum_customers
        Customers per group, below which no number is given.
    confidence, replicates, seed
        Level of the intervals; bootstrap samples of customers behind them, their seed.

    Notes
    -----
    ``extra_steps`` = mean over both groups' curves of the steps not yet back:
    ``sum over t < steps of (F_placebo(t) - F_affected(t))``, with a percentile bootstrap of customers.
    No number of this model is given without its placebo: counted on ratings alone, the noise of a single
    answer brings half of all customers "back" at once, whatever happened.

    Assumption: within a group, whoever is censored is like who is not; placebo customers answer as
    affected ones would have. A customer may stand in both groups, first as placebo; customers are drawn
    with both spells. Immortal time: a spell begins with an answer, so whoever left after the event before
    answering again is in neither curve.

    References
    ----------
    Aalen and Johansen (1978), Scandinavian Journal of Statistics 5, 141-150.

    Examples
    --------
    >>> RecoveryCurveModel(in_a_row=3).in_a_row
    3
    """

    in_a_row: int = 1
    count: str = "positives"
    steps: int = 10
    least_before: int = 3
    outcome: str = "overall"
    minimum_customers: int = 50
    confidence: float = 0.95
    replicates: int = 1_000
    seed: int = 2025

    def __post_init__(self) -> None:
        require_share("RecoveryCurveModel", "confidence", self.confidence)
        for name, least in (
            ("in_a_row", 1), ("steps", 2), ("least_before", 1), ("minimum_customers", 10),
            ("replicates", 200), ("seed", 0),
        ):  # fmt: skip
            require_at_least("RecoveryCurveModel", name, getattr(self, name), least)
        if self.count not in ("positives", "answers"):
            raise ParameterError(
                f"RecoveryCurveModel: count must be 'positives' or 'answers', got {self.count!r}. "
                f"Next step: leave the default."
            )

    def fit(
        self, answers: pd.DataFrame, experiences: pd.DataFrame, customers: pd.DataFrame | None = None
    ) -> RecoveryCurveResult:
        """Curves of affected and placebo customers, and their difference.

        Parameters
        ----------
        answers, experiences
            As :meth:`RepairModel.fit` takes them.
        customers
            customer_id and left_at (NaT where still there). Without it nobody is known to have left.

        Returns
        -------
        RecoveryCurveResult
            ``table()``: term (median_*, share_back_*, share_left_*, extra_steps), estimate, conf_low,
            conf_high, n (customers), unit, verdict.

        Raises
        ------
        NotAnswerableError
            If a column is missing, or affected or placebo customers are too few.
        """
        rows = repair_rows(answers, experiences, outcome=self.outcome, discard_days=0.0)
        left, knows = _left(rows.names, customers)
        event = affected_events(rows, least_before=self.least_before)
        pseudo, weight = placebo_events(rows, event)
        spells = [
            recovery_spells(
                rows,
                chosen,
                weight=each,
                in_a_row=self.in_a_row,
                left=left,
                by_positives=self.count == "positives",
                until_negative=placebo,
            )
            for chosen, each, placebo in ((event, np.ones(len(event)), False), (pseudo, weight, True))
        ]
        sizes = (spells[0].n_customers, spells[1].n_customers)
        self._require_enough(*sizes)
        point, draws = self._incidence(spells, rows.n_customers)
        return RecoveryCurveResult(
            estimates=self._table(point, draws, sizes),
            diagnostics=checks_table(_checks(spells, sizes, point, knows)),
            provenance=Provenance(
                model="RecoveryCurveModel",
                n_rows=len(answers) + len(experiences),
                n_used=rows.n_used,
                n_set_aside=rows.n_set_aside,
                settings=dataclasses.asdict(self),
                seed=self.seed,
            ),
            incidence=self._curves(point, draws),
            in_a_row=self.in_a_row,
            unit=self.count,
            confidence=self.confidence,
        )

    def _require_enough(self, affected: int, placebo: int) -> None:
        least = self.minimum_customers
        if min(affected, placebo) >= least:
            return
        raise NotAnswerableError(
            CURVE_QUESTION,
            reason=(
                f"{affected} customers with a bad experience and {placebo} before any have "
                f"{self.least_before} answers before and one after; {least} of each are needed. Without "
                f"the placebo a number would mislead."
            ),
            next_step="more customers with repeated answers, also before a bad experience.",
        )

    def _incidence(self, spells: list[RecoverySpells], n_customers: int) -> tuple[Floats, Floats]:
        """Curves (group, event, step) and their bootstrap (replicate, group, event, step)."""
        rng = np.random.default_rng(self.seed)
        # Customers are drawn with all their spells; many of them in blocks put together at random.
        blocks = min(n_customers, MOST_BLOCKS)
        block = rng.permutation(n_customers) % blocks
        drawn = rng.multinomial(blocks, np.full(blocks, 1.0 / blocks), size=self.replicates)
        times = np.vstack([np.ones(blocks), drawn])
        curves = []
        for group in spells:
            table = group.table(block, blocks=blocks, steps=self.steps)
            total = (times @ table.reshape(blocks, -1)).reshape(-1, *table.shape[1:])
            curves.append(cumulative_incidence(total))
        both = np.stack(curves, axis=1)
        return both[0], both[1:]

    def _limits(self, draws: Floats) -> Floats:
        tail = (1.0 - self.confidence) / 2.0
        return np.asarray(np.quantile(draws, [tail, 1.0 - tail], axis=0, method="closest_observation"))

    def _table(self, point: Floats, draws: Floats, sizes: tuple[int, int]) -> pd.DataFrame:
        records = []
        for place, name in enumerate(("affected", "placebo")):
            back, gone = point[place, RECOVERED], point[place, LEFT]
            found: tuple[tuple[str, float, Floats, str], ...] = (
                ("median", float(_median(back)), _median(draws[:, place, RECOVERED]), self.count),
                ("share_back", float(back[-1]), draws[:, place, RECOVERED, -1], "share"),
                ("share_left", float(gone[-1]), draws[:, place, LEFT, -1], "share"),
            )
            for term, value, drawn, unit in found:
                low, high = self._limits(drawn)
                records.append((f"{term}_{name}", value, low, high, sizes[place], unit, ""))
        apart = (draws[:, 1, RECOVERED, :-1] - draws[:, 0, RECOVERED, :-1]).sum(axis=1)
        low, high = self._limits(apart)
        value = float((point[1, RECOVERED, :-1] - point[0, RECOVERED, :-1]).sum())
        verdict = SUPPORTED if low > 0 else REJECTED if high < 0 else UNDETERMINED
        records.append(("extra_steps", value, low, high, sum(sizes), self.count, verdict))
        columns = ("term", "estimate", "conf_low", "conf_high", "n", "unit", "verdict")
        return pd.DataFrame(records, columns=pd.Index(columns))

    def _curves(self, point: Floats, draws: Floats) -> pd.DataFrame:
        low, high = self._limits(draws)
        parts = [
            pd.DataFrame(
                {
                    "group": group,
                    "event": event,
                    "step": np.arange(self.steps + 1),
                    "estimate": point[g, e],
                    "conf_low": low[g, e],
                    "conf_high": high[g, e],
                }
            )
            for g, group in enumerate((AFFECTED, PLACEBO))
            for e, event in enumerate(("back", "left"))
        ]
        return pd.concat(parts, ignore_index=True)


def _median(curve: Floats) -> Floats:
    """First step at which half are back; infinite where half never are within the steps."""
    reached = curve >= 0.5
    return np.where(reached.any(axis=-1), reached.argmax(axis=-1), np.inf)


def _steps(value: float) -> str:
    return f"{value:.0f}" if np.isfinite(value) else "more than were followed"


def _left(names: pd.Index, customers: pd.DataFrame | None) -> tuple[Booleans, bool]:
    if customers is None or LEFT_AT not in customers.columns:
        return np.zeros(len(names), dtype=bool), False
    gone = customers.loc[customers[LEFT_AT].notna(), CUSTOMER_ID]
    return is_in(names, gone), True


def _checks(
    spells: list[RecoverySpells], sizes: tuple[int, int], point: Floats, knows_leaving: bool
) -> list[Check]:
    before = [float(np.average(spell.before, weights=spell.weight)) for spell in spells]
    return [
        Check(
            check="customers with a bad experience, and placebo customers",
            value=f"{sizes[0]:,}, {sizes[1]:,}",
            threshold="both shown",
            passed=True,
            meaning="the others have too few answers before or after; a customer may be in both",
        ),
        Check(
            check="answers before the event, placebo less affected (mean)",
            value=round(before[1] - before[0], 2),
            threshold="within 0.25",
            passed=abs(before[1] - before[0]) <= 0.25,
            meaning="else the own mean is better known in one group, and the rule easier or harder",
        ),
        Check(
            check="leaving is known",
            value="yes" if knows_leaving else "no",
            threshold="yes",
            passed=knows_leaving,
            meaning="otherwise customers who left are taken as still on the way back",
        ),
        Check(
            check="placebo customers back within one step",
            value=round(float(point[1, RECOVERED, :2].max()), 3),
            threshold="read beside the curve",
            passed=True,
            meaning="chance alone brings so many back: a number without the placebo would be noise",
        ),
    ]
