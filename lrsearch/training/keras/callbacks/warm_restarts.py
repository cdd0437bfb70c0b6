"""Cosine decay with warm restarts in anybody's `model.fit`, with the weights of the last finished cycle kept."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from lrsearch import schedules
from lrsearch.training.keras.callbacks.schedule_callback import ScheduleCallback


class WarmRestarts(ScheduleCallback):
    """Sets the rate from `lrsearch.schedules.WarmRestarts` and ends with the weights of the last finished cycle.

    At the end of a cycle the rate is near its minimum and the weights are at their best; those of a cycle that was cut
    off are not. So at the end of the fit the model gets the weights (with BatchNorm statistics) that the last finished
    cycle left. A fit that ends before the first cycle does keeps its own, and so does one that raises. The optimizer's
    slots stay as they are.

    Args:
        schedule: the cycles; or leave it out and pass its fields: `WarmRestarts(max_lr=0.1, cycle_steps=100)`.
        should_restore_weights: False leaves the weights of the last update in the model.
        steps_per_epoch, start_step: as in `ScheduleCallback`.
        fields: those of `lrsearch.schedules.WarmRestarts`.

    Attributes:
        finished_cycles: cycles that were finished in this fit.
        finished_step: step at which the last one was finished, or None.

    Example:
        >>> import keras, numpy as np
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x, cycles = np.ones((20, 1)), WarmRestarts(max_lr=0.1, cycle_steps=3, cycle_mult=2)
        >>> history = model.fit(x, x, batch_size=2, verbose=0, callbacks=[cycles])
        >>> cycles.finished_cycles, cycles.finished_step
        (2, 9)
    """

    def __init__(
        self,
        schedule: schedules.WarmRestarts | None = None,
        *,
        should_restore_weights: bool = True,
        steps_per_epoch: int | None = None,
        start_step: int | None = None,
        **fields: Any,
    ) -> None:
        if schedule is not None and fields:
            raise TypeError(f"WarmRestarts got a schedule and {', '.join(fields)} too: set them in the schedule.")
        super().__init__(
            schedules.WarmRestarts(**fields) if schedule is None else schedule,
            steps_per_epoch=steps_per_epoch,
            start_step=start_step,
        )
        self._should_restore_weights = should_restore_weights
        self._forget()

    @property
    def finished_weights(self) -> list[NDArray[Any]] | None:
        """What the last finished cycle left, in the order of `model.weights`, or None."""
        return self._weights

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Resolve the cycles."""
        super().on_train_begin(logs)
        self._forget()
        self._border = self._border_after(self.step)

    def on_train_batch_end(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Keep the weights when a cycle is finished."""
        if self.step >= self._border:
            self.finished_cycles, self.finished_step = self.finished_cycles + 1, self._border
            self._weights = [np.array(values) for values in self.fitted.get_weights()]
            self._border = self._border_after(self._border)

    def on_train_end(self, logs: Mapping[str, Any] | None = None) -> None:
        """Go back to the weights of the last finished cycle."""
        if self._should_restore_weights and self._weights is not None:
            self.fitted.set_weights(self._weights)

    def _forget(self) -> None:
        self.finished_cycles, self.finished_step = 0, None
        self._weights: list[NDArray[Any]] | None = None

    def _border_after(self, step: int) -> int:
        """First step of the next cycle."""
        cycles = self.resolved
        assert isinstance(cycles, schedules.WarmRestarts)
        reach = 2 * step + 1
        while cycles.cycle_starts(reach)[-1] <= step:
            reach *= 2
        return next(border for border in cycles.cycle_starts(reach) if border > step)
