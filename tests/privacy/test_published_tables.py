"""Every table that is shown, saved or put on a page hides small groups and what would give them away."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from bs4 import BeautifulSoup
from matplotlib.axes import Axes
from matplotlib.text import Text

import cxlab
from cxlab.core.errors import ParameterError
from cxlab.core.provenance import Provenance
from cxlab.core.publishing import MINIMUM_VARIABLE, crossed, hidden_rows, published
from cxlab.core.result import Result, checks_table, save_table
from cxlab.core.suppression import feasible_intervals, with_totals
from cxlab.reporting.tables import dress_tables

SIZES = {"Nord": 40, "Ost": 3, "Sued": 14, "West": 60}


@pytest.fixture(scope="module")
def answers() -> pd.DataFrame:
    market = np.repeat(list(SIZES), list(SIZES.values()))
    scores = np.random.default_rng(1).integers(5, 11, len(market))
    return pd.DataFrame({"overall": scores, "market": market})


@pytest.fixture(scope="module")
def result(answers: pd.DataFrame) -> cxlab.Result:  # type: ignore[name-defined]
    return cxlab.ScoreModel(by="market", recommend_column=None, cluster_column=None).fit(answers)


def figures_of(html: str, segment: str) -> list[str]:
    rows = [
        [cell.get_text() for cell in row.find_all("td")]
        for row in BeautifulSoup(html, "html.parser").select("tr")
    ]
    return [cell for row in rows if segment in row for cell in row if cell.replace(".", "").isdigit()]


def test_a_notebook_shows_neither_the_small_group_nor_the_one_beside_it(result: object) -> None:
    html = result._repr_html_()  # type: ignore[attr-defined]
    assert figures_of(html, "Ost") == figures_of(html, "Sued") == []
    assert "40" in figures_of(html, "Nord")
    assert "Not shown: 4 rows of fewer than 10 persons" in html


def test_what_is_saved_is_hidden_as_well(result: object, tmp_path: Path) -> None:
    result.save(tmp_path)  # type: ignore[attr-defined]
    saved = pd.read_csv(tmp_path / "table.csv").set_index("segment")
    assert saved.loc[["Ost", "Sued"], ["estimate", "n", "conf_low"]].isna().all().all()
    assert saved.loc[["Nord", "West"], "n"].tolist() == [40, 40, 60, 60]


def test_picture_and_summary_keep_to_what_the_table_shows(result: object) -> None:
    axes = result.plot()  # type: ignore[attr-defined]
    labels = " ".join(label.get_text() for label in axes.get_yticklabels())
    assert "Nord (n = 40)" in labels
    assert "n = 3" not in labels
    assert "n = 14" not in labels
    assert "Sued" not in result.summary()  # type: ignore[attr-defined]


def drawn_words(axes: Axes) -> str:
    axes.figure.canvas.draw()  # labels of ticks are made when drawn
    return " ".join(text.get_text() for text in axes.findobj(Text))


def test_no_picture_draws_a_small_group_whoever_wrote_it() -> None:
    """One place for all results: the drawing sees the rows only that may be shown."""

    @dataclass(frozen=True, eq=False, repr=False, kw_only=True)
    class Groups(Result):
        further: pd.DataFrame

        def summary(self) -> str:
            return "Groups."

        def plot(self, *, ax: Axes | None = None) -> Axes:
            axes = ax or plt.subplots()[1]
            axes.barh(self.estimates["segment"], self.estimates["n"])
            return axes

        def plot_further(self) -> Axes:
            axes = plt.subplots()[1]
            axes.barh(self.further["dealer"], self.further["answers"])
            axes.set_xlabel("answers")
            return axes

    table = pd.DataFrame({"segment": list(SIZES), "n": list(SIZES.values())})
    further = pd.DataFrame({"dealer": ["D1", "D2", "D3"], "answers": [50, 60, 70]})
    about = Provenance(model="Groups", n_rows=117, n_used=117)
    result = Groups(estimates=table, further=further, diagnostics=checks_table([]), provenance=about)
    words = drawn_words(result.plot())
    assert "Nord" in words
    assert "Ost" not in words
    assert "Sued" not in words
    assert "Not shown: 2 rows of fewer than 10 persons" in words
    assert len(result.table()) == 4
    few = further.assign(answers=[50, 9, 12])
    again = Groups(estimates=table[:1], further=few, diagnostics=checks_table([]), provenance=about)
    words = drawn_words(again.plot_further())
    assert "D2" not in words
    assert "D3" not in words
    assert words.count("Not shown: 2 rows") == 1
    whole = Groups(estimates=table[:1], further=further, diagnostics=checks_table([]), provenance=about)
    assert whole.plot_further().get_xlabel() == "answers"


def test_every_table_that_is_saved_is_hidden_beside_the_first(tmp_path: Path) -> None:
    few = pd.DataFrame(
        {"dealer": ["a", "b", "c"], "answers": [50, 9, 12], "last": pd.Timestamp("2024-05-01")}
    )
    save_table(tmp_path / "further.csv", few)
    saved = pd.read_csv(tmp_path / "further.csv")
    assert saved["answers"].isna().tolist() == [False, True, True]
    assert saved["last"].isna().tolist() == [False, True, True]


def test_a_table_of_waves_and_dealers_gives_no_small_count_away(answers: pd.DataFrame) -> None:
    counts = pd.DataFrame({"2024Q1": [20, 30, 50], "2024Q2": [3, 40, 60]}, index=["a", "b", "c"])
    table = crossed(counts)
    assert table.index.tolist() == ["a", "b", "c", "all"]
    assert table.columns.tolist() == ["2024Q1", "2024Q2", "all"]
    assert table["all"].tolist() == [23, 70, 110, 203]
    hidden = table.isna().to_numpy()
    assert hidden[0].tolist() == [True, True, False]
    low, high = feasible_intervals(with_totals(counts.to_numpy()), hidden)
    assert (high - low)[hidden].min() >= 10


def page(table: pd.DataFrame) -> str:
    soup = BeautifulSoup(f"<main>{table.to_html(index=False)}</main>", "html.parser")
    dress_tables(soup)
    return str(soup)


def test_a_frame_on_a_page_is_hidden_at_the_last_moment(answers: pd.DataFrame) -> None:
    counted = answers.groupby("market", as_index=False).agg(
        estimate=("overall", "mean"), n=("overall", "size")
    )
    html = page(counted)
    assert figures_of(html, "Ost") == figures_of(html, "Sued") == []
    assert "60" in figures_of(html, "West")
    assert "Not shown: 2 rows" in html


def test_a_page_without_small_groups_is_not_touched(answers: pd.DataFrame) -> None:
    counted = pd.DataFrame({"market": ["a", "b"], "n": [10, 0], "estimate": [1.5, np.nan]})
    html = page(counted)
    assert "hidden" not in html
    assert published(counted)[0] is counted


def test_a_total_beside_the_groups_does_not_give_the_small_one_away() -> None:
    table = pd.DataFrame({"segment": ["all", "a", "b", "c"], "n": [120, 100, 14, 6], "estimate": [1.0] * 4})
    shown, hidden = published(table)
    assert shown["n"].isna().tolist() == [False, False, True, True]
    assert hidden == 2


def test_a_small_count_inside_a_large_group_is_hidden_too() -> None:
    table = pd.DataFrame({"term": ["x", "y", "z"], "n": [500, 400, 300], "n_churned": [3, 60, 40]})
    assert published(table)[0]["n"].isna().tolist() == [True, False, True]


def test_terms_are_lines_of_their_own() -> None:
    hidden = hidden_rows(
        {"n": [40, 3, 14, 40, 30, 14]},
        {"segment": list("ABCABC"), "term": ["nps"] * 3 + ["csi_mean"] * 3},
        minimum=10,
    )
    assert hidden.tolist() == [False, True, True, False, False, False]


def test_the_minimum_can_be_set_and_never_below_the_floor(
    result: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = pd.DataFrame({"segment": list("abc"), "n": [6, 40, 50]})
    assert published(table)[1] == 2
    monkeypatch.setenv(MINIMUM_VARIABLE, "5")
    assert published(table)[1] == 0
    for wrong in ("4", "few"):
        monkeypatch.setenv(MINIMUM_VARIABLE, wrong)
        with pytest.raises(ParameterError):
            published(table)
