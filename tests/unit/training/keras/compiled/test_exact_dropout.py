import keras
import numpy as np
import pytest
import tensorflow as tf

from lrsearch.training.keras.compiled.exact_dropout import ExactDropout, make_exact, philox_uniform

pytestmark = pytest.mark.tensorflow

SEEDS = np.array([[123_456, 7], [0, 0], [2**31 - 3, 100_000]], np.int64)


@pytest.mark.parametrize("shape", [(1,), (5, 37), (3, 4, 5)])
def test_the_numbers_are_those_of_tensorflow(shape):
    for seed in SEEDS:
        expected = tf.random.stateless_uniform(shape, tf.constant(seed, tf.int32), alg="philox")
        np.testing.assert_array_equal(expected, philox_uniform(tf.constant(seed), tf.constant(shape)))


@pytest.mark.parametrize("xla", [False, True])
def test_a_stack_and_xla_draw_the_same_numbers(xla):
    @tf.function(jit_compile=xla, autograph=False)
    def stacked(seeds):
        return tf.vectorized_map(lambda seed: philox_uniform(seed, tf.constant([5, 37])), seeds)

    expected = [philox_uniform(tf.constant(seed), tf.constant([5, 37])) for seed in SEEDS]
    np.testing.assert_array_equal(expected, stacked(tf.constant(SEEDS)))


def test_a_layer_drops_what_the_layer_of_keras_drops_and_counts_on():
    model = keras.Sequential([keras.Input((200,)), keras.layers.Dropout(0.3, seed=5)])
    x = np.random.default_rng(0).normal(size=(64, 200)).astype(np.float32)
    state = model.layers[0].seed_generator.state
    state.assign([77, 3])
    expected = [model(x, training=True).numpy() for _ in range(2)]
    make_exact(model)
    state.assign([77, 3])
    np.testing.assert_array_equal(expected, [model(x, training=True).numpy() for _ in range(2)])
    np.testing.assert_array_equal(x, model(x, training=False))
    assert [77, 5] == state.numpy().tolist()


def test_only_plain_dropout_is_replaced():
    model = keras.Sequential([keras.Input((4, 4, 2)), keras.layers.SpatialDropout2D(0.5), keras.layers.Dropout(0.5)])
    make_exact(model)
    assert [keras.layers.SpatialDropout2D, ExactDropout] == [type(layer) for layer in model.layers]
