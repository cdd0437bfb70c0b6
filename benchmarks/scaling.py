"""How time grows with steps, stack size and model width; `python -m benchmarks scaling` measures and draws it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np

from benchmarks.clocks import WALL, Clock, Work, in_turn, seconds
from benchmarks.engine import cost_clock
from benchmarks.plain import WORDS, plain_fit
from benchmarks.plans import range_test, wide_run
from benchmarks.rows import markdown, shown
from lrsearch.experiments.base import Line, PlotSpec
from lrsearch.reports import render
from lrsearch.training.keras.compiled import CompiledTrainer, packing

TITLE = "How the engine scales"
IMAGES = Path(__file__).resolve().parent.parent / "docs" / "images"
STEPS = (100, 300, 1_000, 3_000, 10_000)
STACKS = tuple(2**power for power in range(10))
WIDTHS = (16, 64, 256, 1_024, 2_048)
FIT, COLD, WARM = "model.fit and a callback", "ours, cold", "ours, warm"


@dataclass(frozen=True, slots=True)
class Scale:
    """One quantity varied.

    Attributes:
        name: of the figure's file.
        title, x_label, y_label: of the figure.
        x: values of the quantity.
        series: name -> seconds at each value.
        faster: for the table: name of its column, and the two series whose quotient it shows.
    """

    name: str
    title: str
    x_label: str
    y_label: str
    x: Sequence[int]
    series: dict[str, list[float]]
    faster: tuple[str, str, str]

    def plot(self) -> PlotSpec:
        """Lines on two logarithmic axes."""
        lines = [Line(label, list(map(float, self.x)), values) for label, values in self.series.items()]
        return PlotSpec(self.name, self.title, self.x_label, self.y_label, x_log=True, y_log=True, lines=lines)

    def table(self) -> str:
        """A row a value, with the quotient."""
        word, slow, fast = self.faster
        quotients = np.divide(self.series[slow], self.series[fast])
        rows = zip(self.x, zip(*self.series.values(), strict=True), quotients, strict=True)
        cells = [(f"{x:,}", *(shown(value, "s") for value in values), f"{q:.3g}") for x, values, q in rows]
        return markdown((self.x_label, *self.series, word), cells)


def report(quick: bool = False) -> str:
    """Tables and figures as Markdown; draws the figures."""
    scales = [_steps(quick), _stack(quick), _width(quick)]
    parts = [f"Reference: {WORDS}. Medians of runs taken in turn; both axes of the figures are logarithmic."]
    for scale in scales:
        png = render(scale.plot(), "png")
        if not quick:
            (IMAGES / f"{scale.name}.png").write_bytes(png)
        parts += [f"![{scale.title}](images/{scale.name}.png)", scale.table()]
    return "\n\n".join(parts)


def _steps(quick: bool) -> Scale:
    counts = (100, 200) if quick else STEPS
    measured = [_sides(range_test(steps), quick) for steps in counts]
    title = "A range test of blobs_mlp, batch 5: seconds by its length"
    return _scale("scaling_steps", title, "steps", counts, measured)


def _width(quick: bool) -> Scale:
    widths = (16, 32) if quick else WIDTHS
    measured = [_sides(wide_run(width), quick) for width in widths]
    title = "180 steps of an MLP with two hidden layers on digits, batch 32: seconds by their width"
    return _scale("scaling_width", title, "units a layer", widths, measured)


def _scale(name: str, title: str, x_label: str, x: Sequence[int], measured: Sequence[Any]) -> Scale:
    series = {label: [one[place] for one in measured] for place, label in enumerate((FIT, COLD, WARM))}
    return Scale(name, title, x_label, "wall-clock seconds", x, series, ("fit / warm", FIT, WARM))


def _sides(plan: Any, quick: bool) -> list[float]:
    """Seconds of the plain fit, of a cold engine and of a warm one; medians of 3, a long fit once."""
    trainer = CompiledTrainer()
    trainer.train([plan])
    works: list[Work] = [lambda: CompiledTrainer().train([plan]), lambda: trainer.train([plan])]
    repeats = 1 if quick else 3
    fit = np.median(in_turn([lambda: plain_fit(plan)], repeats if plan.steps <= 1_000 else 1))
    return [float(fit), *np.median(in_turn(works, repeats), axis=1).tolist()]


def _stack(quick: bool) -> Scale:
    sizes, steps = ((1, 2), 100) if quick else (STACKS, 1_000)
    clock, unit = cost_clock()
    title = f"Range tests of blobs_mlp ({steps:,} steps) in one stack: {unit} a test by the size of the stack"
    one, each = "one after the other", "in one stack"
    series = {
        one: [stacked_seconds(range_test, 1, steps, clock)] * len(sizes),
        each: [stacked_seconds(range_test, size, steps, clock) / size for size in sizes],
    }
    return Scale("scaling_stack", title, "tests in the stack", f"{unit} a test", sizes, series, ("gain", one, each))


def stacked_seconds(plan: Callable[..., Any], size: int, steps: int, clock: Clock = WALL, **changes: Any) -> float:
    """Seconds of one warm stack of a size, every member with its own weights and data order; median of 3."""
    plans = [plan(steps=steps, seed=seed, **changes) for seed in range(size)]
    with stacks_up_to(size):
        trainer = CompiledTrainer(fewest_stacked_updates=1)
        trainer.train(plans)
        return float(np.median([seconds(lambda: trainer.train(plans), clock) for _ in range(3)]))


@contextmanager
def stacks_up_to(size: int) -> Iterator[None]:
    """Let the engine stack more members than it otherwise would."""
    before = dict(packing.MOST_MEMBERS)
    packing.MOST_MEMBERS.update(dict.fromkeys(before, size))
    try:
        yield
    finally:
        packing.MOST_MEMBERS.update(before)
