"""A straight line from one learning rate to another."""

from __future__ import annotations

from typing import Literal

from lrsearch.schedules.base import Floats, Length, Schedule, blend, in_steps, progress
from lrsearch.spec import NonNegativeRate


class Linear(Schedule):
    """Linear ramp, down (decay) or up; the end is reached at step `total_steps` and held.

    rate(t) = start_lr + (end_lr - start_lr) min(t / total_steps, 1).

    Example:
        >>> Linear(start_lr=1.0, total_steps=4)([0, 1, 2, 4, 9]).tolist()
        [1.0, 0.75, 0.5, 0.0, 0.0]
    """

    cites = ("Li, Yumer & Ramanan 2020, Budgeted Training, section 3.2 (linear decay to 0).",)

    kind: Literal["linear"] = "linear"
    start_lr: NonNegativeRate
    """Rate at step 0, >= 0."""
    end_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, >= 0."""
    total_steps: Length | None = None
    """Length of the ramp; left out: the run's."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        return blend(self.start_lr, self.end_lr, progress(steps, in_steps("total_steps", self.total_steps)))
