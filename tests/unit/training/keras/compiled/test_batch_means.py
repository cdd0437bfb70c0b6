import keras
import numpy as np
import pytest
import tensorflow as tf

from lrsearch.training.keras.compiled.batch_means import batch_mean_of

pytestmark = pytest.mark.tensorflow


def model_of(outputs, activation):
    return keras.Sequential([keras.Input((4,)), keras.layers.Dense(outputs, activation=activation)])


def one_hot(draw, samples):
    return np.eye(3, dtype=np.float32)[draw.integers(0, 3, samples)]


@pytest.mark.parametrize("samples", [1, 7, 244, 500])
@pytest.mark.parametrize(
    ("metric", "activation", "labels"),
    [
        (keras.metrics.CategoricalAccuracy, "softmax", one_hot),
        (keras.metrics.CategoricalAccuracy, None, one_hot),
        (keras.metrics.SparseCategoricalAccuracy, "softmax", lambda draw, n: draw.integers(0, 3, n).astype(np.int32)),
        (keras.metrics.BinaryAccuracy, "sigmoid", lambda draw, n: draw.integers(0, 2, (n, 3)).astype(np.float32)),
        (keras.metrics.MeanAbsoluteError, None, lambda draw, n: draw.normal(size=(n, 3)).astype(np.float32)),
    ],
)
def test_the_mean_of_a_batch_has_the_bits_of_keras(metric, activation, labels, samples):
    draw, model, theirs = np.random.default_rng(samples), model_of(3, activation), metric()
    y = tf.constant(labels(draw, samples))
    prediction = model(draw.normal(size=(samples, 4)).astype(np.float32))
    mean = batch_mean_of(theirs, model)
    assert mean is not None
    theirs.update_state(y, prediction)
    # compiled for these samples too, where TensorFlow rewrites what it knows
    known = tf.function(lambda: mean(y, prediction))
    assert float(theirs.result()) == float(mean(y, prediction)) == float(known())


def test_of_equal_shares_the_first_class_counts_as_in_keras():
    model, theirs = model_of(3, "softmax"), keras.metrics.CategoricalAccuracy()
    y, prediction = tf.constant(np.eye(3, dtype=np.float32)), tf.fill([3, 3], 1 / 3)
    theirs.update_state(y, prediction)
    assert float(theirs.result()) == float(batch_mean_of(theirs, model)(y, prediction))


@pytest.mark.parametrize("metric", [keras.metrics.AUC(), keras.metrics.RootMeanSquaredError()], ids=["AUC", "RMSE"])
def test_what_is_no_mean_over_samples_is_left_to_keras(metric):
    assert batch_mean_of(metric, model_of(3, "softmax")) is None
