"""A Plotly figure as plain JSON: the browser draws it, so the API need not load the plotly package."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from lrsearch.experiments.base import Band, Line, Mark, PlotSpec, Span
from lrsearch.reports.axes import y_range
from lrsearch.reports.themes import PALETTES, SERIES, Palette, Theme, raw_opacity


def figure(plot: PlotSpec, theme: Theme) -> dict[str, Any]:
    """The figure in Plotly's schema, `{"data": [...], "layout": {...}}`; non-finite numbers are null (gaps)."""
    palette = PALETTES[theme]
    mains = [line for line in plot.lines if line.role == "main"]
    data = [trace for band in plot.bands for trace in _band(band, palette)]
    data += [_line(line, mains, palette) for line in plot.lines]
    return {"data": data, "layout": _layout(plot, palette)}


def _line(line: Line, mains: list[Line], palette: Palette) -> dict[str, Any]:
    color = palette.raw if line.role == "raw" else palette.muted if line.role == "muted" else palette.main
    if line.role == "main" and len(mains) > 1:
        color = SERIES[mains.index(line) % len(SERIES)]
    return {
        "type": "scatter",
        "mode": "markers" if line.role == "points" else "lines",
        "name": line.label,
        "x": _numbers(line.x),
        "y": _numbers(line.y),
        "line": {"color": color, "width": 1 if line.role == "raw" else 2.5},
        "opacity": raw_opacity(len(line.x)) if line.role == "raw" else 1.0,
        "showlegend": line.is_in_legend,
    }


def _band(band: Band, palette: Palette) -> list[dict[str, Any]]:
    common = {"type": "scatter", "mode": "lines", "x": _numbers(band.x), "line": {"width": 0}, "hoverinfo": "skip"}
    low = common | {"y": _numbers(band.low), "showlegend": False, "name": f"{band.label}, low"}
    fill = {"fill": "tonexty", "fillcolor": _transparent(palette.main, 0.2)}
    return [low, common | fill | {"y": _numbers(band.high), "name": band.label}]


def _numbers(values: Sequence[float]) -> list[float | None]:
    return [float(value) if math.isfinite(value) else None for value in values]


def _transparent(color: str, alpha: float) -> str:
    red, green, blue = (int(color[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def _layout(plot: PlotSpec, palette: Palette) -> dict[str, Any]:
    limits = y_range(plot)
    axis = {"gridcolor": palette.grid, "zeroline": False, "color": palette.ink}
    x_axis = axis | {
        "title": {"text": plot.x_label},
        "type": "log" if plot.x_log else "linear",
        "exponentformat": "power",
    }
    y_axis = axis | {"title": {"text": plot.y_label}, "type": "log" if plot.y_log else "linear"}
    return {
        "title": {"text": plot.title, "font": {"size": 15}},
        "paper_bgcolor": palette.paper,
        "plot_bgcolor": palette.paper,
        "font": {"color": palette.ink},
        "xaxis": x_axis,
        "yaxis": y_axis if limits is None else y_axis | {"range": list(limits)},
        "shapes": [_span(span, palette) for span in plot.spans] + [_mark(mark, palette) for mark in plot.marks],
        "annotations": [_note(mark, plot, palette) for mark in plot.marks],
        "legend": {"orientation": "h", "y": -0.2},
        "hovermode": "closest",
    }


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
