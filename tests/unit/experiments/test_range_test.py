import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.errors import InvalidDocument
from lrsearch.experiments import AnyExperiment, RangeTest
from lrsearch.experiments.base import Context, TrialRecord
from lrsearch.spec import validate
from lrsearch.training.plan import Checkpoint
from lrsearch.training.toy_trainer import ToyTrainer, stability_limit
from lrsearch.training.trainer import StopReason
from tests.unit.experiments.documents import RANGE_TEST

DOCUMENT = RANGE_TEST


def refused(**changes: Any) -> tuple[str, str]:
    """Pointer and rule of the single problem of the changed document."""
    with pytest.raises(InvalidDocument) as caught:
        validate(TypeAdapter(AnyExperiment), DOCUMENT | changes)
    (problem,) = caught.value.problems
    assert problem.message
    assert problem.action
    return problem.pointer, problem.rule


@pytest.fixture(scope="module")
def result() -> dict[str, Any]:
    return RangeTest.model_validate(DOCUMENT).run(Context(ToyTrainer(), lambda records: None))


def test_the_result_is_json_without_nan(result: dict[str, Any]):
    json.dumps(result, allow_nan=False)


def test_the_suggested_rate_lies_below_the_known_stability_limit(result: dict[str, Any]):
    assert result["verdict"] == "suggestion"
    assert 0.01 < result["suggestion"]["lr"] < stability_limit()


def test_every_rule_answers_with_a_verdict_and_a_sentence(result: dict[str, Any]):
    assert {"steepest", "minimum_over_10", "valley", "window", "consensus"} <= {row["rule"] for row in result["rules"]}
    assert all(row["verdict"] and row["why"] for row in result["rules"])


def test_a_rate_stands_only_beside_the_verdict_suggestion(result: dict[str, Any]):
    assert all((row["lr"] is None) == (row["verdict"] != "suggestion") for row in result["rules"])


def test_the_interval_holds_the_suggestion(result: dict[str, Any]):
    low, high = result["suggestion"]["interval"]
    assert low <= result["suggestion"]["lr"] <= high


def test_each_repeat_has_its_own_seed_and_curve(result: dict[str, Any]):
    assert [row["seed"] for row in result["curves"]] == [0, 1, 2]
    assert len({tuple(row["losses"][:10]) for row in result["curves"]}) == 3


def test_rates_and_losses_are_aligned_and_start_at_start_lr(result: dict[str, Any]):
    for row in result["curves"]:
        assert len(row["lrs"]) == len(row["losses"]) == len(row["smoothed"])
        assert pytest.approx(1e-4) == row["lrs"][0]


def test_a_diverged_repeat_says_where_it_stopped(result: dict[str, Any]):
    row = result["curves"][0]
    assert row["stop_reason"] in {"diverged", "non_finite"}
    assert row["stopped_at"] == len(row["losses"]) - 1


def test_the_result_says_what_it_holds_for(result: dict[str, Any]):
    assert result["holds_for"]["batch_size"] == 32
    assert result["holds_for"]["optimizer"]["kind"] == "sgd"


def test_the_code_compiles_and_carries_the_rate(result: dict[str, Any]):
    compile(result["code"], "result", "exec")
    assert f"{result['suggestion']['lr']:.4g}" in result["code"]


def test_the_updates_are_those_that_were_made(result: dict[str, Any]):
    assert sum(len(row["losses"]) for row in result["curves"]) == result["updates"]


def test_the_seed_makes_the_result_reproducible(result: dict[str, Any]):
    again = RangeTest.model_validate(DOCUMENT).run(Context(ToyTrainer(), lambda records: None))
    assert [row["losses"] for row in result["curves"]] == [row["losses"] for row in again["curves"]]


def test_the_plot_shows_bounds_suggestion_and_divergence(result: dict[str, Any]):
    (plot,) = RangeTest.model_validate(DOCUMENT).plots(json.loads(json.dumps(result)))
    assert plot.x_log
    assert [span.low for span in plot.spans] == [result["suggestion"]["min_lr"]]
    assert [mark.role for mark in plot.marks] == ["suggestion", "warning"]


def test_a_linear_ramp_is_drawn_on_a_linear_axis():
    experiment = RangeTest.model_validate(DOCUMENT | {"ramp": "linear"})
    (plot,) = experiment.plots(experiment.run(Context(ToyTrainer(), lambda records: None)))
    assert not plot.x_log


def test_a_cancelled_test_keeps_its_partial_curves():
    records: list[TrialRecord] = []
    asked = iter([None])
    context = Context(ToyTrainer(), records.extend, should_stop=lambda: next(asked, StopReason.CANCELLED))
    result = RangeTest.model_validate(DOCUMENT).run(context)
    assert {record.status.value for record in records} == {"cancelled"}
    assert all(row["stop_reason"] == "cancelled" for row in result["curves"])


def test_no_trial_at_all_is_a_result_without_a_rate():
    result = RangeTest.model_validate(DOCUMENT).conclude([])
    assert result["verdict"] == "too_few_points"
    assert result["suggestion"]["lr"] is None
    assert RangeTest.model_validate(DOCUMENT).plots(result)


def test_a_trial_goes_on_from_its_checkpoint_to_the_same_curve():
    experiment = RangeTest.model_validate(DOCUMENT | {"repeats": 1})
    whole: list[TrialRecord] = []
    kept: list[Checkpoint] = []
    trainer = ToyTrainer(chunk_seconds=0.0)
    offered = Context(trainer, whole.extend, on_checkpoint=lambda number, make: kept.append(make()))
    experiment.run(offered)
    resumed: list[TrialRecord] = []
    experiment.run(Context(trainer, resumed.extend, checkpoints={0: kept[len(kept) // 2]}))
    assert 0 < kept[len(kept) // 2].step < len(whole[0].arrays["losses"])
    np.testing.assert_array_equal(whole[0].arrays["losses"], resumed[0].arrays["losses"])


def test_the_estimate_counts_updates_and_trials():
    estimate = RangeTest.model_validate(DOCUMENT).estimate()
    assert (600, 3) == (estimate.updates, estimate.trials)


def test_all_repeats_are_one_pack():
    assert [[0, 1, 2]] == RangeTest.model_validate(DOCUMENT).packs(4)


@pytest.mark.parametrize(
    ("changes", "pointer", "rule"),
    [
        ({"kind": "rangetest"}, "/kind", "union_tag_invalid"),
        ({"colour": 1}, "/colour", "extra_forbidden"),
        ({"start_lr": 1.0, "end_lr": 0.1}, "/start_lr", "below_end_lr"),
        ({"start_lr": 0}, "/start_lr", "greater_than"),
        ({"end_lr": float("inf")}, "/end_lr", "finite_number"),
        ({"steps": 9}, "/steps", "greater_than_equal"),
        ({"steps": 100_001}, "/steps", "less_than_equal"),
        ({"seed": 2**31}, "/seed", "less_than"),
        ({"seed": True}, "/seed", "int_type"),
        ({"rule": "guess"}, "/rule", "literal_error"),
        ({"ramp": "cubic"}, "/ramp", "literal_error"),
        ({"repeats": 65}, "/repeats", "less_than_equal"),
        ({"optimizer": {"kind": "sgd", "learning_rate": 0.1}}, "/optimizer/learning_rate", "set_by_range_test"),
        ({"schema": 2}, "/schema", "literal_error"),
    ],
)
def test_bad_input_is_refused_with_pointer_and_rule(changes: dict[str, Any], pointer: str, rule: str):
    assert (pointer, rule) == refused(**changes)


def test_a_batch_larger_than_the_data_is_a_problem():
    (problem,) = RangeTest.model_validate(DOCUMENT | {"batch_size": 5000}).problems()
    assert ("/batch_size", 5000) == (problem.pointer, problem.value)


def test_a_model_that_cannot_take_its_data_names_both_shapes():
    (problem,) = RangeTest.model_validate(DOCUMENT | {"model": {"kind": "builtin", "name": "mnist_cnn"}}).problems()
    assert "64" in problem.message


@pytest.mark.parametrize("path", sorted(Path("examples").glob("*.json")), ids=lambda path: path.stem)
def test_every_example_is_a_valid_document(path: Path):
    experiment = validate(TypeAdapter(AnyExperiment), json.loads(path.read_text()))
    assert experiment.estimate().updates > 0


def run(trainer: ToyTrainer | None = None, **changes: Any) -> dict[str, Any]:
    return RangeTest.model_validate(DOCUMENT | changes).run(Context(trainer or ToyTrainer(), lambda records: None))


@pytest.mark.parametrize("metric", ["accuracy", "val_loss"])
def test_rules_can_read_another_metric_and_still_find_a_stable_rate(metric: str):
    answer = run(metric=metric)
    assert answer["metric"] == metric
    assert answer["verdict"] == "suggestion"
    assert 0.001 < answer["suggestion"]["lr"] < stability_limit()


def test_accuracy_is_read_as_one_minus_itself_so_that_falling_is_better():
    row = run(metric="accuracy")["curves"][0]
    # the toy trainer's metric is 1 / (1 + loss)
    loss, value = row["losses"][0], row["values"][0]
    assert pytest.approx(1 - 1 / (1 + loss)) == value


def test_the_validation_loss_is_measured_once_a_rate_and_scatters_less_than_the_batch_loss():
    row = run(metric="val_loss", repeats=1)["curves"][0]
    assert len(row["lrs"]) - 1 <= len(row["values"]) <= len(row["lrs"])
    assert np.std(np.diff(row["values"][:50])) < np.std(np.diff(row["losses"][:50])) / 5


def test_several_batches_a_rate_are_averaged_into_one_point():
    one, four = run(repeats=1), run(repeats=1, batches_per_lr=4, steps=100)
    assert len(set(four["curves"][0]["lrs"])) == len(four["curves"][0]["losses"])
    assert 4 * (len(four["curves"][0]["losses"]) - 1) < four["updates"] <= 4 * len(four["curves"][0]["losses"])
    noise, averaged = (np.std(np.diff(answer["curves"][0]["losses"][:20])) for answer in (one, four))
    assert averaged < 0.8 * noise


def test_a_test_on_validation_loss_goes_on_from_its_checkpoint():
    experiment = RangeTest.model_validate(
        DOCUMENT | {"repeats": 1, "metric": "val_loss", "batches_per_lr": 3, "steps": 60}
    )
    trainer, whole, kept = ToyTrainer(chunk_seconds=0.0), list[TrialRecord](), list[Checkpoint]()
    first = experiment.run(Context(trainer, whole.extend, on_checkpoint=lambda number, make: kept.append(make())))
    middle = kept[len(kept) // 2]
    second = experiment.run(Context(trainer, lambda records: None, checkpoints={0: middle}))
    assert 0 < middle.step < len(whole[0].arrays["losses"])
    assert first["curves"] == second["curves"]


def test_accuracy_of_a_regression_is_refused():
    document = DOCUMENT | {"metric": "accuracy", "data": {"kind": "builtin", "name": "diabetes"}}
    (problem,) = RangeTest.model_validate(document | {"model": {"kind": "builtin", "name": "tabular_mlp"}}).problems()
    assert ("/metric", "accuracy") == (problem.pointer, problem.value)


def test_a_validation_share_that_holds_out_nothing_is_refused():
    (problem,) = RangeTest.model_validate(DOCUMENT | {"metric": "val_loss", "validation_share": 1e-9}).problems()
    assert "/validation_share" == problem.pointer
