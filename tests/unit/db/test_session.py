"""Connections: one transaction a session, and one clear sentence for everything that is wrong with a database."""

from __future__ import annotations

import os
import socket
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeout

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.clock import database_time
from lrsearch.db.models import Worker
from lrsearch.errors import LrsearchError, Misconfigured, Unavailable


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database


def add_worker(session: object, name: str) -> None:
    values = {"worker_id": name, "host": "h", "pid": 1, "device": "cpu", "state": "idle"}
    session.execute(insert(Worker).values(started_at=database_time(), last_seen_at=database_time(), **values))  # type: ignore[attr-defined]


def count(db: Database) -> int:
    with db.session() as session:
        return session.execute(select(func.count()).select_from(Worker)).scalar_one()


def test_a_session_commits_at_its_end(db: Database) -> None:
    with db.session() as session:
        add_worker(session, "w")
    assert 1 == count(db)


def test_an_exception_undoes_the_whole_session_and_passes(db: Database) -> None:
    def half_done() -> None:
        with db.session() as session:
            add_worker(session, "w")
            raise KeyError

    with pytest.raises(KeyError):
        half_done()
    assert 0 == count(db)


def test_a_database_that_answers_passes_the_check(db: Database) -> None:
    db.check()
    assert db.head_is_current()
    db.require_head()


def test_sqlite_waits_for_locks_keeps_foreign_keys_and_writes_ahead(sqlite_url: str) -> None:
    with Database(sqlite_url) as db, db.engine.connect() as connection:
        found = [
            connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        ]
    assert ["wal", 1, 30000, 1] == found


def test_the_folder_of_an_sqlite_file_is_made(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'new' / 'folder' / 'lrsearch.db'}") as db:
        db.check()
    assert (tmp_path / "new" / "folder" / "lrsearch.db").is_file()


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("", "cannot be read"),
        ("secret-without-a-scheme", "cannot be read"),
        ("postgresql://u:secret@host:notaport/x", "cannot be read"),
        ("mysql://u:secret@h/x", "'mysql'"),
        ("postgresql+asyncpg://u:secret@h/x", "asyncpg"),
        ("sqlite://", "in memory"),
        ("sqlite:///:memory:", "in memory"),
    ],
)
def test_a_url_that_cannot_work_is_one_sentence_without_the_password(url: str, says: str) -> None:
    with pytest.raises(Misconfigured) as refused:
        Database(url)
    assert says in str(refused.value)
    assert "DATABASE_URL" in str(refused.value)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgres_means_psycopg_3(scheme: str) -> None:
    assert "psycopg" == Database(f"{scheme}://u:p@h/x").engine.dialect.driver


def complaint(url: str) -> LrsearchError:
    with Database(url) as db, pytest.raises(LrsearchError) as refused:
        db.check()
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)
    return refused.value


def test_a_server_that_is_away_is_unavailable() -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    fault = complaint(f"postgresql://u:secret@127.0.0.1:{port}/x")
    assert isinstance(fault, Unavailable)
    assert f"127.0.0.1:{port}" in str(fault)


@pytest.mark.service
def test_a_database_that_does_not_exist_is_misconfigured(postgres_url: str) -> None:
    fault = complaint(postgres_url + "_nowhere")
    assert isinstance(fault, Misconfigured)
    assert "does not exist" in str(fault)


def test_a_file_that_is_no_database_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "photo.jpg").write_bytes(b"\xff\xd8 not a database" * 100)
    fault = complaint(f"sqlite:///{tmp_path / 'photo.jpg'}")
    assert isinstance(fault, Misconfigured)
    assert "not a database" in str(fault)


def test_a_folder_that_is_a_file_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Misconfigured, match="file"):
        Database(f"sqlite:///{tmp_path / 'file' / 'lrsearch.db'}")


def test_a_folder_in_the_place_of_the_file_is_one_sentence(tmp_path: Path) -> None:
    fault = complaint(f"sqlite:///{tmp_path}")
    assert isinstance(fault, Misconfigured)


def test_a_database_without_tables_says_how_to_make_them(tmp_path: Path) -> None:
    with Database(f"sqlite:///{tmp_path / 'empty.db'}") as db:
        with pytest.raises(Misconfigured, match="lrsearch migrate"):
            jobs.find(db)
        assert not db.head_is_current()
        with pytest.raises(Misconfigured, match="older than this program"):
            db.require_head()


def test_a_writer_that_holds_the_lock_too_long_makes_the_database_unavailable(sqlite_url: str) -> None:
    def impatient(db: Database) -> None:
        with db.session() as session:
            session.execute(text("PRAGMA busy_timeout=10"))
            add_worker(session, "w")

    other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"))
    other.execute("BEGIN IMMEDIATE")
    with Database(sqlite_url) as db, pytest.raises(Unavailable, match="locked"):
        impatient(db)
    other.close()


@pytest.mark.service
def test_a_connection_the_server_cut_is_replaced(postgres_url: str) -> None:
    with Database(postgres_url) as db:
        with pytest.raises(Unavailable), db.session() as session:
            session.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))
        db.check()


def test_a_forked_child_opens_connections_of_its_own(db: Database) -> None:
    assert 0 == count(db)
    child = os.fork()
    if child == 0:
        try:
            is_apart = db.engine.pool.checkedin() == 0  # type: ignore[attr-defined]
            with db.session() as session:
                add_worker(session, "child")
            os._exit(0 if is_apart else 2)
        except BaseException:  # a child of pytest must never return into it
            os._exit(1)
    _, status = os.waitpid(child, 0)
    assert 0 == os.waitstatus_to_exitcode(status)
    assert 1 == count(db)


def test_a_pool_without_a_free_connection_is_told_as_unavailable(tmp_path: Path):
    with (
        Database(f"sqlite:///{tmp_path / 'full.db'}") as db,
        pytest.raises(Unavailable, match="in use"),
        db.faults_told(),
    ):
        raise PoolTimeout
