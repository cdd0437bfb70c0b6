"""Exponential decay, smooth or in stairs."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lrsearch.schedules.base import Decay, Floats, Length, Schedule, in_steps
from lrsearch.spec import Rate


class Exponential(Schedule):
    """The rate is multiplied by `decay_rate` every `decay_steps` steps; it has no end.

    rate(t) = lr decay_rate^(t / decay_steps), the exponent rounded down when `staircase`. Keras' `ExponentialDecay`.

    Example:
        >>> Exponential(lr=1.0, decay_rate=0.5, decay_steps=2)([0, 2, 4]).tolist()
        [1.0, 0.5, 0.25]
    """

    cites = ("Keras, ExponentialDecay.",)

    kind: Literal["exponential"] = "exponential"
    lr: Rate
    """Rate at step 0, > 0."""
    decay_rate: Decay
    """Factor of `decay_steps` steps, 0 < factor <= 1."""
    decay_steps: Length
    """Steps in which the rate falls by the factor."""
    staircase: bool = False
    """Fall at once after every `decay_steps` steps instead of smoothly."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        times = steps / in_steps("decay_steps", self.decay_steps)
        return self.lr * self.decay_rate ** (np.floor(times) if self.staircase else times)
