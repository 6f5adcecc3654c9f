"""Diagnostics of a repair ratio: what must hold for its number to mean what it says."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cxlab.core.result import Check, checks_table
from cxlab.models.recovery.repair_evidence import GATE_Z, Evidence
from cxlab.models.recovery.repair_healing import healing_check
from cxlab.models.recovery.repair_mood import missing_by_mood
from cxlab.models.recovery.repair_rows import RepairRows, current_visit_entries
from cxlab.models.recovery.repair_tests import DOUBT, added_columns_test, tested_check
from cxlab.stats.stock import plan_stocks
from cxlab.stats.stock_regression import StockProblem

#: Fewest customers at which the coverage of the intervals was measured.
CUSTOMERS_MEASURED = 150
EFFECTIVE_CUSTOMERS = 30.0


def repair_checks(
    evidence: Evidence,
    problem: StockProblem,
    rows: RepairRows,
    *,
    current_visit_days: float,
    carry_over: bool,
    from_survey: bool,
) -> pd.DataFrame:
    """All diagnostics of a fit as a table (check, value, threshold, passed, meaning)."""
    checks = [
        _gate(evidence),
        Check(
            check="customers who answered twice or more",
            value=rows.n_customers,
            threshold=f">= {CUSTOMERS_MEASURED}",
            passed=rows.n_customers >= CUSTOMERS_MEASURED,
            meaning="below this the coverage of the intervals has not been measured",
        ),
        *(_seen(evidence, kind) for kind in evidence.n_seen),
        _effective(evidence),
        Check(
            check="half-life inside the range searched",
            value=round(evidence.fit.half_life, 1),
            threshold="not at a bound",
            passed=evidence.fit.bound == "inside",
            meaning="at the longest: no fading seen; at the shortest: fades faster than can be measured",
        ),
        _single_minimum(evidence),
        _same_fading(evidence, problem),
        _current_visit(evidence, problem, rows, days=current_visit_days, carry_over=carry_over),
        _valence_source(from_survey, carry_over),
        healing_check(evidence, problem, rows, carry_over_days=current_visit_days if carry_over else 0.0),
        missing_by_mood(rows, evidence.fit.regression.residuals),
        _early_answers(evidence, rows),
        _single_answers(rows),
    ]
    return checks_table(checks)


def _gate(evidence: Evidence) -> Check:
    return Check(
        check="positives lift the outcome (z)",
        value=round(float(evidence.gate_z), 2),
        threshold=f"> {GATE_Z}",
        passed=evidence.gate_open,
        meaning="otherwise no ratio is printed: never repaired cannot be excluded",
    )


def _seen(evidence: Evidence, kind: str) -> Check:
    seen = evidence.n_seen[kind]
    return Check(
        check=f"experiences that an answer can see: {kind.replace('_', ', ')}",
        value=seen,
        threshold=f">= {evidence.minimum}",
        passed=evidence.enough(kind),
        meaning="fewer are too few for a number",
    )


def _effective(evidence: Evidence) -> Check:
    bad = [kind for kind in evidence.kinds if kind != "positive"]
    least = min(evidence.fit.contrast(evidence.weights(**{kind: 1.0}))[2] for kind in bad)
    return Check(
        check="effective number of customers behind the weakest negative effect",
        value=round(least, 1),
        threshold=f">= {EFFECTIVE_CUSTOMERS:g}",
        passed=least >= EFFECTIVE_CUSTOMERS,
        meaning="if a few customers carry the estimate, its interval rests on them",
    )


def _single_minimum(evidence: Evidence) -> Check:
    from scipy.stats import chi2

    squares = evidence.fit.profile[:, 1]
    degrees = max(len(evidence.fit.regression.residuals) - evidence.n_customers - len(evidence.kinds), 1)
    reach = float(np.min(squares)) / degrees * chi2.ppf(evidence.confidence, 1)
    lower = np.r_[np.inf, squares[:-1]] > squares
    valley = lower & (np.r_[squares[1:], np.inf] >= squares) & (squares - np.min(squares) <= reach)
    return Check(
        check="half-lives that explain the answers about equally well",
        value=int(valley.sum()),
        threshold="1",
        passed=int(valley.sum()) == 1,
        meaning="with several separate ones the interval of the half-life shows only the best",
    )


def _same_fading(evidence: Evidence, problem: StockProblem) -> Check:
    meaning = "if good and bad fade at different speeds no single ratio exists: read the way back instead"
    name = "good and bad experiences fade alike (p)"
    if evidence.fit.bound != "inside" or not evidence.gate_open:
        return tested_check(name, None, meaning, unless="not tested")
    size = len(evidence.kinds)
    pulls = evidence.fit.slopes * evidence.fit.coefficients[:size]
    good = np.array([kind == "positive" for kind in evidence.kinds])
    columns = np.column_stack([pulls[:, good].sum(axis=1), pulls[:, ~good].sum(axis=1)])
    p_value = added_columns_test(evidence, problem, columns, np.array([[1.0, -1.0]]))
    return tested_check(name, p_value, meaning, unless="not tested")


def _current_visit(
    evidence: Evidence, problem: StockProblem, rows: RepairRows, *, days: float, carry_over: bool
) -> Check:
    name = f"the last {days:g} days weigh as the fading curve says (p)"
    if carry_over:
        return Check(
            check=name,
            value="left out",
            threshold=f"p >= {DOUBT:g}",
            passed=True,
            meaning="the carry-over design gives the current visit its own columns",
        )
    meaning = (
        "a mood of the day in both valence and answer makes the last visit weigh too much; "
        "then set carry_over_only=True"
    )
    plan = plan_stocks(rows.owner, rows.at, entries=current_visit_entries(rows, days=days), n_stocks=3)
    columns = problem.absorption.absorb(plan.stocks(np.inf))
    columns = columns[:, np.square(columns).sum(axis=0) > 1e-9 * len(columns)]
    if not columns.shape[1]:
        return tested_check(name, None, meaning, unless="no experience so late")
    size = len(evidence.kinds)
    if evidence.fit.bound == "inside":
        pull = evidence.fit.slopes @ evidence.fit.coefficients[:size]
        added = np.column_stack([pull, columns])
    else:
        added = columns
    p_value = added_columns_test(evidence, problem, added, np.eye(columns.shape[1]))
    return tested_check(name, p_value, meaning, unless="not tested")


def _valence_source(from_survey: bool, carry_over: bool) -> Check:
    told = "by the customer in a survey" if from_survey else "by operations, or not said"
    return Check(
        check="good and bad were recorded apart from the answer",
        value=f"{told}; {'earlier visits only' if carry_over else 'the current visit counts'}",
        threshold="by operations, or earlier visits only",
        passed=carry_over or not from_survey,
        meaning="one mood in valence and answer can halve the ratio; leave carry_over_only at None",
    )


def _early_answers(evidence: Evidence, rows: RepairRows) -> Check:
    first = min(rows.at.min(), rows.experiences.occurred.min(initial=np.inf))
    share = float(np.mean(rows.at - first < evidence.fit.half_life))
    return Check(
        check="share of answers within one half-life of the first record",
        value=round(share, 3),
        threshold="<= 0.5",
        passed=share <= 0.5,
        meaning="experiences before the records began are unseen; if there were any, set discard_days",
    )


def _single_answers(rows: RepairRows) -> Check:
    share = rows.n_single_customers / max(rows.n_single_customers + rows.n_customers, 1)
    return Check(
        check="share of customers with a single answer",
        value=round(share, 3),
        threshold="<= 0.9",
        passed=share <= 0.9,
        meaning="they say nothing here: the ratio speaks for customers who answer repeatedly",
    )
