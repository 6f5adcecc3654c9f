"""What could overturn an effect of complaint handling, held against its limits."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from cxlab.core.result import Check
from cxlab.models.recovery.case_rows import FEWEST_CLUSTERS, CaseFeatures, landmark_check
from cxlab.models.recovery.complaint_tables import LEAST_EFFECTIVE, MOST_IMBALANCE, MOST_RARE, OutcomeFit


def complaint_checks(
    cases: pd.DataFrame,
    fits: Sequence[OutcomeFit],
    features: CaseFeatures,
    columns: Sequence[str],
    cluster_word: str,
) -> list[Check]:
    """Severity, value, overlap, balance, missing facts, missing answers, dealers, landmark."""
    least = min(float(fit.overlap.effective.min()) for fit in fits)
    rare = max(float(fit.overlap.share_rare.max()) for fit in fits)
    worst = max(fit.gate.imbalance for fit in fits)
    gap = max(features.imputed.values(), default=0.0)
    answered = min(float(np.isfinite(fit.fit.outcome).mean()) for fit in fits)
    return [
        *_known_before(columns),
        Check(
            check="effective complaints in the smallest arm",
            value=round(least),
            threshold=f">= {LEAST_EFFECTIVE:g}",
            passed=least >= LEAST_EFFECTIVE,
            meaning="below, a few complaints stand for all others: not identified",
        ),
        Check(
            check="complaints with next to no chance of an arm",
            value=round(rare, 3),
            threshold=f"<= {MOST_RARE:g}",
            passed=rare <= MOST_RARE,
            meaning="for them nothing comparable happened; see the rows where the arms overlap",
        ),
        Check(
            check="imbalance left after weighting",
            value=round(worst, 2),
            threshold=f"<= {MOST_IMBALANCE:g} plus two standard errors",
            passed=all("standard deviations" not in fit.gate.reason for fit in fits),
            meaning="in standard deviations; what is left is corrected by the expected outcome only",
        ),
        Check(
            check="largest share of a missing fact",
            value=round(gap, 3),
            threshold="<= 0.5",
            passed=gap <= 0.5,
            meaning="missing counts as a group of its own; a fact that is mostly missing adjusts little",
        ),
        Check(
            check="outcome known",
            value=round(answered, 3),
            threshold=">= 0.5",
            passed=answered >= 0.5,
            meaning="weights make up for silence as far as the recorded facts explain it; read bounds()",
        ),
        *_standing(cluster_word),
        landmark_check(cases),
    ]


def _known_before(columns: Sequence[str]) -> list[Check]:
    """What must have been recorded before the handling for its effect to mean anything."""
    return [
        Check(
            check="severity is adjusted for",
            value="yes" if "severity" in columns else "no",
            threshold="yes",
            passed="severity" in columns,
            meaning="without it, quick help for mild trouble looks like help that works",
        ),
        Check(
            check="value of the customer is adjusted for",
            value="yes" if "value_per_year" in columns else "no",
            threshold="yes",
            passed="value_per_year" in columns,
            meaning="agents choose whom to help first; without it, help for valued customers looks better",
        ),
    ]


def _standing(cluster_word: str) -> list[Check]:
    """Whom the intervals speak about."""
    return [
        Check(
            check="intervals count as independent",
            value=cluster_word,
            threshold=f"dealer (from {FEWEST_CLUSTERS} on)",
            passed=cluster_word == "dealer",
            meaning="one dealer's complaints share its staff; with few dealers intervals speak about these",
        ),
    ]
