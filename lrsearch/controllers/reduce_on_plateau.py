"""Lower the learning rate when the metric stalls."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lrsearch.controllers.base import (
    ControllerState,
    Decision,
    KeepRate,
    Metrics,
    PlateauController,
    PlateauMemory,
    SetRate,
)
from lrsearch.spec import NonNegativeRate


class ReduceOnPlateau(PlateauController):
    """After `patience` epochs without improvement the rate becomes max(lr factor, min_lr).

    Decides as Keras' `ReduceLROnPlateau` does, but for what it breaks on: a first value that is NaN does not become the
    best for ever, and the state can be saved and restored. At `min_lr` nothing more happens.

    Example:
        >>> state = ReduceOnPlateau(patience=1, factor=0.5).start()
        >>> state.at_epoch_end(0, {"val_loss": 1.0}, lr=0.1)
        KeepRate(why='')
        >>> state.at_epoch_end(1, {"val_loss": 1.0}, lr=0.1).lr
        0.05
    """

    cites = ("Keras, ReduceLROnPlateau.",)

    kind: Literal["reduce_on_plateau"] = "reduce_on_plateau"
    factor: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    """What the rate is multiplied by, above 0 and below 1."""
    min_lr: NonNegativeRate = 0.0
    """Rate it never goes under, >= 0."""

    def start(self) -> ReduceOnPlateauState:
        """A fresh state."""
        return ReduceOnPlateauState(self, ReduceOnPlateauMemory())


class ReduceOnPlateauMemory(PlateauMemory):
    """What it remembers."""

    kind: Literal["reduce_on_plateau"] = "reduce_on_plateau"


class ReduceOnPlateauState(ControllerState[ReduceOnPlateau, ReduceOnPlateauMemory]):
    """`ReduceOnPlateau` at work."""

    def at_epoch_end(self, epoch: int, metrics: Metrics, lr: float) -> Decision:
        """Keep the rate, or lower it."""
        rule = self.controller
        value = rule.reading(metrics)
        if value is None:
            return rule.not_measured(metrics)
        self.memory, is_stalled = rule.watch(self.memory, value)
        if not is_stalled or lr <= rule.min_lr:
            return KeepRate()
        why = f"{rule.stalled(self.memory)}: {rule.factor:g} times the rate, at least {rule.min_lr:g}."
        self.memory = self.memory.model_copy(update={"wait": 0, "cooldown_left": rule.cooldown})
        return SetRate(max(lr * rule.factor, rule.min_lr), why)
