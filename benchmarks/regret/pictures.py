"""The figures of docs/advice.md, drawn from the stored measurements."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import matplotlib as mpl
import numpy as np
from numpy.typing import NDArray

mpl.use("Agg")

import matplotlib.pyplot as plt

from benchmarks.regret.evaluate import advice, curves_of, ours, regrets, theirs
from benchmarks.regret.fit import Fit, folds
from benchmarks.regret.intervals import GOOD
from benchmarks.regret.rivals import RIVALS
from benchmarks.regret.truth import Measured
from lrsearch.curves import smooth
from lrsearch.reports.themes import PALETTES, Theme
from lrsearch.suggestions import RULES
from lrsearch.suggestions.base import Reading, read
from lrsearch.suggestions.consensus import Consensus

Floats = NDArray[np.float64]

FOLDER: Final = Path(__file__).resolve().parent.parent.parent / "docs" / "images"
SHOWN: Final = ("fastai valley", "dataiku, middle of range", "surmenok, running mean", "Keras default")
"""Rivals in the figure of regrets."""
SUFFIXES: Final[dict[Theme, str]] = {"light": "", "dark": "_dark"}
"""Endings of the files' names by theme."""
EXAMPLES: Final = ("digits-rmsprop", "cancer_deep-adam", "wine_bn-adadelta", "diabetes_bn-adagrad")
"""Tasks of the figure of examples: one as it should be, the overfitting, a ramp of its own, and repeats lost in noise."""


def draw_all(tasks: Sequence[Measured]) -> None:
    """Write all figures, each on light and on dark paper."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, draw in {"regret": _regret, "tasks": _tasks, "examples": _examples}.items():
        for theme, ending in SUFFIXES.items():
            with mpl.rc_context(style(theme)):
                figure = draw(tasks)
                figure.savefig(FOLDER / f"advice_{name}{ending}.png", dpi=110)
                plt.close(figure)


def style(theme: Theme) -> dict[str, Any]:
    """Settings of matplotlib for a theme: its paper, its ink, and what is pale on it; other colours are seen on both."""
    palette = PALETTES[theme]
    found: dict[str, Any] = {"grid.color": palette.raw}
    for name in ("text.color", "axes.labelcolor", "axes.edgecolor", "axes.titlecolor", "xtick.color", "ytick.color"):
        found[name] = palette.ink
    for name in ("figure.facecolor", "axes.facecolor", "savefig.facecolor"):
        found[name] = palette.paper
    return found


def _regret(tasks: Sequence[Measured]) -> Any:
    """Share of answers with at most a regret, by rule."""
    figure, axes = plt.subplots(figsize=(8.0, 4.8), layout="constrained")
    found = {"consensus, held out": Fit(tasks).held_out(folds(tasks))}
    found["ours: valley"] = ours(tasks, lambda _: RULES["valley"]())
    found |= {rival.name: theirs(tasks, rival) for rival in RIVALS if rival.name in SHOWN}
    for number, (name, answers) in enumerate(found.items()):
        regret = np.nan_to_num(regrets(tasks, answers), nan=1.0).ravel()
        axes.step(
            np.sort(np.maximum(regret, 1e-3)),
            np.arange(1, regret.size + 1) / regret.size,
            where="post",
            label=name,
            color=f"C{number}",
            linewidth=2.6 if number == 0 else 1.3,
        )
    axes.axvline(GOOD, color="0.6", linewidth=0.8, linestyle=":")
    axes.set(
        xscale="log",
        xlim=(1e-3, 1.0),
        ylim=(0.0, 1.0),
        xlabel="regret: share of the achievable improvement that is lost (no answer = 1)",
        ylabel="share of the answers with at most this regret",
        title=f"Regret on {len(tasks)} tasks",
    )
    axes.legend(loc="upper left", frameon=False, fontsize=9)
    return figure


def _tasks(tasks: Sequence[Measured]) -> Any:
    """Where each task's good rates are, and where the suggestions fall."""
    ordered = sorted(tasks, key=lambda task: (task.task.optimizer, task.best))
    figure, axes = plt.subplots(figsize=(8.0, 0.145 * len(ordered) + 1.4), layout="constrained")
    for row, task in enumerate(ordered):
        _good_rates(axes, task, row)
        answers = [np.log10(answer.lr) for answer in advice(task, Consensus()) if answer.lr is not None]
        axes.plot(answers, [row] * len(answers), "|", color="C3", markersize=5)
        axes.plot(task.best, row, ".", color="C0", markersize=5)
        if not answers:
            axes.text(-5.9, row, "no answer", fontsize=6, color="C3", va="center")
    axes.set_yticks(range(len(ordered)), [task.task.name for task in ordered], fontsize=6)
    axes.set(
        xlim=(-6.0, 3.2),
        ylim=(-1, len(ordered)),
        xlabel="log10 of the learning rate",
        title="Rates with a regret under 0.05 (bars), the best one (dots), consensus (ticks, 8 draws)",
    )
    axes.title.set_fontsize(9)
    return figure


def _good_rates(axes: Any, task: Measured, row: int) -> None:
    rates = np.arange(-6.0, task.log_rates[-1] + 0.001, 0.02)
    good = np.array([task.regret(float(rate)) < GOOD for rate in rates])
    axes.fill_between(rates, row - 0.38, row + 0.38, where=good, color="C0", alpha=0.35, linewidth=0.0)


def _examples(tasks: Sequence[Measured]) -> Any:
    """Range tests with the two ends, the suggestion, and the regret by rate."""
    by_name = {task.task.name: task for task in tasks}
    figure, grid = plt.subplots(2, 2, figsize=(10.0, 6.6), layout="constrained")
    for axes, name in zip(grid.flat, EXAMPLES, strict=True):
        if name in by_name:
            _example(axes, by_name[name])
    return figure


def _example(axes: Any, task: Measured) -> None:
    for curve in curves_of(task)[:3]:
        axes.plot(np.log10(curve.lrs), curve.losses, color=mpl.rcParams["grid.color"], linewidth=0.7)
        axes.plot(np.log10(curve.lrs), smooth(curve), color="C0", linewidth=1.0)
        _ends(axes, read(curve))
    answer = advice(task, Consensus())[0]
    if answer.lr is not None:
        axes.axvline(np.log10(answer.lr), color="C3", linewidth=2.0)
    said = f"suggestion {answer.lr:.2g}" if answer.lr is not None else answer.verdict.value
    first = np.median([curve.losses[0] for curve in curves_of(task)[:3]])
    ends = np.log10(curves_of(task)[0].lrs[0]), task.log_rates[-1]
    axes.set(xlim=ends, ylim=(0.0, 2.2 * first), xlabel="log10 of the learning rate", ylabel="batch loss")
    axes.set_title(f"{task.task.name}: {said}, best {10.0**task.best:.2g}", fontsize=10)
    right = axes.twinx()
    rates = np.arange(-6.0, ends[1] + 0.001, 0.02)
    right.plot(rates, [task.regret(float(rate)) for rate in rates], color="C1", linewidth=1.4)
    right.set_ylim(0.0, 1.05)
    right.set_ylabel("regret", color="C1")


def _ends(axes: Any, reading: object) -> None:
    if isinstance(reading, Reading):
        for end in (reading.starts(Consensus().start), reading.returns()):
            axes.axvline(end, color="C2", linewidth=0.8, linestyle="--")
