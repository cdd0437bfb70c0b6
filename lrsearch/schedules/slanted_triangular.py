"""ULMFiT's short rise and long fall."""

from __future__ import annotations

import math
from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from lrsearch.schedules.base import Floats, Length, Schedule, in_steps
from lrsearch.spec import Rate


class SlantedTriangular(Schedule):
    """A straight line from max_lr / ratio up to `max_lr`, and a longer one back; held from its end on.

    With cut = floor(total_steps cut_frac): p = t / cut for t < cut, else p = 1 - (t - cut) / (cut (1 / cut_frac - 1)),
    never under 0; rate(t) = max_lr (1 + p (ratio - 1)) / ratio. Where cut is 0 it starts at the peak and falls over
    `total_steps`.

    Example:
        >>> SlantedTriangular(max_lr=1.0, total_steps=10, cut_frac=0.5, ratio=2.0)([0, 5, 10]).tolist()
        [0.5, 1.0, 0.5]
    """

    cites = ("Howard & Ruder 2018, Universal language model fine-tuning (ULMFiT), equation 3.",)

    kind: Literal["slanted_triangular"] = "slanted_triangular"
    max_lr: Rate
    """Greatest rate, > 0."""
    total_steps: Length | None = None
    """Length of the triangle; left out: the run's."""
    cut_frac: Annotated[float, Field(gt=0, lt=1, strict=True)] = 0.1
    """Share of the steps in which the rate rises, above 0 and below 1."""
    ratio: Annotated[float, Field(ge=1, strict=True)] = 32.0
    """max_lr / smallest rate, >= 1."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        total = in_steps("total_steps", self.total_steps)
        cut = math.floor(total * self.cut_frac * (1 + 1e-12))  # 0.29 * 100 is 29, not 28.999...
        fall = cut * (1 / self.cut_frac - 1) if cut else total
        share = np.where(steps < cut, steps / max(cut, 1), np.clip(1 - (steps - cut) / fall, 0, 1))
        return self.max_lr * ((1 + share * (self.ratio - 1)) / self.ratio)
