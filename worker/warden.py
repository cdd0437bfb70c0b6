"""Ends what does not obey: a worker that ignores a cancellation, falls silent, or idles while messages wait for it."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Final

import psutil
import structlog

from lrsearch import jobs, queue
from lrsearch.db import Database
from lrsearch.errors import LrsearchError, Unavailable
from lrsearch.jobs import WorkerView

LOOK_SECONDS: Final = 1.0
"""How often it looks."""
DISOBEDIENCE_SECONDS: Final = 10.0
"""So long a running job may take to follow a cancellation."""
STALL_SECONDS: Final = 15.0
"""So long a message may wait while the worker idles: then Celery has stopped consuming, as it can after a reconnect."""
SILENT_SECONDS: Final = 30.0
"""So long a living child may give no sign of life: it hangs, holds no lease any more, and blocks the worker."""

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
        self._signs: dict[int, tuple[datetime | None, float]] = {}
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
                rows = self._our_rows()
                self.end_silent(rows)
                self.end_stalled(rows)
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

    def end_silent(self, rows: Sequence[WorkerView], now: float | None = None) -> list[int]:
        """Kill the children whose row has not changed for 30 s, by our clock; the pids killed."""
        now = time.monotonic() if now is None else now
        before = self._signs
        self._signs = {}
        for row in rows:
            is_news = row.pid not in before or before[row.pid][0] != row.last_seen_at
            self._signs[row.pid] = (row.last_seen_at, now) if is_news else before[row.pid]
        silent = [pid for pid, (_, heard_at) in self._signs.items() if now - heard_at > SILENT_SECONDS]
        for pid in silent:
            log.warning("a worker gives no sign of life: ending it", pid=pid)
            _kill(pid)
        return silent

    def end_stalled(self, rows: Sequence[WorkerView], now: float | None = None) -> bool:
        """Kill the Celery worker when messages have waited for 15 s while all its children idled; True if it did."""
        worker, now = self._worker_pid(), time.monotonic() if now is None else now
        is_idle = bool(rows) and all(row.state == "idle" for row in rows)
        if worker is None or not is_idle or not _has_messages():
            self._stalled_since = None
            return False
        self._stalled_since = now if self._stalled_since is None else self._stalled_since
        if now - self._stalled_since < STALL_SECONDS:
            return False
        log.warning("the worker idles while messages wait: starting it again", pid=worker)
        self._stalled_since = None
        _kill(worker)
        return True

    def _our_rows(self) -> list[WorkerView]:
        """Rows of the children that live now, however long they have been silent."""
        rows = jobs.workers(self._db, alive_within_seconds=3600.0)
        return [row for row in rows if row.host == self._host and self._is_ours(row.pid)]

    def _is_ours(self, pid: int) -> bool:
        try:
            return psutil.Process(pid).ppid() == self._worker_pid()
        except psutil.NoSuchProcess:
            return False


def _has_messages() -> bool:
    try:
        return bool(queue.waiting(1))
    except Unavailable:
        return False


def _kill(pid: int) -> None:
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        log.info("it has ended already", pid=pid)
