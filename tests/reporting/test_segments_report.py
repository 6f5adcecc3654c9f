"""The recipe of segments runs whole; a page that fell back says so."""

from pathlib import Path

import pytest

from cxlab.cli import main
from cxlab.simulation.simulate import simulate

RECIPE = Path(__file__).resolve().parents[2] / "reports/segments.yml"


@pytest.mark.statistics
def test_every_segment_gets_its_page_and_a_small_one_says_that_it_is_pooled(tmp_path):
    simulate(customers=10_000, seed=2025).write(tmp_path / "data")
    out = tmp_path / "pages"
    assert main(["batch", str(RECIPE), "--data", str(tmp_path / "data"), "--out", str(out)]) == 0
    pages = {path.stem: path.read_text(encoding="utf-8") for path in out.glob("03-churn-*.html")}
    assert set(pages) == {"03-churn-private", "03-churn-business", "03-churn-fleet"}
    assert "Segment private: a model of its own" in pages["03-churn-private"]
    assert "fewer than 100, so one model of all segments is used" in pages["03-churn-fleet"]
    assert "pooled, with the segment" in pages["03-churn-fleet"]
    assert "not made" not in (out / "index.html").read_text(encoding="utf-8")
