"""Trials that packs take as they go: no trial twice, none lost, and packs for workers that come later."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from typing import Literal

import pytest
from pydantic import TypeAdapter

from lrsearch import jobs
from lrsearch.db import Database
from lrsearch.errors import LostLease
from lrsearch.experiments.base import Estimate
from lrsearch.jobs import Claim, Submitted, WorkerView
from lrsearch.status import JobStatus
from tests.unit.jobs.tiny import Tiny, record


class Pooled(Tiny):
    """Trial 0 comes first; the others are shared out in twos."""

    kind: Literal["pooled"] = "pooled"  # pyright: ignore[reportIncompatibleVariableOverride]
    trials: int = 9

    def estimate(self) -> Estimate:
        return Estimate(updates=10 * self.trials, trials=self.trials, estimated_seconds=None)

    def packs(self, workers: int) -> list[list[int]]:
        return [[0]]

    @property
    def shared_trials(self) -> list[list[int]]:
        return [[first, first + 1] for first in range(1, self.trials, 2)]

    def may_join(self, recorded: AbstractSet[int]) -> bool:
        return 0 in recorded


POOLED: TypeAdapter[Pooled] = TypeAdapter(Pooled)
GROUPS = Pooled().shared_trials


def submit(db: Database) -> Submitted:
    document = {"schema": 1, "kind": "pooled"}
    return jobs.submit(db, POOLED.validate_python(document), document, workers=4)


def claimed(db: Database, pack_id: str, *, lease_seconds: float = 60.0) -> Claim:
    taken = jobs.claim(db, pack_id, worker_id="w", lease_seconds=lease_seconds, max_attempts=3, experiments=POOLED)
    assert taken is not None
    return taken


def take(db: Database, claim: Claim, count: int, known: Sequence[int] = ()) -> list[int]:
    return jobs.take(db, claim, GROUPS, count, known={*claim.trials, *known})


def reap(db: Database) -> list[str]:
    return jobs.reap(db, resend_seconds=30.0, max_attempts=3, experiments=POOLED)


def idle(db: Database, *names: str) -> None:
    for name in names:
        jobs.worker_seen(db, WorkerView(name, "host", 1, "cpu", "idle"))


def began(db: Database) -> Claim:
    """A job whose first trial is recorded."""
    first = claimed(db, submit(db).pack_ids[0])
    jobs.record(db, first, record(0))
    return first


def finish(db: Database, claim: Claim) -> bool:
    return jobs.finish(db, claim, experiments=POOLED)


def test_two_packs_take_every_trial_once_and_the_last_gets_its_fair_share(db: Database) -> None:
    first = began(db)
    idle(db, "late")
    (late_id,) = [pack_id for pack_id in reap(db) if pack_id != first.pack_id]
    late = claimed(db, late_id)
    assert ([], 1) == (late.trials, late.pack)
    assert [1, 2] == take(db, first, 1)
    assert [3, 4, 5, 6] == take(db, late, 9)  # three groups are left for two: two of them
    assert [7, 8] == take(db, first, 9, known=[1, 2])
    assert [] == take(db, late, 1, known=[3, 4, 5, 6])
    for claim, numbers in ((first, [1, 2, 7, 8]), (late, [3, 4, 5, 6])):
        for number in numbers:
            jobs.record(db, claim, record(number))
    assert (False, True) == (finish(db, first), finish(db, late))
    job = jobs.get(db, first.job_id, with_result=True)
    assert job.result is not None
    assert (JobStatus.SUCCEEDED, [*range(9)]) == (job.status, job.result["numbers"])


def test_eight_packs_that_take_at_once_get_every_trial_once(db: Database) -> None:
    first = began(db)
    idle(db, *(f"w{n}" for n in range(3)))
    packs = [first, *(claimed(db, pack_id) for pack_id in reap(db))]
    assert 4 == len(packs)
    got: list[int] = []

    def work(claim: Claim) -> None:
        known: list[int] = []
        while numbers := take(db, claim, 1, known):
            known += numbers
        got.extend(known)

    threads = [threading.Thread(target=work, args=(claim,)) for claim in packs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [*range(1, 9)] == sorted(got)


def test_trials_whose_answer_was_lost_with_the_connection_are_given_again(db: Database) -> None:
    first = began(db)
    lost = take(db, first, 1)
    assert lost == take(db, first, 1)
    assert [3, 4] == take(db, first, 1, known=lost)


def test_what_a_dead_packs_attempt_took_is_the_next_attempts_and_nobody_elses(db: Database) -> None:
    first = claimed(db, submit(db).pack_ids[0], lease_seconds=-1)
    jobs.record(db, first, record(0))
    assert [1, 2, 3, 4] == take(db, first, 2)
    jobs.record(db, first, record(3))
    reap(db)
    again = claimed(db, first.pack_id)
    assert [1, 2, 4] == again.trials
    assert [5, 6] == take(db, again, 1)
    with pytest.raises(LostLease):
        take(db, first, 1)


def test_a_worker_gets_a_pack_only_when_the_job_can_be_joined_and_nothing_else_waits(db: Database) -> None:
    first = claimed(db, submit(db).pack_ids[0])
    idle(db, "late")
    assert [] == reap(db)  # trial 0 is not recorded yet
    jobs.record(db, first, record(0))
    other = submit(db)
    assert other.pack_ids == reap(db)  # the idle worker is needed there
    claimed(db, other.pack_ids[0])
    added = reap(db)
    assert [f"{first.job_id}-1"] == added
    jobs.mark_sent(db, added)
    assert [] == reap(db)  # one waits for it already


def test_an_added_pack_that_nobody_took_ends_with_the_work(db: Database) -> None:
    first = began(db)
    idle(db, "late")
    assert [f"{first.job_id}-1"] == reap(db)
    jobs.record(db, first, *[record(number) for number in take(db, first, 9)])
    assert finish(db, first)
    assert [] == reap(db)


def test_no_pack_is_added_once_a_pack_found_nothing_more_to_do(db: Database) -> None:
    first = began(db)
    idle(db, "late")
    late = claimed(db, reap(db)[0])
    assert not finish(db, late)
    assert [] == reap(db)
    job = jobs.get(db, first.job_id)
    assert (JobStatus.RUNNING, 10) == (job.status, job.progress_total)


def test_the_total_is_the_estimate_from_the_first_moment_on(db: Database) -> None:
    submitted = submit(db)
    first = claimed(db, submitted.pack_ids[0])
    take(db, first, 1)
    assert [90, 90] == [submitted.job.progress_total, jobs.get(db, first.job_id).progress_total]
