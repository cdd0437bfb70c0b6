"""Submit, find, follow, cancel, delete, rerun."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from sqlalchemy import event

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import Unavailable
from tests.unit.api import service


def test_a_job_is_accepted_with_its_address_and_its_defaults_filled_in(client: TestClient) -> None:
    response = client.post("/v1/jobs", json=service.DOCUMENT)
    job = response.json()
    assert 202 == response.status_code
    assert f"/v1/jobs/{job['job_id']}" == response.headers["location"] == job["links"]["self"]
    assert ("queued", 120, "no worker is up") == (job["status"], job["progress"]["total"], job["waiting_because"])
    assert service.DOCUMENT["optimizer"] == job["document"]["optimizer"]
    assert ("exponential", 3600.0) == (job["document"]["ramp"], job["document"]["limits"]["wall_seconds"])


def test_the_stored_document_can_be_submitted_again_and_means_the_same(client: TestClient) -> None:
    first = client.post("/v1/jobs", json=service.DOCUMENT).json()["document"]
    second = client.post("/v1/jobs", json=first).json()["document"]
    assert first == second


def test_every_link_of_a_job_leads_somewhere(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    service.succeed(database, job_id)
    for name, path in client.get(f"/v1/jobs/{job_id}").json()["links"].items():
        method = "POST" if name in {"cancel", "rerun"} else "GET"
        assert client.request(method, path).status_code in {200, 202, 409}, name


def test_the_messages_are_sent_after_the_job_is_stored(app: FastAPI, client: TestClient, database: Database) -> None:
    found: list[str] = []

    def enqueue(pack_ids: Sequence[str]) -> None:
        found.extend(jobs.get(database, pack_id.rpartition("-")[0]).job_id for pack_id in pack_ids)

    app.state.enqueue = enqueue
    assert [service.submit(client)] == found


def test_a_broker_that_is_away_does_not_refuse_a_job(app: FastAPI, client: TestClient, database: Database) -> None:
    def enqueue(pack_ids: Sequence[str]) -> None:
        raise Unavailable("The broker does not answer.")

    app.state.enqueue = enqueue
    job_id = service.submit(client)
    assert [f"{job_id}-0"] == jobs.reap(database, resend_seconds=0, max_attempts=3)


def test_a_job_that_could_not_be_stored_is_not_accepted(client: TestClient, database: Database) -> None:
    def fail(connection: object) -> None:
        raise OSError("disk full")

    event.listen(database.engine, "commit", fail)
    response = client.post("/v1/jobs", json=service.DOCUMENT)
    event.remove(database.engine, "commit", fail)
    assert 500 == response.status_code
    assert [] == client.get("/v1/jobs").json()["items"]


def test_validate_only_estimates_and_stores_nothing(client: TestClient, database: Database) -> None:
    before = service.stored(database)
    response = client.post("/v1/jobs?validate_only=true", json=service.DOCUMENT)
    assert (200, {"updates": 120, "trials": 2, "estimated_seconds": None}) == (response.status_code, response.json())
    assert before == service.stored(database)


def test_the_estimate_tells_what_jobs_like_it_have_taken(client: TestClient, database: Database) -> None:
    service.succeed(database, job_id := service.submit(client))
    job = jobs.get(database, job_id)
    assert job.finished_at is not None
    assert job.started_at is not None
    took = (job.finished_at - job.started_at).total_seconds()

    def estimated(**changes: Any) -> float | None:
        document = service.DOCUMENT | changes
        return client.post("/v1/jobs?validate_only=true", json=document).json()["estimated_seconds"]

    assert pytest.approx(took, abs=0.06) == estimated()
    assert pytest.approx(10 * took, abs=0.06) == estimated(steps=600)
    assert estimated(batch_size=16) is None


def test_validate_only_makes_all_the_checks(client: TestClient) -> None:
    response = client.post("/v1/jobs?validate_only=true", json=service.DOCUMENT | {"batch_size": 10**6})
    assert (422, "/batch_size") == (response.status_code, response.json()["errors"][0]["pointer"])


def test_the_same_key_and_body_give_the_same_job_however_the_body_is_spaced(client: TestClient) -> None:
    headers = {"Idempotency-Key": "key-1", "content-type": "application/json"}
    first = client.post("/v1/jobs", content=json.dumps(service.DOCUMENT).encode(), headers=headers)
    turned = dict(reversed(service.DOCUMENT.items()))
    second = client.post("/v1/jobs", content=json.dumps(turned, indent=2).encode(), headers=headers)
    assert (202, 202) == (first.status_code, second.status_code)
    assert first.json()["job_id"] == second.json()["job_id"]
    assert (None, "true") == tuple(one.headers.get("idempotent-replayed") for one in (first, second))
    assert 1 == len(client.get("/v1/jobs").json()["items"])


def test_the_same_key_with_another_body_is_refused(client: TestClient) -> None:
    headers = {"Idempotency-Key": "key-1"}
    client.post("/v1/jobs", json=service.DOCUMENT, headers=headers)
    response = client.post("/v1/jobs", json=service.DOCUMENT | {"seed": 1}, headers=headers)
    assert (422, "idempotency_key_reused") == (response.status_code, response.json()["errors"][0]["rule"])
    assert 1 == len(client.get("/v1/jobs").json()["items"])


def test_a_key_that_is_no_key_is_refused(client: TestClient) -> None:
    for key in ("", "x" * 256, "a b"):
        response = client.post("/v1/jobs", json=service.DOCUMENT, headers={"Idempotency-Key": key})
        assert (422, "header", "/Idempotency-Key") == (
            response.status_code,
            *(response.json()["errors"][0][name] for name in ("in", "pointer")),
        )


def test_pages_hold_every_job_once_newest_first(client: TestClient) -> None:
    made = [service.submit(client) for _ in range(5)]
    found: list[str] = []
    token: str | None = ""
    while token is not None:
        page = client.get("/v1/jobs", params={"limit": 2} | ({"page_token": token} if token else {})).json()
        found += [job["job_id"] for job in page["items"]]
        token = page["next_page_token"]
    assert made[::-1] == found


def test_filters_find_by_kind_status_label_and_time(client: TestClient) -> None:
    one, other = service.submit(client), service.submit(client, labels={"team": "speech"})
    client.post(f"/v1/jobs/{one}/cancel")

    def ids(**filters: str) -> list[str]:
        return [job["job_id"] for job in client.get("/v1/jobs", params=filters).json()["items"]]

    assert [other, one] == ids(kind="range_test")
    assert [] == ids(kind="sweep")
    assert [one] == ids(status="cancelled")
    assert [other] == ids(label="team:speech")
    assert [other, one] == ids(created_after="2020-01-01T00:00:00Z", created_before="9000-01-01T00:00:00+02:00")
    assert [] == ids(created_before="2020-01-01T00:00:00Z")


def test_an_unchanged_job_answers_304_and_a_changed_one_does_not(client: TestClient) -> None:
    job_id = service.submit(client)
    tag = client.get(f"/v1/jobs/{job_id}").headers["etag"]
    for sent in (tag, f'W/{tag}, "other"', "*"):
        response = client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": sent})
        assert (304, b"", tag) == (response.status_code, response.content, response.headers["etag"])
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert 200 == client.get(f"/v1/jobs/{job_id}", headers={"If-None-Match": tag}).status_code


def test_retry_after_is_said_until_the_job_has_finished(client: TestClient) -> None:
    job_id = service.submit(client)
    assert "1" == client.get(f"/v1/jobs/{job_id}").headers["retry-after"]
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert "retry-after" not in client.get(f"/v1/jobs/{job_id}").headers


def test_a_finished_job_shows_verdict_and_suggestion(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    service.succeed(database, job_id)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert ("succeeded", 1, {"verdict", "suggestion"}) == (job["status"], job["attempt"], set(job["summary"]))
    assert job["progress"]["done"] == job["progress"]["total"]


def test_a_running_job_shows_progress_and_seconds_to_go(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    held = service.claim(database, job_id)
    assert client.get(f"/v1/jobs/{job_id}").json()["progress"]["eta_seconds"] is None
    jobs.renew(database, held, lease_seconds=60, done=30, total=120)
    job = client.get(f"/v1/jobs/{job_id}").json()
    assert ("running", 30, 120) == (job["status"], job["progress"]["done"], job["progress"]["total"])
    assert job["progress"]["eta_seconds"] >= 0


def test_a_failed_job_says_why(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    jobs.fail(database, service.claim(database, job_id), error_type="data_unavailable", message="No copy of it.")
    error = client.get(f"/v1/jobs/{job_id}").json()["error"]
    assert ("data_unavailable", "No copy of it.") == (error["type"], error["message"])


def test_cancelling_twice_is_the_same_as_once(client: TestClient) -> None:
    job_id = service.submit(client)
    answers = [client.post(f"/v1/jobs/{job_id}/cancel") for _ in range(2)]
    assert [(200, "cancelled")] * 2 == [(one.status_code, one.json()["status"]) for one in answers]


def test_a_running_job_is_asked_to_stop(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    held = service.claim(database, job_id)
    job = client.post(f"/v1/jobs/{job_id}/cancel").json()
    assert ("running", True) == (job["status"], job["cancel_requested"])
    assert jobs.renew(database, held, lease_seconds=60, done=1, total=120).should_cancel


def test_a_failed_job_cannot_be_cancelled(client: TestClient, database: Database) -> None:
    job_id = service.submit(client)
    jobs.fail(database, service.claim(database, job_id), error_type="x", message="x")
    assert (409, "failed") == (
        (response := client.post(f"/v1/jobs/{job_id}/cancel")).status_code,
        response.json()["errors"][0]["value"],
    )


def test_only_a_finished_job_can_be_deleted(client: TestClient) -> None:
    job_id = service.submit(client)
    refused = client.delete(f"/v1/jobs/{job_id}")
    assert (409, "queued") == (refused.status_code, refused.json()["errors"][0]["value"])
    client.post(f"/v1/jobs/{job_id}/cancel")
    assert [204, 404] == [client.delete(f"/v1/jobs/{job_id}").status_code for _ in range(2)]


def test_a_rerun_is_a_new_job_with_the_same_document_and_a_link(client: TestClient) -> None:
    job_id = service.submit(client)
    response = client.post(f"/v1/jobs/{job_id}/rerun")
    again = response.json()
    assert (202, job_id, False) == (response.status_code, again["rerun_of"], again["job_id"] == job_id)
    assert client.get(f"/v1/jobs/{job_id}").json()["document"] == again["document"]
