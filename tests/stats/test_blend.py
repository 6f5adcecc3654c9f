"""The two-part classifier: scikit-learn's battery, known truth, missing values and odd levels."""

import numpy as np
import pytest
from scipy.special import expit
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from cxlab.stats.blend import LogitBlendClassifier
from cxlab.stats.classification import area_under_curve, calibration_line
from cxlab.stats.curve_columns import LevelColumn, NumericColumn


def world(n, seed):
    """A U-shaped number, a level with its own effect, missing values that mean something."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=n)
    level = rng.integers(0, 3, n).astype(float)
    z = rng.normal(size=n)
    gone = rng.random(n) < 0.2
    p = expit(-2.5 + x**2 + 1.0 * (level == 2) + np.where(gone, 1.0, 0.5 * z))
    y = (rng.random(n) < p).astype(int)
    return np.column_stack([x, level, np.where(gone, np.nan, z)]), y, p


def test_it_passes_the_whole_battery_of_scikit_learn():
    results = check_estimator(LogitBlendClassifier(), on_skip=None, on_fail=None)
    failed = [r["check_name"] for r in results if r["status"] not in ("passed", "skipped")]
    assert len(results) > 40
    assert failed == []


def test_it_comes_near_the_oracle_and_is_calibrated_on_new_rows():
    X, y, _ = world(6000, 1)
    new, outcome, p = world(20_000, 2)
    found = LogitBlendClassifier(categorical_features=[1]).fit(X, y).predict_proba(new)[:, 1]
    oracle = area_under_curve(outcome.astype(float), p)[0]
    assert area_under_curve(outcome.astype(float), found)[0] > oracle - 0.01
    assert calibration_line(outcome.astype(float), found)[0, 1] == pytest.approx(1.0, abs=0.1)
    assert np.abs(found - p).mean() < 0.03


def test_missing_gets_the_risk_of_the_missing_not_of_the_average():
    X, y, _ = world(8000, 3)
    model = LogitBlendClassifier(categorical_features=[1]).fit(X, y)
    missing, middle = model.predict_proba([[0.0, 0.0, np.nan], [0.0, 0.0, 0.0]])[:, 1]
    assert missing == pytest.approx(expit(-1.5), abs=0.05)
    assert middle == pytest.approx(expit(-2.5), abs=0.04)


def test_a_missing_value_has_a_column_of_its_own_and_nothing_in_the_curve():
    column = NumericColumn.learn(np.array([1.0, 2.0, 3.0, 4.0, 5.0, np.nan]), knots=5)
    shown = column.columns(np.array([np.nan, 3.0]))
    assert shown[0].tolist() == [0.0] * (shown.shape[1] - 1) + [1.0]
    assert shown[1, -1] == 0.0
    assert shown[1, :-1].sum() > 0.0


def test_a_value_missing_only_later_is_read_as_the_training_median():
    rng = np.random.default_rng(4)
    x = rng.exponential(size=3000)
    column = NumericColumn.learn(x, knots=5)
    later = column.columns(np.array([np.nan, np.median(x)]))
    np.testing.assert_allclose(later[0], later[1])
    assert np.isfinite(later).all()


def test_rare_levels_are_pooled_and_levels_never_seen_join_them():
    codes = np.repeat([0.0, 1.0, 2.0, 3.0], [100, 60, 3, 2])
    column = LevelColumn.learn(codes, least_rows=20, most_levels=50)
    assert column.ordinal(np.array([0.0, 1.0, 2.0, 3.0, 99.0])).tolist() == [0, 1, 2, 2, 2]
    assert column.columns(np.array([2.0, 99.0])).tolist() == [[0, 0, 1], [0, 0, 1]]
    whole = LevelColumn.learn(codes[:160], least_rows=20, most_levels=50)
    assert np.isnan(whole.ordinal(np.array([99.0]))).all()
    assert LevelColumn.learn(codes, least_rows=1, most_levels=2).levels.tolist() == [0.0, 1.0]


def test_a_thousand_levels_without_signal_do_not_become_a_forecast():
    rng = np.random.default_rng(5)
    X = np.column_stack([rng.integers(0, 1000, 4000).astype(float), rng.normal(size=4000)])
    y = rng.random(4000) < 0.3
    model = LogitBlendClassifier(categorical_features=[0], level_rows=2).fit(X, y)
    p = model.predict_proba(np.column_stack([np.arange(2000.0), np.zeros(2000)]))[:, 1]
    assert p.std() < 0.05
    assert p.mean() == pytest.approx(0.3, abs=0.05)


def test_units_of_a_numeric_column_do_not_matter():
    X, y, _ = world(2000, 6)
    few = np.column_stack([X[:, 0], (X[:, 1] == 2).astype(float)])
    scaled = few * [1000.0, 0.001]
    first = LogitBlendClassifier().fit(few, y).decision_function(few)
    second = LogitBlendClassifier().fit(scaled, y).decision_function(scaled)
    np.testing.assert_allclose(first, second, atol=1e-6)


def test_constant_empty_and_extreme_columns_are_harmless():
    X, y, _ = world(1500, 7)
    # The booster draws its columns at random, so only the logistic part can be compared exactly.
    base = LogitBlendClassifier(rounds=1).fit(X, y)
    nothing = np.full(1500, np.nan)
    odd = np.column_stack([X, np.full(1500, 7.3), nothing, np.full(1500, 1e300), nothing])
    model = LogitBlendClassifier(rounds=1, categorical_features=[6]).fit(odd, y)
    np.testing.assert_allclose(
        model.curves_.decision_function(odd),
        base.curves_.decision_function(X),
        atol=1e-3,
    )
    wild = X[:2].copy()
    wild[:, 0] = [1e12, -1e12]
    assert np.isfinite(base.decision_function(wild)).all()


def test_equal_seeds_give_equal_forecasts_and_a_clone_is_unfitted():
    X, y, _ = world(800, 8)
    first, second = (LogitBlendClassifier(random_state=3).fit(X, y) for _ in range(2))
    np.testing.assert_array_equal(first.decision_function(X), second.decision_function(X))
    assert not hasattr(clone(first), "classes_")


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({"categorical_features": [9]}, "column numbers"),
        ({"knots": 2}, "knots"),
        ({"most_levels": 900}, "most_levels"),
    ],
)
def test_settings_out_of_range_are_refused(settings, word):
    X, y, _ = world(100, 9)
    with pytest.raises(ValueError, match=word):
        LogitBlendClassifier(**settings).fit(X, y)


@pytest.mark.parametrize(("events", "rounds"), [(50, 120), (3200, 200), (9000, 240)])
def test_the_booster_grows_with_the_rows_of_the_rarer_class(events, rounds):
    X = np.random.default_rng(10).normal(size=(20_000, 1))
    model = LogitBlendClassifier(leaves=2).fit(X, np.arange(20_000) < events)
    assert model.trees_.booster_.n_iter_ == rounds
    assert LogitBlendClassifier(rounds=5).fit(X, np.arange(20_000) < events).trees_.booster_.n_iter_ == 5


def test_one_class_is_refused_in_words():
    with pytest.raises(ValueError, match="one class"):
        LogitBlendClassifier().fit(np.zeros((10, 1)), np.zeros(10))
