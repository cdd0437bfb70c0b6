"""The workers."""

from __future__ import annotations

from datetime import datetime

from api.schemas.base import Read


class Worker(Read):
    """A worker that was seen lately."""

    worker_id: str
    host: str
    pid: int
    device: str
    state: str
    """warming_up, idle or busy."""
    pack_id: str | None
    """What it works on."""
    started_at: datetime
    last_seen_at: datetime


class WorkerList(Read):
    """The workers seen within the last 30 seconds."""

    items: list[Worker]
