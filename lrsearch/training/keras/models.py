"""Builders of our own models; layers as in the published experiments, shape and classes from the data."""

from __future__ import annotations

from collections.abc import Sequence

import keras
from keras import layers

from lrsearch.training.catalog import Task

Shape = tuple[int, ...]


def blobs_mlp(input_shape: Shape, outputs: int, task: Task) -> keras.Model:
    """Dense 50 relu he_uniform, softmax: the lecture notebook's network (study E)."""
    return _mlp("blobs_mlp", input_shape, [_relu(50)], _head(outputs, task))


def digits_mlp(input_shape: Shape, outputs: int, task: Task) -> keras.Model:
    """Dense 64 relu he_uniform, softmax."""
    return _mlp("digits_mlp", input_shape, [_relu(64)], _head(outputs, task))


def tabular_mlp(
    input_shape: Shape,
    outputs: int,
    task: Task,
    *,
    units: Sequence[int] = (32,),
    batch_norm: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Dense relu he_uniform layers of the given widths, each with batch normalisation and dropout where asked for."""
    hidden: list[keras.Layer] = []
    for width in units:
        if batch_norm:
            hidden += [
                layers.Dense(width, kernel_initializer="he_uniform"),
                layers.BatchNormalization(),
                layers.ReLU(),
            ]
        else:
            hidden.append(_relu(width))
        if dropout:
            hidden.append(layers.Dropout(dropout))
    return _mlp("tabular_mlp", input_shape, hidden, _head(outputs, task))


def mnist_cnn(input_shape: Shape, outputs: int, task: Task) -> keras.Model:
    """Two convolutions with pooling and dropout, Dense 256 (study B)."""
    hidden: list[keras.Layer] = []
    for filters in (32, 64):
        hidden += [_convolution(filters), layers.MaxPooling2D(2), layers.Dropout(0.25)]
    hidden += [layers.Flatten(), layers.Dense(256, activation="relu")]
    return _mlp("mnist_cnn", input_shape, hidden, _head(outputs, task))


def keras_mnist_cnn(input_shape: Shape, outputs: int, task: Task) -> keras.Model:
    """Two convolutions, pooling, dropout, Dense 128, glorot_normal head (study C)."""
    hidden: list[keras.Layer] = [
        layers.Conv2D(32, 3, activation="relu", kernel_initializer="he_uniform"),
        _convolution(64),
        layers.MaxPooling2D(2),
        layers.Dropout(0.25),
        layers.Flatten(),
        _relu(128),
        layers.Dropout(0.5),
    ]
    return _mlp("keras_mnist_cnn", input_shape, hidden, _head(outputs, task, "glorot_normal"))


def cifar_cnn(input_shape: Shape, outputs: int, task: Task) -> keras.Model:
    """Three convolutions with pooling, Dense 256 and 128 (study A)."""
    hidden: list[keras.Layer] = []
    for filters in (32, 64, 128):
        hidden += [_convolution(filters), layers.MaxPooling2D(2)]
    hidden += [layers.Flatten(), layers.Dense(256, activation="relu"), layers.Dense(128, activation="relu")]
    return _mlp("cifar_cnn", input_shape, hidden, _head(outputs, task))


def _mlp(name: str, input_shape: Shape, hidden: list[keras.Layer], head: keras.Layer) -> keras.Model:
    return keras.Sequential([keras.Input(input_shape), *hidden, head], name=name)


def _relu(units: int) -> keras.Layer:
    return layers.Dense(units, activation="relu", kernel_initializer="he_uniform")


def _convolution(filters: int) -> keras.Layer:
    return layers.Conv2D(filters, 3, activation="relu")


def _head(outputs: int, task: Task, kernel_initializer: str = "glorot_uniform") -> keras.Layer:
    activation = "softmax" if task == "classification" else None
    # Losses and metrics are computed in float32 also under a mixed precision policy.
    return layers.Dense(outputs, activation=activation, kernel_initializer=kernel_initializer, dtype="float32")
