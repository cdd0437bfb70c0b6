"""The same learning rate at every step."""

from __future__ import annotations

from typing import Literal

import numpy as np

from lrsearch.schedules.base import Floats, Schedule
from lrsearch.spec import Rate


class Constant(Schedule):
    """One learning rate for the whole run.

    rate(t) = lr.

    Example:
        >>> Constant(lr=0.1)([0, 1, 1000]).tolist()
        [0.1, 0.1, 0.1]
    """

    cites = ("Robbins & Monro 1951, A stochastic approximation method; the rate held fixed.",)

    kind: Literal["constant"] = "constant"
    lr: Rate
    """The learning rate, > 0."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        return np.full_like(steps, self.lr)
