"""How samples come to the compiled loops: all at once, or a window for each chunk."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from lrsearch.training.keras import datasets
from lrsearch.training.keras.compiled.loops import MEASURE_BATCH, Batches, Data
from lrsearch.training.keras.datasets import Dataset
from lrsearch.training.scratch import release, taken


class Piece(NamedTuple):
    """Samples to measure: the parts first .. last - 1 of these arrays, whose length is `len(data.x)`."""

    data: Data
    first: int
    last: int


class Feed(Protocol):
    """Hands out a data set; `start` names what is measured: the training samples from there on, or with None the test set."""

    @property
    def most_rows(self) -> int | None:
        """Samples a chunk may take, None: any number."""
        ...

    def of_chunk(self, batches: Batches) -> tuple[Data, Batches]:
        """What the indices of the batches refer to, and those batches."""
        ...

    def whole(self, start: int | None) -> tuple[Any, Any]:
        """Samples and labels to measure inside chunks."""
        ...

    def piece(self, start: int | None, first: int, last: int) -> Piece:
        """The parts first .. last - 1 of what is measured, or as many of them as may be had at once."""
        ...


def feed_of(name: str) -> Feed:
    """The feed of the data set of a catalog row."""
    data = datasets.load(name)
    return Streamed(name, most_rows(data)) if data.is_streamed else Resident(name)


def most_rows(data: Dataset) -> int:
    """Samples that fit into a window, at least 1."""
    assert data.route is not None
    return max(1, data.route.window_bytes // (data.x_train[:1].nbytes + data.y_train[:1].nbytes))


def fits_window(data: Dataset, samples: int) -> bool:
    """Whether so many samples may be on the device as long as the data set is."""
    return not data.is_streamed or samples <= most_rows(data)


@dataclass(frozen=True, slots=True, eq=False)
class DeviceData:
    """A data set on the device."""

    x_train: Any
    y_train: Any
    x_test: Any
    y_test: Any


@lru_cache(maxsize=1)
def device_data(name: str) -> DeviceData:
    """The data set of a catalog row, on the device; the last one stays there."""
    data = datasets.load(name)
    return DeviceData(*(tf.convert_to_tensor(a) for a in data.arrays))


@lru_cache(maxsize=2)
def device_part(name: str, start: int | None) -> tuple[Any, Any]:
    """What is measured, on the device; of the data set that is there, or of one that is streamed."""
    data = datasets.load(name)
    known: Any = data if data.is_streamed else device_data(name)
    x, y = (known.x_test, known.y_test) if start is None else (known.x_train[start:], known.y_train[start:])
    return tf.convert_to_tensor(x), tf.convert_to_tensor(y)


def forget() -> None:
    """Load data sets anew at the next call: for tests that change the budget."""
    for cached in (datasets.load, device_data, device_part):
        cached.cache_clear()


class Resident:
    """The whole data set on the device; of several data sets, the one used last."""

    most_rows: int | None = None

    def __init__(self, name: str) -> None:
        self._name = name

    def of_chunk(self, batches: Batches) -> tuple[Data, Batches]:
        """The whole training set, and the batches as they are."""
        known = device_data(self._name)
        return Data(known.x_train, known.y_train), batches

    def whole(self, start: int | None) -> tuple[Any, Any]:
        """A part of the data set on the device."""
        return device_part(self._name, start)

    def piece(self, start: int | None, first: int, last: int) -> Piece:
        """All that is measured, and the same parts of it."""
        return Piece(Data(*device_part(self._name, start)), first, last)


class Streamed:
    """A window of the data set on the device: the samples of one chunk, in the order of its batches.

    The loops are the same and get the same samples, so that not a bit of the results changes.

    Args:
        name: of the data set.
        most_rows: samples of a window.
    """

    def __init__(self, name: str, most_rows: int) -> None:
        self._name, self.most_rows = name, most_rows

    def of_chunk(self, batches: Batches) -> tuple[Data, Batches]:
        """The samples of the chunk's updates, of the size the loop was compiled for, and where they lie in it."""
        data = datasets.load(self._name)
        rows = batches.indices[: int(batches.count)].reshape(-1)
        window = Data(*(_window(array, rows, batches.indices.size) for array in (data.x_train, data.y_train)))
        places = np.arange(batches.indices.size, dtype=np.int32).reshape(batches.indices.shape)
        return window, batches._replace(indices=places)

    def whole(self, start: int | None) -> tuple[Any, Any]:
        """Held-out samples that fit into a window; they stay on the device."""
        return device_part(self._name, start)

    def piece(self, start: int | None, first: int, last: int) -> Piece:
        """One part, read from disk."""
        data = datasets.load(self._name)
        arrays = (data.x_test, data.y_test) if start is None else (data.x_train[start:], data.y_train[start:])
        at = slice(first * MEASURE_BATCH, (first + 1) * MEASURE_BATCH)
        piece = Piece(Data(*(tf.convert_to_tensor(np.array(array[at])) for array in arrays)), 0, 1)
        release(data.x_train)
        release(data.x_test)
        return piece


def _window(array: NDArray[Any], rows: NDArray[np.int32], size: int) -> Any:
    """The rows of an array, and zeros up to `size`, on the device."""
    window = np.zeros((size, *array.shape[1:]), array.dtype)
    taken(array, rows, window[: len(rows)])
    return tf.convert_to_tensor(window)
