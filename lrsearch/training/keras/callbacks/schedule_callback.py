"""Any of our schedules in anybody's `model.fit`, update by update."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np

from lrsearch.errors import InvalidDocument
from lrsearch.schedules import Schedule
from lrsearch.schedules.base import Floats
from lrsearch.training.keras.callbacks.base import FitCallback
from lrsearch.training.keras.callbacks.optimizer_access import (
    accumulation_of,
    check_one_step,
    rate_of,
    settable_rate,
    updates_of,
)

BLOCK: Final = 1024
"""Steps whose values are computed at once: a schedule costs the same for one step and for a thousand."""
_FAR: Final = 2**40
"""A run longer than any; shows whether a schedule depends on the length at all."""


class ScheduleCallback(FitCallback):
    """Sets the rate of every update from a schedule, a pure function of the step.

    The step is `optimizer.iterations`: updates, not batches, when gradients are accumulated or loss scaling skips one.
    So a fit that goes on where another stopped, with the same model or one that was saved and loaded, goes on in the
    middle of the schedule; pass `initial_epoch` to `fit`, or `total_steps` here, so that the length is that of the whole.
    `start_step` counts from there instead; `start_step=0` starts the schedule anew.

    Args:
        schedule: any schedule; lengths in epochs and those left out are filled in from the fit.
        steps_per_epoch: updates of an epoch; needed where Keras does not know it (generators) and a length is in epochs.
        total_steps: updates of the whole run; left out: those of the fit, `epochs` times its steps.
        start_step: step of the fit's first update, >= 0; left out: `optimizer.iterations`.

    Attributes:
        resolved: the schedule with every length in steps; None before the fit.

    Example:
        >>> import keras, numpy as np
        >>> from lrsearch.schedules import Cosine
        >>> model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> x = np.ones((4, 1))
        >>> history = model.fit(x, x, batch_size=2, verbose=0, callbacks=[ScheduleCallback(Cosine(max_lr=0.1))])
        >>> round(history.history["learning_rate"][0], 6)
        0.05
    """

    def __init__(
        self,
        schedule: Schedule,
        *,
        steps_per_epoch: int | None = None,
        total_steps: int | None = None,
        start_step: int | None = None,
    ) -> None:
        super().__init__()
        if not isinstance(schedule, Schedule):
            raise TypeError(
                f"schedule must be one of lrsearch.schedules, not {schedule!r}: for example Cosine(max_lr=0.1)."
            )
        for name, value, least in (
            ("steps_per_epoch", steps_per_epoch, 1),
            ("total_steps", total_steps, 1),
            ("start_step", start_step, 0),
        ):
            if value is not None and (not isinstance(value, int) or value < least):
                raise ValueError(f"{name} must be a whole number of at least {least}, not {value!r}.")
        self.schedule = schedule
        self.resolved: Schedule | None = None
        self._steps_per_epoch, self._total_steps, self._start_step = steps_per_epoch, total_steps, start_step

    @property
    def step(self) -> int:
        """Step of the schedule that the next update is."""
        return self._offset + updates_of(self.fitted)

    def on_train_begin(self, logs: Mapping[str, Any] | None = None) -> None:
        """Check the optimizer and resolve the schedule."""
        name = type(self).__name__
        self._rate = settable_rate(self.fitted, name)
        remedy = (
            "put the schedule into the optimizer, learning_rate=lrsearch.training.keras.schedule_export.to_keras("
            "schedule, steps_per_epoch=..., total_steps=...), and leave the callback out; or compile with "
            "steps_per_execution=1."
        )
        check_one_step(self.fitted, name, remedy)
        self._offset = 0 if self._start_step is None else self._start_step - updates_of(self.fitted)
        self.resolved = self._resolve()
        self._rates = Blocks(self.resolved)
        self._is_first_epoch = True

    def on_epoch_begin(self, epoch: int, logs: Mapping[str, Any] | None = None) -> None:
        """At the first epoch, check that the schedule reaches to the end."""
        if self._is_first_epoch:
            self._is_first_epoch = False
            self._check_end(epoch)

    def on_train_batch_begin(self, batch: int, logs: Mapping[str, Any] | None = None) -> None:
        """Set the rate of the update."""
        self._rate.assign(self._rates(self.step))

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        """Add the epoch's last rate to the logs."""
        if logs is not None:
            logs["learning_rate"] = rate_of(self.fitted)

    def _resolve(self) -> Schedule:
        """The schedule with every length in steps."""
        name = type(self).__name__
        per_epoch = self._steps_per_epoch or self._known_steps(epochs=1)
        if self.schedule.is_in_epochs and per_epoch is None:
            raise ValueError(
                f"the schedule counts epochs and Keras does not know how many updates one has: pass "
                f"{name}(..., steps_per_epoch=...), or steps_per_epoch= to fit."
            )
        total = self._total_steps or self._known_steps(epochs=int((self.params or {}).get("epochs") or 1))
        if total is None:
            if self._needs_total(per_epoch or 1):
                raise ValueError(
                    f"the schedule is as long as the run and Keras does not know how long that is: pass {name}(..., "
                    "total_steps=...), give the schedule its own total_steps, or pass steps_per_epoch= to fit."
                )
            total = _FAR
        return self.schedule.resolve(steps_per_epoch=per_epoch or 1, total_steps=total)

    def _known_steps(self, epochs: int) -> int | None:
        """Whole updates in some epochs of the fit, at least 1, or None where Keras does not know."""
        batches = (self.params or {}).get("steps")
        return None if batches is None else max(int(batches) * epochs // accumulation_of(self.fitted), 1)

    def _needs_total(self, per_epoch: int) -> bool:
        """Whether the rates depend on the length of the run."""
        try:
            lengths = [self.schedule.resolve(steps_per_epoch=per_epoch, total_steps=n) for n in (_FAR, _FAR + 1)]
        except InvalidDocument:
            return True
        return lengths[0] != lengths[1]

    def _check_end(self, epoch: int) -> None:
        """Refuse to train on under the last rate of a schedule that is over: hardly anybody wants a rate of 0."""
        end = self.resolved.end_step if self.resolved is not None else None
        if self._start_step is not None or end is None or self.step == 0:
            return
        left = self._known_steps(epochs=int((self.params or {}).get("epochs") or 1) - epoch)
        is_filled_in = self._total_steps is None and self._needs_total(self._steps_per_epoch or 1)
        # accumulation may leave an update unfinished at the end of the fit before
        if self.step >= end or (is_filled_in and left is not None and self.step + left > end + 1):
            raise ValueError(
                f"the optimizer has made {self.step} updates and the schedule ends at step {end}, before this fit does: "
                f"pass start_step=0 to start it anew; to go on with it, pass total_steps= for the whole run, or "
                f"initial_epoch= to fit."
            )


class Blocks:
    """Values of a function of the step, float64, computed a block at a time."""

    def __init__(self, values: Callable[[Any], Floats]) -> None:
        self._values = values
        self._first = -1
        self._block: Floats = np.empty(0)

    def __call__(self, step: int) -> float:
        """The value of a step."""
        first = step - step % BLOCK
        if first != self._first:
            self._first, self._block = first, self._values(np.arange(first, first + BLOCK))
        return float(self._block[step - first])
