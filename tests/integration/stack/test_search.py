"""One search on several workers: real processes, real broker, real Postgres, and a worker that is killed."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from tests.integration.stack.plain import PlainStack
from tests.integration.stack.test_several_workers import busy_worker
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
        yield stack.up(workers=3)


def test_a_search_on_three_workers_one_killed_has_exact_counts_and_runs_no_finished_trial_twice(
    stack: PlainStack,
) -> None:
    job_id = stack.submit(SEARCH)
    stack.until(lambda: stack.rows("SELECT count(*) FROM job_trials")[0][0] >= 8, 60)
    finished = dict(stack.rows("SELECT number, recorded_at FROM job_trials"))
    stack.kill(busy_worker(stack))
    assert "succeeded" == stack.wait_for(job_id, seconds=120)["status"]

    trials = stack.rows("SELECT number, recorded_at, setting FROM job_trials ORDER BY number")
    assert [*range(SETTINGS * SEEDS)] == [number for number, _, _ in trials]
    kept = {number: recorded_at for number, recorded_at, _ in trials if number in finished}
    assert finished == kept
    assert 3 == stack.rows("SELECT count(DISTINCT pack_id) FROM job_trials")[0][0]
    assert [] == stack.rows("SELECT pack_id FROM packs WHERE status <> 'succeeded' OR token IS NOT NULL")
    assert stack.rows("SELECT 1 FROM packs WHERE attempt > 1"), "the killed worker held nothing"

    states = Counter(state for (state,) in stack.rows("SELECT CAST(state AS text) FROM trials"))
    assert SETTINGS == states["COMPLETE"]
    assert {"COMPLETE", "FAIL"} >= set(states)
    assert states["FAIL"] <= 1  # none, when it was killed between two settings
    told = stack.rows(
        "SELECT t.number, a.value_json FROM trials t JOIN trial_user_attributes a USING (trial_id) WHERE t.state = 'COMPLETE'"
    )
    of_optuna = {number: json.loads(value)["trials"] for number, value in told}
    for number, _, setting in trials:
        assert number in of_optuna[json.loads(setting)["optuna_trial"]]
    result = stack.get(f"/v1/jobs/{job_id}/result").json()
    assert (f"job-{job_id}", SETTINGS) == (result["study_name"], len(result["settings"]))
