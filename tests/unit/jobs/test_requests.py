"""What a client asks for: submit, cancel, delete."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import select

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.models import Base
from lrsearch.db.repository import job_rows
from lrsearch.errors import Conflict, InvalidDocument, LostLease, NotFound
from lrsearch.jobs import WorkerView
from lrsearch.status import JobStatus
from tests.unit.jobs.tiny import TINY, claim, claimed, done, moves, record, running, submit, work


def rows(db: Database) -> dict[str, int]:
    with db.session() as session:
        return {table.name: len(session.execute(select(table)).all()) for table in Base.metadata.sorted_tables}


def test_a_submitted_job_waits_with_its_document_and_labels(db: Database) -> None:
    submitted = submit(db, trials=3, workers=2, labels={"team": "vision"})
    job = jobs.get(db, submitted.job.job_id)
    assert submitted.job == job
    assert JobStatus.QUEUED == job.status
    assert ("tiny", 0, 30, 0) == (job.kind, job.progress_done, job.progress_total, job.attempt)
    assert {"schema": 1, "kind": "tiny", "trials": 3, "labels": {"team": "vision"}} == job.document
    assert {"team": "vision"} == job.labels
    assert job.created_at.utcoffset() is not None
    assert (None, None, None, None) == (job.started_at, job.finished_at, job.error, job.result)
    assert 2 == len(submitted.pack_ids)
    assert submitted.is_new


def test_a_job_has_as_many_packs_as_workers_are_up_and_one_when_none_is(db: Database) -> None:
    document = {"schema": 1, "kind": "tiny", "trials": 8}
    assert 1 == len(jobs.submit(db, TINY.validate_python(document), document).pack_ids)
    for name in ("a", "b", "c"):
        jobs.worker_seen(db, WorkerView(name, "host", 1, "cpu", "idle"))
    assert 3 == len(jobs.submit(db, TINY.validate_python(document), document).pack_ids)


def test_the_same_key_and_body_answer_with_the_same_job(db: Database) -> None:
    first, second = submit(db, key="k"), submit(db, key="k")
    assert (True, False) == (first.is_new, second.is_new)
    assert first.job == second.job
    assert first.pack_ids == second.pack_ids
    assert 1 == rows(db)["jobs"]


def test_the_same_key_with_another_body_is_refused_and_nothing_is_stored(db: Database) -> None:
    submit(db, key="k")
    before = rows(db)
    with pytest.raises(InvalidDocument) as refused:
        submit(db, key="k", trials=2)
    problem = refused.value.problems[0]
    assert ("", "idempotency_key_reused", "k") == (problem.pointer, problem.rule, problem.value)
    assert before == rows(db)


def test_the_body_hash_of_the_caller_decides_when_there_is_one(db: Database) -> None:
    document = {"schema": 1, "kind": "tiny"}
    experiment = TINY.validate_python(document)
    jobs.submit(db, experiment, document, idempotency_key="k", body_hash="a" * 64)
    with pytest.raises(InvalidDocument):
        jobs.submit(db, experiment, document, idempotency_key="k", body_hash="b" * 64)


@pytest.mark.parametrize("key", ["", "k" * 256, "a\0b"])
def test_a_key_that_cannot_be_stored_is_refused(db: Database, key: str) -> None:
    with pytest.raises(InvalidDocument):
        submit(db, key=key)


def test_of_many_submissions_with_one_key_at_once_one_makes_the_job(db: Database) -> None:
    answers: list[str] = []
    start = threading.Barrier(6)

    def send() -> None:
        start.wait()
        answers.append(submit(db, key="k").job.job_id)

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert 6 == len(answers)
    assert 1 == len(set(answers))
    assert 1 == rows(db)["jobs"]


@pytest.mark.service
def test_a_key_whose_first_submission_is_not_through_yet_is_a_conflict(postgres_url: str) -> None:
    db = Database(postgres_url)
    known = submit(db).job.job_id
    with db.session() as session:
        job_rows.add_key(session, "k", "0" * 64, known)
        with pytest.raises(Conflict, match="in flight"):
            submit(db, key="k")
    db.dispose()


@pytest.mark.parametrize("labels", [{"k": "a\0b"}, {"a\0b": "v"}])
def test_a_label_that_postgres_cannot_store_is_refused_with_its_pointer(db: Database, labels: dict[str, str]) -> None:
    with pytest.raises(InvalidDocument) as refused:
        submit(db, labels=labels)
    assert f"/labels/{next(iter(labels))}" == refused.value.problems[0].pointer
    assert 0 == rows(db)["jobs"]


def test_the_longest_label_is_stored_and_found(db: Database) -> None:
    labels = {"\U0001f680" * 100: "\U0001f680" * 500}
    job_id = submit(db, labels=labels).job.job_id
    assert labels == jobs.get(db, job_id).labels


def test_a_document_with_characters_that_databases_dislike_comes_back_as_it_was(db: Database) -> None:
    document = {"schema": 1, "kind": "tiny", "note": "nul \0, surrogate \ud800, quote ' and \\"}
    job_id = jobs.submit(db, TINY.validate_python({"kind": "tiny", "schema": 1}), document).job.job_id
    assert document == jobs.get(db, job_id).document


def test_a_rerun_names_its_original(db: Database) -> None:
    document = {"schema": 1, "kind": "tiny"}
    job = jobs.submit(db, TINY.validate_python(document), document, rerun_of="0" * 32).job
    assert "0" * 32 == job.rerun_of


def test_a_queued_job_is_cancelled_at_once(db: Database) -> None:
    submitted = submit(db)
    job = jobs.cancel(db, submitted.job.job_id, experiments=TINY)
    assert JobStatus.CANCELLED == job.status
    assert job.finished_at is not None
    assert claim(db, submitted.pack_ids[0]) is None
    assert ["queued", "cancelled"] == moves(db, job.job_id)


def test_cancelling_twice_changes_nothing(db: Database) -> None:
    job_id = submit(db).job.job_id
    first = jobs.cancel(db, job_id)
    assert first.finished_at == jobs.cancel(db, job_id).finished_at
    assert ["queued", "cancelled"] == moves(db, job_id)


def test_a_running_job_is_asked_and_its_worker_hears_of_it(db: Database) -> None:
    taken = running(db)
    assert not jobs.orders(db, taken).should_cancel
    job = jobs.cancel(db, taken.job_id)
    assert (JobStatus.RUNNING, True) == (job.status, job.cancel_requested)
    assert jobs.orders(db, taken).should_cancel
    assert jobs.renew(db, taken, lease_seconds=60, done=1, total=10).should_cancel


def test_a_cancelled_job_keeps_what_was_recorded(db: Database) -> None:
    taken = running(db, trials=3)
    jobs.record(db, taken, record(0))
    jobs.cancel(db, taken.job_id)
    jobs.record(db, taken, record(1))
    jobs.close_cancelled(db, taken, experiments=TINY)
    job = jobs.get(db, taken.job_id, with_result=True)
    assert JobStatus.CANCELLED == job.status
    assert job.result is not None
    assert [0, 1] == job.result["numbers"]


def test_cancelling_drops_the_packs_that_nobody_claimed(db: Database) -> None:
    submitted = submit(db, trials=2, workers=2)
    first = claimed(db, submitted.pack_ids[0])
    jobs.cancel(db, first.job_id)
    assert claim(db, submitted.pack_ids[1]) is None
    jobs.close_cancelled(db, first, experiments=TINY)
    assert JobStatus.CANCELLED == jobs.get(db, first.job_id).status


def test_a_worker_that_finishes_before_it_hears_of_the_cancellation_succeeds(db: Database) -> None:
    taken = running(db)
    jobs.cancel(db, taken.job_id)
    assert work(db, taken)
    assert JobStatus.SUCCEEDED == jobs.get(db, taken.job_id).status


@pytest.mark.parametrize("how", ["succeeded", "failed"])
def test_a_finished_job_cannot_be_cancelled(db: Database, how: str) -> None:
    taken = running(db)
    if how == "succeeded":
        work(db, taken)
    else:
        jobs.fail(db, taken, error_type="data_unavailable", message="no data")
    before = jobs.get(db, taken.job_id)
    with pytest.raises(Conflict, match=how):
        jobs.cancel(db, taken.job_id)
    assert before == jobs.get(db, taken.job_id)


def test_a_deleted_job_leaves_no_row_behind(db: Database) -> None:
    before = rows(db)
    taken = running(db, key="k", labels={"a": "b"}, trials=2)
    jobs.record_checkpoint(db, taken, 0, "a" * 64)
    work(db, taken)
    jobs.delete(db, taken.job_id)
    assert ["a" * 64] == jobs.unused_artifacts(db)
    assert before == rows(db)
    with pytest.raises(NotFound):
        jobs.get(db, taken.job_id)


def test_a_key_of_a_deleted_job_is_free_again(db: Database) -> None:
    job = done(db, key="k")
    jobs.delete(db, job.job_id)
    assert submit(db, key="k", trials=2).is_new


@pytest.mark.parametrize("is_running", [False, True])
def test_an_unfinished_job_cannot_be_deleted(db: Database, is_running: bool) -> None:
    job_id = running(db).job_id if is_running else submit(db).job.job_id
    with pytest.raises(Conflict, match="cancel it first"):
        jobs.delete(db, job_id)
    assert job_id == jobs.get(db, job_id).job_id


@pytest.mark.parametrize("job_id", ["nothing", "", "a\0b", "0" * 500])
def test_an_unknown_job_is_not_found(db: Database, job_id: str) -> None:
    for verb in (jobs.get, jobs.cancel, jobs.delete, jobs.trials):
        with pytest.raises(NotFound):
            verb(db, job_id)
    with pytest.raises(NotFound):
        jobs.trial(db, job_id, 0)


def test_a_worker_of_a_deleted_job_has_lost_its_lease(db: Database) -> None:
    taken = running(db)
    jobs.fail(db, taken, error_type="x", message="x")
    jobs.delete(db, taken.job_id)
    with pytest.raises(LostLease):
        jobs.orders(db, taken)
    with pytest.raises(LostLease):
        jobs.record(db, taken, record(0))
