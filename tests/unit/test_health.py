"""Health checks of the containers."""

from __future__ import annotations

import http.server
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from lrsearch import health, jobs
from lrsearch.db import Database
from lrsearch.errors import Unavailable
from lrsearch.experiments.range_test import RangeTest
from lrsearch.settings import Settings

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"kind": "builtin", "name": "digits_mlp"},
    "data": {"kind": "builtin", "name": "digits"},
    "optimizer": {"kind": "adam"},
    "batch_size": 32,
}


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.delenv("DATABASE_URL", raising=False)
    settings = Settings(home=tmp_path)
    Database(settings.resolved_database_url()).migrate()
    return settings


def database(settings: Settings) -> Database:
    return Database(settings.resolved_database_url())


@contextmanager
def web_server(status: int) -> Iterator[int]:
    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/livez" else 404)
            self.end_headers()

        def log_message(self, *args: object) -> None:
            """Keep quiet."""

    with http.server.HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1]
        server.shutdown()
        thread.join()


def test_an_api_that_answers_is_well_also_when_it_listens_on_every_address(settings: Settings) -> None:
    with web_server(200) as port:
        health.api(settings.model_copy(update={"host": "0.0.0.0", "port": port}))


def test_an_api_that_fails_or_is_gone_is_not(settings: Settings) -> None:
    with web_server(500) as port, pytest.raises(Unavailable, match="livez does not answer"):
        health.api(settings.model_copy(update={"port": port}))
    with pytest.raises(Unavailable, match="livez does not answer"):
        health.api(settings.model_copy(update={"port": port}))


def test_a_worker_of_this_host_that_was_seen_lately_is_well(settings: Settings) -> None:
    with pytest.raises(Unavailable, match=f"No worker of {socket.gethostname()} was seen"):
        health.worker(settings)
    jobs.worker_seen(database(settings), jobs.WorkerView("other", "elsewhere", 1, "cpu", "idle"))
    with pytest.raises(Unavailable):
        health.worker(settings)
    jobs.worker_seen(database(settings), jobs.WorkerView("ours", socket.gethostname(), 1, "cpu", "warming_up"))
    health.worker(settings)


def test_a_reaper_that_left_a_lease_lying_for_long_is_not_well(settings: Settings) -> None:
    health.reaper(settings)
    db = database(settings)
    pack_id = jobs.submit(db, RangeTest.model_validate(DOCUMENT), DOCUMENT, workers=1).pack_ids[0]
    jobs.claim(db, pack_id, worker_id="w", lease_seconds=-10.0, max_attempts=3)
    health.reaper(settings)
    with pytest.raises(Unavailable, match="1 leases ran out more than 8 s ago"):
        health.reaper(settings.model_copy(update={"reap_seconds": 0.5}))


def test_an_unknown_check_is_a_usage_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.argv", ["health", "nobody"])
    assert 2 == health.main()
    assert "Usage: python -m lrsearch.health api|worker|reaper" in capsys.readouterr().err
