"""Basic, excitement and performance items: found, not invented, and refused where one side is empty."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import NotAnswerableError, ParameterError
from cxlab.models.drivers.asymmetry import AsymmetryModel


def survey(n=4_000, sites=40, seed=1):
    rng = np.random.default_rng(seed)
    site = rng.integers(0, sites, n)
    ratings = np.clip(
        np.round(6 + 2 * rng.normal(size=(n, 3)) + 0.5 * rng.normal(size=sites)[site, None]), 1, 10
    )
    table = pd.DataFrame(ratings, columns=["rating_basic", "rating_gift", "rating_even"])
    table["location_id"] = np.array([f"D{number:03d}" for number in site])
    below, above = np.minimum(ratings - 5.5, 0), np.maximum(ratings - 5.5, 0)
    table["overall"] = 0.6 * below[:, 0] + 0.6 * above[:, 1] + 0.4 * ratings[:, 2] + rng.normal(size=n)
    return table


def test_the_three_kinds_of_items_get_their_names():
    table = AsymmetryModel().fit(survey()).table().set_index("term")
    assert table["class"].to_dict() == {
        "rating_basic": "basic",
        "rating_gift": "excitement",
        "rating_even": "performance",
    }
    assert table.loc["rating_basic", "slope_below"] == pytest.approx(0.6, abs=0.1)
    assert table.loc["rating_basic", "slope_above"] == pytest.approx(0.0, abs=0.1)


def test_incomplete_answers_are_set_aside_and_counted():
    table = survey()
    table.loc[:99, "rating_even"] = np.nan
    result = AsymmetryModel().fit(table)
    assert result.provenance.n_used == 3_900
    assert sum(result.provenance.n_set_aside.values()) == 100


def test_a_rating_that_nobody_gives_badly_gets_no_class():
    table = survey()
    table["rating_gift"] = table["rating_gift"].clip(lower=6)
    result = AsymmetryModel().fit(table)
    row = result.table().set_index("term").loc["rating_gift"]
    assert row["class"] == "not identified"
    assert np.isnan(row["estimate"])
    assert not result.checks()["passed"].all()


def test_too_few_answers_and_too_few_dealers_are_refused_with_the_number_needed():
    with pytest.raises(NotAnswerableError, match="80 are needed"):
        AsymmetryModel().fit(survey(n=60))
    with pytest.raises(NotAnswerableError, match="10 are needed"):
        AsymmetryModel().fit(survey(sites=5))
    with pytest.raises(ParameterError, match="margin"):
        AsymmetryModel(margin=-1.0)


def test_the_classical_index_points_the_same_way_for_true_asymmetry():
    boxes = AsymmetryModel().fit(survey()).penalty_reward().set_index("term")
    assert boxes.loc["rating_basic", "impact_asymmetry_index"] < -0.3
    assert boxes.loc["rating_gift", "impact_asymmetry_index"] > 0.3
    assert (boxes["index_std_error"] > 0).all()


def test_classes_and_boxes_stand_side_by_side_one_row_for_each_item():
    result = AsymmetryModel().fit(survey())
    beside = result.beside_boxes().set_index("term")
    assert beside["class"].to_dict() == result.table().set_index("term")["class"].to_dict()
    boxes = result.penalty_reward().set_index("term")["impact_asymmetry_index"]
    assert beside["impact_asymmetry_index"].equals(boxes.reindex(beside.index))


def test_summary_and_picture_name_every_item():
    result = AsymmetryModel().fit(survey())
    assert "basic: basic" in result.summary()
    labels = [text.get_text() for text in result.plot().get_yticklabels()]
    assert sorted(labels) == ["basic", "even", "gift"]
