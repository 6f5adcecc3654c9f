"""What handling a complaint is worth: unresolved, slow and fast made alike in all that was known before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd

from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import checks_table
from cxlab.core.settings import require_at_least, require_share
from cxlab.models.recovery.case_rows import (
    CaseFeatures,
    Codes,
    Floats,
    chosen_columns,
    cluster_rows,
    read_features,
    refuse_immortal_time,
)
from cxlab.models.recovery.complaint_checks import complaint_checks
from cxlab.models.recovery.complaint_result import ComplaintResult
from cxlab.models.recovery.complaint_tables import (
    ARMS,
    CONTRASTS,
    OutcomeFit,
    balance_rows,
    bounds_rows,
    contrast_rows,
    gate_of,
    overlap_rows,
    sensitivity_row,
)
from cxlab.stats.doubly_robust import CrossFit, cross_fit, measure_overlap
from cxlab.stats.sensitivity import benchmark_cause

QUESTION = "What handling a complaint is worth"
#: Measured causes, the least balanced ones, whose absence is tried out to find the strongest.
BENCHMARKS = 4


@dataclass(frozen=True, kw_only=True)
class ComplaintModel:
    """Effect of resolving complaints, and of doing it fast, by cross-fitted doubly robust scores.

    ``psi_a = m_a(X) + 1[A = a] (Y - m_a(X)) / e_a(X)`` with m the expected outcome in an arm and e the
    chance of the arm, both from other folds; an effect is the mean of ``psi_a - psi_b``. Arms among
    complaints at the landmark: ``fast`` (resolved within ``fast_days``), ``slow`` (later), ``unresolved``.

    Parameters
    ----------
    fast_days
        Days within which a resolution counts as fast.
    outcomes
        Columns of the outcomes: 0/1 columns are shares, others means; missing where nobody answered.
    adjust_for
        Columns known before the handling; None for all of the usual ones that the table holds.
    scale
        Lowest and highest value of an outcome that is not 0/1, for the bounds of missing answers.
    splits
        How often rows are dealt into five folds anew; the median counts.
    confidence
        Confidence of intervals, 0..1.
    seed
        Seed of the folds.

    Raises
    ------
    ParameterError
        If a setting is out of range, or ``adjust_for`` names a consequence of the handling.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> severity = rng.integers(0, 5, 3000)
    >>> days = np.exp(1.5 + 0.2 * severity + 0.8 * rng.normal(size=3000))
    >>> gone = rng.random(3000) < 0.2
    >>> stays = rng.random(3000) < 0.8 - 0.05 * severity - 0.2 * (gone | (days > 7))
    >>> cases = pd.DataFrame({"severity": severity, "resolved_days": np.where(gone, np.nan, days),
    ...                       "retained": stays.astype(float)})
    >>> result = ComplaintModel(outcomes=("retained",)).fit(cases)
    >>> row = result.table().set_index("term").loc["fast - unresolved"].iloc[0]
    >>> bool(row["conf_low"] < 0.2 < row["conf_high"])
    True
    """

    fast_days: float = 7.0
    outcomes: Sequence[str] = ("retained", "satisfaction_after")
    adjust_for: Sequence[str] | None = None
    scale: tuple[float, float] = (1.0, 10.0)
    splits: int = 3
    confidence: float = 0.95
    seed: int = 1

    def __post_init__(self) -> None:
        require_at_least("ComplaintModel", "fast_days", self.fast_days, 1.0 / 24.0)
        require_at_least("ComplaintModel", "splits", self.splits, 1)
        require_share("ComplaintModel", "confidence", self.confidence)
        object.__setattr__(self, "outcomes", tuple(self.outcomes))

    def fit(self, cases: pd.DataFrame) -> ComplaintResult:
        """Compare the arms.

        Parameters
        ----------
        cases
            One row per complaint, as ``cxlab.complaint_cases(tables).table()`` gives it: resolved_days
            (missing: unresolved at the landmark), the outcomes, what was known before.

        Returns
        -------
        ComplaintResult

        Raises
        ------
        NotAnswerableError
            If there is no resolution, no outcome, nothing known before, or an arm has too few rows.
        FitError
            If ``cases`` is no table, or holds ``left_at`` before the resolution of a resolved case.
        """
        arm, present = self._read(cases)
        columns = chosen_columns("ComplaintModel", QUESTION, cases, self.adjust_for)
        features = read_features(cases, columns)
        clusters, units, unit_word = cluster_rows(cases)
        fits = []
        for outcome in present:
            values = cases[outcome].to_numpy(dtype=np.float64, na_value=np.nan)
            # A horizon that is not over is no silence: those rows are left out, others are weighted.
            kept = np.isfinite(values) if outcome == "retained" else np.ones(len(values), dtype=np.bool_)
            part = None if clusters is None else clusters[kept]
            fits.append(
                self._fit_outcome(
                    outcome, values[kept], arm[kept], features.of_rows(kept), part, units[kept]
                )
            )
        return ComplaintResult(
            estimates=pd.concat(
                [contrast_rows(fit, confidence=self.confidence) for fit in fits]
            ).reset_index(drop=True),
            diagnostics=checks_table(complaint_checks(cases, fits, features, columns, unit_word)),
            provenance=Provenance(
                model="ComplaintModel",
                n_rows=len(cases),
                n_used=len(cases),
                settings=asdict(self),
                seed=self.seed,
                input_hash=hash_frame(cases[["resolved_days", *present, *columns]]),
            ),
            outcomes=tuple(present),
            fast_days=self.fast_days,
            confidence=self.confidence,
            severity_known="severity" in columns,
            arm_rows=pd.concat([overlap_rows(fit) for fit in fits]).reset_index(drop=True),
            balance_rows=pd.concat([balance_rows(fit) for fit in fits]).reset_index(drop=True),
            sensitivity_rows=pd.DataFrame(
                [sensitivity_row(fit, confidence=self.confidence) for fit in fits]
            ),
            bounds_rows=bounds_rows(fits, scale=self.scale),
        )

    def _read(self, cases: pd.DataFrame) -> tuple[Codes, list[str]]:
        if not isinstance(cases, pd.DataFrame):
            raise FitError(
                f"ComplaintModel.fit: need a table, got {type(cases).__name__}. Next step: pass "
                f"cxlab.complaint_cases(tables).table()."
            )
        if "resolved_days" not in cases or cases["resolved_days"].notna().sum() == 0:
            raise NotAnswerableError(
                QUESTION,
                reason="Nobody can see when a complaint was resolved.",
                next_step="map resolved_at of [complaints] in cxlab.toml.",
            )
        refuse_immortal_time("ComplaintModel", cases)
        present = [name for name in self.outcomes if name in cases and cases[name].notna().any()]
        if not present:
            raise NotAnswerableError(
                QUESTION,
                reason=f"None of the outcomes {', '.join(self.outcomes)} is known.",
                next_step="map left_at of [customers], or satisfaction asked later.",
            )
        days = cases["resolved_days"].to_numpy(dtype=np.float64, na_value=np.nan)
        arm = np.where(np.isnan(days), 0, np.where(days <= self.fast_days, 2, 1)).astype(np.intp)
        return arm, present

    def _fit_outcome(
        self,
        name: str,
        values: Floats,
        arm: Codes,
        features: CaseFeatures,
        clusters: Codes | None,
        units: Codes,
    ) -> OutcomeFit:
        seen = np.isfinite(values)
        counts = np.bincount(arm[seen], minlength=len(ARMS))
        if counts.min() < 30:
            few = ", ".join(f"{n} {word}" for n, word in zip(counts, ARMS, strict=True))
            raise NotAnswerableError(
                QUESTION,
                reason=f"Complaints with a known {name}: {few}; 30 in each arm are the least.",
                next_step="take a longer period, more dealers, or another fast_days.",
            )
        binary = bool(np.isin(values[seen], (0.0, 1.0)).all())
        rng = np.random.default_rng(self.seed)
        fit = cross_fit(
            features.values,
            arm,
            values,
            arms=len(ARMS),
            binary=binary,
            rng=rng,
            curved=features.curved,
            units=units,
            splits=self.splits,
        )
        overlap = measure_overlap(fit, features.values)
        found = OutcomeFit(
            name=name,
            binary=binary,
            fit=fit,
            overlap=overlap,
            gate=gate_of(fit, overlap),
            clusters=clusters,
            features=features,
        )
        return self._with_benchmark(found, values, arm, units)

    def _with_benchmark(self, found: OutcomeFit, values: Floats, arm: Codes, units: Codes) -> OutcomeFit:
        """Leave out each of the least balanced causes in turn: how strong is the strongest measured one?"""
        features = found.features
        gaps = pd.Series(np.abs(found.overlap.before).max(axis=0), index=list(features.owner))
        tried = gaps.groupby(level=0).max().sort_values(ascending=False).index[:BENCHMARKS]

        def rough(of: CaseFeatures) -> CrossFit:
            return cross_fit(
                of.values,
                arm,
                values,
                arms=len(ARMS),
                binary=found.binary,
                rng=np.random.default_rng(self.seed),
                curved=of.curved,
                units=units,
                folds=2,
                splits=1,
            )

        if len(set(features.owner)) < 2:
            return found
        whole = rough(features)
        return found.with_benchmarks(
            {
                str(cause): benchmark_cause(whole, rough(features.without(str(cause))), *CONTRASTS[0])
                for cause in tried
            }
        )
