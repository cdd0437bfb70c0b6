"""The verbs of a client: submit, cancel, delete."""

from __future__ import annotations

import hashlib
import json
import uuid
from collections.abc import Mapping
from typing import Any

from lrsearch.db import Database
from lrsearch.db.repository import job_rows, pack_rows, worker_rows
from lrsearch.errors import Conflict, InvalidDocument, Problem
from lrsearch.experiments.base import Experiment
from lrsearch.jobs.closing import Experiments, close_if_done
from lrsearch.jobs.reading import get, unknown
from lrsearch.jobs.views import ALIVE_SECONDS, JobView, Submitted, job_views
from lrsearch.spec import escape
from lrsearch.status import FINAL, JobStatus


def submit(
    db: Database,
    experiment: Experiment,
    document: dict[str, Any],
    *,
    idempotency_key: str | None = None,
    body_hash: str | None = None,
    workers: int | None = None,
    rerun_of: str | None = None,
) -> Submitted:
    """Store a job with its packs, queued; the caller sends the packs to the broker afterwards.

    Args:
        db: the database.
        experiment: the validated document.
        document: what the experiment was validated from; stored as it is.
        idempotency_key: a second submission with the same key and body gets the job of the first.
        body_hash: SHA-256 of the body, hexadecimal; left out, that of the document.
        workers: greatest number of packs; left out, the number of workers that are up.
        rerun_of: id of the job this one repeats.

    Raises:
        InvalidDocument: the key was used for another body; a label holds a NUL character.
        Conflict: another submission with this key is in flight.
    """
    _check_labels(experiment.labels)
    body_hash = body_hash or _hash_of(document)
    if idempotency_key is None:
        return _store(db, experiment, document, workers, rerun_of)
    _check_key(idempotency_key)
    if (known := _replay(db, idempotency_key, body_hash)) is not None:
        return known
    try:
        return _store(db, experiment, document, workers, rerun_of, key=(idempotency_key, body_hash))
    except Conflict:
        if (known := _replay(db, idempotency_key, body_hash)) is not None:
            return known
        raise


def _store(
    db: Database,
    experiment: Experiment,
    document: dict[str, Any],
    workers: int | None,
    rerun_of: str | None,
    *,
    key: tuple[str, str] | None = None,
) -> Submitted:
    job_id = uuid.uuid4().hex
    updates = experiment.estimate().updates
    with db.session() as session:
        if workers is None:
            workers = max(len(worker_rows.alive(session, ALIVE_SECONDS)), 1)
        packs = experiment.packs(workers)
        job_rows.add(
            session,
            experiment.labels,
            job_id=job_id,
            kind=document["kind"],
            document=document,
            wall_seconds=experiment.limits.wall_seconds,
            rerun_of=rerun_of,
        )
        pack_rows.add(session, _pack_columns(job_id, packs, updates))
        if key is not None:
            job_rows.add_key(session, *key, job_id)
        job = job_rows.one(session, job_id, with_result=False)
        assert job is not None
        return Submitted(job_views(session, [job])[0], pack_rows.ids(session, job_id), is_new=True)


def _pack_columns(job_id: str, packs: list[list[int]], updates: int) -> list[dict[str, Any]]:
    trials = max(sum(len(pack) for pack in packs), 1)
    return [
        {
            "pack_id": f"{job_id}-{number}",
            "job_id": job_id,
            "number": number,
            "trials": pack,
            "progress_total": updates * len(pack) / trials,
        }
        for number, pack in enumerate(packs)
    ]


def _replay(db: Database, key: str, body_hash: str) -> Submitted | None:
    with db.session() as session:
        row = job_rows.key_row(session, key)
        pack_ids = [] if row is None else pack_rows.ids(session, row.job_id)
    if row is None:
        return None
    if row.body_hash != body_hash:
        message = f"The Idempotency-Key {key!r} belongs to job {row.job_id}, whose body was another one."
        action = "Send the same body again, or take a new key."
        raise InvalidDocument([Problem("", "idempotency_key_reused", key, message, action)])
    return Submitted(get(db, row.job_id), pack_ids, is_new=False)


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

    Raises:
        NotFound: there is no such job.
        Conflict: it succeeded or failed.
    """
    with db.session() as session:
        job = None if "\0" in job_id else job_rows.lock(session, job_id)
        if job is None:
            raise unknown(job_id)
        if job.status in {JobStatus.SUCCEEDED, JobStatus.FAILED}:
            raise Conflict(f"Job {job_id} has {job.status} and cannot be cancelled; DELETE removes it.")
        if job.status != JobStatus.CANCELLED and job.cancel_requested_at is None:
            job = job_rows.change(session, job, cancel_requested_at=job_rows.now(session))
            pack_rows.end_all(session, job_id, only=JobStatus.QUEUED)
            if not close_if_done(session, job, experiments):
                job_rows.add_event(session, job_id, "status", {"status": job.status, "cancel_requested": True})
    return get(db, job_id)


def delete(db: Database, job_id: str) -> None:
    """Delete a finished job with its trials, curves, events and keys.

    Raises:
        NotFound: there is no such job.
        Conflict: it is not finished.
    """
    with db.session() as session:
        job = None if "\0" in job_id else job_rows.lock(session, job_id)
        if job is None:
            raise unknown(job_id)
        if job.status not in FINAL:
            raise Conflict(f"Job {job_id} is {job.status}; cancel it first, then delete it.")
        job_rows.remove(session, job_id)
