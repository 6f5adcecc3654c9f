"""Every sentence, border and figure of the score model, held against hand computation."""

from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pandas as pd
import pytest

from cxlab import FitError, NotAnswerableError, ParameterError, ScoreModel
from cxlab.core.provenance import hash_frame
from cxlab.models.survey.score_estimates import mean_score, net_score, share_score
from cxlab.models.survey.score_result import ScoreResult

# Quantiles as printed in tables: normal, and Student with 9 and 49 degrees of freedom.
Z_95, T9_95, T49_95, T49_90 = 1.959964, 2.262157, 2.009575, 1.676551

# 25 fours and 25 eights: mean 6, sum of squares 200, standard error sqrt(200 / 49 / 50) = 2 / 7.
HALVES = np.repeat([4.0, 8.0], 25)
# Five answers for each of ten dealers, all alike: between dealers the standard error is 2 / 3.
TEN_DEALERS = np.repeat(np.arange(10), 5)

INDEPENDENT = "segments whose intervals treat answers as independent"


def survey(**columns: object) -> pd.DataFrame:
    """Fifty answers without dealers: mean 6, NPS 40 (30 promoters, 10 detractors), no top box."""
    table = pd.DataFrame({"overall": HALVES, "recommend_0_10": np.repeat([10, 8, 5], [30, 10, 10])})
    return table.assign(**columns)


def limits(found: object) -> tuple[float, float]:
    interval = found.interval  # type: ignore[attr-defined]
    return interval.conf_low, interval.conf_high


def wilson_by_hand(share: float, rows: float, z: float) -> tuple[float, float]:
    """The two shares p with (share - p)^2 = z^2 p (1 - p) / rows: roots of a quadratic."""
    low, high = np.sort(np.roots([1 + z**2 / rows, -(2 * share + z**2 / rows), share**2]))
    return float(low), float(high)


# --- One score: figures by hand -----------------------------------------------------------------------


def test_a_mean_of_fifty_answers_is_students_by_hand() -> None:
    found = mean_score(HALVES, None, scale=(1, 10), confidence=0.95)
    assert (found.method, found.clusters, found.interval.estimate) == ("Student t", 0, 6.0)
    assert found.interval.std_error == pytest.approx(2 / 7)
    assert limits(found) == pytest.approx((6 - T49_95 * 2 / 7, 6 + T49_95 * 2 / 7), abs=1e-5)
    narrow = mean_score(HALVES, None, scale=(1, 10), confidence=0.90)
    assert limits(narrow) == pytest.approx((6 - T49_90 * 2 / 7, 6 + T49_90 * 2 / 7), abs=1e-5)


def test_a_mean_by_cluster_is_students_between_clusters_by_hand() -> None:
    found = mean_score(HALVES, TEN_DEALERS, scale=(1, 10), confidence=0.95)
    assert (found.method, found.clusters, found.interval.estimate) == ("Student t, by cluster", 10, 6.0)
    assert found.interval.std_error == pytest.approx(2 / 3)
    assert limits(found) == pytest.approx((6 - T9_95 * 2 / 3, 6 + T9_95 * 2 / 3), abs=1e-5)


def test_nine_clusters_are_counted_and_not_believed() -> None:
    nine = np.minimum(TEN_DEALERS, 8)
    for found, alone in (
        (
            mean_score(HALVES, nine, scale=(1, 10), confidence=0.95),
            mean_score(HALVES, None, scale=(1, 10), confidence=0.95),
        ),
        (net_score(HALVES, nine, confidence=0.95), net_score(HALVES, None, confidence=0.95)),
        (share_score(HALVES > 5, nine, confidence=0.95), share_score(HALVES > 5, None, confidence=0.95)),
    ):
        assert (found.clusters, found.method) == (9, alone.method)
        assert asdict(found.interval) == asdict(alone.interval)


def test_a_share_is_wilsons_by_hand() -> None:
    found = share_score(np.repeat([True, False], [20, 30]), None, confidence=0.95)
    assert (found.method, found.clusters) == ("Wilson", 0)
    assert found.interval.estimate == pytest.approx(0.4)
    # Sum of squares 50 * 0.4 * 0.6 = 12.
    assert found.interval.std_error == pytest.approx((12 / 49 / 50) ** 0.5)
    assert limits(found) == pytest.approx(wilson_by_hand(0.4, 50, Z_95), abs=1e-5)


def test_a_share_by_cluster_is_wilsons_on_the_effective_answers_by_hand() -> None:
    found = share_score(HALVES == 8, TEN_DEALERS, confidence=0.95)
    assert (found.method, found.clusters) == ("Wilson, by cluster", 10)
    assert found.interval.std_error == pytest.approx(1 / 6)
    # Independent variance 0.25 / 49 against 1 / 36 between clusters; lowered from z to t with 9.
    effective = 50 * (0.25 / 49) / (1 / 36) * (Z_95 / T9_95) ** 2
    assert limits(found) == pytest.approx(wilson_by_hand(0.5, effective, Z_95), abs=1e-4)


def test_nine_promotes_seven_is_passive_and_six_detracts() -> None:
    found = net_score(np.array([10.0, 9.0, 8.0, 7.0, 6.0, 9.0, 8.0, 7.0]), None, confidence=0.95)
    # 3 promoters, 1 detractor of 8.
    assert found.interval.estimate == pytest.approx(25.0)
    # Squares: 4 answers of 1 in size, less 8 times 0.25 squared: 3.5.
    assert found.interval.std_error == pytest.approx(100 * (3.5 / 7 / 8) ** 0.5)
    assert (found.method, found.clusters) == ("adjusted Wald", 0)


def net_by_hand(plus: float, minus: float, rows: float) -> tuple[float, float]:
    """Agresti and Min: three pseudo-answers, then the Wald interval in points."""
    up, down = (plus * rows + 0.75) / (rows + 3), (minus * rows + 0.75) / (rows + 3)
    reach = Z_95 * ((up + down - (up - down) ** 2) / (rows + 3)) ** 0.5
    return 100 * (up - down - reach), 100 * (up - down + reach)


def test_a_net_score_is_adjusted_wald_by_hand() -> None:
    answers = survey()["recommend_0_10"].to_numpy(dtype=np.float64)
    found = net_score(answers, None, confidence=0.95)
    assert found.interval.estimate == pytest.approx(40.0)
    assert limits(found) == pytest.approx(net_by_hand(0.6, 0.2, 50), abs=1e-3)


def test_a_net_score_by_cluster_counts_effective_answers_by_hand() -> None:
    answers = np.repeat([9.0, 3.0], 25)
    found = net_score(answers, TEN_DEALERS, confidence=0.95)
    assert (found.method, found.clusters) == ("adjusted Wald, by cluster", 10)
    assert found.interval.std_error == pytest.approx(100 / 3)
    effective = 50 * (1 / 49) / (1 / 9) * (Z_95 / T9_95) ** 2
    assert limits(found) == pytest.approx(net_by_hand(0.5, 0.5, effective), abs=1e-3)


def dirichlet_by_draws(counts: np.ndarray, points: np.ndarray) -> tuple[float, float]:
    """The 2.5 and 97.5 % quantiles of the mean under 40,000 draws of p ~ Dirichlet(counts + 1 / K)."""
    draws = np.random.default_rng(7).dirichlet(counts + 1 / len(points), size=40_000) @ points
    low, high = np.quantile(draws, [0.025, 0.975])
    return float(low), float(high)


# An answer on the highest point must count, and points nobody chose must be known on both sides.
SMALL = np.array([3.0, 7.0, 8.0, 8.0, 9.0, 9.0, 9.0, 10.0, 10.0, 10.0, 10.0, 6.0])


@pytest.mark.parametrize("scale", [(1, 10), (0, 10), (3, 10), (1, 12)])
def test_a_small_group_takes_a_dirichlet_over_the_whole_scale(scale: tuple[float, float]) -> None:
    found = mean_score(SMALL, None, scale=scale, confidence=0.95)
    points = np.arange(scale[0], scale[1] + 1)
    counts = np.array([(point == SMALL).sum() for point in points])
    assert (found.method, found.clusters) == ("Dirichlet", 0)
    assert found.interval.estimate == pytest.approx(99 / 12)
    assert limits(found) == pytest.approx(dirichlet_by_draws(counts, points), abs=0.03)


def test_a_small_group_by_cluster_takes_a_dirichlet_of_the_effective_answers() -> None:
    # Each of twelve dealers gives its answer twice: 24 answers worth 12 * 23 / 24 * 11 / 12, from z to t.
    found = mean_score(np.repeat(SMALL, 2), np.repeat(np.arange(12), 2), scale=(1, 10), confidence=0.95)
    points = np.arange(1, 11)
    each = (11 / 23) * 2 * (Z_95 / 2.200985) ** 2  # Student with 11 degrees of freedom
    counts = np.array([(point == SMALL).sum() for point in points])
    assert (found.method, found.clusters) == ("Dirichlet, by cluster", 12)
    assert limits(found) == pytest.approx(dirichlet_by_draws(each * counts, points), abs=0.03)


def test_the_confidence_of_a_small_group_is_the_one_asked_for() -> None:
    pairs = np.repeat(np.arange(12), 2)
    widths = []
    for confidence in (0.8, 0.95, 0.99):
        low, high = limits(mean_score(np.repeat(SMALL, 2), pairs, scale=(1, 10), confidence=confidence))
        widths.append(high - low)
    assert widths[0] < 0.75 * widths[1]
    assert widths[1] < 0.85 * widths[2]


def test_forty_nine_answers_are_few_and_fifty_are_not() -> None:
    assert mean_score(HALVES[1:], None, scale=(1, 10), confidence=0.95).method == "Dirichlet"
    assert mean_score(HALVES, None, scale=(1, 10), confidence=0.95).method == "Student t"


def test_one_average_of_items_among_whole_answers_takes_student() -> None:
    values = np.append(SMALL, 7.5)
    assert mean_score(values, None, scale=(1, 10), confidence=0.95).method == "Student t"


@pytest.mark.parametrize("scale", [(0.5, 10), (1, 10.5)])
def test_a_scale_with_broken_ends_takes_student_and_keeps_every_answer(scale: tuple[float, float]) -> None:
    found = mean_score(SMALL, None, scale=scale, confidence=0.95)
    assert (found.method, found.interval.estimate) == ("Student t", pytest.approx(99 / 12))


def test_student_limits_end_with_the_scale_and_not_before() -> None:
    wide = np.repeat([1.0, 9.0], 25)
    inside = mean_score(wide, None, scale=(1, 9), confidence=0.95)
    assert limits(inside) == pytest.approx((5 - T49_95 * 4 / 7, 5 + T49_95 * 4 / 7), abs=1e-5)
    at_ends = mean_score(np.repeat([1.0, 9.0], [1, 49]), None, scale=(1, 9), confidence=0.95)
    assert limits(at_ends)[1] == 9.0
    assert at_ends.interval.std_error == pytest.approx(0.16)


# --- The model: words ---------------------------------------------------------------------------------


def test_the_summary_of_everyone_word_by_word() -> None:
    assert ScoreModel().fit(survey()).summary() == (
        "Mean satisfaction: 6.00 [5.43, 6.57]. Net promoter score: 40 [16, 59]. "
        "Very satisfied customers: 0.00 [0.00, 0.07]. All intervals are 95 %. n = 50 answers, 0 rows set "
        "aside. This describes customers who answered; it holds for all customers only if the others are "
        "no different."
    )


def by_market() -> pd.DataFrame:
    """A: ten nines; B: ten fives; C: nine answers; three without a market, two without an answer."""
    return pd.DataFrame(
        {
            "overall": [9.0] * 10 + [5.0] * 10 + [7.0] * 9 + [8.0] * 3 + [np.nan] * 2,
            "market": ["A"] * 10 + ["B"] * 10 + ["C"] * 9 + [None] * 3 + ["A", None],
            "location_id": [f"D{row % 10}" for row in range(34)],
        }
    )


def test_the_table_by_segment_with_its_columns_and_kinds() -> None:
    table = ScoreModel(by="market", recommend_column=None).fit(by_market()).table()
    assert table.columns.tolist() == [
        *("segment", "term", "estimate", "std_error", "conf_low", "conf_high"),
        *("n", "clusters", "method", "verdict"),
    ]
    assert table["segment"].tolist() == ["A", "B", "C"] * 2
    assert table["term"].tolist() == ["csi_mean"] * 3 + ["top_box_share"] * 3
    assert table["estimate"].fillna(-1).tolist() == [9.0, 5.0, -1.0, 1.0, 0.0, -1.0]
    assert table["n"].tolist() == [10, 10, 9] * 2
    assert table["clusters"].tolist() == [10, 10, 9] * 2
    assert table["method"].tolist() == ["Dirichlet, by cluster"] * 2 + [""] + ["Wilson, by cluster"] * 2 + [
        ""
    ]
    assert table["verdict"].tolist() == ["", "", "too few"] * 2
    numbers = table[["estimate", "std_error", "conf_low", "conf_high"]]
    assert (numbers.dtypes == np.float64).all()
    assert table["n"].dtype == table["clusters"].dtype == np.int64


def test_segments_without_any_number_keep_their_kinds() -> None:
    table = ScoreModel(by="market", minimum_n=11, recommend_column=None).fit(by_market()).table()
    assert table["verdict"].tolist() == ["too few"] * 6
    assert (table[["estimate", "std_error", "conf_low", "conf_high"]].dtypes == np.float64).all()


def test_every_row_lost_has_its_reason_and_the_record_holds_the_settings() -> None:
    data = by_market()
    model = ScoreModel(
        by="market", recommend_column=None, minimum_n=9, confidence=0.9, scale=(0, 10), top_box=8
    )
    result = model.fit(data.assign(unused=1))
    record = result.provenance
    assert (record.model, record.n_rows, record.n_used) == ("ScoreModel", 34, 29)
    assert record.n_set_aside == {
        "no answer to the questions scored": 2,
        "no value of the segment column": 3,
    }
    assert record.settings == {
        "score_column": "overall",
        "recommend_column": None,
        "by": "market",
        "cluster_column": "location_id",
        "scale": (0, 10),
        "top_box": 8,
        "minimum_n": 9,
        "confidence": 0.9,
    }
    assert record.input_hash == hash_frame(data[["overall", "market", "location_id"]])
    assert (result.confidence, result.scale, result.top_box) == (0.9, (0, 10), 8)
    assert (result.minimum_n, result.by) == (9, "market")


def test_only_columns_that_were_used_are_in_the_hash() -> None:
    data = survey()
    assert ScoreModel().fit(data).provenance.input_hash == hash_frame(data[["overall", "recommend_0_10"]])
    assert ScoreModel().fit(data).provenance.n_set_aside == {}
    placed = survey(location_id="D1")
    found = ScoreModel(cluster_column=None).fit(placed)
    assert found.provenance.input_hash == hash_frame(data[["overall", "recommend_0_10"]])
    assert ScoreModel().fit(placed).provenance.input_hash == hash_frame(placed)


def test_the_settings_of_intervals_reach_every_score() -> None:
    data = survey(overall=np.repeat([4.0, 9.0], 25), location_id=[f"D{code}" for code in TEN_DEALERS])
    for confidence in (0.8, 0.95):
        table = ScoreModel(confidence=confidence).fit(data).table()
        overall = data["overall"].to_numpy()
        recommend = data["recommend_0_10"].to_numpy(dtype=np.float64)
        expected = [
            mean_score(overall, TEN_DEALERS, scale=(1, 10), confidence=confidence),
            net_score(recommend, TEN_DEALERS, confidence=confidence),
            share_score(overall == 9, TEN_DEALERS, confidence=confidence),
        ]
        assert table["term"].tolist() == ["csi_mean", "nps", "top_box_share"]
        for column in ("estimate", "std_error", "conf_low", "conf_high"):
            assert table[column].tolist() == [asdict(score.interval)[column] for score in expected]
    wide = ScoreModel(scale=(0, 20), recommend_column=None).fit(pd.DataFrame({"overall": SMALL})).table()
    expected_limits = limits(mean_score(SMALL, None, scale=(0, 20), confidence=0.95))
    assert (wide["conf_low"][0], wide["conf_high"][0]) == expected_limits


def test_clusters_count_in_their_segment_only() -> None:
    # Segment A holds dealers D5 to D9 of ten: five clusters, not ten.
    data = survey(location_id=[f"D{code}" for code in TEN_DEALERS], market=np.repeat(["B", "A"], 25))
    table = ScoreModel(by="market").fit(data).table()
    assert table["clusters"].tolist() == [5] * 6
    assert set(table["method"]) == {"Dirichlet", "adjusted Wald", "Wilson"}


def test_a_segment_too_small_still_counts_its_dealers() -> None:
    data = survey(market=["A"] * 46 + ["B"] * 4, location_id=["D1"] * 46 + ["D1", "D2", "D2", "D3"])
    data.loc[46:, "recommend_0_10"] = np.nan
    small = ScoreModel(by="market").fit(data).table().query("segment == 'B'")
    assert small["n"].tolist() == [4, 0, 4]
    assert small["clusters"].tolist() == [3, 0, 3]
    assert ScoreModel(by="market", cluster_column=None).fit(data).table()["clusters"].tolist() == [0] * 6


def test_an_index_that_repeats_and_segments_that_are_numbers_change_nothing() -> None:
    data = survey(year=np.repeat([2024, 2025], [20, 30]))
    expected = ScoreModel(by="year").fit(data).table()
    assert expected["segment"].tolist() == ["2024", "2025"] * 3
    pd.testing.assert_frame_equal(
        expected, ScoreModel(by="year").fit(data.set_index(np.zeros(50, dtype=int))).table()
    )


# --- The model: checks --------------------------------------------------------------------------------


def check(result: ScoreResult, name: str) -> list[object]:
    rows = result.checks().set_index("check").loc[[name]]
    assert len(rows) == 1
    return rows[["value", "threshold", "passed", "meaning"]].iloc[0].tolist()


def test_the_check_of_small_segments_on_both_sides() -> None:
    meaning = "no number is shown: it could be traced to persons and would say little"
    name = "segments with too few answers"
    model = {"by": "market", "recommend_column": None}
    assert check(ScoreModel(**model).fit(by_market()), name) == ["C", ">= 10 answers", False, meaning]
    assert check(ScoreModel(**model, minimum_n=9).fit(by_market()), name) == [
        *("none", ">= 9 answers", True),
        meaning,
    ]
    all_small = ScoreModel(**model, minimum_n=11).fit(by_market())
    assert check(all_small, name) == ["A, B, C", ">= 11 answers", False, meaning]


def test_the_check_of_independence_on_both_sides() -> None:
    meaning = "these intervals speak about the dealers in the data only, not about dealers like them"
    threshold = ">= 10 clusters per segment"

    def of(**columns: object) -> list[object]:
        return check(ScoreModel(by="market").fit(survey(**columns)), INDEPENDENT)

    market = np.repeat(["A", "B"], 25)
    assert of(market=market) == ["no cluster column", threshold, False, meaning]
    assert of(market=market, location_id=np.arange(50) % 10) == ["none", threshold, True, meaning]
    assert of(market=market, location_id=np.r_[np.arange(25) % 10, np.arange(25) % 9]) == [
        *("B", threshold, False),
        meaning,
    ]
    assert of(market=market, location_id=np.r_[[0] * 25, np.arange(25) % 2]) == [
        *("A, B", threshold, False),
        meaning,
    ]
    # A segment too small for a number has no interval to speak of.
    assert of(market=["A"] * 45 + ["B"] * 5, location_id=[*range(45), *[0] * 5]) == [
        *("none", threshold, True),
        meaning,
    ]


def test_a_segment_with_two_dealers_of_one_score_and_one_of_another_is_named_once() -> None:
    data = survey(location_id=["D1"] * 25 + ["D2"] * 25)
    data.loc[25:, "recommend_0_10"] = np.nan
    result = ScoreModel().fit(data)
    assert result.table()["clusters"].tolist() == [2, 1, 2]
    assert check(result, INDEPENDENT)[0] == "all"


def test_without_dealers_the_check_fails_even_where_no_interval_is_shown() -> None:
    result = ScoreModel().fit(survey().head(9))
    assert check(result, INDEPENDENT)[0] == "no cluster column"
    assert not check(result, INDEPENDENT)[2]


def test_the_check_of_missing_answers_on_both_sides() -> None:
    meaning = "they do not enter that score; nothing is filled in"
    data = survey()
    data.loc[:24, "overall"] = np.nan
    assert check(ScoreModel().fit(data), "answers without overall") == [25, "<= 25 (half)", True, meaning]
    assert check(ScoreModel().fit(data), "answers without recommend_0_10") == [
        *(0, "<= 25 (half)", True),
        meaning,
    ]
    data.loc[25, "overall"] = np.nan
    assert check(ScoreModel().fit(data), "answers without overall") == [26, "<= 25 (half)", False, meaning]
    assert check(ScoreModel().fit(data[["overall"]]), "answers without recommend_0_10") == [
        *("not in the table", "<= 12 (half)", False),
        meaning,
    ]


def test_a_question_left_out_has_no_check_and_the_other_keeps_its_own() -> None:
    first = ["segments with too few answers", INDEPENDENT]
    for settings, rest in (
        ({}, ["answers without overall", "answers without recommend_0_10"]),
        ({"recommend_column": None}, ["answers without overall"]),
        ({"score_column": None}, ["answers without recommend_0_10"]),
    ):
        assert ScoreModel(**settings).fit(survey()).checks()["check"].tolist() == first + rest


# --- One column for both questions --------------------------------------------------------------------


def test_one_column_for_both_questions_is_scored_on_its_scale_only() -> None:
    """On (1, 10) an answer of 0 passed as an answer to the other question and left the mean unseen."""
    twelve = pd.DataFrame({"recommend_0_10": [0] * 6 + [10] * 6})
    result = ScoreModel(score_column="recommend_0_10", scale=(0, 10)).fit(twelve)
    assert result.table()["estimate"].tolist() == pytest.approx([5.0, 0.0, 0.5])
    assert result.checks()["check"].tolist().count("answers without recommend_0_10") == 1
    with pytest.raises(ParameterError) as error:
        ScoreModel(score_column="recommend_0_10")
    assert str(error.value) == (
        "ScoreModel: recommend_0_10 is score_column and recommend_column, so scale must be (0, 10), got "
        "(1, 10). Next step: set scale=(0, 10), or one of the columns to None."
    )
    for scale in ((1, 10), (0, 11)):
        with pytest.raises(ParameterError, match="so scale must be"):
            ScoreModel(score_column="recommend_0_10", scale=scale)


# --- Errors word by word ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (
            {"confidence": 1.0},
            "ScoreModel: confidence must lie strictly between 0 and 1, got 1.0. "
            "Next step: write a share such as 0.95.",
        ),
        (
            {"minimum_n": 4},
            "ScoreModel: minimum_n must be 5 or more, got 4. "
            "Next step: raise minimum_n or leave the default.",
        ),
        *[
            (
                {"scale": scale},
                f"ScoreModel: scale must be (lowest, highest), got {scale!r}. "
                "Next step: write (1, 10) for answers from 1 to 10.",
            )
            for scale in ((10, 1), (5, 5), (1, float("inf")), (float("-inf"), 10), (float("nan"), 10))
        ],
        *[
            (
                {"scale": (1, 5), "top_box": top_box},
                f"ScoreModel: top_box must lie above 1 and not above 5, got {top_box}. "
                "Next step: set the lowest score that counts as top box on this scale.",
            )
            for top_box in (1, 6)
        ],
        (
            {"score_column": None, "recommend_column": None},
            "ScoreModel: score_column and recommend_column are both None. Next step: name one of them.",
        ),
    ],
)
def test_a_setting_out_of_range_is_refused_word_by_word(settings: dict[str, object], words: str) -> None:
    with pytest.raises(ParameterError) as error:
        ScoreModel(**settings)
    assert str(error.value) == words


def test_settings_at_their_borders_are_taken() -> None:
    model = ScoreModel(minimum_n=5, scale=(1, 5), top_box=5)
    assert model.fit(survey(overall=5).head(5)).table()["verdict"].tolist() == [""] * 3
    assert ScoreModel(scale=(1, 6)).lowest_top_box == 6


NO_COLUMN = (
    "How satisfied are the customers?: not answered by these data. The table has no column {}. Next step: "
    "correct the name in the settings, or map the column in cxlab.toml."
)
NOBODY = (
    "How satisfied are the customers?: not answered by these data. None of the {} in a segment. Next step: "
    "check the mapping of these columns in cxlab.toml."
)


@pytest.mark.parametrize(
    ("settings", "table", "words"),
    [
        ({}, survey()[[]], NO_COLUMN.format("overall, recommend_0_10")),
        ({"recommend_column": None}, survey()[["recommend_0_10"]], NO_COLUMN.format("overall")),
        # A default question that is absent is not what the reader must mend where another name is wrong.
        ({"score_column": "csi"}, survey()[["overall"]], NO_COLUMN.format("csi")),
        (
            {"score_column": "csi", "by": "market", "cluster_column": "house"},
            survey(),
            NO_COLUMN.format("csi, market, house"),
        ),
        ({}, survey().head(0), NOBODY.format("0 rows answers overall or recommend_0_10")),
        ({}, survey(overall=np.nan)[["overall"]], NOBODY.format("50 rows answers overall")),
        (
            {"by": "market"},
            survey(market=None),
            NOBODY.format("50 rows answers overall or recommend_0_10"),
        ),
    ],
)
def test_what_cannot_be_answered_is_said_word_by_word(
    settings: dict[str, object], table: pd.DataFrame, words: str
) -> None:
    with pytest.raises(NotAnswerableError) as error:
        ScoreModel(**settings).fit(table)
    assert str(error.value) == words


@pytest.mark.parametrize(
    ("table", "words"),
    [
        (
            [1, 2],
            "ScoreModel.fit: need a table, got list. Next step: pass a DataFrame such as tables.surveys.",
        ),
        (
            survey(overall=pd.Series([None, "good"] + ["bad"] * 48, dtype="object")),
            "overall: a score needs numbers, got object such as 'good'. "
            "Next step: recode the answers in cxlab.toml.",
        ),
        (
            survey(overall=pd.Series([None] * 50, dtype="object")),
            "overall: a score needs numbers, got object such as 'nothing'. "
            "Next step: recode the answers in cxlab.toml.",
        ),
        (
            survey(overall=[99.0, -1.0, 99.0, 77.0, 88.0] + [5.0] * 45),
            "overall: 5 answers lie outside 1 to 10, such as -1, 77, 88. "
            "Next step: declare missing-value codes in cxlab.toml, or set the scale.",
        ),
        (
            survey(recommend_0_10=[11] + [0] * 24 + [10] * 25),
            "recommend_0_10: 1 answers lie outside 0 to 10, such as 11. "
            "Next step: declare missing-value codes in cxlab.toml, or set the scale.",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_word_by_word(table: pd.DataFrame, words: str) -> None:
    with pytest.raises(FitError) as error:
        ScoreModel().fit(table)
    assert str(error.value) == words


@pytest.mark.parametrize("kind", ["Int64", "Float64", "int64[pyarrow]"])
def test_nullable_numbers_are_answers_and_their_gaps_none(kind: str) -> None:
    data = survey(overall=pd.array([None] * 10 + [9] * 40, dtype=kind))
    table = ScoreModel(recommend_column=None).fit(data).table()
    assert table["n"].tolist() == [40, 40]
    assert table["estimate"].tolist() == pytest.approx([9.0, 1.0])


def test_yes_and_no_are_a_scale_of_two() -> None:
    data = survey(overall=pd.array([True] * 30 + [False] * 10 + [None] * 10, dtype="boolean"))
    table = ScoreModel(recommend_column=None, scale=(0, 1)).fit(data).table()
    assert table["estimate"].tolist() == pytest.approx([0.75, 0.75])


def test_short_floats_lose_no_digits() -> None:
    short = survey(overall=np.resize([7, 8, 8], 50)).astype({"overall": "float32"})
    table = ScoreModel(recommend_column=None).fit(short).table()
    assert table["estimate"][0] == pytest.approx(383 / 50, rel=1e-14)
