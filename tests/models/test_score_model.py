"""The score model: figures, methods, small segments, hostile input and coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import cxlab
from cxlab import FitError, NotAnswerableError, ParameterError, ScoreModel
from cxlab.models.survey.score_estimates import mean_score, net_score, share_score
from cxlab.models.survey.score_result import ScoreResult

POINTS = np.arange(1, 11)
# Left-skewed answers as satisfaction surveys give them.
RATINGS = np.array([0.02, 0.01, 0.02, 0.02, 0.05, 0.05, 0.10, 0.18, 0.22, 0.33])
CSI, TOP = float(RATINGS @ POINTS), float(RATINGS[8:].sum())


def world(rows: int = 900, *, dealers: int = 30, seed: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    dealer = rng.integers(0, dealers, rows)
    overall = rng.choice(POINTS, size=rows, p=RATINGS)
    return pd.DataFrame(
        {
            "overall": overall,
            "recommend_0_10": np.clip(overall + rng.integers(-1, 2, rows), 0, 10),
            "location_id": [f"D{number:02d}" for number in dealer],
            "segment": rng.choice(["private", "fleet", "leasing"], size=rows, p=[0.6, 0.3, 0.1]),
        }
    )


def row(result: ScoreResult, term: str, segment: str = "all") -> pd.Series:
    return result.table().set_index(["segment", "term"]).loc[(segment, term)]


def test_the_three_scores_are_mean_net_share_and_top_box() -> None:
    table = world()
    result = ScoreModel().fit(table)
    recommend = table["recommend_0_10"]
    assert row(result, "csi_mean")["estimate"] == pytest.approx(table["overall"].mean())
    assert row(result, "nps")["estimate"] == pytest.approx(
        100 * ((recommend >= 9).mean() - (recommend <= 6).mean())
    )
    assert row(result, "top_box_share")["estimate"] == pytest.approx((table["overall"] >= 9).mean())
    found = result.table()
    assert np.all((found["conf_low"] < found["estimate"]) & (found["estimate"] < found["conf_high"]))
    assert found["method"].tolist() == [
        "Student t, by cluster",
        "adjusted Wald, by cluster",
        "Wilson, by cluster",
    ]


def test_every_segment_keeps_its_row_and_small_ones_print_too_few_without_a_number() -> None:
    table = world()
    table.loc[:8, "segment"] = "press"
    result = ScoreModel(by="segment").fit(table)
    assert (
        result.table().groupby("term")["segment"].apply(list).tolist()
        == [["fleet", "leasing", "press", "private"]] * 3
    )
    small = row(result, "nps", "press")
    assert small["verdict"] == "too few"
    assert small["n"] == 9
    assert small[["estimate", "std_error", "conf_low", "conf_high"]].isna().all()
    assert (result.table()["verdict"] == "too few").sum() == 3
    # The smallest of the others is hidden with it: the total would give the nine away.
    assert "2 of 4 segments not shown" in result.summary()
    checks = result.checks().set_index("check")
    assert checks.loc["segments with too few answers", "value"] == "press"
    table.loc[9, "segment"] = "press"
    assert row(ScoreModel(by="segment").fit(table), "nps", "press")["verdict"] == ""


def test_a_segment_equals_the_same_rows_alone() -> None:
    table = world()
    together = row(ScoreModel(by="segment").fit(table), "csi_mean", "fleet")
    alone = row(ScoreModel().fit(table[table["segment"] == "fleet"]), "csi_mean")
    pd.testing.assert_series_equal(together, alone, check_names=False)


@pytest.mark.parametrize(
    ("rows", "dealers", "methods"),
    [
        (900, 30, ["Student t, by cluster", "adjusted Wald, by cluster", "Wilson, by cluster"]),
        (900, 9, ["Student t", "adjusted Wald", "Wilson"]),
        (40, 1, ["Dirichlet", "adjusted Wald", "Wilson"]),
        (45, 30, ["Dirichlet, by cluster", "adjusted Wald, by cluster", "Wilson, by cluster"]),
    ],
)
def test_the_method_follows_answers_and_dealers(rows: int, dealers: int, methods: list[str]) -> None:
    result = ScoreModel().fit(world(rows, dealers=dealers))
    assert result.table()["method"].tolist() == methods
    check = result.checks().set_index("check").loc["segments whose intervals treat answers as independent"]
    assert check["passed"] == (dealers >= 10)


def test_dealer_effects_widen_intervals() -> None:
    table = world(1500, dealers=30)
    shift = pd.Series(
        np.random.default_rng(2).normal(scale=1.5, size=30), index=sorted(table["location_id"].unique())
    )
    table["overall"] = (table["overall"] + table["location_id"].map(shift)).round().clip(1, 10)
    aware = ScoreModel(recommend_column=None).fit(table).table()
    unaware = ScoreModel(recommend_column=None, cluster_column=None).fit(table).table()
    width = [(found["conf_high"] - found["conf_low"]).to_numpy() for found in (aware, unaware)]
    assert np.all(width[0] > 1.5 * width[1])
    assert unaware["clusters"].tolist() == [0, 0]


def test_alike_answers_of_a_dealer_count_less_in_small_groups_too() -> None:
    values = np.repeat(np.random.default_rng(6).choice(POINTS, size=20, p=RATINGS), 2).astype(float)
    pairs = np.repeat(np.arange(20), 2)
    for estimate in (
        lambda codes: mean_score(values, codes, scale=(1, 10), confidence=0.95),
        lambda codes: net_score(values, codes, confidence=0.95),
        lambda codes: share_score(values >= 9, codes, confidence=0.95),
    ):
        wide, narrow = (estimate(codes).interval for codes in (pairs, None))
        assert wide.estimate == pytest.approx(narrow.estimate)
        ratio = (wide.conf_high - wide.conf_low) / (narrow.conf_high - narrow.conf_low)
        assert 1.25 < ratio < 1.6


def test_limits_of_a_mean_stay_on_the_scale() -> None:
    values = np.array([10.0] * 57 + [1.0] * 3)
    high = mean_score(values, None, scale=(1, 10), confidence=0.95).interval
    low = mean_score(11 - values, None, scale=(1, 10), confidence=0.95).interval
    assert (high.conf_high, low.conf_low) == (10.0, 1.0)
    assert high.conf_low < 9.55


def test_missing_answers_and_segments_are_counted_and_never_filled_in() -> None:
    table = world()
    table["overall"] = table["overall"].astype("Int64")
    table.loc[:9, ["overall", "recommend_0_10"]] = None
    table.loc[10:29, "overall"] = None
    table.loc[30:34, "segment"] = None
    result = ScoreModel(by="segment").fit(table)
    assert result.provenance.n_set_aside == {
        "no answer to the questions scored": 10,
        "no value of the segment column": 5,
    }
    n = result.table().groupby("term")["n"].sum()
    assert n.to_dict() == {"csi_mean": 865, "nps": 885, "top_box_share": 865}
    assert result.checks().set_index("check").loc["answers without overall", "value"] == 20


def test_a_question_that_was_not_asked_is_said_and_the_other_is_scored() -> None:
    result = ScoreModel().fit(world().drop(columns="recommend_0_10"))
    assert result.table()["term"].tolist() == ["csi_mean", "top_box_share"]
    check = result.checks().set_index("check").loc["answers without recommend_0_10"]
    assert check["value"] == "not in the table"
    assert not check["passed"]


def test_answers_without_a_dealer_are_clusters_of_their_own() -> None:
    table = world(200, dealers=12)
    table.loc[:49, "location_id"] = None
    assert row(ScoreModel().fit(table), "csi_mean")["clusters"] == 62


@pytest.mark.parametrize(
    ("settings", "table", "words"),
    [
        ({}, world()[["segment"]], "no column overall, recommend_0_10"),
        ({"by": "market"}, world(), "no column market"),
        ({"score_column": "csi"}, world(), "no column csi"),
        ({"cluster_column": "house"}, world(), "no column house"),
        ({}, world().head(0), "None of the 0 rows"),
    ],
)
def test_what_the_data_do_not_hold_is_not_answerable(
    settings: dict[str, object], table: pd.DataFrame, words: str
) -> None:
    with pytest.raises(NotAnswerableError, match=words):
        ScoreModel(**settings).fit(table)
    assert words in cxlab.ask(ScoreModel(**settings), table).summary()


@pytest.mark.parametrize(
    ("column", "value", "words"),
    [
        ("overall", 99, "1 answers lie outside 1 to 10, such as 99"),
        ("overall", 0, "outside 1 to 10"),
        ("recommend_0_10", -1, "outside 0 to 10"),
        ("overall", "good", "needs numbers"),
        ("overall", np.inf, "outside 1 to 10"),
    ],
)
def test_answers_off_the_scale_are_refused(column: str, value: object, words: str) -> None:
    table = world().astype({column: object if isinstance(value, str) else float})
    table.loc[7, column] = value
    with pytest.raises(FitError, match=words) as error:
        ScoreModel().fit(table)
    assert "Next step" in str(error.value)


@pytest.mark.parametrize(
    "settings",
    [
        {"confidence": 1.0},
        {"minimum_n": 4},
        {"scale": (10, 1)},
        {"top_box": 1},
        {"top_box": 11},
        {"score_column": None, "recommend_column": None},
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, object]) -> None:
    with pytest.raises(ParameterError):
        ScoreModel(**settings)


@pytest.mark.parametrize("answer", [1, 10])
@pytest.mark.parametrize("rows", [10, 60])
def test_unanimous_answers_have_limits_inside_the_scale(answer: int, rows: int) -> None:
    table = pd.DataFrame({"overall": [answer] * rows, "recommend_0_10": [answer] * rows})
    found = ScoreModel().fit(table).table().set_index("term")
    assert found.loc["csi_mean", "conf_low"] >= 1
    assert found.loc["csi_mean", "conf_high"] <= 10
    assert found["conf_low"].ge([1, -100, 0]).all()
    assert found["conf_high"].le([10, 100, 1]).all()
    assert (found["conf_low"] <= found["estimate"]).all()
    assert (found["estimate"] <= found["conf_high"]).all()


def test_other_scales_move_with_their_answers() -> None:
    table = world(30)
    five = pd.DataFrame({"overall": (table["overall"] + 1) // 2})
    ten = pd.DataFrame({"overall": 2 * five["overall"] - 1})
    low = row(ScoreModel(scale=(1, 5), top_box=5).fit(five), "csi_mean")
    high = row(ScoreModel(scale=(1, 9), top_box=9).fit(ten), "csi_mean")
    assert high["estimate"] == pytest.approx(2 * low["estimate"] - 1)
    assert high["conf_high"] == pytest.approx(2 * low["conf_high"] - 1, abs=0.15)


def test_averages_of_items_that_are_no_whole_numbers_take_student() -> None:
    table = pd.DataFrame({"overall": np.random.default_rng(1).uniform(6, 9, 20)})
    assert row(ScoreModel().fit(table), "csi_mean")["method"] == "Student t"


def test_the_plot_shows_every_segment_and_says_too_few() -> None:
    import matplotlib.pyplot as plt

    table = world()
    table.loc[:3, "segment"] = "press"
    result = ScoreModel(by="segment").fit(table)
    for term in ("", "nps", "top_box_share"):
        axes = result.plot(term=term)
        assert len(axes.get_yticklabels()) == 4
        labels = [label.get_text() for label in axes.get_yticklabels()]
        assert "press" in labels[-2:]
        assert "(n = " not in labels[-1] + labels[-2]
        assert "too few (n < 10)" in [text.get_text() for text in axes.texts]
    with pytest.raises(ParameterError, match="term must be one of csi_mean"):
        result.plot(term="mean")
    plt.close("all")


@pytest.mark.parametrize("rows", [5, 10, 30, 100])
def test_intervals_of_small_groups_cover(rows: int) -> None:
    rng, nps = np.random.default_rng(5), 100 * (TOP - float(RATINGS[:6].sum()))
    samples = rng.choice(POINTS, size=(1500, rows), p=RATINGS).astype(float)
    means = [mean_score(values, None, scale=(1, 10), confidence=0.95) for values in samples[:300]]
    nets = [net_score(values, None, confidence=0.95) for values in samples]
    boxes = [share_score(values >= 9, None, confidence=0.95) for values in samples]
    # True coverage lies between 0.93 and 0.96; below are three Monte Carlo standard errors.
    for scores, truth, least in ((means, CSI, 0.89), (nets, nps, 0.915), (boxes, TOP, 0.915)):
        limits = [(score.interval.conf_low, score.interval.conf_high) for score in scores]
        coverage = float(np.mean([low <= truth <= high for low, high in limits]))
        assert least <= coverage <= 0.985, (truth, coverage)


def test_intervals_by_dealer_cover_where_independent_ones_do_not() -> None:
    rng, runs, dealers = np.random.default_rng(4), 300, 40
    shares = np.array([np.roll(RATINGS, 0), np.r_[RATINGS[3:], [0.0, 0.0, 0.05]]])
    shares[1] /= shares[1].sum()
    mean = 0.5 * (shares @ POINTS).sum()
    top = 0.5 * float((shares[:, 8:]).sum())
    hits = {"dealers": np.zeros(2), "answers": np.zeros(2)}
    for _ in range(runs):
        kind = rng.integers(0, 2, dealers)
        values = np.concatenate([rng.choice(POINTS, size=15, p=shares[k]) for k in kind]).astype(float)
        for unit, codes in (("dealers", np.repeat(np.arange(dealers), 15)), ("answers", None)):
            csi = mean_score(values, codes, scale=(1, 10), confidence=0.95).interval
            box = share_score(values >= 9, codes, confidence=0.95).interval
            hits[unit] += [csi.conf_low <= mean <= csi.conf_high, box.conf_low <= top <= box.conf_high]
    coverage = {unit: count / runs for unit, count in hits.items()}
    assert np.all(coverage["dealers"] >= 0.912), coverage
    assert np.all(coverage["answers"] <= 0.85), coverage


@pytest.mark.parametrize(("scale", "lowest"), [((1, 10), 9), ((1, 7), 6), ((1, 5), 5), ((0, 1), 1)])
def test_the_top_box_follows_the_scale_unless_it_is_named(scale: tuple[int, int], lowest: float) -> None:
    assert ScoreModel(scale=scale).lowest_top_box == lowest
    assert ScoreModel(scale=(1, 10), top_box=10).lowest_top_box == 10
