"""The repair result in words: three meanings of "repair", never one unlabelled number."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from cxlab.core.verdicts import REJECTED, SUPPORTED

Row = dict[Any, Any]
Rows = dict[Any, Row]

#: Claims in this range repeat a published number whose mathematics was withdrawn.
WITHDRAWN_CLAIM = (2.9, 3.0)
ASSUMPTION = (
    "Assumption: within a customer nothing else changed together with the experiences and moved the "
    "outcome, and good and bad were recorded by operations, not by the customer's own answer."
)
LIMITS = (
    "Not claimed: that positives make a customer forget, that the ratio holds for another outcome, channel "
    "or severity, or anything about customers who left or answered once."
)
WITHDRAWN = (
    "Warning: ratios of 2.9 or 3 to 1 go back to a model (Fredrickson and Losada 2005) whose mathematics "
    "was formally withdrawn after Brown, Sokal and Friedman (2013); it is no evidence for this claim."
)


#: Checks whose failure changes what the number means, and so is said with it.
TRAPS = (
    "good and bad experiences fade alike (p)",
    "the last 14 days weigh as the fading curve says (p)",
    "good and bad were recorded apart from the answer",
    "later positives leave the remaining damage alone (p)",
    "the wait for the next answer does not follow the last answer (p)",
    "share of answers within one half-life of the first record",
)


def trap_warnings(checks: pd.DataFrame) -> list[str]:
    """One sentence for each failed check of :data:`TRAPS` that could be made."""
    failed = checks[~checks["passed"].astype(bool) & (checks["value"].astype(str) != "not tested")]
    named = failed["check"].isin(TRAPS) | failed["check"].str.startswith("the last ")
    return [
        f"Warning: {row['meaning']} ({row['check']}: {row['value']})."
        for row in failed[named].to_dict("records")
    ]


def repair_summary(
    table: pd.DataFrame,
    *,
    outcome: str,
    claim_ratio: float,
    contact_days: float,
    confidence: float,
    warnings: list[str],
) -> str:
    """Exchange ratio with its verdict, way back, memory; warnings; assumption; what may not be claimed."""
    rows = {row["term"]: row for row in table.to_dict("records")}
    parts = [
        _exchange(rows, claim_ratio, outcome=outcome, confidence=confidence),
        _way_back(rows, contact_days),
        _memory(rows),
        *warnings,
        ASSUMPTION,
        LIMITS,
    ]
    if WITHDRAWN_CLAIM[0] <= claim_ratio <= WITHDRAWN_CLAIM[1]:
        parts.append(WITHDRAWN)
    return " ".join(parts)


def _number(row: Row, digits: int = 1) -> str:
    shown = f"{row['estimate']:.{digits}f} [{row['conf_low']:.{digits}f}, {row['conf_high']:.{digits}f}]"
    return shown.replace("inf", "never")


def _reason(row: Row) -> str:
    """Why a number is withheld: what follows the label in ``meaning``."""
    return str(row["meaning"]).partition(": ")[2]


def _exchange(rows: Rows, claim: float, *, outcome: str, confidence: float) -> str:
    row = rows["ratio_unresolved"]
    n = f"{int(row['n']):,} customers, {int(row['n_experiences']):,} unresolved negatives"
    if math.isnan(row["estimate"]):
        reason = _reason(row)
        text = f"Exchange: no number for an unresolved negative ({row['verdict']}: {reason}; {n})."
    else:
        verdict = {
            REJECTED: f"the claim of {claim:g} to 1 is rejected",
            SUPPORTED: f"the claim of {claim:g} to 1 is supported",
        }.get(str(row["verdict"]), f"the claim of {claim:g} to 1 is undetermined")
        text = (
            f"Exchange: in {outcome}, one unresolved negative weighs as much as {_number(row)} positives "
            f"of the same age ({confidence:.0%} interval; {n}); {verdict}."
        )
    other = rows["ratio_resolved"]
    if math.isnan(other["estimate"]):
        return f"{text} A resolved negative: {other['verdict']}."
    return f"{text} A resolved negative weighs as much as {_number(other)}."


def _way_back(rows: Rows, contact_days: float) -> str:
    said = []
    for state in ("unresolved", "resolved"):
        row = rows[f"positives_until_back_{state}"]
        if not math.isnan(row["estimate"]):
            said.append(
                f"{_number(row)} after an {state}" if state[0] == "u" else f"{_number(row)} after a {state}"
            )
    if not said:
        return "Way back: no number for the positives in a row until the level before."
    return (
        f"Way back: with a positive every {contact_days:g} days the level before is reached after "
        f"{' and '.join(said)} negative, because the bad fades meanwhile."
    )


def _memory(rows: Rows) -> str:
    row, quarter = rows["half_life_days"], rows["days_until_quarter"]
    if math.isnan(row["estimate"]):
        limit = f", half-life from {row['conf_low']:.0f} days" if not math.isnan(row["conf_low"]) else ""
        return f"Memory: {_reason(row)}{limit}."
    return (
        f"Memory: an effect halves in {_number(row, 0)} days; time alone leaves a quarter after "
        f"{_number(quarter, 0)} days."
    )
