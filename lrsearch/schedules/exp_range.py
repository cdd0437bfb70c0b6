"""Cyclical learning rate whose amplitude decays exponentially."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from lrsearch.schedules.base import Decay, Floats, Length, Schedule, blend, check_order, in_steps, triangle_wave
from lrsearch.spec import NonNegativeRate, Rate


class ExpRange(Schedule):
    """Like `triangular`, with an amplitude that shrinks by `gamma` every step; it has no end.

    rate(t) = base_lr + (max_lr - base_lr) max(0, 1 - |x|) gamma^t, x = t / half_cycle_steps - 2 cycle + 1,
    cycle = floor(1 + t / (2 half_cycle_steps)). With `decay_floor` the lower bound shrinks too, as the paper's text says
    (implementations, and the default here, shrink the amplitude only): (base_lr + (max_lr - base_lr) max(0, 1 - |x|)) gamma^t.

    Example:
        >>> ExpRange(base_lr=0.0, max_lr=1.0, half_cycle_steps=1, gamma=0.5)(range(4)).tolist()
        [0.0, 0.5, 0.0, 0.125]
    """

    cites = ("Smith 2017, Cyclical learning rates for training neural networks, section 3.1.",)

    kind: Literal["exp_range"] = "exp_range"
    base_lr: NonNegativeRate
    """Lower bound, 0 <= base_lr <= max_lr."""
    max_lr: Rate
    """Upper bound at step 0, > 0."""
    half_cycle_steps: Length
    """Length of the rise and of the fall."""
    gamma: Decay
    """Factor a step, 0 < gamma <= 1; Smith uses 0.99994."""
    decay_floor: bool = False
    """Shrink both bounds (the paper) instead of the amplitude."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("base_lr", self.base_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        height, _ = triangle_wave(steps, in_steps("half_cycle_steps", self.half_cycle_steps))
        shrunk = self.gamma**steps
        if self.decay_floor:
            return blend(self.base_lr, self.max_lr, height) * shrunk
        return blend(self.base_lr, self.max_lr, height * shrunk)
