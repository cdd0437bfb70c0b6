"""Record the rate of every update of anybody's `model.fit`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras

from lrsearch.training.keras.callbacks.base import FitCallback
from lrsearch.training.keras.callbacks.optimizer_access import (
    optimizer_of,
    rate_of,
    single_rate,
    updates_of,
)


class LearningRateMonitor(FitCallback):
    """Records the rate that each update used, whoever set it, and adds the epoch's last one to the history.

    Works with a number, a callback or a LearningRateSchedule in the optimizer. With `steps_per_execution` N there is one
    record for N updates: a schedule's at the first of them.

    Attributes:
        steps: numbers of the updates, `optimizer.iterations` before each.
        lrs: their rates.
        momenta: their momentum or beta_1; stays empty where the optimizer has neither.
    """

    def __init__(self) -> None:
        super().__init__()
        self._forget()

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Start with empty records."""
        self._forget()
        self._is_variable = isinstance(single_rate(self.fitted, type(self).__name__), keras.Variable)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Note the step, and the rate of a schedule in the optimizer."""
        self._step = updates_of(self.fitted)
        # a schedule answers for the present step, which is the next one after the batch
        self._rate = None if self._is_variable else rate_of(self.fitted)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Record the rate of the update."""
        # callbacks that come later in the list have set a variable only after our turn at the batch's begin
        rate = rate_of(self.fitted) if self._rate is None else self._rate
        if self.steps and self.steps[-1] == self._step:  # another batch of one accumulated update
            return
        self.steps.append(self._step)
        self.lrs.append(rate)
        momentum = _momentum(optimizer_of(self.fitted))
        if momentum is not None:
            self.momenta.append(momentum)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's last rate to the logs."""
        if logs is not None and self.lrs:
            logs["learning_rate"] = self.lrs[-1]

    def _forget(self) -> None:
        self.steps: list[int] = []
        self.lrs: list[float] = []
        self.momenta: list[float] = []


def _momentum(optimizer: Any) -> float | None:
    value = getattr(optimizer, "beta_1", getattr(optimizer, "momentum", None))
    return None if value is None else float(value)
