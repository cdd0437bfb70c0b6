"""The sentences of docs/advice.md about races."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from numpy.typing import NDArray

from benchmarks.regret.evaluate import Figures, summed
from benchmarks.regret.race_report import CHEAP, default_races, updates
from benchmarks.regret.races import DEFAULT_LENGTH, middles, replays, winners
from benchmarks.regret.truth import Measured
from lrsearch.experiments.race import Race

if TYPE_CHECKING:
    from benchmarks.regret.report import Report

Floats = NDArray[np.float64]

TOLD: Final = 0.005
"""Change of a task's mean regret that is told."""


def sentences(report: Report) -> dict[str, str]:
    """Name of the block -> text."""
    return {
        "races_said": _races_said(report),
        "widened_said": _widened_said(report),
        "costs_said": _costs_said(report),
    }


def _races_said(report: Report) -> str:
    found = summed(report.raced, report.won)
    tasks, answers = report.all_raced
    won = default_races(tasks, answers)
    everywhere, over = summed(tasks, won), _over(tasks, answers, won, 0.10)
    return (
        f"The goals of the default race, on these tasks: {_race_goals(found)}. On all {len(tasks)} tasks with races, the later ones below "
        f"among them: {_race_goals(everywhere)}; p90 {everywhere.p90:.3f}, no answer {everywhere.failures:.1%}. Over 0.10: {over}."
    )


def _widened_said(report: Report) -> str:
    """How often the default race goes on beyond its edge, what that costs, and what it is worth."""
    tasks, answers = report.all_raced
    won, further = replays(tasks, answers, Race(), DEFAULT_LENGTH)
    narrow = winners(tasks, answers, Race(widenings=0), DEFAULT_LENGTH)
    cost = updates(tasks, Race(), DEFAULT_LENGTH, further) - updates(tasks, Race(), DEFAULT_LENGTH, 0 * further)
    before, after = summed(tasks, narrow), summed(tasks, won)
    means = [(task.task.name, *_mean_pair(task, old, new)) for task, old, new in zip(tasks, narrow, won, strict=True)]
    told = [f"{name} {old:.3f} to {new:.3f}" for name, old, new in means if abs(old - new) > TOLD]
    return (
        f"In {int((further > 0).sum())} of {further.size} draws, on {int((further > 0).any(axis=1).sum())} tasks, the race goes on, in "
        f"{int((further > 1).sum())} twice: {cost:,.0f} updates more in the mean of all. The mean regret falls by it from "
        f"{before.mean:.4f} to {after.mean:.4f}, and the worst task's from {before.worst_task:.3f} to {after.worst_task:.3f}. Tasks it changes "
        f"by more than {TOLD:g} (no answer counts as 1): {', '.join(told) or 'none'}."
    )


def _mean_pair(task: Measured, old: Floats, new: Floats) -> tuple[float, float]:
    """Mean regret on a task before and after, no answer being 1."""
    before, after = (float(np.mean([task.regret(None if np.isnan(x) else x) for x in row])) for row in (old, new))
    return before, after


def _race_goals(found: Figures) -> str:
    goals = [
        f"median 0.005: {met(found.median <= 0.005)} ({found.median:.3f})",
        f"mean 0.02: {met(found.mean <= 0.02)} ({found.mean:.3f})",
        f"worst 0.10: {met(found.worst_task <= 0.10)} ({found.worst_task:.3f})",
    ]
    return ", ".join(goals)


def _over(tasks: Sequence[Measured], answers: Floats, won: Floats, limit: float) -> str:
    """The tasks on which the race has a mean regret over a limit, with the rates that tell why; medians of the draws."""
    around, named = middles(tasks, answers), list[str]()
    for task, rates, winner in zip(tasks, around, won, strict=True):
        given = winner[~np.isnan(winner)]
        lost = float(np.mean([task.regret(float(x)) for x in given])) if given.size else 0.0
        if lost > limit:
            flat = (
                f", of {len(rates)} draws {len(rates) - len(given)} without a winner" if len(given) < len(rates) else ""
            )
            named.append(
                f"`{task.task.name}` ({lost:.3f}: raced around {10.0 ** np.median(rates):.2g}, winner {10.0 ** np.median(given):.2g}, "
                f"best rate {10.0**task.best:.2g}{flat})"
            )
    return ", ".join(named) or "none"


def _costs_said(report: Report) -> str:
    tasks, answers = report.all_raced
    cheap = summed(tasks, winners(tasks, answers, CHEAP[0], DEFAULT_LENGTH))
    alone = summed(tasks, answers)
    return (
        f"On these {len(tasks)} tasks already the cheapest race, {CHEAP[0].trials} runs with the control's, takes the mean regret from "
        f"{alone.mean:.3f} to {cheap.mean:.3f}, and the worst task from {alone.worst_task:.3f} to {cheap.worst_task:.3f}."
    )


def met(is_met: bool) -> str:
    """How the page says whether a goal is met."""
    return "met" if is_met else "**missed**"
