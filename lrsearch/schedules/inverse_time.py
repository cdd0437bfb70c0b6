"""Decay by one over time."""

from __future__ import annotations

from typing import Literal

from lrsearch.schedules.base import Floats, Schedule
from lrsearch.spec import NonNegativeRate, Rate


class InverseTime(Schedule):
    """The rate falls as one over the number of steps; it has no end.

    rate(t) = lr / (1 + decay t). Keras' `InverseTimeDecay` with decay_steps 1, and the `decay` argument of its former
    optimizers. Not the cumulative product of `time_based`.

    Example:
        >>> InverseTime(lr=1.0, decay=0.5)([0, 2, 6]).tolist()
        [1.0, 0.5, 0.25]
    """

    cites = ("Keras, InverseTimeDecay.", "Robbins & Monro 1951 (rates whose sum diverges and whose squares' does not).")

    kind: Literal["inverse_time"] = "inverse_time"
    lr: Rate
    """Rate at step 0, > 0."""
    decay: NonNegativeRate
    """Decay a step, >= 0; 0 is a constant rate."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        return self.lr / (1 + self.decay * steps)
