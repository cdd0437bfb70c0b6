"""What a prior tries before the sampler is asked: its first points, then rates around the best ones so far, closer and closer."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

import numpy as np

from lrsearch.experiments.search.ranges import FloatRange
from lrsearch.experiments.search.settings import OPTIMIZER, is_rate
from lrsearch.experiments.search.space import Dimension, Space

STEP: Final = 0.6
"""Decades from the best rate to the next one on a side where none was tried; doubles with each step further out."""
CLOSE: Final = 0.1
"""Distance of neighbouring rates, decades, that is close enough: losses differ by their noise."""
LED: Final = 24
"""Most settings that a prior leads, first points included; and at most half of the budget."""
SAME: Final = 1e-6
"""Rates nearer to each other than so many decades are the same."""
Line: TypeAlias = dict[float, float | None]
"""log10 rate -> value of the settings that differ in their rate alone; None while a setting runs."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A setting that was begun.

    Attributes:
        values: Optuna's name -> value.
        value: smaller being better; infinite where it was pruned or diverged, None while it runs.
    """

    values: Mapping[str, Any]
    value: float | None

    @property
    def order(self) -> float:
        """The value; what runs comes last."""
        return math.inf if self.value is None else self.value


class Lead:
    """The settings that a prior chooses.

    Args:
        space: as the prior has bounded it.
        points: of `first_points`: those of the likeliest rate are all tried, the others while nothing has ended.
        settings: greatest number of settings of the search.
    """

    def __init__(self, space: Space, points: Sequence[Sequence[Mapping[str, Any]]], settings: int) -> None:
        self._space = space
        self._points = [values for place in points for values in place]
        self.certain = len(points[0]) if points else 0
        self._most = max(self.certain, min(LED, settings // 2))

    def values(self, slot: int, begun: Sequence[Begun]) -> Mapping[str, Any] | None:
        """Values of the setting of a slot; None where the sampler is to choose."""
        if slot < self.certain:
            return self._points[slot]
        if not self.certain or slot >= self._most:
            return None
        if all(one.value is None for one in begun):
            return self._points[slot] if slot < len(self._points) else None
        return next_point(self._space, begun)


def next_point(space: Space, begun: Sequence[Begun]) -> dict[str, Any] | None:
    """Values of the next setting, None where nothing is left to do.

    Around the best setting's rate first, everything else kept; then the other options at this rate; then around the best
    rate of each of them, the better ones first.
    """
    best = min(begun, key=lambda one: one.order, default=None)
    if best is None or math.isinf(best.order):
        return None
    return _around(space, best, begun) or _across(space, best, begun) or _around_others(space, best, begun)


def _around(space: Space, one: Begun, begun: Sequence[Begun]) -> dict[str, Any] | None:
    """The setting with a rate beside its own, None where its neighbours are close."""
    rate = _rate_of(space, one)
    if rate is None:
        return None
    beside = _beside(rate, math.log10(one.values[rate.name]), _line(rate, one.values, begun))
    if beside is None:
        return None
    low, high = _range_of(rate).ends
    return {**one.values, rate.name: min(max(float(f"{10.0**beside:.6g}"), low), high)}


def _across(space: Space, best: Begun, begun: Sequence[Begun]) -> dict[str, Any] | None:
    """The best setting under another option, which was tried at no rate near."""
    rate = _rate_of(space, best)
    if rate is None:
        return None
    at = math.log10(best.values[rate.name])
    for values in _under_others(space, best.values):
        if all(abs(x - at) > CLOSE for x in _line(rate, values, begun)):
            return values
    return None


def _around_others(space: Space, best: Begun, begun: Sequence[Begun]) -> dict[str, Any] | None:
    """The same for the best setting of every other combination of the choices."""
    seen = [_choices(space, best)]
    for one in sorted(begun, key=lambda one: one.order):
        if math.isfinite(one.order) and (choices := _choices(space, one)) not in seen:
            seen.append(choices)
            if values := _around(space, one, begun):
                return values
    return None


def _rate_of(space: Space, one: Begun) -> Dimension | None:
    """Its learning rate, None where it has several or none."""
    rates = [dimension for dimension, _ in _drawn(space, one.values) if is_rate(dimension)]
    return rates[0] if len(rates) == 1 else None


def _choices(space: Space, one: Begun) -> dict[str, Any]:
    """The options it took."""
    return {dimension.name: value for dimension, value in _drawn(space, one.values) if dimension.options}


def _drawn(space: Space, values: Mapping[str, Any]) -> list[tuple[Dimension, Any]]:
    return space.drawn(lambda dimension: values[dimension.name])


def _under_others(space: Space, values: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """The values with one choice changed, among options that bring nothing of their own."""
    for dimension, label in _drawn(space, values):
        if dimension.name != OPTIMIZER and not any(option.inner for option in dimension.options):
            for option in dimension.options:
                if option.label != label:
                    yield {**values, dimension.name: option.label}


def _line(rate: Dimension, values: Mapping[str, Any], begun: Sequence[Begun]) -> Line:
    """The settings that differ from some values in the rate alone."""
    return {
        math.log10(one.values[rate.name]): one.value
        for one in begun
        if one.values.keys() == values.keys()
        and all(one.values[name] == value for name, value in values.items() if name != rate.name)
    }


def _range_of(rate: Dimension) -> FloatRange:
    assert isinstance(rate.range, FloatRange)
    return rate.range


def _beside(rate: Dimension, x: float, line: Line) -> float | None:
    """log10 of a rate near x: the lowest point of the parabola through it and its neighbours, else in the wider gap beside it."""
    low, high = (math.log10(end) for end in _range_of(rate).ends)
    below = sorted((one for one in line if one < x - SAME), reverse=True)
    above = sorted(one for one in line if one > x + SAME)
    bottom = _bottom([below[0], x, above[0]] if below and above else [x, *(below or above)[:2]], line)
    least, most = below[0] if below else max(low, x - STEP), above[0] if above else min(high, x + STEP)
    if bottom is not None and least <= bottom <= most and min(abs(bottom - one) for one in line) >= CLOSE / 2:
        return bottom
    up = 0.5 * (x + above[0]) if above else min(x + _step(x, below), high)
    down = 0.5 * (x + below[0]) if below else max(x - _step(x, above), low)
    found = max((up, down), key=lambda one: abs(one - x))
    return found if abs(found - x) >= CLOSE else None


def _step(x: float, behind: Sequence[float]) -> float:
    """How far to go on, coming from the rates behind, the nearest first."""
    return max(STEP, 2.0 * abs(x - behind[0])) if behind else STEP


def _bottom(places: Sequence[float], line: Line) -> float | None:
    """Where the parabola through three points is lowest; None where it opens downward or one has no value."""
    values = [value for one in places if (value := line[one]) is not None and math.isfinite(value)]
    if len(values) < 3:
        return None
    square, slope, _ = (float(one) for one in np.polyfit(places, values, 2))
    return -0.5 * slope / square if square > 0 else None
