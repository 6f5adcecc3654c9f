"""The engine: portable macros, views of frames, files and queries, Parquet written whole or not."""

from pathlib import Path

import pandas as pd
import pytest

from cxlab.engine.duck import connect, quote_identifier, quote_text
from cxlab.engine.macros import moment


@pytest.fixture
def engine():
    opened = connect(threads=1)
    yield opened
    opened.close()


@pytest.mark.parametrize(
    ("earlier", "later", "days"),
    [
        ("2024-02-28 23:00:00", "2024-02-29 01:00:00", 2 / 24),  # one midnight, but two hours
        ("2024-02-29 01:00:00", "2024-02-28 23:00:00", -2 / 24),
        ("2024-02-28 00:00:00", "2024-03-01 00:00:00", 2.0),
        ("2024-01-01 00:00:00", "2024-01-01 00:00:00.000001", 1 / 86_400e6),
    ],
)
def test_an_age_is_exact_days_and_counts_no_midnights(engine, earlier, later, days):
    sql = f"SELECT cx_age(TIMESTAMP '{earlier}', TIMESTAMP '{later}')"
    assert engine.scalar(sql) == pytest.approx(days, rel=1e-12)


@pytest.mark.parametrize("days", [1, 7, 90])
def test_a_window_touches_the_slot_of_its_end_and_the_one_before(engine, days):
    """Whatever the moment, to the microsecond: an event in the window is in one of the two slots."""
    moments = pd.date_range("1969-09-01", periods=400, freq="11h").append(
        pd.DatetimeIndex([pd.Timestamp(0) + pd.Timedelta(days=90 * k, microseconds=us)
                          for k in (-1, 0, 1, 200) for us in (-1, 0, 1)])
    )  # fmt: skip
    back = [
        pd.Timedelta(0),
        pd.Timedelta(days=days),
        pd.Timedelta(days=days / 2),
        pd.Timedelta(microseconds=1),
    ]
    pairs = pd.DataFrame(
        [(end, end - gap) for end in moments for gap in back], columns=["stop", "happened"]
    )
    engine.view("pairs", pairs.astype("datetime64[us]"))
    missed = engine.scalar(
        f"SELECT count(*) FROM pairs WHERE cx_slot(happened, {days}) NOT IN "
        f"(cx_slot(stop, {days}), cx_slot(stop, {days}) - 1)"
    )
    assert missed == 0


def test_missing_and_nan_are_both_bad_and_a_bad_number_is_null(engine):
    values = "(VALUES (1, 4.0::DOUBLE), (2, 'NaN'::DOUBLE), (3, NULL)) AS t(id, x)"
    frame = engine.frame(f"SELECT id, cx_bad(x) AS bad FROM {values} ORDER BY id")
    assert frame["bad"].tolist() == [False, True, True]
    assert engine.scalar(f"SELECT avg(cx_number(x)) FROM {values}") == 4.0


def test_a_moment_is_written_to_the_microsecond(engine):
    stamp = pd.Timestamp("2025-12-31 23:59:59.999999")
    assert engine.frame(f"SELECT {moment(stamp.isoformat())} AS at")["at"].iloc[0] == stamp


def test_views_show_frames_files_and_queries(engine, tmp_path):
    engine.view("frame", pd.DataFrame({"a": [1, 2]}))
    path = engine.write("SELECT a FROM frame", tmp_path / "with space" / "part.parquet")
    engine.view("file", path)
    engine.view("pattern", str(tmp_path / "*" / "*.parquet"))
    engine.view("query", "SELECT a + 1 AS a FROM file")
    engine.view("chain", "WITH b AS (SELECT a FROM query) SELECT max(a) AS a FROM b")
    sums = [
        engine.scalar(f"SELECT sum(a) FROM {name}")
        for name in ("frame", "file", "pattern", "query", "chain")
    ]
    assert sums == [3, 3, 3, 5, 3]


def test_a_name_or_a_value_cannot_leave_its_quotes(engine):
    name = 'a" FROM x; DROP TABLE t; --'
    engine.view("odd", pd.DataFrame({name: ["O'Hara"]}))
    condition = f"{quote_identifier(name)} = " + quote_text("O'Hara")
    assert engine.scalar(f"SELECT count(*) FROM odd WHERE {condition}") == 1


def test_a_failed_write_leaves_the_old_file_and_nothing_else(engine, tmp_path):
    target = engine.write("SELECT 1 AS a", tmp_path / "t.parquet")
    with pytest.raises(Exception, match="boom"):
        engine.write(
            "SELECT CASE WHEN range > 5000 THEN error('boom') ELSE 1 END AS a FROM range(9999)", target
        )
    assert [path.name for path in tmp_path.iterdir()] == ["t.parquet"]
    assert engine.frame(f"SELECT a FROM read_parquet({quote_text(str(target))})")["a"].tolist() == [1]


def test_a_write_that_cannot_be_renamed_leaves_no_temporary_file(engine, tmp_path, monkeypatch):
    def refuse(self, target):
        raise OSError("disk is read-only now")

    monkeypatch.setattr(Path, "replace", refuse)
    with pytest.raises(OSError, match="read-only"):
        engine.write("SELECT 1 AS a", tmp_path / "t.parquet")
    assert list(tmp_path.iterdir()) == []


def test_the_session_is_utc_silent_and_bounded(engine):
    assert engine.scalar("SELECT current_setting('TimeZone')") == "UTC"
    assert not engine.scalar("SELECT current_setting('enable_progress_bar')")
    spill = Path(engine.scalar("SELECT current_setting('temp_directory')"))
    assert spill.exists()
    engine.close()
    assert not spill.exists()
