"""What every trainer promises. A new one is added by one line in TRAINERS."""

import importlib
import json
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.curves import DivergenceRule, DivergenceWatch, ramp_rates
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.trainer import Continue, Probe, SetRates, Stop, StopReason

TRAINERS = [
    pytest.param("lrsearch.training.toy_trainer:ToyTrainer", id="toy"),
    pytest.param("lrsearch.training.keras.fit_trainer:FitTrainer", id="fit", marks=pytest.mark.tensorflow),
    pytest.param("lrsearch.training.keras.compiled:CompiledTrainer", id="compiled", marks=pytest.mark.tensorflow),
]

STEPS_PER_EPOCH = 12
"""1,437 digits, a fifth held out, in batches of 100: eleven full batches and an uneven twelfth."""
LAST_BATCH = 49


@cache
def trainer_of(place, chunk_seconds):
    """One trainer for all tests: what a run leaves in a warm trainer must not matter to the next."""
    module, _, name = place.partition(":")
    # the compiled engine shall show its stacks also where they are not worth it
    options = {"fewest_stacked_updates": 0} if name == "CompiledTrainer" else {}
    return getattr(importlib.import_module(module), name)(chunk_seconds=chunk_seconds, **options)


@pytest.fixture(params=TRAINERS)
def make_trainer(request):
    """Makes the trainer; chunk_seconds=0 ends a chunk after every step the trainer can be stopped at."""
    return partial(trainer_of, request.param)


@pytest.fixture
def trainer(make_trainer):
    return make_trainer(chunk_seconds=60.0)


def optimizer(**document):
    return TypeAdapter(AnyOptimizer).validate_python({"kind": "sgd", **document})


def plan(steps=30, rate=0.05, **changes):
    """A training with everything that keeps state: momentum, dropout, batch normalisation, validation."""
    return Plan(
        model=ModelSpec(name="tabular_mlp", params={"units": [16], "batch_norm": True, "dropout": 0.3}),
        data=DataSpec(name="digits"),
        optimizer=optimizer(momentum=0.9),
        batch_size=100,
        rates=np.full(steps, rate),
        seed=3,
        **({"metrics": ("accuracy",), "validation": Validation(0.2), "test": True} | changes),
    )


class Watching:
    """An observer that keeps what it was told, and answers what it is given for a number of steps."""

    def __init__(self, answers=None, *, keeps_checkpoints=False):
        self.answers, self.keeps_checkpoints = answers or {}, keeps_checkpoints
        self.segments, self.checkpoints = [], {}

    def __call__(self, index, segment):
        done = segment.first_step + len(segment.losses)
        self.segments.append((index, segment))
        if self.keeps_checkpoints:
            self.checkpoints[done] = segment.checkpoint()
        return self.answers.pop(next((step for step in self.answers if done >= step), None), Continue())


def assert_same(expected, actual):
    np.testing.assert_array_equal(expected.curve.lrs, actual.curve.lrs)
    np.testing.assert_array_equal(expected.curve.losses, actual.curve.losses)
    assert {n: v.tolist() for n, v in expected.history.items()} == {n: v.tolist() for n, v in actual.history.items()}
    for series in ("batch_metrics", "validations"):
        ours, theirs = getattr(expected, series), getattr(actual, series)
        assert {n: v.tolist() for n, v in ours.items()} == {n: v.tolist() for n, v in theirs.items()}
    assert (expected.final, expected.stop_reason) == (actual.final, actual.stop_reason)


def test_the_same_plan_twice_gives_the_same_run_and_another_seed_another(trainer):
    first, again, other = trainer.train([plan(), plan(), replace(plan(), seed=4)])
    assert_same(first, again)
    assert not np.array_equal(first.curve.losses, other.curve.losses)


def test_a_second_call_counts_its_steps_afresh(trainer):
    (first,) = trainer.train([plan()])
    (second,) = trainer.train([plan()])
    assert (StopReason.COMPLETED, None, 30) == (second.stop_reason, second.stopped_at, len(second.curve))
    assert_same(first, second)


def test_runs_come_in_the_order_of_their_plans(trainer):
    plans = [plan(steps=5), replace(plan(steps=7), batch_size=50), plan(steps=6)]
    watching = Watching()
    assert [5, 7, 6] == [len(run.curve) for run in trainer.train(plans, watching)]
    assert {0, 1, 2} == {index for index, _ in watching.segments}


def test_the_observer_sees_every_step_once_and_every_epoch_at_its_end(make_trainer):
    watching = Watching()
    (run,) = make_trainer(chunk_seconds=0.0).train([plan()], watching)
    segments = [segment for _, segment in watching.segments]
    ends = [segment.first_step + len(segment.losses) for segment in segments]
    assert [0, *ends[:-1]] == [segment.first_step for segment in segments]
    np.testing.assert_array_equal(run.curve.losses, np.concatenate([segment.losses for segment in segments]))
    epochs = [(end, segment.epoch) for end, segment in zip(ends, segments, strict=True) if segment.epoch is not None]
    assert [(12, 1), (24, 2)] == epochs
    assert all(bool(segment.metrics) == (segment.epoch is not None) for segment in segments)


def test_the_length_of_chunks_changes_no_figure(make_trainer):
    (long,) = make_trainer(chunk_seconds=60.0).train([plan()])
    (short,) = make_trainer(chunk_seconds=0.0).train([plan()])
    assert_same(long, short)


def test_a_resumed_run_equals_the_uninterrupted_one_bit_for_bit(make_trainer):
    trainer = make_trainer(chunk_seconds=0.0)
    watching = Watching(keeps_checkpoints=True)
    (whole,) = trainer.train([plan()], watching)
    steps = sorted(watching.checkpoints)
    for step in {steps[0], steps[len(steps) // 2], 12, steps[-2]}:
        after = Watching()
        (resumed,) = make_trainer(chunk_seconds=60.0).train([plan(resume_from=watching.checkpoints[step])], after)
        assert_same(whole, resumed)
        assert step == after.segments[0][1].first_step


def test_a_checkpoint_can_be_stored_and_comes_back_the_same(make_trainer, tmp_path):
    trainer = make_trainer(chunk_seconds=0.0)
    watching = Watching(keeps_checkpoints=True)
    (whole,) = trainer.train([plan()], watching)
    checkpoint = watching.checkpoints[12]
    np.savez(tmp_path / "checkpoint.npz", **checkpoint.arrays)
    with np.load(tmp_path / "checkpoint.npz", allow_pickle=False) as stored:
        arrays = dict(stored)
    facts = json.loads(json.dumps(checkpoint.facts))
    (resumed,) = trainer.train([plan(resume_from=replace(checkpoint, arrays=arrays, facts=facts))])
    assert_same(whole, resumed)


def test_a_checkpoint_of_another_engine_is_refused(make_trainer):
    watching = Watching(keeps_checkpoints=True)
    make_trainer(chunk_seconds=60.0).train([plan()], watching)
    foreign = replace(watching.checkpoints[12], facts={"engine": "foreign"})
    with pytest.raises(ValueError, match="'foreign'"):
        make_trainer(chunk_seconds=60.0).train([plan(resume_from=foreign)])


def test_a_checkpoint_asked_for_too_late_is_refused(trainer):
    watching = Watching()
    trainer.train([plan()], watching)
    with pytest.raises(RuntimeError, match="is past"):
        watching.segments[0][1].checkpoint()


def test_a_stop_keeps_what_was_measured(trainer):
    (whole,) = trainer.train([plan()])
    (stopped,) = trainer.train([plan()], Watching({12: Stop(StopReason.CANCELLED)}))
    assert StopReason.CANCELLED == stopped.stop_reason
    assert len(stopped.curve) - 1 == stopped.stopped_at
    assert 12 <= len(stopped.curve) < 30
    np.testing.assert_array_equal(whole.curve.losses[: len(stopped.curve)], stopped.curve.losses)
    assert {} == stopped.final


def test_a_stop_ends_its_own_run_only(trainer):
    def stop_the_first(index, segment):
        return Stop(StopReason.PRUNED) if index == 0 else Continue()

    first, second = trainer.train([plan(), plan()], stop_the_first)
    assert (StopReason.PRUNED, StopReason.COMPLETED) == (first.stop_reason, second.stop_reason)
    assert 30 == len(second.curve)


def test_a_loss_that_is_not_finite_stops_at_once_and_its_step_is_reported(trainer):
    (run,) = trainer.train([replace(plan(rate=1e38), model=ModelSpec(name="digits_mlp"))])
    assert (StopReason.NON_FINITE, len(run.curve) - 1) == (run.stop_reason, run.stopped_at)
    assert np.isfinite(run.curve.losses[:-1]).all()
    assert not np.isfinite(run.curve.losses[-1])
    assert {} == run.final


def test_a_diverging_range_test_stops_at_the_step_the_rule_names(trainer):
    rule = DivergenceRule()
    ramp = replace(plan(divergence=rule), rates=ramp_rates(1e-3, 1e6, 100), model=ModelSpec(name="digits_mlp"))
    (run,) = trainer.train([ramp])
    assert (run.stopped_at, run.stop_reason.value) == DivergenceWatch(rule).feed(run.curve.losses)
    assert run.stopped_at == len(run.curve) - 1 < 99


def test_the_rate_of_an_update_acts_on_the_next_loss_and_not_on_its_own(trainer):
    (run,) = trainer.train([plan()])
    for step in (0, 7, 12):
        rates = np.full(30, 0.05)
        rates[step] = 0.0
        (other,) = trainer.train([replace(plan(), rates=rates)])
        np.testing.assert_array_equal(run.curve.losses[: step + 1], other.curve.losses[: step + 1])
        assert run.curve.losses[step + 1] != other.curve.losses[step + 1]
        np.testing.assert_array_equal(rates, other.curve.lrs)


def test_an_observer_may_change_the_rates_of_the_remaining_updates(trainer):
    rates = np.concatenate([np.full(12, 0.05), np.full(18, 0.001)])
    (planned,) = trainer.train([replace(plan(), rates=rates)])
    (changed,) = trainer.train([plan()], Watching({12: SetRates(rates[12:])}))
    assert_same(planned, changed)


def test_changed_rates_are_in_the_checkpoint(make_trainer):
    trainer = make_trainer(chunk_seconds=60.0)
    watching = Watching({12: SetRates(np.full(18, 0.001))}, keeps_checkpoints=True)
    (changed,) = trainer.train([plan()], watching)
    (resumed,) = trainer.train([plan(resume_from=watching.checkpoints[24])])
    assert_same(changed, resumed)


def test_rates_of_the_wrong_number_are_refused(trainer):
    with pytest.raises(ValueError, match="18 remaining updates"):
        trainer.train([plan()], Watching({12: SetRates(np.full(3, 0.1))}))


def test_a_probe_leaves_no_trace(make_trainer):
    trainer, curves = make_trainer(chunk_seconds=60.0), []
    (undisturbed,) = trainer.train([plan()])

    def keep_the_rates(curve):
        curves.append(curve)
        return np.full(18, 0.05)

    watching = Watching({12: Probe(ramp_rates(1e-6, 1.0, 20), keep_the_rates)})
    (probed,) = trainer.train([plan()], watching)
    assert_same(undisturbed, probed)
    np.testing.assert_array_equal(ramp_rates(1e-6, 1.0, 20), curves[0].lrs)
    # At a negligible rate the first losses of the probe are those of the batches to come.
    assert undisturbed.curve.losses[12] == curves[0].losses[0]


def test_a_probe_that_diverges_is_cut_short_and_still_leaves_no_trace(make_trainer):
    trainer, lengths = make_trainer(chunk_seconds=60.0), []
    (undisturbed,) = trainer.train([plan()])

    def keep_the_rates(curve):
        lengths.append((len(curve), bool(np.isfinite(curve.losses[:-1]).all())))
        return np.full(18, 0.05)

    (probed,) = trainer.train([plan()], Watching({12: Probe(np.full(40, 1e38), keep_the_rates)}))
    assert_same(undisturbed, probed)
    ((length, is_finite_before),) = lengths
    assert length < 40
    assert is_finite_before


def test_the_metrics_of_an_epoch_are_means_weighted_by_the_samples_of_its_batches(trainer):
    (run,) = trainer.train([plan()])
    weights = [100] * 11 + [LAST_BATCH]
    expected = [np.average(run.curve.losses[first : first + 12], weights=weights) for first in (0, 12)]
    np.testing.assert_allclose(expected, run.history["loss"], rtol=1e-12)
    assert {"loss", "accuracy", "val_loss", "val_accuracy"} == set(run.history)
    assert {"test_loss", "test_accuracy"} == set(run.final)
    assert all(len(values) == 2 for values in run.history.values())


def test_the_metrics_of_every_batch_are_kept_and_average_to_those_of_the_epoch(trainer):
    (run,) = trainer.train([plan()])
    weights = [100] * 11 + [LAST_BATCH]
    kept = run.batch_metrics["accuracy"]
    assert (30,) == kept.shape
    assert pytest.approx(run.history["accuracy"][0], rel=1e-9) == np.average(kept[:12], weights=weights)


def test_a_plan_may_be_validated_every_few_steps_and_resumed_between(make_trainer):
    every_five = plan(validation=Validation(0.2, every_steps=5))
    watching = Watching(keeps_checkpoints=True)
    (whole,) = make_trainer(chunk_seconds=0.0).train([every_five], watching)
    assert {"val_loss": (6,), "val_accuracy": (6,)} == {name: kept.shape for name, kept in whole.validations.items()}
    assert {"loss", "accuracy"} == set(whole.history)
    step = min(step for step in watching.checkpoints if step > 6)
    resumed = replace(every_five, resume_from=watching.checkpoints[step])
    assert_same(whole, *make_trainer(chunk_seconds=60.0).train([resumed]))


def test_a_batch_larger_than_the_data_is_the_whole_data(trainer):
    watching = Watching()
    trainer.train([replace(plan(steps=3), batch_size=5_000)], watching)
    assert [1, 2, 3] == [segment.epoch for _, segment in watching.segments]


def test_a_plan_without_validation_and_test_measures_neither(trainer):
    (run,) = trainer.train([plan(steps=15, validation=None, test=False, metrics=())])
    assert ({"loss"}, {}) == (set(run.history), run.final)


def test_training_lowers_the_loss(trainer):
    (run,) = trainer.train([plan(steps=60)])
    assert run.curve.losses[-12:].mean() < run.curve.losses[:12].mean() / 2
    assert run.history["val_loss"][-1] < run.history["val_loss"][0]


def test_facts_and_seconds_can_be_written_as_json(trainer):
    (run,) = trainer.train([plan(steps=3)])
    assert trainer.name == run.engine
    assert "device" in json.loads(json.dumps(run.engine_facts))
    assert run.seconds["train"] > 0
