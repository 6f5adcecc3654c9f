"""The recovery paradox: is a customer whose failure was put right better off than without any failure?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.errors import NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, Result, checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.recovery.case_rows import Codes, chosen_columns, cluster_rows, read_features
from cxlab.stats.doubly_robust import CrossFit, cross_fit, effect_on_treated
from cxlab.stats.multiplicity import holm
from cxlab.stats.response import kish_sample_size

if TYPE_CHECKING:
    from matplotlib.axes import Axes

QUESTION = "Whether a failure put right beats no failure"
GROUPS = ("first failure", "second failure", "later failure")
#: Recovered journeys below which a group prints no number, and effective journeys without a failure.
MINIMUM = 100


@dataclass(frozen=True, kw_only=True)
class ParadoxModel:
    """Recovered failures against no failure, among those who recovered, per outcome and failure number.

    ``theta = E[Y(recovered) - Y(no failure) | recovered]`` by cross-fitted doubly robust scores that adjust
    for what was known before the journey. The paradox claims theta > 0: ``supported``, or ``rejected``
    (theta below 0), by Holm-adjusted p-values, else ``undetermined``.

    Parameters
    ----------
    recovered_days
        A failure counts as recovered if its complaints were resolved within so many days.
    outcomes
        Columns of the outcomes, 0/1 or numbers; missing where nobody answered.
    adjust_for
        Columns known before the journey; None for all of the usual ones that the table holds.
    controls_per_case
        Journeys without failure drawn per recovered one: more add time, hardly precision.
    splits
        How often rows are dealt into five folds anew; the median counts.
    confidence
        Confidence of intervals, 0..1.
    seed
        Seed of folds and controls.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> failed = rng.random(6000) < 0.15
    >>> cases = pd.DataFrame({"failed": failed, "resolved_days": np.where(failed, 3.0, np.nan),
    ...     "earlier_complaints": 0.0, "prior_satisfaction": rng.normal(7, 1, 6000)})
    >>> cases["satisfaction_after"] = cases["prior_satisfaction"] + 0.4 * failed + rng.normal(size=6000)
    >>> result = ParadoxModel(outcomes=("satisfaction_after",)).fit(cases)
    >>> result.table()[["term", "verdict"]].iloc[0].tolist()
    ['first failure', 'supported']
    """

    recovered_days: float = 7.0
    outcomes: Sequence[str] = ("retained", "satisfaction_after")
    adjust_for: Sequence[str] | None = None
    controls_per_case: int = 5
    splits: int = 3
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        require_share("ParadoxModel", "confidence", self.confidence)
        require_at_least("ParadoxModel", "recovered_days", self.recovered_days, 1.0 / 24.0)
        require_at_least("ParadoxModel", "controls_per_case", self.controls_per_case, 1)
        require_at_least("ParadoxModel", "splits", self.splits, 1)
        object.__setattr__(self, "outcomes", tuple(self.outcomes))

    def fit(self, cases: pd.DataFrame) -> ParadoxResult:
        """Compare recovered failures with journeys without one.

        Parameters
        ----------
        cases
            As ``cxlab.failure_cases(tables).table()`` gives them.

        Returns
        -------
        ParadoxResult

        Raises
        ------
        NotAnswerableError
            If no failure was put right, no outcome is known, or nothing is known before.
        """
        present = [name for name in self.outcomes if name in cases and cases[name].notna().any()]
        if "resolved_days" not in cases or cases["resolved_days"].notna().sum() == 0 or not present:
            raise NotAnswerableError(
                QUESTION,
                reason="No failure that was put right has a known outcome.",
                next_step="map complaints with event_id and resolved_at, and surveys or left_at.",
            )
        columns = chosen_columns("ParadoxModel", QUESTION, cases, self.adjust_for)
        columns = [name for name in columns if name not in ("severity", "topic", "earlier_complaints")]
        recovered = cases["resolved_days"].le(self.recovered_days).to_numpy()
        compared = recovered | ~cases["failed"].to_numpy(dtype=bool)
        number = cases["earlier_complaints"].clip(0, 2).to_numpy(dtype=int)
        rows = []
        for outcome in present:
            for code, group in enumerate(GROUPS):
                chosen = compared & (number == code)
                rows.append(self._row(cases, recovered, chosen, columns, outcome=outcome, group=group))
        table = pd.DataFrame(rows)
        table = self._judged(table)
        aside = int((~compared).sum())
        return ParadoxResult(
            estimates=table,
            diagnostics=checks_table(_checks(table, columns)),
            provenance=Provenance(
                model="ParadoxModel",
                n_rows=len(cases),
                n_used=int(compared.sum()),
                n_set_aside={f"failure not put right within {self.recovered_days:g} days": aside}
                if aside
                else {},
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(cases[["failed", "resolved_days", *present, *columns]]),
            ),
            confidence=self.confidence,
            recovered_days=self.recovered_days,
        )

    def _row(
        self,
        cases: pd.DataFrame,
        recovered: np.ndarray,
        chosen: np.ndarray,
        columns: Sequence[str],
        *,
        outcome: str,
        group: str,
    ) -> dict[str, object]:
        rng = np.random.default_rng(self.seed)
        values = cases[outcome].to_numpy(dtype=np.float64, na_value=np.nan)
        if outcome == "retained":
            chosen = chosen & np.isfinite(values)
        treated = np.flatnonzero(chosen & recovered)
        controls = np.flatnonzero(chosen & ~recovered)
        row: dict[str, object] = {"outcome": outcome, "term": group, "n_recovered": len(treated)}
        seen = np.isfinite(values)
        if min(seen[treated].sum(), seen[controls].sum()) < MINIMUM:
            return row | {"verdict": TOO_FEW, "n": int(seen[treated].sum())}
        most = self.controls_per_case * len(treated)
        if len(controls) > most:
            controls = np.sort(rng.choice(controls, most, replace=False))
        kept = np.sort(np.concatenate([treated, controls]))
        part = cases.iloc[kept]
        arm = recovered[kept].astype(np.intp)
        features = read_features(part, columns)
        clusters, units, _ = cluster_rows(part)
        fit = cross_fit(
            features.values,
            arm,
            values[kept],
            arms=2,
            binary=bool(np.isin(values[kept][seen[kept]], (0.0, 1.0)).all()),
            rng=rng,
            curved=features.curved,
            units=units,
            splits=self.splits,
        )
        raw = np.nanmean(values[treated]) - np.nanmean(values[controls])
        return (
            row | {"raw_difference": float(raw), "n": int(seen[kept].sum())} | self._effect(fit, clusters)
        )

    def _effect(self, fit: CrossFit, clusters: Codes | None) -> dict[str, object]:
        from scipy import stats

        odds = (fit.chance[:, :, 1] / fit.chance[:, :, 0]).mean(axis=0)[fit.arm == 0]
        effective = kish_sample_size(odds)
        effect = effect_on_treated(fit, clusters=clusters)
        degrees = effect.degrees_of_freedom
        reach = float(stats.t.ppf(0.5 + self.confidence / 2.0, degrees)) * effect.std_error
        return {
            "estimate": effect.estimate,
            "std_error": effect.std_error,
            "conf_low": effect.estimate - reach,
            "conf_high": effect.estimate + reach,
            "effective_controls": effective,
            "p_value": 2.0 * float(stats.t.sf(abs(effect.estimate) / effect.std_error, degrees)),
            "verdict": NOT_IDENTIFIED if effective < MINIMUM else "",
        }

    def _judged(self, table: pd.DataFrame) -> pd.DataFrame:
        columns = ["outcome", "term", "estimate", "std_error", "conf_low", "conf_high", "raw_difference"]
        columns += ["p_value", "n", "n_recovered", "effective_controls", "verdict"]
        table = table.reindex(columns=columns)
        open_rows = (table["verdict"] == "").to_numpy()
        if open_rows.any():
            adjusted = holm(table.loc[open_rows, "p_value"].to_numpy())
            table.loc[open_rows, "p_value"] = adjusted
            sure = adjusted < 1.0 - self.confidence
            above = table.loc[open_rows, "estimate"].to_numpy() > 0
            said = np.where(~sure, UNDETERMINED, np.where(above, SUPPORTED, REJECTED))
            table.loc[open_rows, "verdict"] = said
        hidden = table["verdict"] == NOT_IDENTIFIED
        table.loc[hidden, ["estimate", "std_error", "conf_low", "conf_high", "p_value"]] = np.nan
        return table


def _checks(table: pd.DataFrame, columns: Sequence[str]) -> list[Check]:
    least = table["effective_controls"].min()
    return [
        Check(
            check="effective journeys without failure",
            value="none" if np.isnan(least) else round(float(least)),
            threshold=f">= {MINIMUM}",
            passed=bool(least >= MINIMUM),
            meaning="below, hardly anyone without a failure is like those who had one",
        ),
        Check(
            check="earlier satisfaction is adjusted for",
            value="yes" if "prior_satisfaction" in columns else "no",
            threshold="yes",
            passed="prior_satisfaction" in columns,
            meaning="without it, those who complain and stay may have liked the company more all along",
        ),
        Check(
            check="groups with too few recovered failures",
            value=int((table["verdict"] == TOO_FEW).sum()),
            threshold="0",
            passed=not (table["verdict"] == TOO_FEW).any(),
            meaning=f"fewer than {MINIMUM} with a known outcome print no number",
        ),
    ]


@dataclass(frozen=True, eq=False, repr=False, kw_only=True)
class ParadoxResult(Result):
    """``table()``: outcome, term (failure number), estimate, interval, raw_difference, n, verdict.

    ``supported``: recovered customers are better off than without the failure; ``rejected``: worse off.
    """

    confidence: float
    recovered_days: float

    def summary(self) -> str:
        """Verdict and effect per outcome after the first failure, n, assumption, what is not claimed."""
        first = self._said(GROUPS[:1])
        return (
            f"A first failure put right within {self.recovered_days:g} days against no failure: {first}. "
            f"Later failures: {self._said(GROUPS[1:])}. n = {self.provenance.n_used:,} journeys; "
            f"{100 * self.confidence:g} % intervals. Assumes that journeys alike in all that was known "
            "before were as likely to fail. Not claimed: that failing is worth it, or anything about "
            "failures nobody complained about."
        )

    def _said(self, groups: Sequence[str]) -> str:
        """Outcome, effect, interval and verdict of some groups in words."""
        said = []
        for row in self.estimates[self.estimates["term"].isin(list(groups))].to_dict("records"):
            what = str(row["outcome"]).replace("_", " ")
            what = what if len(groups) == 1 else f"{what}, {row['term']}"
            limits = f"{row['conf_low']:+.2f} to {row['conf_high']:+.2f}"
            number = "" if pd.isna(row["estimate"]) else f"{row['estimate']:+.2f} ({limits}), "
            said.append(f"{what}: {number}{row['verdict']}")
        return "; ".join(said)

    def plot(self, *, ax: Axes | None = None) -> Axes:
        """Effect per outcome and failure number; right of 0 the paradox holds."""
        from cxlab.plots.forest import forest

        rows = self.estimates.copy()
        rows["text"] = rows["verdict"]
        rows["solid"] = rows["verdict"].isin([SUPPORTED, REJECTED])
        rows["term"] = rows["outcome"].str.replace("_", " ") + ", " + rows["term"]
        return forest(
            rows,
            title="Is a failure put right better than no failure?",
            x_label="recovered minus no failure (share of customers; points)",
            note=(
                f"n = {self.provenance.n_used:,} journeys; {100 * self.confidence:g} % intervals; hollow: "
                "not told from 0"
            ),
            reference=0.0,
            ax=ax,
        )
