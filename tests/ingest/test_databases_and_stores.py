"""Tables from a real PostgreSQL, from SQLite, and from an object store: the same table as from a file."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from postgres_server import postgres, programs

import cxlab

sqlalchemy = pytest.importorskip("sqlalchemy", reason="SQLAlchemy is not installed (extra cxlab[database])")

ROWS = [
    ("R1", "0001", "2024-03-01 10:00:00", 7, 12.5, "fine"),
    ("R2", "0002", "2024-03-02 11:30:00", 99, None, None),
    ("R3", "NA", "2024-03-03 12:00:00", 9, 0.0, "100 % good: really"),
]
QUERY = "SELECT * FROM answers WHERE comment IS NULL OR comment LIKE '%o%' OR comment = 'fine'"
CODES = 'missing_codes = {overall = {99 = "refused"}}\n'


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    if programs() is None:
        pytest.skip("no PostgreSQL is installed on this machine")
    pytest.importorskip("psycopg", reason="the driver psycopg is not installed")
    with postgres() as (port, password):
        url = f"postgresql+psycopg://reader:{password}@127.0.0.1:{port}/postgres"
        with sqlalchemy.create_engine(url).begin() as connection:
            connection.exec_driver_sql(
                "CREATE TABLE answers (response_id text, customer_id text, answered_at timestamptz,"
                " overall numeric, wait_minutes double precision, comment text)"
            )
            values = [
                dict(zip("abcdef", (*row[:2], row[2] + "+00", *row[3:]), strict=True)) for row in ROWS
            ]
            insert = sqlalchemy.text("INSERT INTO answers VALUES (:a, :b, :c, :d, :e, :f)")
            connection.execute(insert, values)
        yield url


def asked(tmp_path: Path, url: str, query: str = QUERY, more: str = CODES) -> Path:
    (tmp_path / "cxlab.toml").write_text(
        f"[source]\nurl = '{url}'\n[surveys]\nquery = '''{query}'''\n{more}"
        '[privacy]\npseudonyms = "off"\n',
        encoding="utf-8",
    )
    return tmp_path


def held(surveys: pd.DataFrame) -> None:
    assert surveys["customer_id"].tolist() == ["0001", "0002", "NA"]
    assert surveys["answered_at"].tolist() == [pd.Timestamp(row[2]) for row in ROWS]
    assert surveys["overall"].fillna(0).tolist() == [7.0, 0.0, 9.0]
    assert surveys["wait_minutes"].fillna(-1).tolist() == [12.5, -1.0, 0.0]
    assert surveys["comment"].fillna("").tolist() == ["fine", "", "100 % good: really"]


def test_a_postgresql_table_is_read_as_it_is_stored(server: str, tmp_path: Path) -> None:
    tables = cxlab.load(asked(tmp_path, server))
    held(tables.surveys)
    assert tables.no_answer()["reason"].tolist() == ["refused"]


def test_the_password_comes_from_the_environment_and_is_never_printed(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    password = server.split(":")[2].split("@")[0]
    url = server.replace(password, "${SURVEY_PASSWORD}")
    assert "no variable SURVEY_PASSWORD" in "\n".join(cxlab.check(asked(tmp_path, url)).lines())
    monkeypatch.setenv("SURVEY_PASSWORD", password)
    held(cxlab.load(asked(tmp_path, url)).surveys)
    wrong = asked(tmp_path, url, query="SELECT * FROM nothing_here")
    printed = "\n".join(cxlab.check(wrong).lines())
    assert "nothing_here" in printed
    assert password not in printed
    monkeypatch.setenv("SURVEY_PASSWORD", "a-wrong-word")
    assert "a-wrong-word" not in "\n".join(cxlab.check(wrong).lines())


def test_a_query_that_would_change_the_database_changes_nothing(server: str, tmp_path: Path) -> None:
    assert not cxlab.check(asked(tmp_path, server, query="DELETE FROM answers", more="")).ok
    hidden = "WITH gone AS (DELETE FROM answers RETURNING *) SELECT * FROM gone"
    cxlab.check(asked(tmp_path, server, query=hidden))
    held(cxlab.load(asked(tmp_path, server)).surveys)


def test_sqlite_is_read_by_the_same_road(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "answers.db") as connection:
        connection.execute(
            "CREATE TABLE answers (response_id, customer_id, answered_at, overall, wait_minutes, comment)"
        )
        connection.executemany("INSERT INTO answers VALUES (?, ?, ?, ?, ?, ?)", ROWS)
    held(cxlab.load(asked(tmp_path, f"sqlite:///{tmp_path / 'answers.db'}")).surveys)


def test_more_rows_than_allowed_are_refused(tmp_path: Path) -> None:
    query = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT i FROM n"
    folder = asked(tmp_path, "sqlite://", query=query, more="[limits]\nrows = 100\n")
    assert "more than 100 rows" in "\n".join(cxlab.check(folder).lines())


def test_a_driver_that_is_missing_or_an_address_that_is_none_is_said(tmp_path: Path) -> None:
    absent = cxlab.check(asked(tmp_path, "oracle+oracledb://a:b@c/d", more=""))
    assert "not installed" in "\n".join(absent.lines())
    assert "needs a database address" in "\n".join(cxlab.check(asked(tmp_path, "just words")).lines())


def test_a_query_without_a_database_is_a_mistake_in_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "cxlab.toml").write_text('[surveys]\nquery = "SELECT 1"\n', encoding="utf-8")
    assert "surveys.query: needs  [source]" in "\n".join(cxlab.check(tmp_path).lines())


@pytest.fixture
def store() -> Iterator[str]:
    fsspec = pytest.importorskip("fsspec", reason="fsspec is not installed (extra cxlab[cloud])")
    memory = fsspec.filesystem("memory")
    text = "response_id,customer_id,answered_at,overall\nR1,0001,2024-03-01,7\n"
    memory.pipe("/bucket/2024/surveys.csv", text.encode())
    memory.pipe("/bucket/2024/cxlab.toml", b'title = "in a bucket"\n[privacy]\npseudonyms = "off"\n')
    memory.pipe("/bucket/2024/truth/surveys.csv", b"secret\n")
    memory.pipe("/bucket/2024/unrelated.csv", b"x" * 10_000)
    yield "memory://bucket/2024"
    memory.rm("/bucket", recursive=True)


def test_a_folder_in_an_object_store_is_loaded_like_a_local_one(store: str) -> None:
    tables = cxlab.load(store)
    assert (tables.title, tables.surveys["customer_id"].tolist()) == ("in a bucket", ["0001"])


def test_the_limit_holds_before_a_file_is_fetched(store: str) -> None:
    import fsspec

    config = b"[limits]\nfile_megabytes = 0.00001\n"
    fsspec.filesystem("memory").pipe("/bucket/2024/cxlab.toml", config)
    assert "file_megabytes" in "\n".join(cxlab.check(store).lines())


def test_a_store_that_is_not_there_is_a_finding_without_the_key(tmp_path: Path) -> None:
    printed = "\n".join(cxlab.check("nosuchstore://key:secret@bucket/a").lines())
    assert "cannot be read" in printed or "needs" in printed
    assert "secret" not in printed
