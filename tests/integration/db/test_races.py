"""Eight processes claim the same packs: each pack goes to exactly one of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from lrsearch import jobs
from lrsearch.db import Database
from tests.unit.jobs.tiny import submit

pytestmark = pytest.mark.service
CLAIMER = Path(__file__).with_name("claimer.py")


def test_every_pack_is_claimed_exactly_once(database_url: str) -> None:
    with Database(database_url) as db:
        submitted = [submit(db, trials=8, workers=8) for _ in range(8)]
        pack_ids = [pack_id for one in submitted for pack_id in one.pack_ids]
        processes = [
            subprocess.Popen(
                [sys.executable, CLAIMER, database_url, *pack_ids],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
            )
            for _ in range(8)
        ]
        for process in processes:
            assert process.stdout is not None
            assert "ready\n" == process.stdout.readline()
        for process in processes:
            assert process.stdin is not None
            process.stdin.write("go\n")
            process.stdin.flush()
        outputs = [process.communicate(timeout=120)[0] for process in processes]
        assert [0] * 8 == [process.returncode for process in processes]
        claims = [line.split() for output in outputs for line in output.splitlines()]
        assert sorted(pack_ids) == sorted(pack_id for pack_id, _ in claims)
        assert len(claims) == len({token for _, token in claims})
        assert sum(1 for output in outputs if output) > 1
        for one in submitted:
            job = jobs.get(db, one.job.job_id)
            assert ("running", 1) == (job.status, job.attempt)
            events = [event.data["status"] for event in jobs.events(db, one.job.job_id)]
            assert ["queued", "running"] == events
