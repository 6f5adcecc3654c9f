"""One dealer's view of the tables: answers about it, its own customers, the whole history of both."""

import pandas as pd
import pytest

from cxlab.core.errors import ParameterError, TableError
from cxlab.ingest.tables import Tables


def network():
    day = pd.Timestamp("2025-03-01")
    customers = pd.DataFrame({"customer_id": ["A", "B"], "location_id": ["D1", "D2"]})
    surveys = pd.DataFrame(
        {
            "response_id": ["1", "2"],
            "customer_id": ["A", "B"],
            "location_id": ["D1", "D1"],
            "overall": [7, 4],
        }
    )
    events = pd.DataFrame(
        {
            "event_id": ["e1", "e2", "e3"],
            "customer_id": ["A", "B", "C"],
            "location_id": ["D2", "D2", "D2"],
            "occurred_at": day,
        }
    )
    contracts = pd.DataFrame({"contract_id": ["c1", "c2"], "customer_id": ["A", "B"]})
    frames = {"customers": customers, "surveys": surveys, "events": events, "contracts": contracts}
    return Tables.of(frames, None, title="network", scales={"overall": (1, 10)})


def test_a_dealer_sees_answers_about_it_and_the_customers_whose_home_it_is():
    dealer = network().only(location_id="D1")
    assert dealer.surveys["response_id"].tolist() == ["1", "2"], (
        "a visitor's answer speaks about this dealer"
    )
    assert dealer.customers["customer_id"].tolist() == ["A"]
    assert dealer.frame("contracts")["customer_id"].tolist() == ["A"]


def test_a_customers_history_at_other_dealers_stays_in_view():
    dealer = network().only(location_id="D1")
    assert dealer.frame("events")["event_id"].tolist() == ["e1", "e2"]
    assert dealer.engine.scalar("SELECT count(*) FROM events") == 2


def test_no_dealer_named_means_the_whole_network():
    tables = network()
    assert tables.only(location_id="") is tables


def test_an_unknown_dealer_is_refused_with_the_known_ones():
    with pytest.raises(ParameterError, match="Known are D1, D2"):
        network().only(location_id="D9")


def test_a_scale_is_read_from_the_declaration_and_never_guessed():
    assert network().only(location_id="D1").scale("overall") == (1, 10)
    with pytest.raises(ParameterError, match="not declared"):
        network().scale("rating_price")


def test_a_table_taken_out_is_a_copy_and_a_missing_one_is_named():
    tables = network()
    taken = tables.surveys
    taken.loc[0, "overall"] = 1
    assert tables.surveys.loc[0, "overall"] == 7
    with pytest.raises(TableError, match="there is no table 'complaints'"):
        tables.frame("complaints")
