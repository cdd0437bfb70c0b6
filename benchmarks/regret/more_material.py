"""Loaders and builders of the rows in `benchmarks.regret.wider` and `benchmarks.regret.unseen`; loads Keras."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import layers
from numpy.typing import NDArray
from sklearn import datasets as shipped

from benchmarks.regret.material import fashion_flat_part
from lrsearch.training.keras import datasets
from lrsearch.training.keras.datasets import Dataset

Shape = tuple[int, ...]
Floats = NDArray[np.float64]
TEST_SHARE = 5
"""One sample in this many is for the test; all samples are drawn in random order."""


def _parts(x: Any, y: Any, *, scale_x: bool = True, scale_y: bool = True) -> Dataset:
    """Train and test part; features standardised and targets too, as asked; whole numbers are classes."""
    kept = len(x) - len(x) // TEST_SHARE
    if scale_x:
        x = (x - x[:kept].mean(axis=0)) / (x[:kept].std(axis=0) + 1e-6)
    if np.issubdtype(y.dtype, np.integer):
        labels: Any = y.astype(np.int32)
    else:
        labels = ((y - y[:kept].mean()) / y[:kept].std() if scale_y else y)[:, None].astype(np.float32)
    samples = x.astype(np.float32)
    return Dataset(samples[:kept], labels[:kept], samples[kept:], labels[kept:])


def spirals() -> Dataset:
    """Two spirals of one and a half turns."""
    rng = np.random.default_rng(21)
    label = rng.integers(0, 2, 1000)
    t = rng.uniform(0.3, 1.0, 1000) * 3.0 * np.pi
    x = np.stack([t * np.cos(t + np.pi * label), t * np.sin(t + np.pi * label)], axis=1)
    return _parts(x + rng.normal(0.0, 0.3, x.shape), label)


def signs() -> Dataset:
    """Whether two of twelve numbers have the same sign."""
    rng = np.random.default_rng(22)
    x = rng.normal(size=(1500, 12))
    return _parts(x, (x[:, 0] * x[:, 1] > 0).astype(int))


def friedman3() -> Dataset:
    """Friedman's third function."""
    return _parts(*shipped.make_friedman3(n_samples=700, noise=0.1, random_state=23))


def fashion_bytes() -> Dataset:
    """Images 5,000 to 8,000, as numbers from 0 to 255."""
    whole, white = fashion_flat_part(slice(5_000, 8_000), slice(3_000, 4_000)), np.float32(255)
    return Dataset(whole.x_train * white, whole.y_train, whole.x_test * white, whole.y_test)


def digits_components() -> Dataset:
    """The digits' first twenty principal components, each of deviation 1."""
    whole = datasets.digits()
    mean = whole.x_train.mean(axis=0)
    axes = np.linalg.svd(whole.x_train - mean, full_matrices=False)[2][:20].T
    train, test = (whole.x_train - mean) @ axes, (whole.x_test - mean) @ axes
    size = train.std(axis=0)
    return Dataset(train / size, whole.y_train, test / size, whole.y_test)


def sparse() -> Dataset:
    """A linear target of four of ten features."""
    return _parts(*shipped.make_sparse_uncorrelated(n_samples=500, random_state=24))


def hastie() -> Dataset:
    """Whether ten normal numbers lie outside of a sphere."""
    x, y = shipped.make_hastie_10_2(n_samples=2500, random_state=25)
    return _parts(x, (y > 0).astype(int))


def two_clothes() -> Dataset:
    """Pullovers and shirts, six hundred images of the first six thousand."""
    whole = fashion_flat_part(slice(6_000), slice(3_000))
    return _two_classes(whole, 2, 6, 600)


def _two_classes(whole: Dataset, first: int, second: int, samples: int) -> Dataset:
    train, test = (np.flatnonzero((y == first) | (y == second)) for y in (whole.y_train, whole.y_test))
    train = train[:samples]
    labels = [(y == second).astype(np.int32) for y in (whole.y_train[train], whole.y_test[test[:400]])]
    return Dataset(whole.x_train[train], labels[0], whole.x_test[test[:400]], labels[1])


def sine() -> Dataset:
    """Two waves of one number."""
    rng = np.random.default_rng(26)
    x = rng.uniform(-3.0, 3.0, (800, 1))
    return _parts(x, np.sin(3.0 * x[:, 0]) + 0.1 * rng.normal(size=800))


def low_rank() -> Dataset:
    """A linear target of sixty correlated features, near a thousand and as it comes."""
    x, y = shipped.make_regression(n_samples=500, n_features=60, effective_rank=8, noise=0.5, random_state=27)
    return _parts(x, 1000.0 + 10.0 * y, scale_y=False)


def classes20() -> Dataset:
    """Twenty classes."""
    arguments = {"n_features": 24, "n_informative": 12, "n_redundant": 4, "n_classes": 20, "n_clusters_per_class": 1}
    return _parts(*shipped.make_classification(n_samples=3000, random_state=28, **arguments))


def digits_pictures() -> Dataset:
    """The digits as images."""
    flat, shape = datasets.digits(), (-1, 8, 8, 1)
    return Dataset(flat.x_train.reshape(shape), flat.y_train, flat.x_test.reshape(shape), flat.y_test)


def checkerboard() -> Dataset:
    """The fields of a board of four by four."""
    rng = np.random.default_rng(31)
    x = rng.uniform(0.0, 4.0, (1400, 2))
    return _parts(x, (np.floor(x).sum(axis=1) % 2).astype(int))


def waveform() -> Dataset:
    """Breiman's waves: mixtures of two of three triangles, at twenty-one points."""
    rng = np.random.default_rng(32)
    label, share = rng.integers(0, 3, 1200), rng.uniform(size=(1200, 1))
    triangles = np.maximum(6.0 - np.abs(np.arange(21) - np.array([[10], [14], [6]])), 0.0)
    pairs = np.array([[0, 1], [0, 2], [1, 2]])[label]
    x = share * triangles[pairs[:, 0]] + (1.0 - share) * triangles[pairs[:, 1]]
    return _parts(x + rng.normal(size=x.shape), label)


def heavy_tails() -> Dataset:
    """A function of steps under noise with two degrees of freedom."""
    rng = np.random.default_rng(33)
    x = rng.uniform(-1.0, 1.0, (900, 6))
    y = 2.0 * (x[:, 0] > 0.2) + np.floor(3.0 * x[:, 1]) - x[:, 2] * (x[:, 3] > 0)
    return _parts(x, y + 0.3 * rng.standard_t(2, 900))


def robot_arm() -> Dataset:
    """How far the hand of an arm with five joints reaches."""
    rng = np.random.default_rng(34)
    angles = rng.uniform(-np.pi / 2, np.pi / 2, (2000, 5))
    heading = np.cumsum(angles, axis=1)
    reach = np.hypot(np.cos(heading).sum(axis=1), np.sin(heading).sum(axis=1))
    return _parts(angles, reach + rng.normal(0.0, 0.05, 2000))


def fashion_profiles() -> Dataset:
    """Images 20,000 to 23,000 as the means of their rows and columns."""
    whole = fashion_flat_part(slice(20_000, 23_000), slice(5_000, 6_000))

    def profiles(images: Any) -> Any:
        square = images.reshape(-1, 14, 14)
        return np.concatenate([square.mean(axis=1), square.mean(axis=2)], axis=1)

    return Dataset(profiles(whole.x_train), whole.y_train, profiles(whole.x_test), whole.y_test)


def digits_parity() -> Dataset:
    """Even and odd digits."""
    whole = datasets.digits()
    even = np.int32(2)
    return Dataset(whole.x_train, whole.y_train % even, whole.x_test, whole.y_test % even)


def prices() -> Dataset:
    """Log-normal targets of mean two hundred, as they come."""
    rng = np.random.default_rng(35)
    x = rng.normal(size=(800, 9))
    return _parts(x, 150.0 * np.exp(x @ rng.normal(0.0, 0.2, 9) + 0.1 * rng.normal(size=800)), scale_y=False)


def documents() -> Dataset:
    """Counts of two hundred words in texts on four subjects."""
    rng = np.random.default_rng(36)
    words = rng.dirichlet(np.full(200, 0.3), 4)
    label = rng.integers(0, 4, 1000)
    mixed = 0.6 * words[label] + 0.4 * words.mean(axis=0)
    return _parts(np.stack([rng.multinomial(40, row) for row in mixed]), label, scale_x=False)


def wrong_labels() -> Dataset:
    """Three classes; three labels in ten are drawn anew."""
    arguments = {"n_features": 16, "n_informative": 8, "n_classes": 3, "flip_y": 0.3}
    return _parts(*shipped.make_classification(n_samples=2000, random_state=37, **arguments))


def fashion_pictures() -> Dataset:
    """Images 30,000 to 32,500 of fourteen by fourteen."""
    whole, shape = fashion_flat_part(slice(30_000, 32_500), slice(6_000, 7_000)), (-1, 14, 14, 1)
    return Dataset(whole.x_train.reshape(shape), whole.y_train, whole.x_test.reshape(shape), whole.y_test)


def varied_mlp(
    input_shape: Shape,
    outputs: int,
    task: str,
    *,
    units: Sequence[int] = (32,),
    activation: str = "tanh",
    layer_norm: bool = False,
    batch_norm: bool = False,
    residual: bool = False,
    dropout: float = 0.0,
) -> keras.Model:
    """Dense layers of any activation, with layer or batch normalisation; `residual`: each adds to what it was given."""
    start = keras.Input(input_shape)
    x: Any = start
    for width in units:
        y: Any = layers.Dense(width)(x)
        if layer_norm or batch_norm:
            y = (layers.LayerNormalization() if layer_norm else layers.BatchNormalization())(y)
        y = layers.Activation(activation)(y)
        if dropout:
            y = layers.Dropout(dropout)(y)
        x = layers.Add()([x, y]) if residual and x.shape[-1] == width else y
    head = layers.Dense(outputs, activation="softmax" if task == "classification" else None)
    return keras.Model(start, head(x))


def small_cnn(input_shape: Shape, outputs: int, task: str, *, filters: Sequence[int] = (8, 16)) -> keras.Model:
    """Convolutions of stride 2, a softmax over their means."""
    hidden = [layers.Conv2D(width, 3, strides=2, padding="same", activation="relu") for width in filters]
    head = layers.Dense(outputs, activation="softmax")
    return keras.Sequential([keras.Input(input_shape), *hidden, layers.GlobalAveragePooling2D(), head])
