"""What a worker's death, a lost or doubled message, and a disobedient worker do to a job: nothing that shows.

On SQLite and on Postgres.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from pydantic import TypeAdapter

from lrsearch import jobs, queue
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Experiment
from tests.servers.service import QUICK, EmbeddedService, contention, range_test

pytestmark = pytest.mark.service
STEPS = 100


@pytest.fixture
def service(service_on: EmbeddedService) -> EmbeddedService:
    return service_on


def in_the_middle(service: EmbeddedService, job_id: str, at_least: int = 1) -> None:
    """Wait until the running job has made some updates."""
    service.wait_for(job_id, "running")
    service.until(lambda: service.job(job_id)["progress"]["done"] >= at_least, 60, lambda: str(service.job(job_id)))


def submit_unsent(service: EmbeddedService, document: dict[str, Any]) -> jobs.Submitted:
    """A job whose message never reached the broker: the API died between commit and send."""
    experiment: Experiment = TypeAdapter[Any](AnyExperiment).validate_python(document)
    return jobs.submit(service.db, experiment, document)


def assert_whole(service: EmbeddedService, job: dict[str, Any], repeats: int) -> None:
    """Succeeded, with every trial once and every update of every trial once."""
    assert "succeeded" == job["status"], job["error"]
    trials = jobs.trials(service.db, job["job_id"])
    assert list(range(repeats)) == [trial.number for trial in trials]
    assert [STEPS] * repeats == [len(trial.arrays["losses"]) for trial in trials]
    assert repeats * STEPS == job["progress"]["done"] == job["progress"]["total"]


def calm(**changes: Any) -> dict[str, Any]:
    """A range test that does not diverge, so that its number of updates is known."""
    return range_test(start_lr=1e-4, end_lr=0.1, steps=STEPS, **changes)


def test_a_job_whose_worker_child_is_killed_succeeds_with_exact_counts(service: EmbeddedService) -> None:
    document = calm(repeats=3, seed=11)
    undisturbed = service.wait_for(service.submit(document))
    job_id = service.submit(document)
    in_the_middle(service, job_id, at_least=30)
    (child,) = service.worker_children()
    child.kill()
    job = service.wait_for(job_id)
    assert_whole(service, job, repeats=3)
    assert job["attempt"] == 2
    resumed, whole = (jobs.trials(service.db, one["job_id"]) for one in (job, undisturbed))
    for left, right in zip(resumed, whole, strict=True):
        assert left.arrays["losses"].tolist() == right.arrays["losses"].tolist()


def test_a_job_whose_whole_worker_is_killed_succeeds(service: EmbeddedService) -> None:
    job_id = service.submit(calm(repeats=2))
    in_the_middle(service, job_id)
    psutil.Process(service.state()["children"]["worker"]).kill()
    assert_whole(service, service.wait_for(job_id), repeats=2)


def test_a_job_outlives_a_broker_that_is_killed_in_its_middle(service: EmbeddedService) -> None:
    running = service.submit(calm(repeats=2))
    waiting = service.submit(calm(repeats=1))
    in_the_middle(service, running)
    old = service.state()["children"]["broker"]
    psutil.Process(old).kill()
    service.until(lambda: service.state()["children"]["broker"] not in {old, None}, 60)
    assert_whole(service, service.wait_for(running), repeats=2)
    assert_whole(service, service.wait_for(waiting), repeats=1)
    assert_whole(service, service.wait_for(service.submit(calm(repeats=1))), repeats=1)


def test_a_job_submitted_while_the_broker_is_frozen_is_accepted_and_done_later(service: EmbeddedService) -> None:
    broker = psutil.Process(service.state()["children"]["broker"])
    broker.suspend()
    try:
        started = time.monotonic()
        job_id = service.submit(calm(repeats=1))
        assert time.monotonic() - started < 3 * contention()
    finally:
        broker.resume()
    assert_whole(service, service.wait_for(job_id), repeats=1)


def test_a_message_that_comes_three_times_runs_its_pack_once(service: EmbeddedService) -> None:
    submitted = submit_unsent(service, calm(repeats=1))
    queue.configure(service.state()["broker_url"])
    queue.enqueue(submitted.pack_ids * 3)
    job = service.wait_for(submitted.job.job_id)
    service.until(lambda: not queue.waiting(), 60)
    assert_whole(service, job, repeats=1)
    assert 1 == service.job(submitted.job.job_id)["attempt"]


def test_a_message_that_was_never_sent_is_sent_by_the_reaper(service: EmbeddedService) -> None:
    submitted = submit_unsent(service, calm(repeats=1))
    assert_whole(service, service.wait_for(submitted.job.job_id), repeats=1)


def test_a_message_for_no_pack_at_all_does_the_worker_no_harm(service: EmbeddedService) -> None:
    queue.configure(service.state()["broker_url"])
    queue.enqueue(["no-such-pack"])
    assert_whole(service, service.wait_for(service.submit(calm(repeats=1))), repeats=1)


def test_a_running_job_is_cancelled_within_two_seconds_and_keeps_its_partial_curves(service: EmbeddedService) -> None:
    job_id = service.submit(range_test(start_lr=1e-4, end_lr=0.1, steps=1_000, repeats=2))
    in_the_middle(service, job_id)
    started = time.monotonic()
    assert 200 == service.post(f"/v1/jobs/{job_id}/cancel").status_code
    job = service.wait_for(job_id, "cancelled")
    assert time.monotonic() - started < 2.5 * contention()  # 2 s, and the half second this test needs to see it
    assert "cancelled" == job["status"]
    first = jobs.trials(service.db, job_id)[0]
    assert 0 < len(first.arrays["losses"]) < 1_000


def test_a_job_beyond_its_wall_clock_limit_fails_with_the_limits_name_and_keeps_its_curves(
    service: EmbeddedService,
) -> None:
    job_id = service.submit(range_test(start_lr=1e-4, end_lr=0.1, steps=1_000, repeats=1, limits={"wall_seconds": 1.5}))
    job = service.wait_for(job_id)
    assert ("failed", "limit_wall_seconds") == (job["status"], job["error"]["type"])
    assert 0 < len(jobs.trials(service.db, job_id)[0].arrays["losses"]) < 1_000


def test_a_worker_that_does_not_follow_a_cancellation_is_ended_by_the_supervisor(tmp_path: Path) -> None:
    # One update takes a minute: the lease is renewed by its thread, and no chunk ends.
    with EmbeddedService(tmp_path / "home", **QUICK, LRSEARCH_TOY_SECONDS_PER_STEP="60") as service:
        job_id = service.submit(calm(repeats=1))
        service.wait_for(job_id, "running")
        (child,) = service.worker_children()
        assert 200 == service.post(f"/v1/jobs/{job_id}/cancel").status_code
        started = time.monotonic()
        service.wait_for(job_id, "cancelled")
        assert time.monotonic() - started > 9
        assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE
