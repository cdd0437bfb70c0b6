from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from lrsearch.training.plan import BuiltinData, BuiltinModel, Plan
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import Answer, Continue, Observer, Run, Segment, Stop, StopReason, go_on
from worker.epochs import EpochCounter

EPOCH = 10
"""Updates of an epoch: `blobs` has 500 training samples, in batches of 50."""


def plan(epochs: int, seed: int = 0) -> Plan:
    from lrsearch.training.optimizer_specs import OptimizerSpec

    return Plan(
        model=BuiltinModel(name="blobs_mlp"),
        data=BuiltinData(name="blobs"),
        optimizer=OptimizerSpec(kind="sgd"),
        batch_size=50,
        rates=np.full(epochs * EPOCH, 0.01),
        seed=seed,
    )


def updates_under(limit: int, *plans: Plan) -> list[int]:
    reached: list[bool] = []

    def obey(index: int, segment: Segment) -> Answer:
        return Stop(StopReason.LIMIT) if reached else Continue()

    trainer = EpochCounter(ToyTrainer(), limit, lambda: reached.append(True))
    return [len(run.curve) for run in trainer.train(plans, obey)]


@pytest.mark.parametrize(("limit", "updates"), [(1, 10), (3, 30), (5, 50), (9, 50)])
def test_a_run_ends_after_the_epoch_that_reaches_the_limit(limit: int, updates: int) -> None:
    assert [updates] == updates_under(limit, plan(epochs=5))


def test_the_epochs_of_all_runs_count_together() -> None:
    first, second = updates_under(3, plan(epochs=2), plan(epochs=2, seed=1))
    assert (20, 10) == (first, second)


def test_reaching_the_limit_exactly_at_the_end_breaks_nothing() -> None:
    reached: list[bool] = []
    EpochCounter(ToyTrainer(), 4, lambda: reached.append(True)).train([plan(2), plan(2)])
    assert [] == reached


def test_a_plan_whose_epochs_are_counted_is_told_of_each() -> None:
    class Asked(ToyTrainer):
        def train(self, plans: Sequence[Plan], observer: Observer = go_on) -> list[Run]:
            assert all(plan.is_steered for plan in plans)
            return super().train(plans, observer)

    EpochCounter(Asked(), 4, lambda: None).train([replace(plan(2), is_steered=False)])
