"""The API with a real broker: messages arrive, and a broker that goes away stops nothing."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from api.main import create_app
from lrsearch import queue
from lrsearch.settings import Settings
from tests.servers.service import contention
from tests.servers.valkey import ValkeyServer
from tests.unit.api import service

pytestmark = pytest.mark.service


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "broker") as server:
        yield server


@pytest.fixture
def client(tmp_path: Path, database_url: str, broker: ValkeyServer) -> Iterator[TestClient]:
    servers = {"database_url": database_url, "redis_url": broker.url}
    settings = Settings(home=tmp_path).model_copy(update=servers)
    with service.client_of(create_app(settings)) as client:
        yield client


def test_a_submitted_job_lies_in_the_queue(client: TestClient) -> None:
    job_id = service.submit(client)
    assert [f"{job_id}-0"] == queue.waiting()


def test_a_replayed_submission_sends_no_second_message(client: TestClient) -> None:
    for _ in range(2):
        client.post("/v1/jobs", json=service.DOCUMENT, headers={"Idempotency-Key": "once"})
    assert 1 == len(queue.waiting())


def test_the_service_is_ready_while_the_broker_answers(client: TestClient, broker: ValkeyServer) -> None:
    ready = client.get("/readyz")
    assert (200, {"database": True, "migrations": True, "broker": True}) == (ready.status_code, ready.json()["checks"])
    broker.kill()
    assert (503, "/checks/broker") == (
        (away := client.get("/readyz")).status_code,
        away.json()["errors"][0]["pointer"],
    )
    broker.start()
    assert 200 == client.get("/readyz").status_code


def test_a_job_is_accepted_soon_while_the_broker_is_away(client: TestClient, broker: ValkeyServer) -> None:
    service.submit(client)
    broker.kill()
    began = time.monotonic()
    service.submit(client)
    assert time.monotonic() - began < 3 * contention()
    broker.start()
    job_id = service.submit(client)
    assert f"{job_id}-0" in queue.waiting()
