"""Simpson's trap: the reversal is found where it is, and nowhere else."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.models.drivers.traps import WithinBetweenModel
from cxlab.stats.regression import fit_linear

MODEL = WithinBetweenModel(exposure="wait_minutes")


def trap(rng, sites=60, per_site=40, within=-0.4, between=0.5, site_sd=0.3):
    """Sites with more waiting are better ones (between), while waiting itself hurts (within)."""
    site = np.repeat(np.arange(sites), per_site)
    level = rng.normal(0, 1.38, sites)
    wait = level[site] + rng.normal(size=len(site))
    score = 7 + within * (wait - level[site]) + between * level[site] + rng.normal(size=len(site))
    score += rng.normal(0, site_sd, sites)[site]
    return pd.DataFrame(
        {"location_id": [f"D{number:03d}" for number in site], "wait_minutes": wait, "overall": score}
    )


def test_the_reference_trap_gives_the_reference_slopes():
    rows = [
        MODEL.fit(trap(rng)).table().set_index("term")["estimate"]
        for rng in map(np.random.default_rng, np.random.SeedSequence(51).spawn(60))
    ]
    pooled, within, between = pd.concat(rows, axis=1).mean(axis=1)[["pooled", "within", "between"]]
    # True slopes -0.4 and 0.5; few answers per site draw the one between sites towards the other.
    assert pooled == pytest.approx(0.19, abs=0.015)
    assert within == pytest.approx(-0.40, abs=0.01)
    assert between == pytest.approx(0.488, abs=0.015)


@pytest.mark.parametrize(("sites", "per_site"), [(15, 60), (40, 30)])
def test_slopes_are_covered_with_few_sites(sites, per_site, record_figure):
    # At the finite number of answers per site the slope between sites estimates this mixture of both.
    noise = 1.0 / per_site / (1.38**2 + 1.0 / per_site)
    truth = {"within": -0.4, "between": 0.5 * (1 - noise) - 0.4 * noise}
    hits = {term: [] for term in truth}
    for rng in map(np.random.default_rng, np.random.SeedSequence(52).spawn(160)):
        rows = MODEL.fit(trap(rng, sites, per_site)).table().set_index("term")
        for term, true in truth.items():
            hits[term].append(rows.loc[term, "conf_low"] <= true <= rows.loc[term, "conf_high"])
    for term, hit in hits.items():
        record_figure(f"{sites} sites: coverage, {term}", np.mean(hit), runs=160, bound="0.91 to 0.99")
        assert 0.91 <= np.mean(hit) <= 0.99, term


def test_a_reversal_is_found_where_it_is_and_not_where_both_slopes_agree(record_figure):
    seeds = np.random.SeedSequence(53).spawn(80)
    found = [MODEL.fit(trap(np.random.default_rng(seed), sites=30)).reversal for seed in seeds]
    same = [
        MODEL.fit(trap(np.random.default_rng(seed), sites=30, within=-0.05, between=-0.05)).reversal
        for seed in seeds
    ]
    record_figure("reversal found where true", np.mean(found), runs=80, bound="0.98 at least")
    record_figure("reversal found where not", np.mean(same), runs=80, bound="0.07 at most")
    assert np.mean(found) >= 0.98
    assert np.mean(same) <= 0.07


def test_the_slope_within_is_that_of_site_dummies_and_the_pooled_one_that_of_all_answers():
    table = trap(np.random.default_rng(54), sites=12, per_site=10)
    rows = MODEL.fit(table).table().set_index("term")
    dummies = pd.get_dummies(table["location_id"]).to_numpy(dtype=float)
    within = np.linalg.lstsq(
        np.column_stack([table["wait_minutes"], dummies]), table["overall"].to_numpy(), rcond=None
    )[0]
    assert rows.loc["within", "estimate"] == pytest.approx(within[0])
    line = fit_linear(np.column_stack([np.ones(120), table["wait_minutes"]]), table["overall"].to_numpy())
    assert rows.loc["pooled", "estimate"] == pytest.approx(line.coefficients[1])
    difference = rows.loc["within", "estimate"] - rows.loc["between", "estimate"]
    assert rows.loc["difference", "estimate"] == pytest.approx(difference)


def test_minutes_or_hours_and_the_order_of_rows_do_not_matter():
    table = trap(np.random.default_rng(55), sites=20)
    base = MODEL.fit(table).table().set_index("term")
    hours = MODEL.fit(table.assign(wait_minutes=table["wait_minutes"] / 60 + 100)).table().set_index("term")
    np.testing.assert_allclose(hours["estimate"], 60 * base["estimate"], rtol=1e-6)
    np.testing.assert_allclose(hours["p_value"], base["p_value"], rtol=1e-4, atol=1e-12)
    shuffled = MODEL.fit(table.sample(frac=1, random_state=1)).table().set_index("term")
    np.testing.assert_allclose(shuffled["std_error"], base["std_error"], rtol=1e-8)


def test_few_answers_per_site_are_pointed_out():
    rng = np.random.default_rng(56)
    noisy = trap(rng, sites=60, per_site=2)
    noisy["wait_minutes"] += rng.normal(size=len(noisy))
    checks = MODEL.fit(noisy).checks().set_index("check")
    assert not checks.loc["reliability of site means", "passed"]
    checks = MODEL.fit(trap(np.random.default_rng(56))).checks().set_index("check")
    assert checks["passed"].all()


def test_what_cannot_be_told_apart_is_refused():
    table = trap(np.random.default_rng(57), sites=12)
    with pytest.raises(NotAnswerableError, match="no column wait_minutes"):
        MODEL.fit(table.drop(columns="wait_minutes"))
    with pytest.raises(NotAnswerableError, match="10 sites"):
        MODEL.fit(table[table["location_id"] < "D005"])
    level = table.groupby("location_id")["wait_minutes"].transform("mean")
    with pytest.raises(NotAnswerableError, match="does not vary within"):
        MODEL.fit(table.assign(wait_minutes=level.round(6)))
    with pytest.raises(NotAnswerableError, match="does not vary between"):
        MODEL.fit(table.assign(wait_minutes=np.tile([1.0, 2.0], len(table) // 2)))
    with pytest.raises(FitError, match="numbers"):
        MODEL.fit(table.assign(wait_minutes="long"))
    with pytest.raises(ParameterError, match="both"):
        WithinBetweenModel(exposure="overall")
    lost = MODEL.fit(table.assign(overall=table["overall"].mask(table.index < 5))).provenance.n_set_aside
    assert sum(lost.values()) == 5
