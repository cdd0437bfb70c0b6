"""Drop-based decay."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np

from lrsearch.schedules.base import Decay, Epochs, Floats, Length, Schedule, in_steps
from lrsearch.spec import PositiveInt, Rate


class StepDecay(Schedule):
    """The rate is multiplied by `drop` every `every_steps`; it has no end.

    rate(t) = lr drop^floor((1 + e) / every), e = floor(t / unit) and every = every_steps / unit, both in the unit given:
    epochs for `{"epochs": 15}`, else steps. As published, the first drop comes one unit early: at the start of
    epoch 14, counted from 0, for every 15.

    Example:
        >>> StepDecay(lr=1.0, every_steps=3)(range(7)).tolist()
        [1.0, 1.0, 0.5, 0.5, 0.5, 0.25, 0.25]
    """

    cites = ("Drop-based schedule of the lecture notebook and of MachineCurve 2019: floor((1 + epoch) / epochs_drop).",)

    kind: Literal["step_decay"] = "step_decay"
    lr: Rate
    """Rate before the first drop, > 0."""
    drop: Decay = 0.5
    """Factor of one drop, 0 < drop <= 1."""
    every_steps: Length
    """Distance of the drops."""
    unit_steps: PositiveInt = 1
    """Steps of the unit `every_steps` counts in; `resolve` sets an epoch's when the length is given in epochs."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        units = 1 + np.floor_divide(steps, self.unit_steps)
        return self.lr * self.drop ** np.floor_divide(
            units * self.unit_steps, in_steps("every_steps", self.every_steps)
        )

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        unit = {"unit_steps": steps_per_epoch} if isinstance(self.every_steps, Epochs) else {}
        return super()._resolved(steps_per_epoch, total_steps) | unit
