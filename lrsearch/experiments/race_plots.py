"""Figures of a race, drawn from the stored result alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lrsearch.experiments.base import Line, Mark, PlotSpec
from lrsearch.experiments.numbers import columns, number
from lrsearch.experiments.sweep_plots import CURVE_LOG_SPAN, is_wide, words

Row = Mapping[str, Any]


def plots_of_race(result: Mapping[str, Any], subject: str) -> list[PlotSpec]:
    """Both figures; none before the first rung is over."""
    rungs: list[Row] = result["rungs"]
    if not any(row["metric"] is not None for rung in rungs for row in rung["contenders"]):
        return []
    metric = str(result["metric"])
    return [_over_rate(rungs[0], metric, subject), _over_rungs(rungs, metric, subject)]


def _over_rate(rung: Row, metric: str, subject: str) -> PlotSpec:
    arms = list(dict.fromkeys(row["arm"] for row in rung["contenders"]))
    lines: list[Line] = []
    for arm in arms:
        rows = sorted((row for row in rung["contenders"] if row["arm"] == arm), key=_rate)
        lines.append(Line(arm, [_rate(row) for row in rows], [number(row["metric"]) for row in rows]))
    kept = sorted((row for row in rung["contenders"] if row["is_kept"]), key=_rate)
    lines.append(Line("goes on", [_rate(row) for row in kept], [number(row["metric"]) for row in kept], "points"))
    return PlotSpec(
        name="metric_over_learning_rate",
        title=f"{words(metric)} after {rung['updates']} updates, by greatest rate. {subject}",
        x_label="greatest learning rate (log scale)",
        y_label=words(metric) + (" (log scale)" if lines_are_wide(lines) else ""),
        x_log=True,
        y_log=lines_are_wide(lines),
        lines=lines,
    )


def _rate(row: Row) -> float:
    return float(row["learning_rate"])


def _over_rungs(rungs: Sequence[Row], metric: str, subject: str) -> PlotSpec:
    ways: dict[str, list[tuple[float, float]]] = {}
    for rung in rungs:
        for row in rung["contenders"]:
            ways.setdefault(row["setting"], []).append((float(rung["updates"]), number(row["metric"])))
    survivors = [row["setting"] for row in rungs[-1]["contenders"] if row["is_kept"]]
    dropped = [name for name in ways if name not in survivors]
    lines = [
        Line("left behind", *columns(ways[name]), "points" if len(ways[name]) == 1 else "muted", is_in_legend=False)
        for name in dropped
    ]
    lines += [Line(name, *columns(ways[name])) for name in survivors]
    return PlotSpec(
        name="rungs",
        title=f"The way of each contender through the rungs, {words(metric)}. {subject}",
        x_label="updates of a run in the rung (log scale)",
        y_label=words(metric) + (" (log scale)" if lines_are_wide(lines) else ""),
        x_log=True,
        y_log=lines_are_wide(lines),
        lines=lines,
        marks=[Mark(f"{len(rung['contenders'])} contenders", float(rung["updates"])) for rung in rungs],
    )


def lines_are_wide(lines: Sequence[Line]) -> bool:
    """Whether only a logarithmic axis shows the values of the lines well."""
    return is_wide([value for line in lines for value in line.y], CURVE_LOG_SPAN)
