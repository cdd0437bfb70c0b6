"""How often every rate of an interval is good: in what share of draws each has a regret under 0.05, and how wide it is."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one answer: the group of its task, how deep the loss fell where the repeats agree, and its interval.

    Attributes:
        depth: `Suggestion.depth`; -1 where it is not known, or the repeats' suggestions lie `Consensus.agreeing` apart or more.
        level: stated with the interval; None without one.
        held: whether every rate of the interval, or without one the suggestion, is good.
        width: decades.
    """

    group: str
    depth: float
    level: float | None
    held: bool
    width: float


DEPTHS: Final = np.round(np.arange(0.3, 0.99, 0.02), 2)
"""Values of `Consensus.deep` that are tried."""
AIM: Final = 0.95
"""Share of the intervals that must hold on the tasks the depth is chosen on. With 0.9 it does not stay above 0.9 where it is held out."""


def evidence(tasks: Sequence[Measured]) -> list[Evidence]:
    """Of every answer to the tasks' draws."""
    pairs = [
        (task, *both) for task in tasks for both in zip(advice(task, Consensus()), advice(task, Uncut()), strict=True)
    ]
    return [_evidence(task, answer, uncut) for task, answer, uncut in pairs if answer.lr is not None]


def _evidence(task: Measured, answer: Suggestion, uncut: Suggestion) -> Evidence:
    low, high = repeats_range(answer)
    agree = np.ptp(repeats_range(uncut)) < Consensus.agreeing
    depth = answer.depth if answer.depth is not None and agree else -1.0
    return Evidence(task.task.family.group, depth, answer.level, holds(task, low, high), high - low)


def chosen_depth(found: Sequence[Evidence]) -> float:
    """The least depth from which on `AIM` of the intervals hold; infinite where there is none."""
    for depth in DEPTHS.tolist():
        held = [one.held for one in found if one.depth >= depth]
        if held and np.mean(held) >= AIM:
            return depth
    return math.inf


def strong_held_out(found: Sequence[Evidence]) -> list[Evidence]:
    """Answers with strong evidence, the depth chosen on the tasks of all other data sets."""
    limits = {
        group: chosen_depth([one for one in found if one.group != group]) for group in {one.group for one in found}
    }
    return [one for one in found if one.depth >= limits[one.group]]


def evidence_rows(tasks: Sequence[Measured], later: Sequence[Measured]) -> list[list[str]]:
    """How often the intervals hold by what is known, on all tasks; strong evidence also held out, and on the later tasks."""
    first, after = evidence(tasks), evidence(later)
    found = [*first, *after]
    strong, held_out = [one for one in found if one.level == Consensus.sure_level], strong_held_out(found)
    weak = [one for one in found if one.level == Consensus.level]
    late = [one for one in after if one.level == Consensus.sure_level]
    return [
        _evidence_row(
            f"**strong evidence (level {Consensus.sure_level:g}), its depth held out by data set**", held_out, found
        ),
        _evidence_row("strong evidence as shipped", strong, found),
        _evidence_row("strong evidence as shipped, on the later tasks", late, after),
        _evidence_row(f"other answers with an interval (level {Consensus.level:g})", weak, found),
        _evidence_row("read together, no interval", [one for one in found if one.level is None], found),
    ]


def _evidence_row(name: str, some: Sequence[Evidence], of: Sequence[Evidence]) -> list[str]:
    held, width = np.mean([one.held for one in some]), np.mean([one.width for one in some])
    return [name, f"{len(some) / len(of):.0%}", f"{held:.0%}", f"{width:.2f}"]


def later_rows(tasks: Sequence[Measured], later: Sequence[Measured]) -> list[list[str]]:
    """The intervals as shipped on the tasks measured after the rule's numbers were fitted, and on all."""
    found = {
        name: _shipped(chosen) for name, chosen in {"the later tasks": later, "all tasks": [*tasks, *later]}.items()
    }
    return [
        [f"as shipped, on {name}", "100%", f"{share:.0%}", f"{width:.2f}"] for name, (share, width) in found.items()
    ]


def _shipped(tasks: Sequence[Measured]) -> tuple[float, float]:
    return coverage(tasks, [advice(task, Consensus()) for task in tasks], repeats_range)


def interval_rows(tasks: Sequence[Measured]) -> list[list[str]]:
    """Rows of the report's table."""
    answers = [advice(task, Consensus()) for task in tasks]
    found = {name: coverage(tasks, answers, interval) for name, interval in INTERVALS.items()}
    found["the repeats' range, not cut"] = coverage(tasks, [advice(task, Uncut()) for task in tasks], repeats_range)
    return [[name, "100%", f"{share:.0%}", f"{width:.2f}"] for name, (share, width) in found.items()]
