"""A power of the way that is left."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from lrsearch.schedules.base import Floats, Length, Schedule, blend, in_steps, progress
from lrsearch.spec import NonNegativeRate


class Polynomial(Schedule):
    """Polynomial decay; power 1 is a straight line, the end is reached at step `total_steps` and held.

    rate(t) = end_lr + (start_lr - end_lr) (1 - min(t / total_steps, 1))^power. Keras' `PolynomialDecay`.

    Example:
        >>> Polynomial(start_lr=1.0, total_steps=4, power=2)([0, 2, 4]).tolist()
        [1.0, 0.25, 0.0]
    """

    cites = ("Liu, Rabinovich & Berg 2016, ParseNet, section 3.2 ('poly' policy).", "Keras, PolynomialDecay.")

    kind: Literal["polynomial"] = "polynomial"
    start_lr: NonNegativeRate
    """Rate at step 0, >= 0."""
    end_lr: NonNegativeRate = 0.0
    """Rate from step `total_steps` on, >= 0."""
    total_steps: Length | None = None
    """Length of the decay; left out: the run's."""
    power: Annotated[float, Field(gt=0, strict=True)] = 1.0
    """Exponent, > 0; above 1 falls fast first, below 1 falls fast last."""

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        left = (1 - progress(steps, in_steps("total_steps", self.total_steps))) ** self.power
        return blend(self.end_lr, self.start_lr, left)
