"""Gate and choice: over-confident forecasts are repaired, calibrated ones left alone, reasons add up."""

import itertools

import numpy as np
import pytest
from scipy.special import expit
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils.estimator_checks import check_estimator

from cxlab.stats.classification import calibration_line, log_loss
from cxlab.stats.curves import CurveLogisticClassifier
from cxlab.stats.gate import calibration_gate, choose_part, slope_and_error
from cxlab.stats.gated import GatedClassifier
from cxlab.stats.ridge_logistic import ridge_logistic
from cxlab.stats.trees import SmallTreesClassifier


def world(n, seed, *, width=4):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, width))
    p = expit(-1.6 + 0.8 * X[:, 0] + 0.6 * np.maximum(X[:, 1], 0))
    return X, (rng.random(n) < p).astype(int), p


@pytest.mark.parametrize(
    "model", [GatedClassifier(recipe="curves"), CurveLogisticClassifier(), SmallTreesClassifier(rounds=5)]
)
def test_every_part_passes_the_whole_battery_of_scikit_learn(model):
    results = check_estimator(model, on_skip=None, on_fail=None)
    assert len(results) > 40
    assert [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")] == []


def test_over_confident_probabilities_are_caught_and_repaired():
    X, y, _ = world(1500, 1)
    new, outcome, _ = world(20_000, 2)
    # Boosting with its defaults overfits a table of this size.
    wild = HistGradientBoostingClassifier(random_state=0)
    raw = wild.fit(X, y).predict_proba(new)[:, 1]
    gated = GatedClassifier(recipe=wild).fit(X, y)
    mended = gated.predict_proba(new)[:, 1]
    found = outcome.astype(float)
    assert calibration_line(found, raw)[0, 1] < 0.7
    assert gated.gate_.method == "sigmoid"
    assert gated.gate_.slope < 0.7
    assert calibration_line(found, mended)[0, 1] == pytest.approx(1.0, abs=0.2)
    assert log_loss(found, mended)[0] < log_loss(found, raw)[0] - 0.02
    # A rising map keeps the ranking.
    assert (np.diff(mended[np.argsort(raw)]) > -0.1).all()


def test_balanced_weights_are_caught_by_no_slope_but_forced_maps_mend_their_level():
    X, y, _ = world(4000, 3)
    heavy = LogisticRegression(class_weight="balanced")
    # Their slope is 1: only the level is off, which predicted to observed churn shows.
    free = GatedClassifier(recipe=heavy).fit(X, y)
    assert free.gate_.method == "none"
    assert free.predict_proba(X)[:, 1].mean() > 1.5 * y.mean()
    forced = GatedClassifier(recipe=heavy, calibration="sigmoid").fit(X, y)
    assert forced.predict_proba(X)[:, 1].mean() == pytest.approx(y.mean(), rel=0.05)


def test_the_gate_follows_its_rules():
    rng = np.random.default_rng(4)
    truth = rng.normal(-1.0, 1.2, 8000)
    y = (rng.random(8000) < expit(truth)).astype(float)
    assert calibration_gate(y, truth).method == "none"
    assert calibration_gate(y, 1.05 * truth).method == "none"
    extreme = calibration_gate(y, 2.0 * truth)
    assert extreme.method == "sigmoid"
    np.testing.assert_allclose(extreme.apply(2.0 * truth), truth, atol=0.2)
    # A bend that no line mends: with 2,000 events and more the isotonic map may take over.
    bent = calibration_gate(y, np.sign(truth) * truth**2 * 2.0)
    assert bent.method == "isotonic"
    few = slice(0, 800)
    assert calibration_gate(y[few], (np.sign(truth) * truth**2 * 2.0)[few]).method == "sigmoid"
    # Thirty rows cannot tell a slope of 0.8 from 1: leave it.
    small = calibration_gate(y[:150], 1.25 * truth[:150])
    assert small.method == "none"
    assert calibration_gate(y[:40], 5.0 * truth[:40]).reason.startswith("too few")
    assert np.isfinite(bent.apply(np.array([-99.0, 99.0]))).all()


def test_the_map_mends_what_a_fit_to_all_rows_keeps_of_the_overfitting():
    """Halves of 1,500 rows overfit twice as much as all: their slope alone would ask for too much."""
    scaled, plain = [], []
    for seed in range(48):
        X, y, _ = world(6500, 100 + seed, width=12)
        new, outcome = X[1500:], y[1500:].astype(float)
        model = GatedClassifier(recipe="curves", calibration="sigmoid", cv=2).fit(X[:1500], y[:1500])
        raw = model.model_.decision_function(new)
        scaled.append(slope_and_error(outcome, model.decision_function(new))[0])
        plain.append(slope_and_error(outcome, model.gate_.slope * raw)[0])
        assert model.gate_.expected_slope == pytest.approx(1 - (1 - model.gate_.slope) / 2)
    assert np.median(scaled) == pytest.approx(1.0, abs=0.1)
    assert abs(np.median(scaled) - 1.0) < abs(np.median(plain) - 1.0)


def test_a_recipe_of_ones_own_gets_the_whole_map():
    X, y, _ = world(1500, 1)
    gated = GatedClassifier(recipe=DecisionTreeClassifier(min_samples_leaf=5), cv=2).fit(X, y)
    assert gated.gate_.line[1] == pytest.approx(gated.gate_.slope)
    # The level is that of the outcomes, whatever part of the slope is mended.
    rng = np.random.default_rng(2)
    truth = rng.normal(-2.0, 1.0, 6000)
    seen = (rng.random(6000) < expit(truth)).astype(float)
    part = calibration_gate(seen, 2.0 * truth, method="sigmoid", training_share=0.5)
    assert part.line[1] == pytest.approx((1.0 + part.slope) / 2.0)
    assert expit(part.apply(2.0 * truth)).mean() == pytest.approx(seen.mean(), abs=1e-9)
    # Too timid forecasts are no matter of overfitting.
    timid = calibration_gate(seen, 0.5 * truth, training_share=0.5)
    assert timid.line[1] == pytest.approx(timid.slope)
    with pytest.raises(ValueError, match="training_share"):
        calibration_gate(seen, truth, training_share=0.0)


def test_a_forecast_that_falls_is_not_turned_round():
    rng = np.random.default_rng(5)
    truth = rng.normal(-1.0, 1.0, 3000)
    y = (rng.random(3000) < expit(truth)).astype(float)
    wrong = calibration_gate(y, -truth)
    assert wrong.slope < 0.0
    np.testing.assert_array_equal(wrong.apply(-truth), -truth)


def test_the_blend_stays_unless_a_part_is_clearly_better():
    X, y, _ = world(3000, 6)
    # An additive world is the home of the curves.
    assert GatedClassifier().fit(X, y).recipe_ == "curves"
    rng = np.random.default_rng(7)
    mixed = expit(-1.5 + X[:, 0] + 0.4 * X[:, 0] * X[:, 1] - 0.3 * X[:, 2] ** 2)
    y = (rng.random(len(X)) < mixed).astype(int)
    assert GatedClassifier().fit(X, y).recipe_ == "blend"
    # A chessboard that no additive curve can see.
    X = rng.uniform(-1, 1, size=(4000, 2))
    y = (rng.random(4000) < np.where(X[:, 0] * X[:, 1] > 0, 0.5, 0.05)).astype(int)
    chosen = GatedClassifier().fit(X, y)
    assert chosen.recipe_ == "trees"
    assert chosen.losses_[1] < chosen.losses_[2] < chosen.losses_[0]
    alike = rng.normal(size=(500, 1)) @ np.ones((1, 2))
    assert choose_part((rng.random(500) < 0.5).astype(float), alike)[0] is None


def test_the_choice_is_made_on_held_out_rows_only():
    X, y, _ = world(900, 8)
    half = np.arange(450)
    rest = np.arange(450, 900)
    model = GatedClassifier(recipe="curves", cv=[(half, rest)]).fit(X, y)
    alone = CurveLogisticClassifier().fit(X[half], y[half])
    expected = calibration_gate(y[rest].astype(float), alone.decision_function(X[rest]))
    assert model.gate_.slope == pytest.approx(expected.slope)


def brute_force_shapley(model, X, j):
    """phi_j from its definition, the pay-off computed by walking every tree for every subset."""
    k = X.shape[1]
    others = [c for c in range(k) if c != j]
    total = np.zeros(len(X))
    for size in range(k):
        weight = 1.0 / (k * len(list(itertools.combinations(others, size))))
        for subset in itertools.combinations(others, size):
            with_j = payoff(model, X, {*subset, j})
            total += weight * (with_j - payoff(model, X, set(subset)))
    return total


def payoff(model, X, subset):
    out = np.zeros(len(X))
    for (predictor,) in model.booster_._predictors:
        nodes = predictor.nodes
        for i, row in enumerate(X):
            out[i] += walk(nodes, 0, row, subset)
    return out


def walk(nodes, at, row, subset):
    node = nodes[at]
    if node["is_leaf"]:
        return node["value"]
    left, right = node["left"], node["right"]
    if node["feature_idx"] in subset:
        value = row[node["feature_idx"]]
        low = node["missing_go_to_left"] if np.isnan(value) else value <= node["num_threshold"]
        return walk(nodes, left if low else right, row, subset)
    share = nodes[left]["count"] / node["count"]
    below, above = walk(nodes, left, row, subset), walk(nodes, right, row, subset)
    return share * below + (1 - share) * above


def test_reasons_of_trees_are_shapley_values_by_definition():
    X, y, _ = world(700, 9, width=3)
    X[::9, 1] = np.nan
    model = SmallTreesClassifier(rounds=6, learning_rate=0.3, leaf_rows=15).fit(X, y)
    some = X[:12]
    found = model.contributions(some)
    for j in range(3):
        np.testing.assert_allclose(found[:, j], brute_force_shapley(model, some, j), atol=1e-12)


@pytest.mark.parametrize("recipe", ["blend", "curves", "trees"])
@pytest.mark.parametrize("calibration", ["none", "sigmoid"])
def test_reasons_and_base_add_up_to_the_logit_with_levels_and_missing_values(recipe, calibration):
    rng = np.random.default_rng(10)
    X, y, _ = world(1500, 10)
    X[:, 2] = rng.integers(0, 6, len(X))
    X[::7, 2] = np.nan
    X[::5, 1] = np.nan
    model = GatedClassifier(recipe=recipe, calibration=calibration, categorical_features=[2])
    model.fit(X, y)
    new = X[:300].copy()
    new[0, 2] = 77.0
    new[1] = np.nan
    logit = model.decision_function(new)
    np.testing.assert_allclose(model.base_ + model.contributions(new).sum(1), logit, atol=1e-10)


def test_one_newton_step_from_a_part_of_the_rows_comes_near_the_whole_fit():
    X, y, _ = world(40_000, 11)
    whole = CurveLogisticClassifier().fit(X, y)
    step = CurveLogisticClassifier(most_numbers=8000 * 30).fit(X, y)
    part = CurveLogisticClassifier().fit(X[:8000], y[:8000])
    new, _, _ = world(4000, 12)
    gap = np.abs(step.decision_function(new) - whole.decision_function(new)).mean()
    assert gap < 0.02
    assert gap < 0.3 * np.abs(part.decision_function(new) - whole.decision_function(new)).mean()


def test_newton_equals_scikit_learn_and_survives_separation():
    X, y, _ = world(600, 13)
    design = np.column_stack([np.ones(len(X)), X])
    penalty = np.array([0.0, 1.0, 1.0, 1.0, 1.0])

    def whole():
        yield slice(0, 250), design[:250]
        yield slice(250, 600), design[250:]

    reference = LogisticRegression(C=1.0, tol=1e-10, max_iter=1000).fit(X, y)
    found = ridge_logistic(whole, y.astype(float), penalty=penalty, tolerance=1e-14)
    np.testing.assert_allclose(found[1:], reference.coef_[0], atol=1e-5)
    apart = (X[:, 0] > 0).astype(float)
    assert np.isfinite(ridge_logistic(whole, apart, penalty=penalty)).all()


def test_a_heavier_penalty_on_one_column_shrinks_that_column():
    X, y, _ = world(800, 14)
    plain = CurveLogisticClassifier().fit(X, y)
    held = CurveLogisticClassifier(feature_penalty=[1000.0, 1.0, 1.0, 1.0]).fit(X, y)
    spread = held.contributions(X).std(axis=0) / plain.contributions(X).std(axis=0)
    assert spread[0] < 0.5
    assert spread[1] > 0.8


def test_settings_are_refused_in_words():
    X, y, _ = world(200, 15)
    with pytest.raises(ValueError, match="recipe must be one of"):
        GatedClassifier(recipe="forest").fit(X, y)
    with pytest.raises(ValueError, match="method must be"):
        GatedClassifier(recipe="curves", calibration="platt").fit(X, y)
    with pytest.raises(ValueError, match="contributions exist"):
        GatedClassifier(recipe=LogisticRegression()).fit(X, y).contributions(X)
