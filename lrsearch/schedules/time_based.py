"""The lecture's time-based decay: a cumulative product over epochs."""

from __future__ import annotations

from typing import Any, Final, Literal

import numpy as np

from lrsearch.schedules.base import Floats, Schedule
from lrsearch.spec import NonNegativeRate, PositiveInt, Rate

LAST_EPOCH: Final = 10_000_000
"""Epoch after which the rate stands still: the product is a table up to the epoch asked for."""


class TimeBased(Schedule):
    """Each epoch divides the rate of the epoch before; it has no end (after ten million epochs it stands still).

    rate(t) = r_e with e = floor(t / steps_per_epoch), r_0 = lr, r_e = r_(e-1) / (1 + decay e). So the decay accumulates:
    this is not Keras' `InverseTimeDecay` (see `inverse_time`).

    Example:
        >>> TimeBased(lr=0.1, decay=0.001)(range(5)).round(11).tolist()
        [0.1, 0.0999000999, 0.0997006985, 0.09940249103, 0.09900646517]
    """

    cites = ("Time-based schedule of the lecture notebook and of MachineCurve 2019: lr *= 1 / (1 + decay * epoch).",)

    kind: Literal["time_based"] = "time_based"
    lr: Rate
    """Rate of the first epoch, > 0."""
    decay: NonNegativeRate
    """Decay an epoch, cumulative, >= 0; 0 is a constant rate."""
    steps_per_epoch: PositiveInt | None = None
    """Updates of an epoch; `resolve` fills it in. Left out: a step counts as an epoch, the formula's own clock."""

    @property
    def is_in_epochs(self) -> bool:
        """Whether `steps_per_epoch` is not known yet."""
        return self.steps_per_epoch is None

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        epochs = np.minimum(np.floor_divide(steps, self.steps_per_epoch or 1), LAST_EPOCH).astype(np.int64)
        divisors = 1 + self.decay * np.arange(int(epochs.max(initial=0)) + 1, dtype=np.float64)
        return np.asarray(self.lr * np.cumprod(1 / divisors)[epochs], dtype=np.float64)

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        return {"steps_per_epoch": self.steps_per_epoch or steps_per_epoch}
