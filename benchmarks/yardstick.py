"""The yardstick: the compiled step loop that somebody who knows TensorFlow would write by hand for this one run."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lrsearch.training.keras.prepared import prepare, splits_of
from lrsearch.training.keras.weights import initial_weights
from lrsearch.training.plan import Plan

LEAVES_OUT = (
    "The yardstick does the same work by hand for one fixed model, data set and length: it draws the weights and the "
    "data order from the seed, takes the rates in as a vector, trains in one compiled loop and hands the batch losses "
    "out as an array; it leaves out the watch for divergence, epoch means, chunks that can be cancelled, the report to "
    "an observer, and the record of what was run where. Its gradients are all "
    "TensorFlow's own; on a CPU, ours of narrow layers are not."
)
"""For the page."""


class Yardstick:
    """Model, data and compiled loop are made once; `run` is one training.

    Args:
        plan: model, data, optimizer, batch size and number of steps; its batches must all be full.
        xla: whether XLA compiles the loop.
    """

    def __init__(self, plan: Plan, *, xla: bool) -> None:
        prepared = prepare(plan)
        self._model: Any = prepared.model
        self._plan = plan
        self._x, self._y = (tf.constant(part) for part in splits_of(plan, prepared.data).train)
        if len(self._x) % plan.batch_size:
            raise ValueError("The yardstick knows no uneven last batch; take a batch size that divides the samples.")
        kind = {"class_name": _class_name(self._model.loss), "config": {}}
        self._loss: Any = keras.losses.get(kind)
        self._loop = tf.function(self._steps, jit_compile=xla, autograph=False)

    def run(self, seed: int | None = None) -> NDArray[np.float64]:
        """One training under a seed, by default the plan's: shape (steps,), the batch losses."""
        plan = self._plan if seed is None else replace(self._plan, seed=seed)
        per_epoch, epochs = len(self._x) // plan.batch_size, range(-(-plan.steps * plan.batch_size // len(self._x)))
        orders = [np.random.default_rng([plan.seed, epoch]).permutation(len(self._x)) for epoch in epochs]
        batches = np.concatenate(orders).astype(np.int32).reshape(len(epochs) * per_epoch, plan.batch_size)
        weights = [tf.constant(value) for value in initial_weights(self._model, plan.seed)]
        rates = tf.constant(plan.rates.astype(np.float32))
        losses = self._loop(weights, tf.constant(batches[: plan.steps]), rates, self._x, self._y)
        return losses.numpy().astype(np.float64)

    def _steps(self, weights: Any, batches: Any, rates: Any, x: Any, y: Any) -> Any:
        """The loop: the model's own variables and a stock optimizer, started over."""
        model, optimizer = self._model, self._model.optimizer
        for variable, value in zip(model.trainable_variables, weights, strict=True):
            variable.assign(value)
        for slot in optimizer.variables:
            slot.assign(tf.zeros_like(slot.value))

        def body(i: Any, losses: Any) -> tuple[Any, Any]:
            with tf.GradientTape() as tape:
                loss = self._loss(tf.gather(y, batches[i]), model(tf.gather(x, batches[i]), training=True))
            optimizer.learning_rate.assign(rates[i])
            optimizer.apply(tape.gradient(loss, model.trainable_variables), model.trainable_variables)
            return i + 1, losses.write(i, loss)

        steps = self._plan.steps
        losses = tf.TensorArray(tf.float32, steps, element_shape=[])
        return tf.while_loop(lambda i, _: i < steps, body, (tf.constant(0), losses))[1].stack()


def _class_name(loss: str) -> str:
    return "".join(word.capitalize() for word in loss.split("_"))
