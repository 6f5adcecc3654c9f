"""Customers with contacts, good, bad or neither, and answers after each, whose truth is known."""

import dataclasses

import numpy as np
import pandas as pd

START = pd.Timestamp("2023-01-01")
SECONDS = 86_400.0


@dataclasses.dataclass(frozen=True, kw_only=True)
class World:
    """Customers with contacts, each good, bad or neither, and an answer after each."""

    customers: int = 400
    contacts: int = 24
    days: float = 730.0
    positive_effect: float = 0.1
    unresolved_effect: float = 1.0
    resolved_effect: float = 0.4
    half_life: float = 180.0
    positive_half_life: float | None = None
    resolved_share: float = 0.5
    positive_share: float = 0.45
    negative_share: float = 0.075
    noise: float = 1.0
    spread: float = 0.6
    #: how strongly a customer's own level makes contacts good (between-customer confounding)
    pull: float = 0.0
    #: how strongly the mood of the answer decides the valence of the same contact
    mood: float = 0.0


def stamps(days):
    """Timestamps of days since START (infinite days become NaT)."""
    finite = np.isfinite(days)
    moments = START + pd.to_timedelta(np.where(finite, days, 0.0) * SECONDS, unit="s").round("s")
    return pd.Series(moments).where(finite)


def make(world: World, seed: int) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Answers and experiences of one draw of a world."""
    rng = np.random.default_rng(seed)
    shape = (world.customers, world.contacts)
    whole = lambda days: np.round(days * SECONDS) / SECONDS  # noqa: E731
    at = whole(np.sort(rng.uniform(0.0, world.days, shape), axis=1))
    answered = whole(at + rng.uniform(0.1, 5.0, shape))
    level = rng.normal(0.0, world.spread, (world.customers, 1))
    noise = rng.normal(0.0, world.noise, shape)
    luck = rng.normal(0.0, 1.0, shape)
    luck = (luck + world.pull * level + world.mood * noise) / np.sqrt(
        1.0 + (world.pull * world.spread) ** 2 + (world.mood * world.noise) ** 2
    )
    from scipy.stats import norm

    good, bad = luck > norm.ppf(1.0 - world.positive_share), luck < norm.ppf(world.negative_share)
    is_resolved = bad & (rng.random(shape) < world.resolved_share)
    resolved = whole(np.where(is_resolved, at + rng.exponential(8.0, shape), np.inf))
    age = answered[:, :, None] - at[:, None, :]
    seen = age > 0
    settled = answered[:, :, None] > resolved[:, None, :]

    def stock(mask, half_life):
        return np.sum(np.where(seen & mask, np.exp2(-np.maximum(age, 0.0) / half_life), 0.0), axis=2)

    y = level + noise + 0.1 * np.sin(answered / 58.0)
    y = y + world.positive_effect * stock(good[:, None, :], world.positive_half_life or world.half_life)
    y = y - world.unresolved_effect * stock(bad[:, None, :] & ~settled, world.half_life)
    y = y - world.resolved_effect * stock(bad[:, None, :] & settled, world.half_life)
    customer = np.broadcast_to(np.char.add("C", np.arange(world.customers).astype(str))[:, None], shape)
    answers = pd.DataFrame(
        {"customer_id": customer.ravel(), "answered_at": stamps(answered.ravel()), "overall": y.ravel()}
    )
    told = good | bad
    experiences = pd.DataFrame(
        {
            "customer_id": customer[told],
            "occurred_at": stamps(at[told]),
            "known_at": stamps(at[told]),
            "touchpoint": "service",
            "valence": np.where(good[told], "positive", "negative"),
            "resolved_at": stamps(resolved[told]),
        }
    )
    return answers, experiences


def rows_of(result):
    return result.table().set_index("term")
