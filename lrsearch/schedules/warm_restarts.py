"""Cosine decay with warm restarts (SGDR)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.schedules.base import (
    Decay,
    Epochs,
    Floats,
    Length,
    Schedule,
    check_order,
    cosine_weight,
    in_steps,
    round_up,
)
from lrsearch.spec import NonNegativeRate, PositiveInt, Rate


class WarmRestarts(Schedule):
    """Cosine decay that starts anew after every cycle; it has no end.

    rate(t) = min_lr + (peak_i - min_lr) / 2 (1 + cos(pi s / T_i)), s steps into cycle i, i from 0; T_0 = cycle_steps,
    T_(i+1) = cycle_mult T_i, rounded up in the unit given (epochs for `{"epochs": 3}`, else steps) before the next one
    is made of it: 3 epochs with cycle_mult 1.5 are 3, 5, 8, 12 epochs. peak_i = max_lr peak_decay^i, never under min_lr.
    Keras' `CosineDecayRestarts` with cycle_mult = t_mul; its m_mul shrinks only what is above the minimum.

    Example:
        >>> WarmRestarts(max_lr=1.0, cycle_steps=2, cycle_mult=2)(range(7)).round(2).tolist()
        [1.0, 0.5, 1.0, 0.85, 0.5, 0.15, 1.0]
    """

    cites = (
        "Loshchilov & Hutter 2017, SGDR, equation 5 and section 3.",
        "Capel 2019 (growing cycles, decaying peaks).",
    )

    kind: Literal["warm_restarts"] = "warm_restarts"
    max_lr: Rate
    """Rate at the start of the first cycle, > 0."""
    min_lr: NonNegativeRate = 0.0
    """Rate every cycle falls towards, 0 <= min_lr <= max_lr."""
    cycle_steps: Length
    """Length of the first cycle."""
    cycle_mult: Annotated[float, Field(ge=1, le=1e6, strict=True)] = 1.0
    """Factor of a cycle's length over the one before, 1 to 1e6."""
    peak_decay: Decay = 1.0
    """Factor of a cycle's peak over the one before, 0 < factor <= 1."""
    unit_steps: PositiveInt = 1
    """Steps that cycle lengths are multiples of; `resolve` sets an epoch's when `cycle_steps` is given in epochs."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_order("min_lr", self.min_lr, "max_lr", self.max_lr)
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        cycle, start, length = self._cycles(steps)
        peak = np.maximum(self.max_lr * self.peak_decay**cycle, self.min_lr)
        weight = cosine_weight((steps - start) / length)
        return peak * (1 - weight) + self.min_lr * weight

    def cycle_starts(self, total_steps: int) -> list[int]:
        """First step of every cycle that begins before `total_steps`: where the weights of a finished cycle are kept."""
        return self._borders(total_steps)[:-1]

    def _cycles(self, steps: Floats) -> tuple[Floats, Floats, Floats | int]:
        """Cycle, its first step and its length, of each step: whole numbers throughout, no logarithms that round."""
        length = in_steps("cycle_steps", self.cycle_steps)
        if self._next(length) == length:
            cycle = np.floor_divide(steps, length)
            return cycle, cycle * length, length
        borders = np.array(self._borders(int(steps.max(initial=0)) + 1), dtype=np.float64)
        cycle = np.searchsorted(borders, steps, side="right") - 1
        return cycle.astype(np.float64), borders[cycle], np.diff(borders)[cycle]

    def _borders(self, total_steps: int) -> list[int]:
        """Where cycles begin, up to the first border at or after `total_steps`."""
        borders, length = [0], in_steps("cycle_steps", self.cycle_steps)
        while borders[-1] < total_steps:
            borders.append(borders[-1] + length)
            length = self._next(length)
        return borders

    def _next(self, length: int) -> int:
        return round_up(length * self.cycle_mult / self.unit_steps) * self.unit_steps

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        if not isinstance(self.cycle_steps, Epochs):
            return {}
        return {"cycle_steps": round_up(self.cycle_steps.epochs) * steps_per_epoch, "unit_steps": steps_per_epoch}
