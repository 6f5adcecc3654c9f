"""The rules of published tables: which rows, which columns, which words, on both sides of each border."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import ParameterError
from cxlab.core.publishing import (
    MINIMUM_VARIABLE,
    crossed,
    hidden_mask,
    hidden_rows,
    is_count,
    minimum_in_force,
    note_of,
    published,
)


@pytest.fixture(autouse=True)
def _no_other_minimum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CXLAB_MINIMUM", raising=False)


@pytest.mark.parametrize(
    ("text", "minimum"), [(None, 10), ("", 10), ("  ", 10), ("5", 5), (" 7 ", 7), ("10", 10), ("250", 250)]
)
def test_the_minimum_is_ten_or_what_is_set(
    text: str | None, minimum: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert MINIMUM_VARIABLE == "CXLAB_MINIMUM"
    if text is not None:
        monkeypatch.setenv("CXLAB_MINIMUM", text)
    assert minimum_in_force() == minimum


@pytest.mark.parametrize("text", ["few", "-7", "7.5", "1e1", "²", "5 0"])
def test_a_minimum_that_is_no_whole_number_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXLAB_MINIMUM", text)
    with pytest.raises(ParameterError) as problem:
        minimum_in_force()
    said = f"CXLAB_MINIMUM={text!r}: needs a whole number. Next step: unset it, or 10."
    assert str(problem.value) == said


@pytest.mark.parametrize("text", ["0", "4"])
def test_a_minimum_below_the_floor_is_refused(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CXLAB_MINIMUM", text)
    with pytest.raises(ParameterError) as problem:
        minimum_in_force()
    said = "groups under 5 persons are never shown. Next step: 10 is the default, 5 the floor."
    assert str(problem.value) == f"minimum={text}: {said}"


def test_counts_are_told_by_their_names() -> None:
    names = ["n", "answers", "n_", "n_churned", "nps", "N", "answers_share", "in_n", "persons", ""]
    assert [name for name in names if is_count(name)] == ["n", "answers", "n_", "n_churned"]


@pytest.mark.parametrize(("hidden", "rows"), [(0, "0 rows"), (1, "1 row"), (2, "2 rows"), (11, "11 rows")])
def test_the_note_says_how_many_rows(hidden: int, rows: str, monkeypatch: pytest.MonkeyPatch) -> None:
    said = "persons, or beside one that they would give away."
    assert note_of(hidden) == f"Not shown: {rows} of fewer than 10 {said}"
    monkeypatch.setenv("CXLAB_MINIMUM", "6")
    assert note_of(hidden) == f"Not shown: {rows} of fewer than 6 {said}"


NAN = float("nan")


@pytest.mark.parametrize(
    ("counts", "texts", "hidden"),
    [
        # Nothing to count, nothing to hide.
        ({}, {}, []),
        ({}, {"segment": ["a", "b", "c"]}, [0, 0, 0]),
        ({"n": []}, {"segment": []}, []),
        # Both sides of the border; a zero and a missing count are nobody.
        ({"n": [9]}, {}, [1]),
        ({"n": [10]}, {}, [0]),
        ({"n": [1, 30, 20]}, {}, [1, 0, 1]),
        ({"n": [0, NAN, 10]}, {}, [0, 0, 0]),
        ({"n": [9, 0, NAN, 40]}, {}, [1, 0, 0, 1]),
        ({"n": [9, NAN]}, {}, [1, 1]),
        ({"n": [10.5, 9.7, 30.2]}, {}, [1, 1, 0]),
        # The line is told by n, without it by the answers, without both by the largest count.
        ({"answers": [30, 20, 50], "n": [20, 30, 50], "n_lost": [50, 60, 3]}, {}, [1, 0, 1]),
        ({"n_lost": [50, 60, 3], "answers": [30, 20, 50]}, {}, [0, 1, 1]),
        ({"n_lost": [50, 60, 3], "n_kept": [70, 30, 80]}, {}, [0, 1, 1]),
        ({"n": [NAN, 3, 20, 30], "n_lost": [90, 3, 20, 30]}, {}, [0, 1, 1, 0]),
        # A small count whose n is missing is covered like any other.
        ({"n": [NAN, 40, 20], "n_lost": [3, 50, 60]}, {}, [1, 0, 1]),
        ({"n": [0.5, 40, 20]}, {}, [1, 0, 1]),
        # Two small counts of large groups: persons enough between them.
        ({"n": [500, 1, 300, 400], "n_lost": [3, 1, 30, 40]}, {}, [1, 1, 0, 0]),
        ({"n": [4, 6, 300]}, {}, [1, 1, 0]),
        ({"n": [4, 5, 300, 20]}, {}, [1, 1, 0, 1]),
        ({"n": [1, 8, 300, 20]}, {}, [1, 1, 0, 1]),
        # Rows of everybody are what is subtracted from; written as it may be, in any column.
        ({"n": [120, 100, 14, 6]}, {"segment": ["all", "a", "b", "c"]}, [0, 0, 1, 1]),
        ({"n": [11, 5, 12]}, {"segment": [" ALL ", "b", "c"]}, [0, 1, 1]),
        ({"n": [11, 5, 12]}, {"a": ["x", "y", "z"], "b": ["Total", "b", "c"]}, [0, 1, 1]),
        ({"n": [11, 5, 12]}, {"segment": ["everybody", "b", "c"]}, [0, 1, 1]),
        ({"n": [11, 5, 12]}, {"segment": ["overall", "b", "c"]}, [1, 1, 0]),
        ({"n": [7, 20, 30]}, {"segment": ["all", "b", "c"]}, [1, 0, 0]),
        # Each term, measure, question and part shares its persons out for itself.
        ({"n": [3, 14, 3, 14, 40]}, {"term": list("aabbb")}, [1, 1, 1, 1, 0]),
        ({"n": [3, 90, 14, 80]}, {"measure": list("aabb")}, [1, 1, 0, 0]),
        ({"n": [3, 90, 14, 80]}, {"question": list("aabb")}, [1, 1, 0, 0]),
        ({"n": [3, 90, 14, 80]}, {"part": list("aabb")}, [1, 1, 0, 0]),
        ({"n": [3, 90, 14, 80]}, {"segment": list("aabb")}, [1, 0, 1, 0]),
        ({"n": [3, 90, 14, 80]}, {"term": list("aaaa"), "part": list("xxyy")}, [1, 1, 0, 0]),
        # But where each row is a term of its own, they are one line.
        ({"n": [3, 90, 14]}, {"term": list("abc")}, [1, 0, 1]),
        ({"n": [3, 90, 14]}, {"term": ["first", "second", "third"]}, [1, 0, 1]),
        ({"n": [3, 90, 14, 80]}, {"term": list("aabb"), "part": list("xyxy")}, [1, 0, 1, 0]),
    ],
)
def test_which_rows_are_hidden(
    counts: dict[str, list[float]], texts: dict[str, list[str]], hidden: list[int]
) -> None:
    found = hidden_rows(counts, texts, minimum=10)
    assert found.dtype == bool
    assert found.astype(int).tolist() == hidden


def test_another_minimum_counts_for_rows() -> None:
    assert hidden_rows({"n": [6, 40, 50]}, {}, minimum=6).tolist() == [False, False, False]
    assert hidden_rows({"n": [6, 40, 50]}, {}, minimum=7).tolist() == [True, True, False]
    # 7 together are enough for 5, where 10 would ask for a third.
    assert hidden_rows({"n": [3, 4, 50]}, {}, minimum=5).tolist() == [True, True, False]


def test_only_numbers_count() -> None:
    words = pd.DataFrame({"n": ["3", "40"], "segment": ["a", "b"]})
    plain = pd.DataFrame({"estimate": [1.5, 2.5, 3.5]})
    for table in (words, plain, plain[:0]):
        found = hidden_mask(table)
        assert found.dtype == bool
        assert found.tolist() == [False] * len(table)
        shown, hidden = published(table)
        assert shown is table
        assert hidden == 0


def test_a_mask_is_made_of_what_stands_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    table = pd.DataFrame(
        {
            "n": pd.array([3, None, 14, 80, 30], dtype="Int64"),
            "segment": [None, "b", "c", "All", 5],
            "term": pd.Categorical(["x", "y", "x", "x", "x"]),
            7: [1, 2, 3, 4, 5],
        }
    )
    assert hidden_mask(table).tolist() == [True, False, True, False, False]
    monkeypatch.setenv("CXLAB_MINIMUM", "15")
    assert hidden_mask(table).tolist() == [True, False, True, False, False]
    monkeypatch.setenv("CXLAB_MINIMUM", "5")
    assert hidden_mask(table.assign(n=[5, 6, 7, 8, 9])).tolist() == [False] * 5
    for kind in ("int64[pyarrow]", "Float64", "float64"):
        counted = pd.DataFrame({"n": pd.Series([3, None, 14, 80], dtype=kind)})
        assert hidden_mask(counted).tolist() == [True, False, True, False]
    missing = pd.DataFrame({"n": [3, 90, 14, 80], "term": ["a", "a", None, None]})
    assert hidden_mask(missing).tolist() == [True, True, False, False]


def test_figures_and_times_are_emptied_and_names_are_not() -> None:
    table = pd.DataFrame(
        {
            "segment": ["a", "b", "c"],
            "n": [40, 3, 12],
            "estimate": [7.5, 8.0, 6.0],
            "known": [True, True, False],
            "kind": pd.Categorical(["x", "y", "x"]),
            "last": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"]),
            "seen": pd.to_datetime(["2024-05-01", "2024-05-02", "2024-05-03"], utc=True),
            "wait": pd.to_timedelta([1, 2, 3], unit="D"),
            "verdict": ["supported", "rejected", "undetermined"],
            "verdicts": ["supported", "rejected", "undetermined"],
        },
        index=[8, 8, 9],
    )
    before = table.copy()
    shown, hidden = published(table)
    assert hidden == 2
    assert type(hidden) is int
    pd.testing.assert_frame_equal(table, before)
    pd.testing.assert_frame_equal(shown[:1], before[:1], check_dtype=False)
    assert shown.index.tolist() == [8, 8, 9]
    assert shown.columns.tolist() == before.columns.tolist()
    emptied = {"n", "estimate", "known", "last", "seen", "wait"}
    assert {name for name in shown if shown[name].isna().any()} == emptied
    assert shown[[*emptied]].isna().to_numpy().tolist() == [[False] * 6, [True] * 6, [True] * 6]
    assert shown["verdict"].tolist() == ["supported", "too few", "too few"]
    for name in ("segment", "kind", "verdicts"):
        assert shown[name].tolist() == before[name].tolist()
    kept = ["estimate", "last", "seen", "wait"]
    assert shown[kept].dtypes.tolist() == before[kept].dtypes.tolist()
    assert str(shown["n"].dtype) == "Int64"


def test_two_columns_of_one_name_are_both_emptied() -> None:
    table = pd.DataFrame([["a", 40, 1.5, 2], ["b", 3, 2.5, 3], ["c", 12, 3.5, 4]])
    table.columns = ["segment", "n", "share", "share"]
    shown, hidden = published(table)
    assert hidden == 2
    assert shown.iloc[:, 1:].isna().to_numpy().tolist() == [[False] * 3, [True] * 3, [True] * 3]
    assert shown.iloc[:, 0].tolist() == ["a", "b", "c"]


def test_a_crossed_table_names_its_lines_and_its_totals(monkeypatch: pytest.MonkeyPatch) -> None:
    counts = pd.DataFrame([[20, 3], [30, 40]], index=[1, 2], columns=[2023, 2024])
    table = crossed(counts)
    assert table.index.tolist() == ["1", "2", "all"]
    assert table.columns.tolist() == ["2023", "2024", "all"]
    assert {str(dtype) for dtype in table.dtypes} == {"Int64"}
    assert table["all"].tolist() == [23, 70, 93]
    assert table.iloc[-1].tolist() == [50, 43, 93]
    assert table.isna().to_numpy().tolist() == [[True, True, False], [True, True, False], [False] * 3]
    monkeypatch.setenv("CXLAB_MINIMUM", "5")
    six = crossed(counts.replace(3, 6))
    assert six.to_numpy().tolist() == [[20, 6, 26], [30, 40, 70], [50, 46, 96]]


def test_a_crossed_table_of_nobody_is_shown() -> None:
    table = crossed(pd.DataFrame(columns=["2024Q1"]))
    assert table.to_numpy().tolist() == [[0, 0]]
    whole = crossed(pd.DataFrame({"2024Q1": pd.array([20, 30], dtype="Int64")}, index=["a", "b"]))
    assert whole.to_numpy().tolist() == [[20, 20], [30, 30], [50, 50]]


def test_shares_are_not_cut_to_counts() -> None:
    with pytest.raises(ParameterError, match="pass counts, not shares"):
        crossed(pd.DataFrame({"a": [20.5, 30.0]}))
    assert crossed(pd.DataFrame({"a": np.array([20.0, 30.0])}))["a"].tolist() == [20, 30, 50]
