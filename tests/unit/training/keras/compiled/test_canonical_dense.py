import keras
import numpy as np
import pytest
import tensorflow as tf

from lrsearch.training.keras.compiled.canonical_dense import Dense, make_canonical
from lrsearch.training.keras.layer_names import named_layers

pytestmark = pytest.mark.tensorflow

MEMBERS, BATCH = 3, 20


def model_of(inputs=7, units=40, outputs=3, **fields):
    layers = keras.layers
    return keras.Sequential([keras.Input((inputs,)), layers.Dense(units, "tanh"), layers.Dense(outputs, **fields)])


def weights_of(model):
    """Weights of every member, shape (members, ...) each."""
    generator = np.random.default_rng(0)
    return [tf.constant(generator.normal(size=(MEMBERS, *w.shape)), tf.float32) for w in model.trainable_variables]


def gradients_of(model, x):
    """A function: weights of one member -> gradients of the mean square of its outputs."""

    def gradients(weights):
        with tf.GradientTape() as tape:
            tape.watch(weights)
            answer, _ = model.stateless_call(weights, [], x)
            loss = tf.reduce_mean(answer**2)
        return tape.gradient(loss, weights)

    return gradients


def samples(*shape):
    return tf.constant(np.random.default_rng(1).normal(size=shape), tf.float32)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"inputs": 2},
        {"inputs": 30},
        {"inputs": 30, "outputs": 5},
        {"outputs": 1},
        {"use_bias": False, "activation": "softmax"},
    ],
    ids=str,
)
@pytest.mark.parametrize("batch", [5, 20])
def test_gradients_are_those_of_keras_alone_and_in_a_stack(fields, batch):
    model = model_of(**fields)
    weights = weights_of(model)
    gradients = gradients_of(model, samples(batch, model.input_shape[1]))
    one = [w[0] for w in weights]
    expected = gradients(one)
    make_canonical(model)
    alone = tf.function(gradients, jit_compile=True, autograph=False)(one)
    stacked = tf.function(lambda: tf.vectorized_map(gradients, weights), jit_compile=True, autograph=False)()
    for reference, gradient, gradients_stacked in zip(expected, alone, stacked, strict=True):
        np.testing.assert_allclose(reference, gradient, rtol=1e-4, atol=1e-5)
        np.testing.assert_allclose(reference, gradients_stacked[0], rtol=1e-4, atol=1e-5)


def test_a_stack_is_one_product_not_a_loop_over_members():
    model = model_of()
    make_canonical(model)
    gradients, weights = gradients_of(model, samples(BATCH, 7)), weights_of(model)
    traced = tf.function(lambda: tf.vectorized_map(gradients, weights), autograph=False).get_concrete_function()
    kinds = {operation.type for operation in traced.graph.get_operations()}
    assert "XlaOptimizationBarrier" in kinds
    assert not any("While" in kind for kind in kinds)


def test_outputs_keep_their_bits_and_logits_without_xla():
    model, x = model_of(activation="softmax"), samples(BATCH, 7)
    expected = model(x)
    make_canonical(model)
    found = model(x)
    np.testing.assert_array_equal(expected, found)
    np.testing.assert_array_equal(expected._keras_logits, found._keras_logits)


def test_only_plain_narrow_layers_are_replaced_and_keep_their_names():
    class Own(keras.layers.Dense):
        pass

    layers = keras.layers
    model = keras.Sequential([keras.Input((40,)), layers.Dense(32), layers.Dense(2), Own(30), layers.Dense(3)])
    names = [name for name, _ in named_layers(model)]
    make_canonical(model)
    assert [layers.Dense, Dense, Own, Dense] == [type(layer) for layer in model.layers]
    assert names == [name for name, _ in named_layers(model)]


def test_more_axes_are_left_to_keras():
    model = keras.Sequential([keras.Input((5, 8)), keras.layers.Dense(3)])
    x = samples(4, 5, 8)
    expected = model(x)
    make_canonical(model)
    np.testing.assert_array_equal(expected, model(x))
