"""Where a search space is checked before anything is trained: its lowest point, and one thing at a time changed."""

from __future__ import annotations

from typing import Any

from lrsearch.experiments.search.ranges import FloatRange, IntRange
from lrsearch.experiments.search.space import Dimension, Draw, Space
from lrsearch.spec import escape


def corners(space: Space) -> list[list[tuple[Dimension, Any]]]:
    """What to check a space at: all lowest values, then one thing at a time at its highest, and every option."""
    found = [space.drawn(lowest)]
    for one in space.everything():
        values = [option.label for option in one.options[1:]] if one.options else [_highest(one)]
        found += [space.drawn(with_value(space, one, value)) for value in values]
    return found


def lowest(dimension: Dimension) -> Any:
    """The least value of a range, the first of choices; a stand-in where the document names no end."""
    if dimension.options:
        return dimension.options[0].label
    assert isinstance(dimension.range, FloatRange | IntRange)
    low = dimension.range.low
    return low if low is not None else (dimension.range.high or 1.0) * 1e-3


def _highest(dimension: Dimension) -> Any:
    assert isinstance(dimension.range, FloatRange | IntRange)
    high = dimension.range.high
    return high if high is not None else (dimension.range.low or 1e-3) * 1e3


def with_value(space: Space, chosen: Dimension, value: Any) -> Draw:
    """Draws the lowest of everything, but the value of one dimension, and the options it stands under."""

    def draw(dimension: Dimension) -> Any:
        if dimension.name == chosen.name:
            return value
        for option in dimension.options:
            if chosen.name.startswith(f"{dimension.name}/{escape(str(option.label))}/"):
                return option.label
        return lowest(dimension)

    return draw
