"""Does a later positive heal what is left of an earlier negative? Then no single ratio exists."""

from __future__ import annotations

import numpy as np

from cxlab.core.result import Check
from cxlab.models.recovery.repair_evidence import Evidence, Floats
from cxlab.models.recovery.repair_rows import KINDS, RepairRows, stock_entries
from cxlab.models.recovery.repair_tests import added_columns_test, half_life_pull, tested_check
from cxlab.stats.stock_regression import StockProblem


def healing_check(
    evidence: Evidence, problem: StockProblem, rows: RepairRows, *, carry_over_days: float
) -> Check:
    """Whether the damage that is left interacts with the number of positives since.

    ``H(t) = sum over negatives j of b_j w_j(t) (P(t) - P(t_j))`` with ``P`` the positives so far and
    ``w_j`` the fading weight: ``P(t) X(t)`` minus a stock whose entries weigh ``P(t_j)``.
    """
    name = "later positives leave the remaining damage alone (p)"
    meaning = "if each positive shrinks what is left of a bad experience, the ratio depends on their order"
    if evidence.fit.bound != "inside" or not evidence.gate_open:
        return tested_check(name, None, meaning, unless="not tested")
    column = healing_column(evidence, problem, rows, carry_over_days=carry_over_days)
    added = np.column_stack([half_life_pull(evidence), problem.absorption.absorb(column[:, None])])
    p_value = added_columns_test(evidence, problem, added, np.eye(1))
    return tested_check(name, p_value, meaning, unless="not tested")


def healing_column(
    evidence: Evidence, problem: StockProblem, rows: RepairRows, *, carry_over_days: float
) -> Floats:
    """H at every answer, shape (rows,)."""
    past = rows.experiences
    good = past.positive.astype(np.float64)
    running = np.cumsum(good) - good
    first = np.flatnonzero(np.r_[True, past.owner[1:] != past.owner[:-1]])
    before: Floats = running - np.repeat(running[first], np.diff(np.r_[first, len(past.owner)]))
    half_life, places = evidence.fit.half_life, [KINDS.index(kind) for kind in evidence.kinds]
    # The entries of the fit again, each weighed with the positives before it: no second sorting.
    entries = stock_entries(rows, delay_days=carry_over_days, weight=before).only(places)
    so_far = problem.plan.stocks(np.inf)[:, evidence.kinds.index("positive")]
    left, weighed = problem.plan.stocks(half_life), problem.plan.weighed(entries.sign).stocks(half_life)
    column = np.zeros(len(rows.at))
    for place, kind in enumerate(evidence.kinds):
        if kind != "positive":
            effect = evidence.fit.coefficients[place]
            column += effect * (so_far * left[:, place] - weighed[:, place])
    return column
