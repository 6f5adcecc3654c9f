"""Listeners are counted with honest limits, and reach follows its formula."""

import numpy as np
import pytest

from cxlab.core.errors import ParameterError
from cxlab.models.recovery.word_of_mouth import WordOfMouthModel
from cxlab.stats.word_of_mouth import fit_listeners, reach_per_teller


def test_the_mean_number_of_listeners_is_covered_though_counts_are_cut(record_figure):
    hits = 0
    for rng in map(np.random.default_rng, np.random.SeedSequence(1).spawn(200)):
        counts = 1.0 + rng.negative_binomial(1.5, 1.5 / (1.5 + 10.0), 300)
        fit = fit_listeners(np.minimum(counts, 30.0))
        hits += fit.low <= 11.0 <= fit.high
    record_figure(
        "coverage of the mean number of listeners (11), n = 300", hits / 200, runs=200, bound="0.91+"
    )
    assert 0.91 <= hits / 200 <= 0.99


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


def test_the_scenario_follows_its_inputs_and_names_the_strongest():
    import pandas as pd

    result = WordOfMouthModel(bad_complaints=4_000, good_complaints=1_000).fit(pd.DataFrame())
    assert result.table()["estimate"].iloc[0] < 0
    assert "Scenario, not a finding" in result.summary()
    assert "three times as frequent" in result.summary()
    assert result.tornado()["rank_correlation"].abs().max() > 0.3
