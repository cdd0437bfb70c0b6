"""What every worker needs sooner or later is loaded when it has nothing to do, so that its first job has the processor to itself."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Final

IDLE_SECONDS: Final = 1.0
"""How long a new child must have nothing to do before it begins: a job that waits already comes sooner."""


class Ahead:
    """Calls `load` once, on a thread of its own: when there was no job for a moment, at the latest after the first one.

    Args:
        load: may take seconds; what needs it and finds it absent loads it itself.
        idle_seconds: the moment.
    """

    def __init__(self, load: Callable[[], None], idle_seconds: float = IDLE_SECONDS) -> None:
        self._load = load
        self._timer = threading.Timer(idle_seconds, self.begin)
        self._timer.daemon = True
        self._has_begun = threading.Lock()

    def wait(self) -> None:
        """Begin when there is no job for a moment."""
        self._timer.start()

    def hold(self) -> None:
        """There is a job: begin after it; what has begun goes on beside it."""
        self._timer.cancel()

    def begin(self) -> None:
        """Begin now, if nothing has begun yet; returns at once."""
        if self._has_begun.acquire(blocking=False):
            threading.Thread(target=self._load, name="load-ahead", daemon=True).start()
