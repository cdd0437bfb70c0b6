"""Warm-up, then decay by one over the square root of time."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lrsearch.schedules.base import Floats, Length, Schedule, in_steps
from lrsearch.spec import Rate


class InverseSqrt(Schedule):
    """The Transformer's schedule with its peak named: linear from 0, then one over the square root; it has no end.

    rate(t) = lr t / warmup_steps up to the peak at t = warmup_steps, then lr sqrt(warmup_steps / t). Steps count from 0
    (fairseq, Hugging Face); the paper counts from 1.

    Example:
        >>> InverseSqrt(lr=1.0, warmup_steps=4)([0, 2, 4, 16]).tolist()
        [0.0, 0.5, 1.0, 0.5]
    """

    cites = ("Vaswani et al. 2017, Attention is all you need, equation 3.", "fairseq, InverseSquareRootSchedule.")

    kind: Literal["inverse_sqrt"] = "inverse_sqrt"
    lr: Rate
    """Greatest rate, reached at step `warmup_steps`, > 0."""
    warmup_steps: Length
    """Length of the rise."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        warmup = in_steps("warmup_steps", self.warmup_steps)
        return self.lr * np.minimum(steps / warmup, np.sqrt(warmup / np.maximum(steps, warmup)))
