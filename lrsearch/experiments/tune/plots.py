"""Figures of a tuning, drawn from the stored result alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lrsearch.experiments.base import Line, PlotSpec, Rank
from lrsearch.experiments.race_plots import is_wide, number
from lrsearch.experiments.sweep_plots import plots_of, words

Row = Mapping[str, Any]


def plots_of_tune(result: Mapping[str, Any], subject: str) -> list[PlotSpec]:
    """The funnel, what the confirmation shows, and the cost."""
    funnel = [_funnel(result, subject)] if any(_measured(step) for step in result["funnel"]) else []
    return [*funnel, *plots_of(result, subject), _cost(result["cost"], subject)]


def _measured(step: Row) -> list[float]:
    return [float(row["metric"]) for row in step["candidates"] if row["metric"] is not None]


def _funnel(result: Mapping[str, Any], subject: str) -> PlotSpec:
    steps: Sequence[Row] = result["funnel"]
    lines = [
        Line(
            f"{place}: {step['step']} ({len(step['candidates'])})",
            [place + _aside(i) for i in range(len(ys))],
            ys,
            "points",
        )
        for place, step in enumerate(steps, 1)
        for ys in [[number(row["metric"]) for row in step["candidates"]]]
    ]
    sign = 1 if result["direction"] == "minimize" else -1
    best = [
        (place, sign * min(sign * one for one in found))
        for place, step in enumerate(steps, 1)
        if (found := _measured(step))
    ]
    lines.append(Line("best of each step", [float(x) for x, _ in best], [y for _, y in best], "main"))
    metrics = list(dict.fromkeys(str(step["metric"]) for step in steps))
    is_log = is_wide(lines)
    return PlotSpec(
        name="funnel",
        title=f"Every candidate, step by step; in brackets how many were tried. {subject}",
        x_label="step of the tuning: "
        + ", ".join(f"{place} {_short(step['step'])}" for place, step in enumerate(steps, 1)),
        y_label=" or ".join(words(metric) for metric in metrics) + (" (log scale)" if is_log else ""),
        y_log=is_log,
        lines=lines,
    )


def _short(step: str) -> str:
    return step.partition(",")[0]


def _aside(index: int) -> float:
    """A little to the side, so that candidates of one value do not hide each other."""
    return 0.02 * ((index * 7) % 11 - 5)


def _cost(cost: Mapping[str, Any], subject: str) -> PlotSpec:
    grid = cost["grid"]
    rows = [
        ("this job", cost["updates"], cost["seconds"], 1),
        (f"the grid of {grid['settings']}, one seed", grid["updates_one_seed"], grid["estimated_seconds_one_seed"], 2),
        (f"the grid, {grid['seeds']} seeds as in the confirmation", grid["updates"], grid["estimated_seconds"], 2),
    ]
    ranks = [
        Rank(label, float(updates), math.nan, math.nan, group, "" if seconds is None else f"{seconds:.3g} s")
        for label, updates, seconds, group in rows
    ]
    return PlotSpec(
        name="cost",
        title=f"Updates of this job, and of the grid it replaces (seconds of training beside them). {subject}",
        x_label="updates (log scale)",
        y_label="",
        x_log=True,
        ranks=ranks,
    )
