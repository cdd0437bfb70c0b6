"""What the verbs hand out: read models, claims, orders."""

from __future__ import annotations

import bisect
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from lrsearch.db.repository import child_rows, job_rows, worker_rows
from lrsearch.jobs.progress import progress_of
from lrsearch.status import FINAL, JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job

ALIVE_SECONDS: Final = 30.0
"""A worker that was not seen for so long does not count as up."""


@dataclass(frozen=True, slots=True)
class ChildView:
    """A child of a composite job, in a line."""

    job_id: str
    kind: str
    stage: str
    status: JobStatus


@dataclass(frozen=True, slots=True)
class JobView:
    """Everything GET /v1/jobs/{id} shows.

    Attributes:
        progress_done, progress_total: updates; of a composite job those of its children and of the stages to come.
        attempt: highest attempt of its packs, 0 before the first claim.
        waiting_because: one phrase for a queued job, and for a composite one that runs: which stage it waits for.
        error: `{"type", "message", "traceback", "attempts": [...]}` of a failed job.
        result: only when it was asked for.
        version: grows with every change; for the ETag (`waiting_because` is computed and does not count it up).
        parent_id, stage: the composite job it is a part of, and the name of its stage there.
        children: of a composite job, in the order in which they were made.
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
    parent_id: str | None
    stage: str | None
    children: list[ChildView]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a worker holds while it works on a pack.

    Attributes:
        token: the fence; every write of this attempt carries it.
        attempt: counted from 1 within the pack.
        pack: number of the pack within the job, counted from 0.
        trials: numbers still to do; those that earlier attempts recorded are left out.
        checkpoints: trial number -> artifact hash an earlier attempt left.
        wall_seconds_left: of the job's limit, from its first claim.
        max_attempts: attempts in a row without progress after which the job fails.
        parent_id: the composite job it is a part of, to be advanced when the pack is over.
    """

    pack_id: str
    job_id: str
    token: str
    attempt: int
    pack: int
    document: dict[str, Any]
    trials: list[int]
    checkpoints: dict[int, str]
    wall_seconds_left: float
    max_attempts: int = 3
    parent_id: str | None = None


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
        kind: `status`, `progress`, `trial` or `stage`.
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
    labels, have_result = job_rows.labels(session, ids), job_rows.with_result(session, ids)
    children = child_rows.of_many(session, [job.job_id for job in jobs if job.stages_begun is not None])
    totals = progress_of(session, jobs)
    reasons = _waiting_reasons(session, [job for job in jobs if job.status == JobStatus.QUEUED])
    reasons |= _stages_waited_for([job for job in jobs if job.status not in FINAL], children)
    views: list[JobView] = []
    for job in jobs:
        attempt, done, total, changed_at = totals[job.job_id]
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
                updated_at=max(job.updated_at, changed_at),
                error=job.error,
                document=job.document,
                labels=labels[job.job_id],
                result=job.result if with_result else None,
                has_result=job.job_id in have_result,
                version=job.version,
                cancel_requested=job.cancel_requested_at is not None,
                rerun_of=job.rerun_of,
                parent_id=job.parent_id,
                stage=job.stage,
                children=[_child(one) for one in children.get(job.job_id, [])],
            )
        )
    return views


def _child(job: Job) -> ChildView:
    return ChildView(job.job_id, job.kind, job.stage or "", JobStatus(job.status))


def _stages_waited_for(jobs: Sequence[Job], children: Mapping[str, Sequence[Job]]) -> dict[str, str]:
    """Job id -> the stage that a composite job waits for."""
    found: dict[str, str] = {}
    for job in jobs:
        stage = [child for child in children.get(job.job_id, ()) if child.stage == children[job.job_id][-1].stage]
        if stage:
            ended = sum(child.status in FINAL for child in stage)
            found[job.job_id] = f"stage {stage[0].stage}: {ended} of {len(stage)} jobs ended"
    return found


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
