"""A comparison whose worker is killed between trials: the next attempt runs the rest and nothing twice."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy
from pydantic import TypeAdapter

from lrsearch import jobs
from lrsearch.artifacts import ArtifactStore
from lrsearch.db import Database
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.settings import Settings
from lrsearch.training.plan import Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Answer, Observer, Run, Segment, Trainer, go_on
from worker.runtime import Runtime

SETTINGS = Settings(lease_seconds=5.0, heartbeat_seconds=0.02, checkpoint_seconds=0.0, max_attempts=9)
DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "optimizer_comparison",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "batch_size": 128,
    "epochs": 3,
    "seeds": 3,
    "optimizers": [{"kind": "sgd"}, {"kind": "sgd", "momentum": 0.9}],
    "tuning": {"trials": 3, "steps": 40},
}
TRIALS = 2 * (3 + 2 + 3 + 3)
"""Runs, stress runs, range tests and grid of each optimizer."""


class Killed(BaseException):
    """Stands for SIGKILL: nothing in the worker may catch it."""


class Mortal:
    """The toy trainer; dies when it is asked for the batch after `lives` batches."""

    name = "toy"

    def __init__(self, lives: int) -> None:
        self.lives, self.runs = lives, 0

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        if self.lives == 0:
            raise Killed
        self.lives -= 1
        self.runs += len(plans)
        return ToyTrainer().train(plans, observer)


@pytest.fixture
def db(database_url: str) -> Iterator[Database]:
    with Database(database_url) as database:
        yield database


def experiment() -> Experiment:
    return TypeAdapter[Any](AnyExperiment).validate_python(DOCUMENT)


@pytest.fixture(scope="module")
def straight() -> dict[str, Any]:
    """The result of a run that nothing interrupts."""
    return experiment().run(Context(ToyTrainer(), lambda records: None))


@pytest.mark.parametrize("lives", [1, 2, 3, 4, 5])
def test_a_killed_comparison_goes_on_and_runs_no_finished_trial_twice(
    db: Database, straight: dict[str, Any], tmp_path: Path, lives: int
) -> None:
    submitted = jobs.submit(db, experiment(), DOCUMENT, workers=1)
    (pack_id,) = submitted.pack_ids
    first, second = Mortal(lives), Mortal(99)
    with pytest.raises(Killed):
        Runtime(db, ArtifactStore(tmp_path / "artifacts"), first, SETTINGS, "one").run(pack_id)
    assert first.runs == len(jobs.trials(db, submitted.job.job_id))
    _expire(db)
    Runtime(db, ArtifactStore(tmp_path / "artifacts"), second, SETTINGS, "two").run(pack_id)
    job = jobs.get(db, submitted.job.job_id, with_result=True)
    assert ("succeeded", TRIALS) == (job.status, first.runs + second.runs)
    assert job.result is not None
    assert straight["leaderboard"] == job.result["leaderboard"]
    assert straight["tuning"] == job.result["tuning"]


CONFIRMED: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 128,
    "confirm": {"steps": 40, "candidates": 33, "seeds": 2},
}


@pytest.mark.parametrize(("lives", "recorded"), [(1, 3), (2, 3 + 34)])
def test_a_killed_race_goes_on_around_the_same_suggestion(
    db: Database, tmp_path: Path, lives: int, recorded: int
) -> None:
    made: Experiment = TypeAdapter[Any](AnyExperiment).validate_python(CONFIRMED)
    submitted = jobs.submit(db, made, CONFIRMED, workers=1)
    (pack_id,) = submitted.pack_ids
    first, second = Mortal(lives), Mortal(99)
    with pytest.raises(Killed):
        Runtime(db, ArtifactStore(tmp_path / "artifacts"), first, SETTINGS, "one").run(pack_id)
    assert recorded == first.runs == len(jobs.trials(db, submitted.job.job_id))
    _expire(db)
    Runtime(db, ArtifactStore(tmp_path / "artifacts"), second, SETTINGS, "two").run(pack_id)
    job = jobs.get(db, submitted.job.job_id, with_result=True)
    assert ("succeeded", 3 + 68) == (job.status, first.runs + second.runs)
    straight = made.run(Context(ToyTrainer(), lambda records: None))
    assert job.result is not None
    for part in ("suggestion", "curves"):
        assert straight[part] == job.result[part]
    assert straight["confirmation"]["candidates"] == job.result["confirmation"]["candidates"]


WIDENED: dict[str, Any] = CONFIRMED | {"steps": 200, "confirm": {"steps": 60, "candidates": 5, "seeds": 2}}
"""A race whose best rate is at the edge twice, so that it has two further rounds."""


@pytest.mark.parametrize("lives", [1, 2, 3, 4])
def test_a_race_that_is_killed_between_its_rounds_makes_each_of_them_once(
    db: Database, tmp_path: Path, lives: int
) -> None:
    made: Experiment = TypeAdapter[Any](AnyExperiment).validate_python(WIDENED)
    submitted = jobs.submit(db, made, WIDENED, workers=2)
    (pack_id,) = submitted.pack_ids
    assert 3 * 200 + 12 * 60 == submitted.job.progress_total
    first, second = Mortal(lives), Mortal(99)
    if lives < 4:
        with pytest.raises(Killed):
            Runtime(db, ArtifactStore(tmp_path / "artifacts"), first, SETTINGS, "one").run(pack_id)
        _expire(db)
    Runtime(db, ArtifactStore(tmp_path / "artifacts"), second, SETTINGS, "two").run(pack_id)
    job = jobs.get(db, submitted.job.job_id, with_result=True)
    assert ("succeeded", 3 + 12 + 4 + 4) == (job.status, first.runs + second.runs)
    straight = made.run(Context(ToyTrainer(), lambda records: None))
    assert job.result is not None
    assert 3 == job.result["confirmation"]["rounds"]
    for part in ("candidates", "updates", "further_updates", "lr"):
        assert straight["confirmation"][part] == job.result["confirmation"][part]


STACKED: dict[str, Any] = {
    "schema": 1,
    "kind": "range_test",
    "model": {"name": "tabular_mlp", "params": {"units": [8], "dropout": 0.3, "batch_norm": True}},
    "data": {"name": "iris"},
    "optimizer": {"kind": "adam", "weight_decay": 0.1},
    "batch_size": 50,
    "steps": 24,
    "end_lr": 0.05,
    "metric": "val_loss",
    "repeats": 3,
    "engine": "compiled",
}


@cache
def compiled_trainer() -> Trainer:
    """One for all, since compiling a stack takes longer than these trainings."""
    from lrsearch.training.keras.compiled import CompiledTrainer

    return CompiledTrainer(chunk_seconds=0.0, fewest_stacked_updates=0)


class MortalStack:
    """The compiled engine, whose members hear of every update; dies when an observer is asked for the time after `lives`."""

    name = "compiled"

    def __init__(self, lives: int) -> None:
        self.lives, self.stacks = lives, list[int]()
        self._trainer = compiled_trainer()

    def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
        def observe(index: int, segment: Segment) -> Answer:
            if self.lives == 0:
                raise Killed
            self.lives -= 1
            return observer(index, segment)

        runs = self._trainer.train(plans, observe)
        self.stacks += [int(str(run.engine_facts["stack"])) for run in runs]
        return runs


@pytest.fixture(scope="module")
def whole_stack() -> list[TrialRecord]:
    """The trials of a stack that nothing interrupts."""
    records = list[TrialRecord]()
    TypeAdapter[Any](AnyExperiment).validate_python(STACKED).run(Context(MortalStack(10**9), records.extend))
    return records


@pytest.mark.tensorflow
@pytest.mark.parametrize("lives", [2, 31])
def test_a_killed_stack_goes_on_and_every_member_ends_bit_for_bit_as_if_nothing_had_happened(
    db: Database, whole_stack: list[TrialRecord], tmp_path: Path, lives: int
) -> None:
    """After 2 reports one member has no checkpoint; after 31 one member's is an update ahead of the others'."""
    made: Experiment = TypeAdapter[Any](AnyExperiment).validate_python(STACKED)
    submitted = jobs.submit(db, made, STACKED, workers=1)
    (pack_id,) = submitted.pack_ids
    with pytest.raises(Killed):
        Runtime(db, ArtifactStore(tmp_path / "artifacts"), MortalStack(lives), SETTINGS, "one").run(pack_id)
    assert [] == jobs.trials(db, submitted.job.job_id)
    _expire(db)
    second = MortalStack(10**9)
    Runtime(db, ArtifactStore(tmp_path / "artifacts"), second, SETTINGS, "two").run(pack_id)
    resumed = jobs.trials(db, submitted.job.job_id)
    assert [3, 3, 3] == second.stacks
    assert 3 == len(resumed)
    for expected, actual in zip(whole_stack, resumed, strict=True):
        assert {name: a.tolist() for name, a in expected.arrays.items()} == {
            name: a.tolist() for name, a in actual.arrays.items()
        }
        assert {"lrs", "losses", "validations/val_loss"} <= set(actual.arrays)


def _expire(db: Database) -> None:
    """What the reaper does when the lease of a dead worker ran out."""
    with db.session() as session:
        session.execute(sqlalchemy.text("UPDATE packs SET lease_until = '2000-01-01 00:00:00.000000'"))
    assert 1 == len(jobs.reap(db, resend_seconds=60, max_attempts=3))
