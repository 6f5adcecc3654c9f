"""What stands beside the repair ratio: usual ratios, groups, free fading, healing, samples of customers."""

import numpy as np
import pandas as pd
import pytest
from repair_world import World, make, rows_of

import cxlab
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, TOO_FEW
from cxlab.models.recovery.fading import FadingModel
from cxlab.models.recovery.repair import RepairModel
from cxlab.models.recovery.repair_groups import RepairGroupsModel
from cxlab.models.recovery.usual import UsualRatioModel
from cxlab.stats.cluster_bootstrap import bootstrap_t, plain_variance
from cxlab.stats.fixed_effects import clustered_least_squares, plan_absorption

HEALING = "later positives leave the remaining damage alone (p)"
SHAPE = "good and bad experiences fade with one shape (p)"
SOURCE = "good and bad were recorded apart from the answer"


def passed(result, name):
    return bool(result.checks().set_index("check").loc[name, "passed"])


@pytest.fixture(scope="module")
def world():
    return make(World(customers=2500), 40)


# --- groups


def with_places(experiences, *, heavy, seed=0):
    """Touchpoints A to D at random, D rare; bad experiences at ``heavy`` are moved to E."""
    rng = np.random.default_rng(seed)
    place = rng.choice(["A", "B", "C", "D"], len(experiences), p=[0.33, 0.33, 0.335, 0.005])
    return experiences.assign(touchpoint=np.where(heavy, "E", place))


def test_groups_of_one_truth_are_drawn_together_and_small_ones_get_no_number(world):
    answers, experiences = world
    result = RepairGroupsModel().fit(answers, with_places(experiences, heavy=False))
    table = result.table().set_index("term")
    assert table.loc["D", "verdict"] == TOO_FEW
    assert np.isnan(table.loc["D", "estimate"])
    large = table.drop(index="D")
    assert large["estimate"].std() < large["raw_estimate"].std()
    assert ((large["raw_conf_low"] <= 10.0) & (large["raw_conf_high"] >= 10.0)).all()
    assert (large["p_value_holm"] >= large["p_value"]).all()
    assert (large["verdict"] != REJECTED).all()
    assert "Not claimed" in result.summary()
    assert "D" in result.summary()


@pytest.mark.statistics
def test_groups_of_one_truth_keep_coverage_and_family_wise_error(record_figure):
    """Four touchpoints of one weight: every interval of each, and any false alarm after Holm."""
    runs, held, raw, alarms, withheld = 200, [], [], [], 0
    for seed in range(runs):
        answers, experiences = make(World(customers=800), 5_000 + seed)
        place = np.random.default_rng(seed).choice(["A", "B", "C", "E"], len(experiences))
        table = RepairGroupsModel().fit(answers, experiences.assign(touchpoint=place)).table()
        if table["estimate"].isna().any():
            withheld += 1
            continue
        held += ((table["conf_low"] <= 10.0) & (table["conf_high"] >= 10.0)).tolist()
        raw += ((table["raw_conf_low"] <= 10.0) & (table["raw_conf_high"] >= 10.0)).tolist()
        alarms.append(bool((table["p_value_holm"] < 0.05).any()))
    for what, value, bound in (
        ("coverage, drawn to the mean", np.mean(held), "0.93 to 0.985"),
        ("coverage, raw", np.mean(raw), "0.93 to 0.975"),
        ("any false alarm after Holm", np.mean(alarms), "<= 0.08"),
    ):
        record_figure(
            f"four groups of one truth, 800 customers: {what}", value, runs=runs - withheld, bound=bound
        )
    assert 0.93 <= np.mean(held) <= 0.985
    assert 0.93 <= np.mean(raw) <= 0.975
    assert np.mean(alarms) <= 0.08


def test_a_touchpoint_that_weighs_double_is_found_after_holm():
    rng = np.random.default_rng(41)
    answers, experiences = make(World(customers=2500, resolved_share=0.0), 41)
    bad = (experiences["valence"] == "negative").to_numpy()
    heavy = bad & (rng.random(len(experiences)) < 0.3)
    extra = experiences[heavy]
    # A bad experience at E counts twice: a twin at the same moment adds its weight to the answers.
    merged = answers.reset_index().merge(extra, on="customer_id")
    days = (merged["answered_at"] - merged["occurred_at"]).dt.total_seconds() / 86_400.0
    loss = np.where(days > 0, np.exp2(-days.clip(lower=0) / 180.0), 0.0)
    total = pd.Series(loss).groupby(merged["index"].to_numpy()).sum()
    total = total.reindex(answers.index, fill_value=0.0)
    worse = answers.assign(overall=answers["overall"] - total)
    result = RepairGroupsModel().fit(worse, with_places(experiences, heavy=heavy))
    table = result.table().set_index("term")
    assert table.index[0] == "E"
    assert table.loc["E", "verdict"] == REJECTED
    assert table.loc["E", "conf_low"] <= 20.0 <= table.loc["E", "conf_high"]
    assert "E" in result.summary()


def test_groups_refuse_without_a_positive_effect_and_without_groups(world):
    answers, experiences = make(World(customers=600, positive_effect=0.0), 42)
    table = RepairGroupsModel().fit(answers, with_places(experiences, heavy=False)).table()
    assert set(table["verdict"]) <= {NOT_IDENTIFIED, TOO_FEW}
    assert table["estimate"].isna().all()
    with pytest.raises(cxlab.NotAnswerableError, match="groups of touchpoint"):
        RepairGroupsModel().fit(*world)
    with pytest.raises(cxlab.NotAnswerableError, match="segment"):
        RepairGroupsModel(by="segment").fit(*world)


def test_groups_of_the_customers_are_looked_up_by_customer():
    answers, experiences = make(World(customers=600), 40)
    names = answers["customer_id"].unique()
    segment = np.where(np.arange(len(names)) % 3 == 0, "business", "private")
    segment[1::5] = "fleet"
    customers = pd.DataFrame({"customer_id": names, "segment": segment})
    result = RepairGroupsModel(by="segment").fit(answers, experiences, customers)
    own = experiences.assign(
        segment=experiences["customer_id"].map(customers.set_index("customer_id")["segment"])
    )
    pd.testing.assert_frame_equal(result.table(), RepairGroupsModel(by="segment").fit(answers, own).table())
    assert set(result.table()["term"]) == {"fleet", "private", "business"}
    unknown = customers.iloc[len(customers) // 2 :]
    fewer = RepairGroupsModel(by="segment").fit(answers, experiences, unknown)
    assert fewer.table()["n"].sum() < result.table()["n"].sum()


# --- free fading


def test_free_bins_follow_the_true_curve_and_find_one_shape(world):
    result = FadingModel().fit(*world)
    table = result.table()
    bad = table[table["kind"] == "negative_unresolved"].iloc[:6]
    middle = (bad["days_from"] + bad["days_to"]) / 2.0
    truth = -np.exp2(-middle / 180.0)
    assert (abs(bad["estimate"] - truth) < 4.0 * bad["std_error"] + 0.02).all()
    assert passed(result, SHAPE)
    assert 8.0 < result.common_ratio < 13.0
    assert result.plot().get_ylabel()


def test_free_bins_notice_that_good_things_fade_faster():
    result = FadingModel().fit(
        *make(World(customers=3000, positive_effect=0.3, positive_half_life=30.0), 43)
    )
    assert not passed(result, SHAPE)
    assert "no single exchange ratio" in result.summary()


@pytest.mark.statistics
def test_the_test_of_one_shape_keeps_its_size(record_figure):
    runs = 600
    p_values = [FadingModel().fit(*make(World(customers=400), seed)).p_value_shape for seed in range(runs)]
    share = float(np.mean(np.array(p_values) < 0.05))
    what, bound = "size of the test of one shape at 0.05, 400 customers", "0.03 to 0.07 +- MC 0.009"
    record_figure(what, share, runs=runs, bound=bound)
    assert 0.021 <= share <= 0.079


# --- healing


def test_healing_is_noticed_and_its_absence_too(world):
    assert passed(RepairModel().fit(*world), HEALING)
    answers, experiences = make(World(customers=2500, unresolved_effect=0.0, resolved_share=0.0), 44)
    # Each later positive takes 30 per cent of what is left of a bad experience.
    bad = experiences[experiences["valence"] == "negative"]
    good = experiences[experiences["valence"] == "positive"]
    pairs = answers.reset_index().merge(bad, on="customer_id")
    pairs = pairs[pairs["occurred_at"] < pairs["answered_at"]].reset_index(drop=True)
    later = pairs.reset_index(names="pair")[["pair", "customer_id", "occurred_at", "answered_at"]]
    later = later.merge(good[["customer_id", "occurred_at"]], on="customer_id", suffixes=("", "_good"))
    between = (later["occurred_at_good"] > later["occurred_at"]) & (
        later["occurred_at_good"] < later["answered_at"]
    )
    count = between.groupby(later["pair"]).sum().reindex(pairs.index, fill_value=0)
    days = (pairs["answered_at"] - pairs["occurred_at"]).dt.total_seconds() / 86_400.0
    loss = (np.exp2(-days / 180.0) * 0.7**count).groupby(pairs["index"]).sum()
    healed = answers.assign(overall=answers["overall"] - loss.reindex(answers.index, fill_value=0.0))
    result = RepairModel().fit(healed, experiences)
    assert not passed(result, HEALING)
    assert "Warning: if each positive shrinks" in result.summary()


# --- usual ratios


def test_usual_ratios_of_survivors_totals_and_the_same_survey_are_far_from_the_truth():
    answers, experiences = make(World(customers=3000, pull=0.8, spread=1.0), 45)
    names = answers["customer_id"].unique()
    customers = pd.DataFrame({"customer_id": names, "left_at": pd.NaT})
    customers.loc[::4, "left_at"] = pd.Timestamp("2024-06-01")
    moody = make(World(customers=3000, mood=1.0), 45)[1]
    result = UsualRatioModel().fit(answers, experiences, customers, moody)
    table = result.table().set_index("term")
    assert len(table) == 14
    for method in ("raw means after a contact", "raw means, survivors only", "customer totals"):
        assert table.loc[f"{method}: unresolved", "conf_high"] < 7.0, method
    assert table.loc["raw means, survivors only: unresolved", "n"] == 2250
    assert result.plot().get_legend() is not None
    assert len(UsualRatioModel().fit(answers, experiences).table()) == 8


def test_the_demo_shows_the_trap_of_raw_means_as_it_was_specified():
    from cxlab.ingest.tables import Tables

    demo = cxlab.simulate(customers=10_000, seed=2025)
    tables = Tables.of(demo.frames, None, title="demo")
    answers, experiences = cxlab.answers(tables).table(), cxlab.experiences(tables).table()
    rated = cxlab.rated_experiences(tables).table()
    table = UsualRatioModel().fit(answers, experiences, demo.frames["customers"], rated).table()
    rows = table.set_index("term")["estimate"]
    assert 2.8 < rows["raw means after a contact: unresolved"] < 4.0
    assert 2.8 < rows["raw means, survivors only: unresolved"] < 4.0
    assert 3.5 < rows["customer totals: unresolved"] < 5.5
    assert rows["good and bad told in the same survey: unresolved"] < 2.0


# --- experiences told in a survey


def test_the_source_of_the_valence_decides_the_design():
    answers, experiences = make(World(customers=1500, mood=0.5), 46)
    told = experiences.assign(source="survey")
    result = RepairModel().fit(answers, told)
    row = rows_of(result).loc["ratio_unresolved"]
    assert row["conf_low"] < 10.0 < row["conf_high"]
    assert passed(result, SOURCE)
    forced = RepairModel(carry_over_only=False).fit(answers, told)
    assert not passed(forced, SOURCE)
    assert "Warning: one mood" in forced.summary()
    assert rows_of(forced).loc["ratio_unresolved", "conf_high"] < 9.0


def test_rated_experiences_take_time_and_resolution_from_the_visit_and_lose_no_row():
    from cxlab.ingest.tables import Tables

    day = pd.Timestamp("2026-03-01")
    surveys = pd.DataFrame(
        {
            "response_id": ["R1", "R2", "R3", "R4", "R5"],
            "customer_id": ["C1", "C1", "C2", "C2", None],
            "answered_at": [day + pd.Timedelta(days=k) for k in range(5)],
            "journey_id": ["J1", "J2", None, "J4", "J5"],
            "overall": [3.0, 9.0, 2.0, 7.0, 1.0],
        }
    )
    events = pd.DataFrame(
        {
            "event_id": ["E1", "E2"],
            "customer_id": ["C1", "C1"],
            "occurred_at": [day - pd.Timedelta(days=2), day - pd.Timedelta(days=1)],
            "journey_id": ["J1", "J1"],
        }
    )
    complaints = pd.DataFrame(
        {
            "complaint_id": ["K1"],
            "customer_id": ["C1"],
            "event_id": ["E1"],
            "opened_at": [day],
            "resolved_at": [day + pd.Timedelta(days=9)],
        }
    )
    tables = Tables.of({"surveys": surveys, "events": events, "complaints": complaints}, None, title="t")
    linked = cxlab.rated_experiences(tables)
    rows = linked.table()
    assert rows["valence"].tolist() == ["negative", "positive", "negative"]
    assert rows["occurred_at"].iloc[0] == day - pd.Timedelta(days=1)
    assert rows["occurred_at"].iloc[2] == day + pd.Timedelta(days=2) - pd.Timedelta(minutes=1)
    assert rows["resolved_at"].iloc[0] == day + pd.Timedelta(days=9)
    assert rows["resolved_at"].iloc[1:].isna().all()
    assert len(rows) + sum(linked.provenance.n_set_aside.values()) == len(surveys)
    with pytest.raises(cxlab.ParameterError, match="negative_up_to"):
        cxlab.rated_experiences(tables, negative_up_to=8, positive_from=8)


# --- samples and blocks


def test_a_sample_of_customers_keeps_whole_customers_and_counts_the_others(world):
    answers, experiences = world
    result = RepairModel(sample_customers=800).fit(answers, experiences)
    assert (result.table()["n"] == 800).all()
    assert result.provenance.n_set_aside["answers: customers outside the sample"] == 1700 * 24
    row = rows_of(result).loc["ratio_unresolved"]
    assert row["conf_low"] < 10.0 < row["conf_high"]
    whole = RepairModel(sample_customers=100_000).fit(answers, experiences)
    pd.testing.assert_frame_equal(whole.table(), RepairModel().fit(answers, experiences).table())


def test_levels_by_block_are_those_of_all_customers_at_once_and_follow_the_formula(world):
    answers, experiences = world
    result = RepairModel().fit(answers, experiences)
    at = pd.Timestamp("2024-06-01")
    whole = result.levels(experiences, at=at)
    halves = [experiences[(experiences["customer_id"] < "C5") == side] for side in (True, False)]
    blocks = pd.concat([result.levels(half, at=at) for half in halves]).sort_index()
    pd.testing.assert_frame_equal(blocks, whole.sort_index())
    effects = rows_of(result)["estimate"]
    one = experiences[(experiences["customer_id"] == "C7") & (experiences["occurred_at"] < at)]
    days = (at - one["occurred_at"]).dt.total_seconds() / 86_400.0
    weight = np.exp2(-days / effects["half_life_days"])
    good = one["valence"] == "positive"
    solved = one["resolved_at"] < at
    expected = effects["effect_positive"] * weight[good].sum()
    expected -= effects["effect_negative_unresolved"] * weight[~good & ~solved].sum()
    expected -= effects["effect_negative_resolved"] * weight[~good & solved].sum()
    assert whole.loc["C7", "level_points"] == pytest.approx(expected, rel=1e-9)


# --- bootstrap-t


def test_the_bootstrap_equals_refitting_on_the_drawn_customers():
    rng = np.random.default_rng(47)
    owner = np.repeat(np.arange(40), 5)
    plan = plan_absorption(owner)
    x = plan.absorb(rng.normal(size=(200, 2)))
    y = plan.absorb((x @ [1.0, -0.5] + rng.normal(size=200))[:, None])[:, 0]
    fit = clustered_least_squares(x, y, absorption=plan)
    contrast = np.array([[1.0, 2.0]])
    drawn = bootstrap_t(fit, contrast, replicates=50, rng=np.random.default_rng(1))
    weights = np.random.default_rng(1).multinomial(40, np.full(40, 1 / 40), size=50)
    for b in (0, 7):
        rows = np.concatenate([np.flatnonzero(owner == g) for g in np.repeat(np.arange(40), weights[b])])
        beta = np.linalg.lstsq(x[rows], y[rows], rcond=None)[0]
        bread = np.linalg.inv(x[rows].T @ x[rows])
        scores = [x[owner == g].T @ (y[owner == g] - x[owner == g] @ beta) for g in range(40)]
        meat = sum(w * np.outer(s, s) for w, s in zip(weights[b], scores, strict=True))
        error = np.sqrt(contrast[0] @ bread @ meat @ bread @ contrast[0])
        expected = contrast[0] @ (beta - fit.coefficients) / error
        assert drawn[b, 0] == pytest.approx(expected, rel=1e-9)
    assert plain_variance(fit) == pytest.approx(fit.sandwich() * (39 / 40) * (198 / 199), rel=1e-9)


def test_a_bootstrap_that_loses_a_column_gives_no_draw():
    owner = np.repeat(np.arange(30), 4)
    plan = plan_absorption(owner)
    rng = np.random.default_rng(48)
    rare = np.where((owner == 3) & (np.arange(120) % 2 == 0), 1.0, 0.0)
    x = plan.absorb(np.column_stack([rng.normal(size=120), rare]))
    fit = clustered_least_squares(x, plan.absorb(rng.normal(size=(120, 1)))[:, 0], absorption=plan)
    assert len(bootstrap_t(fit, np.eye(2), replicates=200, rng=rng)) == 0
