"""Trials that a job's packs take as they go, and the packs that are added for workers that come later."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from lrsearch.db import Database
from lrsearch.db.repository import job_rows, pack_rows, trial_rows, worker_rows
from lrsearch.experiments.base import Groups
from lrsearch.experiments.packing import first_free
from lrsearch.jobs.closing import Experiments, experiment_of
from lrsearch.jobs.fence import hold
from lrsearch.jobs.views import ALIVE_SECONDS, Claim
from lrsearch.status import JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job


def take(db: Database, claim: Claim, groups: Groups, count: int, *, known: Collection[int]) -> list[int]:
    """Give a pack more of the trials that its job shares out as it goes.

    The job's row is locked first, so no two packs get the same trial. What an earlier call gave, whose answer was lost
    with the connection, is given again: it is the pack's already.

    Args:
        db: the database.
        claim: of the pack.
        groups: all trials that are shared out; a group is taken whole.
        count: greatest number of groups; it gets at most a worker's fair share of those that are left, rounded up.
        known: the pack's trials that the caller has: those of the claim, and what it took since.

    Returns:
        Trial numbers; none when nothing is left.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        own, others = pack_rows.trials(session, claim.job_id, claim.pack_id)
        if forgotten := _forgotten(session, claim.job_id, set(own).difference(known)):
            return forgotten
        free = first_free(groups, {*own, *others}, len(groups))
        at_work = pack_rows.statuses(session, job.job_id).count(JobStatus.RUNNING)
        taken = free[: min(count, math.ceil(len(free) / max(at_work, 1)))]
        numbers = [number for group in taken for number in group]
        if numbers:
            moved = (job.updates_to_come or 0.0) * len(taken) / len(free)
            columns: dict[str, Any] = {"trials": [*own, *numbers], "progress_total": pack.progress_total + moved}
            pack_rows.held(session, claim.pack_id, claim.token, **columns)
            job_rows.change(session, job, updates_to_come=(job.updates_to_come or 0.0) - moved)
        return numbers


def leave(db: Database, claim: Claim) -> None:
    """Give a pack back whose worker goes: queued again, with the trials that it took.

    Raises:
        LostLease: the pack is no longer this attempt's.
    """
    with db.session() as session:
        job, pack = hold(session, claim)
        pack_rows.end(session, pack, JobStatus.QUEUED)
        if JobStatus.RUNNING not in pack_rows.statuses(session, job.job_id):
            job_rows.move(session, job, JobStatus.QUEUED, because=f"Worker {pack.worker_id} was asked to stop.")


def _forgotten(session: Session, job_id: str, unknown: set[int]) -> list[int]:
    """Those of a pack's trials that nobody has recorded."""
    return sorted(unknown - trial_rows.recorded(session, job_id, sorted(unknown))) if unknown else []


def close_shared(session: Session, job: Job) -> None:
    """A pack of a job that shares its trials out found nothing more to do: no pack is added, and empty ones are over."""
    if job.updates_to_come is not None:
        job_rows.change(session, job, updates_to_come=0.0)
        pack_rows.end_empty(session, job.job_id)


def seat_idle_workers(db: Database, *, experiments: Experiments | None = None) -> None:
    """Add a pack without trials for each worker that has nothing to do, to the running jobs that share trials out.

    Workers for whom a pack waits already are not counted, so that other jobs come first.
    """
    with db.session() as session:
        spare = worker_rows.idle(session, ALIVE_SECONDS) - pack_rows.queued(session)
        job_ids = job_rows.sharing(session) if spare > 0 else []
    for place, job_id in enumerate(job_ids):
        share = math.ceil(spare / (len(job_ids) - place))
        spare -= _add_seats(db, job_id, share, experiments)


def _add_seats(db: Database, job_id: str, most: int, experiments: Experiments | None) -> int:
    """Add at most so many packs to a job, and no more than there are groups of trials left; how many it were."""
    with db.session() as session:
        job = job_rows.one(session, job_id, with_result=False)
        experiment = None if job is None else experiment_of(job.document, experiments)
        if experiment is None or not experiment.may_join(trial_rows.numbers(session, job_id)):
            return 0
    with db.session() as session:
        job = job_rows.lock(session, job_id)
        if job is None or job.status != JobStatus.RUNNING or not job.updates_to_come or job.cancel_requested_at:
            return 0
        own, others = pack_rows.trials(session, job_id)
        free = first_free(experiment.shared_trials, {*own, *others}, most)
        pack_rows.add_empty(session, job_id, len(free))
        return len(free)
