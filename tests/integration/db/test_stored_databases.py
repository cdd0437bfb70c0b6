"""A database of every earlier migration upgrades with its data, and its jobs go on."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import numpy as np
import psycopg
import pytest
from sqlalchemy import make_url, update

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.clock import database_time
from lrsearch.db.models import Job
from lrsearch.errors import InvalidDocument
from lrsearch.status import JobStatus
from tests.servers.postgres import PostgresServer
from tests.unit.jobs.tiny import claimed, reap, submit, work

STORED = Path(__file__).with_name("stored")


def revisions(database: str) -> list[str]:
    return sorted(path.name.removesuffix(f".{database}.sql") for path in STORED.glob(f"*.{database}.sql"))


def only(db: Database, label: str) -> jobs.JobView:
    (job,) = jobs.find(db, label=f"is:{label}")[0]
    return jobs.get(db, job.job_id, with_result=True)


def goes_on(url: str, revision: str) -> None:
    with Database(url) as db:
        db.migrate()
        assert db.head_is_current()
        remembered = jobs.rule_insights(db)
        has_memory = revision >= "20261125_outcomes"
        assert [(1, 1)] * has_memory == [(view.answers, view.without_evidence) for view in remembered.rules]
        assert int(has_memory) == remembered.outcomes
        with db.session() as session:
            # the time limit of the stored running job counts from its first claim, which is long ago
            session.execute(update(Job).where(Job.started_at.is_not(None)).values(started_at=database_time()))
        for label in ("succeeded", "failed", "cancelled", "queued", "running"):
            assert JobStatus(label) == only(db, label).status
        succeeded = only(db, "succeeded")
        assert succeeded.result is not None
        assert [0, 1] == succeeded.result["numbers"]
        assert ["queued", "running", "succeeded"] == [
            event.data["status"] for event in jobs.events(db, succeeded.job_id) if event.kind == "status"
        ]
        with pytest.raises(InvalidDocument):
            submit(db, key="stored")
        losses = jobs.trial(db, only(db, "running").job_id, 0).arrays["losses"]
        np.testing.assert_array_equal([2.0, np.nan, np.inf], losses)
        for pack_id in reap(db):
            taken = claimed(db, pack_id)
            assert {1: "c" * 64} == taken.checkpoints or taken.attempt == 1
            assert work(db, taken)
        assert JobStatus.SUCCEEDED == only(db, "running").status == only(db, "queued").status
        jobs.delete(db, succeeded.job_id)


def test_a_stored_database_of_the_first_migration_is_there() -> None:
    assert "20261122_jobs" in revisions("sqlite")
    assert revisions("sqlite") == revisions("postgres")


@pytest.mark.parametrize("revision", revisions("sqlite"))
def test_a_stored_sqlite_database_upgrades_and_goes_on(revision: str, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "stored.db")
    connection.executescript((STORED / f"{revision}.sqlite.sql").read_text())
    connection.close()
    goes_on(f"sqlite:///{tmp_path / 'stored.db'}", revision)


@pytest.mark.service
@pytest.mark.parametrize("revision", revisions("postgres"))
def test_a_stored_postgres_database_upgrades_and_goes_on(revision: str, postgres: PostgresServer) -> None:
    url = postgres.create_database(is_migrated=False)
    plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
    with psycopg.connect(plain, autocommit=True) as connection:
        connection.execute((STORED / f"{revision}.postgres.sql").read_text().encode())
    goes_on(url, revision)
    postgres.drop_database(url)
