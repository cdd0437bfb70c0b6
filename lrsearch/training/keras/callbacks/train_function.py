"""What a callback cannot see, the model's train function can: batches before their update, metrics around it."""

from __future__ import annotations

import weakref
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import Any

TrainFunction = Callable[[Iterator[Any]], Any]
"""What Keras calls for each batch: takes it from the iterator, trains, answers with the logs."""


class Listener(ABC):
    """Sits around a model's train function while it is attached.

    A fit that raises does not detach it; the model holds it weakly, so it is gone with its callback.
    """

    def __init__(self, model: Any) -> None:
        self._model = model

    @abstractmethod
    def call(self, inner: TrainFunction, iterator: Iterator[Any]) -> Any:
        """Do one call of the train function."""

    def attach(self) -> None:
        """Be around every call from now on; once more changes nothing."""
        if all(around.listener() is not self for around in _chain(self._model.train_function)):
            self._model.train_function = _Around(self._model.train_function, weakref.ref(self))

    def detach(self) -> None:
        """Be around no call any more."""
        function = self._model.train_function
        others = [around for around in _chain(function) if around.listener() not in (self, None)]
        rebuilt = bare(function)
        for around in reversed(others):
            rebuilt = _Around(rebuilt, around.listener)
        self._model.train_function = rebuilt


def bare(function: Any) -> Any:
    """The train function without listeners."""
    while isinstance(function, _Around):
        function = function.inner
    return function


class _Around:
    """A train function with a listener around it."""

    def __init__(self, inner: TrainFunction, listener: weakref.ref[Listener]) -> None:
        self.inner, self.listener = inner, listener

    def __call__(self, iterator: Iterator[Any]) -> Any:
        listener = self.listener()
        return self.inner(iterator) if listener is None else listener.call(self.inner, iterator)


def _chain(function: Any) -> list[_Around]:
    """The listeners around a train function, outermost first."""
    found: list[_Around] = []
    while isinstance(function, _Around):
        found.append(function)
        function = function.inner
    return found
