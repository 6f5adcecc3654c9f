"""Real data by configuration only: the public recipe runs, and the pages hold the published figures."""

import json
from pathlib import Path

import pytest

from cxlab.cli import main

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / ".." / "shared" / "data"
FOLDERS = ("airline_satisfaction", "olist_sample", "ibm_telco_churn", "comcast_complaints")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    absent = [name for name in FOLDERS if not (SHARED / name).is_dir()]
    if absent:
        pytest.skip(f"the public data sets {', '.join(absent)} are not beside the project")
    out = tmp_path_factory.mktemp("public")
    code = main(["batch", str(ROOT / "reports/public.yml"), "--data", str(SHARED), "--out", str(out)])
    assert code == 0, json.loads((out / "run.json").read_text())
    return {path.stem: path.read_text(encoding="utf-8") for path in out.glob("*.html")}


def test_each_public_set_has_its_pages_and_all_are_good(pages):
    assert {"index", "airline-drivers", "olist-drivers", "telco-churn"} <= set(pages)
    assert "not made" not in pages["index"]


def test_the_airline_page_leads_with_online_boarding_and_the_known_shares(pages):
    page = pages["airline-drivers"]
    for figure in ("online_boarding leads 14 drivers", "119,567", "0.152", "0.052", "0.046"):
        assert figure in page, figure
    assert "49 %" in page, "the ratings explain R2 0.488 of satisfaction"


def test_the_airline_page_says_that_answers_without_dates_cannot_be_linked(pages):
    page = pages["airline-drivers"]
    assert "the data can answer" in page
    assert "where late is" in page, "the delay on the answer's own row is set beside the score all the same"


def test_the_olist_page_sets_late_delivery_beside_the_review_score(pages):
    page = pages["olist-drivers"]
    assert "2.17" in page
    assert "4.28" in page
    assert "not answered by these data" in page, "there are no rating items to compare"


def test_the_telco_page_forecasts_as_well_as_can_honestly_be_done_and_claims_no_time_order(pages):
    page = pages["telco-churn"]
    assert "AUC 0.85" in page
    assert "no lifetime" in page


def test_the_comcast_page_counts_and_says_what_it_cannot_answer(pages):
    page = pages["comcast-complaints"]
    assert "76.8%" in page
    assert "2,224 complaints" in page
    answer = page[page.rindex("The answer in words") :]
    assert "76.8% of 2,224 complaints were resolved" in answer, (
        "what its columns can answer stands in the answer"
    )
    for question in ("What handling a complaint is worth", "What waiting for a resolution costs"):
        assert f"{question}: not answered by these data" in answer


def test_the_olist_page_on_complaints_says_that_there_are_none(pages):
    page = pages["olist-complaints"]
    assert "There is no table complaints" in page
    assert "To answer it: map [complaints] in cxlab.toml" in page
    assert "Whether a failure put right beats no failure: not answered by these data" in page
