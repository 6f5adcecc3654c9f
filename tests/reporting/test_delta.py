"""A report beside an earlier run: what changed, and whether that is more than noise."""

import json

import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from nbformat.v4 import new_code_cell, new_markdown_cell
from notebook_builder import display, notebook, save

from cxlab.core.errors import ParameterError
from cxlab.reporting import make
from cxlab.reporting.batch import run_batch
from cxlab.reporting.delta import Figure, change_of, figures_of
from cxlab.reporting.recipe import read_recipe
from cxlab.reporting.run import Executed


def frame(mean, half=0.1, **more):
    given = {"term": ["csi_mean", "nps"], "estimate": [mean, 30.0], "conf_low": [mean - half, 20.0]}
    return pd.DataFrame({**given, "conf_high": [mean + half, 40.0], **more})


def executed(*frames):
    """A notebook after its run: each frame under a section of its own."""
    made = notebook(title="How satisfied?")
    for number, table in enumerate(frames):
        made.cells.append(new_markdown_cell(f"## Section {number}"))
        shown = display(html=table.to_html(index=False), plain="table")
        made.cells.append(new_code_cell("table", execution_count=1, outputs=[shown]))
    return made


@pytest.mark.parametrize("ratio", [1.0, 3.0])
def test_the_interval_of_a_change_holds_the_truth_as_often_as_it_promises(record_figure, ratio):
    """Two normal means with unequal errors; 20,000 pairs."""
    rng = np.random.default_rng(1)
    runs, errors = 20_000, (0.1, 0.1 * ratio)
    then, now = (rng.normal(mean, error, runs) for mean, error in zip((7.0, 7.3), errors, strict=True))
    half = [1.959964 * error for error in errors]
    held = []
    for a, b in zip(then, now, strict=True):
        first = Figure(estimate=a, conf_low=a - half[0], conf_high=a + half[0])
        second = Figure(estimate=b, conf_low=b - half[1], conf_high=b + half[1])
        _, low, high = change_of(first, second)
        held.append(low <= 0.3 <= high)
    coverage = float(np.mean(held))
    record_figure(
        f"coverage of a change, errors 1 : {ratio:g}", coverage, runs=runs, bound="0.945 to 0.955"
    )
    assert 0.945 <= coverage <= 0.955


def test_limits_that_are_not_symmetric_stay_so():
    then = Figure(estimate=0.10, conf_low=0.08, conf_high=0.20)
    now = Figure(estimate=0.30, conf_low=0.20, conf_high=0.32)
    change, low, high = change_of(then, now)
    assert change == pytest.approx(0.2)
    assert low == pytest.approx(0.2 - np.hypot(0.10, 0.10))
    assert high == pytest.approx(0.2 + np.hypot(0.02, 0.02))


def test_groups_that_differ_by_fewer_than_ten_persons_are_not_compared(monkeypatch, tmp_path):
    """The change and both sizes would tell what the few answered."""
    from cxlab.reporting import delta

    (tmp_path / "notebooks").mkdir()
    then = executed(frame(7.0, n=[100, 100]))
    (tmp_path / "notebooks" / "r.ipynb").write_text(json.dumps(then))
    monkeypatch.setattr(delta, "finished_record", lambda folder, name: {"made_at": "2026-03-01"})
    now = executed(frame(7.5, n=[103, 100]))
    found = delta.delta_of(now, earlier=tmp_path, name="r", data_hash="")
    assert [change.label for change in found.changes] == ["nps"]
    assert found.note == "Estimates not compared: 1, whose groups differ by fewer than 10 persons."
    now = executed(frame(7.5, n=[110, 100]))
    assert len(delta.delta_of(now, earlier=tmp_path, name="r", data_hash="").changes) == 2


def test_rows_are_found_by_section_and_label_and_what_stands_twice_is_left_out():
    figures = figures_of(executed(frame(7.0), frame(8.0), frame(9.0, term=["a", "a"])))
    assert figures["Section 0", "csi_mean"].estimate == 7.0
    assert figures["Section 1", "csi_mean"].estimate == 8.0
    assert not any(section == "Section 2" for section, _ in figures)


def test_a_suppressed_number_and_a_table_without_limits_are_no_figures():
    hidden = frame(7.0).astype(object)
    hidden.loc[0, "estimate"] = "too few"
    figures = figures_of(executed(hidden, pd.DataFrame({"term": ["a"], "estimate": [1.0]})))
    assert list(figures) == [("Section 0", "nps")]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """``runs(mean, month)``: one batch into a folder of that month, compared with an earlier one."""
    parameters = 'data: str = "../data"  # folder'
    save(notebook("pass", parameters=parameters, title="How?"), tmp_path / "notebooks" / "01_how.ipynb")
    (tmp_path / "data").mkdir()
    (tmp_path / "reports").mkdir()

    def runs(mean, month, *, earlier=None, data=None):
        (tmp_path / "data" / "a.csv").write_text(data or month)
        monkeypatch.setattr(
            make, "execute", lambda *_, **__: Executed(notebook=executed(frame(mean)), seconds=1.0)
        )
        recipe = tmp_path / "reports" / f"{month}.yml"
        compare = f"compare_with: {earlier}\n" if earlier else ""
        recipe.write_text(f"{compare}reports: [{{notebook: 01_how, parameters: {{data: '{{data}}'}}}}]")
        made = read_recipe(recipe, data=tmp_path / "data")
        out = tmp_path / "reports" / month
        run_batch(made, out=out)
        return BeautifulSoup((out / "01-how.html").read_text(), "html.parser").select_one(".changed")

    return runs


def test_the_page_tells_a_change_beyond_noise_from_one_within(project):
    assert project(7.0, "march") is None
    section = project(7.5, "april", earlier="march")
    assert "1 of 2 estimates moved by more than noise" in section.get_text()
    rows = [[cell.get_text() for cell in row.find_all("td")] for row in section.select("tbody tr")]
    assert rows[0][1:5] == ["csi_mean", "7.000", "7.500", "+0.500"]
    assert rows[0][-1] == "more than noise"
    assert rows[1][-1] == "within noise"


def test_the_same_data_are_not_compared_with_themselves(project):
    project(7.0, "march", data="same")
    assert "same data" in project(7.0, "april", earlier="march", data="same").get_text()


def test_a_report_that_the_earlier_run_lacks_says_so(project, tmp_path):
    project(7.0, "march")
    (tmp_path / "reports" / "march" / "records" / "01-how.json").unlink()
    assert "holds no such report" in project(7.5, "april", earlier="march").get_text()


def test_another_earlier_run_makes_the_report_anew(project, tmp_path):
    project(7.0, "march")
    project(7.4, "april", earlier="march")
    key = json.loads((tmp_path / "reports" / "april" / "run.json").read_text())["reports"][0]["key"]
    project(7.1, "march", data="corrected")
    project(7.4, "april", earlier="march")
    after = json.loads((tmp_path / "reports" / "april" / "run.json").read_text())["reports"][0]["key"]
    assert after != key


def test_a_folder_without_a_finished_run_is_refused(project):
    with pytest.raises(ParameterError, match="holds no finished run"):
        project(7.0, "april", earlier="march")
