"""Metrics that are means over the samples of a batch, in few operations: without XLA each costs as much as its arithmetic."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf
from keras.src.metrics.reduction_metrics import Mean, MeanMetricWrapper

Tensor = Any
Values = Callable[[Tensor, Tensor], Tensor]
"""(labels, predictions) -> numbers."""


def batch_mean_of(metric: keras.metrics.Metric, model: keras.Model) -> Values | None:
    """The metric of a batch alone, with the bits of Keras' own; None where it is no plain mean over samples.

    Keras adds sum and number to two variables and divides what these hold. A reset left 0 there, so that it is the sum
    over the number.
    """
    kind: Any = type(metric)
    if kind.update_state is not MeanMetricWrapper.update_state or kind.result is not Mean.result:
        return None
    values = _values_of(metric, model)

    def mean(y: Tensor, prediction: Tensor) -> Tensor:
        each = tf.cast(values(y, prediction), metric.dtype)
        if each.shape.rank > 1:
            each = tf.reduce_mean(each, axis=list(range(1, each.shape.rank)))
        # as Keras divides: TensorFlow turns a plain division by a known number into a product, whose last bit may differ
        return tf.math.divide_no_nan(tf.reduce_sum(each), tf.cast(tf.shape(each)[0], metric.dtype))

    return mean


def _values_of(metric: Any, model: keras.Model) -> Values:
    """The metric of each sample."""
    if type(metric) is keras.metrics.CategoricalAccuracy and _ends_in_softmax(model):
        return _is_greatest
    return lambda y, prediction: metric._fn(y, prediction, **metric._fn_kwargs)


def _is_greatest(y: Tensor, prediction: Tensor) -> Tensor:
    """Whether the class of a one-hot row has the greatest share; Keras orders -0.0 before 0.0 first, but both rows have more.

    The greatest share is that of the greatest logit, which Keras leaves beside the shares, as it does for the loss. TensorFlow
    drops shares that nobody reads: on a CPU its softmax takes as long as the rest of a small model's update.
    """
    scores = getattr(prediction, "_keras_logits", prediction)
    labelled, found = (tf.argmax(each, axis=-1, output_type=tf.int32) for each in (y, scores))
    return tf.equal(labelled, found)


def _ends_in_softmax(model: keras.Model) -> bool:
    last: Any = model.layers[-1]
    return getattr(last, "activation", None) is keras.activations.softmax and last.output is model.outputs[0]
