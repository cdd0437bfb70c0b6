"""Rows of `outcomes` and `advice`: what trainings ended with, and what suggestion rules had answered."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence

from sqlalchemy import insert, select
from sqlalchemy.orm import Session

from lrsearch.db.models import AdviceRow, OutcomeRow
from lrsearch.experiments.base import TrialRecord
from lrsearch.experiments.outcomes import Advice, Outcome

_AT_ONCE = 500
# Values of one IN list: SQLite allows 32,766 variables a statement, and no plan gets better with more.


def add_outcomes(session: Session, job_id: str, records: Sequence[TrialRecord]) -> None:
    """Insert the outcomes of trials that are not recorded yet."""
    rows = [
        {
            "job_id": job_id,
            "number": record.number,
            **dataclasses.asdict(record.outcome),
            "loss": record.outcome.loss if math.isfinite(record.outcome.loss) else None,
        }
        for record in records
        if record.outcome is not None
    ]
    if rows:
        session.execute(insert(OutcomeRow), rows)


def add_advice(session: Session, job_id: str, answers: Sequence[Advice]) -> None:
    """Insert what the rules answered to the range tests of a job."""
    if answers:
        session.execute(insert(AdviceRow), [{"job_id": job_id, **dataclasses.asdict(one)} for one in answers])


def advice(session: Session, **equal: str | None) -> list[tuple[str, Advice]]:
    """(job, answer) of all answers, in the order of the jobs' ids; `equal` names columns and what they must hold."""
    statement = select(AdviceRow.job_id, *(getattr(AdviceRow, field.name) for field in dataclasses.fields(Advice)))
    for column, value in equal.items():
        if value is not None:
            statement = statement.where(getattr(AdviceRow, column) == value)
    rows = session.execute(statement.order_by(AdviceRow.job_id, AdviceRow.rule))
    return [(job_id, Advice(*columns)) for job_id, *columns in rows]


def outcomes(session: Session, tasks: Sequence[str]) -> dict[str, list[tuple[str, Outcome]]]:
    """Task -> (job, outcome) of everything that was trained on it."""
    columns = [getattr(OutcomeRow, field.name) for field in dataclasses.fields(Outcome)]
    place = [field.name for field in dataclasses.fields(Outcome)].index("loss")
    found: dict[str, list[tuple[str, Outcome]]] = defaultdict(list)
    for first in range(0, len(tasks), _AT_ONCE):
        chosen = OutcomeRow.task.in_(tasks[first : first + _AT_ONCE])
        for job_id, *values in session.execute(select(OutcomeRow.job_id, *columns).where(chosen)):
            values[place] = math.inf if values[place] is None else values[place]
            found[values[0]].append((job_id, Outcome(*values)))
    return found
