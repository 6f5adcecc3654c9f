"""DecisionModel where the truth is known: rules in money, the gate, intervals, and the call list."""

import json
import re
import stat

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit, logit

from cxlab.core.answer import Unanswered, ask
from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.core.pseudonyms import KEY_VARIABLE, Pseudonyms
from cxlab.models.churn.decision import DecisionModel
from cxlab.stats.profit import ContactTerms, contact_profit, expected_maximum_profit

MODEL = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=100)
TERMS = MODEL.terms
NAMES = Pseudonyms(key=bytes(range(32)))
PURPOSE = "retention calls in March"


def world(n, seed, *, spread=1.2):
    """True probabilities (mean 0.09), log-normal values (median 121, mean 200) that do not go with them."""
    rng = np.random.default_rng(seed)
    features = rng.normal(size=(n, 6))
    weights = np.array([0.8, 0.6, 0.5, 0.3, 0.2, 0.1])
    p = expit(-2.8 + spread * features @ weights / np.linalg.norm(weights))
    value = np.exp(4.8 + rng.normal(size=n))
    return features, p, value, (rng.random(n) < p).astype(float)


def learned(seed, *, balanced=False, rows=6000):
    """A logistic forecast learned on a few thousand other customers, as in practice."""
    from sklearn.linear_model import LogisticRegression

    x, _, _, y = world(rows, seed)
    return LogisticRegression(class_weight="balanced" if balanced else None).fit(x, y)


def table(p, value, y=None):
    frame = pd.DataFrame(
        {"customer_id": [f"C{i}" for i in range(len(p))], "probability": p, "value": value}
    )
    return frame if y is None else frame.assign(churned=y)


def past(n=8000, seed=1, *, distort=lambda p: p):
    _, p, value, y = world(n, seed)
    return table(distort(p), value, y)


def overconfident(p):
    return expit(2 * logit(p))


def too_high(p):
    return expit(logit(p) - logit(0.09))


def line(result, term, segment="past customers"):
    rows = result.table()
    return rows[(rows["term"] == term) & (rows["segment"] == segment)].iloc[0]


def check(result, name):
    return result.checks().set_index("check").loc[name]


# --- the table of the specification ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("n", "least"), [(40_000, 1.6), pytest.param(200_000, 1.9, marks=pytest.mark.statistics)]
)
def test_the_expected_profit_rule_earns_most_and_emp_cannot_see_why(n, least, record_figure):
    x, p, value, y = world(n, 10)
    forecast = learned(11).predict_proba(x)[:, 1]
    balanced = learned(11, balanced=True).predict_proba(x)[:, 1]

    model = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=50)
    rules = model.fit(table(forecast, value, y)).rules().set_index("rule")
    # The truth replaces the outcomes: what each rule earns on average over who happens to leave.
    true_profit = contact_profit(p, value, TERMS)

    def truth(q):
        return float((true_profit * (contact_profit(q, value, TERMS) > 0)).mean())

    profits = {f"rule: {name}": row["estimate"] for name, row in rules.iterrows()}
    profits["rule: expected profit, true mean"] = truth(forecast)
    profits["rule: expected profit, over-confident"] = truth(overconfident(forecast))
    profits["rule: expected profit, balanced weights"] = truth(balanced)
    for name, profit in profits.items():
        record_figure(f"{n:,} customers: profit per customer, {name}", profit, runs=1, bound="shown")
    best, single = profits["rule: expected profit above 0"], rules.loc["one threshold, at the mean value"]
    ratio = best / single["estimate"]
    record_figure(
        f"{n:,} customers: rule over one threshold at the mean value", ratio, runs=1, bound=f">= {least}"
    )
    assert ratio >= least
    others = rules["estimate"].drop(["expected profit above 0", "same number, highest p x value"])
    assert best > 2 * others.max()
    assert abs(rules.loc["same number, highest p x value", "behind"]) < 0.1
    assert rules.loc["everybody", "estimate"] < -10
    assert rules.loc["same number, at random", "estimate"] < 0
    assert profits["rule: expected profit, over-confident"] < 0.8 * best
    assert profits["rule: expected profit, balanced weights"] < 0
    money = {"value": float(value.mean()), "offer_cost": 20.0, "contact_cost": 1.0}
    emp = [
        expected_maximum_profit(y, q, **money)[0, 0] for q in (forecast, overconfident(forecast), balanced)
    ]
    record_figure("EMP, calibrated less over-confident", emp[0] - emp[1], runs=1, bound="0 +- 1e-9")
    record_figure("EMP, calibrated less balanced weights", emp[0] - emp[2], runs=1, bound="0 +- 0.01")
    assert abs(emp[0] - emp[1]) < 1e-9
    assert abs(emp[0] - emp[2]) < 0.01


def profits_of_rules(n, seed):
    """True profit per customer of the expected-profit rule and of one threshold at the mean value."""
    x, p, value, _ = world(n, seed)
    forecast = learned(seed + 1).predict_proba(x)[:, 1]
    gain = contact_profit(p, value, TERMS)
    ours = contact_profit(forecast, value, TERMS) > 0
    single = contact_profit(forecast, np.full(n, value.mean()), TERMS) > 0
    return float((gain * ours).mean()), float((gain * single).mean())


@pytest.mark.statistics
def test_over_many_worlds_the_expected_profit_rule_earns_nearly_twice_one_threshold(record_figure):
    runs = 200
    ours, single = np.array([profits_of_rules(50_000, 40_000 + 10 * run) for run in range(runs)]).T
    ratio = ours.mean() / single.mean()
    record_figure("expected-profit rule, mean profit per customer", ours.mean(), runs=runs, bound="shown")
    record_figure("one threshold at the mean value, the same", single.mean(), runs=runs, bound="shown")
    record_figure("ratio of the two means", ratio, runs=runs, bound=">= 1.9")
    record_figure("share of worlds where the rule earns more", (ours > single).mean(), runs=runs, bound="1")
    assert ratio >= 1.9
    assert (ours > single).all()


# --- the gate --------------------------------------------------------------------------------------


def test_calibrated_probabilities_pass_the_gate_and_the_summary_speaks_money():
    result = MODEL.fit(past(), table(*world(3000, 2)[1:3]))
    assert result.gate_passed
    assert result.checks()["passed"].all()
    assert line(result, "profit_per_customer")["verdict"] == "supported"
    assert "EUR" in result.summary()
    assert "persuadab" in result.summary()
    assert result.headline().startswith("Contacting")


def test_overconfident_and_balanced_probabilities_are_caught_though_emp_is_the_same():
    good = MODEL.fit(past())
    for distort, broken in (
        (overconfident, "calibration slope"),
        (too_high, "predicted to observed churn"),
    ):
        bad = MODEL.fit(past(distort=distort))
        assert not bad.gate_passed
        assert not check(bad, broken)["passed"]
        assert "do not act on these amounts" in bad.summary()
        assert line(bad, "emp")["estimate"] == pytest.approx(line(good, "emp")["estimate"], abs=1e-9)


BENT = (
    ("calibrated", lambda p: p, 0.0, 0.2),
    ("over-confident (logit x 2)", overconfident, 1.0, 1.0),
    ("as if balanced weights", too_high, 1.0, 1.0),
)


def barred(distort, runs):
    model = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=50)
    failed = [not model.fit(past(8000, 100 + seed, distort=distort)).gate_passed for seed in range(runs)]
    return float(np.mean(failed))


def test_the_gate_catches_and_seldom_bars_at_a_size_firms_have(record_figure):
    for name, distort, low, high in BENT:
        share = barred(distort, 2)
        record_figure(
            f"barred by the gate, 8,000 customers, {name}", share, runs=2, bound=f"{low} to {high}"
        )
        assert low <= share <= high


@pytest.mark.statistics
@pytest.mark.parametrize(("name", "distort", "low", "high"), BENT)
def test_over_many_worlds_the_gate_catches_and_seldom_bars(name, distort, low, high, record_figure):
    runs = 100
    share = barred(distort, runs)
    record_figure(
        f"barred by the gate, 8,000 customers, {name}", share, runs=runs, bound=f"{low} to {high}"
    )
    assert low <= share <= high


# --- intervals -------------------------------------------------------------------------------------


def coverage(runs, n_past, n_now, replicates):
    """Per term the share of runs whose limits hold the truth, and in which it lies above them."""
    rows = []
    model = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=replicates)
    # The mean over customers like these: a large fresh sample stands for the population.
    _, big_p, big_value, _ = world(400_000, 9)
    big_profit = contact_profit(big_p, big_value, TERMS)
    for seed in range(runs):
        # The forecast is off by a level and a slope of its own, which past customers reveal.
        rng = np.random.default_rng([seed, 5])
        shift, slope = 0.1 * rng.normal(), np.exp(0.08 * rng.normal())
        _, p, value, y = world(n_past, 1000 + seed)
        _, now_p, now_value, _ = world(n_now, 500_000 + seed)
        bent = lambda q, a=shift, b=slope: expit(a + b * logit(q))  # noqa: E731
        result = model.fit(table(bent(p), value, y), table(bent(now_p), now_value))
        contacted = contact_profit(bent(big_p), big_value, TERMS) > 0
        decided = result.customers().assign(true=lambda d, p=now_p: p[d["customer_id"].str[1:].astype(int)])
        profit = contact_profit(decided["true"].to_numpy(), decided["value"].to_numpy(), TERMS)
        truth = {
            "profit_per_customer": float((big_profit * contacted).mean()),
            "value_at_risk": float((decided["true"] * decided["value"]).sum()),
            "expected_profit": float(profit[decided["decision"] == "contact"].sum()),
        }
        for term, true in truth.items():
            row = line(result, term, "past customers" if term == "profit_per_customer" else "all")
            rows.append((term, row["conf_low"] <= true <= row["conf_high"], true > row["conf_high"]))
    return pd.DataFrame(rows, columns=["term", "held", "above"]).groupby("term").mean()


def test_limits_of_the_money_hold_the_truth_about_as_often_as_they_say(record_figure):
    found = coverage(6, 3000, 1000, 50)["held"]
    for term, share in found.items():
        record_figure(f"coverage of {term}, 3,000 past customers", share, runs=6, bound="0.7 to 1")
    assert found.between(0.7, 1.0).all(), found


@pytest.mark.statistics
def test_limits_of_the_money_hold_the_truth_over_many_runs(record_figure):
    """Limits of the customers at hand are widened to hold the estimate, so these may hold more often."""
    runs = 500
    found = coverage(runs, 4000, 2000, 50)
    for term, row in found.iterrows():
        most = 0.97 if term == "profit_per_customer" else 0.99
        label = f"coverage of {term}, 4,000 past customers"
        record_figure(label, row["held"], runs=runs, bound=f"0.93 to {most} +- MC 0.01")
        record_figure(f"{label}: truth above the limits", row["above"], runs=runs, bound="0.045 at most")
    assert (found["held"] >= 0.92).all(), found
    assert (found["held"] <= 0.995).all(), found
    assert found.loc["profit_per_customer", "held"] <= 0.98
    assert (found["above"] <= 0.045).all(), found


def test_a_customer_at_several_cuts_widens_the_limits():
    once = past(3000)
    thrice = pd.concat([once] * 3, ignore_index=True)
    apart = thrice.assign(customer_id=[f"C{i}" for i in range(len(thrice))])
    wide, narrow = (
        line(MODEL.fit(rows, once), "profit_per_customer")["std_error"] for rows in (thrice, apart)
    )
    # The square root of three, within the noise of 100 draws.
    assert 1.3 < wide / narrow < 2.3


# --- decisions -------------------------------------------------------------------------------------


def test_decisions_follow_the_formula_and_the_limits_of_the_probability():
    now = table(np.array([0.5, 0.2, 0.2, 0.9]), np.array([300.0, 300.0, 50.0, 5.0]))
    now["probability_low"], now["probability_high"] = now["probability"] - 0.1, now["probability"] + 0.05
    decided = MODEL.fit(past(), now).customers().set_index("customer_id")
    terms = ContactTerms(save_share=0.3, offer_cost=20.0, contact_cost=1.0)
    for name, row in now.set_index("customer_id").iterrows():
        for end, p in (("", row["probability"]), ("_low", row["probability"] - 0.1)):
            profit = contact_profit(np.array([p]), np.array([row["value"]]), terms)[0]
            assert decided.loc[name, f"expected_profit{end}"] == pytest.approx(profit)
    assert decided["decision"].to_dict() == {
        "C0": "contact",
        "C1": "leave alone",
        "C2": "leave alone",
        "C3": "leave alone",
    }
    assert decided.loc["C0", "value_at_risk"] == 150.0
    halved = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=50, margin_share=0.5).fit(
        past(), now
    )
    assert halved.customers().set_index("customer_id").loc["C0", "value_at_risk"] == 75.0


def test_segments_are_reported_and_a_small_one_prints_too_few():
    history, now = past(8000), table(*world(900, 3)[1:3])
    history["kind"] = np.where(np.arange(8000) % 100 == 0, "rare", "usual")
    now["kind"] = np.where(np.arange(900) % 3 == 0, "rare", "usual")
    now.loc[0, "kind"] = None
    model = DecisionModel(offer_cost=20.0, contact_cost=1.0, replicates=50, segment_column="kind")
    result = model.fit(history, now)
    risk = result.table()[result.table()["term"] == "value_at_risk"].set_index("segment")
    assert risk.loc["rare", "verdict"] == "too few"
    assert np.isnan(risk.loc["rare", "conf_low"])
    assert risk.loc["usual", "verdict"] == ""
    assert risk.loc["usual", "conf_low"] < risk.loc["usual", "estimate"]
    parts = risk.drop(index="all")["estimate"]
    assert parts.sum() == pytest.approx(risk.loc["all", "estimate"])
    assert "not known" in parts.index


def test_without_current_customers_the_newest_cut_of_the_history_is_decided_about():
    history = pd.concat(
        [
            past(3000).assign(cut_at=pd.Timestamp("2025-01-01")),
            past(3000).assign(cut_at=pd.Timestamp("2025-07-01")),
        ],
        ignore_index=True,
    )
    result = MODEL.fit(history)
    assert len(result.customers()) == 3000
    assert result.provenance.n_set_aside == {"to decide: an older cut": 3000}


def test_a_second_fit_is_equal_and_the_tables_are_left_alone():
    history, now = past(3000), table(*world(500, 4)[1:3])
    kept = history.copy(), now.copy()
    first, second = MODEL.fit(history, now), MODEL.fit(history, now)
    pd.testing.assert_frame_equal(first.table(), second.table())
    pd.testing.assert_frame_equal(first.customers(), second.customers())
    pd.testing.assert_frame_equal(history, kept[0])
    pd.testing.assert_frame_equal(now, kept[1])
    assert first.model_id == second.model_id
    assert first.model_id != MODEL.fit(history, now.assign(probability=0.2)).model_id
    assert len(first.plot().get_lines()) >= 3


# --- hostile input ---------------------------------------------------------------------------------


def test_rows_without_outcome_probability_or_value_are_set_aside_with_their_reason():
    history, now = past(3000), table(*world(500, 4)[1:3])
    history["churned"] = pd.array(history["churned"], dtype="Int8")
    history.loc[:9, "churned"] = pd.NA
    history.loc[10:14, "value"] = np.nan
    now.loc[:2, "probability"] = np.nan
    now.loc[3, "customer_id"] = None
    result = MODEL.fit(history, now)
    assert result.provenance.n_set_aside == {
        "history: outcome not known": 10,
        "history: value missing": 5,
        "to decide: customer_id missing": 1,
        "to decide: probability missing": 3,
    }


def test_broken_tables_are_refused_with_one_clear_sentence():
    history, now = past(3000), table(*world(500, 4)[1:3])
    cases = [
        (history.assign(probability=50.0), now, "outside 0..1"),
        (history, now.assign(value=-1.0), "negative or infinite"),
        (history, pd.concat([now, now]), "contacted twice"),
        (history.drop(columns="probability"), now, "no column probability"),
        (history.assign(churned=2), now, "must be 1, 0 or missing"),
        (history, now.assign(value="12 EUR"), "not a number"),
    ]
    for given, current, words in cases:
        with pytest.raises(FitError, match=words):
            MODEL.fit(given, current)
    for settings, words in (
        ({"save_share": 0.0}, "save_share"),
        ({"offer_cost": -1.0}, "offer_cost"),
        ({"loyal_take_share": 1.1}, "loyal_take_share"),
        ({"margin_share": 0.0}, "margin_share"),
    ):
        with pytest.raises(ParameterError, match=words):
            DecisionModel(**settings)


def test_without_a_value_or_enough_leavers_the_answer_is_that_there_is_none():
    history = past(3000)
    assert isinstance(ask(MODEL, history.drop(columns="value")), Unanswered)
    few = history.assign(churned=(np.arange(3000) < 20).astype(int))
    with pytest.raises(NotAnswerableError, match="20 who left"):
        MODEL.fit(few)


def test_worthless_customers_give_no_contact_and_no_crash():
    history = past(3000).assign(value=5.0)
    result = MODEL.fit(history)
    assert (result.customers()["decision"] == "leave alone").all()
    assert not check(result, "promise kept")["passed"]
    assert np.isnan(line(result, "emp")["estimate"])
    result.plot()
    result.summary()


# --- the call list ---------------------------------------------------------------------------------


@pytest.fixture
def result():
    now = table(*world(2000, 5)[1:3])
    now["reason_1"] = np.where(np.arange(2000) % 2 == 0, "=cmd|complaint open", None)
    now["open_complaints"] = 1
    now["cut_at"] = pd.Timestamp("2026-01-01")
    return MODEL.fit(past(), now)


def test_the_list_holds_pseudonyms_reasons_and_no_customer_number(result, tmp_path, monkeypatch):
    key = tmp_path / "key"
    key.write_bytes(bytes(range(32)))
    key.chmod(0o600)
    monkeypatch.setenv(KEY_VARIABLE, str(key))
    place = result.write_list(tmp_path / "calls.csv", purpose=PURPOSE)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    written = pd.read_csv(place)
    contacts = result.customers().query("decision == 'contact'")
    assert written["customer_pseudonym"].tolist() == NAMES.all_of(contacts["customer_id"])
    assert written["expected_profit"].is_monotonic_decreasing
    assert set(written["reason_1"]) == {"'=cmd|complaint open", "no stable reason"}
    assert (written["model_id"] == result.model_id).all()
    text = place.read_text() + (tmp_path / "calls.csv.about.json").read_text()
    assert not re.search(r"\bC\d{1,4}\b", text)
    assert bytes(range(32)).hex() not in text
    parquet = pd.read_parquet(result.write_list(tmp_path / "calls.parquet", purpose=PURPOSE))
    assert parquet.columns.tolist() == written.columns.tolist()


def test_who_objected_is_left_out_and_counted(result, tmp_path):
    contacts = result.customers().query("decision == 'contact'")["customer_id"].tolist()
    never = [contacts[0], f" {contacts[3]} ", "C-unknown"]
    place = result.write_list(tmp_path / "calls.csv", purpose=PURPOSE, pseudonyms=NAMES, opted_out=never)
    assert len(pd.read_csv(place)) == len(contacts) - 2
    note = json.loads((tmp_path / "calls.csv.about.json").read_text())
    assert (note["left_out_as_opted_out"], note["rows"]) == (2, len(contacts) - 2)


def test_no_list_is_written_behind_a_failed_gate_unless_that_is_accepted(tmp_path):
    bad = MODEL.fit(past(distort=overconfident))
    with pytest.raises(FitError, match=r"failed the gate.*calibration slope"):
        bad.write_list(tmp_path / "calls.csv", purpose=PURPOSE, pseudonyms=NAMES)
    assert not list(tmp_path.iterdir())
    bad.write_list(tmp_path / "calls.csv", purpose=PURPOSE, pseudonyms=NAMES, accept_failed_gate=True)
    assert not json.loads((tmp_path / "calls.csv.about.json").read_text())["gate_passed"]


def test_what_a_report_shows_of_the_list_names_nobody(result):
    shown = result.shown_calls(4)
    assert shown["call"].tolist() == [1, 2, 3, 4]
    assert not shown.astype(str).apply(lambda column: column.str.contains("C[0-9]")).any().any()
    assert (shown["value"] % 10 == 0).all()
