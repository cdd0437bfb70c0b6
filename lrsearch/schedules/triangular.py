"""Cyclical learning rate of constant amplitude."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, blend, check_order, in_steps, triangle_wave
from lrsearch.spec import NonNegativeRate, Rate


class Triangular(Schedule):
    """The rate rises from `base_lr` to `max_lr` in a straight line and falls back, over and over; it has no end.

    rate(t) = base_lr + (max_lr - base_lr) max(0, 1 - |x|), x = t / half_cycle_steps - 2 cycle + 1,
    cycle = floor(1 + t / (2 half_cycle_steps)).

    Example:
        >>> Triangular(base_lr=0.0, max_lr=1.0, half_cycle_steps=2)(range(6)).tolist()
        [0.0, 0.5, 1.0, 0.5, 0.0, 0.5]
    """

    cites = ("Smith 2017, Cyclical learning rates for training neural networks, section 3.1.",)

    kind: Literal["triangular"] = "triangular"
    base_lr: NonNegativeRate
    """Lower bound, 0 <= base_lr <= max_lr."""
    max_lr: Rate
    """Upper bound, > 0."""
    half_cycle_steps: Length
    """Length of the rise and of the fall; Smith: 2 to 10 epochs."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("base_lr", self.base_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        height, _ = triangle_wave(steps, in_steps("half_cycle_steps", self.half_cycle_steps))
        return blend(self.base_lr, self.max_lr, height)
