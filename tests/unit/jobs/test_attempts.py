"""What a worker does: claim, renew, record, finish, fail; and what it may no longer do once it was declared dead."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable

import numpy as np
import pytest

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import LostLease
from lrsearch.jobs import Claim
from lrsearch.status import JobStatus, TrialStatus
from tests.unit.jobs.tiny import TINY, claim, claimed, moves, reap, record, running, submit, work


def test_a_claim_brings_all_a_worker_needs(db: Database) -> None:
    submitted = submit(db, trials=4, workers=2, limits={"wall_seconds": 100})
    taken = claimed(db, submitted.pack_ids[1])
    assert (submitted.pack_ids[1], submitted.job.job_id, 1) == (taken.pack_id, taken.job_id, taken.attempt)
    assert submitted.job.document == taken.document
    assert ([1, 3], {}) == (taken.trials, {})
    assert 99 < taken.wall_seconds_left <= 100


def test_a_claimed_pack_is_claimed_once(db: Database) -> None:
    submitted = submit(db)
    assert claim(db, submitted.pack_ids[0]) is not None
    version = jobs.get(db, submitted.job.job_id).version
    assert claim(db, submitted.pack_ids[0]) is None
    assert version == jobs.get(db, submitted.job.job_id).version


def test_an_unknown_pack_cannot_be_claimed(db: Database) -> None:
    assert claim(db, "nothing-0") is None


def test_of_many_threads_one_gets_the_pack(db: Database) -> None:
    pack_id = submit(db).pack_ids[0]
    got: list[Claim | None] = []
    start = threading.Barrier(6)

    def take() -> None:
        start.wait()
        got.append(claim(db, pack_id))

    threads = [threading.Thread(target=take) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [1] == [taken.attempt for taken in got if taken is not None]
    assert 6 == len(got)


def test_a_claimed_job_runs_since_its_first_claim(db: Database) -> None:
    submitted = submit(db, trials=2, workers=2)
    claimed(db, submitted.pack_ids[0])
    first = jobs.get(db, submitted.job.job_id)
    claimed(db, submitted.pack_ids[1])
    second = jobs.get(db, submitted.job.job_id)
    assert (JobStatus.RUNNING, None, 1) == (first.status, first.waiting_because, first.attempt)
    assert first.started_at is not None
    assert first.started_at == second.started_at
    assert first.version < second.version
    assert ["queued", "running"] == moves(db, first.job_id)


def test_the_last_pack_closes_the_job_with_the_result_of_all_trials(db: Database) -> None:
    submitted = submit(db, trials=5, workers=2)
    first, second = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    assert not work(db, first)
    assert JobStatus.RUNNING == jobs.get(db, first.job_id).status
    assert work(db, second)
    job = jobs.get(db, first.job_id, with_result=True)
    assert JobStatus.SUCCEEDED == job.status
    assert job.result is not None
    assert [0, 1, 2, 3, 4] == job.result["numbers"]
    assert math.isnan(job.result["loss"])
    assert (50, 50) == (job.progress_done, job.progress_total)
    assert job.finished_at is not None
    assert ["queued", "running", "succeeded"] == moves(db, job.job_id)


def test_the_progress_of_a_job_that_is_over_is_what_its_runs_have_made(db: Database) -> None:
    submitted = submit(db, trials=3, workers=2)
    first, second = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    jobs.record(db, first, record(0, [1.0] * 7), record(2))
    jobs.renew(db, first, lease_seconds=60.0, done=15, total=20)
    assert not jobs.finish(db, first, experiments=TINY)
    jobs.record(db, second, record(1, [1.0] * 12))
    assert jobs.finish(db, second, experiments=TINY)
    job = jobs.get(db, first.job_id)
    assert (29, 29) == (job.progress_done, job.progress_total)


def test_a_job_between_two_packs_is_running(db: Database) -> None:
    submitted = submit(db, trials=2, workers=2)
    work(db, claimed(db, submitted.pack_ids[0]))
    assert JobStatus.RUNNING == jobs.get(db, submitted.job.job_id).status
    assert work(db, claimed(db, submitted.pack_ids[1]))


def test_two_last_packs_that_finish_at_once_close_the_job_once(db: Database) -> None:
    for _ in range(5):
        submitted = submit(db, trials=4, workers=4)
        taken = [claimed(db, pack_id) for pack_id in submitted.pack_ids]
        start = threading.Barrier(len(taken))
        closed: list[bool] = []

        def end(mine: Claim, start: threading.Barrier = start, closed: list[bool] = closed) -> None:
            start.wait()
            closed.append(work(db, mine))

        threads = [threading.Thread(target=end, args=(mine,)) for mine in taken]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [False, False, False, True] == sorted(closed)
        assert JobStatus.SUCCEEDED == jobs.get(db, submitted.job.job_id).status


def test_a_conclusion_that_fails_leaves_the_pack_with_its_worker(db: Database) -> None:
    taken = running(db, broken=True)
    with pytest.raises(ArithmeticError):
        work(db, taken)
    assert JobStatus.RUNNING == jobs.get(db, taken.job_id).status
    assert jobs.give_up_attempt(db, taken, error_type="fault", message="no conclusion", traceback="...")


def test_a_recorded_trial_comes_back_bit_for_bit(db: Database) -> None:
    taken = running(db)
    sent = record(0, [1.5, math.nan, math.inf, -math.inf, 5e-324])
    jobs.record(db, taken, sent)
    got = jobs.trial(db, taken.job_id, 0)
    assert list(sent.arrays) == list(got.arrays)
    for name, values in sent.arrays.items():
        assert values.tobytes() == got.arrays[name].tobytes()
        assert np.float64 == got.arrays[name].dtype
    assert (sent.status, sent.seed, sent.setting) == (got.status, got.seed, got.setting)
    assert (sent.stop_reason, sent.stopped_at, sent.facts) == (got.stop_reason, got.stopped_at, got.facts)
    assert sent.metrics == got.metrics


def test_metrics_that_are_not_finite_survive(db: Database) -> None:
    taken = running(db)
    sent = record(0)
    sent.metrics.update({"a": math.inf, "b": math.nan})
    jobs.record(db, taken, sent)
    got = jobs.trial(db, taken.job_id, 0).metrics
    assert math.inf == got["a"]
    assert math.isnan(got["b"])


def test_recording_a_trial_twice_keeps_the_first(db: Database) -> None:
    taken = running(db, trials=2)
    jobs.record(db, taken, record(0, [1.0]))
    jobs.record(db, taken, record(0, [2.0]), record(1, [3.0]), record(1, [4.0]))
    losses = [trial.arrays["losses"].tolist() for trial in jobs.trials(db, taken.job_id)]
    assert [[1.0], [3.0]] == losses
    events = [event.data["number"] for event in jobs.events(db, taken.job_id) if event.kind == "trial"]
    assert [0, 1] == events


def test_recording_nothing_new_is_no_error_and_no_progress(db: Database) -> None:
    taken = running(db, trials=2, max_attempts=1)
    jobs.record(db, taken, record(0))
    assert _give_up(db, taken)
    again = claimed(db, taken.pack_id, max_attempts=1)
    jobs.record(db, again)
    jobs.record(db, again, record(0))
    assert not _give_up(db, again)


def test_a_trial_event_tells_how_it_ended(db: Database) -> None:
    taken = running(db)
    jobs.record(db, taken, record(0))
    event = jobs.events(db, taken.job_id)[-1]
    assert "trial" == event.kind
    assert TrialStatus.COMPLETE == event.data["status"]
    assert {"test_loss": 0.25} == event.data["metrics"]


def test_renewing_prolongs_the_lease(db: Database) -> None:
    taken = running(db, lease_seconds=-1)
    jobs.renew(db, taken, lease_seconds=60, done=0, total=10)
    reap(db)
    assert not jobs.orders(db, taken).should_cancel


def test_progress_is_that_of_all_packs_and_counts_what_earlier_attempts_finished(db: Database) -> None:
    submitted = submit(db, trials=4, workers=2)
    first, second = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    jobs.renew(db, first, lease_seconds=60, done=5, total=20)
    jobs.renew(db, second, lease_seconds=60, done=10, total=20)
    assert (15, 40) == _progress(db, first)
    jobs.record(db, first, record(0))
    jobs.give_up_attempt(db, first, error_type="fault", message="x", traceback=None)
    again = claimed(db, first.pack_id)
    assert [2] == again.trials
    assert (20, 40) == _progress(db, first)
    jobs.renew(db, again, lease_seconds=60, done=3, total=10)
    assert (23, 40) == _progress(db, first)


def _progress(db: Database, taken: Claim) -> tuple[int, int]:
    job = jobs.get(db, taken.job_id)
    return job.progress_done, job.progress_total


def test_progress_writes_an_event_only_when_there_is_some(db: Database) -> None:
    taken = running(db)
    for done in (5, 5, 5, 6):
        jobs.renew(db, taken, lease_seconds=60, done=done, total=10)
    progress = [event.data for event in jobs.events(db, taken.job_id) if event.kind == "progress"]
    assert [{"done": 5, "total": 10}, {"done": 6, "total": 10}] == progress


def test_a_long_training_writes_at_most_a_thousand_progress_events(db: Database) -> None:
    taken = running(db)
    for done in range(0, 60):
        jobs.renew(db, taken, lease_seconds=60, done=done, total=30_000)
    progress = [event for event in jobs.events(db, taken.job_id) if event.kind == "progress"]
    assert 1 == len(progress)


def test_a_fault_queues_the_pack_again_and_the_job_waits(db: Database) -> None:
    taken = running(db)
    assert jobs.give_up_attempt(db, taken, error_type="fault", message="boom", traceback="Traceback ...")
    job = jobs.get(db, taken.job_id)
    assert (JobStatus.QUEUED, 1, None) == (job.status, job.attempt, job.error)
    assert 2 == claimed(db, taken.pack_id).attempt
    assert ["queued", "running", "queued", "running"] == moves(db, taken.job_id)


def test_a_job_stays_running_while_another_of_its_packs_does(db: Database) -> None:
    submitted = submit(db, trials=2, workers=2)
    first, _ = (claimed(db, pack_id) for pack_id in submitted.pack_ids)
    jobs.give_up_attempt(db, first, error_type="fault", message="boom", traceback=None)
    assert JobStatus.RUNNING == jobs.get(db, first.job_id).status


def test_after_three_faults_without_progress_the_job_fails_and_names_them_all(db: Database) -> None:
    pack_id = submit(db).pack_ids[0]
    requeued = [
        jobs.give_up_attempt(db, claimed(db, pack_id), error_type="fault", message=f"boom {n}", traceback=f"line {n}")
        for n in (1, 2, 3)
    ]
    assert [True, True, False] == requeued
    job = jobs.find(db)[0][0]
    assert JobStatus.FAILED == job.status
    assert job.error is not None
    assert ("fault", "line 3") == (job.error["type"], job.error["traceback"])
    assert "3 attempts in a row made no progress; the last one ended with: boom 3" == job.error["message"]
    attempts = [(error["attempt"], error["message"], error["worker_id"]) for error in job.error["attempts"]]
    assert [(1, "boom 1", "w1"), (2, "boom 2", "w1"), (3, "boom 3", "w1")] == attempts
    assert claim(db, pack_id) is None


def _give_up(db: Database, taken: Claim) -> bool:
    return jobs.give_up_attempt(db, taken, error_type="fault", message="boom", traceback=None)


def test_an_attempt_that_recorded_a_trial_starts_the_count_anew(db: Database) -> None:
    pack_id = submit(db, trials=3).pack_ids[0]
    for number in (0, 1):
        assert _give_up(db, claimed(db, pack_id))
        assert _give_up(db, claimed(db, pack_id))
        taken = claimed(db, pack_id)
        jobs.record(db, taken, record(number))
        assert _give_up(db, taken)
    assert [True, True, False] == [_give_up(db, claimed(db, pack_id)) for _ in range(3)]


def test_an_attempt_with_a_new_checkpoint_starts_the_count_anew_but_not_with_the_old_one(db: Database) -> None:
    pack_id = submit(db).pack_ids[0]
    assert _give_up(db, claimed(db, pack_id, max_attempts=2))
    taken = claimed(db, pack_id, max_attempts=2)
    jobs.record_checkpoint(db, taken, 0, "a" * 64)
    assert _give_up(db, taken)
    again = claimed(db, pack_id, max_attempts=2)
    assert {0: "a" * 64} == again.checkpoints
    jobs.record_checkpoint(db, again, 0, "a" * 64)
    assert _give_up(db, again)
    assert not _give_up(db, claimed(db, pack_id, max_attempts=2))


def test_a_failed_job_keeps_the_result_of_what_was_recorded(db: Database) -> None:
    taken = running(db, trials=2)
    jobs.record(db, taken, record(0))
    jobs.fail(db, taken, error_type="limit_trials", message="too many", experiments=TINY)
    job = jobs.get(db, taken.job_id, with_result=True)
    assert (JobStatus.FAILED, True) == (job.status, job.has_result)
    assert job.result is not None
    assert [0] == job.result["numbers"]
    assert job.error is not None
    assert ("limit_trials", "too many") == (job.error["type"], job.error["message"])


def test_a_failed_job_whose_trials_allow_no_conclusion_has_no_result(db: Database) -> None:
    taken = running(db, trials=2, broken=True)
    jobs.record(db, taken, record(0))
    jobs.fail(db, taken, error_type="x", message="y", experiments=TINY)
    job = jobs.get(db, taken.job_id, with_result=True)
    assert (JobStatus.FAILED, None, False) == (job.status, job.result, job.has_result)


def test_when_one_pack_fails_the_job_the_others_lose_their_leases(db: Database) -> None:
    submitted = submit(db, trials=3, workers=3)
    first, second = (claimed(db, pack_id) for pack_id in submitted.pack_ids[:2])
    jobs.fail(db, first, error_type="data_unavailable", message="no data", experiments=TINY)
    with pytest.raises(LostLease):
        jobs.renew(db, second, lease_seconds=60, done=1, total=2)
    assert claim(db, submitted.pack_ids[2]) is None


WRITES: dict[str, Callable[[Database, Claim], object]] = {
    "renew": lambda db, taken: jobs.renew(db, taken, lease_seconds=60, done=1, total=2),
    "orders": jobs.orders,
    "record": lambda db, taken: jobs.record(db, taken, record(0)),
    "record_checkpoint": lambda db, taken: jobs.record_checkpoint(db, taken, 0, "b" * 64),
    "finish": lambda db, taken: jobs.finish(db, taken, experiments=TINY),
    "fail": lambda db, taken: jobs.fail(db, taken, error_type="x", message="y", experiments=TINY),
    "give_up_attempt": _give_up,
    "close_cancelled": lambda db, taken: jobs.close_cancelled(db, taken, experiments=TINY),
}


@pytest.mark.parametrize("verb", WRITES)
def test_a_worker_that_was_declared_dead_can_write_nothing(db: Database, verb: str) -> None:
    dead = running(db, lease_seconds=-1)
    reap(db)
    alive = claimed(db, dead.pack_id)
    before = jobs.get(db, dead.job_id), jobs.events(db, dead.job_id), jobs.trials(db, dead.job_id)
    with pytest.raises(LostLease, match="Attempt 1"):
        WRITES[verb](db, dead)
    assert before == (jobs.get(db, dead.job_id), jobs.events(db, dead.job_id), jobs.trials(db, dead.job_id))
    assert work(db, alive)


def test_a_finished_pack_is_no_longer_its_workers(db: Database) -> None:
    taken = running(db)
    work(db, taken)
    with pytest.raises(LostLease):
        work(db, taken)


def test_a_job_beyond_its_wall_clock_limit_fails_at_the_next_claim(db: Database) -> None:
    taken = running(db, trials=2, limits={"wall_seconds": 0.01})
    jobs.record(db, taken, record(0))
    _give_up(db, taken)
    threading.Event().wait(0.02)
    assert claim(db, taken.pack_id) is None
    job = jobs.get(db, taken.job_id, with_result=True)
    assert job.error is not None
    assert (JobStatus.FAILED, "limit_wall_seconds") == (job.status, job.error["type"])
    assert job.result is not None


def test_the_wall_clock_runs_from_the_first_claim_on(db: Database) -> None:
    taken = running(db, limits={"wall_seconds": 100})
    threading.Event().wait(0.05)
    _give_up(db, taken)
    assert claimed(db, taken.pack_id).wall_seconds_left < 99.96


def test_checkpoints_become_garbage_when_replaced_when_the_trial_is_recorded_and_when_the_job_ends(
    db: Database,
) -> None:
    taken = running(db, trials=3)
    for trial, artifact in ((0, "a"), (0, "b"), (1, "c"), (2, "d")):
        jobs.record_checkpoint(db, taken, trial, artifact * 64)
    assert ["a" * 64] == jobs.unused_artifacts(db)
    jobs.record(db, taken, record(1))
    assert ["c" * 64] == jobs.unused_artifacts(db)
    assert [] == jobs.unused_artifacts(db)
    work(db, taken)
    assert ["b" * 64, "d" * 64] == sorted(jobs.unused_artifacts(db))


def test_an_artifact_that_another_pack_needs_is_no_garbage(db: Database) -> None:
    first, second = running(db), running(db)
    for taken in (first, second):
        jobs.record_checkpoint(db, taken, 0, "a" * 64)
    work(db, first)
    assert [] == jobs.unused_artifacts(db)
    work(db, second)
    assert ["a" * 64] == jobs.unused_artifacts(db)
