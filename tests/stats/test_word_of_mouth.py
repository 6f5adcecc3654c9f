"""Listeners are counted with honest limits, and reach follows its formula."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import ParameterError
from cxlab.models.recovery.word_of_mouth import WordOfMouthModel
from cxlab.stats.word_of_mouth import fit_listeners, reach_per_teller


def share_covered(runs):
    hits = 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(1).spawn(runs)):
        counts = 1.0 + rng.negative_binomial(1.5, 1.5 / (1.5 + 10.0), 300)
        fit = fit_listeners(np.minimum(counts, 30.0))
        hits += fit.low <= 11.0 <= fit.high
    return hits / runs


def test_the_mean_number_of_listeners_is_covered_in_a_short_run(record_figure):
    share = share_covered(30)
    record_figure("coverage of the mean number of listeners (11), short", share, runs=30, bound=">= 25/30")
    assert share >= 25 / 30


@pytest.mark.statistics
def test_the_mean_number_of_listeners_is_covered_though_counts_are_cut(record_figure):
    share = share_covered(600)
    what = "coverage of the mean number of listeners (11), n = 300"
    record_figure(what, share, runs=600, bound="0.93 to 0.97 +- MC 0.009")
    assert 0.921 <= share <= 0.979


def test_the_likelihood_is_that_of_scipy_with_a_top_code():
    """The maximum lies where the negative binomial of scipy, cut at 30, has its own."""
    from scipy.stats import nbinom

    counts = np.minimum(1.0 + np.random.default_rng(3).negative_binomial(0.8, 0.05, 400), 30.0)
    fit, further = fit_listeners(counts), counts - 1.0

    def loss(mean, size):
        chance = size / (size + mean)
        cut = counts >= 30
        each = np.where(cut, nbinom.logsf(28, size, chance), nbinom.logpmf(further, size, chance))
        return -each.sum() + 0.005 * np.log(size) ** 2

    best = loss(fit.mean - 1.0, fit.dispersion)
    for a, b in ((1.02, 1.0), (0.98, 1.0), (1.0, 1.05), (1.0, 0.95)):
        assert loss((fit.mean - 1.0) * a, fit.dispersion * b) > best


def test_zeros_are_another_share():
    counts = np.r_[np.zeros(300), 1.0 + np.random.default_rng(2).poisson(4.0, 200)]
    fit = fit_listeners(counts)
    assert fit.told / fit.n == 0.4
    assert fit.mean == pytest.approx(5.0, abs=0.4)


def test_five_against_eleven_is_a_matter_of_retelling():
    def times(retell):
        reach = reach_per_teller(np.array([5.0, 11.0]), np.full(2, retell), generations=4, pool=1e9)
        return reach[1] / reach[0]

    assert times(0.0) == pytest.approx(2.2)
    assert times(0.05) > 3.0
    assert times(0.08) > 4.0


def test_inputs_that_never_end_are_refused():
    with pytest.raises(ParameterError, match="reach everybody"):
        WordOfMouthModel(retell=(0.05, 0.10))


def survey(rng, good, bad, n=600):
    """Everybody asked told; mean numbers of people told of something good and bad, spread as in surveys."""
    counts = [1.0 + rng.negative_binomial(1.5, 1.5 / (0.5 + mean), n) for mean in (good, bad)]
    return pd.DataFrame(np.minimum(counts, 30.0).T, columns=["told_good_count", "told_bad_count"])


def test_own_counts_that_never_end_are_refused_too():
    told = survey(np.random.default_rng(4), 5, 20)
    with pytest.raises(ParameterError, match=r"listeners_bad.*reach everybody"):
        WordOfMouthModel(retell=(0.02, 0.07)).fit(told)
    result = WordOfMouthModel(retell=(0.01, 0.04)).fit(told)
    chain = result.checks().set_index("check").loc["told on by each listener's listeners", "value"]
    assert chain == pytest.approx(0.04 * result.shares()["conf_high"].max(), abs=0.005)


@pytest.mark.parametrize(
    ("good", "bad", "n", "verdicts"),
    [
        (5, 11, 600, ["supported", "supported"]),
        (6, 5, 600, ["rejected", "rejected"]),
        (5, 11, 25, ["undetermined", "undetermined"]),
    ],
)
def test_the_saying_is_held_against_own_counts(good, bad, n, verdicts):
    result = WordOfMouthModel(retell=(0.01, 0.03)).fit(survey(np.random.default_rng(5), good, bad, n))
    assert result.shares()["verdict"].tolist() == verdicts
    for word in (*verdicts, "not identified"):
        assert word in result.saying()


def test_without_own_counts_the_saying_is_not_identified_and_the_opposing_evidence_stands():
    result = WordOfMouthModel().fit(pd.DataFrame())
    assert "is not identified: no own counts" in result.saying()
    assert result.saying() in result.summary()
    for words in ("15 studies", "three times as frequent", "its impact was usually the larger one"):
        assert words in result.summary(), words


def test_the_scenario_follows_its_inputs_and_names_the_strongest():
    result = WordOfMouthModel(bad_complaints=4_000, good_complaints=1_000).fit(pd.DataFrame())
    assert result.table()["estimate"].iloc[0] < 0
    assert "Scenario, not a finding" in result.summary()
    assert "three times as frequent" in result.summary()
    assert result.tornado()["rank_correlation"].abs().max() > 0.3
