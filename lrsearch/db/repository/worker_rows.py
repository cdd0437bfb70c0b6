"""Rows of `workers`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.orm import Session

from lrsearch.db.clock import database_time
from lrsearch.db.models import Job, Pack, Worker
from lrsearch.status import JobStatus


def seen(session: Session, worker_id: str, **columns: Any) -> None:
    """Write a worker's row with the database's time as its last sign of life."""
    statement = update(Worker).where(Worker.worker_id == worker_id).values(last_seen_at=database_time(), **columns)
    written = session.execute(statement.returning(Worker.worker_id), execution_options={"synchronize_session": False})
    if written.scalar_one_or_none() is None:
        session.execute(
            insert(Worker).values(
                worker_id=worker_id, last_seen_at=database_time(), **{"started_at": database_time(), **columns}
            )
        )


def alive(session: Session, within_seconds: float) -> Sequence[Worker]:
    """Workers seen in the last seconds."""
    statement = select(Worker).where(Worker.last_seen_at > database_time(-within_seconds)).order_by(Worker.worker_id)
    return session.execute(statement).scalars().all()


def idle(session: Session, within_seconds: float) -> int:
    """How many workers were seen in the last seconds and have nothing to do."""
    statement = select(func.count()).where(Worker.last_seen_at > database_time(-within_seconds), Worker.state == "idle")
    return session.execute(statement).scalar_one()


def disobedient(session: Session, host: str, after_seconds: float) -> Sequence[Worker]:
    """Workers of a host that still run a pack whose cancellation was asked for longer ago than `after_seconds`."""
    statement = (
        select(Worker)
        .join(Pack, Pack.worker_id == Worker.worker_id)
        .join(Job, Job.job_id == Pack.job_id)
        .where(
            Worker.host == host,
            Worker.pack_id == Pack.pack_id,
            Pack.status == JobStatus.RUNNING,
            Job.cancel_requested_at < database_time(-after_seconds),
        )
    )
    return session.execute(statement).scalars().all()


def forget(session: Session, unseen_seconds: float) -> None:
    """Delete workers that were not seen for so long."""
    session.execute(
        delete(Worker).where(Worker.last_seen_at < database_time(-unseen_seconds)),
        execution_options={"synchronize_session": False},
    )
