"""Where a bad experience weighs most: the exchange ratio by touchpoint or segment, drawn to the mean."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import NotAnswerableError
from cxlab.core.membership import place_in
from cxlab.core.provenance import Provenance
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, TOO_FEW, UNDETERMINED
from cxlab.models.recovery.repair_evidence import GATE_Z, NEVER, Floats
from cxlab.models.recovery.repair_rows import QUESTION, RepairRows, repair_rows
from cxlab.plots.forest import forest
from cxlab.stats.fieller import fieller_set
from cxlab.stats.fixed_effects import plan_absorption
from cxlab.stats.multiplicity import holm
from cxlab.stats.shrinkage import shrink
from cxlab.stats.stock import Entries, plan_stocks
from cxlab.stats.stock_regression import StockFit, StockProblem, fit_stock_regression

if TYPE_CHECKING:
    from matplotlib.axes import Axes

LEAST_GROUPS = 3
COLUMNS = (
    "term", "estimate", "conf_low", "conf_high", "raw_estimate", "raw_conf_low", "raw_conf_high",
    "p_value", "p_value_holm", "n", "n_customers", "verdict", "meaning",
)  # fmt: skip


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class RepairGroupsResult(Result):
    """One ratio per touchpoint or segment, shrunken and raw; see :class:`RepairGroupsModel`."""

    shown_columns: ClassVar[tuple[str, ...]] = (
        "term", "estimate", "conf_low", "conf_high", "raw_estimate", "p_value_holm", "n", "verdict",
    )  # fmt: skip

    by: str
    common_ratio: float
    spread_points: float
    confidence: float

    def summary(self) -> str:
        """The common ratio, the groups that differ from it after Holm, what was too few, the limits."""
        rows = self.estimates
        used = rows[rows["estimate"].notna()]
        if used.empty:
            return (
                f"No ratio by {self.by}: {rows['meaning'].iloc[0]} ({len(rows)} groups). "
                f"Not claimed: that the groups are alike."
            )
        differs = used.loc[used["verdict"] == REJECTED, "term"].tolist()
        few = rows.loc[rows["verdict"] == TOO_FEW, "term"].tolist()
        by_chance = round(1.0 / (1.0 - self.confidence))
        said = (
            f"After Holm's correction {', '.join(differs)} {'differs' if len(differs) == 1 else 'differ'} "
            f"from the mean of the groups; where all weigh alike, one such table in {by_chance} says so"
            if differs
            else "No group differs from the mean of the groups after Holm's correction"
        )
        left_out = f" Too few bad experiences for a number: {', '.join(few)}." if few else ""
        return (
            f"Positives per unresolved negative by {self.by}: from {used['estimate'].min():.1f} to "
            f"{used['estimate'].max():.1f}, drawn to the groups' mean of {self.common_ratio:.1f} "
            f"({self.provenance.n_used:,} rows). {said}.{left_out} Assumption: the worth of a positive and "
            f"the speed of fading are common to all groups. Not claimed: that a group weighs more because "
            f"of what happens there; severity differs between groups."
        )

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """The shrunken ratios with their intervals, the mean of the groups as a line."""
        frame = self.estimates.sort_values("estimate", ascending=False, na_position="last").copy()
        frame["text"] = np.where(frame["estimate"].isna(), frame["verdict"], "")
        frame["term"] = [f"{term} (n = {n:,})" for term, n in zip(frame["term"], frame["n"], strict=True)]
        return forest(
            frame[["term", "estimate", "conf_low", "conf_high", "text"]],
            title=f"What one bad experience weighs, by {self.by}",
            x_label="positives per unresolved negative",
            note=f"{self.confidence:.0%} intervals, drawn to the mean; n = bad experiences",
            reference=self.common_ratio if np.isfinite(self.common_ratio) else None,
            decimals=1,
            ax=ax,
        )


@dataclass(frozen=True, kw_only=True)
class RepairGroupsModel:
    """Exchange ratios of unresolved negatives by group, with one worth of a positive and one half-life.

    ``y_ik = a_i + b_pos X_pos - sum_g b_g X_g - b_R X_R + month_t + e``; ``R_g = b_g / b_pos``. The b_g are
    drawn to their mean by empirical Bayes (normal around a common mean, spread integrated out).

    Parameters
    ----------
    by
        Column of the experiences (touchpoint, location_id) or of the customers (segment).
    outcome
        Column of the answers.
    confidence
        Confidence level, 0..1.
    minimum_negatives
        Unresolved negatives of a group that answers can see, below which it is "too few".
    half_life_range
        Shortest and longest half-life searched, in days.

    Notes
    -----
    Intervals after Fieller, of the shrunken ratios with the posterior error of b_g; the error of b_pos is
    in both, so the intervals of all groups move together.
    ``p_value`` tests b_g against the mean of the groups, ``p_value_holm`` holds the chance of any false
    alarm. Resolved negatives enter as one stock.

    Examples
    --------
    >>> RepairGroupsModel(by="touchpoint").minimum_negatives
    30
    """

    by: str = "touchpoint"
    outcome: str = "overall"
    confidence: float = 0.95
    minimum_negatives: int = 30
    half_life_range: tuple[float, float] = (10.0, 2000.0)

    def __post_init__(self) -> None:
        require_share("RepairGroupsModel", "confidence", self.confidence)
        require_at_least("RepairGroupsModel", "minimum_negatives", self.minimum_negatives, 10)

    def fit(
        self, answers: pd.DataFrame, experiences: pd.DataFrame, customers: pd.DataFrame | None = None
    ) -> RepairGroupsResult:
        """Estimate one ratio per group.

        Parameters
        ----------
        answers, experiences
            As :meth:`RepairModel.fit` takes them.
        customers
            customer_id and the column ``by``, where the experiences do not have it.

        Returns
        -------
        RepairGroupsResult
            ``table()``: term (the group), estimate with interval (shrunken ratio), raw_estimate with
            interval, p_value and p_value_holm (against the mean of the groups), n (unresolved negatives
            that answers can see), n_customers, verdict, meaning.

        Raises
        ------
        NotAnswerableError
            If the column is missing or fewer than three groups have enough bad experiences.
        """
        experiences = self._grouped(experiences, customers)
        rows = repair_rows(answers, experiences, outcome=self.outcome, discard_days=0.0, group=self.by)
        codes, names = pd.factorize(rows.experiences.group, sort=True)
        unresolved = rows.experiences.kinds(rows.owner, rows.at)[1]
        seen = np.bincount(codes[unresolved & (codes >= 0)], minlength=len(names))
        large = np.flatnonzero(seen >= self.minimum_negatives)
        if len(large) < LEAST_GROUPS:
            raise NotAnswerableError(
                QUESTION,
                reason=f"Too few: {len(large)} groups of {self.by} have {self.minimum_negatives} "
                f"unresolved negatives that an answer can see; {LEAST_GROUPS} are needed.",
                next_step="a coarser grouping, or more customers.",
            )
        place = np.full(len(names), -1)
        place[large] = np.arange(len(large))
        fit = fit_stock_regression(
            _problem(rows, np.where(codes >= 0, place[codes], -1), len(large)),
            half_life_range=self.half_life_range,
        )
        n_customers = [
            len(np.unique(rows.experiences.owner[unresolved & (codes == g)])) for g in range(len(names))
        ]
        return self._result(answers, experiences, rows, fit, names, seen, large, n_customers)

    def _grouped(self, experiences: pd.DataFrame, customers: pd.DataFrame | None) -> pd.DataFrame:
        """The experiences with the column of the groups, looked up by customer where it is his."""
        if self.by in experiences.columns:
            return experiences
        if customers is None or customers.empty or not {CUSTOMER_ID, self.by} <= set(customers.columns):
            raise NotAnswerableError(
                QUESTION,
                reason=f"The experiences lack the column {self.by}, and so do the customers.",
                next_step=f"experiences or customers with {self.by}, or another column for by.",
            )
        known = customers.drop_duplicates(CUSTOMER_ID)
        place = place_in(experiences[CUSTOMER_ID], pd.Index(known[CUSTOMER_ID]))
        found = known[self.by].astype("object").to_numpy()[np.maximum(place, 0)]
        group = pd.Series(found, index=experiences.index, dtype="object")
        return experiences.assign(**{self.by: group.where(place >= 0)})

    def _result(
        self,
        answers: pd.DataFrame,
        experiences: pd.DataFrame,
        rows: RepairRows,
        fit: StockFit,
        names: np.ndarray,
        seen: np.ndarray,
        large: np.ndarray,
        customers: list[int],
    ) -> RepairGroupsResult:
        size = len(large)
        good, error = fit.contrast(np.eye(len(fit.coefficients))[0])[:2]
        gate = good / error
        table = pd.DataFrame(index=range(len(names)), columns=pd.Index(COLUMNS))
        table["term"], table["n"], table["n_customers"] = list(names), seen, customers
        table["verdict"] = TOO_FEW
        table["meaning"] = (
            f"fewer than {self.minimum_negatives} unresolved negatives that an answer can see"
        )
        common = spread = np.nan
        if gate > GATE_Z:
            effects, common, spread = _group_effects(fit, size, self.confidence)
            table.loc[large, effects.columns] = effects.set_axis(large)
        else:
            table.loc[large, ["verdict", "meaning"]] = [NOT_IDENTIFIED, NEVER]
        numeric = [*COLUMNS[1:9]]
        table[numeric] = table[numeric].astype("float64")
        order = table["estimate"].sort_values(ascending=False, na_position="last").index
        return RepairGroupsResult(
            estimates=table.loc[order].reset_index(drop=True),
            diagnostics=checks_table(self._checks(gate, fit, len(names) - size)),
            provenance=Provenance(
                model="RepairGroupsModel",
                n_rows=len(answers) + len(experiences),
                n_used=rows.n_used,
                n_set_aside=rows.n_set_aside,
                settings=dataclasses.asdict(self),
            ),
            by=self.by,
            common_ratio=common,
            spread_points=spread,
            confidence=self.confidence,
        )

    def _checks(self, gate: float, fit: StockFit, few: int) -> list[Check]:
        return [
            Check(
                check="positives lift the outcome (z)",
                value=round(float(gate), 2),
                threshold=f"> {GATE_Z}",
                passed=bool(gate > GATE_Z),
                meaning="otherwise no ratio is printed: never repaired cannot be excluded",
            ),
            Check(
                check="half-life inside the range searched",
                value=round(fit.half_life, 1),
                threshold="not at a bound",
                passed=fit.bound == "inside",
                meaning="one speed of fading is used for all groups",
            ),
            Check(
                check="groups with too few bad experiences",
                value=few,
                threshold="0",
                passed=few == 0,
                meaning="they are in no number; their experiences count in one stock of their own",
            ),
        ]


def _problem(rows: RepairRows, group: np.ndarray, size: int) -> StockProblem:
    """Stocks: positives, one of unresolved negatives per large group, the rest of them, resolved ones."""
    past = rows.experiences
    moved = np.maximum(past.resolved, past.occurred)
    bad = ~past.positive
    unresolved, settled = bad & (moved > past.occurred), bad & np.isfinite(moved)
    stock = np.where(group >= 0, 1 + group, size + 1)
    parts = [
        (past.positive, past.occurred, np.zeros_like(stock), 1.0),
        (unresolved, past.occurred, stock, 1.0),
        (unresolved & settled, moved, stock, -1.0),
        (settled, moved, np.full_like(stock, size + 2), 1.0),
    ]
    entries = Entries(
        owner=np.concatenate([past.owner[mask] for mask, _, _, _ in parts]),
        enter=np.concatenate([enter[mask] for mask, enter, _, _ in parts]),
        origin=np.concatenate([past.occurred[mask] for mask, _, _, _ in parts]),
        stock=np.concatenate([which[mask] for mask, _, which, _ in parts]).astype(np.int64),
        sign=np.concatenate([np.full(int(mask.sum()), sign) for mask, _, _, sign in parts]),
    )
    absorption = plan_absorption(rows.owner, rows.month)
    kept = sorted(set(entries.stock.tolist()))
    return StockProblem(
        plan=plan_stocks(rows.owner, rows.at, entries=entries.only(kept), n_stocks=len(kept)),
        absorption=absorption,
        outcome=absorption.absorb(rows.outcome[:, None])[:, 0],
        direction=np.array([1.0, *[-1.0] * (len(kept) - 1)]),
        extra=np.zeros((len(rows.owner), 0)),
    )


def _group_effects(fit: StockFit, size: int, confidence: float) -> tuple[pd.DataFrame, float, float]:
    """Raw and shrunken ratios of the large groups, and tests against their mean."""
    from scipy.stats import norm, t

    good, v = fit.coefficients[0], fit.covariance
    bad = fit.coefficients[1 : 1 + size]
    errors = np.sqrt(np.diag(v)[1 : 1 + size])
    drawn = shrink(bad, errors, confidence=confidence)
    p_values = []
    for g in range(size):
        apart = np.zeros(len(fit.coefficients))
        apart[1 : 1 + size] = -1.0 / size
        apart[1 + g] += 1.0
        value, error, degrees = fit.contrast(apart)
        p_values.append(float(2.0 * t.sf(abs(value / error), degrees)))
    critical = float(norm.ppf(0.5 + confidence / 2.0))
    both = v[0, 1 : 1 + size]
    raw = _ratio_limits(bad, errors, good=float(good), spread=v[0, 0], covariance=both, critical=critical)
    # Drawing to the mean weakens what a group shares with the worth of a positive in proportion.
    kept = np.square(drawn.std_error / errors)
    shrunk = _ratio_limits(
        drawn.estimate, drawn.std_error, good=float(good), spread=v[0, 0], covariance=kept * both,
        critical=critical,
    )  # fmt: skip
    adjusted = holm(np.array(p_values))
    table = pd.DataFrame(
        {
            "estimate": drawn.estimate / good,
            "conf_low": shrunk[:, 0],
            "conf_high": shrunk[:, 1],
            "raw_estimate": bad / good,
            "raw_conf_low": raw[:, 0],
            "raw_conf_high": raw[:, 1],
            "p_value": p_values,
            "p_value_holm": adjusted,
            "verdict": np.where(adjusted < 1.0 - confidence, REJECTED, UNDETERMINED),
            "meaning": "verdict on: weighs as much as the mean of the groups",
        }
    )
    return table, float(drawn.centre / good), float(drawn.deviation)


def _ratio_limits(
    bad: Floats, errors: Floats, *, good: float, spread: float, covariance: Floats, critical: float
) -> Floats:
    """Fieller limits of each group's effect over the effect of a positive, shape (groups, 2)."""
    limits = []
    for g in range(len(bad)):
        found = fieller_set(
            float(bad[g]), good, variance_numerator=float(errors[g] ** 2), variance_denominator=spread,
            covariance=float(covariance[g]), critical=critical,
        )  # fmt: skip
        limits.append((found.low, found.high) if found.bounded else (-np.inf, np.inf))
    return np.array(limits)
