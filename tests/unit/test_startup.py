"""What is checked before a process starts."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from lrsearch import queue, startup
from lrsearch.errors import Misconfigured, Unavailable
from lrsearch.settings import Settings


@pytest.fixture(autouse=True)
def _settings_of_our_own(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("DATABASE_URL", "REDIS_URL", "LRSEARCH_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(startup, "BROKER_SECONDS", 0.2)


@pytest.fixture(autouse=True)
def _broker_as_before() -> Iterator[None]:
    before = queue.app.conf.broker_url  # pyright: ignore[reportAttributeAccessIssue]
    yield
    queue.app.conf.update(broker_url=before)  # pyright: ignore[reportAttributeAccessIssue]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def broker_that_answers(line: bytes) -> Iterator[int]:
    """Something on a port that gives every client the same answer."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            try:
                while True:
                    client, _ = server.accept()
                    client.recv(1000)
                    client.sendall(line)
                    client.close()
            except OSError:
                return

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


def settings(monkeypatch: pytest.MonkeyPatch, url: str | None) -> Settings:
    if url is not None:
        monkeypatch.setenv("REDIS_URL", url)
    return Settings()


def test_a_missing_broker_url_says_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match=r"REDIS_URL is not set; set it to redis://host:6379/0"):
        startup.require_broker(settings(monkeypatch, None))


def test_a_broker_that_is_away_is_named_without_its_password(monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    with pytest.raises(
        Unavailable, match=rf"does not answer .* REDIS_URL is redis://:\*\*\*@127.0.0.1:{port}/0"
    ) as told:
        startup.require_broker(settings(monkeypatch, f"redis://:secret@127.0.0.1:{port}/0"))
    assert "secret" not in str(told.value)


def test_a_broker_that_refuses_the_password_is_a_wrong_setting(monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = pytest.raises(Misconfigured, match=r"The broker refuses us .*REDIS_URL")
    with broker_that_answers(b"-NOAUTH Authentication required.\r\n") as port, wrong:
        startup.require_broker(settings(monkeypatch, f"redis://127.0.0.1:{port}/0"))


@pytest.mark.parametrize("url", ["http://host", "redis://host:port/0", "amqp://host"])
def test_a_broker_url_that_cannot_be_read_is_a_wrong_setting(url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Misconfigured, match="REDIS_URL"):
        startup.require_broker(settings(monkeypatch, url))


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("redis://host:6379/0", "redis://host:6379/0"),
        ("redis://user:secret@host:6379/0", "redis://user:***@host:6379/0"),
        ("redis://:p@ss@host/0", "redis://:***@host/0"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, expected: str) -> None:
    assert expected == startup.shown(url)
