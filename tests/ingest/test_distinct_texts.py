"""Repeated texts by their numbers: exactly the rows that a plain comparison finds, whatever the texts."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cxlab.ingest.distinct import fingerprints, often, repeated
from cxlab.ingest.typing_columns import _plain_keys

TEXTS = st.lists(st.one_of(st.none(), st.text(max_size=5), st.sampled_from(["", "A1", "1A", "ä", "A1 "])))


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(TEXTS)
def test_repeated_texts_are_those_that_pandas_finds(texts: list[str | None]) -> None:
    values = pd.Series(texts, dtype="str")
    expected = values.duplicated(keep=False) & values.notna()
    assert repeated(values).tolist() == expected.tolist()


def test_texts_that_collide_are_told_apart(monkeypatch) -> None:  # type: ignore[no-untyped-def]
    """Were all numbers equal, nothing but speed would be lost."""
    import cxlab.ingest.distinct as module

    monkeypatch.setattr(module, "fingerprints", lambda values: np.zeros(len(values), dtype=np.uint64))
    assert module.repeated(pd.Series(["a", "b", "a", None])).tolist() == [True, False, True, False]


def test_numbers_follow_the_letters_in_slices_too() -> None:
    values = pd.Series([f"C{k % 10}" for k in range(40)], dtype="str")
    numbers = fingerprints(values)
    assert len(set(numbers.tolist())) == 10
    assert (numbers == fingerprints(values.iloc[::-1])[::-1]).all()
    assert (fingerprints(values.iloc[13:29]) == numbers[13:29]).all()
    assert len(set(fingerprints(pd.Series([f"R{k}" for k in range(5_000)])).tolist())) == 5_000
    long = ["x" * k for k in range(40)]  # of one to five steps of eight letters
    assert len(set(fingerprints(pd.Series([*long, *("y" + text for text in long)])).tolist())) == 80


@pytest.mark.parametrize(
    ("keys", "plain"),
    [
        (["A1", "b_2", "x|y:z-1"], True),
        (["001", "7"], True),
        ([], True),
        (["A1", ""], False),
        (["A1", None], False),
        (["A 1"], False),
        (["ä1"], False),
        (["7", "B7"], True),
        (["-7"], True),
        (["7", "1e5"], False),
        (["7.0"], False),
    ],
)
def test_plain_keys_are_told_from_those_that_rules_look_at(keys: list[str | None], plain: bool) -> None:
    assert _plain_keys(pd.Series(keys, dtype="str")) is plain


@settings(max_examples=200, deadline=None, derandomize=True, database=None)
@given(st.lists(st.integers(0, 6)), st.integers(2, 5))
def test_often_counts_as_counting_does(numbers: list[int], times: int) -> None:
    expected = [numbers.count(number) >= times for number in numbers]
    assert often(np.array(numbers, dtype=np.uint64), times=times).tolist() == expected
