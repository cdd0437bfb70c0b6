"""The verbs about workers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from lrsearch.db import Database
from lrsearch.db.repository import worker_rows
from lrsearch.jobs.views import ALIVE_SECONDS, WorkerView

if TYPE_CHECKING:
    from lrsearch.db.models import Worker


def worker_seen(db: Database, worker: WorkerView) -> None:
    """Note a sign of life; the database's clock says when."""
    started = {} if worker.started_at is None else {"started_at": worker.started_at}
    with db.session() as session:
        worker_rows.seen(
            session,
            worker.worker_id,
            host=worker.host,
            pid=worker.pid,
            device=worker.device,
            state=worker.state,
            pack_id=worker.pack_id,
            **started,
        )


def workers(db: Database, alive_within_seconds: float = ALIVE_SECONDS) -> list[WorkerView]:
    """Workers that were seen in the last seconds."""
    with db.session() as session:
        return [_view(row) for row in worker_rows.alive(session, alive_within_seconds)]


def disobedient(db: Database, host: str, after_seconds: float = 10.0) -> list[WorkerView]:
    """Workers of `host` that still run a job whose cancellation was asked for so long ago: end their processes."""
    with db.session() as session:
        return [_view(row) for row in worker_rows.disobedient(session, host, after_seconds)]


def _view(row: Worker) -> WorkerView:
    return WorkerView(
        row.worker_id, row.host, row.pid, row.device, row.state, row.pack_id, row.started_at, row.last_seen_at
    )
