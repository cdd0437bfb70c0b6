"""What callbacks ask of a compiled model's optimizer: its rate, its updates, its momentum; refusals that name the remedy."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np

ops: Any = keras.ops  # the stub of Keras answers with None for every operation


def optimizer_of(model: keras.Model) -> Any:
    """The optimizer that makes the updates: the inner one, where a `LossScaleOptimizer` wraps it.

    Raises:
        ValueError: the model is not compiled with an optimizer.
    """
    optimizer: Any = model.optimizer
    if optimizer is None:
        raise ValueError("the model has no optimizer: call model.compile(optimizer=...) first.")
    return getattr(optimizer, "inner_optimizer", optimizer)


def single_rate(model: keras.Model, callback: str) -> Any:
    """The optimizer's rate, as a variable or as a schedule's value at the present step.

    Raises:
        ValueError: there is more than one.
    """
    optimizer = optimizer_of(model)
    if not hasattr(optimizer, "learning_rate"):
        raise ValueError(
            f"{type(optimizer).__name__} has no single learning rate for {callback}: compile the model with one optimizer."
        )
    return optimizer.learning_rate


def settable_rate(model: keras.Model, callback: str) -> Any:
    """The optimizer's rate as the variable that its compiled updates read.

    Raises:
        ValueError: the rate is a schedule or a function, or there is more than one.
    """
    rate = single_rate(model, callback)
    name = type(optimizer_of(model)).__name__
    if not isinstance(rate, keras.Variable):
        raise ValueError(  # noqa: TRY004 - the optimizer is of the right type, its rate is not
            f"{name} was built with a LearningRateSchedule (or a function) as its learning_rate, so {callback} cannot "
            f"set the rate: compile with a number, for example keras.optimizers.{name}(learning_rate=0.01), or leave "
            f"{callback} out and let the schedule in the optimizer act."
        )
    return rate


def rate_of(model: keras.Model) -> float:
    """The present rate, as the shortest decimal that is the same float32 (0.1 and not 0.10000000149)."""
    return float(str(np.float32(float(optimizer_of(model).learning_rate))))


def check_one_step(model: keras.Model, callback: str, remedy: str) -> None:
    """Refuse a model whose callbacks fire once for several batches."""
    steps: int = model.steps_per_execution
    if steps > 1:
        raise ValueError(
            f"steps_per_execution is {steps}, so Keras calls {callback} once for {steps} batches, which is too late to "
            f"act on each update: {remedy}"
        )


def accumulation_of(model: keras.Model) -> int:
    """Batches that make one update: the optimizer's gradient_accumulation_steps, else 1."""
    return int(getattr(optimizer_of(model), "gradient_accumulation_steps", None) or 1)


def updates_of(model: keras.Model) -> int:
    """Updates the optimizer has made; micro-batches and updates skipped by loss scaling are not counted."""
    return int(ops.convert_to_numpy(optimizer_of(model).iterations))


def begin_whole_update(model: keras.Model) -> None:
    """Forget gradients that were accumulated for an update that is not made yet."""
    micro = accumulation_of(model)
    if micro == 1:
        return
    for variable in optimizer_of(model).variables:
        if variable.name == "iteration":
            variable.assign(int(variable) // micro * micro)
        elif variable.name.endswith("gradient_accumulator"):
            variable.assign(ops.zeros_like(variable))


class UpdateCounter:
    """Tells of each batch whether the optimizer made its update after it."""

    def __init__(self, model: keras.Model) -> None:
        self._model = model
        self._is_plain = accumulation_of(model) == 1 and optimizer_of(model) is model.optimizer
        self._updates = 0 if self._is_plain else updates_of(model)

    def has_updated(self) -> bool:
        """Whether there is an update more than at the last call; a plain optimizer updates after every batch."""
        if self._is_plain:
            return True
        before, self._updates = self._updates, updates_of(self._model)
        return self._updates > before
