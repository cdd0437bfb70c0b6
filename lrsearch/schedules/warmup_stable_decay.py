"""Warm-up, a long stable part, a short decay (WSD, trapezoidal)."""

from __future__ import annotations

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.schedules.base import (
    Floats,
    Length,
    LengthOrZero,
    Schedule,
    blend,
    check_order,
    cosine_weight,
    in_steps,
    progress,
)
from lrsearch.spec import NonNegativeRate, Rate, broken


class WarmupStableDecay(Schedule):
    """From 0 up to `max_lr` over `warmup_steps`, stable, then down to `min_lr` over the last `decay_frac` of the run.

    rate(t) = max_lr t / warmup_steps for t < warmup_steps, else max_lr + (min_lr - max_lr) w(s),
    s = max(0, t - (1 - decay_frac) total_steps) / (decay_frac total_steps), at most 1; w(s) = s (`linear`),
    (1 - cos(pi s)) / 2 (`cosine`) or sqrt(s) (`1-sqrt`). `min_lr` is reached at step `total_steps` and held.

    Example:
        >>> WarmupStableDecay(max_lr=1.0, total_steps=100, warmup_steps=10)([0, 5, 10, 90, 95, 100]).tolist()
        [0.0, 0.5, 1.0, 1.0, 0.5, 0.0]
    """

    cites = (
        "Hu et al. 2024, MiniCPM, section 4 (WSD).",
        "Hägele et al. 2024, Scaling laws and compute-optimal training beyond fixed training durations, equation 1 (1-sqrt).",
    )

    kind: Literal["warmup_stable_decay"] = "warmup_stable_decay"
    max_lr: Rate
    """Rate of the stable part, > 0."""
    min_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, 0 <= min_lr <= max_lr."""
    total_steps: Length | None = None
    """Length of the whole; left out: the run's."""
    warmup_steps: LengthOrZero
    """Length of the rise; 0 starts at `max_lr`."""
    decay_frac: Annotated[float, Field(gt=0, le=1, strict=True)] = 0.1
    """Share of `total_steps` in which the rate falls, above 0, at most 1."""
    shape: Literal["linear", "cosine", "1-sqrt"] = "linear"
    """How the rate falls."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_lr", self.min_lr, "max_lr", self.max_lr)
        total, warmup = self.total_steps, self.warmup_steps
        if isinstance(total, int) and isinstance(warmup, int) and warmup > self._stable_until(total):
            raise broken(
                "warmup_steps",
                "no_room_for_decay",
                f"warmup_steps ({warmup}) reaches into the decay, the last {self.decay_frac:g} of {total} steps.",
                "Shorten the warm-up, lower decay_frac, or train longer.",
            )
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        total, warmup = in_steps("total_steps", self.total_steps), in_steps("warmup_steps", self.warmup_steps)
        stable_until = self._stable_until(total)
        done = progress(steps - stable_until, self.decay_frac * total)
        weight = {"linear": done, "cosine": cosine_weight(done), "1-sqrt": np.sqrt(done)}[self.shape]
        rise = self.max_lr * progress(steps, max(warmup, 1))
        return np.where(steps < warmup, rise, blend(self.max_lr, self.min_lr, weight))

    def _stable_until(self, total_steps: int) -> float:
        return total_steps - self.decay_frac * total_steps
