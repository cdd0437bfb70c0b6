"""The figures of docs/callbacks.md: every schedule, and the lecture's decay; `python -m benchmarks.figures` draws them.

The numbers behind a figure are written into its PNG file, so that a test can tell whether it is still true.
"""

from __future__ import annotations

import io
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from lrsearch import schedules as s
from lrsearch.experiments.base import Line, PlotSpec
from lrsearch.reports import render
from lrsearch.reports.themes import PALETTES

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "images"
STEPS = 100
"""Updates of the run that every schedule is drawn for: 10 epochs of 10."""
DECAYS = (1e-1, 1e-2, 1e-3, 1e-4)
DECAY_UPDATES = 200
CHUNK = "numbers"
"""Name of the text in the PNG file."""

Numbers = dict[str, list[float]]

EXAMPLES: tuple[s.Schedule, ...] = (
    s.Constant(lr=0.5),
    s.Linear(start_lr=1.0),
    s.Polynomial(start_lr=1.0, power=2.0),
    s.Exponential(lr=1.0, decay_rate=0.5, decay_steps=s.Epochs(epochs=2)),
    s.StepDecay(lr=1.0, drop=0.5, every_steps=s.Epochs(epochs=2.5)),
    s.Piecewise(boundaries=[30, 70], lrs=[1.0, 0.3, 0.1]),
    s.InverseTime(lr=1.0, decay=0.05),
    s.TimeBased(lr=1.0, decay=0.05),
    s.InverseSqrt(lr=1.0, warmup_steps=10),
    s.Cosine(max_lr=1.0),
    s.WarmRestarts(max_lr=1.0, cycle_steps=14, cycle_mult=2.0, peak_decay=0.8),
    s.Triangular(base_lr=0.1, max_lr=1.0, half_cycle_steps=20),
    s.Triangular2(base_lr=0.1, max_lr=1.0, half_cycle_steps=20),
    s.ExpRange(base_lr=0.1, max_lr=1.0, half_cycle_steps=20, gamma=0.98),
    s.OneCycle(max_lr=1.0),
    s.SlantedTriangular(max_lr=1.0),
    s.FlatCosine(max_lr=1.0),
    s.WarmupStableDecay(max_lr=1.0, warmup_steps=10, decay_frac=0.3, shape="1-sqrt"),
    s.Rex(max_lr=1.0),
    s.Warmup(schedule=s.Cosine(max_lr=1.0), warmup_steps=15),
    s.Sequential(schedules=[s.Constant(lr=0.6), s.Linear(start_lr=0.6, total_steps=40)], boundaries=[60]),
)
"""One of every kind, in the order of the registry."""


def schedule_numbers() -> Numbers:
    """Rates of every schedule at the steps 0 to `STEPS`, by kind."""
    steps = np.arange(STEPS + 1)
    resolved = [schedule.resolve(steps_per_epoch=STEPS // 10, total_steps=STEPS) for schedule in EXAMPLES]
    return {schedule.model_dump()["kind"]: schedule(steps).tolist() for schedule in resolved}


def decay_numbers() -> Numbers:
    """The lecture's figure (E6): rates of 200 updates from 0.01 on, by decay."""
    updates = np.arange(DECAY_UPDATES)
    return {f"{decay:g}": s.InverseTime(lr=0.01, decay=decay)(updates).tolist() for decay in DECAYS}


def draw_schedules(numbers: Mapping[str, Sequence[float]]) -> bytes:
    """Small pictures side by side, all with the same axes: PNG."""
    palette = PALETTES["light"]
    columns = 4
    rows = -(-len(numbers) // columns)
    drawing = Figure(figsize=(10, 1.75 * rows), dpi=120, facecolor=palette.paper, layout="constrained")
    grid = drawing.subplots(rows, columns, sharex=True, sharey=True).ravel()
    for axes, (kind, rates) in zip(grid, numbers.items(), strict=False):
        axes.plot(range(len(rates)), rates, color=palette.main, linewidth=1.8)
        axes.set_title(kind, fontsize=10, loc="left", color=palette.ink)
        axes.set_ylim(-0.05, 1.08)
        axes.grid(visible=True, color=palette.grid, linewidth=0.6)
        axes.tick_params(colors=palette.ink, labelsize=8)
        axes.spines[["top", "right"]].set_visible(False)
    for axes in grid[len(numbers) :]:
        axes.set_visible(False)
    for axes in grid[max(len(numbers) - columns, 0) : len(numbers)]:
        axes.tick_params(labelbottom=True)
    drawing.supxlabel("step, in optimizer updates", fontsize=10, color=palette.ink)
    drawing.supylabel("learning rate", fontsize=10, color=palette.ink)
    file = io.BytesIO()
    drawing.savefig(file, format="png")
    return file.getvalue()


def draw_decays(numbers: Mapping[str, Sequence[float]]) -> bytes:
    """The four decays in one picture: PNG."""
    plot = PlotSpec(
        name="decay_curves",
        title="Learning rate 0.01 / (1 + decay x update) over 200 updates",
        x_label="update",
        y_label="learning rate",
        lines=[Line(f"decay {name}", range(len(rates)), rates) for name, rates in numbers.items()],
    )
    return render(plot, "png")


def with_numbers(png: bytes, numbers: Numbers) -> bytes:
    """The same picture with its numbers (9 digits) in the file."""
    texts = PngInfo()
    rounded = {name: [float(f"{value:.9g}") for value in values] for name, values in numbers.items()}
    texts.add_text(CHUNK, json.dumps(rounded), zip=True)
    file = io.BytesIO()
    Image.open(io.BytesIO(png)).save(file, "png", pnginfo=texts, optimize=True)
    return file.getvalue()


def numbers_in(path: Path) -> Numbers:
    """The numbers behind a figure, from its file."""
    with Image.open(path) as picture:
        picture.load()
        texts: dict[str, Any] = getattr(picture, "text", {})
    return json.loads(texts[CHUNK])


FIGURES = {"schedules.png": (schedule_numbers, draw_schedules), "decay_curves.png": (decay_numbers, draw_decays)}
"""File of a figure -> its numbers and its drawing."""


def write(folder: Path = FOLDER) -> list[Path]:
    """Draw every figure into a folder and answer with the files."""
    folder.mkdir(parents=True, exist_ok=True)
    paths: list[Path] = []
    for name, (numbers_of, draw) in FIGURES.items():
        numbers = numbers_of()
        path = folder / name
        path.write_bytes(with_numbers(draw(numbers), numbers))
        paths.append(path)
    return paths


if __name__ == "__main__":
    for path in write():
        print(path.relative_to(FOLDER.parent.parent))
