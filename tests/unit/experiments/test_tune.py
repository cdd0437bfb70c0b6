"""Tuning, its race and its comparison on the toy trainer: stages, sizes, decisions, refusals."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.base import Context, Experiment, Progress, TrialRecord
from lrsearch.experiments.composite import Child
from lrsearch.experiments.successive_halving import SuccessiveHalving, squeezed
from lrsearch.experiments.tune import Tune
from lrsearch.experiments.tune.candidates import at_rate, space_around
from lrsearch.experiments.tune.conclusion import decided
from lrsearch.spec import validate
from lrsearch.status import JobStatus
from lrsearch.training.toy_trainer import ToyTrainer

ANY: TypeAdapter[Experiment] = TypeAdapter(AnyExperiment)
TUNE: dict[str, Any] = {
    "kind": "tune",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "batch_size": 128,
    "epochs": 8,
    "seeds": 6,
}
RACE: dict[str, Any] = {
    "kind": "successive_halving",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "batch_size": 128,
    "epochs": 3,
    "contenders": [{"optimizer": {"kind": "sgd", "learning_rate": lr}} for lr in (1e-6, 1e-4, 0.1, 0.3, 50.0)],
}


def tune(**changes: Any) -> Tune:
    made = validate(ANY, TUNE | changes)
    assert isinstance(made, Tune)
    return made


def run(experiment: Experiment) -> tuple[dict[str, Any], list[TrialRecord]]:
    records: list[TrialRecord] = []
    return experiment.run(Context(ToyTrainer(), records.extend)), records


def problems(document: dict[str, Any]) -> list[tuple[str, str]]:
    try:
        found = validate(ANY, document).problems()
    except InvalidDocument as error:
        found = error.problems
    assert all(one.message and one.action for one in found)
    return [(one.pointer, one.rule) for one in found]


@pytest.fixture(scope="module")
def tuned() -> tuple[Tune, dict[str, Any], list[TrialRecord]]:
    experiment = tune()
    return experiment, *run(experiment)


def test_a_tuning_goes_through_its_four_stages_with_the_trials_it_announced(
    tuned: tuple[Tune, dict[str, Any], list[TrialRecord]],
) -> None:
    experiment, result, records = tuned
    assert ["range_test", "race", "search", "confirmation"] == [stage["stage"] for stage in result["stages"]]
    assert [2, 1, 2, 1] == [len(stage["jobs"]) for stage in result["stages"]]
    assert experiment.estimate().trials == len(records)
    assert result["updates"] <= experiment.estimate().updates
    assert result["updates"] == sum(len(record.arrays["losses"]) for record in records)


def test_the_bowl_is_tuned_better_than_keras_default_and_says_how_sure_it_is(
    tuned: tuple[Tune, dict[str, Any], list[TrialRecord]],
) -> None:
    _, result, _ = tuned
    assert "better_than_default" == result["verdict"]
    rows = {row["setting"]: row for row in result["leaderboard"]}
    chosen, default = rows[result["recommendation"]["setting"]], result["leaderboard"][-1]
    assert default["setting"].startswith("Keras' default")
    assert chosen["metrics"]["val_loss"]["mean"] == result["expected"]["mean"]
    assert result["expected"]["interval"] is not None
    assert "keras.optimizers" in result["code"]
    assert result["cost"]["updates"] < result["cost"]["grid"]["updates"]


def test_the_expected_metric_comes_from_seeds_that_nothing_was_chosen_by(
    tuned: tuple[Tune, dict[str, Any], list[TrialRecord]],
) -> None:
    _, result, records = tuned
    confirmed = [record for record in records if "stress" not in record.setting][-18:]
    chosen = [one for one in confirmed if one.setting["setting"] == result["recommendation"]["setting"]]
    others = {record.seed for record in records[: -(18 + 6)]}
    assert set() == others & {record.seed for record in chosen}
    assert result["expected"]["mean"] == pytest.approx(np.mean([one.metrics["val_loss"] for one in chosen]))


def test_every_stage_is_drawn(tuned: tuple[Tune, dict[str, Any], list[TrialRecord]]) -> None:
    experiment, result, _ = tuned
    stored = json.loads(json.dumps(result, allow_nan=False))
    names = [plot.name for plot in experiment.plots(stored)]
    assert ["funnel", "ranking", "learning_curves", "learning_rates", "cost"] == names


def test_the_legend_of_the_cost_is_readable(tuned: tuple[Tune, dict[str, Any], list[TrialRecord]]) -> None:
    experiment, result, _ = tuned
    grid = result["cost"]["grid"] | {"estimated_seconds_one_seed": 0.25, "estimated_seconds": 28_312.4}
    costly = result | {"cost": result["cost"] | {"seconds": 2_834.2, "grid": grid}}
    names = [line.label for plot in experiment.plots(costly) if plot.name == "cost" for line in plot.lines]
    assert "this job: 2,834 s of training" == names[0]
    assert names[1].endswith(": 0.25 s of training")
    assert names[2].endswith(": 28,312 s of training")


def test_a_job_that_ended_early_concludes_from_what_it_has() -> None:
    experiment = tune()
    result = experiment.conclude_children([])
    assert ("incomplete", None, None) == (result["verdict"], result["recommendation"], result["code"])
    assert [] == result["leaderboard"]
    assert ["cost"] == [plot.name for plot in experiment.plots(json.loads(json.dumps(result)))]


def test_the_same_children_give_the_same_next_stage() -> None:
    experiment = tune()
    stage = experiment.next_stage([])
    assert stage is not None
    children = [
        Child("a", "range_test", document, JobStatus.SUCCEEDED, run(validate(ANY, document))[0])
        for document in stage.documents
    ]
    first, again = experiment.next_stage(children), experiment.next_stage(children)
    assert first == again
    assert first is not None
    assert "race" == first.name
    assert 30 == len(first.documents[0]["contenders"])


def test_a_budget_of_updates_makes_the_stages_smaller_until_they_fit() -> None:
    whole = tune().estimate().updates
    assert tune(budget={"updates": whole - 1}).size < tune().size
    assert tune(budget={"updates": whole - 1}).estimate().updates < whole
    assert [] == problems(TUNE | {"budget": {"updates": whole - 1}})


BAD: list[tuple[dict[str, Any], str, str]] = [
    ({"optimizers": []}, "/optimizers", "too_short"),
    ({"schedules": []}, "/schedules", "too_short"),
    ({"optimizers": [{"kind": "adamm"}]}, "/optimizers/0/kind", "union_tag_invalid"),
    ({"optimizers": [{"kind": "adam", "learning_rate": 0.1}]}, "/optimizers/0/learning_rate", "set_by_tune"),
    ({"optimizers": [{"kind": "adam"}, {"kind": "adam"}]}, "/optimizers/1", "repeated_value"),
    ({"schedules": ["cosin"]}, "/schedules/0", "unknown_schedule"),
    ({"schedules": ["step_decay"]}, "/schedules/0", "needs_fields"),
    ({"schedules": [{"kind": "cosine", "min": 0}]}, "/schedules/0/min", "extra_forbidden"),
    ({"schedules": ["rex", "rex"]}, "/schedules/1", "repeated_value"),
    ({"seeds": 2}, "/seeds", "greater_than_equal"),
    ({"budget": {"updates": 100}}, "/budget/updates", "budget_too_small"),
    ({"metric": "val_acuracy"}, "/metric", "not_measured"),
    ({"epochs": None, "steps": 8, "metric": "test_loss"}, "/steps", "too_short_to_race"),
    ({"epochs": None, "steps": 8, "metric": "test_loss"}, "/steps", "less_than_an_epoch"),
    ({"limits": {"trials": 10}}, "/limits/trials", "too_many_trials"),
    ({"limits": {"epochs": 10}}, "/limits/epochs", "too_many_epochs"),
]
"""Changes to `TUNE`, and the field and rule of the answer."""


@pytest.mark.parametrize(("changes", "pointer", "rule"), BAD)
def test_bad_input_is_refused_where_it_is(changes: dict[str, Any], pointer: str, rule: str) -> None:
    assert (pointer, rule) in problems(TUNE | changes)


def test_a_budget_too_small_says_the_least_that_works() -> None:
    (problem,) = tune(budget={"updates": 100}).problems()
    least = int(problem.action.split()[3].rstrip(","))
    assert [] == tune(budget={"updates": least}).problems()
    assert [] != tune(budget={"updates": least - 1}).problems()


def row(name: str, mean: float, diverged: int = 0) -> dict[str, Any]:
    metrics = {"val_loss": {"mean": mean, "interval": [mean - 0.01, mean + 0.01]}}
    return {"setting": name, "metrics": metrics, "diverged": diverged}


def test(a: str, b: str, p: float) -> dict[str, Any]:
    return {"a": a, "b": b, "difference": 0.0, "p_holm": p}


test.__test__ = False  # pyright: ignore[reportFunctionMemberAccess] - a row of the tests, no test


@pytest.mark.parametrize(
    ("rows", "tests", "verdict", "setting"),
    [
        ([row("x", 0.1), row("y", 0.2), row("d", 0.3)], [test("x", "d", 0.01)], "better_than_default", "x"),
        ([row("y", 0.1), row("x", 0.2), row("d", 0.3)], [test("x", "d", 0.01)], "better_than_default", "x"),
        (
            [row("y", 0.1), row("x", 0.2), row("d", 0.3)],
            [test("x", "y", 0.01), test("y", "d", 0.01)],
            "better_than_default",
            "y",
        ),
        ([row("x", 0.1), row("y", 0.2), row("d", 0.3)], [test("x", "d", 0.2)], "no_difference", None),
        ([row("d", 0.1), row("x", 0.2), row("y", 0.3)], [test("x", "d", 0.01)], "default_is_better", "d"),
        ([row("x", 0.1), row("y", 0.2), row("d", 0.3, 1)], [test("x", "d", 1.0)], "better_than_default", "x"),
        ([row("y", 0.1), row("d", 0.2), row("x", 0.3, 1)], [test("y", "d", 0.01)], "better_than_default", "y"),
    ],
)
def test_the_one_chosen_before_stays_unless_another_is_distinguishably_better(
    rows: list[dict[str, Any]], tests: list[dict[str, Any]], verdict: str, setting: str | None
) -> None:
    decision = decided(rows, tests, ["x", "y"], "val_loss", 10)
    assert (verdict, setting) == (decision.verdict, decision.setting)


def test_a_schedules_own_rates_keep_their_ratio_to_the_greatest() -> None:
    schedule = {"kind": "warmup", "schedule": {"kind": "cosine", "max_lr": 0.1, "min_lr": 0.01}, "warmup_steps": 5}
    made = at_rate({"kind": "sgd"}, schedule, 1.0)["schedule"]
    assert {"kind": "cosine", "max_lr": 1.0, "min_lr": 0.1} == made["schedule"]


def test_a_survivor_whose_rates_must_move_together_is_not_searched_around() -> None:
    moving = {"kind": "triangular", "base_lr": 0.01, "max_lr": 0.1, "half_cycle_steps": 5}
    assert space_around({"optimizer": {"kind": "sgd"}, "schedule": moving}, 0.1) is None
    found = space_around({"optimizer": {"kind": "sgd"}, "schedule": {"kind": "one_cycle", "max_lr": 0.1}}, 0.1)
    assert found is not None
    assert {"pct_start", "kind"} == set(found["/schedule"]["choices"][0])


def race(**changes: Any) -> SuccessiveHalving:
    made = validate(ANY, RACE | changes)
    assert isinstance(made, SuccessiveHalving)
    return made


def test_a_race_keeps_the_better_third_for_runs_three_times_as_long() -> None:
    experiment = race()
    result, records = run(experiment)
    assert [[3, 9], [5, 2, 2]] == [experiment.lengths, experiment.sizes]
    assert {"sgd constant 0.1", "sgd constant 0.3"} == set(result["survivors"])
    assert [10, 4] == [sum(one.setting["rung"] == rung for one in records) for rung in (1, 2)]
    assert [3, 9] == sorted(
        {len(one.arrays["losses"]) for one in records if one.setting["setting"] != "sgd constant 50"}
    )


def test_a_race_reads_what_an_earlier_attempt_finished() -> None:
    experiment = race()
    _, records = run(experiment)
    again: list[TrialRecord] = []
    first = {record.number: record for record in records[:7]}
    experiment.train(range(7, 14), Context(ToyTrainer(), again.extend, finished=lambda: first))
    assert [*range(7, 14)] == [record.number for record in again]
    assert [one.metrics for one in records[7:]] == [one.metrics for one in again]


def test_the_progress_of_a_race_counts_all_rungs() -> None:
    experiment, told = race(), list[Progress]()
    experiment.run(Context(ToyTrainer(), lambda records: None, on_progress=told.append))
    assert {experiment.estimate().updates} == {progress.total for progress in told}
    done = [progress.done for progress in told]
    assert sorted(done) == done
    assert done[0] < 10 * 3 < done[-1]


def test_a_race_with_a_test_metric_is_judged_by_held_out_data() -> None:
    result, records = run(race(metric="test_loss"))
    assert "val_loss" == result["metric"]
    assert not any(name.startswith("test_") for record in records for name in record.metrics)


@pytest.mark.parametrize(
    ("changes", "pointer", "rule"),
    [
        ({"survivors": 6}, "/survivors", "at_most_contenders"),
        ({"rungs": 6}, "/rungs", "leaves_no_updates"),
        ({"metric": "val_acuracy"}, "/metric", "not_measured"),
        ({"metric": "val_loss", "validation": None}, "/metric", "not_measured"),
        ({"contenders": []}, "/contenders", "too_short"),
        ({"contenders": [{"optimizer": {"kind": "sgd"}}] * 2}, "/contenders/1/name", "repeated_name"),
        ({"limits": {"trials": 5}}, "/contenders", "too_many_trials"),
    ],
)
def test_a_race_that_cannot_be_run_is_refused(changes: dict[str, Any], pointer: str, rule: str) -> None:
    assert (pointer, rule) in problems(RACE | changes)


def test_a_race_shorter_than_an_epoch_is_judged_by_its_last_batches() -> None:
    result, records = run(
        race(epochs=None, steps=9, validation=None, metric="test_loss", contenders=RACE["contenders"][:3])
    )
    assert "loss" == result["metric"]
    assert all(np.isfinite(record.metrics["loss"]) for record in records)
    assert 2 == len(result["survivors"])


def test_squeezed_rates_go_from_end_to_end() -> None:
    rates = np.linspace(1.0, 0.0, 101)
    assert [1.0, 0.5, 0.0] == squeezed(rates, 3).tolist()
    assert rates is squeezed(rates, 101)
