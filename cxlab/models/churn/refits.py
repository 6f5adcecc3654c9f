"""What refits of a forecast on other customers agree on: limits of a probability, and its reasons."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from cxlab.core.settings import require_at_least, require_share
from cxlab.models.churn.decision_rows import PROBABILITY, REASONS
from cxlab.models.churn.reason_codes import (
    coded,
    families_of,
    family_contributions,
    reason_table,
    refit_models,
)

if TYPE_CHECKING:
    from cxlab.models.churn.horizon_result import ChurnResult


def refit_evidence(
    churn: ChurnResult, table: pd.DataFrame, *, refits: int = 10, confidence: float = 0.95
) -> pd.DataFrame:
    """Limits of each row's probability, and the three reasons that hold, from one set of refits.

    ``logit p -+ t s`` with s the spread of the row's logit over refits on bootstrap draws of customers
    and t of ``refits - 1`` degrees of freedom. It says how far the forecast would move had it learned
    from other customers; what the recipe itself gets wrong for a customer is not in it.

    Parameters
    ----------
    churn
        A fitted forecast.
    table
        Rows with its features.
    refits
        5 or more; each costs as much as a fit of the forecast.
    confidence
        Strictly between 0 and 1.

    Returns
    -------
    DataFrame
        Aligned to ``table``: probability_low, probability_high, reason_1 to reason_3 (empty where no
        reason is stable).
    """
    from scipy.special import expit, logit
    from scipy.stats import t as student

    require_at_least("refit_evidence", "refits", refits, 5)
    require_share("refit_evidence", "confidence", confidence)
    families = families_of(churn.training)
    matrix = coded(churn.coder, table)
    models = refit_models(churn.training, churn.trainer, churn.classifier, refits)
    own = family_contributions(churn.classifier, matrix, families)
    others = [family_contributions(model, matrix, families) for model in models]
    names = [family.name for family in families]
    reasons = reason_table(own, others, names, top=min(len(REASONS), len(names)), index=table.index)
    if not len(table):
        return reasons.assign(**{f"{PROBABILITY}_low": [], f"{PROBABILITY}_high": []})
    logits = np.stack([model.base_ + one.sum(axis=1) for model, one in zip(models, others, strict=True)])
    width = float(student.ppf(0.5 + confidence / 2.0, len(models) - 1)) * logits.std(axis=0, ddof=1)
    middle = logit(np.clip(churn.predict(table).to_numpy(), 1e-12, 1.0 - 1e-12))
    found = reasons.drop(columns="reasons_stable")
    found[f"{PROBABILITY}_low"], found[f"{PROBABILITY}_high"] = expit(middle - width), expit(middle + width)
    return found
