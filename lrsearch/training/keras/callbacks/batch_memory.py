"""Batches for a range test in the middle of a fit: those it is given, or the last ones the fit took."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import islice
from typing import Any

import keras

from lrsearch.training.keras.callbacks.train_function import Listener, TrainFunction


class BatchMemory(Listener):
    """Remembers the last batches of a fit; callbacks are never shown any.

    Attributes:
        batches: the last ones, oldest first.

    Raises:
        ValueError: the model trains on several replicas, whose batches are distributed values.
    """

    def __init__(self, model: Any, size: int, callback: str) -> None:
        if model.distribute_strategy.num_replicas_in_sync > 1:
            raise ValueError(
                f"{callback} cannot remember the batches of a fit on several replicas: pass {callback}(data=...)."
            )
        super().__init__(model)
        self.batches: deque[Any] = deque(maxlen=size)

    def call(self, inner: TrainFunction, iterator: Iterator[Any]) -> Any:
        """Take the batches of one call and remember them."""
        batches = list(islice(iterator, self._model.steps_per_execution))
        if not batches:
            raise StopIteration  # what Keras waits for
        self.batches.extend(batches)
        return inner(iter(batches))


def batches_of(data: Any, batch_size: int) -> Iterator[Any]:
    """Batches of what a user calls data, over and over.

    Raises:
        ValueError: there is not one batch, or a generator, which cannot start over, has none left.
    """
    while True:
        count = 0
        for batch in _once(data, batch_size):
            count += 1
            yield batch
        if count == 0:
            raise ValueError(
                f"data ({type(data).__name__}) has no batch to test on: pass a list, a dataset, arrays, or a function "
                "that returns a new iterator, since a generator cannot start over."
            )


def _once(data: Any, batch_size: int) -> Any:
    if isinstance(data, keras.utils.PyDataset):
        return _batches_in_order(data)
    if callable(data):
        return data()
    if isinstance(data, tuple):
        count = len(keras.tree.flatten(data)[0])
        return (
            keras.tree.map_structure(lambda array, first=first: array[first : first + batch_size], data)
            for first in range(0, count, batch_size)
        )
    return data


def _batches_in_order(data: Any) -> Iterator[Any]:
    return (data[index] for index in range(len(data)))
