"""The forest plot draws what its frame says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest

from cxlab.plots.forest import forest


@pytest.fixture(autouse=True)
def _close_figures() -> Iterator[None]:
    import matplotlib.pyplot as plt

    yield
    plt.close("all")


def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "term": ["first", "second", "small"],
            "estimate": [3.0, 1.0, np.nan],
            "conf_low": [2.0, -0.5, np.nan],
            "conf_high": [4.5, 2.0, np.nan],
            "solid": [True, False, False],
            "text": ["", "", "too few"],
        }
    )


def test_every_row_has_its_interval_marker_and_figures_first_row_on_top() -> None:
    axes = forest(rows(), title="A title", x_label="points", note="n = 12", decimals=1, reference=0.0)
    lines, filled, hollow = axes.collections
    assert [segment[:, 0].tolist() for segment in lines.get_segments()] == [[2.0, 4.5], [-0.5, 2.0]]
    assert filled.get_offsets().tolist() == [[3.0, 0.0]]
    assert hollow.get_offsets().tolist() == [[1.0, 1.0]]
    assert axes.get_ylim()[0] > axes.get_ylim()[1]
    texts = [text.get_text() for text in axes.texts]
    assert texts == ["3.0  (2.0 to 4.5)", "1.0  (-0.5 to 2.0)", "too few", "n = 12"]
    assert [label.get_text() for label in axes.get_yticklabels()] == ["first", "second", "small"]
    assert axes.get_title(loc="left").startswith("A title")
    assert axes.get_xlabel() == "points"
    assert axes.lines[0].get_xdata() == [0.0, 0.0]


def test_it_draws_on_given_axes_and_leaves_the_frame_alone() -> None:
    import matplotlib.pyplot as plt

    given, frame = plt.subplots()[1], rows()
    assert forest(frame, title="t", x_label="x", ax=given) is given
    pd.testing.assert_frame_equal(frame, rows())


def test_no_text_is_cut_off() -> None:
    frame = rows().assign(term=["a very long name of a touchpoint, far too long", "b", "c"])
    axes = forest(frame, title="t", x_label="x", note="n = 1")
    figure = axes.figure
    figure.canvas.draw()
    inside = figure.bbox.padded(1.0)
    for text in [*axes.texts, *axes.get_yticklabels(), axes.xaxis.label]:
        box = text.get_window_extent()
        assert box.x0 >= inside.x0, text.get_text()
        assert box.x1 <= inside.x1, text.get_text()
        assert box.y0 >= inside.y0, text.get_text()


def test_a_frame_without_any_estimate_still_says_why() -> None:
    axes = forest(rows().iloc[2:], title="t", x_label="x")
    assert "too few" in [text.get_text() for text in axes.texts]
