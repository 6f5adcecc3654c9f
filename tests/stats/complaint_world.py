"""Complaints of which every potential outcome is known: who is helped, how fast, and what it does.

Severe complaints are solved less often and later, valuable customers and good dealers sooner; all of these
also move retention and satisfaction, so that raw differences between the arms mislead.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

ARMS = ("unresolved", "slow", "fast")
COVARIATES = ["severity", "log_value", "prior_score", "dealer_quality", "tenure_years", "segment"]


@dataclass(frozen=True)
class World:
    """Complaints (one row each), the potential outcomes of each arm, and the arm's true chances."""

    table: pd.DataFrame
    retained: np.ndarray
    satisfied: np.ndarray
    chance: np.ndarray


def expit(x):
    return 1.0 / (1.0 + np.exp(-x))


def complaint_world(rng, n, *, dealers=60, overlap=1.0, effect=1.0, dealer_sd=0.0, response="all"):
    """n complaints; ``overlap`` above 1: handling depends more on severity; ``effect`` 0: help is idle."""
    from scipy.special import ndtr

    dealer = rng.integers(0, dealers, n)
    quality = rng.normal(0, 0.35, dealers)[dealer]
    shared = dealer_sd * rng.standard_normal((dealers, 2))[dealer]
    severity = rng.choice(5, n, p=[0.30, 0.30, 0.22, 0.12, 0.06]).astype(float)
    log_value = rng.normal(0, 0.55, n)
    alpha = 0.4 * quality + rng.normal(0, 0.6, n)
    prior = 6.0 + alpha + rng.normal(0, 0.5, n)
    tenure = rng.gamma(2.0, 2.0, n)
    fleet = rng.random(n) < 0.3
    solved = expit(1.3 + overlap * (-0.5 * (severity - 1.3) + 0.8 * quality + 0.4 * log_value))
    centre = 1.8 + overlap * (0.3 * (severity - 1.3) - 0.4 * quality - 0.3 * log_value)
    quick = ndtr((np.log(7.0) - centre) / (0.7 / np.sqrt(overlap)))
    chance = np.column_stack([1 - solved, solved * (1 - quick), solved * quick])
    arm = (rng.random(n)[:, None] > np.cumsum(chance, axis=1)[:, :2]).sum(axis=1)
    lift = effect * np.array([0.0, 0.7, 1.3])
    common = 0.5 + 0.9 * alpha - 0.45 * (severity - 1.3) + 0.3 * log_value + 0.1 * np.minimum(tenure, 6)
    stays = expit(common[:, None] + shared[:, [0]] + lift - 0.12 * effect * severity[:, None] * (lift > 0))
    draw = rng.random(n)
    gain = effect * np.array([0.0, 1.5, 2.7])
    mean = prior[:, None] - 2.2 - 0.35 * severity[:, None] + gain + 0.1 * fleet[:, None] * gain
    satisfied = mean + shared[:, [1]] + rng.normal(0, 1.0, n)[:, None]
    rows = np.arange(n)
    table = pd.DataFrame(
        {
            "customer_id": [f"C{i}" for i in rows],
            "location_id": [f"D{i:03d}" for i in dealer],
            "arm": np.array(ARMS)[arm],
            "severity": severity,
            "log_value": log_value,
            "prior_score": prior,
            "dealer_quality": quality,
            "tenure_years": tenure,
            "segment": np.where(fleet, "fleet", "private"),
            "retained": (draw < stays[rows, arm]).astype(float),
            "overall_after": satisfied[rows, arm],
        }
    )
    if response != "all":
        answers = rng.random(n) < expit(-0.3 + 0.5 * (arm == 2) - 0.3 * severity + 0.5 * alpha)
        table.loc[~answers, "overall_after"] = np.nan
    return World(table=table, retained=stays, satisfied=mean, chance=chance)
