"""Numbers on their way into JSON, which has no NaN and no infinity, and back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping


def finite_or_none(values: Iterable[float]) -> list[float | None]:
    """Every number, and None (JSON null) in the place of NaN and the infinities.

    Example:
        >>> finite_or_none([0.5, float("nan")])
        [0.5, None]
    """
    return [float(value) if math.isfinite(value) else None for value in values]


def number(value: float | None) -> float:
    """A number of a stored result: null is NaN again."""
    return math.nan if value is None else float(value)


def floats(values: Iterable[float | None]) -> list[float]:
    """Numbers of a stored result.

    Example:
        >>> floats([0.5, None])
        [0.5, nan]
    """
    return [number(value) for value in values]


def columns(points: Iterable[tuple[float, float]]) -> tuple[list[float], list[float]]:
    """The x and the y of some points, as a line takes them."""
    pairs = list(points)
    return [x for x, _ in pairs], [y for _, y in pairs]


def summed(parts: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """The sum under each name, such as seconds by phase.

    Example:
        >>> summed([{"build": 1.0}, {"build": 0.5, "train": 2.0}])
        {'build': 1.5, 'train': 2.0}
    """
    total: dict[str, float] = {}
    for part in parts:
        for name, value in part.items():
            total[name] = total.get(name, 0.0) + value
    return total
