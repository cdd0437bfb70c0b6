from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from lrsearch import queue
from lrsearch.errors import Misconfigured, Unavailable
from tests.servers.service import contention
from tests.servers.valkey import ValkeyServer


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[ValkeyServer]:
    with ValkeyServer(tmp_path / "broker") as server:
        yield server


@pytest.mark.service
def test_messages_wait_in_the_order_they_were_sent(broker: ValkeyServer) -> None:
    queue.enqueue(["first", "second"])
    queue.enqueue(["third"])
    assert ["first", "second", "third"] == queue.waiting()


@pytest.mark.service
def test_only_the_next_messages_are_read_when_fewer_are_asked_for(broker: ValkeyServer) -> None:
    queue.enqueue(["first", "second", "third"])
    assert ["first", "second"] == queue.waiting(2)


@pytest.mark.service
def test_a_restarted_broker_still_has_the_messages_it_acknowledged(broker: ValkeyServer) -> None:
    queue.enqueue(["kept"])
    broker.kill()
    broker.start()
    assert ["kept"] == queue.waiting()


@pytest.mark.service
def test_a_dead_broker_is_unavailable_at_once_and_welcome_when_it_is_back(broker: ValkeyServer) -> None:
    queue.enqueue(["before"])
    broker.kill()
    started = time.monotonic()
    with pytest.raises(Unavailable, match="broker"):
        queue.enqueue(["lost"])
    assert time.monotonic() - started < 1.0 * contention()
    assert not queue.ping()
    broker.start()
    queue.enqueue(["after"])
    assert ["before", "after"] == queue.waiting()


@pytest.mark.service
def test_a_frozen_broker_is_unavailable_within_two_seconds(broker: ValkeyServer) -> None:
    queue.enqueue(["before"])
    broker.send(signal.SIGSTOP)
    try:
        started = time.monotonic()
        with pytest.raises(Unavailable):
            queue.enqueue(["lost"] * 100)
        assert time.monotonic() - started < 2.0 * contention()
        assert not queue.ping(timeout=0.1)
    finally:
        broker.send(signal.SIGCONT)


def test_nothing_is_sent_for_no_ids() -> None:
    queue.configure("redis://127.0.0.1:1/0")
    queue.enqueue([])


def test_a_broker_url_of_another_kind_is_refused_without_repeating_its_password() -> None:
    with pytest.raises(Misconfigured, match="REDIS_URL must begin with") as caught:
        queue.configure("amqp://user:secret@host/")
    assert "secret" not in str(caught.value)


def test_results_stay_out_of_the_broker_and_only_json_is_accepted() -> None:
    assert (True, False, ["json"]) == (
        queue.app.conf.task_ignore_result,
        queue.app.conf.task_acks_late,
        queue.app.conf.accept_content,
    )
