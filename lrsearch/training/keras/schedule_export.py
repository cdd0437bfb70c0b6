"""Any of our schedules as a `keras.optimizers.schedules.LearningRateSchedule`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import keras
import numpy as np
from pydantic import TypeAdapter

from lrsearch.schedules import AnySchedule, Schedule
from lrsearch.spec import validate

LONGEST_TABLE: Final = 2**24
"""Most steps a table may have (64 MiB of float32); float32 counts steps exactly up to here."""

_ANY_SCHEDULE: Final[TypeAdapter[Schedule]] = TypeAdapter(AnySchedule)


def to_keras(
    schedule: Schedule,
    steps_per_epoch: int | None = None,
    total_steps: int | None = None,
    gradient_accumulation_steps: int = 1,
) -> ScheduleTable:
    """Export a schedule for a Keras optimizer; it survives `model.save` and `keras.models.load_model`.

    Args:
        schedule: any schedule; resolved here with the two lengths.
        steps_per_epoch: updates of one epoch; needed only where a length is given in epochs.
        total_steps: updates of the run; left out: where the schedule ends. A schedule without an end needs it.
        gradient_accumulation_steps: the optimizer's argument of that name. Keras evaluates schedules on micro-batches,
            ours count updates, so the step is divided by it.

    Returns:
        A callable of the step (any integer or floating dtype, graph mode and XLA too) -> float32 rate. From
        `total_steps` on the rate stands still at that of step `total_steps`, also for a schedule without an end.

    Raises:
        ValueError: a length that is needed was left out, or the run is longer than 2^24 updates.
        InvalidDocument: the lengths do not fit together.

    Example:
        >>> from lrsearch.schedules import Cosine
        >>> float(to_keras(Cosine(max_lr=1.0, total_steps=100))(50))
        0.5
    """
    if steps_per_epoch is None and schedule.is_in_epochs:
        raise ValueError("the schedule counts epochs, and steps_per_epoch was left out: pass the updates of one epoch.")
    length = total_steps if total_steps is not None else schedule.end_step
    if length is None:
        raise ValueError(
            "the schedule has no end of its own, and total_steps was left out: pass the updates of the run."
        )
    resolved = schedule.resolve(steps_per_epoch=steps_per_epoch or 1, total_steps=length)
    return ScheduleTable(resolved, length, gradient_accumulation_steps)


@keras.saving.register_keras_serializable(package="lrsearch")
class ScheduleTable(keras.optimizers.schedules.LearningRateSchedule):
    """A resolved schedule as a table: rates computed in float64, rounded to float32 once, looked up by the step.

    A formula in float32 would lose digits where a large step meets a small rate; the table is within half a unit of the
    last place of float32 everywhere. Its config is the schedule's JSON, so a saved model reads like the job document.
    To load one, import this module first: that registers the class.
    """

    def __init__(
        self, schedule: Schedule | Mapping[str, Any], total_steps: int, gradient_accumulation_steps: int = 1
    ) -> None:
        if not 1 <= total_steps <= LONGEST_TABLE:
            raise ValueError(
                f"total_steps must be 1 to {LONGEST_TABLE}, not {total_steps}: use lrsearch.callbacks.ScheduleCallback."
            )
        if gradient_accumulation_steps < 1:
            raise ValueError(f"gradient_accumulation_steps must be >= 1, not {gradient_accumulation_steps}.")
        self.schedule = schedule if isinstance(schedule, Schedule) else validate(_ANY_SCHEDULE, schedule)
        self.total_steps = total_steps
        self.gradient_accumulation_steps = gradient_accumulation_steps
        self._table = self.schedule(np.arange(total_steps + 1)).astype(np.float32)

    def __call__(self, step: Any) -> Any:
        """Rate of a step: a float32 tensor, shape of `step`."""
        update = keras.ops.floor_divide(keras.ops.convert_to_tensor(step), self.gradient_accumulation_steps)
        return keras.ops.take(self._table, keras.ops.cast(keras.ops.clip(update, 0, self.total_steps), "int32"))

    def get_config(self) -> dict[str, Any]:
        """The schedule's JSON and the two lengths."""
        return {
            "schedule": self.schedule.model_dump(mode="json"),
            "total_steps": self.total_steps,
            "gradient_accumulation_steps": self.gradient_accumulation_steps,
        }
