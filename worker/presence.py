"""Tells the database that this worker lives and what it does: a row in `workers`, kept fresh by a thread."""

from __future__ import annotations

import os
import socket
import threading
from dataclasses import replace
from datetime import UTC, datetime
from typing import Final, Literal

import structlog

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import LrsearchError
from lrsearch.jobs import WorkerView

SEEN_SECONDS: Final = 3.0
"""Longest time between two signs of life."""

log = structlog.get_logger(__name__)
State = Literal["warming_up", "idle", "busy"]


class Presence:
    """The row of this process in `workers`.

    Args:
        db: where the row is.
        device: what it trains on; corrected once TensorFlow is loaded.
    """

    def __init__(self, db: Database, device: str) -> None:
        self._db = db
        now = datetime.now(UTC)
        host, pid = socket.gethostname(), os.getpid()
        self._view = WorkerView(
            worker_id=f"{host}-{pid}-{now:%H%M%S}",
            host=host,
            pid=pid,
            device=device,
            state="warming_up",
            pack_id=None,
            started_at=now,
            last_seen_at=now,
        )
        self._changed = threading.Event()
        self._thread = threading.Thread(target=self._tell, name="presence", daemon=True)

    @property
    def worker_id(self) -> str:
        """Names this process among all workers, also those that lived before."""
        return self._view.worker_id

    def start(self) -> None:
        """Start telling; the thread ends with the process."""
        self._thread.start()

    def say(self, state: State, *, pack_id: str | None = None, device: str | None = None) -> None:
        """Change what the row says; written at once, by the thread."""
        self._view = replace(self._view, state=state, pack_id=pack_id, device=device or self._view.device)
        self._changed.set()

    def _tell(self) -> None:
        while True:
            self._changed.clear()
            try:
                jobs.worker_seen(self._db, replace(self._view, last_seen_at=datetime.now(UTC)))
            except LrsearchError as error:
                log.warning("presence not written", error=str(error))
            self._changed.wait(SEEN_SECONDS)
