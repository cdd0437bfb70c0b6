import json

import numpy as np
import pytest

from lrsearch import controllers
from lrsearch.controllers import KeepRate, SetRate
from lrsearch.errors import InvalidDocument
from tests.unit.training.keras.callbacks.toys import (
    X,
    Y,
    assert_same_state,
    batches,
    deep,
    linear,
    quiet,
    state,
)

pytestmark = pytest.mark.tensorflow
STALLED = {"monitor": "loss", "patience": 1, "min_delta": 1e9}
"""Nothing is ever an improvement after the first epoch."""


def test_reduce_on_plateau_lowers_the_rate_as_keras_does(suite):
    import keras

    rates = {}
    for name, callback in (
        ("keras", keras.callbacks.ReduceLROnPlateau(monitor="loss", factor=0.5, patience=2, min_delta=1e9, cooldown=1)),
        ("ours", suite.ReduceOnPlateau(monitor="loss", factor=0.5, patience=2, min_delta=1e9, cooldown=1)),
    ):
        monitor = suite.LearningRateMonitor()
        quiet(linear(), X, Y, epochs=12, callbacks=[callback, monitor])
        rates[name] = monitor.lrs
    assert rates["keras"] == rates["ours"]
    assert rates["ours"][-1] < rates["ours"][0]


def test_the_memory_of_reduce_on_plateau_survives_a_new_process(suite):
    whole, parts = linear(), linear()
    rule = {"monitor": "loss", "patience": 3, "min_delta": 1e9, "factor": 0.5}
    quiet(whole, X, Y, epochs=6, callbacks=[suite.ReduceOnPlateau(**rule)])
    first = suite.ReduceOnPlateau(**rule)
    quiet(parts, X, Y, epochs=2, callbacks=[first])
    second = suite.ReduceOnPlateau(**rule).restore(json.loads(json.dumps(first.snapshot())))
    quiet(parts, X, Y, epochs=6, initial_epoch=2, callbacks=[second])
    assert_same_state(state(whole), state(parts))
    with pytest.raises(InvalidDocument):
        second.restore({"kind": "early_stopping"})


def test_a_second_fit_starts_afresh(suite):
    callback, model = suite.ReduceOnPlateau(**STALLED, factor=0.5), linear()
    for _ in range(2):
        quiet(model, X, Y, epochs=2, callbacks=[callback])
        assert [KeepRate, SetRate] == [type(decision) for _, decision in callback.decisions]


def test_the_history_has_the_rate_of_each_epoch(suite):
    history = quiet(linear(), X, Y, epochs=3, callbacks=[suite.ReduceOnPlateau(**STALLED, factor=0.5)])
    assert [0.01, 0.01, 0.005] == history.history["learning_rate"]


def test_a_metric_that_is_not_measured_is_told_once_and_passed_over(suite):
    callback = suite.ReduceOnPlateau(monitor="val_loss")
    with pytest.warns(UserWarning, match=r"watches monitor='val_loss'.*measured: loss. Pass validation_data") as caught:
        quiet(linear(), X, Y, epochs=3, callbacks=[callback])
    assert 1 == len([warning for warning in caught if "watches" in str(warning.message)])
    assert all(isinstance(decision, KeepRate) for _, decision in callback.decisions)


def test_a_controller_or_its_fields_but_not_both(suite):
    rule = controllers.ReduceOnPlateau(patience=3)
    assert rule == suite.ReduceOnPlateau(rule).controller == suite.ReduceOnPlateau(patience=3).controller
    with pytest.raises(TypeError, match="got a controller and patience too"):
        suite.ReduceOnPlateau(rule, patience=3)
    with pytest.raises(ValueError, match="patience"):
        suite.FindOnPlateau(patience=-1)


def test_controllers_refuse_a_schedule_in_the_optimizer(suite):
    import keras

    schedule = keras.optimizers.schedules.InverseTimeDecay(0.1, 1, 0.1)
    for callback in (suite.ReduceOnPlateau(), suite.FindOnPlateau()):
        with pytest.raises(ValueError, match=f"LearningRateSchedule.*leave {type(callback).__name__} out"):
            quiet(linear(keras.optimizers.SGD(schedule)), X, Y, callbacks=[callback])


# find_on_plateau


def probing(suite, **fields):
    return suite.FindOnPlateau(**STALLED | {"min_lr": 1e-4, "max_lr": 100.0, "steps": 60, "cooldown": 9} | fields)


def test_a_range_test_in_the_middle_of_a_fit_finds_a_rate_and_trains_on_at_it(suite):
    finder, monitor = probing(suite, max_increase=1e6), suite.LearningRateMonitor()
    quiet(linear(), X, Y, batch_size=48, epochs=4, callbacks=[finder, monitor])
    (test,) = finder.tests
    assert (1, 0.01, "suggestion") == (test.epoch, test.old_lr, test.verdict)
    assert 0.01 < test.new_lr < 1.0
    np.testing.assert_allclose([0.01, 0.01, test.new_lr, test.new_lr], monitor.lrs, rtol=1e-6)


@pytest.mark.parametrize("policy", ["float32", pytest.param("mixed_float16", marks=pytest.mark.long)])
def test_a_test_that_finds_nothing_leaves_no_trace_in_the_fit(suite, policy):
    import keras

    from lrsearch.training.keras import weights

    model, results = deep(policy=policy), []
    model.build((None, 3))
    model.optimizer.build(model.trainable_variables)
    start = state(model)
    flat = probing(suite, min_lr=1e-12, max_lr=1e-11, steps=10)  # far too small to move anything
    for callbacks in ([], [flat]):
        weights.restore(model, start)
        keras.utils.set_random_seed(2)
        history = quiet(model, X, Y, epochs=4, shuffle=True, callbacks=callbacks, validation_data=(X, Y)).history
        results.append((history["loss"], history["val_loss"], state(model)))
    assert ["flat"] == [test.verdict for test in flat.tests]
    assert results[0][:2] == results[1][:2]
    assert_same_state(results[0][2], results[1][2])


def test_it_tests_on_the_batches_it_is_given_of_any_kind(suite):
    import keras
    import tensorflow as tf

    class Pieces(keras.utils.PyDataset):
        def __len__(self):
            return 1

        def __getitem__(self, index):
            return X, Y

    model, found = linear(), []
    for data in (
        (X, Y),
        [(X, Y)],
        tf.data.Dataset.from_tensor_slices((X, Y)).batch(48),
        Pieces(),
        lambda: batches(48, count=2),
        batches(48),
    ):
        model.set_weights([np.full((3, 1), 0.1, np.float32)])
        model.optimizer.learning_rate = 0.01
        finder = probing(suite, data=data, batch_size=48, max_increase=1e6)
        quiet(model, X, Y, epochs=2, callbacks=[finder])
        found.append(finder.tests[0].new_lr)
    np.testing.assert_allclose(found[0], found[1:], rtol=1e-4)
    with pytest.raises(ValueError, match=r"data \(list\) has no batch"):
        quiet(model, X, Y, epochs=2, callbacks=[probing(suite, data=[])])


def test_it_counts_updates_when_gradients_are_accumulated(suite):
    import keras

    found = []
    for micro, optimizer in (
        (48, keras.optimizers.SGD(0.01)),
        (24, keras.optimizers.SGD(0.01, gradient_accumulation_steps=2)),
    ):
        finder = probing(suite, max_increase=1e6)
        quiet(linear(optimizer), X, Y, batch_size=micro, epochs=2, callbacks=[finder])
        found.append(finder.tests[0].new_lr)
    assert found[0] == pytest.approx(found[1], rel=1e-4)


def test_it_works_with_several_steps_an_execution(suite):
    model, finder = linear(steps_per_execution=4), probing(suite)
    quiet(model, X, Y, epochs=4, callbacks=[finder])
    assert 24 == int(model.optimizer.iterations)
    assert 1 == len(finder.tests)


def test_the_train_function_is_bare_again_after_the_fit(suite):
    from lrsearch.training.keras.callbacks.train_function import bare

    model = linear()
    quiet(model, X, Y)
    function = model.train_function
    quiet(model, X, Y, epochs=2, callbacks=[probing(suite), suite.StopOnDivergence()])
    assert bare(function) is function is model.train_function
