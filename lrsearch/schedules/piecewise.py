"""Constant pieces."""

from __future__ import annotations

from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from lrsearch.schedules.base import Floats, Length, Schedule, check_boundaries, in_steps, whole_steps
from lrsearch.spec import Rate


class Piecewise(Schedule):
    """A list of rates, each held up to its boundary; the last one has no end.

    rate(t) = lrs[i] for boundaries[i-1] < t <= boundaries[i]. A boundary is the **last** step of its piece, as in Keras'
    `PiecewiseConstantDecay`; PyTorch and optax count it as the first of the next.

    Example:
        >>> Piecewise(boundaries=(1, 3), lrs=(1.0, 0.1, 0.01))(range(5)).tolist()
        [1.0, 1.0, 0.1, 0.1, 0.01]
    """

    cites = ("Keras, PiecewiseConstantDecay.", "He et al. 2016, Deep residual learning, section 3.4 (divide by 10).")

    kind: Literal["piecewise"] = "piecewise"
    boundaries: Annotated[tuple[Length, ...], Field(max_length=4096)]
    """Last step of each piece but the last; strictly rising, one fewer than `lrs`."""
    lrs: Annotated[tuple[Rate, ...], Field(max_length=4096)]
    """Rate of each piece, > 0."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_boundaries(self.boundaries, self.lrs, "lrs")
        return self

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        ends = np.array([in_steps("boundaries", boundary) for boundary in self.boundaries], dtype=np.float64)
        return np.asarray(self.lrs, dtype=np.float64)[np.searchsorted(ends, steps, side="left")]

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        return {"boundaries": tuple(whole_steps(boundary, steps_per_epoch) for boundary in self.boundaries)}
