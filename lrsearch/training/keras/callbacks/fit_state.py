"""Everything a fit changes, taken once and put back: the model, the optimizer, metrics, flags and random states."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np
from keras.src.backend.common import global_state  # Keras has no public way to its global seed generator
from tensorflow.python.eager import context  # nor TensorFlow to the stream that seeds eager operations

from lrsearch.training.keras import weights

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


class FitState:
    """A copy of the state of a model in training, in memory.

    Weights, BatchNorm statistics, seed generators, optimizer slots, iterations, rate, loss scale, accumulated gradients,
    metrics, `stop_training`, `history`, and the random states of Python, NumPy, Keras and TensorFlow. The compiled
    functions stay as they are, since nothing here changes what they compute.

    Raises:
        ValueError: the model has no weights yet, so that there is nothing to go back to.
    """

    def __init__(self, model: keras.Model) -> None:
        optimizer: Any = model.optimizer
        if not model.built:
            raise ValueError(
                f"the model {model.name!r} has no weights yet, so there is nothing to come back to: build it first, "
                "with model.build(input_shape), by calling it on one batch, or by starting it with keras.Input."
            )
        if not optimizer.built:
            optimizer.build(model.trainable_variables)
        self._model = model
        self._arrays = weights.snapshot(model)
        self._random = RandomStates()
        self._stop_training = getattr(model, "stop_training", False)
        self._history = getattr(model, "history", None)

    def put_back(self) -> None:
        """Make everything as it was; can be called again."""
        weights.restore(self._model, self._arrays)
        self._random.put_back()
        self._model.stop_training = self._stop_training
        if self._history is not None:
            self._model.history = self._history


class RandomStates:
    """The random states of the process that a fit draws from: data order, initialisers, global seeds."""

    def __init__(self) -> None:
        self._python = random.getstate()
        self._numpy = np.random.get_state()
        generator: Any = global_state.get_global_attribute("global_seed_generator")
        self._keras = None if generator is None else np.array(ops.convert_to_numpy(generator.state))
        eager = _eager_stream()
        self._tensorflow = None if eager is None else eager.getstate()

    def put_back(self) -> None:
        """Set every state back."""
        random.setstate(self._python)
        np.random.set_state(self._numpy)
        generator: Any = global_state.get_global_attribute("global_seed_generator")
        if self._keras is not None and generator is not None:
            generator.state.assign(self._keras)
        eager = _eager_stream()
        if self._tensorflow is not None and eager is not None and eager.getstate() != self._tensorflow:
            eager.setstate(self._tensorflow)
            # operations that drew with the seeds that come again now keep a state of their own
            _context().clear_kernel_cache()


def _context() -> Any:
    return context.context()


def _eager_stream() -> Any:
    """The stream that seeds eager operations, or None before a global seed was set."""
    return getattr(_context(), "_rng", None)


@contextmanager
def restored(model: keras.Model) -> Iterator[None]:
    """Whatever is done to the model in this block is undone, also when it raises or Ctrl-C is pressed."""
    state = FitState(model)
    try:
        yield
    finally:
        state.put_back()
