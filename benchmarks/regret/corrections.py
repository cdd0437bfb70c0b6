"""Corrections of the default rule that were tried on all tasks: chosen on the first tasks and half of the later ones, judged on the rest.

The halves of the later tasks are every other model of each set, as the sets list them, fixed before anything was tried.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret import fresh, unseen, wider
from benchmarks.regret.ablations import OneFeature
from benchmarks.regret.evaluate import Figures, advice, figures, log_rates, ours, regrets
from benchmarks.regret.fit import kind_of
from benchmarks.regret.truth import Measured
from lrsearch.suggestions.base import Reading, Suggestion
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]
Tasks = Sequence[Measured]

KEPT_FOR_THE_VERDICT: Final = frozenset(
    family.name for module in (fresh, wider, unseen) for family in module.FAMILIES[1::2]
)
"""Models of the later tasks that no correction is chosen on."""


@dataclass(frozen=True, eq=False)
class Answers:
    """What the rule says of each draw of some tasks: everything of shape (tasks, draws), log10.

    Attributes:
        tasks: the tasks.
    """

    tasks: Tasks

    @cached_property
    def given(self) -> list[Sequence[Suggestion]]:
        """The answers."""
        return [advice(task, Consensus()) for task in self.tasks]

    @cached_property
    def rates(self) -> Floats:
        """The suggestions."""
        return np.stack([log_rates(row) for row in self.given])

    @cached_property
    def pooled(self) -> NDArray[np.bool_]:
        """Whether the repeats were read together, by ranks."""
        return np.array([[answer.lr is not None and answer.interval is None for answer in row] for row in self.given])

    @cached_property
    def start(self) -> Floats:
        """The lower end of the useful rates."""
        return ours(self.tasks, lambda _: OneFeature(lambda reading: reading.starts(Consensus().start)))

    @cached_property
    def width(self) -> Floats:
        """Decades between the two ends."""
        return (self.rates - self.start) / Consensus().share

    @cached_property
    def drop(self) -> Floats:
        """log10 of the fall over the size of the plateau."""
        return ours(self.tasks, lambda _: OneFeature(_log_drop))

    @cached_property
    def missing(self) -> Floats:
        """Share of the plateau's loss that the ramps did not gain; 1 where no repeat has a suggestion of its own."""
        depths = [[answer.depth or 0.0 for answer in row] for row in self.given]
        return 1.0 - np.clip(depths, 0.0, 1.0)

    @cached_property
    def to_usual(self) -> Floats:
        """Decades to the median best rate of the optimizer, over the tasks on other data that corrections are chosen on; 0 without any."""
        open_ = [task for task in self.tasks if task.task.family.name not in KEPT_FOR_THE_VERDICT]
        usual = [[one.best for one in open_ if _is_kin(one, task)] for task in self.tasks]
        known = np.array([np.median(rates) if rates else np.nan for rates in usual])[:, None]
        return np.where(np.isnan(known), 0.0, known - self.rates)

    def of(self, kind: str) -> NDArray[np.bool_]:
        """Whether the optimizer is of a kind."""
        return np.array([[kind_of(task) == kind] for task in self.tasks])

    def log(self, number: Callable[[Measured], float]) -> Floats:
        """log10 of a number of each task over its median."""
        found = np.log10([number(task) for task in self.tasks])
        return (found - np.median(found))[:, None]


def _is_kin(one: Measured, task: Measured) -> bool:
    """Whether a task has the optimizer of another, and other data."""
    return kind_of(one) == kind_of(task) and one.task.family.group != task.task.family.group


def _log_drop(reading: Reading) -> float:
    return float(np.log10(max(reading.drop / max(abs(reading.plateau), 1e-300), 0.01)))


Correction = Callable[[Answers, float], Floats]

CORRECTIONS: Final[Mapping[str, tuple[Sequence[float], Correction]]] = {
    "another share, repeats read together": (
        (0.3, 0.35, 0.4, 0.5, 0.6),
        lambda at, p: np.where(at.pooled, at.start + p * at.width, at.rates),
    ),
    "Lion lower, decades": ((0.0, 0.1, 0.2, 0.3, 0.4), lambda at, p: np.where(at.of("lion"), at.rates - p, at.rates)),
    "Adagrad higher": ((0.0, 0.1, 0.2, 0.3, 0.5), lambda at, p: np.where(at.of("adagrad"), at.rates + p, at.rates)),
    "Adadelta higher": ((0.0, 0.1, 0.2, 0.3, 0.5), lambda at, p: np.where(at.of("adadelta"), at.rates + p, at.rates)),
    "lower where the fall is shallow": (
        (0.0, 0.1, 0.2, 0.3, 0.5),
        lambda at, p: at.rates + p * np.minimum(0.0, at.drop - np.log10(0.5)),
    ),
    "useful rates at most so many decades wide": (
        (1.5, 2.0, 2.5, 3.0, 9.0),
        lambda at, p: at.start + Consensus().share * np.minimum(at.width, p),
    ),
    "part of the way to the optimizer's usual rate, read together": (
        (0.0, 0.1, 0.3, 0.5, 1.0),
        lambda at, p: at.rates + p * np.where(at.pooled, at.to_usual, 0.0),
    ),
    "the same by the share of the loss that the ramps left": (
        (0.0, 0.1, 0.3, 0.5, 1.0),
        lambda at, p: at.rates + p * at.missing * at.to_usual,
    ),
    "a term in log updates": (
        (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
        lambda at, p: at.rates + p * at.log(lambda task: task.task.family.updates),
    ),
    "a term in log epochs": (
        (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
        lambda at, p: (
            at.rates + p * at.log(lambda task: task.task.family.updates * task.task.family.batch_size / task.samples)
        ),
    ),
    "a term in log samples": (
        (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
        lambda at, p: at.rates + p * at.log(lambda task: task.samples),
    ),
    "a term in log weights": (
        (-0.3, -0.2, -0.1, 0.0, 0.1, 0.2, 0.3),
        lambda at, p: at.rates + p * at.log(lambda task: task.weights),
    ),
}
"""What is tried -> the values of its one number, and the answers it gives with one."""
HEAD: Final = (
    "correction",
    "chosen",
    *(f"chosen on, {name}" for name in ("mean", "p90", "worst task")),
    *(f"judged on, {name}" for name in ("mean", "p90", "worst task")),
)


def correction_rows(tasks: Tasks) -> list[list[str]]:
    """Each correction with the number that has the least mean + p90 on the tasks it is chosen on; the rule alone first."""
    at = Answers(tasks)
    judged = np.array([task.task.family.name in KEPT_FOR_THE_VERDICT for task in tasks])
    rows = [["none", "-", *_cells(_split(tasks, at.rates, judged))]]
    for name, (values, correct) in CORRECTIONS.items():
        tried = {value: _split(tasks, correct(at, value), judged) for value in values}
        best = min(tried, key=lambda value: tried[value][0].mean + tried[value][0].p90)
        rows.append([name, f"{best:g}", *_cells(tried[best])])
    return rows


def _split(tasks: Tasks, answers: Floats, judged: NDArray[np.bool_]) -> tuple[Figures, Figures]:
    lost = regrets(tasks, answers)
    return figures(lost[~judged]), figures(lost[judged])


def _cells(both: tuple[Figures, Figures]) -> list[str]:
    return [f"{value:.3f}" for one in both for value in (one.mean, one.p90, one.worst_task)]
