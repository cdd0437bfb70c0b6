from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrsearch import jobs, queue
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.errors import Unavailable
from lrsearch.experiments.range_test import RangeTest
from lrsearch.settings import Settings
from tests.servers.service import range_test
from tests.servers.valkey import ValkeyServer
from worker import reaper

pytestmark = pytest.mark.service
SETTINGS = Settings(reap_seconds=0.05, resend_seconds=0.01)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "broker") as server:
        yield server


@pytest.fixture
def artifacts(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path / "artifacts")


def submit(db: Database) -> list[str]:
    return jobs.submit(db, RangeTest.model_validate(range_test()), range_test()).pack_ids


def test_a_pack_whose_message_is_lost_is_sent_and_not_again_while_the_message_waits(
    db: Database, broker: ValkeyServer, artifacts: ArtifactStore
) -> None:
    pack_ids = submit(db)
    assert pack_ids == reaper.look(db, artifacts, SETTINGS)
    time.sleep(0.05)  # longer than resend_seconds: the pack is due again
    assert [] == reaper.look(db, artifacts, SETTINGS)
    assert pack_ids == queue.waiting()


def test_a_message_the_broker_forgot_is_sent_again(
    db: Database, broker: ValkeyServer, artifacts: ArtifactStore
) -> None:
    pack_ids = submit(db)
    reaper.look(db, artifacts, SETTINGS)
    with queue._client(1.0) as client:
        client.flushall()
    time.sleep(0.1)
    assert pack_ids == reaper.look(db, artifacts, SETTINGS)


def test_a_pack_is_not_marked_as_sent_while_the_broker_is_away(
    db: Database, broker: ValkeyServer, artifacts: ArtifactStore
) -> None:
    pack_ids = submit(db)
    broker.kill()
    with pytest.raises(Unavailable):
        reaper.look(db, artifacts, SETTINGS)
    broker.start()
    assert pack_ids == reaper.look(db, artifacts, SETTINGS)


def test_the_loop_survives_a_broker_that_goes_and_comes(
    db: Database, broker: ValkeyServer, artifacts: ArtifactStore
) -> None:
    broker.kill()
    pack_ids = submit(db)
    stopped = threading.Event()
    thread = threading.Thread(target=reaper.run, args=(db, artifacts, SETTINGS, stopped))
    thread.start()
    time.sleep(0.3)
    broker.start()
    deadline = time.monotonic() + 15
    while pack_ids != queue.waiting() and time.monotonic() < deadline:
        time.sleep(0.05)
    stopped.set()
    thread.join(10)
    assert (pack_ids, False) == (queue.waiting(), thread.is_alive())
