"""How far jobs are, in updates: their packs, what no pack has yet, and of composite jobs what the children have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from lrsearch.db.repository import child_rows, job_rows, pack_rows

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job


def progress_of(session: Session, jobs: Sequence[Job]) -> dict[str, child_rows.Totals]:
    """Highest attempt, updates done, updates in all, and last change of each job; of a composite one with its children."""
    own = pack_rows.totals(session, [job.job_id for job in jobs])
    of_children = child_rows.totals(session, [job.job_id for job in jobs if job.stages_begun is not None])
    found: dict[str, child_rows.Totals] = {}
    for job in jobs:
        attempt, done, total = own.get(job.job_id, (0, 0.0, 0.0))
        changed_at = job.updated_at
        if job.job_id in of_children:
            attempt, done, total, changed_at = of_children[job.job_id]
        found[job.job_id] = (attempt, done, total + (job.updates_to_come or 0.0), changed_at)
    return found


def tell_progress(session: Session, job: Job, made: float) -> None:
    """Write how far a job is, and the composite job that it is a part of, as events: at most a thousand of a job.

    Args:
        session: the transaction.
        job: locked; its parent is not, and need not be.
        made: updates made since the last sign of life of the pack that tells.
    """
    parent = None if job.parent_id is None else job_rows.one(session, job.parent_id, with_result=False)
    for one in (job, parent):
        if one is not None:
            _, done, total, _ = progress_of(session, [one])[one.job_id]
            if _per_mille(done, total) != _per_mille(done - made, total):
                job_rows.add_event(session, one.job_id, "progress", {"done": round(done), "total": round(total)})


def _per_mille(done: float, total: float) -> int:
    """Progress in steps that bound the number of events."""
    return int(1000 * done / total) if total > 0 else 0
