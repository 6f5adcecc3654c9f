"""Mediation: known paths with a null path, exact sums, coverage, dealers that confound, refusals."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.mediation import MediationModel
from cxlab.models.drivers.mediation_result import MediationResult

ITEMS = ["rating_wait", "rating_service", "rating_price"]
FIRST = np.array([[-0.06, -0.02, 0.0], [0.0, -0.5, 0.0]])
SECOND = np.array([0.4, 0.3, 0.3])
DIRECT = np.array([0.0, -0.4])


def world(*, rows: int = 1200, sites: int = 40, seed: int = 1, nothing: bool = False) -> pd.DataFrame:
    """Waiting works through two ratings and not past them; rework works through service and directly."""
    rng = np.random.default_rng(seed)
    site = rng.integers(0, sites, rows)
    # Busy dealers are good dealers: across dealers waiting goes with better answers.
    good = rng.normal(size=sites)
    wait = 20 + 6 * good[site] + rng.gamma(2.0, 5.0, rows)
    rework = (rng.random(rows) < 0.2).astype(float)
    facts = np.column_stack([wait, rework])
    scale = 0.0 if nothing else 1.0
    items = 9 + scale * facts @ FIRST + 0.5 * rng.normal(size=(rows, 1)) + rng.normal(size=(rows, 3))
    items += 0.8 * good[site][:, None]
    outcome = items @ SECOND + scale * facts @ DIRECT + 0.5 * good[site] + rng.normal(size=rows)
    table = pd.DataFrame(items, columns=ITEMS).assign(wait_minutes=wait, rework=rework, overall=outcome)
    return table.assign(location_id=[f"D{number}" for number in site])


def fit(table: pd.DataFrame, **settings: object) -> MediationResult:
    chosen = {"facts": ("wait_minutes", "rework"), "replicates": 150, "steps": {"wait_minutes": 10}}
    return MediationModel(**{**chosen, **settings}).fit(table)


def estimates(result: MediationResult) -> pd.Series:
    return result.table().set_index("term")["estimate"]


def truth() -> pd.Series:
    found = {}
    for fact, first, direct, step in zip(
        ("wait_minutes", "rework"), FIRST, DIRECT, (10.0, 1.0), strict=True
    ):
        for item, path in zip(ITEMS, first * SECOND, strict=True):
            found[f"{fact} -> {item}"] = step * path
        found[f"{fact}: all indirect"] = step * float(first @ SECOND)
        found[f"{fact}: direct"] = step * direct
        found[f"{fact}: total"] = step * (float(first @ SECOND) + direct)
    return pd.Series(found)


def test_a_rating_that_falls_further_than_the_outcome_follows_is_named() -> None:
    rng = np.random.default_rng(4)
    full = rng.integers(0, 2, 2000).astype(float)
    common, own = rng.normal(size=(2, 2000))
    table = pd.DataFrame({"full": full, "rating_workshop": 7 - full + common + 0.3 * own})
    # The outcome follows what was felt, not what the rating absorbed.
    table = table.assign(overall=7 + common + 0.3 * rng.normal(size=2000))
    check = "facts whose direct part runs against the ratings"
    model = MediationModel(facts=("full",), replicates=100)
    found = model.fit(table).checks().set_index("check").loc[check]
    assert not found["passed"]
    assert found["value"] == "full"
    plain = table.assign(overall=table["rating_workshop"] + rng.normal(size=2000))
    assert model.fit(plain).checks().set_index("check").loc[check, "passed"]


def test_known_paths_are_found_and_covered_and_null_paths_stay_unsupported(
    record_figure: Callable[..., None],
) -> None:
    aim = truth()
    hits, found, supported = pd.Series(0.0, index=aim.index), [], pd.Series(0.0, index=aim.index)
    for seed in range(60):
        table = fit(world(seed=seed)).table().set_index("term")
        hits += (table["conf_low"] <= aim) & (aim <= table["conf_high"])
        supported += table["verdict"] == "supported"
        found.append(table["estimate"])
    error = pd.DataFrame(found).std() / np.sqrt(60)
    assert ((pd.DataFrame(found).mean() - aim).abs() < 4 * error).all()
    strong = [
        "wait_minutes -> rating_wait",
        "rework -> rating_service",
        "rework: direct",
        "wait_minutes: total",
    ]
    assert (supported[strong] >= 50).all(), supported
    null = ["wait_minutes -> rating_price", "rework -> rating_wait", "rework -> rating_price"]
    false = supported[[*null, "wait_minutes: direct"]].sum()
    record_figure("null paths supported, of 240", false, runs=60, bound="10 at most")
    record_figure("coverage of 10 paths and sums", hits.mean() / 60, runs=60, bound="0.90 to 0.98")
    assert false <= 10, supported
    assert 0.90 <= hits.mean() / 60 <= 0.98, hits
    assert (hits >= 51).all(), hits


@pytest.mark.statistics
@pytest.mark.parametrize("rows", [500, 1200, 6000])
def test_paths_cover_at_every_size(rows: int, record_figure: Callable[..., None]) -> None:
    aim, runs = truth(), 300
    hits, false = pd.Series(0.0, index=aim.index), 0
    null = [term for term in aim.index if aim[term] == 0]
    for seed in range(runs):
        table = fit(world(seed=seed, rows=rows), replicates=200).table().set_index("term")
        hits += (table["conf_low"] <= aim) & (aim <= table["conf_high"])
        false += int((table.loc[null, "verdict"] == "supported").any())
    real = hits[aim != 0].mean() / runs
    record_figure(f"n = {rows:,}: coverage of true paths and sums", real, runs=runs, bound="0.93 to 0.97")
    record_figure(
        f"n = {rows:,}: coverage of the worst", hits.min() / runs, runs=runs, bound="0.90 at least"
    )
    record_figure(
        f"n = {rows:,}: surveys with any null path supported",
        false / runs,
        runs=runs,
        bound="0.08 at most",
    )
    assert real == pytest.approx(0.95, abs=0.02), hits / runs
    assert hits.min() / runs > 0.90, hits / runs
    assert false / runs <= 0.08


def test_the_total_is_the_exact_sum_and_the_slope_on_the_facts_alone() -> None:
    table = world()
    found = estimates(fit(table, within_clusters=False))
    design = np.column_stack([np.ones(len(table)), table[["wait_minutes", "rework"]]])
    slopes = np.linalg.lstsq(design, table["overall"], rcond=None)[0][1:] * np.array([10.0, 1.0])
    for fact, slope in zip(("wait_minutes", "rework"), slopes, strict=True):
        paths = found[[f"{fact} -> {item}" for item in ITEMS]].sum()
        assert found[f"{fact}: all indirect"] == pytest.approx(paths, abs=1e-12)
        assert found[f"{fact}: total"] == pytest.approx(paths + found[f"{fact}: direct"], abs=1e-12)
        assert found[f"{fact}: total"] == pytest.approx(slope, abs=1e-9)


def test_the_legs_equal_two_least_squares_fits_with_dealer_effects() -> None:
    import statsmodels.formula.api as smf

    table = world(rows=600)
    found = fit(table).table().set_index("term").loc["wait_minutes -> rating_wait"]
    first = smf.ols("rating_wait ~ wait_minutes + rework + C(location_id)", table).fit()
    second = smf.ols(f"overall ~ wait_minutes + rework + {' + '.join(ITEMS)} + C(location_id)", table).fit()
    assert found["first_leg"] == pytest.approx(10 * first.params["wait_minutes"], abs=1e-9)
    assert found["second_leg"] == pytest.approx(second.params["rating_wait"], abs=1e-9)
    assert found["estimate"] == pytest.approx(found["first_leg"] * found["second_leg"], abs=1e-12)


def test_busy_good_dealers_mislead_the_comparison_across_dealers_only() -> None:
    table, aim = world(rows=6000), truth()["wait_minutes: total"]
    within, across = fit(table), fit(table, within_clusters=False)
    assert estimates(within)["wait_minutes: total"] == pytest.approx(aim, abs=0.06)
    assert estimates(across)["wait_minutes: total"] > aim + 0.15
    assert not across.checks().set_index("check").loc["compared within dealers", "passed"]


def test_in_a_world_without_paths_hardly_any_is_supported() -> None:
    false = 0
    for seed in range(40):
        table = fit(world(seed=seed, rows=600, nothing=True), replicates=100).table()
        false += (table.loc[table["part"].isin(["indirect", "direct"]), "verdict"] == "supported").any()
    assert false <= 6


def test_shares_are_told_only_where_the_total_is_sure() -> None:
    found = fit(world()).table().set_index("term")
    parts = found[(found["fact"] == "rework") & found["part"].isin(["indirect", "direct"])]
    assert parts["share_of_total"].sum() == pytest.approx(1.0)
    assert fit(world(nothing=True)).table()["share_of_total"].isna().all()


def test_rows_without_the_fact_are_set_aside_and_counted() -> None:
    table = world(rows=500)
    table.loc[:39, "wait_minutes"] = np.nan
    assert fit(table).provenance.n_set_aside == {"a driver not experienced or not answered": 40}


def test_a_fact_that_never_varies_within_a_dealer_is_not_answerable() -> None:
    table = world(rows=500)
    table["wait_minutes"] = table.groupby("location_id")["wait_minutes"].transform("mean")
    with pytest.raises(NotAnswerableError, match="wait_minutes does not vary within any dealer"):
        fit(table)
    assert fit(table, within_clusters=False).provenance.n_used == 500
    with pytest.raises(NotAnswerableError, match="no column delay"):
        fit(table, facts=("delay",), steps={})


@pytest.mark.parametrize(
    "settings",
    [
        {"facts": "wait_minutes"},
        {"facts": ()},
        {"facts": ("overall",), "steps": {}},
        {"steps": {"parking": 1.0}},
        {"steps": {"rework": 0.0}},
        {"replicates": 10},
    ],
)
def test_settings_that_make_no_sense_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        fit(world(rows=200), **settings)


def test_the_summary_says_step_total_main_path_n_and_association() -> None:
    text = fit(world(), facts=("wait_minutes",)).summary()
    for words in (
        "A step of 10 of wait_minutes",
        "along rating_wait (supported)",
        "n = 1,200",
        "within dealers",
        "paths of association",
    ):
        assert words in text


def test_the_picture_has_a_band_per_path_and_refuses_an_unknown_fact() -> None:
    import matplotlib.pyplot as plt

    result = fit(world())
    axes = result.plot(fact="rework")
    assert len(axes.lines) == 2 * 4
    with pytest.raises(ParameterError, match="no fact"):
        result.plot(fact="parking")
    plt.close("all")
