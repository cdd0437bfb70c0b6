"""What `model.fit` does not do by itself: updates of several batches, random changes of the samples trained on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import tensorflow as tf
from keras.src.trainers.data_adapters.data_adapter_utils import unpack_x_y_sample_weight

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.training.augmentation import AnyAugmentation, Flip, Noise, Rotation, Translation, Zoom
from lrsearch.training.plan import Plan

Tensor = Any
OWN_LOGIC = ("train_step", "test_step", "compute_loss", "compute_metrics")
"""Methods with which a model says itself what a step is; `model.fit` calls them, the compiled loop does not."""


def own_logic(model: keras.Model) -> list[str]:
    """Those of `OWN_LOGIC` that the model's class overrides."""
    kind = type(model)
    return [name for name in OWN_LOGIC if _defining(kind, name) is not _defining(keras.Model, name)]


def _defining(kind: type, name: str) -> type:
    """The class whose version of a method is used; Sequential and Functional override none of ours."""
    return next(base for base in kind.__mro__ if name in vars(base))


def with_own_updates(plan: Plan, model: keras.Model) -> keras.Model:
    """The model, made to accumulate gradients and to change its samples as the plan says.

    Raises:
        InvalidDocument: the plan asks for either, and the model has a `train_step` of its own.
    """
    fields = {"accumulation_steps": plan.accumulation_steps > 1, "augmentation": bool(plan.augmentation)}
    asked = [name for name, is_asked in fields.items() if is_asked]
    if asked and (own := own_logic(model)):
        raise InvalidDocument([_conflict(name, plan, model, own) for name in asked])
    if plan.augmentation:
        model = Augmented(model, [layer_of(change) for change in plan.augmentation])
    if plan.accumulation_steps > 1:
        kind: Any = type(model)
        model.__class__ = type(kind.__name__, (Accumulating, kind), {"part_size": plan.batch_size})
    return model


def _conflict(field: str, plan: Plan, model: keras.Model, own: Sequence[str]) -> Problem:
    message = f"{plan.model.name} has its own {' and '.join(own)}, which {field} would replace."
    return Problem(
        f"/{field}", "own_train_step", getattr(plan, field), message, f"Leave {field} out, or use another model."
    )


def layer_of(change: AnyAugmentation) -> keras.Layer:
    """The Keras layer that makes a change."""
    layers: Any = keras.layers
    match change:
        case Flip():
            return layers.RandomFlip(change.mode)
        case Translation():
            return layers.RandomTranslation(change.height, change.width, fill_mode=change.fill_mode)
        case Rotation():
            return layers.RandomRotation(change.factor, fill_mode=change.fill_mode)
        case Zoom():
            return layers.RandomZoom(change.factor, fill_mode=change.fill_mode)
        case Noise():
            return layers.GaussianNoise(change.stddev)


class Augmented(keras.Model):
    """A model behind layers that change its samples in training, and in training only.

    Args:
        plain: the model; it has the same weights with and without the layers.
        changes: layers without weights.
    """

    def __init__(self, plain: keras.Model, changes: Sequence[keras.Layer]) -> None:
        super().__init__(name=plain.name)
        self.plain, self.changes = plain, list(changes)
        self.built = True

    def call(self, inputs: Tensor, training: bool = False) -> Tensor:
        """The model's answer."""
        if training:
            for change in self.changes:
                made: Any = change
                inputs = made(inputs, training=True)
        answer: Any = self.plain(inputs, training=training)
        return answer


class Accumulating:
    """Mixed in before a model's class: an update from the gradients of several batches.

    The batch that `fit` hands over is cut into parts of `part_size`, the last one smaller. The gradient is the mean over
    all samples: that of each part, weighted by its samples. BatchNormalization and Dropout see the parts one by one.
    """

    part_size = 1

    def train_step(self, data: Any) -> Any:
        """One update."""
        model: Any = self
        x, y, weight = _unpacked(data)
        samples = tf.shape(y)[0]

        def body(i: Tensor, done: Tensor, gradients: list[Tensor], predictions: Any) -> tuple[Any, ...]:
            xs, ys = (each[i : i + self.part_size] for each in (x, y))
            ws = None if weight is None else weight[i : i + self.part_size]
            with tf.GradientTape() as tape:
                prediction = model(xs, training=True)
                loss = model._compute_loss(x=xs, y=ys, y_pred=prediction, sample_weight=ws, training=True)
                loss = loss * tf.cast(tf.shape(ys)[0] / samples, loss.dtype)
                scaled = model.optimizer.scale_loss(loss)
            new = [tf.convert_to_tensor(g) for g in tape.gradient(scaled, model.trainable_weights)]
            sums = [a + b for a, b in zip(gradients, new, strict=True)]
            return i + self.part_size, done + loss, sums, predictions.write(i // self.part_size, prediction)

        shape = model.compute_output_shape((None, *x.shape[1:]))
        predictions = tf.TensorArray(tf.float32, 0, dynamic_size=True, infer_shape=False, element_shape=shape)
        zeros = [tf.zeros(v.shape, v.dtype) for v in model.trainable_weights]
        _, loss, gradients, predictions = tf.while_loop(
            lambda i, *_: i < samples, body, (tf.constant(0), tf.constant(0.0), zeros, predictions)
        )
        model._loss_tracker.update_state(loss, sample_weight=samples)
        model.optimizer.apply_gradients(zip(gradients, model.trainable_weights, strict=True))
        return model.compute_metrics(x, y, predictions.concat(), sample_weight=weight)


def _unpacked(data: Any) -> Any:
    return unpack_x_y_sample_weight(data)
