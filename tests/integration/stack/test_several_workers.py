"""Several workers on one queue: real processes, real broker, real Postgres."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psutil
import pytest

from tests.integration.stack.plain import PlainStack
from tests.servers.postgres import PostgresServer
from tests.servers.service import QUICK, range_test

pytestmark = pytest.mark.service
JOBS, REPEATS = 20, 3


@pytest.fixture
def stack(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainStack]:
    slow_step = {"LRSEARCH_TOY_SECONDS_PER_STEP": "0.01"}
    with PlainStack(tmp_path_factory.mktemp("stack"), own_postgres, **QUICK, **slow_step) as stack:
        yield stack.up(workers=3)


def stopped_worker(stack: PlainStack) -> str:
    """The name of a worker that is held still in the middle of a pack: killed now, it leaves the pack to the others."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        for name in stack.workers(3):
            for child in psutil.Process(stack.processes[name].pid).children(recursive=True):
                if holds_a_pack(stack, child.pid):
                    child.suspend()
                    time.sleep(0.05)  # what it had sent to the database is done by then
                    if holds_a_pack(stack, child.pid):
                        return name
                    child.resume()
    raise AssertionError(f"No worker is ever busy.\n{stack.logs()}")


def holds_a_pack(stack: PlainStack, pid: int) -> bool:
    held = "SELECT w.pid FROM workers w JOIN packs p USING (worker_id) WHERE p.status = 'running'"
    return (pid,) in [tuple(row) for row in stack.rows(held)]


def test_twenty_jobs_on_three_workers_one_killed_each_succeed_once_with_exact_counts(stack: PlainStack) -> None:
    job_ids = [stack.submit(range_test(repeats=REPEATS, seed=number)) for number in range(JOBS)]
    stack.until(lambda: len(stack.rows("SELECT pid FROM workers WHERE state = 'busy'")) == 3, 30)
    stack.until(lambda: stack.rows("SELECT count(*) FROM jobs WHERE status = 'succeeded'")[0][0] >= 4, 60)
    assert stack.rows("SELECT 1 FROM jobs WHERE status = 'queued'"), "nothing waits any more: killed too late"
    stack.kill(stopped_worker(stack))

    for job_id in job_ids:
        assert "succeeded" == stack.wait_for(job_id, seconds=90)["status"]

    succeeded = stack.rows(
        "SELECT job_id, count(*) FROM job_events WHERE kind = 'status'"
        " AND CAST(data AS jsonb) ->> 'status' = 'succeeded' GROUP BY job_id"
    )
    assert dict.fromkeys(job_ids, 1) == dict(succeeded)
    trials = stack.rows("SELECT job_id, count(*) FROM job_trials GROUP BY job_id")
    assert dict.fromkeys(job_ids, REPEATS) == dict(trials)
    assert [] == stack.rows("SELECT pack_id FROM packs WHERE status <> 'succeeded' OR token IS NOT NULL")
    taken_over = stack.rows("SELECT errors FROM packs WHERE attempt > 1")
    assert taken_over, "the killed worker held nothing"
    assert all("lease_expired" in errors for (errors,) in taken_over)
    counters = dict(line.rsplit(" ", 1) for line in stack.get("/metrics").text.splitlines() if line[0] != "#")
    assert float(len(taken_over)) == float(counters["lrsearch_lease_expiries_total"])
    assert float(JOBS * REPEATS) == float(counters['lrsearch_trials_total{status="complete"}']) + float(
        counters['lrsearch_trials_total{status="diverged"}']
    )
