"""docker-compose.yml played by plain processes: post, poll, plots, and a restart of each container."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.integration.stack.plain import PlainStack
from tests.servers.postgres import PostgresServer
from tests.servers.service import QUICK, range_test

pytestmark = pytest.mark.service
SLOW_STEP = {"LRSEARCH_TOY_SECONDS_PER_STEP": "0.02"}
"""A trial of 100 updates takes two seconds: time enough to stop something in its middle."""


@pytest.fixture(scope="module")
def stack(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainStack]:
    with PlainStack(tmp_path_factory.mktemp("stack"), own_postgres, **QUICK, **SLOW_STEP) as stack:
        yield stack.up(workers=2)


def running(stack: PlainStack, **changes: object) -> str:
    """A job that has begun."""
    job_id = stack.submit(range_test(**changes))
    stack.wait_for(job_id, "running", seconds=20)
    return job_id


def begun(stack: PlainStack, name: str) -> list[psutil.Process]:
    """The Celery worker of a container and its prefork child, once both are there."""
    container = psutil.Process(stack.processes[name].pid)
    stack.until(lambda: len(container.children(recursive=True)) >= 2, 30)
    return container.children(recursive=True)


def test_a_job_goes_from_the_post_to_its_plots(stack: PlainStack) -> None:
    job = stack.wait_for(stack.submit(range_test(repeats=2)))
    assert "succeeded" == job["status"]
    links = f"/v1/jobs/{job['job_id']}"
    assert "range_test" == stack.get(f"{links}/result").json()["kind"]
    assert b"\x89PNG" == stack.get(f"{links}/plots/loss_over_lr.png").content[:4]
    assert 2 == len(stack.get(f"{links}/trials").json()["items"])


def test_an_answer_is_judged_by_what_was_trained_on_the_same_task(stack: PlainStack) -> None:
    stack.wait_for(stack.submit(range_test(confirm={"steps": 20, "candidates": 13, "seeds": 1, "widenings": 0})))
    found = stack.get("/v1/insights/rules?rule=consensus").json()
    assert 14 == found["outcomes"]
    assert 1 <= sum(row["judged"] for row in found["rules"])  # that of an earlier test on the same task, too


def test_every_health_check_of_the_compose_file_passes(stack: PlainStack) -> None:
    for name in ("api", "worker", "reaper"):
        answer = stack.health(name)
        assert (0, "") == (answer.returncode, answer.stderr)


def test_a_second_first_start_and_a_second_migration_change_nothing(stack: PlainStack) -> None:
    before = stack.password_file.read_text()
    assert 0 == stack.once("password").returncode
    assert 0 == stack.once("migrate").returncode
    assert before == stack.password_file.read_text()


def test_the_password_is_in_no_environment_and_in_no_log(stack: PlainStack) -> None:
    password = stack.password_file.read_text()
    for name in ("migrate", "api", "reaper", "worker"):
        assert password not in json.dumps(stack.environment(name))
    assert password not in stack.logs()


def test_lines_of_a_worker_name_the_job_the_pack_and_the_attempt(stack: PlainStack) -> None:
    job_id = stack.submit(range_test(repeats=1))
    stack.wait_for(job_id)
    logs = "".join(file.read_text() for file in (stack.folder / "logs").glob("worker*.log"))
    lines = [json.loads(line) for line in logs.splitlines()]
    about = [line for line in lines if line.get("job_id") == job_id]
    assert "pack ended" in [line["event"] for line in about]
    assert {("worker", 1)} == {(line["process"], line["attempt"]) for line in about}
    assert all(line["pack_id"].startswith(job_id) for line in about)


def test_metrics_speak_for_all_processes(stack: PlainStack) -> None:
    stack.wait_for(stack.submit(range_test(repeats=1)))
    text = stack.get("/metrics").text
    assert 'lrsearch_workers{state="idle"}' in text
    seconds = next(
        line for line in text.splitlines() if line.startswith('lrsearch_training_seconds_total{phase="train"}')
    )
    assert float(seconds.split()[1]) > 1.0


def test_the_api_may_be_restarted_while_a_job_runs(stack: PlainStack) -> None:
    job_id = running(stack)
    assert stack.stop("api") in (0, -signal.SIGTERM)  # uvicorn ends by the signal once its requests are done
    stack.start("api")
    assert "succeeded" == stack.wait_for(job_id)["status"]


def test_a_worker_killed_in_the_middle_of_a_job_loses_nothing(stack: PlainStack) -> None:
    job_id = running(stack, repeats=4)
    stack.kill("worker")
    stack.start("worker")
    job = stack.wait_for(job_id)
    assert "succeeded" == job["status"]
    assert [0, 1, 2, 3] == [trial["number"] for trial in stack.get(f"/v1/jobs/{job_id}/trials").json()["items"]]


def test_a_worker_that_is_asked_to_stop_ends_and_its_work_goes_on_elsewhere(stack: PlainStack) -> None:
    job_id = running(stack, repeats=4)
    stack.stop("worker-b")
    assert "succeeded" == stack.wait_for(job_id)["status"]
    stack.start("worker-b")


def test_a_container_ends_when_its_celery_process_is_killed_so_that_it_is_restarted(stack: PlainStack) -> None:
    container = stack.processes["worker-b"]
    family = begun(stack, "worker-b")
    next(member for member in family if member.ppid() == container.pid).kill()
    assert 128 + signal.SIGKILL == container.wait(10)
    stack.start("worker-b")


def test_a_container_whose_first_process_is_killed_leaves_no_orphan(stack: PlainStack) -> None:
    container, family = stack.processes["worker"], begun(stack, "worker")
    container.kill()
    _, alive = psutil.wait_procs(family, timeout=10)
    assert [] == alive
    container.wait()
    stack.start("worker")


def test_the_reaper_may_be_away_and_come_back(stack: PlainStack) -> None:
    assert 0 == stack.stop("reaper")
    job_id = stack.submit(range_test(repeats=1))
    stack.start("reaper")
    assert "succeeded" == stack.wait_for(job_id)["status"]


def test_jobs_posted_while_the_broker_is_away_run_when_it_is_back(stack: PlainStack) -> None:
    stack.kill("redis")
    answer = stack.get("/readyz")
    assert 503 == answer.status_code
    assert "Retry-After" in answer.headers
    assert "/checks/broker" in [problem["pointer"] for problem in answer.json()["errors"]]
    job_id = stack.submit(range_test(repeats=1))
    stack.start("redis")
    assert "succeeded" == stack.wait_for(job_id)["status"]
    assert 200 == stack.get("/readyz").status_code


def test_while_the_database_is_away_every_call_says_503_and_when_to_try_again(stack: PlainStack) -> None:
    job_id = running(stack, repeats=4)
    stack.postgres.stop()
    for path in (f"/v1/jobs/{job_id}", "/v1/jobs", "/readyz", "/metrics"):
        answer = stack.get(path)
        assert 503 == answer.status_code
        assert int(answer.headers["Retry-After"]) > 0
    assert 200 == stack.get("/livez").status_code
    stack.postgres.start()
    stack.until(lambda: stack.get("/readyz").status_code == 200, 20)
    assert "succeeded" == stack.wait_for(job_id)["status"]
    assert 4 == len(stack.get(f"/v1/jobs/{job_id}/trials").json()["items"])


def test_at_the_end_nothing_is_left_running_and_no_trial_was_recorded_twice(stack: PlainStack) -> None:
    assert [] == stack.rows("SELECT job_id FROM jobs WHERE status <> 'succeeded'")
    assert [] == stack.rows("SELECT pack_id FROM packs WHERE status <> 'succeeded'")
    assert [] == stack.rows(
        "SELECT j.job_id FROM jobs j JOIN job_trials t USING (job_id) GROUP BY j.job_id, j.document"
        " HAVING count(*) <> CAST(CAST(j.document AS jsonb) ->> 'repeats' AS integer)"
        " AND CAST(j.document AS jsonb) ->> 'confirm' IS NULL"  # a race has trials of its own
    )


def test_nothing_of_the_stack_writes_outside_its_volumes(stack: PlainStack) -> None:
    expected = {"state", "redis", "password", "logs", "tmp"}
    assert expected == {path.name for path in Path(stack.folder).iterdir()}
