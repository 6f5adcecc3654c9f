"""A change between two periods: covered where sites repeat, split without a rest, none out of nothing."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from cxlab.core.errors import FitError, NotAnswerableError, ParameterError
from cxlab.models.survey.change import ChangeModel
from cxlab.simulation.simulate import simulate
from cxlab.stats.change import split_change

MODEL = ChangeModel(before="2024", after="2025", segment_column="segment")


def site_years(rng, sites=40, per_site=30, rise=0.0, shift=0.0):
    """Answers of both years at the same sites; ``rise`` moves answers, ``shift`` the share of fleets."""
    level, trend = rng.normal(0, 0.5, sites), rng.normal(0, 0.15, sites)
    site = np.repeat(np.arange(sites), 2 * per_site)
    later = np.tile(np.repeat([False, True], per_site), sites)
    fleet = rng.random(len(site)) < 0.3 + shift * later
    score = 7.5 + level[site] + later * (rise + trend[site]) - 1.0 * fleet + rng.normal(size=len(site))
    return score, later, fleet, site


def two_years(rng, **settings):
    score, later, fleet, site = site_years(rng, **settings)
    start = np.where(later, np.datetime64("2025-01-01"), np.datetime64("2024-01-01"))
    day = rng.integers(0, 365, len(site))
    return pd.DataFrame(
        {
            "answered_at": start.astype("datetime64[s]") + day * np.timedelta64(1, "D"),
            "location_id": [f"D{number:02d}" for number in site],
            "segment": np.where(fleet, "fleet", "private"),
            "overall": score,
        }
    )


def test_change_rate_and_mix_are_covered_where_sites_repeat(record_figure):
    truth = np.array([0.0, 0.2, -0.2])
    reach = stats.t.ppf(0.975, 39)
    hits, alone = [], []
    for rng in map(np.random.default_rng, np.random.SeedSequence(41).spawn(500)):
        score, later, fleet, site = site_years(rng, rise=0.2, shift=0.2)
        fit = split_change(score, later, fleet.astype(int), clusters=site)
        parts = (fit.change, fit.rate, fit.mix)
        hits.append(
            [abs(part.estimate - t) <= reach * part.std_error for part, t in zip(parts, truth, strict=True)]
        )
        alone.append(np.hypot(fit.before.std_error, fit.after.std_error) / fit.change.std_error)
    for name, share in zip(("change", "rate", "mix"), np.mean(hits, axis=0), strict=True):
        record_figure(f"40 repeated sites: coverage, {name}", share, runs=500, bound="0.93 to 0.97")
    record_figure(
        "standard error with periods as independent, ratio", np.mean(alone), runs=500, bound="above 2"
    )
    # 500 worlds: the share covered is known to within 2 points (two standard deviations).
    assert np.min(np.mean(hits, axis=0)) >= 0.93
    assert np.max(np.mean(hits, axis=0)) <= 0.97
    assert np.mean(alone) > 2, "taking the periods as independent would double the interval"


def test_without_a_change_none_is_claimed_more_often_than_said(record_figure):
    claimed = [
        (
            MODEL.fit(two_years(rng)).table().set_index("term")["verdict"].loc[["change", "mix"]]
            == "supported"
        )
        for rng in map(np.random.default_rng, np.random.SeedSequence(42).spawn(80))
    ]
    worst = np.mean(claimed, axis=0).max()
    record_figure("no change: change or mix claimed, the worse", worst, runs=80, bound="0.11 at most")
    assert worst <= 0.11


def test_the_split_leaves_no_rest_and_its_parts_add_up(record_figure):
    rests = []
    for seed in range(20):
        rng = np.random.default_rng(seed)
        n = 400
        groups, later = rng.integers(0, 6, n), rng.random(n) < 0.4
        fit = split_change(100 * rng.normal(size=n), later, groups)
        rests.append(abs(fit.change.estimate - fit.rate.estimate - fit.mix.estimate))
        np.testing.assert_allclose(fit.change.influence, fit.rate.influence + fit.mix.influence, atol=1e-10)
    record_figure("change minus rate minus mix, largest", max(rests), runs=20, bound="below 1e-10")
    assert max(rests) < 1e-12 * 100
    result = MODEL.fit(two_years(np.random.default_rng(1), rise=0.3, shift=0.1))
    rows, parts = result.table().set_index("term")["estimate"], result.split()
    for column in ("rate", "mix"):
        assert parts[column].sum() == pytest.approx(rows[column], abs=1e-12)
    assert parts["total"].sum() == pytest.approx(rows["change"], abs=1e-12)
    assert result.checks().set_index("check").loc["rate and mix add up to the change", "passed"]


def test_influences_are_the_derivatives_of_the_split():
    rng = np.random.default_rng(43)
    n = 200
    groups, later, outcome = rng.integers(0, 3, n), rng.random(n) < 0.5, rng.normal(size=n)
    base = split_change(outcome, later, groups)
    # One more copy of a row among many copies of all the others moves the estimate by its influence / n.
    copies = 500
    for row in (0, 7, 33):
        index = np.r_[np.tile(np.arange(n), copies), row]
        moved = split_change(outcome[index], later[index], groups[index])
        for name in ("change", "rate", "mix"):
            step = (getattr(moved, name).estimate - getattr(base, name).estimate) * n * copies
            assert step == pytest.approx(getattr(base, name).influence[row], rel=0.01, abs=0.01)


def test_a_pure_mix_change_is_all_mix_and_a_pure_rise_all_rate():
    table = pd.DataFrame(
        {
            "wave": ["a"] * 40 + ["b"] * 40,
            "segment": ["x"] * 10 + ["y"] * 30 + ["x"] * 30 + ["y"] * 10,
            "overall": [5.0, 7.0] * 5 + [7.0, 9.0] * 15 + [5.0, 7.0] * 15 + [7.0, 9.0] * 5,
        }
    )
    model = ChangeModel(before="a", after="b", period_column="wave", segment_column="segment")
    rows = model.fit(table).table().set_index("term")["estimate"]
    assert rows[["change", "rate", "mix"]].tolist() == pytest.approx([-1.0, 0.0, -1.0], abs=1e-12)
    same = pd.concat([table.iloc[:40], table.iloc[:40].assign(wave="b", overall=table["overall"] + 0.5)])
    rows = model.fit(same).table().set_index("term")["estimate"]
    assert rows[["change", "rate", "mix"]].tolist() == pytest.approx([0.5, 0.5, 0.0], abs=1e-12)


def test_small_segments_are_joined_and_every_row_is_accounted_for():
    table = two_years(np.random.default_rng(44))
    table.loc[:11, "segment"] = "taxi"
    table.loc[np.flatnonzero(table["answered_at"].dt.year == 2025)[:11], "segment"] = "rental"
    table.loc[12:14, "overall"] = np.nan
    table.loc[15, "segment"] = None
    table.loc[16, "answered_at"] = pd.Timestamp("2023-05-05")
    result = MODEL.fit(table)
    assert "(others)" in set(result.split()["segment"])
    assert sorted(result.provenance.n_set_aside.values()) == [1, 1, 3]
    assert not result.checks().set_index("check").loc["segments joined", "passed"]
    table.loc[table["segment"] == "rental", "segment"] = "private"
    with pytest.raises(NotAnswerableError, match="tell rate from mix"):
        MODEL.fit(table)


@pytest.mark.parametrize(
    ("period", "first", "last"), [("2025Q1", "01-01", "03-31"), ("2025-03", "03-01", "03-31")]
)
def test_periods_are_parts_of_the_calendar_to_the_last_second(period, first, last):
    moments = [f"2025-{first} 00:00:00", f"2025-{last} 23:59:59.999999"]
    outside = ["2024-12-31 23:59:59", "2025-04-01 00:00:00"]
    table = pd.DataFrame(
        {
            "answered_at": pd.to_datetime(
                moments * 5 + outside * 5 + ["2023-06-01"] * 10, format="ISO8601"
            ),
            "overall": np.arange(30.0),
        }
    )
    result = ChangeModel(before="2023", after=period).fit(table)
    assert result.provenance.n_used == 20


def test_the_demo_network_is_compared_by_year():
    frames = simulate(800, seed=3).frames
    table = frames["surveys"].merge(frames["customers"][["customer_id", "segment"]], on="customer_id")
    result = MODEL.fit(table)
    assert abs(result.table().set_index("term").loc["change", "estimate"]) < 0.6
    assert result.plot().get_title(loc="left").startswith("What changed from 2024 to 2025")


def test_what_cannot_be_compared_is_refused():
    table = two_years(np.random.default_rng(45), sites=3)
    with pytest.raises(NotAnswerableError, match="no column segment"):
        MODEL.fit(table.drop(columns="segment"))
    with pytest.raises(NotAnswerableError, match="0 answers belong to 2031"):
        ChangeModel(before="2024", after="2031").fit(table)
    with pytest.raises(ParameterError, match="overlap"):
        ChangeModel(before="2025", after="2025-03").fit(table)
    with pytest.raises(ParameterError, match="no part of the calendar"):
        ChangeModel(before="last year", after="2025").fit(table)
    with pytest.raises(ParameterError, match="both"):
        ChangeModel(before="2025", after="2025")
    with pytest.raises(FitError, match="needs numbers"):
        MODEL.fit(table.assign(overall="good"))
