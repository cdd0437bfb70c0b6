"""Server-sent events: what happens to a job, as it happens, to every watcher."""

from __future__ import annotations

import json
import threading
import time
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient

from api.watch import POLL_SECONDS
from lrsearch import jobs
from lrsearch.db import Database
from tests.unit.api import service


def events_of(text: str) -> list[dict[str, Any]]:
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append({"id": int(fields["id"]), "event": fields["event"], "data": json.loads(fields["data"])})
    return found


@pytest.fixture
def finished(client: TestClient, database: Database) -> str:
    job_id = service.submit(client)
    service.succeed(database, job_id)
    return job_id


def test_the_events_of_a_finished_job_are_replayed_and_the_stream_ends(client: TestClient, finished: str) -> None:
    response = client.get(f"/v1/jobs/{finished}/events")
    events = events_of(response.text)
    assert "text/event-stream; charset=utf-8" == response.headers["content-type"]
    assert {"status", "trial"} <= {event["event"] for event in events}
    assert "succeeded" == [event["data"]["status"] for event in events if event["event"] == "status"][-1]
    assert sorted(event["id"] for event in events) == [event["id"] for event in events]


def test_last_event_id_replays_only_what_came_later(client: TestClient, finished: str) -> None:
    events = events_of(client.get(f"/v1/jobs/{finished}/events").text)
    middle = events[1]["id"]
    later = events_of(client.get(f"/v1/jobs/{finished}/events", headers={"Last-Event-ID": str(middle)}).text)
    assert events[2:] == later


def test_a_browser_that_has_seen_the_end_is_told_not_to_come_back(client: TestClient, finished: str) -> None:
    last = events_of(client.get(f"/v1/jobs/{finished}/events").text)[-1]["id"]
    assert 204 == client.get(f"/v1/jobs/{finished}/events", headers={"Last-Event-ID": str(last)}).status_code


@pytest.mark.parametrize("sent", ["x", "-1", str(2**63)])
def test_a_last_event_id_that_is_none_is_refused(client: TestClient, finished: str, sent: str) -> None:
    response = client.get(f"/v1/jobs/{finished}/events", headers={"Last-Event-ID": sent})
    assert (422, "header") == (response.status_code, response.json()["errors"][0]["in"])


def test_many_watchers_see_a_job_run_and_end_through_one_poller(
    app: FastAPI, client: TestClient, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    polls: list[int] = []
    read = app.state.watch._read  # the count of database polls is the promise that is tested
    monkeypatch.setattr(app.state.watch, "_read", lambda wanted: polls.append(len(wanted)) or read(wanted))
    job_id = service.submit(client)
    texts: list[str] = []
    watchers = [
        threading.Thread(target=lambda: texts.append(client.get(f"/v1/jobs/{job_id}/events").text)) for _ in range(8)
    ]
    began = time.monotonic()
    for watcher in watchers:
        watcher.start()
    time.sleep(0.3)
    service.succeed(database, job_id)
    for watcher in watchers:
        watcher.join(timeout=60)
    assert 8 == len(texts)
    assert 1 == len(set(texts))
    assert "succeeded" == events_of(texts[0])[-1]["data"]["status"]
    assert {1} == set(polls)
    assert len(polls) <= 2 + (time.monotonic() - began) / POLL_SECONDS  # of eight pollers there would be more


def test_the_stream_of_a_deleted_job_ends(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    texts: list[str] = []
    watcher = threading.Thread(target=lambda: texts.append(client.get(f"/v1/jobs/{job_id}/events").text))
    watcher.start()
    time.sleep(0.2)
    jobs.cancel(database, job_id)
    jobs.delete(database, job_id)
    watcher.join(timeout=60)
    assert 1 == len(texts)
