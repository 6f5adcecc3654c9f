"""The decaying stock of experiences: exact at any minute, without overflow for a short half-life."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MINUTES_PER_DAY = 1440
#: Length of one step of the churn hazard and of the grid of stocks.
STEP_MINUTES = 30 * MINUTES_PER_DAY
#: "Not within this world": later than any minute of the window.
NEVER = np.int64(2**60)


@dataclass(frozen=True, kw_only=True, eq=False)
class Stock:
    """S(t) = sum of v_j exp(-lam (t - t_j)) over impulses strictly before t, per customer.

    ``grid[i, m]`` holds S of customer i at the start of step m. Between grid points S follows from the
    impulses of the running step alone, so the exponents stay small whatever the length of the window.
    """

    grid: Floats
    decay_per_minute: float
    _keys: Ints
    _running: Floats

    @classmethod
    def of(
        cls, customer: Ints, minute: Ints, *, value: Floats, shape: tuple[int, int], decay_per_day: float
    ) -> Stock:
        """The stock of impulses ``value`` at ``minute`` >= 0 for ``shape`` = (customers, steps)."""
        n_customers, n_steps = shape
        decay = decay_per_day / MINUTES_PER_DAY
        step = minute // STEP_MINUTES
        inside = step < n_steps
        customer, minute, value, step = customer[inside], minute[inside], value[inside], step[inside]
        into_step = minute - step * STEP_MINUTES
        at_end = value * np.exp(-decay * (STEP_MINUTES - into_step))
        sums = np.bincount(customer * n_steps + step, at_end, n_customers * n_steps)
        sums = sums.reshape(n_customers, n_steps)
        grid = np.zeros((n_customers, n_steps))
        keep = np.exp(-decay * STEP_MINUTES)
        for m in range(1, n_steps):
            grid[:, m] = keep * grid[:, m - 1] + sums[:, m - 1]
        keys = _key(customer, minute, n_steps)
        order = np.argsort(keys, kind="stable")
        grown = (value * np.exp(decay * into_step))[order]
        return cls(
            grid=grid,
            decay_per_minute=decay,
            _keys=keys[order],
            _running=np.concatenate([np.zeros(1), np.cumsum(grown)]),
        )

    def at(self, customer: Ints, minute: Ints) -> Floats:
        """S just before ``minute`` of each given customer; ``minute`` must lie inside the grid."""
        n_steps = self.grid.shape[1]
        step = minute // STEP_MINUTES
        begin = np.searchsorted(self._keys, _key(customer, step * STEP_MINUTES, n_steps))
        end = np.searchsorted(self._keys, _key(customer, minute, n_steps))
        fresh = self._running[end] - self._running[begin]
        age = minute - step * STEP_MINUTES
        level: Floats = (self.grid[customer, step] + fresh) * np.exp(-self.decay_per_minute * age)
        return level


def _key(customer: Ints, minute: Ints, n_steps: int) -> Ints:
    """One sortable number per customer and minute."""
    key: Ints = customer * np.int64(n_steps * STEP_MINUTES) + minute
    return key
