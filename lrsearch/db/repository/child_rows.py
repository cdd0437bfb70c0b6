"""Rows of `jobs` that belong to a composite job: its children, and what they add up to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import and_, exists, func, or_, select, update
from sqlalchemy.orm import Session, aliased, defer

from lrsearch.db.models import Job, Pack
from lrsearch.status import FINAL, JobStatus

Totals = tuple[int, float, float, datetime]
"""Highest attempt, progress done, progress total, last change."""


def of(session: Session, parent_id: str) -> Sequence[Job]:
    """The children of a job with their results, in the order in which they were made."""
    statement = select(Job).where(Job.parent_id == parent_id).order_by(Job.seq)
    return session.execute(statement, execution_options={"populate_existing": True}).scalars().all()


def of_many(session: Session, parent_ids: Sequence[str]) -> dict[str, list[Job]]:
    """The children of each job without their results, in the order in which they were made."""
    found: dict[str, list[Job]] = {parent_id: [] for parent_id in parent_ids}
    if parent_ids:
        statement = select(Job).options(defer(Job.result)).where(Job.parent_id.in_(parent_ids)).order_by(Job.seq)
        for child in session.execute(statement).scalars():
            found[child.parent_id or ""].append(child)
    return found


def unfinished(session: Session, parent_id: str) -> list[str]:
    """Ids of the children that are not over, in the order in which they were made."""
    statement = select(Job.job_id).where(Job.parent_id == parent_id, Job.status.not_in(FINAL)).order_by(Job.seq)
    return list(session.execute(statement).scalars())


def begin_stage(session: Session, job_id: str, begun: int, updates_to_come: float) -> bool:
    """Count the stages of a composite job up by compare-and-set; False when not exactly `begun` were begun before."""
    statement = (
        update(Job)
        .where(Job.job_id == job_id, Job.stages_begun == begun, Job.status.not_in(FINAL))
        .values(stages_begun=begun + 1, updates_to_come=updates_to_come)
        .returning(Job.job_id)
    )
    written = session.execute(statement, execution_options={"synchronize_session": False})
    return written.scalar_one_or_none() is not None


def due(session: Session, parent_id: str | None = None) -> list[str]:
    """Unfinished composite jobs (or the one asked for) whose children are all over, or one of whose children failed."""
    child = aliased(Job)
    is_open = exists().where(child.parent_id == Job.job_id, child.status.not_in(FINAL))
    has_failed = exists().where(child.parent_id == Job.job_id, child.status == JobStatus.FAILED)
    chosen = and_(Job.stages_begun.is_not(None), Job.status.not_in(FINAL), or_(~is_open, has_failed))
    if parent_id is not None:
        chosen = and_(chosen, Job.job_id == parent_id)
    return list(session.execute(select(Job.job_id).where(chosen).order_by(Job.seq)).scalars())


def totals(session: Session, parent_ids: Sequence[str]) -> dict[str, Totals]:
    """What the packs of each job's children add up to, with trials that no pack has yet; jobs without children are left out."""
    if not parent_ids:
        return {}
    to_come = dict(
        session.execute(
            select(Job.parent_id, func.sum(Job.updates_to_come))
            .where(Job.parent_id.in_(parent_ids))
            .group_by(Job.parent_id)
        ).all()
    )
    statement = (
        select(
            Job.parent_id,
            func.max(Pack.attempt),
            func.sum(Pack.progress_done),
            func.sum(Pack.progress_total),
            func.max(Job.updated_at),
        )
        .join(Pack, Pack.job_id == Job.job_id)
        .where(Job.parent_id.in_(parent_ids))
        .group_by(Job.parent_id)
    )
    return {
        row[0] or "": (row[1], row[2], row[3] + (to_come[row[0]] or 0.0), row[4]) for row in session.execute(statement)
    }
