"""What the verbs hand out: read models, claims, orders."""

from __future__ import annotations

import bisect
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lrsearch.db.repository import job_rows, pack_rows, worker_rows
from lrsearch.status import JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job

ALIVE_SECONDS: Final = 30.0
"""A worker that was not seen for so long does not count as up."""


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything GET /v1/jobs/{id} shows.

    Attributes:
        progress_done, progress_total: updates.
        attempt: highest attempt of its packs, 0 before the first claim.
        waiting_because: one phrase for a queued job, None for others.
        error: `{"type", "message", "traceback", "attempts": [...]}` of a failed job.
        result: only when it was asked for.
        version: grows with every change; for the ETag (`waiting_because` is computed and does not count it up).
    """

    job_id: str
    kind: str
    status: JobStatus
    progress_done: int
    progress_total: int
    attempt: int
    waiting_because: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    updated_at: datetime
    error: dict[str, Any] | None
    document: dict[str, Any]
    labels: dict[str, str]
    result: dict[str, Any] | None
    has_result: bool
    version: int
    cancel_requested: bool
    rerun_of: str | None


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds while it works on a pack.

    Attributes:
        token: the fence; every write of this attempt carries it.
        attempt: counted from 1 within the pack.
        trials: numbers still to do; those that earlier attempts recorded are left out.
        checkpoints: trial number -> artifact hash an earlier attempt left.
        wall_seconds_left: of the job's limit, from its first claim.
        max_attempts: attempts in a row without progress after which the job fails.
    """

    pack_id: str
    job_id: str
    token: str
    attempt: int
    document: dict[str, Any]
    trials: list[int]
    checkpoints: dict[int, str]
    wall_seconds_left: float
    max_attempts: int = 3


@dataclass(frozen=True, slots=True)
class Orders:
    """What a sign of life brings back to the worker."""

    should_cancel: bool


@dataclass(frozen=True, slots=True)
class Submitted:
    """A job and its packs; `is_new` is False for an idempotent replay."""

    job: JobView
    pack_ids: list[str]
    is_new: bool


@dataclass(frozen=True, slots=True)
class EventView:
    """Something that happened to a job.

    Attributes:
        event_id: grows within a job; Last-Event-ID.
        kind: `status`, `progress` or `trial`.
    """

    event_id: int
    job_id: str
    kind: str
    data: dict[str, Any]
    happened_at: datetime


@dataclass(frozen=True, slots=True)
class WorkerView:
    """A worker; `state` is `warming_up`, `idle` or `busy`; the database sets `last_seen_at`."""

    worker_id: str
    host: str
    pid: int
    device: str
    state: str
    pack_id: str | None = None
    started_at: datetime | None = None
    last_seen_at: datetime | None = None


def job_views(session: Session, jobs: Sequence[Job], *, with_result: bool = False) -> list[JobView]:
    """Read models of rows, in their order."""
    ids = [job.job_id for job in jobs]
    totals, labels = pack_rows.totals(session, ids), job_rows.labels(session, ids)
    have_result = job_rows.with_result(session, ids)
    reasons = _waiting_reasons(session, [job for job in jobs if job.status == JobStatus.QUEUED])
    views: list[JobView] = []
    for job in jobs:
        attempt, done, total = totals.get(job.job_id, (0, 0.0, 0.0))
        views.append(
            JobView(
                job_id=job.job_id,
                kind=job.kind,
                status=JobStatus(job.status),
                progress_done=round(done),
                progress_total=round(total),
                attempt=attempt,
                waiting_because=reasons.get(job.job_id),
                created_at=job.created_at,
                started_at=job.started_at,
                finished_at=job.finished_at,
                updated_at=job.updated_at,
                error=job.error,
                document=job.document,
                labels=labels[job.job_id],
                result=job.result if with_result else None,
                has_result=job.job_id in have_result,
                version=job.version,
                cancel_requested=job.cancel_requested_at is not None,
                rerun_of=job.rerun_of,
            )
        )
    return views


def _waiting_reasons(session: Session, queued: Sequence[Job]) -> dict[str, str]:
    """Job id -> why it waits."""
    if not queued:
        return {}
    states = {worker.state for worker in worker_rows.alive(session, ALIVE_SECONDS)}
    if not states:
        return {job.job_id: "no worker is up" for job in queued}
    if states == {"warming_up"}:
        return {job.job_id: "worker is warming up" for job in queued}
    queue = job_rows.queue(session)
    return {job.job_id: f"position {bisect.bisect_left(queue, job.seq) + 1} in the queue" for job in queued}
