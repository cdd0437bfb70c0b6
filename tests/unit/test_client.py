"""The client against the real application, without a network in between."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

import httpx2
import pytest
from fastapi import FastAPI

from api.main import create_app
from lrsearch.client import Client, ServiceError
from lrsearch.errors import Unavailable
from tests.unit.api import service


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    home = tmp_path_factory.mktemp("home")
    service.migrate(home / "template.db")
    return create_app(service.settings(home, home / "template.db"))


@pytest.fixture(scope="module")
def client(app: FastAPI) -> Iterator[Client]:
    with service.client_of(app) as http:
        yield Client(http=http)


@pytest.fixture(scope="module")
def finished(client: Client, app: FastAPI) -> str:
    job_id = client.submit(service.DOCUMENT)["job_id"]
    service.succeed(app.state.database, job_id)
    return job_id


def test_a_submitted_job_can_be_read(client: Client) -> None:
    job = client.submit(service.DOCUMENT)
    assert job["job_id"] == client.job(job["job_id"])["job_id"]


def test_the_same_key_gives_the_same_job(client: Client) -> None:
    jobs = [client.submit(service.DOCUMENT, idempotency_key="once") for _ in range(2)]
    assert jobs[0]["job_id"] == jobs[1]["job_id"]


def test_an_estimate_stores_nothing(client: Client) -> None:
    before = len(client.jobs(limit=500))
    assert 120 == client.estimate(service.DOCUMENT)["updates"]
    assert before == len(client.jobs(limit=500))


def test_a_refused_document_raises_with_every_problem(client: Client) -> None:
    with pytest.raises(ServiceError, match=r"/steps: .*at least 10") as caught:
        client.submit(service.DOCUMENT | {"steps": 1, "end_lr": -1})
    assert 422 == caught.value.status
    assert {"/steps", "/end_lr"} == {problem.pointer for problem in caught.value.problems}


def test_an_unknown_job_raises_with_the_services_sentence(client: Client) -> None:
    with pytest.raises(ServiceError, match="There is no job 'nope'"):
        client.job("nope")


def test_wait_tells_progress_and_comes_back_when_the_job_has_finished(client: Client, app: FastAPI) -> None:
    job_id = client.submit(service.DOCUMENT)["job_id"]
    seen: list[str] = []
    worker = threading.Thread(target=_after_a_while, args=(app, job_id))
    worker.start()
    job = client.wait(job_id, lambda job: seen.append(job["status"]), timeout_seconds=20)
    worker.join()
    assert "succeeded" == job["status"]
    assert ("queued", "succeeded") == (seen[0], seen[-1])


def _after_a_while(app: FastAPI, job_id: str) -> None:
    time.sleep(0.3)
    service.succeed(app.state.database, job_id)


def test_wait_gives_up_after_its_time(client: Client) -> None:
    job_id = client.submit(service.DOCUMENT)["job_id"]
    with pytest.raises(TimeoutError, match="did not finish within 0"):
        client.wait(job_id, timeout_seconds=0)


def test_result_trials_and_plots_of_a_finished_job_can_be_read(client: Client, finished: str) -> None:
    assert "range_test" == client.result(finished)["kind"]
    assert [0, 1] == [trial["number"] for trial in client.trials(finished)]
    assert ["loss_over_lr"] == [plot["name"] for plot in client.plots(finished)]
    assert client.plot(finished, "loss_over_lr", "json").startswith(b"{")


def test_cancel_rerun_and_delete(client: Client) -> None:
    job_id = client.submit(service.DOCUMENT)["job_id"]
    assert "cancelled" == client.cancel(job_id)["status"]
    assert job_id == client.rerun(job_id)["rerun_of"]
    client.delete(job_id)
    with pytest.raises(ServiceError):
        client.job(job_id)


def test_a_service_that_is_away_is_said_in_one_sentence() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(Unavailable, match="start it with `lrsearch up`"):
        client.jobs()


def test_an_answer_that_is_no_problem_document_is_shown_as_it_is() -> None:
    transport = httpx2.MockTransport(lambda request: httpx2.Response(502, text="<h1>Bad gateway</h1>"))
    with (
        Client(http=httpx2.Client(transport=transport, base_url="http://proxy")) as client,
        pytest.raises(ServiceError, match=r"The service answered 502\. <h1>Bad gateway"),
    ):
        client.jobs()


def test_rules_that_held_are_read_with_filters(client: Client, finished: str) -> None:
    found = client.rule_insights(optimizer="adam", rule="valley")
    assert ["valley"] == [row["rule"] for row in found["rules"]]
    with pytest.raises(ServiceError, match="trained"):
        client.rule_insights(trained="both")
