"""A linear rise in front of any schedule."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import model_validator

from lrsearch.errors import InvalidDocument
from lrsearch.schedules.base import (
    Floats,
    Length,
    Schedule,
    blend,
    check_depth,
    in_steps,
    problems_below,
    progress,
    whole_steps,
)
from lrsearch.spec import NonNegativeRate, broken

if TYPE_CHECKING:
    from lrsearch.schedules import AnySchedule


class Warmup(Schedule):
    """From `start_lr` up to the schedule's first rate in `warmup_steps` steps, then the schedule from its step 0.

    rate(t) = start_lr + (f(0) - start_lr) t / warmup_steps for t < warmup_steps, else f(t - warmup_steps), f the schedule.
    The total length **includes** the warm-up (optax; Keras counts without it, timm overlaps the two): a schedule with
    `total_steps` N is squeezed into N - warmup_steps, so that it ends at step N. One without goes on as it is.

    Example:
        >>> from lrsearch.schedules import Cosine
        >>> Warmup(schedule=Cosine(max_lr=1.0, total_steps=100), warmup_steps=10)([0, 5, 10, 55, 100]).round(12).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0]
    """

    cites = (
        "Goyal et al. 2017, Accurate, large minibatch SGD, section 2.2 (gradual warmup).",
        "optax, warmup_cosine_decay_schedule (the length includes the warm-up).",
    )

    kind: Literal["warmup"] = "warmup"
    schedule: AnySchedule
    """What follows the warm-up."""
    warmup_steps: Length
    """Length of the rise; below the total length."""
    start_lr: NonNegativeRate = 0.0
    """Rate at step 0, >= 0."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_depth(self.depth)
        if isinstance(self.warmup_steps, int):
            try:
                self.schedule.shortened(self.warmup_steps)
            except InvalidDocument as error:
                raise broken(
                    "warmup_steps",
                    "no_room_for_schedule",
                    f"the total length includes the warm-up, and after {self.warmup_steps} steps of it the schedule "
                    f"does not fit: {error.problems[0].message}",
                    "Shorten the warm-up, or lengthen the schedule.",
                ) from None
        return self

    @property
    def depth(self) -> int:
        """How deep schedules are nested here."""
        return 1 + self.schedule.depth

    @property
    def is_in_epochs(self) -> bool:
        """Whether the warm-up or the schedule is still in epochs."""
        return super().is_in_epochs or self.schedule.is_in_epochs

    @property
    def end_step(self) -> int | None:
        """The schedule's, which includes the warm-up."""
        return self.schedule.end_step

    def shortened(self, steps: int) -> Self:
        """A copy whose schedule ends `steps` earlier."""
        return self._changed({"schedule": self.schedule.shortened(steps)})

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        warmup = in_steps("warmup_steps", self.warmup_steps)
        with problems_below("/schedule"):
            after = self.schedule.shortened(warmup)
        rise = blend(self.start_lr, float(after(0)), progress(steps, warmup))
        return np.where(steps < warmup, rise, after(steps - warmup))

    def momenta(self, steps: ArrayLike) -> Floats:
        """The schedule's; during the warm-up that of its step 0."""
        warmup = in_steps("warmup_steps", self.warmup_steps)
        with problems_below("/schedule"):
            after = self.schedule.shortened(warmup)
        return after.momenta(np.maximum(np.asarray(steps, dtype=np.float64) - warmup, 0))

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        with problems_below("/schedule"):
            schedule = self.schedule.resolve(steps_per_epoch=steps_per_epoch, total_steps=total_steps)
        return {"schedule": schedule, "warmup_steps": whole_steps(self.warmup_steps, steps_per_epoch)}
