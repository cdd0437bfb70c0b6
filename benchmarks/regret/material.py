"""Loaders and builders of the rows the benchmark adds; loads Keras."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
from keras import layers

from lrsearch.training.keras import datasets
from lrsearch.training.keras.datasets import Dataset

Shape = tuple[int, ...]


def fashion_small() -> Dataset:
    """The first 4,000 and 1,000 images."""
    whole = datasets.fashion_mnist()
    return Dataset(
        whole.x_train[:4000].copy(),
        whole.y_train[:4000].copy(),
        whole.x_test[:1000].copy(),
        whole.y_test[:1000].copy(),
    )


def fashion_small_flat() -> Dataset:
    """The same images as 14 x 14 means of 2 x 2 pixels."""
    return fashion_flat_part(slice(4000), slice(1000))


def fashion_flat_part(train: slice, test: slice) -> Dataset:
    """Some images as 14 x 14 means of 2 x 2 pixels."""
    whole = datasets.fashion_mnist()
    return Dataset(_means(whole.x_train[train]), whole.y_train[train], _means(whole.x_test[test]), whole.y_test[test])


def _means(images: Any) -> Any:
    return images.reshape(len(images), 14, 2, 14, 2).mean(axis=(2, 4)).reshape(len(images), 196)


def digits_images() -> Dataset:
    """The digits as 8 x 8 images."""
    flat = datasets.digits()
    shape = (-1, 8, 8, 1)
    return Dataset(flat.x_train.reshape(shape), flat.y_train, flat.x_test.reshape(shape), flat.y_test)


def wine_noise() -> Dataset:
    """Wines with shuffled labels."""
    return _shuffled(datasets.wine())


def digits_noise() -> Dataset:
    """Digits with shuffled labels."""
    return _shuffled(datasets.digits())


def cancer_noise() -> Dataset:
    """Cell nuclei with shuffled labels."""
    return _shuffled(datasets.breast_cancer())


def diabetes_noise() -> Dataset:
    """Disease progression of somebody else."""
    return _shuffled(datasets.diabetes())


def wine_tiny() -> Dataset:
    """Thirty wines."""
    whole = datasets.wine()
    return Dataset(whole.x_train[:30], whole.y_train[:30], whole.x_train[30:], whole.y_train[30:])


def _shuffled(true: Dataset) -> Dataset:
    rng = np.random.default_rng(0)
    return Dataset(true.x_train, rng.permutation(true.y_train), true.x_test, rng.permutation(true.y_test))


def iris_tiny() -> Dataset:
    """Twelve flowers."""
    whole = datasets.iris()
    return Dataset(whole.x_train[:12], whole.y_train[:12], whole.x_train, whole.y_train)


def dead_mlp(input_shape: Shape, outputs: int, task: str) -> keras.Model:
    """A relu that is never active before the softmax."""
    dead = layers.Dense(outputs, activation="relu", bias_initializer=keras.initializers.Constant(-1e6))
    return keras.Sequential([keras.Input(input_shape), layers.Dense(16, activation="relu"), dead, layers.Softmax()])


def exploding_mlp(input_shape: Shape, outputs: int, task: str) -> keras.Model:
    """Kernels so large that the loss is infinite in float32."""
    huge = keras.initializers.RandomNormal(stddev=1e12)
    hidden = layers.Dense(16, activation="relu", kernel_initializer=huge)
    return keras.Sequential([keras.Input(input_shape), hidden, layers.Dense(outputs, kernel_initializer=huge)])


def uniform_mlp(input_shape: Shape, outputs: int, task: str) -> keras.Model:
    """A head that starts at zero."""
    head = layers.Dense(outputs, activation="softmax", kernel_initializer="zeros")
    return keras.Sequential([keras.Input(input_shape), layers.Dense(32, activation="relu"), head])
