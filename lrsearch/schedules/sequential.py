"""Schedules one after the other."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike
from pydantic import Field, model_validator

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.schedules.base import (
    Floats,
    Length,
    Schedule,
    check_boundaries,
    check_depth,
    in_steps,
    problems_below,
    whole_steps,
)

if TYPE_CHECKING:
    from lrsearch.schedules import AnySchedule


class Sequential(Schedule):
    """Each schedule runs from its boundary to the next, on a clock of its own that starts at 0 there.

    rate(t) = f_i(t - boundaries[i-1]) for boundaries[i-1] <= t < boundaries[i], f_i the schedules, boundaries[-1] = 0.
    A boundary is the **first** step of the next schedule, as in optax' `join_schedules`. A schedule that left out its
    `total_steps` gets the length of its piece.

    Example:
        >>> from lrsearch.schedules import Constant, Linear
        >>> pieces = (Constant(lr=1.0), Linear(start_lr=1.0, total_steps=2))
        >>> Sequential(schedules=pieces, boundaries=(2,))(range(5)).tolist()
        [1.0, 1.0, 1.0, 0.5, 0.0]
    """

    cites = ("optax, join_schedules.", "PyTorch, SequentialLR.")

    kind: Literal["sequential"] = "sequential"
    schedules: Annotated[tuple[AnySchedule, ...], Field(max_length=64)]
    """1 to 64 schedules."""
    boundaries: Annotated[tuple[Length, ...], Field(max_length=63)]
    """First step of each schedule but the first; strictly rising, one fewer than `schedules`."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        check_boundaries(self.boundaries, self.schedules, "schedules")
        check_depth(self.depth)
        return self

    @property
    def depth(self) -> int:
        """How deep schedules are nested here."""
        return 1 + max(schedule.depth for schedule in self.schedules)

    @property
    def is_in_epochs(self) -> bool:
        """Whether a boundary or a schedule is still in epochs."""
        return super().is_in_epochs or any(schedule.is_in_epochs for schedule in self.schedules)

    @property
    def end_step(self) -> int | None:
        """Where the last schedule ends."""
        last, begin = self.schedules[-1].end_step, self.boundaries[-1] if self.boundaries else 0
        return last + begin if last is not None and isinstance(begin, int) else None

    def shortened(self, steps: int) -> Self:
        """A copy whose last schedule ends `steps` earlier."""
        return self._changed({"schedules": (*self.schedules[:-1], self.schedules[-1].shortened(steps))})

    def rates(self, steps: Floats) -> Floats:
        """Shape of `steps`, float64."""
        return self._piecewise(steps, lambda schedule, clock: schedule(clock))

    def momenta(self, steps: ArrayLike) -> Floats:
        """Those of the schedule whose piece it is."""
        clock = np.maximum(np.asarray(steps, dtype=np.float64), 0)
        return self._piecewise(clock, lambda schedule, inner: schedule.momenta(inner))

    def _piecewise(self, steps: Floats, read: Callable[[Schedule, Floats], Floats]) -> Floats:
        """What is read of the schedule of each step, on its own clock."""
        starts = [0, *(in_steps("boundaries", boundary) for boundary in self.boundaries)]
        piece = np.searchsorted(starts[1:], steps, side="right")
        result = np.empty_like(steps)
        for index, (schedule, start) in enumerate(zip(self.schedules, starts, strict=True)):
            here = piece == index
            result[here] = read(schedule, steps[here] - start)
        return result

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        boundaries = tuple(whole_steps(boundary, steps_per_epoch) for boundary in self.boundaries)
        schedules = list[Schedule]()
        borders = [0, *boundaries, total_steps]
        for index, schedule in enumerate(self.schedules):
            length = borders[index + 1] - borders[index]
            if length < 1:
                raise InvalidDocument([_too_late(index, borders, total_steps)])
            with problems_below(f"/schedules/{index}"):
                schedules.append(schedule.resolve(steps_per_epoch=steps_per_epoch, total_steps=length))
        return {"boundaries": boundaries, "schedules": tuple(schedules)}


def _too_late(index: int, borders: list[int], total_steps: int) -> Problem:
    return Problem(
        pointer="/boundaries",
        rule="empty_piece",
        value=borders[1:-1],
        message=f"schedule {index} would run from step {borders[index]} to {borders[index + 1]} of {total_steps}.",
        action="Let the boundaries rise strictly and end before the run does.",
    )
