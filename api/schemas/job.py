"""A job as the API tells of it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pydantic import ConfigDict, Field

from api.schemas.base import Read
from lrsearch.status import JobStatus


class Progress(Read):
    """How far a job is, in optimizer updates."""

    done: int
    total: int
    eta_seconds: float | None
    """Seconds to go at the speed so far; null before the first progress and after the end."""


class JobError(Read):
    """Why a job failed."""

    model_config = ConfigDict(extra="allow")

    type: str
    message: str
    attempts: list[dict[str, Any]] = Field(default=[])
    """Each attempt's own error."""


class Child(Read):
    """A job that is a part of a composite one."""

    job_id: str
    kind: str
    stage: str
    status: JobStatus
    links: dict[str, str]


class Job(Read):
    """A job as it stands."""

    job_id: str
    kind: str
    status: JobStatus
    progress: Progress
    waiting_because: str | None
    """Why a queued job does not run yet; of a composite job also while it runs: the stage it waits for."""
    attempt: int
    """How often a worker has taken it up; 0 before the first time."""
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: JobError | None
    document: dict[str, Any]
    """The validated document, defaults filled in."""
    links: dict[str, str]
    labels: dict[str, str]
    cancel_requested: bool
    """A running job stops at its next chunk."""
    rerun_of: str | None
    """The job this one repeats."""
    parent_id: str | None = None
    """The composite job this one is a part of."""
    stage: str | None = None
    """Name of the parent's stage it belongs to."""
    children: list[Child] = Field(default=[])
    """Of a composite job: the jobs of its stages so far, in the order in which they were made."""
    summary: dict[str, Any] | None = None
    """What of the result fits into a line (verdict and suggestion, or recommendation and flags); null before there is one."""


class JobPage(Read):
    """One page of jobs, newest first."""

    items: list[Job]
    next_page_token: str | None
    """Pass it as `page_token` for the next page; null on the last."""


class Estimate(Read):
    """What a valid job document will cost; answer of `validate_only`."""

    updates: int
    trials: int
    estimated_seconds: float | None
    """Wall-clock seconds once a worker takes it: `updates` times what an update cost in the newest succeeded jobs of the
    same kind, model, data, batch size and engine (median); null before the first."""
