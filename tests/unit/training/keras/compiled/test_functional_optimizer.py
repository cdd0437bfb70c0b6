import keras
import numpy as np
import pytest
import tensorflow as tf

from lrsearch.training.keras.compiled.functional_optimizer import FunctionalOptimizer
from lrsearch.training.keras.optimizers import OURS
from lrsearch.training.optimizer_table import OPTIMIZERS

pytestmark = pytest.mark.tensorflow


def variables():
    draw = np.random.default_rng(1)
    return [keras.Variable(draw.normal(size=shape).astype(np.float32)) for shape in ((3, 2), (2,))]


def gradients(steps=10):
    draw = np.random.default_rng(2)
    return [[draw.normal(size=shape).astype(np.float32) for shape in ((3, 2), (2,))] for _ in range(steps)]


@pytest.mark.parametrize("row", OPTIMIZERS.values(), ids=lambda row: row.name)
def test_the_function_makes_the_updates_of_keras_and_leaves_the_variables_alone(row):
    kind = OURS.get(row.keras_class) or getattr(keras.optimizers, row.keras_class)
    held, expected = variables(), variables()
    optimizer = kind(learning_rate=0.01, weight_decay=0.5, clipnorm=0.5)
    function = FunctionalOptimizer(kind(learning_rate=0.5, weight_decay=0.5, clipnorm=0.5), held)
    weights = [tf.convert_to_tensor(variable) for variable in held]
    slots = [tf.convert_to_tensor(s) for s in function.first_slots([np.asarray(w) for w in weights])]
    for step in gradients():
        optimizer.apply(step, expected)
        weights, slots = function.apply(weights, [tf.constant(g) for g in step], slots, tf.constant(0.01))
    for variable, weight in zip(expected, weights, strict=True):
        np.testing.assert_allclose(variable, weight, rtol=1e-6, atol=1e-7)
    for before, after in zip(variables(), held, strict=True):
        np.testing.assert_array_equal(before, after)


def test_slots_that_copy_the_weights_start_at_each_members_own():
    function = FunctionalOptimizer(keras.optimizers.ScheduleFreeAdamW(), variables())
    own = [np.full((3, 2), 7.0), np.full(2, 8.0)]
    assert {7.0, 8.0} <= {float(np.max(slot)) for slot in function.first_slots(own)}


def test_the_final_weights_are_the_moving_averages_when_there_are_any():
    held = variables()
    own = [np.asarray(v) for v in held]
    plain = FunctionalOptimizer(keras.optimizers.SGD(), held)
    averaged = FunctionalOptimizer(keras.optimizers.SGD(use_ema=True), held)
    assert own is plain.final_weights(own, plain.first_slots(own))
    for average in averaged.final_weights(own, averaged.first_slots(own)):
        assert np.all(np.asarray(average) == 0)  # the averages before the first update


def test_averages_overwrite_the_weights_when_due_as_in_keras():
    given = {"use_ema": True, "ema_momentum": 0.5, "ema_overwrite_frequency": 3}
    held, expected = variables(), variables()
    optimizer = keras.optimizers.SGD(learning_rate=0.1, **given)
    function = FunctionalOptimizer(keras.optimizers.SGD(**given), held)
    weights = [tf.convert_to_tensor(v) for v in held]
    slots = [tf.convert_to_tensor(s) for s in function.first_slots([np.asarray(w) for w in weights])]
    for step in gradients(7):
        optimizer.apply(step, expected)
        weights, slots = function.apply(weights, [tf.constant(g) for g in step], slots, tf.constant(0.1))
        np.testing.assert_allclose(expected[0], weights[0], rtol=1e-6)


def test_our_schedule_free_adamw_is_what_keras_means_before_its_variables_alias():
    """As a function Keras' own update reads the momentum before it changes it, as the paper says."""
    ours, theirs = (
        FunctionalOptimizer(kind(learning_rate=0.1, warmup_steps=3), variables())
        for kind in (OURS["ScheduleFreeAdamW"], keras.optimizers.ScheduleFreeAdamW)
    )
    own = [np.asarray(v) for v in variables()]
    states = [
        ([tf.constant(w) for w in own], [tf.convert_to_tensor(s) for s in f.first_slots(own)]) for f in (ours, theirs)
    ]
    for step in gradients():
        states = [
            function.apply(weights, [tf.constant(g) for g in step], slots, tf.constant(0.1))
            for function, (weights, slots) in zip((ours, theirs), states, strict=True)
        ]
    for mine, other in zip(states[0][0], states[1][0], strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-5, atol=1e-6)
