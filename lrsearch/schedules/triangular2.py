"""Cyclical learning rate whose amplitude is halved every cycle."""

from __future__ import annotations

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, blend, check_order, in_steps, triangle_wave
from lrsearch.spec import NonNegativeRate, Rate


class Triangular2(Schedule):
    """Like `triangular`, with half the amplitude after every cycle; it has no end.

    rate(t) = base_lr + (max_lr - base_lr) max(0, 1 - |x|) / 2^(cycle - 1), x = t / half_cycle_steps - 2 cycle + 1,
    cycle = floor(1 + t / (2 half_cycle_steps)).

    Example:
        >>> Triangular2(base_lr=0.0, max_lr=1.0, half_cycle_steps=1)(range(6)).tolist()
        [0.0, 1.0, 0.0, 0.5, 0.0, 0.25]
    """

    cites = ("Smith 2017, Cyclical learning rates for training neural networks, section 3.1.",)

    kind: Literal["triangular2"] = "triangular2"
    base_lr: NonNegativeRate
    """Lower bound, 0 <= base_lr <= max_lr."""
    max_lr: Rate
    """Upper bound of the first cycle, > 0."""
    half_cycle_steps: Length
    """Length of the rise and of the fall."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("base_lr", self.base_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        height, cycle = triangle_wave(steps, in_steps("half_cycle_steps", self.half_cycle_steps))
        return blend(self.base_lr, self.max_lr, height * np.exp2(-cycle))
