"""Customers whose chance of leaving follows fading stocks of what happened to them; the truth is known."""

import dataclasses

import numpy as np
import pandas as pd
from repair_world import START, stamps


@dataclasses.dataclass(frozen=True, kw_only=True)
class ChurnWorld:
    """Monthly contacts, good, bad or neither, and a chance to leave in each 30 days."""

    customers: int = 2_000
    periods: int = 30
    level: float = -3.6
    positive_effect: float = 0.12
    unresolved_effect: float = 1.2
    resolved_effect: float = 0.48
    half_life: float = 180.0
    #: spread of customers' own level, and how strongly it makes their contacts good
    spread: float = 0.0
    pull: float = 0.0


def make_churn(world: ChurnWorld, seed: int):
    """Experiences, customers and answers (one at the start, of the own level) of one draw."""
    from scipy.stats import norm

    rng = np.random.default_rng(seed)
    shape = (world.customers, world.periods)
    own = rng.normal(0.0, 1.0, (world.customers, 1))
    luck = (rng.normal(0.0, 1.0, shape) + world.pull * own) / np.sqrt(1.0 + world.pull**2)
    good, bad = luck > norm.ppf(0.55), luck < norm.ppf(0.075)
    day = 30.0 * np.arange(world.periods) + 0.01 + 29.9 * rng.random(shape)
    solved = bad & (rng.random(shape) < 0.5)
    resolved = np.where(solved, day + rng.exponential(8.0, shape), np.inf)
    gone = np.zeros(world.customers, dtype=bool)
    left = np.full(world.customers, np.inf)
    for period in range(world.periods):
        now = 30.0 * period
        weight = np.exp2(-np.maximum(now - day[:, :period], 0.0) / world.half_life)
        past = weight * (day[:, :period] < now)
        settled = resolved[:, :period] < now
        stock = [
            (past * mask).sum(axis=1)
            for mask in (good[:, :period], bad[:, :period] & ~settled, bad[:, :period] & settled)
        ]
        logit = world.level - world.spread * own[:, 0] - world.positive_effect * stock[0]
        logit = logit + world.unresolved_effect * stock[1] + world.resolved_effect * stock[2]
        leaves = ~gone & (rng.random(world.customers) < 1.0 / (1.0 + np.exp(-logit)))
        left[leaves] = now + 29.0 * rng.random(int(leaves.sum())) + 0.5
        gone |= leaves
    name = np.char.add("C", np.arange(world.customers).astype(str))
    told = (good | bad) & (day < left[:, None])
    experiences = pd.DataFrame(
        {
            "customer_id": np.broadcast_to(name[:, None], shape)[told],
            "occurred_at": stamps(day[told]),
            "valence": np.where(good[told], "positive", "negative"),
            "resolved_at": stamps(resolved[told]),
        }
    )
    customers = pd.DataFrame({"customer_id": name, "joined_at": START, "left_at": stamps(left)})
    answers = pd.DataFrame(
        {
            "customer_id": name,
            "answered_at": START,
            "overall": 7.0 + own[:, 0] + 0.3 * rng.normal(size=world.customers),
        }
    )
    return experiences, customers, answers
