"""The promise of days is a plateau that holds the true best and moves with its cost, never a single day."""

import numpy as np
import pandas as pd
import pytest

from cxlab.core.errors import NotAnswerableError
from cxlab.models.recovery.response_time import ResponseTimeModel

VALUE, COST, SLOPE = 400.0, 60.0, 0.09


def waiting(rng, n=2_500, *, slope=SLOPE):
    """Chance to stay falls by ``slope`` per unit of ln days; severe complaints wait longer, and leave."""
    severity = rng.integers(0, 5, n).astype(float)
    days = np.exp(1.6 + 0.2 * (severity - 2) + 0.8 * rng.normal(size=n))
    stays = rng.random(n) < np.clip(0.75 - 0.04 * (severity - 2) - slope * (np.log(days) - 1.6), 0, 1)
    return pd.DataFrame({"severity": severity, "resolved_days": days, "retained": stays.astype(float)})


@pytest.fixture(scope="module")
def cases():
    return waiting(np.random.default_rng(1))


def test_the_plateau_holds_the_true_best_and_says_that_one_day_is_not_known(cases):
    result = ResponseTimeModel(value_of_outcome=VALUE, cost_at_one_day=COST).fit(cases)
    # value x (a - slope ln t) - cost / t is best where cost / t = value x slope.
    best = COST / (VALUE * SLOPE)
    assert result.plateau.low < best < result.plateau.high
    assert result.plateau.best_low <= best <= result.plateau.best_high
    assert result.plateau.high > 1.5 * result.plateau.low, "one day would promise more than is known"
    assert "Any promise between" in result.headline()
    assert "one best day" in result.summary().split("claimed")[1]


def test_a_dearer_promise_moves_the_plateau_to_longer_days(cases):
    cheap, dear = (
        ResponseTimeModel(value_of_outcome=VALUE, cost_at_one_day=c).fit(cases) for c in (5, 500)
    )
    assert cheap.plateau.best < dear.plateau.best
    assert cheap.plateau.low < dear.plateau.low


def test_the_isotonic_option_lets_waiting_never_help():
    better_late = waiting(np.random.default_rng(2), slope=-0.1)
    free = ResponseTimeModel(monotone=False).fit(better_late)
    falling = ResponseTimeModel().fit(better_late)
    assert free.curve["falling"].iloc[-1] > free.curve["falling"].iloc[0] + 0.1
    assert (np.diff(falling.curve["falling"]) <= 1e-12).all()
    assert free.plateau.best > falling.plateau.best - 1e-9
    assert falling.table()["verdict"].iloc[-1] == "undetermined", (
        "waiting that helps supports no cost of waiting"
    )


def test_a_cost_of_waiting_is_supported_where_there_is_one(cases):
    row = ResponseTimeModel().fit(cases).table().iloc[-1]
    assert row["verdict"] == "supported"
    assert row["conf_low"] > 0


def test_few_resolved_complaints_draw_no_curve(cases):
    with pytest.raises(NotAnswerableError, match="300 are the least"):
        ResponseTimeModel().fit(cases.head(299))
