"""Composite jobs: stage after stage of child jobs, advanced exactly once, healed by the reaper."""

from __future__ import annotations

import threading

import pytest
from sqlalchemy import update

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.db.clock import database_time
from lrsearch.db.models import Job
from lrsearch.errors import Conflict, LostLease, NotFound
from lrsearch.status import JobStatus
from tests.unit.jobs import tiny
from tests.unit.jobs.staged import STAGED, advance, claimed, close, reap, seen, submit, work


def test_a_composite_job_is_its_children_stage_after_stage(db: Database) -> None:
    submitted = submit(db)
    job_id = submitted.job.job_id
    one, two = submitted.pack_ids
    assert [] == work(db, one)
    (three,) = work(db, two)
    assert [] == work(db, three)
    job = seen(db, job_id)
    assert (JobStatus.SUCCEEDED, {"first": [0, 1], "second": [0]}) == (job.status, job.result and job.result["numbers"])
    assert ["first", "first", "second"] == [child.stage for child in job.children]
    assert {JobStatus.SUCCEEDED} == {child.status for child in job.children}
    assert ["queued", "running", "succeeded"] == tiny.moves(db, job_id)
    assert 40 == job.progress_done == job.progress_total


def test_a_child_is_an_ordinary_job_that_names_its_parent(db: Database) -> None:
    submitted = submit(db)
    job_id = submitted.job.job_id
    child = jobs.get(db, submitted.job.children[1].job_id)
    assert ("tiny", job_id, "first", []) == (child.kind, child.parent_id, child.stage, child.children)
    work(db, submitted.pack_ids[1])
    assert [0, 1] == [trial.number for trial in jobs.trials(db, child.job_id)]


def test_children_are_listed_only_when_their_parent_is_asked_for(db: Database) -> None:
    submitted = submit(db)
    alone = tiny.submit(db).job.job_id
    job_id = submitted.job.job_id
    assert [alone, job_id] == [job.job_id for job in jobs.find(db)[0]]
    children = [child.job_id for child in submitted.job.children]
    assert children[::-1] == [job.job_id for job in jobs.find(db, parent_id=job_id)[0]]


def test_a_parent_shows_progress_over_all_stages_and_what_it_waits_for(db: Database) -> None:
    submitted = submit(db)
    job_id = submitted.job.job_id
    assert (0, 40) == (submitted.job.progress_done, submitted.job.progress_total)
    assert JobStatus.QUEUED == submitted.job.status
    taken = claimed(db, submitted.pack_ids[0])
    assert JobStatus.RUNNING == seen(db, job_id).status
    close(db, taken)
    job = seen(db, job_id)
    assert (10, 40, 1) == (job.progress_done, job.progress_total, job.attempt)
    assert "stage first: 1 of 2 jobs ended" == job.waiting_because


def test_the_events_of_a_parent_tell_of_its_stages(db: Database) -> None:
    submitted = submit(db)
    for pack_id in submitted.pack_ids:
        packs = work(db, pack_id)
    work(db, packs[0])
    told = [event.data for event in jobs.events(db, submitted.job.job_id) if event.kind == "stage"]
    assert [("first", 1, 2), ("second", 2, 1)] == [(one["stage"], one["number"], len(one["children"])) for one in told]


def test_a_worker_killed_between_the_childs_end_and_the_next_stage_is_made_good_by_the_reaper(db: Database) -> None:
    submitted = submit(db)
    jobs.mark_sent(db, submitted.pack_ids)
    for pack_id in submitted.pack_ids:
        close(db, claimed(db, pack_id))
    (third,) = reap(db)
    close(db, claimed(db, third))
    assert [] == reap(db)
    assert JobStatus.SUCCEEDED == seen(db, submitted.job.job_id).status


def test_a_stage_whose_message_was_lost_is_sent_again(db: Database) -> None:
    submitted = submit(db)
    jobs.mark_sent(db, submitted.pack_ids)
    work(db, submitted.pack_ids[0])
    assert work(db, submitted.pack_ids[1]) == reap(db)


def test_workers_that_end_the_last_children_at_once_begin_the_next_stage_once(db: Database) -> None:
    for _ in range(5):
        submitted = submit(db)
        claims = [claimed(db, pack_id) for pack_id in submitted.pack_ids]
        start = threading.Barrier(len(claims) + 1)
        begun: list[str] = []

        def end(taken: jobs.Claim, start: threading.Barrier = start, begun: list[str] = begun) -> None:
            start.wait()
            close(db, taken)
            begun += advance(db, taken.parent_id or "")

        def care(start: threading.Barrier = start, job_id: str = submitted.job.job_id) -> None:
            start.wait()
            reap(db)

        threads = [threading.Thread(target=end, args=[taken]) for taken in claims] + [threading.Thread(target=care)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        reap(db)
        job = seen(db, submitted.job.job_id)
        assert ["first", "first", "second"] == [child.stage for child in job.children]
        assert len(begun) <= 1


def test_a_failed_child_fails_its_parent_with_its_error_and_keeps_what_there_is(db: Database) -> None:
    submitted = submit(db)
    work(db, submitted.pack_ids[0])
    taken = claimed(db, submitted.pack_ids[1])
    jobs.fail(db, taken, error_type="data_unavailable", message="no data", experiments=STAGED)
    advance(db, submitted.job.job_id)
    job = seen(db, submitted.job.job_id)
    assert job.error is not None
    assert (JobStatus.FAILED, "data_unavailable", taken.job_id) == (job.status, job.error["type"], job.error["child"])
    assert f"Stage 'first', job {taken.job_id}: no data" == job.error["message"]
    assert {"first": [0]} == (job.result and job.result["numbers"])


def test_a_failed_child_ends_its_siblings(db: Database) -> None:
    submitted = submit(db)
    one, two = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    jobs.fail(db, one, error_type="fault", message="broken", experiments=STAGED)
    assert [] == reap(db)
    assert ["failed", "cancelled"] == [child.status for child in seen(db, submitted.job.job_id).children]
    with pytest.raises(LostLease):
        jobs.record(db, two, tiny.record(0))


def test_cancelling_a_parent_that_waits_cancels_everything_at_once(db: Database) -> None:
    submitted = submit(db)
    job = jobs.cancel(db, submitted.job.job_id, experiments=STAGED)
    assert [JobStatus.CANCELLED] * 3 == [job.status, *(child.status for child in job.children)]
    assert [] == reap(db)


def test_cancelling_a_parent_asks_the_running_child_and_keeps_what_it_has(db: Database) -> None:
    submitted = submit(db)
    taken = claimed(db, submitted.pack_ids[1])
    jobs.record(db, taken, tiny.record(0))
    job = jobs.cancel(db, submitted.job.job_id, experiments=STAGED)
    assert (JobStatus.RUNNING, True) == (job.status, job.cancel_requested)
    assert jobs.orders(db, taken).should_cancel
    jobs.close_cancelled(db, taken, experiments=STAGED)
    assert [] == advance(db, submitted.job.job_id)
    job = seen(db, submitted.job.job_id)
    assert (JobStatus.CANCELLED, {"first": [0]}) == (job.status, job.result and job.result["numbers"])


def test_cancelling_a_child_cancels_the_whole(db: Database) -> None:
    submitted = submit(db)
    jobs.cancel(db, submitted.job.children[0].job_id, experiments=STAGED)
    job = seen(db, submitted.job.job_id)
    assert [JobStatus.CANCELLED] * 3 == [job.status, *(child.status for child in job.children)]


def test_a_parent_that_failed_cannot_be_cancelled(db: Database) -> None:
    submitted = submit(db, broken_at=2)
    for pack_id in submitted.pack_ids:
        work(db, pack_id)
    with pytest.raises(Conflict):
        jobs.cancel(db, submitted.job.job_id)


def test_deleting_a_parent_deletes_its_children(db: Database) -> None:
    submitted = submit(db)
    job_id, child_id = submitted.job.job_id, submitted.job.children[0].job_id
    with pytest.raises(Conflict):
        jobs.delete(db, job_id)
    jobs.cancel(db, job_id, experiments=STAGED)
    with pytest.raises(Conflict, match=f"stage 'first' of job {job_id}"):
        jobs.delete(db, child_id)
    jobs.delete(db, job_id)
    for gone in (job_id, child_id):
        with pytest.raises(NotFound):
            jobs.get(db, gone)


def test_an_idempotent_replay_answers_with_the_packs_of_the_children(db: Database) -> None:
    first, again = submit(db, key="k"), submit(db, key="k")
    assert (first.job.job_id, first.pack_ids, False) == (again.job.job_id, again.pack_ids, again.is_new)
    assert 2 == len(jobs.find(db, parent_id=first.job.job_id)[0])


@pytest.mark.parametrize("fields", [{"broken_at": 2}, {"bad_child_at": 2}])
def test_a_job_that_cannot_go_on_fails_and_says_where(db: Database, fields: dict[str, int]) -> None:
    submitted = submit(db, **fields)
    for pack_id in submitted.pack_ids:
        assert [] == work(db, pack_id)
    job = seen(db, submitted.job.job_id)
    assert job.error is not None
    assert (JobStatus.FAILED, "conclude_failed") == (job.status, job.error["type"])
    assert "After stage 'first' the job could not go on" in job.error["message"]
    assert {"first": [0, 1]} == (job.result and job.result["numbers"])


def started_long_ago(db: Database, job_id: str, seconds: float) -> None:
    with db.session() as session:
        session.execute(update(Job).where(Job.job_id == job_id).values(started_at=database_time(-seconds)))


def test_the_parents_time_limit_covers_all_its_children(db: Database) -> None:
    submitted = submit(db, limits={"wall_seconds": 50.0})
    close(db, claimed(db, submitted.pack_ids[0]))
    started_long_ago(db, submitted.job.job_id, 40)
    assert 8 < claimed(db, submitted.pack_ids[1]).wall_seconds_left < 11


def test_a_child_claimed_after_its_parents_time_fails_with_the_limit(db: Database) -> None:
    submitted = submit(db, limits={"wall_seconds": 50.0})
    close(db, claimed(db, submitted.pack_ids[0]))
    started_long_ago(db, submitted.job.job_id, 51)
    taken = jobs.claim(db, submitted.pack_ids[1], worker_id="w", lease_seconds=60, max_attempts=3, experiments=STAGED)
    assert taken is None
    reap(db)
    job = seen(db, submitted.job.job_id)
    assert (JobStatus.FAILED, "limit_wall_seconds") == (job.status, job.error and job.error["type"])
    assert {"first": [0]} == (job.result and job.result["numbers"])


def test_a_parent_far_beyond_its_time_is_ended_with_its_children_by_the_reaper(db: Database) -> None:
    submitted = submit(db, limits={"wall_seconds": 50.0})
    claimed(db, submitted.pack_ids[0])
    started_long_ago(db, submitted.job.job_id, 120)
    assert [] == reap(db)
    job = seen(db, submitted.job.job_id)
    assert (JobStatus.FAILED, "limit_wall_seconds") == (job.status, job.error and job.error["type"])
    assert ["cancelled", "cancelled"] == [child.status for child in job.children]


def test_a_child_whose_worker_died_is_run_again_while_its_parent_goes_on_waiting(db: Database) -> None:
    submitted = submit(db)
    jobs.mark_sent(db, submitted.pack_ids)
    taken = claimed(db, submitted.pack_ids[0], lease_seconds=-1)
    assert [taken.pack_id] == reap(db)
    assert JobStatus.RUNNING == seen(db, submitted.job.job_id).status
    assert [] == work(db, taken.pack_id)


def test_a_job_in_the_queue_waits_for_no_composite_one(db: Database) -> None:
    jobs.worker_seen(db, jobs.WorkerView("w1", "host", 1, "cpu", "busy"))
    submit(db)
    alone = tiny.submit(db)
    assert "position 3 in the queue" == alone.job.waiting_because


def test_what_a_composite_job_costs_is_estimated_from_all_its_updates(db: Database) -> None:
    submitted = submit(db)
    for pack_id in submitted.pack_ids:
        packs = work(db, pack_id)
    work(db, packs[0])
    with db.session() as session:
        values = {"started_at": database_time(-80), "finished_at": database_time()}
        session.execute(update(Job).where(Job.job_id == submitted.job.job_id).values(**values))
    each = jobs.seconds_per_update(db, {"kind": "staged"}, experiments=STAGED)
    assert 2.0 == pytest.approx(each, rel=0.01)


def test_the_progress_of_children_is_told_among_the_parents_events(db: Database) -> None:
    submitted = submit(db)
    parent_id = submitted.job.job_id
    first, second = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    jobs.renew(db, first, lease_seconds=60, done=5, total=10)
    jobs.renew(db, second, lease_seconds=60, done=0, total=20)
    jobs.renew(db, second, lease_seconds=60, done=10, total=20)
    told = [event.data for event in jobs.events(db, parent_id) if event.kind == "progress"]
    assert [{"done": 5, "total": 40}, {"done": 15, "total": 40}] == told
    assert (15, 40) == (seen(db, parent_id).progress_done, seen(db, parent_id).progress_total)
