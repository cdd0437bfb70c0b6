"""One update and one measurement of a model as functions of tensors: what the compiled loops are made of."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import tensorflow as tf

Tensor = Any
Tensors = list[Any]


class State(NamedTuple):
    """Everything an update changes, of one member or of a stack of them (then each tensor has a leading axis).

    Attributes:
        weights: trainable variables of the model.
        others: its other variables: BatchNorm statistics, seeds of the dropout layers.
        slots: state of the optimizer.
    """

    weights: Tensors
    others: Tensors
    slots: Tensors


class Measured(NamedTuple):
    """What one batch measured before its update: the loss with the model's penalties, and metrics, shape (m,)."""

    loss: Tensor
    metrics: Tensor


class StepFunctions:
    """The update and the measurement of one model under one optimizer.

    Args:
        model: gives structure and layers; its own variables are never changed by an update.
        optimizer: a `FunctionalOptimizer`, built on the model's trainable variables.
        loss: (y_true, y_pred) -> scalar, the mean over the batch.
        metrics: Keras metrics; their own state is never changed.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Any,
        loss: Callable[[Tensor, Tensor], Tensor],
        metrics: Sequence[keras.metrics.Metric],
    ) -> None:
        self._model, self._optimizer, self._loss, self._metrics = model, optimizer, loss, list(metrics)
        self.metric_count = len(self._metrics)
        self.takes_any_size = False
        """Whether an update may be traced for batches whose size is not known yet."""

    def prepare(self, labels: Any) -> None:
        """Let the metrics make their variables, which must not happen inside a compiled function."""
        for metric in self._metrics:
            metric.update_state(labels, tf.zeros([len(labels), *self._model.output_shape[1:]]))
            metric.reset_state()

    def enter(self, state: State) -> State:
        """What the loop carries from update to update: the state itself."""
        return state

    def leave(self, carried: State) -> State:
        """The state after the loop."""
        return carried

    def update(self, state: State, rate: Tensor, x: Tensor, y: Tensor) -> tuple[State, Measured]:
        """One update of one member."""
        with tf.GradientTape() as tape:
            tape.watch(state.weights)
            prediction, others, loss = self._forward(state, x, y, training=True)
            scaled = self._optimizer.scale_loss(loss)
        gradients = tape.gradient(scaled, state.weights)
        weights, slots = self._optimizer.apply(state.weights, dense(gradients), state.slots, rate)
        return State(weights, others, slots), Measured(loss, self._measure(y, prediction))

    def measure(self, state: State, x: Tensor, y: Tensor) -> Measured:
        """Loss and metrics of one member on a batch it is not trained on."""
        prediction, _, loss = self._forward(state, x, y, training=False)
        return Measured(loss, self._measure(y, prediction))

    def _forward(self, state: State, x: Tensor, y: Tensor, *, training: bool) -> tuple[Tensor, Tensors, Tensor]:
        answer: Any = self._model.stateless_call(state.weights, state.others, x, training=training, return_losses=True)
        prediction, others, penalties = answer
        loss = self._loss(y, prediction)
        return prediction, list(others), tf.add_n([loss, *penalties]) if penalties else loss

    def _measure(self, y: Tensor, prediction: Tensor) -> Tensor:
        values = [tf.cast(_value(metric, y, prediction), tf.float32) for metric in self._metrics]
        return tf.stack(values) if values else tf.zeros([0])


def _value(metric: keras.metrics.Metric, y: Tensor, prediction: Tensor) -> Tensor:
    """A metric on this batch alone: its own variables stay as a reset left them."""
    fresh = [tf.convert_to_tensor(variable) for variable in metric.variables]
    return metric.stateless_result(metric.stateless_update_state(fresh, y, prediction))


def dense(gradients: Tensors) -> Tensors:
    """Gradients without sparse slices, which embeddings have."""
    return [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
