from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lrsearch import queue
from lrsearch.db import Database
from lrsearch.jobs import WorkerView
from tests.servers.valkey import ValkeyServer
from worker.warden import SILENT_SECONDS, STALL_SECONDS, Warden

pytestmark = pytest.mark.service
BORN = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(60)"])
    yield process
    process.kill()
    process.wait()


def row(pid: int, seen_after: float, state: str = "idle") -> WorkerView:
    return WorkerView(f"host-{pid}", "host", pid, "cpu", state, None, BORN, BORN + timedelta(seconds=seen_after))


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    db = Database(f"sqlite:///{tmp_path / 'test.db'}")
    yield db
    db.dispose()


def test_a_child_without_a_sign_of_life_is_ended(database: Database, sleeper: subprocess.Popen[bytes]) -> None:
    warden = Warden(database, os.getpid)
    assert [] == warden.end_silent([row(sleeper.pid, 0)], now=0.0)
    assert [] == warden.end_silent([row(sleeper.pid, 0)], now=SILENT_SECONDS)
    assert [sleeper.pid] == warden.end_silent([row(sleeper.pid, 0)], now=SILENT_SECONDS + 1)
    assert -signal.SIGKILL == sleeper.wait(5)


def test_a_child_that_shows_signs_of_life_is_left_alone_whatever_the_clocks_say(
    database: Database, sleeper: subprocess.Popen[bytes]
) -> None:
    warden = Warden(database, os.getpid)
    for moment in range(0, 200, 20):
        assert [] == warden.end_silent([row(sleeper.pid, moment - 10_000)], now=float(moment))
    assert sleeper.poll() is None


def test_a_worker_that_idles_while_a_message_waits_is_ended(
    database: Database, sleeper: subprocess.Popen[bytes], tmp_path: Path
) -> None:
    warden = Warden(database, lambda: sleeper.pid)
    with ValkeyServer(tmp_path / "broker"):
        assert not warden.end_stalled([row(1, 0)], now=0.0)
        queue.enqueue(["waits"])
        assert not warden.end_stalled([row(1, 0)], now=10.0)
        assert not warden.end_stalled([row(1, 0, "busy")], now=10.0 + STALL_SECONDS)
        assert not warden.end_stalled([row(1, 0)], now=11.0 + STALL_SECONDS)
        assert warden.end_stalled([row(1, 0)], now=11.0 + 2 * STALL_SECONDS)
    assert -signal.SIGKILL == sleeper.wait(5)


def test_only_children_of_our_own_worker_are_ours(database: Database, sleeper: subprocess.Popen[bytes]) -> None:
    assert Warden(database, os.getpid)._is_ours(sleeper.pid)
    assert not Warden(database, lambda: 1)._is_ours(sleeper.pid)
    assert not Warden(database, os.getpid)._is_ours(2**22 + 1)
