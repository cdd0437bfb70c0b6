"""A worker's child that has grown is replaced between packs; no pack is lost or tried twice."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.integration.stack.plain import PlainStack
from tests.servers.postgres import PostgresServer
from tests.servers.service import QUICK, range_test

pytestmark = pytest.mark.service
JOBS = 5
GROWS_AT_ONCE = """
from worker import entry, recycling
from worker.__main__ import work

recycling.SETTLED_PACKS, recycling.GROWTH_SHARE = 1, -1.0  # every second pack of a child has grown
raise SystemExit(entry.run("worker", work))
"""


class GrowingStack(PlainStack):
    """Its workers' children seem to grow with every pack."""

    def command(self, name: str) -> list[str]:
        return [sys.executable, "-c", GROWS_AT_ONCE] if name == "worker" else super().command(name)


def test_a_child_that_has_grown_is_replaced_and_no_pack_is_lost(own_postgres: PostgresServer, tmp_path: Path) -> None:
    with GrowingStack(tmp_path, own_postgres, **QUICK) as stack:
        stack.up(workers=1)
        job_ids = [stack.submit(range_test(repeats=1, seed=number)) for number in range(JOBS)]
        for job_id in job_ids:
            assert "succeeded" == stack.wait_for(job_id, seconds=60)["status"]
        assert [(JOBS, 1)] == stack.rows("SELECT count(*), max(attempt) FROM packs")
        log = (tmp_path / "logs" / "worker.log").read_text()
    assert log.count("replacing the child") >= JOBS // 2
