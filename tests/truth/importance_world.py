"""Surveys whose importance shares are known, and how often intervals hold them, at the speed of arrays.

`limits` walks the road of `ImportanceModel` on arrays with the same draws; test_importance_truth.py holds
it to the model itself to rounding, so that what is counted here is what a user gets.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from cxlab.stats.bootstrap import percentile_interval, resampled_sums
from cxlab.stats.clusters import between_share
from cxlab.stats.importance import lmg
from cxlab.stats.moments import correlations, group_moments

REPLICATES = 200


@dataclass(frozen=True)
class World:
    """Ratings that share a mood, an outcome they drive, and a last rating that has to do with nothing."""

    #: drivers that count, beside the one that does not
    drivers: int = 5
    sites: int = 40
    #: correlation of any two ratings that count
    halo: float = 0.4
    #: share of the variance of ratings, and of what drives the outcome besides, that lies between sites
    site_share: float = 0.15
    #: whole answers from 1 to 10 with a ceiling instead of normal ones
    skewed: bool = False
    #: spread of the logarithm of the sites' sizes
    site_spread: float = 0.45

    def slopes(self) -> np.ndarray:
        """From 0.3 down to 0.1; the last rating has none."""
        return np.append(np.linspace(0.3, 0.1, self.drivers), 0.0)

    def draw(self, rows: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """Ratings with the outcome last (rows, drivers + 2), and the site of each row; no site is empty."""
        size = np.exp(self.site_spread * rng.normal(size=self.sites))
        at_random = rng.choice(self.sites, size=rows - 2 * self.sites, p=size / size.sum())
        site = np.concatenate([np.repeat(np.arange(self.sites), 2), at_random])
        between, within = np.sqrt(self.site_share), np.sqrt(1.0 - self.site_share)
        ratings = between * self._ratings(self.sites, rng)[site] + within * self._ratings(rows, rng)
        noise = between * rng.normal(size=self.sites)[site] + within * rng.normal(size=rows)
        outcome = ratings @ self.slopes() + 0.8 * noise
        if self.skewed:
            ratings = np.clip(np.round(7.8 + 1.9 * ratings), 1, 10)
            outcome = np.clip(np.round(7.8 + 1.9 * outcome), 1, 10)
        return np.column_stack([ratings, outcome]), site

    def _ratings(self, count: int, rng: np.random.Generator) -> np.ndarray:
        mood = np.sqrt(self.halo) * rng.normal(size=(count, 1))
        own = np.sqrt(1.0 - self.halo) * rng.normal(size=(count, self.drivers))
        return np.column_stack([mood + own, rng.normal(size=count)])


@cache
def truth(world: World) -> np.ndarray:
    """Shares of the population: exact for normal answers, from 2 million answers for rounded ones."""
    if world.skewed:
        large = World(**{**world.__dict__, "sites": 40_000})
        values, _ = large.draw(2_000_000, np.random.default_rng(99))
        return lmg(np.corrcoef(values, rowvar=False))
    drivers = world.drivers + 1
    matrix = np.eye(drivers + 1)
    matrix[: world.drivers, : world.drivers] += world.halo * (1 - np.eye(world.drivers))
    slopes = world.slopes()
    cross = matrix[:drivers, :drivers] @ slopes
    matrix[:drivers, -1] = matrix[-1, :drivers] = cross / np.sqrt(cross @ slopes + 0.64)
    return lmg(matrix)


def limits(
    values: np.ndarray, groups: np.ndarray, *, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Limits of the shares, and those of share minus noise probe, with the draws of the model's seed."""
    rng = np.random.default_rng(seed)
    noise, count = rng.spawn(2)[0], int(groups.max()) + 1
    probe = noise.normal(size=len(values))
    if count < len(values):
        share = between_share(values[:, :-1], groups).max()
        probe = np.sqrt(1 - share) * probe + np.sqrt(share) * noise.normal(size=count)[groups]
    moments = group_moments(
        np.column_stack([values[:, :-1], probe, values[:, -1]]), weights=np.ones(len(values)), groups=groups
    )
    drivers = values.shape[1] - 1
    strata = np.zeros(count, dtype=np.int64)
    sums = resampled_sums(moments.sums, strata=strata, replicates=REPLICATES, rng=rng)
    stack = correlations(sums, columns=drivers + 2)
    kept = [*range(drivers), drivers + 1]
    settings = {"confidence": 0.95, "degrees_of_freedom": count - 1}
    shares = lmg(stack[:, kept][:, :, kept], assume_valid=True)
    probed = lmg(stack, assume_valid=True)
    lead = percentile_interval(probed[:, :-1] - probed[:, [-1]], **settings)
    return *percentile_interval(shares, **settings), *lead


def study(world: World, rows: int, *, runs: int, seed: int, by_answer: bool = False) -> dict[str, float]:
    """Coverage of the shares that count (mean and worst driver) and the rate at which noise is believed."""
    aim, rng = truth(world)[:-1], np.random.default_rng(seed)
    hits: dict[str, list[np.ndarray]] = {"dealers": [], "answers": []}
    believed = []
    for run in range(runs):
        values, site = world.draw(rows, rng)
        low, high, lead, _ = limits(values, site, seed=run)
        hits["dealers"].append((low[:-1] <= aim) & (aim <= high[:-1]))
        believed.append(lead[-1] > 0.0)
        if by_answer:
            low, high, _, _ = limits(values, np.arange(rows), seed=run)
            hits["answers"].append((low[:-1] <= aim) & (aim <= high[:-1]))
    found = {"noise believed": float(np.mean(believed))}
    for unit, held in hits.items():
        if held:
            share = np.mean(held, axis=0)
            found |= {unit: float(share.mean()), f"{unit}, worst driver": float(share.min())}
    return found


def table_of(values: np.ndarray, site: np.ndarray) -> pd.DataFrame:
    """The same survey as a table; names sort as the sites are numbered."""
    names = [f"rating_{number:02d}" for number in range(values.shape[1] - 1)]
    table = pd.DataFrame(values, columns=[*names, "overall"])
    return table.assign(location_id=[f"D{number:05d}" for number in site])
