"""The verbs of the reaper: expired leases, lost messages, forgotten closings, garbage."""

from __future__ import annotations

import logging
import traceback as tracebacks
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final

from lrsearch.db import Database
from lrsearch.db.repository import child_rows, job_rows, pack_rows, worker_rows
from lrsearch.jobs.closing import Experiments, close_failed, close_if_done, end_attempt, error_value, limit_error
from lrsearch.jobs.sharing import seat_idle_workers
from lrsearch.jobs.stages import advance
from lrsearch.status import FINAL

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job

logger = logging.getLogger(__name__)
WALL_GRACE_SECONDS: Final = 60.0
"""So long after its wall-clock limit a job is failed from outside, in case its worker hangs."""
FORGET_WORKER_SECONDS: Final = 86_400.0
"""A worker unseen for a day is forgotten."""


def reap(
    db: Database, *, resend_seconds: float, max_attempts: int, experiments: Experiments | None = None
) -> list[str]:
    """Put right what no worker will, each job in its own transaction; return the packs to send to the broker.

    Packs with an expired lease go back to the queue, or their job fails after `max_attempts` without progress; jobs
    far beyond their wall-clock limit fail; jobs whose packs are all over are closed; composite jobs whose children are
    over go on; workers with nothing to do get a pack of a job that shares its trials out. Packs that were never sent, or longer ago than `resend_seconds` (a few times that after several sends),
    are returned.
    """
    with db.session() as session:
        expired = pack_rows.expired(session)
        overdue = job_rows.overdue(session, WALL_GRACE_SECONDS)
        unclosed = pack_rows.jobs_without_open_packs(session)
        worker_rows.forget(session, FORGET_WORKER_SECONDS)

    for job_id, pack_id in expired:
        _with_job(
            db, job_id, lambda session, job, pack_id=pack_id: _expire(session, job, pack_id, max_attempts, experiments)
        )
    for job_id in overdue:
        _with_job(db, job_id, lambda session, job: close_failed(session, job, limit_error(job), experiments))
    for job_id in unclosed:
        _close_late(db, job_id, experiments)
    with db.session() as session:
        due = child_rows.due(session)
    for job_id in due:
        advance(db, job_id, experiments=experiments)
    seat_idle_workers(db, experiments=experiments)
    with db.session() as session:
        return pack_rows.unsent(session, resend_seconds)


def _with_job(db: Database, job_id: str, act: Callable[[Session, Job], object]) -> None:
    """Lock a job and act, unless it ended meanwhile."""
    with db.session() as session:
        job = job_rows.lock(session, job_id)
        if job is not None and job.status not in FINAL:
            act(session, job)


def _expire(session: Session, job: Job, pack_id: str, max_attempts: int, experiments: Experiments | None) -> None:
    pack = pack_rows.still_expired(session, pack_id)
    if pack is not None:
        message = f"Worker {pack.worker_id} gave no sign of life until its lease ran out."
        end_attempt(
            session,
            job,
            pack,
            error_value("lease_expired", message, None, pack),
            max_attempts=max_attempts,
            experiments=experiments,
        )


def _close_late(db: Database, job_id: str, experiments: Experiments | None) -> None:
    try:
        _with_job(db, job_id, lambda session, job: close_if_done(session, job, experiments))
    except Exception as error:  # one job that cannot be concluded must not stop the care for all others
        logger.exception("Job %s cannot be concluded.", job_id)
        value = error_value("conclude_failed", f"The result could not be drawn: {error}", tracebacks.format_exc())
        _with_job(db, job_id, lambda session, job: close_failed(session, job, value, experiments))


def mark_sent(db: Database, pack_ids: Sequence[str]) -> None:
    """Note that the messages of these packs are with the broker."""
    with db.session() as session:
        pack_rows.mark_sent(session, pack_ids)


def unused_artifacts(db: Database) -> list[str]:
    """Artifacts of checkpoints that no pack needs any more, each told once: the caller deletes the files."""
    with db.session() as session:
        return pack_rows.take_garbage(session)
