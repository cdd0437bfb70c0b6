"""A Plotly figure as plain JSON: the browser draws it, so the API need not load the plotly package."""

from __future__ import annotations

import math
import textwrap
from typing import Any

from lrsearch.experiments.base import Band, Line, Mark, PlotSpec, Span
from lrsearch.reports.axes import is_counted, plotly_range, x_span
from lrsearch.reports.parts import band_color, is_lone, line_color
from lrsearch.reports.plotly_comparisons import (
    heat_trace,
    numbers,
    panels_figure,
    rank_traces,
    ranks_layout,
    whiskers_trace,
)
from lrsearch.reports.themes import PALETTES, Palette, Theme, raw_opacity

MOST_TICKS = 12
"""Whole numbers up to which each has its tick; Plotly finds whole steps by itself beyond."""

TITLE_COLUMNS = 75
"""Letters in a line of the title; Plotly does not break lines by itself."""


def figure(plot: PlotSpec, theme: Theme) -> dict[str, Any]:
    """The figure in Plotly's schema, `{"data": [...], "layout": {...}}`; non-finite numbers are null (gaps)."""
    palette = PALETTES[theme]
    if plot.panels:
        panels = [(panel, _traces(panel, palette), _shapes(panel, palette)) for panel in plot.panels]
        return panels_figure(plot, panels, _layout(plot, palette))
    if plot.heat is not None:
        return {"data": [heat_trace(plot.heat)], "layout": _layout(plot, palette)}
    if plot.ranks:
        return {
            "data": rank_traces(plot, palette),
            "layout": _layout(plot, palette) | ranks_layout(plot, palette),
        }
    return {"data": _traces(plot, palette), "layout": _layout(plot, palette)}


def _traces(plot: PlotSpec, palette: Palette) -> list[dict[str, Any]]:
    data = [trace for band in plot.bands for trace in _band(band, band_color(band, plot.lines, palette))]
    data += [_line(line, line_color(line, plot.lines, palette)) for line in plot.lines]
    return data + [whiskers_trace(whiskers, palette) for whiskers in plot.whiskers]


def _line(line: Line, color: str) -> dict[str, Any]:
    return {
        "type": "scatter",
        "mode": _mode(line),
        "marker": {"color": color} | ({"symbol": "x-thin-open"} if line.role == "faint" else {}),
        "name": line.label,
        "x": numbers(line.x),
        "y": numbers(line.y),
        "line": {"color": color, "width": 1 if line.role == "raw" else 2.5},
        "opacity": raw_opacity(len(line.x)) if line.role == "raw" else 1.0,
        "showlegend": line.is_in_legend,
    }


def _mode(line: Line) -> str:
    if line.role in {"points", "faint"}:
        return "markers"
    return "lines+markers" if is_lone(line) else "lines"


def _band(band: Band, color: str) -> list[dict[str, Any]]:
    common = {"type": "scatter", "mode": "lines", "x": numbers(band.x), "line": {"width": 0}, "hoverinfo": "skip"}
    low = common | {"y": numbers(band.low), "showlegend": False, "name": f"{band.label}, low"}
    fill = {"fill": "tonexty", "fillcolor": _transparent(color, 0.2)}
    high = {"y": numbers(band.high), "name": band.label, "showlegend": band.of is None}
    return [low, common | fill | high]


def _transparent(color: str, alpha: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _layout(plot: PlotSpec, palette: Palette) -> dict[str, Any]:
    limits = None if plot.ranks or plot.heat or plot.panels else plotly_range(plot)
    # without "power" Plotly writes a rate of 1e-6 as 1 micro
    axis = {"gridcolor": palette.grid, "zeroline": False, "color": palette.ink, "exponentformat": "power"}
    x_axis = axis | {
        "title": {"text": plot.x_label.replace("\n", "<br>")},
        "type": _axis_type(is_log=plot.x_log, is_heat=plot.heat is not None),
    }
    if is_counted(plot) and x_span(plot) <= MOST_TICKS:
        x_axis |= {"dtick": 1}
    if plot.x_limits is not None:
        x_axis |= {"range": list(plot.x_limits)}
    if plot.x_names:
        names = [name.replace("\n", "<br>") for name in plot.x_names]
        x_axis |= {"tickmode": "array", "tickvals": list(range(len(names))), "ticktext": names}
    kind = _axis_type(is_log=plot.y_log, is_heat=plot.heat is not None)
    y_axis = axis | {"title": {"text": plot.y_label}, "type": kind}
    title = textwrap.wrap(plot.title, TITLE_COLUMNS)
    return {
        "title": {"text": "<br>".join(title), "font": {"size": 15}, "x": 0.01, "xanchor": "left"},
        "margin": {"t": 70 + 20 * len(title)},
        "paper_bgcolor": palette.paper,
        "plot_bgcolor": palette.paper,
        "font": {"color": palette.ink},
        "xaxis": x_axis,
        "yaxis": y_axis if limits is None else y_axis | {"range": limits},
        "shapes": _shapes(plot, palette),
        "annotations": [_note(mark, plot, palette) for mark in plot.marks],
        "legend": {"orientation": "h", "y": -0.28},
        "hovermode": "closest",
    }


def _axis_type(*, is_log: bool, is_heat: bool) -> str:
    """A heat map's places are names: Plotly would read "0.01" as a number and space the columns by it."""
    if is_heat:
        return "category"
    return "log" if is_log else "linear"


def _shapes(plot: PlotSpec, palette: Palette) -> list[dict[str, Any]]:
    return [_span(span, palette) for span in plot.spans] + [_mark(mark, palette) for mark in plot.marks]


def _span(span: Span, palette: Palette) -> dict[str, Any]:
    rectangle = {"type": "rect", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "line": {"width": 0}, "layer": "below"}
    return rectangle | {"x0": span.low, "x1": span.high, "fillcolor": palette.span, "opacity": 0.15, "name": span.label}


def _mark(mark: Mark, palette: Palette) -> dict[str, Any]:
    is_suggestion = mark.role == "suggestion"
    line = {
        "color": palette.suggestion if is_suggestion else palette.warning,
        "dash": "dash" if is_suggestion else "dot",
    }
    return {"type": "line", "xref": "x", "yref": "paper", "y0": 0, "y1": 1, "x0": mark.x, "x1": mark.x, "line": line}


def _note(mark: Mark, plot: PlotSpec, palette: Palette) -> dict[str, Any]:
    # on a log axis Plotly places annotations (not shapes) by the logarithm of the value
    place = math.log10(mark.x) if plot.x_log else mark.x
    note = {"xref": "x", "yref": "paper", "y": 1, "yanchor": "bottom", "showarrow": False, "textangle": 0}
    color = palette.suggestion if mark.role == "suggestion" else palette.warning
    return note | {"x": place, "text": mark.label, "font": {"color": color, "size": 11}}
