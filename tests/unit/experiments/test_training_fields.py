"""What documents may ask of updates, and how they are refused."""

from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment
from lrsearch.experiments.keras_code import training_code
from lrsearch.spec import validate

DOCUMENT: dict[str, Any] = {
    "schema": 1,
    "kind": "training",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 128,
    "epochs": 6,
}
BODY = {"name": "body", "pattern": "^dense$"}
HEAD = {"name": "head", "depth": [-1, -1]}


def training(**changes: Any) -> Any:
    return validate(TypeAdapter[Any](AnyExperiment), DOCUMENT | changes)


def refused(**changes: Any) -> set[tuple[str, str]]:
    """Pointers and rules of everything that is wrong."""
    try:
        problems = training(**changes).problems()
    except InvalidDocument as error:
        problems = error.problems
    assert all(problem.message and problem.action for problem in problems)
    return {(problem.pointer, problem.rule) for problem in problems}


def grouped(*groups: dict[str, Any], **further: Any) -> dict[str, Any]:
    return {"layer_groups": {"groups": list(groups), **further}}


def test_a_plain_document_has_a_plain_plan() -> None:
    plan = training().plan(0)
    assert {} == plan.variant()
    assert (54, 0) == plan.controls.shape


def test_accumulated_batches_make_fewer_updates() -> None:
    plan = training(accumulation_steps=3).plan(0)
    assert (6 * 3, 3 * 128) == (plan.steps, plan.update_size)


def test_multipliers_follow_spread_and_phases() -> None:
    phases = [{"first_step": 0, "frozen": ["body"]}, {"first_step": {"epochs": 2}}]
    plan = training(**grouped(BODY, HEAD, spread="ulmfit", phases=phases)).plan(0)
    assert [[0.0, 1.0, 1.0]] * 18 == plan.multipliers[:18].tolist()
    np.testing.assert_allclose([[1 / 2.6, 1.0, 1.0]] * 36, plan.multipliers[18:])


def test_weights_of_classes_are_numbers_in_the_plan() -> None:
    assert ((1, 5.0), (10, 2.0)) == training(class_weight={"10": 2.0, "1": 5.0}).plan(0).class_weight


BAD: list[tuple[dict[str, Any], tuple[str, str]]] = [
    ({"accumulation_steps": 10}, ("/accumulation_steps", "at_most_an_epoch")),
    ({"accumulation_steps": 0}, ("/accumulation_steps", "greater_than_equal")),
    ({"class_weight": {"10": 2.0}}, ("/class_weight/10", "no_such_class")),
    ({"class_weight": {str(n): 0.0 for n in range(10)}}, ("/class_weight", "one_above_zero")),
    (
        {"class_weight": "balanced", "model": {"name": "tabular_mlp"}, "data": {"name": "diabetes"}},
        ("/class_weight", "classification_only"),
    ),
    (grouped({"name": "a", "pattern": "^conv"}), ("/layer_groups/groups/0/pattern", "matches_nothing")),
    (grouped({"name": "a", "layers": ["dens"]}), ("/layer_groups/groups/0/layers", "matches_nothing")),
    (grouped(BODY, {"name": "all", "pattern": "dense"}), ("/layer_groups/groups/1/pattern", "matches_twice")),
    (grouped({"name": "a", "pattern": "["}), ("/layer_groups/groups/0/pattern", "regular_expression")),
    (grouped({"name": "a"}), ("/layer_groups/groups/0/pattern", "one_choice")),
    (grouped(BODY | {"depth": [0, 0]}), ("/layer_groups/groups/0/depth", "one_choice")),
    (grouped(BODY, BODY), ("/layer_groups/groups/1/name", "distinct_names")),
    (grouped(BODY, spread="geometric"), ("/layer_groups/lowest", "lowest_with_geometric")),
    (
        grouped(BODY | {"multiplier": 0.5}, spread="ulmfit"),
        ("/layer_groups/groups/0/multiplier", "multiplier_given_twice"),
    ),
    (
        grouped(BODY, phases=[{"first_step": 0, "frozen": ["tail"]}]),
        ("/layer_groups/phases/0/frozen/0", "no_such_group"),
    ),
    (grouped(BODY, phases=[{"first_step": 54}]), ("/layer_groups/phases/0/first_step", "after_the_end")),
    (
        grouped(BODY, phases=[{"first_step": 9}, {"first_step": {"epochs": 1}}]),
        ("/layer_groups/phases/1/first_step", "not_increasing"),
    ),
    (grouped(BODY) | {"optimizer": {"kind": "ftrl"}}, ("/layer_groups", "no_layer_groups")),
    ({"precision": "float16"}, ("/precision", "literal_error")),
    ({"precision": "mixed_bfloat16", "engine": "compiled"}, ("/engine", "fit_only")),
    ({"augmentation": [{"kind": "noise"}], "engine": "compiled"}, ("/engine", "fit_only")),
    ({"augmentation": [{"kind": "noise"}, {"kind": "flip"}]}, ("/augmentation/1/kind", "images_only")),
    ({"augmentation": [{"kind": "zoom", "factor": 1.5}]}, ("/augmentation/0/factor", "less_than")),
]


@pytest.mark.parametrize(("changes", "expected"), BAD)
def test_bad_fields_are_refused_with_pointer_and_rule(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert {expected} == refused(**changes)


def test_sweeps_vary_these_fields_by_pointer() -> None:
    sweep = {
        "kind": "hyperparameter_sweep",
        **grouped(BODY | {"multiplier": 0.5}, HEAD),
        "class_weight": {"1": 2.0},
        "vary": [
            {"pointer": "/layer_groups/groups/0/multiplier", "values": [0.0, 0.1, 1.0]},
            {"pointer": "/class_weight/1", "values": [1.0, 3.0]},
        ],
    }
    experiment = training(**sweep)
    assert [] == experiment.problems()
    plans = [setting.training.plan(0) for setting in experiment.settings]
    assert [0.0, 0.0, 0.1, 0.1, 1.0, 1.0] == [plan.multipliers[0, 0] for plan in plans]
    assert [1.0, 3.0] * 3 == [dict(plan.class_weight)[1] for plan in plans]


@pytest.mark.parametrize("kind", ["schedule_sweep", "optimizer_comparison"])
def test_every_kind_that_trains_takes_the_fields(kind: str) -> None:
    fields = {"accumulation_steps": 2, "class_weight": "balanced", "precision": "mixed_bfloat16"} | grouped(BODY)
    rest = {key: value for key, value in DOCUMENT.items() if kind == "schedule_sweep" or key != "optimizer"}
    compared = {"schedules": [{"kind": "cosine", "max_lr": 0.1}], "optimizers": [{"kind": "adam"}]}
    name = "schedules" if kind == "schedule_sweep" else "optimizers"
    document = rest | fields | {"kind": kind, name: compared[name]}
    experiment = validate(TypeAdapter[Any](AnyExperiment), document)
    assert [] == experiment.problems()
    plan = experiment.settings[0].training.plan(0)
    assert {"accumulation_steps", "class_weight", "groups", "precision"} == set(plan.variant())


def test_the_code_names_what_it_leaves_out() -> None:
    assert "Not in this code" not in training_code(training())
    one_cycle = {"optimizer": {"kind": "sgd", "momentum": 0.9}, "schedule": {"kind": "one_cycle", "max_lr": 0.1}}
    code = training_code(training(accumulation_steps=2, class_weight="balanced", **one_cycle))
    *_, last = code.splitlines()
    assert (
        "# Not in this code, and part of what was measured: accumulation_steps, class_weight, "
        "the momentum of one_cycle (lrsearch.callbacks.OneCycle)."
    ) == last
