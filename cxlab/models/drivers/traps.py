"""Simpson's trap: does a fact hurt within a dealer although dealers with more of it look better?"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.columns import LOCATION_ID, OVERALL
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.provenance import Provenance, hash_frame
from cxlab.core.result import Check, checks_table
from cxlab.core.settings import require_share
from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.models.drivers.rows import complete_answers
from cxlab.models.drivers.traps_result import (
    BETWEEN,
    DIFFERENCE,
    POOLED,
    WITHIN,
    WithinBetweenResult,
)
from cxlab.stats.intervals import student_interval
from cxlab.stats.regression import LinearFit, fit_linear

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

#: Sites needed before a slope between them means anything.
FEWEST_SITES = 10
FEWEST_ANSWERS = 50
#: Below this reliability of site means the slope between sites is drawn towards the one within.
RELIABLE = 0.8


@dataclass(frozen=True, kw_only=True)
class WithinBetweenModel:
    """Slope of an operational fact on an answer: pooled, within sites and between sites (Mundlak).

    ``y = a + b_W (x - xbar_s) + b_B xbar_s + u_s + e``: b_W compares answers at the same site, b_B compares
    sites. The pooled slope mixes both and can have the wrong sign for either.

    Parameters
    ----------
    exposure
        Column of the operational fact, such as ``max_wait_minutes`` of ``exposure(tables)``.
    outcome
        Column of the answers.
    cluster_column
        Site of each answer; 10 sites or more are needed.
    confidence
        Confidence of intervals, 0..1; the sign is called reversed if the two slopes have different signs
        and a test of their equality rejects at ``1 - confidence``.

    Raises
    ------
    ParameterError
        If a setting is out of range, or exposure and outcome are one column.

    Examples
    --------
    >>> rng = np.random.default_rng(3)
    >>> site = np.repeat(np.arange(40), 30)
    >>> level = rng.normal(0, 1.4, 40)[site]
    >>> wait = level + rng.normal(size=1200)
    >>> overall = 0.5 * level - 0.4 * (wait - level) + rng.normal(size=1200)
    >>> table = pd.DataFrame({"location_id": site, "wait_minutes": wait, "overall": overall})
    >>> result = WithinBetweenModel(exposure="wait_minutes").fit(table)
    >>> result.reversal, result.table().set_index("term")["estimate"].round(1).to_dict()
    (True, {'pooled': 0.3, 'within': -0.4, 'between': 0.5, 'difference': -0.9})
    """

    exposure: str
    outcome: str = OVERALL
    cluster_column: str = LOCATION_ID
    confidence: float = 0.95

    def __post_init__(self) -> None:
        require_share("WithinBetweenModel", "confidence", self.confidence)
        if self.exposure == self.outcome:
            raise ParameterError(
                f"WithinBetweenModel: exposure and outcome are both {self.outcome!r}. Next step: name an "
                f"operational fact as exposure."
            )

    def fit(self, table: pd.DataFrame) -> WithinBetweenResult:
        """Estimate the three slopes from answers with their operational fact, one row each.

        Takes a ``table`` of answers with the exposure, the outcome and the site.

        Raises
        ------
        NotAnswerableError
            If a column is absent, there are fewer than 10 sites or 50 answers, or the exposure does not
            vary within or between sites.
        FitError
            If a column holds text or infinite values.
        """
        question = f"Does {self.exposure} go along with {self.outcome}?"
        names = (self.exposure, self.outcome, self.cluster_column)
        _require_columns(table, names, question)
        answers = complete_answers(
            table,
            outcome=self.outcome,
            drivers=(self.exposure,),
            weight_column=None,
            cluster_column=self.cluster_column,
            stratum_column=None,
        )
        fact, outcome = answers.values[:, 0], answers.values[:, 1]
        sites = np.asarray(answers.clusters, dtype=np.int64)
        _require_enough(fact, outcome, sites, question)
        rows = np.bincount(sites).astype(np.float64)
        level = np.bincount(sites, weights=fact) / rows
        deviation = fact - level[sites]
        _require_variation(deviation, level, question, self.exposure)
        means = {"fact": level, "outcome": np.bincount(sites, weights=outcome) / rows}
        means["fact_deviation"] = np.sqrt(np.bincount(sites, weights=deviation**2) / rows)
        one = np.ones(len(fact))
        pooled = _slopes(np.column_stack([one, fact]), outcome, sites)
        split = _slopes(np.column_stack([one, deviation, level[sites]]), outcome, sites)
        estimates = self._estimates(pooled, split, n=len(fact))
        return WithinBetweenResult(
            estimates=estimates,
            diagnostics=checks_table(_checks(rows, _reliability(deviation, level, rows))),
            provenance=Provenance(
                model="WithinBetweenModel",
                n_rows=len(table),
                n_used=len(fact),
                n_set_aside=answers.set_aside,
                settings=asdict(self),
                input_hash=hash_frame(table[list(names)]),
            ),
            exposure=self.exposure,
            outcome=self.outcome,
            confidence=self.confidence,
            reversal=_reversed(estimates, confidence=self.confidence),
            intercept=float(split.coefficients[0]),
            sites=pd.DataFrame({"n": rows.astype(int), **means}),
        )

    def _estimates(self, pooled: LinearFit, split: LinearFit, *, n: int) -> pd.DataFrame:
        from scipy import stats

        contrast = np.array([0.0, 1.0, -1.0])
        found = {
            POOLED: (pooled.coefficients[1], pooled.covariance[1, 1]),
            WITHIN: (split.coefficients[1], split.covariance[1, 1]),
            BETWEEN: (split.coefficients[2], split.covariance[2, 2]),
            DIFFERENCE: (contrast @ split.coefficients, contrast @ split.covariance @ contrast),
        }
        rows = []
        for term, (estimate, variance) in found.items():
            error = float(np.sqrt(variance))
            interval = student_interval(
                float(estimate),
                error,
                degrees_of_freedom=split.degrees_of_freedom,
                confidence=self.confidence,
            )
            p_value = 2.0 * float(stats.t.sf(abs(estimate) / error, split.degrees_of_freedom))
            verdict = SUPPORTED if p_value < 1.0 - self.confidence else UNDETERMINED
            rows.append({"term": term, **asdict(interval), "p_value": p_value, "n": n, "verdict": verdict})
        return pd.DataFrame(rows)


def _require_columns(table: pd.DataFrame, names: tuple[str, ...], question: str) -> None:
    if not isinstance(table, pd.DataFrame):
        raise FitError(
            f"WithinBetweenModel.fit: need a table, got {type(table).__name__}. Next step: pass "
            f"exposure(tables).table()."
        )
    absent = [name for name in names if name not in table.columns]
    if absent:
        raise NotAnswerableError(
            question,
            reason=f"The table has no column {', '.join(absent)}.",
            next_step="link the answers with exposure(tables), or correct the name.",
        )


def _slopes(design: Array, outcome: Array, sites: Codes) -> LinearFit:
    """Least squares whose covariance leaves out one site at a time: honest with few sites."""
    return fit_linear(design, outcome, clusters=sites, leave_one_out=True)


def _reversed(estimates: pd.DataFrame, *, confidence: float) -> bool:
    slope = dict(zip(estimates["term"], estimates["estimate"], strict=True))
    p_value = dict(zip(estimates["term"], estimates["p_value"], strict=True))
    return bool(slope[WITHIN] * slope[BETWEEN] < 0.0 and p_value[DIFFERENCE] < 1.0 - confidence)


def _reliability(deviation: Array, level: Array, rows: Array) -> float:
    """Share of the variance of site means that is not the luck of few answers."""
    within = float(deviation @ deviation) / (len(deviation) - len(rows))
    observed = float(level.var(ddof=1))
    noise = within * float(np.mean(1.0 / rows))
    return max(0.0, 1.0 - noise / observed) if observed > 0.0 else 0.0


def _require_enough(fact: Array, outcome: Array, sites: Codes, question: str) -> None:
    count = int(sites.max()) + 1 if len(sites) else 0
    if count < FEWEST_SITES or len(fact) < max(FEWEST_ANSWERS, 2 * count):
        raise NotAnswerableError(
            question,
            reason=f"{len(fact)} complete answers come from {count} sites; {FEWEST_SITES} sites and "
            f"{FEWEST_ANSWERS} answers (two per site) are needed.",
            next_step="use more sites or a longer period.",
        )
    if np.ptp(outcome) == 0.0:
        raise NotAnswerableError(
            question, reason="Every answer is the same.", next_step="choose an outcome that varies."
        )


def _require_variation(deviation: Array, level: Array, question: str, exposure: str) -> None:
    spread = float(np.sqrt(np.mean(deviation**2) + level.var()))
    for where, size in (("within", np.sqrt(np.mean(deviation**2))), ("between", level.std())):
        if size <= 1e-9 * max(spread, 1e-300):
            raise NotAnswerableError(
                question,
                reason=f"{exposure} does not vary {where} sites, so the two slopes cannot be told apart.",
                next_step=f"choose a fact that varies {where} sites.",
            )


def _checks(rows: Array, reliability: float) -> list[Check]:
    return [
        Check(
            check="sites",
            value=len(rows),
            threshold=f">= {2 * FEWEST_SITES}",
            passed=len(rows) >= 2 * FEWEST_SITES,
            meaning="the slope between sites rests on so many points only, however many answers there are",
        ),
        Check(
            check="reliability of site means",
            value=round(reliability, 3),
            threshold=f">= {RELIABLE:g}",
            passed=reliability >= RELIABLE,
            meaning="below it, few answers per site draw the slope between sites towards the one within",
        ),
        Check(
            check="largest site",
            value=round(float(rows.max() / rows.sum()), 3),
            threshold="<= 0.25 of the answers",
            passed=bool(rows.max() <= 0.25 * rows.sum()),
            meaning="one site that holds most answers decides the slope within",
        ),
    ]
