"""Membership of text columns is found in Arrow, and is what pandas finds."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.membership import is_in

TEXT = pd.Series(["D1", "D2", None, "", "D1", "ä"], dtype="str")


@pytest.mark.parametrize("kind", ["str", "object", "string"])
def test_a_value_is_found_where_pandas_finds_it_and_a_gap_is_found_nowhere(kind):
    among = pd.Series(["D1", "D1", None, "ä", "other"], dtype=kind)
    assert is_in(TEXT.astype(kind), among).tolist() == [True, False, False, False, True, True]


def test_numbers_and_an_index_are_looked_up_too():
    assert is_in(pd.Series([1.0, np.nan, 3.0]), pd.Series([3.0, np.nan])).tolist() == [False, False, True]
    assert is_in(pd.Index(["a", "b"]), pd.Index(["b"])).tolist() == [False, True]


def test_nothing_is_in_an_empty_column():
    assert not is_in(TEXT, pd.Series([], dtype="str")).any()
