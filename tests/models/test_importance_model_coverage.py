"""What the importance intervals promise: coverage by dealer where single answers cover too little."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab import ImportanceModel
from cxlab.stats.importance import lmg

SLOPES = np.array([0.3, 0.25, 0.2, 0.15, 0.1, 0.1])
SITES = 40
SITE_SHARE = 0.15


def truth() -> np.ndarray:
    """LMG of the population: ratings correlate 0.4, the outcome has dealer and answer noise."""
    ratings = np.full((6, 6), 0.4) + 0.6 * np.eye(6)
    matrix = np.eye(7)
    matrix[:6, :6] = ratings
    cross = ratings @ SLOPES
    matrix[:6, 6] = matrix[6, :6] = cross / np.sqrt(cross @ SLOPES + 0.1 + 0.5)
    return lmg(matrix)


def sample(rng: np.random.Generator, rows: int) -> pd.DataFrame:
    root = np.linalg.cholesky(np.full((6, 6), 0.4) + 0.6 * np.eye(6))
    site = np.repeat(np.arange(SITES), rng.multinomial(rows, rng.dirichlet(np.full(SITES, 5.0))))
    ratings = np.sqrt(SITE_SHARE) * (rng.normal(size=(SITES, 6)) @ root.T)[site]
    ratings += np.sqrt(1 - SITE_SHARE) * rng.normal(size=(rows, 6)) @ root.T
    noise = np.sqrt(0.1) * rng.normal(size=SITES)[site] + np.sqrt(0.5) * rng.normal(size=rows)
    table = pd.DataFrame(ratings, columns=[f"rating_{item}" for item in range(6)])
    return table.assign(overall=ratings @ SLOPES + noise, location_id=site.astype(str))


def coverage(*, rows: int, runs: int, seed: int) -> dict[str, np.ndarray]:
    """Share of runs whose interval holds the true share, per driver, for both ways of resampling."""
    rng, aim = np.random.default_rng(seed), truth()
    hits = {"dealers": np.zeros(6), "answers": np.zeros(6)}
    for run in range(runs):
        table = sample(rng, rows)
        for unit, column in (("dealers", "location_id"), ("answers", None)):
            model = ImportanceModel(cluster_column=column, replicates=200, seed=run)
            found = model.fit(table).table().sort_values("term")
            low, high = found["conf_low"].to_numpy(), found["conf_high"].to_numpy()
            hits[unit] += (low <= aim) & (aim <= high)
    return {unit: count / runs for unit, count in hits.items()}


def test_intervals_by_dealer_cover_and_intervals_of_single_answers_do_not() -> None:
    found = coverage(rows=1200, runs=150, seed=11)
    assert 0.92 <= found["dealers"].mean() <= 0.97, found
    assert found["dealers"].min() >= 0.89, found
    assert found["answers"].mean() <= 0.87, found
    print(f"dealers {found['dealers'].round(3)}, answers {found['answers'].round(3)}")


@pytest.mark.statistics
@pytest.mark.parametrize("rows", [500, 2000, 8000])
def test_intervals_by_dealer_cover_at_every_size(rows: int) -> None:
    found = coverage(rows=rows, runs=1000, seed=rows)
    # Three Monte Carlo standard errors of a single driver are 0.02.
    assert 0.925 <= found["dealers"].mean() <= 0.965, found
    assert found["dealers"].min() >= 0.905, found
    assert found["answers"].mean() < found["dealers"].mean(), found
