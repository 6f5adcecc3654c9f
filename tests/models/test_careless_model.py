"""With and without careless answers: where they matter, where they do not, and honest look-alikes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

import cxlab
from cxlab import CarelessModel, NotAnswerableError, ParameterError
from cxlab.core.verdicts import REJECTED, SUPPORTED, TOO_FEW
from cxlab.models.survey.careless_result import CarelessResult
from cxlab.stats.importance import lmg
from cxlab.stats.left_out import importance_shift, mean_shift

ITEMS = ("rating_wait", "rating_advice", "rating_price")


def honest(
    rows: int, rng: np.random.Generator, *, dealers: int = 40, dealer_sd: float = 0.3
) -> pd.DataFrame:
    """Answers in which waiting counts most for the overall answer, then advice, then the price."""
    ratings = rng.normal(size=(rows, 3)) + 0.6 * rng.normal(size=(rows, 1))
    dealer = rng.integers(0, dealers, rows)
    overall = ratings @ [0.9, 0.6, 0.2] + rng.normal(0, 0.6, rows)
    overall += rng.normal(0, dealer_sd, dealers)[dealer]
    table = pd.DataFrame(np.clip(np.rint(7 + 1.3 * ratings), 1, 10), columns=list(ITEMS))
    table["overall"] = np.clip(np.rint(7 + overall), 1, 10)
    table["location_id"] = [f"D{number}" for number in dealer]
    return table.assign(flag_straight_line=False, flag_speeder=False)


def row(result: CarelessResult, term: str, left_out: str = "speeder") -> pd.Series:
    return result.table().set_index(["left_out", "term"]).loc[(left_out, term)]


def test_leaving_out_those_who_click_through_brings_back_what_the_others_said() -> None:
    rng = np.random.default_rng(1)
    table = honest(3_000, rng)
    truth = table["overall"].mean()
    fast = honest(600, rng)
    # They take a price rating of their own mood, and the overall answer follows it: a false first driver.
    fast["rating_price"] = rng.choice([1.0, 10.0], 600)
    fast["overall"] = fast["rating_price"]
    fast["flag_speeder"] = True
    result = CarelessModel(replicates=200).fit(pd.concat([table, fast], ignore_index=True))
    score = row(result, "csi_mean")
    assert score["without"] == pytest.approx(truth)
    assert score["verdict"] == SUPPORTED
    price = row(result, "share of rating_price")
    assert (price["rank"], price["rank_without"], price["verdict"]) == (1, 3, SUPPORTED)
    assert "rating_price from place 1 to 3" in result.summary()


def test_flags_at_random_change_nothing() -> None:
    rng = np.random.default_rng(2)
    table = honest(6_000, rng)
    table["flag_speeder"] = rng.random(len(table)) < 0.05
    result = CarelessModel(replicates=200).fit(table)
    assert set(result.table()["verdict"]) == {REJECTED}
    assert np.all(result.table()["change_low"] <= 0)
    assert np.all(result.table()["change_high"] >= 0)
    assert "The order of the 3 drivers stays" in result.summary()


def test_honest_tens_in_a_straight_line_move_the_score_and_the_summary_warns() -> None:
    rng = np.random.default_rng(3)
    table = honest(3_000, rng)
    table.loc[:299, [*ITEMS, "overall"]] = 10.0
    table.loc[:299, "flag_straight_line"] = True
    result = CarelessModel(replicates=200).fit(table)
    score = row(result, "csi_mean", "straight_line")
    assert score["change"] < 0
    assert score["verdict"] == SUPPORTED
    assert "a straight line may be an honest ten" in result.summary()
    assert result.checks().set_index("check")["passed"].to_dict() == {
        "share of answers with a sign": False,
        "dealers that the replicates draw": True,
    }


def test_any_sign_is_one_more_set_where_there_are_several() -> None:
    table = honest(1_000, np.random.default_rng(4))
    table.loc[:19, "flag_speeder"] = True
    table.loc[10:29, "flag_straight_line"] = True
    table["recommend_0_10"] = table["overall"]
    result = CarelessModel(replicates=100).fit(table)
    assert list(result.table()["left_out"].unique()) == ["straight_line", "speeder", "any sign"]
    assert row(result, "csi_mean", "any sign")["n_left_out"] == 30
    kept = table["recommend_0_10"][30:]
    expected = 100 * ((kept >= 9).mean() - (kept <= 6).mean())
    assert row(result, "nps", "any sign")["without"] == pytest.approx(expected)
    only = CarelessModel(replicates=100, flags=("speeder",)).fit(table)
    assert set(only.table()["left_out"]) == {"speeder"}


def test_few_flagged_answers_print_no_interval_and_none_says_so() -> None:
    table = honest(500, np.random.default_rng(5))
    assert "nothing to leave out" in CarelessModel(replicates=100).fit(table).summary()
    table.loc[:8, "flag_speeder"] = True
    result = CarelessModel(replicates=100).fit(table)
    assert set(result.table()["verdict"]) == {TOO_FEW}
    assert result.table()["change_low"].isna().all()
    assert row(result, "csi_mean")["change"] == pytest.approx(
        table["overall"][9:].mean() - table["overall"].mean()
    )
    assert "too few flagged answers" in result.summary()


def test_what_cannot_be_compared_is_refused_in_words() -> None:
    table = honest(100, np.random.default_rng(6))
    with pytest.raises(NotAnswerableError, match=r"pass tables.flagged\(\)"):
        CarelessModel().fit(table.drop(columns=["flag_speeder", "flag_straight_line"]))
    with pytest.raises(NotAnswerableError, match="would be left"):
        CarelessModel().fit(table.assign(flag_speeder=True))
    with pytest.raises(ParameterError, match="known: straight_line, speeder"):
        CarelessModel(flags=("lazy",)).fit(table)
    with pytest.raises(ParameterError, match="tolerance_share must be above 0"):
        CarelessModel(tolerance_share=0.0)


def test_missing_answers_are_set_aside_and_the_picture_names_its_unit() -> None:
    table = honest(800, np.random.default_rng(7))
    table.loc[:49, "flag_speeder"] = True
    table.loc[40:59, "overall"] = np.nan
    result = CarelessModel(replicates=100).fit(table)
    assert result.provenance.n_set_aside == {"no answer to the outcome": 20}
    assert row(result, "csi_mean")["n_left_out"] == 40
    axes = result.plot()
    assert "percent of the figure" in axes.get_xlabel()
    assert "speeder: driver wait" in [label.get_text() for label in axes.get_yticklabels()]


def test_the_shift_of_means_and_shares_equals_a_computation_by_hand() -> None:
    rng = np.random.default_rng(8)
    table = honest(400, rng)
    values = table[[*ITEMS, "overall"]].to_numpy(dtype=float)
    marked = rng.random(400) < 0.2
    groups = np.arange(400)
    shift = importance_shift(values, marked, groups, replicates=2, rng=np.random.default_rng(1))
    assert shift.whole == pytest.approx(lmg(np.corrcoef(values.T)))
    assert shift.kept == pytest.approx(lmg(np.corrcoef(values[~marked].T)))
    values[::7, 0] = np.nan
    means = mean_shift(values, marked, groups, replicates=2, rng=np.random.default_rng(1))
    assert means.whole == pytest.approx(np.nanmean(values, axis=0))
    assert means.kept == pytest.approx(np.nanmean(values[~marked], axis=0))


def coverage(runs: int, *, seed: int) -> float:
    """Share of 95 % intervals of the change that hold its population value; unhappy people hurry more."""

    def world(rows: int, rng: np.random.Generator) -> pd.DataFrame:
        table = honest(rows, rng)
        table["flag_speeder"] = rng.random(rows) < np.where(table["overall"] < 6, 0.2, 0.05)
        return table

    large = pd.concat([world(8_000, np.random.default_rng(10_000 + k)) for k in range(20)])
    truth = large.loc[~large["flag_speeder"], "overall"].mean() - large["overall"].mean()
    held = 0
    for run in range(runs):
        table = world(900, np.random.default_rng(seed + run))
        score = row(
            CarelessModel(drivers=("rating_wait",), replicates=200, seed=run).fit(table), "csi_mean"
        )
        held += bool(score["change_low"] <= truth <= score["change_high"])
    return held / runs


def test_intervals_of_a_change_hold_in_a_short_run(record_figure: Callable[..., None]) -> None:
    share = coverage(40, seed=0)
    record_figure("coverage of the change without speeders, 900 answers", share, runs=40, bound=">= 0.85")
    assert share >= 0.85


@pytest.mark.statistics
def test_intervals_of_a_change_hold(record_figure: Callable[..., None]) -> None:
    share = coverage(1_000, seed=500)
    record_figure(
        "coverage of the change without speeders, 900 answers", share, runs=1_000, bound="0.93 to 0.97"
    )
    assert 0.93 <= share <= 0.97


def test_tables_are_flagged_and_cut_by_name(tmp_path) -> None:  # type: ignore[no-untyped-def]
    lines = ["response_id,customer_id,answered_at,overall,duration_seconds"]
    lines += [f"R{k},C{k},2024-03-{k % 28 + 1:02d},{k % 10 + 1},{10 if k < 3 else 200}" for k in range(60)]
    (tmp_path / "surveys.csv").write_text("\n".join(lines) + "\n")
    config = '[privacy]\npseudonyms = "off"\n[surveys]\ncarry = ["duration_seconds"]\n'
    (tmp_path / "cxlab.toml").write_text(config)
    tables = cxlab.load(tmp_path)
    assert tables.flagged()["flag_speeder"].tolist() == [True] * 3 + [False] * 57
    assert tables.without_flagged("speeder").surveys["response_id"].tolist() == [
        f"R{k}" for k in range(3, 60)
    ]
    assert len(tables.without_flagged().surveys) == 57
    with pytest.raises(ParameterError, match="straight_line, speeder"):
        tables.without_flagged("lazy")
