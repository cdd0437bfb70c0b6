"""A flat start, then cosine decay."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, blend, check_order, cosine_weight, in_steps, progress
from lrsearch.spec import NonNegativeRate, Rate


class FlatCosine(Schedule):
    """`max_lr` for the first `flat_frac` of the run, then half a cosine wave down to `min_lr`, which is held.

    rate(t) = min_lr + (max_lr - min_lr) / 2 (1 + cos(pi s)),
    s = max(0, min(t / total_steps, 1) - flat_frac) / (1 - flat_frac).

    Example:
        >>> FlatCosine(max_lr=1.0, total_steps=100, flat_frac=0.5)([0, 50, 75, 100]).round(12).tolist()
        [1.0, 1.0, 0.5, 0.0]
    """

    cites = ("fastai, fit_flat_cos.", "Wright 2019, Ranger with flat and cosine anneal.")

    kind: Literal["flat_cosine"] = "flat_cosine"
    max_lr: Rate
    """Rate of the flat part, > 0."""
    min_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, 0 <= min_lr <= max_lr."""
    total_steps: Length | None = None
    """Length of the whole; left out: the run's."""
    flat_frac: Annotated[float, Field(ge=0, lt=1, strict=True)] = 0.75
    """Share of the steps at `max_lr`, 0 <= share < 1."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_lr", self.min_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        total = in_steps("total_steps", self.total_steps)
        flat = self.flat_frac * total
        return blend(self.max_lr, self.min_lr, cosine_weight(progress(steps - flat, total - flat)))
