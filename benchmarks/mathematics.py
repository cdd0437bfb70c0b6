"""What the mathematics costs: a million steps of every schedule, a rule on a long curve; `python -m benchmarks mathematics`."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from benchmarks.clocks import CPU, in_turn
from benchmarks.figures import EXAMPLES
from benchmarks.rows import Row, at_most, table
from lrsearch.curves import Curve, ramp_rates
from lrsearch.suggestions import RULES, suggest
from tests.curves.families import cliff

TITLE = "The mathematics"
STEPS, POINTS = 1_000_000, 10_000
REPEATS = 7


def report(quick: bool = False) -> str:
    """The table as Markdown."""
    rows = [*_schedules(10_000 if quick else STEPS), *_rules(1_000 if quick else POINTS)]
    return f"CPU seconds, median of {REPEATS} calls.\n\n{table(rows)}"


def _schedules(count: int) -> Iterator[Row]:
    """A row a kind: the rates of all steps, from an array of steps."""
    steps = np.arange(count)
    for schedule in EXAMPLES:
        resolved = schedule.resolve(steps_per_epoch=count // 10, total_steps=count)
        taken = in_turn([lambda one=resolved: one(steps)], REPEATS, CPU)
        yield Row(
            f"`{schedule.model_dump()['kind']}`, {count:,} steps", float(np.median(taken)), "s", "", at_most(0.2, "s")
        )


def _rules(count: int) -> Iterator[Row]:
    """A row a rule: the slower of a falling curve and pure noise, on which every kernel width is tried."""
    lrs = ramp_rates(1e-7, 10.0, count)
    noise = np.random.default_rng(0).standard_normal(count)
    curves = [Curve(lrs, losses) for losses in (cliff(lrs) + 0.3 * noise, noise)]
    for rule in RULES:
        works = [lambda one=curve, rule=rule: suggest(one, rule=rule) for curve in curves]
        slower = float(np.median(in_turn(works, REPEATS, CPU), axis=1).max())
        yield Row(f"suggest, `{rule}`, {count:,} points", slower, "s", "", at_most(0.02, "s"))
