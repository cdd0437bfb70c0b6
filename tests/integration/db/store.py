"""Writes `stored/<revision>.<database>.sql`: see `stored/README.md`."""

from __future__ import annotations

import sqlite3
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

from sqlalchemy import make_url

from lrsearch import jobs
from lrsearch.db import Database, migration
from lrsearch.db.repository import insight_rows
from lrsearch.experiments.outcomes import Advice, Outcome
from lrsearch.jobs import WorkerView
from tests.servers.postgres import PostgresServer
from tests.unit.jobs.tiny import done, record, running, submit

STORED = Path(__file__).with_name("stored")
OUTCOME = Outcome("7" * 32, "val_loss 0.2", "constant", 180, 0.1, float("inf"), 2.3, 100)
ADVICE = Advice("consensus", "loss", "suggestion", 0.1, 0.05, 0.2, "7" * 32, "digits_mlp", "digits", "adam")


def fill(url: str) -> None:
    """A database with a job of every state."""
    with Database(url) as db:
        db.migrate()
        jobs.worker_seen(db, WorkerView("w1", "host", 4711, "cpu", "busy"))
        succeeded = done(db, labels={"is": "succeeded"}, trials=2, key="stored")
        with db.session() as session:
            insight_rows.add_advice(session, succeeded.job_id, [ADVICE])
        submit(db, labels={"is": "queued"}, trials=3)
        half = running(db, labels={"is": "running"}, trials=2, lease_seconds=-1)
        jobs.record(db, half, replace(record(0, [2.0, float("nan"), float("inf")]), outcome=OUTCOME))
        jobs.record_checkpoint(db, half, 1, "c" * 64)
        failed = running(db, labels={"is": "failed"})
        jobs.fail(db, failed, error_type="data_unavailable", message="no data", traceback="Traceback ...")
        jobs.cancel(db, submit(db, labels={"is": "cancelled"}).job.job_id)


def sqlite_dump(folder: Path) -> str:
    """The statements that make the database again."""
    fill(f"sqlite:///{folder / 'stored.db'}")
    connection = sqlite3.connect(folder / "stored.db")
    dump = "\n".join(connection.iterdump()) + "\n"
    connection.close()
    return dump


def postgres_dump() -> str:
    """The statements that make the database again, without what only psql understands."""
    with PostgresServer.running() as server:
        url = server.create_database(is_migrated=False)
        fill(url)
        parsed = make_url(url)
        command = ["-h", str(parsed.host), "-p", str(parsed.port), "-U", str(parsed.username), str(parsed.database)]
        made = subprocess.run(
            [server.binaries / "pg_dump", "--inserts", "--no-owner", "--no-privileges", *command],
            check=True,
            capture_output=True,
            text=True,
        )
    lines = made.stdout.splitlines()
    return (
        "\n".join(
            line for line in lines if line and not line.startswith(("\\", "--", "SET ", "SELECT pg_catalog.set_config"))
        )
        + "\n"
    )


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        (STORED / f"{migration.head_revision()}.sqlite.sql").write_text(sqlite_dump(Path(name)))
    (STORED / f"{migration.head_revision()}.postgres.sql").write_text(postgres_dump())
