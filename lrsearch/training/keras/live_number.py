"""A hyperparameter of a Keras optimizer that can change while a fit runs."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


class LiveNumber:
    """Stands in an optimizer for a number and is read anew at every update.

    A plain number is built into the traced function, so setting the attribute later changes nothing, without an error. A
    variable is read at every update, but optimizers ask `momentum != 0` in Python while they are traced, and a variable
    cannot answer that. This can: it compares as the number it started from and computes as its variable.

    Args:
        start: the number.
        value: a scalar tensor or variable to compute as; left out, a variable of its own.
    """

    def __init__(self, start: float, value: Any = None) -> None:
        self.start = start
        self._variable: Any = value
        if value is None:
            self._variable = keras.Variable(start, trainable=False, dtype="float32", name="live_number")

    def assign(self, value: float) -> None:
        """The value of the updates to come."""
        self._variable.assign(value)

    def __float__(self) -> float:
        return float(self._variable)

    def __tf_tensor__(self, dtype: Any = None, name: str | None = None) -> Any:
        value = tf.convert_to_tensor(self._variable)
        return value if dtype is None else tf.cast(value, dtype)

    def __eq__(self, other: object) -> bool:
        return self.start == other

    def __hash__(self) -> int:
        return hash(self.start)

    def __lt__(self, other: float) -> bool:
        return self.start < other

    def __le__(self, other: float) -> bool:
        return self.start <= other

    def __gt__(self, other: float) -> bool:
        return self.start > other

    def __ge__(self, other: float) -> bool:
        return self.start >= other

    def __add__(self, other: Any) -> Any:
        return ops.add(self._variable, other)

    def __radd__(self, other: Any) -> Any:
        return ops.add(other, self._variable)

    def __sub__(self, other: Any) -> Any:
        return ops.subtract(self._variable, other)

    def __rsub__(self, other: Any) -> Any:
        return ops.subtract(other, self._variable)

    def __mul__(self, other: Any) -> Any:
        return ops.multiply(self._variable, other)

    def __rmul__(self, other: Any) -> Any:
        return ops.multiply(other, self._variable)

    def __pow__(self, other: Any) -> Any:
        return ops.power(self._variable, other)


class LiveHyperparameter:
    """A `LiveNumber` put into an optimizer for a while; `remove` puts the number back.

    The optimizer's config shows the number all the while, so a model can be saved in the middle of a fit.
    """

    def __init__(self, model: keras.Model, optimizer: Any, name: str) -> None:
        self._model, self._optimizer, self._name = model, optimizer, name
        self.number = LiveNumber(float(getattr(optimizer, name)))
        config: dict[str, Any] = {name: self.number.start}
        whole = type(optimizer).get_config
        setattr(optimizer, name, self.number)
        optimizer.get_config = lambda: {**whole(optimizer), **config}
        self._trace_anew()
        model.make_train_function()

    def remove(self) -> None:
        """Put the number back; the next fit traces the update anew."""
        setattr(self._optimizer, self._name, self.number.start)
        del self._optimizer.get_config
        self._trace_anew()

    def _trace_anew(self) -> None:
        model: Any = self._model
        model.train_function = None
