"""UpliftModel where the effect of a contact is known: true, null and hostile worlds, and the refusals."""

import numpy as np
import pandas as pd
import pytest
from scipy.special import expit

from cxlab.core.answer import ask
from cxlab.core.errors import FitError, NotAnswerableError
from cxlab.models.churn.uplift import NOT_RANDOMISED, UpliftModel

MODEL = UpliftModel(folds=3, replicates=60)


def world(n, seed, *, effect=1.0, random=True):
    """Who is at risk (x0) is not who can be kept (x1); ``risk_kept`` is the true rise of staying."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 4))
    leave = expit(-1.2 + 0.8 * x[:, 0])
    # A share of the leavers is kept that is largest where the risk is middling and x1 is high.
    kept = effect * 0.22 * (x[:, 1] > 0.6) * np.minimum(1.0, leave / 0.22)
    share = 0.5 if random else expit(1.5 * x[:, 0])
    treated = (rng.random(n) < share).astype(int)
    left = (rng.random(n) < leave - treated * kept).astype(int)
    table = pd.DataFrame(x, columns=[f"usage_{k}" for k in range(4)])
    table.insert(0, "customer_id", [f"C{i}" for i in range(n)])
    return table.assign(treated=treated, churned=left), kept


def line(result, term, order):
    return result.table().set_index(["term", "ordered_by"]).loc[(term, order)]


def test_uplift_ranks_whom_a_contact_keeps_and_risk_does_not(record_figure):
    table, kept = world(8_000, 1)
    result = MODEL.fit(table)
    for order in ("uplift", "risk", "uplift minus risk"):
        qini = line(result, "qini", order)
        record_figure(f"Qini, ordered by {order}, n 8,000", qini["estimate"], runs=1, bound="shown")
    for order in ("uplift", "risk"):
        top = line(result, "kept_per_contact_top_fifth", order)["estimate"]
        record_figure(f"kept per contact in the first fifth by {order}", top, runs=1, bound="shown")
    assert line(result, "qini", "uplift")["verdict"] == "supported"
    assert line(result, "qini", "uplift minus risk")["verdict"] == "supported"
    average = line(result, "average_effect", "-")
    assert average["conf_low"] < kept.mean() < average["conf_high"]
    best = kept[np.argsort(-result.uplift().to_numpy())[:1600]].mean()
    riskiest = kept[np.argsort(-table["usage_0"].to_numpy())[:1600]].mean()
    assert best > 2.5 * riskiest
    assert result.checks()["passed"].all()
    assert "drawn at random" in result.summary()
    assert len(result.plot().get_lines()) == 3


def test_in_a_null_world_the_interval_of_the_qini_covers_zero(record_figure):
    held, claims = [], 0
    for seed in range(2):
        result = MODEL.fit(world(2600, 50 + seed, effect=0.0)[0])
        qini = line(result, "qini", "uplift")
        held.append(qini["conf_low"] <= 0.0 <= qini["conf_high"])
        claims += qini["verdict"] == "supported"
    record_figure("null world: Qini interval covers 0", np.mean(held), runs=2, bound="1")
    assert np.mean(held) == 1.0
    assert claims == 0


@pytest.mark.statistics
def test_intervals_of_uplift_in_a_null_world_over_many_runs(record_figure):
    rows = [
        UpliftModel(folds=3, replicates=50).fit(world(2600, 900 + seed, effect=0.0)[0])
        for seed in range(200)
    ]
    found = {}
    for term, order in (
        ("qini", "uplift"),
        ("average_effect", "-"),
        ("kept_per_contact_top_fifth", "uplift"),
    ):
        lines = [line(result, term, order) for result in rows]
        found[term] = float(np.mean([row["conf_low"] <= 0.0 <= row["conf_high"] for row in lines]))
        claimed = float(np.mean([row["verdict"] == "supported" for row in lines]))
        record_figure(
            f"null world: interval of {term} covers 0", found[term], runs=200, bound="0.92 to 0.99"
        )
        record_figure(f"null world: {term} supported", claimed, runs=200, bound="shown")
    assert all(0.92 <= share <= 0.99 for share in found.values()), found


def test_a_contact_that_was_not_drawn_at_random_is_caught():
    result = MODEL.fit(world(6000, 3, random=False)[0])
    checks = result.checks().set_index("check")
    assert not checks.loc["arms alike before the contact", "passed"]


def test_without_a_randomised_contact_the_fixed_sentence_is_the_answer():
    table = world(3000, 4)[0].drop(columns="treated")
    unanswered = ask(MODEL, table)
    assert NOT_RANDOMISED in unanswered.summary()
    assert "risk is not persuadability" in unanswered.summary()


@pytest.mark.parametrize(("n", "leavers"), [(1800, None), (4000, 60)])
def test_small_arms_or_few_leavers_are_refused_with_their_sizes(n, leavers):
    table = world(n, 5)[0]
    if leavers is not None:
        table["churned"] = (np.arange(n) % 2000 < leavers // 2).astype(int)
    with pytest.raises(NotAnswerableError, match=r"contacted: .* customers, .* leavers"):
        MODEL.fit(table)


def test_broken_columns_are_refused_and_unknown_outcomes_counted():
    table = world(6000, 6)[0]
    with pytest.raises(FitError, match="treated must be 0, 1 or missing"):
        MODEL.fit(table.assign(treated=2))
    with pytest.raises(FitError, match="customer_id"):
        MODEL.fit(table.drop(columns="customer_id"))
    table["churned"] = table["churned"].astype("Int8")
    table.loc[:9, "churned"] = pd.NA
    result = UpliftModel(folds=2, replicates=50).fit(table)
    assert result.provenance.n_set_aside == {"outcome, treatment or customer not known": 10}
