"""Every callback works with every kind of data and model, and every schedule drives a fit."""

import doctest
import importlib
import json
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import pytest

from lrsearch.schedules import SCHEDULES
from tests.unit.training.keras.callbacks.toys import X, Y, batches, collect, linear, own_step, quiet, state

pytestmark = pytest.mark.tensorflow
GOLDEN = Path(__file__).parents[1] / "unit" / "schedules" / "golden"
UPDATES = 12
"""Of the fits here: two epochs of six batches of 8."""


def sgd(**arguments):
    import keras

    return keras.optimizers.SGD(0.01, momentum=0.9, **arguments)


def pieces():
    import keras

    class Pieces(keras.utils.PyDataset):
        def __len__(self):
            return 6

        def __getitem__(self, index):
            return X[8 * index : 8 * index + 8], Y[8 * index : 8 * index + 8]

    return Pieces()


def dataset():
    import tensorflow as tf

    return tf.data.Dataset.from_tensor_slices((X, Y)).batch(8)


def half_precision():
    import keras

    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1, dtype="mixed_float16")])
    model.compile(keras.optimizers.LossScaleOptimizer(sgd(), initial_scale=8.0), "mse", jit_compile=False)
    return model


def two_by_two():
    import keras

    a, b = keras.Input((3,)), keras.Input((3,))
    model = keras.Model([a, b], [keras.layers.Dense(1, name="left")(a), keras.layers.Dense(1, name="right")(b)])
    model.compile(sgd(), "mse", metrics=[["mae"], ["mae"]], jit_compile=False)
    return model


KINDS = {
    "arrays, validated": (lambda: linear(sgd()), lambda: {"x": X, "y": Y, "batch_size": 8, "validation_data": (X, Y)}),
    "generator": (lambda: linear(sgd()), lambda: {"x": batches(), "steps_per_epoch": 6}),
    "PyDataset": (lambda: linear(sgd()), lambda: {"x": pieces(), "validation_data": pieces()}),
    "tf.data": (lambda: linear(sgd()), lambda: {"x": dataset(), "validation_data": dataset()}),
    "mixed precision": (half_precision, lambda: {"x": X, "y": Y, "batch_size": 8}),
    "gradient accumulation": (
        lambda: linear(sgd(gradient_accumulation_steps=2)),
        lambda: {"x": X, "y": Y, "batch_size": 4},
    ),
    "two inputs and outputs": (two_by_two, lambda: {"x": [X, X], "y": [Y, Y], "batch_size": 8}),
    "a train_step of one's own": (lambda: own_step("loss", sgd()), lambda: {"x": X, "y": Y, "batch_size": 8}),
}


def made(suite):
    """Each callback, and what must hold after a fit with it: (callback, model, weights before) -> truth."""
    from lrsearch.schedules import Linear

    def same(before, after):
        return all(np.array_equal(value, after[name]) for name, value in before.items() if "metrics" not in name)

    stalled = {"monitor": "loss", "patience": 1, "min_delta": 1e9}
    return {
        suite.RangeTest(steps=UPDATES, end_lr=1e-3): lambda c, m, b: len(c.curve) == UPDATES and same(b, state(m)),
        suite.ScheduleCallback(Linear(start_lr=0.012), start_step=0): lambda c, m, b: (
            float(m.optimizer.learning_rate) == pytest.approx(0.001)
        ),
        suite.OneCycle(max_lr=0.01, start_step=0): lambda c, m, b: (
            momentum_of(m) == 0.9 and c.resolved.end_step == UPDATES
        ),
        suite.WarmRestarts(max_lr=0.01, cycle_steps=5, start_step=0): lambda c, m, b: c.finished_step == 10,
        suite.ReduceOnPlateau(**stalled, factor=0.5): lambda c, m, b: [epoch for epoch, _ in c.decisions] == [0, 1],
        suite.FindOnPlateau(**stalled, min_lr=1e-9, max_lr=1e-8, steps=9): lambda c, m, b: len(c.tests) == 1,
        suite.LearningRateMonitor(): lambda c, m, b: len(c.lrs) == len(set(c.steps)) == UPDATES,
        suite.StopOnDivergence(): lambda c, m, b: c.ended is None and np.isfinite(c._losses.last),
    }


def momentum_of(model):
    return getattr(model.optimizer, "inner_optimizer", model.optimizer).momentum


@pytest.mark.parametrize("kind", KINDS)
def test_every_callback_works_with(kind):
    from lrsearch import callbacks

    model, data = KINDS[kind][0](), KINDS[kind][1]
    model.optimizer.build(model.trainable_variables)
    todo = made(callbacks)
    assert len(callbacks.suite.CALLBACKS) == len(todo)
    for callback, holds in todo.items():
        before = state(model)
        model.fit(**data(), epochs=2, shuffle=False, verbose=0, callbacks=[callback])
        assert holds(callback, model, before), type(callback).__name__
    collect()


SETTERS = {"RangeTest", "ScheduleCallback", "OneCycle", "WarmRestarts"}
"""Act on every update."""
CONTROLLERS = {"ReduceOnPlateau", "FindOnPlateau"}
"""Set the rate, between epochs."""


def assert_fits_unless(refusing, message, model):
    """Each callback refuses the model with a sentence that matches the message, if it is named, else fits it."""
    from lrsearch import callbacks

    for callback in made(callbacks):
        name = type(callback).__name__
        is_refused = pytest.raises(ValueError, match=message.format(callback=name))
        with is_refused if name in refusing else nullcontext():
            quiet(model, X, Y, epochs=2, callbacks=[callback])
    collect()


def test_several_steps_an_execution_are_refused_with_the_remedy_where_each_update_matters():
    assert_fits_unless(
        SETTERS, r"^steps_per_execution is 2.*{callback}.*steps_per_execution=1", linear(sgd(), steps_per_execution=2)
    )


def test_a_schedule_in_the_optimizer_is_refused_with_the_remedy_where_the_rate_is_set():
    import keras

    schedule = keras.optimizers.schedules.InverseTimeDecay(0.01, 1, 0.1)
    message = r"LearningRateSchedule.*{callback} cannot.*SGD\(learning_rate=0.01\)"
    assert_fits_unless(SETTERS | CONTROLLERS, message, linear(keras.optimizers.SGD(schedule, momentum=0.9)))


def test_ctrl_c_ends_a_fit_with_any_callback_and_the_model_trains_on():
    import keras

    from lrsearch import callbacks

    def interrupt(batch, logs):
        if batch == 3:
            raise KeyboardInterrupt

    model = linear(sgd())
    for callback in made(callbacks):
        with pytest.raises(KeyboardInterrupt):
            quiet(
                model,
                X,
                Y,
                epochs=2,
                callbacks=[callback, keras.callbacks.LambdaCallback(on_train_batch_end=interrupt)],
            )
        if isinstance(callback, callbacks.RangeTest):
            callback.restore()  # of a bare callback Keras does not call the end of training then
        assert 0.9 == momentum_of(model), type(callback).__name__
        model.optimizer.learning_rate = 0.01
        before = model.get_weights()[0]
        quiet(model, X, Y)
        assert not np.array_equal(before, model.get_weights()[0]), type(callback).__name__
    collect()


def test_every_schedule_drives_a_fit_at_the_rates_of_its_export():
    from lrsearch import callbacks

    model, monitor = linear(), callbacks.LearningRateMonitor()
    for member in SCHEDULES:
        golden = json.loads((GOLDEN / f"{member.model_fields['kind'].default}.json").read_text())["cases"][0]
        schedule = member.model_validate(golden["schedule"])
        quiet(model, X, Y, epochs=2, callbacks=[callbacks.ScheduleCallback(schedule, start_step=0), monitor])
        table = callbacks.to_keras(schedule, steps_per_epoch=6, total_steps=UPDATES)
        np.testing.assert_allclose(np.asarray(table(np.arange(UPDATES))), monitor.lrs, rtol=1e-6, err_msg=str(schedule))


def test_the_examples_run():
    from lrsearch import callbacks

    tried = 0
    for callback in callbacks.suite.CALLBACKS:
        result = doctest.testmod(importlib.import_module(callback.__module__))
        assert 0 == result.failed, callback.__module__
        tried += result.attempted
    assert tried > 10


def test_the_public_door_has_every_callback():
    from lrsearch import callbacks

    assert {callback.__name__ for callback in callbacks.suite.CALLBACKS} < set(callbacks.__all__)
    assert all(issubclass(getattr(callbacks, c.__name__), c) for c in callbacks.suite.CALLBACKS)
