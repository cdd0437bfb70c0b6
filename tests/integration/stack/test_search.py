"""One search on several workers: real processes, real broker, real Postgres, workers that come, leave and are killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.stack.plain import PlainStack
from tests.integration.stack.test_several_workers import stopped_worker
from tests.servers.postgres import PostgresServer
from tests.servers.service import QUICK
from tests.unit.experiments.test_search import BASE

pytestmark = pytest.mark.service
SETTINGS, SEEDS = 24, 2
SEARCH: dict[str, Any] = BASE | {"budget": {"trials": SETTINGS}, "seeds": SEEDS, "together": 1}


@pytest.fixture
def stack(own_postgres: PostgresServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PlainStack]:
    slow_step = {"LRSEARCH_TOY_SECONDS_PER_STEP": "0.01"}
    with PlainStack(tmp_path_factory.mktemp("stack"), own_postgres, **QUICK, **slow_step) as stack:
        yield stack


def recorded(stack: PlainStack, job_id: str, pack: int | str = "%") -> int:
    """How many trials of a job, or of one of its packs, are recorded."""
    return stack.rows(f"SELECT count(*) FROM job_trials WHERE pack_id LIKE '{job_id}-{pack}'")[0][0]


def check_exact(stack: PlainStack, job_id: str, *, settings: int, seeds: int, most_failed: int, first: int = 0) -> None:
    """Every trial is recorded once, every setting told once, and what failed in the study ran again with its values."""
    trials = stack.rows(f"SELECT number, setting FROM job_trials WHERE job_id = '{job_id}' ORDER BY number")
    assert [*range(first + settings * seeds)] == [number for number, _ in trials]
    assert [] == stack.rows("SELECT pack_id FROM packs WHERE status <> 'succeeded' OR token IS NOT NULL")
    rows = stack.rows(
        "SELECT t.number, CAST(t.state AS text), a.value_json FROM trials t JOIN studies s USING (study_id)"
        f" JOIN trial_user_attributes a USING (trial_id) WHERE s.study_name = 'job-{job_id}'"
    )
    of = {number: json.loads(value) for number, _, value in rows}
    states = Counter(state for _, state, _ in rows)
    assert {"COMPLETE", "FAIL"} >= set(states)
    assert (settings, True) == (states["COMPLETE"], states["FAIL"] <= most_failed)
    drawn: dict[int, dict[str, float]] = {number: {} for number in of}
    for number, name, value in stack.rows(
        "SELECT t.number, p.param_name, p.param_value FROM trial_params p JOIN trials t USING (trial_id)"
        f" JOIN studies s USING (study_id) WHERE s.study_name = 'job-{job_id}'"
    ):
        drawn[number][name] = value
    ended = {of[number]["setting"]: number for number, state, _ in rows if state == "COMPLETE"}
    assert {*range(settings)} == set(ended)
    for number, state, _ in rows:
        if state == "FAIL":
            assert drawn[number] == drawn[ended[of[number]["setting"]]]
    for number, setting in trials[first:]:
        told = of[json.loads(setting)["optuna_trial"]]  # a failed one's, where it ended before its worker was killed
        assert number in told["trials"]
        assert (number - first) // seeds == told["setting"]
    result = stack.get(f"/v1/jobs/{job_id}/result").json()
    assert (f"job-{job_id}", settings) == (result["study_name"], len(result["settings"]))


def test_a_search_on_three_workers_one_killed_has_exact_counts_and_runs_no_finished_trial_twice(
    stack: PlainStack,
) -> None:
    stack.up(workers=3)
    job_id = stack.submit(SEARCH)
    stack.until(lambda: recorded(stack, job_id) >= 8, 60)
    finished = dict(stack.rows("SELECT number, recorded_at FROM job_trials"))
    stack.kill(stopped_worker(stack))
    assert "succeeded" == stack.wait_for(job_id, seconds=120)["status"]

    kept = {number: at for number, at in stack.rows("SELECT number, recorded_at FROM job_trials") if number in finished}
    assert finished == kept
    assert 3 == stack.rows("SELECT count(DISTINCT pack_id) FROM job_trials")[0][0]
    assert stack.rows("SELECT 1 FROM packs WHERE attempt > 1"), "the killed worker held nothing"
    check_exact(stack, job_id, settings=SETTINGS, seeds=SEEDS, most_failed=1)

    # the two that are left, with samplers that keep a state of their own beside the trials
    two = [{"metric": "val_loss"}, {"metric": "loss", "at": "auc"}]
    for changes in ({"sampler": {"kind": "cma_es"}}, {"sampler": {"kind": "nsga2", "population": 4}, "objective": two}):
        job_id = stack.submit(SEARCH | {"budget": {"trials": 12}, "seeds": 1} | changes)
        assert "succeeded" == stack.wait_for(job_id, seconds=60)["status"]
        assert 2 == stack.rows(f"SELECT count(DISTINCT pack_id) FROM job_trials WHERE job_id = '{job_id}'")[0][0]
        check_exact(stack, job_id, settings=12, seeds=1, most_failed=0)


def test_workers_that_come_later_share_a_search_one_that_leaves_and_one_that_is_killed_lose_nothing(
    stack: PlainStack,
) -> None:
    stack.up(workers=1)
    job_id = stack.submit(SEARCH | {"budget": {"trials": 90}, "seeds": 1, "prior": "range_test"})
    stack.until(lambda: recorded(stack, job_id) >= 5, 60)  # the range tests, and settings
    for name in ("worker-b", "worker-c"):
        stack.start(name)
    stack.until(lambda: recorded(stack, job_id, 1) >= 2 and recorded(stack, job_id, 2) >= 2, 60)
    assert 0 == stack.stop("worker-b")
    assert [(1,)] == stack.rows("SELECT attempt FROM packs WHERE status = 'queued' AND trials <> '[]'")
    stack.kill("worker-c")
    assert "running" == stack.job(job_id)["status"]
    assert "succeeded" == stack.wait_for(job_id, seconds=120)["status"]
    assert 3 == stack.rows("SELECT count(DISTINCT pack_id) FROM job_trials")[0][0]
    assert [(2,), (2,)] == stack.rows("SELECT attempt FROM packs WHERE attempt > 1")
    check_exact(stack, job_id, settings=90, seeds=1, most_failed=1, first=3)
