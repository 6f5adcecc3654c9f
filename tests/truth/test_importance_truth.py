"""What the importance intervals promise: coverage by dealer where single answers cover too little."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from importance_world import REPLICATES, World, limits, study, table_of

from cxlab import ImportanceModel

BOUND = "0.92 to 0.97"
SPEC = World()
# One thread of the design changed at a time; 2,000 answers.
WORLDS = {
    "2 drivers": World(drivers=2),
    "11 drivers": World(drivers=11),
    "no halo": World(halo=0.0),
    "halo 0.75": World(halo=0.75),
    "1 to 10 with a ceiling": World(skewed=True),
    "1 to 10 with a ceiling, halo 0.75": World(skewed=True, halo=0.75),
    "15 sites": World(sites=15),
    "20 sites": World(sites=20),
    "120 sites": World(sites=120),
    "sites of very unequal size": World(site_spread=1.2),
    "no site effects": World(site_share=0.0),
    "site share 0.4": World(site_share=0.4),
    "site share 0.4, 15 sites": World(site_share=0.4, sites=15),
}


@pytest.mark.parametrize("by_dealer", [True, False])
def test_the_arrays_walk_the_road_of_the_model(by_dealer: bool) -> None:
    values, site = SPEC.draw(700, np.random.default_rng(1))
    model = ImportanceModel(replicates=REPLICATES, cluster_column="location_id" if by_dealer else None)
    result = model.fit(table_of(values, site))
    table, probe = (found.sort_values("term") for found in (result.table(), result.noise_probe()))
    expected = [table["conf_low"], table["conf_high"], probe["conf_low"], probe["conf_high"]]
    found = limits(values, site if by_dealer else np.arange(700), seed=model.seed)
    np.testing.assert_allclose(found, np.array(expected), atol=1e-12)


def test_intervals_by_dealer_cover_and_intervals_of_single_answers_do_not(
    record_figure: Callable[..., None],
) -> None:
    runs = 70
    found = study(SPEC, 2_000, runs=runs, seed=11, by_answer=True)
    record_figure(
        "coverage of 5 shares by dealer, n = 2,000", found["dealers"], runs=runs, bound="0.91 to 0.98"
    )
    record_figure("the same by answer", found["answers"], runs=runs, bound="0.87 at most")
    record_figure(
        "unrelated rating above the noise probe", found["noise believed"], runs=runs, bound="0.05 at most"
    )
    assert 0.91 <= found["dealers"] <= 0.98, found
    assert found["dealers, worst driver"] >= 0.86, found
    assert found["answers"] <= 0.87, found
    assert found["noise believed"] <= 0.05, found


def test_an_unrelated_rating_that_differs_by_dealer_is_not_above_noise(
    record_figure: Callable[..., None],
) -> None:
    # Noise without a part of the dealers was beaten in 38 % of such surveys.
    found = study(World(site_share=0.4, sites=15), 1_000, runs=80, seed=5)["noise believed"]
    record_figure(
        "15 dealers, share 0.4: unrelated rating above noise", found, runs=80, bound="0.05 at most"
    )
    assert found <= 0.05


@pytest.mark.statistics
@pytest.mark.parametrize(("rows", "runs"), [(500, 1000), (2_000, 1000), (8_000, 500)])
def test_intervals_by_dealer_cover_at_every_size(
    rows: int, runs: int, record_figure: Callable[..., None]
) -> None:
    found = study(SPEC, rows, runs=runs, seed=rows, by_answer=True)
    what = f"n = {rows:,}, 40 sites"
    record_figure(f"{what}: coverage by dealer, mean of 5", found["dealers"], runs=runs, bound=BOUND)
    record_figure(
        f"{what}: coverage by dealer, worst of 5",
        found["dealers, worst driver"],
        runs=runs,
        bound="0.90 at least",
    )
    record_figure(
        f"{what}: coverage by answer, mean of 5",
        found["answers"],
        runs=runs,
        bound="below that by dealer",
    )
    record_figure(
        f"{what}: unrelated rating above the noise probe",
        found["noise believed"],
        runs=runs,
        bound="0.05 at most",
    )
    assert 0.92 <= found["dealers"] <= 0.97, found
    assert found["dealers, worst driver"] >= 0.90, found
    assert found["answers"] < found["dealers"] - 0.02, found
    assert found["noise believed"] <= 0.05, found


@pytest.mark.statistics
@pytest.mark.parametrize("name", WORLDS)
def test_intervals_by_dealer_cover_in_other_designs(name: str, record_figure: Callable[..., None]) -> None:
    runs = 200 if name == "11 drivers" else 500
    found = study(WORLDS[name], 2_000, runs=runs, seed=13)
    record_figure(f"{name}: coverage by dealer, mean", found["dealers"], runs=runs, bound=BOUND)
    record_figure(
        f"{name}: unrelated rating above the noise probe",
        found["noise believed"],
        runs=runs,
        bound="0.05 at most",
    )
    assert 0.92 <= found["dealers"] <= 0.97, found
    assert found["noise believed"] <= 0.05, found
