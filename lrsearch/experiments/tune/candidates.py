"""What a tuning tries: schedules as shapes without a rate, and an optimizer's rates around its suggestion."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any, Final, cast

import numpy as np

from lrsearch.experiments.search.open_schedule import PEAKS
from lrsearch.experiments.search.ranges import is_object
from lrsearch.experiments.search.settings import with_peak
from lrsearch.experiments.tuning import spread

SPACING: Final = 0.5
"""Decades between neighbouring rates of the race."""
RATES: Final = ("lr", "max_lr", "start_lr", "base_lr", "min_lr", "end_lr", "lrs")
"""Fields of schedules that hold rates."""


def rates_around(centre: float, count: int) -> list[float]:
    """`count` rates, `SPACING` decades apart, around a centre.

    Example:
        >>> rates_around(0.01, 3)
        [0.00316228, 0.01, 0.0316228]
    """
    steps = np.arange(count, dtype=np.float64) - 0.5 * (count - 1)
    return [float(f"{rate:.6g}") for rate in centre * 10.0 ** (SPACING * steps)]


def template(schedule: str | Mapping[str, Any]) -> dict[str, Any]:
    """A schedule of the document as an object."""
    return {"kind": schedule} if isinstance(schedule, str) else dict(schedule)


def at_rate(optimizer: Mapping[str, Any], schedule: Mapping[str, Any], lr: float) -> dict[str, Any]:
    """Optimizer and schedule with `lr` as the greatest rate; rates that the schedule names keep their ratios.

    Example:
        >>> at_rate({"kind": "adam"}, {"kind": "cosine"}, 0.01)
        {'optimizer': {'kind': 'adam'}, 'schedule': {'kind': 'cosine', 'max_lr': 0.01}}
        >>> at_rate({"kind": "adam"}, {"kind": "constant"}, 0.01)
        {'optimizer': {'kind': 'adam', 'learning_rate': 0.01}}
    """
    if set(schedule) <= {"kind", "lr"} and schedule["kind"] == "constant":
        return {"optimizer": {**optimizer, "learning_rate": lr}}
    greatest = greatest_rate(schedule)
    if greatest is None:
        return with_peak({"optimizer": {**optimizer, "learning_rate": lr}, "schedule": dict(schedule)})
    return {"optimizer": dict(optimizer), "schedule": scaled(schedule, lr / greatest)}


def greatest_rate(schedule: Mapping[str, Any]) -> float | None:
    """The greatest rate a schedule names, at any depth, its `base_lr` aside; None when it names none."""
    found = [rate for one in _nested(schedule) for rate in _rates(one)]
    return max(found, default=None)


def _nested(schedule: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The schedule and all within it."""
    within = [schedule.get("schedule"), *cast("Sequence[Any]", schedule.get("schedules") or ())]
    return [schedule, *(one for inner in within if is_object(inner) for one in _nested(inner))]


def _rates(schedule: Mapping[str, Any]) -> list[float]:
    named = [schedule.get(name) for name in RATES if name != "base_lr"]
    values = [
        value for one in named for value in (cast("Sequence[Any]", one) if isinstance(one, list | tuple) else [one])
    ]
    return [float(value) for value in values if isinstance(value, int | float) and value > 0]


def scaled(schedule: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """A copy with every rate times a factor.

    Example:
        >>> scaled({"kind": "triangular", "base_lr": 0.1, "max_lr": 1.0, "half_cycle_steps": 5}, 0.5)
        {'kind': 'triangular', 'base_lr': 0.05, 'max_lr': 0.5, 'half_cycle_steps': 5}
    """
    result = copy.deepcopy(dict(schedule))
    for one in cast("list[dict[str, Any]]", _nested(result)):
        for name in RATES:
            value: Any = one.get(name)
            if isinstance(value, list | tuple):
                one[name] = [_short(rate * factor) for rate in cast("Sequence[float]", value)]
            elif isinstance(value, int | float):
                one[name] = _short(value * factor)
    return result


def _short(rate: float) -> float:
    return float(f"{rate:.6g}")


def space_around(contender: Mapping[str, Any], lr: float) -> dict[str, Any] | None:
    """The search space around a survivor: its rate half a decade to both sides, and the warmup share of one_cycle.

    Returns:
        None for a schedule whose other rates would have to move along: it is confirmed as it was raced.
    """
    schedule = contender.get("schedule")
    if schedule is None:
        return {"/optimizer/learning_rate": _around(lr)}
    peak = PEAKS.get(str(schedule["kind"]))
    if peak is None or any(schedule.get(name) for name in RATES if name != peak):
        return None
    space: dict[str, Any] = {"/optimizer/learning_rate": _around(float(schedule[peak]))}
    shape = {key: value for key, value in schedule.items() if key != peak}
    if shape["kind"] == "one_cycle" and "pct_start" not in shape:
        shape["pct_start"] = {"type": "float", "low": 0.1, "high": 0.5}
    return space | {"/schedule": {"choices": [shape]}}


def _around(lr: float) -> dict[str, Any]:
    low, high = spread(lr, SPACING, SPACING)
    return {"type": "float", "low": low, "high": high, "log": True}
