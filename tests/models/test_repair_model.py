"""RepairModel in worlds whose truth is known: the claimed one, the null one, and hostile ones."""

import numpy as np
import pandas as pd
import pytest
from repair_world import SECONDS, START, World, make, rows_of

import cxlab
from cxlab.core.verdicts import NOT_IDENTIFIED, REJECTED, SUPPORTED, TOO_FEW, UNDETERMINED
from cxlab.models.recovery.repair import RepairModel
from cxlab.models.recovery.repair_evidence import NEVER, NO_FADING, positives_until_back
from cxlab.models.recovery.repair_rows import current_visit_entries, repair_rows, stock_entries
from cxlab.models.recovery.repair_terms import claim_verdict
from cxlab.models.recovery.usual import UsualRatioModel
from cxlab.stats.stock import plan_stocks

TERMS = [
    "ratio_unresolved",
    "ratio_resolved",
    "positives_until_back_unresolved",
    "positives_until_back_resolved",
    "half_life_days",
    "days_until_quarter",
    "effect_positive",
    "effect_negative_unresolved",
    "effect_negative_resolved",
]


def fitted(world: World, seed: int, **settings):
    return RepairModel(**settings).fit(*make(world, seed))


def hits(world: World, seeds, truth: dict[str, float]) -> pd.DataFrame:
    """Per seed, whether each interval holds the truth; and the p-value of the claim."""
    found = []
    for seed in seeds:
        rows = rows_of(fitted(world, seed, draws=4000))
        held = {
            term: rows.loc[term, "conf_low"] <= value <= rows.loc[term, "conf_high"]
            for term, value in truth.items()
        }
        found.append({**held, "rejected": rows.loc["ratio_unresolved", "p_value"] < 0.05})
    return pd.DataFrame(found)


TRUTH = {
    "ratio_unresolved": 10.0,
    "ratio_resolved": 4.0,
    "half_life_days": 180.0,
    "days_until_quarter": 360.0,
    "positives_until_back_unresolved": 6.385,
    "positives_until_back_resolved": 3.135,
    "effect_positive": 0.1,
    "effect_negative_unresolved": 1.0,
    "effect_negative_resolved": 0.4,
}


# --- the true world


def test_the_intervals_hold_the_truth_about_as_often_as_promised(record_figure):
    held = hits(World(customers=300), range(14), TRUTH)
    for term in TRUTH:
        record_figure(
            f"300 customers: coverage, {term}", held[term].mean(), runs=14, bound="10/14 at least"
        )
    record_figure("300 customers: true claim rejected", held["rejected"].mean(), runs=14, bound="4/14")
    # 9 of 14 or fewer has probability 0.0004 under 95 per cent.
    assert (held[list(TRUTH)].sum() >= 10).all(), held.sum()
    assert held["rejected"].sum() <= 4


@pytest.mark.statistics
@pytest.mark.parametrize(("customers", "runs"), [(400, 600), (1500, 300)])
def test_coverage_and_size_over_many_worlds(customers, runs, record_figure):
    held = hits(World(customers=customers), range(1000, 1000 + runs), TRUTH)
    share = held.mean()
    error = np.sqrt(0.95 * 0.05 / runs)
    for term in (*TRUTH, "rejected"):
        low, high = (0.03, 0.07) if term == "rejected" else (0.93, 0.97)
        what = "size of the test of a true claim" if term == "rejected" else f"coverage, {term}"
        bound = f"{low - error:.3f} to {high + error:.3f}"
        record_figure(f"{customers:,} customers: {what}", share[term], runs=runs, bound=bound)
    for term in TRUTH:
        assert 0.93 - error <= share[term] <= 0.97 + error, share
    assert 0.03 - error <= share["rejected"] <= 0.07 + error, share


def test_the_table_has_three_labelled_meanings_and_one_row_each():
    result = fitted(World(), 3)
    table = result.table()
    assert table["term"].tolist() == TERMS
    assert table.columns.tolist()[:7] == [
        "term",
        "estimate",
        "std_error",
        "conf_low",
        "conf_high",
        "p_value",
        "n",
    ]
    assert table["meaning"].is_unique
    assert (table["n"] == 400).all()
    assert ((table["conf_low"] < table["estimate"]) & (table["estimate"] < table["conf_high"])).all()
    for word in ("Exchange:", "Way back:", "Memory:", "Assumption:", "Not claimed:"):
        assert word in result.summary()
    assert result.checks()["passed"].all(), result.checks()


def test_effects_equal_a_regression_on_dummies_and_brute_force_stocks():
    import statsmodels.api as sm

    answers, experiences = make(World(customers=60), 2)
    rows = rows_of(RepairModel(minimum_negatives=5).fit(answers, experiences))
    half_life = rows.loc["half_life_days", "estimate"]
    merged = answers.reset_index().merge(experiences, on="customer_id")
    seen = merged[merged["occurred_at"] < merged["answered_at"]].copy()
    seen["weight"] = np.exp2(
        -(seen["answered_at"] - seen["occurred_at"]).dt.total_seconds() / SECONDS / half_life
    )
    settled = seen["resolved_at"] < seen["answered_at"]
    seen["kind"] = np.where(seen["valence"] == "positive", "p", np.where(settled, "r", "u"))
    stocks = seen.pivot_table(index="index", columns="kind", values="weight", aggfunc="sum")
    stocks = stocks.reindex(answers.index).fillna(0.0)[["p", "u", "r"]]
    month = answers["answered_at"].dt.strftime("%Y-%m")
    dummies = pd.concat(
        [pd.get_dummies(answers["customer_id"]), pd.get_dummies(month, drop_first=True)], axis=1
    )
    design = np.column_stack([stocks * [1.0, -1.0, -1.0], dummies.astype(float)])
    peer = sm.OLS(answers["overall"].to_numpy(), design).fit()
    np.testing.assert_allclose(rows["estimate"].iloc[6:], peer.params[:3], rtol=1e-7)


def test_order_of_rows_and_scale_of_the_outcome_do_not_matter():
    answers, experiences = make(World(), 3)
    one = rows_of(RepairModel().fit(answers, experiences))
    rng = np.random.default_rng(3)
    shuffled = answers.iloc[rng.permutation(len(answers))].assign(
        overall=lambda t: 10.0 * t["overall"] + 3.0
    )
    two = rows_of(RepairModel().fit(shuffled, experiences.iloc[rng.permutation(len(experiences))]))
    ratios = TERMS[:2] + TERMS[4:6]
    columns = ["estimate", "std_error", "conf_low", "conf_high"]
    np.testing.assert_allclose(
        two.loc[ratios, columns].astype(float), one.loc[ratios, columns].astype(float), rtol=1e-5
    )
    np.testing.assert_allclose(two["estimate"].iloc[6:], 10.0 * one["estimate"].iloc[6:], rtol=1e-5)


def test_the_same_call_gives_the_same_table_and_leaves_its_input_alone():
    answers, experiences = make(World(), 4)
    before = answers.copy(), experiences.copy()
    one, two = (RepairModel().fit(answers, experiences).table() for _ in range(2))
    pd.testing.assert_frame_equal(one, two, check_exact=True)
    pd.testing.assert_frame_equal(answers, before[0])
    pd.testing.assert_frame_equal(experiences, before[1])


def test_positives_until_back_follow_the_formula_and_tend_to_the_ratio():
    count = positives_until_back(
        np.array([10.0, 10.0, -1.0, np.inf]), np.array([180.0, 1e9, 180.0, 180.0]), every_days=30.0
    )
    np.testing.assert_allclose(count, [6.385, 10.0, 0.0, np.inf], atol=1e-3)
    assert positives_until_back(np.array([10.0]), np.array([180.0]), every_days=90.0)[0] == pytest.approx(
        3.95, abs=0.005
    )


def test_the_drawn_path_crosses_the_former_level_after_the_printed_number_of_positives():
    result = fitted(World(), 5)
    path = result.way_back().query("situation == 'unresolved' and positives_follow")
    crossing = np.interp(0.0, path["level_change"], path["positives"])
    # The path is known at whole positives, so straight lines between them are a little off.
    assert crossing == pytest.approx(
        rows_of(result).loc["positives_until_back_unresolved", "estimate"], abs=0.05
    )


# --- verdicts


def test_a_true_claim_is_supported_only_with_a_narrow_interval_and_a_false_one_rejected():
    supported = rows_of(fitted(World(customers=6000), 6))
    assert supported.loc["ratio_unresolved", "verdict"] == SUPPORTED
    assert supported.loc["ratio_resolved", "verdict"] == REJECTED
    assert rows_of(fitted(World(), 6)).loc["ratio_unresolved", "verdict"] == UNDETERMINED
    assert rows_of(fitted(World(), 6, claim_ratio=4.0)).loc["ratio_unresolved", "verdict"] == REJECTED


def test_the_verdict_words_follow_test_and_equivalence():
    assert claim_verdict(0.04, 8.5, 9.9, claim=10.0, confidence=0.95) == REJECTED
    assert claim_verdict(0.3, 8.1, 12.4, claim=10.0, confidence=0.95) == SUPPORTED
    assert claim_verdict(0.3, 7.9, 12.4, claim=10.0, confidence=0.95) == UNDETERMINED
    assert claim_verdict(0.3, 8.1, 12.6, claim=10.0, confidence=0.95) == UNDETERMINED
    assert claim_verdict(0.04, 8.1, 12.4, claim=10.0, confidence=0.99) == SUPPORTED


@pytest.mark.parametrize(
    ("claim", "warned"), [(2.9, True), (2.9013, True), (3.0, True), (10.0, False), (5.0, False)]
)
def test_a_claim_of_three_to_one_is_warned_of(claim, warned):
    assert ("withdrawn" in fitted(World(), 7, claim_ratio=claim).summary()) == warned


# --- the null world


def test_where_positives_do_nothing_no_number_is_printed():
    world = World(positive_effect=0.0)
    results = [fitted(world, seed, draws=1000) for seed in range(6)]
    verdicts = [rows_of(result).loc["ratio_unresolved", "verdict"] for result in results]
    assert verdicts.count(NOT_IDENTIFIED) >= 5
    result = results[verdicts.index(NOT_IDENTIFIED)]
    withheld = rows_of(result).loc[TERMS[:4], ["estimate", "conf_low", "conf_high", "p_value"]]
    assert withheld.isna().all(axis=None)
    assert NEVER in result.summary()
    assert result.way_back().empty
    assert not result.checks().set_index("check").loc["positives lift the outcome (z)", "passed"]
    # What the negatives say stands.
    assert rows_of(result).loc["effect_negative_unresolved", "verdict"] == SUPPORTED
    assert abs(rows_of(result).loc["half_life_days", "estimate"] - 180.0) < 80.0


@pytest.mark.statistics
def test_a_number_slips_through_in_at_most_two_per_cent_of_null_worlds(record_figure):
    world = World(positive_effect=0.0)
    verdicts = [
        rows_of(fitted(world, seed, draws=1000)).loc["ratio_unresolved", "verdict"] for seed in range(400)
    ]
    withheld = verdicts.count(NOT_IDENTIFIED) / 400
    record_figure("positives do nothing: ratio withheld", withheld, runs=400, bound="0.98 at least")
    assert withheld >= 0.98


def test_where_nothing_has_an_effect_not_even_a_half_life_is_printed():
    rows = rows_of(fitted(World(positive_effect=0.0, unresolved_effect=0.0, resolved_effect=0.0), 8))
    assert rows.loc["half_life_days", "verdict"] == NOT_IDENTIFIED
    assert rows.loc[TERMS[:6], "estimate"].isna().all()


# --- hostile worlds


def test_without_an_unresolved_negative_only_the_resolved_ratio_is_printed():
    answers, experiences = make(World(resolved_share=1.0), 9)
    bad = experiences["valence"] == "negative"
    experiences.loc[bad, "resolved_at"] = experiences.loc[bad, "occurred_at"]
    result = RepairModel().fit(answers, experiences)
    rows = rows_of(result)
    assert rows.loc["ratio_unresolved", "verdict"] == TOO_FEW
    assert rows.loc["ratio_unresolved", "n_experiences"] == 0
    assert np.isnan(rows.loc["effect_negative_unresolved", "estimate"])
    assert np.isfinite(rows.loc["ratio_resolved", "estimate"])
    assert result.plot() is not None


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, e: (a, e[e["valence"] == "positive"]), "negative experiences"),
        (lambda a, e: (a, e[e["valence"] == "negative"]), "0 positive"),
        (lambda a, e: (a, e.iloc[:0]), "0 positive"),
        (lambda a, e: (a.iloc[:0], e), "0 customers"),
        (lambda a, e: (a[a["customer_id"] == "C1"], e), "1 customers"),
        (lambda a, e: (a.drop_duplicates("customer_id"), e), "0 customers"),
        (lambda a, e: (a.drop(columns="overall"), e), "lack the column"),
        (lambda a, e: (a, e.drop(columns="resolved_at")), "lack the column"),
    ],
)
def test_data_without_an_answer_say_so_and_what_is_needed(change, words):
    tables = change(*make(World(customers=80), 10))
    with pytest.raises(cxlab.NotAnswerableError, match=words) as caught:
        RepairModel().fit(*tables)
    assert caught.value.next_step
    assert "not answered" in cxlab.ask(RepairModel(), *tables).summary()


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda a, e: (a.assign(overall="good"), e), "numeric"),
        (lambda a, e: (a.assign(answered_at="2025-01-01"), e), "timestamps"),
        (lambda a, e: (a.assign(answered_at=a["answered_at"].dt.tz_localize("UTC")), e), "naive"),
        (lambda a, e: (a, e.assign(valence="neutral")), "neutral"),
    ],
)
def test_broken_columns_are_refused_with_a_next_step(change, words):
    with pytest.raises(cxlab.FitError, match=words) as caught:
        RepairModel().fit(*change(*make(World(customers=80), 10)))
    assert "Next step" in str(caught.value)


@pytest.mark.parametrize(
    "setting",
    [
        {"confidence": 1.0},
        {"claim_ratio": 0.0},
        {"contact_days": -1.0},
        {"half_life_range": (100.0, 10.0)},
        {"draws": 10},
        {"minimum_negatives": 0},
        {"discard_days": -1.0},
        {"current_visit_days": 0.0},
    ],
)
def test_bad_settings_are_refused(setting):
    with pytest.raises(cxlab.ParameterError):
        RepairModel(**setting)


def test_every_row_is_used_or_set_aside_with_a_reason():
    answers, experiences = make(World(), 11)
    answers.loc[0, "overall"] = np.nan
    answers.loc[1, "customer_id"] = None
    answers.loc[2, "answered_at"] = pd.NaT
    answers.loc[3, "overall"] = np.inf
    lone = pd.DataFrame({"customer_id": ["single"], "answered_at": [START], "overall": [5.0]})
    experiences.loc[0, "occurred_at"] = pd.NaT
    experiences.loc[1, "customer_id"] = None
    experiences.loc[2, "valence"] = None
    bad = experiences.index[experiences["valence"] == "negative"][-1]
    experiences.loc[bad, "resolved_at"] = experiences.loc[bad, "occurred_at"] - pd.Timedelta(days=1)
    late = experiences.iloc[[3]].assign(occurred_at=START + pd.Timedelta(days=5000), resolved_at=pd.NaT)
    other = experiences.iloc[[3]].assign(customer_id="nobody")
    result = RepairModel().fit(
        pd.concat([answers, lone], ignore_index=True),
        pd.concat([experiences, late, other], ignore_index=True),
    )
    aside = result.provenance.n_set_aside
    assert aside["answers: no overall"] == 2
    assert aside["answers: no customer"] == aside["answers: no time"] == 1
    assert aside["answers: single answer, no comparison within the customer"] == 1
    assert aside["experiences: no customer"] == aside["experiences: no time"] == 1
    assert aside["experiences: no valence"] == 1
    assert aside["experiences: resolved before it occurred"] == 1
    assert aside["experiences: customer without two usable answers"] == 1
    assert aside["experiences: no answer after it"] >= 1
    assert result.provenance.n_used + sum(aside.values()) == result.provenance.n_rows
    assert result.provenance.n_rows == len(answers) + 1 + len(experiences) + 2


def test_customers_with_one_answer_change_nothing():
    answers, experiences = make(World(), 12)
    lone = pd.DataFrame(
        {"customer_id": ["a", "b"], "answered_at": START + pd.Timedelta(days=9), "overall": 100.0}
    )
    one = RepairModel().fit(answers, experiences).table()
    two = RepairModel().fit(pd.concat([answers, lone]), experiences).table()
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_an_experience_at_the_very_instant_of_an_answer_is_not_its_past():
    answers, experiences = make(World(), 13)
    last = answers.groupby("customer_id")["answered_at"].max()
    at_last = pd.DataFrame(
        {
            "customer_id": last.index,
            "occurred_at": last.to_numpy(),
            "valence": "negative",
            "resolved_at": pd.NaT,
        }
    )
    result = RepairModel().fit(answers, pd.concat([experiences, at_last]))
    pd.testing.assert_frame_equal(result.table(), RepairModel().fit(answers, experiences).table())
    assert result.provenance.n_set_aside["experiences: no answer after it"] >= 400


def test_duplicated_answers_and_experiences_are_survived():
    answers, experiences = make(World(), 14)
    result = RepairModel().fit(pd.concat([answers, answers]), pd.concat([experiences, experiences]))
    # Each experience twice: twice the stock, half the effect, the same ratio.
    once = rows_of(RepairModel().fit(answers, experiences))
    twice = rows_of(result)
    assert twice.loc["ratio_unresolved", "estimate"] == pytest.approx(
        once.loc["ratio_unresolved", "estimate"], rel=1e-4
    )
    assert twice.loc["effect_positive", "estimate"] == pytest.approx(
        0.5 * once.loc["effect_positive", "estimate"], rel=1e-4
    )


def test_a_short_memory_is_found_and_an_endless_one_is_called_no_fading_seen():
    short = rows_of(fitted(World(half_life=30.0, customers=800), 15))
    assert short.loc["half_life_days", "conf_low"] < 30.0 < short.loc["half_life_days", "conf_high"]
    assert short.loc["ratio_unresolved", "conf_low"] < 10.0 < short.loc["ratio_unresolved", "conf_high"]
    result = fitted(World(half_life=1e7, customers=800), 16)
    endless = rows_of(result)
    assert NO_FADING in endless.loc["half_life_days", "meaning"]
    assert np.isnan(endless.loc["half_life_days", "estimate"])
    assert endless.loc["half_life_days", "conf_high"] == np.inf
    assert 100.0 < endless.loc["half_life_days", "conf_low"] < 2000.0
    assert endless.loc["ratio_unresolved", "estimate"] == pytest.approx(10.0, rel=0.3)
    assert NO_FADING in result.summary()


def test_a_memory_of_hours_is_called_too_fast_and_gets_no_ratio():
    rows = rows_of(fitted(World(half_life=0.5, customers=800, noise=0.2), 17))
    assert rows.loc["half_life_days", "conf_low"] == 0.0
    assert rows.loc["ratio_unresolved", "verdict"] == NOT_IDENTIFIED


def test_different_fading_of_good_and_bad_is_noticed():
    world = World(customers=3000, positive_effect=0.3, positive_half_life=40.0)
    checks = fitted(world, 18).checks().set_index("check")
    assert not checks.loc["good and bad experiences fade alike (p)", "passed"]


def test_valence_from_the_same_survey_is_noticed_and_the_carry_over_design_cures_it():
    world = World(customers=1500, mood=0.5)
    tables = make(world, 19)
    plain = RepairModel().fit(*tables)
    assert rows_of(plain).loc["ratio_unresolved", "conf_high"] < 9.0
    name = "the last 14 days weigh as the fading curve says (p)"
    assert not plain.checks().set_index("check").loc[name, "passed"]
    cured = rows_of(RepairModel(carry_over_only=True).fit(*tables))
    assert cured.loc["ratio_unresolved", "conf_low"] < 10.0 < cured.loc["ratio_unresolved", "conf_high"]
    assert cured.loc["half_life_days", "conf_low"] < 180.0 < cured.loc["half_life_days", "conf_high"]


def test_the_carry_over_stocks_leave_out_the_current_visit_and_its_columns_count_it():
    answers, experiences = make(World(customers=20), 19)
    rows = repair_rows(answers, experiences, outcome="overall", discard_days=0.0)
    carried = plan_stocks(
        rows.owner, rows.at, entries=stock_entries(rows, delay_days=14.0), n_stocks=3
    ).stocks(180.0)
    current = plan_stocks(
        rows.owner, rows.at, entries=current_visit_entries(rows, days=14.0), n_stocks=3
    ).stocks(np.inf)
    past = rows.experiences
    for row in range(len(rows.owner)):
        seen = (past.owner == rows.owner[row]) & (past.occurred < rows.at[row])
        kind = np.where(past.positive, 0, np.where(past.resolved < rows.at[row], 2, 1))
        age = rows.at[row] - past.occurred
        for stock in range(3):
            mine = seen & (kind == stock)
            assert carried[row, stock] == pytest.approx(
                np.exp2(-age[mine & (age > 14.0)] / 180.0).sum(), abs=1e-12
            )
            assert current[row, stock] == pytest.approx(np.sum(mine & (age <= 14.0)), abs=1e-12)


def test_usual_ratios_miss_the_truth_where_good_customers_have_good_contacts():
    tables = make(World(customers=3000, pull=0.8, spread=1.0), 20)
    usual = UsualRatioModel().fit(*tables)
    raw = usual.table().set_index("term").loc["raw means after a contact: unresolved"]
    assert raw["conf_high"] < 6.0
    right = rows_of(RepairModel().fit(*tables)).loc["ratio_unresolved"]
    assert right["conf_low"] < 10.0 < right["conf_high"]
    assert "Not to be reported" in usual.summary()
    counts = usual.table().set_index("term").loc["counts, within customers: unresolved"]
    assert counts["estimate"] > 10.0


def test_unseen_history_is_set_aside_on_request():
    answers, experiences = make(World(), 21)
    result = RepairModel(discard_days=180.0).fit(answers, experiences)
    early = (answers["answered_at"] < experiences["occurred_at"].min() + pd.Timedelta(days=180)).sum()
    assert result.provenance.n_set_aside["answers: in the discarded first days"] == early


# --- pictures and the demo


def test_the_pictures_say_what_they_show():
    import matplotlib.pyplot as plt

    result = fitted(World(), 22)
    axes = result.plot()
    assert axes.get_title(loc="left").strip() == "How long one bad experience weighs"
    assert "one every 30 days" in axes.get_xlabel()
    assert len(axes.get_legend().get_texts()) == 3
    shown = plt.subplots()[1]
    assert result.plot(ax=shown) is shown
    empty = fitted(World(positive_effect=0.0), 1).plot()
    assert any("never repaired" in text.get_text().replace("\n", " ") for text in empty.texts)
    assert "not the repair ratio" in UsualRatioModel().fit(*make(World(), 22)).plot().get_xlabel()
    plt.close("all")


@pytest.fixture(scope="module")
def demo_result():
    from cxlab.ingest.tables import Tables

    demo = cxlab.simulate(customers=20_000, seed=1)
    tables = Tables.of(demo.frames, None, title="demo")
    return RepairModel().fit(cxlab.answers(tables).table(), cxlab.experiences(tables).table()), demo.truth


def test_the_demo_of_20_000_customers_gives_back_its_ratios_and_its_half_life(demo_result):
    result, truth = demo_result
    rows = rows_of(result)
    for term, value in (
        ("ratio_unresolved", truth.ratio_unresolved),
        ("ratio_resolved", truth.ratio_resolved),
        ("half_life_days", truth.half_life_days),
    ):
        assert rows.loc[term, "conf_low"] <= value <= rows.loc[term, "conf_high"], rows.loc[term]
    assert rows.loc["ratio_unresolved", "conf_high"] - rows.loc["ratio_unresolved", "conf_low"] < 3.0
    assert result.checks()["passed"].all(), result.checks()


def test_the_hidden_level_of_the_demo_is_taken_apart_exactly():
    from cxlab.ingest.tables import Tables

    demo = cxlab.simulate(customers=1000, seed=3)
    tables = Tables.of(demo.frames, None, title="demo")
    level = demo.latent["journeys"][["journey_id", "level"]]
    answers = demo.frames["surveys"][["journey_id", "customer_id", "answered_at"]].merge(
        level, on="journey_id"
    )
    rows = rows_of(RepairModel(outcome="level").fit(answers, cxlab.experiences(tables).table()))
    assert rows["estimate"].iloc[:2].tolist() == pytest.approx([10.0, 4.0], rel=1e-6)
    assert rows.loc["half_life_days", "estimate"] == pytest.approx(180.0, rel=1e-6)
    assert rows["estimate"].iloc[6:].tolist() == pytest.approx([0.1, 1.0, 0.4], rel=1e-6)
