"""A randomised trial of a retention offer, and the price sensitivity that decides whom it helps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.random import Generator

from cxlab.simulation.stock import MINUTES_PER_DAY, STEP_MINUTES, Floats, Ints
from cxlab.simulation.truth import Truth
from cxlab.simulation.world import Bools, People


@dataclass(frozen=True, kw_only=True, eq=False)
class Trial:
    """Who would be treated, and how sensitive to price each customer is (standard normal, hidden)."""

    price_sensitivity: Floats
    treated: Bools
    discount_share: Floats

    def minute(self, truth: Truth) -> int:
        """The moment of the draw; only customers who are there then take part."""
        return truth.trial_day * MINUTES_PER_DAY

    def takes_part(self, truth: Truth, people: People, left: Ints) -> Bools:
        """Which customers are there on the day of the trial."""
        day = self.minute(truth)
        there: Bools = (people.joined < day) & (left > day)
        return there


def make_trial(truth: Truth, rng: Generator, people: People) -> Trial:
    """Draw the sensitivity, the arm and the discount that hints at the sensitivity."""
    n = len(people.number)
    sensitivity = rng.standard_normal(n)
    discount: Floats = truth.discount_mean + truth.discount_sensitivity * sensitivity
    discount = discount + rng.normal(0.0, truth.discount_sd, n)
    return Trial(
        price_sensitivity=sensitivity,
        treated=rng.random(n) < truth.trial_share,
        discount_share=np.asarray(np.clip(discount, 0.0, 0.5).round(3), dtype=np.float64),
    )


def offer_effect(truth: Truth, price_sensitivity: Floats) -> Floats:
    """What the offer adds to the churn logit of a treated customer while it lasts."""
    effect: Floats = np.where(
        price_sensitivity > 0.0, truth.trial_effect_sensitive, truth.trial_effect_other
    )
    return effect


def trial_logits(truth: Truth, trial: Trial, people: People, *, steps: int) -> Floats:
    """Effect of the offer on the grid of the hazard, shape (customers, steps)."""
    at = np.arange(steps) * STEP_MINUTES / MINUTES_PER_DAY
    lasts = (at >= truth.trial_day) & (at < truth.trial_day + truth.trial_days)
    there = people.joined < trial.minute(truth)
    logits: Floats = (offer_effect(truth, trial.price_sensitivity) * trial.treated * there)[:, None] * lasts
    return logits
