"""Keeps a claimed pack ours: a thread that renews the lease, brings back orders and watches the limits."""

from __future__ import annotations

import threading
import time
from types import TracebackType
from typing import Final, Self

import psutil
import structlog

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import LostLease, LrsearchError
from lrsearch.experiments.base import Limits, Progress
from lrsearch.jobs import Claim
from lrsearch.log import about
from lrsearch.training.trainer import StopReason

ORDERS_SECONDS: Final = 1.0
"""Longest time between two questions for orders: a cancel must reach a running job within 2 s."""

CANCELLED: Final = "cancelled"
"""What `LeaseKeeper.stopped_for` says when the user cancelled the job."""

log = structlog.get_logger(__name__)


class LeaseKeeper:
    """Renews the lease of `claim` while its block runs, and answers between chunks whether to stop.

    Args:
        db: where the lease is.
        claim: the pack at work.
        limits: of the job; wall-clock time counts from the job's first claim.
        lease_seconds: length of the lease each renewal asks for.
        heartbeat_seconds: greatest time between two renewals.
    """

    def __init__(
        self, db: Database, claim: Claim, limits: Limits, *, lease_seconds: float, heartbeat_seconds: float
    ) -> None:
        self._db, self._claim, self._limits = db, claim, limits
        self._lease_seconds = lease_seconds
        self._heartbeat_seconds, self._renewed_at = heartbeat_seconds, time.monotonic()
        self._pause = min(heartbeat_seconds, ORDERS_SECONDS)
        self._deadline = time.monotonic() + claim.wall_seconds_left
        self._progress = Progress(0, 0)
        self._should_cancel = self._is_lost = False
        self._over = threading.Event()
        self._process = psutil.Process()
        self._thread = threading.Thread(target=self._keep, name="lease", daemon=True)
        self.stopped_for: str | None = None
        """Why `should_stop` ended the runs: "cancelled", "limit_wall_seconds", ...; None: it did not."""

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._over.set()
        self._thread.join()

    def report(self, progress: Progress) -> None:
        """Remember how far the pack is; the next renewal carries it."""
        self._progress = progress

    def should_stop(self) -> StopReason | None:
        """The reason to end the runs here, or None; remembers it in `stopped_for`.

        Raises:
            LostLease: somebody else has the pack, or it is over; nothing may be written any more.
        """
        if self._is_lost:
            raise LostLease(f"The lease of pack {self._claim.pack_id} was lost.")
        self.stopped_for = self.stopped_for or self._reason()
        if self.stopped_for is None:
            return None
        return StopReason.CANCELLED if self.stopped_for == CANCELLED else StopReason.LIMIT

    def elapsed_seconds(self) -> float:
        """Seconds since the job's first claim."""
        return self._limits.wall_seconds - (self._deadline - time.monotonic())

    def break_limit(self, name: str) -> None:
        """End the runs at the next chunk because the limit `name` is reached."""
        self.stopped_for = self.stopped_for or f"limit_{name}"

    def _reason(self) -> str | None:
        if self._should_cancel:
            return CANCELLED
        if time.monotonic() > self._deadline:
            return "limit_wall_seconds"
        memory = self._limits.memory_bytes
        if memory is not None and self._process.memory_info().rss > memory:
            return "limit_memory_bytes"
        return None

    def _keep(self) -> None:
        claim = self._claim
        with about(job_id=claim.job_id, pack_id=claim.pack_id, attempt=claim.attempt):
            self._keep_until_over()

    def _keep_until_over(self) -> None:
        while not self._over.wait(self._pause) and not self._is_lost:
            try:
                orders = self._sign_of_life()
                self._should_cancel = self._should_cancel or orders.should_cancel
            except LostLease:
                self._is_lost = True
            except LrsearchError as error:
                # The token decides, not our clock: if nobody took the pack while the database was away, it is ours.
                log.warning("lease not renewed", error=str(error))

    def _sign_of_life(self) -> jobs.Orders:
        """Renew when it is time, else only ask for orders, which costs no write."""
        if time.monotonic() - self._renewed_at < self._heartbeat_seconds - self._pause / 2:
            return jobs.orders(self._db, self._claim)
        progress = self._progress
        orders = jobs.renew(
            self._db, self._claim, lease_seconds=self._lease_seconds, done=progress.done, total=progress.total
        )
        self._renewed_at = time.monotonic()
        return orders
