"""Small models and data for tests of callbacks; everything imports Keras late."""

from __future__ import annotations

import gc
from typing import Any

import numpy as np

SAMPLES, FEATURES = 48, 3
RNG = np.random.default_rng(7)
X = RNG.normal(size=(SAMPLES, FEATURES)).astype(np.float32)
Y = (X @ np.array([1.0, -2.0, 0.5], dtype=np.float32) + RNG.normal(scale=0.5, size=SAMPLES).astype(np.float32))[:, None]


def linear(optimizer: Any = "sgd", **compiling: Any):
    """A linear model without bias that starts at 0.1; its training is easily done by hand."""
    import keras

    model = keras.Sequential(
        [
            keras.Input((FEATURES,)),
            keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.1)),
        ]
    )
    model.compile(optimizer, "mse", **{"jit_compile": False} | compiling)
    return model


def deep(optimizer: Any = None, policy: str = "float32", **compiling: Any):
    """A model with everything that has a state: BatchNorm statistics, dropout's seed generator, slots, metrics."""
    import keras

    keras.utils.set_random_seed(5)
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        model = keras.Sequential(
            [
                keras.Input((FEATURES,)),
                keras.layers.Dense(8, activation="relu"),
                keras.layers.BatchNormalization(),
                keras.layers.Dropout(0.3),
                keras.layers.Dense(1, dtype="float32"),
            ]
        )
        model.compile(
            optimizer or keras.optimizers.Adam(0.01), "mse", **{"jit_compile": False, "metrics": ["mae"]} | compiling
        )
    finally:
        keras.config.set_dtype_policy(before)
    return model


def own_step(reported: str, optimizer: Any = "sgd"):
    """The linear model with a train_step of its own, whose metric has another name than what it reports."""
    import keras
    import tensorflow as tf

    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.dense = keras.layers.Dense(1, use_bias=False, kernel_initializer=keras.initializers.Constant(0.1))
            self.mean = keras.metrics.Mean(name="another_name")

        def call(self, x):
            return self.dense(x)

        def train_step(self, data):
            x, y = data
            with tf.GradientTape() as tape:
                loss = tf.reduce_mean((self(x, training=True) - y) ** 2)
            gradients = tape.gradient(loss, self.trainable_weights)
            self.optimizer.apply_gradients(zip(gradients, self.trainable_weights, strict=True))
            self.mean.update_state(loss)
            return {reported: self.mean.result()}

    model = Own()
    model(X)
    model.compile(optimizer, jit_compile=False)
    return model


def batches(size: int = 8, count: int | None = None):
    """Batches of the data in order, over and over; `count` of them, or without end."""
    made = 0
    while count is None or made < count:
        first = made * size % SAMPLES
        yield X[first : first + size], Y[first : first + size]
        made += 1


def descent(rates, size: int = 8, momenta=None):
    """Losses and final weights of the linear model trained in numpy, float64, by (momentum) gradient descent."""
    w, m = np.full((FEATURES, 1), 0.1), np.zeros((FEATURES, 1))
    losses = []
    momenta = np.zeros(len(rates)) if momenta is None else momenta
    for (x, y), rate, momentum in zip(batches(size, len(rates)), rates, momenta, strict=True):
        residual = x.astype(float) @ w - y
        losses.append(float(np.mean(residual**2)))
        m = momentum * m - rate * 2 * x.T.astype(float) @ residual / len(x)
        w = w + m
    return np.array(losses), w


def state(model) -> dict[str, Any]:
    """Everything a fit changes."""
    from lrsearch.training.keras import weights

    return weights.snapshot(model)


def assert_same_state(expected: dict[str, Any], actual: dict[str, Any]) -> None:
    for name, value in expected.items():
        if not name.startswith("metrics/"):
            np.testing.assert_array_equal(value, actual[name], err_msg=name)


def quiet(model, *data, **arguments):
    """A fit in the order of the data, without a progress bar."""
    return model.fit(*data, **{"verbose": 0, "shuffle": False, "batch_size": 8} | arguments)


def collect() -> None:
    """Destroy the data iterators of fits that were stopped, while it is quick (see `RangeTest.__exit__`)."""
    gc.collect()
    gc.freeze()  # what is left is looked at no more, so that the next time is quick
