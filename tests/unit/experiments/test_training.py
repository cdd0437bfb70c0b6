import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment, Training
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.spec import validate
from lrsearch.status import TrialStatus
from lrsearch.training.plan import Checkpoint
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import StopReason

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "training",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd", "learning_rate": 0.1},
    "batch_size": 128,
    "epochs": 6,
}
STEPS_PER_EPOCH = 9
"""1,149 samples (a fifth of 1,437 is held out) in batches of 128."""


def training(**changes: Any) -> Training:
    experiment = validate(TypeAdapter(AnyExperiment), DOCUMENT | changes)
    assert isinstance(experiment, Training)
    return experiment


def ran(**changes: Any) -> dict[str, Any]:
    return training(**changes).run(Context(ToyTrainer(), lambda records: None))


def refused(**changes: Any) -> set[tuple[str, str]]:
    """Pointers and rules of everything that is wrong."""
    try:
        problems = training(**changes).problems()
    except InvalidDocument as error:
        problems = error.problems
    assert all(problem.message and problem.action for problem in problems)
    return {(problem.pointer, problem.rule) for problem in problems}


def test_the_result_is_json_without_nan_and_names_every_metric() -> None:
    result = json.loads(json.dumps(ran(), allow_nan=False))
    assert {"loss", "accuracy", "val_loss", "val_accuracy", "test_loss", "test_accuracy"} == set(result["metrics"])
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} == set(result["history"])
    assert [6] * 4 == [len(values) for values in result["history"].values()]


def test_without_schedule_and_rate_keras_default_is_used() -> None:
    assert [0.001] == np.unique(training(optimizer={"kind": "adam"}).rates()).tolist()


def test_a_schedule_counts_epochs_of_the_samples_that_are_left() -> None:
    rates = training(
        optimizer={"kind": "sgd"}, schedule={"kind": "step_decay", "lr": 1.0, "every_steps": {"epochs": 2}}
    ).rates()
    assert 6 * STEPS_PER_EPOCH == len(rates)
    assert [1.0, 0.5] == [rates[STEPS_PER_EPOCH - 1], rates[STEPS_PER_EPOCH]]


def test_steps_are_an_alternative_to_epochs() -> None:
    assert 20 == training(epochs=None, steps=20).estimate().updates


def test_validating_on_the_test_set_leaves_all_samples_to_train_on() -> None:
    experiment = training(validation={"on": "test"})
    assert 1437 == experiment.samples()
    result = experiment.run(Context(ToyTrainer(), lambda records: None))
    assert result["metrics"]["test_loss"] == pytest.approx(result["metrics"]["val_loss"])


def test_a_regression_is_measured_by_its_absolute_error() -> None:
    experiment = training(model={"name": "tabular_mlp"}, data={"name": "diabetes"}, metric="val_mean_absolute_error")
    assert [] == experiment.problems()
    assert experiment.is_minimized


def test_accuracy_is_better_when_greater_unless_the_document_says_otherwise() -> None:
    assert not training(metric="val_accuracy").is_minimized
    assert training(metric="val_accuracy", direction="minimize").is_minimized


ONE_CYCLE = {"schedule": {"kind": "one_cycle", "max_lr": 0.1, "pct_start": 0.5}}


def test_one_cycle_moves_the_momentum_against_the_rate() -> None:
    planned = training(optimizer={"kind": "sgd", "momentum": 0.9}, **ONE_CYCLE).plan(0)
    assert planned.momenta is not None
    assert (0.95, pytest.approx(0.85)) == (planned.momenta[0], planned.momenta[planned.rates.argmax()])
    assert [] == ran(optimizer={"kind": "sgd", "momentum": 0.9}, **ONE_CYCLE)["flags"]


@pytest.mark.parametrize(("kind", "why"), [("sgd", "the momentum 0"), ("adagrad", "no momentum")])
def test_one_cycle_says_why_the_momentum_stays(kind: str, why: str) -> None:
    result = ran(optimizer={"kind": kind}, **ONE_CYCLE)
    assert ["momentum_not_cycled"] == result["flags"]
    assert why in result["flag_notes"]["momentum_not_cycled"]


def test_the_pieces_of_a_schedule_that_are_no_cycle_have_the_momentum_of_the_optimizer() -> None:
    pieces = [{"kind": "constant", "lr": 0.1}, ONE_CYCLE["schedule"]]
    schedule = {"kind": "sequential", "schedules": pieces, "boundaries": [10]}
    planned = training(optimizer={"kind": "adam", "beta_1": 0.8}, schedule=schedule).plan(0)
    assert planned.momenta is not None
    assert ([0.8] * 10, 0.95) == (planned.momenta[:10].tolist(), planned.momenta[10])


def test_the_code_compiles() -> None:
    for changes in ({}, {"optimizer": {"kind": "adam"}, "schedule": {"kind": "cosine", "max_lr": 0.1}}):
        compile(ran(**changes)["code"], "result", "exec")


def test_the_plots_are_loss_metric_and_rates() -> None:
    experiment = training()
    result = json.loads(json.dumps(experiment.run(Context(ToyTrainer(), lambda records: None))))
    assert ["learning_curves", "accuracy_curves", "learning_rates"] == [plot.name for plot in experiment.plots(result)]


def test_a_job_without_a_trial_has_a_result_and_no_plots() -> None:
    result = training().conclude([])
    assert [] == training().plots(result)
    assert result["recommendation"] is None


def test_a_diverged_run_is_a_result() -> None:
    result = ran(optimizer={"kind": "sgd", "learning_rate": 1e6}, epochs=40)
    assert ("non_finite", 1) == (result["stop_reason"], result["leaderboard"][0]["diverged"])
    assert result["recommendation"] is None
    json.dumps(result, allow_nan=False)


BAD: dict[str, tuple[dict[str, Any], set[tuple[str, str]]]] = {
    "no length": ({"epochs": None}, {("/epochs", "epochs_or_steps")}),
    "two lengths": ({"steps": 5}, {("/epochs", "epochs_or_steps")}),
    "rate and schedule": (
        {"schedule": {"kind": "constant", "lr": 0.1}},
        {("/optimizer/learning_rate", "rate_given_twice")},
    ),
    "share of all": ({"validation": {"share": 1.0}}, {("/validation/share", "less_than")}),
    "share that leaves nothing": ({"validation": {"share": 0.9999}}, {("/validation/share", "leaves_no_data")}),
    "metric that is not measured": ({"metric": "val_auc"}, {("/metric", "not_measured")}),
    "validation metric without validation": ({"validation": None}, {("/metric", "not_measured")}),
    "batch above the data": ({"batch_size": 1_200}, {("/batch_size", "at_most_training_set")}),
    "less than an epoch": ({"epochs": None, "steps": 5}, {("/steps", "less_than_an_epoch")}),
    "unknown names, together": (
        {"model": {"name": "x"}, "data": {"name": "y"}},
        {("/model/name", "unknown_name"), ("/data/name", "unknown_name")},
    ),
    "several at once": (
        {"batch_size": 1_200, "metric": "f1"},
        {("/batch_size", "at_most_training_set"), ("/metric", "not_measured")},
    ),
    "a controller that watches nothing": (
        {"controllers": [{"kind": "early_stopping", "monitor": "val_f1"}]},
        {("/controllers/0/monitor", "not_measured")},
    ),
    "two range tests at once": (
        {"controllers": [{"kind": "find_on_plateau"}, {"kind": "find_on_plateau"}]},
        {("/controllers/1/kind", "one_range_test")},
    ),
    "a schedule longer than the run": (
        {
            "optimizer": {"kind": "sgd"},
            "schedule": {"kind": "warmup", "warmup_steps": 99, "schedule": {"kind": "cosine", "max_lr": 1.0}},
        },
        {("/schedule/warmup_steps", "no_room_for_schedule")},
    ),
    "more updates than any job may make": ({"epochs": 5_000_000}, {("/epochs", "too_many_updates")}),
}


@pytest.mark.parametrize(("changes", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_pointer_and_rule(changes: dict[str, Any], expected: set[tuple[str, str]]) -> None:
    assert expected == refused(**changes)


Ran = Callable[..., tuple[dict[str, Any], TrialRecord]]


@pytest.fixture
def steered() -> Ran:
    def run(*controllers: dict[str, Any], **changes: Any) -> tuple[dict[str, Any], TrialRecord]:
        records: list[TrialRecord] = []
        changes = {
            "controllers": list(controllers),
            "epochs": 30,
            "optimizer": {"kind": "sgd", "learning_rate": 0.5},
        } | changes
        result = training(**changes).run(Context(ToyTrainer(), records.extend))
        return result, records[0]

    return run


def test_a_plateau_lowers_all_later_rates_by_the_factor(steered: Ran) -> None:
    result, record = steered({"kind": "reduce_on_plateau", "patience": 2, "factor": 0.1, "min_delta": 0.5})
    first = result["controllers"][0]
    step = (first["epoch"] + 1) * STEPS_PER_EPOCH
    assert ("reduce_on_plateau", "set_rate") == (first["controller"], first["decision"])
    assert (0.5, pytest.approx(0.05)) == (record.arrays["lrs"][step - 1], record.arrays["lrs"][step])


def test_a_schedule_keeps_its_shape_when_a_controller_lowers_it(steered: Ran) -> None:
    changes = {"optimizer": {"kind": "sgd"}, "schedule": {"kind": "linear", "start_lr": 0.5}}
    plan = training(**changes, epochs=30).rates()
    _, record = steered({"kind": "reduce_on_plateau", "patience": 3, "factor": 0.5, "min_delta": 0.5}, **changes)
    ratios = record.arrays["lrs"] / plan
    assert {1.0, 0.5, 0.25} <= set(ratios.round(9).tolist())


def test_early_stopping_ends_the_run_and_is_a_complete_trial(steered: Ran) -> None:
    result, record = steered({"kind": "early_stopping", "patience": 2, "min_delta": 0.5})
    assert (StopReason.EARLY_STOPPED, TrialStatus.COMPLETE) == (record.stop_reason, record.status)
    assert len(record.arrays["losses"]) < 30 * STEPS_PER_EPOCH
    assert "test_loss" in result["metrics"]


def test_restoring_the_best_weights_reports_their_test_loss(steered: Ran) -> None:
    wild = {"optimizer": {"kind": "sgd", "learning_rate": 1.0}}
    stop = {"kind": "early_stopping", "patience": 4}
    plain, _ = steered(stop, **wild)
    restored, record = steered(stop | {"restore_best": True}, **wild)
    best = int(record.metrics["best_epoch"])
    assert plain["history"] == restored["history"]
    assert (
        min(restored["history"]["val_loss"]) == restored["history"]["val_loss"][best] == record.metrics["best_val_loss"]
    )
    assert restored["metrics"]["test_loss"] == restored["metrics"]["best_test_loss"] != plain["metrics"]["test_loss"]


def test_best_checkpoint_adds_the_best_and_leaves_the_last(steered: Ran) -> None:
    plain, _ = steered()
    kept, record = steered({"kind": "best_checkpoint"})
    assert plain["metrics"]["test_loss"] == kept["metrics"]["test_loss"]
    assert {"best_epoch", "best_val_loss", "best_test_loss"} <= set(record.metrics)


def test_a_range_test_on_a_plateau_finds_a_rate_and_restores_the_state(steered: Ran) -> None:
    probe = {
        "kind": "find_on_plateau",
        "patience": 1,
        "min_lr": 1e-4,
        "max_lr": 10.0,
        "steps": 80,
        "max_increase": 1e9,
        "max_tests": 1,
    }
    slow = {"optimizer": {"kind": "sgd", "learning_rate": 1e-9}, "epochs": 12}
    result, record = steered(probe | {"min_delta": 0.01}, **slow)
    decisions = [event["decision"] for event in result["controllers"]]
    assert ["range_test", "set_rate"] == decisions[:2]
    step = (result["controllers"][0]["epoch"] + 1) * STEPS_PER_EPOCH
    assert result["controllers"][1]["lr"] == pytest.approx(record.arrays["lrs"][step])
    assert record.arrays["losses"][step] == pytest.approx(record.arrays["losses"][step - STEPS_PER_EPOCH], rel=0.2)
    assert result["metrics"]["val_loss"] < 0.2 * result["history"]["val_loss"][0]


CONTROLLERS = [
    {"kind": "reduce_on_plateau", "patience": 2, "factor": 0.5},
    {"kind": "early_stopping", "patience": 9, "restore_best": True},
    {"kind": "find_on_plateau", "patience": 5, "min_lr": 1e-3, "max_lr": 5.0, "steps": 40},
]


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9])
def test_a_run_goes_on_from_its_checkpoint_with_its_controllers(share: float) -> None:
    experiment = training(controllers=CONTROLLERS, epochs=40, optimizer={"kind": "sgd", "learning_rate": 0.8})
    whole: list[TrialRecord] = []
    kept: list[Checkpoint] = []
    experiment.run(Context(ToyTrainer(), whole.extend, on_checkpoint=lambda number, make: kept.append(make())))
    resumed: list[TrialRecord] = []
    checkpoint = kept[int(share * (len(kept) - 1))]
    json.dumps(checkpoint.facts)
    experiment.run(Context(ToyTrainer(), resumed.extend, checkpoints={0: checkpoint}))
    assert whole[0].facts["controllers"] == resumed[0].facts["controllers"]
    assert whole[0].metrics == resumed[0].metrics
    for name, values in whole[0].arrays.items():
        np.testing.assert_array_equal(values, resumed[0].arrays[name])


def test_the_momentum_of_every_update_is_kept_with_the_trial_where_the_schedule_moves_it() -> None:
    cycle = {"optimizer": {"kind": "sgd", "momentum": 0.9}, "schedule": {"kind": "one_cycle", "max_lr": 0.1}}
    records = list[TrialRecord]()
    result = training(**cycle).run(Context(ToyTrainer(), records.extend))
    momenta = records[0].arrays["momenta"]
    assert (54, 0.95) == (len(momenta), momenta[0])
    assert 0.85 == pytest.approx(momenta.min(), abs=1e-3)
    (curve,) = result["curves"]
    assert momenta[curve["steps"]].tolist() == curve["momenta"]
    assert "momenta" not in ran()["curves"][0]
