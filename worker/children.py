"""One child process of the supervisor: started on a tether, restarted with backoff, ended with its whole group."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from worker import tether

FIRST_PAUSE_SECONDS: Final = 0.5
"""Wait before the first restart; doubles with each death in a row."""
LONGEST_PAUSE_SECONDS: Final = 30.0
"""Upper bound of that wait."""
SETTLED_SECONDS: Final = 30.0
"""A child that lived this long starts over with the first pause."""


def tethered(command: list[str], signal_number: int = signal.SIGKILL) -> list[str]:
    """The command line that runs `command` so that it dies with the calling process.

    Args:
        command: program and arguments.
        signal_number: what it gets when we end: SIGKILL, or SIGTERM for one that has children of its own to stop.
    """
    # -I -S: neither site-packages nor the environment can slow the tether down or get in its way.
    return [sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid()), str(int(signal_number)), *command]


@dataclass(slots=True)
class Child:
    """A process that should run as long as the supervisor does.

    Attributes:
        name: names its log file, `<name>.log`.
        command: answers program and arguments; called before each start.
        log_folder: where its standard output and error go.
        environment: its whole environment.
        pass_fds: file descriptors it inherits.
        stop_signal: asks it to end.
        patience_seconds: how long it may take to obey before its group is killed.
    """

    name: str
    command: Callable[[], list[str]]
    log_folder: Path
    environment: Mapping[str, str]
    pass_fds: tuple[int, ...] = ()
    stop_signal: signal.Signals = signal.SIGTERM
    patience_seconds: float = 4.0
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    deaths: int = field(default=0, init=False)
    started_at: float = field(default=0.0, init=False)
    start_after: float = field(default=0.0, init=False)

    @property
    def pid(self) -> int | None:
        """Process id, or None while it does not run."""
        return self.process.pid if self.process is not None and self.process.returncode is None else None

    @property
    def log(self) -> Path:
        """Its log file."""
        return self.log_folder / f"{self.name}.log"

    def start(self) -> None:
        """Start it in a process group of its own, so that a terminal's Ctrl-C reaches the supervisor alone."""
        with self._open_log() as log:
            self.process = subprocess.Popen(
                tethered(self.command()),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=dict(self.environment),
                pass_fds=self.pass_fds,
                start_new_session=True,
            )
        self.started_at = time.monotonic()

    def _open_log(self) -> IO[bytes]:
        self.log_folder.mkdir(parents=True, exist_ok=True)
        return self.log.open("ab")

    def check(self) -> int | None:
        """Look after it: restart it when it is dead and its pause is over.

        Returns:
            The exit code when it was found dead just now, else None.
        """
        if self.process is None:
            if time.monotonic() >= self.start_after:
                self.start()
            return None
        code = self.process.poll()
        if code is None:
            return None
        self._kill_group()  # what it left behind
        self._schedule_restart()
        return code

    def _schedule_restart(self) -> None:
        now = time.monotonic()
        self.deaths = 1 if now - self.started_at > SETTLED_SECONDS else self.deaths + 1
        self.start_after = now + min(FIRST_PAUSE_SECONDS * 2 ** (self.deaths - 1), LONGEST_PAUSE_SECONDS)
        self.process = None

    def restart(self) -> None:
        """End it at once, with all it started; the next `check` starts it again."""
        self._kill_group()
        if self.process is not None:
            self.process.wait()

    def ask_to_stop(self) -> None:
        """Send the stop signal; do not wait."""
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(self.stop_signal)

    def stop(self, deadline: float) -> None:
        """Ask it to end, wait for its patience but no later than `deadline` (monotonic clock), then kill its group."""
        if self.process is None:
            return
        self.ask_to_stop()
        wait = min(self.patience_seconds, max(deadline - time.monotonic(), 0.0))
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(wait)
        self._kill_group()
        self.process.wait()
        self.process = None

    def _kill_group(self) -> None:
        if self.process is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):  # macOS answers EPERM for a group of zombies
            os.killpg(self.process.pid, signal.SIGKILL)

    def last_words(self) -> str:
        """The last line of its log, for the sentence that tells why it does not run."""
        try:
            lines = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
        except OSError:
            return ""
        return lines[-1] if lines else ""
