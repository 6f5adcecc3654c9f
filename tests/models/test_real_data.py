"""Real surveys: what leads at the airline, in Oddjob, ACSI and mobi; answers in docs/real-data.md."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import cxlab

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT / "../shared/data"
#: Themes of the 23 items of Oddjob Airways, by their wording.
THEMES = {
    "reliable": ("s1", "s2", "s3", "s4"),
    "comfort": ("s5", "s6", "s7", "s8"),
    "aircraft": ("s9", "s10", "s11", "s12", "s13"),
    "food": ("s15", "s16"),
    "staff": ("s14", "s17", "s18", "s19", "s20"),
    "easy": ("s21",),
    "entertainment": ("s22",),
    "value": ("s23",),
}


def folder(name: str) -> Path:
    if not (SHARED / name).is_dir():
        pytest.skip(f"the real files of {name} are absent")
    return SHARED / name


def spss(name: str) -> pd.DataFrame:
    reader = pytest.importorskip("pyreadstat", reason="reading .sav needs pyreadstat")
    table, _ = reader.read_sav(folder("spss_exports") / name)
    return table


@pytest.fixture(scope="module")
def airline() -> pd.DataFrame:
    config = ROOT / "data/public/airline/cxlab.toml"
    return cxlab.load(folder("airline_satisfaction"), config=config).surveys


@pytest.fixture(scope="module")
def mobi() -> pd.DataFrame:
    """Composites of the ECSI mobile phone survey, by the outer weights that seminr's own tests hold."""
    home = folder("ecsi_mobi")
    answers = pd.read_csv(home / "mobi.csv")
    weights = pd.read_csv(home / "reference/inner_weights_weights.csv", index_col=0)
    items = answers[weights.index]
    scores = ((items - items.mean()) / items.std()) @ weights
    return scores.assign(CUSCO=answers["CUSCO"], loyalty=answers[["CUSL1", "CUSL3"]].mean(axis=1))


def test_half_of_what_delay_goes_with_runs_past_all_ratings_of_the_airline(airline: pd.DataFrame) -> None:
    model = cxlab.MediationModel(
        facts=("arrival_delay_minutes",), steps={"arrival_delay_minutes": 30}, replicates=200
    )
    result = model.fit(airline)
    rows = result.table().set_index("part")
    assert rows.loc["total", "estimate"] == pytest.approx(-0.0224, abs=1e-4)
    assert rows.loc["direct", "share_of_total"] == pytest.approx(0.51, abs=0.01)
    paths = rows.loc["indirect"].set_index("item")["estimate"]
    assert paths.idxmin() == "rating_online_boarding"
    # The rating that asks about times carries none of it.
    assert paths["rating_departure_arrival_time"] > 0
    assert result.provenance.n_used == 119_204
    fitted = np.polyfit(
        airline.dropna()["arrival_delay_minutes"], airline.dropna()["overall"].astype(float), 1
    )
    assert 30 * fitted[0] == pytest.approx(rows.loc["total", "estimate"], rel=0.05)


def test_no_rating_of_the_airline_absorbs_the_delay_and_the_missing_guards_are_named(
    airline: pd.DataFrame,
) -> None:
    model = cxlab.MisattributionModel(
        kpis=("arrival_delay_minutes",),
        home=(("arrival_delay_minutes", "rating_departure_arrival_time"),),
        site_column=None,
        replicates=200,
    )
    result = model.fit(airline)
    cells = result.table().set_index("item")
    # Ruled out beyond 0.05 SD, although with 130,000 answers most cells differ from nothing.
    assert (cells["verdict"] == "rejected").all()
    assert cells["estimate"].idxmin() == "rating_in_flight_service"
    assert (cells["q_value"] < 0.05).sum() >= 9
    shares = result.by_kpi().set_index("part")["estimate"]
    assert shares["halo"] > 0.6
    failed = result.checks().query("not passed")["check"].tolist()
    assert "placebo: later measurements show nothing" in failed
    assert "misfit of one common mood" in failed


def test_private_travellers_weigh_the_network_and_business_travellers_boarding(
    airline: pd.DataFrame,
) -> None:
    rows = cxlab.ImportanceModel(replicates=100).compare(airline, by="type_of_travel").table()
    found = rows.pivot(index="term", columns="segment", values="estimate")
    assert found["Personal"].idxmax() == "rating_wifi"
    assert found["Business"].idxmax() == "rating_online_boarding"
    assert found.loc["rating_wifi", "Personal"] > 2 * found.loc["rating_wifi", "Business"]
    assert (rows.query("term == 'rating_wifi'")["verdict"] == "supported").all()


def test_ordered_ratings_keep_the_airlines_leader(airline: pd.DataFrame) -> None:
    some = airline.iloc[::10]
    scores = cxlab.ImportanceModel(replicates=100).fit(some)
    latent = cxlab.ImportanceModel(
        replicates=100, rating_kind="ordinal", outcome_kind="top_box", top_box=1
    ).fit(some)
    for result in (scores, latent):
        assert result.table()["term"].iloc[0] == "rating_online_boarding"
    assert latent.r_squared > scores.r_squared + 0.1


def test_oddjobs_themes_are_led_by_reliability_and_staff_and_blanks_change_little() -> None:
    table = spss("Oddjob.sav")
    table["satisfaction"] = table[["sat1", "sat2", "sat3"]].mean(axis=1)
    items = tuple(item for members in THEMES.values() for item in members)
    model = cxlab.ImportanceModel(
        outcome="satisfaction", drivers=items, groups=THEMES, cluster_column=None, replicates=100
    )
    complete = model.fit(table).table().set_index("term")
    assert complete["n"].iloc[0] == 793
    assert complete["estimate"].sum() == pytest.approx(0.471, abs=0.002)
    assert complete.index[0] == "reliable"
    blanks = replace(model, missing="em", experienced={}).fit(table).table().set_index("term")
    assert blanks["n"].iloc[0] == 1065
    assert blanks.index[0] == "reliable"
    assert (blanks["estimate"] - complete["estimate"]).abs().max() < 0.01
    assert complete.loc[["food", "entertainment"], "verdict"].tolist() == ["undetermined"] * 2
    score = cxlab.ScoreModel(cluster_column=None).fit(
        table.assign(overall=table["satisfaction"], recommend_0_10=table["nps"] - 1)
    )
    rows = score.table().set_index("term")
    assert rows.loc["nps", "estimate"] == pytest.approx(8.4507, abs=1e-4)


def test_a_typing_error_in_acsi_decides_the_answer_until_it_is_set_aside() -> None:
    table = spss("ACSI_Data.sav")
    model = cxlab.ImportanceModel(
        outcome="lvsat", drivers=("lvexpect", "lvvalue", "lvcomp"), cluster_column=None, replicates=100
    )
    as_it_is = model.fit(table).table().set_index("term")["estimate"]
    mended = model.fit(table[table["lvvalue"] < 100]).table().set_index("term")
    assert as_it_is.idxmax() == "lvexpect"
    assert mended["estimate"].idxmax() == "lvvalue"
    assert mended.loc["lvvalue", "estimate"] > 10 * as_it_is["lvvalue"]
    # Given expectation and value, who complained is less satisfied, by a little.
    assert mended.loc["lvcomp", "beta"] == pytest.approx(-0.038, abs=0.001)
    assert mended.loc["lvcomp", "verdict"] == "supported"


def test_slopes_of_the_mobi_composites_are_the_published_paths(mobi: pd.DataFrame) -> None:
    home = folder("ecsi_mobi") / "reference"
    paths = pd.read_csv(home / "inner_weights_coefficients.csv", index_col=0)["Satisfaction"]
    expected = pd.read_csv(home / "rsquared1.csv", index_col=0).loc["Rsq", "Satisfaction"]
    drivers = ("Image", "Expectation", "Value")
    result = cxlab.ImportanceModel(outcome="Satisfaction", drivers=drivers, cluster_column=None).fit(mobi)
    rows = result.table().set_index("term")
    assert rows["beta"][list(drivers)].to_numpy() == pytest.approx(
        paths[list(drivers)].to_numpy(), abs=1e-9
    )
    assert result.r_squared == pytest.approx(expected, abs=1e-9)
    assert rows.index[0] == "Image"
    assert (rows["verdict"] == "supported").all()


def test_complaint_handling_reaches_loyalty_along_satisfaction(mobi: pd.DataFrame) -> None:
    result = cxlab.MediationModel(
        facts=("CUSCO",), items=("Satisfaction",), outcome="loyalty", cluster_column=None
    ).fit(mobi)
    rows = result.table().set_index("part")
    assert rows.loc["indirect", "verdict"] == "supported"
    assert rows.loc["indirect", "share_of_total"] > 0.5
