"""Cosine decay."""

from __future__ import annotations

from typing import Literal, Self

from pydantic import model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, blend, check_order, cosine_weight, in_steps, progress
from lrsearch.spec import NonNegativeRate, Rate


class Cosine(Schedule):
    """Half a cosine wave from `max_lr` down to `min_lr`, reached at step `total_steps` and held.

    rate(t) = min_lr + (max_lr - min_lr) / 2 (1 + cos(pi min(t / total_steps, 1))). Keras' `CosineDecay` with
    alpha = min_lr / max_lr.

    Example:
        >>> Cosine(max_lr=1.0, total_steps=100)([0, 50, 100]).round(12).tolist()
        [1.0, 0.5, 0.0]
    """

    cites = ("Loshchilov & Hutter 2017, SGDR, equation 5, without restarts.", "Keras, CosineDecay.")

    kind: Literal["cosine"] = "cosine"
    max_lr: Rate
    """Rate at step 0, > 0."""
    min_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, 0 <= min_lr <= max_lr."""
    total_steps: Length | None = None
    """Length of the decay; left out: the run's. Inside `warmup` it includes the warm-up."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_lr", self.min_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        done = progress(steps, in_steps("total_steps", self.total_steps))
        return blend(self.max_lr, self.min_lr, cosine_weight(done))
