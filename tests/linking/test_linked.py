"""The form of a link: what it shows, saves and keeps to itself; and the demo from file to link."""

import matplotlib.pyplot as plt
import pandas as pd
import pytest
from linking_oracle import exposure_row, snapshot_row, usable_events
from linking_world import make_frames, tables_of

import cxlab
from cxlab.linking.experiences import answers, experiences
from cxlab.linking.exposure import exposure
from cxlab.linking.snapshots import snapshots

STEPS = {"exposure": exposure, "experiences": experiences, "answers": answers, "snapshots": snapshots}


@pytest.fixture(scope="module")
def tables():
    return tables_of(make_frames(1, surveys=200, events=500))


@pytest.mark.parametrize("name", STEPS)
def test_every_step_returns_tables_that_add_up(name, tables):
    result = STEPS[name](tables)
    table = result.table()
    assert len(table) == result.provenance.n_used
    assert list(result.matches().columns) == ["table", "key", "rows", "matched", "share"]
    assert list(result.losses().columns) == ["table", "reason", "rows"]
    assert (result.matches()["matched"] <= result.matches()["rows"]).all()
    assert set(result.feature_blocks()["column"]) <= set(table.columns)
    assert result.provenance.model == name
    assert f"{len(table):,}" in result.summary()
    table.iloc[:, 0] = "changed"
    assert not (result.table().iloc[:, 0] == "changed").any()


def test_a_match_rate_is_the_share_of_keys_that_exist(tables):
    rates = exposure(tables).matches().set_index(["table", "key"])
    events = tables.frames["events"]["customer_id"].dropna()
    known = events.isin(tables.frames["customers"]["customer_id"])
    row = rates.loc[("events", "customer_id in customers")]
    assert (row["rows"], row["matched"], row["share"]) == (len(events), known.sum(), known.mean())
    assert 0 < row["share"] < 1


def test_a_saved_link_holds_no_row_about_a_customer(tables, tmp_path):
    folder = exposure(tables).save(tmp_path / "link")
    names = sorted(path.name for path in folder.iterdir())
    assert names == ["checks.csv", "losses.csv", "provenance.json", "summary.txt", "table.csv"]
    assert list(pd.read_csv(folder / "table.csv").columns) == ["table", "key", "rows", "matched", "share"]
    assert not any("R17" in path.read_text(encoding="utf-8") for path in folder.iterdir())


def test_a_notebook_shows_matches_and_losses_but_no_customer(tables):
    text = exposure(tables)._repr_html_()
    assert "no customer_id" in text
    assert "customer_id in customers" in text
    shown_ids = [name for name in tables.frames["surveys"]["response_id"] if f">{name}<" in text]
    assert shown_ids == []


@pytest.mark.parametrize("name", STEPS)
def test_the_picture_names_each_key_its_rate_and_n(name, tables):
    result = STEPS[name](tables)
    axes = result.plot()
    texts = [text.get_text() for text in axes.texts]
    assert len(texts) == len(result.matches())
    assert f"n = {result.provenance.n_used:,}" in axes.get_title(loc="left")
    for text, matched in zip(texts, reversed(result.matches()["matched"].tolist()), strict=True):
        assert f"({matched:,} of" in text
    plt.close(axes.figure)


def test_asking_for_a_link_that_the_data_cannot_give_is_no_error(tables):
    bare = cxlab.Tables.of({"surveys": tables.frames["surveys"]}, None, title="survey only")
    assert "not answered by these data" in cxlab.ask(exposure, bare).summary()


def test_the_demo_written_to_files_and_loaded_links_as_brute_force_does(tmp_path):
    demo = cxlab.simulate(customers=150, seed=3)
    demo.write(tmp_path)
    loaded = cxlab.load(tmp_path)
    linked = exposure(loaded).table()
    events = loaded.frames["events"]
    assert linked["n_events"].sum() > 500
    for place in range(0, len(linked), max(len(linked) // 15, 1)):
        answer = linked.iloc[place]
        mine = {
            "events": events[events["customer_id"] == answer["customer_id"]],
            "complaints": loaded.frames["complaints"],
        }
        expected = exposure_row(mine, usable_events(mine), answer, 90)
        for column in ("n_events", "open_complaints", "max_wait_minutes", "days_since_last_event"):
            assert linked[column].iloc[place] == pytest.approx(expected[column], nan_ok=True), column
    result = snapshots(loaded)
    table = result.table()
    assert table["churned"].isna().sum() == 0  # default cut-offs have closed windows
    assert table["cut_at"].nunique() == 4
    by_id = loaded.frames["customers"].set_index("customer_id", drop=False)
    for place in range(0, len(table), max(len(table) // 8, 1)):
        row = table.iloc[place]
        frames = {
            name: frame[frame["customer_id"] == row["customer_id"]]
            for name, frame in loaded.frames.items()
            if "customer_id" in frame
        }
        frames["surveys"] = frames["surveys"].rename(
            columns={"rating_booking": "rating_phone", "rating_billing": "rating_app"}
        )
        expected = snapshot_row(frames, usable_events(frames), by_id.loc[row["customer_id"]], row["cut_at"])
        for column, value in expected.items():
            if column in table and column != "survey_mean_rating":
                assert row[column] == value or row[column] == pytest.approx(value, nan_ok=True), column
