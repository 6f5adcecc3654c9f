"""Millions of customers: estimate on a random sample of them, apply to all of them block by block."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cxlab.core.columns import CUSTOMER_ID
from cxlab.core.errors import FitError
from cxlab.models.recovery.repair_rows import NEGATIVE, OCCURRED_AT, POSITIVE, RESOLVED_AT, VALENCE

OUTSIDE = "customers outside the sample"


@dataclass(frozen=True, eq=False, kw_only=True)
class DrawnCustomers:
    """Answers and experiences of the customers drawn, and the rows of the others counted."""

    answers: pd.DataFrame
    experiences: pd.DataFrame
    set_aside: dict[str, int]


def draw_customers(
    answers: pd.DataFrame, experiences: pd.DataFrame, *, most: int | None, seed: int
) -> DrawnCustomers:
    """All rows of at most ``most`` customers who answered, drawn at random; everything for None."""
    if most is None or CUSTOMER_ID not in answers.columns or CUSTOMER_ID not in experiences.columns:
        return DrawnCustomers(answers=answers, experiences=experiences, set_aside={})
    codes, names = pd.factorize(answers[CUSTOMER_ID], sort=True)
    if len(names) <= most:
        return DrawnCustomers(answers=answers, experiences=experiences, set_aside={})
    taken = np.zeros(len(names) + 1, dtype=bool)
    taken[np.random.default_rng(seed).choice(len(names), size=most, replace=False)] = True
    # Code -1, no customer, is counted where the rows are checked.
    taken[-1] = True
    experienced = pd.Index(names).get_indexer(pd.Index(experiences[CUSTOMER_ID]))
    rows, past = taken[codes], taken[experienced] & (experienced >= 0)
    aside = {
        f"answers: {OUTSIDE}": int((~rows).sum()),
        f"experiences: {OUTSIDE}": int((~past).sum()),
    }
    return DrawnCustomers(answers=answers[rows], experiences=experiences[past], set_aside=aside)


def levels_at(effects: Mapping[str, float], experiences: pd.DataFrame, at: pd.Timestamp) -> pd.DataFrame:
    """What the experiences before ``at`` have left in each customer, in points of the outcome.

    Parameters
    ----------
    effects
        ``effect_positive``, ``effect_negative_unresolved``, ``effect_negative_resolved`` (a missing or NaN
        one is an error where such experiences occur) and ``half_life_days``.
    experiences
        As :meth:`cxlab.RepairModel.fit` takes them; any block of customers.
    at
        Naive moment.

    Returns
    -------
    pandas.DataFrame
        Indexed by customer_id: ``level_points``, and the three stocks behind it.
    """
    past = experiences[(experiences[OCCURRED_AT] < at).to_numpy()]
    codes, names = pd.factorize(past[CUSTOMER_ID], sort=True)
    days = (at - past[OCCURRED_AT]).dt.total_seconds().to_numpy() / 86_400.0
    weight = np.exp2(-days / effects["half_life_days"])
    good = (past[VALENCE] == POSITIVE).to_numpy()
    solved = (past[RESOLVED_AT] < at).to_numpy()
    bad = (past[VALENCE] == NEGATIVE).to_numpy()
    masks = {
        "positive": good,
        "negative_unresolved": bad & ~solved,
        "negative_resolved": bad & solved,
    }
    frame = pd.DataFrame(index=pd.Index(names, name=CUSTOMER_ID))
    level = np.zeros(len(names))
    for kind, mask in masks.items():
        known = mask & (codes >= 0)
        stock = np.bincount(codes[known], weights=weight[known], minlength=len(names))
        effect = effects[f"effect_{kind}"]
        if known.any() and not np.isfinite(effect):
            raise FitError(
                f"levels: the fit has no number for {kind.replace('_', ', ')} experiences, and "
                f"{int(known.sum()):,} of them occur here. Next step: fit on more customers, or leave "
                f"these experiences out."
            )
        level += (1.0 if kind == "positive" else -1.0) * np.where(np.isfinite(effect), effect, 0.0) * stock
        frame[f"stock_{kind}"] = stock
    frame.insert(0, "level_points", level)
    return frame
