"""Plotly traces of comparisons: whiskers, rankings, heat maps, small multiples."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from lrsearch.experiments.base import Heat, PlotSpec, Rank, Whiskers
from lrsearch.reports.axes import color_range, plotly_range, rank_range
from lrsearch.reports.parts import grid_of, group_color, group_name, height_of
from lrsearch.reports.themes import Palette

GAP = 0.06
"""Space between panels, as a share of the figure."""
PLAIN_HEIGHT = 450
"""Height of a plain figure, in pixels."""


def numbers(values: Sequence[float]) -> list[float | None]:
    """Numbers for JSON: what is not finite is null, which Plotly draws as a gap."""
    return [float(value) if math.isfinite(value) else None for value in values]


def whiskers_trace(whiskers: Whiskers, palette: Palette) -> dict[str, Any]:
    """Points with vertical intervals."""
    above = [high - middle for high, middle in zip(whiskers.high, whiskers.y, strict=True)]
    below = [middle - low for low, middle in zip(whiskers.low, whiskers.y, strict=True)]
    error = {"type": "data", "symmetric": False, "array": numbers(above), "arrayminus": numbers(below)}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": whiskers.label,
        "x": numbers(whiskers.x),
        "y": numbers(whiskers.y),
        "error_y": error | {"color": palette.main},
        "marker": {"color": palette.main, "size": 10},
    }


def rank_traces(plot: PlotSpec, palette: Palette) -> list[dict[str, Any]]:
    """A trace a group, so that the legend names the groups."""
    groups = dict.fromkeys(rank.group for rank in plot.ranks)
    return [_group([rank for rank in plot.ranks if rank.group == group], plot, palette) for group in groups]


def _group(ranks: Sequence[Rank], plot: PlotSpec, palette: Palette) -> dict[str, Any]:
    group = ranks[0].group
    color = group_color(group, palette)
    above, below = [rank.high - rank.value for rank in ranks], [rank.value - rank.low for rank in ranks]
    error = {"type": "data", "symmetric": False, "array": numbers(above), "arrayminus": numbers(below)}
    return {
        "type": "scatter",
        "mode": "markers",
        "name": group_name(group, plot) if group else "not measured",
        "x": numbers([rank.value for rank in ranks]),
        "y": [rank.label for rank in ranks],
        "text": [rank.note for rank in ranks],
        "error_x": error | {"color": color, "thickness": 4},
        "marker": {"color": color, "size": 11},
    }


def ranks_layout(plot: PlotSpec, palette: Palette) -> dict[str, Any]:
    """The best row on top, with the notes of what diverged beside the rows."""
    labels = [rank.label for rank in plot.ranks]
    notes = [
        {"xref": "paper", "x": 1, "y": rank.label, "text": rank.note, "showarrow": False, "xanchor": "right"}
        | {"font": {"color": palette.warning, "size": 11}}
        for rank in plot.ranks
        if rank.note
    ]
    axis = {"categoryorder": "array", "categoryarray": labels, "autorange": "reversed", "automargin": True}
    limits = plot.x_limits or (None if plot.x_log else rank_range(plot.ranks))
    across = {"title": {"text": plot.x_label}, "type": "log" if plot.x_log else "linear", "color": palette.ink}
    return {
        "xaxis": across | {"gridcolor": palette.grid} | ({"range": list(limits)} if limits else {}),
        "yaxis": axis | {"color": palette.ink, "gridcolor": palette.grid},
        "annotations": notes,
        "height": PLAIN_HEIGHT * height_of(plot),
    }


def heat_trace(heat: Heat) -> dict[str, Any]:
    """The matrix; numbers are written in the cells, the best one in bold."""
    low, high = color_range(np.asarray(heat.values, dtype=np.float64))
    written = [
        [_cell(value, (row, column) == heat.best) for column, value in enumerate(values)]
        for row, values in enumerate(heat.values)
    ]
    return {
        "type": "heatmap",
        "x": list(heat.x),
        "y": list(heat.y),
        "z": [numbers(values) for values in heat.values],
        "text": written,
        "texttemplate": "%{text}",
        "colorscale": "Viridis",
        "zmin": low,
        "zmax": high,
        "colorbar": {"title": {"text": heat.label}},
    }


def _cell(value: float, is_best: bool) -> str:
    text = f"{value:.3g}" if math.isfinite(value) else ""
    return f"<b>[{text}]</b>" if is_best else text


def panels_figure(
    plot: PlotSpec,
    panels: Sequence[tuple[PlotSpec, list[dict[str, Any]], list[dict[str, Any]]]],
    layout: dict[str, Any],
) -> dict[str, Any]:
    """Small multiples: every panel has axes of its own, all y axes match, the legend is that of the first.

    Args:
        plot: the whole.
        panels: each with its traces and its shapes.
        layout: of the whole.
    """
    rows, columns = grid_of(len(panels))
    data: list[dict[str, Any]] = []
    titles: list[dict[str, Any]] = []
    axes = {name: layout.pop(name) for name in ("xaxis", "yaxis")}
    limits = plotly_range(plot)
    shapes: list[dict[str, Any]] = []
    for index, (panel, traces, own_shapes) in enumerate(panels):
        row, column = divmod(index, columns)
        key = "" if index == 0 else str(index + 1)
        left, top = column * (1 + GAP) / columns, 1 - row / rows
        across, up = (
            [left, left + (1 - GAP * (columns - 1)) / columns],
            [top - (1 - 2 * GAP) / rows + GAP, top - GAP / 2],
        )
        layout[f"xaxis{key}"] = axes["xaxis"] | {"domain": _within(across), "anchor": f"y{key}"}
        layout[f"yaxis{key}"] = axes["yaxis"] | {"domain": _within(up), "anchor": f"x{key}", "matches": "y"}
        if row < rows - 1:
            layout[f"xaxis{key}"] |= {"title": {"text": ""}}
        if column:
            layout[f"yaxis{key}"] |= {"title": {"text": ""}, "showticklabels": False}
        if limits is not None:
            layout[f"yaxis{key}"] |= {"range": limits}
        shown = {} if index == 0 else {"showlegend": False}
        data += [trace | {"xaxis": f"x{key}", "yaxis": f"y{key}"} | shown for trace in traces]
        shapes += [shape | {"xref": f"x{key}", "yref": f"y{key} domain"} for shape in own_shapes]
        note = {
            "xref": "paper",
            "yref": "paper",
            "x": _within(across)[0],
            "y": _within(up)[1],
            "text": panel.title.replace(", ", "<br>"),
        }
        titles.append(note | {"showarrow": False, "xanchor": "left", "yanchor": "bottom", "font": {"size": 11}})
    layout |= {"annotations": titles, "shapes": shapes, "height": PLAIN_HEIGHT * height_of(plot)}
    return {"data": data, "layout": layout}


def _within(ends: Sequence[float]) -> list[float]:
    return [min(max(end, 0.0), 1.0) for end in ends]
