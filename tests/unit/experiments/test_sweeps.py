import json
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment, HyperparameterSweep, OptimizerComparison, ScheduleSweep
from lrsearch.experiments.base import Context, Experiment, TrialRecord
from lrsearch.experiments.sweep import Sweep
from lrsearch.spec import validate
from lrsearch.status import TrialStatus
from lrsearch.training.toy_trainer import ToyTrainer, stability_limit

BASE: dict[str, Any] = {
    "schema": 1,
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "batch_size": 128,
    "epochs": 4,
    "seeds": 6,
    "stress_seeds": 0,
}
RATE = "/optimizer/learning_rate"
HYPERPARAMETERS = BASE | {
    "kind": "hyperparameter_sweep",
    "optimizer": {"kind": "sgd"},
    "vary": [{"pointer": RATE, "values": [0.0001, 0.01, 0.5]}],
}
SCHEDULES = BASE | {
    "kind": "schedule_sweep",
    "optimizer": {"kind": "sgd"},
    "schedules": [{"kind": "constant", "lr": 0.001}, {"kind": "cosine", "max_lr": 0.5}],
}
OPTIMIZERS = BASE | {
    "kind": "optimizer_comparison",
    "optimizers": [{"kind": "sgd"}, {"kind": "sgd", "momentum": 0.9}],
    "tuning": {"trials": 3, "steps": 60},
}
KINDS = {"hyperparameters": HYPERPARAMETERS, "schedules": SCHEDULES, "optimizers": OPTIMIZERS}


def made(document: dict[str, Any], **changes: Any) -> Sweep:
    experiment = validate(TypeAdapter[Experiment](AnyExperiment), document | changes)
    assert isinstance(experiment, Sweep)
    return experiment


def ran(document: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return made(document, **changes).run(Context(ToyTrainer(), lambda records: None))


def refused(document: dict[str, Any], **changes: Any) -> list[tuple[str, str]]:
    """Pointers and rules of everything that is wrong, in order."""
    try:
        problems = made(document, **changes).problems()
    except InvalidDocument as error:
        problems = error.problems
    assert all(problem.message and problem.action for problem in problems)
    return [(problem.pointer, problem.rule) for problem in problems]


@pytest.fixture(scope="module", params=KINDS.values(), ids=KINDS)
def sweep(request: pytest.FixtureRequest) -> Sweep:
    return made(request.param)


def test_the_result_has_the_promised_shape_and_is_json(sweep: Sweep) -> None:
    result = json.loads(json.dumps(sweep.run(Context(ToyTrainer(), lambda records: None)), allow_nan=False))
    promised = {
        "kind",
        "leaderboard",
        "recommendation",
        "flags",
        "tests",
        "holds_for",
        "code",
        "engine",
        "seconds",
        "updates",
    }
    assert promised <= set(result)
    for row in result["leaderboard"]:
        assert {"setting", "values", "metrics", "group", "diverged", "trials"} <= set(row)
        assert {"mean", "interval", "values"} == set(row["metrics"]["val_loss"])
    assert {"a", "b", "difference", "p_holm"} == set(result["tests"][0])
    assert all(plot.name for plot in sweep.plots(result))


def test_every_seed_starts_every_setting_from_the_same_weights_on_the_same_data(sweep: Sweep) -> None:
    tasks = [sweep.task(number) for number in range(len(sweep.settings) * sweep.seeds)]
    seeds = [task.plan.seed for task in tasks]
    assert seeds == list(range(sweep.seeds)) * len(sweep.settings)


def test_every_trial_is_in_exactly_one_pack(sweep: Sweep) -> None:
    for workers in (1, 2, 3, 50):
        packs = sweep.packs(workers)
        assert len(packs) <= workers
        assert list(range(sweep.estimate().trials)) == sorted(number for pack in packs for number in pack)


def test_a_job_without_a_trial_has_a_result(sweep: Sweep) -> None:
    result = sweep.conclude([])
    assert result["recommendation"] is None
    json.dumps(result, allow_nan=False)
    sweep.plots(result)


def test_half_a_job_recommends_nothing_and_says_that_it_is_incomplete(sweep: Sweep) -> None:
    records: list[TrialRecord] = []
    sweep.run(Context(ToyTrainer(), records.extend))
    result = sweep.conclude(sorted(records, key=lambda record: record.number)[: len(records) // 3])
    assert result["recommendation"] is None
    assert "incomplete" in result["flags"]


def test_the_records_of_runs_that_were_trained_together_are_handed_over_together(sweep: Sweep) -> None:
    calls: list[int] = []
    trainer = Counting()
    sweep.run(Context(trainer, lambda records: calls.append(len(records))))
    assert trainer.batches == calls


class Counting:
    """The toy trainer, and how many runs it made, in which batches."""

    name = "toy"

    def __init__(self) -> None:
        self.batches, self._trainer = list[int](), ToyTrainer()

    @property
    def runs(self) -> int:
        return sum(self.batches)

    def train(self, plans: Any, observer: Any) -> Any:
        self.batches.append(len(plans))
        return self._trainer.train(plans, observer)


def test_an_interrupted_sweep_runs_no_finished_trial_twice_and_ends_the_same(sweep: Sweep) -> None:
    whole: list[TrialRecord] = []
    sweep.run(Context(ToyTrainer(), whole.extend))
    finished = {record.number: record for record in whole[: len(whole) // 2]}
    rest = [number for number in range(len(whole)) if number not in finished]
    trainer, later = Counting(), list[TrialRecord]()
    for pack in sweep.packs(1):
        open_trials = [number for number in pack if number in rest]
        sweep.train(open_trials, Context(trainer, later.extend, finished=lambda: finished))
    assert len(rest) == trainer.runs == len(later)
    assert rest == sorted(record.number for record in later)
    both = sorted([*finished.values(), *later], key=lambda record: record.number)
    resumed, straight = sweep.conclude(both), sweep.conclude(sorted(whole, key=lambda record: record.number))
    assert straight["leaderboard"] == resumed["leaderboard"]


def test_records_are_handed_over_batch_by_batch_so_that_a_kill_costs_one_batch() -> None:
    images = made(
        HYPERPARAMETERS,
        model={"name": "mnist_cnn"},
        data={"name": "mnist"},
        epochs=None,
        steps=4,
        validation=None,
        metric="test_loss",
    )
    seen: list[int] = []

    class Dies:
        name = "toy"

        def train(self, plans: Any, observer: Any) -> Any:
            if len(seen) == 5:
                raise KeyboardInterrupt
            return ToyTrainer().train(plans, observer)

    with pytest.raises(KeyboardInterrupt):
        images.train(list(range(18)), Context(Dies(), lambda new: seen.extend(record.number for record in new)))
    assert [0, 1, 2, 3, 4] == seen


def test_a_clear_winner_is_recommended_with_a_sentence_and_code() -> None:
    result = ran(HYPERPARAMETERS)
    assert "learning_rate=0.5" == result["recommendation"]["setting"]
    assert "p at most" in result["recommendation"]["why"]
    assert "learning_rate=0.5" in result["code"]
    assert [1, 2, 3] == [row["group"] for row in result["leaderboard"]]


def test_what_is_not_distinguishable_is_not_recommended() -> None:
    result = ran(HYPERPARAMETERS, vary=[{"pointer": RATE, "values": [0.3, 0.4]}], epochs=30)
    assert (None, None) == (result["recommendation"], result["code"])
    assert "not_distinguishable" in result["flags"]
    assert {1} == {row["group"] for row in result["leaderboard"]}


@pytest.mark.parametrize(
    ("seeds", "is_flagged", "may_recommend"), [(1, True, False), (2, True, False), (5, True, True), (6, False, True)]
)
def test_few_seeds_are_flagged_and_fewer_than_three_recommend_nothing(
    seeds: int, is_flagged: bool, may_recommend: bool
) -> None:
    result = ran(HYPERPARAMETERS, seeds=seeds, vary=[{"pointer": RATE, "values": [0.5, 1e-6]}])
    assert is_flagged == ("too_few_seeds" in result["flags"])
    assert may_recommend == (result["recommendation"] is not None)


def test_diverged_settings_rank_last_and_are_shown() -> None:
    result = ran(HYPERPARAMETERS, epochs=60, vary=[{"pointer": RATE, "values": [100.0, 0.1]}])
    assert ["learning_rate=0.1", "learning_rate=100"] == [row["setting"] for row in result["leaderboard"]]
    assert [0, 6] == [row["diverged"] for row in result["leaderboard"]]
    assert [1, 2] == [row["group"] for row in result["leaderboard"]]
    assert "diverged" in result["flags"]
    assert "only setting" in result["recommendation"]["why"]


@pytest.mark.parametrize(("values", "is_flagged"), [([0.0001, 0.01, 0.5], True), ([0.0001, 0.5, 1.99], False)])
def test_a_best_value_at_the_edge_is_flagged(values: list[float], is_flagged: bool) -> None:
    result = ran(HYPERPARAMETERS, vary=[{"pointer": RATE, "values": values}])
    assert is_flagged == ("edge_of_range" in result["flags"])


def test_a_rate_near_the_stability_limit_is_flagged_as_unstable_at_its_multiples() -> None:
    limit = stability_limit()
    near = ran(HYPERPARAMETERS, epochs=20, stress_seeds=1, vary=[{"pointer": RATE, "values": [limit / 7, 1e-4]}])
    assert {"unstable_at_10x"} == {flag for flag in near["flags"] if flag.startswith("unstable")}
    far = ran(HYPERPARAMETERS, epochs=20, stress_seeds=1, vary=[{"pointer": RATE, "values": [limit / 50, 1e-4]}])
    assert set() == {flag for flag in far["flags"] if flag.startswith("unstable")}
    assert [5.0, 10.0] * 2 == [row["factor"] for row in far["stress"]]


def test_unequal_budgets_are_flagged() -> None:
    assert "unequal_updates" in ran(HYPERPARAMETERS, vary=[{"pointer": "/epochs", "values": [1, 4]}])["flags"]


def test_two_fields_make_a_grid_with_a_heat_map() -> None:
    sweep = made(
        HYPERPARAMETERS,
        seeds=2,
        vary=[
            {"pointer": "/batch_size", "values": [64, 128]},
            {"pointer": RATE, "low": 0.01, "high": 1.0, "points": 3},
        ],
    )
    result = sweep.run(Context(ToyTrainer(), lambda records: None))
    assert {"batch_size=64, learning_rate=0.1"} <= {row["setting"] for row in result["leaderboard"]}
    (heat,) = [plot.heat for plot in sweep.plots(result) if plot.heat]
    assert (["64", "128"], ["0.01", "0.1", "1"]) == (heat.x, heat.y)


def test_a_field_of_whole_numbers_is_spaced_in_whole_numbers() -> None:
    sweep = made(HYPERPARAMETERS, vary=[{"pointer": "/batch_size", "low": 8, "high": 128, "points": 5}])
    assert [8, 16, 32, 64, 128] == [setting.values["/batch_size"] for setting in sweep.settings]


def test_fields_of_schedules_and_controllers_can_be_varied() -> None:
    plateau = {"kind": "reduce_on_plateau", "patience": 3}
    sweep = made(
        HYPERPARAMETERS,
        schedule={"kind": "cosine", "max_lr": 0.1},
        controllers=[plateau],
        vary=[
            {"pointer": "/schedule/max_lr", "values": [0.1, 0.2]},
            {"pointer": "/controllers/0/patience", "values": [1, 2]},
        ],
    )
    assert [] == sweep.problems()
    assert 4 == len(sweep.settings)


def test_all_tuned_optimizers_have_the_same_budget() -> None:
    sweep = made(OPTIMIZERS)
    records: list[TrialRecord] = []
    result = sweep.run(Context(ToyTrainer(), records.extend))
    tuning = [record for record in records if "tuning" in record.setting]
    assert 2 * (3 + 3) == len(tuning)
    assert {row["setting"] for row in result["tuning"]} == {"sgd", "sgd momentum=0.9"}
    for row in result["tuning"]:
        assert row["learning_rate"] in [point["learning_rate"] for point in row["grid"]]
        assert row["learning_rate"] < stability_limit(0.9)


def test_tuning_uses_seeds_that_the_comparison_does_not() -> None:
    records: list[TrialRecord] = []
    made(OPTIMIZERS).run(Context(ToyTrainer(), records.extend))
    tuning = {record.seed for record in records if "tuning" in record.setting}
    assert set() == tuning & {record.seed for record in records if "tuning" not in record.setting}


@pytest.mark.parametrize(
    ("changes", "metric"),
    [
        ({"metric": "test_loss"}, "val_loss"),
        ({"metric": "test_loss", "validation": None}, "loss"),
        ({"metric": "val_accuracy"}, "val_accuracy"),
    ],
)
def test_rates_are_never_chosen_by_the_test_set(changes: dict[str, Any], metric: str) -> None:
    sweep = made(OPTIMIZERS, **changes)
    assert isinstance(sweep, OptimizerComparison)
    assert metric == sweep.metric_of_tuning


def test_a_tuned_optimizer_stays_in_one_pack() -> None:
    sweep = made(OPTIMIZERS)
    assert 2 == len(sweep.packs(16))


def test_one_rate_for_all_is_flagged_as_untuned() -> None:
    result = ran(OPTIMIZERS, tuning=None, learning_rate=0.1)
    assert "untuned" in result["flags"]
    assert [0.1, 0.1] == [row["values"][RATE] for row in result["leaderboard"]]


def test_tuning_is_the_default_and_null_means_the_rates_of_the_document() -> None:
    document = {key: value for key, value in OPTIMIZERS.items() if key != "tuning"}
    default = made(document)
    assert isinstance(default, OptimizerComparison)
    assert default.tuning is not None
    assert 8 == default.tuning.trials
    own = ran(document, tuning=None, optimizers=[{"kind": "sgd"}, {"kind": "adam", "learning_rate": 0.3}])
    assert {0.01, 0.3} == {row["values"][RATE] for row in own["leaderboard"]}


def test_a_schedule_is_the_shape_of_every_tuned_rate() -> None:
    sweep = made(OPTIMIZERS, schedule={"kind": "cosine", "max_lr": 123.0})
    records: list[TrialRecord] = []
    result = sweep.run(Context(ToyTrainer(), records.extend))
    chosen = {row["setting"]: row["learning_rate"] for row in result["tuning"]}
    runs = [record for record in records if "tuning" not in record.setting]
    assert all(pytest.approx(chosen[record.setting["setting"]]) == record.arrays["lrs"][0] for record in runs)
    assert all(np.all(np.diff(record.arrays["lrs"]) <= 0) for record in runs)


def test_schedules_of_one_kind_are_named_by_what_differs_and_a_grid_varies_them_all() -> None:
    sweep = made(
        SCHEDULES,
        schedules=[{"kind": "cosine", "max_lr": 0.1}, {"kind": "cosine", "max_lr": 0.2}],
        vary=[{"pointer": "/schedule/min_lr", "values": [0.0, 0.01]}],
    )
    assert isinstance(sweep, ScheduleSweep)
    assert ["cosine max_lr=0.1, min_lr=0", "cosine max_lr=0.1, min_lr=0.01"] == [one.name for one in sweep.settings][:2]


def test_a_cancelled_sweep_keeps_what_it_has() -> None:
    sweep, records = (
        made(HYPERPARAMETERS, model={"name": "mnist_cnn"}, data={"name": "mnist"}, batch_size=5000),
        list[TrialRecord](),
    )
    from lrsearch.training.trainer import StopReason

    sweep.run(
        Context(ToyTrainer(), records.extend, should_stop=lambda: StopReason.CANCELLED if len(records) >= 2 else None)
    )
    assert [TrialStatus.COMPLETE] * 2 == [record.status for record in records]


VARY = "vary"
BAD: dict[str, tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]] = {
    "pointer that names no field": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": "/optimizer/momentun", "values": [1]}]},
        [("/vary/0/pointer", "no_such_field")],
    ),
    "pointer into a list that is not there": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": "/controllers/0/patience", "values": [1]}]},
        [("/vary/0/pointer", "no_such_field")],
    ),
    "pointer through nothing": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": "/schedule/lr", "values": [1]}]},
        [("/vary/0/pointer", "no_such_field")],
    ),
    "pointer to what must be equal": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": "/seed", "values": [1]}]},
        [("/vary/0/pointer", "not_varied")],
    ),
    "the same pointer twice": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": RATE, "values": [0.1]}] * 2},
        [("/vary/1/pointer", "varied_twice")],
    ),
    "every refused value, at once": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": RATE, "values": [0.1, -1, "x", 0.1]}, {"pointer": "/batch_size", "values": [32, 0, 2.5]}]},
        [
            ("/vary/1/values/1", "greater_than_equal"),
            ("/vary/1/values/2", "int_type"),
            ("/vary/0/values/1", "greater_than"),
            ("/vary/0/values/2", "float_type"),
            ("/vary/0/values/3", "repeated_value"),
        ],
    ),
    "value beyond the data": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": "/batch_size", "values": [32, 9_999]}]},
        [("/vary/0/values/1", "at_most_training_set")],
    ),
    "no field": (HYPERPARAMETERS, {VARY: []}, [("/vary", "too_short")]),
    "no value": (HYPERPARAMETERS, {VARY: [{"pointer": RATE, "values": []}]}, [("/vary/0/values", "too_short")]),
    "neither values nor a range": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": RATE}]},
        [("/vary/0/values", "values_or_range")],
    ),
    "range that falls": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": RATE, "low": 1, "high": 0.1, "points": 3}]},
        [("/vary/0/low", "below_high")],
    ),
    "logarithm of nothing": (
        HYPERPARAMETERS,
        {VARY: [{"pointer": RATE, "low": 0, "high": 0.1, "points": 3}]},
        [("/vary/0/low", "above_zero_for_log")],
    ),
    "more trials than the limit": (
        HYPERPARAMETERS,
        {"limits": {"trials": 17}},
        [("/limits/trials", "too_many_trials")],
    ),
    "more trials than any job": (
        HYPERPARAMETERS,
        {"seeds": 1_000, VARY: [{"pointer": RATE, "low": 0.1, "high": 1, "points": 11}]},
        [("/seeds", "too_many_trials")],
    ),
    "more settings than any job": (
        HYPERPARAMETERS,
        {
            VARY: [
                {"pointer": RATE, "low": 0.1, "high": 1, "points": 200},
                {"pointer": "/optimizer/momentum", "low": 0.1, "high": 0.9, "points": 200},
            ]
        },
        [("/vary", "too_many_trials")],
    ),
    "stress without a calm run": (HYPERPARAMETERS, {"stress_seeds": 7}, [("/stress_seeds", "at_most_seeds")]),
    "metric that no run produces": (HYPERPARAMETERS, {"metric": "val_f1"}, [("/metric", "not_measured")]),
    "validation that leaves nothing": (
        HYPERPARAMETERS,
        {"validation": {"share": 0.9999}},
        [("/validation/share", "leaves_no_data")],
    ),
    "no schedule": (SCHEDULES, {"schedules": []}, [("/schedules", "too_short")]),
    "the same schedule twice": (
        SCHEDULES,
        {"schedules": [{"kind": "constant", "lr": 0.1}] * 2},
        [("/schedules/1", "repeated_value")],
    ),
    "schedules that do not fit the run": (
        SCHEDULES,
        {
            "schedules": [
                {"kind": "constant", "lr": 0.1},
                {"kind": "warmup", "warmup_steps": 999, "schedule": {"kind": "cosine", "max_lr": 1.0}},
            ]
        },
        [("/schedules/1/warmup_steps", "no_room_for_schedule")],
    ),
    "no optimizer": (OPTIMIZERS, {"optimizers": []}, [("/optimizers", "too_short")]),
    "the same optimizer twice": (
        OPTIMIZERS,
        {"optimizers": [{"kind": "sgd"}] * 2},
        [("/optimizers/1", "repeated_value")],
    ),
    "a rate for all and a tuning": (OPTIMIZERS, {"learning_rate": 0.1}, [("/learning_rate", "rate_given_twice")]),
    "a rate of its own and a tuning": (
        OPTIMIZERS,
        {"optimizers": [{"kind": "sgd", "learning_rate": 0.1}]},
        [("/optimizers/0/learning_rate", "rate_given_twice")],
    ),
    "a tuning of nothing": (OPTIMIZERS, {"tuning": {"trials": 0}}, [("/tuning/trials", "greater_than_equal")]),
}


@pytest.mark.parametrize(("document", "changes", "expected"), BAD.values(), ids=BAD)
def test_bad_input_is_refused_with_pointer_and_rule(
    document: dict[str, Any], changes: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    assert expected == refused(document, **changes)


def test_every_optimizer_of_keras_can_be_compared() -> None:
    from lrsearch.training.catalog import OPTIMIZERS as ROWS

    sweep = made(OPTIMIZERS, optimizers=[{"kind": name} for name in ROWS])
    assert [] == sweep.problems()
    assert list(ROWS) == [setting.name for setting in sweep.settings]
    assert isinstance(made(HYPERPARAMETERS), HyperparameterSweep)
