from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from worker.children import tethered

pytestmark = pytest.mark.service

SLEEP = [sys.executable, "-S", "-c", "import time; time.sleep(60)"]


def ended(pid: int, within_seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + within_seconds
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.02)
    return False


def test_a_tethered_command_becomes_the_command_with_its_arguments_and_exit_code() -> None:
    done = subprocess.run(
        tethered([sys.executable, "-S", "-c", "import sys; print(sys.argv[1:]); sys.exit(3)", "a b", "-c"]),
        capture_output=True,
        text=True,
        check=False,
    )
    assert (3, "['a b', '-c']\n") == (done.returncode, done.stdout)


def test_a_tethered_command_dies_when_its_parent_is_killed(tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"
    script = (
        "import subprocess, sys, time, pathlib\n"
        "from worker.children import tethered\n"
        f"child = subprocess.Popen(tethered({SLEEP!r}))\n"
        f"pathlib.Path({str(pid_file)!r}).write_text(str(child.pid))\n"
        "time.sleep(60)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", script])
    try:
        while not (pid_file.exists() and pid_file.read_text()):
            assert parent.poll() is None
            time.sleep(0.02)
        child = int(pid_file.read_text())
        wait_for_command(child)
    finally:
        parent.kill()
        parent.wait()
    assert ended(child)


def wait_for_command(pid: int) -> None:
    """Until the tether has become the command: it is tied to its parent by then."""
    while "time.sleep(60)" not in " ".join(psutil.Process(pid).cmdline()[-1:]):
        time.sleep(0.02)


def test_a_tether_whose_parent_is_gone_already_starts_nothing() -> None:
    command = tethered([sys.executable, "-S", "-c", "print('started')"])
    command[command.index(str(os.getpid()))] = "1" if os.getppid() != 1 else "2"
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (1, "") == (done.returncode, done.stdout)


def test_a_tethered_command_gets_the_chosen_signal() -> None:
    done = subprocess.Popen(tethered(SLEEP, signal.SIGTERM))
    done.terminate()
    assert -signal.SIGTERM == done.wait()
