import json
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment, RangeTest
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.experiments.training import Training
from lrsearch.spec import validate
from lrsearch.training.plan import Checkpoint
from lrsearch.training.toy_trainer import ToyTrainer
from lrsearch.training.trainer import StopReason

BODY, HEAD = {"name": "body", "layers": ["dense"], "multiplier": 0.5}, {"name": "head", "depth": [-1, -1]}
DOCUMENT: dict[str, Any] = {
    "kind": "range_test",
    "model": {"name": "digits_mlp"},
    "data": {"name": "digits"},
    "optimizer": {"kind": "sgd"},
    "batch_size": 32,
    "start_lr": 1e-4,
    "steps": 150,
    "repeats": 2,
    "layer_groups": {"groups": [BODY, HEAD]},
    "per_group": True,
}


def range_test(**changes: Any) -> RangeTest:
    return RangeTest.model_validate(DOCUMENT | changes)


def run(**changes: Any) -> tuple[dict[str, Any], list[TrialRecord]]:
    records = list[TrialRecord]()
    return range_test(**changes).run(Context(ToyTrainer(), records.extend)), records


class Watched(ToyTrainer):
    """Keeps the plans it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.plans: list[Any] = []

    def train(self, plans: Any, observer: Any = None) -> Any:
        self.plans += plans
        return super().train(plans, *([] if observer is None else [observer]))


def test_all_layers_are_ramped_first_then_each_group_with_the_same_seeds() -> None:
    _, records = run()
    assert [({}, 0), ({}, 1)] == [(record.setting, record.seed) for record in records[:2]]
    expected = [("body", 0), ("body", 1), ("head", 0), ("head", 1)]
    assert expected == [(record.setting["group"], record.seed) for record in records[2:]]
    assert (4 * 2 - 2, 6) == (range_test().estimate().trials, len(records))
    assert 6 * 150 == range_test().estimate().updates
    assert [[*range(6)]] == range_test().packs(4)


def test_the_ramp_is_the_groups_and_all_other_layers_stay_at_their_rate() -> None:
    trainer = Watched()
    range_test(others_lr=0.02).run(Context(trainer, lambda records: None))
    together, body, head = trainer.plans[0], trainer.plans[2], trainer.plans[4]
    ramp = together.rates
    for plan, columns in (
        (together, (0.5 * ramp, ramp, ramp)),
        (body, (ramp, 0.02, 0.02)),
        (head, (0.5 * 0.02, ramp, 0.02)),
    ):
        rates = plan.rates[:, None] * plan.multipliers
        np.testing.assert_allclose(np.stack([np.broadcast_to(c, ramp.shape) for c in columns], axis=1), rates)
        np.testing.assert_array_equal(ramp, plan.rates)


def test_left_out_the_others_stand_still() -> None:
    trainer = Watched()
    result = range_test().run(Context(trainer, lambda records: None))
    assert (0.0, 0.0) == (result["others_lr"], trainer.plans[2].multipliers[:, 1:].max())


def test_a_group_of_multiplier_0_stands_still_and_is_not_ramped() -> None:
    result, records = run(layer_groups={"groups": [BODY | {"multiplier": 0.0}, HEAD]})
    assert ["head"] == [row["name"] for row in result["groups"]]
    assert 4 == len(records) == range_test(layer_groups={"groups": [BODY | {"multiplier": 0}, HEAD]}).estimate().trials
    assert 0.0 == result["training"]["layer_groups"]["groups"][0]["multiplier"]


def test_every_group_has_bounds_by_every_rule() -> None:
    result, _ = run()
    json.dumps(result, allow_nan=False)
    assert ["body", "head"] == [row["name"] for row in result["groups"]]
    for row in result["groups"]:
        assert "suggestion" == row["verdict"]
        assert row["suggestion"]["min_lr"] < row["suggestion"]["lr"] < row["suggestion"]["max_lr"]
        assert {rule["rule"] for rule in result["rules"]} == {rule["rule"] for rule in row["rules"]}
        assert [0, 1] == [curve["seed"] for curve in row["curves"]]
    assert DOCUMENT["layer_groups"]["groups"][0]["name"] == result["holds_for"]["layer_groups"]["groups"][0]["name"]


def test_what_a_training_takes_is_a_document_at_the_suggested_rates() -> None:
    result, _ = run()
    fields = result["training"]
    training = Training.model_validate(
        {name: DOCUMENT[name] for name in ("model", "data", "batch_size")}
        | {"kind": "training", "epochs": 1, "layer_groups": fields["layer_groups"]}
        | {"optimizer": {"kind": "sgd", "learning_rate": fields["learning_rate"]}}
    )
    assert [] == training.problems()
    multipliers = training.plan(0).multipliers[0, :2]
    rates = np.array([row["suggestion"]["lr"] for row in result["groups"]])
    assert result["suggestion"]["lr"] == fields["learning_rate"]
    np.testing.assert_allclose(rates[0] / rates[1], multipliers[0] / multipliers[1], rtol=1e-3)
    np.testing.assert_allclose(0.5 * 1.0, multipliers.prod(), rtol=1e-3)  # as high together as in the document


def test_a_group_without_a_rate_leaves_the_training_open() -> None:
    _, records = run(repeats=1)
    flat = TrialRecord(2, records[2].status, 0, {}, {"lrs": records[0].arrays["lrs"]}, records[0].stop_reason, None)
    flat.arrays["losses"] = np.full(len(records[0].arrays["lrs"]), 2.3)
    concluded = range_test(repeats=1).conclude([*records[:2], flat])
    assert ("flat", None) == (concluded["groups"][1]["verdict"], concluded["training"])


def test_without_per_group_all_groups_rise_together_and_nothing_else_is_run() -> None:
    result, records = run(per_group=False)
    assert ("groups" not in result, 2) == (True, len(records))


def test_the_groups_are_drawn_side_by_side_with_their_bounds() -> None:
    result, _ = run()
    plots = range_test().plots(json.loads(json.dumps(result)))
    assert ["loss_over_lr", "loss_over_lr_by_group"] == [plot.name for plot in plots]
    panels = plots[1].panels
    assert ["body", "head"] == [panel.title.partition(",")[0] for panel in panels]
    assert [row["suggestion"]["min_lr"] for row in result["groups"]] == [panel.spans[0].low for panel in panels]
    assert all(panel.marks[0].x == row["suggestion"]["lr"] for panel, row in zip(panels, result["groups"], strict=True))


@pytest.mark.parametrize("format_", ["png", "svg", "json"])
def test_the_figure_of_groups_is_rendered_with_their_bounds(format_: Any) -> None:
    from lrsearch.reports import render

    result, _ = run()
    drawn = render(range_test().plots(result)[1], format_, "light")
    assert len(drawn) > 1_000
    if format_ == "json":
        shapes = json.loads(drawn)["layout"]["shapes"]
        assert {"x", "x2"} == {shape["xref"] for shape in shapes}
        assert {"y domain", "y2 domain"} == {shape["yref"] for shape in shapes}


def test_a_cancelled_test_keeps_what_it_measured_of_every_group() -> None:
    records, asked = list[TrialRecord](), iter([None])
    context = Context(ToyTrainer(), records.extend, should_stop=lambda: next(asked, StopReason.CANCELLED))
    result = range_test().run(context)
    assert {"cancelled"} == {record.status.value for record in records}
    assert ["cancelled"] * 4 == [curve["stop_reason"] for row in result["groups"] for curve in row["curves"]]
    assert result["training"] is None
    assert range_test().plots(json.loads(json.dumps(result)))


def test_a_pack_goes_on_elsewhere_with_the_groups_that_are_left() -> None:
    whole, kept = list[TrialRecord](), list[Checkpoint]()
    trainer = ToyTrainer(chunk_seconds=0.0)

    def keep(number: int, make: Any) -> None:
        if number == 3:
            kept.append(make())

    expected = range_test().run(Context(trainer, whole.extend, on_checkpoint=keep))
    rest = list[TrialRecord]()
    context = Context(trainer, rest.extend, checkpoints={3: kept[9]})
    range_test().train([3, 4, 5], context)
    assert [3, 4, 5] == [record.number for record in rest]
    assert expected["groups"] == range_test().conclude([*whole[:3], *rest])["groups"]


def refused(**changes: Any) -> set[tuple[str, str]]:
    try:
        problems = validate(TypeAdapter(AnyExperiment), DOCUMENT | changes).problems()
    except InvalidDocument as error:
        problems = error.problems
    assert all(problem.message and problem.action for problem in problems)
    return {(problem.pointer, problem.rule) for problem in problems}


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"layer_groups": None}, ("/layer_groups", "per_group_needs_groups")),
        ({"per_group": False, "others_lr": 0.1}, ("/others_lr", "with_per_group")),
        ({"others_lr": -0.1}, ("/others_lr", "greater_than_equal")),
        ({"others_lr": float("inf")}, ("/others_lr", "finite_number")),
        ({"confirm": True}, ("/confirm", "one_rate")),
        (
            {"layer_groups": {"groups": [HEAD], "phases": [{"first_step": 0, "frozen": ["head"]}]}},
            ("/layer_groups/phases", "no_phases"),
        ),
        ({"layer_groups": {"groups": [HEAD | {"multiplier": 0}]}}, ("/layer_groups/groups", "one_group_moves")),
        (
            {"layer_groups": {"groups": [HEAD | {"depth": [7, 7]}]}},
            ("/layer_groups/groups/0/depth", "matches_nothing"),
        ),
        ({"optimizer": {"kind": "ftrl"}}, ("/layer_groups", "no_layer_groups")),
        ({"start_lr": 1e-20, "others_lr": 0.1}, ("/start_lr", "within_float32")),
    ],
)
def test_bad_groups_are_refused_with_pointer_and_rule(changes: dict[str, Any], expected: tuple[str, str]) -> None:
    assert {expected} == refused(**changes)
