"""Options of the importance model: groups, controls, latent outcomes, blanks, dominance, segments."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

from cxlab import FitError, ImportanceModel, NotAnswerableError, ParameterError
from cxlab.models.drivers.importance import ImportanceResult
from cxlab.stats.coalitions import lmg_given, owen
from cxlab.stats.importance import lmg
from cxlab.stats.importance_measures import importance_measures

ITEMS = ["rating_a", "rating_b", "rating_c", "rating_d"]


def world(
    slopes: tuple[float, ...] = (0.5, 0.3, 0.0, 0.0), *, sites: int = 40, rows: int = 1200, seed: int = 2
) -> pd.DataFrame:
    """Ratings with a common halo and dealer effects in ratings and outcome."""
    rng = np.random.default_rng(seed)
    site, items = rng.integers(0, sites, rows), len(slopes)
    ratings = 0.6 * rng.normal(size=(rows, 1)) + 0.8 * rng.normal(size=(rows, items))
    ratings += 0.3 * rng.normal(size=(sites, items))[site]
    outcome = ratings @ np.array(slopes) + rng.normal(size=rows) + 0.3 * rng.normal(size=sites)[site]
    table = pd.DataFrame(7 + ratings, columns=[f"rating_{number}" for number in range(items)])
    table = table.set_axis(ITEMS, axis=1) if items == 4 else table
    return table.assign(overall=7 + outcome, location_id=[f"D{number:02d}" for number in site])


def fit(table: pd.DataFrame, **settings: object) -> ImportanceResult:
    return ImportanceModel(**{"replicates": 100, **settings}).fit(table)


def matrix_of(table: pd.DataFrame) -> np.ndarray:
    return table[[*ITEMS, "overall"]].corr().to_numpy()


def by_term(result: ImportanceResult, column: str = "estimate") -> pd.Series:
    return result.table().set_index("term")[column]


def test_groups_have_owen_shares_and_a_joint_test() -> None:
    table = world((0.0, 0.4, 0.4, 0.0))
    result = fit(table, groups={"visit": ("rating_b", "rating_c")})
    expected, members = owen(matrix_of(table), groups=[[0], [1, 2], [3]])
    assert by_term(result)[["rating_a", "visit", "rating_d"]].to_numpy() == pytest.approx(expected)
    assert by_term(result, "verdict").to_dict() == {
        "visit": "supported",
        "rating_a": "undetermined",
        "rating_d": "undetermined",
    }
    split = result.measures().query("measure == 'owen'").set_index("term")["estimate"]
    assert split[ITEMS].to_numpy() == pytest.approx(members)
    assert np.isnan(by_term(result, "beta")["visit"])
    assert by_term(result, "johnson").sum() == pytest.approx(result.r_squared)


def test_the_joint_test_of_a_group_equals_statsmodels() -> None:
    import statsmodels.api as sm

    table = world()
    found = by_term(fit(table, groups={"rest": ("rating_c", "rating_d")}), "p_value")["rest"]
    fitted = sm.OLS(table["overall"], sm.add_constant(table[ITEMS])).fit(
        cov_type="cluster", cov_kwds={"groups": pd.factorize(table["location_id"])[0]}, use_t=True
    )
    wald = float(fitted.wald_test("rating_c = 0, rating_d = 0", use_f=True, scalar=True).statistic)
    from scipy.stats import f

    assert found == pytest.approx(f.sf(wald * 38 / 39, 2, 38), rel=1e-6)


def test_drivers_always_in_leave_shares_of_what_is_beyond_them() -> None:
    table = world()
    result = fit(table, always_in=("rating_a",))
    assert by_term(result)[ITEMS[1:]].to_numpy() == pytest.approx(lmg_given(matrix_of(table), always=[0]))
    assert "rating_a" not in by_term(result).index
    assert by_term(result, "johnson").sum() == pytest.approx(result.r_squared)
    grouped = fit(table, always_in=("rating_a",), groups={"two": ("rating_b", "rating_c")})
    assert by_term(grouped).sum() == pytest.approx(result.r_squared)


def test_measures_stand_side_by_side_with_intervals() -> None:
    table = world()
    found = fit(table).measures()
    expected = importance_measures(matrix_of(table))
    for measure, part in found.groupby("measure"):
        assert part.set_index("term")["estimate"][ITEMS].to_numpy() == pytest.approx(expected[str(measure)])
    assert set(found["measure"]) == set(expected)
    assert (found["conf_low"] <= found["conf_high"]).all()
    assert (found.query("term == 'rating_a'")["rank"] == 1).all()


def test_differences_come_from_the_same_replicates() -> None:
    result = fit(world(), replicates=400)
    found = result.differences().set_index(["term", "versus"])
    assert len(found) == 6
    assert (found["estimate"] >= 0).all()
    assert found.loc[("rating_a", "rating_c"), "verdict"] == "supported"
    nulls = found[found.index.map(set) == {"rating_c", "rating_d"}]
    assert nulls["verdict"].tolist() == ["undetermined"]
    shares = by_term(result)
    for (term, versus), row in found.iterrows():
        assert row["estimate"] == pytest.approx(shares[term] - shares[versus])
    # Drivers that share a halo vary together: the difference is surer than independent errors would say.
    errors = by_term(result, "std_error")
    independent = np.hypot(errors["rating_a"], errors["rating_b"])
    assert found.loc[("rating_a", "rating_b"), "std_error"] != pytest.approx(independent, rel=0.01)


def test_dominance_names_the_level_and_how_often_it_holds() -> None:
    result = fit(world())
    found = result.dominance().set_index(["term", "versus"])
    assert found.loc[("rating_a", "rating_b"), "level"] == "complete"
    assert found.loc[("rating_a", "rating_b"), "estimate"] == 1.0
    ordered = found[["complete_share", "conditional_share", "general_share"]].to_numpy()
    assert (np.diff(ordered, axis=1) >= 0).all()
    sizes = result.by_size().pivot(index="term", columns="others_in_model", values="estimate")
    assert sizes.mean(axis=1)[ITEMS].to_numpy() == pytest.approx(by_term(result)[ITEMS].to_numpy())


def test_noise_beats_a_null_driver_and_loses_to_a_halo_one() -> None:
    rng = np.random.default_rng(5)
    table = world((0.6, 0.0, 0.0, 0.0)).assign(rating_d=lambda t: 7 + rng.normal(size=len(t)))
    found = fit(table, replicates=200).noise_probe().set_index("term")
    assert found.loc["rating_a", "label"] == "above noise"
    assert found.loc["rating_d", "label"] == "not distinguishable from noise"
    # b only shares the mood of a: it goes along with the outcome, and adds nothing.
    assert found.loc["rating_b", "label"] == "above noise"
    assert found.loc["rating_b", "p_value"] > 0.05


def test_the_noise_probe_changes_no_estimate_and_is_the_same_each_time() -> None:
    result = fit(world())
    before = result.table()
    assert result.noise_probe().equals(result.noise_probe())
    assert result.table().equals(before)
    assert (result.noise_probe()["estimate"].to_numpy() < before["estimate"].to_numpy()).all()


def latent_truth(slopes: np.ndarray) -> np.ndarray:
    matrix = np.full((5, 5), 0.4) + 0.6 * np.eye(5)
    cross = matrix[:4, :4] @ slopes
    matrix[:4, 4] = matrix[4, :4] = cross / np.sqrt(cross @ slopes + 1.0)
    return lmg(matrix)


def latent_world(seed: int, rows: int = 2000) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    ratings = rng.normal(size=(rows, 4)) @ np.linalg.cholesky(np.full((4, 4), 0.4) + 0.6 * np.eye(4)).T
    latent = ratings @ np.array([0.7, 0.4, 0.2, 0.0]) + rng.normal(size=rows)
    table = pd.DataFrame(ratings, columns=ITEMS)
    # Half of the answers are the best one, as in satisfied populations.
    return table.assign(overall=1.0 + np.digitize(latent, [-3.2, -2.2, -1.2, 0.0]))


@pytest.mark.parametrize("kind", [{"outcome_kind": "ordinal"}, {"outcome_kind": "top_box", "top_box": 5}])
def test_a_latent_outcome_recovers_shares_that_scores_understate(kind: dict[str, object]) -> None:
    truth = latent_truth(np.array([0.7, 0.4, 0.2, 0.0]))
    found, plain, covered = [], [], 0
    for seed in range(25):
        result = fit(latent_world(seed), cluster_column=None, **kind)
        found.append(by_term(result)[ITEMS].to_numpy())
        plain.append(by_term(fit(latent_world(seed), cluster_column=None))[ITEMS].to_numpy())
        table = result.table().set_index("term").loc[ITEMS[:3]]
        covered += int(((table["conf_low"] <= truth[:3]) & (truth[:3] <= table["conf_high"])).sum())
    error = np.std(found, axis=0) / 5
    assert (np.abs(np.mean(found, axis=0) - truth)[:3] < 4 * error[:3]).all()
    assert np.mean(plain, axis=0)[0] < truth[0] - 4 * error[0]
    assert covered >= 64  # of 75; 71 expected


def holed(table: pd.DataFrame, seed: int) -> pd.DataFrame:
    """Rating b is left blank by most whose overall answer is high: complete answers are a selection."""
    rng = np.random.default_rng(seed)
    chance = 1 / (1 + np.exp(-2.5 * (table["overall"] - 7.3)))
    return table.assign(rating_b=table["rating_b"].where(rng.random(len(table)) > chance))


def test_maximum_likelihood_recovers_shares_where_complete_answers_are_biased() -> None:
    tables = [world(seed=seed) for seed in range(10)]
    truth = np.array([by_term(fit(table))[ITEMS].to_numpy() for table in tables])
    settings = {"missing": "em", "experienced": {}}
    em = np.array([by_term(fit(holed(t, 1), **settings))[ITEMS].to_numpy() for t in tables])
    complete = np.array([by_term(fit(holed(t, 1)))[ITEMS].to_numpy() for t in tables])
    error = (em - truth).std(axis=0) / np.sqrt(10)
    assert (np.abs((em - truth).mean(axis=0)) < 4 * error + 0.003).all()
    assert (complete - truth).mean(axis=0)[0] < -0.05


def test_without_blanks_maximum_likelihood_is_the_plain_analysis() -> None:
    table = world()
    em = fit(table, missing="em", experienced={})
    assert em.table().equals(fit(table).table())


def test_a_visit_that_did_not_happen_is_set_aside_and_never_filled_in() -> None:
    table = holed(world(), 1).assign(used_c=1)
    table.loc[:99, ["used_c", "rating_c"]] = [0, np.nan]
    result = fit(table, missing="em", experienced={"rating_c": "used_c"})
    assert result.provenance.n_set_aside == {"a driver not experienced, or not known to be": 100}
    assert result.provenance.n_used == 1100
    again = fit(table.loc[100:], missing="em", experienced={})
    assert by_term(result)[ITEMS].to_numpy() == pytest.approx(by_term(again)[ITEMS].to_numpy())
    whole = fit(table, missing="em", experienced="used_c")
    assert whole.table().equals(result.table())
    with pytest.raises(ParameterError, match="no driver of this model"):
        fit(table, missing="em", experienced={"used_c": "rating_c"})
    nothing = table.assign(**dict.fromkeys(ITEMS, np.nan)).loc[:5]
    with_empty = pd.concat([table.loc[100:], nothing.assign(used_c=1)], ignore_index=True)
    assert fit(with_empty, missing="em", experienced={}).provenance.n_set_aside == {"no driver answered": 6}


def test_intervals_by_maximum_likelihood_know_what_is_missing() -> None:
    table = world(rows=2400)
    rng = np.random.default_rng(3)
    thin = table.assign(rating_a=table["rating_a"].where(rng.random(2400) > 0.7))
    wide = by_term(fit(thin, missing="em", experienced={}, replicates=300), "beta_std_error")["rating_a"]
    narrow = by_term(fit(table, replicates=300), "beta_std_error")["rating_a"]
    assert wide > 1.3 * narrow


def test_beyond_25_drivers_orders_are_sampled_and_the_error_is_told() -> None:
    slopes = (0.5, *([0.1] * 26))
    result = fit(world(slopes, rows=900))
    checks = result.checks().set_index("check")
    assert result.table()["term"][0] == "rating_0"
    assert checks.loc["error from sampling orders of entry, in units of the largest share", "passed"]
    assert result.table()["estimate"].sum() == pytest.approx(result.r_squared)
    with pytest.raises(ParameterError, match="at most 16"):
        result.dominance()
    assert "lmg" not in set(result.measures()["measure"])


def segmented(difference: float, *, seed: int = 3, rows: int = 3000) -> pd.DataFrame:
    table = world(rows=rows, seed=seed)
    rng = np.random.default_rng(seed)
    fleet = rng.random(rows) < 0.4
    table["overall"] += difference * fleet * (table["rating_b"] - 7)
    return table.assign(segment=np.where(fleet, "fleet", "private"))


def test_a_segment_in_which_a_driver_counts_more_is_found_and_the_rest_mirrors_it() -> None:
    table = segmented(0.8)
    result = ImportanceModel(replicates=200).compare(table, by="segment")
    found = result.table().set_index(["segment", "term"])
    assert found.loc[("fleet", "rating_b"), "verdict"] == "supported"
    assert found.loc[("fleet", "rating_b"), "difference"] > 0
    # With two segments each is the rest of the other, on the same draws.
    for column in ("difference", "conf_low"):
        mirrored = {"difference": "difference", "conf_low": "conf_high"}[column]
        assert found.loc["fleet"][column].to_numpy() == pytest.approx(
            -found.loc["private"][mirrored].to_numpy(), abs=1e-9
        )
    alone = fit(table[table["segment"] == "fleet"])
    assert found.loc["fleet"]["estimate"][ITEMS].to_numpy() == pytest.approx(
        by_term(alone)[ITEMS].to_numpy()
    )
    assert "fleet" in result.summary()


def test_segment_and_rest_meet_the_same_draws_of_dealers() -> None:
    table = world(rows=600)
    # The rest holds the answers of the segment twice: every replicate must agree, not only the estimate.
    copies = pd.concat([table.assign(segment=name) for name in ("a", "b", "b")], ignore_index=True)
    found = ImportanceModel(replicates=100).compare(copies, by="segment").table()
    assert np.abs(found[["difference", "std_error", "conf_low", "conf_high"]]).to_numpy().max() < 1e-9
    assert (found["verdict"] == "not identified").all()


def test_equal_segments_are_rarely_called_different() -> None:
    false = 0
    for seed in range(25):
        rows = ImportanceModel(replicates=100).compare(segmented(0.0, seed=seed, rows=900), by="segment")
        false += (rows.table()["verdict"] == "supported").any()
    assert false <= 4


def test_small_segments_print_too_few_and_absent_ones_are_refused() -> None:
    table = segmented(0.0).assign(segment=lambda t: t["segment"].where(t.index > 20, "tiny"))
    table.loc[100:109, "segment"] = None
    result = ImportanceModel(replicates=100).compare(table, by="segment")
    tiny = result.table().query("segment == 'tiny'")
    assert (tiny["verdict"] == "too few").all()
    assert tiny["estimate"].isna().all()
    assert result.provenance.n_set_aside == {"no segment": 10}
    assert not result.checks()["passed"].all()
    for by in ("nothing", "one"):
        with pytest.raises(NotAnswerableError, match="differ by"):
            ImportanceModel(replicates=100).compare(table.assign(one="x"), by=by)


def test_a_comparison_is_drawn() -> None:
    import matplotlib.pyplot as plt

    axes = ImportanceModel(replicates=100).compare(segmented(0.8), by="segment").plot()
    assert len(axes.get_yticklabels()) == 8
    plt.close("all")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"groups": {"x": ("rating_a", "rating_z")}}, "rating_z, which is no driver"),
        ({"groups": {"x": ("rating_a",)}, "always_in": ("rating_a",)}, "placed twice"),
        ({"always_in": tuple(ITEMS)}, "none is left"),
        ({"outcome_kind": "ordinal"}, "at most 20 different answers"),
    ],
)
def test_options_that_do_not_fit_the_table_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        fit(world(), **settings)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"missing": "em"}, "visit that did not happen"),
        ({"missing": "mean"}, "must be one of"),
        ({"outcome_kind": "top_box"}, "set both"),
        ({"top_box": 9}, "set both"),
    ],
)
def test_options_that_contradict_each_other_are_refused_before_any_data(
    settings: dict[str, object], words: str
) -> None:
    with pytest.raises(ParameterError, match=words):
        ImportanceModel(**settings)


def covered(settings: dict[str, object], *, runs: int) -> np.ndarray:
    """Share of runs whose interval holds the share in a huge sample, for the two true drivers."""
    prepare = (
        (lambda table, seed: holed(table, seed)) if "missing" in settings else (lambda table, _: table)
    )
    large = world(rows=400_000, sites=8000, seed=12345)
    kind = {name: value for name, value in settings.items() if name in ("outcome_kind", "top_box")}
    aim = by_term(fit(large, replicates=100, **kind))[ITEMS[:2]].to_numpy()
    hits = np.zeros(2)
    for seed in range(runs):
        table = fit(prepare(world(seed=seed), seed), replicates=200, **settings).table().set_index("term")
        low, high = (table[column][ITEMS[:2]].to_numpy() for column in ("conf_low", "conf_high"))
        hits += (low <= aim) & (aim <= high)
    return hits / runs


@pytest.mark.statistics
@pytest.mark.parametrize(
    "settings",
    [{"missing": "em", "experienced": {}}, {"outcome_kind": "top_box", "top_box": 8}],
    ids=["em", "top_box"],
)
def test_intervals_of_the_options_cover_by_dealer(
    settings: dict[str, object], record_figure: Callable[..., None]
) -> None:
    found = covered(settings, runs=400)
    what = "blanks by EM" if "missing" in settings else "top-box outcome"
    record_figure(f"{what}: coverage of 2 shares", found.mean(), runs=400, bound="0.915 to 0.975")
    assert 0.915 <= found.mean() <= 0.975, found
    assert found.min() >= 0.90, found


def cut_world(seed: int, rows: int = 1500) -> pd.DataFrame:
    """Four skewed five-step ratings and a ten-step outcome, cut from normal quantities of known shares."""
    rng = np.random.default_rng(seed)
    latent = rng.normal(size=(rows, 4)) @ np.linalg.cholesky(np.full((4, 4), 0.4) + 0.6 * np.eye(4)).T
    outcome = latent @ np.array([0.7, 0.4, 0.2, 0.0]) + rng.normal(size=rows)
    # The strongest item has the hardest ceiling: nine in ten give one of the two best answers.
    cuts = ([-2.2, -1.7, -1.3, -0.6], [-1.0, -0.3, 0.3, 1.0], [-1.5, -0.7, 0.0, 0.8], [-1.8, -1, -0.5, 0.5])
    table = pd.DataFrame({item: 1.0 + np.digitize(latent[:, j], cuts[j]) for j, item in enumerate(ITEMS)})
    table["overall"] = 1.0 + np.digitize(outcome, np.linspace(-3.5, 1.5, 9))
    return table


def latent_ratings_run(seeds: range, rows: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Latent shares, plain shares and whether the interval holds the truth, over seeds and three items."""
    truth = latent_truth(np.array([0.7, 0.4, 0.2, 0.0]))[:3]
    found, plain, covered = [], [], []
    for seed in seeds:
        table, settings = cut_world(seed, rows), {"cluster_column": None, "replicates": 120}
        result = fit(table, rating_kind="ordinal", outcome_kind="ordinal", **settings)
        rows_of = result.table().set_index("term").loc[ITEMS[:3]]
        found.append(rows_of["estimate"].to_numpy())
        plain.append(by_term(fit(table, **settings))[ITEMS[:3]].to_numpy())
        covered.append(((rows_of["conf_low"] <= truth) & (truth <= rows_of["conf_high"])).to_numpy())
    return np.array(found), np.array(plain), np.array(covered)


def test_latent_ratings_recover_shares_that_a_ceiling_hides(record_figure: Callable[..., None]) -> None:
    truth = latent_truth(np.array([0.7, 0.4, 0.2, 0.0]))[:3]
    found, plain, covered = latent_ratings_run(range(25), 1500)
    bias = np.abs(found.mean(axis=0) - truth)
    what = "latent ratings and outcome, n = 1,500"
    record_figure(f"{what}: coverage of LMG shares", covered.mean(), runs=25, bound=">= 0.85")
    record_figure(f"{what}: largest bias of a share", bias.max(), runs=25, bound="4 standard errors")
    assert (bias < 4 * found.std(axis=0) / 5).all()
    assert covered.mean() >= 0.85
    # Scores understate the leading item by more than a quarter.
    assert plain.mean(axis=0)[0] < 0.75 * truth[0]


@pytest.mark.statistics
@pytest.mark.parametrize("rows", [500, 1500, 5000])
def test_intervals_of_latent_shares_cover(rows: int, record_figure: Callable[..., None]) -> None:
    _, _, covered = latent_ratings_run(range(300), rows)
    what = f"latent ratings and outcome, n = {rows:,}: coverage of the three true LMG shares"
    record_figure(what, covered.mean(), runs=300, bound="0.905 to 0.97")
    assert 0.905 <= covered.mean() <= 0.97


def test_latent_ratings_reach_every_table_and_the_segment_comparison() -> None:
    table = cut_world(1).assign(segment=np.where(np.arange(1500) % 2, "private", "fleet"))
    table["location_id"] = [f"D{number % 40}" for number in range(1500)]
    model = ImportanceModel(rating_kind="ordinal", outcome_kind="top_box", top_box=9, replicates=100)
    result = model.fit(table)
    assert by_term(result)[ITEMS].sum() == pytest.approx(result.r_squared)
    assert result.measures().query("measure == 'lmg'")["rank"].tolist()[0] == 1
    assert result.noise_probe().set_index("term").loc["rating_a", "label"] == "above noise"
    assert len(result.dominance()) == 6
    comparison = model.compare(table, by="segment").table()
    assert comparison.groupby("segment")["estimate"].sum().between(0.1, 0.9).all()


def test_a_copied_ordinal_rating_shares_and_is_named() -> None:
    table = cut_world(2).assign(rating_e=lambda t: t["rating_a"])
    result = fit(table, rating_kind="ordinal", cluster_column=None)
    shares = by_term(result)
    assert shares["rating_a"] == pytest.approx(shares["rating_e"])
    checks = result.checks().set_index("check")
    assert checks.loc["drivers that are copies or sums of others", "value"] == "rating_a, rating_e"


def test_pairwise_latent_correlations_that_contradict_each_other_are_refused() -> None:
    rng = np.random.default_rng(1)
    a, b = rng.integers(1, 4, (2, 120)).astype(float)
    table = pd.DataFrame({"rating_a": a, "rating_b": b, "rating_c": a + b, "overall": a - b})
    with pytest.raises(FitError, match="rating_kind='linear'"):
        fit(table, rating_kind="ordinal", outcome_kind="ordinal")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"rating_kind": "latent"}, "must be one of"),
        ({"rating_kind": "ordinal", "missing": "em", "experienced": {}}, "needs complete answers"),
        ({"rating_kind": "ordinal"}, "at most 20 different answers, got 1200 of rating_a"),
    ],
)
def test_rating_kinds_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        fit(world(), **settings)
