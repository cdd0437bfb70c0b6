from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lrsearch import jobs
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.errors import DataUnavailable, Unavailable
from lrsearch.experiments.range_test import RangeTest
from lrsearch.settings import Settings
from lrsearch.training.plan import Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Answer, Observer, Run, Segment, Trainer, go_on
from worker import runtime
from worker.runtime import Runtime

STEPS = 60
CHUNK_SECONDS = 0.001
"""Short chunks: a run of milliseconds has a middle."""
SETTINGS = Settings(lease_seconds=5.0, heartbeat_seconds=0.02, checkpoint_seconds=0.0, max_attempts=3)


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the worker may catch it."""


class Interrupted:
    """The toy trainer, with something that happens between two chunks."""

    name = "toy"

    def __init__(self, happen: Callable[[int, Segment], None], seconds_per_step: float = 0.0) -> None:
        self._happen = happen
        self._trainer = ToyTrainer(seconds_per_step, chunk_seconds=CHUNK_SECONDS)
        self.updates = 0

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        def observe(index: int, segment: Segment) -> Answer:
            self.updates += len(segment.losses)
            answer = observer(index, segment)
            self._happen(index, segment)
            return answer

        return self._trainer.train(plans, observe)


class Failing:
    """A trainer that raises."""

    name = "failing"

    def __init__(self, error: Exception) -> None:
        self._error = error

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        raise self._error


@pytest.fixture
def make(db: Database, tmp_path: Path) -> Callable[..., Runtime]:
    def make_runtime(trainer: Trainer | None = None, worker_id: str = "one") -> Runtime:
        return Runtime(db, ArtifactStore(tmp_path / "artifacts"), trainer or ToyTrainer(), SETTINGS, worker_id)

    return make_runtime


def submit(db: Database, **changes: Any) -> tuple[str, str]:
    """A job that never diverges; its id and the id of its one pack."""
    document = {
        "schema": 1,
        "kind": "range_test",
        "model": {"kind": "builtin", "name": "blobs_mlp"},
        "data": {"kind": "builtin", "name": "blobs"},
        "optimizer": {"kind": "sgd"},
        "batch_size": 50,
        "start_lr": 1e-4,
        "end_lr": 0.1,
        "steps": STEPS,
        "repeats": 2,
    } | changes
    submitted = jobs.submit(db, RangeTest.model_validate(document), document)
    return submitted.job.job_id, submitted.pack_ids[0]


def losses(db: Database, job_id: str) -> list[list[float]]:
    return [trial.arrays["losses"].tolist() for trial in jobs.trials(db, job_id)]


def test_a_pack_is_trained_recorded_and_closed(db: Database, make: Callable[..., Runtime]) -> None:
    job_id, pack_id = submit(db)
    make().run(pack_id)
    job = jobs.get(db, job_id, with_result=True)
    assert ("succeeded", 1, True) == (job.status, job.attempt, job.result is not None)
    assert [STEPS, STEPS] == [len(curve) for curve in losses(db, job_id)]


def test_a_pack_that_is_over_and_a_pack_that_never_was_are_left_alone(
    db: Database, make: Callable[..., Runtime]
) -> None:
    job_id, pack_id = submit(db)
    worker = make()
    worker.run(pack_id)
    before = jobs.get(db, job_id)
    worker.run(pack_id)
    worker.run("no-such-pack")
    assert before == jobs.get(db, job_id)


def test_data_that_is_not_there_fails_the_job_with_its_own_type(db: Database, make: Callable[..., Runtime]) -> None:
    job_id, pack_id = submit(db)
    make(Failing(DataUnavailable("mnist is nowhere; get it."))).run(pack_id)
    job = jobs.get(db, job_id)
    assert "failed" == job.status
    assert job.error is not None
    assert ("data_unavailable", "mnist is nowhere; get it.") == (job.error["type"], job.error["message"])


def test_an_unexpected_error_is_tried_again_and_fails_after_three_attempts_with_every_traceback(
    db: Database, make: Callable[..., Runtime]
) -> None:
    job_id, pack_id = submit(db)
    worker = make(Failing(RuntimeError("the disk sang")))
    statuses: list[str] = []
    for _ in range(3):
        worker.run(pack_id)
        statuses.append(jobs.get(db, job_id).status.value)
    assert ["queued", "queued", "failed"] == statuses
    error = jobs.get(db, job_id).error
    assert error is not None
    assert 3 == len(error["attempts"])
    assert all("RuntimeError: the disk sang" in attempt["traceback"] for attempt in error["attempts"])


def test_a_cancelled_pack_stops_between_chunks_and_keeps_its_curve(db: Database, make: Callable[..., Runtime]) -> None:
    job_id, pack_id = submit(db, steps=2_000, repeats=1)
    asked = threading.Event()

    def cancel(index: int, segment: Segment) -> None:
        if not asked.is_set():
            asked.set()
            jobs.cancel(db, job_id)

    make(Interrupted(cancel, seconds_per_step=0.002)).run(pack_id)
    assert "cancelled" == jobs.get(db, job_id).status
    (curve,) = losses(db, job_id)
    assert 0 < len(curve) < 2_000


def test_a_worker_that_lost_its_lease_writes_nothing_more(
    db: Database, make: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, pack_id = submit(db, steps=500, repeats=1)
    taken: list[jobs.Claim | None] = []

    def expire(index: int, segment: Segment) -> None:
        """Another worker gets the pack, as after a lease that ran out."""
        if not taken:
            taken.append(None)
            with db.session() as session:
                from sqlalchemy import text

                session.execute(text("UPDATE packs SET status = 'queued', token = NULL"))
            taken.append(jobs.claim(db, pack_id, worker_id="two", lease_seconds=60, max_attempts=3))

    trainer = Interrupted(expire, seconds_per_step=0.002)
    make(trainer).run(pack_id)
    assert taken[1] is not None
    assert trainer.updates < 500
    assert ("running", 2) == (jobs.get(db, job_id).status, jobs.get(db, job_id).attempt)
    assert [] == jobs.trials(db, job_id)


def killed_in_the_middle(db: Database, make: Callable[..., Runtime], pack_id: str, after_updates: int) -> None:
    """Run the pack until the worker dies; then its lease runs out."""

    def kill(index: int, segment: Segment) -> None:
        if index == 1 and segment.first_step + len(segment.losses) >= after_updates:
            raise Killed

    with pytest.raises(Killed):
        make(Interrupted(kill)).run(pack_id)
    with db.session() as session:
        from sqlalchemy import text

        session.execute(text("UPDATE packs SET lease_until = '2000-01-01 00:00:00.000000'"))
    assert [pack_id] == jobs.reap(db, resend_seconds=60, max_attempts=3)


def test_a_killed_pack_goes_on_from_its_checkpoints_and_ends_as_if_nothing_had_happened(
    db: Database, make: Callable[..., Runtime]
) -> None:
    undisturbed, pack_id = submit(db)
    make().run(pack_id)
    job_id, pack_id = submit(db)
    killed_in_the_middle(db, make, pack_id, after_updates=20)
    second = Interrupted(lambda index, segment: None)
    make(second, worker_id="two").run(pack_id)
    assert ("succeeded", 2) == (jobs.get(db, job_id).status, jobs.get(db, job_id).attempt)
    assert losses(db, undisturbed) == losses(db, job_id)
    assert second.updates <= STEPS - 20  # trial 0 was done, trial 1 had made 20 updates


def test_a_checkpoint_whose_file_is_damaged_costs_its_trial_and_not_the_job(
    db: Database, make: Callable[..., Runtime], tmp_path: Path
) -> None:
    job_id, pack_id = submit(db)
    killed_in_the_middle(db, make, pack_id, after_updates=20)
    for file in (tmp_path / "artifacts").rglob("*"):
        if file.is_file():
            file.write_bytes(b"damaged")
    make(worker_id="two").run(pack_id)
    assert "succeeded" == jobs.get(db, job_id).status
    assert [STEPS, STEPS] == [len(curve) for curve in losses(db, job_id)]


@pytest.mark.parametrize(
    ("limits", "error_type", "curves"),
    [
        ({"trials": 1}, "limit_trials", [STEPS]),
        ({"epochs": 2}, "limit_epochs", [16]),  # 8 updates an epoch: a fifth of the samples is held out
        ({"memory_bytes": 1_000}, "limit_memory_bytes", None),
    ],
)
def test_a_broken_limit_fails_the_job_with_the_limits_name_and_keeps_what_was_measured(
    db: Database,
    make: Callable[..., Runtime],
    limits: dict[str, Any],
    error_type: str,
    curves: list[int] | None,
) -> None:
    job_id, pack_id = submit(db, limits=limits)
    make(ToyTrainer(chunk_seconds=CHUNK_SECONDS)).run(pack_id)
    job = jobs.get(db, job_id)
    assert job.error is not None
    assert ("failed", error_type) == (job.status, job.error["type"])
    assert error_type.removeprefix("limit_") in job.error["message"]
    measured = [len(curve) for curve in losses(db, job_id)]
    assert measured[: len(curves or [])] == (curves or [])
    assert sum(measured) < 2 * STEPS


def test_a_job_beyond_its_wall_clock_limit_stops_at_the_next_chunk(db: Database, make: Callable[..., Runtime]) -> None:
    job_id, pack_id = submit(db, steps=2_000, repeats=1, limits={"wall_seconds": 0.2})
    make(ToyTrainer(0.002, chunk_seconds=CHUNK_SECONDS)).run(pack_id)
    job = jobs.get(db, job_id)
    assert job.error is not None
    assert "limit_wall_seconds" == job.error["type"]
    assert 0 < len(losses(db, job_id)[0]) < 2_000


def test_results_wait_for_a_database_that_is_away(
    db: Database, make: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, pack_id = submit(db, repeats=1)
    really, refusals = jobs.record, [1, 2]

    def record(*arguments: Any) -> None:
        if refusals:
            refusals.pop()
            raise Unavailable("The database is away.")
        really(*arguments)

    monkeypatch.setattr(jobs, "record", record)
    make().run(pack_id)
    assert "succeeded" == jobs.get(db, job_id).status


def test_a_database_that_stays_away_leaves_the_pack_to_the_reaper(
    db: Database, make: Callable[..., Runtime], monkeypatch: pytest.MonkeyPatch
) -> None:
    job_id, pack_id = submit(db, repeats=1)

    def record(*arguments: Any) -> None:
        raise Unavailable("The database is away.")

    monkeypatch.setattr(jobs, "record", record)
    monkeypatch.setattr(runtime, "WRITE_SECONDS", 0.1)
    make().run(pack_id)
    assert "running" == jobs.get(db, job_id).status


def test_a_trials_curve_is_stored_bit_for_bit(db: Database, make: Callable[..., Runtime]) -> None:
    job_id, pack_id = submit(db, repeats=1)
    make().run(pack_id)
    plan = RangeTest.model_validate(jobs.get(db, job_id).document).plan(0)
    (expected,) = ToyTrainer().train([plan])
    assert np.array_equal(expected.curve.losses, jobs.trial(db, job_id, 0).arrays["losses"])
