"""Workers: signs of life, and those that do not obey."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.jobs import WorkerView
from tests.unit.jobs.tiny import running


def worker(name: str = "w1", *, state: str = "idle", pack_id: str | None = None) -> WorkerView:
    started_at = datetime(2026, 11, 22, 8, tzinfo=UTC)
    return WorkerView(name, "host", 4711, "cpu", state, pack_id, started_at, None)


def test_a_worker_that_was_seen_is_listed_with_what_it_does(db: Database) -> None:
    jobs.worker_seen(db, worker())
    jobs.worker_seen(db, worker(state="busy", pack_id="p-0"))
    (seen,) = jobs.workers(db)
    assert ("w1", "host", 4711, "cpu", "busy", "p-0") == (
        seen.worker_id,
        seen.host,
        seen.pid,
        seen.device,
        seen.state,
        seen.pack_id,
    )
    assert worker().started_at == seen.started_at
    assert seen.last_seen_at is not None
    assert timedelta(0) == seen.last_seen_at.utcoffset()


def test_a_worker_without_a_start_time_started_when_it_was_first_seen(db: Database) -> None:
    jobs.worker_seen(db, WorkerView("w", "host", 1, "cpu", "idle"))
    first = jobs.workers(db)[0].started_at
    jobs.worker_seen(db, WorkerView("w", "host", 1, "cpu", "idle"))
    assert first is not None
    assert first == jobs.workers(db)[0].started_at


def test_a_worker_that_was_not_seen_lately_is_not_up(db: Database) -> None:
    jobs.worker_seen(db, worker())
    assert [] == jobs.workers(db, alive_within_seconds=-1)


def test_a_worker_that_runs_a_cancelled_job_too_long_is_named_on_its_host_only(db: Database) -> None:
    taken = running(db)
    jobs.worker_seen(db, worker("w1", state="busy", pack_id=taken.pack_id))
    assert [] == jobs.disobedient(db, "host", after_seconds=-1)
    jobs.cancel(db, taken.job_id)
    assert ["w1"] == [found.worker_id for found in jobs.disobedient(db, "host", after_seconds=-1)]
    assert [] == jobs.disobedient(db, "host", after_seconds=10)
    assert [] == jobs.disobedient(db, "elsewhere", after_seconds=-1)
    jobs.close_cancelled(db, taken)
    assert [] == jobs.disobedient(db, "host", after_seconds=-1)
