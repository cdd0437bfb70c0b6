"""What every schedule is: a validated spec that is a pure function of the step."""

from __future__ import annotations

from abc import abstractmethod
from typing import Annotated

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Field
from typing_extensions import Self

from lrsearch.spec import PositiveInt, Spec


class Epochs(Spec):
    """A length in epochs (passes over the training set), resolved to steps once, before training."""

    epochs: Annotated[float, Field(gt=0)]
    """Number of epochs; need not be whole."""


Length = PositiveInt | Epochs
"""A number of steps, or `{"epochs": 3}`."""


class Schedule(Spec):
    """Learning rate as a pure function of the step (one step = one optimizer update, counted from 0)."""

    @abstractmethod
    def resolve(self, *, steps_per_epoch: int, total_steps: int) -> Self:
        """A copy in which every length is a whole number of steps and what was left out is filled in by the run's length."""

    @abstractmethod
    def rates(self, steps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Learning rates of the given steps; same shape, float64. Lengths must be resolved."""

    def __call__(self, steps: ArrayLike) -> NDArray[np.float64]:
        """Learning rate of a step or an array of steps: float64, same shape."""
        return self.rates(np.asarray(steps, dtype=np.float64))
