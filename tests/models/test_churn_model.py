"""ChurnModel on worlds whose truth is known, on hostile panels, and on IBM's Telco customers."""

import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxlab.core.answer import Unanswered, ask
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.models.churn.features import FeatureCoder, choose_features
from cxlab.models.churn.horizon import ChurnModel
from cxlab.models.churn.leaks import leak_screen
from cxlab.stats.classification import area_under_curve

TELCO = Path(__file__).resolve().parents[2] / "../shared/data/ibm_telco_churn"
# One recipe without a choice: what is tested with it does not depend on the recipe.
FAST = ChurnModel(recipe="curves", replicates=50, shuffles=1)
CUTS = ("2025-01-01", "2025-04-11", "2025-07-30", "2025-11-07")


def make_panel(customers=1500, *, cuts=CUTS, signal=1.0, seed=0):
    """A panel of known truth: leavers drop out; the column ``truth`` is the true probability."""
    rng = np.random.default_rng(seed)
    level = rng.normal(size=customers)
    plan = rng.choice(["basic", "plus"], customers)
    there = np.ones(customers, dtype=bool)
    parts = []
    for cut in cuts:
        visits = 0.8 * level + 0.6 * rng.normal(size=customers)
        wait = rng.normal(size=customers)
        noise = rng.normal(size=customers)
        p = expit(-1.9 + signal * (visits + 0.7 * np.maximum(wait, 0) + 0.6 * (plan == "basic")))
        left = rng.random(customers) < p
        frame = pd.DataFrame(
            {
                "customer_id": [f"C{i}" for i in range(customers)],
                "cut_at": pd.Timestamp(cut),
                "churned": pd.array(left.astype(int), dtype="Int8"),
                "location_id": "D1",
                "contract_plan": plan,
                "usage_visits": visits,
                "experience_wait": wait,
                "survey_noise": noise,
                "truth": p,
            }
        )
        parts.append(frame[there])
        there = there & ~left
    return pd.concat(parts, ignore_index=True)


def columns(panel):
    """The panel without the column that only the maker knows."""
    return panel.drop(columns="truth")


def flat(customers=1200, *, signal=1.0, seed=0):
    """A cross-section: one row per customer, no dates."""
    return make_panel(customers, cuts=CUTS[:1], signal=signal, seed=seed).drop(columns="cut_at")


def line(result, term, segment="all"):
    table = result.table()
    return table[(table["term"] == term) & (table["segment"] == segment)].iloc[0]


def passed(result, name):
    checks = result.checks().set_index("check")
    return bool(checks.loc[name, "passed"])


@pytest.fixture(scope="module")
def panel():
    return make_panel(4000, seed=3)


@pytest.fixture(scope="module")
def result(panel):
    return ChurnModel(replicates=100, shuffles=1).fit(columns(panel))


# --- a true world -------------------------------------------------------------------------------


def test_in_a_true_world_the_ranking_comes_near_the_oracle_and_the_slope_holds_one(result, panel):
    scored = result.scored()
    truth = panel["truth"].loc[scored.index].to_numpy()
    oracle = area_under_curve(scored["churned"].to_numpy(dtype=float), truth)[0]
    assert line(result, "auc")["estimate"] > oracle - 0.01
    slope = line(result, "calibration_slope")
    assert slope["conf_low"] <= 1.0 <= slope["conf_high"]
    assert line(result, "log_loss_gain")["verdict"] == "supported"
    assert passed(result, "beats the average")
    assert np.abs(scored["probability"].to_numpy() - truth).mean() < 0.03


def test_reasons_rank_the_blocks_as_the_truth_does_and_claim_nothing_for_noise(result):
    reasons = result.reasons().set_index("term")
    assert list(reasons.index[:2]) == ["usage", "experience"]
    assert reasons.loc["usage", "verdict"] == "supported"
    assert reasons.loc["survey", "verdict"] != "supported"
    assert reasons.loc["survey", "conf_high"] < 0.2 * reasons.loc["experience", "estimate"]


def test_each_tested_cut_is_reported_and_the_first_is_said_to_be_untestable(result):
    # Outcomes close 210 days after a cut: those of the first on the day of the third.
    assert set(result.scored()["segment"]) == {"2025-07-30", "2025-11-07"}
    assert list(result.untested) == ["2025-01-01", "2025-04-11"]
    shorter = dataclasses.replace(FAST, horizon_days=60, test_cuts=2)
    shorter = shorter.fit(columns(make_panel(seed=4)))
    assert list(shorter.table()["segment"].unique()) == ["all", "2025-07-30", "2025-11-07"]
    assert "older than the newest 2" in shorter.untested["2025-04-11"]
    assert "2025-01-01: no earlier cut" in str(
        shorter.checks().set_index("check").loc["time order", "value"]
    )
    pooled = line(shorter, "auc")
    assert pooled["n"] == sum(line(shorter, "auc", cut)["n"] for cut in CUTS[2:])


def test_labels_that_were_open_at_the_tested_cut_cannot_change_its_forecasts():
    def forecasts(table):
        scored = FAST.fit(table).scored()
        return [scored.loc[scored["segment"] == cut, "probability"].to_numpy() for cut in CUTS[2:]]

    panel = make_panel(1500, seed=24)
    third, fourth = forecasts(columns(panel))
    changed = columns(panel)
    open_at_fourth = changed["cut_at"].isin([pd.Timestamp(cut) for cut in CUTS[2:]])
    changed.loc[open_at_fourth, "churned"] = 1 - changed.loc[open_at_fourth, "churned"]
    same_third, same_fourth = forecasts(changed)
    np.testing.assert_array_equal(third, same_third)
    np.testing.assert_array_equal(fourth, same_fourth)
    # The second cut closes on the day of the fourth: open for the third, known for the fourth.
    between = changed["cut_at"] == pd.Timestamp(CUTS[1])
    changed.loc[between, "churned"] = 1 - changed.loc[between, "churned"]
    still_third, other_fourth = forecasts(changed)
    np.testing.assert_array_equal(third, still_third)
    assert not np.array_equal(fourth, other_fourth)


def test_an_embargo_moves_the_border_of_what_may_train():
    panel = columns(make_panel(seed=5))
    # The first cut closes on 2025-07-30 exactly, 210 days after it; one day later it is too late.
    exact = FAST.fit(panel)
    assert "2025-07-30" in exact.scored()["segment"].unique()
    late = dataclasses.replace(FAST, embargo_days=1).fit(panel)
    assert "2025-07-30" in late.untested


def test_levels_that_are_off_in_opposite_ways_do_not_cancel():
    def flipped(table, cut, value, share):
        rows = table.index[(table["cut_at"] == pd.Timestamp(cut)) & (table["churned"] == 1 - value)]
        chosen = np.random.default_rng(0).choice(rows, int(share * len(rows)), replace=False)
        table.loc[chosen, "churned"] = value

    level = "predicted to observed churn, worst cut"
    panel = columns(make_panel(4000, seed=25))
    assert passed(FAST.fit(panel), level)
    # Half of the leavers of the third cut stay, and about as many stayers of the fourth leave.
    flipped(panel, CUTS[2], 0, 0.5)
    flipped(panel, CUTS[3], 1, 0.15)
    moved = FAST.fit(panel)
    assert not passed(moved, level)
    assert 0.9 < line(moved, "predicted_to_observed")["estimate"] < 1.1
    assert line(moved, "predicted_to_observed", CUTS[2])["estimate"] > 1.5
    assert line(moved, "predicted_to_observed", CUTS[3])["estimate"] < 0.8


def test_customers_never_seen_in_training_get_a_figure_of_their_own():
    old = make_panel(1500, seed=6)
    new = make_panel(1200, seed=7)
    new["customer_id"] = "N" + new["customer_id"]
    new = new[new["cut_at"] == pd.Timestamp(CUTS[3])]
    result = FAST.fit(columns(pd.concat([old, new], ignore_index=True)))
    unseen = line(result, "auc", "unseen customers")
    scored = result.scored()
    assert unseen["n"] == len(new) == scored["unseen"].sum()
    assert scored.loc[scored["unseen"], "customer_id"].str.startswith("N").all()
    assert unseen["std_error"] > line(result, "auc")["std_error"]


def test_a_second_fit_is_equal_to_the_last_digit_and_the_panel_is_left_alone():
    panel = columns(make_panel(800, seed=8))
    before = panel.copy()
    first, second = FAST.fit(panel), FAST.fit(panel)
    pd.testing.assert_frame_equal(panel, before)
    pd.testing.assert_frame_equal(first.table(), second.table())
    pd.testing.assert_frame_equal(first.reasons(), second.reasons())
    np.testing.assert_array_equal(first.predict(panel), second.predict(panel))


# --- a null world -------------------------------------------------------------------------------


def null_world(seed):
    """What is said of 900 customers of whom nothing predicts who leaves."""
    return FAST.fit(flat(900, signal=0.0, seed=seed).drop(columns="truth"))


def test_in_a_null_world_nothing_is_claimed():
    claims, holds = 0, 0
    for seed in range(6):
        null = null_world(20 + seed)
        auc = line(null, "auc")
        claims += line(null, "log_loss_gain")["verdict"] == "supported"
        holds += auc["conf_low"] <= 0.5 <= auc["conf_high"]
    assert claims == 0
    assert holds >= 5
    assert not passed(null, "beats the average")
    assert "not shown to be better" in null.summary()


@pytest.mark.statistics
def test_over_many_null_worlds_the_auc_holds_one_half_and_nothing_is_claimed(record_figure):
    runs, held, naive, claims = 200, [], [], 0
    for seed in range(7_000, 7_000 + runs):
        null = null_world(seed)
        auc, noise = line(null, "auc"), null.scored()["training_noise"].iloc[0]
        held.append(auc["conf_low"] <= 0.5 <= auc["conf_high"])
        naive.append(abs(auc["estimate"] - 0.5) <= 1.96 * auc["std_error"] / np.sqrt(1.0 + noise))
        claims += line(null, "log_loss_gain")["verdict"] == "supported"
    record_figure("null, 900 rows: AUC interval holds 0.5", np.mean(held), runs=runs, bound="0.92 to 0.99")
    record_figure("the same without the noise of training", np.mean(naive), runs=runs, bound="below 0.92")
    record_figure("null, 900 rows: gain claimed", claims / runs, runs=runs, bound="0.025 at most")
    assert 0.92 <= np.mean(held) <= 0.99
    assert np.mean(naive) < 0.92
    assert claims / runs <= 0.025


@pytest.mark.statistics
@pytest.mark.parametrize("signal", [0.2, 0.5, 1.0])
def test_over_many_worlds_the_intervals_hold_what_the_models_of_the_folds_are_worth(signal, record_figure):
    from cxlab.stats.forecast import MEASURES, forecast_measures

    runs, held = 60, []
    fresh = flat(20_000, signal=signal, seed=999)
    outcome = fresh["churned"].to_numpy(dtype=float)
    for seed in range(8_000, 8_000 + runs):
        result = FAST.fit(flat(900, signal=signal, seed=seed).drop(columns="truth"))
        matrix, share = result.coder.matrix(fresh), np.full(len(fresh), outcome.mean())
        worth = np.mean(
            [
                forecast_measures(outcome, model.predict_proba(matrix)[:, 1], reference=share)[0]
                for _, model in result.fitted
            ],
            axis=0,
        )
        true = dict(zip(MEASURES, worth, strict=True))
        held.append(
            {
                name: line(result, name)["conf_low"] <= true[name] <= line(result, name)["conf_high"]
                for name in ("auc", "log_loss_gain", "top_decile_lift")
            }
        )
    for name, share in pd.DataFrame(held).mean().items():
        what = f"900 rows, signal {signal:g}: interval of {name} holds its worth on new rows"
        record_figure(what, share, runs=runs, bound="0.88 to 1")
        assert 0.88 <= share <= 1.0


# --- a hostile world ----------------------------------------------------------------------------


def with_leaks(panel, seed):
    """Three columns written after the outcome: noisy numbers, a reason, an exit score of leavers only."""
    churned = panel["churned"].to_numpy(dtype=float)
    rng = np.random.default_rng(seed)
    return panel.assign(
        usage_after=churned + 0.3 * rng.normal(size=len(panel)),
        usage_reason=np.where(churned == 1, rng.choice(["price", "moved"], len(panel)), "none"),
        usage_exit_score=np.where(churned == 1, rng.normal(size=len(panel)), np.nan),
    )


PLANTED = {"usage_after", "usage_reason", "usage_exit_score"}


def test_planted_leaks_are_flagged_and_not_dropped():
    result = FAST.fit(with_leaks(flat(seed=9).drop(columns="truth"), 0))
    leaks = result.leaks()
    assert set(leaks["feature"]) == PLANTED
    assert leaks["sign"].str.startswith("pure level").sum() >= 3
    assert "missingness ranks alone" in set(leaks["sign"])
    assert not passed(result, "leak screen")
    assert "leak screen" in result.summary()
    assert result.coder.features.count("usage_after") == 1


@pytest.mark.statistics
def test_over_many_worlds_every_planted_leak_is_flagged_and_no_honest_column(record_figure):
    runs, missed, false = 200, 0, 0
    for seed in range(9_000, 9_000 + runs):
        panel = with_leaks(flat(seed=seed).drop(columns="truth"), seed)
        coder = FeatureCoder.learn(panel, choose_features(panel, ()))
        found = leak_screen(panel, coder.matrix(panel), panel["churned"].to_numpy(dtype=float), coder)
        missed += len(PLANTED - set(found["feature"]))
        false += len(set(found["feature"]) - PLANTED)
    record_figure("planted leaks that the screen misses, of 3", missed / runs, runs=runs, bound="0")
    record_figure("honest columns it flags, of 4", false / runs, runs=runs, bound="0.01 at most")
    assert missed == 0
    assert false / runs <= 0.01


def test_rare_churn_and_a_thousand_levels_are_not_taken_for_leaks():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"usage_town": rng.integers(0, 1000, 60_000).astype(str)})
    table["usage_street"] = rng.integers(0, 20_000, 60_000).astype(str)
    table["usage_day"] = rng.integers(0, 7, 60_000)
    churned = (rng.random(60_000) < 0.02).astype(float)
    coder = FeatureCoder.learn(table, ("usage_town", "usage_street", "usage_day"))
    assert not len(leak_screen(table, coder.matrix(table), churned, coder))


def test_empty_constant_and_id_columns_are_named_and_the_forecast_stands():
    panel = flat(seed=10).drop(columns="truth")
    panel["usage_nothing"] = np.nan
    panel["usage_same"] = 1.0
    panel["usage_account"] = [f"A{i}" for i in range(len(panel))]
    result = FAST.fit(panel)
    value = result.checks().set_index("check").loc["features that carry information", "value"]
    assert "usage_nothing: all missing" in value
    assert "usage_same: one value only" in value
    assert "usage_account: 1,200 text levels" in value
    assert not passed(result, "features that carry information")
    assert line(result, "log_loss_gain")["verdict"] == "supported"
    kept = FAST.fit(panel.drop(columns=["usage_nothing", "usage_account"]))
    assert passed(kept, "features that carry information")


def test_a_thousand_levels_are_learned_from_where_frequent_and_pooled_where_rare():
    panel = flat(seed=11).drop(columns="truth")
    rng = np.random.default_rng(2)
    panel["usage_town"] = np.where(rng.random(len(panel)) < 0.5, "big", rng.integers(0, 1000, len(panel)))
    result = FAST.fit(panel)
    odd = panel.head(2).assign(usage_town=["never seen", "nor this"])
    assert result.predict(odd).between(0, 1).all()


def test_a_panel_with_one_cut_is_held_out_by_customer_and_says_so():
    panel = columns(make_panel(1200, cuts=CUTS[:1], seed=12))
    result = FAST.fit(panel)
    assert not passed(result, "time order")
    assert not result.in_time_order
    assert "no lifetime or customer value may be claimed" in result.summary()
    assert "2025-01-01" in str(result.checks().set_index("check").loc["time order", "value"])
    assert len(result.scored()) == len(panel)


def test_several_rows_of_a_customer_never_sit_on_both_sides_of_a_fold():
    from cxlab.models.churn.folds import customer_plan

    ids = pd.Series(np.repeat([f"C{i}" for i in range(300)], 3))
    churned = np.repeat(np.arange(300) % 3 == 0, 3).astype(float)
    plan = customer_plan(ids, churned, folds=5, seed=0, untested={})
    assert np.sort(np.concatenate([fold.test for fold in plan.folds])).tolist() == list(range(900))
    for fold in plan.folds:
        assert not set(ids.iloc[fold.train]) & set(ids.iloc[fold.test])
        assert abs(churned[fold.test].mean() - 1 / 3) < 0.02


def test_unknown_outcomes_are_set_aside_with_a_reason_and_can_be_predicted():
    panel = columns(make_panel(1000, seed=13))
    last = panel["cut_at"] == pd.Timestamp(CUTS[3])
    stayed = last & (panel["churned"] == 0)
    panel.loc[stayed, "churned"] = pd.NA
    unknown = panel.index[(panel["cut_at"] == pd.Timestamp(CUTS[2])) & (panel["churned"] == 0)][:7]
    panel.loc[unknown, "churned"] = pd.NA
    panel.loc[0, "customer_id"] = None
    result = FAST.fit(panel)
    aside = result.provenance.n_set_aside
    assert aside["outcome not yet known"] == int(stayed.sum()) + 7
    # At an open cut only leavers are known: learning from them would teach that everybody leaves.
    assert aside["outcome window of the cut still open"] == int(last.sum() - stayed.sum())
    assert aside["customer_id missing"] == 1
    assert "2025-11-07" not in set(result.scored()["segment"])
    forecast = result.predict(panel[last])
    assert forecast.index.equals(panel.index[last])
    assert forecast.mean() == pytest.approx(0.2, abs=0.1)


def test_churners_known_before_stayers_fail_a_check():
    panel = columns(make_panel(1000, seed=14))
    stayed = panel.index[panel["churned"] == 0]
    panel.loc[stayed[::2], "churned"] = pd.NA
    assert not passed(FAST.fit(panel), "outcomes known at used cuts")


def test_too_few_churners_is_an_answer_and_not_a_number():
    panel = flat(400, seed=15).drop(columns="truth")
    panel["churned"] = pd.array([1] * 12 + [0] * 388, dtype="Int8")
    answer = ask(FAST, panel)
    assert isinstance(answer, Unanswered)
    assert "12 churners" in answer.summary()
    assert "too few" in answer.summary()
    with pytest.raises(NotAnswerableError, match="0 churners"):
        FAST.fit(panel.assign(churned=0))
    with pytest.raises(NotAnswerableError, match="no column churned"):
        FAST.fit(panel.drop(columns="churned"))
    with pytest.raises(NotAnswerableError, match="one value only"):
        FAST.fit(flat(400).assign(x=1)[["customer_id", "churned", "x"]])


def test_a_small_segment_prints_too_few_and_no_number():
    old = make_panel(1500, seed=16)
    late = old["cut_at"] == pd.Timestamp(CUTS[3])
    renamed = old.index[late][:40]
    old.loc[renamed, "customer_id"] = "N" + old.loc[renamed, "customer_id"]
    unseen = FAST.fit(columns(old)).table().query("segment == 'unseen customers'")
    assert (unseen["verdict"] == "too few").all()
    assert unseen[["estimate", "std_error", "conf_low", "conf_high", "p_value"]].isna().all(axis=None)


def test_few_churners_warn():
    panel = flat(500, seed=17).drop(columns="truth")
    assert passed(FAST.fit(panel), "churners held out")
    assert not passed(FAST.fit(panel.head(200)), "churners held out")


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda p: p.drop(columns="customer_id"), "no column customer_id"),
        (lambda p: p.assign(churned=p["churned"].map({0: "No", 1: "Yes"})), "got 'Yes'|got 'No'"),
        (lambda p: p.assign(churned=p["churned"] * 2), "got 2"),
        (lambda p: p.assign(cut_at=p["cut_at"].astype(str)), "must hold dates"),
        (lambda p: p.assign(cut_at=p["cut_at"].mask(p.index < 5)), "5 of .* rows have no cut_at"),
        (lambda p: pd.concat([p, p.head(3)], ignore_index=True), "3 rows repeat a customer"),
        (lambda p: p.assign(usage_since=p["cut_at"]), "usage_since is neither numeric nor text"),
        (lambda p: p.assign(usage_mix=[1, "a"] * (len(p) // 2) + [2] * (len(p) % 2)), "usage_mix"),
        (lambda p: p.assign(usage_rate=np.inf), "usage_rate holds infinite"),
        (lambda p: p[["customer_id", "cut_at", "churned"]], "no feature column"),
    ],
)
def test_a_broken_panel_is_refused_and_the_column_named(change, word):
    with pytest.raises(FitError, match=word):
        FAST.fit(change(columns(make_panel(300, seed=18))))


def test_features_can_be_chosen_and_wrong_names_are_refused():
    panel = columns(make_panel(800, seed=19))
    chosen = dataclasses.replace(FAST, features=["usage_visits", "location_id"]).fit(panel)
    assert chosen.coder.features == ("location_id", "usage_visits")
    assert choose_features(panel, ()) == tuple(panel.columns[4:])
    with pytest.raises(FitError, match=r"no column usage_visit\b"):
        ChurnModel(features=["usage_visit"]).fit(panel)
    with pytest.raises(FitError, match="churned is a key or the outcome"):
        ChurnModel(features=["churned", "usage_visits"]).fit(panel)


def test_predict_names_what_is_missing_or_has_changed_and_ignores_the_rest():
    panel = columns(make_panel(800, seed=21))
    result = FAST.fit(panel)
    shuffled = panel.sample(frac=1.0, random_state=0)
    more = shuffled[shuffled.columns[::-1]].assign(other=1)
    np.testing.assert_allclose(result.predict(more).sort_index(), result.predict(panel), rtol=1e-12)
    with pytest.raises(FitError, match="lacks the feature columns usage_visits"):
        result.predict(panel.drop(columns="usage_visits"))
    with pytest.raises(FitError, match="contract_plan was text"):
        result.predict(panel.assign(contract_plan=1.0))
    assert len(result.predict(panel.head(0))) == 0
    assert result.predict(panel.assign(contract_plan=None)).notna().all()


def test_nullable_boolean_and_categorical_columns_are_read_like_plain_ones():
    panel = columns(make_panel(600, seed=22))
    panel["usage_count"] = (panel["usage_visits"] * 3).round()
    panel["usage_app"] = (panel["experience_wait"] > 0).astype(float)
    panel.loc[panel.index[:40], ["usage_count", "usage_app"]] = np.nan
    typed = panel.assign(
        contract_plan=panel["contract_plan"].astype("category"),
        usage_count=panel["usage_count"].astype("Int64"),
        usage_app=panel["usage_app"].astype("boolean"),
        churned=panel["churned"].astype("boolean"),
    )
    first, second = FAST.fit(panel).table(), FAST.fit(typed).table()
    pd.testing.assert_frame_equal(first, second)


@pytest.mark.parametrize(
    "settings",
    [{"horizon_days": 0}, {"test_cuts": 0}, {"confidence": 95}, {"replicates": 5}, {"minimum_churners": 3}],
)
def test_settings_out_of_range_are_refused_by_name(settings):
    with pytest.raises(ParameterError, match=next(iter(settings))):
        ChurnModel(**settings)
    with pytest.raises(ParameterError, match=r"features=\['usage'\]"):
        ChurnModel(features="usage")


def test_a_panel_made_with_another_window_is_refused():
    panel = columns(make_panel(300, seed=23))
    panel.attrs["horizon_days"] = 90
    with pytest.raises(ParameterError, match="made with 90"):
        FAST.fit(panel)


# --- the form of a result -----------------------------------------------------------------------


def test_the_result_keeps_the_form_of_the_house(result, tmp_path):
    import matplotlib as mpl
    from matplotlib import pyplot as plt

    mpl.use("agg")
    table = result.table()
    table.loc[:, "estimate"] = 0.0
    assert result.table()["estimate"].ne(0.0).any()
    taken = result.scored()
    taken["probability"] = 0.0
    assert result.scored()["probability"].gt(0.0).all()
    provenance = result.provenance
    assert provenance.n_used + sum(provenance.n_set_aside.values()) == provenance.n_rows
    assert {path.name for path in result.save(tmp_path).iterdir()} >= {"table.csv", "checks.csv"}
    given = plt.subplots()[1]
    assert result.plot(ax=given) is given
    assert len(given.figure.axes) == 1
    assert len(result.plot().figure.axes) == 2
    bins = result.calibration()
    assert bins["n"].sum() == len(result.scored())
    assert (
        (bins["conf_low"] <= bins["observed_share"]) & (bins["observed_share"] <= bins["conf_high"])
    ).all()
    words = result.summary()
    assert 2 <= words.count(". ") + 1 <= 5
    assert "neither what causes churn" in words
    plt.close("all")


# --- real customers -----------------------------------------------------------------------------


def telco():
    file = TELCO / "Telco-Customer-Churn.csv"
    if not file.exists():
        pytest.skip("IBM's Telco table (shared/data/ibm_telco_churn) is absent")
    rows = pd.read_csv(file).rename(columns={"customerID": "customer_id"})
    rows["TotalCharges"] = pd.to_numeric(rows["TotalCharges"], errors="coerce")
    rows["churned"] = (rows.pop("Churn") == "Yes").astype("Int8")
    return rows


def test_telco_out_of_fold_reaches_what_the_best_single_models_reach():
    result = ChurnModel(replicates=100, shuffles=1).fit(telco())
    # The best single models measured on this table reach AUC 0.8497 and log-loss 0.4109, boosting with
    # its default settings 0.8348 and 0.4338 (5-fold means; docs/statistics-churn.md).
    assert line(result, "auc")["estimate"] >= 0.850
    assert line(result, "log_loss")["estimate"] <= 0.4102
    assert line(result, "brier")["estimate"] <= 0.1335
    assert line(result, "expected_calibration_error")["estimate"] <= 0.025
    assert 0.95 <= line(result, "calibration_slope")["estimate"] <= 1.05
    assert line(result, "top_decile_lift")["estimate"] >= 2.8
    # The sampling error of the AUC on these rows, measured there: half width 0.0090.
    auc = line(result, "auc")
    assert auc["conf_high"] - auc["conf_low"] == pytest.approx(0.018, abs=0.003)
    assert not passed(result, "time order")
    assert list(result.reasons()["term"][:2]) == ["Contract", "tenure"]


def test_telco_by_five_folds_twice_reaches_the_figures_of_the_best_blend():
    from sklearn.model_selection import RepeatedStratifiedKFold

    from cxlab.stats.blend import LogitBlendClassifier
    from cxlab.stats.forecast import MEASURES, forecast_measures

    rows = telco()
    coder = FeatureCoder.learn(rows, choose_features(rows, ()))
    X, y = coder.matrix(rows), rows["churned"].to_numpy(dtype=float)
    found = []
    for train, test in RepeatedStratifiedKFold(n_splits=5, n_repeats=2, random_state=0).split(X, y):
        model = LogitBlendClassifier(categorical_features=coder.categorical).fit(X[train], y[train])
        p = model.predict_proba(X[test])[:, 1]
        found.append(forecast_measures(y[test], p, reference=np.full(len(test), y[train].mean()))[0])
    mean = dict(zip(MEASURES, np.mean(found, axis=0), strict=True))
    assert mean["auc"] >= 0.850
    assert mean["log_loss"] <= 0.4102
    assert mean["brier"] <= 0.1335
    assert mean["expected_calibration_error"] <= 0.025
    assert 0.95 <= mean["calibration_slope"] <= 1.05


def test_the_screen_catches_the_columns_ibm_wrote_after_the_outcome():
    rows = telco()
    status = pd.read_excel(TELCO / "Telco_customer_churn_status.xlsx").set_index("Customer ID")
    late = ["Satisfaction Score", "Churn Score"]
    rows = rows.merge(status[late], left_on="customer_id", right_index=True, validate="one_to_one")
    features = choose_features(rows, ())
    coder = FeatureCoder.learn(rows, features)
    found = leak_screen(rows, coder.matrix(rows), rows["churned"].to_numpy(dtype=float), coder)
    assert set(found["feature"]) == set(late)
    alone = found[found["sign"] == "ranks alone"].set_index("feature")["value"]
    assert alone["Satisfaction Score"] == pytest.approx(0.950, abs=0.001)
    assert alone["Churn Score"] == pytest.approx(0.943, abs=0.001)
    # Levels 1, 2, 4 and 5 never err: 1,440 churned and 2,938 stayed.
    pure = found[(found["feature"] == "Satisfaction Score") & found["sign"].str.startswith("pure level")]
    assert sorted(pure["sign"].str[-1]) == ["1", "2", "4", "5"]
    assert pure.groupby("value")["n"].sum().to_dict() == {0.0: 2938, 1.0: 1440}


# --- the made-up network ------------------------------------------------------------------------


def behind_the_oracle(customers, model):
    """AUC of an oracle that reads the hidden level and the hazard mid-window, and how far we are behind."""
    from cxlab.ingest.tables import Tables
    from cxlab.linking.snapshots import snapshots
    from cxlab.simulation.oracle import true_hazard
    from cxlab.simulation.simulate import simulate

    demo = simulate(customers, seed=2)
    panel = snapshots(Tables.of(demo.frames, None, title="demo")).table()
    scored = model.fit(panel).scored()
    churned = scored["churned"].to_numpy(dtype=float)
    hazard = true_hazard(demo, scored["cut_at"].iloc[0], ahead_days=120.0)
    oracle = area_under_curve(churned, hazard.loc[scored["customer_id"]].to_numpy())[0]
    return oracle, oracle - area_under_curve(churned, scored["probability"].to_numpy())[0]


def test_on_demo_customers_auc_comes_near_the_oracle():
    oracle, behind = behind_the_oracle(8_000, dataclasses.replace(FAST, test_cuts=1))
    assert oracle > 0.75
    assert behind < 0.03


@pytest.mark.statistics
def test_on_twenty_thousand_demo_customers_auc_is_within_two_points_of_the_oracle(record_figure):
    _, behind = behind_the_oracle(20_000, ChurnModel(test_cuts=1, replicates=50, shuffles=1))
    record_figure("demo, 20,000 customers: AUC behind the oracle", behind, runs=1, bound="below 0.02")
    assert behind < 0.02
