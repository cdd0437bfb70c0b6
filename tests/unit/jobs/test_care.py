"""What the reaper does: expired leases, lost messages, jobs nobody closed."""

from __future__ import annotations

import threading

from sqlalchemy import update

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.clock import database_time
from lrsearch.db.models import Job, Pack
from lrsearch.jobs import WorkerView
from lrsearch.status import JobStatus
from tests.unit.jobs.tiny import claim, claimed, done, moves, reap, record, running, submit, work


def test_a_pack_whose_lease_ran_out_is_queued_again_and_sent(db: Database) -> None:
    taken = running(db, lease_seconds=-1)
    assert [taken.pack_id] == reap(db)
    job = jobs.get(db, taken.job_id)
    assert (JobStatus.QUEUED, 1) == (job.status, job.attempt)
    assert ["queued", "running", "queued"] == moves(db, taken.job_id)
    assert "w1 gave no sign of life" in jobs.events(db, taken.job_id)[-1].data["because"]
    assert work(db, claimed(db, taken.pack_id))


def test_a_living_lease_is_left_alone(db: Database) -> None:
    taken = running(db, lease_seconds=60)
    assert [] == reap(db)
    assert work(db, taken)


def test_what_a_dead_attempt_recorded_is_not_run_again(db: Database) -> None:
    taken = running(db, trials=3, lease_seconds=-1)
    jobs.record(db, taken, record(1))
    reap(db)
    assert [0, 2] == claimed(db, taken.pack_id).trials


def test_three_leases_that_ran_out_without_progress_fail_the_job(db: Database) -> None:
    pack_id = submit(db).pack_ids[0]
    for _ in range(3):
        claimed(db, pack_id, lease_seconds=-1)
        reap(db)
    job = jobs.find(db)[0][0]
    assert JobStatus.FAILED == job.status
    assert job.error is not None
    assert ["lease_expired"] * 3 == [error["type"] for error in job.error["attempts"]]
    assert "w1" in job.error["message"]
    assert [] == reap(db)


def test_two_reapers_count_an_expired_lease_once(db: Database) -> None:
    taken = running(db, lease_seconds=-1)
    start = threading.Barrier(4)

    def care() -> None:
        start.wait()
        reap(db)

    threads = [threading.Thread(target=care) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert ["queued", "running", "queued"] == moves(db, taken.job_id)


def test_a_dead_worker_of_a_job_that_was_cancelled_closes_it(db: Database) -> None:
    taken = running(db, lease_seconds=-1)
    jobs.cancel(db, taken.job_id)
    assert [] == reap(db)
    assert JobStatus.CANCELLED == jobs.get(db, taken.job_id).status
    assert claim(db, taken.pack_id) is None


def test_a_pack_that_was_never_sent_is_returned_until_it_was(db: Database) -> None:
    pack_ids = submit(db, trials=2, workers=2).pack_ids
    assert pack_ids == reap(db)
    jobs.mark_sent(db, pack_ids)
    assert [] == reap(db)


def test_a_message_that_is_old_is_sent_again(db: Database) -> None:
    pack_ids = submit(db).pack_ids
    jobs.mark_sent(db, pack_ids)
    threading.Event().wait(0.03)
    assert pack_ids == reap(db, resend_seconds=0.01)
    assert [] == reap(db, resend_seconds=30)


def test_a_pack_that_waits_long_is_sent_again_less_often(db: Database) -> None:
    pack_ids = submit(db).pack_ids
    for _ in range(10):
        jobs.mark_sent(db, pack_ids)
    with db.session() as session:
        session.execute(update(Pack).values(sent_at=database_time(-300)))
    assert [] == reap(db, resend_seconds=100)
    assert pack_ids == reap(db, resend_seconds=50)


def test_a_pack_that_was_queued_again_is_sent_without_waiting(db: Database) -> None:
    taken = running(db)
    jobs.mark_sent(db, [taken.pack_id])
    jobs.give_up_attempt(db, taken, error_type="fault", message="boom", traceback=None)
    assert [taken.pack_id] == reap(db)


def test_packs_are_sent_in_the_order_of_their_jobs(db: Database) -> None:
    pack_ids = [pack_id for _ in range(3) for pack_id in submit(db, trials=2, workers=2).pack_ids]
    assert pack_ids == reap(db)


def test_claimed_and_finished_packs_are_not_sent(db: Database) -> None:
    running(db)
    done(db)
    assert [] == reap(db, resend_seconds=-10)


def _end_packs_behind_the_verbs_back(db: Database, job_id: str, status: JobStatus) -> None:
    with db.session() as session:
        session.execute(update(Pack).where(Pack.job_id == job_id).values(status=status, token=None))


def test_a_job_whose_packs_are_all_done_is_closed(db: Database) -> None:
    taken = running(db)
    jobs.record(db, taken, record(0))
    _end_packs_behind_the_verbs_back(db, taken.job_id, JobStatus.SUCCEEDED)
    reap(db)
    job = jobs.get(db, taken.job_id, with_result=True)
    assert JobStatus.SUCCEEDED == job.status
    assert job.result is not None
    assert [0] == job.result["numbers"]


def test_a_queued_job_whose_packs_are_all_done_is_closed_through_running(db: Database) -> None:
    job_id = submit(db).job.job_id
    _end_packs_behind_the_verbs_back(db, job_id, JobStatus.SUCCEEDED)
    reap(db)
    assert ["queued", "running", "succeeded"] == moves(db, job_id)


def test_a_job_that_cannot_be_concluded_fails_and_does_not_stop_the_care_for_others(db: Database) -> None:
    broken = running(db, broken=True)
    jobs.record(db, broken, record(0))
    _end_packs_behind_the_verbs_back(db, broken.job_id, JobStatus.SUCCEEDED)
    other = submit(db)
    assert other.pack_ids == reap(db)
    job = jobs.get(db, broken.job_id)
    assert job.error is not None
    assert (JobStatus.FAILED, "conclude_failed") == (job.status, job.error["type"])
    assert "ArithmeticError" in job.error["traceback"]


def test_a_job_far_beyond_its_wall_clock_limit_fails_although_its_worker_lives(db: Database) -> None:
    taken = running(db, limits={"wall_seconds": 10})
    reap(db)
    assert JobStatus.RUNNING == jobs.get(db, taken.job_id).status
    with db.session() as session:
        session.execute(update(Job).values(wall_seconds=-61.0))
    reap(db)
    job = jobs.get(db, taken.job_id)
    assert job.error is not None
    assert (JobStatus.FAILED, "limit_wall_seconds") == (job.status, job.error["type"])


def test_a_worker_unseen_for_a_day_is_forgotten(db: Database) -> None:
    jobs.worker_seen(db, WorkerView("w", "host", 1, "cpu", "idle"))
    reap(db)
    assert ["w"] == [worker.worker_id for worker in jobs.workers(db)]
