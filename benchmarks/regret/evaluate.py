"""Answers of rules on the stored tasks, their regrets, and the figures that sum them up."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.rivals import Rival
from benchmarks.regret.truth import Measured
from lrsearch.curves import Curve, DivergenceRule, DivergenceWatch
from lrsearch.suggestions import advise, read_together
from lrsearch.suggestions.base import Reading, Suggestion, SuggestionRule, read

Floats = NDArray[np.float64]

DRAWS: Final = 8
"""Answers of a rule on a task: as many as there are stored repeats."""
REPEATS: Final = 3
"""Range tests our own rules read at once, the default of the job; draw i reads the repeats i, i+1, i+2 of eight."""


@cache
def curves_of(task: Measured, ramp: str = "ramp") -> Sequence[Curve]:
    """The repeats as the service would have measured them: on the optimizer's own ramp, stopped by its divergence rule."""
    lrs, raw = task.curves["raised" if ramp == "ramp" and "raised" in task.curves else ramp]
    return [stopped(lrs, losses) for losses in raw]


def stopped(lrs: Floats, losses: Floats) -> Curve:
    """A run cut off where the service would have stopped it."""
    stop = DivergenceWatch(DivergenceRule()).feed(losses)
    end = len(losses) if stop is None else stop[0] + 1
    return Curve(lrs[:end], losses[:end])


@cache
def _reading(curve: Curve) -> Reading | Suggestion:
    return read(curve)


@cache
def _together(curves: tuple[Curve, ...]) -> Reading | None:
    return read_together(curves)


class Remembering(SuggestionRule):
    """A rule that reads each stored curve once, however often it is asked."""

    kind = "remembering"

    def __init__(self, rule: SuggestionRule) -> None:
        self.rule = rule
        for name in ("reads_ranks", "certain", "level"):
            setattr(self, name, getattr(rule, name))

    def read(self, curve: Curve) -> Suggestion:
        """As the rule."""
        reading = _reading(curve)
        return reading if isinstance(reading, Suggestion) else self.rule.choose(reading)

    def choose(self, reading: Reading) -> Suggestion:
        """As the rule."""
        return self.rule.choose(reading)

    def level_of(self, answer: Suggestion) -> float | None:
        """As the rule."""
        return self.rule.level_of(answer)


@cache
def advice(task: Measured, rule: SuggestionRule, repeats: int = REPEATS, ramp: str = "ramp") -> Sequence[Suggestion]:
    """A rule's answers on a task, one a draw: computed once, since many tables ask for those of the same rule."""
    curves, remembering = curves_of(task, ramp), Remembering(rule)
    draws = [tuple(curves[(draw + i) % DRAWS] for i in range(repeats)) for draw in range(DRAWS)]
    return [advise(draw, remembering, lambda _, draw=draw: _together(draw)) for draw in draws]


def log_rates(answers: Sequence[Suggestion]) -> Floats:
    """log10 lr of the answers, NaN where there is none."""
    return np.array([np.nan if answer.lr is None else np.log10(answer.lr) for answer in answers])


def ours(tasks: Sequence[Measured], rule: Callable[[Measured], SuggestionRule], repeats: int = REPEATS) -> Floats:
    """log10 of the answers of our own rules: shape (tasks, draws)."""
    return np.stack([log_rates(advice(task, rule(task), repeats)) for task in tasks])


def long_answers(tasks: Sequence[Measured], rule: SuggestionRule) -> Floats:
    """log10 of a rule's one answer from the three longer range tests: shape (tasks, 1)."""
    return np.stack([log_rates([advise(curves_of(task, "long"), Remembering(rule))]) for task in tasks])


def theirs(tasks: Sequence[Measured], rival: Rival) -> Floats:
    """log10 of a rival's answers: shape (tasks, its repeats); each reads one range test, as published."""
    with np.errstate(all="ignore"):
        return np.array([[_log(rival.answer(task, i)) for i in range(rival.repeats)] for task in tasks])


def _log(lr: float | None) -> float:
    return np.nan if lr is None or not lr > 0.0 else float(np.log10(lr))


def regrets(tasks: Sequence[Measured], answers: Floats) -> Floats:
    """Regret of answers of shape (tasks, draws); NaN where there is none."""
    return np.array(
        [[np.nan if np.isnan(x) else task.regret(x) for x in row] for task, row in zip(tasks, answers, strict=True)]
    )


@dataclass(frozen=True, slots=True)
class Figures:
    """Regrets summed up, over all tasks and draws that had an answer.

    Attributes:
        worst_task: greatest mean over the draws of a task.
        worst: greatest of all.
        failures: share of draws without an answer.
        mean_with_failures: the mean when having no answer counts as 1.
    """

    median: float
    mean: float
    p90: float
    worst_task: float
    worst: float
    failures: float
    mean_with_failures: float

    def cells(self) -> list[str]:
        """The columns of the tables."""
        return [
            *(f"{value:.3f}" for value in (self.median, self.mean, self.p90, self.worst_task, self.worst)),
            f"{self.failures:.1%}",
            f"{self.mean_with_failures:.3f}",
        ]


HEAD: Final = ("median", "mean", "p90", "worst task", "worst draw", "no answer", "mean, no answer = 1")


def figures(found: Floats) -> Figures:
    """Sum up regrets of shape (tasks, draws), NaN where there was no answer."""
    has = ~np.isnan(found)
    known = found[has] if has.any() else np.array([np.nan])
    by_task = [float(row[ok].mean()) for row, ok in zip(found, has, strict=True) if ok.any()]
    return Figures(
        median=float(np.median(known)),
        mean=float(known.mean()),
        p90=float(np.quantile(known, 0.9)),
        worst_task=max(by_task, default=np.nan),
        worst=float(known.max()),
        failures=float(1.0 - has.mean()),
        mean_with_failures=float(np.where(has, found, 1.0).mean()),
    )


def summed(tasks: Sequence[Measured], answers: Floats) -> Figures:
    """The regrets of answers, summed up."""
    return figures(regrets(tasks, answers))
