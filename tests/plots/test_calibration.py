"""The two pictures of a forecast: what is drawn is what the tables say."""

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest

mpl.use("agg")

from matplotlib import pyplot as plt

from cxlab.plots.calibration import plot_calibration, plot_gains

BINS = pd.DataFrame(
    {
        "mean_predicted": [0.02, 0.08, 0.21],
        "observed_share": [0.03, 0.07, 0.24],
        "conf_low": [0.01, 0.04, 0.18],
        "conf_high": [0.06, 0.11, 0.31],
        "n": [50, 50, 50],
    }
)


@pytest.fixture(autouse=True)
def _closed_figures():
    yield
    plt.close("all")


def test_calibration_draws_each_bin_with_its_limits_and_the_diagonal():
    axes = plot_calibration(BINS, title="Do they hold?", event="churn", note="n = 150")
    bars = axes.containers[0]
    points = bars.lines[0].get_xydata()
    np.testing.assert_allclose(points, BINS[["mean_predicted", "observed_share"]])
    limits = np.array([segment[:, 1] for segment in bars.lines[2][0].get_segments()])
    np.testing.assert_allclose(limits, BINS[["conf_low", "conf_high"]])
    diagonal = axes.lines[0].get_xydata()
    assert (diagonal[:, 0] == diagonal[:, 1]).all()
    assert axes.get_xlim() == axes.get_ylim()
    assert axes.get_xlim()[1] >= 0.31
    assert (axes.get_title(loc="left").strip(), axes.get_xlabel()) == ("Do they hold?", "predicted churn")


@pytest.mark.parametrize("factor", [0.1, 0.4, 1.0, 3.0])
def test_no_two_ticks_carry_the_same_rounded_label(factor):
    axes = plot_calibration(BINS.assign(**(BINS.iloc[:, :4] * factor)), title="t", event="churn")
    axes.figure.canvas.draw()
    labels = [tick.get_text() for tick in axes.get_xticklabels()]
    assert len(set(labels)) == len(labels)
    values = [float(label.rstrip("%")) / 100 for label in labels]
    np.testing.assert_allclose(values, axes.get_xticks(), atol=1e-9)


def test_gains_say_in_words_what_the_curve_shows():
    curve = pd.DataFrame({"contacted_share": [0.0, 0.1, 0.3, 1.0], "found_share": [0.0, 0.4, 0.7, 1.0]})
    axes = plot_gains(curve, title="Does it find them?", event="churners")
    words = " ".join(text.get_text() for text in axes.texts)
    assert "riskiest 10% hold 40% of all churners" in words
    assert "riskiest 30% hold 70% of all churners" in words


def test_a_given_axes_is_used_and_returned():
    given = plt.subplots()[1]
    assert plot_calibration(BINS, ax=given, title="t", event="churn") is given
    other = plt.subplots()[1]
    curve = pd.DataFrame({"contacted_share": [0.0, 1.0], "found_share": [0.0, 1.0]})
    assert plot_gains(curve, ax=other, title="t", event="churners") is other
