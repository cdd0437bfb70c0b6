import gc
from dataclasses import replace

import numpy as np
import pytest
from pydantic import TypeAdapter

from lrsearch.training import rows
from lrsearch.training.data_order import DataOrder
from lrsearch.training.optimizer_table import OPTIMIZERS
from lrsearch.training.plan import AnyOptimizer, DataSpec, ModelSpec, Plan, Validation
from lrsearch.training.trainer import Continue, Stop, StopReason

pytestmark = pytest.mark.tensorflow
TRACES: list[int] = []


@pytest.fixture(scope="module")
def trainer():
    from lrsearch.training.keras.fit_trainer import FitTrainer

    return FitTrainer(chunk_seconds=60.0)


def plan(model="digits_mlp", data="digits", steps=20, **document):
    optimizer = TypeAdapter(AnyOptimizer).validate_python({"kind": "sgd", **document})
    return Plan(ModelSpec(name=model), DataSpec(name=data), optimizer, 100, np.full(steps, 0.05), seed=1)


def linear(input_shape, outputs, task):
    import keras

    return keras.Sequential([keras.Input(input_shape), keras.layers.Dense(outputs)])


def counting(input_shape, outputs, task):
    import keras

    class Counting(keras.layers.Layer):
        def call(self, x):
            TRACES.append(1)  # runs when the layer is traced, not when it trains
            return x

    return keras.Sequential([keras.Input(input_shape), Counting(), keras.layers.Dense(outputs, activation="softmax")])


@pytest.fixture
def own_models(monkeypatch):
    for build in (linear, counting):
        row = rows.ModelRow(
            build.__name__, f"{__name__}:{build.__name__}", 1, (1,), ("classification", "regression"), "", ""
        )
        monkeypatch.setitem(rows.MODELS, build.__name__, row)


def test_losses_and_updates_are_those_of_gradient_descent_by_hand(trainer, own_models):
    from lrsearch.training.keras import datasets, weights

    todo = replace(plan("linear", "diabetes"), rates=np.geomspace(0.001, 0.1, 20))
    (run,) = trainer.train([todo])
    data = datasets.load("diabetes")
    kernel, bias = (w.astype(np.float64) for w in weights.initial_weights(linear((10,), 1, "regression"), 1))
    losses = []
    for rate, batch in zip(todo.rates, DataOrder(353, 100, 1).batches(0, 20), strict=True):
        x, error = data.x_train[batch], data.x_train[batch] @ kernel + bias - data.y_train[batch]
        losses.append((error**2).mean())
        kernel = kernel - rate * 2 * x.T @ error / len(batch)
        bias = bias - rate * 2 * error.mean(axis=0)
    np.testing.assert_allclose(losses, run.curve.losses, rtol=1e-5)


def test_losses_are_the_true_batch_losses_of_keras(trainer):
    from lrsearch.training.keras.prepared import prepare

    todo = replace(plan(kind="adam"), rates=np.geomspace(1e-4, 1e-1, 40))
    (run,) = trainer.train([todo])
    prepared = prepare(todo)
    prepared.reset(todo.seed)
    losses = []
    for rate, batch in zip(todo.rates, DataOrder(1437, 100, 1).batches(0, 40), strict=True):
        prepared.model.optimizer.learning_rate = rate
        x, y = prepared.data.x_train[batch], prepared.data.y_train[batch]
        losses.append(prepared.model.train_on_batch(x, y, return_dict=True)["loss"])
    np.testing.assert_allclose(losses, run.curve.losses, rtol=1e-6)


def test_a_spike_does_not_colour_the_losses_after_it(trainer):
    rates = np.full(30, 1e-6)
    rates[3] = 3e4
    rates[4:] = 1e-30
    (run,) = trainer.train([replace(plan(), rates=rates)])
    later = run.curve.losses[4:]
    assert later.max() > 100 * run.curve.losses[0]
    # The weights no longer move: what remains is how batches differ, not a mean that fades.
    assert later[:15].mean() == pytest.approx(later[11:].mean(), rel=0.3)


def test_a_rate_of_its_own_for_every_step_traces_nothing_again(trainer, own_models):
    TRACES.clear()
    trainer.train([replace(plan("counting"), rates=np.geomspace(1e-4, 1e-2, 40))])
    traced = len(TRACES)
    trainer.train([replace(plan("counting"), rates=np.geomspace(1e-5, 1e-1, 80), seed=9)])
    assert traced == len(TRACES) <= 3


def sequential_models() -> list:
    import keras

    return [thing for thing in gc.get_objects() if isinstance(thing, keras.Sequential)]


def test_models_of_other_plans_are_let_go(trainer):
    gc.collect()
    of_other_tests = {id(model): model for model in sequential_models()}
    for model in ("digits_mlp", "tabular_mlp", "digits_mlp", "tabular_mlp"):
        trainer.train([plan(model, steps=2)])
    gc.collect()
    assert len([model for model in sequential_models() if id(model) not in of_other_tests]) <= 2


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_optimizer_trains_and_goes_on_from_a_checkpoint_bit_for_bit(trainer, name):
    checkpoints = []

    def keep(index, segment):
        checkpoints.append(segment.checkpoint())
        return Continue()

    todo = replace(plan("blobs_mlp", "blobs", kind=name, use_ema=True, weight_decay=0.1), rates=np.full(14, 0.01))
    (whole,) = trainer.train([todo], keep)
    assert 5 == checkpoints[0].step
    (resumed,) = trainer.train([replace(todo, resume_from=checkpoints[0])])
    np.testing.assert_array_equal(whole.curve.losses, resumed.curve.losses)
    assert np.isfinite(whole.curve.losses).all()
    assert len(set(whole.curve.losses.tolist())) > 10


def test_facts_name_device_threads_and_versions(trainer):
    import tensorflow as tf

    (run,) = trainer.train([plan(steps=2)])
    assert tf.__version__ == run.engine_facts["versions"]["tensorflow"]
    assert run.engine_facts["intra_op_threads"] >= 1
    assert run.engine_facts["xla"] is False
    assert {"build", "train", "test"} == set(run.seconds)


@pytest.fixture
def slow_measurements(monkeypatch):
    """A trainer whose validations (287 digits) and tests (360) take several parts, each of them long."""
    from lrsearch.training.keras import fit_trainer

    monkeypatch.setattr(fit_trainer, "EVALUATION_BATCH", 100)
    return fit_trainer.FitTrainer(chunk_seconds=0.0)


EVERYTHING = {"validation": Validation(0.2), "test": True}


def test_a_long_measurement_reports_and_a_checkpoint_made_within_it_resumes_to_the_same(slow_measurements):
    todo, kept = replace(plan(kind="adam", steps=14), **EVERYTHING), []

    def keep(index, segment):
        kept.append((segment.epoch, segment.checkpoint()))
        return Continue()

    (whole,) = slow_measurements.train([todo], keep)
    within = [checkpoint for epoch, checkpoint in kept if epoch is None and checkpoint.step == 12]
    tested = [checkpoint for epoch, checkpoint in kept if checkpoint.step == 14]
    assert (2, 1 + 3) == (len(within), len(tested))  # 287 samples in three parts; the end, and 360 in four
    for checkpoint in (*within, tested[-1]):
        (resumed,) = slow_measurements.train([replace(todo, resume_from=checkpoint)])
        np.testing.assert_array_equal(whole.curve.losses, resumed.curve.losses)
        assert {n: v.tolist() for n, v in whole.history.items()} == {n: v.tolist() for n, v in resumed.history.items()}
        assert whole.final == resumed.final


@pytest.mark.parametrize("at", [12, 14])
def test_a_cancel_within_a_long_measurement_ends_it(slow_measurements, at):
    """At 12 in the validation after the first epoch, at 14 in the test."""
    seen = []

    def stop(index, segment):
        seen.append(segment.first_step + len(segment.losses))
        return Stop(StopReason.CANCELLED) if seen.count(at) == 2 else Continue()

    (run,) = slow_measurements.train([replace(plan(steps=14), **EVERYTHING)], stop)
    assert (StopReason.CANCELLED, at, {}) == (run.stop_reason, len(run.curve), run.final)
    assert (at == 14) == bool(run.history)
