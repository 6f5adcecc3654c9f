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


def coverage(spread, *, runs, seed, n_dealers=150):
    """Share of true means inside their interval, and of runs in which shrinking came closer than raw."""
    hit, gain = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs)):
        truth, means, errors, _ = dealers(rng, spread, n_dealers)
        fit = shrink(means, errors)
        hit.append(np.mean((fit.conf_low <= truth) & (truth <= fit.conf_high)))
        gain.append(np.mean((fit.estimate - truth) ** 2) < np.mean((means - truth) ** 2))
    return float(np.mean(hit)), float(np.mean(gain))


@pytest.mark.parametrize("spread", [0.0, 0.05, 0.15, 0.3, 0.5])
def test_shrunken_intervals_are_covered_at_every_true_spread_and_closer_than_raw_means(
    spread, record_figure
):
    hit, gain = coverage(spread, runs=24, seed=7)
    # Equal dealers are known better than any prior can say: there intervals are too long, not too short.
    bound = "0.93 to 1" if spread < 0.1 else "0.93 to 0.97"
    record_figure(f"true spread {spread}: coverage, 150 dealers", hit, runs=24, bound=bound)
    assert 0.93 <= hit <= (1.0 if spread < 0.1 else 0.97)
    assert gain == 1.0


@pytest.mark.statistics
@pytest.mark.parametrize("n_dealers", [15, 40, 150])
@pytest.mark.parametrize("spread", [0.0, 0.05, 0.15, 0.3, 0.5])
def test_shrunken_intervals_are_covered_with_many_and_with_few_dealers(spread, n_dealers, record_figure):
    runs = 300 if n_dealers == 150 else 1_000
    hit, gain = coverage(spread, runs=runs, seed=19, n_dealers=n_dealers)
    what = f"{n_dealers} dealers, true spread {spread}"
    small = spread < 0.1 or (n_dealers < 150 and spread < 0.3)
    record_figure(f"{what}: coverage", hit, runs=runs, bound="0.93 at least" if small else "0.93 to 0.97")
    record_figure(f"{what}: runs closer than raw means", gain, runs=runs, bound="none")
    assert 0.93 <= hit <= (1.0 if small else 0.97)


def test_equal_dealers_are_hardly_ever_called_different(record_figure):
    plain, adjusted = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(8).spawn(100)):
        _, means, errors, _ = dealers(rng, 0.0)
        centre = np.average(means, weights=errors**-2)
        p_values = 2 * stats.norm.sf(np.abs(means - centre) / errors)
        plain.append(np.sum(p_values < 0.05))
        adjusted.append(np.sum(benjamini_hochberg(p_values) < 0.10))
    record_figure(
        "equal dealers called different, of 150", np.mean(adjusted), runs=100, bound="0.5 at most"
    )
    assert np.mean(plain) > 5
    assert np.mean(adjusted) < 0.5


def test_the_spread_between_dealers_is_estimated_with_its_own_interval(record_figure):
    inside = []
    for rng in map(np.random.default_rng, np.random.SeedSequence(9).spawn(60)):
        _, means, errors, _ = dealers(rng, 0.3)
        fit = shrink(means, errors)
        inside.append(fit.deviation_low <= 0.3 <= fit.deviation_high)
    record_figure("interval of a true spread of 0.3 holds", np.mean(inside), runs=60, bound="0.88 at least")
    assert np.mean(inside) >= 0.88


def worst_tenth(spread, *, runs, seed):
    """What is said of being among the lowest tenth, and whether it is true, one entry per dealer.

    Dealers from 30 answers on, as the model shows it: means of fewer skewed answers reach too low.
    """
    chances, truths = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(seed).spawn(runs)):
        truth, means, errors, n = dealers(rng, spread)
        chance = lowest_share_probability(means, errors, share=0.1, draws=1_000, rng=rng)
        assert chance.sum() == pytest.approx(15)
        chances.append(chance[n >= 30])
        truths.append((truth <= np.sort(truth)[14])[n >= 30])
    return np.concatenate(chances), np.concatenate(truths)


def test_a_probability_of_the_worst_tenth_is_calibrated(record_figure):
    chance, true = worst_tenth(0.4, runs=40, seed=10)
    middle = (chance > 0.3) & (chance < 0.7)
    gap = true[middle].mean() - chance[middle].mean()
    record_figure("worst tenth: true minus said, said 0.3 to 0.7", gap, runs=40, bound="-0.08 to 0.08")
    assert abs(gap) <= 0.08


@pytest.mark.statistics
@pytest.mark.parametrize("spread", [0.05, 0.15, 0.4])
def test_a_probability_of_the_worst_tenth_is_calibrated_from_low_to_high(spread, record_figure):
    runs = 300
    chance, true = worst_tenth(spread, runs=runs, seed=23)
    gaps = []
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.6), (0.6, 1.01)):
        said = (chance >= low) & (chance < high)
        # Below 300 dealers a share is chance; a small true spread has no dealer that is surely worst.
        if said.sum() >= 300:
            gaps.append(true[said].mean() - chance[said].mean())
            record_figure(
                f"true spread {spread}, said {low} to {min(high, 1.0)}: true minus said",
                gaps[-1],
                runs=runs,
                bound="-0.05 to 0.05",
            )
    assert np.abs(gaps).max() <= 0.05


def test_two_groups_and_a_zero_error_are_refused():
    with pytest.raises(ValueError, match="three groups"):
        shrink(np.array([1.0, 2.0]), np.array([0.1, 0.1]))
    with pytest.raises(ValueError, match="positive standard error"):
        shrink(np.array([1.0, 2.0, 3.0]), np.array([0.1, 0.0, 0.1]))
