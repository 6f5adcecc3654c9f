"""The X-learner and the Qini coefficient where the effect of the treatment is known."""

import numpy as np
import pytest
from scipy.special import expit

from cxlab.stats.uplift import cross_fitted_uplift, qini_coefficient, uplift_curve


def world(n, seed, *, effect=True, share=0.5):
    """Risk follows x0, the true effect x1 (up to 0.3): who is at risk is not who can be kept."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 5))
    stay = expit(0.9 - 0.9 * x[:, 0])
    gain = (0.6 * expit(2.5 * x[:, 1] - 1.0)) * (1.0 - stay) if effect else np.zeros(n)
    treated = (rng.random(n) < share).astype(float)
    stayed = (rng.random(n) < stay + treated * gain).astype(float)
    return x, treated, stayed, gain


def test_the_qini_coefficient_is_the_area_over_the_straight_line():
    rng = np.random.default_rng(0)
    score, order = rng.normal(size=300), rng.normal(size=300)
    shares = np.arange(301) / 300
    curve = uplift_curve(score, order, shares=shares)[0]
    area = np.trapezoid(curve - shares * curve[-1], shares)
    assert qini_coefficient(score, order)[0] == pytest.approx(area, abs=1e-12)
    tied = np.round(order)
    curve = uplift_curve(score, tied, shares=shares)[0]
    area = np.trapezoid(curve - shares * curve[-1], shares)
    assert qini_coefficient(score, tied)[0] == pytest.approx(area, abs=1e-5)
    assert qini_coefficient(score, -order)[0] == pytest.approx(-qini_coefficient(score, order)[0])


def test_weights_count_rows():
    rng = np.random.default_rng(1)
    score, order = rng.normal(size=80), rng.integers(0, 9, 80).astype(float)
    counts = rng.integers(0, 4, 80)
    repeated = qini_coefficient(np.repeat(score, counts), np.repeat(order, counts))
    np.testing.assert_allclose(qini_coefficient(score, order, weights=counts.astype(float)), repeated)


def test_the_x_learner_finds_whom_the_treatment_keeps_and_its_scores_are_unbiased(record_figure):
    x, treated, stayed, gain = world(20_000, 2, share=0.3)
    found = cross_fitted_uplift(
        x, treated, stayed, share=treated.mean(), folds=np.arange(20_000) % 3, seed=0
    )
    correlation = float(np.corrcoef(found.effect, gain)[0, 1])
    by_risk = float(np.corrcoef(found.risk, gain)[0, 1])
    record_figure(
        "X-learner, correlation with the true effect, n 20,000", correlation, runs=1, bound="> 0.8"
    )
    record_figure("churn risk, correlation with the true effect", by_risk, runs=1, bound="shown")
    assert correlation > 0.8
    error = found.score.std() / np.sqrt(len(gain))
    assert abs(found.score.mean() - gain.mean()) < 4 * error
    # Also within the half that the learner itself ranks highest.
    top = found.effect > np.median(found.effect)
    assert abs(found.score[top].mean() - gain[top].mean()) < 4 * error * np.sqrt(2)


def test_scores_stay_unbiased_where_the_models_know_nothing():
    x, treated, stayed, gain = world(12_000, 4, share=0.3)
    # Columns 3 and 4 are noise: the models miss that risk follows column 0, the scores must not.
    found = cross_fitted_uplift(
        x[:, 3:], treated, stayed, share=treated.mean(), folds=np.arange(12_000) % 2, seed=0
    )
    for inside in (x[:, 0] > 0.0, x[:, 0] <= 0.0):
        error = found.score[inside].std() / np.sqrt(inside.sum())
        assert abs(found.score[inside].mean() - gain[inside].mean()) < 4 * error
