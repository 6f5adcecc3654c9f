"""Positives until ratings are back stand beside their placebo; answers missing by mood are noticed."""

import numpy as np
import pandas as pd
import pytest
from repair_world import START, World, make, rows_of

import cxlab
from cxlab.core.verdicts import SUPPORTED, UNDETERMINED
from cxlab.models.recovery.recovery_curve import RecoveryCurveModel
from cxlab.models.recovery.recovery_rows import affected_events, placebo_events
from cxlab.models.recovery.repair import RepairModel
from cxlab.models.recovery.repair_mood import MISSING_BY_MOOD
from cxlab.models.recovery.repair_rows import repair_rows
from cxlab.stats.competing import cumulative_incidence

RARE = {"customers": 1500, "negative_share": 0.04}


@pytest.fixture(scope="module")
def harmed():
    return make(World(**RARE), 5)


@pytest.fixture(scope="module")
def unharmed():
    return make(World(positive_effect=0.0, unresolved_effect=0.0, resolved_effect=0.0, **RARE), 5)


# --- cumulative incidence


def test_incidence_is_kaplan_meier_where_nobody_leaves():
    rng = np.random.default_rng(0)
    back, open_ = rng.integers(0, 9, (2, 12))
    counts = np.stack([back, np.zeros_like(back), open_])
    staying, at_risk = 1.0, counts.sum()
    for step in range(12):
        staying *= 1.0 - back[step] / at_risk
        assert cumulative_incidence(counts)[0, step] == pytest.approx(1.0 - staying)
        at_risk -= back[step] + open_[step]


def test_leaving_competes_and_is_not_censoring():
    found = cumulative_incidence([[50, 0, 25], [0, 25, 0], [0, 0, 0]])
    assert found[0].tolist() == [0.5, 0.5, 0.75]
    assert found[1].tolist() == [0.0, 0.25, 0.25]


# --- the curve


@pytest.mark.parametrize(("in_a_row", "least_median"), [(1, 1), (3, 6)])
def test_after_a_bad_experience_ratings_come_back_later_than_the_placebo(harmed, in_a_row, least_median):
    table = rows_of(RecoveryCurveModel(in_a_row=in_a_row).fit(*harmed))
    assert table.loc["extra_steps", "verdict"] == SUPPORTED
    assert table.loc["median_affected", "estimate"] >= least_median
    assert table.loc["median_placebo", "estimate"] <= 4


@pytest.mark.parametrize("in_a_row", [1, 3])
def test_where_experiences_do_nothing_the_curve_is_its_placebo(unharmed, in_a_row):
    result = RecoveryCurveModel(in_a_row=in_a_row, count="answers").fit(*unharmed)
    assert rows_of(result).loc["extra_steps", "verdict"] == UNDETERMINED
    back = result.curves().query("event == 'back'").pivot(index="step", columns="group", values="estimate")
    assert abs(back.iloc[:, 0] - back.iloc[:, 1]).max() < 0.06


@pytest.mark.statistics
@pytest.mark.parametrize("in_a_row", [1, 3])
def test_the_difference_to_the_placebo_keeps_its_size(record_figure, in_a_row):
    world = World(
        customers=600, negative_share=0.04, positive_effect=0.0, unresolved_effect=0.0, resolved_effect=0.0
    )
    model = RecoveryCurveModel(in_a_row=in_a_row, count="answers", replicates=400)
    rows = [rows_of(model.fit(*make(world, seed))).loc["extra_steps"] for seed in range(200)]
    share = float(np.mean([row["conf_low"] <= 0.0 <= row["conf_high"] for row in rows]))
    record_figure(
        f"recovery curve ({in_a_row} in a row) equals its placebo: interval holds 0, 600 customers",
        share,
        runs=200,
        bound="0.92 to 0.98",
    )
    assert 0.92 <= share <= 0.98


def test_customers_who_left_are_not_counted_as_still_on_the_way(harmed):
    answers, experiences = harmed
    last = answers.groupby("customer_id")["answered_at"].max()
    gone = pd.DataFrame({"customer_id": last.index, "left_at": last.to_numpy() + pd.Timedelta(days=1)})
    result = RecoveryCurveModel(in_a_row=3).fit(answers, experiences, gone)
    table, without = rows_of(result), rows_of(RecoveryCurveModel(in_a_row=3).fit(answers, experiences))
    assert table.loc["share_left_affected", "estimate"] > 0.05
    assert table.loc["share_back_affected", "estimate"] < without.loc["share_back_affected", "estimate"]
    assert (without.filter(like="share_left", axis=0)["estimate"] == 0.0).all()


def test_the_words_name_the_placebo_and_point_to_the_answer(harmed):
    result = RecoveryCurveModel(in_a_row=3).fit(*harmed)
    for words in ("before any bad", "positives_until_back", "Not claimed"):
        assert words in result.summary()
    axes = result.plot()
    assert len(axes.get_legend_handles_labels()[1]) == 2


def crowd(affected):
    """Twenty customers, ``affected`` of them with a bad tenth day; mean before 5, then 2, 4 and 6."""
    day = lambda n: START + pd.Timedelta(days=n)  # noqa: E731
    answers = pd.DataFrame({"at": [1, 2, 3, 11, 21, 31], "overall": [5.0, 5.0, 5.0, 2.0, 4.0, 6.0]})
    answers = pd.concat([answers.assign(customer_id=f"C{n:02d}") for n in range(20)])
    answers["answered_at"] = answers["at"].map(day)
    events = [(10, "negative"), (20, "positive"), (30, "positive")]
    experiences = pd.DataFrame(
        [
            {"customer_id": f"C{n:02d}", "occurred_at": day(at), "valence": valence, "resolved_at": pd.NaT}
            for n in range(20)
            for at, valence in events
            if n < affected or valence == "positive"
        ]
    ).astype({"resolved_at": "datetime64[us]"})
    return answers, experiences


def test_a_spell_by_hand_counts_positives_between_the_answers():
    result = RecoveryCurveModel(minimum_customers=10).fit(*crowd(10))
    assert rows_of(result).loc["median_affected", "estimate"] == 2
    result = RecoveryCurveModel(minimum_customers=10, count="answers").fit(*crowd(10))
    assert rows_of(result).loc["median_affected", "estimate"] == 3


def test_no_number_without_a_placebo():
    with pytest.raises(cxlab.NotAnswerableError, match="0 before any"):
        RecoveryCurveModel(minimum_customers=10).fit(*crowd(20))
    with pytest.raises(cxlab.ParameterError, match="count"):
        RecoveryCurveModel(count="days")


def test_the_placebo_is_not_chosen_by_its_future():
    """A customer with a bad experience later on is a placebo until then, at every place of a real event."""
    answers, experiences = make(World(customers=60, negative_share=0.1), 3)
    rows = repair_rows(answers, experiences, outcome="overall", discard_days=0.0)
    real = affected_events(rows, least_before=3)
    chosen, weight = placebo_events(rows, real)
    start = np.searchsorted(rows.owner, np.arange(rows.n_customers))
    bad = rows.experiences.first_row[~rows.experiences.positive]
    later = set(rows.owner[bad]) & set(rows.owner[chosen])
    assert later, "no placebo customer has a bad experience later"
    for owner in later:
        assert chosen[rows.owner[chosen] == owner].max() < bad[rows.owner[bad] == owner].min()
    place = np.bincount((chosen - start[rows.owner[chosen]]), weights=weight)
    wanted = np.bincount(real - start[rows.owner[real]], minlength=len(place))
    assert place == pytest.approx(wanted[: len(place)])


# --- answers missing by mood


def silent_after_a_low_answer(answers, seed, *, strength):
    """Answers that are given by chance, less often after an answer below the customer's own mean."""
    rng = np.random.default_rng(seed)
    apart = answers["overall"] - answers.groupby("customer_id")["overall"].transform("mean")
    last = apart.groupby(answers["customer_id"]).shift(1).fillna(0.0)
    return answers[rng.random(len(answers)) < 1.0 / (1.0 + np.exp(-strength * last))]


def missing_by_mood(strength, seed, customers=400):
    answers, experiences = make(World(customers=customers), seed)
    model = RepairModel(bootstrap_below=0, draws=1000)
    return model.fit(silent_after_a_low_answer(answers, seed, strength=strength), experiences)


def test_silence_after_a_low_answer_is_noticed_and_warned_of():
    result = missing_by_mood(0.7, 1)
    assert not result.checks().set_index("check").loc[MISSING_BY_MOOD, "passed"]
    assert "depends on the mood" in result.summary()


@pytest.mark.statistics
def test_silence_by_chance_is_not_taken_for_mood(record_figure):
    found = [
        missing_by_mood(0.0, seed, 150).checks().set_index("check").loc[MISSING_BY_MOOD, "value"]
        for seed in range(200)
    ]
    share = float(np.mean(np.array(found, dtype=float) < 0.05))
    record_figure("size of the test of answers missing by mood at 0.05", share, runs=200, bound="<= 0.08")
    assert share <= 0.08
