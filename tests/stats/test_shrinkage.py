"""Many small dealers: covered at every true spread, no league table out of chance."""

import numpy as np
import pytest
from scipy import stats

from cxlab.stats.multiplicity import benjamini_hochberg
from cxlab.stats.shrinkage import lowest_share_probability, shrink


def dealers(rng, spread, n_dealers=150):
    """Mean scores of dealers with 5 to 400 skewed answers each, and their true means."""
    n = np.clip(np.round(rng.lognormal(np.log(25), 0.9, n_dealers)), 5, 400).astype(int)
    truth = 8.2 + spread * rng.standard_normal(n_dealers)
    dealer = np.repeat(np.arange(n_dealers), n)
    score = np.repeat(truth, n) + 1.9 * (2.0 - rng.gamma(4.0, 0.5, n.sum()))
    means = np.bincount(dealer, weights=score) / n
    pooled = np.sqrt(np.sum((score - means[dealer]) ** 2) / (n.sum() - n_dealers))
    return truth, means, pooled / np.sqrt(n), n


@pytest.mark.parametrize("spread", [0.0, 0.15, 0.3, 0.5])
def test_shrunken_intervals_are_covered_at_every_true_spread_and_closer_than_raw_means(spread):
    hit, gain = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(7).spawn(60)):
        truth, means, errors, _ = dealers(rng, spread)
        fit = shrink(means, errors)
        hit.append(np.mean((fit.conf_low <= truth) & (truth <= fit.conf_high)))
        gain.append(np.mean((fit.estimate - truth) ** 2) < np.mean((means - truth) ** 2))
    assert 0.93 <= np.mean(hit) <= (1.0 if spread == 0 else 0.97)
    assert np.mean(gain) == 1.0


def test_equal_dealers_are_hardly_ever_called_different():
    plain, adjusted = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(8).spawn(100)):
        _, means, errors, _ = dealers(rng, 0.0)
        centre = np.average(means, weights=errors**-2)
        p_values = 2 * stats.norm.sf(np.abs(means - centre) / errors)
        plain.append(np.sum(p_values < 0.05))
        adjusted.append(np.sum(benjamini_hochberg(p_values) < 0.10))
    assert np.mean(plain) > 5
    assert np.mean(adjusted) < 0.5


def test_the_spread_between_dealers_is_estimated_with_its_own_interval():
    inside = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(9).spawn(60)):
        _, means, errors, _ = dealers(rng, 0.3)
        fit = shrink(means, errors)
        inside.append(fit.deviation_low <= 0.3 <= fit.deviation_high)
    assert np.mean(inside) >= 0.88


def test_a_probability_of_the_worst_tenth_is_calibrated():
    chances, truths = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(10).spawn(40)):
        truth, means, errors, _ = dealers(rng, 0.4)
        chances.append(lowest_share_probability(means, errors, share=0.1, draws=400, rng=rng))
        truths.append(truth <= np.sort(truth)[14])
    chance, true = np.concatenate(chances), np.concatenate(truths)
    assert chance.mean() == pytest.approx(0.1, abs=1e-9)
    middle = (chance > 0.3) & (chance < 0.7)
    assert true[middle].mean() == pytest.approx(chance[middle].mean(), abs=0.08)


def test_two_groups_and_a_zero_error_are_refused():
    with pytest.raises(ValueError, match="three groups"):
        shrink(np.array([1.0, 2.0]), np.array([0.1, 0.1]))
    with pytest.raises(ValueError, match="positive standard error"):
        shrink(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.0, 0.1]))
