"""The verbs of a client: submit, cancel, delete."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from lrsearch.db import Database
from lrsearch.db.repository import child_rows, job_rows, pack_rows, worker_rows
from lrsearch.errors import Conflict, InvalidDocument, Problem
from lrsearch.experiments.base import Experiment
from lrsearch.jobs.closing import Experiments, close_if_done
from lrsearch.jobs.reading import get, unknown
from lrsearch.jobs.storing import store
from lrsearch.jobs.studies import KEEPING, drop_studies
from lrsearch.jobs.views import ALIVE_SECONDS, JobView, Submitted, job_views
from lrsearch.spec import escape
from lrsearch.status import FINAL, JobStatus

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

    from lrsearch.db.models import Job


def submit(
    db: Database,
    experiment: Experiment,
    document: dict[str, Any],
    *,
    idempotency_key: str | None = None,
    body_hash: str | None = None,
    workers: int | None = None,
    rerun_of: str | None = None,
    experiments: Experiments | None = None,
) -> Submitted:
    """Store a job with its packs (a composite one with the jobs of its first stage), queued; the caller sends the packs to the broker afterwards.

    Args:
        db: the database.
        experiment: the validated document.
        document: what the experiment was validated from; stored as it is.
        idempotency_key: a second submission with the same key and body gets the job of the first.
        body_hash: SHA-256 of the body, hexadecimal; left out, that of the document.
        workers: greatest number of packs; left out, the number of workers that are up.
        rerun_of: id of the job this one repeats.
        experiments: decodes the documents of children, for job kinds that are not registered.

    Raises:
        InvalidDocument: the key was used for another body; a label holds a NUL character.
        Conflict: another submission with this key is in flight.
    """
    _check_labels(experiment.labels)
    body_hash = body_hash or _hash_of(document)
    further: dict[str, Any] = {"rerun_of": rerun_of, "experiments": experiments}
    if idempotency_key is None:
        return _store(db, experiment, document, workers, **further)
    _check_key(idempotency_key)
    if (known := _replay(db, idempotency_key, body_hash)) is not None:
        return known
    try:
        return _store(db, experiment, document, workers, key=(idempotency_key, body_hash), **further)
    except Conflict:
        if (known := _replay(db, idempotency_key, body_hash)) is not None:
            return known
        raise


def _store(
    db: Database,
    experiment: Experiment,
    document: dict[str, Any],
    workers: int | None,
    *,
    rerun_of: str | None,
    experiments: Experiments | None,
    key: tuple[str, str] | None = None,
) -> Submitted:
    with db.session() as session:
        if workers is None:
            workers = max(len(worker_rows.alive(session, ALIVE_SECONDS)), 1)
        job_id, pack_ids = store(
            session, experiment, document, workers=workers, experiments=experiments, rerun_of=rerun_of
        )
        if key is not None:
            job_rows.add_key(session, *key, job_id)
        job = job_rows.one(session, job_id, with_result=False)
        assert job is not None
        return Submitted(job_views(session, [job])[0], pack_ids, is_new=True)


def _replay(db: Database, key: str, body_hash: str) -> Submitted | None:
    with db.session() as session:
        row = job_rows.key_row(session, key)
        pack_ids = [] if row is None else _pack_ids(session, row.job_id)
    if row is None:
        return None
    if row.body_hash != body_hash:
        message = f"The Idempotency-Key {key!r} belongs to job {row.job_id}, whose body was another one."
        action = "Send the same body again, or take a new key."
        raise InvalidDocument([Problem("", "idempotency_key_reused", key, message, action)])
    return Submitted(get(db, row.job_id), pack_ids, is_new=False)


def _pack_ids(session: Session, job_id: str) -> list[str]:
    """The packs of a job, or of its children."""
    children = child_rows.of_many(session, [job_id])[job_id]
    return [
        pack_id for one in (job_id, *(child.job_id for child in children)) for pack_id in pack_rows.ids(session, one)
    ]


def _hash_of(document: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= 255 or "\0" in key:
        message = f"The Idempotency-Key has {len(key)} characters."
        raise InvalidDocument([Problem("", "idempotency_key", key, message, "Use 1 to 255 characters, without NUL.")])


def _check_labels(labels: Mapping[str, str]) -> None:
    problems = [
        Problem(f"/labels/{escape(key)}", "nul", value, "The label holds a NUL character.", "Remove the character.")
        for key, value in labels.items()
        if "\0" in key + value
    ]
    if problems:
        raise InvalidDocument(problems)


def cancel(db: Database, job_id: str, *, experiments: Experiments | None = None) -> JobView:
    """Cancel a job: at once while it waits, else its workers are asked and keep what they have.

    A composite job is cancelled with all its children; a child takes its parent along, whose work it is.

    Raises:
        NotFound: there is no such job.
        Conflict: it succeeded or failed.
    """
    with db.session() as session:
        parent_id = _parent_of(session, job_id)
        whole = None if parent_id is None else job_rows.lock(session, parent_id)
        job = None if "\0" in job_id else job_rows.lock(session, job_id)
        if job is None:
            raise unknown(job_id)
        if job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
            raise Conflict(f"Job {job_id} has {job.status} and cannot be cancelled; DELETE removes it.")
        _ask_to_stop(session, whole or job, experiments)
    return get(db, job_id)


def _parent_of(session: Session, job_id: str) -> str | None:
    """The parent is locked before its children, always."""
    row = None if "\0" in job_id else job_rows.one(session, job_id, with_result=False)
    return None if row is None else row.parent_id


def _ask_to_stop(session: Session, job: Job, experiments: Experiments | None) -> None:
    """Ask a locked job to stop, and its children; what nobody works on is closed at once."""
    if job.status in FINAL or job.cancel_requested_at is not None:
        return
    job = job_rows.change(session, job, cancel_requested_at=job_rows.now(session))
    pack_rows.end_all(session, job.job_id, only=JobStatus.QUEUED)
    for child_id in child_rows.unfinished(session, job.job_id):
        if (child := job_rows.lock(session, child_id)) is not None:
            _ask_to_stop(session, child, experiments)
    if not close_if_done(session, job, experiments):
        job_rows.add_event(session, job.job_id, "status", {"status": job.status, "cancel_requested": True})


def delete(db: Database, job_id: str) -> None:
    """Delete a finished job with its children, trials, curves, events, keys and Optuna studies.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not finished, or is a child: its parent's result stands on it.
        Unavailable: the database is away.
    """
    with db.session() as session:
        _deletable(session, job_id)
        studied = job_rows.family(session, job_id, KEEPING)
    # Optuna writes through connections of its own, so not within our transaction; what is finished stays so
    drop_studies(db, studied)
    with db.session() as session:
        _deletable(session, job_id)
        job_rows.remove(session, job_id)


def _deletable(session: Session, job_id: str) -> None:
    job = None if "\0" in job_id else job_rows.lock(session, job_id)
    if job is None:
        raise unknown(job_id)
    if job.status not in FINAL:
        raise Conflict(f"Job {job_id} is {job.status}; cancel it first, then delete it.")
    if job.parent_id is not None:
        raise Conflict(f"Job {job_id} is stage {job.stage!r} of job {job.parent_id}; delete that one.")
