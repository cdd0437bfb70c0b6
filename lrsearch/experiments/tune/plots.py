"""Figures of a tuning, drawn from the stored result alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

from lrsearch.experiments.base import Line, PlotSpec
from lrsearch.experiments.numbers import number
from lrsearch.experiments.race_plots import lines_are_wide
from lrsearch.experiments.sweep_plots import plots_of, words

Row = Mapping[str, Any]


def plots_of_tune(result: Mapping[str, Any], subject: str) -> list[PlotSpec]:
    """The funnel, what the confirmation shows, and the cost."""
    funnel = [_funnel(result, subject)] if any(_measured(step) for step in result["funnel"]) else []
    return [*funnel, *plots_of(result, subject), _cost(result, subject)]


def _measured(step: Row) -> list[float]:
    return [float(row["metric"]) for row in step["candidates"] if row["metric"] is not None]


def _funnel(result: Mapping[str, Any], subject: str) -> PlotSpec:
    steps: Sequence[Row] = result["funnel"]
    first = next(place for place, step in enumerate(steps) if _measured(step))
    lines = [
        Line(
            "one candidate",
            [place + _aside(index) for index in range(len(step["candidates"]))],
            [number(row["metric"]) for row in step["candidates"]],
            "points",
            is_in_legend=place == first,
        )
        for place, step in enumerate(steps)
    ]
    sign = 1 if result["direction"] == "minimize" else -1
    best = [
        (at, sign * min(sign * one for one in found)) for at, step in enumerate(steps) if (found := _measured(step))
    ]
    lines.append(Line("best of each step", [float(at) for at, _ in best], [value for _, value in best], "muted"))
    metrics = list(dict.fromkeys(str(step["metric"]) for step in steps))
    is_log = lines_are_wide(lines)
    return PlotSpec(
        name="funnel",
        title=f"Every candidate, step by step; pruned and diverged ones are not drawn. {subject}",
        x_label="step, and how many were tried in it",
        y_label=" or ".join(words(metric) for metric in metrics) + (" (log scale)" if is_log else ""),
        y_log=is_log,
        x_names=[_step_name(step) for step in steps],
        lines=lines,
    )


def _step_name(step: Row) -> str:
    """In lines: what it is, of what, how many."""
    return "\n".join([*str(step["step"]).split(", "), f"{len(step['candidates'])} tried"])


def _aside(index: int) -> float:
    """A little to the side, so that candidates of one value do not hide each other."""
    return 0.02 * ((index * 7) % 11 - 5)


def _cost(result: Mapping[str, Any], subject: str) -> PlotSpec:
    cost, stages = result["cost"], result["stages"]
    updates = [float(one) for one in accumulate(stage["updates"] for stage in stages)]
    ends = [0.0, max(1.0, len(stages) - 1.0)]
    grid = cost["grid"]
    seeds = f"{grid['seeds']} seeds as in the confirmation"
    lines = [
        Line(f"this job{_in_seconds(cost['seconds'])}", [float(at) for at in range(len(stages))], updates),
        Line(
            f"the grid, one seed{_in_seconds(grid['estimated_seconds_one_seed'])}", ends, [grid["updates_one_seed"]] * 2
        ),
        Line(f"the grid, {seeds}{_in_seconds(grid['estimated_seconds'])}", ends, [grid["updates"]] * 2),
    ]
    return PlotSpec(
        name="cost",
        title=f"Updates of this job up to the end of each stage, and of the grid it replaces. {subject}",
        x_label="stage",
        x_names=[str(stage["stage"]).replace("_", " ") for stage in stages],
        y_label="updates (log scale)",
        y_log=True,
        lines=lines,
    )


def _in_seconds(seconds: float | None) -> str:
    """For the legend, as `: 2,834 s of training`."""
    return "" if seconds is None else f": {seconds:,.{0 if seconds >= 10 else 2}f} s of training"
