"""The verbs of a worker: claim a pack, show signs of life, record trials, end the attempt."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from lrsearch.db import Database
from lrsearch.db.repository import insight_rows, job_rows, pack_rows, trial_rows
from lrsearch.experiments.base import TrialRecord
from lrsearch.jobs.closing import (
    Experiments,
    close_failed,
    close_if_done,
    end_attempt,
    error_value,
    exhausted,
    limit_error,
)
from lrsearch.jobs.fence import hold, lost
from lrsearch.jobs.progress import tell_progress
from lrsearch.jobs.sharing import close_shared
from lrsearch.jobs.stages import begin_parent
from lrsearch.jobs.views import Claim, Orders
from lrsearch.status import FINAL, JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job, Pack


def claim(
    db: Database,
    pack_id: str,
    *,
    worker_id: str,
    lease_seconds: float,
    max_attempts: int,
    experiments: Experiments | None = None,
) -> Claim | None:
    """Take a queued pack, or None when somebody has it or it is over.

    A job whose wall-clock limit passed, or whose pack has no attempts left, fails here.
    """
    taken = _claim(
        db,
        pack_id,
        worker_id=worker_id,
        lease_seconds=lease_seconds,
        max_attempts=max_attempts,
        experiments=experiments,
    )
    if taken is not None and taken.parent_id is not None:
        begin_parent(db, taken.parent_id)
    return taken


def _claim(
    db: Database,
    pack_id: str,
    *,
    worker_id: str,
    lease_seconds: float,
    max_attempts: int,
    experiments: Experiments | None,
) -> Claim | None:
    with db.session() as session:
        pack = pack_rows.one(session, pack_id)
        if pack is None or pack.status != JobStatus.QUEUED:
            return None  # the fate of every message that came twice: answered without a write
        job = job_rows.lock(session, pack.job_id)
        if job is None or job.status in FINAL:
            return None
        left = _wall_seconds_left(session, job)
        if left <= 0:
            close_failed(session, job, limit_error(job), experiments)
            return None
        if pack.stale_attempts >= max_attempts:
            close_failed(session, job, exhausted(pack, pack.stale_attempts), experiments)
            return None
        return _take(
            session,
            job,
            pack,
            worker_id=worker_id,
            lease_seconds=lease_seconds,
            wall_seconds_left=left,
            max_attempts=max_attempts,
        )


def _take(session: Session, job: Job, pack: Pack, *, worker_id: str, lease_seconds: float, **left: Any) -> Claim | None:
    recorded = trial_rows.numbers(session, job.job_id)
    open_trials = [number for number in pack.trials if number not in recorded]
    base = pack.progress_total * (1 - len(open_trials) / max(len(pack.trials), 1))
    token = uuid.uuid4().hex
    if not pack_rows.take(
        session, pack.pack_id, token=token, worker_id=worker_id, lease_seconds=lease_seconds, base=base
    ):
        return None
    if job.status == JobStatus.QUEUED:
        started_at = job.started_at or job_rows.now(session)
        job_rows.move(session, job, JobStatus.RUNNING, started_at=started_at)
    return Claim(
        pack_id=pack.pack_id,
        job_id=job.job_id,
        token=token,
        attempt=pack.attempt + 1,
        pack=pack.number,
        document=job.document,
        trials=open_trials,
        checkpoints=pack_rows.checkpoints(session, pack.pack_id),
        parent_id=job.parent_id,
        **left,
    )


def _wall_seconds_left(session: Session, job: Job) -> float:
    """Of the job's limit and of its parent's, the sooner."""
    parent = None if job.parent_id is None else job_rows.one(session, job.parent_id, with_result=False)
    jobs = [job] if parent is None else [job, parent]
    now = job_rows.now(session)
    return min(
        one.wall_seconds - (0.0 if one.started_at is None else (now - one.started_at).total_seconds()) for one in jobs
    )


def orders(db: Database, claim: Claim) -> Orders:
    """Ask, without a write, whether the job was cancelled: cheap enough for every second.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        pack = pack_rows.one(session, claim.pack_id)
        job = job_rows.one(session, claim.job_id, with_result=False)
        if pack is None or job is None or pack.token != claim.token:
            raise lost(claim)
        return Orders(should_cancel=job.cancel_requested_at is not None)


def renew(db: Database, claim: Claim, *, lease_seconds: float, done: int, total: int) -> Orders:
    """Show a sign of life: prolong the lease, and report updates `done` of the `total` this attempt has to do.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim, lease_until=pack_rows.lease(lease_seconds))
        base, before = pack.progress_base, pack.progress_done
        whole = base + total if total > 0 else pack.progress_total
        pack_rows.held(session, claim.pack_id, claim.token, progress_done=base + done, progress_total=whole)
        tell_progress(session, job, base + done - before)
        return Orders(should_cancel=job.cancel_requested_at is not None)


def record(db: Database, claim: Claim, *records: TrialRecord) -> None:
    """Store finished trials in one transaction; numbers that are stored already are ignored.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        known = trial_rows.recorded(session, job.job_id, [item.number for item in records])
        first = {item.number: item for item in reversed(records) if item.number not in known}
        if not first:
            return
        new = [first[number] for number in sorted(first)]
        if not pack.has_progressed:
            pack_rows.held(session, pack.pack_id, claim.token, has_progressed=True)
        trial_rows.add(session, new, job_id=job.job_id, pack_id=pack.pack_id, attempt=pack.attempt)
        insight_rows.add_outcomes(session, job.job_id, new)
        pack_rows.drop_checkpoints(session, [pack.pack_id], [item.number for item in new])
        job_rows.add_events(session, job.job_id, "trial", [_trial_event(item) for item in new])


def _trial_event(record: TrialRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "status": record.status,
        "seed": record.seed,
        "stop_reason": record.stop_reason,
        "stopped_at": record.stopped_at,
        "metrics": record.metrics,
    }


def record_checkpoint(db: Database, claim: Claim, trial: int, artifact: str) -> None:
    """Note the artifact a later attempt goes on from; the older one becomes garbage (`unused_artifacts`).

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        hold(session, claim)
        if pack_rows.checkpoints(session, claim.pack_id).get(trial) == artifact:
            return  # the training stands where the last attempt stood: no progress
        pack_rows.held(session, claim.pack_id, claim.token, has_progressed=True)
        pack_rows.set_checkpoint(session, claim.pack_id, trial, artifact)


def finish(db: Database, claim: Claim, *, experiments: Experiments | None = None) -> bool:
    """End a pack that has nothing more to do; the last one concludes the job. True if it closed the job.

    The job's row is locked first, so of two last packs exactly one sees that none is left. What `conclude` raises
    passes, and the pack stays claimed.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        pack_rows.end(session, pack, JobStatus.SUCCEEDED, progress_done=pack.progress_total)
        close_shared(session, job)
        return close_if_done(session, job, experiments)


def fail(
    db: Database,
    claim: Claim,
    *,
    error_type: str,
    message: str,
    traceback: str | None = None,
    experiments: Experiments | None = None,
) -> None:
    """End the job as failed, at once: no other attempt would fare better. What was recorded is kept.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        error = error_value(error_type, message, traceback, pack)
        pack_rows.end(session, pack, JobStatus.FAILED, errors=[*pack.errors, error])
        close_failed(session, job, error_value(error_type, message, traceback), experiments)


def give_up_attempt(
    db: Database,
    claim: Claim,
    *,
    error_type: str,
    message: str,
    traceback: str | None = None,
    experiments: Experiments | None = None,
) -> bool:
    """End an attempt by a fault; True when the pack is queued again, False when it was its last.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        error = error_value(error_type, message, traceback, pack)
        return end_attempt(session, job, pack, error, max_attempts=claim.max_attempts, experiments=experiments)


def close_cancelled(db: Database, claim: Claim, *, experiments: Experiments | None = None) -> None:
    """The worker obeyed a cancellation: its pack is over, and the last one closes the job with its partial result.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        pack_rows.end(session, pack, JobStatus.CANCELLED)
        close_if_done(session, job, experiments)
