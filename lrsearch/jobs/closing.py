"""How a job ends: the result from the stored trials, and the moves into the final states. The job's row is locked."""

from __future__ import annotations

import logging
import traceback as tracebacks
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

from lrsearch.db.repository import child_rows, insight_rows, job_rows, pack_rows, trial_rows
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Experiment
from lrsearch.experiments.composite import Child, Composite
from lrsearch.status import FINAL, JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job, Pack

logger = logging.getLogger(__name__)
Experiments = TypeAdapter[Any]
"""Decodes a stored document; the verbs take one, for job kinds that are not registered (tests, plug-ins)."""

_TRACEBACK_CHARACTERS = 8_000
# The end of a traceback names the fault; an attempt's error stays small enough to be kept with all others.


@cache
def _registered() -> Experiments:
    return TypeAdapter(AnyExperiment)


def experiment_of(document: Mapping[str, Any], experiments: Experiments | None) -> Experiment:
    """The experiment a stored document describes."""
    return (experiments or _registered()).validate_python(document)


def error_value(error_type: str, message: str, traceback: str | None, pack: Pack | None = None) -> dict[str, Any]:
    """An error as it is stored; with a pack, one of its attempts' errors."""
    error: dict[str, Any] = {
        "type": error_type,
        "message": message,
        "traceback": traceback[-_TRACEBACK_CHARACTERS:] if traceback else None,
    }
    if pack is not None:
        error |= {"pack_id": pack.pack_id, "attempt": pack.attempt, "worker_id": pack.worker_id}
    return error


def close_if_done(session: Session, job: Job, experiments: Experiments | None) -> bool:
    """Close a job none of whose packs is open; True if it did. A composite job is closed here only when cancelled."""
    if job.stages_begun is not None:
        is_over = job.cancel_requested_at is not None and not child_rows.unfinished(session, job.job_id)
        if is_over:
            close_cancelled(session, job, experiments)
        return is_over
    statuses = pack_rows.statuses(session, job.job_id)
    if any(status not in FINAL for status in statuses):
        return False
    if all(status == JobStatus.SUCCEEDED for status in statuses):
        if job.status == JobStatus.QUEUED:
            job = job_rows.move(session, job, JobStatus.RUNNING)
        records = trial_rows.records(session, job.job_id)
        experiment = experiment_of(job.document, experiments)
        result = experiment.conclude(records)
        pack_rows.settle(session, job.job_id, {one.number: len(one.arrays.get("losses", ())) for one in records})
        insight_rows.add_advice(session, job.job_id, experiment.advice(result))
        close_succeeded(session, job, result)
    else:
        close_cancelled(session, job, experiments)
    return True


def close_succeeded(session: Session, job: Job, result: dict[str, Any] | None) -> None:
    """End a running job with its result."""
    _close(session, job, JobStatus.SUCCEEDED, result, None)


def close_cancelled(session: Session, job: Job, experiments: Experiments | None) -> None:
    """End a job as cancelled, with the result of what was recorded."""
    _close(session, job, JobStatus.CANCELLED, _partial_result(session, job, experiments), experiments)


def close_failed(session: Session, job: Job, error: dict[str, Any], experiments: Experiments | None) -> None:
    """End a job as failed, with every attempt's error and the result of what was recorded."""
    error = {**error, "attempts": error.get("attempts") or pack_rows.errors(session, job.job_id)}
    _close(session, job, JobStatus.FAILED, _partial_result(session, job, experiments), experiments, error=error)


def _close(
    session: Session,
    job: Job,
    new: JobStatus,
    result: dict[str, Any] | None,
    experiments: Experiments | None,
    **columns: Any,
) -> None:
    if job.stages_begun is not None:
        _end_children(session, job, experiments)
    if job.updates_to_come is not None:
        columns["updates_to_come"] = 0.0
    pack_rows.end_all(session, job.job_id)
    pack_rows.drop_checkpoints(session, pack_rows.ids(session, job.job_id))
    job_rows.move(session, job, new, result=result, finished_at=job_rows.now(session), **columns)


def _end_children(session: Session, job: Job, experiments: Experiments | None) -> None:
    """Cancel what a composite job that ends leaves open; its workers lose their tokens."""
    for child_id in child_rows.unfinished(session, job.job_id):
        child = job_rows.lock(session, child_id)
        if child is not None and child.status not in FINAL:
            close_cancelled(session, child, experiments)


def child_of(job: Job) -> Child:
    """A child job, as a composite experiment reads it."""
    seconds = None
    if job.started_at is not None and job.finished_at is not None:
        seconds = (job.finished_at - job.started_at).total_seconds()
    return Child(job.job_id, job.stage or "", job.document, JobStatus(job.status), job.result, seconds)


def _partial_result(session: Session, job: Job, experiments: Experiments | None) -> dict[str, Any] | None:
    """What the recorded trials, or the children, tell; None when there are none, or too few to say anything."""
    records = trial_rows.records(session, job.job_id)
    children = child_rows.of(session, job.job_id) if job.stages_begun is not None else []
    if not records and not children:
        return None
    try:
        experiment = experiment_of(job.document, experiments)
        if isinstance(experiment, Composite):
            return experiment.conclude_children([child_of(child) for child in children])
        return experiment.conclude(records)
    except Exception:
        # The job ends for a reason that must not be hidden by a conclusion that needs all its trials.
        logger.warning("Job %s: no partial result.\n%s", job.job_id, tracebacks.format_exc())
        return None


def end_attempt(
    session: Session,
    job: Job,
    pack: Pack,
    error: dict[str, Any],
    *,
    max_attempts: int,
    experiments: Experiments | None,
) -> bool:
    """Queue a failed attempt's pack again, or fail its job after too many without progress, or obey a cancellation."""
    stale = 0 if pack.has_progressed else pack.stale_attempts + 1
    kept = {"errors": [*pack.errors, error], "stale_attempts": stale}
    if job.cancel_requested_at is not None:
        pack_rows.end(session, pack, JobStatus.CANCELLED, **kept)
        close_if_done(session, job, experiments)
        return False
    if stale >= max_attempts:
        pack_rows.end(session, pack, JobStatus.FAILED, **kept)
        ended = pack_rows.one(session, pack.pack_id) or pack
        close_failed(session, job, exhausted(ended, stale), experiments)
        return False
    pack_rows.end(session, pack, JobStatus.QUEUED, **kept)
    if JobStatus.RUNNING not in pack_rows.statuses(session, job.job_id):
        job_rows.move(session, job, JobStatus.QUEUED, because=error["message"])
    return True


def limit_error(job: Job) -> dict[str, Any]:
    """The error of a job that used up its time."""
    message = f"The job ran longer than limits.wall_seconds = {job.wall_seconds:g}; raise the limit or ask for less."
    return error_value("limit_wall_seconds", message, None)


def exhausted(pack: Pack, attempts: int) -> dict[str, Any]:
    """The error of a pack that failed too often."""
    last: dict[str, Any] = pack.errors[-1] if pack.errors else error_value("unknown", "no error was recorded", None)
    message = f"{attempts} attempts in a row made no progress; the last one ended with: {last['message']}"
    return error_value(last["type"], message, last["traceback"])
