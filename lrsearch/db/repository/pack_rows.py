"""Rows of `packs` and `checkpoints`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, case, delete, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session, aliased

from lrsearch.db.clock import database_time
from lrsearch.db.models import CheckpointFile, Job, Pack
from lrsearch.status import FINAL, JobStatus, sources_of

_FRESH = {"populate_existing": True, "synchronize_session": False}
_MOST_WAITS = 4
# A waiting pack is sent again after 1, 2, 3, 4, 4, ... times the resend time: a long queue must not fill the broker.


def add(session: Session, rows: Sequence[dict[str, Any]]) -> None:
    """Insert queued packs."""
    session.execute(insert(Pack), [{"status": JobStatus.QUEUED, **row} for row in rows])


def add_empty(session: Session, job_id: str, count: int) -> None:
    """Add queued packs without trials to a job."""
    first = session.execute(select(func.max(Pack.number)).where(Pack.job_id == job_id)).scalar_one_or_none()
    numbers = range(0 if first is None else first + 1, (0 if first is None else first + 1) + count)
    rows = [{"pack_id": pack_id_of(job_id, n), "job_id": job_id, "number": n, "trials": []} for n in numbers]
    if rows:
        add(session, rows)


def pack_id_of(job_id: str, number: int) -> str:
    """The id of a job's pack."""
    return f"{job_id}-{number}"


def trials(session: Session, job_id: str, pack_id: str = "") -> tuple[list[int], list[int]]:
    """Trial numbers of a pack, and of all other packs of its job."""
    own: list[int] = []
    others: list[int] = []
    for one_id, numbers in session.execute(select(Pack.pack_id, Pack.trials).where(Pack.job_id == job_id)):
        (own if one_id == pack_id else others).extend(numbers)
    return own, others


def queued(session: Session) -> int:
    """How many packs wait for a worker."""
    return session.execute(select(func.count()).where(Pack.status == JobStatus.QUEUED)).scalar_one()


def one(session: Session, pack_id: str) -> Pack | None:
    """A pack's row, as it is now."""
    return session.execute(select(Pack).where(Pack.pack_id == pack_id), execution_options=_FRESH).scalar_one_or_none()


def take(session: Session, pack_id: str, *, token: str, worker_id: str, lease_seconds: float, base: float) -> bool:
    """Claim a queued pack by compare-and-set; False when somebody else was faster."""
    statement = (
        update(Pack)
        .where(Pack.pack_id == pack_id, Pack.status.in_(sources_of(JobStatus.RUNNING)))
        .values(
            status=JobStatus.RUNNING,
            token=token,
            worker_id=worker_id,
            attempt=Pack.attempt + 1,
            has_progressed=False,
            lease_until=database_time(lease_seconds),
            progress_base=base,
            progress_done=base,
        )
        .returning(Pack.pack_id)
    )
    return session.execute(statement, execution_options=_FRESH).scalar_one_or_none() is not None


def lease(seconds: float) -> ColumnElement[Any]:
    """The end of a lease that starts now."""
    return database_time(seconds)


def held(session: Session, pack_id: str, token: str, **columns: Any) -> Pack | None:
    """Write columns of a running pack if the token is still its own: the fence; None when it is not."""
    statement = (
        update(Pack)
        .where(Pack.pack_id == pack_id, Pack.token == token, Pack.status == JobStatus.RUNNING)
        .values(**(columns or {"token": token}))
        .returning(Pack)
    )
    return session.execute(statement, execution_options=_FRESH).scalar_one_or_none()


def end(session: Session, pack: Pack, new: JobStatus, **columns: Any) -> None:
    """Take a running pack from its worker: to a final state, or back into the queue."""
    values: dict[str, Any] = {"status": new, "token": None, "worker_id": None, "lease_until": None, **columns}
    if new == JobStatus.QUEUED:
        values |= {"sent_at": None, "sends": 0}
    session.execute(
        update(Pack).where(Pack.pack_id == pack.pack_id, Pack.status.in_(sources_of(new))).values(**values),
        execution_options={"synchronize_session": False},
    )


def end_all(session: Session, job_id: str, *, only: JobStatus | None = None) -> None:
    """Cancel the packs of a job that are not over (only the queued ones, if asked); their workers lose their tokens."""
    chosen = Pack.status.not_in(FINAL) if only is None else Pack.status == only
    session.execute(
        update(Pack)
        .where(Pack.job_id == job_id, chosen)
        .values(status=JobStatus.CANCELLED, token=None, worker_id=None, lease_until=None),
        execution_options={"synchronize_session": False},
    )


def end_empty(session: Session, job_id: str) -> None:
    """End the queued packs of a job that have no trials."""
    waiting = select(Pack.pack_id, Pack.trials).where(Pack.job_id == job_id, Pack.status == JobStatus.QUEUED)
    empty = [pack_id for pack_id, numbers in session.execute(waiting) if not numbers]
    statement = update(Pack).where(Pack.pack_id.in_(empty), Pack.status == JobStatus.QUEUED)
    session.execute(statement.values(status=JobStatus.SUCCEEDED), execution_options={"synchronize_session": False})


def settle(session: Session, job_id: str, updates: Mapping[int, int]) -> None:
    """Set the progress of a job's packs, estimated until now, to the updates that their trials have made.

    Args:
        session: the transaction.
        job_id: of the job.
        updates: number of a recorded trial -> its updates.
    """
    for pack_id, numbers in session.execute(select(Pack.pack_id, Pack.trials).where(Pack.job_id == job_id)).all():
        made = float(sum(updates.get(number, 0) for number in numbers))
        statement = update(Pack).where(Pack.pack_id == pack_id).values(progress_done=made, progress_total=made)
        session.execute(statement, execution_options={"synchronize_session": False})


def statuses(session: Session, job_id: str) -> list[JobStatus]:
    """Status of every pack of a job."""
    return [JobStatus(status) for status in session.execute(select(Pack.status).where(Pack.job_id == job_id)).scalars()]


def errors(session: Session, job_id: str) -> list[dict[str, Any]]:
    """How each failed attempt of a job's packs ended, pack by pack."""
    statement = select(Pack.errors).where(Pack.job_id == job_id).order_by(Pack.number)
    return [error for errors in session.execute(statement).scalars() for error in errors]


def ids(session: Session, job_id: str) -> list[str]:
    """Pack ids of a job, in order."""
    return list(session.execute(select(Pack.pack_id).where(Pack.job_id == job_id).order_by(Pack.number)).scalars())


def totals(session: Session, job_ids: Sequence[str]) -> dict[str, tuple[int, float, float]]:
    """Highest attempt, progress done and progress total of each job."""
    statement = (
        select(Pack.job_id, func.max(Pack.attempt), func.sum(Pack.progress_done), func.sum(Pack.progress_total))
        .where(Pack.job_id.in_(job_ids))
        .group_by(Pack.job_id)
    )
    return {job_id: (attempt, done, total) for job_id, attempt, done, total in session.execute(statement)}


def expired(session: Session) -> list[tuple[str, str]]:
    """(job id, pack id) of the running packs whose lease is over."""
    statement = select(Pack.job_id, Pack.pack_id).where(_is_expired())
    return [(job_id, pack_id) for job_id, pack_id in session.execute(statement)]


def still_expired(session: Session, pack_id: str) -> Pack | None:
    """The pack, if its lease is over now that the job is locked."""
    statement = select(Pack).where(Pack.pack_id == pack_id, _is_expired())
    return session.execute(statement, execution_options=_FRESH).scalar_one_or_none()


def _is_expired() -> ColumnElement[bool]:
    return and_(Pack.status == JobStatus.RUNNING, Pack.lease_until < database_time())


def unsent(session: Session, resend_seconds: float) -> list[str]:
    """Queued packs whose message was never sent or is old, first come first."""
    waits = case((Pack.sends < _MOST_WAITS, Pack.sends), else_=_MOST_WAITS)
    statement = (
        select(Pack.pack_id)
        .join(Job, Job.job_id == Pack.job_id)
        .where(
            Pack.status == JobStatus.QUEUED,
            or_(Pack.sent_at.is_(None), Pack.sent_at < database_time(-resend_seconds * waits)),
        )
        .order_by(Job.seq, Pack.number)
    )
    return list(session.execute(statement).scalars())


def mark_sent(session: Session, pack_ids: Sequence[str]) -> None:
    """Note that the messages of these packs went to the broker."""
    session.execute(
        update(Pack).where(Pack.pack_id.in_(pack_ids)).values(sent_at=database_time(), sends=Pack.sends + 1),
        execution_options={"synchronize_session": False},
    )


def jobs_without_open_packs(session: Session) -> list[str]:
    """Unfinished jobs all of whose packs are over; composite jobs have none and are not among them."""
    is_open = exists().where(Pack.job_id == Job.job_id, Pack.status.not_in(FINAL))
    statement = select(Job.job_id).where(Job.status.not_in(FINAL), Job.stages_begun.is_(None), ~is_open)
    return list(session.execute(statement).scalars())


def checkpoints(session: Session, pack_id: str) -> dict[int, str]:
    """Trial number -> artifact of its newest checkpoint."""
    statement = select(CheckpointFile).where(CheckpointFile.pack_id == pack_id, CheckpointFile.is_current)
    return {row.trial: row.artifact for row in session.execute(statement).scalars()}


def set_checkpoint(session: Session, pack_id: str, trial: int, artifact: str) -> None:
    """Make an artifact the newest checkpoint of a trial; the older one becomes garbage."""
    session.execute(
        update(CheckpointFile)
        .where(CheckpointFile.pack_id == pack_id, CheckpointFile.trial == trial, CheckpointFile.is_current)
        .values(is_current=False),
        execution_options={"synchronize_session": False},
    )
    session.execute(insert(CheckpointFile).values(pack_id=pack_id, trial=trial, artifact=artifact, is_current=True))


def drop_checkpoints(session: Session, pack_ids: Sequence[str], trials: Sequence[int] | None = None) -> None:
    """Make the checkpoints of packs (of some of their trials only) garbage."""
    chosen = CheckpointFile.pack_id.in_(pack_ids)
    if trials is not None:
        chosen = and_(chosen, CheckpointFile.trial.in_(trials))
    session.execute(
        update(CheckpointFile).where(chosen).values(is_current=False), execution_options={"synchronize_session": False}
    )


def take_garbage(session: Session) -> list[str]:
    """Forget the checkpoints nobody needs, and return their artifacts."""
    other = aliased(CheckpointFile)
    is_needed = exists().where(other.artifact == CheckpointFile.artifact, other.is_current, other.pack_id.is_not(None))
    garbage = list(session.execute(select(CheckpointFile.artifact).where(~is_needed).distinct()).scalars())
    useless = or_(~CheckpointFile.is_current, CheckpointFile.pack_id.is_(None))
    session.execute(delete(CheckpointFile).where(useless), execution_options={"synchronize_session": False})
    return garbage
