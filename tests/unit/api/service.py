"""The application of the tests: real routes, real database; jobs are trained in this process by the toy trainer."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.testclient import TestClient
from pydantic import TypeAdapter
from sqlalchemy import select

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.models import Base
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment
from lrsearch.settings import Settings
from lrsearch.training.toy_trainer import ToyTrainer

VARIABLES = ("DATABASE_URL", "REDIS_URL", "LRSEARCH_HOST", "LRSEARCH_AUTH", "LRSEARCH_DOWNLOADS")
"""What must not leak from the environment into the tests."""
URL = "http://127.0.0.1:8000"
EXPERIMENT: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "adam"},
    "batch_size": 32,
    "start_lr": 1e-4,
    "end_lr": 100.0,
    "steps": 60,
    "repeats": 2,
    "labels": {"team": "vision"},
}


def migrate(path: Path) -> None:
    database = Database(f"sqlite:///{path}")
    database.migrate()
    database.dispose()


def settings(home: Path, migrated: Path) -> Settings:
    """Settings with a copy of a migrated database; no broker."""
    shutil.copy(migrated, home / "lrsearch.db")
    return Settings(home=home)


def client_of(app: FastAPI) -> TestClient:
    """A client as a program on this machine; a failure of the service is an answer, not an exception."""
    return TestClient(app, base_url=URL, raise_server_exceptions=False)


def submit(client: TestClient, **changes: Any) -> str:
    """Submit a job; its id."""
    response = client.post("/v1/jobs", json=DOCUMENT | changes)
    assert response.status_code == 202, response.text
    return response.json()["job_id"]


def claim(database: Database, job_id: str) -> jobs.Claim:
    claim = jobs.claim(database, f"{job_id}-0", worker_id="test-1", lease_seconds=60, max_attempts=3)
    assert claim is not None
    return claim


def train(database: Database, claim: jobs.Claim) -> None:
    """What a worker does with a pack."""
    context = Context(ToyTrainer(), lambda records: jobs.record(database, claim, *records))
    EXPERIMENT.validate_python(claim.document).train(claim.trials, context)


def succeed(database: Database, job_id: str) -> None:
    """Run a job to its end."""
    held = claim(database, job_id)
    train(database, held)
    jobs.finish(database, held)


def stored(database: Database) -> dict[str, list[str]]:
    """Every row of every table, as text, to see that nothing changed."""
    with database.session() as session:
        return {
            table.name: sorted(str(tuple(row)) for row in session.execute(select(table)))
            for table in Base.metadata.sorted_tables
        }
