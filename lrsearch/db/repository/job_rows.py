"""Rows of `jobs`, `job_labels`, `job_events` and `idempotency_keys`."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import delete, exists, insert, or_, select, text, update
from sqlalchemy.exc import IntegrityError, OperationalError
from sqlalchemy.orm import Session, defer

from lrsearch.db.clock import database_time
from lrsearch.db.models import IdempotencyKey, Job, JobEvent, JobLabel
from lrsearch.errors import Conflict
from lrsearch.status import FINAL, JobStatus, sources_of

_FRESH = {"populate_existing": True, "synchronize_session": False}


def now(session: Session) -> datetime:
    """The time on the database's clock."""
    return session.execute(select(database_time())).scalar_one()


def add(session: Session, labels: Mapping[str, str], **columns: Any) -> None:
    """Insert a queued job with its labels and its first event."""
    job_id = columns["job_id"]
    session.execute(
        insert(Job).values(
            status=JobStatus.QUEUED, version=1, created_at=database_time(), updated_at=database_time(), **columns
        )
    )
    if labels:
        rows = [{"job_id": job_id, "key": key, "value": value} for key, value in labels.items()]
        session.execute(insert(JobLabel), rows)
    add_event(session, job_id, "status", {"status": JobStatus.QUEUED, "from": None})


def add_key(session: Session, key: str, body_hash: str, job_id: str) -> None:
    """Take an idempotency key for a job; its primary key decides who was first.

    Raises:
        Conflict: the key is taken, or somebody is taking it right now.
    """
    try:
        if session.get_bind().dialect.name == "postgresql":
            session.execute(text("SET LOCAL lock_timeout = '2s'"))
        session.execute(
            insert(IdempotencyKey).values(key=key, body_hash=body_hash, job_id=job_id, created_at=database_time())
        )
    except IntegrityError as error:
        raise Conflict(f"A submission with the Idempotency-Key {key!r} was in flight; send yours again.") from error
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) != "55P03":  # lock_not_available
            raise
        raise Conflict(f"A submission with the Idempotency-Key {key!r} is in flight; send yours again.") from error


def key_row(session: Session, key: str) -> IdempotencyKey | None:
    """What a key stands for."""
    return session.get(IdempotencyKey, key)


def lock(session: Session, job_id: str) -> Job | None:
    """Lock a job's row until the transaction ends and count its version up; None when there is no such job."""
    statement = (
        update(Job)
        .where(Job.job_id == job_id)
        .values(version=Job.version + 1, updated_at=database_time())
        .returning(Job)
    )
    return session.execute(statement, execution_options=_FRESH).scalar_one_or_none()


def move(session: Session, job: Job, new: JobStatus, *, because: str | None = None, **columns: Any) -> Job:
    """Move a locked job along `TRANSITIONS` and write the event, with a reason where there is one to tell.

    Raises:
        Conflict: the table has no such move.
    """
    old = job.status
    statement = (
        update(Job)
        .where(Job.job_id == job.job_id, Job.status.in_(sources_of(new)))
        .values(status=new, **columns)
        .returning(Job)
    )
    moved = session.execute(statement, execution_options=_FRESH).scalar_one_or_none()
    if moved is None:
        raise Conflict(f"Job {job.job_id} is {old} and cannot become {new}.")
    reason = {} if because is None else {"because": because}
    add_event(session, job.job_id, "status", {"status": new, "from": old, **reason})
    return moved


def change(session: Session, job: Job, **columns: Any) -> Job:
    """Set columns of a locked job other than its status."""
    statement = update(Job).where(Job.job_id == job.job_id).values(**columns).returning(Job)
    return session.execute(statement, execution_options=_FRESH).scalar_one()


def one(session: Session, job_id: str, *, with_result: bool = True) -> Job | None:
    """A job's row."""
    statement = select(Job).where(Job.job_id == job_id)
    return session.execute(statement if with_result else statement.options(defer(Job.result))).scalar_one_or_none()


def page(
    session: Session,
    *,
    kind: str | None,
    status: str | None,
    label: tuple[str, str] | None,
    created_after: datetime | None,
    created_before: datetime | None,
    parent_id: str | None,
    before_seq: int | None,
    limit: int,
) -> Sequence[Job]:
    """Jobs, newest first, that arrived before `before_seq`: the children of `parent_id`, or else those without a parent."""
    statement = select(Job).options(defer(Job.result)).order_by(Job.seq.desc()).limit(limit)
    statement = statement.where(Job.parent_id.is_(None) if parent_id is None else Job.parent_id == parent_id)
    if kind is not None:
        statement = statement.where(Job.kind == kind)
    if status is not None:
        statement = statement.where(Job.status == status)
    if label is not None:
        has_label = exists().where(JobLabel.job_id == Job.job_id, JobLabel.key == label[0], JobLabel.value == label[1])
        statement = statement.where(has_label)
    if created_after is not None:
        statement = statement.where(Job.created_at >= _aware(created_after))
    if created_before is not None:
        statement = statement.where(Job.created_at < _aware(created_before))
    if before_seq is not None:
        statement = statement.where(Job.seq < before_seq)
    return session.execute(statement).scalars().all()


def succeeded(session: Session, kind: str, *, limit: int) -> Sequence[Job]:
    """The newest jobs of a kind that succeeded, without their results."""
    statement = select(Job).options(defer(Job.result)).where(Job.kind == kind, Job.status == JobStatus.SUCCEEDED)
    return session.execute(statement.order_by(Job.seq.desc()).limit(limit)).scalars().all()


def _aware(time: datetime) -> datetime:
    return time.replace(tzinfo=UTC) if time.tzinfo is None else time


def labels(session: Session, job_ids: Sequence[str]) -> dict[str, dict[str, str]]:
    """Labels of each job."""
    found: dict[str, dict[str, str]] = {job_id: {} for job_id in job_ids}
    for label in session.execute(select(JobLabel).where(JobLabel.job_id.in_(job_ids))).scalars():
        found[label.job_id][label.key] = label.value
    return found


def with_result(session: Session, job_ids: Sequence[str]) -> set[str]:
    """Those of the jobs that have a result, without loading it."""
    return set(session.execute(select(Job.job_id).where(Job.job_id.in_(job_ids), Job.result.is_not(None))).scalars())


def queue(session: Session) -> list[int]:
    """Arrival numbers of the jobs that wait for a worker, the next one first; composite jobs wait for their children."""
    statement = select(Job.seq).where(Job.status == JobStatus.QUEUED, Job.stages_begun.is_(None))
    return list(session.execute(statement.order_by(Job.seq)).scalars())


def sharing(session: Session) -> list[str]:
    """Running jobs with trials that their packs take as they go, first come first."""
    statement = select(Job.job_id).where(
        Job.status == JobStatus.RUNNING,
        Job.stages_begun.is_(None),
        Job.updates_to_come > 0,
        Job.cancel_requested_at.is_(None),
    )
    return list(session.execute(statement.order_by(Job.seq)).scalars())


def overdue(session: Session, grace_seconds: float) -> list[str]:
    """Unfinished jobs whose wall-clock limit passed more than `grace_seconds` ago."""
    statement = select(Job.job_id).where(
        Job.status.not_in(FINAL), Job.started_at < database_time(-(Job.wall_seconds + grace_seconds))
    )
    return list(session.execute(statement).scalars())


def broken_off(session: Session, kinds: Collection[str], *, since: float, until: float) -> list[str]:
    """Jobs of some kinds that were cancelled or failed between `since` and `until` seconds ago."""
    statement = select(Job.job_id).where(
        Job.kind.in_(kinds),
        Job.status.in_((JobStatus.CANCELLED, JobStatus.FAILED)),
        Job.finished_at > database_time(-since),
        Job.finished_at < database_time(-until),
    )
    return list(session.execute(statement).scalars())


def family(session: Session, job_id: str, kinds: Collection[str]) -> list[str]:
    """Those of a job and its children that are of some kinds."""
    chosen = or_(Job.job_id == job_id, Job.parent_id == job_id)
    return list(session.execute(select(Job.job_id).where(chosen, Job.kind.in_(kinds))).scalars())


def remove(session: Session, job_id: str) -> None:
    """Delete a job and its children; their packs, trials, events, labels and keys go with them."""
    chosen = or_(Job.job_id == job_id, Job.parent_id == job_id)
    session.execute(delete(Job).where(chosen), execution_options={"synchronize_session": False})


def add_event(session: Session, job_id: str, kind: str, data: Mapping[str, Any]) -> None:
    """Write one event."""
    add_events(session, job_id, kind, [data])


def add_events(session: Session, job_id: str, kind: str, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write events of one kind in their order."""
    session.execute(
        insert(JobEvent).values(happened_at=database_time()),
        [{"job_id": job_id, "kind": kind, "data": dict(data)} for data in rows],
    )


def events(session: Session, job_id: str, after_id: int) -> Sequence[JobEvent]:
    """Events of a job after the given one, in order."""
    statement = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.event_id > after_id)
    return session.execute(statement.order_by(JobEvent.event_id)).scalars().all()
