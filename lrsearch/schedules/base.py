"""What every schedule is: a validated spec that is a pure function of the step; lengths; the shapes schedules share."""

from __future__ import annotations

import itertools
import math
from abc import abstractmethod
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Annotated, Any, Final, Self, cast

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import Discriminator, Field, Tag, TypeAdapter

from lrsearch.errors import InvalidDocument, Problem
from lrsearch.spec import Spec, broken, validate

Floats = NDArray[np.float64]

LAST_STEP: Final = 2**53
"""The greatest step: whole numbers up to here are exact in float64. Later steps have this one's rate."""


MOST_NESTED: Final = 8
"""Greatest depth of nested schedules."""


class Epochs(Spec):
    """A length in epochs (passes over the training set), resolved to steps once, before training."""

    epochs: Annotated[float, Field(gt=0, le=LAST_STEP, strict=True)]
    """Number of epochs, > 0 and <= 2**53, the greatest number of steps; need not be whole."""


def _is_in_epochs(value: object) -> bool:
    parts = cast("tuple[object, ...]", value) if isinstance(value, tuple) else (value,)
    return any(isinstance(part, Epochs) for part in parts)


_IN_STEPS: Final = "a number of steps"
_IN_EPOCHS: Final = "a number of epochs"  # no field's name: errors are located by tags and fields alike


def _unit_of(length: Any) -> str:
    return _IN_EPOCHS if isinstance(length, Mapping | Epochs) else _IN_STEPS


InEpochs = Annotated[Epochs, Tag(_IN_EPOCHS)]

Length = Annotated[
    Annotated[int, Field(ge=1, le=LAST_STEP, strict=True), Tag(_IN_STEPS)] | InEpochs, Discriminator(_unit_of)
]
"""A number of steps, or `{"epochs": 3}`."""

LengthOrZero = Annotated[
    Annotated[int, Field(ge=0, le=LAST_STEP, strict=True), Tag(_IN_STEPS)] | InEpochs, Discriminator(_unit_of)
]
"""A number of steps that may be 0, or `{"epochs": 3}`."""

Decay = Annotated[float, Field(gt=0, le=1, strict=True)]
"""A factor that shrinks, 0 < factor <= 1."""


class Schedule(Spec):
    """Learning rate as a pure function of the step (one step = one optimizer update, counted from 0).

    Before step 0 every schedule has the rate of step 0; from `total_steps` on, where it has one, the rate of its end.
    """

    def resolve(self, *, steps_per_epoch: int, total_steps: int) -> Self:
        """A copy in which every length is a whole number of steps and what was left out is filled in by the run's length.

        Args:
            steps_per_epoch: updates of one epoch, >= 1.
            total_steps: updates of the whole run, >= 1; given to a schedule that left out its own.

        Returns:
            The resolved schedule; resolving it again changes nothing.

        Raises:
            InvalidDocument: the lengths, now known, do not fit together.
            ValueError: an argument is below 1.
        """
        if steps_per_epoch < 1 or total_steps < 1:
            raise ValueError(f"steps_per_epoch and total_steps must be >= 1, not {steps_per_epoch} and {total_steps}.")
        return self._changed(self._resolved(steps_per_epoch, total_steps))

    def shortened(self, steps: int) -> Self:
        """A copy whose total length is `steps` shorter (a schedule without one: itself); what `warmup` runs after it.

        Raises:
            InvalidDocument: nothing would be left.
        """
        total = getattr(self, "total_steps", None)
        if not isinstance(total, int):
            return self
        if total <= steps:
            message = f"of its total_steps, {total}, nothing is left."
            raise InvalidDocument([Problem("/total_steps", "nothing_left", total, message, "Raise total_steps.")])
        return self._changed({"total_steps": total - steps})

    @property
    def depth(self) -> int:
        """How deep schedules are nested here; 1 for one that is no combinator."""
        return 1

    @property
    def is_in_epochs(self) -> bool:
        """Whether a length is still in epochs, so that the rates depend on the `steps_per_epoch` of `resolve`."""
        return any(_is_in_epochs(value) for _, value in self)

    @property
    def end_step(self) -> int | None:
        """Step from which on the rate stands still, once resolved; None for a schedule without an end."""
        total = getattr(self, "total_steps", None)
        return total if isinstance(total, int) else None

    @abstractmethod
    def rates(self, steps: Floats) -> Floats:
        """Learning rates of the given steps, all in [0, LAST_STEP]; same shape, float64. Lengths must be resolved."""

    def momenta(self, steps: ArrayLike) -> Floats:
        """Momentum of a step or an array of steps, NaN where the schedule leaves it to the optimizer: float64, same shape."""
        return np.full(np.shape(np.asarray(steps)), np.nan)

    def __call__(self, steps: ArrayLike) -> Floats:
        """Learning rate of a step or an array of steps: float64, same shape.

        Args:
            steps: numbers of updates done before; below 0 counts as 0.

        Raises:
            ValueError: a length is still in epochs or left out; or a step is not finite.
        """
        clock = np.asarray(steps, dtype=np.float64)
        if not np.isfinite(clock).all():
            raise ValueError("steps must be finite numbers; NaN or infinity is among them.")
        with np.errstate(over="ignore", under="ignore"):  # a divisor that overflows is a rate of 0: the right limit
            return np.asarray(self.rates(np.clip(clock, 0, LAST_STEP)), dtype=np.float64)

    def _resolved(self, steps_per_epoch: int, total_steps: int) -> dict[str, Any]:
        """The fields that `resolve` changes, with their new values."""
        changes: dict[str, Any] = {}
        for name in type(self).model_fields:
            value: Any = getattr(self, name)
            if isinstance(value, Epochs):
                changes[name] = whole_steps(value, steps_per_epoch)
            elif name == "total_steps" and value is None:
                changes[name] = total_steps
        return changes

    def _changed(self, changes: Mapping[str, Any]) -> Self:
        """A copy with some fields changed, validated again."""
        fields = {name: getattr(self, name) for name in type(self).model_fields}
        return validate(TypeAdapter(type(self)), fields | dict(changes))


def whole_steps(length: int | Epochs, steps_per_epoch: int) -> int:
    """A length in steps; what is not whole is rounded up.

    Example:
        >>> whole_steps(Epochs(epochs=2.5), steps_per_epoch=3)
        8
    """
    return length if isinstance(length, int) else round_up(length.epochs * steps_per_epoch)


def round_up(length: float) -> int:
    """The next whole number, >= 1; forgives the rounding error of a product (1.1 * 10 is 11, not 12)."""
    return max(math.ceil(length * (1 - 1e-12)), 1)


def in_steps(field: str, length: int | Epochs | None) -> int:
    """The length of a resolved schedule.

    Raises:
        ValueError: it is still in epochs, or was left out.
    """
    if isinstance(length, int):
        return length
    state = "was left out" if length is None else f"is still in epochs ({length.epochs:g})"
    raise ValueError(
        f"{field} {state}, so the schedule has no rate yet: "
        "call .resolve(steps_per_epoch=..., total_steps=...) first and use what it returns."
    )


def check_order(low_field: str, low: float, high_field: str, high: float) -> None:
    """Refuse a lower bound above its upper bound."""
    if low > high:
        raise broken(
            low_field,
            "bounds_reversed",
            f"{low_field} ({low:g}) is above {high_field} ({high:g}).",
            f"Lower {low_field} or raise {high_field}.",
        )


def check_boundaries(boundaries: Sequence[int | Epochs], members: Sequence[object], field: str) -> None:
    """Refuse boundaries that do not separate the members of `field`, at least one: one fewer, strictly increasing."""
    if not members:
        raise broken(field, "too_short", f"{field} is empty.", f"Give at least one of {field}.")
    if len(boundaries) != len(members) - 1:
        raise broken(
            "boundaries",
            "boundary_count",
            f"{len(members)} {field} need {len(members) - 1} boundaries, not {len(boundaries)}.",
            f"Give one boundary between each two of {field}.",
        )
    for before, after in itertools.pairwise(boundaries):
        if type(before) is type(after) and _size(before) >= _size(after):
            raise broken(
                "boundaries",
                "not_increasing",
                f"boundaries must rise strictly; {_size(after):g} comes after {_size(before):g}.",
                "Sort the boundaries and remove repeated ones.",
            )


def _size(length: int | Epochs) -> float:
    return length if isinstance(length, int) else length.epochs


def check_depth(depth: int) -> None:
    """Refuse schedules nested deeper than any training needs, before they exhaust the interpreter's stack."""
    if depth > MOST_NESTED:
        raise broken(
            "",
            "nested_too_deep",
            f"schedules are nested {depth} deep; the most is {MOST_NESTED}.",
            "Put the parts side by side in one `sequential`.",
        )


@contextmanager
def problems_below(pointer: str) -> Generator[None]:
    """Let the problems of a nested schedule point from here."""
    try:
        yield
    except InvalidDocument as error:
        raise InvalidDocument([replace(p, pointer=pointer + p.pointer) for p in error.problems]) from None


def progress(steps: Floats, total_steps: float) -> Floats:
    """Share of the way that is done, steps / total_steps, 0 to 1, both included."""
    return np.clip(steps / total_steps, 0, 1)


def blend(start: float, end: float, weight: Floats) -> Floats:
    """The way from `start` to `end`: start (1 - weight) + end weight, exact at both ends."""
    return start * (1 - weight) + end * weight


def cosine_weight(done: Floats) -> Floats:
    """Half a cosine wave from 0 to 1: (1 - cos(pi done)) / 2, done in [0, 1]."""
    return (1 - np.cos(np.pi * done)) / 2


def triangle_wave(steps: Floats, half_cycle_steps: int) -> tuple[Floats, Floats]:
    """Height in [0, 1] of a wave that is 0 at step 0 and 1 at `half_cycle_steps`, and the cycle, counted from 0."""
    cycle = np.floor_divide(steps, 2 * half_cycle_steps)
    place = (steps - cycle * 2 * half_cycle_steps) / half_cycle_steps
    return 1 - np.abs(place - 1), cycle
