"""What a training ended with, in terms in which trainings of different jobs can be compared."""

import math
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.experiments import AnyExperiment, RangeTest
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.experiments.outcomes import CONSTANT, Outcome, task_of
from lrsearch.spec import validate
from lrsearch.status import TrialStatus
from lrsearch.training.toy_trainer import ToyTrainer, stability_limit
from lrsearch.training.trainer import StopReason

SHARED: dict[str, Any] = {"model": {"name": "digits_mlp"}, "data": {"name": "digits"}, "batch_size": 32}
TRAINING = SHARED | {"kind": "training", "optimizer": {"kind": "sgd", "learning_rate": 0.1}, "steps": 180}
RANGE_TEST = SHARED | {"kind": "range_test", "optimizer": {"kind": "sgd"}, "start_lr": 1e-4, "steps": 100}


def records_of(document: dict[str, Any], **changes: Any) -> list[TrialRecord]:
    found: list[TrialRecord] = []
    experiment = validate(TypeAdapter[Experiment](AnyExperiment), document | changes)
    assert [] == experiment.problems()
    experiment.run(Context(ToyTrainer(), found.extend))
    return found


def outcome(document: dict[str, Any] = TRAINING, **changes: Any) -> Outcome:
    (record,) = records_of(document, **changes)
    assert record.outcome is not None
    return record.outcome


def at(lr: float, **optimizer: Any) -> dict[str, Any]:
    return {"kind": "sgd", "learning_rate": lr, **optimizer}


def test_a_training_is_judged_by_its_held_out_share_after_its_last_whole_epoch():
    (record,) = records_of(TRAINING, steps=200)
    found = record.outcome
    assert found is not None
    assert ("val_loss 0.2", CONSTANT, 180, 0.1, record.seed) == (
        found.yardstick,
        found.shape,
        found.updates,
        found.lr,
        found.seed,
    )
    assert record.metrics["val_loss"] == found.loss
    assert record.arrays["losses"][0] == found.first_loss


@pytest.mark.parametrize("validation", [None, {"on": "test"}])
def test_a_training_that_holds_nothing_out_is_judged_by_the_test_set_at_its_end(validation: Any):
    (record,) = records_of(TRAINING, steps=200, validation=validation, metric="test_loss")
    assert record.outcome is not None
    assert ("test_loss", 200, record.metrics["test_loss"]) == (
        record.outcome.yardstick,
        record.outcome.updates,
        record.outcome.loss,
    )


def test_a_run_that_diverged_has_an_infinite_loss():
    (record,) = records_of(TRAINING, optimizer=at(1e3 * stability_limit()))
    assert record.outcome is not None
    assert (TrialStatus.DIVERGED, math.inf, 180) == (record.status, record.outcome.loss, record.outcome.updates)


def test_a_run_shorter_than_an_epoch_has_measured_nothing():
    (record,) = records_of(TRAINING, steps=20, metric="test_loss")
    assert record.outcome is None


def test_a_run_that_was_cut_short_from_outside_has_no_outcome():
    found: list[TrialRecord] = []
    experiment = validate(TypeAdapter[Experiment](AnyExperiment), TRAINING)
    experiment.run(Context(ToyTrainer(seconds_per_step=0.02), found.extend, should_stop=Once()))
    assert [(TrialStatus.CANCELLED, None)] == [(record.status, record.outcome) for record in found]


class Once:
    """Lets the training begin, then stops it."""

    def __init__(self) -> None:
        self.asked = 0

    def __call__(self) -> StopReason | None:
        self.asked += 1
        return StopReason.CANCELLED if self.asked > 1 else None


def test_the_runs_of_a_race_are_comparable_with_trainings_of_its_length_and_the_ramps_have_no_outcome():
    raced = records_of(RANGE_TEST, confirm={"steps": 180, "candidates": 3, "seeds": 1})
    ramps, race = raced[:3], raced[3:]
    assert [None] * 3 == [record.outcome for record in ramps]
    ours = outcome()
    for record in race:
        assert record.outcome is not None
        assert (ours.task, ours.yardstick, ours.shape, ours.updates) == (
            record.outcome.task,
            record.outcome.yardstick,
            record.outcome.shape,
            record.outcome.updates,
        )
        assert record.arrays["validations/val_loss"][-1] == record.outcome.loss


def test_a_race_judged_by_training_losses_has_no_outcome():
    race = records_of(RANGE_TEST, confirm={"steps": 40, "candidates": 3, "seeds": 1, "held_out": 0})
    assert {None} == {record.outcome for record in race}


def test_the_task_of_a_range_test_is_that_of_its_trainings():
    assert outcome().task == task_of(RangeTest.model_validate(RANGE_TEST).plan(0))


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 7},
        {"steps": 72},
        {"optimizer": at(0.01)},
        {"optimizer": at(0.1, momentum=0.0, nesterov=False)},
        {"schedule": {"kind": "cosine", "max_lr": 0.1}, "optimizer": {"kind": "sgd"}},
        {"validation": {"share": 0.5}},
        {"engine": "fit"},
        {"controllers": [{"kind": "early_stopping"}]},
    ],
)
def test_what_leaves_the_task_as_it_is(changes: dict[str, Any]):
    assert outcome().task == outcome(**changes).task


@pytest.mark.parametrize(
    "changes",
    [
        {"batch_size": 64},
        {"optimizer": at(0.1, momentum=0.9)},
        {"optimizer": {"kind": "adam", "learning_rate": 0.1}},
        {"data": {"name": "wine"}, "model": {"name": "tabular_mlp"}},
        {"model": {"name": "tabular_mlp"}},
        {"class_weight": "balanced"},
        {"layer_groups": {"groups": [{"name": "head", "depth": [-1, -1], "multiplier": 0.5}]}},
        {"precision": "mixed_bfloat16"},
        {"augmentation": [{"kind": "noise"}]},
        {"batch_size": 16, "accumulation_steps": 2},
    ],
)
def test_what_makes_another_task(changes: dict[str, Any]):
    assert outcome().task != outcome(**changes).task


def test_parameters_of_a_model_that_have_their_default_count_as_left_out():
    given = {"model": {"name": "tabular_mlp", "params": {"dropout": 0.0, "units": [32]}}}
    assert outcome(model={"name": "tabular_mlp"}).task == outcome(**given).task
    other = {"model": {"name": "tabular_mlp", "params": {"units": [16]}}}
    assert outcome(**given).task != outcome(**other).task


def test_layer_groups_are_the_same_task_at_every_length_unless_they_change_on_the_way():
    groups = {"groups": [{"name": "head", "depth": [-1, -1], "multiplier": 0.5}]}
    assert outcome(layer_groups=groups).task == outcome(layer_groups=groups, steps=72).task


def test_a_range_test_of_layer_groups_has_the_task_of_trainings_with_these_groups():
    groups = {"groups": [{"name": "head", "depth": [-1, -1], "multiplier": 0.5}]}
    ramp = RangeTest.model_validate(RANGE_TEST | {"layer_groups": groups}).plan(0)
    assert outcome(layer_groups=groups).task == task_of(ramp) != outcome().task
    named = {"groups": [{"name": "top", "depth": [-1, -1], "multiplier": 0.5}]}
    assert outcome(layer_groups=named).task == task_of(ramp)


def cosine(**fields: Any) -> dict[str, Any]:
    return {"optimizer": {"kind": "sgd"}, "schedule": {"kind": "cosine", **fields}}


def test_a_schedule_has_the_same_shape_at_every_height_and_another_one_at_another_length():
    low, high = outcome(**cosine(max_lr=0.03)), outcome(**cosine(max_lr=0.17))
    assert low.shape == high.shape != CONSTANT
    assert [0.03, 0.17] == [low.lr, high.lr]
    assert low.shape != outcome(**cosine(max_lr=0.03), steps=72).shape
    assert low.shape != outcome(**cosine(max_lr=0.03, min_lr=0.01)).shape


def test_controllers_and_cycled_momentum_are_part_of_the_shape():
    assert CONSTANT != outcome(controllers=[{"kind": "early_stopping"}]).shape
    cycles = {"optimizer": {"kind": "sgd", "momentum": 0.9}, "schedule": {"kind": "one_cycle", "max_lr": 0.1}}
    plain = outcome(**cycles)
    other = outcome(**cycles | {"schedule": {"kind": "one_cycle", "max_lr": 0.1, "min_momentum": 0.7}})
    assert (plain.task, False) == (other.task, plain.shape == other.shape)


def test_a_first_loss_that_is_weighted_by_class_is_not_that_of_untrained_weights():
    assert outcome(class_weight="balanced").first_loss is None


def test_a_range_test_tells_every_rules_answer():
    experiment = RangeTest.model_validate(RANGE_TEST)
    result = experiment.run(Context(ToyTrainer(), lambda records: None))
    told = {one.rule: one for one in experiment.advice(result)}
    assert {row["rule"]: row["lr"] for row in result["rules"]} == {rule: one.lr for rule, one in told.items()}
    assert ("digits_mlp", "digits", "sgd", "loss") == (
        told["consensus"].model,
        told["consensus"].data,
        told["consensus"].optimizer,
        told["consensus"].metric,
    )


def test_a_race_tells_its_winner_beside_the_rules():
    experiment = RangeTest.model_validate(RANGE_TEST | {"confirm": {"steps": 60, "candidates": 3, "seeds": 1}})
    result = experiment.run(Context(ToyTrainer(), lambda records: None))
    (race,) = (one for one in experiment.advice(result) if one.rule == "race")
    assert (result["suggestion"]["lr"], result["verdict"]) == (race.lr, race.verdict)
    assert not np.isnan(race.lr)
