"""Tables and checks of repeat buying: parameters, chance to be active, purchases and value ahead."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from cxlab.core.result import Check, checks_table
from cxlab.models.churn.intervals import limits
from cxlab.stats.purchases import PurchaseFit, chance_alive, expected_purchases, purchase_fit_at
from cxlab.stats.spend import SpendFit, expected_spend, spend_fit_at

if TYPE_CHECKING:
    from cxlab.models.churn.purchase_model import PurchaseModel

FloatArray = NDArray[np.float64]

#: Customers over which the replicates move the means; the means themselves are over all.
MOST_PROFILES = 1_000
#: Pieces of the horizon over which purchases are discounted.
PIECES = 12


@dataclass(frozen=True, kw_only=True, eq=False)
class PurchaseEvidence:
    """Fits of how often and (or None) how much, with the replicates of their log parameters."""

    fit: PurchaseFit
    draws: FloatArray
    spend: SpendFit | None
    spend_draws: FloatArray | None


def ahead(
    fit: PurchaseFit, past: tuple[FloatArray, FloatArray, FloatArray], *, horizon: float, discount: float
) -> FloatArray:
    """Expected purchases (n,) over the horizon, discounted piece by piece at its middle if asked."""
    if discount == 0.0:
        return expected_purchases(fit, horizon, *past)
    edges = np.linspace(0.0, horizon, PIECES + 1)
    upto = [np.zeros(len(past[0]))] + [expected_purchases(fit, float(edge), *past) for edge in edges[1:]]
    middles = (edges[1:] + edges[:-1]) / 2.0
    pieces = [late - early for early, late in pairwise(upto)]
    return np.asarray(np.array(pieces).T @ (1.0 + discount) ** -middles)


def per_customer(
    model: PurchaseModel, rows: pd.DataFrame, fit: PurchaseFit, spend: SpendFit | None
) -> pd.DataFrame:
    """chance_active, expected_purchases and, with spend, mean_spend and value of each customer."""
    past = (
        rows["frequency"].to_numpy(dtype=float),
        rows["recency_periods"].to_numpy(dtype=float),
        rows["age_periods"].to_numpy(dtype=float),
    )
    found = {
        "chance_active": chance_alive(fit, *past),
        "expected_purchases": expected_purchases(fit, model.horizon_periods, *past),
    }
    if spend is not None:
        money = expected_spend(spend, past[0], rows["mean_spend"].to_numpy(dtype=float))
        count = ahead(fit, past, horizon=model.horizon_periods, discount=model.discount_per_period)
        found["mean_spend"] = money
        found["value"] = model.margin_share * money * count
    return pd.DataFrame(found, index=rows.index)


def purchase_table(model: PurchaseModel, evidence: PurchaseEvidence, rows: pd.DataFrame) -> pd.DataFrame:
    """Parameters and means over customers, with limits."""
    fit, spend = evidence.fit, evidence.spend
    names = ["r", "alpha", "a", "b"]
    values, draws = [fit.r, fit.alpha, fit.a, fit.b], np.exp(evidence.draws) * [1.0, fit.scale, 1.0, 1.0]
    if spend is not None and evidence.spend_draws is not None:
        names += ["p", "q", "v"]
        values += [spend.p, spend.q, spend.v]
        more = np.exp(evidence.spend_draws) * [1.0, 1.0, spend.scale]
        draws = np.concatenate([draws, more], axis=1)
    mean = per_customer(model, rows, fit, spend).mean()
    few = rows
    if len(rows) > MOST_PROFILES:
        chosen = np.random.default_rng([model.seed, 7]).choice(len(rows), MOST_PROFILES, replace=False)
        few = rows.iloc[np.sort(chosen)]
    middle = per_customer(model, few, fit, spend).mean()
    moved = np.array([_replicate(model, evidence, few, one) for one in range(len(evidence.draws))])
    relative = moved / middle.to_numpy()
    lines = []
    for place, name in enumerate(names):
        error, low, high = limits(
            np.array(values[place]), draws[:, place], confidence=model.confidence, scale="log"
        )
        lines.append((name, values[place], float(error), float(low), float(high), len(rows)))
    for place, name in enumerate(mean.index):
        scale = "logit" if name == "chance_active" else "log"
        around = np.clip(mean[name] * relative[:, place], 1e-12, 1 - 1e-12 if scale == "logit" else np.inf)
        error, low, high = limits(np.array(mean[name]), around, confidence=model.confidence, scale=scale)
        lines.append((name, float(mean[name]), float(error), float(low), float(high), len(rows)))
    columns = ["term", "estimate", "std_error", "conf_low", "conf_high", "n"]
    table = pd.DataFrame(lines, columns=pd.Index(columns))
    total = table[table["term"] == "value"].assign(term="value_total")
    numbers = ["estimate", "std_error", "conf_low", "conf_high"]
    total[numbers] *= len(rows)
    return pd.concat([table, total], ignore_index=True)


def _replicate(
    model: PurchaseModel, evidence: PurchaseEvidence, rows: pd.DataFrame, one: int
) -> FloatArray:
    fit = purchase_fit_at(evidence.draws[one], evidence.fit)
    spend = evidence.spend
    if spend is not None and evidence.spend_draws is not None:
        spend = spend_fit_at(evidence.spend_draws[one], spend)
    return per_customer(model, rows, fit, spend).mean().to_numpy()


def purchase_checks(model: PurchaseModel, evidence: PurchaseEvidence, rows: pd.DataFrame) -> pd.DataFrame:
    """Repeat customers, counts reproduced, independence of frequency and spend."""
    x = rows["frequency"].to_numpy(dtype=float)
    again = int((x > 0).sum())
    fit = evidence.fit
    age = rows["age_periods"].to_numpy(dtype=float)
    # Purchases expected of a new customer over the time each was observed, beside those made.
    nobody = np.zeros(len(rows))
    expected = np.array([_new(fit, float(t)) for t in np.unique(age)])
    told = float(expected[np.searchsorted(np.unique(age), age)].sum()) if len(nobody) else 0.0
    ratio = told / x.sum()
    checks = [
        Check(
            check="customers who bought again",
            value=again,
            threshold=">= 100",
            passed=again >= 100,
            meaning="fewer give wide limits",
        ),
        Check(
            check="purchases expected over purchases made",
            value=round(ratio, 3),
            threshold="0.95 to 1.05",
            passed=0.95 <= ratio <= 1.05,
            meaning="over the time observed: outside, the model does not describe these customers",
        ),
    ]
    if evidence.spend is not None:
        bought = rows[rows["frequency"] > 0]
        tied = float(np.corrcoef(bought["frequency"], bought["mean_spend"])[0, 1])
        checks.append(
            Check(
                check="frequency and spend are unrelated",
                value=round(tied, 3),
                threshold=f"within {model.correlation_limit:g}",
                passed=abs(tied) <= model.correlation_limit,
                meaning="correlation over repeat customers: the value multiplies two models that must be "
                "independent",
            )
        )
        checks.append(
            Check(
                check="the mean spend exists",
                value=round(evidence.spend.q, 2),
                threshold="q > 1",
                passed=evidence.spend.q > 1,
                meaning="with q at 1 or below a few customers spend so much that there is no mean",
            )
        )
    return checks_table(checks)


def _new(fit: PurchaseFit, t: float) -> float:
    """Expected purchases of a new customer by time t (equation 9 of Fader, Hardie and Lee 2005)."""
    from scipy.special import hyp2f1

    share = t / (fit.alpha + t)
    a = fit.a if abs(fit.a - 1.0) > 1e-6 else 1.0 + 1e-5
    curve = hyp2f1(fit.r, fit.b, a + fit.b - 1.0, share)
    return float((a + fit.b - 1.0) / (a - 1.0) * (1.0 - (1.0 - share) ** fit.r * curve))
