"""How often every rate of an interval is good: in what share of draws each has a regret under 0.05, and how wide it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import ClassVar, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import advice
from benchmarks.regret.truth import Measured
from lrsearch.suggestions.base import Suggestion
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]
Interval = Callable[[Suggestion], "tuple[float, float]"]

GOOD: Final = 0.05
"""Regret every rate of an interval must stay under."""
POINTS: Final = 9
"""Rates of an interval that are looked at."""


def around(below: float, above: float) -> Interval:
    """From `below` decades under the suggestion to `above` decades over it."""

    def interval(answer: Suggestion) -> tuple[float, float]:
        middle = float(np.log10(answer.lr or np.nan))
        return middle - below, middle + above

    return interval


def repeats_range(answer: Suggestion) -> tuple[float, float]:
    """The range of the repeats' own suggestions."""
    low, high = answer.interval or (answer.lr or np.nan, answer.lr or np.nan)
    return float(np.log10(low)), float(np.log10(high))


INTERVALS: Final[dict[str, Interval]] = {
    "the suggestion alone": around(0.0, 0.0),
    "± 0.05 decades": around(0.05, 0.05),
    "± 0.1 decades": around(0.1, 0.1),
    "0 to + 0.1 decades": around(0.0, 0.1),
    "± 0.25 decades": around(0.25, 0.25),
    "as shipped": repeats_range,
}


def holds(task: Measured, low: float, high: float) -> bool:
    """Whether every rate between two log10 rates is good."""
    return max(task.regret(float(x)) for x in np.linspace(low, high, POINTS)) < GOOD


def coverage(
    tasks: Sequence[Measured], answers: Sequence[Sequence[Suggestion]], interval: Interval
) -> tuple[float, float]:
    """Share of the draws with an answer whose interval holds, and the mean width in decades."""
    found = [
        (holds(task, *interval(answer)), np.ptp(interval(answer)))
        for task, row in zip(tasks, answers, strict=True)
        for answer in row
        if answer.lr is not None
    ]
    return float(np.mean([held for held, _ in found])), float(np.mean([width for _, width in found]))


class Uncut(Consensus):
    """The rule with the whole range of the repeats' suggestions as its interval."""

    certain: ClassVar[float] = math.inf
    level: ClassVar[float | None] = None


def later_rows(tasks: Sequence[Measured], later: Sequence[Measured]) -> list[list[str]]:
    """The intervals as shipped on the tasks measured after the rule's numbers were fitted, and on all."""
    found = {
        name: _shipped(chosen) for name, chosen in {"the later tasks": later, "all tasks": [*tasks, *later]}.items()
    }
    return [[f"as shipped, on {name}", f"{share:.0%}", f"{width:.2f}"] for name, (share, width) in found.items()]


def _shipped(tasks: Sequence[Measured]) -> tuple[float, float]:
    return coverage(tasks, [advice(task, Consensus()) for task in tasks], repeats_range)


def interval_rows(tasks: Sequence[Measured]) -> list[list[str]]:
    """Rows of the report's table."""
    answers = [advice(task, Consensus()) for task in tasks]
    found = {name: coverage(tasks, answers, interval) for name, interval in INTERVALS.items()}
    found["the repeats' range, not cut"] = coverage(tasks, [advice(task, Uncut()) for task in tasks], repeats_range)
    return [[name, f"{share:.0%}", f"{width:.2f}"] for name, (share, width) in found.items()]
