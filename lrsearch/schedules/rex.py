"""Reflected exponential: a decay that stays high and ends fast."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, blend, check_order, in_steps, progress
from lrsearch.spec import NonNegativeRate, Rate


class Rex(Schedule):
    """REX: above the straight line at first, steep at the end; `min_lr` is reached at step `total_steps` and held.

    rate(t) = min_lr + (max_lr - min_lr) (1 - s) / (1/2 + (1 - s) / 2), s = min(t / total_steps, 1).

    Example:
        >>> Rex(max_lr=3.0, total_steps=10)([0, 5, 10]).round(12).tolist()
        [3.0, 2.0, 0.0]
    """

    cites = ("Chen, Wolfe & Kyrillidis 2022, REX: Revisiting budgeted training with an improved schedule, equation 1.",)

    kind: Literal["rex"] = "rex"
    max_lr: Rate
    """Rate at step 0, > 0."""
    min_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, 0 <= min_lr <= max_lr."""
    total_steps: Length | None = None
    """Length of the decay; left out: the run's."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_lr", self.min_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        left = 1 - progress(steps, in_steps("total_steps", self.total_steps))
        return blend(self.min_lr, self.max_lr, left / (0.5 + left / 2))
