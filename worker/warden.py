"""Ends what does not obey: a worker that ignores a cancellation, and one that idles while messages wait for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable
from typing import Final

import psutil
import structlog

from lrsearch import jobs, queue
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, Unavailable

LOOK_SECONDS: Final = 1.0
"""How often it looks."""
DISOBEDIENCE_SECONDS: Final = 10.0
"""So long a running job may take to follow a cancellation."""
STALL_SECONDS: Final = 15.0
"""So long a message may wait while the worker idles: then Celery has stopped consuming, as it can after a reconnect."""

log = structlog.get_logger(__name__)


class Warden:
    """Watches the worker of one host in a thread of its own: a database that is away must not delay a stop.

    Args:
        db: where workers and cancellations are.
        worker_pid: answers the pid of the Celery worker whose children are watched, None while there is none.
    """

    def __init__(self, db: Database, worker_pid: Callable[[], int | None]) -> None:
        self._db, self._worker_pid = db, worker_pid
        self._host = socket.gethostname()
        self._stalled_since: float | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="warden", daemon=True)

    def start(self) -> None:
        """Start watching."""
        self._thread.start()

    def stop(self) -> None:
        """Stop watching; does not wait."""
        self._stopped.set()

    def _watch(self) -> None:
        while not self._stopped.wait(LOOK_SECONDS):
            try:
                self.end_disobedient()
                self.end_stalled()
            except LrsearchError as error:
                log.warning("cannot watch the worker", error=str(error))

    def end_disobedient(self) -> list[int]:
        """Kill the children that still run a job cancelled 10 s ago; their leases run out, and the jobs close.

        Returns:
            The pids killed. A pid that is no child of our worker (a number used again since) is left alone.
        """
        rows = jobs.disobedient(self._db, self._host, DISOBEDIENCE_SECONDS)
        killed = [row.pid for row in rows if self._is_ours(row.pid)]
        for pid in killed:
            log.warning("a worker does not follow a cancellation: ending it", pid=pid)
            _kill(pid)
        return killed

    def _is_ours(self, pid: int) -> bool:
        try:
            return psutil.Process(pid).ppid() == self._worker_pid()
        except psutil.NoSuchProcess:
            return False

    def end_stalled(self, now: float | None = None) -> bool:
        """Kill the Celery worker when messages have waited for 15 s while all its children idled; True if it did."""
        worker, now = self._worker_pid(), time.monotonic() if now is None else now
        if worker is None or not self._idles_before_messages():
            self._stalled_since = None
            return False
        self._stalled_since = now if self._stalled_since is None else self._stalled_since
        if now - self._stalled_since < STALL_SECONDS:
            return False
        log.warning("the worker idles while messages wait: starting it again", pid=worker)
        self._stalled_since = None
        _kill(worker)
        return True

    def _idles_before_messages(self) -> bool:
        try:
            if not queue.waiting(1):
                return False
        except Unavailable:
            return False
        ours = [row for row in jobs.workers(self._db) if row.host == self._host and self._is_ours(row.pid)]
        return bool(ours) and all(row.state == "idle" for row in ours)


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        log.info("it has ended already", pid=pid)
