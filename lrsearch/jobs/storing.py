"""How a job gets into the tables: its row, its packs, and of a composite job the children of its first stage."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from lrsearch.db.repository import child_rows, job_rows, pack_rows
from lrsearch.db.repository.pack_rows import pack_id_of
from lrsearch.errors import Conflict, InvalidDocument
from lrsearch.experiments.base import Experiment
from lrsearch.experiments.composite import Composite, Stage
from lrsearch.jobs.closing import Experiments, experiment_of

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job


def store(
    session: Session,
    experiment: Experiment,
    document: Mapping[str, Any],
    *,
    workers: int,
    experiments: Experiments | None,
    **columns: Any,
) -> tuple[str, list[str]]:
    """Insert a queued job.

    Args:
        session: the transaction.
        experiment: the validated document.
        document: what is stored of it.
        workers: greatest number of packs.
        experiments: decodes the documents of children.
        columns: further columns of the job's row.

    Returns:
        Its id, and the packs to send to the broker: its own, or those of its first stage.
    """
    job_id = uuid.uuid4().hex
    is_composite = isinstance(experiment, Composite)
    job_rows.add(
        session,
        experiment.labels,
        job_id=job_id,
        kind=document["kind"],
        document=dict(document),
        wall_seconds=experiment.limits.wall_seconds,
        stages_begun=0 if is_composite else None,
        **columns,
    )
    if is_composite:
        stage = experiment.next_stage([])
        job = job_rows.one(session, job_id)
        if stage is None or job is None:
            raise ValueError(f"The job kind {document['kind']} has no first stage.")
        children = checked(stage, experiments)
        return job_id, begin_stage(session, job, stage, children, workers=workers)
    packs = experiment.packs(workers)
    shared = sum(len(group) for group in experiment.shared_trials) if experiment.shares_surely else 0
    each = experiment.estimate().updates / max(shared + sum(len(pack) for pack in packs), 1)
    pack_rows.add(session, _pack_columns(job_id, packs, each))
    if shared and (job := job_rows.one(session, job_id)) is not None:
        job_rows.change(session, job, updates_to_come=each * shared)
    return job_id, pack_rows.ids(session, job_id)


def begin_stage(session: Session, job: Job, stage: Stage, children: Sequence[Experiment], *, workers: int) -> list[str]:
    """Insert the children of a stage; the packs to send.

    Raises:
        Conflict: the stage was begun by somebody else.
    """
    begun = job.stages_begun or 0
    if not child_rows.begin_stage(session, job.job_id, begun, float(stage.updates_to_come)):
        raise Conflict(f"Stage {begun + 1} of job {job.job_id} was begun already.")
    ids: list[str] = []
    pack_ids: list[str] = []
    for child, document in zip(children, stage.documents, strict=True):
        child_id, packs = store(
            session, child, document, workers=workers, experiments=None, parent_id=job.job_id, stage=stage.name
        )
        ids.append(child_id)
        pack_ids += packs
    job_rows.add_event(session, job.job_id, "stage", {"stage": stage.name, "number": begun + 1, "children": ids})
    return pack_ids


def checked(stage: Stage, experiments: Experiments | None) -> list[Experiment]:
    """The experiments of a stage's documents.

    Raises:
        InvalidDocument: one of them cannot be run.
        TypeError: one of them is composite itself.
    """
    children = [experiment_of(document, experiments) for document in stage.documents]
    if any(isinstance(child, Composite) for child in children):
        raise TypeError(f"Stage {stage.name!r} has a child that is composite itself.")
    if problems := [problem for child in children for problem in child.problems()]:
        raise InvalidDocument(problems)
    return children


def _pack_columns(job_id: str, packs: list[list[int]], updates_each: float) -> list[dict[str, Any]]:
    return [
        {
            "pack_id": pack_id_of(job_id, number),
            "job_id": job_id,
            "number": number,
            "trials": pack,
            "progress_total": updates_each * len(pack),
        }
        for number, pack in enumerate(packs)
    ]
