"""Sums over the tables, for the figures that `lrsearch.metrics` shows."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import case, func, select
from sqlalchemy.orm import Session

from lrsearch.db.clock import database_time
from lrsearch.db.models import Job, Pack, Trial
from lrsearch.status import JobStatus

Trials = Sequence[tuple[str, dict[str, Any]]]
"""(status, facts) of trials."""


def jobs_by_status(session: Session) -> dict[str, int]:
    """Status -> number of jobs; states without jobs are left out."""
    rows = session.execute(select(Job.status, func.count()).group_by(Job.status))
    return {row[0]: row[1] for row in rows}


def oldest_queued_seconds(session: Session) -> float:
    """Age of the job that was submitted first among those that wait; 0 when none does."""
    statement = select(func.min(Job.created_at), database_time()).where(Job.status == JobStatus.QUEUED)
    created_at, now = session.execute(statement).one()
    return 0.0 if created_at is None else max((now - created_at).total_seconds(), 0.0)


def retries_and_updates(session: Session) -> tuple[int, float]:
    """Claims beyond the first of each pack, and updates made, over all packs."""
    again = case((Pack.attempt > 1, Pack.attempt - 1), else_=0)
    retries, updates = session.execute(select(func.sum(again), func.sum(Pack.progress_done))).one()
    return int(retries or 0), float(updates or 0.0)


def attempt_errors(session: Session) -> list[str]:
    """Type of each failed attempt's error, over all packs."""
    statement = select(Pack.errors).where(Pack.errors != [])
    return [str(error.get("type")) for errors in session.execute(statement).scalars() for error in errors]


def trials_between(session: Session, after: datetime | None, until: datetime | None) -> Trials:
    """The trials recorded after `after` and no later than `until`; None leaves that side open."""
    statement = select(Trial.status, Trial.facts)
    if after is not None:
        statement = statement.where(Trial.recorded_at > after)
    if until is not None:
        statement = statement.where(Trial.recorded_at <= until)
    return [(status, facts) for status, facts in session.execute(statement)]


def leases_over_since(session: Session, seconds: float) -> int:
    """Running packs whose lease ended longer ago than `seconds`: the reaper should have taken them back."""
    statement = select(func.count()).where(Pack.status == JobStatus.RUNNING, Pack.lease_until < database_time(-seconds))
    return session.execute(statement).scalar_one()
