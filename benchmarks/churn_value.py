"""When customers leave and what they still buy: CPU of hazards and of BG/NBD at a million customers.

Run from the checkout:

    OMP_NUM_THREADS=1 OPENBLAS_NUM_THREADS=1 .venv/bin/python benchmarks/churn_value.py

Peers in the same run: Cox's model by statsmodels and, where it is installed, by lifelines, on a part of the
customers; lifetimes where it is installed, else the same likelihood written plainly in SciPy, one row per
customer and numerical gradients.
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import betaln, gammaln
from statsmodels.duration.hazard_regression import PHReg

from cxlab.stats.hazard import fit_hazard, person_periods
from cxlab.stats.hazard_age import age_curve
from cxlab.stats.hazard_bootstrap import bootstrap_hazard
from cxlab.stats.purchases import collapse_purchases, expected_purchases, fit_purchases

CUSTOMERS, COVARIATES, MONTHS = 1_000_000, 10, 36
PEER_CUSTOMERS = 200_000
TRUTH = (0.8, -0.5, 0.3)


def cpu(work: Callable[[], Any]) -> tuple[Any, float]:
    """What ``work`` returns, and its CPU seconds."""
    start = time.process_time()
    return work(), time.process_time() - start


def lives(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Covariates, months lived and whether the customer left, censored at 6 to 36 months."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, COVARIATES))
    hazard = 1.0 / (1.0 + np.exp(3.9 - x[:, :3] @ np.array(TRUTH)))
    lived, seen = rng.geometric(hazard), rng.integers(6, MONTHS + 1, n)
    return x, np.minimum(lived, seen), (lived <= seen).astype(int)


def hazards() -> None:
    """Fit at a million customers, whole and thinned, replicates, and Cox on fewer."""
    x, time_, left = lives(CUSTOMERS, 1)
    zero = np.zeros(CUSTOMERS, dtype=np.int64)
    columns = age_curve(zero, time_, left > 0, knots=5).columns(MONTHS)
    rng = np.random.default_rng(2)
    for share in (1.0, 0.05):
        rows, spread = cpu(
            lambda share=share: person_periods(zero, time_, left, event_free_share=share, rng=rng)
        )
        fit, seconds = cpu(lambda rows=rows: fit_hazard(rows, columns, x))
        print(
            f"hazard, {CUSTOMERS:,} customers, {len(rows.period):,} person-periods (share {share:g}): "
            f"{spread + seconds:.2f} CPU s, effects {fit.effects[0, :3].round(3).tolist()}"
        )
    groups = rng.permutation(np.arange(CUSTOMERS) % 4_000)
    _, seconds = cpu(
        lambda: bootstrap_hazard(fit, rows, columns, x, groups=groups, replicates=200, ridge=1.0, rng=rng)
    )
    print(f"200 customer replicates of the thinned fit: {seconds:.2f} CPU s")
    few = slice(0, PEER_CUSTOMERS)
    for share in (1.0, 0.05):
        ours = cpu(
            lambda share=share: fit_hazard(
                person_periods(zero[few], time_[few], left[few], event_free_share=share, rng=rng),
                columns,
                x[few],
            )
        )[1]
        print(f"{PEER_CUSTOMERS:,} customers, share {share:g}: hazard {ours:.2f} CPU s")
    peer, seconds = cpu(lambda: PHReg(time_[few], x[few], status=left[few], ties="efron").fit())
    print(f"the same, PHReg {seconds:.2f} CPU s, Cox effects {peer.params[:3].round(3).tolist()}")
    if not find_spec("lifelines"):
        print("the same, lifelines: not installed (pip install lifelines)")
        return
    from lifelines import CoxPHFitter

    table = pd.DataFrame(x[few]).assign(months=time_[few], left=left[few])
    peer, seconds = cpu(lambda: CoxPHFitter().fit(table, "months", "left"))
    effects = peer.params_.to_numpy()[:3].round(3).tolist()
    print(f"the same, lifelines {seconds:.2f} CPU s, Cox effects {effects}")


def buyers(n: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Histories of the published CDNOW parameters, by day, over 27 to 39 weeks."""
    rng = np.random.default_rng(seed)
    rate, leave = rng.gamma(0.243, 1 / 4.414, n), rng.beta(0.793, 2.426, n)
    age = 27.0 + rng.integers(0, 85, n) / 7
    x, last, now = np.zeros(n), np.zeros(n), np.zeros(n)
    active = np.ones(n, dtype=bool)
    while active.any():
        now[active] += rng.exponential(1 / np.maximum(rate[active], 1e-12))
        bought = active & (now < age)
        x[bought] += 1
        last[bought] = now[bought]
        active = bought & (rng.random(n) >= leave)
    return x, np.minimum(np.ceil(last * 7) / 7, age) * (x > 0), age


def plain_fit(x: np.ndarray, last: np.ndarray, age: np.ndarray) -> np.ndarray:
    """The same likelihood, one row per customer, numerical gradients, one start."""

    def loss(theta: np.ndarray) -> float:
        r, alpha, a, b = np.exp(theta)
        common = gammaln(r + x) - gammaln(r) + r * np.log(alpha)
        alive = betaln(a, b + x) - betaln(a, b) - (r + x) * np.log(alpha + age)
        gone = np.full(len(x), -np.inf)
        again = x > 0
        gone[again] = betaln(a + 1, b + x[again] - 1) - betaln(a, b)
        gone[again] -= (r + x[again]) * np.log(alpha + last[again])
        return -float(np.mean(common + np.logaddexp(alive, gone)))

    return np.exp(minimize(loss, np.zeros(4), method="L-BFGS-B").x)


def purchases() -> None:
    """BG/NBD at a million customers, and the peer on a tenth."""
    past = buyers(CUSTOMERS, 3)
    rows, collapse = cpu(lambda: collapse_purchases(*past))
    fit, seconds = cpu(lambda: fit_purchases(rows))
    _, ahead = cpu(
        lambda: expected_purchases(fit, 39.0, rows.frequency, rows.recency, rows.age)[rows.member]
    )
    shown = [round(value, 3) for value in (fit.r, fit.alpha, fit.a, fit.b)]
    print(
        f"BG/NBD, {CUSTOMERS:,} customers, {len(rows.weight):,} distinct: {collapse + seconds:.2f} CPU s "
        f"(forecast {ahead:.2f}), r, alpha, a, b = {shown}"
    )
    few = tuple(column[: CUSTOMERS // 10] for column in past)
    ours = cpu(lambda: fit_purchases(collapse_purchases(*few)))[1]
    if find_spec("lifetimes"):
        from lifetimes import BetaGeoFitter

        name, seconds = "lifetimes", cpu(lambda: BetaGeoFitter().fit(*few))[1]
    else:
        name, seconds = "plain SciPy, lifetimes not installed", cpu(lambda: plain_fit(*few))[1]
    told = f"cxlab {ours:.2f}, {name} {seconds:.2f} CPU s, {seconds / ours:.0f} times"
    print(f"{CUSTOMERS // 10:,} customers: {told}")


def main() -> None:
    """Print all figures."""
    hazards()
    purchases()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6:.2f} GB")


if __name__ == "__main__":
    main()
