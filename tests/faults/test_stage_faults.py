"""A composite job on a real worker: from the POST to the result, and through the death of its worker."""

from __future__ import annotations

from typing import Any

import pytest

from lrsearch import jobs
from tests.servers.service import EmbeddedService

pytestmark = pytest.mark.service
TUNE: dict[str, Any] = {
    "kind": "tune",
    "model": {"name": "blobs_mlp"},
    "data": {"name": "blobs"},
    "batch_size": 50,
    "steps": 10,
    "validation": None,
    "metric": "test_loss",
    "optimizers": [{"kind": "sgd"}],
    "schedules": ["constant", "cosine"],
    "budget": {"rates": 2, "race_seeds": 1, "search_trials": 1, "survivors": 1},
    "seeds": 3,
}


def test_one_worker_runs_all_stages_also_when_it_is_killed_in_between(service: EmbeddedService) -> None:
    job_id = service.submit(TUNE)
    service.until(lambda: service.job(job_id)["progress"]["done"] >= 30, 60, lambda: str(service.job(job_id)))
    for process in service.worker_children():
        process.kill()
    job = service.wait_for(job_id)
    assert "succeeded" == job["status"], job["error"]
    assert ["range_test", "race", "search", "confirmation"] == [child["stage"] for child in job["children"]]
    assert {"succeeded"} == {child["status"] for child in job["children"]}
    assert job["progress"]["done"] == job["progress"]["total"]
    listed = jobs.find(service.db, parent_id=job_id)[0]
    assert [child["job_id"] for child in job["children"]] == [one.job_id for one in reversed(listed)]
