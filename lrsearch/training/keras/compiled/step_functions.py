"""One update and one measurement of a model as functions of tensors: what the compiled loops are made of."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lrsearch.training.keras.controls import split
from lrsearch.training.plan import Plan

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
        plan: any plan of the kind: what is special about its updates.
        class_weights: shape (classes,), factor on the loss of each class in training, or None.
    """

    def __init__(
        self,
        model: keras.Model,
        optimizer: Any,
        loss: Callable[..., Tensor],
        metrics: Sequence[keras.metrics.Metric],
        *,
        plan: Plan,
        class_weights: NDArray[np.float32] | None = None,
    ) -> None:
        self._model, self._optimizer, self._loss, self._metrics = model, optimizer, loss, list(metrics)
        self._plan, self._class_weights = plan, class_weights
        self.metric_count = len(self._metrics)
        self.takes_any_size = False
        """Whether an update may be traced for batches whose size is not known yet."""
        self.pads = False
        """Whether batches are filled up with samples that do not count, so that all have one size."""

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

    def update(self, state: State, rate: Tensor, x: Tensor, y: Tensor, mask: Tensor = None) -> tuple[State, Measured]:
        """One update of one member; `rate` is followed by its controls, where the plan has any.

        `mask` has the shape (batch,), float32: 1 for samples that count, 0 for those that fill the batch up; None: all count.
        """
        others, parts = state.others, self._parts(x, y)
        losses, predictions, gradients = Tensors(), Tensors(), list[Tensors]()
        for part in parts:
            with tf.GradientTape() as tape:
                tape.watch(state.weights)
                prediction, others, loss = self._forward(
                    state._replace(others=others), part.x, part.y, training=True, mask=mask
                )
                loss = part.of_update(loss)
                scaled = self._optimizer.scale_loss(loss)
            gradients.append(dense(tape.gradient(scaled, state.weights)))
            losses.append(loss)
            predictions.append(prediction)
        lr, controls = split(self._plan, rate)
        weights, slots = self._optimizer.apply(state.weights, added(gradients), state.slots, lr, controls)
        return State(weights, others, slots), Measured(total(losses), self._measure(y, joined(predictions), mask))

    def _parts(self, x: Tensor, y: Tensor) -> list[Part]:
        return parts_of(x, y, self._plan.batch_size if self._plan.accumulation_steps > 1 else None)

    def measure(self, state: State, x: Tensor, y: Tensor) -> Measured:
        """Loss and metrics of one member on a batch it is not trained on."""
        prediction, _, loss = self._forward(state, x, y, training=False)
        return Measured(loss, self._measure(y, prediction))

    def _forward(
        self, state: State, x: Tensor, y: Tensor, *, training: bool, mask: Tensor = None
    ) -> tuple[Tensor, Tensors, Tensor]:
        answer: Any = self._model.stateless_call(state.weights, state.others, x, training=training, return_losses=True)
        prediction, others, penalties = answer
        loss = self._weighted_loss(y, prediction, mask) if training else self._loss(y, prediction)
        return prediction, list(others), tf.add_n([loss, *penalties]) if penalties else loss

    def _weighted_loss(self, y: Tensor, prediction: Tensor, mask: Tensor = None) -> Tensor:
        """Mean of the losses of the samples that count, each times the weight of its class."""
        weights = [] if self._class_weights is None else [_weights_of(y, self._class_weights)]
        if mask is not None:
            weights.append(mask * (mask.shape[0] / tf.reduce_sum(mask)))  # Keras divides by all samples of the batch
        if not weights:
            return self._loss(y, prediction)
        return self._loss(y, prediction, sample_weight=functools.reduce(operator.mul, weights))

    def _measure(self, y: Tensor, prediction: Tensor, mask: Tensor = None) -> Tensor:
        values = [tf.cast(self._value(place, y, prediction, mask), tf.float32) for place in range(self.metric_count)]
        return tf.stack(values) if values else tf.zeros([0])

    def _value(self, place: int, y: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
        """The metric at a place on this batch."""
        return value_of(self._metrics[place], y, prediction, mask)


def _weights_of(y: Tensor, class_weights: NDArray[np.float32]) -> Tensor:
    """Weight of the class of each sample."""
    classes = tf.argmax(y, axis=-1) if len(y.shape) > 1 else y
    return tf.gather(tf.constant(class_weights), classes)


def value_of(metric: keras.metrics.Metric, y: Tensor, prediction: Tensor, mask: Tensor) -> Tensor:
    """A metric on this batch alone: its own variables stay as a reset left them."""
    fresh = [tf.convert_to_tensor(variable) for variable in metric.variables]
    counted = {} if mask is None else {"sample_weight": mask}
    return metric.stateless_result(metric.stateless_update_state(fresh, y, prediction, **counted))


class Part(NamedTuple):
    """A batch of an update.

    Attributes:
        x, y: its samples and labels.
        share: its share of the update's samples.
    """

    x: Tensor
    y: Tensor
    share: float

    def of_update(self, loss: Tensor) -> Tensor:
        """What the mean loss of this batch contributes to the mean loss of the update."""
        return loss if self.share == 1.0 else loss * self.share


def parts_of(x: Tensor, y: Tensor, size: int | None) -> list[Part]:
    """The samples of an update in batches of `size`, the last one smaller; None: in one."""
    samples = x.shape[0]
    if size is None or samples <= size:
        return [Part(x, y, 1.0)]
    starts = range(0, samples, size)
    return [Part(x[i : i + size], y[i : i + size], min(size, samples - i) / samples) for i in starts]


def added(gradients: Sequence[Tensors]) -> Tensors:
    """Sum over the batches of an update."""
    return [functools.reduce(operator.add, each) for each in zip(*gradients, strict=True)]


def total(losses: Tensors) -> Tensor:
    """Loss of an update from the contributions of its batches."""
    return functools.reduce(operator.add, losses)


def joined(predictions: Tensors) -> Tensor:
    """Predictions of all batches of an update."""
    return predictions[0] if len(predictions) == 1 else tf.concat(predictions, axis=0)


def dense(gradients: Tensors) -> Tensors:
    """Gradients without sparse slices, which embeddings have."""
    return [tf.convert_to_tensor(g) if isinstance(g, tf.IndexedSlices) else g for g in gradients]
