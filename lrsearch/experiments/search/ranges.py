"""What a field of a search space may be: a number between two ends, or one of some choices."""

from __future__ import annotations

import math
from typing import Annotated, Any, Final, Literal, Self, TypeGuard

from pydantic import Discriminator, Field, Tag, TypeAdapter, model_validator

from lrsearch.experiments.ends import check_ends
from lrsearch.spec import Spec, broken

MOST_CHOICES: Final = 1_000
"""Most choices of one field."""


class FloatRange(Spec):
    """A number from `low` to `high`, both included."""

    type: Literal["float"]
    low: float | None = None
    """Least value; may be left out for a learning rate that the prior bounds."""
    high: float | None = None
    """Greatest value; may be left out for a learning rate that the prior bounds."""
    log: bool = False
    """Whether ratios count, not differences: right for rates."""
    step: Annotated[float, Field(gt=0)] | None = None
    """Distance of neighbouring values, from `low` on; left out: any number."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check(self.low, self.high, self.step, is_log=self.log)
        return self

    def at(self, share: float) -> float:
        """The value at a share of the range, 0 <= share <= 1 (the steps take equal shares)."""
        low, high = self.ends
        if self.log:
            return min(max(math.exp(math.log(low) + share * (math.log(high) - math.log(low))), low), high)
        if self.step is None:
            return low + share * (high - low)
        return self.listed(MOST_CHOICES**2)[_place(share, self.count(MOST_CHOICES**2))]

    @property
    def ends(self) -> tuple[float, float]:
        """Both ends; only where both are given."""
        assert self.low is not None
        assert self.high is not None
        return self.low, self.high

    def count(self, otherwise: int) -> int:
        """Number of its values; `otherwise` where they are not countable."""
        if self.step is None or self.low is None or self.high is None:
            return otherwise
        return math.floor((self.high - self.low) / self.step + 1e-9) + 1

    def listed(self, otherwise: int) -> list[float]:
        """Its values, or `otherwise` many that are spaced evenly."""
        count = self.count(otherwise)
        if self.step is None:
            return [self.at(place / max(count - 1, 1)) for place in range(count)]
        return [float(f"{self.ends[0] + place * self.step:.12g}") for place in range(count)]


class IntRange(Spec):
    """A whole number from `low` to `high`, both included."""

    type: Literal["int"]
    low: Annotated[int, Field(strict=True)]
    """Least value."""
    high: Annotated[int, Field(strict=True)]
    """Greatest value."""
    log: bool = False
    """Whether ratios count, not differences."""
    step: Annotated[int, Field(ge=1, strict=True)] = 1
    """Distance of neighbouring values, from `low` on."""

    @model_validator(mode="after")
    def _fits(self) -> Self:
        _check(self.low, self.high, None if self.step == 1 else self.step, is_log=self.log)
        return self

    def at(self, share: float) -> int:
        """The value at a share of the range, 0 <= share <= 1."""
        if self.log:
            low, high = math.log(self.low - 0.5), math.log(self.high + 0.5)
            return min(max(round(math.exp(low + share * (high - low))), self.low), self.high)
        return self.low + self.step * _place(share, self.count(0))

    def count(self, otherwise: int) -> int:
        """Number of its values."""
        return (self.high - self.low) // self.step + 1

    def listed(self, otherwise: int) -> list[int]:
        """Its values; spaced evenly where they are more than `otherwise`, which is at least 2."""
        count = self.count(0)
        if count <= otherwise:
            return [self.low + place * self.step for place in range(count)]
        return list(dict.fromkeys(self.at(place / (otherwise - 1)) for place in range(otherwise)))


class Choices(Spec):
    """One of some values; an object among them may hold ranges and choices of its own, which count when it is taken."""

    type: Literal["categorical"] = "categorical"
    choices: Annotated[list[Any], Field(min_length=1, max_length=MOST_CHOICES)]
    """The values: text, numbers, switches, null, or objects such as `{"kind": "cosine"}`."""


_TAGS: Final = {"float", "int"}


def _tag(value: Any) -> str:
    if isinstance(value, FloatRange | IntRange | Choices):
        return value.type
    if not is_object(value) or "choices" not in value:
        return "int" if is_object(value) and value.get("type") == "int" else "float"
    return "categorical"


AnyRange = Annotated[
    Annotated[FloatRange, Tag("float")] | Annotated[IntRange, Tag("int")] | Annotated[Choices, Tag("categorical")],
    Discriminator(_tag),
]
"""`{"type": "float", "low": ..., "high": ...}`, the same of `int`, or `{"choices": [...]}`."""
RANGE: Final[TypeAdapter[FloatRange | IntRange | Choices]] = TypeAdapter(AnyRange)


def is_range(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether a part of a choice is a range of its own and no value."""
    return is_object(value) and ("choices" in value or (value.get("type") in _TAGS and "kind" not in value))


def is_object(value: Any) -> TypeGuard[dict[str, Any]]:
    """Whether it is a JSON object."""
    return isinstance(value, dict)


def _check(low: float | None, high: float | None, step: float | None, *, is_log: bool) -> None:
    """Refuse ends that do not rise, and steps of a logarithmic range."""
    check_ends(low, high, is_log=is_log, otherwise="log to false")
    if step is not None and is_log:
        message = f"step is {step:g} and log is true; steps of equal ratio have no name here."
        raise broken("step", "no_step_with_log", message, "Remove step, or log.")


def _place(share: float, count: int) -> int:
    return min(int(share * count), count - 1)
