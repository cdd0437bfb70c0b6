"""Rows of `job_trials`, read and written as `TrialRecord`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import insert, select
from sqlalchemy.orm import Session, undefer

from lrsearch.db.arrays import pack_arrays, unpack_arrays
from lrsearch.db.clock import database_time
from lrsearch.db.models import Trial
from lrsearch.experiments.base import TrialRecord
from lrsearch.status import TrialStatus
from lrsearch.training.trainer import StopReason


def numbers(session: Session, job_id: str) -> set[int]:
    """Numbers of the trials that are recorded."""
    return set(session.execute(select(Trial.number).where(Trial.job_id == job_id)).scalars())


def recorded(session: Session, job_id: str, chosen: Sequence[int]) -> set[int]:
    """Those of the given trial numbers that are recorded."""
    statement = select(Trial.number).where(Trial.job_id == job_id, Trial.number.in_(chosen))
    return set(session.execute(statement).scalars())


def add(session: Session, records: Sequence[TrialRecord], *, job_id: str, pack_id: str, attempt: int) -> None:
    """Insert trials that are not recorded yet."""
    owner = {"job_id": job_id, "pack_id": pack_id, "attempt": attempt}
    session.execute(insert(Trial).values(recorded_at=database_time()), [owner | _columns(record) for record in records])


def _columns(record: TrialRecord) -> dict[str, Any]:
    return {
        "number": record.number,
        "status": record.status,
        "seed": record.seed,
        "setting": record.setting,
        "stop_reason": record.stop_reason,
        "stopped_at": record.stopped_at,
        "metrics": record.metrics,
        "facts": record.facts,
        "arrays": pack_arrays(record.arrays),
    }


def records(session: Session, job_id: str, number: int | None = None, *, with_arrays: bool = True) -> list[TrialRecord]:
    """The trials of a job (or the one asked for), by number."""
    statement = select(Trial).where(Trial.job_id == job_id).order_by(Trial.number)
    if number is not None:
        statement = statement.where(Trial.number == number)
    if with_arrays:
        statement = statement.options(undefer(Trial.arrays))
    return [_record(row, with_arrays=with_arrays) for row in session.execute(statement).scalars()]


def _record(row: Trial, *, with_arrays: bool) -> TrialRecord:
    return TrialRecord(
        number=row.number,
        status=TrialStatus(row.status),
        seed=row.seed,
        setting=row.setting,
        arrays=unpack_arrays(row.arrays) if with_arrays else {},
        stop_reason=StopReason(row.stop_reason),
        stopped_at=row.stopped_at,
        metrics=row.metrics,
        facts=row.facts,
    )
