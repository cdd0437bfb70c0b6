"""A real Valkey server for tests, started as the product starts its own; it can be killed, frozen and restarted."""

from __future__ import annotations

import signal
import subprocess
import time
from pathlib import Path
from typing import Self

from lrsearch import queue
from worker.broker import Broker, find_binary
from worker.children import tethered


class ValkeyServer:
    """Use as a context manager; `url` is what clients connect to, also after `kill` and `start` again."""

    def __init__(self, folder: Path) -> None:
        self._broker = Broker(folder, find_binary())
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return self._broker.url

    def start(self) -> None:
        """Start, and wait until it answers."""
        self._process = subprocess.Popen(
            tethered(self._broker.command()), stdout=subprocess.DEVNULL, stdin=subprocess.DEVNULL
        )
        deadline = time.monotonic() + 20
        while not self.answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"Valkey does not start: exit code {self._process.poll()}")
            time.sleep(0.02)

    def answers(self) -> bool:
        queue.configure(self.url)
        return queue.ping()

    def send(self, number: signal.Signals) -> None:
        """Send a signal: SIGSTOP and SIGCONT freeze and thaw it."""
        assert self._process is not None
        self._process.send_signal(number)

    def kill(self) -> None:
        """End it without a goodbye."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            self._process = None

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.kill()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
