"""The commands that talk to a running service."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

from tests.servers.service import LRSEARCH, EmbeddedService, range_test

pytestmark = pytest.mark.service


def lrsearch(service: EmbeddedService, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [LRSEARCH, *arguments],
        env=os.environ | {"LRSEARCH_HOME": str(service.home)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


@pytest.fixture
def document(tmp_path: Path) -> Path:
    file = tmp_path / "job.json"
    file.write_text(json.dumps(range_test()))
    return file


def test_submit_finds_the_service_by_its_home_and_prints_the_result(service: EmbeddedService, document: Path) -> None:
    done = lrsearch(service, "submit", str(document), "--wait")
    assert 0 == done.returncode, done.stderr
    assert {"kind", "verdict", "suggestion", "rules", "curves"} <= set(json.loads(done.stdout))


def test_status_shows_one_job_or_the_newest(service: EmbeddedService, document: Path) -> None:
    job_id = json.loads(lrsearch(service, "submit", str(document)).stdout)["job_id"]
    service.wait_for(job_id)
    assert "succeeded" == json.loads(lrsearch(service, "status", job_id).stdout)["status"]
    assert f"{job_id}  range_test  succeeded  " in lrsearch(service, "status").stdout


def test_status_of_an_unknown_job_is_one_sentence(service: EmbeddedService) -> None:
    done = lrsearch(service, "status", "unknown")
    assert (1, 1) == (done.returncode, len(done.stderr.strip().splitlines()))


def test_the_worker_shows_its_device_and_state(service: EmbeddedService, document: Path) -> None:
    service.wait_for(json.loads(lrsearch(service, "submit", str(document)).stdout)["job_id"])
    pids = [child.pid for child in service.worker_children()]
    (worker,) = [row for row in service.get("/v1/workers").json()["items"] if row["pid"] in pids]
    assert ("cpu", True) == (worker["device"], worker["state"] in {"idle", "busy"})
