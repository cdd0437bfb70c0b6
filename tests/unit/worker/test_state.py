from __future__ import annotations

import json
import os
import socket
import stat
from pathlib import Path

import pytest

from lrsearch.errors import Misconfigured
from worker import state
from worker.broker import free_port


def test_a_second_lock_on_a_home_names_the_first_ones_pid(tmp_path: Path) -> None:
    first = state.HomeLock(tmp_path / "home")
    with pytest.raises(Misconfigured, match=rf"already runs on .*home \(pid {os.getpid()}\)"):
        state.HomeLock(tmp_path / "home")
    first.release()
    state.HomeLock(tmp_path / "home").release()


def test_a_lock_file_left_by_a_dead_supervisor_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / state.LOCK_FILE).write_text("999999")
    lock = state.HomeLock(tmp_path)
    assert str(os.getpid()) == (tmp_path / state.LOCK_FILE).read_text()
    lock.release()


def test_a_home_below_a_file_is_refused_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Misconfigured, match=r"cannot be written .* --home or LRSEARCH_HOME"):
        state.HomeLock(tmp_path / "file" / "home")


def test_a_taken_port_is_refused_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(Misconfigured, match=f"Port {port} on 127.0.0.1 is taken; choose another with --port"):
            state.listen("127.0.0.1", port)


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(Misconfigured, match=r"Port 0 on 192\.0\.2\.1 cannot be used"):
        state.listen("192.0.2.1", 0)


def test_port_0_takes_a_free_one_and_the_url_names_it() -> None:
    with state.listen("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert f"http://127.0.0.1:{port}" == state.url_of(listener)
        assert listener.get_inheritable()


def test_a_service_open_to_all_addresses_is_reachable_by_loopback() -> None:
    with state.listen("0.0.0.0", port := free_port("0.0.0.0")) as listener:
        assert f"http://127.0.0.1:{port}" == state.url_of(listener)


def test_the_state_file_is_for_its_owner_only_and_goes_with_the_service(tmp_path: Path) -> None:
    state.write_state(tmp_path, {"pid": 1})
    file = tmp_path / state.STATE_FILE
    assert ({"pid": 1}, 0o600) == (json.loads(file.read_text()), stat.S_IMODE(file.stat().st_mode))
    state.remove_state(tmp_path)
    assert [] == list(tmp_path.iterdir())
    state.remove_state(tmp_path)
