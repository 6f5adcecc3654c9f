"""Customers whose true hazards are known: two causes, censoring, and joining before the records began."""

import numpy as np
import pandas as pd

REACH = 36
# Baseline logit by age (a hump that fades) and effects of two numbers and one level, by cause.
AGE = np.arange(1, 400)
BASE = {
    "voluntary": -3.6 + 0.9 * np.exp(-((np.log(AGE) - np.log(6)) ** 2)) - 0.01 * AGE.clip(max=60),
    "moved": np.full(len(AGE), -4.6),
}
EFFECTS = {"voluntary": (0.8, -0.5, 0.6), "moved": (0.0, 0.6, 0.0)}


def true_hazards(x, basic, causes=("voluntary", "moved")):
    """Hazards (n, ages, causes) of every age."""
    odds = np.stack(
        [
            np.exp(
                BASE[cause][None, :]
                + (x @ np.array(EFFECTS[cause][:2]) + EFFECTS[cause][2] * basic)[:, None]
            )
            for cause in causes
        ],
        axis=2,
    )
    return odds / (1.0 + odds.sum(axis=2, keepdims=True))


def true_within(x, basic, age, horizon, causes=("voluntary", "moved")):
    """True chance (n, causes) to leave in ``horizon`` periods after ``age``, and S(0..horizon - 1)."""
    hazards = true_hazards(x, basic, causes)
    place = age[:, None] + np.arange(horizon)
    ahead = np.take_along_axis(hazards, place[:, :, None], axis=1)
    before = np.cumprod(np.concatenate([np.ones((len(x), 1)), 1 - ahead.sum(axis=2)], axis=1), axis=1)
    return (ahead * before[:, :-1, None]).sum(axis=1), before[:, :-1]


def joiners_within(horizon=12, causes=("voluntary", "moved")):
    """True chance of all who join to leave within ``horizon``, by cause, exact to 1e-8 by quadrature."""
    points, weights = np.polynomial.hermite_e.hermegauss(30)
    first, second, basic = (axis.ravel() for axis in np.meshgrid(points, points, (0.0, 1.0)))
    mass = np.multiply.outer(weights, weights)[:, :, None].repeat(2, axis=2).ravel() / (
        2 * weights.sum() ** 2
    )
    people = np.column_stack([first, second])
    return mass @ true_within(people, basic, np.zeros(len(mass), dtype=int), horizon, causes)[0]


def make_spells(n, *, seed, causes=("voluntary", "moved"), late=False, censor_from=3, censor_to=REACH):
    """Spells of ``n`` joiners (fewer rows with late entry: who left before is unseen), and their truth.

    Returns the table and the true chance of all joiners to leave within 12, by cause, (causes,).
    """
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 2))
    basic = rng.random(n) < 0.5
    hazards = true_hazards(x, basic, causes)
    entry = np.where(rng.random(n) < 0.7, rng.integers(0, 30, n), 0) if late else np.zeros(n, dtype=int)
    stop = entry + rng.integers(censor_from, censor_to + 1, n)
    total = hazards[:, :100].sum(axis=2)
    leaves = rng.random((n, 100)) < total
    time = np.where(leaves.any(axis=1), leaves.argmax(axis=1) + 1, 101)
    share = hazards[np.arange(n), np.minimum(time, 100) - 1].cumsum(axis=1)
    share /= share[:, -1:]
    cause = (rng.random(n)[:, None] > share).sum(axis=1)
    left = time <= stop
    table = pd.DataFrame(
        {
            "customer_id": np.arange(n).astype(str),
            "entry_periods": entry,
            "time_periods": np.minimum(time, stop),
            "left": left.astype(int),
            "why": np.where(left, np.array(causes)[cause], None),
            "price": x[:, 0],
            "use": x[:, 1],
            "plan": np.where(basic, "basic", "plus"),
        }
    )
    return table[time > entry].reset_index(drop=True), joiners_within(causes=causes)
