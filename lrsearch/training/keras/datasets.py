"""Loaders of our own data sets; every one answers with the same arrays in every process."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray
from sklearn import datasets as shipped
from sklearn.model_selection import train_test_split

from lrsearch.errors import DataUnavailable
from lrsearch.settings import Settings
from lrsearch.training import catalog, data_files
from lrsearch.training.data_budget import DataRoute, budget_bytes, choose_route
from lrsearch.training.keras.environment import device_memory_bytes
from lrsearch.training.scratch import columns_on_disk, on_disk

Floats = NDArray[np.float32]
DOWNLOAD_SECONDS = 60.0
"""How long a download may be silent before it counts as failed."""


@dataclass(frozen=True, slots=True, eq=False)
class Dataset:
    """Training and test samples.

    Attributes:
        x_train, x_test: shape (n, *sample_shape), float32.
        y_train, y_test: class numbers of shape (n,), int32; one-hot classes of shape (n, classes), float32; or targets
            of shape (n, targets), float32.
        route: set by `load`: whether these arrays are in memory or mapped from disk.

    A loader may return `np.memmap`s, so that a data set larger than memory is never in it.
    """

    x_train: Floats
    y_train: NDArray[Any]
    x_test: Floats
    y_test: NDArray[Any]
    route: DataRoute | None = None

    @property
    def arrays(self) -> tuple[NDArray[Any], ...]:
        """All four arrays."""
        return self.x_train, self.y_train, self.x_test, self.y_test

    @property
    def is_streamed(self) -> bool:
        """Whether the engines may hold no more than a window of it."""
        return self.route is not None and self.route.is_streamed


@lru_cache(maxsize=1)
def load(name: str) -> Dataset:
    """The data set of a catalog row; the last one stays in memory, or mapped from disk where it is beyond the budget.

    Raises:
        DataUnavailable: its files are not here and may not or cannot be downloaded, or there is no disk to stream from.
    """
    data: Dataset = catalog.resolve(catalog.datasets()[name].load)()
    settings = Settings()
    route = choose_route(sum(array.nbytes for array in data.arrays), _budget(settings))
    if not route.is_streamed:
        return replace(data, route=route)
    return _dataset([on_disk(array, settings.scratch_dir()) for array in data.arrays], route)


def _dataset(arrays: Sequence[Any], route: DataRoute | None = None) -> Dataset:
    x_train, y_train, x_test, y_test = arrays
    return Dataset(x_train, y_train, x_test, y_test, route)


def _budget(settings: Settings) -> int:
    return budget_bytes(settings, device_memory_bytes())


def loss_of(data: Dataset, task: catalog.Task) -> str:
    """Name of the Keras loss for the data's labels."""
    if task == "regression":
        return "mean_squared_error"
    return "categorical_crossentropy" if data.y_train.ndim == 2 else "sparse_categorical_crossentropy"


def blobs() -> Dataset:
    """Three blobs, the first 500 to train on, the last 500 to test, one-hot labels: the lecture notebook's data."""
    drawn: Any = shipped.make_blobs(n_samples=1000, centers=3, n_features=2, cluster_std=2, random_state=2)
    x, y = drawn[:2]
    samples, labels = x.astype(np.float32), np.eye(3, dtype=np.float32)[y]
    return Dataset(samples[:500], labels[:500], samples[500:], labels[500:])


def digits() -> Dataset:
    """8x8 digits as 64 numbers / 16."""
    x_train, x_test, y_train, y_test = _split(shipped.load_digits, is_stratified=True)
    scale = np.float32(16)
    return Dataset(_float(x_train) / scale, _class(y_train), _float(x_test) / scale, _class(y_test))


def wine() -> Dataset:
    """Wines from three growers, standardised."""
    return _classes(shipped.load_wine)


def breast_cancer() -> Dataset:
    """Benign and malignant cell nuclei, standardised."""
    return _classes(shipped.load_breast_cancer)


def iris() -> Dataset:
    """Iris flowers of three species, standardised."""
    return _classes(shipped.load_iris)


def diabetes() -> Dataset:
    """Disease progression; features and target standardised, so that the loss is in units of the target's variance."""
    x_train, x_test, y_train, y_test = _split(shipped.load_diabetes, is_stratified=False)
    samples, targets = _standardised(x_train, x_test), _standardised(y_train[:, None], y_test[:, None])
    return Dataset(samples[0], targets[0], samples[1], targets[1])


def mnist() -> Dataset:
    """Handwritten digits / 255."""
    return _images("mnist", Settings())


def fashion_mnist() -> Dataset:
    """Photographs of clothes / 255."""
    return _images("fashion_mnist", Settings())


def cifar10() -> Dataset:
    """Small colour photographs / 255."""
    return _images("cifar10", Settings())


def _classes(read: Callable[..., Any]) -> Dataset:
    x_train, x_test, y_train, y_test = _split(read, is_stratified=True)
    samples = _standardised(x_train, x_test)
    return Dataset(samples[0], _class(y_train), samples[1], _class(y_test))


def _split(read: Callable[..., Any], *, is_stratified: bool) -> list[NDArray[Any]]:
    """The fixed 80/20 split; classes keep their shares, a continuous target has none to keep."""
    x, y = read(return_X_y=True)
    parts: list[Any] = train_test_split(x, y, test_size=0.2, random_state=0, stratify=y if is_stratified else None)
    return parts


def _standardised(train: NDArray[Any], test: NDArray[Any]) -> tuple[Floats, Floats]:
    """Mean 0 and deviation 1 by the training samples alone: the test set must not leak."""
    mean, deviation = train.mean(axis=0), train.std(axis=0)
    return _float((train - mean) / deviation), _float((test - mean) / deviation)


def _float(values: NDArray[Any]) -> Floats:
    return values.astype(np.float32)


def _class(labels: NDArray[Any]) -> NDArray[np.int32]:
    return labels.reshape(-1).astype(np.int32)


def _images(name: str, settings: Settings) -> Dataset:
    """The data set from files on this machine, else downloaded where that is allowed; never whole in memory beyond the budget."""
    located = data_files.locate(name, settings)
    train, test = data_files.blocks(located) if located else _downloaded(name, settings)
    row = catalog.datasets()[name]
    size = 4 * (row.train_size + row.test_size) * int(np.prod(row.sample_shape))
    is_large = choose_route(size, _budget(settings)).is_streamed
    parts = [_mapped(part, settings) if is_large else _converted(data_files.joined(part)) for part in (train, test)]
    return _dataset([*parts[0], *parts[1]])


def _converted(stored: tuple[NDArray[Any], NDArray[Any]]) -> tuple[Floats, NDArray[np.int32]]:
    return _pixels(stored[0]), _class(stored[1])


def _mapped(part: data_files.Blocks, settings: Settings) -> list[NDArray[Any]]:
    return columns_on_disk(map(_converted, part), 2, settings.scratch_dir())


def _pixels(images: NDArray[np.uint8]) -> Floats:
    """Float32 in [0, 1]; divided in place, since a copy of 60,000 images is 180 MB."""
    pixels = images.astype(np.float32)
    pixels /= np.float32(255)
    return pixels if pixels.ndim == 4 else pixels[..., None]


def _downloaded(name: str, settings: Settings) -> tuple[data_files.Blocks, data_files.Blocks]:
    if settings.downloads == "never":
        raise DataUnavailable(f"{data_files.missing(name, settings)} (LRSEARCH_DOWNLOADS=never forbids to download it)")
    try:
        with _impatient():
            (x_train, y_train), (x_test, y_test) = getattr(keras.datasets, name).load_data()
    except Exception as error:  # Keras raises a bare Exception when a download fails
        raise DataUnavailable(f"{data_files.missing(name, settings)} (the download failed: {error})") from error
    return iter([(x_train, y_train)]), iter([(x_test, y_test)])


@contextmanager
def _impatient() -> Iterator[None]:
    """Downloads in this block fail instead of hanging on a silent network; Keras sets no time limit of its own."""
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(DOWNLOAD_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)
