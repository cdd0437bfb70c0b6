"""Sweeps on the real engines: stacked like one by one, with controllers, best weights and validation on the test set."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import TypeAdapter

from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.training.trainer import Trainer

pytestmark = pytest.mark.tensorflow

SWEEP: dict[str, Any] = {
    "schema": 1,
    "kind": "hyperparameter_sweep",
    "model": {"name": "blobs_mlp"},
    "data": {"name": "blobs"},
    "optimizer": {"kind": "sgd", "momentum": 0.5},
    "batch_size": 250,
    "epochs": 12,
    "validation": {"on": "test"},
    "metric": "test_accuracy",
    "seeds": 3,
    "stress_seeds": 0,
    "vary": [{"pointer": "/optimizer/learning_rate", "values": [0.1, 0.001]}],
}


@pytest.fixture(scope="module")
def trainer() -> Trainer:
    from lrsearch.training.keras import default_trainer

    return default_trainer()


def ran(trainer: Trainer, **changes: Any) -> tuple[dict[str, Any], list[TrialRecord]]:
    records: list[TrialRecord] = []
    experiment = TypeAdapter[Any](AnyExperiment).validate_python(SWEEP | changes)
    assert [] == experiment.problems()
    return experiment.run(Context(trainer, records.extend)), records


def test_a_sweep_is_stacked_and_equals_plain_fits(trainer: Trainer) -> None:
    from lrsearch.training.keras.compiled import CompiledTrainer

    stacked, records = ran(CompiledTrainer(fewest_stacked_updates=0))
    plain, _ = ran(trainer, engine="fit")
    assert {6} == {record.facts["environment"]["stack"] for record in records}
    assert ("compiled", "fit") == (stacked["engine"], plain["engine"])
    for ours, keras in zip(stacked["leaderboard"], plain["leaderboard"], strict=True):
        assert keras["setting"] == ours["setting"]
        for name in ("loss", "val_loss", "test_loss"):
            assert pytest.approx(keras["metrics"][name]["values"], rel=1e-3) == ours["metrics"][name]["values"]


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_validation_on_the_test_set_is_the_test_of_the_last_epoch(trainer: Trainer, engine: str) -> None:
    _, records = ran(trainer, engine=engine, seeds=1)
    for record in records:
        assert pytest.approx(record.metrics["test_loss"], rel=1e-5) == record.metrics["val_loss"]
        assert 12 * 2 == len(record.arrays["losses"])


@pytest.mark.parametrize("engine", ["compiled", "fit"])
def test_controllers_steer_each_member_of_a_stack_on_its_own(trainer: Trainer, engine: str) -> None:
    plateau = {"kind": "reduce_on_plateau", "patience": 1, "factor": 0.5, "min_delta": 0.05}
    best = {"kind": "early_stopping", "patience": 6, "min_delta": 0.02, "restore_best": True}
    _, records = ran(trainer, engine=engine, controllers=[plateau, best], epochs=20, seeds=2)
    drops = [[event["epoch"] for event in record.facts["controllers"]] for record in records]
    assert len({tuple(epochs) for epochs in drops}) > 1
    for record in records:
        history = record.arrays["history/val_loss"]
        assert pytest.approx(history[int(record.metrics["best_epoch"])]) == record.metrics["best_val_loss"]
        assert pytest.approx(record.metrics["best_val_loss"], rel=1e-4) == record.metrics["test_loss"]


def test_a_range_test_on_a_plateau_rescues_a_training_that_learns_nothing(trainer: Trainer) -> None:
    probe = {
        "kind": "find_on_plateau",
        "patience": 1,
        "min_delta": 0.01,
        "steps": 40,
        "max_increase": 1e9,
        "max_tests": 1,
    }
    _, records = ran(
        trainer,
        vary=[{"pointer": "/optimizer/learning_rate", "values": [1e-9]}],
        controllers=[probe | {"min_lr": 1e-5}],
        epochs=30,
        seeds=1,
        engine="compiled",
    )
    (record,) = records
    assert record.arrays["lrs"][-1] > 1e-4
    assert record.metrics["val_loss"] < 0.7 * record.arrays["history/val_loss"][0]


def test_every_optimizer_of_keras_is_tuned_and_compared(trainer: Trainer) -> None:
    kinds = ["sgd", "adamw", "lion", "ftrl", "adafactor"]
    document = {key: value for key, value in SWEEP.items() if key not in {"vary", "optimizer"}}
    experiment = TypeAdapter[Any](AnyExperiment).validate_python(
        document
        | {"kind": "optimizer_comparison", "optimizers": [{"kind": kind} for kind in kinds], "epochs": 3}
        | {"tuning": {"trials": 2, "steps": 20}}
    )
    result = experiment.run(Context(trainer, lambda records: None))
    assert set(kinds) == {row["setting"] for row in result["leaderboard"]}
    assert all(row["metrics"]["test_accuracy"]["mean"] is not None for row in result["leaderboard"])


def test_ramps_of_single_groups_are_the_same_on_both_engines_and_find_a_rate_for_each(trainer: Trainer) -> None:
    document = {
        "kind": "range_test",
        "model": {"name": "digits_mlp"},
        "data": {"name": "digits"},
        "optimizer": {"kind": "sgd", "momentum": 0.9},
        "batch_size": 64,
        "repeats": 2,
        "layer_groups": {"groups": [{"name": "body", "layers": ["dense"]}, {"name": "head", "depth": [-1, -1]}]},
        "per_group": True,
    }
    ours, plain = (
        TypeAdapter[Any](AnyExperiment)
        .validate_python(document | {"engine": engine})
        .run(Context(trainer, lambda records: None))
        for engine in ("compiled", "fit")
    )
    assert ["body", "head"] == [row["name"] for row in ours["groups"]]
    for row, reference in zip(ours["groups"], plain["groups"], strict=True):
        assert "suggestion" == row["verdict"]
        assert row["suggestion"]["lr"] == pytest.approx(reference["suggestion"]["lr"], rel=0.1)
        first = [curve["losses"][:20] for curve in (row["curves"][0], reference["curves"][0])]
        assert first[1] == pytest.approx(first[0], rel=1e-4)
