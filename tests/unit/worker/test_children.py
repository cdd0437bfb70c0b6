from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from worker import children
from worker.children import Child

pytestmark = pytest.mark.service

Make = Callable[..., Child]


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    made: list[Child] = []

    def make_child(script: str, **options: object) -> Child:
        child = Child(
            "child",
            lambda: [sys.executable, "-S", "-c", script],
            log_folder=tmp_path / "logs",
            environment=dict(os.environ),
            **options,  # pyright: ignore[reportArgumentType]
        )
        made.append(child)
        return child

    yield make_child
    for child in made:
        child.stop(time.monotonic())


def until(condition: Callable[[], object], within_seconds: float = 10.0) -> None:
    deadline = time.monotonic() + within_seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_running_child_has_a_pid_and_its_output_is_in_its_log(make: Make) -> None:
    child = make("print('hello', flush=True); import time; time.sleep(60)")
    child.start()
    until(lambda: child.last_words() == "hello")
    assert child.pid is not None
    assert child.check() is None


def test_a_dead_child_tells_its_exit_code_once_and_starts_again_after_a_pause(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(children, "FIRST_PAUSE_SECONDS", 0.2)
    child = make("import sys; sys.exit(7)")
    child.start()
    codes: list[int] = []
    until(lambda: codes.append(code) or True if (code := child.check()) is not None else False)
    assert ([7], None, None) == (codes, child.check(), child.pid)
    until(lambda: child.check() is None and child.process is not None)


def test_the_pause_doubles_with_every_death_in_a_row_up_to_its_bound(make: Make) -> None:
    child = make("pass")
    pauses: list[float] = []
    for _ in range(8):
        child.started_at = time.monotonic()
        child._schedule_restart()
        pauses.append(round(child.start_after - time.monotonic(), 1))
    assert [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 30.0, 30.0] == pauses


def test_a_child_that_lived_long_starts_over_with_the_first_pause(make: Make) -> None:
    child = make("pass")
    child.deaths, child.started_at = 5, time.monotonic() - children.SETTLED_SECONDS - 1
    child._schedule_restart()
    assert 0.5 == round(child.start_after - time.monotonic(), 1)


def test_a_child_that_ignores_the_stop_signal_is_killed_with_all_it_started(make: Make) -> None:
    child = make(
        "import signal, subprocess, sys, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "grandchild = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "time.sleep(60)",
        patience_seconds=0.2,
    )
    child.start()
    until(child.last_words)
    grandchild = int(child.last_words())
    child.stop(time.monotonic() + 5)
    until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)
    assert child.pid is None


def test_an_obedient_child_is_not_waited_for_longer_than_it_needs(make: Make) -> None:
    child = make("import time; time.sleep(60)", patience_seconds=10.0)
    child.start()
    started = time.monotonic()
    child.stop(time.monotonic() + 10)
    assert time.monotonic() - started < 9


def test_what_a_dead_child_left_behind_is_ended_before_the_restart(make: Make) -> None:
    child = make(
        "import os, signal, subprocess, sys\n"
        "grandchild = subprocess.Popen([sys.executable, '-S', '-c', 'import time; time.sleep(60)'])\n"
        "print(grandchild.pid, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    child.start()
    until(lambda: child.check() == -signal.SIGKILL)
    grandchild = int(child.last_words())
    until(lambda: not psutil.pid_exists(grandchild) or psutil.Process(grandchild).status() == psutil.STATUS_ZOMBIE)
