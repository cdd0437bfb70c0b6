"""Who works."""

from __future__ import annotations

from fastapi.testclient import TestClient

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.jobs import WorkerView


def test_workers_that_were_seen_are_listed(client: TestClient, database: Database) -> None:
    assert [] == client.get("/v1/workers").json()["items"]
    jobs.worker_seen(database, WorkerView("laptop-1", "laptop", 42, "cpu", "idle"))
    (worker,) = client.get("/v1/workers").json()["items"]
    assert ("laptop-1", "laptop", 42, "cpu", "idle", None) == tuple(
        worker[name] for name in ("worker_id", "host", "pid", "device", "state", "pack_id")
    )
    assert worker["last_seen_at"]
