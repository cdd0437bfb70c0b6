"""The verb of composite jobs: when the children of a stage are over, begin the next one, or close the parent."""

from __future__ import annotations

import logging
import traceback as tracebacks
from typing import TYPE_CHECKING, Any, cast

from lrsearch.db import Database
from lrsearch.db.repository import child_rows, job_rows, worker_rows
from lrsearch.experiments.composite import Composite
from lrsearch.jobs.closing import (
    Experiments,
    child_of,
    close_cancelled,
    close_failed,
    close_succeeded,
    error_value,
    experiment_of,
)
from lrsearch.jobs.storing import begin_stage, checked
from lrsearch.jobs.views import ALIVE_SECONDS
from lrsearch.status import FINAL, JobStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job

logger = logging.getLogger(__name__)


def advance(db: Database, parent_id: str, *, experiments: Experiments | None = None) -> list[str]:
    """Bring a composite job on, if its children allow it; whoever ends a child calls this, and the reaper.

    One transaction of its own, after that of the child's end: the parent's row is locked before anything of its
    children is read, so of two that end at once one begins the next stage, and it is begun by compare-and-set.

    Returns:
        The packs to send to the broker: none while children are open, or when the parent was closed.
    """
    with db.session() as session:
        if not child_rows.due(session, parent_id):
            return []  # the usual answer, without a write
        job = job_rows.lock(session, parent_id)
        if job is None or job.status in FINAL:
            return []
        return _advance(session, job, experiments)


def _advance(session: Session, job: Job, experiments: Experiments | None) -> list[str]:
    children = child_rows.of(session, job.job_id)
    failed = next((child for child in children if child.status == JobStatus.FAILED), None)
    if failed is not None:
        close_failed(session, job, _error_of(failed), experiments)
        return []
    if any(child.status not in FINAL for child in children):
        return []
    if job.cancel_requested_at is not None or any(child.status == JobStatus.CANCELLED for child in children):
        close_cancelled(session, job, experiments)
        return []
    if job.status == JobStatus.QUEUED:
        job = begin(session, job, children)
    return _go_on(session, job, children, experiments)


def _go_on(session: Session, job: Job, children: Sequence[Job], experiments: Experiments | None) -> list[str]:
    """The next stage, or the end; what the experiment raises fails the job, what the database raises passes."""
    try:
        composite = cast("Composite", experiment_of(job.document, experiments))
        views = [child_of(child) for child in children]
        stage = composite.next_stage(views)
        made = [] if stage is None else checked(stage, experiments)
        result = composite.conclude_children(views) if stage is None else None
    except Exception as error:
        logger.exception("Job %s cannot go on.", job.job_id)
        message = f"After stage {children[-1].stage!r} the job could not go on: {error}"
        close_failed(session, job, error_value("conclude_failed", message, tracebacks.format_exc()), experiments)
        return []
    if stage is None:
        close_succeeded(session, job, result)
        return []
    workers = max(len(worker_rows.alive(session, ALIVE_SECONDS)), 1)
    return begin_stage(session, job, stage, made, workers=workers)


def begin(session: Session, job: Job, children: Sequence[Job]) -> Job:
    """Show a queued composite job as running since its first child was claimed."""
    started = [child.started_at for child in children if child.started_at is not None]
    return job_rows.move(session, job, JobStatus.RUNNING, started_at=min(started, default=job_rows.now(session)))


def begin_parent(db: Database, parent_id: str) -> None:
    """Note that a worker took up the first child of a composite job."""
    with db.session() as session:
        parent = job_rows.one(session, parent_id, with_result=False)
        if parent is None or parent.status != JobStatus.QUEUED:
            return
        job = job_rows.lock(session, parent_id)
        if job is not None and job.status == JobStatus.QUEUED:
            begin(session, job, child_rows.of(session, parent_id))


def _error_of(child: Job) -> dict[str, Any]:
    """The parent's error: the child's, with its name before it."""
    error = child.error or error_value("unknown", "no error was recorded", None)
    message = f"Stage {child.stage!r}, job {child.job_id}: {error['message']}"
    return {**error, "message": message, "child": child.job_id, "stage": child.stage}
