"""The importance-performance map: lifts of a known function, coverage, fields, stated importance."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.priority_map import PriorityMapModel
from cxlab.models.drivers.priority_map_result import PriorityMapResult

ITEMS = ["rating_wait", "rating_repair", "rating_lounge", "rating_price"]
MEANS = np.array([6.3, 8.4, 6.5, 8.9])
BELOW, ABOVE = np.array([0.5, 0.3, 0.0, 0.02]), np.array([0.1, 0.3, 0.0, 0.02])


def world(*, rows: int = 1500, sites: int = 40, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    site = rng.integers(0, sites, rows)
    ratings = MEANS + 1.1 * rng.normal(size=(rows, 1)) + 1.4 * rng.normal(size=(rows, 4))
    ratings = np.clip(np.round(ratings + 0.4 * rng.normal(size=(sites, 4))[site]), 1, 10)
    noise = 0.4 * rng.normal(size=sites)[site] + rng.normal(size=rows)
    table = pd.DataFrame(ratings, columns=ITEMS)
    return table.assign(overall=generating(ratings) + noise, location_id=[f"D{s}" for s in site])


def generating(ratings: np.ndarray) -> np.ndarray:
    centred = ratings - 5.5
    return 5.0 + np.minimum(centred, 0) @ BELOW + np.maximum(centred, 0) @ ABOVE


@cache
def population() -> np.ndarray:
    return world(rows=400_000, sites=4000, seed=99)[ITEMS].to_numpy()


def true_lift(target: float | np.ndarray) -> np.ndarray:
    """Rise of the generating function where each rating in turn is lifted to its target."""
    raised = np.maximum(population(), target)

    def effects(ratings: np.ndarray) -> np.ndarray:
        return np.minimum(ratings - 5.5, 0) * BELOW + np.maximum(ratings - 5.5, 0) * ABOVE

    return (effects(raised) - effects(population())).mean(axis=0)


def fit(table: pd.DataFrame, **settings: object) -> PriorityMapResult:
    return PriorityMapModel(**{"target": 8, "replicates": 100, **settings}).fit(table)


def by_term(result: PriorityMapResult) -> pd.DataFrame:
    return result.table().set_index("term").loc[ITEMS]


def test_lifts_cover_those_of_the_generating_function(record_figure: Callable[..., None]) -> None:
    truth, hits, found = true_lift(8.0), np.zeros(4), []
    for seed in range(60):
        table = by_term(fit(world(seed=seed), replicates=150))
        hits += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
        found.append(table["estimate"].to_numpy())
    error = np.std(found, axis=0) / np.sqrt(60)
    assert (np.abs(np.mean(found, axis=0) - truth) < 4 * error).all(), (np.mean(found, axis=0), truth)
    record_figure("coverage of 4 lifts, n = 1,500", hits.sum() / 240, runs=60, bound="0.90 to 0.985")
    assert 0.90 <= hits.sum() / 240 <= 0.985, hits


@pytest.mark.statistics
@pytest.mark.parametrize("rows", [500, 1500, 6000])
def test_lifts_cover_at_every_size(rows: int, record_figure: Callable[..., None]) -> None:
    truth, hits, runs = true_lift(8.0), np.zeros(4), 300
    for seed in range(runs):
        table = by_term(fit(world(seed=seed, rows=rows), replicates=200))
        hits += (table["conf_low"] <= truth) & (truth <= table["conf_high"])
    share = hits / runs
    record_figure(f"n = {rows:,}: coverage of 4 lifts", share.mean(), runs=runs, bound="0.92 to 0.97")
    record_figure(f"n = {rows:,}: worst of the 4", share.min(), runs=runs, bound="0.90 at least")
    assert 0.92 <= share.mean() <= 0.97, share
    assert share.min() >= 0.90, share


@pytest.mark.statistics
def test_the_probability_of_a_field_is_as_true_as_it_says(record_figure: Callable[..., None]) -> None:
    # Targets lie around the true means and the worthwhile lift around the true lifts: of all fields that
    # are said with some probability, that share must be true.
    rng, said, true, runs = np.random.default_rng(8), [], [], 300
    mean = population().mean(axis=0)
    for seed in range(runs):
        target = mean + rng.normal(0, 0.15, 4)
        worthwhile = float(np.exp(rng.normal(np.log(0.3), 1.0)))
        settings = {"target": dict(zip(ITEMS, target, strict=True)), "worthwhile_lift": worthwhile}
        found = by_term(fit(world(seed=seed), replicates=200, **settings))
        low, high = mean < target, true_lift(target) >= worthwhile
        fields = {
            "act_first": low & high,
            "low_return": low & ~high,
            "lift_the_rest": ~low & high,
            "keep": ~low & ~high,
        }
        said += [found[f"{name}_share"].to_numpy() for name in fields]
        true += list(fields.values())
    stated, holds = np.concatenate(said), np.concatenate(true)
    for low_end, high_end in ((0.05, 0.35), (0.35, 0.65), (0.65, 0.95)):
        inside = (stated >= low_end) & (stated < high_end)
        gap = holds[inside].mean() - stated[inside].mean()
        record_figure(
            f"P(field) said {low_end} to {high_end}: true minus said, {inside.sum()} statements",
            gap,
            runs=runs,
            bound="-0.1 to 0.1",
        )
        assert abs(gap) <= 0.1


def test_a_straight_fit_lifts_by_slope_times_headroom() -> None:
    import statsmodels.api as sm

    table = world()
    found = by_term(fit(table, form="linear"))
    slopes = sm.OLS(table["overall"], sm.add_constant(table[ITEMS])).fit().params[ITEMS]
    headroom = np.maximum(8 - table[ITEMS], 0).mean()
    assert found["headroom"].to_numpy() == pytest.approx(headroom.to_numpy())
    assert found["estimate"].to_numpy() == pytest.approx((slopes * headroom).to_numpy())
    assert found["performance"].to_numpy() == pytest.approx(table[ITEMS].mean().to_numpy())
    assert found["below_target_share"].to_numpy() == pytest.approx((table[ITEMS] < 8).mean().to_numpy())


def test_a_straight_line_misses_the_lift_of_a_bent_effect() -> None:
    table = world(rows=20_000, sites=400)
    low_target = by_term(fit(table, target=5.5))["estimate"]["rating_wait"]
    straight = by_term(fit(table, target=5.5, form="linear"))["estimate"]["rating_wait"]
    truth = true_lift(5.5)[0]
    assert low_target == pytest.approx(truth, rel=0.06)
    assert straight < 0.7 * truth


def test_fields_follow_targets_and_are_sure_where_the_data_are() -> None:
    found = by_term(fit(world(rows=4000), replicates=200, worthwhile_lift=0.15))
    assert found["field"].tolist() == ["act first", "lift the rest", "low return", "keep"]
    assert found.loc["rating_wait", "act_first_share"] == 1.0
    assert found.loc["rating_wait", "verdict"] == "supported"
    shares = found[["act_first_share", "lift_the_rest_share", "low_return_share", "keep_share"]]
    assert shares.sum(axis=1).to_numpy() == pytest.approx(np.ones(4))
    # The repair rating lies at its target within noise, so its field is not.
    near = by_term(fit(world(rows=400), target={**dict.fromkeys(ITEMS, 8.0), "rating_repair": 8.2}))
    assert near.loc["rating_repair", "verdict"] == "undetermined"


def test_where_nothing_counts_nothing_is_to_be_done_first() -> None:
    rng = np.random.default_rng(1)
    sure = 0
    for seed in range(15):
        table = world(rows=800, seed=seed).assign(overall=rng.normal(size=800))
        rows = by_term(fit(table))
        sure += ((rows["field"] == "act first") & (rows["verdict"] == "supported")).sum()
    assert sure == 0


def test_a_target_that_everyone_meets_lifts_nothing() -> None:
    result = fit(world(), target=1)
    assert np.abs(result.table()["estimate"]).max() < 1e-12
    check = result.checks().set_index("check").loc["drivers that nearly everyone rates at the target"]
    assert not check["passed"]


def test_stated_importance_is_set_beside_the_derived_one_with_its_rank_correlation() -> None:
    from scipy.stats import spearmanr

    table = world()
    stated = {"rating_wait": 3.0, "rating_repair": 7.0, "rating_lounge": 1.0, "rating_price": 9.0}
    found = fit(table, stated=stated).stated().set_index("term")
    rows = found.loc[ITEMS]
    expected = spearmanr(rows["stated"], rows["derived"]).statistic
    assert found.loc["rank correlation", "estimate"] == pytest.approx(expected)
    assert (
        found.loc["rank correlation", "conf_low"] <= expected <= found.loc["rank correlation", "conf_high"]
    )
    columns = {item: f"stated_{item}" for item in ITEMS}
    asked = table.assign(**{columns[item]: stated[item] for item in ITEMS})
    asked.loc[:200, "stated_rating_wait"] = np.nan
    again = fit(asked, stated=columns).stated().set_index("term")
    assert again.loc[ITEMS, "stated"].to_dict() == pytest.approx(stated)
    with pytest.raises(ParameterError, match="no stated importance"):
        fit(table).stated()


def test_a_missing_rating_sets_the_answer_aside_and_weights_repeat_rows() -> None:
    table = world(rows=600).assign(weight=1.0)
    table.loc[:49, "rating_wait"] = np.nan
    assert fit(table).provenance.n_set_aside == {"a driver not experienced or not answered": 50}
    table.loc[300:, "weight"] = 2.0
    weighted = by_term(fit(table, weight_column="weight"))
    repeated = by_term(fit(pd.concat([table, table.loc[300:]])))
    assert weighted["estimate"].to_numpy() == pytest.approx(repeated["estimate"].to_numpy())
    assert weighted["performance"].to_numpy() == pytest.approx(repeated["performance"].to_numpy())


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"target": {"rating_wait": 8.0}}, "target must name every driver"),
        ({"stated": {**dict.fromkeys(ITEMS, 1.0), "other": 1.0}}, "no driver: other"),
        ({"form": "spline"}, "must be one of"),
        ({"replicates": 5}, "100 or more"),
    ],
)
def test_settings_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        fit(world(rows=200), **settings)


def test_too_few_answers_are_not_answerable() -> None:
    with pytest.raises(NotAnswerableError, match="50 are needed"):
        fit(world(rows=40))


def test_the_summary_says_lift_interval_n_and_that_it_is_no_forecast() -> None:
    text = fit(world()).summary()
    for words in (
        "rated rating_wait at 8 or above",
        "95 % interval",
        "n = 1,500",
        "40 dealers",
        "no forecast",
    ):
        assert words in text


def test_labels_on_the_map_hide_no_other_label() -> None:
    import matplotlib.pyplot as plt

    axes = fit(world()).plot()
    axes.figure.canvas.draw()
    labels = [text for text in axes.texts if text.get_text() in ("wait", "repair", "lounge", "price")]
    boxes = [label.get_window_extent() for label in labels]
    assert len(labels) == 4
    assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
    assert len(axes.patches) == 5  # four ellipses and the shaded field
    plt.close("all")


def test_the_name_of_a_field_stands_inside_it_even_where_no_driver_does() -> None:
    import matplotlib.pyplot as plt

    axes = fit(world(), target=9.5).plot()
    axes.figure.canvas.draw()
    cut = axes.transData.transform((9.5, 0.1))
    boxes = {text.get_text(): text.get_window_extent() for text in axes.texts}
    assert boxes["LIFT THE REST"].x0 > cut[0]
    assert boxes["KEEP"].x0 > cut[0]
    assert boxes["ACT FIRST"].x1 < cut[0]
    assert boxes["LOW RETURN"].y1 < cut[1]
    plt.close("all")


EFFORT = {"rating_wait": (40, 60), "rating_repair": 10, "rating_lounge": 5, "rating_price": 20}


def test_effort_turns_the_order_and_a_lift_that_is_not_sure_gains_nothing_by_being_cheap() -> None:
    result = fit(world(rows=4000), effort=EFFORT, replicates=200)
    assert by_term(result)["estimate"].idxmax() == "rating_wait"
    found = result.ranking().set_index("term")
    assert found.index[:2].tolist() == ["rating_repair", "rating_wait"]
    assert found.loc["rating_repair", "first_share"] > 0.9
    assert found.loc["rating_lounge", "verdict"] == "undetermined"
    assert found.loc["rating_wait", "sure_lift_per_effort"] == pytest.approx(
        found.loc["rating_wait", "conf_low"] / 60
    )
    assert (found["rank_low"] <= found["rank"]).all()
    assert (found["rank"] <= found["rank_high"]).all()


def test_the_order_is_unstable_where_two_returns_are_equal_and_effort_is_vague() -> None:
    rows = world(rows=1000, seed=3)
    lift = by_term(fit(rows))["conf_low"]
    equal = {**EFFORT, "rating_wait": lift["rating_wait"], "rating_repair": lift["rating_repair"]}
    found = fit(rows, effort=equal, replicates=300).ranking().set_index("term")
    assert found.loc[["rating_wait", "rating_repair"], "first_share"].between(0.25, 0.75).all()
    vague = {**EFFORT, "rating_wait": (1, 100), "rating_repair": (1, 100)}
    wide = fit(rows, effort=vague, replicates=300).ranking().set_index("term")
    assert wide.loc["rating_wait", "rank_low"] < wide.loc["rating_wait", "rank_high"]


def test_urgency_and_maturity_are_shown_and_used_only_when_asked_for() -> None:
    urgency, maturity = dict.fromkeys(ITEMS, 1.0), dict.fromkeys(ITEMS, 0.9)
    urgency["rating_lounge"], maturity["rating_repair"] = 3.0, 0.2
    result = fit(world(rows=4000), effort=EFFORT, urgency=urgency, maturity=maturity)
    plain = result.ranking()
    assert plain["term"].iloc[0] == "rating_repair"
    assert plain.set_index("term").loc["rating_lounge", "urgency"] == 3.0
    assert result.ranking(urgent_first=True)["term"].iloc[0] == "rating_lounge"
    assert result.ranking(least_maturity=0.5)["term"].iloc[-1] == "rating_repair"
    with pytest.raises(ParameterError, match="was given no urgency"):
        fit(world(), effort=EFFORT).ranking(urgent_first=True)
    with pytest.raises(ParameterError, match="was given no effort"):
        fit(world()).ranking()


def crossed(*, rows: int = 3000, seed: int = 1, cross: float = 0.12) -> pd.DataFrame:
    """Wait and lounge help only together; repair helps alone."""
    table = world(rows=rows, seed=seed)
    rng = np.random.default_rng(seed + 1000)
    x = table[ITEMS].to_numpy() - 5.5
    both = cross * x[:, 0] * x[:, 2]
    return table.assign(overall=5 + both + 0.25 * x[:, 1] + 0.05 * x[:, 0] + rng.normal(size=rows))


def true_joint(columns: list[int], target: float) -> float:
    x = crossed(rows=300_000, seed=99)[ITEMS].to_numpy()
    raised = x.copy()
    raised[:, columns] = np.maximum(raised[:, columns], target)
    value = [
        0.12 * (r[:, 0] - 5.5) * (r[:, 2] - 5.5) + 0.25 * r[:, 1] + 0.05 * r[:, 0] for r in (raised, x)
    ]
    return float((value[0] - value[1]).mean())


def test_two_ratings_that_help_only_together_are_the_signature_pair(
    record_figure: Callable[..., None],
) -> None:
    truth, covered, chosen = true_joint([0, 2], 8), 0, 0
    for seed in range(25):
        result = fit(crossed(seed=seed), form="interaction", replicates=120)
        found = result.signature(2).set_index("term")
        last = found.iloc[-1]
        chosen += found.index[found["chosen"]].tolist()[:2] in (
            ["rating_wait", "rating_lounge"],
            ["rating_lounge", "rating_wait"],
        )
        covered += last["conf_low"] <= truth <= last["conf_high"]
        # More than the sum of the single lifts, which is what a straight table would add up.
        assert last["estimate"] > last["single_lift"] + 0.1
    record_figure("joint lift of a crossed pair: coverage", covered / 25, runs=25, bound=">= 0.8")
    record_figure("joint lift of a crossed pair: pair found", chosen / 25, runs=25, bound=">= 0.95")
    assert covered >= 20
    assert chosen >= 24


def test_the_share_of_belonging_is_sure_for_a_strong_pair_and_split_between_equals() -> None:
    strong = fit(crossed(), form="interaction", replicates=200).signature(2).set_index("term")
    assert strong.loc[["rating_wait", "rating_lounge"], "verdict"].tolist() == ["supported"] * 2
    rng = np.random.default_rng(5)
    ratings = np.clip(np.round(7 + 1.5 * rng.normal(size=(900, 4))), 1, 10)
    table = pd.DataFrame(ratings, columns=ITEMS)
    table["overall"] = 0.3 * ratings.sum(axis=1) + rng.normal(size=900)
    even = fit(table, replicates=200).signature(2)
    assert even["in_best_share"].iloc[:-1].sum() == pytest.approx(2.0)
    assert even["in_best_share"].iloc[:-1].between(0.05, 0.95).all()
    assert even["verdict"].tolist() == ["undetermined"] * 5


def test_without_products_the_joint_lift_is_the_sum_of_single_ones() -> None:
    found = fit(world()).signature(3)
    last = found.iloc[-1]
    assert last["estimate"] == pytest.approx(last["single_lift"])
    assert found.iloc[:3]["estimate"].to_numpy() == pytest.approx(found.iloc[:3]["single_lift"].to_numpy())
    with pytest.raises(ParameterError, match="sets"):
        fit(world()).signature(9)


def test_interactions_equal_statsmodels_and_the_plug_in_lift() -> None:
    import statsmodels.api as sm

    table = crossed(rows=800)
    x = table[ITEMS].to_numpy() - 5.5
    first, second = np.triu_indices(4, 1)

    def design(z: np.ndarray) -> np.ndarray:
        return np.column_stack(
            [np.ones(len(z)), np.minimum(z, 0), np.maximum(z, 0), z[:, first] * z[:, second]]
        )

    fitted = sm.OLS(table["overall"], design(x)).fit()
    result = fit(table, form="interaction")
    raised = x.copy()
    raised[:, 0] = np.maximum(raised[:, 0], 2.5)
    expected = (fitted.predict(design(raised)) - fitted.predict(design(x))).mean()
    assert by_term(result).loc["rating_wait", "estimate"] == pytest.approx(expected)
    raised[:, 2] = np.maximum(raised[:, 2], 2.5)
    pair = (fitted.predict(design(raised)) - fitted.predict(design(x))).mean()
    last = result.signature(2).iloc[-1]
    assert last["term"] == "these 2 together"
    assert last["estimate"] == pytest.approx(pair)


def test_acting_on_dealers_lifts_those_below_the_target_on_average() -> None:
    table = world(rows=4000)
    found = by_term(fit(table, form="linear", act_on="dealers", target=8.5))
    means = table.groupby("location_id")[ITEMS].transform("mean")
    rise = (table[ITEMS] + (8.5 - means).clip(lower=0)).clip(upper=10).clip(lower=table[ITEMS])
    expected = (rise - table[ITEMS]).mean()
    assert found["headroom"].to_numpy() == pytest.approx(expected.to_numpy())
    assert (
        found.loc["rating_wait", "estimate"]
        < by_term(fit(table, form="linear", target=8.5))["estimate"]["rating_wait"]
    )
    with pytest.raises(ParameterError, match="needs the dealer"):
        fit(table, act_on="dealers", cluster_column=None)


def test_lifts_beyond_the_scale_fail_a_check() -> None:
    check = "fitted mean of the outcome if every driver met its target"
    table = world().assign(overall=lambda t: t["overall"].clip(upper=6.5))
    assert not fit(table, target=10, form="linear").checks().set_index("check").loc[check, "passed"]
    assert fit(world(), target=7).checks().set_index("check").loc[check, "passed"]


def test_stated_and_derived_ranks_are_paired_by_lines() -> None:
    import matplotlib.pyplot as plt

    stated = {"rating_wait": 3.0, "rating_repair": 7.0, "rating_lounge": 1.0, "rating_price": 9.0}
    axes = fit(world(), stated=stated).plot_stated()
    ends = {tuple(line.get_ydata()) for line in axes.lines}
    rows = fit(world(), stated=stated).stated().iloc[:4]
    assert ends == set(zip(rows["stated_rank"], rows["derived_rank"], strict=True))
    assert "rank correlation" in axes.texts[-1].get_text()
    tied = {**stated, "rating_lounge": 9.0}
    texts = [text.get_text() for text in fit(world(), stated=tied).plot_stated().texts]
    # Two of equal rank share one label, so that neither hides the other.
    assert {"lounge, price", "price, lounge"} & set(texts)
    plt.close("all")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"effort": {"rating_wait": 1.0}}, "effort must name every driver"),
        ({"effort": {**EFFORT, "rating_wait": 0.0}}, "not so: rating_wait"),
        ({"effort": {**EFFORT, "rating_wait": (9, 3)}}, "not so: rating_wait"),
        ({"act_on": "towns"}, "must be one of"),
    ],
)
def test_inputs_of_the_ranking_that_do_not_fit_are_refused(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError, match=words):
        fit(world(rows=200), **settings)


def test_interactions_need_more_answers() -> None:
    with pytest.raises(NotAnswerableError, match="form='interaction' with 4 drivers needs 100"):
        fit(world(rows=90), form="interaction")
